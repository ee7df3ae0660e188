"""Scrubbing: the words of an erased document taken out of records that stay: Exchanges, answers, jobs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, or_, select, update

from grounding.errors import StoreError
from grounding.postprocess import MARKER
from grounding.values import Exchange, Passage, Question
from store.exchanges import decode_exchange, replace_exchange
from store.needles import strings
from store.passages import batches
from store.schema import ExchangeDocument, ExchangeRow, JobItemRow, JobRow, TurnRow
from store.sealing import Sealer, of_conversation, of_exchange, plainly, unsaid
from store.withdrawing import scrubbed, withdraw_answers

ERASED = "(erased)"
_NUMBERED = re.compile(r"<[A-Z][A-Z0-9_]{0,40}_[0-9]{1,9}>")


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What was scrubbed: trace ids of Exchanges, and how many answers. `texts` is what they said of the document, and
    `sources` where they said it was from."""

    exchanges: tuple[str, ...]
    turns: int
    texts: tuple[str, ...]
    sources: frozenset[str]


def scrub_exchanges(
    connection: Connection, collection: str, document_id: str, *, texts: Iterable[str], sealer: Sealer
) -> Scrubbed:
    """Takes a document, which says these texts, out of every Exchange that had it as evidence, and out of those whose
    prompt told of such an answer: later ones of the same conversations, and those of callers who keep the history of
    their own. The private values that it says are taken out of these conversations, whoever gave them there."""
    found: dict[str, Exchange] = {}
    had = select(ExchangeDocument.trace_id).where(
        ExchangeDocument.collection == collection, ExchangeDocument.document_id == document_id
    )
    new = set(connection.execute(had).scalars())
    while new:
        loaded = _load(connection, new, sealer)
        found |= loaded
        later = _later(connection, new) | _retold(connection, _answers(loaded.values()))
        new = later - found.keys()
    shown = {
        trace_id: [
            item.passage
            for item in exchange.evidence
            if item.passage.document_id == document_id and exchange.collection == collection
        ]
        for trace_id, exchange in found.items()
    }
    said = _said(found.values(), shown, plainly(texts))
    for exchange in found.values():
        documents = {document_id} if exchange.collection == collection else set()
        left = scrubbed(exchange, documents)
        replace_exchange(connection, replace(left, values=unsaid(left.values, said[_talk(exchange)])), sealer)
    turns = withdraw_answers(connection, list(found))
    _unseal(connection, said, sealer)
    seen = [passage for each in shown.values() for passage in each]
    told = (*(text for passage in seen for text in _texts(passage)), *_answers(found.values()))
    return Scrubbed(tuple(sorted(found)), turns, told, frozenset(passage.source for passage in seen))


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


def _said(exchanges: Iterable[Exchange], shown: Mapping[str, Sequence[Passage]], document: str) -> dict[str, str]:
    """What the document says, by conversation: there its passages may be recorded with placeholders for values."""
    said: dict[str, str] = {}
    for exchange in exchanges:
        texts = [text for passage in shown[exchange.trace_id] for text in _texts(passage)]
        said[_talk(exchange)] = "\n".join((said.get(_talk(exchange), document), plainly(texts)))
    return said


def _talk(exchange: Exchange) -> str:
    return exchange.conversation_id or exchange.trace_id


def _texts(passage: Passage) -> Iterator[str]:
    yield from (passage.text, passage.title, passage.heading, *strings(passage.metadata))


def _unseal(connection: Connection, said: Mapping[str, str], sealer: Sealer) -> None:
    """Takes the values that are said, by conversation, out of all that these keep sealed. What does not open, so that
    nobody can look into it, goes whole."""

    def left(sealed: bytes | None, bound_to: str, conversation_id: str) -> bytes | None:
        values = unsaid(sealer.open(sealed, bound_to=bound_to), said[conversation_id])
        return sealer.seal(values, bound_to=bound_to)

    for some in batches(sorted(said)):
        turns = select(TurnRow.id, TurnRow.sealed, TurnRow.conversation_id).where(
            TurnRow.conversation_id.in_(some), TurnRow.sealed.is_not(None)
        )
        for key, sealed, conversation_id in connection.execute(turns).all():
            kept = left(sealed, of_conversation(conversation_id), conversation_id)
            connection.execute(update(TurnRow).where(TurnRow.id == key).values(sealed=kept))
        exchanges = select(ExchangeRow.trace_id, ExchangeRow.sealed, ExchangeRow.conversation_id).where(
            ExchangeRow.conversation_id.in_(some), ExchangeRow.sealed.is_not(None)
        )
        for trace_id, sealed, its_conversation in connection.execute(exchanges).all():
            kept = left(sealed, of_exchange(trace_id), str(its_conversation))
            connection.execute(update(ExchangeRow).where(ExchangeRow.trace_id == trace_id).values(sealed=kept))


def _load(connection: Connection, trace_ids: Iterable[str], sealer: Sealer) -> dict[str, Exchange]:
    found: dict[str, Exchange] = {}
    for some in batches(sorted(trace_ids)):
        for row in connection.execute(select(ExchangeRow).where(ExchangeRow.trace_id.in_(some))).mappings():
            try:
                exchange = decode_exchange(row["body"])
            except StoreError:  # of another version: what its columns tell is kept
                exchange = _bare(row)
            values = sealer.open(row["sealed"], bound_to=of_exchange(row["trace_id"]))
            found[row["trace_id"]] = replace(exchange, values=values)
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
    """As history gives an answer to a prompt: without markers. Another conversation numbers its placeholders anew."""
    return " ".join(_NUMBERED.sub("<>", MARKER.sub("", text)).split())


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
