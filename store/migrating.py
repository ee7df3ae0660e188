"""Migration: a collection on its way to the vectors of another embedder, while it is searched and written to.

New vectors are added beside those in use, in short transactions, and nobody searches them. The switch is one
transaction: it names the other fingerprint and a generation of its vectors, and counts as a change, so that every
reader notices. The old vectors stay, and so does their last generation: a migration back embeds only what came since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from grounding.errors import NotFound, StoreError
from grounding.values import Fingerprint, FloatVector, Hit, Vectorized
from store import fingerprints, passages
from store.collections import Place
from store.database import Database
from store.lexical import Text
from store.publishing import Publisher, Standing, beside, standing
from store.ranking import Ids, merged
from store.readers import VectorReader
from store.schema import CollectionRow, DocumentRow, GenerationRow, PassageRow, TokenRow, VectorRow, table_of
from store.vectors import pack, require_unit

FORGOTTEN_AT_ONCE = 5000
"""Vectors deleted in one transaction: some 10 MB, a fraction of a second in which nobody else can write."""


@dataclass(frozen=True, slots=True)
class NewVector:
    """A passage's vector under the new fingerprint, with the hash of the text that was embedded."""

    passage_id: int
    embed_hash: str
    vector: FloatVector
    tokens: bytes = b""


