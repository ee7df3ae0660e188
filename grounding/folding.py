"""Text -> the same text without what typing and typesetting add to it, with the way back to each character. Pure.

Two texts that differ in case, in white space, in how accents, ligatures, full-width letters or quotation marks are
encoded, in soft hyphens and other invisible characters, or in the emphasis of Markdown, fold to the same. Superscripts,
fractions and circled figures stay what they are: 10² is not 102.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_QUOTES = {ord(mark): "'" for mark in "‘’‚‛′`´ʼ＇"} | {ord(mark): '"' for mark in "“”„‟″«»＂"}
_DASHES = {ord(mark): "-" for mark in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\uff0d\ufe63"}
_SIGNS = _QUOTES | _DASHES | {ord("。"): ".", ord("．"): ".", ord("｡"): "."}
_STAYS = ("<super>", "<sub>", "<fraction>", "<circle>")
"""Compatibility decompositions that change what is said."""
_EMPHASIS = "*`"
_UNSPACED = re.compile(r"[\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef]")
_CLOSING = re.compile(r"(?:[.!?…](?=[\s\"'”’)\]]|$)|[。！？．｡])[.!?…。！？]{0,3}[\"'”’」』)）\]]{0,3}")
_TRAILING = re.compile(r"[\ufe00-\ufe0f]{0,2}")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and for each of its characters the place of that of the original which it came from."""

    original: str
    text: str
    places: Sequence[int]

    def find(self, wanted: str) -> tuple[int, int] | None:
        """The span of the original that folds to `wanted`, a folded text: of whole characters and whole words, with
        the full stop and closing quotes behind it."""
        at = self.text.find(wanted) if wanted else -1
        while at >= 0:
            if self._is_whole(at, at + len(wanted)):
                places = self.places[at : at + len(wanted)]
                start, end = min(places), max(places) + 1
                for more in (_TRAILING, _CLOSING):
                    found = more.match(self.original, end)
                    end = found.end() if found else end
                return start, end
            at = self.text.find(wanted, at + 1)
        return None

    def _is_whole(self, start: int, end: int) -> bool:
        text = self.text
        if unicodedata.combining(text[start]) or (start and self.places[start] == self.places[start - 1]):
            return False
        if end < len(text) and (unicodedata.combining(text[end]) or self.places[end] == self.places[end - 1]):
            return False
        cuts_before = start > 0 and _is_letter(text[start - 1]) and _is_letter(text[start])
        cuts_after = end < len(text) and _is_letter(text[end]) and _is_letter(text[end - 1])
        return not (cuts_before or cuts_after)


def fold(text: str) -> Folded:
    """The folded text with its way back."""
    pieces: list[tuple[str, int]] = []
    for at, character in enumerate(text):
        if character in _EMPHASIS and not (text[at - 1 : at].isdigit() and text[at + 1 : at + 2].isdigit()):
            continue
        for part in _folded(character):
            pieces.append((part, at))
    pieces = _without_needless_spaces(pieces if text.isascii() else _ordered(pieces))
    return Folded(text, "".join([part for part, _ in pieces]), array("L", [at for _, at in pieces]))


def visible(text: str) -> str:
    """The text in NFKC without its invisible characters: how words and numbers are read."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", "".join(c for c in text if unicodedata.category(c) != "Cf"))


@lru_cache(8192)
def _folded(character: str) -> str:
    if character.isspace():
        return " "
    if unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f" or character == "\u034f":
        return ""
    if ord(character) in _SIGNS:
        return _SIGNS[ord(character)]
    if unicodedata.decomposition(character).startswith(_STAYS):
        return character
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return plain.translate(_SIGNS)


def _ordered(pieces: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Combining marks in canonical order, as NFC and NFD have them."""
    ordered: list[tuple[str, int]] = []
    marks: list[tuple[str, int]] = []
    for piece in pieces:
        if unicodedata.combining(piece[0]):
            marks.append(piece)
            continue
        ordered += sorted(marks, key=lambda mark: unicodedata.combining(mark[0]))
        marks = []
        ordered.append(piece)
    return ordered + sorted(marks, key=lambda mark: unicodedata.combining(mark[0]))


def _without_needless_spaces(pieces: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """One space for several, and none beside characters that are written without."""
    kept: list[tuple[str, int]] = []
    for at, piece in enumerate(pieces):
        if piece[0] == " ":
            following = pieces[at + 1][0] if at + 1 < len(pieces) else " "
            before = kept[-1][0] if kept else " "
            if " " in (before, following) or _UNSPACED.match(before) or _UNSPACED.match(following):
                continue
        kept.append(piece)
    return kept


def _is_letter(character: str) -> bool:
    return character.isalnum() and not _UNSPACED.match(character)
