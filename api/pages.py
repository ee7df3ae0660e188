"""The admin pages: an Exchange as what a person reads. Pure, but for the templates that are read from api/web."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.words import FORMS, LEGS
from grounding import retrieve
from grounding.values import (
    Answer,
    Citation,
    Dropped,
    Entity,
    Exchange,
    Leg,
    LegName,
    Passage,
    Question,
    Signal,
    Step,
)

WEB = Path(__file__).parent / "web"
_MARKER = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of a text that stands out: half-open, in code points of that text."""

    start: int
    end: int
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text under the same marks; `href` makes it a link."""

    text: str
    marks: tuple[Mark, ...] = ()
    href: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One form of the question, with its names marked."""

    name: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A fused passage: where each leg put it, its text with the quoted spans marked, and where it got to.

    `passage` is None if it was not kept with the Exchange and is no longer in the collection.
    """

    rank: int
    passage_id: int
    score: float
    signals: tuple[Signal | None, ...]
    passage: Passage | None
    pieces: tuple[Piece, ...]
    cited_by: tuple[int, ...]
    fate: str


@dataclass(frozen=True, slots=True)
class LegRow:
    rank: int
    score: float
    passage_id: int
    title: str


@dataclass(frozen=True, slots=True)
class LegTable:
    """What one leg found with one form of the question; `form` is that in words."""

    leg: Leg
    form: str
    rows: tuple[LegRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A step's share of the whole time: offset and width in percent."""

    step: Step
    offset: float
    width: float


@dataclass(frozen=True, slots=True)
class RetrievalPage:
    exchange: Exchange
    forms: tuple[Form, ...]
    answer: tuple[Piece, ...]
    citations: tuple[Citation, ...]
    leg_names: tuple[LegName, ...]
    passages: tuple[PassageRow, ...]
    more: int
    legs: tuple[LegTable, ...]
    dropped: tuple[tuple[Dropped, str], ...]
    bars: tuple[Bar, ...]
    total_ms: float


_ROWS = 30
"""Fused passages, and hits of each leg, that the page lists; the JSON has them all."""


def shown_ids(exchange: Exchange) -> list[int]:
    """Passages that the detail page names and whose text the Exchange does not hold."""
    held = {item.passage.id for item in exchange.evidence}
    named = [
        hit.passage_id for hits in (exchange.ranking, *(leg.hits for leg in exchange.legs)) for hit in hits[:_ROWS]
    ]
    return [passage_id for passage_id in dict.fromkeys(named) if passage_id not in held]


def retrieval_page(exchange: Exchange, others: Iterable[Passage] = ()) -> RetrievalPage:
    """Everything that the detail page shows of an Exchange; `others` are passages of `shown_ids` that still exist."""
    answer = exchange.answer
    citations = answer.citations if answer else ()
    passages = {passage.id: passage for passage in others} | {
        item.passage.id: item.passage for item in exchange.evidence
    }
    titles = {passage.id: _title(passage) for passage in passages.values()}
    names = tuple(name for name in LEGS if any(leg.name == name for leg in exchange.legs))
    return RetrievalPage(
        exchange=exchange,
        forms=tuple(_forms(exchange.question)),
        answer=answer_pieces(answer) if answer else (),
        citations=citations,
        leg_names=names,
        passages=tuple(_passages(exchange, citations, passages, names=names)),
        more=max(len(exchange.ranking) - _ROWS, 0),
        legs=tuple(_leg_table(leg, titles) for leg in exchange.legs),
        dropped=tuple((item, titles.get(item.passage_id, "")) for item in exchange.dropped),
        bars=tuple(bars(exchange.steps)),
        total_ms=next((step.ms for step in exchange.steps if step.name == "total"), 0.0),
    )


def _title(passage: Passage) -> str:
    title = passage.title or passage.source
    return f"{title} › {passage.heading}" if passage.heading else title


def highlight(text: str, marks: Iterable[Mark]) -> tuple[Piece, ...]:
    """The text in pieces, cut wherever a mark begins or ends; joined they are the text. Marks may overlap."""
    inside = [mark for mark in marks if 0 <= mark.start < mark.end <= len(text)]
    cuts = sorted({0, len(text), *(m.start for m in inside), *(m.end for m in inside)})
    return tuple(
        Piece(text[start:end], tuple(mark for mark in inside if mark.start <= start and end <= mark.end))
        for start, end in pairwise(cuts)
    )


def answer_pieces(answer: Answer) -> tuple[Piece, ...]:
    """The answer with each marker that is a citation as a link to its quote."""
    known = {citation.marker for citation in answer.citations}
    pieces: list[Piece] = []
    at = 0
    for match in _MARKER.finditer(answer.text):
        if int(match[1]) in known:
            pieces += [Piece(answer.text[at : match.start()]), Piece(match[0], href=f"#citation-{int(match[1])}")]
            at = match.end()
    return (*(piece for piece in pieces if piece.text), Piece(answer.text[at:]))


