"""How good answers are: every query of a set answered as a caller's would be, and the answer compared with what the set
says. Nothing judges but the rules below, so that the same answers always get the same figures.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydantic import TypeAdapter

from grounding import figures as reading
from grounding import history, polarity
from grounding.errors import GroundingError, InvalidRequest
from grounding.evaluation import markdown
from grounding.evaluation.dataset import Dataset, Query
from grounding.evaluation.record import Environment
from grounding.evaluation.statistics import Comparison, Interval, compare, intervals
from grounding.folding import visible
from grounding.pipeline import Ask
from grounding.postprocess import MARKER
from grounding.values import Exchange

MARKS: markdown.Marks = ("<!-- answers:begin -->", "<!-- answers:end -->")
WORDS = 2 / 3
"""The share of a reference's words that a right answer has, where no figure says whether it is right."""
MEASURES = (
    "answered", "correct", "correct if answered", "cited rightly", "support", "wholly supported", "abstained",
)  # fmt: skip
_READING = (
    "Of the queries with an answer: how many were answered, how many of all and of those answered correctly; of those "
    "answered, how many cite a document that is judged to answer, how far the evidence supports them, and how many "
    "have no sentence without support. Of the queries without an answer: how many were not answered. In brackets the "
    "95 % interval (bootstrap over queries)."
)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"\w+")
_YES = re.compile(r"\W*(?:yes\b|はい)", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no\b|いいえ)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Given:
    """What one query got. `answerable` tells that the set has an answer to it; `answered` that it got one, `correct`
    that this says what the set's does, `cited` that it cites a document judged to answer. `failed` is the code of the
    error that came instead."""

    id: str
    text: str
    answerable: bool
    references: tuple[str, ...]
    answer: str = ""
    answered: bool = False
    correct: bool = False
    cited: bool = False
    support: float = 0.0
    unsupported: int = 0
    confidence: float | None = None
    seconds: float = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """All that one generator gave for a set."""

    set: str
    generator: str
    collection: str
    documents: int
    embedder: str
    created_at: datetime
    environment: Environment
    settings: Mapping[str, str]
    given: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share, or a mean of support, over `cases` queries; None over none."""

    cases: int
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one generator, by the names of MEASURES; `correct` beside that of the generator named first."""

    figures: Mapping[str, Figure]
    seconds: Mapping[str, float]
    failed: int
    against: Comparison | None = None


