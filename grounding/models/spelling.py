"""Spelling offered, by the collection's own words and by dictionaries that come inside packages.

A word that neither the collection nor a dictionary knows may be a slip. Whatever is near it is weighed as a noisy
channel: how common the word is here (and, in English, anywhere), against how likely a hand slips from it to what was
typed. Nothing is offered unless one word is likely enough, and clearly likelier than the next.
"""

from __future__ import annotations

import importlib.util
import math
import re
import threading
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import Stemmer

from grounding.errors import MissingDependency, ModelError
from grounding.wordlist import LETTERS, WordList, fold, is_word

_PACKAGE = "symspellpy"
_FILE = "frequency_dictionary_en_82_765.txt"
_TOKENS_PER_PASSAGE = 1e-10
"""Times a count in that file: about the share of passages of a hundred words that have the word. It counts 1e12."""
_OTHER_LANGUAGES = frozenset({"ar", "de", "es", "eu", "fa", "fr", "it", "lv", "nl", "pt", "ru"})
"""Those that pyspellchecker has a dictionary of, beside English."""
_THIN = frozenset({"fa", "ru"})
"""Of those, dictionaries of few words: 20,000 and 28,000, others 80,000 and more."""

_MOST_WORDS, _FEW_WORDS = 8, 2
"""So many different unknown words are looked up at most: a text with more is not a question with a slip in it. Nor is
one, unless they are few, that has more unknown words than known ones: rather it is in another language."""
_MOST_CANDIDATES = 40

_EDGES = "\"'([{<>}]),.;:!?…¿¡«»„“”‘’。、？！؟،؛"
_SENTENCE_END = re.compile(r"[.!?:;…。？！؟][\"')\]»”’]*\Z")
# Of letters alone, perhaps with an article before it and hyphens in it: no code, path, address or contraction.
_COMPOUND = re.compile(rf"(?:[^\W\d_]{{1,2}}['’])?(?P<words>{LETTERS}(?:-{LETTERS})*)")
_LETTERS = re.compile(LETTERS)

# Costs of a slip and what must be left, in powers of ten. Set by hand, to even numbers, on questions with slips of the
# keyboard and of spelling, and on words of texts that no dictionary has, which must stay.
_SWAPPED, _DOUBLED, _VOWEL, _ALIKE, _NEIGHBOUR = 2.2, 1.6, 2.2, 2.6, 2.4
_EXTRA, _EXTRA_NEIGHBOUR, _LEFT_OUT, _OTHER, _ACCENT = 2.8, 2.2, 2.6, 3.4, 1.0
_FIRST_LETTER, _SECOND_EDIT, _ENDING = 1.0, 0.5, 0.7
_MARGIN = 0.8
"""The best candidate must be so much better than the next."""
_LEAST, _LEAST_PER_LETTER = -2.2, 0.6
_LEAST_OF_TWO, _LEAST_OF_TWO_PER_LETTER = -2.4, 0.7
_COUNTED_LETTERS = 9
"""In a longer word nothing more is near by chance."""
_CAPITAL = 0.5
"""More is asked of a word with a capital: it may be a name."""
_NO_DICTIONARY = 1.6
"""More is asked where no dictionary knows the words that are right."""
_SUM = 1.0
"""More is asked of a word that is a known one with a prefix, or two of them together: those may be right."""
_RAREST = 1e-6

_VOWELS = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýаеёиоуыэюя")
_SOUNDS = ("ckqs", "szc", "fvp", "gj", "td", "mn", "бп", "вф", "гк", "дт", "зс", "жш")
_KEYBOARDS = (("qwertyuiop", "asdfghjkl", "zxcvbnm"), ("йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю"))

