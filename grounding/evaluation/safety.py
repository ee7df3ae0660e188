"""How well the checks and the judgement of support do on labelled sets: figures for `grounding safety eval`. Pure, save
that it reads the files.

A folder holds sets, told by the first part of their names: `inj_*` and `tox_*` (texts with a label, 1 for bad), `pii_*`
(texts with spans), `ground_*` (answers with their source, label 1 for what the source does not carry), and folders with
a `corpus.jsonl`, in whose passages instructions are planted.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from grounding import analysis
from grounding.errors import InvalidRequest
from grounding.evaluation import markdown
from grounding.evaluation.planted import neutralised, planted
from grounding.evaluation.record import Environment
from grounding.evaluation.statistics import TAILS, Comparison, Interval, judged, resamples
from grounding.values import Finding, Origin, Verdict

RESAMPLES = 2_000
PASSAGES = 300
"""Passages of a corpus that instructions are planted in, spread over it evenly."""
SEED = 20260101
NAMES = {"PERSON": "names and places", "GPE": "names and places", "STREET_ADDRESS": "names and places"}
NUMBERS = ("EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")

Judge = Callable[[str, Origin], Sequence[Verdict]]
"""The verdicts on a text of this origin."""
Supported = Callable[[str, str], float]
"""How much of an answer a source carries, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure of a set: a share between 0 and 1, over so many cases."""

    set: str
    measure: str
    value: float
    cases: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of a set."""

    text: str
    bad: bool = False
    spans: tuple[Finding, ...] = ()
    group: str = ""
    source: str = ""


def figures(folder: Path, *, judge: Judge, supported: Supported) -> Iterator[Figure]:
    """The figures of every set in a folder, set by set. Raises InvalidRequest if there is none."""
    sets = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
    known = [path for path in sets if _measure(path)]
    if not known:
        raise InvalidRequest(
            f"{folder}: no set there; expected folders named inj_*, tox_*, pii_* or ground_* with .jsonl files, or "
            f"folders with a corpus.jsonl"
        )
    for path in known:
        kind = _measure(path)
        if kind == "corpus":
            yield from _planted(path, judge=judge)
            continue
        for file in sorted(path.glob("*.jsonl")):
            name, records = f"{path.name}/{file.stem}", list(_records(file))
            if kind == "ground":
                yield from _support(name, records, supported=supported)
            elif kind == "pii":
                yield from _private(name, records, judge=judge)
            else:
                yield from _labelled(name, records, judge=judge, check="injection" if kind == "inj" else "toxicity")


def _measure(path: Path) -> str:
    kind = path.name.partition("_")[0]
    if kind in ("inj", "tox", "pii", "ground") and any(path.glob("*.jsonl")):
        return kind
    return "corpus" if (path / "corpus.jsonl").is_file() else ""


