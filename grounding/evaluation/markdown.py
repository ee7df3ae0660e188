"""Evaluations as tables in Markdown, put between two marks of a page. Pure, save `replace`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

from grounding.errors import InvalidRequest
from grounding.evaluation.record import HYBRID, RAW, Evaluation
from grounding.evaluation.statistics import Comparison
from grounding.evaluation.summary import Summary

BEGIN, END = "<!-- eval:begin -->", "<!-- eval:end -->"
Marks: TypeAlias = tuple[str, str]
_READING = (
    "In brackets the 95 % interval of the mean (bootstrap over queries, 10,000 resamples). The best leg is the one "
    "with the highest nDCG@10; a difference is better or worse if its interval does not hold 0."
)
_ABSTENTION = (
    "Abstention: the area under the risk-coverage curve, which is the share of the answered queries that should not "
    "have been, averaged over all thresholds; smaller is better."
)


def page(measured: Sequence[tuple[Evaluation, Summary]]) -> str:
    """Where and when it was measured, then the tables of retrieval, follow-ups and abstention."""
    evaluations = [evaluation for evaluation, _ in measured]
    parts = [
        *_environments(evaluations),
        _READING,
        table(
            ("set", "run", "nDCG@10", "recall@10", "recall@100", "MRR@10"),
            (row for evaluation, summary in measured for row in _retrieval(evaluation, summary)),
        ),
    ]
    if follow_ups := [row for evaluation, summary in measured for row in _follow_ups(evaluation, summary)]:
        turns = ("set", "turns", "queries", HYBRID, RAW, "difference")
        parts += ["Turns of conversations, in nDCG@10, against the last turn alone:", table(turns, follow_ups)]
    if abstention := [row for evaluation, summary in measured for row in _abstention(evaluation, summary)]:
        columns = ("set", "should abstain", "score", "area", "confidence less it")
        parts += [
            _ABSTENTION,
            table(columns, abstention),
        ]
    times = ", ".join(f"{e.name} {s.search_ms['p50']:.0f} and {s.search_ms['p95']:.0f}" for e, s in measured)
    return "\n\n".join([*parts, f"Milliseconds of a search, p50 and p95: {times}."])


def require_marks(file: Path, marks: Marks = (BEGIN, END)) -> None:
    """Raises InvalidRequest unless the page has both marks, each once and in order."""
    _split(file, marks)


def replace(file: Path, text: str, marks: Marks = (BEGIN, END)) -> None:
    """Puts a text between the marks of a page."""
    before, after = _split(file, marks)
    file.write_text(f"{before}{marks[0]}\n{text}\n{marks[1]}{after}", "utf-8")


def difference(found: Comparison) -> str:
    """ "+0.031 (+0.010 to +0.052): better"."""
    return f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f}): {found.verdict}"


def _split(file: Path, marks: Marks) -> tuple[str, str]:
    begins, ends = marks
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None
    before, begin, rest = text.partition(begins)
    _, end, after = rest.partition(ends)
    if not begin or not end or ends in before or begins in after or ends in after:
        raise InvalidRequest(f"{file}: the marks {begins} and {ends} must each be there once, in this order")
    return before, after


def _environments(evaluations: Sequence[Evaluation]) -> Iterable[str]:
    """A sentence for each environment, and what was measured in it if there are several."""
    seen: dict[str, list[str]] = {}
    for evaluation in evaluations:
        here = evaluation.environment
        versions = ", ".join(f"{name} {version}" for name, version in here.versions.items())
        when = f"{evaluation.created_at:%Y-%m-%d}"
        text = f"Measured on {when} with {versions}; embedder {evaluation.embedder}; {here.cores} cores of"
        seen.setdefault(f"{text} {here.processor}", []).append(evaluation.name)
    for text, names in seen.items():
        yield f"{text}." if len(seen) == 1 else f"{text}: {'; '.join(names)}."


def _retrieval(evaluation: Evaluation, summary: Summary) -> Iterable[Sequence[str]]:
    title = f"{evaluation.name}: {evaluation.documents:,} documents, {summary.all.queries:,} queries"
    for run, scores in summary.all.runs.items():
        cells = [f"{score.mean:.3f}" for score in scores.values()]
        if run == HYBRID:
            cells = [f"**{score.mean:.3f}** ({score.low:.3f} to {score.high:.3f})" for score in scores.values()]
        yield (title if run == HYBRID else "", run, *cells)
    for item in summary.differences:
        if not item.group:
            yield ("", f"{item.run} less {item.other}, the best leg", difference(item.comparison), "", "", "")


def _follow_ups(evaluation: Evaluation, summary: Summary) -> Iterable[Sequence[str]]:
    for item in summary.differences:
        if item.other == RAW:
            group = next(group for group in summary.groups if group.name == item.group)
            means = [f"{group.runs[run][item.measure].mean:.3f}" for run in (HYBRID, RAW)]
            yield (evaluation.name, item.group, str(group.queries), *means, difference(item.comparison))


def _abstention(evaluation: Evaluation, summary: Summary) -> Iterable[Sequence[str]]:
    for item in summary.abstention:
        title = f"{item.wrong}: {item.to_abstain} of {item.queries}"
        for score, curve in item.curves.items():
            compared = difference(item.against[score]) if score in item.against else ""
            yield (evaluation.name, title, score, f"{curve.area:.3f}", compared)
        yield (evaluation.name, title, "(the best order)", f"{item.ideal:.3f}", "")
        yield (evaluation.name, title, "(any order)", f"{item.chance:.3f}", "")


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
