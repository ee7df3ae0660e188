"""What `grounding eval` does: ingests the corpus of a set, searches its queries, or answers them, and says how good
what came of it is."""

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
from grounding.evaluation import answers, dataset, markdown, measure, plot, record, summary
from grounding.evaluation.answers import Answers
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
    of one file for each set. With `answers`, what `generators` answer, by default that of the settings."""

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
    answers: bool = False
    generators: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises InvalidRequest, MissingDependency for what would only fail after long work."""
        if self.generators and not self.answers:
            raise InvalidRequest("--generator names who answers: it goes with --answers")
        if self.answers and (self.every or self.legs or self.against or self.plot):
            raise InvalidRequest("--answers measures one set: it goes without --all, --legs, --against and --plot")
        if self.every and (self.queries or self.collection or self.plot):
            raise InvalidRequest("--all measures several sets: it goes without --queries, --collection and --plot")
        if self.every and self.output and self.output.is_file():
            raise InvalidRequest(f"{self.output}: with --all, --output is a folder")
        if self.plot:
            plot.require(self.plot)
        if self.write:
            markdown.require_marks(self.write, self.marks)

    @property
    def marks(self) -> markdown.Marks:
        """Between which its tables go."""
        return answers.MARKS if self.answers else (markdown.BEGIN, markdown.END)

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
        if plan.answers:
            return self._evaluate_answers(plan)
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

    def _evaluate_answers(self, plan: Plan) -> int:
        """Measures the answers of each generator and prints their figures. Returns the exit code."""
        ((folder, queries),) = plan.sets()
        data = dataset.read(folder, queries=queries)
        answers.measured(data)
        with opened() as service:
            names = plan.generators or (service.settings.models.generator,)
            for name in names:
                service.models.route(name)  # one that cannot be made is told now, not after all others have answered
            collection, report = self._ingest(data, plan=plan, service=service)
            found = [self._answers(data, name, collection=collection, service=service) for name in names]
            warnings = self._warn(data, collection, report, service=service)
        if plan.output:
            answers.write(found, plan.output)
        if plan.write:
            markdown.replace(plan.write, answers.page(found), plan.marks)
        self._output.result(
            _answers_json(found, report, warnings, worst=plan.worst), lambda: self._show_answers(found, plan.worst)
        )
        return SOME_FAILED if report.documents.failed else OK

    def _answers(self, data: Dataset, generator: str, *, collection: str, service: Service) -> Answers:
        with self._output.progress(f"{generator} answers {data.name}", "queries") as tell:
            return answers.run(
                data,
                generator=generator,
                ask=service.unrecorded().answer,
                collection=collection,
                embedder=str(service.store.corpus(collection).fingerprint or ""),
                settings={"top_k": str(service.settings.retrieval.top_k)},
                progress=lambda done, total: tell(done, total),
            )

    def _ingest(self, data: Dataset, *, plan: Plan, service: Service) -> tuple[str, Report]:
        """The collection that the set's corpus went into, and how that went."""
        name = plan.collection or f"eval-{re.sub(r'[^A-Za-z0-9._-]+', '-', data.folder.resolve().name)}"
        with self._output.progress(f"ingest {data.name}", "documents") as tell:
            return name, service.ingest(
                [str(data.folder / "corpus.jsonl")],
                collection=name,
                prune=plan.collection is None,
                progress=lambda progress: tell(progress.done, progress.total, pace(progress)),
            )

    def _warn(self, data: Dataset, collection: str, report: Report, *, service: Service) -> tuple[str, ...]:
        warnings = tuple(_warnings(data, report, documents=service.store.collections.get(collection).documents))
        for warning in warnings:
            self._output.note(f"{data.name}: {warning}")
        return warnings

    def _measure(self, data: Dataset, earlier: Evaluation | None, *, plan: Plan, service: Service) -> Measured:
        name, report = self._ingest(data, plan=plan, service=service)
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
        warnings = self._warn(data, name, report, service=service)
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

    def _show_answers(self, found: Sequence[Answers], worst: int) -> None:
        for each in found:
            figures = answers.summarise(each, first=found[0])
            known, unknown = (figures.figures[name].cases for name in ("answered", "abstained"))
            self._title(f"{each.generator} on {each.set}: {known} queries with an answer, {unknown} without")
            rows = [(name, answers.shown(figure), figure.cases) for name, figure in figures.figures.items()]
            self._output.table(("measure", "mean, 95 % interval", "of"), rows, right=("of",))
            if figures.against:
                self._output.line(f"correct, less {found[0].generator}: {markdown.difference(figures.against)}")
            self._output.line("seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.seconds.items()))
            if figures.failed:
                self._output.line(Text("failed: ", style="red"), str(figures.failed))
            for given in answers.wrong(each)[:worst]:
                self._output.line(Text(f"{given.id}  ", style="bold"), one_line(given.text, limit=_TEXT))
                expected = given.references[0] if given.references else "no answer"
                self._output.line(Text("       expected ", style="dim"), one_line(expected, limit=_TEXT))
                self._output.line(Text("       given    ", style="dim"), one_line(given.answer, limit=_TEXT))

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


def _answers_json(
    found: Sequence[Answers], report: Report, warnings: Sequence[str], *, worst: int
) -> dict[str, object]:
    """The figures of each generator."""
    shown: dict[str, object] = {}
    for each in found:
        figures = answers.summarise(each, first=found[0])
        shown[each.generator] = {
            "figures": {
                name: {"cases": figure.cases, **(asdict(figure.interval) if figure.interval else {})}
                for name, figure in figures.figures.items()
            },
            "correct_less_first": asdict(figures.against) if figures.against else None,
            "seconds": dict(figures.seconds),
            "failed": figures.failed,
            "prompt_tokens": sum(given.prompt_tokens for given in each.given),
            "completion_tokens": sum(given.completion_tokens for given in each.given),
            **({"worst": [asdict(given) for given in answers.wrong(each)[:worst]]} if worst else {}),
        }
    return {
        "set": found[0].set,
        "collection": found[0].collection,
        "documents": found[0].documents,
        "answers": shown,
        "settings": dict(found[0].settings),
        "environment": asdict(found[0].environment),
        "warnings": list(warnings),
        "ingest": report.to_json(),
    }


def _flat(difference: dict[str, object]) -> dict[str, object]:
    comparison = difference.pop("comparison")
    return difference | (comparison if isinstance(comparison, dict) else {})


def _slug(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "set"
