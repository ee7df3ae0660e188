"""Spanish words of hostility, without accents."""

from __future__ import annotations

from grounding.safety.hostility import Words

SPANISH = Words(
    language="es",
    nouns_first=True,
    groups="""
        mujeres, mujer, feministas, feminista, gays, gay, homosexual, homosexuales, lesbiana, lesbianas,
        bisexuales, transexual, transexuales, transgenero, transgeneros, travestis, afros, africano, africanos,
        judios, judias, judio, judia, musulman, musulmanes, musulmana, musulmanas, arabes, arabe, inmigrante,
        inmigrantes, migrante, migrantes, refugiado, refugiados, extranjero, extranjeros, extranjera,
        extranjeras, discapacitado, discapacitados, discapacitadas, discapacitada, minusvalidos, minusvalido,
        autistas, ciegos, sordos, gitano, gitanos, gitana, gitanas, indigena, indigenas, indios, mexicano,
        mexicanos, venezolano, venezolanos, colombianos, peruanos, bolivianos, ecuatorianos, haitianos, chinos,
        chinas, asiaticos, asiatico, latinos, sudamericanos, rumanos, marroquies, catalanes, andaluces,
        cristianos, catolicos, hindues, ancianos, hombres, queer, lgbt, moros
    """,
    out="fuera, largo",
    kinds="""
        negra, negras, gay, gays, trans, transexual, transexuales, discapacitada, discapacitadas, judia, judias,
        musulmana, musulmanas, indigena, inmigrante, homosexual, negros, negro, viejos, ilegales
    """,
    people="personas, persona, gente, vidas, vida, mujeres, hombres, comunidad, raza, gargantas, cuellos",
    slurs="""
        maricon, maricones, marica, maricas, mariconazo, bujarra, bujarras, sodomita, sodomitas, tortillera,
        tortilleras, bollera, bolleras, travelo, travelos, machorra, machorras, sudaca, sudacas, panchito,
        panchitos, negrata, negratas, moraco, moracos, moromierda, putos moros, moros de mierda,
        negro de mierda, negros de mierda, puto negro, putos negros, simio negro, judio de mierda,
        judios de mierda, feminazi, feminazis, mongolo, mongolos, mongolico, mongolicos, subnormal, subnormales,
        retrasado mental, retrasados mentales, espaldas mojadas, indio de mierda, conguito, conguitos,
        gabacho de mierda, culero maricon, joto, jotos, puto joto, narco venezolano, charnego, charnegos,
        hembrista, hembristas
    """,
    ambiguous="""
        moro, moros, zorra, zorras, puta, putas, perra, perras, guarra, guarras, mongol, retrasado, retrasados,
        lisiado, lisiados, tullido, tullidos, indio, sodomita, puto, putos, panchos, fulana, fulanas, ramera,
        rameras
    """,
    typical="""
        tipico de, tipica de, tipico, tipica, solo una, solo un, solo eres, nada mas que una, nada mas que un,
        no eres mas que una, no eres mas que un, estos, estas, esos, esas, demasiados, demasiadas, todos los,
        todas las, monton de, sucio, sucia, eres
    """,
    insults="""
        idiota, idiotas, imbecil, imbeciles, estupido de mierda, gilipollas, cabron, cabrones, cabrona,
        hijo de puta, hijos de puta, hija de puta, hijueputa, hijoputa, pendejo, pendejos, pendeja, capullo,
        capullos, gilipuertas, malparido, malparida, malnacido, malnacidos, mamon, mamones, tarado, tarados,
        basura humana, cerdo, cerdos, cerda, cerdas, pelotudo, pelotudos, boludo de mierda, huevon, culero,
        culeros, payaso de mierda, pedazo de mierda, desgraciado, desgraciados, sinverguenza, tonto del culo,
        verga de
    """,
    profane="""
        mierda, puta mierda, puto, puta, putos, putas, jodid*, joder, cojones, cono, de mierda, maldit*, pinche,
        chingad*, hostia, carajo, follad*
    """,
    vermin="""
        escoria, basura, alimanas, alimana, ratas, parasitos, parasito, cucarachas, cucaracha, sabandijas,
        sanguijuelas, gentuza, chusma, bazofia, inmundicia, infrahumanos, subhumanos, bestias, simios, monos,
        cerdos, desechos, estiercol, lacra, gusanos
    """,
    vile="""
        cancer, plaga, peste, virus, enfermedad, enferm*, animales, perros, salvajes, peligro, amenaza, carga,
        verguenza, monstruos, ladron*, violador*, terroristas, terrorista, mentiros*, criminal*, delincuent*,
        vag*, inferior*, inutil*, incivilizad*, primitiv*, barbar*, degenerad*, pervertid*, abominacion*,
        problema, lo peor, peor*, violent*, ignorant*, malvad*, cruel*, crueles, deshonest*, tramposos,
        antinatural*, desviad*, feos, feas, histeric*, debil*, enemigo*, traidor*, error
    """,
    scorn="""
        asqueros*, repugnant*, repulsiv*, estupid*, tont*, inmund*, despreciabl*, detestabl*, patetic*, suci*,
        sucio, sucia, vil, viles, nauseabund*, miserabl*, ridicul*, vomitiv*, imbecil*, retrasad*, descerebrad*,
        apestos*, guarr*, odios*, abominabl*, mugros*, mas tontas, mas tontos, burr*, bobos
    """,
    hates="""
        odio, odio a, odiamos, detesto, detestamos, desprecio, despreciamos, aborrezco, aborrecemos, no soporto,
        no aguanto, no trago, no puedo ver, no puedo soportar, no soportamos, harto de, harta de, hartos de,
        hartos, hasta los huevos de, hasta los cojones de, asco de, me repugnan, me repugna, me asquean,
        me asquea, dan asco, da asco, muerte a, mueran, abajo, que se jodan, a la mierda, no me gustan,
        no me gusta, no me caen bien, no quiero a, no siento compasion por, ninguna compasion por,
        sin compasion, desconfio de, nunca confies en, nunca confiaria en, jamas confiaria en, jamas confies en,
        no confies en, no te fies de, no confio en, jodanse, que se mueran
    """,
    sickens="""
        solo odio, nada mas que odio, solo desprecio, nada mas que desprecio, me dan asco, me da asco, dan asco,
        da asco, me dan ganas de vomitar, me da ganas de vomitar, me dan nauseas, me repugnan, me repugna,
        me repelen, me asquean, me asquea, me enferman, me enferma, me cabrean, me cabrea, me enfurecen,
        me ponen enfermo, me ponen enferma, me ponen furioso, me ponen furiosa, me ponen de los nervios,
        me hacen vomitar, me sacan de quicio, me tienen harto, me tienen harta, me hierve la sangre,
        me llenan de odio, me llenan de asco, no las soporto, no los soporto, merecen sufrir, apestan,
        me revuelven
    """,
    excludes="""
        no tienen lugar, no tiene lugar, no tienen sitio, no tienen cabida, no hay lugar para,
        no hay sitio para, no son humanos, no son humanas, no son personas, no son seres humanos, no son gente,
        no son como nosotros, no son nuestros iguales, no son iguales, no son mujeres de verdad,
        ni siquiera son humanos, ni siquiera son humanas, no merecen, no merece, no merecia, no valen, no vale,
        no valen nada, no sirven para nada, no sirven, no deberian poder, no deberian existir,
        no deberian tener, no tienen derecho, no tienen derechos, sin derecho, no pertenecen, no tiene derecho,
        seres inferiores, desperdicio de, vuelvan a su, volved a vuestro, vuelvanse a su, que se vuelvan a,
        que se vayan, fuera de nuestro, fuera de aqui, fuera de espana, vayanse, largo de aqui, invaden,
        infestan, infestado, arruinan, arruinando, destruyen nuestro, estan destruyendo, roban nuestros,
        nos roban, nos quitan, nada peor que, no hay nada peor, mejor sin, peores que, a la cocina,
        en la cocina, en un zoologico, en el zoologico, en una jaula, camara de gas, camaras de gas,
        nunca seran, nunca cambiaran, nunca podran, jamas seran, jamas podran, nadie quiere a, nunca van a ser,
        nunca van a cambiar, deshacernos de, deshacerse de, librarnos de, no importan, no tienen ningun valor,
        no tienen valor, prefiero morir antes, prefiero morirme, antes muerto que, no moveria un dedo,
        no debe permitirse, prohibir a los, prohibir a las, no dejar entrar, no deberian vivir,
        no deberian votar, no deberian poder votar, no deberian estar, no deberian ser, no deberian entrar,
        no deben existir, no deben entrar, no deben vivir
    """,
    harm="""
        murier*, matar, maten, matare, mataremos, mata, matarl*, maten a, asesinar, asesinarl*, asesinad*,
        muert*, mueran, morir, morirse, muera, fusilar, fusilarl*, fusilad*, ahorcar, ahorcarl*, ahorcad*,
        colgar, colgad*, quemar, quemarl*, quemad*, exterminar, exterminarl*, exterminad*, erradicar,
        erradicad*, aniquilar, aniquilad*, eliminar, eliminarl*, eliminad*, torturar, torturad*, violar,
        violarl*, violad*, golpear, golpead*, apalear, apalead*, pegar, pegarl*, degollar, degollad*, decapitar,
        disparar, dispararl*, gasear, gasead*, deportar, deportad*, castrar, castrad*, esterilizar,
        esterilizad*, sufrir, sufran, linchar, linchad*, apunalar, apunalad*, ahogar, ahogad*, lapidar,
        ejecutar, ejecutad*, ejecucion, encerrar, encerrad*, expulsar, expulsad*, cortar la garganta, cortarl*,
        rajar, exterminio, apedrear, acabar con, masacrar, estrangular
    """,
    wishes="""
        quien no querria, quien no quiere, quien no desearia, hay que, habria que, deberia, deberian,
        deberiamos, debemos, deben, debe, tenemos que, tienen que, tiene que, merecen, merece, mereces,
        merecian, quiero, queremos, quisiera, me gustaria, nos gustaria, ojala, espero que, voy a, vamos a,
        vais a, por que no, si pudiera, solucion, la unica, mejor, toca, que les, que los, podriamos,
        se merecen, deseo, necesitan, ganas de
    """,
    copulas="""
        son, es, era, eran, ser, sean, como, solo, nada mas que, nada mas, no son mas que, no eres mas que,
        no es mas que, parecen, simples, encuentro, considero, somos, fueron, tan
    """,
    fillers="""
        el, la, los, las, lo, un, una, unos, unas, de, del, a, al, muy, tan, mas, todo, todos, todas, toda,
        realmente, absolutamente, totalmente, completamente, puramente, verdaderos, verdaderas, simplemente,
        bastante, demasiado, tipo, menos, pura, puro, puros, puras, esos, esas, estos, estas, ese, esa, que,
        la sociedad, sociedad, sin duda, unicamente, siempre, en realidad, sencillamente, increiblemente,
        malditos, malditas, putos, putas, autentica, autentico, tan absolutamente, verdadera, muchos, muchas,
        por, proximos, proximo, varios, otros, mis, gran, pedazo de, pobre
    """,
    you="""
        tu, te, vosotros, vosotras, ustedes, usted, vos, ti, tus, eres, sois
    """,
    they="ellos, ellas, les, esa gente, esta gente, esos tipos, vuestra clase, los de tu clase, gente como tu",
    denies="""
        no, nunca, jamas, nadie, ningun, ninguna, sin, tampoco, ni, contra, proteger, evitar, impedir, condeno,
        rechazo, ayudar, protejamos, cuantos, cuantas, parar, basta de
    """,
    harmless="""
        no tengo nada contra, nada contra, nada en contra, no tengo nada en contra de, por que no, no solo,
        no cabe duda, sin duda, verdad que no, no es cierto que, odio cuando, odio que, no me extrana,
        no me sorprende, no lo puedo creer, no puedo creer, no pueden evitar, tasa de mortalidad,
        mujeres muertas, tiempo muerto, punto muerto, matar el tiempo, caja negra, lista negra, agujero negro,
        agujeros negros, humor negro, mercado negro, delitos de odio, delito de odio, discurso de odio,
        mi mujer, su mujer, tu mujer
    """,
    says="""
        decir, dice, dicen, dijo, dijeron, dicho, dices, diciendo, llamar, llaman, llama, llamo, llamaron,
        llamarl*, llamando, escribir, escribio, escriben, escribe, escribes, palabra, palabras, frase, frases,
        termino, terminos, expresion, comentario, comentarios, mensaje, mensajes, gritar, grito, gritan,
        gritaron, publico, publican, tuit, tuiteo, significa, significado, traduccion, cita, insulto, insultos,
        quien llama, afirmar, afirma, afirmo, creer que, pensar que, quien, quienes, tu odio, tu desprecio, oir,
        escuchar, cantar, amenazar
    """,
    condemns="""
        es un ignorante, es ignorante, es un idiota, es de ignorantes, racista*, racismo, sexista*, sexismo,
        machista*, machismo, misogin*, homofob*, transfob*, islamofob*, xenofob*, antisemit*, capacitista*,
        intolerant*, intolerancia, inaceptable*, ofensiv*, inapropiad*, esta mal, no esta bien, incorrecto,
        discrimina*, prejuicio*, prohibid*, denunciar, denuncia*, verguenza decir, vergonzoso, respeto,
        falta de respeto, carcel, delito*, ilegal, horrible que, terrible que, intolerable, no es aceptable,
        nunca esta bien, no deberias, como te atreves, de mente cerrada, ignorante, condenable, hiriente,
        estereotip*, parar
    """,
    ours="nosotros, nosotras, somos, soy, mi, mis, nuestro, nuestra, orgullos*, orgullo",
    abuse="""
        vete a la mierda, idos a la mierda, vayanse a la mierda, vete al infierno, vete al carajo, que te jodan,
        que te follen, que os jodan, que te den, jodete, jodanse, chinga tu madre, chingate, me cago en tu,
        me cago en ti, tu puta madre, hijo de la gran puta, matate, suicidate, muerete, pudrete,
        ojala te mueras, ojala mueras, come mierda, comeme los huevos, chupame la, vete a tomar por culo,
        la concha de tu madre, concha tu madre, anda a cagar, das asco, me das asco, tirate de un puente,
        cuelgate, nadie te echaria de menos
    """,
    dismissals="callate la boca, callate, largate, vete a cagar, cierra la boca, cierra el pico",
    threats="""
        te voy a matar, voy a matarte, te matare, te mato, os voy a matar, los voy a matar a todos,
        te voy a violar, voy a violarte, te voy a rajar, te voy a partir la cara, te voy a romper,
        te voy a reventar, te voy a degollar, voy a quemar tu casa, se donde vives, te voy a pegar un tiro,
        te voy a apunalar, matare a tu familia, voy a matar a tu
    """,
)
