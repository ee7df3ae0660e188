"""Offensive content: hatred of people for what they are, threats, calls to violence, abuse of the reader. By rules.

A swear word is no offence by itself, and neither is the name of a group: what is looked for is hostility directed at
someone. What is quoted to be condemned, denied or reported passes. Evasions (h4te, s c u m, zero-width characters, a
vowel dropped, letters swapped, words run together) are undone on a copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from grounding.safety.disguise import undisguised
from grounding.values import Origin, Verdict


def _any(words: str) -> str:
    return "(?:" + "|".join(sorted(words.split(), key=len, reverse=True)) + ")"


# People for what they are. Adjectives count only with a noun: "black people", never "black".
_PEOPLE = r"(?:people|persons?|folks?|men|man|women|woman|guys?|kids?|children|lives|life|communit(?:y|ies))"
_GROUP = (
    r"(?:women|woman|females?(?=\W+(?:\w+\W+)?(?:throats?|lives|life|people|person))|feminists"
    rf"|(?:black|gay|trans|transgender|disabled|handicapped|autistic|white|brown|asian|jewish|muslim|arab|chinese"
    rf"|japanese|korean|indian|african|mexican|foreign|old|deaf|blind)\W+{_PEOPLE}"
    r"|blacks|gays|lesbians?|homosexuals?|bisexuals?|lgbt\w*|transsexuals?|jews?|muslims?|arabs?|christians?|catholics?"
    r"|hindus?|sikhs?|buddhists?|asians?|africans?|mexicans?|latin[oa]s?|koreans|indians|gyps(?:y|ies)"
    r"|(?:im)?migrants?|refugees?|foreigners?|asylum\W+seekers?|disabled"
    r"|(?:black|gay|trans|disabled|female|jewish|asian)(?=\W+(?:scum|vermin|filth|trash|throats?|necks?|neck)))(?!')"
)
_SLUR = _any(
    "nigger niggers faggots faggot fags fag trannies tranny shemale shemales kike kikes wetback wetbacks raghead "
    "ragheads towelhead towelheads spic spics chink chinks gook gooks paki pakis coon coons muzzie muzzies "
    "rapefugee rapefugees retard retards dyke dykes cripple cripples whore whores slut sluts sandnigger beaner "
    "beaners jap japs"
)
_PROFANE = _any(
    "fuck fucks fucking fucked fucker fuckers motherfucker motherfuckers shit shits shitty shithead shitheads "
    "bullshit asshole assholes arsehole arseholes bastard bastards bitch bitches cunt cunts dickhead dickheads "
    "prick pricks twat twats wanker wankers scumbag scumbags dumbass dumbasses goddamn bloody pissed pissing"
)
_VILE = _any(
    "scum vermin filth filthy trash garbage rubbish refuse dirt plague cancer virus disease pest pests parasite "
    "parasites rats cockroaches insects animals apes monkeys pigs subhuman subhumans inferior worthless "
    "disgusting repulsive repugnant revolting despicable vile evil stupid stupidest dumb dumbest idiots morons "
    "moronic imbeciles brainless ignorant pathetic sickening primitive savages barbaric uncivilised uncivilized "
    "degenerate degenerates useless monsters thieves rapists terrorists worst dishonest violent cruel liars "
    "abomination abominations threat"
)
_SCORNED = _any(
    "filthy dirty disgusting stupid dumb worthless pathetic vile evil sickening repulsive inferior brainless "
    "subhuman useless"
)
_HARM = _any(
    "kill kills killed killing murder murdered murdering shoot shot shooting hang hanged hung burn burned burnt "
    "burning slaughter slaughtered torture tortured execute executed execution exterminate exterminated "
    "extermination eradicate eradicated drown drowned strangle strangled stab stabbed behead beheaded rape raped "
    "raping gas gassed lynch lynched bomb bombed die dead death suffer beat beaten punch hurt attack attacked "
    "crush crushed deported deport castrate castrated sterilise sterilised sterilize sterilized whipped stoned "
    "cages"
)
_HARM_PHRASE = (
    r"(?:get rid of|wipe[ds]? out|put an end to|(?:cut|slit|snap) \w+(?: \w+)?"
    r"|(?:throats?|necks?) (?:cut|slit|snapped))"
)
_EMOTE = (
    r"(?:hate[sd]?(?! to\b)|hating|hatred|despise[sd]?|loathe[sd]?|loathing|detest(?:s|ed)?|abhor(?:s|red)?"
    r"|contempt|scorn|disgust(?:ed)?"
    r"|disdain|revulsion|(?:cannot|can't|can not) (?:really )?stand|sick (?:of|and tired of)|fed up with"
    r"|pissed off (?:by|at|with))"
)
_MAKES = (
    r"(?:(?:make|makes|making|made) me (?:\w+ ){0,2}(?:sick|furious|angry|vomit|puke|mad|boil\w*)|disgusts? me"
    r"|fills? me with|piss(?:es|ing)? me off|deserve to \w+)"
)
_EXCLUDED = (
    r"(?:(?:has|have) no place|no place for|no space|(?:is|are|not|n't) (?:not )?(?:even )?human\b(?! rights)"
    r"|not belong|n't belong|no right to|(?:not|n't) deserve(?! to (?:be|die|suffer))|(?:not|n't) worth(?! any less)"
    r"|worth (?:absolutely )?nothing"
    r"|lesser beings?|waste of space|never (?:fit in|change)|infest\w*|ruin(?:ing|s)? (?:our|this|the)"
    r"|rights should not apply"
    r"|belongs? in (?:a|the) (?:zoo|cage|kitchen|trash|oven)|(?:into|off) the (?:ovens?|gas chambers?)|no better than"
    r"|(?:ought|should) not (?:be (?:important|allowed)|live|exist|vote)|better off without)"
)
_WANTS = (
    r"(?:should|must|ought|needs? to|have to|has to|deserves?|want(?:s|ed)? to|wanna|going to|gonna|will|'ll"
    r"|would love|would be"
    r"|let's|let us|if only|wish|best to|how about|better off|solution|can we|just|interest to|death to|illegal|hope)"
)
_YOU = r"(?:you|u|ya|yourself|yourselves|your)"
_INSULTS = _any(
    "idiot moron retard asshole arsehole bastard bitch cunt dickhead prick twat wanker scum scumbag whore slut "
    "faggot nigger motherfucker fucker pig vermin filth"
)


def _gap(words: int) -> str:
    """At most so many words between two others; every part is bounded, or runs of marks would be tried without end."""
    return rf"(?:\W{{1,4}}\w{{1,20}}){{0,{words}}}?\W{{1,4}}"


_IS = (
    r"(?:are|is|be|been|being|was|were|'re|'s|as|like|only|such|nothing but)"
    r"(?:\W{1,4}(?:a|an|the|all|just|such|so|as|absolute(?:ly)?|really|complete(?:ly)?|total(?:ly)?|utter(?:ly)?"
    r"|nothing|but|only|like|most|of|pretty|very|massive|fucking|more|without|doubt|seriously|that|kind|bunch|to|our"
    r"|society)){0,5}\W{1,4}"
)


@dataclass(frozen=True, slots=True)
class _Sign:
    reason: str
    weight: float
    pattern: re.Pattern[str]


def _sign(reason: str, weight: float, pattern: str) -> _Sign:
    return _Sign(reason, weight, re.compile(pattern))


_HOSTILE = (
    _sign("hate", 0.9, rf"\b{_EMOTE}\b{_gap(5)}(?P<group>{_GROUP})\b"),
    _sign("hate", 0.9, rf"\b(?P<group>{_GROUP})\b{_gap(8)}{_MAKES}\b"),
    _sign("hate", 0.9, rf"\b(?P<group>{_GROUP})\b{_gap(6)}{_IS}{_VILE}\b(?!\W\w+(?:ion|ment|cy|s)\b)"),
    _sign("hate", 0.9, rf"\b(?P<group>{_GROUP})\b{_gap(8)}{_PROFANE}\b"),
    _sign(
        "hate",
        0.9,
        rf"\b(?:{_SCORNED}|{_PROFANE})\b(?:\W{{1,4}}(?:all|these|those|the|you|a|an|with|as|like|at|up|is"
        rf"|it|off|by)){{0,4}}\W{{1,4}}(?P<group>{_GROUP})\b",
    ),
    _sign(
        "hate",
        0.9,
        rf"\b{_VILE}\b(?:\W{{1,4}}(?:as|than|is|these|those|the|a|an)){{1,3}}\W{{1,4}}(?P<group>{_GROUP})\b",
    ),
    _sign("hate", 0.9, rf"\b(?P<group>{_GROUP})\b{_gap(7)}{_EXCLUDED}"),
    _sign(
        "hate",
        0.8,
        rf"\b(?:{_EXCLUDED}|never trust|no(?:thing|body) (?:is )?worse than|more valuable than"
        rf"|must not let|allowing any more|too many)\b{_gap(8)}(?P<group>{_GROUP})\b",
    ),
    _sign("violence", 0.95, rf"\b{_WANTS}\b{_gap(6)}(?:{_HARM}|{_HARM_PHRASE})\b{_gap(6)}(?P<group>{_GROUP})\b"),
    _sign("violence", 0.95, rf"\b(?P<group>{_GROUP})\b{_gap(5)}{_WANTS}\b{_gap(6)}(?:{_HARM}|{_HARM_PHRASE})\b"),
    _sign("violence", 0.95, rf"\b{_WANTS}\b{_gap(4)}(?P<group>{_GROUP})\b{_gap(5)}(?:{_HARM}|{_HARM_PHRASE})\b"),
    _sign(
        "violence",
        0.95,
        rf"^\W*(?:{_HARM}|{_HARM_PHRASE})\b(?:\W+(?:to|all|every|the|these|those|any|a|an|of"
        rf"|them)){{0,3}}\W+(?P<group>{_GROUP})\b",
    ),
    _sign(
        "violence",
        0.95,
        r"\bkill (?:your ?sel(?:f|ves)|urself)\b|\bkys\b|\bgo die\b|\bhope you die\b|\byou (?:should"
        r"|deserve to) die\b",
    ),
    _sign(
        "threat",
        0.95,
        r"\b(?:i|we)(?:'ll|'m| am| will| are|'re)?(?: going to| gonna| want to)?(?: just)? (?:kill"
        r"|murder|rape|shoot|stab|strangle|behead) (?:you|your family|him|her|them all)\b(?! (?:an?"
        r"|the) (?:e-?mail|message|note))",
    ),
    _sign(
        "abuse",
        0.8,
        rf"^\W*fuck off\b|\b(?:you|just|so) (?:can )?fuck off\b|\bfuck {_YOU}\b"
        rf"|\bgo (?:and )?fuck {_YOU}\b|\b{_YOU} (?:(?:are|'re) )?(?:all )?(?:an? |such an? |just an? "
        rf"|nothing but an? )?(?:\w+ing |total |complete |stupid )?{_INSULTS}s?\b",
    ),
    _sign(
        "slur",
        0.9,
        rf"\b(?:typical|common|just an?|nothing but an?|too many|these|those|bunch of|natural for an?"
        rf"|fucking|filthy|dirty|stupid|all|you|hate|kill)\W{{1,4}}(?:\w{{1,20}}\W{{1,4}})?{_SLUR}\b"
        rf"|\b{_SLUR} like you\b|\b(?:nigger|kike|wetback|raghead|towelhead|rapefugee|sandnigger|muzzie"
        rf"|shemale|tranny|trannie|faggot|spic|coon)s? (?:just|are|should|can|can't|behaviou?r|go|out)\b",
    ),
    _sign(
        "abuse",
        0.9,
        r"(?:お前|おまえ|てめ[えぇー]|あいつ|こいつ|貴様"
        r"|あんた)[らたち]*[はがもをに、]?[^。！？\n]{0,10}(?:死ね|殺(?:す|して"
        r"|せ)|くたばれ|消えろ|クズ|くず|ゴミ|カス|馬鹿野郎|バカ野郎)",
    ),
    _sign(
        "violence",
        0.9,
        r"(?:^|[^ぁ-ん一-龯ァ-ヶ])(?:死ね|氏ね|くたばれ|殺すぞ|ぶっ殺)(?!ない|なく|ば)|死ねばいい|殺してやる|ぶっ殺",
    ),
    _sign(
        "hate",
        0.9,
        r"(?P<group>在日|朝鮮人|韓国人|中国人|黒人|外国人|移民|難民|障害者|障がい者"
        r"|同性愛者|ゲイ|レズビアン|トランスジェンダー|ユダヤ人|イスラム教徒|ムスリム|女ども|女性"
        r"|女)[^。！？\n]{0,14}(?:死ね|殺せ|殺す(?:べき|しか)|出(?:て"
        r"|でて)い[けくっ]|追い出せ|(?:ゴミ|クズ|害虫|寄生虫|ダニ)(?:だ|ども|め|以下"
        r"|みたい|のよう|で(?:す|ある|しか)|ばかり|[！!。]|$)|劣等|劣って|下等"
        r"|人間では?ない|気持ち悪い|キモい|消えろ|消えてほしい|大嫌い|絶滅)",
    ),
    _sign(
        "slur",
        0.9,
        r"(?<![ァ-ヶー])(?:シナ|チョン)(?:ども|公|め|人)|土人ども|キチガイ(?:ども|め|が)|ガイジ(?:が|め|か|だ|$)",
    ),
)

_DENIED = re.compile(
    r"\b(?:no|not|never|nobody|none|without|cannot|nothing wrong|opposite|don't|doesn't|didn't|isn't|aren't|won't"
    r"|wouldn't|shouldn't|mustn't|can't (?:say|believe|accept|call|think)|tolerate|against|stop|oppose|condemn\w*"
    r"|protect\w*|instead of)\b"
)
_RHETORICAL = re.compile(
    r"\b(?:isn't it|is it not|aren't|doesn't this|does this not|don't you|do(?:n't)? people (?:really )?not"
    r"|can't you|why (?:don't|not)|can't help \w+|cannot stand|can't (?:really )?stand|can not stand|not even)\b"
)
_SAID = (
    r"(?:sa(?:y|ys|id|ying)|call(?:s|ed|ing)?|wr(?:ite|ites|ote|iting)|post(?:s|ed|ing)|tweet\w*|threaten\w*"
    r"|tell(?:s|ing)?|told|claim\w*|chant\w*|wish\w*|comment\w*|believ\w+|contempt)"
)
_REPORTED = re.compile(rf"\b{_SAID}\b")
_QUOTES_IT = re.compile(
    rf"\b(?:{_SAID}|hear\w*|phrase\w*|words?|like|stuff|terms?|quot\w*|statement\w*|translat\w*|mean\w*|messages?"
    rf"|reviews?)\b"
)
_CONDEMNED = re.compile(
    r"\b(?:bigot\w*|racis\w*|sexis\w*|misogyn\w*|homophob\w*|transphob\w*|islamophob\w*|xenophob\w*|antisemit\w*"
    r"|hate speech"
    r"|hateful|unacceptable|offensive|inappropriate|not ok(?:ay)?|wrong|shame|stop (?:calling|saying)|have to stop"
    r"|consequences|banned|jail|court|prison|illegal to|lost (?:all )?respect|reported|policy|how dare|misguided"
    r"|hurts|(?:has|have) to stop|disrespect\w*|respect|why would you think"
    r"|don't (?:call|say)|thrown in|counts?|can't seriously|what makes you)\b"
)
_OURS = re.compile(r"\b(?:ourselves|we the|my|us|our word|like me|like us|i(?:'m| am)|being a|love being)\b")
_MENTIONED = re.compile(rf"\b{_GROUP}\b")
_THEY = re.compile(r"\b(?:they|them|these people|those people)\b")
_QUOTED = re.compile(r"[\"“«「『]([^\"”»」』]{2,200})[\"”»」』]")

_SENTENCE = re.compile(r"[^.!?。！？\n]{1,1000}[.!?。！？]{0,100}")
_REPEATED = re.compile(r"([^\W\d_])\1{2,}")
_LATIN_WORD = re.compile(r"[a-z]{4,30}")
_GLUE = tuple("all are behavior behaviour i just like really so their these those to you".split())
_OFTEN_MASKED = (
    "women woman muslim muslims immigrant immigrants black trans disabled people person refugees foreigners hate "
    "hates hatred loathe contempt threat"
)
# What a slip of one of the words above gives, and is a word itself.
_REAL_WORDS = frozenset("apse beta brunt cons hats lairs lars lathe loath morn pets refuges".split())


class ToxicityCheck:
    """SafetyCheck named "toxicity": blocks; its reason is hate, violence, threat, abuse or slur."""

    name = "toxicity"
    version = "1"
    origins: frozenset[Origin] = frozenset({"question", "answer"})

    def __init__(self) -> None:
        known = f"{_SLUR}|{_PROFANE}|{_VILE}|{_HARM}|{_INSULTS}|{_OFTEN_MASKED}"
        self._words = frozenset(re.findall(r"[a-z]{3,}", known))
        self._slips = _slips(self._words)
        self._masked = self._words | self._slips.keys()

    def check(self, text: str, *, part: str, origin: Origin, language: str) -> list[Verdict]:
        found = max(self._found(text), default=None, key=lambda sign: sign.weight)
        return [] if found is None else [Verdict(self.name, part, "block", found.reason, found.weight)]

    def _found(self, text: str) -> Iterator[_Sign]:
        plain = self._plain(text)
        said = _SENTENCE.findall(plain)
        groups = [match[0] if (match := _MENTIONED.search(sentence)) else "" for sentence in said]
        for number, sentence in enumerate(said):
            near = slice(max(0, number - 1), number + 2)
            around = " ".join(said[near])
            yield from _hostile(sentence, around=around)
            # "They" are the group of this sentence, of the one before or of the one after.
            group = groups[number] or next(filter(None, groups[near]), "")
            if group and _THEY.search(sentence):
                yield from _hostile(_THEY.sub(group, sentence), around=around)

    def _plain(self, text: str) -> str:
        """The text in lower case with evasions undone."""
        plain = _REPEATED.sub(r"\1", undisguised(text, words=self._masked))
        return _LATIN_WORD.sub(lambda match: self._mended(match[0]), plain)

    def _mended(self, word: str) -> str:
        if word in self._words:
            return word
        if word in self._slips:
            return self._slips[word]
        for glue in _GLUE:
            if word.endswith(glue) and word[: -len(glue)] in self._words:
                return f"{word[: -len(glue)]} {glue}"
            if word.startswith(glue) and word[len(glue) :] in self._words:
                return f"{glue} {word[len(glue) :]}"
        return word


def _slips(words: frozenset[str]) -> dict[str, str]:
    """Each word by what it becomes with a vowel dropped or two letters swapped, the first letter kept."""
    slips: dict[str, str] = {}
    for word in sorted(words):
        for i in range(1, len(word)):
            if word[i] in "aeiou" and len(word) > 4:
                slips.setdefault(word[:i] + word[i + 1 :], word)
            if i + 1 < len(word) > 3:
                slips.setdefault(word[:i] + word[i + 1] + word[i] + word[i + 2 :], word)
    return {slip: word for slip, word in slips.items() if slip not in words and slip not in _REAL_WORDS}


def _hostile(sentence: str, *, around: str) -> Iterator[_Sign]:
    for sign in _HOSTILE:
        for match in sign.pattern.finditer(sentence):
            if not _excused(sentence, match, sign.reason, around):
                yield sign
                break


def _excused(sentence: str, match: re.Match[str], reason: str, around: str) -> bool:
    """True for what is denied, reported or condemned, here or in the sentences around it."""
    for quoted in _QUOTED.finditer(sentence):
        if quoted.start() < match.end() and match.start() < quoted.end():
            outside = sentence[: quoted.start()] + sentence[quoted.end() :]
            if _QUOTES_IT.search(outside) or _CONDEMNED.search(outside):
                return True
    if _CONDEMNED.search(around) and _REPORTED.search(around):
        return True
    if reason == "slur":
        return bool(_OURS.search(sentence))
    if reason in ("hate", "violence"):
        said = _RHETORICAL.sub(" ", sentence[: match.end()])
        return bool(_DENIED.search(said)) and not re.search(_EXCLUDED, match[0])
    return False
