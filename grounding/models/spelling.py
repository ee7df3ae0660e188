"""Spelling offered for English: the 83,000 words that come with symspellpy, searched without its index.

Building symspellpy's index of deletions takes 3 seconds. Here a bit mask of each word's letters leaves 3 % of the
words, and their distances are computed at once in numpy: ready in 0.1 seconds, 2 ms for each word that is unknown.
"""

from __future__ import annotations

import importlib.util
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from grounding.errors import MissingDependency, ModelError

_PACKAGE = "symspellpy"
_FILE = "frequency_dictionary_en_82_765.txt"
_SHORTEST, _LONGEST = 4, 22
_MOST_EDITS = 2
_MOST_WORDS = 8
"""So many different unknown words are looked up at most: a text with more is not a question with a slip in it."""

# A word is lower-case letters and nothing else: no code, name, path, address, contraction or part of a compound.
_WORD = re.compile(rf"(?<![\w@#$/\\.'’\-])[a-z]{{{_SHORTEST},{_LONGEST}}}(?![\w@/\\'’\-]|\.\w)")

# Costs and gains in powers of ten of a word's frequency, chosen on Norvig's first test set and checked on his second.
_SECOND_EDIT = 3.0
_OTHER_FIRST_LETTER = 2.0
_SAME_CONSONANTS = 2.0
_SAME_LETTERS = 1.0
_MARGIN = 1.0
"""The best candidate must be so much better than the next."""
_LEAST = 5.0
"""Nobody meant a rarer word than this."""

_PREFIX = re.compile(
    r"(?:anti|auto|back|bio|co|cyber|de|dis|down|inter|micro|mini|mis|multi|non|off|on|out|over|post|pre|re|self|sub|un|up)"
)
# Between British and American English, so that neither is offered for the other.
_VARIANTS = (
    ("our", "or"), ("ise", "ize"), ("isa", "iza"), ("isi", "izi"), ("yse", "yze"), ("ae", "e"), ("oe", "e"),
    ("ogue", "og"), ("lled", "led"), ("lling", "ling"), ("ller", "ler"), ("mme", "m"), ("tre", "ter"), ("bre", "ber"),
)  # fmt: skip


class SymSpellCorrector:
    """SpellingCorrector for English, word by word; conservative, for what it says is only offered.

    A word with a capital, a digit or a mark in it, a short one and a known one stay as they are; so does one without a
    clearly best correction.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._dictionary: _Dictionary | None = None

    def correct(self, text: str, *, language: str, known: Callable[[str], bool]) -> str | None:
        if language != "en":
            return None
        dictionary = self._loaded()
        unknown = {word for word in _WORD.findall(text) if not dictionary.explains(word) and not known(word)}
        if not 0 < len(unknown) <= _MOST_WORDS:
            return None
        better = {word: best for word in unknown if (best := dictionary.best(word)) is not None}
        return _WORD.sub(lambda match: better.get(match[0], match[0]), text) if better else None

    def _loaded(self) -> _Dictionary:
        with self._lock:
            if self._dictionary is None:
                self._dictionary = _Dictionary(_read())
            return self._dictionary


class _Dictionary:
    """Words with their frequencies, as arrays: letters (n, longest) uint8 padded with 0, lengths, letter masks."""

    def __init__(self, frequencies: dict[str, int]) -> None:
        self.words = frozenset(frequencies)
        self._list = [w for w in frequencies if w.isascii() and w.isalpha() and 2 < len(w) <= _LONGEST + _MOST_EDITS]
        self._weights = np.log10([frequencies[word] for word in self._list])
        width = _LONGEST + _MOST_EDITS
        padded = "".join(word.ljust(width, "\0") for word in self._list).encode()
        self._letters = np.frombuffer(padded, dtype=np.uint8).reshape(-1, width)
        self._lengths = (self._letters > 0).sum(axis=1)
        bits = np.where(self._letters > 0, np.uint32(1) << (self._letters & np.uint8(31)).astype(np.uint32), 0)
        self._masks = np.bitwise_or.reduce(bits, axis=1)

    def explains(self, word: str) -> bool:
        """True for a word of the dictionary, one with a prefix, and one made of two."""
        if word in self.words:
            return True
        prefix = _PREFIX.match(word)
        if prefix and len(word) - prefix.end() >= _SHORTEST and word[prefix.end() :] in self.words:
            return True
        cuts = range(_SHORTEST, len(word) - _SHORTEST + 1)
        return any(word[:cut] in self.words and word[cut:] in self.words for cut in cuts)

    def best(self, word: str) -> str | None:
        """The one word that this one was most likely meant to be, or None if several are about as likely."""
        mask = np.uint32(sum({1 << (ord(letter) & 31) for letter in word}))
        # An edit changes the set of letters by two at most.
        near = np.bitwise_count(self._masks ^ mask) <= 2 * _MOST_EDITS
        near &= np.abs(self._lengths - len(word)) <= _MOST_EDITS
        rows = np.flatnonzero(near)
        edits = _edits(word, self._letters[rows], self._lengths[rows])
        scored = sorted(
            ((self._score(word, int(row), int(n)), self._list[row]) for row, n in zip(rows, edits, strict=True)
             if n <= _MOST_EDITS and self._weights[row] >= _LEAST),
            reverse=True,
        )  # fmt: skip
        if not scored or (len(scored) > 1 and scored[0][0] - scored[1][0] < _MARGIN):
            return None
        best = scored[0][1]
        return best if _plain(best) != _plain(word) else None

    def _score(self, word: str, row: int, edits: int) -> float:
        candidate = self._list[row]
        score = float(self._weights[row]) - _SECOND_EDIT * (edits - 1)
        if candidate[0] != word[0]:
            score -= _OTHER_FIRST_LETTER
        if _consonants(candidate) == _consonants(word):
            score += _SAME_CONSONANTS
        if sorted(candidate) == sorted(word):
            score += _SAME_LETTERS
        return score


def _consonants(word: str) -> str:
    """The word without vowels and without doubled letters: what slips of spelling mostly keep."""
    return re.sub(r"(.)\1+", r"\1", re.sub(r"[aeiouy]", "", word))


def _plain(word: str) -> str:
    """One form for both spellings of a word that Britain and America spell differently."""
    for theirs, ours in _VARIANTS:
        word = word.replace(theirs, ours)
    return word


def _edits(word: str, letters: npt.NDArray[np.uint8], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Edits (insert, delete, replace, swap neighbours) from `word` to each row of letters (n, width): shape (n,).

    Source: optimal string alignment, the rows of its table taken for all words at once.
    """
    rows = np.arange(len(letters))
    width = min(letters.shape[1], len(word) + _MOST_EDITS)
    before = previous = np.tile(np.arange(width + 1, dtype=np.int8), (len(letters), 1))
    for i, letter in enumerate(word.encode()):
        same = letters[:, :width] == letter
        current = np.empty_like(previous)
        current[:, 0] = i + 1
        current[:, 1:] = np.minimum(previous[:, :-1] + ~same, previous[:, 1:] + 1)
        if i:
            swapped = same[:, :-1] & (letters[:, 1:width] == ord(word[i - 1]))
            current[:, 2:] = np.where(swapped, np.minimum(current[:, 2:], before[:, :-2] + 1), current[:, 2:])
        for column in range(1, width + 1):
            np.minimum(current[:, column], current[:, column - 1] + 1, out=current[:, column])
        before, previous = previous, current
    result: npt.NDArray[np.int8] = previous[rows, lengths]
    return result


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
