"""Scrubbing: the words of an erased document taken out of records that stay: Exchanges, answers, jobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update

from grounding.errors import StoreError
from grounding.postprocess import MARKER
from grounding.values import Exchange, Question
from store.exchanges import decode_exchange, replace_exchange
from store.needles import strings
from store.passages import batches
from store.schema import ExchangeDocument, ExchangeRow, JobItemRow, JobRow, TurnRow
from store.withdrawing import scrubbed, withdraw_answers

ERASED = "(erased)"


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was scrubbed: trace ids of Exchanges, and how many answers. `texts` is what they said of the document, and
    `sources` where they said it was from."""

    exchanges: tuple[str, ...]
    turns: int
    texts: tuple[str, ...]
    sources: frozenset[str]


def scrub_exchanges(connection: Connection, collection: str, document_id: str) -> Scrubbed:
    """Takes a document out of every Exchange that had it as evidence, and out of those whose prompt told of such an
    answer: later ones of the same conversations, and those of callers who keep the history of their own."""
    found: dict[str, Exchange] = {}
    had = select(ExchangeDocument.trace_id).where(
        ExchangeDocument.collection == collection, ExchangeDocument.document_id == document_id
    )
    new = set(connection.execute(had).scalars())
    while new:
        loaded = _load(connection, new)
        found |= loaded
        later = _later(connection, new) | _retold(connection, _answers(loaded.values()))
        new = later - found.keys()
    seen = [
        item.passage
        for exchange in found.values()
        for item in exchange.evidence
        if item.passage.document_id == document_id and exchange.collection == collection
    ]
    texts = [text for it in seen for text in (it.text, it.title, it.heading, *strings(it.metadata))]
    for exchange in found.values():
        documents = {document_id} if exchange.collection == collection else set()
        replace_exchange(connection, scrubbed(exchange, documents))
    turns = withdraw_answers(connection, list(found))
    said = (*texts, *_answers(found.values()))
    return Scrubbed(tuple(sorted(found)), turns, said, frozenset(it.source for it in seen))


def scrub_jobs(connection: Connection, collection: str, source: str) -> tuple[int, int]:
    """How many job items of a source are gone, and from how many jobs its name was taken."""
    jobs = select(JobRow.id).where(JobRow.collection == collection)
    items = connection.execute(
        delete(JobItemRow).where(JobItemRow.source == source, JobItemRow.job_id.in_(jobs))
    ).rowcount
    connection.execute(
        update(JobItemRow)
        .where(JobItemRow.detail.contains(source, autoescape=True), JobItemRow.job_id.in_(jobs))
        .values(detail=ERASED)
    )
    changed = 0
    query = select(JobRow.id, JobRow.sources, JobRow.report).where(JobRow.collection == collection)
    for job_id, sources, report in connection.execute(query).all():
        left = [ERASED if _names(given, source) else given for given in sources]
        said = report and _without_source(report, source)
        if (left, said) != (sources, report):
            changed += 1
            connection.execute(update(JobRow).where(JobRow.id == job_id).values(sources=left, report=said))
    return items, changed


def _load(connection: Connection, trace_ids: Iterable[str]) -> dict[str, Exchange]:
    found: dict[str, Exchange] = {}
    for some in batches(sorted(trace_ids)):
        for row in connection.execute(select(ExchangeRow).where(ExchangeRow.trace_id.in_(some))).mappings():
            try:
                found[row["trace_id"]] = decode_exchange(row["body"])
            except StoreError:  # of another version: what its columns tell is kept
                found[row["trace_id"]] = _bare(row)
    return found


def _bare(row: RowMapping) -> Exchange:
    question = Question(row["question"], row["question"], row["question"], "und")
    same = ("trace_id", "kind", "created_at", "collection", "outcome", "caller", "conversation_id", "change")
    return Exchange(question=question, **{name: row[name] for name in same})


def _later(connection: Connection, trace_ids: set[str]) -> set[str]:
    """The Exchanges of the same conversations that began after the first of these."""
    first: dict[str | None, Any] = {}
    for some in batches(sorted(trace_ids)):
        rows = connection.execute(
            select(ExchangeRow.conversation_id, func.min(ExchangeRow.created_at), func.min(TurnRow.id))
            .outerjoin(TurnRow, TurnRow.trace_id == ExchangeRow.trace_id)
            .where(ExchangeRow.trace_id.in_(some), ExchangeRow.conversation_id.is_not(None))
            .group_by(ExchangeRow.conversation_id)
        )
        for conversation_id, at, turn in rows:
            known_at, known_turn = first.get(conversation_id, (at, turn))
            first[conversation_id] = (
                min(at, known_at),
                min((each for each in (turn, known_turn) if each is not None), default=None),
            )
    found: set[str] = set()
    for conversation_id, (at, turn) in first.items():
        # By the turns as well: a clock may have been set back.
        after = select(TurnRow.trace_id).where(TurnRow.conversation_id == conversation_id, TurnRow.id >= turn)
        query = select(ExchangeRow.trace_id).where(
            ExchangeRow.conversation_id == conversation_id,
            or_(ExchangeRow.created_at >= at, ExchangeRow.trace_id.in_(after)),
        )
        found.update(connection.execute(query).scalars())
    return found


def _retold(connection: Connection, answers: Sequence[str]) -> set[str]:
    """The Exchanges whose prompt holds one of these answers as history."""
    said = {_bare_text(answer) for answer in answers}
    if not said:
        return set()
    query = select(ExchangeRow.trace_id, ExchangeRow.body).where(ExchangeRow.body.contains('"role":"assistant"'))
    rows = connection.execute(query.execution_options(yield_per=100))
    return {trace_id for trace_id, body in rows if said & set(_recalled(body))}


def _recalled(body: str) -> Iterator[str]:
    for message in json.loads(body).get("messages", ()):
        if message["role"] == "assistant":
            yield _bare_text(message["content"])


def _answers(exchanges: Iterable[Exchange]) -> tuple[str, ...]:
    return tuple(exchange.answer.text for exchange in exchanges if exchange.answer and exchange.answer.citations)


def _bare_text(text: str) -> str:
    """As history gives an answer to a prompt: without markers."""
    return " ".join(MARKER.sub("", text).split())


def _names(given: str, source: str) -> bool:
    """Whether what a job was given names this source and no other."""
    return given == source or ("#" not in source and PurePath(given).name == PurePath(source).name)


def _without_source(report: str, source: str) -> str:
    """A job's report without what it says of a source; the same text if that is nothing."""
    value = json.loads(report)
    if not isinstance(value, dict) or not any(source in text for text in strings(value)):
        return report
    return json.dumps({name: _without(item, source) for name, item in value.items()}, ensure_ascii=False)


def _without(value: object, source: str) -> object:
    match value:
        case str():
            return ERASED if source in value else value
        case list():
            return [_without(item, source) for item in value if not _is_of(item, source)]
        case dict():
            return {name: _without(item, source) for name, item in value.items()}
    return value


def _is_of(item: object, source: str) -> bool:
    return item == source or (isinstance(item, dict) and item.get("source") == source)
