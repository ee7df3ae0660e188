"""Conversation turns -> a window within the budget, and a stand-alone question. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from grounding import analysis
from grounding.refusals import NO_ANSWER
from grounding.values import Turn

RECENT_TURNS = 6
"""What was said before these is not looked at: work is bounded, and a subject seldom lasts longer unnamed."""
LEAD_CHARS = 300
"""Of an earlier question, at most so much goes into a stand-alone form."""
ANSWER_CHARS = 160
"""Of the last answer: its beginning, which names what it is about."""
SHORT = 16
"""Letters of a question that rarely stands alone: "And in Japan?", "大阪は？"."""
RICH = 80
"""A question of more letters names what it asks for; an "it" or "that" in it seldom points out of it."""
TELLING = 20
"""Letters of a question whose language can be told from it alone."""
RELATED = 0.6
"""Share of a question's words that were said before, from which on it goes on with their subject."""
_LETTERS_PER_SIGN = (
    (re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"), 2.5),
    (re.compile(r"[\uac00-\ud7af]"), 2.0),
)
"""A sign of these writings, Chinese characters and Hangul, says about as much as so many letters of an alphabet."""


@dataclass(frozen=True, slots=True)
class _Cues:
    """Words of one language that lean on what was said: at the beginning of a question, or anywhere in it."""

    opening: frozenset[str]
    pointing: frozenset[str]


def _cues(opening: str, pointing: str) -> _Cues:
    return _Cues(frozenset(opening.split()), frozenset(pointing.split()))


_CUES = {
    "en": _cues(
        "and or but so also then why really ok okay yes no more else instead what's",
        "it its they them their theirs he him his she her hers this that these those there then one ones same such "
        "former latter else instead too either both another other others",
    ),
    "de": _cues(
        "und aber oder also dann warum wieso weshalb ja nein",
        "er sie es ihn ihm ihr ihre ihrer ihren ihrem dort da davon dafür damit daran darüber dabei dazu dagegen "
        "dies diese dieser dieses diesem diesen jene jener jenes dessen deren solche andere anderen "
        "anderer stattdessen",
    ),
    "fr": _cues(
        "et mais ou alors donc pourquoi oui non sinon",
        "il elle ils elles celui celle ceux celles cela ça ce cet cette ces leur leurs lui y en là autre autres",
    ),
    "es": _cues(
        "y e pero o entonces porqué sí no",
        "él ella ellos ellas eso esa ese esos esas esto esta este estos estas allí ahí su sus lo le les otro otra "
        "otros otras",
    ),
    "it": _cues(
        "e ed ma o allora perché sì no",
        "lui lei loro esso essa essi esse questo questa questi queste quello quella quelli quelle lì là ne ci suo sua "
        "suoi sue altro altra altri altre",
    ),
    "pt": _cues(
        "e mas ou então porquê sim não",
        "ele ela eles elas isso isto aquilo esse essa esses essas este esta estes estas lá ali seu sua seus suas dele "
        "dela deles delas outro outra outros outras",
    ),
    "nl": _cues(
        "en maar of dus dan waarom ja nee",
        "hij zij ze hem haar hun dit dat deze die daar ervan ermee erover daarvan daarvoor andere",
    ),
    "ru": _cues(
        "и а но или тогда почему зачем да нет",
        "он она оно они его её ее ему ей им ими их нём нем ней них там туда оттуда это этот эта эти этого этой этом "
        "этих такой такая такие тот та те том другой другие других",
    ),
    "ar": _cues(
        "و أو لكن لماذا وماذا وكيف ومتى وأين ومن وهل وما ثم نعم لا",
        "هو هي هم هما هذا هذه ذلك تلك هؤلاء هناك هنا فيه فيها منه منها له لها لهم به بها عنه عنها",
    ),
    "hi": _cues(
        "और या लेकिन तो क्यों फिर हाँ नहीं",
        "यह वह ये वे इस उस इन उन इसका इसकी इसके उसका उसकी उसके इनका इनकी इनके उनका उनकी उनके इसे उसे इन्हें उन्हें इसमें उसमें "
        "वहाँ वहां यहाँ यहां",
    ),
    "ko": _cues(
        "그럼 그러면 그리고 그런데 하지만 왜 또 또는 그래서",
        "그 이 저 그것 그것은 그것이 그것을 이것 이것은 거기 거기서 그곳 그곳은 그녀 그녀는 그는 그의 "
        "그들 그들은 그들의",
    ),
}
"""Other languages are told by length and by repeated words alone. No cue is a cue in every language: "es" is "it" in
German and "is" in Spanish."""
_WORD_EDGE = re.compile(r"[\s'’.,;:!?…¿¡()\[\]\"“”«»„؟،।/-]+")
_OPENING_PHRASE = re.compile(
    r"(?:what about|how about|what if|how so|in that case|for example|tell me more|go on|please explain|"
    r"was ist mit|wie sieht es|wie steht es|et si|qu['’]en est-il|qué (?:pasa con|tal)|por qué|por que|e se|"
    r"hoe zit|а как|что насчёт|что насчет|ماذا عن)\b",
    re.IGNORECASE,
)
_UNSPACED_CUE = re.compile(
    r"^(?:では|じゃ|それ|その|そこ|そう|これ|この|ここ|あの|あれ|彼|彼女|同じ|ほか|他に|また|そして|なら|ちなみに|もっと|なぜ|どうして)|"
    r"それ|その|そこ[でにはのへ]|これら|同(?:社|氏|国|市|校|年|店)|彼(?:[らはがのを]|女)|当時|"
    r"^.{1,8}(?:は|では|だと|なら)[?？。]?$|の場合は?[?？。]?$|"
    r"^(?:那|还有|還有|为什么|為什麼|为何|為何|而且|但是|如果|它|他|她|这|這)|[它她]|[这這那](?:个|個|些|里|裡|种|種|是|家|位)|呢[?？。]?$|"
    r"^แล้ว|(?:ที่นั่น|อันนั้น|สิ่งนั้น|ทำไม)"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff]")
_LETTER = re.compile(r"[^\W\d_]")
_NO_ANSWER = re.compile(
    r"\b(?:(?:do|does|did|could|can|was|is|am|are)(?: not|n['’]?t)|cannot|unable to|sorry|apologi[sz]e)\b|"
    r"has been deleted|\b(?:no (?:information|answer|details?)|nicht|keine|leider|pas|aucune?|désolée?|siento|"
    r"ninguna?|não|nenhuma?|purtroppo|nessuna?|niet|geen|helaas)\b|\bне\b|нет |извин|"
    r"ません|ございません|わかりかね|没有|沒有|无法|無法|不知道|抱歉|없습니다|모르|죄송|"
    r"नहीं|عذر|لا (?:أعرف|يوجد|توجد)|ไม่(?:ทราบ|พบ|มี)",
    re.IGNORECASE,
)
_NO_ANSWER_CHARS = 160
"""A longer text that says no says something else besides."""
_SAYS_MUCH = re.compile(rf"^(?![\u3041-\u309f]+$)(?:.*\d|.{{4}}|.*{_UNSPACED.pattern})")
_STEM = 6
"""So many letters tell a word from others whatever its ending, well enough to see that it was said before."""
_STOP = frozenset(
    analysis.terms(
        "a an and are as at be but by can could did do does for from had has have how i if in is it me my of on or our "
        "please so tell than that the their them then there these they this to us was we were what when where which "
        "who whom whose why will with would you your about ください とは ですか ますか でしょうか 何で いつ どこ だれ"
    )
)


def window(
    turns: Sequence[Turn], *, budget: int, count_tokens: Callable[[Sequence[str]], list[int]]
) -> tuple[Turn, ...]:
    """The latest turns whose contents together have at most `budget` tokens, oldest first, never a part of one."""
    kept: list[Turn] = []
    left = budget
    counts = count_tokens([turn.content for turn in turns]) if turns else []
    for turn, tokens in zip(reversed(turns), reversed(counts), strict=True):
        if tokens > left:
            break
        left -= tokens
        kept.append(turn)
    return tuple(reversed(kept))


@dataclass(frozen=True, slots=True)
class InContext:
    """A question in the light of the turns before it. `standalone` is itself, or, where it leans back, the questions
    that it leans on and itself, a line each. `context` is what else is searched with that: "" after a change of
    subject, else the beginning of the last answer, under its question."""

    standalone: str
    context: str = ""


def in_context(question: str, turns: Sequence[Turn], *, language: str = "und") -> InContext:
    """What a question takes over from the turns before: nothing where it names its subject by itself and its words were
    not said before."""
    recent = turns[-RECENT_TURNS:]
    leans = leans_back(question, language=language)
    if not recent or not (leans or _is_related(question, recent)):
        return InContext(question)
    leads, answer = _leads(recent, language=language), _answer(recent)
    if leans:
        return InContext(_lines(*leads, question), answer)
    return InContext(question, _lines(*leads, answer))


def language(question: str, turns: Sequence[Turn], *, language_of: Callable[[str], str]) -> str:
    """The ISO 639-1 code of a question; of one that is too short to tell, together with the question before it, if
    both are in one script."""
    before = next((turn.content for turn in reversed(turns) if turn.role == "user"), "")
    if not before or letters(question) > TELLING or not _scripts(question) <= _scripts(before):
        return language_of(question)
    return language_of(f"{_beginning(before, LEAD_CHARS)}\n{question}")


def leans_back(question: str, *, language: str = "und") -> bool:
    """Whether a question seems to need what was said before it, by its own words and length."""
    text = question.strip()
    size = letters(text)
    if size <= SHORT or _OPENING_PHRASE.match(text):
        return True
    if size > RICH:
        return False
    words = [word for word in _WORD_EDGE.split(text.casefold()) if word]
    cues = _CUES.get(language, _CUES["en"])
    return (
        bool(_UNSPACED_CUE.search(text))
        or (bool(words) and words[0] in cues.opening)
        or not cues.pointing.isdisjoint(words)
    )


def letters(text: str) -> float:
    """How much a text says, in letters of an alphabet; digits and punctuation do not count."""
    extra = sum(len(signs.findall(text)) * (worth - 1) for signs, worth in _LETTERS_PER_SIGN)
    return len(_LETTER.findall(text)) + extra


def _scripts(text: str) -> frozenset[str]:
    """The scripts of a text's letters; kana and Chinese characters, which Japanese mixes, count as one."""
    names = {unicodedata.name(letter, "").split(" ")[0] for letter in _LETTER.findall(text)}
    return frozenset("CJK" if name in ("HIRAGANA", "KATAKANA") else name for name in names)


def content_terms(text: str) -> list[str]:
    """Index terms of a text without function words."""
    return [term for term in analysis.terms(text) if term not in _STOP]


def _lines(*texts: str) -> str:
    """The texts that say something, each once, where it is said last."""
    return "\n".join([*dict.fromkeys(filter(None, reversed(texts)))][::-1])


def _is_related(question: str, turns: Sequence[Turn]) -> bool:
    """Whether enough of the question's words were said in the turns."""
    own = _keys(question)
    said = _keys("\n".join(turn.content[:2000] for turn in turns))
    return bool(own) and len(own & said) >= RELATED * len(own)


def _keys(text: str) -> frozenset[str]:
    """Words that carry a subject, cut to what endings leave alone. Short words of an alphabet, which in every language
    are mostly function words, and those of hiragana are left out."""
    return frozenset(term[:_STEM] for term in content_terms(text) if _SAYS_MUCH.search(term))


def _leads(turns: Sequence[Turn], *, language: str) -> list[str]:
    """The last question, and, if that leans back too, the one that it all began with, oldest first."""
    asked = [turn.content for turn in turns if turn.role == "user"]
    if not asked:
        return []
    began = next((text for text in reversed(asked) if not leans_back(text, language=language)), asked[0])
    return [_beginning(text, LEAD_CHARS) for text in dict.fromkeys((began, asked[-1]))]


def _answer(turns: Sequence[Turn]) -> str:
    """The beginning of the last answer that says something; "" if there is none."""
    answers = (turn.content.strip() for turn in reversed(turns) if turn.role == "assistant")
    told = next((text for text in answers if not says_nothing(text)), "")
    return _beginning(told, ANSWER_CHARS)


def says_nothing(answer: str) -> bool:
    """Whether an answer only says that there is none."""
    if answer.startswith(tuple(NO_ANSWER.values())):  # what was found nearest may follow
        return True
    return letters(answer) <= _NO_ANSWER_CHARS and (not answer or bool(_NO_ANSWER.search(answer)))


def _beginning(text: str, most: int) -> str:
    """The first `most` characters of a text in one line, no word cut."""
    line = " ".join(text[: 4 * most].split())
    if len(line) <= most:
        return line
    cut = line[:most]
    return cut if _UNSPACED.match(cut[-1]) else cut.rpartition(" ")[0] or cut
