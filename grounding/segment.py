"""Sentences with true offsets, in any language. Pure.

Source: sentencex (MIT), which splits without changing a character; what it gives is checked and trimmed here.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentencex import get_sentence_boundaries


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
    """A stretch cut where a line ends and the next begins a list item, heading or table row; trimmed; never empty."""
    pieces: list[tuple[int, int]] = []
    at = start
    position = text.find("\n", start, end)
    while position != -1:
        rest = text[position + 1 : position + 8].lstrip(" \t")
        line = text[at:position].lstrip(" \t")
        if not rest or rest[0] in "-*+•・#|>\n" or rest[:1].isdigit() or line[:1] in ("#", "|"):
            pieces.append((at, position))
            at = position + 1
        position = text.find("\n", position + 1, end)
    pieces.append((at, end))
    trimmed = []
    for left, right in pieces:
        while left < right and text[left].isspace():
            left += 1
        while right > left and text[right - 1].isspace():
            right -= 1
        if left < right:
            trimmed.append((left, right))
    return trimmed
