"""Answers that may be given again: digests, vectors and the traces of the Exchanges that hold them, never a word.

What ends a record, ends what is found here: a row goes with its Exchange, and of a record that was scrubbed there is
nothing left to give.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, insert, or_, select

from grounding.caching import Wanted
from grounding.errors import GroundingError, StoreError
from grounding.values import Exchange, FloatVector
from store.database import Database
from store.exchanges import ExchangeStore
from store.schema import CachedAnswerRow, CollectionRow, ExchangeRow
from store.vectors import pack

NEAREST_OF = 1000
"""Questions of one scope and guard that are compared, the latest first: more do not differ by so little."""

logger = logging.getLogger(__name__)


class AnswerStore:
    """`caching.Answers` over SQL. Thread-safe."""

    def __init__(self, database: Database, exchanges: ExchangeStore) -> None:
        self._database = database
        self._exchanges = exchanges

    def standing(self, collection: str) -> str | None:
        """The collection's folder, which no other ever has, its change and its fingerprint; None while the database is
        busy, or there is none of this name."""
        try:
            with self._database.read() as connection:
                return _standing(connection, collection)
        except StoreError as error:
            logger.debug("no answer is looked for: %s", error)
            return None

    def same(self, wanted: Wanted, *, since: datetime) -> Exchange | None:
        """The record of the answer to the same question."""
        trace_ids = self._traces(CachedAnswerRow.key == wanted.key, CachedAnswerRow.scope == wanted.scope, since=since)
        return self._recorded(next((trace_id for trace_id, _ in trace_ids), None))

    def like(self, wanted: Wanted, *, since: datetime, similarity: float) -> Exchange | None:
        """The record of the answer to the nearest question whose cosine is at least so high."""
        if wanted.vector is None:
            return None
        near = (CachedAnswerRow.scope == wanted.scope, CachedAnswerRow.guard == wanted.guard)
        cosines = (
            (float(np.frombuffer(vector, dtype="<f4") @ wanted.vector), trace_id)
            for trace_id, vector in self._traces(*near, since=since)
            if vector is not None and len(vector) == 4 * len(wanted.vector)
        )
        cosine, trace_id = max(cosines, default=(-1.0, None))
        return self._recorded(trace_id) if cosine >= similarity else None

    def keep(
        self, wanted: Wanted, *, trace_id: str, collection: str, standing: str, since: datetime, entries: int
    ) -> None:
        """Keeps it in the place of what was kept before for the same, unless the database is busy, the record is not
        there, or the collection has changed."""
        row = {
            "key": wanted.key,
            "scope": wanted.scope,
            "trace_id": trace_id,
            "guard": wanted.guard,
            "vector": None if wanted.vector is None else _packed(wanted.vector),
            "created_at": datetime.now(UTC),
        }
        try:
            with self._database.write_in_passing() as connection:
                recorded = select(ExchangeRow.trace_id).where(ExchangeRow.trace_id == trace_id)
                if _standing(connection, collection) == standing and connection.execute(recorded).first():
                    connection.execute(delete(CachedAnswerRow).where(CachedAnswerRow.key == wanted.key))
                    connection.execute(insert(CachedAnswerRow), row)
                _sweep(connection, since=since, entries=entries)
        except StoreError as error:
            logger.debug("the answer of trace %s is not kept to be given again: %s", trace_id, error)

    def _traces(self, *where: ColumnElement[bool], since: datetime) -> list[tuple[str, bytes | None]]:
        """Trace and vector of what was kept since then, the latest first."""
        query = (
            select(CachedAnswerRow.trace_id, CachedAnswerRow.vector)
            .where(*where, CachedAnswerRow.created_at >= since)
            .order_by(CachedAnswerRow.created_at.desc())
            .limit(NEAREST_OF)
        )
        try:
            with self._database.read() as connection:
                return [(trace_id, vector) for trace_id, vector in connection.execute(query)]
        except StoreError as error:
            logger.debug("no answer is looked for: %s", error)
            return []

    def _recorded(self, trace_id: str | None) -> Exchange | None:
        """The record, unless it went meanwhile or is of another version."""
        if trace_id is not None:
            with suppress(GroundingError):
                return self._exchanges.get(trace_id)
        return None


def _standing(connection: Connection, collection: str) -> str | None:
    query = select(CollectionRow.folder, CollectionRow.change, CollectionRow.fingerprint_id)
    row = connection.execute(query.where(CollectionRow.name == collection)).one_or_none()
    return None if row is None else f"{row.folder}@{row.change}/{row.fingerprint_id}"


def _sweep(connection: Connection, *, since: datetime, entries: int) -> None:
    """Forgets what is too old, and the oldest of what is too much."""
    latest = select(CachedAnswerRow.created_at).order_by(CachedAnswerRow.created_at.desc())
    beyond = connection.execute(latest.offset(entries).limit(1)).scalar_one_or_none()
    old = [CachedAnswerRow.created_at < since]
    if beyond is not None:
        old.append(CachedAnswerRow.created_at <= beyond)
    connection.execute(delete(CachedAnswerRow).where(or_(*old)))


def _packed(vector: FloatVector) -> bytes:
    return pack(np.atleast_2d(vector))[0]
