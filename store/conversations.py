"""Conversations: the turns that were kept, oldest first."""

from __future__ import annotations

import builtins
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias, cast

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from grounding.errors import NotFound
from grounding.filters import Filter
from grounding.values import Turn
from store.database import Database
from store.filtering import matches
from store.paging import limited
from store.schema import CollectionRow, ConversationRow, DocumentRow, ExchangeDocument, TurnRow
from store.sealing import Sealer, of_conversation

Speaker: TypeAlias = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """`owner` is the caller whose Exchange began it. `turns` is empty in lists."""

    id: str
    collection: str
    created_at: datetime
    updated_at: datetime
    turns: tuple[Turn, ...]
    owner: str


class ConversationStore:
    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer

    def turns(self, conversation_id: str, *, limit: int = 40, where: Filter | None = None) -> builtins.list[Turn]:
        """The latest turns, oldest first, without answers that were taken back, and without those that may tell of
        documents that `where` does not let through: those that drew on one, and those that came after.

        Raises NotFound for an unknown conversation.
        """
        with self._database.read() as connection:
            turns = self._turns(connection, conversation_id, limit=limit, where=where, withdrawn=False)
            if not turns:
                _require(connection, conversation_id)
            return turns

    def private_values(self, conversation_id: str, *, where: Filter | None = None) -> Mapping[str, str]:
        """The value of every placeholder in the turns that `turns` gives without a limit; where two turns differ about
        one, that of the earlier. Nothing for a conversation that is unknown."""
        query = select(TurnRow.sealed).where(TurnRow.conversation_id == conversation_id, TurnRow.sealed.is_not(None))
        values: dict[str, str] = {}
        with self._database.read() as connection:
            shown = _shown(connection, conversation_id, where=where, withdrawn=False)
            for sealed in connection.execute(query.where(*shown).order_by(TurnRow.id)).scalars():
                opened = self._sealer.open(sealed, bound_to=of_conversation(conversation_id))
                values |= {placeholder: opened[placeholder] for placeholder in opened if placeholder not in values}
        return values

    def get(self, conversation_id: str, *, where: Filter | None = None) -> Conversation:
        """The conversation with its turns, all of them but for `where`, as in `turns`; where an answer was taken back,
        a sentence says so. Raises NotFound."""
        with self._database.read() as connection:
            found = _require(connection, conversation_id)
            turns = self._turns(connection, conversation_id, limit=None, where=where, withdrawn=True)
        return replace(found, turns=tuple(turns))

    def list(self, *, limit: int = 50) -> tuple[Conversation, ...]:
        """The conversations used last, without their turns."""
        query = _CONVERSATIONS.order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limited(limit))
        with self._database.read() as connection:
            return tuple(_conversation(*row) for row in connection.execute(query))

    def append(self, conversation_id: str, turns: Sequence[Turn], *, collection: str, owner: str) -> None:
        """Adds turns of a caller who answers without an Exchange, in one transaction; one of a new conversation begins
        it. Whoever calls hides private values before: `values` are sealed, `content` is kept as it is."""
        if not turns:
            return
        now, bound_to = datetime.now(UTC), of_conversation(conversation_id)
        rows = [
            {
                "conversation_id": conversation_id,
                "role": turn.role,
                "content": turn.content.encode("utf-8", "replace").decode("utf-8"),
                "message_id": turn.message_id or uuid.uuid4().hex,
                "created_at": turn.created_at or now,
                "sealed": self._sealer.seal(turn.values, bound_to=bound_to),
            }
            for turn in turns
        ]
        begun = {"id": conversation_id, "collection": collection, "owner": owner, "created_at": now, "updated_at": now}
        used = update(ConversationRow).where(ConversationRow.id == conversation_id).values(updated_at=now)
        with self._database.write() as connection:
            if not connection.execute(used).rowcount:
                connection.execute(insert(ConversationRow), begun)
            connection.execute(insert(TurnRow), rows)

    def _turns(
        self, connection: Connection, conversation_id: str, *, limit: int | None, where: Filter | None, withdrawn: bool
    ) -> builtins.list[Turn]:
        shown = _shown(connection, conversation_id, where=where, withdrawn=withdrawn)
        query = (
            select(
                TurnRow.role, TurnRow.content, TurnRow.message_id, TurnRow.trace_id, TurnRow.created_at, TurnRow.sealed
            )
            .where(TurnRow.conversation_id == conversation_id, *shown)
            .order_by(TurnRow.id.desc())
            .limit(limit)
        )
        rows, bound_to = connection.execute(query).all(), of_conversation(conversation_id)
        return [
            Turn(cast(Speaker, row[0]), row[1], row[2], row[3], row[4], self._sealer.open(row[5], bound_to=bound_to))
            for row in reversed(rows)
        ]


def _shown(
    connection: Connection, conversation_id: str, *, where: Filter | None, withdrawn: bool
) -> builtins.list[ColumnElement[bool]]:
    """What the turns of a conversation have to be to be shown to somebody; also those `withdrawn`, if so."""
    shown = [] if withdrawn else [~TurnRow.withdrawn]
    if where is not None and (first := _first_hidden(connection, conversation_id, where)) is not None:
        shown.append(or_(TurnRow.role == "user", TurnRow.id < first))
    return shown


def _first_hidden(connection: Connection, conversation_id: str, where: Filter) -> int | None:
    """The first turn that drew on a document that `where` does not let through as the document is now."""
    drawn = (
        select(TurnRow.id, ExchangeDocument.collection, ExchangeDocument.document_id)
        .join(ExchangeDocument, ExchangeDocument.trace_id == TurnRow.trace_id)
        .where(TurnRow.conversation_id == conversation_id)
        .subquery()
    )
    collections = select(CollectionRow.id).where(CollectionRow.name.in_(select(drawn.c.collection)))
    hidden = [
        connection.execute(
            select(func.min(drawn.c.id))
            .join(DocumentRow, DocumentRow.external_id == drawn.c.document_id)
            .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
            .where(
                CollectionRow.id == collection_id,
                CollectionRow.name == drawn.c.collection,
                ~matches(where, collection_id),
            )
        ).scalar_one()
        for collection_id in connection.execute(collections).scalars()
    ]
    return min((turn for turn in hidden if turn is not None), default=None)


def _require(connection: Connection, conversation_id: str) -> Conversation:
    row = connection.execute(_CONVERSATIONS.where(ConversationRow.id == conversation_id)).one_or_none()
    if row is None:
        raise NotFound(f"conversation {conversation_id[:200]!r} is not known")
    return _conversation(*row)


def _conversation(key: str, collection: str, created_at: datetime, updated_at: datetime, owner: str) -> Conversation:
    return Conversation(key, collection, created_at, updated_at, (), owner)


_CONVERSATIONS = select(
    ConversationRow.id,
    ConversationRow.collection,
    ConversationRow.created_at,
    ConversationRow.updated_at,
    ConversationRow.owner,
)
