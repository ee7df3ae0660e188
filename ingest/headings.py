"""Where the headings of a text are: Markdown's, those that HTML became, and those that plain text hints at. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*)|)$", re.DOTALL)
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NOT_A_PARAGRAPH = re.compile(r" {0,3}(?:[-*+>|]|\d+[.)])")
_NUMBERED = re.compile(
    r"第\s?[0-9０-９一二三四五六七八九十百]+\s?[章節条編部款項]|[0-9０-９]{1,3}(?:[.．][0-9０-９]{1,3})*[.．)）、]\s?\S"
    r"|[0-9]{1,3}(?:\.[0-9]{1,3})+\s|[IVX]+[.)]\s|(?i:step|chapter|section|part|appendix|article)\s+[0-9A-Z]+\b|[■●◆【]"
)
_CLOSED = tuple(".。!！?？;；,、:：")
_MARKUP = re.compile(r"!?\[([^\]\[]*)\]\([^()]*\)|[*`]+|(?<!\w)_+|_+(?!\w)")
_MAX_PLAIN = 80
"""A longer line of plain text is a paragraph."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading at text[start:end] (with its underline, if it has one); level 1 is the highest."""

    start: int
    end: int
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def blank(self) -> bool:
        return not self.text or self.text.isspace()


def headings(text: str, *, media_type: str) -> list[Heading]:
    """Headings in order. Tables (text/csv) have none; plain text only those that stand alone and look like it."""
    if media_type in ("text/csv", "text/tab-separated-values"):
        return []
    return list(_plain(text) if media_type == "text/plain" else _markdown(text))


def plain_title(line: str) -> str:
    """The words of a heading without Markdown's marks."""
    return " ".join(_MARKUP.sub(lambda match: match[1] or "", line).split())


def _lines(text: str) -> Iterator[_Line]:
    start = 0
    while start < len(text):
        newline = text.find("\n", start)
        end = len(text) if newline == -1 else newline
        yield _Line(start, text[start:end].rstrip("\r"))
        start = end + 1


def _markdown(text: str) -> Iterator[Heading]:
    fence = ""
    before: _Line | None = None
    previous: _Line | None = None
    for line in _lines(text):
        mark = _FENCE.match(line.text)
        if fence:
            if mark and mark[1].startswith(fence):
                fence = ""
            before, previous = None, None
            continue
        if mark:
            fence = mark[1]
        elif atx := _ATX.match(line.text):
            title = plain_title(_without_closing_marks(atx[2] or ""))
            if title:
                yield Heading(line.start, line.end, len(atx[1]), title)
        elif (under := _UNDERLINE.match(line.text)) and _stands_alone(before, previous):
            assert previous is not None
            yield Heading(previous.start, line.end, 1 if under[1][0] == "=" else 2, plain_title(previous.text))
        before, previous = previous, line


def _without_closing_marks(title: str) -> str:
    bare = title.rstrip().rstrip("#")
    return bare if not bare or bare[-1].isspace() else title


def _stands_alone(before: _Line | None, line: _Line | None) -> bool:
    """Whether the line is a paragraph of its own that an underline makes a heading."""
    return (
        line is not None
        and not line.blank
        and (before is None or before.blank)
        and not _NOT_A_PARAGRAPH.match(line.text)
        and not _ATX.match(line.text)
    )


def _plain(text: str) -> Iterator[Heading]:
    """A line between blank lines that is underlined, numbered or in capitals. The first line of the text is the
    title (level 1), all others are of level 2."""
    before: _Line | None = None
    line: _Line | None = None
    begin = len(text) - len(text.lstrip())
    for after in chain(_lines(text), [None]):
        if line is not None and not line.blank and (before is None or before.blank):
            underlined = after is not None and bool(_UNDERLINE.match(after.text))
            alone = after is not None and after.blank and _looks_like_heading(line.text)
            if (underlined or alone) and len(line.text) <= _MAX_PLAIN:
                end = after.end if after is not None and underlined else line.end
                yield Heading(line.start, end, 1 if line.start <= begin else 2, " ".join(line.text.split()))
        before, line = line, after


def _looks_like_heading(line: str) -> bool:
    words = line.strip()
    if not words or words.endswith(_CLOSED) or words[0] in "-*+・#|>":
        return False
    return bool(_NUMBERED.match(words)) or (words.isupper() and sum(map(str.isalpha, words)) >= 4)
