"""German words of hostility, without umlauts as accents are taken off."""

from __future__ import annotations

from grounding.safety.hostility import Words

GERMAN = Words(
    language="de",
    negates_after=True,
    groups="""
        frauen, frau, weiber, feministinnen, feministin, schwule, schwulen, schwuler, schwuchtel, lesben, lesbe,
        homosexuelle, homosexuellen, homosexueller, homos, transsexuelle, transsexuellen, transfrauen,
        transmanner, transpersonen, transmenschen, transgender, trans, afrikaner, afrikanerin, juden, jude,
        judin, judinnen, moslems, moslem, muslime, muslimen, muslim, muslima, muslimin, muslimas, islamisten,
        islam, fluchtlinge, fluchtlingen, fluchtling, gefluchtete, gefluchteten, asylanten, asylant,
        asylbewerber, asylbewerbern, migranten, migrant, migrantin, migrantinnen, einwanderer, einwanderern,
        immigranten, auslander, auslandern, auslanderin, behinderte, behinderten, autisten, rollstuhlfahrer,
        turken, turke, turkin, kurden, araber, arabern, syrer, afghanen, russen, russe, ukrainer, chinesen,
        chinese, asiaten, asiatinnen, inder, roma, sinti, zigeuner, zigeunern, christen, katholiken, hindus,
        obdachlose, obdachlosen, arbeitslose, arbeitslosen, rentner, alte leute, ossis, manner, mannern, queere,
        queeren, lgbt, lgbtq, nichtbinare, schwarze, schwarzen
    """,
    out="raus",
    kinds="""
        schwarzer, schwule, schwulen, schwuler, lesbische, lesbischen, homosexuelle, homosexuellen, behinderte,
        behinderten, judische, judischen, judischer, muslimische, muslimischen, muslimischer, islamische, trans,
        queere, queeren, auslandische, auslandischen, turkische, turkischen, arabische, arabischen, alte, dicke,
        farbige, farbigen, dicken, weisse, weissen
    """,
    people="""
        menschen, mensch, personen, person, leute, leuten, frauen, frau, manner, mann, kinder, kind, leben,
        kehlen, kehle, pack
    """,
    slurs="""
        neger, negern, negerin, nigger, niggern, bimbo, bimbos, kanake, kanaken, kanacke, kanacken,
        kameltreiber, kameltreibern, kamelficker, ziegenficker, eselficker, schlitzauge, schlitzaugen, judensau,
        judensaue, saujude, saujuden, drecksjude, drecksjuden, judenschwein, judenschweine, judenpack,
        schwuchtel, schwuchteln, arschficker, transe, transen, kampflesbe, kampflesben, spasti, spastis, mongo,
        mongos, kruppel, missgeburt, missgeburten, untermensch, untermenschen, mussel, musel, muselmane,
        muselmanen, kopftuchschlampe, kopftuchmadchen, rapefugee, rapefugees, zigeunerpack, asylantenpack,
        asylschmarotzer, sozialschmarotzer, auslanderpack, turkensau, polacke, polacken, niggers,
        scheissauslander, drecksauslander, scheissjude, scheissjuden, scheisstunte, schwanzlutscher, emanze,
        emanzen
    """,
    ambiguous="""
        tunte, tunten, homo, behindi, behindis, fotze, fotzen, schlampe, schlampen, nutte, nutten, hure, huren,
        zecke, zecken, vollspast, spast
    """,
    typical="""
        typisch, typische, typischer, typisches, nur eine, nur ein, nichts als eine, nichts als ein, nichts als,
        diese, dieser, zu viele, alle, alles, haufen, so eine, so ein, du, ihr, bloss eine, bloss ein
    """,
    insults="""
        arschloch, arschlocher, arsch, arsche, wichser, hurensohn, hurensohne, bastard, bastarde, idiot,
        idioten, trottel, vollidiot, vollidioten, depp, deppen, schwachkopf, schwachkopfe, dummkopf, dummkopfe,
        blodmann, miststuck, miststucke, drecksau, drecksaue, dreckschwein, drecksschwein, dreckskerl, penner,
        pisser, volltrottel, arschgeige, saftsack, fettsack, scheisskerl, drecksack, mistkerl, schweinehund,
        dumme kuh, bloede kuh, blode kuh, dumme sau, versager
    """,
    profane="""
        scheiss, scheisse, scheissen, verfickt*, verdammt*, verflucht*, beschissen*, fick*, gefickt*, kack*,
        drecks, fucking, scheissegal
    """,
    vermin="""
        abschaum, ungeziefer, dreck, abfall, mull, parasiten, parasit, kakerlaken, ratten, schmarotzer,
        gesindel, pack, gesocks, unrat, untermenschen, viecher, dreckspack, dreckschweine, schweine, affen,
        wurmer, schadlinge, scheusale, barbaren
    """,
    vile="""
        krebs, pest, seuche, plage, krankheit, virus, tiere, tier, wilde, hunde, schandfleck, schande, gefahr,
        bedrohung, last, monster, verbrecher, kriminelle, kriminell, vergewaltiger, terroristen, lugner, diebe,
        betruger, krank, gestort, gewalttatig, gefahrlich, faul, luegner, kinderschander, unmenschen, schlimm,
        das letzte, das allerletzte, letzte abschaum, problem, feinde, feind, unnaturlich, pervers*, abartig*,
        minderwert*, unterlegen*, wertlos*, nutzlos*, unzivilisiert*, primitiv*, barbarisch*, hinterhaltig*,
        verlogen*, boshaft*, bosartig*, grausam*, hasslich*, schlecht*, schwach, unterbelichtet
    """,
    scorn="""
        widerlich*, ekelhaft*, eklig*, ekelig*, ekelerreg*, abstossend*, abscheulich*, verabscheuungs*,
        abscheuerreg*, dreckig*, dummen, dumm, dumme, dummer, dummste*, dummer als, doof*, blod*, bescheuert*,
        erbarmlich*, jammerlich*, armselig*, widerwart*, schabig*, verachtenswert*, hirnlos*, zuruckgeblieben*,
        schmutzig*, verkommen*, niedertracht*, stinkend*, verdreckt*, kotzig*
    """,
    hates="""
        hasse, hass, hassen, verabscheue, verabscheuen, verachte, verachten, verachtung fur, hass auf,
        hass gegen, abscheu vor, abscheu gegen, ekel vor, ekle mich vor, ekelt es vor, ertrage, nicht ausstehen,
        nicht leiden, nicht ertragen, satt von, mag keine, mag nicht, hab genug von, habe genug von,
        habe die nase voll von, nase voll von, schnauze voll von, kotzt mich an, kotzen mich an, angewidert von,
        tod allen, tod den, fickt euch, nieder mit, nichts ubrig fur, kein mitleid mit, kein mitgefuhl fur,
        keinen respekt vor, misstraue, kotzen wenn ich, ubel wenn ich, schlecht wenn ich, scheiss auf,
        fick alle, wunschte
    """,
    sickens="""
        nichts als hass, nur hass, nichts als verachtung, nichts als ekel, nur verachtung, widern mich an,
        widert mich an, ekeln mich, ekelt mich, kotzen mich an, kotzt mich an, machen mich krank,
        macht mich krank, machen mich wutend, macht mich wutend, machen mich so wutend, macht mich so wutend,
        machen mich rasend, bringen mich zum kotzen, bringt mich zum kotzen, nicht ausstehen, nicht leiden,
        nicht ertragen, hasse ich, verabscheue ich, verachte ich, mag ich nicht, gehen mir auf die nerven,
        gehen mir auf den sack, erfullen mich mit hass, regen mich auf, stinken, zum kotzen, zum wurgen
    """,
    excludes="""
        keinen platz, kein platz, haben hier nichts, hat hier nichts, nichts verloren, nichts zu suchen,
        keine menschen, kein mensch wie, keine echten menschen, keine richtigen menschen, keine echten frauen,
        nicht menschlich, nichts wert, nichts als dreck, nichts als abschaum, nicht wert, gar nichts wert,
        keinen wert, kein recht auf, kein recht zu, keine rechte, kein recht, verdienen es nicht,
        verdienen keine, verdient es nicht, verdienen kein, nicht liebenswert, nicht vertrauenswurdig,
        nicht gleichwertig, nicht ebenburtig, nicht verdient, gehoren nicht hierher, gehort nicht hierher,
        gehoren nicht, gehoren in den, gehoren in die, gehoren ins, gehort in die, gehoren hinter,
        gehoren vergast, gehoren abgeschoben, gehoren verboten, gehoren eingesperrt, gehoren weggesperrt,
        gehoren erschossen, gehoren auf den, raus aus, sollen zuruck, geht zuruck, zuruck in ihr land, haut ab,
        verpisst euch, verschwindet, ruinieren, zerstoren unser, zerstoren unsere, verseuchen, verpesten,
        unterwandern, uberfluten, nehmen uns die, nichts schlimmeres als, schlimmer als, nicht wahlen durfen,
        nicht erlaubt sein, nicht existieren, nicht leben durfen, sollte man nicht ins, sollte es nicht geben,
        ohne diese, ware besser ohne, ware ohne, besser dran ohne, loswerden, los werden, traue keinem,
        trau keinem, traut keinem, vertraue keinem, vertraut keinem, niemals vertrauen, werden niemals,
        werden nie, konnen niemals, konnen nie, nie so schlau, nie so klug, kloake, lieber sterben als,
        lieber krebs, keinen finger, lebensunwert, unwurdig, sollten nicht gelten, haben keinen wert,
        wertloses leben, sollten nicht existieren, sollten nicht leben, sollten nicht wahlen,
        sollten nicht arbeiten durfen, durfen nicht wahlen, sollten nicht unter uns
    """,
    harm="""
        toten, totet, getotet, tote, umbringen, umgebracht, ermorden, ermordet, erschiessen, erschossen,
        erschiesst, aufhangen, aufgehangt, hangen, gehangt, erhangt, verbrennen, verbrannt, anzunden,
        angezundet, vergasen, vergast, ausrotten, ausgerottet, vernichten, vernichtet, hinrichten, hingerichtet,
        abschlachten, abgeschlachtet, schlachten, geschlachtet, foltern, gefoltert, vergewaltigen, vergewaltigt,
        ertranken, ertrinken, ersaufen, steinigen, gesteinigt, kopfen, gekopft, enthaupten, verprugeln,
        verprugelt, schlagen, zusammenschlagen, abschieben, abgeschoben, deportieren, deportiert, kastrieren,
        kastriert, sterilisieren, zwangssterilisiert, sterben, verrecken, krepieren, leiden, qualen, abstechen,
        abgestochen, erstechen, beseitigen, beseitigt, wegsperren, weggesperrt, einsperren, verhungern,
        uberfahren, bomben, abknallen, abgeknallt, lynchen, gelyncht, eliminieren, die kehle durchschneiden,
        die kehle aufschlitzen, kehle durch, aufschlitzen, tod, loswerden, umlegen, leben nehmen, auslosch*
    """,
    wishes="""
        wer wurde nicht, wer will nicht, wer wollte nicht, wer mochte nicht, sollte, sollten, soll, sollen,
        musste, mussten, muss, mussen, gehort, gehoren, verdient, verdienen, verdiente, will, wollen, mochte,
        mochten, wurde gerne, wurde gern, wurden gerne, lasst uns, lass uns, hoffe, hoffentlich, wunschte,
        wunsche, wenn doch, wenn nur, werde, werden wir, wir werden, warum nicht, ware besser, wie ware es,
        konnten wir, man konnte, losung, am besten, hatte gerne, endlich, einfach, ihr werdet
    """,
    copulas="""
        sind, ist, bist, seid, war, waren, sein, wie, als, nur, lauter, finde, halte, nichts als,
        nichts anderes als, wirken, bleiben, sei
    """,
    fillers="""
        so, der, die, das, den, dem, des, ein, eine, einen, einfach, absolut, absolute, absoluter, total,
        vollig, wirklich, echt, sehr, alle, allesamt, ja, doch, eigentlich, immer, alles, nur, ganz, dermassen,
        diese, dieser, diesen, dieses, ungemein, unfassbar, unglaublich, purer, reine, reiner, fur mich,
        menschlicher, menschliche, menschliches, letzte, letzter, verdammte, eben, nun mal, halt, genau,
        richtig, viel, mehr, meist, meisten, von, ohne zweifel, zweifellos, verfluchte, ziemlich, aller, am,
        noch, auch, euch, solche, solch, bloss, wohl, auf diesem planeten, zu, viele, vielen, grosser, kleiner,
        grosses
    """,
    you="du, dich, dir, euch, ihr, deine, dein, eure, euer",
    they="""
        sie, ihnen, die da, diese leute, diese menschen, solche leute, eure art, deinesgleichen, euresgleichen
    """,
    denies="""
        nicht, kein, keine, keinen, keinem, keiner, nie, niemals, niemand, niemanden, ohne, gegen, weder,
        nichts falsches, falsch, toleriert, verhindern, schutzen, schutz, geschutzt, hilfe, helfen, verurteile,
        verurteilen, bekampfen, wie viele, aufhoren
    """,
    harmless="""
        nichts gegen, habe nichts gegen, hab nichts gegen, warum nicht, etwa nicht, nicht wahr, nicht nur,
        nicht mal, nicht einmal, ich hasse es, hasse es wenn, tote winkel, toter code, fluchtlinge schutzen,
        tot geglaubt, sind krank geschrieben, todesrate, kein wunder, kann nicht anders, konnen nicht anders,
        kann nicht glauben, meine frau, ihre frau, deine frau, seine frau, unsere frau, schwarze locher,
        schwarzen locher, schwarze loch, schwarzen loch, schwarze liste, schwarzen liste, schwarze brett,
        schwarzen brett, schwarzen markt, schwarze zahlen, schwarzen zahlen, schwarze bildschirm,
        schwarzen bildschirm, schwarze meer, schwarzen meer, schwarze schaf, schwarze schafe, schwarze katze,
        schwarze tee, schwarzen tee, schwarze farbe, schwarze schrift, schwarze kabel, schwarze taste
    """,
    says="""
        sagen, sagt, sagte, gesagt, sagst, zu sagen, nennen, nennt, nannte, genannt, bezeichnen, bezeichnet,
        schreibt, schrieb, geschrieben, schreiben, behaupten, behauptet, behauptete, rufen, ruft, gerufen, wort,
        worter, ausdruck, begriff, satz, satze, aussage, aussagen, kommentar, kommentare, ausserung,
        ausserungen, bedeutet, bedeutung, ubersetzung, zitat, post, tweet, beleidigung, beleidigungen, horen,
        gehort habe, glauben, wer, deine verachtung, dein hass, denken, meinen
    """,
    condemns="""
        ist ein idiot, ist dumm, ist ignorant, ist selbst, rassist*, rassismus, sexis*, frauenfeind*, homophob*,
        homophobie, transphob*, islamfeind*, islamophob*, auslanderfeind*, fremdenfeind*, antisemit*,
        behindertenfeind*, judenfeind*, schwulenfeind*, hassrede, volksverhetzung, inakzeptabel, unakzeptabel,
        nicht in ordnung, nicht okay, nicht ok, nicht akzeptabel, falsch, schlimm ist, schrecklich ist,
        beleidigend, diskriminier*, vorurteil*, verboten, strafbar, melden, anzeigen, gemeldet, schamen,
        scham dich, respektlos, unverschamt, engstirnig, aufhoren, unmoglich, geht gar nicht, gesperrt,
        bestraft, gefangnis, verletzend, hetze, entsetzlich, ekelhaft zu, furchtbar
    """,
    ours="wir, uns, unser, unsere, ich bin, bin, mein, meine, stolz",
    abuse="""
        fick dich, fickt euch, fick deine mutter, leck mich, verrecke, krepier, bring dich um, bringt euch um,
        hang dich auf, erschiess dich, halt die fresse, haltet die fresse, halt dein maul, halt deine fresse,
        halt s maul, haltet das maul, geh sterben, du sollst sterben, spring von der brucke, stirb endlich,
        stirb langsam du, fahr zur holle, leck mich am arsch, verdammter hurensohn, friss scheisse,
        niemand wurde dich vermissen
    """,
    dismissals="verpiss dich, verpisst euch, hau ab, zieh leine, halt s maul, halt die klappe",
    threats="""
        bringe dich um, bring dich um, bringe euch um, ich tote dich, werde dich toten, ich stech dich ab,
        steche dich ab, mache dich kalt, mach dich kalt, schlage dich tot, schlag dich tot, weiss wo du wohnst,
        schneide dir die kehle, breche dir alle knochen, brech dir die knochen, dein haus anzunden,
        werde dich umbringen, werde euch umbringen, werde dich abstechen, werde dich erschiessen,
        werde dich vergewaltigen, will dich umbringen, will euch umbringen, will dich abstechen,
        will dich erschiessen, will dich vergewaltigen, wir werden dich umbringen, wir werden euch umbringen,
        wir werden dich abstechen, wir werden dich erschiessen, wir werden dich vergewaltigen, mach dich fertig
    """,
)
