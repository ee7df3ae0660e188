"""Exchanges: each turn's record, kept whole as JSON, with columns to list and search by."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from grounding.errors import Conflict, NotFound, StoreError
from grounding.values import Exchange, Turn
from store.database import Database
from store.paging import Page, decode, encode, limited, page
from store.passages import batches
from store.schema import (
    CollectionRow,
    ConversationRow,
    DocumentRow,
    ExchangeDocument,
    ExchangeRow,
    PassageRow,
    TurnRow,
)
from store.sealing import Sealer, of_conversation, of_exchange, plainly, unsaid
from store.usage import add_calls
from store.withdrawing import scrubbed, withdraw_answers

_LOOKED_THROUGH = 5
"""Exchanges read for each question asked for, at most: people ask the same again."""


@dataclass(frozen=True, slots=True)
class ExchangeSummary:
    """One line of the list of retrievals; `passages` counts the evidence."""

    trace_id: str
    kind: str
    created_at: datetime
    collection: str
    question: str
    outcome: str
    conversation_id: str | None
    generator: str
    total_ms: float
    passages: int


class ExchangeStore:
    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        """Keeps the Exchange and its turns in one transaction; a new conversation_id begins a conversation that
        belongs to `exchange.caller`. Of documents that were deleted while the turn ran no word is kept; of a
        conversation that was erased meanwhile, nothing but what its models cost.

        Raises Conflict for a trace_id that is there already.
        """
        if turns and exchange.conversation_id is None:
            raise StoreError("turns need a conversation: the exchange names none")
        columns = _columns(exchange, self._sealer)
        with self._database.write() as connection:
            gone = _gone(connection, exchange)
            withdrawn = bool(gone) or _recalls_withdrawn(connection, exchange)
            if withdrawn:
                said = plainly(_said_by(exchange, gone))
                turns = [replace(turn, values=unsaid(turn.values, said)) for turn in turns]
                exchange = scrubbed(replace(exchange, values=unsaid(exchange.values, said)), gone)
                columns = _columns(exchange, self._sealer)
            if exchange.conversation_id is not None and not _touch(connection, exchange, exchange.conversation_id):
                _bill(connection, exchange, erased=True)
                return
            try:
                connection.execute(insert(ExchangeRow), columns)
            except IntegrityError as error:
                raise Conflict(f"trace {exchange.trace_id!r} is recorded already") from error
            if documents := _documents(exchange):
                connection.execute(insert(ExchangeDocument), documents)
            if turns:
                connection.execute(insert(TurnRow), [_turn(turn, exchange, self._sealer) for turn in turns])
            if withdrawn:
                withdraw_answers(connection, [exchange.trace_id])
            _bill(connection, exchange, erased=False)

    def get(self, trace_id: str, *, private: bool = False) -> Exchange:
        """The record, with the values of its placeholders if `private`: those are for asking again, not for showing.
        Raises NotFound."""
        query = select(ExchangeRow.body, ExchangeRow.sealed).where(ExchangeRow.trace_id == trace_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound(f"trace {trace_id[:200]!r} is not known")
        exchange = decode_exchange(row.body)
        if not private:
            return exchange
        return replace(exchange, values=self._sealer.open(row.sealed, bound_to=of_exchange(trace_id)))

    def questions(self, collection: str, *, limit: int) -> tuple[str, ...]:
        """The latest different questions that a collection was asked, newest first, each in its stand-alone form."""
        query = (
            select(ExchangeRow.body)
            .where(ExchangeRow.collection == collection)
            .order_by(ExchangeRow.created_at.desc(), ExchangeRow.trace_id.desc())
            .limit(limit * _LOOKED_THROUGH)
        )
        found: dict[str, None] = {}
        with self._database.read() as connection:
            for body in connection.execute(query).scalars():
                question = json.loads(body)["question"]["standalone"].strip()
                if question:
                    found.setdefault(question)
                if len(found) == limit:
                    break
        return tuple(found)

    def list(
        self,
        *,
        conversation: str | None = None,
        collection: str | None = None,
        outcome: str | None = None,
        q: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[ExchangeSummary]:
        """Newest first; `q` is a part of the question, in any case of letters. Raises InvalidRequest for a cursor
        that is not one."""
        query = _SUMMARY.order_by(ExchangeRow.created_at.desc(), ExchangeRow.trace_id.desc())
        wanted = ((ExchangeRow.conversation_id, conversation), (ExchangeRow.collection, collection))
        for column, value in (*wanted, (ExchangeRow.outcome, outcome)):
            if value is not None:
                query = query.where(column == value)
        if q:
            query = query.where(ExchangeRow.folded.contains(_folded(q), autoescape=True))
        if cursor is not None:
            created_at, trace_id = decode(cursor)
            earlier = and_(ExchangeRow.created_at == created_at, ExchangeRow.trace_id < trace_id)
            query = query.where(or_(ExchangeRow.created_at < created_at, earlier))
        with self._database.read() as connection:
            rows = connection.execute(query.limit(limited(limit) + 1)).mappings().all()
        items = [ExchangeSummary(**row) for row in rows]
        last = items[min(limit, len(items)) - 1] if items else None
        return page(items, limit, cursor=encode(last.created_at, last.trace_id) if last else None)


def encode_exchange(exchange: Exchange) -> str:
    """The Exchange as JSON: every field but the private values, scores that are not finite too."""
    # A number of numpy where a plain one belongs is no reason to lose the record, nor to warn.
    fields = _adapter().dump_python(exchange, warnings=False, exclude={"values"})
    return json.dumps(fields, default=_jsonable, separators=(",", ":"))


def decode_exchange(body: str) -> Exchange:
    """What `encode_exchange` was given, but for private values. Raises StoreError for one of another version that this
    one cannot read."""
    try:
        return _adapter().validate_python(json.loads(body))
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in found["loc"]) for found in error.errors()[:3])
        raise StoreError(f"this record was made by another version and cannot be shown ({fields})") from error


@cache
def _adapter() -> TypeAdapter[Exchange]:
    return TypeAdapter(Exchange)


def _jsonable(value: object) -> object:
    match value:
        case datetime():
            return value.isoformat()
        case np.generic():
            return value.item()
        case Mapping():
            return dict(value)
    raise TypeError(f"a {type(value).__name__} cannot be kept in an exchange")


def replace_exchange(connection: Connection, exchange: Exchange, sealer: Sealer) -> None:
    """Puts another record in the place of the one of this trace."""
    columns = _columns(exchange, sealer)
    connection.execute(update(ExchangeRow).where(ExchangeRow.trace_id == exchange.trace_id).values(columns))
    connection.execute(delete(ExchangeDocument).where(ExchangeDocument.trace_id == exchange.trace_id))
    if documents := _documents(exchange):
        connection.execute(insert(ExchangeDocument), documents)


def _bill(connection: Connection, exchange: Exchange, *, erased: bool) -> None:
    """Writes down the calls of an Exchange. Of one that was erased while the turn ran, it may be the user who was."""
    add_calls(
        connection,
        exchange.calls,
        key_id=exchange.caller,
        user="" if erased else exchange.user,
        conversation_id=None if erased else exchange.conversation_id,
        collection=exchange.collection,
        trace_id=None if erased else exchange.trace_id,
    )


def _gone(connection: Connection, exchange: Exchange) -> frozenset[str]:
    """The documents among the evidence that are not there any more. A newer version of one says that it is."""
    evidence = exchange.evidence
    alive: set[int] = set()
    for ids in batches([item.passage.id for item in evidence]):
        alive.update(connection.execute(select(PassageRow.id).where(PassageRow.id.in_(ids))).scalars())
    versions: dict[str, int] = {}
    for names in batches(sorted({item.passage.document_id for item in evidence})):
        rows = connection.execute(
            select(DocumentRow.external_id, DocumentRow.version)
            .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
            .where(CollectionRow.name == exchange.collection, DocumentRow.external_id.in_(names))
            # Whoever deletes one of them waits until this is recorded, and then finds the record.
            .with_for_update(read=True, key_share=True, of=DocumentRow)
        )
        versions.update((name, version) for name, version in rows)
    return frozenset(
        item.passage.document_id
        for item in evidence
        if item.passage.id not in alive and versions.get(item.passage.document_id, 0) <= item.passage.version
    )


def _said_by(exchange: Exchange, document_ids: frozenset[str]) -> Iterable[str]:
    """What these documents say, as far as the evidence has it."""
    for item in exchange.evidence:
        if item.passage.document_id in document_ids:
            yield from (item.passage.text, item.passage.title, item.passage.heading)


def _recalls_withdrawn(connection: Connection, exchange: Exchange) -> bool:
    """Whether the prompt may hold an answer of its conversation that was taken back or erased while the turn ran."""
    standing: set[str | None] = set()
    for some in batches(exchange.recalled):
        query = select(TurnRow.trace_id, TurnRow.withdrawn).where(
            TurnRow.conversation_id == exchange.conversation_id, TurnRow.trace_id.in_(some), TurnRow.role == "assistant"
        )
        # Whoever takes one of them back waits until this is recorded, and then finds the record.
        rows = connection.execute(query.with_for_update(read=True))
        standing.update(trace_id for trace_id, withdrawn in rows if not withdrawn)
    return not standing.issuperset(exchange.recalled)


def _documents(exchange: Exchange) -> list[dict[str, Any]]:
    """A row for each document of the evidence."""
    cited = {citation.document_id for citation in exchange.answer.citations} if exchange.answer else set()
    return [
        {
            "trace_id": exchange.trace_id,
            "collection": exchange.collection,
            "document_id": document_id,
            "cited": document_id in cited,
        }
        for document_id in sorted({item.passage.document_id for item in exchange.evidence} | cited)
    ]


def _columns(exchange: Exchange, sealer: Sealer) -> dict[str, Any]:
    question = _storable(exchange.question.clean or exchange.question.raw)
    return {
        "trace_id": exchange.trace_id,
        "kind": exchange.kind,
        "created_at": exchange.created_at,
        "collection": exchange.collection,
        "caller": exchange.caller,
        "conversation_id": exchange.conversation_id,
        "outcome": exchange.outcome,
        "generator": exchange.generator,
        "total_ms": sum(step.ms for step in exchange.steps if step.name == "total"),
        "passages": len(exchange.evidence),
        "change": exchange.change,
        "vector_generation": next((name for name in exchange.generations if name.startswith("vectors-")), None),
        "lexical_generation": next((name for name in exchange.generations if name.startswith("lexical-")), None),
        "question": question,
        "folded": _folded(question),
        "body": encode_exchange(exchange),
        "sealed": sealer.seal(exchange.values, bound_to=of_exchange(exchange.trace_id)),
    }


def _touch(connection: Connection, exchange: Exchange, conversation_id: str) -> bool:
    """Marks the conversation as used now; begins it if it is new. False if it was erased while the turn ran."""
    known = connection.execute(
        update(ConversationRow).where(ConversationRow.id == conversation_id).values(updated_at=exchange.created_at)
    )
    if not known.rowcount and not exchange.recalled:
        connection.execute(
            insert(ConversationRow),
            {
                "id": conversation_id,
                "collection": exchange.collection,
                "owner": exchange.caller,
                "created_at": exchange.created_at,
                "updated_at": exchange.created_at,
            },
        )
    return bool(known.rowcount) or not exchange.recalled


def _turn(turn: Turn, exchange: Exchange, sealer: Sealer) -> dict[str, Any]:
    return {
        "conversation_id": exchange.conversation_id,
        "role": turn.role,
        "content": _storable(turn.content),
        "message_id": turn.message_id,
        "trace_id": turn.trace_id or exchange.trace_id,
        "created_at": turn.created_at or exchange.created_at,
        "sealed": sealer.seal(turn.values, bound_to=of_conversation(str(exchange.conversation_id))),
    }


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs: a question is recorded whatever it holds."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _folded(text: str) -> str:
    """As texts are compared when case does not matter; databases fold ASCII only, or by locale."""
    return unicodedata.normalize("NFKC", _storable(text)).casefold()


_SUMMARY = select(
    ExchangeRow.trace_id,
    ExchangeRow.kind,
    ExchangeRow.created_at,
    ExchangeRow.collection,
    ExchangeRow.question,
    ExchangeRow.outcome,
    ExchangeRow.conversation_id,
    ExchangeRow.generator,
    ExchangeRow.total_ms,
    ExchangeRow.passages,
)
