"""Words as they are written, and those near a misspelt one: numpy over their letters, without an index of deletions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHORTEST, LONGEST = 4, 24
"""Letters of a word that is looked up or offered."""
_FEW_LETTERS = 5
"""Up to so many letters, two edits make any word of any other."""

# Without the scripts that set no spaces between words, and Hangul, where a slip is within a letter block.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff66-\uffef"
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670" + "".join(
    # Vowel signs stand at the same places in each of the Indic blocks.
    f"{chr(block)}-{chr(block + 3)}{chr(block + 0x3A)}-{chr(block + 0x4F)}{chr(block + 0x55)}-{chr(block + 0x57)}"
    for block in range(0x900, 0xE00, 0x80)
)
LETTERS = rf"[^\W\d_{_UNSPACED}](?:[^\W\d_{_UNSPACED}]|[{_MARKS}])*"
"""Pattern of a run of letters in a script that writes words apart."""
_WORD = re.compile(rf"(?<![\w{_MARKS}]){LETTERS}(?![\w{_MARKS}])")

Letters = npt.NDArray[np.uint16]
Masks = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A word near another, how often it was seen, and the edits between them."""

    word: str
    count: int
    edits: int


@dataclass(frozen=True, slots=True)
class _Block:
    """Words of one length: letters (n, length), masks (n,), how often each was seen (n,)."""

    letters: Letters
    masks: Masks
    counts: Numbers


def fold(text: str) -> str:
    """The form in which words are compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_word(text: str) -> bool:
    """Whether it is, folded, a word that a list can hold."""
    return SHORTEST <= len(text) <= LONGEST and max(text) <= "\uffff" and _WORD.fullmatch(text) is not None


def words(text: str) -> set[str]:
    """The words of a text, folded, that a list can hold; no code, nothing with a digit in it."""
    return {word for word in _WORD.findall(fold(text)) if SHORTEST <= len(word) <= LONGEST and max(word) <= "\uffff"}


class WordList:
    """Words for which `is_word` holds, each with a count. Immutable, so safe to ask from many threads.

    A word of nine letters takes 34 bytes. Of 1 million words, those near one are found in 4 ms: masks of the letters
    leave one in hundreds, whose edits are counted at once.
    """

    def __init__(self, blocks: Mapping[int, tuple[str, Numbers]]) -> None:
        """By length: the words of that length, one after the other, and their counts."""
        self._blocks = {length: _block(text, length, counts) for length, (text, counts) in sorted(blocks.items())}

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> WordList:
        by_length: dict[int, list[str]] = {}
        for word in sorted(counts):
            by_length.setdefault(len(word), []).append(word)
        return cls(
            {
                length: ("".join(some), np.fromiter((counts[word] for word in some), np.int64, len(some)))
                for length, some in by_length.items()
            }
        )

    @classmethod
    def parse(cls, text: str) -> WordList:
        """What `dump` wrote. Raises ValueError."""
        blocks = {}
        lines = text.splitlines()
        for some, numbers in zip(lines[::2], lines[1::2], strict=True):
            length, joined = len(some.partition(" ")[0]), some.replace(" ", "")
            counts = np.array(numbers.split(" "), dtype=np.int64)
            if not length or len(joined) != length * counts.size or max(joined) > "\uffff":
                raise ValueError("not a list of words")
            blocks[length] = (joined, counts)
        return cls(blocks)

    def dump(self) -> str:
        """Two lines for each length: the words, and their counts, with spaces between them."""
        lines = []
        for block in self._blocks.values():
            lines.append(" ".join(_as_text(row) for row in block.letters))
            lines.append(" ".join(map(str, block.counts.tolist())))
        return "".join(f"{line}\n" for line in lines)

    def items(self) -> Iterator[tuple[str, int]]:
        for block in self._blocks.values():
            yield from zip(map(_as_text, block.letters), block.counts.tolist(), strict=True)

    def __len__(self) -> int:
        return sum(block.counts.size for block in self._blocks.values())

    def count(self, word: str) -> int:
        """How often a word was seen, 0 if it is not in the list."""
        if (block := self._blocks.get(len(word))) is None or not is_word(word):
            return 0
        letters = _as_letters(word)
        rows = np.flatnonzero(block.masks == _masks(letters.reshape(1, -1))[0])
        found = rows[(block.letters[rows] == letters).all(axis=1)]
        return int(block.counts[found].sum())

    def near(self, word: str) -> list[Neighbour]:
        """Words one or two edits away, one if the word is short; in no special order."""
        if not is_word(word):
            return []
        most = 1 if len(word) <= _FEW_LETTERS else 2
        letters = _as_letters(word)
        mask = _masks(letters.reshape(1, -1))[0]
        found = []
        for length in range(len(word) - most, len(word) + most + 1):
            if (block := self._blocks.get(length)) is None:
                continue
            # An edit takes one letter away at most, and adds one at most.
            rows = np.flatnonzero(np.bitwise_count(block.masks & ~mask) <= most)
            rows = rows[np.bitwise_count(mask & ~block.masks[rows]) <= most]
            edits = _edits(letters, block.letters[rows])
            for row, number in zip(rows[edits <= most], edits[edits <= most], strict=True):
                if number:
                    found.append(Neighbour(_as_text(block.letters[row]), int(block.counts[row]), int(number)))
        return found


def _block(text: str, length: int, counts: Numbers) -> _Block:
    letters = _as_letters(text).reshape(-1, length)
    return _Block(letters, _masks(letters), counts)


def _as_letters(text: str) -> Letters:
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")


def _as_text(letters: Letters) -> str:
    return letters.tobytes().decode("utf-16-le", "surrogatepass")


def _masks(letters: Letters) -> Masks:
    """For each row of letters (n, length): a bit for each letter in it, and another for each that is there twice."""
    once = np.zeros(len(letters), dtype=np.uint64)
    twice = np.zeros(len(letters), dtype=np.uint64)
    for column in letters.T:
        bit = np.uint64(1) << (column.astype(np.uint64) & np.uint64(31))
        twice |= once & bit
        once |= bit
    return once | (twice << np.uint64(32))


def _edits(word: Letters, letters: Letters) -> npt.NDArray[np.int8]:
    """Edits (insert, delete, replace, swap neighbours) from `word` to each row of letters (n, length): shape (n,).

    Source: optimal string alignment, the rows of its table taken for all words at once.
    """
    width, one = letters.shape[1], np.int8(1)
    columns = np.ascontiguousarray(letters.T)
    before = previous = np.repeat(np.arange(width + 1, dtype=np.int8)[:, None], len(letters), axis=1)
    for i, letter in enumerate(word):
        same = columns == letter
        current = np.empty_like(previous)
        current[0] = i + 1
        current[1:] = np.minimum(previous[:-1] + ~same, previous[1:] + one)
        if i:
            swapped = same[:-1] & (columns[1:] == word[i - 1])
            current[2:] = np.where(swapped, np.minimum(current[2:], before[:-2] + one), current[2:])
        for column in range(1, width + 1):
            np.minimum(current[column], current[column - 1] + one, out=current[column])
        before, previous = previous, current
    result: npt.NDArray[np.int8] = previous[width]
    return result
