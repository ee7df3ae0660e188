"""Text -> passages with true offsets, never longer than a number of tokens. Pure.

Sentences are never torn unless one alone is longer than a passage; sections are kept apart unless they are tiny.
Every character that is not white space lies in exactly one passage, so that nothing can be asked for in vain.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeAlias

from grounding.segment import sentences
from ingest.headings import headings

CountTokens: TypeAlias = Callable[[Sequence[str]], list[int]]
Range: TypeAlias = tuple[int, int]

TABLES = frozenset({"text/csv", "text/tab-separated-values"})
SMALL = 0.15
"""A passage shorter than this share of the longest one says too little to be found on its own."""
CHARS_PER_TOKEN = 20
"""No writing has so many; what does (base64, a word that is one unknown token) is measured by its characters."""
WINDOW = 4000
"""Characters given to the segmenter at once: its time grows with the square of a long paragraph without spaces."""

_CLAUSE = re.compile(r"[、，；：。！？」』）…]+|[,;:.!?)\]—–…]+(?=\s)")
_WORD = re.compile(r"\S+")
_ROW_GAP = re.compile(r"\n[ \t\r]*\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of a text: text[start:end], without white space at its edges. `heading` is the path of headings in
    force at its start, outermost first, joined by " > "."""

    start: int
    end: int
    heading: str
    tokens: int


