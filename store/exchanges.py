"""Exchanges: each turn's record, kept whole as JSON, with columns to list and search by."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, and_, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from grounding.errors import Conflict, NotFound, StoreError
from grounding.values import Exchange, Turn
from store.database import Database
from store.paging import Page, decode, encode, limited, page
from store.schema import ConversationRow, ExchangeRow, TurnRow


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
    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        """Keeps the Exchange and its turns in one transaction; a new conversation_id begins a conversation that
        belongs to `exchange.caller`. Raises Conflict for a trace_id that is there already."""
        if turns and exchange.conversation_id is None:
            raise StoreError("turns need a conversation: the exchange names none")
        columns = _columns(exchange)
        with self._database.write() as connection:
            if exchange.conversation_id is not None:
                _touch(connection, exchange, exchange.conversation_id)
            try:
                connection.execute(insert(ExchangeRow), columns)
            except IntegrityError as error:
                raise Conflict(f"trace {exchange.trace_id!r} is recorded already") from error
            if turns:
                connection.execute(insert(TurnRow), [_turn(turn, exchange) for turn in turns])

    def get(self, trace_id: str) -> Exchange:
        """Raises NotFound."""
        with self._database.read() as connection:
            body = connection.execute(select(ExchangeRow.body).where(ExchangeRow.trace_id == trace_id)).scalar()
        if body is None:
            raise NotFound(f"trace {trace_id[:200]!r} is not known")
        return decode_exchange(body)

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
    """The Exchange as JSON: every field, scores that are not finite too."""
    # A number of numpy where a plain one belongs is no reason to lose the record, nor to warn.
    fields = _adapter().dump_python(exchange, warnings=False)
    return json.dumps(fields, default=_jsonable, separators=(",", ":"))


def decode_exchange(body: str) -> Exchange:
    """What `encode_exchange` was given. Raises StoreError for one of another version that this one cannot read."""
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


def _columns(exchange: Exchange) -> dict[str, Any]:
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
        "question": question,
        "folded": _folded(question),
        "body": encode_exchange(exchange),
    }


def _touch(connection: Connection, exchange: Exchange, conversation_id: str) -> None:
    """Marks the conversation as used now; begins it if it is new."""
    known = connection.execute(
        update(ConversationRow).where(ConversationRow.id == conversation_id).values(updated_at=exchange.created_at)
    )
    if not known.rowcount:
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


def _turn(turn: Turn, exchange: Exchange) -> dict[str, Any]:
    return {
        "conversation_id": exchange.conversation_id,
        "role": turn.role,
        "content": _storable(turn.content),
        "message_id": turn.message_id,
        "trace_id": turn.trace_id or exchange.trace_id,
        "created_at": turn.created_at or exchange.created_at,
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