class Migration:
    """One collection, from the fingerprint in use to another. `Store.migration` hands it out, to one at a time."""

    def __init__(
        self,
        database: Database,
        *,
        place: Place,
        fingerprint: Fingerprint,
        reader: Callable[[], VectorReader],
        publishing: Callable[[], AbstractContextManager[Publisher]],
    ) -> None:
        self.collection = place.name
        self.fingerprint = fingerprint
        self._database = database
        self._id = place.id
        self._reader = reader()
        self._new_reader = reader
        self._publishing = publishing
        self._publisher: Publisher | None = None
        with database.write() as connection:
            self._key = fingerprints.key_of(connection, fingerprint)

    @property
    def in_use(self) -> Fingerprint | None:
        """The fingerprint of the vectors that are searched now; None while there are none."""
        with self._database.read() as connection:
            key = self._now(connection).fingerprint_id
            return None if key is None else fingerprints.read(connection, key)

    def passages(self) -> int:
        """How many the collection has now."""
        with self._database.read() as connection:
            return passages.count(connection, self._id)

    def lacking(self) -> Ids:
        """Passages without a vector of the new fingerprint, ascending."""
        with self._database.read() as connection:
            self._now(connection)
            rows = connection.execute(select(PassageRow.id).where(self._lacks()).order_by(PassageRow.id))
            return np.fromiter(rows.scalars(), dtype=np.int64)

    def texts(self, ids: Sequence[int]) -> list[Text]:
        """What is embedded of these passages, as far as they still exist."""
        with self._database.read() as connection:
            return [text for some in passages.batches(ids) for text in passages.texts_of(connection, self._id, some)]

    def vectors(self, embed_hashes: Sequence[str]) -> dict[str, Vectorized]:
        """Vectors of the new fingerprint that are there already for these embedded texts, by hash."""
        with self._database.read() as connection:
            return passages.vectors_of(
                connection,
                self._id,
                embed_hashes,
                fingerprint_id=self._key,
                dimension=self.fingerprint.dimension,
            )

    def add(self, rows: Sequence[NewVector]) -> int:
        """How many of the vectors were stored: those whose passage still exists and has none. All or none of these.

        Raises StoreError if a vector is not finite, not of unit length or not of the fingerprint's dimension.
        """
        if not rows:
            return 0
        dimension = self.fingerprint.dimension
        if any(row.vector.shape != (dimension,) for row in rows):
            raise StoreError(f"{self.fingerprint} makes vectors of {dimension} dimensions, and no others")
        matrix = np.stack([row.vector for row in rows]).astype(np.float32, copy=False)
        require_unit(matrix, dimension=dimension)
        of_all = {"fingerprint_id": self._key, "collection_id": self._id}
        given = {
            row.passage_id: {**of_all, "passage_id": row.passage_id, "embed_hash": row.embed_hash, "vector": blob}
            for row, blob in zip(rows, pack(matrix), strict=True)
        }
        tokens = {row.passage_id: row.tokens for row in rows}
        with self._database.write() as connection:
            welcome = self._still_lacking(connection, list(given))
            if welcome:
                connection.execute(insert(table_of(VectorRow)), [given[passage_id] for passage_id in welcome])
                passages.keep_tokens(connection, self._key, ((its, tokens.get(its, b"")) for its in welcome))
        self._database.reached("vectors committed")
        return len(welcome)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes to the collection meanwhile. Raises CollectionBusy if somebody does."""
        with self._publishing() as publisher:
            self._publisher = publisher
            try:
                yield
            finally:
                self._publisher = None

    def prepare(self) -> None:
        """Builds an index of the new vectors beside that in use, if one is due. Only while alone."""
        assert self._publisher is not None
        self._publisher.prepare(self._key)
        self._reader = self._new_reader()

    def search(self, vector: FloatVector, k: int) -> list[Hit]:
        """What the dense leg will find once it is switched, but for passages that lack a vector yet."""
        with self._database.read() as connection:
            view = self._reader.view(connection, self._beside(connection))
        hits = view.tail.search(vector, k, without=view.gone)
        return merged(hits + (view.base.search(vector, k, without=view.gone) if view.base is not None else []), k)

    def switch(self) -> None:
        """From now on the new vectors are searched. Only while alone. Raises StoreError if a passage lacks one."""
        assert self._publisher is not None
        with self._database.write() as connection:
            now = self._beside(connection)
            lacking = connection.execute(select(func.count()).select_from(PassageRow).where(self._lacks())).scalar_one()
            if lacking:
                raise StoreError(f"{lacking} passages of {self.collection!r} have no vector of {self.fingerprint} yet")
            passages.next_change(connection, self._id)
            connection.execute(
                update(CollectionRow)
                .where(CollectionRow.id == self._id)
                .values(fingerprint_id=self._key, vector_generation_id=now.vector_generation_id)
            )
        self._database.reached("embedder switched")

    def titles(self, limit: int) -> tuple[str, ...]:
        """Titles of documents, at most so many, taken evenly from the oldest to the newest."""
        titled = (DocumentRow.collection_id == self._id) & (DocumentRow.title != "")
        with self._database.read() as connection:
            keys = connection.execute(select(DocumentRow.id).where(titled).order_by(DocumentRow.id)).scalars().all()
            places = np.unique(np.linspace(0, len(keys) - 1, min(limit, len(keys))).round().astype(int))
            wanted = [keys[place] for place in places]
            return tuple(
                title
                for some in passages.batches(wanted)
                for title in connection.execute(
                    select(DocumentRow.title).where(DocumentRow.id.in_(some)).order_by(DocumentRow.id)
                ).scalars()
            )

    def _now(self, connection: Connection) -> Standing:
        return _there(standing(connection, self._id), self.collection)

    def _beside(self, connection: Connection) -> Standing:
        return _there(beside(connection, self._id, self._key), self.collection)

    def _lacks(self) -> ColumnElement[bool]:
        has = select(VectorRow.passage_id).where(
            VectorRow.passage_id == PassageRow.id, VectorRow.fingerprint_id == self._key
        )
        return (PassageRow.collection_id == self._id) & ~has.exists()

    def _still_lacking(self, connection: Connection, ids: Sequence[int]) -> list[int]:
        # Where writers do not exclude each other, a passage that is being deleted is passed over: to wait for one
        # transaction with locks held that another waits for is a deadlock.
        query = select(PassageRow.id).where(self._lacks()).with_for_update(read=True, key_share=True, skip_locked=True)
        return [
            passage_id
            for some in passages.batches(ids)
            for passage_id in connection.execute(query.where(PassageRow.id.in_(some))).scalars()
        ]


def forget(database: Database, publisher: Publisher, place: Place) -> int:
    """How many vectors were deleted: all but those of the embedder in use, with the indexes of them."""
    with database.read() as connection:
        in_use = _there(standing(connection, place.id), place.name).fingerprint_id
    other = (VectorRow.collection_id == place.id) & (VectorRow.fingerprint_id != in_use)
    some = select(VectorRow.passage_id, VectorRow.fingerprint_id).where(other).limit(FORGOTTEN_AT_ONCE)
    forgotten = 0
    while True:
        with database.write() as connection:
            found = connection.execute(some).all()
            for fingerprint_id in {row[1] for row in found}:
                for part in passages.batches([row[0] for row in found if row[1] == fingerprint_id]):
                    for table in (VectorRow, TokenRow):
                        its = (table.passage_id.in_(part)) & (table.fingerprint_id == fingerprint_id)
                        connection.execute(delete(table).where(its))
        forgotten += len(found)
        if len(found) < FORGOTTEN_AT_ONCE:
            break
    with database.write() as connection:
        connection.execute(
            delete(GenerationRow).where(
                GenerationRow.collection_id == place.id,
                GenerationRow.kind == "vectors",
                GenerationRow.fingerprint_id != in_use,
            )
        )
    publisher.publish()
    return forgotten


def _there(now: Standing | None, name: str) -> Standing:
    if now is None:
        raise NotFound(f"collection {name!r} was deleted in this moment")
    return now
