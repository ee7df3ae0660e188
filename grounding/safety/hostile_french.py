"""French words of hostility, without accents; what stands before an apostrophe is a word."""

from __future__ import annotations

from grounding.safety.hostility import Words

FRENCH = Words(
    language="fr",
    nouns_first=True,
    groups="""
        femmes, femme, meufs, feministes, feministe, gays, gay, homosexuel, homosexuels, homosexuelle,
        homosexuelles, homos, lesbienne, lesbiennes, bisexuels, transsexuel, transsexuels, transsexuelles,
        transgenres, transgenre, africains, africain, africaines, juif, juifs, juive, juives, musulman,
        musulmans, musulmane, musulmanes, arabe, arabes, maghrebins, immigre, immigres, immigree, immigrees,
        migrant, migrants, refugie, refugies, etranger, etrangers, etrangere, clandestins, handicape,
        handicapes, handicapee, handicapees, autistes, aveugles, sourds, tsiganes, gitans, gitan, roms, rom,
        asiatiques, asiatique, chinois, chinoises, algeriens, marocains, tunisiens, turcs, roumains, indiens,
        indigenes, chretiens, catholiques, hindous, sdf, queers, lgbt, hommes, antillais
    """,
    out="dehors",
    kinds="""
        noire, noires, noir, noirs, gay, gays, trans, transgenre, transgenres, handicapee, handicapees,
        handicape, handicapes, juive, juives, juif, juifs, musulmane, musulmanes, arabe, arabes, immigree,
        immigrees, homosexuelle, homosexuelles, homosexuel, homosexuels, etrangere, etrangeres, rom, vieux
    """,
    people="personnes, personne, gens, vies, vie, femmes, hommes, communaute, race, gorges, gorge, enfants",
    slurs="""
        bougnoule, bougnoules, bicot, bicots, raton arabe, crouille, crouilles, negre, negres, negresse,
        negresses, negro, negros, bamboula, bamboulas, banania, youpin, youpins, youpine, youtre, youtres,
        feuj de merde, pede, pedes, pedale, pedales, tapette, tapettes, tarlouze, tarlouzes, tafiole, tafioles,
        fiotte, fiottes, gouine, gouines, travelo, travelos, niakoue, niakoues, chinetoque, chinetoques, bridee,
        sale arabe, sales arabes, sale juif, sales juifs, sale noir, sales noirs, sale negre, sales negres,
        enturbanne, enturbannes, melon de merde, muzz, romano de merde, manouche de merde, mongol de merde,
        mongolien, mongoliens, gogol, gogols, triso, trisos, feminazie, feminazies, feminazi, sodomite,
        sodomites, bougnoul, bougnouls, enculeur de chevre, enculeurs de chevre
    """,
    ambiguous="""
        rebeu, pute, putes, salope, salopes, putain de femme, chienne, chiennes, garce, garces, attarde,
        attardes, attardee, attardees, debile, debiles, estropie, estropies, invalide, sauvage, racaille,
        racailles, pouffiasse, pouffiasses, grognasse, connasse, connasses, trainee, trainees, jihadiste,
        pedoque
    """,
    typical="""
        typique, typique d un, typique d une, typique des, juste un, juste une, juste des, rien qu un,
        rien qu une, rien d autre qu un, rien d autre qu une, ces, cette, ce, trop de, bande de, tas de,
        espece de, sale, sales, tous les, toutes les, tous des, toutes des, vous les
    """,
    insults="""
        connard, connards, con, cons, conne, connes, encule, encules, enculee, batard, batards, fils de pute,
        salaud, salauds, ordure, ordures, abruti, abrutis, abrutie, cretin, cretins, cretine, imbecile,
        imbeciles, idiot, idiots, idiote, idiotes, trou du cul, trous du cul, trouduc, enfoire, enfoires,
        merdeux, branleur, branleurs, sous merde, sous merdes, tocard, tocards, raclure, raclures, pourriture,
        pourritures, fumier, fumiers, grosse vache, gros porc, ducon, tete de con
    """,
    profane="""
        putain de, putains de, merde, foutu*, de merde, bordel, saloperie de, saloperies, nique, baise, chiant*,
        chier, fucking, bon dieu
    """,
    vermin="""
        vermine, vermines, racaille, dechets, dechet, parasites, parasite, cafards, cafard, rats, detritus,
        sous hommes, sous humains, sous humain, sous race, porcs, singes, ordures, crasse, salete, rebuts,
        rebut, lie, sangsues, nuisibles, merdes, sous etres
    """,
    vile="""
        cancer, peste, fleau, virus, maladie, malades, malade, animaux, betes, chiens, sauvages, danger, menace,
        fardeau, honte, monstres, voleur*, violeur*, terroriste*, menteur*, criminel*, delinquant*, faineant*,
        paresseu*, inferieur*, inutile*, non civilis*, incivilis*, primitif*, primitive*, barbare*, degenere*,
        pervers*, abomination*, probleme, la pire, les pires, pires, violent*, ignorant*, mechant*, cruel*,
        malhonnete*, contre nature, anormaux, moches, hysterique*, faibles, ennemi*, envahisseur*, erreur,
        sans valeur, sales, vil, vils, viles, stupides, plus stupides, desaxe*, fourbe*
    """,
    scorn="""
        degoutant*, repugnant*, repoussant*, stupide*, bete, ignoble*, immonde*, meprisable*, detestable*,
        pathetique*, crasseu*, sale, sales, ecoeurant*, miserable*, ridicule*, abject*, debile*, decerebre*,
        puant*, odieu*, abominable*, minable*, infect*, lamentable*, idiote*, foutus, foutues, sordide*, hideu*,
        demeure
    """,
    hates="""
        hais, haissons, deteste, detestons, meprise, meprisons, abhorre, execre, ne supporte pas,
        ne supporte plus, ne peux pas supporter, ne peux plus supporter, ne peux pas blairer, peux pas blairer,
        ne peux pas sentir, peux pas encadrer, supporte pas, supporte plus, marre de, marre des, ras le bol de,
        ras le bol des, degoute de, degoute par, degoutee par, ecoeure par, horreur des, horreur de, haine des,
        haine pour, haine envers, la haine contre, mepris pour, degout pour, mort aux, mort a, a mort,
        nique les, nique tous les, n aime pas, aime pas, aucune compassion pour, aucune pitie pour,
        aucun respect pour, me mefie des, ne fais pas confiance aux, ne faites jamais confiance a,
        ne fais jamais confiance, a bas les, j emmerde, emmerde
    """,
    sickens="""
        que de la haine, rien que de la haine, que du mepris, que du degout, aillent se faire foutre,
        aillent tous se faire foutre, aillent toutes se faire foutre, aller se faire foutre, me degoutent,
        me degoute, me repugnent, me repugne, me donnent envie de vomir, me donne envie de vomir, me font vomir,
        me fait vomir, me donnent la nausee, me donne la nausee, m ecoeurent, m ecoeure, me rendent malade,
        me rend malade, me rendent furieux, me rendent furieuse, me rend furieux, me rendent dingue,
        me mettent en colere, me met en colere, m enervent, m enrage, m enragent, me font gerber, me font chier,
        me fait gerber, me remplissent de haine, me remplissent de degout, puent, meritent de souffrir,
        me revulsent, me debectent, m insupportent, me repulsent, me herissent
    """,
    excludes="""
        n ont rien a faire, n a rien a faire, rien a faire ici, n ont pas leur place, n a pas sa place,
        n ont aucune place, pas leur place, pas de place pour, ne sont pas humains, ne sont pas humaines,
        ne sont pas des humains, ne sont pas des etres humains, ne sont meme pas humains,
        ne sont meme pas humaines, ne sont meme pas des, ne sont pas nos egaux, ne sont pas nos egales,
        ne sont pas egaux, ne sont pas des gens, ne sont pas de vraies femmes, ne meritent pas, ne merite pas,
        meritent pas, merite pas, ne valent rien, ne vaut rien, ne valent pas, valent rien, ne servent a rien,
        n ont pas le droit, n ont aucun droit, pas avoir le droit, aucun droit, etres inferieurs, gaspillage de,
        perte de place, retournez dans votre, rentrez chez vous, qu ils rentrent chez eux, qu ils retournent,
        hors de france, hors de notre, degagez, infestent, infeste, infestes, ruinent, detruisent notre,
        detruisent la, volent notre, volent nos, nous volent, rien de pire que, y a pas pire que, pire que,
        mieux sans, serait mieux sans, a la cuisine, dans la cuisine, dans un zoo, dans une cage, chambre a gaz,
        chambres a gaz, ne seront jamais, ne pourront jamais, ne changeront jamais, ne sera jamais,
        ne peuvent jamais, jamais etre, jamais aussi, se debarrasser de, se debarrasser des, debarrasser de ces,
        debarrassons nous, ne comptent pas, n ont aucune valeur, n a aucune valeur, aucune valeur,
        plutot mourir que, plutot crever que, ne leverais pas le petit doigt, il ne faut pas laisser,
        ne faut pas laisser, personne ne veut de, ne sont pas dignes, ne sont pas bienvenus, ne sont bons qu,
        ne sont bonnes qu, remplacent, nous envahissent, inferieur aux autres, ne devraient pas exister,
        ne devraient pas vivre, ne devraient pas voter, ne devraient pas avoir, ne devraient pas etre,
        ne devraient pas entrer, ne devraient pas pouvoir
    """,
    harm="""
        tuer, tue, tues, tuez, tuons, tuees, assassiner, assassine*, mourir, meurent, mort, morts, crever,
        crevent, fusiller, fusille*, abattre, abattu*, abattus, pendre, pendu*, pendus, bruler, brule, brules,
        brulez, brulons, exterminer, extermine*, eradiquer, eradique*, aneantir, aneanti*, eliminer, elimine*,
        torturer, torture*, violer, viol, violee, violees, frapper, frappe*, tabasser, tabasse*, battre, battu*,
        battues, egorger, egorge*, decapiter, decapite*, gazer, gaze, gazes, deporter, deporte*, castrer,
        castre*, steriliser, sterilise*, souffrir, souffrent, lyncher, lynche*, poignarder, poignarde*, noyer,
        noye*, lapider, lapide*, executer, execute*, execution, enfermer, enferme*, expulser, expulse*,
        trancher la gorge, gorge tranchee, gorges tranchees, massacrer, massacre*, etrangler, etrangle*,
        demolir, buter, zigouiller, en finir avec, liquider, renvoyer, renvoye*, piquer
    """,
    wishes="""
        qui ne voudrait pas, qui ne souhaite pas, qui ne veut pas, il faut, il faudrait, faut, faudrait,
        devrait, devraient, devrions, devons, doivent, doit, on doit, meritent, merite, merites, meriteraient,
        veux, voulons, je vais, vais, on va, allons, allez, voudrais, aimerais, j espere, espere, esperons,
        si seulement, pourquoi ne pas, pourquoi pas, solution, la seule, qu on les, qu on, il est temps de,
        vivement, souhaite, souhaitons, ont besoin, si on, et si, pourrait on, autant, aux
    """,
    copulas="""
        sont, est, es, etes, etait, etaient, etre, soient, comme, que des, que de, qu un, qu une, rien que,
        rien d autre que, ne sont que, n est qu, n es qu, trouve, considere, sommes, semblent, si, aussi
    """,
    fillers="""
        le, la, les, l, un, une, des, de, du, d, tres, si, plus, tout, tous, toutes, toute, vraiment,
        absolument, totalement, completement, vrais, vraies, simplement, juste, ils, elles, ces, cette, ce, cet,
        tellement, trop, assez, purement, pure, pur, pures, purs, humaine, humain, humains, humaines, veritable,
        veritables, que, societe, la societe, aussi, sans aucun doute, sans doute, seulement, toujours, t, eux,
        franchement, espece d, particulierement, clairement, bande de, bien, sacrement, beaucoup, prochains,
        plusieurs, autres, gros, grosse, grosses, petit, petite, pauvre, sacre
    """,
    you="tu, te, t es, toi, vous, ton, ta, tes, votre, vos, espece de, espece d, bande de, sale",
    they="""
        ils, elles, eux, leur, leurs, ces gens, ces personnes, ces gens la, votre espece, vos semblables,
        les gens comme toi, ces types
    """,
    denies="""
        n, ne, pas, jamais, personne ne, aucun, aucune, sans, ni, contre, proteger, eviter, empecher, condamne,
        rejette, aider, aide, combien, arreter, stop, lutter
    """,
    harmless="""
        n ai rien contre, rien contre, je n ai rien contre, pourquoi ne pas, pourquoi pas, pas seulement,
        non seulement, sans aucun doute, sans doute, n est ce pas, deteste quand, deteste que, ne m etonne pas,
        ne suis pas surpris, ne suis pas etonne, n arrive pas a croire, ne peuvent pas s empecher,
        peuvent s empecher, ne peuvent s empecher, taux de mortalite, temps mort, angle mort, femme morte,
        crimes de haine, crime de haine, discours de haine, trou noir, trous noirs, marche noir, liste noire,
        boite noire, humour noir, tableau noir, fond noir, retard, ma femme, sa femme, ta femme, votre femme
    """,
    says="""
        dire, dit, dis, disent, disait, disant, dites, traiter, traite, traiter les, appeler, appelle,
        appellent, appele, qualifier, qualifie, ecrire, ecrit, ecrivent, ecris, mot, mots, phrase, phrases,
        terme, termes, expression, commentaire, commentaires, message, messages, propos, crier, crie, crient,
        publier, publie, tweet, tweete, signifie, signification, traduction, citation, insulte, insultes,
        affirmer, affirme, pretendre, pretend, croire que, penser que, ceux qui, quiconque, ta haine,
        ton mepris, votre haine, votre mepris, entendre, entendu, scander, chanter
    """,
    condemns="""
        est ignorant, etre ignorant, est un idiot, est un ignorant, est stupide, raciste*, racisme, sexiste*,
        sexisme, misogyn*, homophob*, transphob*, islamophob*, xenophob*, antisemit*, validiste*, intoleran*,
        inacceptable*, offensant*, inapproprie*, mal de, n est pas bien, n est pas acceptable, n est pas normal,
        discrimin*, prejuge*, interdit*, denoncer, signaler, signale, honteux, honte de dire, respect,
        irrespect*, prison, delit*, illegal*, horrible de, terrible de, intolerable*, comment oses, arretez de,
        arrete de, etroit d esprit, condamnable*, blessant*, stereotype*, doit cesser, cesser, haineu*
    """,
    ours="nous, notre, nos, sommes, je suis, mon, ma, mes, fier, fiere, fierte",
    abuse="""
        va te faire foutre, allez vous faire foutre, va te faire enculer, allez vous faire enculer,
        va te faire voir, nique ta mere, ntm, nique ta race, nique toi, ta gueule, ferme ta gueule,
        fermez vos gueules, fils de pute, va crever, suicide toi, tue toi, tuez vous, pends toi, va mourir,
        va au diable, va en enfer, va chier, je t emmerde, je vous emmerde, suce ma, encule ta mere,
        mange tes morts, mange de la merde, jette toi d un pont, j espere que tu vas mourir, tu me degoutes,
        tu me degoute, personne ne te regretterait, creve salope, creve connard, creve ordure
    """,
    dismissals="ferme la, degage, casse toi, barre toi, fous le camp, la ferme, vos gueules",
    threats="""
        je vais te tuer, je vais vous tuer, vais te tuer, je te tue, je vais te violer, je vais t egorger,
        vais te casser la gueule, te casser la gueule, je sais ou tu habites, je vais bruler ta maison,
        on va te retrouver, tuer ta famille, te tirer une balle, vais te buter, vais te crever, vais te violer,
        vais t egorger, vais te demolir, vais te planter, vais te poignarder, vais te defoncer, vais vous tuer,
        on va te tuer, on va te buter, on va te crever, on va te violer, on va t egorger, on va te demolir,
        on va te planter, on va te poignarder, on va te defoncer, on va vous tuer, allons te tuer,
        allons te buter, allons te crever, allons te violer, allons t egorger, allons te demolir,
        allons te planter, allons te poignarder, allons te defoncer, allons vous tuer
    """,
)
