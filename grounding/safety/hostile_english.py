"""English words of hostility."""

from __future__ import annotations

from grounding.safety.hostility import Words

ENGLISH = Words(
    language="en",
    groups="""
        women, woman, females, feminists, blacks, gays, lesbians, homosexuals, bisexuals, transsexual,
        transsexuals, lgbt, lgbtq, jew, jews, muslim, muslims, arab, arabs, christians, catholics, hindus,
        sikhs, buddhists, atheists, asians, africans, mexicans, latinos, latinas, koreans, indians, pakistanis,
        gypsies, migrant, migrants, immigrant, immigrants, refugee, refugees, foreigners, foreigner,
        asylum seeker, asylum seekers, the disabled, the elderly, the homeless, autists, the chinese, ✡, ☪, 🧕,
        👳, blondes, nonbinary people, palestinians, israelis, russians, ukrainians, poles, turks, kurds,
        aboriginals
    """,
    kinds="""
        black, gay, trans, transgender, disabled, handicapped, autistic, white, brown, asian, jewish, muslim,
        arab, japanese, korean, indian, african, mexican, foreign, old, deaf, blind, female, immigrant, refugee,
        christian, catholic, hindu, latino, lesbian, homosexual, bisexual, feminist, gypsy, latina, chinese,
        🏳 🌈, intersex, indigenous, native, roma, romani, pakistani, homeless, obese, fat, poor, russian,
        turkish, polish, vietnamese, filipino, coloured, colored
    """,
    people="""
        people, person, persons, folk, folks, man, men, guys, guy, kids, kid, children, child, lives, life,
        community, communities, throats, throat, necks, neck, race, races, families, workers, girls, boys, ppl,
        peeps
    """,
    slurs="""
        nigger, niggers, nigga behaviour, sandnigger, sandniggers, kike, kikes, wetback, wetbacks, raghead,
        ragheads, towelhead, towelheads, rapefugee, rapefugees, muzzie, muzzies, shemale, shemales, tranny,
        trannies, trannie, camel fucker, camel fuckers, camelfucker, camelfuckers, goat fucker, goatfucker,
        beaner, beaners, gyppo, gyppos, pikey, pikeys, zipperhead, zipperheads, libtard, feminazi, feminazis
    """,
    ambiguous="""
        faggot, faggots, fag, fags, spic, spics, chink, chinks, gook, gooks, paki, pakis, coon, coons, retard,
        retards, dyke, dykes, cripple, cripples, whore, whores, slut, sluts, jap, japs, mong, mongs, queer,
        queers, jihadi, jihadis, spastic, spastics, spaz, negro, negroes, savages, bitch, bitches, cunt, cunts,
        hoe, hoes, homo, homos, lesbo, lesbos, midget, midgets, psycho, psychos, redskin, redskins, squaw
    """,
    typical="""
        typical, common, just a, just an, nothing but a, nothing but an, these, those, bunch of, natural for a,
        natural for an, filthy, dirty, all, kill, another, every, you, stupid, so much like a, too many
    """,
    insults="""
        idiot, idiots, moron, morons, asshole, assholes, arsehole, arseholes, bastard, bastards, dickhead,
        dickheads, prick, pricks, twat, twats, wanker, wankers, scumbag, scumbags, dumbass, dumbasses, shithead,
        shitheads, imbecile, imbeciles, motherfucker, motherfuckers, fucker, fuckers, degenerates, subhumans,
        half wit, half wits, dipshit, dipshits, jackass, douchebag, douchebags, piece of shit, pieces of shit,
        fatso, ugly hag, son of a bitch, sons of bitches
    """,
    profane="""
        fuck, fuk, fck, phuck, fukin, fckn, fkn, fucks, fucking, fucked, fuckin, shit, shits, shitty, bullshit,
        goddamn, bloody, pissed, pissing, crap
    """,
    vermin="""
        scum, vermin, filth, trash, garbage, parasites, parasite, cockroaches, cockroach, subhuman,
        subhuman creatures, 🐀, 🐁, 🐷, 🐖, 🐒, 🐵, 🐛, 🪳, 💩, 🦠, swine, leeches, maggots, savages,
        sewer rats, human garbage, human trash, lowlifes, lowlife
    """,
    vile="""
        rubbish, refuse, dirt, plague, cancer, virus, disease, animals, apes, monkeys, pigs, rats, dogs, beasts,
        monkey, ape, pig, rat, savage, beast, pest, pests, insects, inferior, vile, evil, brainless, ignorant,
        primitive, barbaric, uncivilised, uncivilized, degenerate, useless, monsters, thieves, rapists, liars,
        terrorists, criminals, worst, dishonest, violent, cruel, abomination, abominations, threat, danger,
        burden, disgrace, curse, stain, mistake, lazy, greedy, mentally ill, sick in the head, the enemy,
        untrustworthy, promiscuous, perverts, pedophiles, paedophiles, freaks, freak, crazy, weak, backward,
        smelly, ugly, not our equal, not our equals, invaders, nuisance
    """,
    scorn="""
        filthy, dirty, disgusting, stupid, stupidest, dumb, dumbest, worthless, pathetic, sickening, repulsive,
        repugnant, revolting, despicable, moronic, idiotic, retarded, loathsome, contemptible, nasty
    """,
    hates="""
        hate, h8, 🤬, hates, hated, hating, hatred, despise, despises, despised, loathe, loathes, loathed,
        loathing, detest, detests, detested, abhor, abhors, abhorred, contempt, scorn, disgust, disgusted,
        disdain, revulsion, can t stand, cannot stand, can not stand, can t really stand, cannot really stand,
        sick of, sick and tired of, fed up with, pissed off by, pissed off at, pissed off with, no compassion,
        no sympathy, no respect, never trust, repulsed, grossed out by, do not like, don t like, dislike,
        resent, allergic to, death to, fuck all, fuck the, fuck these, fuck those, screw all, down with,
        ashamed of, repelled by
    """,
    sickens="""
        🤮, 🤢, make me sick, makes me sick, make me so sick, make me furious, makes me furious,
        make me so furious, make me angry, makes me angry, make me so angry, make me so fucking angry,
        make me vomit, makes me vomit, makes me want to vomit, make me want to vomit, make me puke,
        makes me puke, make me want to puke, make me _ angry, makes me _ angry, make me boil, makes me boil,
        make me mad, makes me mad, make me so mad, make my blood boil, makes my blood boil, disgust me,
        disgusts me, fill me with, fills me with, piss me off, pisses me off, deserve to, deserves to,
        gross me out, creep me out, make me feel sick, makes me feel sick
    """,
    excludes="""
        has no place, have no place, no place for, no space, not human, not even human, n t human, isn t human,
        aren t human, aren t even human, not belong, don t belong, doesn t belong, no right to, don t deserve,
        doesn t deserve, not deserve, not worth, isn t worth, aren t worth, worth nothing,
        worth absolutely nothing, lesser being, lesser beings, waste of space, waste of oxygen, never fit in,
        never change, never going to change, infest, infests, infesting, infestation, ruin our, ruins our,
        ruining our, ruin this, ruining this, ruining the, rights should not apply, belong in a zoo,
        belong in a cage, belong in the kitchen, belongs in the kitchen, belong in the trash, belong in an oven,
        into the ovens, off the ovens, gas chamber, gas chambers, no better than, better off without,
        nobody wants, no one wants, should not be allowed, shouldn t be allowed, should not be important,
        should not live, should not exist, should not vote, shouldn t exist, shouldn t vote, ought not,
        not be allowed, allowing any more, do not matter, does not matter, don t matter, doesn t matter,
        never be as, can never be, could never be, ever be a valuable, never trusted, can t be trusted,
        cannot be trusted, not our equal, not our equals, never any, go back to their, not as intelligent as,
        not as smart as, less intelligent than, get out of our, nothing worse than, smarter than any,
        more intelligent than, rather die than, should not apply to, shouldn t apply to, have no value,
        has no value, not worthy of, of no value, not deserving of, let any, nobody worse than,
        more valuable than, no human rights, not welcome, aren t people, not people, not real women,
        not real men, lift a finger to save, shouldn t be in charge, out of our country, steal our jobs,
        stealing our jobs, taking over our, taking our jobs, should be banned from
    """,
    harm="""
        kill, 🔫, 🔪, 💣, kills, killed, killing, murder, murdered, murdering, shoot, shot, shooting, hang,
        hanged, hung, burn, burned, burnt, burning, slaughter, slaughtered, torture, tortured, execute,
        executed, execution, exterminate, exterminated, extermination, eradicate, eradicated, drown, drowned,
        strangle, strangled, stab, stabbed, behead, beheaded, rape, raped, raping, gas, gassed, lynch, lynched,
        bomb, bombed, die, dead, death, suffer, beat, beaten, punch, punched, hurt, attack, attacked, attacking,
        crush, crushed, deport, deported, castrate, castrated, whipped, stoned, cages, get rid of, wipe out,
        wiped out, put an end to, cut, slit, snap, annihilate, annihilated, purge, purged, round up, rounded up,
        put down, locked up, hunt down, run over, set on fire, eliminate, eliminated, end every, smash,
        neutered, shipped off, thrown out, kicked out, gun down
    """,
    wishes="""
        who wouldn t want, who doesn t want, should, must, ought, need to, needs to, have to, has to, deserve,
        deserves, want to, wants to, wanted to, wanna, going to, gonna, will, ll, would love, would be, let s,
        let us, if only, wish, best to, how about, better off, solution, can we, why don t we, what if we,
        would all, in a just world, interest to, illegal, hope, time to, i d love to, won t, when i start,
        until you are gone, until they are gone, i d like to, ready to, someone please, can t wait to
    """,
    copulas="""
        are, is, be, been, being, was, were, re, as, like, only, such, nothing but, nature to be, called, find,
        all
    """,
    owns="s",
    fillers="""
        a, an, the, just, so, absolute, absolutely, really, complete, completely, total, totally, utter,
        utterly, most, of, pretty, very, massive, more, seriously, that, kind, to, our, society, us, ever, than,
        with, at, up, off, by, it, much, many, without a doubt, without doubt, no doubt, it s, human, probably,
        simply, clearly, obviously, all of, and, bloody, for, still, too, annoying, any, big, biggest, lot,
        worse
    """,
    you="you, u, ya, yourself, yourselves, your, ur",
    they="they, them, their, these people, those people, these creatures, your kind, you people, that lot",
    denies="""
        no, not, never, nobody, none, without, cannot, nothing wrong, opposite, don t, doesn t, didn t, isn t,
        aren t, won t ever, wouldn t, shouldn t, mustn t, can t say, can t believe, can t accept, can t call,
        can t think, tolerate, against, stop, oppose, condemn*, protect, protects, protected, protecting,
        instead of, prevent, prevents, help, how many
    """,
    harmless="""
        behaviour, behavior, country, why do _ hate, why do _ _ hate, people hate, who hate, who hates,
        hate that, hate how, hate the way, should _ be deported, should _ _ be deported, can _ be deported,
        can _ _ be deported, may _ be deported, may _ _ be deported, hate to, hate when, hate it when, isn t it,
        is it not, aren t, doesn t this, does this not, don t you, do people not, do people really not,
        don t people, can t you, why don t, why not, can t help themselves, cannot help themselves,
        can t stop themselves, cannot stop themselves, not even, not surprised, no one else is, nobody else is,
        no one is, nothing against, not have anything against, don t have anything against, don t forget,
        not only, stop laughing, ignorant of, can t believe these, can t believe those, violent crime,
        violent crimes, threat assessment, cancer screening, cancer patients, human rights, hate crime,
        hate crimes, death rate, death rates, death toll, cut off, cut off date, shot down, kill switch,
        will power, gas prices, threat model, cancer risk, of course, virus infection, white paper, dead line,
        attack surface, not worth any less, worth any less, don t deserve to be, don t deserve to die,
        don t deserve to suffer, not deserve to be, not deserve to die, not deserve to suffer,
        doesn t deserve to die
    """,
    says="""
        say, says, said, saying, call, calls, called names, calling, write, writes, wrote, writing, written,
        post, posts, posted, posting, tweet, tweets, tweeted, tweeting, threaten, threatens, threatened,
        threatening, tell, tells, telling, told, claim, claims, claimed, claiming, chant, chants, chanting,
        comment, comments, commented, believes, believe, believed, hear, hears, hearing, heard, phrase, phrases,
        word, words, stuff, term, terms, quote, quotes, quoted, statement, statements, translate, translation,
        mean, means, meaning, message, messages, review, reviews, slur, slurs, insult, insults, history of,
        etymology, definition, open hatred, your hatred, your _ hatred, your contempt, your _ contempt,
        your disdain, your _ disdain
    """,
    condemns="""
        bigot, bigots, bigotry, bigoted, racist, racists, racism, sexist, sexism, misogyny, misogynist,
        misogynistic, homophobia, homophobic, transphobia, transphobic, islamophobia, islamophobic, xenophobia,
        xenophobic, antisemitism, antisemitic, anti semitic, ableist, ableism, hate speech, hateful,
        unacceptable, offensive, inappropriate, not ok, not okay, wrong, shame, stop calling, stop saying,
        consequences, banned, jail, court, prison, illegal to, lost all respect, lost respect, reported, report,
        policy, how dare, misguided, hurts, has to stop, have to stop, disrespect, disrespectful, respect,
        why would you think, don t call, don t say, thrown in, counts, count as, can t seriously,
        what makes you, small minded, horrible thing, terrible thing, awful thing, horrible to, terrible to,
        call out, disgraceful, propaganda, violates, dismissal, fired for, harassment, discrimination,
        prejudice, stereotype, stereotypes
    """,
    ours="""
        ourselves, we the, my, us, our word, like me, like us, i m, i am, being a, love being, reclaim,
        reclaimed, proud
    """,
    abuse="""
        🖕, go back to africa, go back to mexico, go back to china, go back to india, go back to your country,
        go back to where you came from, fuck you, fuck u, fuk you, fuk u, fck you, fck u, fuck yourself,
        fuck yourselves, screw you, kill yourself, kill yourselves, kill your self, kill urself, kys, go die,
        hope you die, you should die, you deserve to die, eat shit, suck my dick, suck my cock, go to hell,
        go hang yourself, hang yourself, go jump off a, waste of oxygen, you are worthless, you re worthless,
        nobody would miss you, no one would miss you, hope you get cancer, go drink bleach
    """,
    dismissals="""
        fuck off, go fuck yourself, go fuck yourselves, go fuck themselves, go fuk yourself, go fuk themselves,
        shut the fuck up, piss off, bugger off, shut your mouth, stfu
    """,
    threats="""
        only good _ is a dead _, hitler should have finished, hitler was right, hitler did nothing wrong,
        heil hitler, i will shoot you, i ll shoot you, going to shoot you, i will stab you, going to stab you,
        i ll stab you, i will kill him, i will kill her, i ll kill him, i ll kill her, want to kill him,
        want to kill her, gonna kill him, gonna kill her, going to kill him, going to kill her,
        going to stab him, going to stab her, beat the shit out of, beat you to death, cut your throat,
        slit your throat, break your legs, break your neck, burn your house, i know where you live,
        hunt you down, smash your face, punch you in the face, i will kill you, i will murder you,
        i will rape you, i will strangle you, i will behead you, i will kill your family, i will bomb your,
        i will kill you all, i will shoot up the, i ll kill you, i ll murder you, i ll rape you,
        i ll strangle you, i ll behead you, i ll kill your family, i ll bomb your, i ll kill you all,
        i ll shoot up the, we will kill you, we will murder you, we will rape you, we will strangle you,
        we will behead you, we will kill your family, we will bomb your, we will kill you all,
        we will shoot up the, we ll kill you, we ll murder you, we ll rape you, we ll strangle you,
        we ll behead you, we ll kill your family, we ll bomb your, we ll kill you all, we ll shoot up the,
        going to kill you, going to murder you, going to rape you, going to strangle you, going to behead you,
        going to kill your family, going to bomb your, going to kill you all, going to shoot up the,
        gonna kill you, gonna murder you, gonna rape you, gonna strangle you, gonna behead you,
        gonna kill your family, gonna bomb your, gonna kill you all, gonna shoot up the, i want to kill you,
        i want to murder you, i want to rape you, i want to strangle you, i want to behead you,
        i want to kill your family, i want to bomb your, i want to kill you all, i want to shoot up the,
        we want to kill you, we want to murder you, we want to rape you, we want to strangle you,
        we want to behead you, we want to kill your family, we want to bomb your, we want to kill you all,
        we want to shoot up the, would kill you if i
    """,
)
