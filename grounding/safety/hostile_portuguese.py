"""Portuguese words of hostility, without accents."""

from __future__ import annotations

from grounding.safety.hostility import Words

PORTUGUESE = Words(
    language="pt",
    nouns_first=True,
    groups="""
        mulheres, mulher, feministas, feminista, gays, gay, homossexual, homossexuais, lesbica, lesbicas,
        bissexuais, transexual, transexuais, transgenero, transgeneros, travesti, travestis, africanos,
        africano, judeu, judeus, judia, judias, muculmano, muculmanos, muculmana, muculmanas, arabe, arabes,
        imigrante, imigrantes, migrantes, refugiado, refugiados, estrangeiro, estrangeiros, estrangeira,
        estrangeiras, deficiente, deficientes, cadeirantes, autistas, cegos, surdos, cigano, ciganos, cigana,
        ciganas, indigena, indigenas, indios, nordestino, nordestinos, nordestina, baianos, venezuelanos,
        haitianos, bolivianos, brasileiros, angolanos, chineses, asiaticos, japoneses, latinos, cristaos,
        catolicos, evangelicos, hindus, idosos, favelados, homens, umbandistas, lgbt, queer, macumbeiros
    """,
    out="fora",
    kinds="""
        negra, negras, preta, pretas, gay, gays, trans, transexual, transexuais, deficiente, deficientes, judia,
        judias, muculmana, muculmanas, indigena, imigrante, homossexual, homossexuais, negros, negro, pretos,
        preto, velhos
    """,
    people="""
        pessoas, pessoa, gente, vidas, vida, mulheres, homens, comunidade, raca, gargantas, pescocos, povo
    """,
    slurs="""
        viado, viados, veado de merda, viadinho, viadinhos, bichona, bichonas, boiola, boiolas, baitola,
        baitolas, sapatao, sapatoes, sapatona, sapatonas, traveco, travecos, crioulo, crioulos, crioula,
        macaco preto, macacos pretos, preto imundo, pretos imundos, negrada, judeuzada, judeu imundo,
        judeus imundos, paraiba de merda, mongoloide, mongoloides, mongol de merda, retardado mental,
        retardados mentales, feminazi, feminazis, bugre, bugres, pretalhada, monhe, monhes, preto de merda,
        pretos de merda, homem bomba de merda, paneleiro, paneleiros, sodomita, sodomitas, mulherzinha de merda,
        xereca fedida
    """,
    ambiguous="""
        bicha, bichas, vadia, vadias, puta, putas, piranha, piranhas, vagabunda, vagabundas, cadela, cadelas,
        galinha, retardado, retardados, retardada, aleijado, aleijados, mongol, macaco, macacos, turco,
        terrorista, rapariga, quenga, quengas, arrombada, arrombadas, sapata, fufa, fufas
    """,
    typical="""
        tipico de, tipica de, tipico, tipica, so uma, so um, apenas uma, apenas um, nada mais que uma,
        nada mais que um, nada alem de uma, nada alem de um, nao passa de uma, nao passa de um, esses, essas,
        estes, estas, desses, dessas, muitos, demais, bando de, um monte de, todos os, todas as
    """,
    insults="""
        idiota, idiotas, imbecil, imbecis, otario, otarios, otaria, babaca, babacas, filho da puta,
        filhos da puta, filha da puta, fdp, cuzao, cuzoes, arrombado, arrombados, desgracado, desgracados,
        desgracada, corno, cornos, corno manso, lixo humano, merdinha, cretino, cretinos, cretina, canalha,
        canalhas, trouxa, trouxas, porco, porcos, porca, escroto, escrotos, escrota, vagabundo, vagabundos,
        bosta, bostas, pedaco de merda, animal de teta, energumeno, burro do caralho
    """,
    profane="""
        merda, porra, caralho, foda*, fodid*, maldit*, bosta, cacete, puta que, puto, putos, do caralho,
        da porra, de merda, desgracad*, cu
    """,
    vermin="""
        escoria, lixo, lixos, vermes, verme, ratos, parasitas, parasita, baratas, barata, sanguessugas,
        gentalha, rale, corja, pragas, macacos, subumanos, sub humanos, bestas, porcos, imundicie, estrume,
        esgoto, cobras, animais imundos
    """,
    vile="""
        cancer, praga, peste, virus, doenca, doent*, animais, cachorros, caes, selvagens, perigo, ameaca, fardo,
        vergonha, monstros, ladroes, ladrao, estuprador*, terroristas, mentiros*, criminos*, bandid*,
        preguicos*, inferior*, inutei*, inutil*, incivilizad*, primitiv*, barbar*, degenerad*, pervertid*,
        abominac*, problema, o pior, pior*, violent*, ignorant*, malvad*, cruel, crueis, desonest*, antinatura*,
        feios, feias, histeric*, frac*, inimig*, invasor*, erro, aberrac*, vil, vis
    """,
    scorn="""
        nojent*, repugnant*, repulsiv*, estupid*, burr*, imund*, desprezive*, detestave*, patetic*, suj*, suja,
        sujo, asqueros*, miserave*, ridicul*, tosc*, retardad*, descerebrad*, fedorent*, fedid*, odios*,
        abominave*, podre*, nojo, escrot*, desgracad*, tapad*
    """,
    hates="""
        odeio, odiamos, detesto, detestamos, desprezo, desprezamos, abomino, nao suporto, nao aguento,
        nao tolero, nao consigo suportar, nao suportamos, cansado de, cansada de, farto de, farta de,
        de saco cheio de, de saco cheio dos, de saco cheio das, nojo de, nojo dos, nojo das, tenho nojo,
        tenho odio, odio de, odio aos, odio as, odio dos, odio das, morte aos, morte as, morte a, morram,
        abaixo, foda se os, foda se as, fodam se, que se fodam, nao gosto de, nao gosto dos, nao gosto das,
        nao tenho compaixao por, nenhuma compaixao por, nao confio em, nunca confie em, nunca confie nos,
        nunca confie nas, nunca confie nesses, nunca confie nessas, nao confie nos, nao confie nas,
        nao confie nesses, nao confie nessas, jamais confie em, nao confie em, enojado, enojada, raiva de,
        raiva dos, raiva das, que morram
    """,
    sickens="""
        so odio, apenas odio, nada alem de odio, so desprezo, desprezo pelos, desprezo pelas, me dao nojo,
        me da nojo, dao nojo, da nojo, me dao ansia, me da ansia, me dao vontade de vomitar,
        me da vontade de vomitar, me enojam, me enoja, me repugnam, me repugna, me deixam doente,
        me deixa doente, me deixam enojado, me deixam furioso, me deixam furiosa, me deixam com raiva,
        me deixa com raiva, me deixam puto, me deixa puto, me irritam, me dao raiva, me da raiva,
        me fazem vomitar, me faz vomitar, me enchem de odio, me enchem de nojo, me tiram do serio, fedem,
        merecem sofrer, fazem meu sangue ferver, me embrulham
    """,
    excludes="""
        nao tem lugar, nao tem espaco, nao ha lugar para, nao ha espaco para, nao sao humanos, nao sao humanas,
        nao sao gente, nao sao pessoas, nao sao seres humanos, nao sao nossos iguais, nao sao iguais,
        nao sao mulheres de verdade, nem sao humanos, nem sequer sao humanos, nem humanos sao, nem gente sao,
        nao merecem, nao merece, nao valem, nao vale nada, nao valem nada, nao servem, nao servem para nada,
        nao tem direito, nao tem direitos, nao deviam existir, nao pertencem, seres inferiores, desperdicio de,
        volte para o seu, voltem para o seu, voltem para a, volta para a africa, voltem para, fora do nosso,
        fora do brasil, fora daqui, infestam, infestando, arruinam, arruinando, estragam, destroem nosso,
        destruindo nosso, roubam nossos, nos roubam, tomam nossos, nada pior que, nada pior do que, pior que,
        melhor sem, na cozinha, para a cozinha, no zoologico, num zoologico, em uma jaula, numa jaula,
        camara de gas, camaras de gas, nunca serao, nunca vao ser, nunca vao mudar, nunca mudarao, nunca podem,
        nunca poderao, jamais serao, jamais poderao, jamais podera, ninguem quer, demais neste pais,
        demais nesse pais, nos livrar de, se livrar de, nos livrar dos, nos livrar das, livrar desses,
        livrar dessas, nao importam, nao tem valor, nao tem nenhum valor, nenhum valor, prefiro morrer,
        nao moveria um dedo, nao levantaria um dedo, nao podemos deixar, nao prestam, nao presta,
        nao deviam viver, nao deviam votar, nao deveriam existir, nao deveriam viver, nao deveriam votar,
        nao deveriam ter, nao deveriam ser, nao deveriam poder, nao devem existir, nao deveriam entrar,
        nao deveriam estar
    """,
    harm="""
        morress*, matar, matem, mate, matarei, mata, mata los, assassinar, assassinad*, morrer, morra, morram,
        mort*, fuzilar, fuzilad*, enforcar, enforcad*, queimar, queimad*, queimem, exterminar, exterminad*,
        exterminem, erradicar, erradicad*, aniquilar, aniquilad*, eliminar, eliminad*, torturar, torturad*,
        estuprar, estuprad*, bater, apanhar, apanhem, espancar, espancad*, surrar, degolar, degolad*, decapitar,
        decapitad*, atirar, baleados, gas, deportar, deportad*, castrar, castrad*, esterilizar, esterilizad*,
        sofrer, sofram, linchar, linchad*, esfaquear, esfaquead*, afogar, afogad*, apedrejar, apedrejad*,
        executar, executad*, execucao, trancar, trancad*, presos, expulsar, expulsos, expuls*,
        cortar a garganta, cortada, cortadas, exterminio, acabar com, dar um fim, massacrar, massacrad*,
        estrangular, metralhar, chacinar
    """,
    wishes="""
        quem nao queria, quem nao quer, quem nao gostaria, quem nao quereria, tem que, tinha que, tinham que,
        temos que, deve, devem, deveria, deveriam, devia, deviam, deviamos, deveriamos, devemos, precisam,
        precisa, precisamos, merece, merecem, merecia, mereciam, quero, queremos, queria, gostaria de, adoraria,
        tomara que, espero que, oxala, vou, vamos, vao, por que nao, se ao menos, quem dera, solucao, a unica,
        melhor, bom mesmo era, e preciso, ha que, e hora de, podiamos, desejo, vontade de, alguem tem que
    """,
    copulas="""
        sao, e, es, era, eram, ser, sejam, como, so, apenas, nada mais que, nada alem de, nao passam de,
        nao passa de, parecem, meros, meras, acho, considero, somos, foram, tao
    """,
    fillers="""
        o, a, os, as, um, uma, uns, umas, de, do, da, dos, das, ao, aos, muito, tao, mais, todo, todos, todas,
        toda, realmente, absolutamente, totalmente, completamente, verdadeiros, verdadeiras, verdadeira,
        simplesmente, bastante, demais, tipo, menos, pura, puro, puros, esses, essas, estes, estas, esse, essa,
        que, sociedade, da sociedade, sem duvida, sempre, na verdade, incrivelmente, malditos, malditas, mesmo,
        so, verdadeiro, completos, completas, tudo, um bando de, bando de, merda de, de merda, humano, humana,
        sua, seu, muitos, muitas, pelos, pelas, por, proximos, proximo, varios, outros, grande
    """,
    you="voce, voces, tu, te, teu, tua, vc, vcs, seu, sua, seus, suas, vos",
    they="""
        eles, elas, deles, delas, essa gente, esse povo, essa raca, esse tipo, sua laia, gente como voce,
        gente da sua
    """,
    denies="""
        nao, nunca, jamais, ninguem, nenhum, nenhuma, sem, nem, contra, proteger, evitar, impedir, condeno,
        rejeito, ajudar, quantos, quantas, parar de, chega de, combater
    """,
    harmless="""
        nao tenho nada contra, nada contra, por que nao, nao so, nao apenas, sem duvida, sem sombra de duvida,
        nao e mesmo, nao e verdade que, odeio quando, odeio que, nao me surpreende, nao acredito que,
        nao consigo acreditar, nao conseguem evitar, taxa de mortalidade, tempo morto, ponto morto,
        matar o tempo, buraco negro, buracos negros, mercado negro, lista negra, caixa preta, humor negro,
        crime de odio, crimes de odio, discurso de odio, carta negra, minha mulher, sua mulher, tua mulher
    """,
    says="""
        dizer, diz, dizem, disse, disseram, dito, dizendo, chamar, chama, chamam, chamou, chamaram, chamando,
        escrever, escreveu, escrevem, escreve, palavra, palavras, frase, frases, termo, termos, expressao,
        comentario, comentarios, mensagem, mensagens, gritar, gritou, gritam, postou, postar, tuitou, tweet,
        significa, significado, traducao, citacao, insulto, insultos, xingamento, afirmar, afirma, afirmou,
        achar que, acreditar que, pensar que, quem, seu odio, seu desprezo, ouvir, cantar, ameacar
    """,
    condemns="""
        e ignorante, e burrice, racista*, racismo, sexista*, sexismo, machista*, machismo, misogin*, homofob*,
        transfob*, islamofob*, xenofob*, antissemit*, capacitista*, intoleran*, inaceitave*, ofensiv*,
        inapropriad*, errado, esta errado, nao esta certo, nao e certo, nao e legal, discrimin*, preconceit*,
        proibid*, denunciar, denuncia*, vergonhoso, respeito, desrespeit*, cadeia, prisao, crime, ilegal,
        horrivel dizer, terrivel dizer, intolerave*, nao e aceitavel, como ousa, mente fechada, condenave*,
        estereotip*, tem que parar, precisa parar, coisa horrivel
    """,
    ours="nos, nosso, nossa, somos, sou, eu sou, meu, minha, orgulho, orgulhos*",
    abuse="""
        vai se foder, vao se foder, va se foder, vai te foder, vai tomar no cu, vao tomar no cu, va tomar no cu,
        vtnc, vsf, vai a merda, va a merda, vai pra puta que pariu, vai para o inferno, va para o inferno,
        vai pro inferno, mate se, morra desgracado, tomara que voce morra, espero que voce morra, come merda,
        chupa meu, vai chupar, voce me da nojo, voce da nojo, pula de uma ponte, ninguem sentiria sua falta,
        filho da puta, puta que te pariu, vai se matar, se mata logo, vai se enforcar
    """,
    dismissals="cala a boca, cale a boca, cala essa boca, some daqui, se manda, vaza",
    threats="""
        vou te matar, vou matar voce, vou matar voces, te mato, vou te estuprar, vou te esfaquear,
        vou te quebrar, vou quebrar sua cara, vou quebrar a sua cara, vou te arrebentar,
        vou te encher de porrada, vou cortar sua garganta, sei onde voce mora, vou meter uma bala,
        vou dar um tiro em voce, vou queimar sua casa, vou matar sua familia, matar todos voces
    """,
)