def bars(steps: Sequence[Step]) -> list[Bar]:
    """The steps but "total" as bars one after the other, in the order in which they ended."""
    named = [step for step in steps if step.name != "total"]
    whole = max(sum(step.ms for step in named), 1e-9)
    found: list[Bar] = []
    at = 0.0
    for step in named:
        found.append(Bar(step, round(100 * at / whole, 2), round(100 * step.ms / whole, 2)))
        at += step.ms
    return found


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route, or a field of its body: `where` is path, query or body."""

    name: str
    where: str
    kind: str
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    meaning: str
    needs_key: bool
    parameters: tuple[Parameter, ...]


def operations(description: Mapping[str, Any]) -> list[Operation]:
    """The routes of an OpenAPI description, in its order."""
    schemas = description["components"]["schemas"]
    return [
        Operation(
            method=method.upper(),
            path=path,
            meaning=operation.get("description") or operation.get("summary", ""),
            needs_key=bool(operation.get("security")),
            parameters=(*_parameters(operation), *_fields(operation, schemas)),
        )
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def _parameters(operation: Mapping[str, Any]) -> Iterable[Parameter]:
    for found in operation.get("parameters", ()):
        kind, meaning = _kind(found["schema"]), found.get("description", "")
        yield Parameter(found["name"], found["in"], kind, found.get("required", False), meaning)


def _fields(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterable[Parameter]:
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        schema = schemas.get(schema.get("$ref", "").rpartition("/")[2], schema)
        where = "body" if media_type == "application/json" else "form"
        for name, field in schema.get("properties", {}).items():
            required = name in schema.get("required", ())
            yield Parameter(name, where, _kind(field), required, _meaning(field))


def _meaning(schema: Mapping[str, Any]) -> str:
    """The description of a field, which is one level down where the field may also be null."""
    nested = (inner.get("description", "") for inner in schema.get("anyOf", ()))
    return str(schema.get("description") or next(filter(None, nested), ""))


def _kind(schema: Mapping[str, Any]) -> str:
    """A JSON type in words: "string", "list of NewDocument"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind for kind in map(_kind, schema["anyOf"]) if kind != "null")
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("type", "any"))


def templates() -> Environment:
    """The pages' templates; every value is escaped, an unknown name is an error."""
    return Environment(
        loader=FileSystemLoader(WEB), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def _forms(question: Question) -> Iterable[Form]:
    forms = {
        "raw": question.raw,
        "clean": question.clean,
        "corrected": question.corrected or "",
        "stand-alone": question.standalone,
        "said before": question.context,
        "rewritten": question.rewritten or "",
    }
    for name, text in forms.items():
        if text:
            yield Form(name, highlight(text, _entity_marks(text, question.entities)))


def _entity_marks(text: str, entities: Iterable[Entity]) -> Iterable[Mark]:
    """Each name where it stands in this form of the question: spans are of one form, the name may be in others."""
    taken = 0
    for entity in entities:
        start = entity.start if text[entity.start : entity.end] == entity.text else text.find(entity.text, taken)
        if entity.text and start >= taken:
            taken = start + len(entity.text)
            yield Mark(start, taken, "entity", entity.label)


def _passages(
    exchange: Exchange, citations: Sequence[Citation], passages: Mapping[int, Passage], *, names: Sequence[LegName]
) -> Iterable[PassageRow]:
    signals = retrieve.signals(exchange.legs)
    evidence = {item.passage.id for item in exchange.evidence}
    dropped = {item.passage_id: f"{item.stage}: {item.reason}" for item in exchange.dropped}
    for rank, hit in enumerate(exchange.ranking[:_ROWS], start=1):
        passage = passages.get(hit.passage_id)
        quotes = [citation for citation in citations if citation.passage_id == hit.passage_id]
        yield PassageRow(
            rank=rank,
            passage_id=hit.passage_id,
            score=hit.score,
            signals=tuple(getattr(signals.get(hit.passage_id), name, None) for name in names),
            passage=passage,
            pieces=highlight(passage.text, _quote_marks(passage, quotes)) if passage else (),
            cited_by=tuple(sorted({citation.marker for citation in quotes})),
            fate=dropped.get(hit.passage_id) or ("used" if hit.passage_id in evidence else "ranked lower"),
        )


def _quote_marks(passage: Passage, quotes: Iterable[Citation]) -> Iterable[Mark]:
    """Quotes are spans of the document; what of them lies in this passage is marked."""
    for quote in quotes:
        start, end = max(quote.start - passage.start, 0), min(quote.end - passage.start, len(passage.text))
        yield Mark(start, end, "quote", f"[{quote.marker}]")


def _leg_table(leg: Leg, titles: Mapping[int, str]) -> LegTable:
    rows = tuple(
        LegRow(rank, hit.score, hit.passage_id, titles.get(hit.passage_id, ""))
        for rank, hit in enumerate(leg.hits[:_ROWS], start=1)
    )
    return LegTable(leg, FORMS[leg.form], rows, len(leg.hits) - len(rows))