_PREFIX = re.compile(
    r"(?:anti|auto|back|bio|co|cyber|de|dis|down|inter|micro|mini|mis|multi|non|off|on|out|over|post|pre|re|self|sub|un|up)"
)
_SHORTEST_PART = 4
# Between British and American English, so that neither is offered for the other.
_VARIANTS = (
    ("our", "or"), ("ise", "ize"), ("isa", "iza"), ("isi", "izi"), ("yse", "yze"), ("ae", "e"), ("oe", "e"),
    ("ogue", "og"), ("lled", "led"), ("lling", "ling"), ("ller", "ler"), ("mme", "m"), ("tre", "ter"), ("bre", "ber"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of a text that may be mended, folded, and where it stands."""

    text: str
    start: int
    end: int
    capital: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    word: str
    edits: int
    share: float


class SymSpellCorrector:
    """SpellingCorrector, word by word; conservative, for what it says is only offered.

    A word with a capital that does not begin a sentence stays as it is (a German noun may be mended), and so do those
    with a digit or a mark in them, short ones and known ones. In a language other than English only words of the
    collection are offered. Scripts that set no spaces between words are left alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._english: _English | None = None
        self._others: dict[str, frozenset[str]] = {}

    def correct(
        self,
        text: str,
        *,
        language: str,
        known: Callable[[str], bool],
        near: Callable[[str], Sequence[tuple[str, float]]],
    ) -> str | None:
        words = _words(text, language=language)
        if not words:
            return None
        english = self._loaded()
        unknown = {word.text for word in words if not english.knows(word.text) and not known(word.text)}
        if unknown and language in _OTHER_LANGUAGES:
            unknown -= self._dictionary(language)
        right = len({word.text for word in words} - unknown)
        if not 0 < len(unknown) <= min(_MOST_WORDS, max(_FEW_WORDS, right)):
            return None
        better: list[tuple[_Word, str]] = []
        for word in words:
            if word.text in unknown:
                best = self._best(word, language=language, near=near)
                if best is not None:
                    better.append((word, best[0].upper() + best[1:] if word.capital else best))
        for word, best in reversed(better):
            text = text[: word.start] + best + text[word.end :]
        return text if better else None

    def _best(self, word: _Word, *, language: str, near: Callable[[str], Sequence[tuple[str, float]]]) -> str | None:
        """The one word that this one was most likely meant to be, or None if there is none, or several."""
        shares = dict(near(word.text))
        found = {item.word: item for item in WordList.of(dict.fromkeys(shares, 1)).near(word.text)}
        candidates = {name: _Candidate(name, item.edits, shares[name]) for name, item in found.items()}
        asked = _CAPITAL if word.capital else 0.0
        if language == "en":
            # One with an accent is of another language, or is a name.
            for item in self._loaded().words.near(word.text) if word.text.isascii() else []:
                share = shares.get(item.word, 0.0) + 0.5 * item.count * _TOKENS_PER_PASSAGE
                candidates[item.word] = _Candidate(item.word, item.edits, share)
        else:
            asked += 0.0 if language in _OTHER_LANGUAGES - _THIN else _NO_DICTIONARY
        likely = sorted(candidates.values(), key=lambda c: (_rarity(c) + _SWAPPED * c.edits, c.word))
        scored = sorted(
            ((-_rarity(c) - _slip(word.text, c), c) for c in likely[:_MOST_CANDIDATES]),
            key=lambda pair: (-pair[0], pair[1].word),
        )
        if not scored:
            return None
        score, best = scored[0]
        rivals = (other for other, c in scored[1:] if not _is_form(c.word, best.word, language=language))
        if score - next(rivals, -math.inf) < _MARGIN:
            return None
        is_sum = self._loaded().is_sum(word.text)
        if best.edits > 1 and (language != "en" or word.capital or is_sum):
            return None
        if score < _least(word.text, best.edits) + asked + (_SUM if is_sum else 0):
            return None
        return None if _are_related(word.text, best, language=language) else best.word

    def _loaded(self) -> _English:
        with self._lock:
            if self._english is None:
                self._english = _English(_read())
            return self._english

    def _dictionary(self, language: str) -> frozenset[str]:
        """All words of a language, folded; read at the first need of that language, in up to a second."""
        with self._lock:
            if language not in self._others:
                from spellchecker import SpellChecker

                words = SpellChecker(language=language).word_frequency.words()
                self._others[language] = frozenset(map(fold, words))
            return self._others[language]


class _English:
    """The words that symspellpy comes with, and how often each was counted."""

    def __init__(self, frequencies: dict[str, int]) -> None:
        self._known = frozenset(frequencies)
        self.words = WordList.of({word: count for word, count in frequencies.items() if is_word(word)})

    def knows(self, word: str) -> bool:
        return word in self._known

    def is_sum(self, word: str) -> bool:
        """Whether it is a known word with a prefix, or two of them together."""
        prefix = _PREFIX.match(word)
        if prefix and len(word) - prefix.end() >= _SHORTEST_PART and word[prefix.end() :] in self._known:
            return True
        cuts = range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1)
        return any(word[:cut] in self._known and word[cut:] in self._known for cut in cuts)


def _words(text: str, *, language: str) -> list[_Word]:
    """The words of a text that may be mended."""
    found, begins = [], True
    for match in re.finditer(r"\S+", text):
        core = match[0].strip(_EDGES)
        compound = _COMPOUND.fullmatch(core)
        if compound is not None:
            offset = match.start() + match[0].index(core) + compound.start("words")
            for part in _LETTERS.finditer(compound["words"]):
                word, capital = fold(part[0]), part[0][0].isupper()
                ordinary = part[0][1:] == part[0][1:].lower()
                may_be_mended = not capital or (begins and part.start() == 0) or language == "de"
                if is_word(word) and ordinary and may_be_mended:
                    found.append(_Word(word, offset + part.start(), offset + part.end(), capital))
        begins = _SENTENCE_END.search(match[0]) is not None or "\n" in text[match.end() : match.end() + 1]
    return found


def _rarity(candidate: _Candidate) -> float:
    return -math.log10(max(candidate.share, _RAREST))


def _least(word: str, edits: int) -> float:
    """What a candidate must come to: the shorter the word, the sooner another is near it by chance."""
    letters = min(len(word), _COUNTED_LETTERS)
    if edits > 1:
        return _LEAST_OF_TWO - _LEAST_OF_TWO_PER_LETTER * letters
    return _LEAST - _LEAST_PER_LETTER * letters


def _slip(typed: str, candidate: _Candidate) -> float:
    """How unlikely it is that what was typed stands for the candidate: the cheapest edits between the two.

    Source: Brill and Moore, An improved error model for noisy channel spelling correction (2000), the idea; optimal
    string alignment, the table.
    """
    meant = candidate.word
    table = [[0.0] * (len(meant) + 1) for _ in range(len(typed) + 1)]
    for i in range(len(typed) + 1):
        for j in range(len(meant) + 1):
            ways = [] if i or j else [0.0]
            if i and j:
                ways.append(table[i - 1][j - 1] + _replaced(typed[i - 1], meant[j - 1], first=i == j == 1))
            if i > 1 and j > 1 and typed[i - 2 : i] == meant[j - 1] + meant[j - 2]:
                ways.append(table[i - 2][j - 2] + _SWAPPED)
            if i:
                ways.append(table[i - 1][j] + _added(typed, i - 1) + (_FIRST_LETTER if i == 1 and not j else 0))
            if j:
                ways.append(table[i][j - 1] + _left_out(meant, j - 1) + (_FIRST_LETTER if j == 1 and not i else 0))
            table[i][j] = min(ways)
    cost = table[-1][-1] + (_SECOND_EDIT if candidate.edits > 1 else 0)
    return cost + (_ENDING if _differ_at_the_end(typed, meant, letters=1) else 0)


def _replaced(typed: str, meant: str, *, first: bool) -> float:
    if typed == meant:
        return 0.0
    cost = _OTHER
    if _bare(typed) == _bare(meant):
        cost = _ACCENT
    elif typed in _VOWELS and meant in _VOWELS:
        cost = _VOWEL
    elif _are_neighbours(typed, meant):
        cost = _NEIGHBOUR
    elif any(typed in sound and meant in sound for sound in _SOUNDS):
        cost = _ALIKE
    return cost + (_FIRST_LETTER if first else 0)


def _added(typed: str, at: int) -> float:
    around = typed[max(0, at - 1) : at] + typed[at + 1 : at + 2]
    if typed[at] in around:
        return _DOUBLED
    return _EXTRA_NEIGHBOUR if any(_are_neighbours(typed[at], letter) for letter in around) else _EXTRA


def _left_out(meant: str, at: int) -> float:
    if meant[at] in meant[max(0, at - 1) : at] + meant[at + 1 : at + 2]:
        return _DOUBLED
    return _VOWEL if meant[at] in _VOWELS else _LEFT_OUT


def _are_neighbours(one: str, other: str) -> bool:
    """Whether two letters lie side by side on a keyboard; each row lies half a key to the right of the one above."""
    for rows in _KEYBOARDS:
        places = [(r, row.index(c) + r / 2) for c in (one, other) for r, row in enumerate(rows) if c in row]
        if len(places) == 2:
            (row, column), (other_row, other_column) = places
            return abs(row - other_row) <= 1 and abs(column - other_column) <= 1
    return False


def _are_related(word: str, candidate: _Candidate, *, language: str) -> bool:
    """Whether they are forms of one word, or one is the other and something beside it: no slip, as far as one sees."""
    other = candidate.word
    return (candidate.edits > 1 and (other in word or word in other)) or _is_form(word, other, language=language)


def _is_form(word: str, other: str, *, language: str) -> bool:
    """Whether two words are forms of one."""
    if language != "en":
        return _differ_at_the_end(word, other, letters=2)
    stem = Stemmer.Stemmer("english").stemWord
    return stem(word) == stem(other) or _plain(word) == _plain(other)


def _differ_at_the_end(one: str, other: str, *, letters: int) -> bool:
    """Whether they are the same but for so many letters at the end, which are not merely swapped."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    tails = one[same:], other[same:]
    return max(map(len, tails)) <= letters and sorted(tails[0]) != sorted(tails[1])


def _bare(letter: str) -> str:
    """A letter without its accent."""
    return unicodedata.normalize("NFD", letter)[0]


def _plain(word: str) -> str:
    """One form for both spellings of a word that Britain and America spell differently."""
    for theirs, ours in _VARIANTS:
        word = word.replace(theirs, ours)
    return word


def _read() -> dict[str, int]:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingDependency(_PACKAGE, purpose="offering spelling")
    file = Path(spec.origin).parent / _FILE
    try:
        lines = file.read_text("utf-8-sig").splitlines()
        return {word: int(count) for word, count in (line.split(" ") for line in lines)}
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{file} cannot be read as a dictionary: run  pip install --force-reinstall {_PACKAGE}"
        ) from error