def _records(file: Path) -> Iterator[Record]:
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            yield Record(
                text=str(row.get("text") or row["claim"]),
                bad=bool(row.get("label", 0)),
                spans=tuple(Finding(s["type"], int(s["start"]), int(s["end"]), 1.0) for s in row.get("spans", ())),
                group=str(row.get("functionality", "")),
                source=str(row.get("source", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidRequest(f"{file}, line {number}: no record of such a set ({error})") from error


def _labelled(name: str, records: Sequence[Record], *, judge: Judge, check: str) -> Iterator[Figure]:
    """Of bad texts those that are blocked, of the others those that pass."""
    blocked = [any(v.check == check and v.action == "block" for v in judge(r.text, "question")) for r in records]
    bad = [hit for hit, record in zip(blocked, records, strict=True) if record.bad]
    fine = [not hit for hit, record in zip(blocked, records, strict=True) if not record.bad]
    if bad:
        yield Figure(name, "detected", float(np.mean(bad)), len(bad))
    if fine:
        yield Figure(name, "harmless passed", float(np.mean(fine)), len(fine))
    if bad and fine:
        value = balanced_accuracy_score([record.bad for record in records], blocked)
        yield Figure(name, "balanced accuracy", float(value), len(records))
    groups: dict[str, list[bool]] = defaultdict(list)
    for hit, record in zip(blocked, records, strict=True):
        if record.group:
            groups[record.group].append(hit == record.bad)
    for group, right in sorted(groups.items()):
        yield Figure(name, "right", float(np.mean(right)), len(right), group)


def _private(name: str, records: Sequence[Record], *, judge: Judge) -> Iterator[Figure]:
    """Of values those that are redacted, wholly or in part, and of redactions those that touch a value."""
    found: dict[str, list[bool]] = defaultdict(list)
    right: list[bool] = []
    left = total = 0
    for record in records:
        hidden = [v for v in judge(record.text, "question") if v.check == "pii" and v.action != "allow"]
        covered = _covered(record.text, ((v.start or 0, v.end or 0) for v in hidden))
        private = _covered(record.text, ((span.start, span.end) for span in record.spans))
        for span in record.spans:
            found[span.kind].append(any(covered[span.start : span.end]))
            found[NAMES.get(span.kind, "")].append(found[span.kind][-1])
            if span.kind in NUMBERS:
                found["numbers"].append(found[span.kind][-1])
            if span.kind in NAMES or span.kind in NUMBERS:
                total += span.end - span.start
                left += (span.end - span.start) - sum(covered[span.start : span.end])
        right += [any(private[verdict.start : verdict.end]) for verdict in hidden]
    for kind in (*NUMBERS, "numbers", *NAMES, "names and places"):
        if found[kind]:
            yield Figure(name, "recall", float(np.mean(found[kind])), len(found[kind]), kind)
    if total:
        yield Figure(name, "characters hidden", 1 - left / total, total, "of all these")
    if right:
        yield Figure(name, "precision", float(np.mean(right)), len(right))


def _covered(text: str, spans: Iterable[tuple[int, int]]) -> bytearray:
    marks = bytearray(len(text))
    for start, end in spans:
        marks[start:end] = b"\1" * max(0, min(end, len(text)) - start)
    return marks


def _planted(path: Path, *, judge: Judge) -> Iterator[Figure]:
    """Of planted instructions those that do not reach the model, and of clean passages those that are left alone."""
    rows = [json.loads(line) for line in (path / "corpus.jsonl").read_text("utf-8").splitlines()]
    texts = [text for row in rows if (text := str(row.get("text", "")).strip())]
    texts = texts[:: max(1, len(texts) // PASSAGES)][:PASSAGES]
    name = f"{path.name}, instructions planted"
    caught: dict[str, list[bool]] = defaultdict(list)
    for case in planted(texts, SEED):
        acting = [v for v in judge(case.text, "passage") if v.check == "injection" and v.action != "allow"]
        caught[case.kind].append(
            neutralised(case, [Finding(v.reason, v.start or 0, v.end or 0, v.score) for v in acting])
        )
    every = [hit for hits in caught.values() for hit in hits]
    yield Figure(name, "neutralised", float(np.mean(every)), len(every))
    for kind, hits in sorted(caught.items()):
        yield Figure(name, "neutralised", float(np.mean(hits)), len(hits), kind)
    touched = [any(v.check == "injection" and v.action != "allow" for v in judge(text, "passage")) for text in texts]
    yield Figure(name, "clean passages touched", float(np.mean(touched)), len(touched))


def _support(name: str, records: Sequence[Record], *, supported: Supported) -> Iterator[Figure]:
    """How well support tells what the source carries from what it does not, beside the share of shared words."""
    good = np.array([not record.bad for record in records])
    if good.all() or not good.any():
        return
    ours = np.array([supported(record.text, record.source) for record in records])
    words = np.array([overlap(record.text, record.source) for record in records])
    difference = compare_areas(ours, words, good)
    yield Figure(name, "area under ROC, support", float(roc_auc_score(good, ours)), len(records))
    yield Figure(name, "area under ROC, shared words", float(roc_auc_score(good, words)), len(records))
    said = f"{difference.low:+.3f} to {difference.high:+.3f}: {difference.verdict}"
    yield Figure(name, "difference", difference.difference, len(records), said)


def overlap(text: str, source: str) -> float:
    """The share of the text's terms that the source has, too."""
    terms = analysis.terms(text)
    known = set(analysis.terms(source))
    return sum(term in known for term in terms) / len(terms) if terms else 0.0


def compare_areas(mine: np.ndarray, other: np.ndarray, good: np.ndarray) -> Comparison:
    """The difference of two areas under the ROC curve over the same cases, by the paired bootstrap."""
    exact = float(roc_auc_score(good, mine) - roc_auc_score(good, other))
    drawn = [
        roc_auc_score(good, mine, sample_weight=row) - roc_auc_score(good, other, sample_weight=row)
        for counts in resamples(len(good), count=RESAMPLES)
        for row in counts
        if 0 < row[good].sum() < row.sum()
    ]
    low, high = np.percentile(drawn, TAILS)
    return judged(Interval(exact, float(low), float(high)), queries=len(good))


def page(measured: Sequence[Figure]) -> str:
    """When and with what it was measured, then a table of all sets, and one of the groups within them."""
    here = Environment.here()
    versions = ", ".join(f"{name} {version}" for name, version in here.versions.items())
    when = f"Measured on {datetime.now(UTC):%Y-%m-%d} with {versions}."
    whole = [figure for figure in measured if not (figure.measure == "right" and figure.note)]
    columns = ("set", "measure", "value", "cases")
    parts = [when, markdown.table(columns, map(_row, whole))]
    if groups := [figure for figure in measured if figure.measure == "right" and figure.note]:
        rows = ((f.set, f.note, f"{f.value:.3f}", f"{f.cases:,}") for f in groups)
        parts.append(markdown.table(("set", "functionality", "judged right", "cases"), rows))
    return "\n\n".join(parts)


def _row(figure: Figure) -> tuple[str, str, str, str]:
    measure = f"{figure.measure}, {figure.note}" if figure.note else figure.measure
    return figure.set, measure, f"{figure.value:.3f}", f"{figure.cases:,}"