@dataclass(frozen=True, slots=True)
class _Section:
    """A stretch from one heading to the next; `top` tells apart the parts under headings of level 1."""

    start: int
    end: int
    path: str
    top: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is never torn from here on: a sentence, or a part of one that is too long. `cost` is its length in
    tokens, or in characters where these say more."""

    start: int
    end: int
    cost: int
    section: int


@dataclass(frozen=True, slots=True)
class _Run:
    """Units first..last (inclusive), which become one passage."""

    first: int
    last: int
    cost: int


def chunk(
    text: str, *, count_tokens: CountTokens, max_tokens: int, language: str, media_type: str = "text/plain"
) -> list[Piece]:
    """The passages of a text in order: each at most `max_tokens` by `count_tokens`, without overlaps, together
    everything but white space. Time is linear in the text; tokens are counted in a few batch calls."""
    sections = _sections(text, media_type)
    if len(sections) == 1 and (whole := _whole(text, sections[0], count_tokens, max_tokens)):
        return [whole]
    measure = _Measure(text, count_tokens)
    units = _units(text, sections, measure, max_tokens=max_tokens, language=language, media_type=media_type)
    runs = _joined(_packed(units, max_tokens), units, sections, max_tokens)
    return _verified(text, units, runs, sections, measure, max_tokens)


def _whole(text: str, section: _Section, count_tokens: CountTokens, max_tokens: int) -> Piece | None:
    """The text as one passage, if it fits."""
    start, end = _trim(text, 0, len(text))
    if start == end or end - start > max_tokens * CHARS_PER_TOKEN:
        return None
    tokens = count_tokens([text[start:end]])[0]
    return Piece(start, end, section.path, tokens) if tokens <= max_tokens else None


def _sections(text: str, media_type: str) -> list[_Section]:
    if media_type in TABLES:
        cuts = [0, *(gap.end() for gap in _ROW_GAP.finditer(text)), len(text)]
        return [_Section(start, end, "", -1) for start, end in pairwise(cuts)]
    found = headings(text, media_type=media_type)
    sections = [_Section(0, found[0].start if found else len(text), "", -1)]
    path: list[tuple[int, str]] = []
    top = -1
    for number, heading in enumerate(found):
        path = [step for step in path if step[0] < heading.level]
        path.append((heading.level, heading.title))
        if heading.level == 1:
            top = number
        end = found[number + 1].start if number + 1 < len(found) else len(text)
        sections.append(_Section(heading.start, end, " > ".join(title for _, title in path), top))
    if len(sections) > 1 and not text[: sections[0].end].strip():
        del sections[0]
    return sections


class _Measure:
    """Costs of stretches of a text, counted in batches."""

    def __init__(self, text: str, count_tokens: CountTokens) -> None:
        self._text = text
        self._count_tokens = count_tokens

    def tokens(self, ranges: Sequence[Range]) -> list[int]:
        return self._count_tokens([self._text[start:end] for start, end in ranges]) if ranges else []

    def costs(self, ranges: Sequence[Range]) -> list[int]:
        return [
            max(tokens, -(-(end - start) // CHARS_PER_TOKEN))
            for tokens, (start, end) in zip(self.tokens(ranges), ranges, strict=True)
        ]


def _units(
    text: str, sections: Sequence[_Section], measure: _Measure, *, max_tokens: int, language: str, media_type: str
) -> list[_Unit]:
    ranges: list[Range] = []
    owners: list[int] = []
    inside = _visible if media_type in TABLES else partial(_sentences, language=language)
    for number, section in enumerate(sections):
        for span in inside(text, section.start, section.end):
            ranges.append(span)
            owners.append(number)
    costs = measure.costs(ranges)
    for cut in (_clauses, _words, _halves):
        if max(costs, default=0) <= max_tokens:
            break
        ranges, owners, costs = _recut(text, ranges, owners, costs, measure=measure, cut=cut, max_tokens=max_tokens)
    while max(costs, default=0) > max_tokens and any(
        cost > max_tokens and end - start > 1 for cost, (start, end) in zip(costs, ranges, strict=True)
    ):
        ranges, owners, costs = _recut(text, ranges, owners, costs, measure=measure, cut=_halves, max_tokens=max_tokens)
    return [_Unit(*span, cost, owner) for span, cost, owner in zip(ranges, costs, owners, strict=True)]


def _recut(
    text: str,
    ranges: Sequence[Range],
    owners: Sequence[int],
    costs: Sequence[int],
    *,
    measure: _Measure,
    cut: Callable[[str, int, int, int], list[Range]],
    max_tokens: int,
) -> tuple[list[Range], list[int], list[int]]:
    """The same ranges, those that cost too much cut into parts."""
    parts = [
        cut(text, *span, max_tokens) if cost > max_tokens else None for span, cost in zip(ranges, costs, strict=True)
    ]
    fresh = iter(measure.costs([span for group in parts if group is not None for span in group]))
    new_ranges: list[Range] = []
    new_owners: list[int] = []
    new_costs: list[int] = []
    for span, owner, cost, group in zip(ranges, owners, costs, parts, strict=True):
        for part in group if group is not None else [span]:
            new_ranges.append(part)
            new_owners.append(owner)
            new_costs.append(cost if group is None else next(fresh))
    return new_ranges, new_owners, new_costs


def _sentences(text: str, start: int, end: int, *, language: str) -> Iterator[Range]:
    """Sentences of a stretch, and whatever visible text lies between them."""
    at = start
    while at < end:
        stop = _window_end(text, at, end)
        spans = sentences(text[at:stop], language=language)
        if stop < end and len(spans) > 1 and text[stop - 1] != "\n":
            stop = at + spans.pop().start
        inside = at
        for span in spans:
            yield from _visible(text, inside, at + span.start)
            yield from _visible(text, at + span.start, at + span.end)
            inside = at + span.end
        yield from _visible(text, inside, stop)
        at = stop


def _window_end(text: str, start: int, end: int) -> int:
    """Where to stop looking for sentences at once: at the end of a paragraph, else between words."""
    if end - start <= WINDOW:
        return end
    paragraph = text.rfind("\n\n", start + WINDOW // 2, start + WINDOW)
    if paragraph != -1:
        return paragraph + 2
    space = max(text.rfind(mark, start + WINDOW // 2, start + WINDOW) for mark in (" ", "\n", "\u3000"))
    return space if space != -1 else _between_letters(text, start + WINDOW, end)


def _visible(text: str, start: int, end: int) -> Iterator[Range]:
    start, end = _trim(text, start, end)
    if start < end:
        yield start, end


def _trim(text: str, start: int, end: int) -> Range:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _clauses(text: str, start: int, end: int, _limit: int) -> list[Range]:
    cuts = [start, *(match.end() for match in _CLAUSE.finditer(text, start, end)), end]
    return [part for left, right in pairwise(cuts) for part in _visible(text, left, right)]


def _words(text: str, start: int, end: int, limit: int) -> list[Range]:
    """Groups of words of at most `limit` characters, a safe guess at a part of as many tokens; a longer word is cut."""
    groups: list[Range] = []
    for match in _WORD.finditer(text, start, end):
        left, right = match.span()
        if groups and right - groups[-1][0] <= limit:
            groups[-1] = (groups[-1][0], right)
            continue
        while right - left > limit:
            cut = _between_letters(text, left + limit, right)
            groups.append((left, cut))
            left = cut
        if left < right:
            groups.append((left, right))
    return groups


def _halves(text: str, start: int, end: int, _limit: int) -> list[Range]:
    if end - start < 2:
        return [(start, end)]
    middle = _between_letters(text, (start + end) // 2, end)
    if middle >= end:
        middle = (start + end) // 2
    return [part for span in ((start, middle), (middle, end)) for part in _visible(text, *span)]


def _between_letters(text: str, at: int, end: int) -> int:
    """The next place, a few characters on at most, that does not part a letter from its marks."""
    for place in range(at, min(at + 8, end)):
        joined = text[place] == "\u200d" or text[place - 1] == "\u200d"
        if not joined and not unicodedata.category(text[place]).startswith("M"):
            return place
    return min(at, end)


def _packed(units: Sequence[_Unit], max_tokens: int) -> list[_Run]:
    """Runs of units of one section, as few as possible and of about the same length."""
    runs: list[_Run] = []
    first = 0
    while first < len(units):
        last = first
        while last + 1 < len(units) and units[last + 1].section == units[first].section:
            last += 1
        runs += _even_runs(units, first, last, max_tokens)
        first = last + 1
    return runs


def _even_runs(units: Sequence[_Unit], first: int, last: int, max_tokens: int) -> list[_Run]:
    total = sum(_step(units, number) for number in range(first, last + 1))
    target = total / -(-total // max_tokens) if total else 1
    runs: list[_Run] = []
    begin, cost = first, 0
    for number in range(first, last + 1):
        step = _step(units, number)
        if number > begin and (cost + step > max_tokens or cost + step / 2 > target):
            runs.append(_Run(begin, number - 1, cost))
            begin, cost = number, 0
            step = units[number].cost
        cost += step
    runs.append(_Run(begin, last, cost))
    return runs


def _step(units: Sequence[_Unit], number: int) -> int:
    """What a unit adds to the run that it continues: itself, and the white space before it if that is much."""
    gap = units[number].start - units[number - 1].end if number else 0
    return units[number].cost + gap // CHARS_PER_TOKEN


def _joined(runs: Sequence[_Run], units: Sequence[_Unit], sections: Sequence[_Section], max_tokens: int) -> list[_Run]:
    """Runs with the small ones joined to what follows, else to what precedes, within the same part of the text."""
    small = SMALL * max_tokens

    def fit(left: _Run, right: _Run) -> bool:
        return (
            sections[units[left.first].section].top == sections[units[right.first].section].top
            and left.cost + _step(units, right.first) - units[right.first].cost + right.cost <= max_tokens
        )

    def join(left: _Run, right: _Run) -> _Run:
        gap = _step(units, right.first) - units[right.first].cost
        return _Run(left.first, right.last, left.cost + gap + right.cost)

    whole = _Run(0, len(units) - 1, sum(_step(units, number) for number in range(len(units))))
    if units and whole.cost <= max_tokens and sum(run.cost >= small for run in runs) < 2:
        return [whole]
    joined: list[_Run] = []
    for run in runs:
        if joined and joined[-1].cost < small and fit(joined[-1], run):
            joined[-1] = join(joined[-1], run)
        elif len(joined) > 1 and joined[-1].cost < small and fit(joined[-2], joined[-1]):
            tiny = joined.pop()
            joined[-1] = join(joined[-1], tiny)
            joined.append(run)
        else:
            joined.append(run)
    if len(joined) > 1 and joined[-1].cost < small and fit(joined[-2], joined[-1]):
        tiny = joined.pop()
        joined[-1] = join(joined[-1], tiny)
    return joined


def _verified(
    text: str,
    units: Sequence[_Unit],
    runs: Sequence[_Run],
    sections: Sequence[_Section],
    measure: _Measure,
    max_tokens: int,
) -> list[Piece]:
    """Pieces of the runs. Tokens do not add up exactly, so each is counted as a whole; one that came out too long is
    divided until none is."""
    spans = [(units[run.first].start, units[run.last].end) for run in runs]
    starts = [unit.start for unit in units]
    done: list[tuple[Range, int]] = []
    while spans:
        over: list[Range] = []
        for span, tokens in zip(spans, measure.tokens(spans), strict=True):
            if tokens <= max_tokens or span[1] - span[0] < 2:
                done.append((span, tokens))
            else:
                over += _divided(text, span, starts)
        spans = over
    done.sort()
    return [
        Piece(start, end, sections[units[bisect_right(starts, start) - 1].section].path, tokens)
        for (start, end), tokens in done
    ]


def _divided(text: str, span: Range, starts: Sequence[int]) -> list[Range]:
    """The span cut at the unit nearest to its middle, or through the middle of its only unit."""
    middle = (span[0] + span[1]) // 2
    number = bisect_right(starts, middle)
    inside = [start for start in starts[max(0, number - 1) : number + 1] if span[0] < start < span[1]]
    if not inside:
        return _halves(text, *span, 0)
    cut = min(inside, key=lambda start: abs(start - middle))
    return [*_visible(text, span[0], cut), *_visible(text, cut, span[1])]
