"""Reading passages from SQL as the indexes need them: by collection and range of changes, ascending by id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection, delete, func, insert, literal, select, update

from grounding.errors import StoreError
from grounding.values import FloatMatrix, Vectorized
from store.lexical import Text
from store.ranking import Ids
from store.schema import CollectionRow, DocumentRow, PassageRow, TokenRow, Tombstone, VectorRow, table_of
from store.vectors import unpack

T = TypeVar("T")
BATCH = 500
"""Values of one IN: few enough for every database's limit on parameters."""
READ_AT_ONCE = 10_000
"""Vectors: 15 MB at 384 dimensions."""


def batches(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def count(connection: Connection, collection_id: int, *, after: int = 0) -> int:
    """Passages alive that came after this change."""
    query = select(func.count()).select_from(PassageRow)
    return connection.execute(
        query.where(PassageRow.collection_id == collection_id, PassageRow.change > after)
    ).scalar_one()


def count_vectors(connection: Connection, collection_id: int, *, fingerprint_id: int) -> int:
    """Passages that have a vector of this fingerprint."""
    query = select(func.count()).select_from(VectorRow)
    return connection.execute(
        query.where(VectorRow.collection_id == collection_id, VectorRow.fingerprint_id == fingerprint_id)
    ).scalar_one()


def ids(connection: Connection, collection_id: int, *, until: int) -> Ids:
    """Passages alive that had come by this change."""
    rows = connection.execute(
        select(PassageRow.id)
        .where(PassageRow.collection_id == collection_id, PassageRow.change <= until)
        .order_by(PassageRow.id)
    )
    return np.fromiter(rows.scalars(), dtype=np.int64)


def vectors(
    connection: Connection, collection_id: int, *, fingerprint_id: int, dimension: int, after: int, until: int
) -> Iterator[tuple[Ids, FloatMatrix]]:
    """Ids, ascending, and vectors of passages alive that came after one change and by another; some at a time, so that
    they need not all be in memory."""
    rows = connection.execution_options(yield_per=READ_AT_ONCE).execute(
        select(PassageRow.id, VectorRow.vector)
        .join(VectorRow, VectorRow.passage_id == PassageRow.id)
        .where(
            PassageRow.collection_id == collection_id,
            PassageRow.change > after,
            PassageRow.change <= until,
            VectorRow.fingerprint_id == fingerprint_id,
        )
        # A later change never has a lower id. In this order an index on both gives them, and nothing is sorted.
        .order_by(PassageRow.change, PassageRow.id)
    )
    for some in rows.partitions():
        ids = np.fromiter((row[0] for row in some), dtype=np.int64, count=len(some))
        yield ids, unpack([row[1] for row in some], dimension=dimension)


def vectors_of(
    connection: Connection, collection_id: int, embed_hashes: Sequence[str], *, fingerprint_id: int, dimension: int
) -> dict[str, Vectorized]:
    """The vectors that are there for these embedded texts, by hash, with what was kept of their tokens."""
    found: dict[str, Vectorized] = {}
    tokens = (TokenRow.passage_id == VectorRow.passage_id) & (TokenRow.fingerprint_id == VectorRow.fingerprint_id)
    for some in batches(embed_hashes):
        rows = connection.execute(
            select(VectorRow.embed_hash, VectorRow.vector, TokenRow.tokens)
            .outerjoin(TokenRow, tokens)
            .where(
                VectorRow.collection_id == collection_id,
                VectorRow.fingerprint_id == fingerprint_id,
                VectorRow.embed_hash.in_(some),
            )
        ).all()
        matrix = unpack([row[1] for row in rows], dimension=dimension)
        for row, vector in zip(rows, matrix, strict=True):
            found[row[0]] = Vectorized(vector, row[2] or b"")
    return found


def tokens_of(
    connection: Connection, collection_id: int, ids: Sequence[int], *, fingerprint_id: int
) -> dict[int, bytes]:
    """What was kept of the tokens of these passages of a collection, as far as something was."""
    return {
        row[0]: row[1]
        for some in batches(ids)
        for row in connection.execute(
            select(TokenRow.passage_id, TokenRow.tokens)
            .join(PassageRow, PassageRow.id == TokenRow.passage_id)
            .where(
                TokenRow.passage_id.in_(some),
                TokenRow.fingerprint_id == fingerprint_id,
                PassageRow.collection_id == collection_id,
            )
        )
    }


def keep_tokens(connection: Connection, fingerprint_id: int, tokens: Iterable[tuple[int, bytes]]) -> None:
    """Keeps what an embedder made of the tokens of passages, by id; nothing where it made nothing."""
    rows = [
        {"passage_id": passage_id, "fingerprint_id": fingerprint_id, "tokens": packed}
        for passage_id, packed in tokens
        if packed
    ]
    if rows:
        connection.execute(insert(table_of(TokenRow)), rows)


def texts(connection: Connection, collection_id: int, *, after: int, until: int) -> Iterator[Text]:
    """Texts of passages alive that came after one change and by another."""
    rows = connection.execute(
        select(PassageRow.id, DocumentRow.title, PassageRow.heading, PassageRow.text, PassageRow.language)
        .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
        .where(
            PassageRow.collection_id == collection_id,
            PassageRow.change > after,
            PassageRow.change <= until,
        )
        .order_by(PassageRow.id)
    )
    return (Text(*row) for row in rows)


def texts_of(connection: Connection, collection_id: int, ids: Sequence[int]) -> Iterator[Text]:
    """Texts of these passages, at most `BATCH`, as far as they exist."""
    rows = connection.execute(
        select(PassageRow.id, DocumentRow.title, PassageRow.heading, PassageRow.text, PassageRow.language)
        .join(DocumentRow, DocumentRow.id == PassageRow.document_id)
        .where(PassageRow.collection_id == collection_id, PassageRow.id.in_(ids))
        .order_by(PassageRow.id)
    )
    return (Text(*row) for row in rows)


def removed(connection: Connection, collection_id: int, *, after: int, until: int) -> Ids:
    """Passages that went after one change and by another."""
    rows = connection.execute(
        select(Tombstone.passage_id)
        .where(Tombstone.collection_id == collection_id, Tombstone.change > after, Tombstone.change <= until)
        .order_by(Tombstone.passage_id)
    )
    return np.fromiter(rows.scalars(), dtype=np.int64)


def next_change(connection: Connection, collection_id: int) -> int:
    """The number of the change that this transaction makes. Others that change the collection wait for its end."""
    number = connection.execute(
        update(CollectionRow)
        .where(CollectionRow.id == collection_id)
        .values(change=CollectionRow.change + 1)
        .returning(CollectionRow.change)
    ).scalar_one_or_none()
    if number is None:
        raise StoreError("the collection was deleted while it was being changed")
    return number


def remove(connection: Connection, collection_id: int, documents: Sequence[int], *, change: int) -> None:
    """Removes the passages of these documents, by key, with all that hangs on them, and notes that they are gone."""
    for some in batches(documents):
        gone = select(literal(collection_id), literal(change), PassageRow.id).where(PassageRow.document_id.in_(some))
        connection.execute(
            insert(Tombstone).from_select(["collection_id", "change", "passage_id"], gone, include_defaults=False)
        )
        connection.execute(delete(PassageRow).where(PassageRow.document_id.in_(some)))
