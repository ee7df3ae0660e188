"""Conversations: the turns that were kept, oldest first."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, cast

from sqlalchemy import Connection, delete, select

from grounding.errors import NotFound
from grounding.values import Turn
from store.database import Database
from store.paging import limited
from store.schema import ConversationRow, TurnRow

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
    def __init__(self, database: Database) -> None:
        self._database = database

    def turns(self, conversation_id: str, *, limit: int = 40) -> builtins.list[Turn]:
        """The latest turns, oldest first. Raises NotFound for an unknown conversation."""
        with self._database.read() as connection:
            turns = _turns(connection, conversation_id, limit=limit)
            if not turns:
                _require(connection, conversation_id)
            return turns

    def get(self, conversation_id: str) -> Conversation:
        """The conversation with all of its turns. Raises NotFound."""
        with self._database.read() as connection:
            found = _require(connection, conversation_id)
            turns = _turns(connection, conversation_id, limit=None)
        return replace(found, turns=tuple(turns))

    def list(self, *, limit: int = 50) -> tuple[Conversation, ...]:
        """The conversations used last, without their turns."""
        query = _CONVERSATIONS.order_by(ConversationRow.updated_at.desc(), ConversationRow.id).limit(limited(limit))
        with self._database.read() as connection:
            return tuple(_conversation(*row) for row in connection.execute(query))

    def delete(self, conversation_id: str) -> bool:
        """Whether there was one; its turns and its Exchanges go with it."""
        with self._database.write() as connection:
            gone = connection.execute(delete(ConversationRow).where(ConversationRow.id == conversation_id))
            return gone.rowcount > 0


def _turns(connection: Connection, conversation_id: str, *, limit: int | None) -> builtins.list[Turn]:
    query = (
        select(TurnRow.role, TurnRow.content, TurnRow.message_id, TurnRow.trace_id, TurnRow.created_at)
        .where(TurnRow.conversation_id == conversation_id)
        .order_by(TurnRow.id.desc())
        .limit(limit)
    )
    rows = connection.execute(query).all()
    return [Turn(cast(Speaker, row[0]), row[1], row[2], row[3], row[4]) for row in reversed(rows)]


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
