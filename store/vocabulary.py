"""The words of a collection as they are written, with the passages that have each: what a slip may have stood for.

One file beside the lexical index of a generation, part of its checksum; what came since is counted in memory. Words of
passages that were removed stay in it until it is made from scratch, so whoever offers one asks first whether it is
still there, for those who may read it.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

from grounding.errors import StoreError
from grounding.wordlist import Neighbour, WordList, words

VERSION = "1"
"""Part of a lexical index: an index of another version is rebuilt."""
FILE = "words.txt"
MOST_WORDS = 1_000_000
"""The commonest of them are kept: a file of 15 MB, 50 MB in memory, and 4 ms to find those near one."""


class Vocabulary:
    """The words in the folder of an index. Read at once, since the folder may go; arranged when first asked for."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError if there is no such file."""
        self._name = folder.name
        self._content: bytes | None = (folder / FILE).read_bytes()
        self._list: WordList | None = None
        self._lock = threading.Lock()

    def near(self, word: str) -> list[Neighbour]:
        return self.listed().near(word)

    def count(self, word: str) -> int:
        """Passages that have this word."""
        return self.listed().count(word)

    def listed(self) -> WordList:
        """Raises StoreError if the file is not a list of words."""
        with self._lock:
            if self._list is None:
                try:
                    self._list = WordList.parse((self._content or b"").decode("utf-8", "surrogatepass"))
                except ValueError as error:
                    raise StoreError(f"{self._name}: {FILE} is not a list of words") from error
                self._content = None
            return self._list


class GrowingVocabulary:
    """Words that are still being counted. Thread-safe."""

    def __init__(self, base: Path | None = None) -> None:
        """Goes on from what is in the folder of an index. Raises OSError and StoreError."""
        self._counts: Counter[str] = Counter()
        if base is not None:
            self._counts.update(dict(Vocabulary(base).listed().items()))
        self._list: WordList | None = None
        self._lock = threading.Lock()

    def add(self, *parts: str) -> None:
        """Counts the words of one passage, whatever parts it has."""
        found = words("\n".join(parts))
        with self._lock:
            self._list = None
            self._counts.update(found)
            if len(self._counts) > 2 * MOST_WORDS:
                self._counts = _commonest(self._counts)

    def near(self, word: str) -> list[Neighbour]:
        return self._listed().near(word)

    def count(self, word: str) -> int:
        """Passages that have this word."""
        return self._counts[word]

    def write(self, folder: Path) -> None:
        # Not into the file that is there: that may be a link to another index's.
        (folder / FILE).unlink(missing_ok=True)
        (folder / FILE).write_bytes(WordList.of(_commonest(self._counts)).dump().encode("utf-8", "surrogatepass"))

    def _listed(self) -> WordList:
        with self._lock:
            if self._list is None:
                self._list = WordList.of(self._counts)
            return self._list


def _commonest(counts: Counter[str]) -> Counter[str]:
    """At most `MOST_WORDS`; of words that are equally common the first by alphabet."""
    if len(counts) <= MOST_WORDS:
        return counts
    return Counter(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_WORDS]))
