"""Text -> terms of the lexical index: the same on both sides, for documents and for questions. Pure.

- Words of alphabets: NFKC, case-folded, stemmed by the language of the passage (Snowball), accents and vowel points
  folded away, so that both spellings are found. A word in another script than the language's is stemmed by its script.
- Han, kana, Hangul, Thai and their like, which are written without spaces: overlapping pairs of characters, or of
  clusters where a character cannot stand alone; a number among them counts as one character (第12条: 第12, 12条). Han
  characters and such clusters also by themselves, and Japanese also by words.
- Codes such as ERR-4012, v2.3.1, HX200: the whole code, whichever way it is joined, and its parts. 1,000 is 1000, and
  e-mail is also email.
- Pairs of neighbouring words, which weigh little and tell "rate of growth" from "growth rate".

A question is asked in the stems of every language that the collection holds, since the language of a short question
is easily mistaken; function words of its language are left out.
"""

from __future__ import annotations

import itertools
import re
import threading
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import Stemmer

from grounding import japanese
from grounding.stopwords import STOP_WORDS

VERSION = "2"
"""Of `terms`."""
INDEX_VERSION = f"{VERSION} snowball-{Stemmer.version()} sudachi-{japanese.dictionary_version()}"
"""Of `index_terms`. Part of a lexical index: one of another version is rebuilt."""

UNKNOWN = "und"
PAIR_WEIGHT = 0.1
"""Of two neighbouring words. nDCG@10 of 0, 0.1 and 0.2: SciFact 0.686, 0.695, 0.696, MTRAG 0.772, 0.781, 0.779."""
KANA_WEIGHT = 0.3
"""Of two hiragana, which are mostly grammar. nDCG@10 on JSQuAD at 0, 0.3 and 1: 0.9444, 0.9449, 0.9433."""
CHARACTER_WEIGHT = 0.3
"""Of a Han character, or a Thai cluster, by itself. nDCG@10 on JSQuAD at 0, 0.2 and 0.4: 0.945, 0.947, 0.947."""
MOST_KINDS = 12
"""In whose stems a question is asked; all count the same. nDCG@10 on SciFact with 30 % of the passages taken for
French, German or Spanish, their stems at 0.2, 0.5 and 1 of the question's own: 0.671, 0.693, 0.706; 0.703 unharmed."""

