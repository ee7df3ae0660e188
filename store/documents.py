"""Documents: the values that go in and come out, and the reading and deleting of single documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from grounding.errors import Conflict, NotFound
from grounding.filters import Filter
from grounding.values import Document, Entity, FloatVector, Metadata
from store import judgements, passages
from store.collections import require_collection
from store.database import Database
from store.filtering import matches
from store.paging import Page, limited, page
from store.schema import CollectionRow, DocumentRow, DocumentText, PassageRow, RetiredDocument, table_of
from store.withdrawing import withdraw_quotes


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to be stored. `vector` is the unit vector of the embedded text, whose hash is `embed_hash`;
    the spans of `entities` refer to `text`. `metadata` is what the passage has beyond its document; `language` is
    ISO 639-1 or "und"."""

    text: str
    start: int
    end: int
    heading: str
    metadata: Metadata
    vector: FloatVector
    embed_hash: str
    entities: tuple[Entity, ...] = ()
    language: str = "und"
    tokens: bytes = b""


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document to be stored, with all of its passages. `document.version` is ignored: the store counts versions.
    `origin` is the source as the user named it (a file, a folder), by which `prune` finds what left it."""

    document: Document
    passages: tuple[NewPassage, ...]
    origin: str
    language: str


@dataclass(frozen=True, slots=True)
class KnownDocument:
    """What an ingest must know of a document that is there already."""

    id: str
    source: str
    content_hash: str
    version: int
    origin: str
    passages: int


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document without its text."""

    id: str
    collection: str
    source: str
    title: str
    media_type: str
    language: str
    version: int
    passages: int
    characters: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as it is kept."""

    document: Document
    origin: str
    language: str
    passages: int
    created_at: datetime
    updated_at: datetime


class Documents:
    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, collection: str, *, limit: int = 50, after: str | None = None, where: Filter | None = None
    ) -> Page[DocumentInfo]:
        """Documents by id. `after` is the cursor of the page before. Raises NotFound for an unknown collection."""
        query = _INFO.where(CollectionRow.name == collection).order_by(DocumentRow.external_id)
        if after is not None:
            query = query.where(DocumentRow.external_id > after)
        with self._database.read() as connection:
            place = require_collection(connection, collection)
            if where is not None:
                query = query.where(matches(where, place.id))
            rows = connection.execute(query.limit(limited(limit) + 1)).all()
        items = [DocumentInfo(*row) for row in rows]
        return page(items, limit, cursor=items[limit - 1].id if len(items) > limit else None)

    def get(self, document_id: str, *, collection: str | None = None, where: Filter | None = None) -> StoredDocument:
        """The document. Raises NotFound, also for one that `where` does not let through; Conflict if several
        collections hold the id and none is named."""
        with self._database.read() as connection:
            key, _, name = _found(connection, document_id, collection, where=where)
            row = connection.execute(_WHOLE.where(DocumentRow.id == key)).mappings().one()
        document = Document(
            id=row["external_id"],
            collection=name,
            source=row["source"],
            title=row["title"],
            text=row["text"],
            media_type=row["media_type"],
            metadata=row["metadata_json"],
            content_hash=row["content_hash"],
            version=row["version"],
        )
        return StoredDocument(
            document=document,
            origin=row["origin"],
            language=row["language"],
            passages=row["passages"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )

    def passage_ids(self, document_id: str, *, collection: str) -> tuple[int, ...]:
        """The passages of a document, in their order. Raises NotFound."""
        with self._database.read() as connection:
            key, _, _ = _found(connection, document_id, collection)
            query = select(PassageRow.id).where(PassageRow.document_id == key).order_by(PassageRow.start)
            return tuple(connection.execute(query).scalars())

    def delete(self, document_id: str, *, collection: str | None = None) -> bool:
        """Whether there was such a document; it is gone from every leg and from the answers of every conversation, in
        every process, when this returns. Waits for no ingest.

        Raises Conflict as `get` does, NotFound for an unknown collection.
        """
        with self._database.write() as connection:
            try:
                _, collection_id, _ = _found(connection, document_id, collection)
            except NotFound:
                if collection is not None:
                    require_collection(connection, collection)
                return False
            remove_documents(connection, collection_id, [document_id])
            self._database.reached("removal written")
        self._database.reached("removal committed")
        return True


def remove_documents(connection: Connection, collection_id: int, document_ids: Sequence[str]) -> int:
    """How many there were. Removes them with all they have, as one change of their collection, and takes back the
    answers that quote them."""
    found: dict[int, str] = {}
    for some in passages.batches(document_ids):
        query = select(DocumentRow.id, DocumentRow.external_id).where(DocumentRow.collection_id == collection_id)
        found.update((key, name) for key, name in connection.execute(query.where(DocumentRow.external_id.in_(some))))
    if not found:
        return 0
    keys = list(found)
    for gone in passages.batches(keys):
        judgements.forget(connection, PassageRow.document_id.in_(gone))
    passages.remove(connection, collection_id, keys, change=passages.next_change(connection, collection_id))
    retire(connection, collection_id, keys)
    for gone in passages.batches(keys):
        connection.execute(delete(DocumentRow).where(DocumentRow.id.in_(gone)))
    collection = connection.execute(select(CollectionRow.name).where(CollectionRow.id == collection_id)).scalar_one()
    withdraw_quotes(connection, collection, list(found.values()))
    return len(keys)


def retire(connection: Connection, collection_id: int, keys: Sequence[int]) -> None:
    """Remembers the versions of documents, by key, whose ids are about to be free."""
    for some in passages.batches(keys):
        query = select(DocumentRow.external_id, DocumentRow.version).where(DocumentRow.id.in_(some))
        versions = {row.external_id: row.version for row in connection.execute(query)}
        forget(connection, collection_id, list(versions))
        rows = [
            {"collection_id": collection_id, "external_id": name, "version": version}
            for name, version in versions.items()
        ]
        if rows:
            connection.execute(insert(table_of(RetiredDocument)), rows)


def forget(connection: Connection, collection_id: int, document_ids: Sequence[str]) -> int:
    """How many versions of deleted documents are not remembered any more."""
    return sum(
        connection.execute(
            delete(RetiredDocument).where(
                RetiredDocument.collection_id == collection_id, RetiredDocument.external_id.in_(some)
            )
        ).rowcount
        for some in passages.batches(document_ids)
    )


def retired(connection: Connection, collection_id: int, document_ids: Sequence[str]) -> dict[str, int]:
    """The last versions of those of these documents that were deleted, by id."""
    found: dict[str, int] = {}
    for some in passages.batches(document_ids):
        rows = connection.execute(
            select(RetiredDocument.external_id, RetiredDocument.version).where(
                RetiredDocument.collection_id == collection_id, RetiredDocument.external_id.in_(some)
            )
        )
        found.update((name, version) for name, version in rows)
    return found


def _found(
    connection: Connection, document_id: str, collection: str | None, *, where: Filter | None = None
) -> tuple[int, int, str]:
    """Key of the document, key and name of its collection."""
    query = (
        select(DocumentRow.id, CollectionRow.id, CollectionRow.name)
        .join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
        .where(DocumentRow.external_id == document_id)
        .order_by(CollectionRow.name)
    )
    if collection is not None:
        query = query.where(CollectionRow.name == collection)
    rows = connection.execute(query).all()
    if where is not None:
        rows = [row for row in rows if _lets_through(connection, where, key=row[0], collection_id=row[1])]
    if len(rows) > 1:
        names = ", ".join(repr(name) for _, _, name in rows)
        raise Conflict(f"document {document_id!r} is in the collections {names}: say which one is meant")
    if not rows:
        if collection is not None:
            require_collection(connection, collection)
        raise NotFound(f"document {document_id[:200]!r} is not known{f' in {collection!r}' if collection else ''}")
    key, collection_id, name = rows[0]
    return key, collection_id, name


def _lets_through(connection: Connection, where: Filter, *, key: int, collection_id: int) -> bool:
    query = select(DocumentRow.id).where(DocumentRow.id == key, matches(where, collection_id))
    return connection.execute(query).one_or_none() is not None


_COUNT = (
    select(func.count())
    .select_from(PassageRow)
    .where(PassageRow.document_id == DocumentRow.id)
    .scalar_subquery()
    .label("passages")
)
_INFO = select(
    DocumentRow.external_id,
    CollectionRow.name,
    DocumentRow.source,
    DocumentRow.title,
    DocumentRow.media_type,
    DocumentRow.language,
    DocumentRow.version,
    _COUNT,
    DocumentRow.characters,
    DocumentRow.created_at,
    DocumentRow.updated_at,
).join(CollectionRow, CollectionRow.id == DocumentRow.collection_id)
_WHOLE = select(
    DocumentRow.external_id,
    DocumentRow.source,
    DocumentRow.title,
    DocumentText.text,
    DocumentRow.media_type,
    DocumentRow.metadata_json,
    DocumentRow.content_hash,
    DocumentRow.version,
    DocumentRow.origin,
    DocumentRow.language,
    _COUNT,
    DocumentRow.created_at,
    DocumentRow.updated_at,
).join(DocumentText, DocumentText.document_id == DocumentRow.id)
