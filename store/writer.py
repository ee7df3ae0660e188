"""CollectionWriter: the one writer of a collection. `Store.writer` hands it out under the collection's lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from grounding.errors import Conflict, StoreError
from grounding.linking import Mention, mentions
from grounding.values import Fingerprint, Vectorized
from store import passages
from store.collections import Place
from store.database import Database
from store.documents import KnownDocument, NewDocument, NewPassage, remove_documents, retire, retired
from store.filtering import number, values
from store.plain import plain
from store.publishing import Publisher
from store.schema import (
    TEXT_HEAD,
    Base,
    DocumentMetadata,
    DocumentRow,
    DocumentText,
    PassageEntity,
    PassageRow,
    VectorRow,
    table_of,
)
from store.vectors import pack, require_unit

Row: TypeAlias = dict[str, Any]
"""One row of a table, by column: many at once go faster this way than through the models."""


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A document of the same source or id that is there already."""

    key: int
    id: str
    source: str
    version: int


class CollectionWriter:
    """All that changes a collection. Not thread-safe: it belongs to who asked for it, until the lock is let go."""

    def __init__(
        self, database: Database, publisher: Publisher, *, place: Place, fingerprint: Fingerprint, fingerprint_id: int
    ) -> None:
        self.collection = place.name
        self._database = database
        self._id = place.id
        self._fingerprint = fingerprint
        self._fingerprint_id = fingerprint_id
        self._publisher = publisher

    def known(self) -> dict[str, KnownDocument]:
        """Every document of the collection by its source key."""
        counted = (
            select(PassageRow.document_id, func.count().label("passages"))
            .where(PassageRow.collection_id == self._id)
            .group_by(PassageRow.document_id)
            .subquery()
        )
        query = (
            select(
                DocumentRow.external_id,
                DocumentRow.source,
                DocumentRow.content_hash,
                DocumentRow.version,
                DocumentRow.origin,
                func.coalesce(counted.c.passages, 0),
            )
            .outerjoin(counted, counted.c.document_id == DocumentRow.id)
            .where(DocumentRow.collection_id == self._id)
        )
        with self._database.read() as connection:
            return {row[1]: KnownDocument(*row) for row in connection.execute(query)}

    def vectors(self, embed_hashes: Sequence[str]) -> dict[str, Vectorized]:
        """Vectors that the collection already holds for these embedded texts, by hash."""
        with self._database.read() as connection:
            return passages.vectors_of(
                connection,
                self._id,
                embed_hashes,
                fingerprint_id=self._fingerprint_id,
                dimension=self._fingerprint.dimension,
            )

    def put(self, documents: Sequence[NewDocument]) -> None:
        """Stores documents, new or changed (same source), in one transaction: all or none.

        Raises StoreError if a vector is not finite, not of unit length or not of the collection's dimension, and
        Conflict if two documents have one source, or a document's id belongs to another source.
        """
        if not documents:
            return
        _require_distinct(documents)
        blobs = self._packed(documents)
        names = [mentioned for new in documents for mentioned in _mentions(new)]
        with self._database.write() as connection:
            change = passages.next_change(connection, self._id)
            earlier = self._earlier(connection, documents)
            self._clear(connection, [found.key for found in earlier.values()], change=change)
            keys = self._store(connection, documents, earlier)
            _insert(connection, DocumentText, _text_rows(keys, documents))
            _insert(connection, DocumentMetadata, _metadata_rows(self._id, keys, documents))
            self._store_passages(connection, keys, documents, blobs, names, change=change)
            self._database.reached("documents written")
        self._database.reached("documents committed")

    def relocate(self, origins: Mapping[str, str]) -> None:
        """Notes where documents that did not change come from now, by source. No search sees a difference."""
        its_row = (DocumentRow.collection_id == self._id) & (DocumentRow.source == bindparam("b_source"))
        moved = [{"b_source": source, "origin": origin} for source, origin in origins.items()]
        with self._database.write() as connection:
            connection.execute(update(table_of(DocumentRow)).where(its_row), moved)

    def delete(self, document_ids: Sequence[str]) -> int:
        """How many of them were there; they are gone when this returns."""
        with self._database.write() as connection:
            removed = remove_documents(connection, self._id, document_ids)
            self._database.reached("removal written")
        self._database.reached("removal committed")
        return removed

    def publish(self) -> None:
        """Builds new index files if enough has changed since the last. Searches see every commit without it;
        it keeps them fast. Cheap when nothing is due: call it after each batch. Raises StoreError if the files cannot
        be written; all that was put is kept."""
        self._publisher.publish()

    def _packed(self, documents: Sequence[NewDocument]) -> list[bytes]:
        vectors = [passage.vector for new in documents for passage in new.passages]
        if not vectors:
            return []
        dimension = self._fingerprint.dimension
        if any(vector.shape != (dimension,) for vector in vectors):
            raise StoreError(f"collection {self.collection!r} takes vectors of {dimension} dimensions, and no others")
        matrix = np.stack(vectors).astype(np.float32, copy=False)
        require_unit(matrix, dimension=dimension)
        return pack(matrix)

    def _earlier(self, connection: Connection, documents: Sequence[NewDocument]) -> dict[str, _Earlier]:
        """By source, those of `documents` that are there already."""
        sources = {new.document.source: new.document.id for new in documents}
        owners = {new.document.id: new.document.source for new in documents}
        found: dict[str, _Earlier] = {}
        for some in passages.batches(list(sources.items())):
            rows = connection.execute(
                select(DocumentRow.id, DocumentRow.external_id, DocumentRow.source, DocumentRow.version).where(
                    DocumentRow.collection_id == self._id,
                    or_(
                        DocumentRow.source.in_([source for source, _ in some]),
                        DocumentRow.external_id.in_([document_id for _, document_id in some]),
                    ),
                )
            )
            for row in rows:
                held = _Earlier(*row)
                if owners.get(held.id, held.source) != held.source:
                    raise Conflict(
                        f"document id {held.id!r} of {owners[held.id]!r} is that of {held.source!r} in collection "
                        f"{self.collection!r}: give one of them another id"
                    )
                found[held.source] = held
        return {source: held for source, held in found.items() if source in sources}

    def _clear(self, connection: Connection, keys: Sequence[int], *, change: int) -> None:
        """Takes away all that documents had, but the documents."""
        passages.remove(connection, self._id, keys, change=change)
        for some in passages.batches(keys):
            connection.execute(delete(DocumentText).where(DocumentText.document_id.in_(some)))
            connection.execute(delete(DocumentMetadata).where(DocumentMetadata.document_id.in_(some)))

    def _store(
        self, connection: Connection, documents: Sequence[NewDocument], earlier: Mapping[str, _Earlier]
    ) -> list[int]:
        """The keys of the documents, which are inserted, or updated where they were there earlier. Versions count on
        from those of the same source, and of the same id before it was deleted."""
        now = datetime.now(UTC)
        new, changed, renamed = [], [], []
        before = retired(connection, self._id, [item.document.id for item in documents])
        for item in documents:
            held = earlier.get(item.document.source)
            last = max(before.get(item.document.id, 0), held.version if held else 0)
            row = {**_document_row(item), "updated_at": now, "version": last + 1}
            if held is None:
                new.append({**row, "collection_id": self._id, "created_at": now})
            else:
                changed.append({**row, "b_id": held.key})
                if held.id != item.document.id:
                    renamed.append(held.key)
        retire(connection, self._id, renamed)
        if changed:
            connection.execute(update(table_of(DocumentRow)).where(DocumentRow.id == bindparam("b_id")), changed)
        _insert(connection, DocumentRow, new)
        return self._keys(connection, [item.document.source for item in documents])

    def _keys(self, connection: Connection, sources: Sequence[str]) -> list[int]:
        found: dict[str, int] = {}
        for some in passages.batches(sources):
            rows = connection.execute(
                select(DocumentRow.source, DocumentRow.id).where(
                    DocumentRow.collection_id == self._id, DocumentRow.source.in_(some)
                )
            )
            found.update((source, key) for source, key in rows)
        return [found[source] for source in sources]

    def _store_passages(
        self,
        connection: Connection,
        keys: Sequence[int],
        documents: Sequence[NewDocument],
        blobs: Sequence[bytes],
        names: Sequence[Sequence[Mention]],
        *,
        change: int,
    ) -> None:
        owned = [(key, new, passage) for key, new in zip(keys, documents, strict=True) for passage in new.passages]
        rows = [
            {
                "collection_id": self._id,
                "document_id": key,
                "change": change,
                "start": passage.start,
                "end": passage.end,
                "heading": passage.heading,
                "language": passage.language,
                "metadata_json": _beyond(new, passage),
                "text": passage.text,
            }
            for key, new, passage in owned
        ]
        _insert(connection, PassageRow, rows)
        ids = self._new_ids(connection, [(key, passage.start) for key, _, passage in owned], change=change)
        stored = [(passage_id, passage) for passage_id, (_, _, passage) in zip(ids, owned, strict=True)]
        of_all = {"fingerprint_id": self._fingerprint_id, "collection_id": self._id}
        vector_rows = (
            {**of_all, "passage_id": passage_id, "embed_hash": passage.embed_hash, "vector": blob}
            for (passage_id, passage), blob in zip(stored, blobs, strict=True)
        )
        _insert(connection, VectorRow, vector_rows)
        passages.keep_tokens(connection, self._fingerprint_id, ((key, passage.tokens) for key, passage in stored))
        _insert(connection, PassageEntity, _name_rows(self._id, ids, names))

    def _new_ids(self, connection: Connection, rows: Sequence[tuple[int, int]], *, change: int) -> list[int]:
        """The ids of the passages just inserted. To read them back takes a tenth of the time that RETURNING takes,
        which inserts row by row where the order matters."""
        found = connection.execute(
            select(PassageRow.id, PassageRow.document_id, PassageRow.start)
            .where(PassageRow.collection_id == self._id, PassageRow.change == change)
            .order_by(PassageRow.id)
        ).all()
        if [(document_id, start) for _, document_id, start in found] != list(rows):
            raise StoreError("the database numbered new passages in another order than it was given them")
        return [passage_id for passage_id, _, _ in found]


