"""What `grounding eval` does: ingests the corpus of a set, searches its queries, and says how good what it found is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.text import Text

from api.commands import OK, SOME_FAILED, opened, pace
from api.compose import Service
from api.output import Output, one_line, plain
from grounding.errors import InvalidRequest
from grounding.evaluation import dataset, markdown, measure, plot, record, summary
from grounding.evaluation.dataset import Dataset
from grounding.evaluation.record import HYBRID, Evaluation, Result
from grounding.evaluation.summary import Abstention, Against, Summary
from ingest.report import Report

_TEXT = 160
_SHOWN = 3
"""Documents named for a query that went badly."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure, and where the figures go besides the terminal. With `every`, `output` and `against` are folders
    of one file for each set."""

    folder: Path
    collection: str | None = None
    queries: Path | None = None
    legs: bool = False
    every: bool = False
    output: Path | None = None
    against: Path | None = None
    worst: int = 0
    plot: Path | None = None
    write: Path | None = None

    def check(self) -> None:
        """Raises InvalidRequest, MissingDependency for what would only fail after long work."""
        if self.every and (self.queries or self.collection or self.plot):
            raise InvalidRequest("--all measures several sets: it goes without --queries, --collection and --plot")
        if self.every and self.output and self.output.is_file():
            raise InvalidRequest(f"{self.output}: with --all, --output is a folder")
        if self.plot:
            plot.require(self.plot)
        if self.write:
            markdown.require_marks(self.write)

    def sets(self) -> list[tuple[Path, Path | None]]:
        """The folders to measure, each with a file of other wordings of its queries, or None. Raises InvalidRequest."""
        if not self.every:
            if not (self.folder / "corpus.jsonl").is_file():
                raise InvalidRequest(
                    f"{self.folder}: no corpus.jsonl there; expected a folder in BEIR layout (or a folder of such "
                    f"folders with --all)"
                )
            return [(self.folder, self.queries)]
        folders = [self.folder, *sorted(self.folder.iterdir())] if self.folder.is_dir() else []
        found = [folder for folder in folders if dataset.is_dataset(folder)]
        if not found:
            raise InvalidRequest(f"{self.folder}: neither it nor a folder in it has the BEIR layout")
        return [(folder, file) for folder in found for file in (None, *dataset.variants(folder))]

    def file(self, place: Path | None, data: Dataset) -> Path | None:
        """Where the results of a set are, in --output or --against."""
        return place / f"{_slug(data.name)}.json" if place and self.every else place


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one set."""

    evaluation: Evaluation
    summary: Summary
    against: Against | None
    ingest: Report
    warnings: tuple[str, ...]


class Evaluating:
    """The command `eval`."""

    def __init__(self, *, as_json: bool) -> None:
        self._output = Output(as_json=as_json)

    def evaluate(self, plan: Plan) -> int:
        """Measures all sets of the plan and prints their figures. Returns the exit code."""
        plan.check()
        sets = [dataset.read(folder, queries=queries) for folder, queries in plan.sets()]
        earlier = [self._earlier(plan, data) for data in sets]
        with opened() as service:
            measured = [
                self._measure(data, before, plan=plan, service=service)
                for data, before in zip(sets, earlier, strict=True)
            ]
        if plan.plot:
            plot.draw(measured[0].evaluation, measured[0].summary, plan.plot)
        if plan.write:
            markdown.replace(plan.write, markdown.page([(item.evaluation, item.summary) for item in measured]))
        values = [_json(item, worst=plan.worst) for item in measured]
        self._output.result(
            {"sets": values} if plan.every else values[0],
            lambda: self._show_all(measured, worst=plan.worst),
        )
        return SOME_FAILED if any(item.ingest.documents.failed for item in measured) else OK

    def _earlier(self, plan: Plan, data: Dataset) -> Evaluation | None:
        """The results to compare with; with --all a set may have none yet."""
        file = plan.file(plan.against, data)
        if file is None or (plan.every and not file.is_file()):
            return None
        return record.read(file)

    def _measure(self, data: Dataset, earlier: Evaluation | None, *, plan: Plan, service: Service) -> Measured:
        name = plan.collection or f"eval-{re.sub(r'[^A-Za-z0-9._-]+', '-', data.folder.resolve().name)}"
        with self._output.progress(f"ingest {data.name}", "documents") as tell:
            report = service.ingest(
                [str(data.folder / "corpus.jsonl")],
                collection=name,
                prune=plan.collection is None,
                progress=lambda progress: tell(progress.done, progress.total, pace(progress)),
            )
        with self._output.progress(f"search {data.name}", "queries") as tell:
            evaluation = measure.run(
                data,
                search=service.unrecorded().search,
                corpus=service.store.corpus(name),
                legs=plan.legs or plan.write is not None,
                settings={
                    **{key: str(value) for key, value in service.settings.searching.model_dump().items()},
                    "reranker": service.settings.models.reranker,
                },
                progress=lambda done, total: tell(done, total),
            )
        if file := plan.file(plan.output, data):
            record.write(evaluation, file)
        warnings = tuple(_warnings(data, report, documents=service.store.collections.get(name).documents))
        for warning in warnings:
            self._output.note(f"{data.name}: {warning}")
        compared = None if earlier is None else summary.against(evaluation, earlier)
        return Measured(evaluation, summary.summarise(evaluation), compared, report, warnings)

    def _show_all(self, measured: Sequence[Measured], *, worst: int) -> None:
        for item in measured:
            self._show(item, worst=worst)

    def _show(self, item: Measured, *, worst: int) -> None:
        evaluation, figures = item.evaluation, item.summary
        self._title(f"{evaluation.name}: {figures.all.queries} queries on {evaluation.collection}")
        for group in figures.groups:
            rows = [(run, *(f"{s.mean:.4f}" for s in scores.values())) for run, scores in group.runs.items()]
            title = f"{group.name}: {group.queries} queries" if group.name else "run"
            self._output.table((title, *measure.MEASURES), rows, right=tuple(measure.MEASURES))
        of = figures.all.runs[HYBRID][summary.HEADLINE]
        self._output.line(f"{summary.HEADLINE} of hybrid: {of.mean:.4f}, 95 % interval {of.low:.4f} to {of.high:.4f}")
        for difference in figures.differences:
            where = f", {difference.group}" if difference.group else ""
            text = f"{difference.measure} of {difference.run} less {difference.other}{where}"
            self._output.line(f"{text}: {markdown.difference(difference.comparison)}")
        self._output.line("search ms: " + ", ".join(f"{name} {ms:.1f}" for name, ms in figures.search_ms.items()))
        for abstention in figures.abstention:
            self._show_abstention(abstention)
        if item.against:
            self._show_against(item.against)
        if worst:
            self._show_worst(evaluation, worst)

    def _show_abstention(self, found: Abstention) -> None:
        kind = f"{found.to_abstain} of {found.queries} queries {found.wrong}"
        self._title(f"Abstention: {kind}; a smaller area is better")
        rows = [
            (score, f"{curve.area:.4f}", markdown.difference(found.against[score]) if score in found.against else "")
            for score, curve in found.curves.items()
        ]
        rows += [("the best there could be", f"{found.ideal:.4f}", ""), ("any order", f"{found.chance:.4f}", "")]
        self._output.table(("score", "area", "confidence less it"), rows, right=("area",))

    def _show_against(self, found: Against) -> None:
        self._title(f"Against the earlier run, over {found.queries} queries")
        for warning in found.warnings:
            self._output.line(Text("warning: ", style="yellow"), warning)
        rows = [
            (run if number == 0 else "", name, *markdown.difference(comparison).split(": "))
            for run, comparisons in found.runs.items()
            for number, (name, comparison) in enumerate(comparisons.items())
        ]
        self._output.table(("run", "measure", "difference", "verdict"), rows)

    def _show_worst(self, evaluation: Evaluation, count: int) -> None:
        self._title(f"The {count} queries with the lowest {summary.HEADLINE}")
        for result in summary.worst(evaluation, count):
            score = result.runs[HYBRID].scores[summary.HEADLINE]
            self._output.line(Text(f"{score:.3f}  {result.id}  ", style="bold"), one_line(result.text, limit=_TEXT))
            for form, text in result.forms.items():
                if form != "asked":
                    self._output.line(f"       {form}: {one_line(text, limit=_TEXT)}")
            for label, line in _expected_and_found(result, evaluation.titles):
                self._output.line(Text(f"       {label:<9}", style="dim"), line)

    def _title(self, text: str) -> None:
        self._output.line("")
        self._output.line(Text(plain(text), style="bold"))


