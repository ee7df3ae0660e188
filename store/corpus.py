"""One collection as the pipeline reads it: `ports.Corpus` over SQL and the indexes."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection, RowMapping, select

from grounding.errors import InvalidRequest, NotFound
from grounding.filters import Filter
from grounding.values import Fingerprint, FloatVector, Hit, Passage
from store import fingerprints, passages
from store.database import Database
from store.filtering import passages_where
from store.generations import Shelf
from store.lexical import weigh
from store.publishing import Standing, standing
from store.ranking import Ids, best, contains, merged
from store.readers import LexicalReader, VectorReader
from store.schema import DocumentRow, DocumentText, PassageEntity, PassageRow

FILTERS_KEPT = 32
NAMES_KEPT = 512
MICRO = 1_000_000
"""Weights of names are whole millionths: sums of them are exact in any order, and ties are ties."""


class SqlCorpus:
    """Thread-safe. Each call opens one short transaction; its searches see what was committed before it."""

    def __init__(self, database: Database, shelf: Shelf, *, collection_id: int, name: str) -> None:
        self._database = database
        self._id = collection_id
        self._name = name
        self._vectors = VectorReader(shelf, collection_id=collection_id)
        self._terms = LexicalReader(shelf, collection_id=collection_id)
        self._eligible = _Recent(FILTERS_KEPT)
        self._mentioning = _Recent(NAMES_KEPT)
        self._size = (-1, 0)

    @property
    def name(self) -> str:
        return self._name

    @property
    def change(self) -> int:
        """The highest change number committed now."""
        with self._now() as (_, now):
            return now.change

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Of the vectors in it; None while it is empty."""
        with self._now() as (connection, now):
            return None if now.fingerprint_id is None else fingerprints.read(connection, now.fingerprint_id)

    def dense(self, vector: FloatVector, k: int, *, where: Filter | None = None) -> list[Hit]:
        """By inner product with a unit query vector. Raises InvalidRequest for one that cannot be compared."""
        if not bool(np.all(np.isfinite(vector))):
            raise InvalidRequest("the query vector holds values that are not finite")
        with self._now() as (connection, now):
            view = self._vectors.view(connection, now)
            within = self._within(connection, now, where)
        if not len(view.tail) and view.base is None:
            return []
        if vector.shape != (view.tail.dimension,):
            held = f"collection {self._name!r} holds vectors of {view.tail.dimension} dimensions"
            raise InvalidRequest(f"{held}, the query's has the shape {vector.shape}")
        hits = view.tail.search(vector, k, without=view.gone, within=within)
        if view.base is not None:
            hits += view.base.search(vector, k, without=view.gone, within=within)
        return merged(hits, k)

    def lexical(self, text: str, k: int, *, where: Filter | None = None) -> list[Hit]:
        """By BM25 over `analysis.terms` of title, heading and text."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
            within = self._within(connection, now, where)
        base, tail = view.base, view.tail
        if base is None:
            return tail.search(text, k, without=view.gone, within=within)
        if not len(tail):
            return base.search(text, k, without=view.gone, within=within)
        # Weights of both together: a term is not rare because few passages came lately.
        weights = weigh(text, [base, tail])
        average = (base.length + tail.length) / (base.passages + tail.passages)
        hits = base.search_terms(weights, k, without=view.gone, within=within)
        hits += tail.search_terms(weights, k, without=view.gone, within=within, average=average)
        return merged(hits, k)

    def entity(self, names: Sequence[str], k: int, *, where: Filter | None = None) -> list[Hit]:
        """Passages in which these normalised names were recognised; rarer names weigh more."""
        wanted = sorted({name for name in names if name})
        if k < 1 or not wanted:
            return []
        with self._now() as (connection, now):
            mentions = [ids for name in wanted if (ids := self._mentions(connection, now, name)).size]
            within = self._within(connection, now, where)
            total = self._passages(connection, now)
        if not mentions:
            return []
        weights = [round(MICRO * math.log1p(total / ids.size)) for ids in mentions]
        found, places = np.unique(np.concatenate(mentions), return_inverse=True)
        points = np.bincount(places, np.repeat(weights, [ids.size for ids in mentions]), minlength=found.size)
        if within is not None:
            mask = contains(within, found)
            found, points = found[mask], points[mask]
        return best(found, points / MICRO, k)

    def knows(self, word: str) -> bool:
        """Whether a passage has the word, by `analysis.terms`."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
        return bool(weigh(word, [view.tail])) or (view.base is not None and bool(weigh(word, [view.base])))

    def passages(self, ids: Sequence[int]) -> list[Passage]:
        """The passages that exist, in the order asked for."""
        found: dict[int, Passage] = {}
        with self._database.read() as connection:
            for some in passages.batches(ids):
                rows = connection.execute(
                    _PASSAGES.where(PassageRow.id.in_(some), PassageRow.collection_id == self._id)
                )
                for row in rows.mappings():
                    found[row["id"]] = _passage(row)
        return [found[passage_id] for passage_id in ids if passage_id in found]

    def document_text(self, document_id: str, *, version: int) -> str | None:
        """The document's text if it is there in that version."""
        with self._database.read() as connection:
            return connection.execute(
                select(DocumentText.text)
                .join(DocumentRow, DocumentRow.id == DocumentText.document_id)
                .where(
                    DocumentRow.collection_id == self._id,
                    DocumentRow.external_id == document_id,
                    DocumentRow.version == version,
                )
            ).scalar_one_or_none()

    @contextmanager
    def _now(self) -> Iterator[tuple[Connection, Standing]]:
        with self._database.read() as connection:
            now = standing(connection, self._id)
            if now is None:
                raise NotFound(f"collection {self._name!r} was deleted")
            yield connection, now

    def _within(self, connection: Connection, now: Standing, where: Filter | None) -> Ids | None:
        """Ids of the passages that a filter lets through, as of `now`."""
        if where is None:
            return None
        # By text: to Python the filters {"n": 1}, {"n": 1.0} and {"n": true} are equal, to users they are not.
        key = f"{now.change} {where!r}"
        ids = self._eligible.get(key)
        if ids is None:
            query = passages_where(where, collection_id=self._id).order_by(PassageRow.id)
            ids = np.fromiter(connection.execute(query).scalars(), dtype=np.int64)
            self._eligible.put(key, ids)
        return ids

    def _mentions(self, connection: Connection, now: Standing, name: str) -> Ids:
        """Ids of the passages that mention a name, as of `now`."""
        key = f"{now.change} {name}"
        ids = self._mentioning.get(key)
        if ids is None:
            query = select(PassageEntity.passage_id).where(
                PassageEntity.collection_id == self._id, PassageEntity.name == name
            )
            rows = connection.execute(query.order_by(PassageEntity.passage_id))
            ids = np.fromiter(rows.scalars(), dtype=np.int64)
            self._mentioning.put(key, ids)
        return ids

    def _passages(self, connection: Connection, now: Standing) -> int:
        if self._size[0] != now.change:
            self._size = (now.change, passages.count(connection, self._id))
        return self._size[1]


class _Recent:
    """The ids that the last few look-ups gave. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Ids] = OrderedDict()

    def get(self, key: str) -> Ids | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, ids: Ids) -> None:
        with self._lock:
            self._kept[key] = ids
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _passage(row: RowMapping) -> Passage:
    return Passage(
        id=row["id"],
        document_id=row["external_id"],
        source=row["source"],
        title=row["title"],
        version=row["version"],
        text=row["text"],
        start=row["start"],
        end=row["end"],
        heading=row["heading"],
        metadata={**row["of_document"], **row["of_passage"]},
    )


_PASSAGES = select(
    PassageRow.id,
    DocumentRow.external_id,
    DocumentRow.source,
    DocumentRow.title,
    DocumentRow.version,
    PassageRow.text,
    PassageRow.start,
    PassageRow.end,
    PassageRow.heading,
    DocumentRow.metadata_json.label("of_document"),
    PassageRow.metadata_json.label("of_passage"),
).join(DocumentRow, DocumentRow.id == PassageRow.document_id)