def _insert(connection: Connection, model: type[Base], rows: Iterable[Row]) -> None:
    many = list(rows)
    if many:
        connection.execute(insert(table_of(model)), many)


def _document_row(new: NewDocument) -> Row:
    document = new.document
    return {
        "external_id": document.id,
        "source": document.source,
        "origin": new.origin,
        "title": document.title,
        "media_type": document.media_type,
        "language": new.language,
        "content_hash": document.content_hash,
        "characters": len(document.text),
        "metadata_json": plain(document.metadata, owner=document.source),
    }


def _require_distinct(documents: Sequence[NewDocument]) -> None:
    for name in ("id", "source"):
        seen: set[str] = set()
        for new in documents:
            value = getattr(new.document, name)
            if value in seen:
                raise Conflict(f"two documents of one batch have the {name} {value!r}")
            seen.add(value)


def _text_rows(keys: Sequence[int], documents: Sequence[NewDocument]) -> Iterator[Row]:
    for key, new in zip(keys, documents, strict=True):
        yield {"document_id": key, "text": new.document.text}


def _metadata_rows(collection_id: int, keys: Sequence[int], documents: Sequence[NewDocument]) -> Iterator[Row]:
    for key, new in zip(keys, documents, strict=True):
        for item in values(new.document.metadata):
            yield {
                "document_id": key,
                "key": item.key,
                "position": item.position,
                "collection_id": collection_id,
                "text_value": item.value[:TEXT_HEAD] if isinstance(item.value, str) else None,
                "text_rest": item.value[TEXT_HEAD:] if isinstance(item.value, str) else None,
                "number_value": None if isinstance(item.value, str | bool) else number(item.value),
                "boolean_value": item.value if isinstance(item.value, bool) else None,
            }


def _mentions(new: NewDocument) -> list[list[Mention]]:
    """What each passage speaks of."""
    texts = [(passage.text, passage.entities) for passage in new.passages]
    return [list(found.values()) for found in mentions(new.document.title, texts)]


def _name_rows(collection_id: int, ids: Sequence[int], names: Iterable[Iterable[Mention]]) -> Iterator[Row]:
    for passage_id, mentioned in zip(ids, names, strict=True):
        for mention in mentioned:
            yield {"collection_id": collection_id, "passage_id": passage_id, **asdict(mention)}


def _beyond(new: NewDocument, passage: NewPassage) -> Mapping[str, object]:
    """What a passage knows that its document does not."""
    of_document = new.document.metadata
    mine = {
        key: value for key, value in passage.metadata.items() if key not in of_document or of_document[key] != value
    }
    return plain(mine, owner=new.document.source) if mine else {}
