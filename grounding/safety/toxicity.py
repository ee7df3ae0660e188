"""Offensive content: hatred of people for what they are, threats, calls to violence, abuse of the reader. By rules.

A swear word is no offence by itself, and neither is the name of a group: what is looked for is hostility directed at
someone. What is quoted to be condemned, denied or reported passes. Evasions (h4te, s c u m, zero-width characters, a
vowel dropped, letters swapped, words run together) are undone on a copy.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import chain

from grounding.safety.disguise import undisguised
from grounding.safety.hostile_chinese import CHINESE
from grounding.safety.hostile_english import ENGLISH
from grounding.safety.hostile_french import FRENCH
from grounding.safety.hostile_german import GERMAN
from grounding.safety.hostile_japanese import JAPANESE
from grounding.safety.hostile_portuguese import PORTUGUESE
from grounding.safety.hostile_spanish import SPANISH
from grounding.safety.hostility import Form, Lexicon
from grounding.values import Finding, Origin

_LANGUAGES = (ENGLISH, JAPANESE, GERMAN, SPANISH, FRENCH, PORTUGUESE, CHINESE)
_SENTENCE = re.compile(r"[^.!?。！？．\n]{1,500}(?:[.!?](?=\w)[^.!?。！？．\n]{1,100}){0,40}[.!?。！？．]{0,100}")
_TOKEN = re.compile('[^\\W_]{1,60}|["“”„«»「」『』\u2600-\u27bf\U0001f300-\U0001faff]')
_ACCENTS = re.compile("[\u0300-\u036f]")
_UNSPACED = re.compile("[\u3041-\u30ff\u3400-\u9fff]")
_KANA = re.compile("[\u3041-\u30ff]")
_FILLING = re.compile("(?<=[\u3041-\u30ff\u3400-\u9fff4])[ \u30fb.*_/\\-]{1,3}(?=[\u3041-\u30ff\u3400-\u9fff])")
"""What is set between characters to part a word that is looked for."""
_REFERS = {"T": re.compile("G"), "Y": re.compile("GI?Y|YI?a{0,2}G")}
"""What in a sentence or beside it says that "they" or "you" are a group."""
_ENOUGH = 2
"""So many different function words tell a language."""
_LATE = 3
"""Letters after a match within which a negation that follows counts."""


class ToxicityCheck:
    """SafetyCheck named "toxicity": finds sentences; their kind is hate, violence, threat, abuse or slur."""

    name = "toxicity"
    version = "2"
    origins: frozenset[Origin] = frozenset({"question", "answer"})

    def __init__(self) -> None:
        self._lexicons = [Lexicon(words) for words in _LANGUAGES]
        self._told_by = _told_by(self._lexicons)
        self._mended = {each.words.language: Mended(each) for each in self._lexicons if each.words.spaced}
        self._masked = frozenset(chain.from_iterable(each.marked for each in self._mended.values()))

    def find(self, text: str, *, origin: Origin, language: str) -> list[Finding]:
        spans = [match.span() for match in _SENTENCE.finditer(text) if not match[0].isspace()]
        plain = [undisguised(text[start:end], words=self._masked) for start, end in spans]
        words = [_TOKEN.findall(_ACCENTS.sub("", unicodedata.normalize("NFD", each))) for each in plain]
        unspaced = [_signs(each) for each in plain] if _UNSPACED.search(text) else []
        worst: dict[int, Form] = {}
        said = frozenset(chain.from_iterable(words))
        for each in self._lexicons:
            if each.words.language != language and not self._may_be(each.words.language, text, said, detected=language):
                continue
            mended = self._mended.get(each.words.language)
            tokens = [mended.all(sentence) for sentence in words] if mended else unspaced
            for number, form in _hostile(each, tokens):
                if number not in worst or worst[number].score < form.score:
                    worst[number] = form
        return [Finding(worst[n].kind, *_trimmed(text, *spans[n]), worst[n].score) for n in sorted(worst)]

    def _may_be(self, language: str, text: str, said: frozenset[str], *, detected: str) -> bool:
        """Whether a text may be in a language though another was detected: short and masked texts mislead."""
        if language in ("ja", "zh"):
            return bool(_KANA.search(text)) == (language == "ja")
        if language == "en":
            return True
        told = {other: len(words & said) for other, words in self._told_by.items()}
        return told[language] >= max(_ENOUGH, told.get(detected, 0) + 1)


def _told_by(lexicons: Sequence[Lexicon]) -> dict[str, frozenset[str]]:
    """What each language but English is told by where the detected language says otherwise."""
    english = next(each.plain() for each in lexicons if each.words.language == "en")
    others = [each for each in lexicons if each.words.spaced and each.words.language != "en"]
    return {each.words.language: each.function_words() - english for each in others}


def _signs(plain: str) -> list[str]:
    """The characters of a sentence that sets no spaces, between its edges."""
    return ["^", *_FILLING.sub("", plain).strip("。.!?！？ "), "。"]


class Mended:
    """Words as they were meant: digits for letters, letters repeated, dropped or swapped, words run together."""

    def __init__(self, words: Lexicon) -> None:
        self._alone = words.marked()
        self.marked = self._alone | words.parts()
        self._known = self._alone | words.plain()
        self._slips = _slips(self.marked, self._known)

    def all(self, words: Sequence[str]) -> list[str]:
        """The words of a sentence, mended."""
        return [part for word in words for part in self.one(word)]

    def one(self, word: str) -> Sequence[str]:
        """The word or words of the lists that a word stands for, or itself."""
        if word in self._known or word in _REAL_WORDS or not _MENDABLE.fullmatch(word):
            return (word,)
        if (meant := word.translate(_LEET)) in self._known and not word.isalpha():
            return (meant,)
        for meant in (_REPEATED.sub(r"\1", word), _REPEATED.sub(r"\1\1", word)):
            if meant in self.marked:
                return (meant,)
        if word in self._slips:
            return (self._slips[word],)
        return self._apart(word)

    def _apart(self, word: str) -> Sequence[str]:
        for cut in range(1, len(word)):
            left, right = word[:cut], word[cut:]
            if left in self._known and right in self._known and (self._marks(left, right) or self._marks(right, left)):
                return (left, right)
        return (word,)

    def _marks(self, word: str, other: str) -> bool:
        return len(word) > 3 and word in self._alone and (len(other) > 1 or other in ("a", "i"))


_MENDABLE = re.compile("[a-z0-9]{3,30}")
_REPEATED = re.compile(r"([a-z])\1{2,}")
_LEET = str.maketrans("01345789", "oieastbg")
_REAL_WORDS = frozenset(
    """
    among anticancer antivirus apathetic apikey apikeys apse aroma bast beats bests beta biol blackburn
    blackout blonds brunt burnout carp chang childless childlike cold cons crepe cruse cures cutthroat
    deadbeat deadline deadlocked dose downbeat exits fats form gong gunshot hangman hangout hangover hats
    hind hinds hose indiana jihad koran lairs lars lathe lathes latin lifeblood lifeless lifelike lifeline
    lifetime loath manslaughter morn moth neckline negros offbeat offshoot overburden overhang overkill
    persona personas pets pols psych psychosis punchline racecourse raceway rally refuge refuges roam roman
    romanian romano runs satin shootout shotgun silt slaughterhouse slither snapshot stainless stan
    therapist therapists transit tried upbeat upshot vale weevil whit whitehead
    """.split()
)
"""Real words that the repairs would make a listed word of."""


def _slips(words: frozenset[str], known: frozenset[str]) -> dict[str, str]:
    """Each word by what it becomes with a vowel dropped or two letters swapped, the first letter kept."""
    slips: dict[str, str] = {}
    for word in sorted(words):
        for i in range(1, len(word)):
            if word[i] in "aeiou" and i + 1 < len(word) > 4:
                slips.setdefault(word[:i] + word[i + 1 :], word)
            if i + 1 < len(word) > 3:
                slips.setdefault(word[:i] + word[i + 1] + word[i] + word[i + 2 :], word)
    return {slip: word for slip, word in slips.items() if slip not in known}


def _hostile(words: Lexicon, tokens: Sequence[Sequence[str]]) -> Iterator[tuple[int, Form]]:
    """The hostile ones of sentences, by number, with what they are."""
    if not any(words.concerned(each) for each in tokens):
        return
    sentences = [words.letters(each) for each in tokens]
    for number, sentence in enumerate(sentences):
        around = "".join(sentences[max(0, number - 1) : number + 2])
        readings = {sentence}
        for letter, group in _REFERS.items():
            if letter in sentence and group.search(around):
                readings.add(sentence.replace(letter, "G"))
        for reading in readings:
            for form in words.forms:
                late = _LATE if words.words.negates_after else 0
                matches = form.pattern.finditer(reading)
                if any(not _excused(reading, match, form.kind, around, late) for match in matches):
                    yield number, form


def _excused(letters: str, match: re.Match[str], kind: str, around: str, late: int) -> bool:
    """True for what is denied, reported or condemned, here or in the sentences around it."""
    outside = "".join(letters.split("q")[::2])
    if letters.count("q", 0, match.start()) % 2 and ("R" in outside or "C" in outside):
        return True
    if "C" in around and "R" in around:
        return True
    if kind == "slur":
        return "O" in letters or "R" in letters
    if kind == "violence" or (kind == "hate" and "X" not in match[0]):
        return "N" in letters[: match.end() + late]
    return False


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at its edges."""
    found = text[start:end]
    return start + len(found) - len(found.lstrip()), end - len(found) + len(found.rstrip())