def _expected_and_found(result: Result, titles: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What was judged, with the rank that each run gave it, and the best of what was found instead."""
    for document_id, grade in sorted(result.judged.items(), key=lambda item: -item[1])[:_SHOWN]:
        if grade > 0:
            ranks = ", ".join(f"{run} {_rank(ranked.documents, document_id)}" for run, ranked in result.runs.items())
            yield "expected", f"{one_line(titles.get(document_id, ''), limit=60)}  {document_id}  at {ranks}"
    for rank, document_id in enumerate(result.runs[HYBRID].documents[:_SHOWN], start=1):
        yield f"found {rank}", f"{one_line(titles.get(document_id, ''), limit=60)}  {document_id}"


def _rank(documents: Sequence[str], document_id: str) -> str:
    return f"#{documents.index(document_id) + 1}" if document_id in documents else "-"


def _warnings(data: Dataset, report: Report, *, documents: int) -> Iterator[str]:
    if documents != data.documents.count:
        twice = report.documents.duplicate
        why = f"; {twice} have the text of another" if twice else ""
        yield f"the collection holds {documents} documents, corpus.jsonl {data.documents.count}{why}"
    if data.missing:
        yield f"{len(data.missing)} judged documents are not in corpus.jsonl, such as {data.missing[0]!r}"


def _json(item: Measured, *, worst: int) -> dict[str, object]:
    """The figures of a set; `scores` are the means over all judged queries."""
    evaluation, figures = item.evaluation, item.summary
    found: dict[str, object] = {
        "set": evaluation.name,
        "collection": evaluation.collection,
        "documents": evaluation.documents,
        "queries": figures.all.queries,
        "scores": {run: {name: s.mean for name, s in scores.items()} for run, scores in figures.all.runs.items()},
        "intervals": {
            run: {name: [s.low, s.high] for name, s in scores.items()} for run, scores in figures.all.runs.items()
        },
        "groups": {
            group.name: {
                "queries": group.queries,
                "scores": {run: {name: s.mean for name, s in scores.items()} for run, scores in group.runs.items()},
            }
            for group in figures.groups[1:]
        },
        "differences": [_flat(asdict(difference)) for difference in figures.differences],
        "abstention": [asdict(abstention) for abstention in figures.abstention],
        "search_ms": dict(figures.search_ms),
        "environment": asdict(evaluation.environment),
        "warnings": list(item.warnings),
        "ingest": item.ingest.to_json(),
    }
    if item.against:
        found["against"] = asdict(item.against)
    if worst:
        found["worst"] = [asdict(result) for result in summary.worst(evaluation, worst)]
    return found


def _flat(difference: dict[str, object]) -> dict[str, object]:
    comparison = difference.pop("comparison")
    return difference | (comparison if isinstance(comparison, dict) else {})


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "set"