_LONGEST = 64
_EXTRA = "¦"
"""Before terms that are no neighbours of others, and between two that are: it is in no word."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # kana, Han
    "\uac00-\ud7af"  # Hangul
    "\U00020000-\U0003ffff"
)


def _marks() -> str:
    """The combining marks as a class of characters: to `re` they are not part of a word, to readers they are."""
    points = [point for point in range(0x300, 0x20000) if unicodedata.category(chr(point)) in ("Mn", "Mc")]
    return "".join(f"{chr(point)}" for point in points)


_LETTER = rf"(?:[^\W_{_UNSPACED}][{_marks()}]*)"
_JOINT = r"(?:[.\-_/':+#]|(?<=\d),(?=\d{3}(?!\d)))"
_NUMBER = r"\d+(?:[.,]\d+)*"
_TOKEN = re.compile(
    rf"(?P<unspaced>(?:{_NUMBER})?[{_UNSPACED}](?:[{_UNSPACED}]|{_NUMBER})*)"
    rf"|(?P<word>{_LETTER}+(?:{_JOINT}{_LETTER}+)*(?:(?:\+\+|#)(?!\w))?)"
)
_ASCII_TOKEN = re.compile(rf"(?P<unspaced>\b\B)|(?P<word>[^\W_]+(?:{_JOINT}[^\W_]+)*(?:(?:\+\+|#)(?!\w))?)", re.ASCII)
_UNIT = re.compile(
    rf"{_NUMBER}"
    "|[\u0e40-\u0e44]?[\u0e01-\u0e2e][\u0e30-\u0e3a\u0e45-\u0e4e]*"  # Thai: vowels and tones belong to a consonant
    "|[\u0ec0-\u0ec4]?[\u0e81-\u0eae\u0edc-\u0edf][\u0eb0-\u0ebd\u0ec6-\u0ece]*"  # Lao
    "|[\u1000-\u102a\u103f](?:[\u102b-\u1038\u103a-\u103e]|\u1039[\u1000-\u102a])*"  # Myanmar
    "|[\u1780-\u17b3](?:[\u17b4-\u17d1\u17d3\u17dd]|\u17d2[\u1780-\u17b3])*"  # Khmer
    "|.",
    re.DOTALL,
)
_COMPOUND_UNIT = re.compile(r"[\d\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
_ALONE = re.compile(rf"{_EXTRA}|(?:{_NUMBER})?[{_UNSPACED}]")
_MEANS_SOMETHING = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Of characters and clusters those that can be a word: Han, and the syllables of Thai and its like."""
_JAPANESE = re.compile("[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_HIRAGANA = re.compile("[\u3040-\u309f]+\\Z")
_PART = re.compile(rf"{_LETTER}+")
_DIGIT = re.compile(r"\d")
_CONTRACTED = frozenset(("s", "t", "re", "ve", "ll", "d", "m"))
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,]\d{3})+")
_SPLIT_THOUSANDS = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")
_LETTERS_DIGITS = re.compile(r"([^\W\d_]{2,})(\d+)\Z")
_NEEDLESS_JOINT = re.compile(r"(?<!\d)[.\-_/':+#]|[.\-_/':+#](?!\d)")
_ACRONYM = re.compile(r"(?<![^\W_])[A-Z]{2,}(?![^\W_])")
_SIGNS = {ord(dash): "-" for dash in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"} | {ord("’"): "'", ord("ʼ"): "'"}

Script: TypeAlias = Literal[
    "latin", "greek", "cyrillic", "armenian", "hebrew", "arabic", "devanagari", "tamil", "other"
]
_BLOCKS: tuple[tuple[int, int, Script], ...] = (
    (0x0000, 0x02AF, "latin"),
    (0x1E00, 0x1EFF, "latin"),
    (0x0370, 0x03FF, "greek"),
    (0x1F00, 0x1FFF, "greek"),
    (0x0400, 0x052F, "cyrillic"),
    (0x0530, 0x058F, "armenian"),
    (0x0590, 0x05FF, "hebrew"),
    (0x0600, 0x077F, "arabic"),
    (0x0900, 0x097F, "devanagari"),
    (0x0B80, 0x0BFF, "tamil"),
)
_BY_SCRIPT: dict[Script, str] = {
    "latin": "english",
    "greek": "greek",
    "cyrillic": "russian",
    "armenian": "armenian",
    "arabic": "arabic",
    "devanagari": "hindi",
    "tamil": "tamil",
}
_STEMMERS: dict[str, tuple[str, tuple[Script, ...]]] = {
    **{
        code: (name, ("latin",))
        for code, name in {
            "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "en": "english", "eo": "esperanto",
            "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish",
            "hu": "hungarian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nl": "dutch",
            "no": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "st": "sesotho",
            "sv": "swedish", "tr": "turkish",
        }.items()
    },
    "ar": ("arabic", ("arabic",)),
    "el": ("greek", ("greek",)),
    "fa": ("persian", ("arabic",)),
    "hi": ("hindi", ("devanagari",)),
    "hy": ("armenian", ("armenian",)),
    "ne": ("nepali", ("devanagari",)),
    "ru": ("russian", ("cyrillic",)),
    "sr": ("serbian", ("latin", "cyrillic")),
    "ta": ("tamil", ("tamil",)),
    "yi": ("yiddish", ("hebrew",)),
}  # fmt: skip
_NEAREST = {
    "af": "nl", "be": "ru", "bs": "sr", "gl": "pt", "hr": "sr", "ms": "id", "nb": "no", "nn": "no", "sh": "sr",
    "sk": "cs", "uk": "ru",
}  # fmt: skip
"""Languages without a stemmer of their own, and that whose endings are the most like theirs."""
_UNSTEMMED = frozenset(
    "az bg cy is kk ku ky la lb lv mg mk mn mt ps sd sl so sq sw tg tk tl tt ug ur uz vi xh yo zu".split()
)
KINDS: tuple[str, ...] = (*_STEMMERS, "ja", "vi", "plain", UNKNOWN)
"""What `kind` may say."""

_LOSES_MARKS: frozenset[Script] = frozenset(("latin", "greek", "hebrew", "arabic"))
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h"}
    | {"ё": "е", "ى": "ي", "ی": "ي", "ې": "ي", "ک": "ك", "ہ": "ه", "ة": "ه", "ـ": None}
)
_TO_PERSIAN = str.maketrans({"ي": "ی", "ى": "ی", "ك": "ک"})
_STRESS = re.compile("[\u0300\u0301]")
_VOWEL_POINTS = re.compile("[\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0670]")

Kind: TypeAlias = Literal["word", "code", "gram", "kana", "character"]
_WEIGHTS: dict[Kind, float] = {"kana": KANA_WEIGHT, "character": CHARACTER_WEIGHT}
_thread = threading.local()


Token: TypeAlias = tuple[str, Kind]
"""A piece of text before its language is known: words are still to be stemmed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a question asks for: terms of which any will do, and its weight, at most 1. A passage is none the
    worse without what is `spare`."""

    terms: tuple[str, ...]
    weight: float = 1.0
    spare: bool = False