def run(
    dataset: Dataset,
    *,
    generator: str,
    ask: Callable[[Ask], Exchange],
    collection: str,
    embedder: str,
    settings: Mapping[str, str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
    """The answers of one generator to all queries that the set has an answer to, or says that there is none. Raises
    InvalidRequest if there are none of the former."""
    queries = measured(dataset)
    given: list[Given] = []
    for number, query in enumerate(queries, start=1):
        given.append(_given(query, generator=generator, ask=ask, collection=collection, dataset=dataset))
        progress(number, len(queries))
    return Answers(
        set=dataset.name,
        generator=generator,
        collection=collection,
        documents=dataset.documents.count,
        embedder=embedder,
        created_at=datetime.now(UTC),
        environment=Environment.here(),
        settings=settings or {},
        given=tuple(given),
    )


def measured(dataset: Dataset) -> list[Query]:
    """The queries with an answer, and those known to have none. Raises InvalidRequest if none has an answer."""
    if not any(_is_answerable(query) for query in dataset.queries):
        raise InvalidRequest(
            f"{dataset.folder}: no query has an `answer`, in queries.jsonl or in answers.jsonl, to compare answers with"
        )
    return [query for query in dataset.queries if _is_answerable(query) or query.answerability == "unanswerable"]


def summarise(answers: Answers, *, first: Answers | None = None) -> Summary:
    """The figures of one generator, compared with those of the first."""
    known = [each for each in answers.given if each.answerable]
    answered = [each for each in known if each.answered]
    unknown = [each for each in answers.given if not each.answerable]
    seconds = [each.seconds for each in answers.given]
    found = {
        "answered": _figure(each.answered for each in known),
        "correct": _figure(each.correct for each in known),
        "correct if answered": _figure(each.correct for each in answered),
        "cited rightly": _figure(each.cited for each in answered),
        "support": _figure(each.support for each in answered),
        "wholly supported": _figure(not each.unsupported for each in answered),
        "abstained": _figure(not each.answered for each in unknown),
    }
    against = None
    if first is not None and first is not answers:
        right = {each.id: each.correct for each in first.given}
        both = [each for each in known if each.id in right]
        against = compare([each.correct for each in both], [right[each.id] for each in both])
    return Summary(
        figures=found,
        seconds={"p50": float(np.percentile(seconds, 50)), "p95": float(np.percentile(seconds, 95))},
        failed=sum(bool(each.failed) for each in answers.given),
        against=against,
    )


def is_correct(answer: str, references: Sequence[str]) -> bool:
    """Whether an answer says what any of the references says.

    It does if it has the reference's words one after another. Else, if the reference has numbers, dates or times, the
    answer must have them all: read as figures, with their units and bounds, in English and Japanese alike. If it has
    none, the answer must have `WORDS` of its words but for function words, by their stems, and must not deny what the
    reference says. A reference that begins with yes or no is not met by an answer that begins with the other.
    What an answer says beside is not looked at.
    """
    said = MARKER.sub("", answer)
    return bool(said.strip()) and any(_says(said, reference) for reference in references)


def page(found: Sequence[Answers]) -> str:
    """Where and when it was measured, then the table of all generators, the first of each set being compared with."""
    first = {each.set: each for each in reversed(found)}
    columns = ("set", "generator", *MEASURES, "correct, less the first", "seconds: p50, p95")
    rows = [_row(each, summarise(each, first=first[each.set])) for each in found]
    return "\n\n".join([*_environments(found), _READING, markdown.table(columns, rows)])


def wrong(answers: Answers) -> list[Given]:
    """What should not have been answered and was, then what was answered wrongly, then what was not answered."""
    missed = [each for each in answers.given if (each.answered if not each.answerable else not each.correct)]
    return sorted(missed, key=lambda each: (each.answerable, not each.answered))


def write(found: Sequence[Answers], file: Path) -> None:
    """Keeps every answer in a file."""
    file.write_bytes(TypeAdapter(tuple[Answers, ...]).dump_json(tuple(found), indent=1))


def read(file: Path) -> tuple[Answers, ...]:
    """What `write` kept."""
    return TypeAdapter(tuple[Answers, ...]).validate_json(file.read_bytes())


def shown(figure: Figure, *, brackets: bool = True) -> str:
    """ "0.795 (0.682 to 0.909)"; "" over no queries."""
    if figure.interval is None:
        return ""
    found = figure.interval
    return f"{found.mean:.3f}" + (f" ({found.low:.3f} to {found.high:.3f})" if brackets else "")


def _given(query: Query, *, generator: str, ask: Callable[[Ask], Exchange], collection: str, dataset: Dataset) -> Given:
    began = time.perf_counter()
    none = Given(query.id, query.text, _is_answerable(query), query.references)
    try:
        exchange = ask(Ask(query.text, collection=collection, history=query.history, generator=generator))
    except GroundingError as error:
        return replace(none, failed=getattr(error, "reason", error.code), seconds=time.perf_counter() - began)
    answer, judged = exchange.answer, dataset.qrels.get(query.id, {})
    assert answer is not None  # an exchange of kind "chat" has one
    answered = answer.outcome in ("answered", "partial")
    return replace(
        none,
        answer=answer.text,
        answered=answered,
        correct=answered and is_correct(answer.text, query.references),
        cited=answered and any(judged.get(citation.document_id, 0) > 0 for citation in answer.citations),
        support=answer.support.score if answered else 0.0,
        unsupported=len(answer.support.unsupported),
        confidence=exchange.confidence,
        seconds=time.perf_counter() - began,
        prompt_tokens=exchange.usage.prompt_tokens,
        completion_tokens=exchange.usage.completion_tokens,
    )


def _is_answerable(query: Query) -> bool:
    return bool(query.references) and query.answerability in (None, "answerable")


def _says(answer: str, reference: str) -> bool:
    if (_YES.match(reference) and _NO.match(answer)) or (_NO.match(reference) and _YES.match(answer)):
        return False
    if _has(answer, reference):
        return True
    wanted = replace(reading.figures(reference), codes=frozenset())  # a code is a word here, not a quantity
    if wanted:
        return not reading.disagreements(wanted, reading.figures(answer))
    terms = set(history.content_terms(visible(reference)))
    has = terms & set(history.content_terms(visible(answer)))
    stances = (polarity.stance(polarity.plainly(text)) for text in (reference, answer))
    return bool(terms) and len(has) >= WORDS * len(terms) and not polarity.contradictions(*stances)


def _has(answer: str, reference: str) -> bool:
    """Whether the reference's words stand in the answer one after another."""
    between = "" if _JAPANESE.search(reference) else " "
    wanted, has = (between.join(_WORD.findall(visible(text).casefold())) for text in (reference, answer))
    edge = r"\w" if between else r"\d"
    return bool(wanted) and re.search(rf"(?<!{edge}){re.escape(wanted)}(?!{edge})", has) is not None


def _figure(values: Iterable[float]) -> Figure:
    listed = [float(value) for value in values]
    return Figure(len(listed), intervals([[value] for value in listed])[0] if listed else None)


def _row(answers: Answers, summary: Summary) -> list[str]:
    known, unknown = summary.figures["answered"].cases, summary.figures["abstained"].cases
    failed = f"; {summary.failed} failed" if summary.failed else ""
    cells = [shown(summary.figures[name], brackets=name in ("correct", "abstained")) for name in MEASURES]
    return [
        f"{answers.set}: {known} with an answer, {unknown} without",
        f"{answers.generator}{failed}",
        *cells,
        markdown.difference(summary.against) if summary.against else "",
        f"{summary.seconds['p50']:.1f}, {summary.seconds['p95']:.1f}",
    ]


def _environments(found: Sequence[Answers]) -> Iterator[str]:
    """A sentence for each environment and the settings, each once."""
    seen: dict[str, list[str]] = {}
    for each in found:
        here = each.environment
        versions = ", ".join(f"{name} {version}" for name, version in here.versions.items())
        settings = ", ".join(f"{name} {value}" for name, value in each.settings.items())
        when = f"{each.created_at:%Y-%m-%d}"
        text = f"Measured on {when} with {versions}; embedder {each.embedder}; {here.cores} cores of {here.processor}"
        seen.setdefault(f"{text}; {settings}" if settings else text, []).append(each.generator)
    for text, names in seen.items():
        yield f"{text}." if len(seen) == 1 else f"{text}: {', '.join(names)}."
