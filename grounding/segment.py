"""Sentences with true offsets, in any language. Pure.

Source: sentencex (MIT), which splits without changing a character; what it gives is checked and trimmed here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sentencex import get_sentence_boundaries

_LIST_OR_HEADING = re.compile(r"[ \t]*(?:[-*+•・#|>]|\d|$)")
_FIELD = re.compile(r"[ \t]*\w[\w /.()-]{0,40}:[ \t]")
_TABLE = re.compile(r"[ \t]*[#|]|.*[ \t]\|[ \t]")
_SHORT_LINE = 45
"""Characters of a line that ends before it is full, unlike the lines of a wrapped paragraph."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open, in code points; text[start:end] has no white space at its edges."""

    start: int
    end: int


def sentences(text: str, *, language: str = "en") -> list[Span]:
    """Sentence spans in order, without overlaps; together they cover everything but white space.

    A line break ends a sentence only at the end of a paragraph, a list item, a heading or a table row.
    """
    spans: list[Span] = []
    encodable = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate becomes one "?": offsets stay
    for boundary in get_sentence_boundaries(language, encodable):
        start, end = boundary["start_index"], boundary["end_index"]
        for line_start, line_end in _lines(text, start, end):
            spans.append(Span(line_start, line_end))
    return spans


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A stretch cut at those line breaks that end something; trimmed; never empty."""
    pieces: list[tuple[int, int]] = []
    at = start
    position = text.find("\n", start, end)
    while position != -1:
        following = text.find("\n", position + 1, end)
        if _ends(text[at:position].rsplit("\n", 1)[-1], text[position + 1 : following if following != -1 else end]):
            pieces.append((at, position))
            at = position + 1
        position = following
    pieces.append((at, end))
    return [trimmed for left, right in pieces if (trimmed := _trim(text, left, right))[0] < trimmed[1]]


def _ends(line: str, following: str) -> bool:
    """Whether a sentence ends with this line though it has no full stop: before a list item, a heading or a field, in
    a table, and after a short line that the next one does not go on from."""
    if _LIST_OR_HEADING.match(following) or _FIELD.match(following) or _TABLE.match(following) or _TABLE.match(line):
        return True
    short = len(line) <= _SHORT_LINE and not line.rstrip().endswith((",", "、", "，", "-", "–"))
    return short and not following.lstrip()[:1].islower()


def _trim(text: str, left: int, right: int) -> tuple[int, int]:
    while left < right and text[left].isspace():
        left += 1
    while right > left and text[right - 1].isspace():
        right -= 1
    return left, right