def terms(text: str) -> list[str]:
    """Terms in the order of the text, repeated as often as they occur, by which texts of any language are compared."""
    return _in_stems([token for token in _tokens(_normal(text)) if token[1] != "character"], UNKNOWN)


def index_terms(text: str, language: str) -> list[str]:
    """What a passage in this language is found by: as `terms`, in its own stems; Han characters and Thai clusters also
    by themselves, or Japanese words; Vietnamese words also with their tones."""
    plain, chosen = _normal(text), kind(language)
    found = _tokens(plain)
    if chosen == "ja":  # whose words tell more than characters
        found = [token for token in found if token[1] != "character"]
    return _in_stems(found, chosen) + _extras(plain, found, chosen)


def pairs(listed: Sequence[str]) -> list[str]:
    """Of terms in their order, each two neighbours that are words, as one term."""
    words = [term.isascii() or not _ALONE.match(term) for term in listed]
    return [f"{listed[at]}{_EXTRA}{listed[at + 1]}" for at in range(len(listed) - 1) if words[at] and words[at + 1]]


def parted(term: str) -> tuple[str, str] | None:
    """The two neighbours that a term stands for, None if it is not of `pairs`."""
    first, _, second = term.partition(_EXTRA)
    return (first, second) if first and second else None


def kind(language: str) -> str:
    """One of `KINDS`, the same for languages that are analysed in the same way."""
    code = _NEAREST.get(language, language)
    if code in _STEMMERS or code in ("ja", "vi"):
        return code
    return "plain" if code in _UNSTEMMED else UNKNOWN


def question(text: str, *, language: str = UNKNOWN, held: Sequence[str] = ()) -> list[Wanted]:
    """What a question asks for, each thing once. `held` are the kinds of the passages to be searched, the most
    frequent first: what is written in them can be found, also where `language` is mistaken."""
    plain = _normal(text)
    found = _tokens(plain)
    own = _language_of(_words(found), language, held)
    kinds = held[:MOST_KINDS] or [kind(own)]
    stemmed = [_in_stems(found, each) for each in kinds]
    idle = _idle(found, own, acronyms=_acronyms(text))
    wanted: list[Wanted] = []
    for at, (_, what) in enumerate(found):
        if not idle[at]:
            wanted.append(
                Wanted(_each_once(listed[at] for listed in stemmed), _WEIGHTS.get(what, 1.0), spare=what in _WEIGHTS)
            )
    for at in range(len(found) - 1):
        both = _each_once(pair for listed in stemmed for pair in pairs(listed[at : at + 2]))
        if both and not (idle[at] and idle[at + 1]):
            wanted.append(Wanted(both, PAIR_WEIGHT, spare=True))
    wanted += [Wanted((extra,)) for each in kinds for extra in _extras(plain, found, each)]
    return list(dict.fromkeys(wanted))


def _each_once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _language_of(words: Sequence[str], language: str, held: Sequence[str]) -> str:
    """The language as it was detected, unless the function words are those of another that the collection holds."""
    candidates = (language, *("en" if each == UNKNOWN else each for each in held))
    counts = {each: sum(_is_function_word(word, each) for word in words) for each in candidates}
    if language in STOP_WORDS:  # one word can be of both languages by chance: "die casting"
        counts[language] += 1
    return max(counts, key=lambda each: counts[each])


def _idle(found: Sequence[Token], language: str, *, acronyms: Collection[str]) -> list[bool]:
    """Which tokens a question is not about; none if there would be nothing left."""
    idle = [what == "word" and word not in acronyms and _is_function_word(word, language) for word, what in found]
    return [False] * len(idle) if all(idle) else idle


def _is_function_word(word: str, language: str) -> bool:
    return word in STOP_WORDS.get(language, ()) or (language != "vi" and word in _without_accents(language))


@lru_cache(len(STOP_WORDS) + 1)
def _without_accents(language: str) -> frozenset[str]:
    return frozenset(_folded(word) for word in STOP_WORDS.get(language, ()))


def _acronyms(text: str) -> frozenset[str]:
    """In lower case, words in capitals among others that are not: WHO and IT are names there."""
    if text.upper() == text:
        return frozenset()
    return frozenset(found.lower() for found in _ACRONYM.findall(unicodedata.normalize("NFKC", text)))


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", _SPLIT_THOUSANDS.sub("", text))
    if text.isascii():
        return text.lower()
    return _VOWEL_POINTS.sub("", text.translate(_SIGNS).casefold())


def _tokens(plain: str) -> list[Token]:
    found: list[Token] = []
    for run, word in (_ASCII_TOKEN if plain.isascii() else _TOKEN).findall(plain):
        if run:
            _add_run(found, run)
        elif word.isalpha():
            found.append((word[:_LONGEST], "word"))
        else:
            _add_word(found, word)
    return found


def _add_run(found: list[Token], run: str) -> None:
    units = _UNIT.findall(run) if _COMPOUND_UNIT.search(run) else list(run)
    if len(units) == 1:
        found.append((run[:_LONGEST], "gram"))
        return
    for at, unit in enumerate(units):
        if len(unit) > 1 and unit[0].isdigit():
            units[at] = _plain_number(unit)[:_LONGEST]
    found += [(unit, "code") for unit in units if unit[0].isdigit()]
    found += [(unit, "character") for unit in units if _MEANS_SOMETHING.match(unit)]
    grams = [first + second for first, second in itertools.pairwise(units)]
    found += [(gram, "kana" if _HIRAGANA.match(gram) else "gram") for gram in grams]


def _add_word(found: list[Token], word: str) -> None:
    if word[-1] in "+#":
        found.append((word[:_LONGEST], "code"))
        word = word.rstrip("+#")
    parts = [part[:_LONGEST] for part in _PART.findall(word)]
    if len(parts) == 2 and "'" in word and parts[1] in _CONTRACTED:
        parts = parts[:1]
        word = parts[0]
    coded = _DIGIT.search(word) is not None
    if len(parts) == 1:
        letters = _LETTERS_DIGITS.match(word) if coded else None
        parts = [parts[0], *letters.groups()] if letters else parts
    elif coded:
        number = _plain_number(word)
        whole = number if number != word else _NEEDLESS_JOINT.sub("", word)
        parts = [whole[:_LONGEST], *([word[:_LONGEST]] if number != word else []), *parts]
        if number != word and "," in word:
            parts = [number[:_LONGEST]]
    elif len(parts) == 2 and "-" in word:
        parts = ["".join(parts)[:_LONGEST], *parts]
    for part in parts:
        found.append((part, "code" if _DIGIT.search(part) else "word"))


def _plain_number(number: str) -> str:
    """1,000 and 1.000 without what groups their digits; other numbers as they are."""
    return re.sub("[.,]", "", number) if _THOUSANDS.fullmatch(number) else number


def _in_stems(found: Sequence[Token], chosen: str) -> list[str]:
    """The tokens as terms: words by the stemmers of a kind."""
    stems = iter(_stems(_words(found), chosen))
    return [next(stems) if what == "word" else text for text, what in found]


def _words(found: Iterable[Token]) -> list[str]:
    return [text for text, what in found if what == "word"]


def _extras(plain: str, found: Iterable[Token], chosen: str) -> list[str]:
    """Terms beside those in order: Japanese words, and Vietnamese ones with their tones."""
    if chosen == "ja" and _JAPANESE.search(plain):
        return [_EXTRA + word for word in japanese.words(plain) if _JAPANESE.search(word)]
    if chosen == "vi":
        return [_EXTRA + word for word in _words(found) if not word.isascii()]
    return []


def _stems(words: list[str], chosen: str) -> list[str]:
    if "".join(words).isascii():
        stemmer = _stemmer_for("latin", chosen)
        return list(stemmer.stemWords(words)) if stemmer else words
    return [_folded(_stem(word, chosen)) for word in words]


def _stem(word: str, chosen: str) -> str:
    script = _script(word)
    if script == "cyrillic":
        word = _STRESS.sub("", word)
    elif chosen == "fa":
        word = word.translate(_TO_PERSIAN)
    stemmer = _stemmer_for(script, chosen)
    return str(stemmer.stemWord(word)) if stemmer else word


def _folded(word: str) -> str:
    """Without accents and vowel points, and with one letter for several that are written for another."""
    if word.isascii():
        return word
    if _script(word) in _LOSES_MARKS:
        word = "".join(c for c in unicodedata.normalize("NFD", word) if unicodedata.category(c) != "Mn")
    return word.translate(_LETTERS)


@lru_cache(4096)
def _script_of(character: str) -> Script:
    return next((script for first, last, script in _BLOCKS if first <= ord(character) <= last), "other")


def _script(word: str) -> Script:
    return _script_of(word[0])


def _stemmer_for(script: Script, chosen: str) -> Stemmer.Stemmer | None:
    own, scripts = _STEMMERS.get(chosen, ("", ()))
    if script in scripts:
        return _stemmer(own)
    if chosen in ("plain", "vi") or script not in _BY_SCRIPT:
        return None
    return _stemmer(_BY_SCRIPT[script])


def _stemmer(name: str) -> Stemmer.Stemmer:
    # One of them serves one thread at a time.
    kept: dict[str, Stemmer.Stemmer] = _thread.__dict__
    if name not in kept:
        kept[name] = Stemmer.Stemmer(name)
    return kept[name]
