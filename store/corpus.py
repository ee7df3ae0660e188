"""One collection as the pipeline reads it: `ports.Corpus` over SQL and the indexes."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection, RowMapping, select

from grounding.errors import EmbedderChanged, InvalidRequest, NotFound, StoreError
from grounding.filters import GROUPS, Filter, without_field
from grounding.values import Fingerprint, FloatVector, Hit, Passage
from store import fingerprints, passages
from store.collections import Place
from store.database import Database
from store.filtering import passages_where, with_field
from store.generations import Shelf
from store.lexical import Tantivy, TermTail, weigh
from store.publishing import Standing, remembered_since, standing
from store.ranking import NO_IDS, Ids, as_ids, best, contains, fixed, merged
from store.readers import Care, LexicalReader, VectorReader, View
from store.schema import DocumentRow, DocumentText, PassageEntity, PassageRow

FILTERS_KEPT = 32
NAMES_KEPT = 512
MICRO = 1_000_000
"""Weights of names are whole millionths: sums of them are exact in any order, and ties are ties."""


class SqlCorpus:
    """Thread-safe. Each call opens one short transaction; its searches see what was committed before it."""

    def __init__(self, database: Database, shelf: Shelf, *, place: Place, care: Care) -> None:
        self._database = database
        self._id = place.id
        self._name = place.name
        self._vectors = VectorReader(database, shelf, collection_id=place.id, care=care)
        self._terms = LexicalReader(database, shelf, collection_id=place.id, care=care)
        self._eligible = _Recent(FILTERS_KEPT)
        self._mentioning = _Recent(NAMES_KEPT)
        self._size = (-1, 0)
        self._known_fingerprint: tuple[int, Fingerprint] | None = None
        self._has_groups = (-1, False)

    @property
    def name(self) -> str:
        return self._name

    @property
    def change(self) -> int:
        """The highest change number committed now."""
        with self._now() as (_, now):
            return now.change

    @property
    def generations(self) -> tuple[str, ...]:
        """The names of the index files that are searched now."""
        return tuple(name for reader in (self._vectors, self._terms) if (name := reader.generation))

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Of the vectors in it; None while it is empty."""
        with self._now() as (connection, now):
            return self._fingerprint(connection, now.fingerprint_id)

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        """By inner product with a unit query vector of this fingerprint. Raises EmbedderChanged if the collection holds
        vectors of another, InvalidRequest for a vector that cannot be compared."""
        if not bool(np.all(np.isfinite(vector))):
            raise InvalidRequest("the query vector holds values that are not finite")
        with self._now() as (connection, now):
            view = self._vectors.view(connection, now)
            # Of the view, which may be of a later moment than `now`.
            held = self._fingerprint(connection, view.fingerprint_id)
            within = self._within(connection, now, where)
        if held is not None and held != fingerprint:
            raise EmbedderChanged(f"collection {self._name!r} holds vectors of {held}, the query's is of {fingerprint}")
        if not len(view.tail) and view.base is None:
            return []
        if vector.shape != (view.tail.dimension,):
            holds = f"collection {self._name!r} holds vectors of {view.tail.dimension} dimensions"
            raise InvalidRequest(f"{holds}, the query's has the shape {vector.shape}")
        hits = view.tail.search(vector, k, without=view.gone, within=within)
        if view.base is not None:
            try:
                hits += view.base.search(vector, k, without=view.gone, within=within)
            except StoreError:
                self._vectors.distrust(view)
                return self.dense(vector, k, fingerprint=fingerprint, where=where)
        return merged(hits, k)

    def lexical(self, text: str, k: int, *, where: Filter | None = None) -> list[Hit]:
        """By BM25 over `analysis.terms` of title, heading and text."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
            within = self._within(connection, now, where)
        if view.base is None:
            return view.tail.search(text, k, without=view.gone, within=within)
        try:
            return self._lexical(text, k, view, view.base, within)
        except StoreError:
            self._terms.distrust(view)
            return self.lexical(text, k, where=where)

    def _lexical(
        self, text: str, k: int, view: View[Tantivy, TermTail], base: Tantivy, within: Ids | None
    ) -> list[Hit]:
        tail = view.tail
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

    def knows(self, word: str, *, where: Filter | None = None) -> bool:
        """Whether a passage has the word, by `analysis.terms`."""
        return bool(self.lexical(word, 1, where=where))

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

    def look(self) -> None:
        """Follows what was committed where no query does it, so that files that were replaced are let go of, and sees
        whether those in use are still what they were. Raises NotFound if the collection is gone."""
        with self._now() as (connection, now):
            self._vectors.look(connection, now)
            self._terms.look(connection, now)

    @contextmanager
    def _now(self) -> Iterator[tuple[Connection, Standing]]:
        with self._database.read() as connection:
            now = standing(connection, self._id)
            if now is None:
                raise NotFound(f"collection {self._name!r} was deleted")
            yield connection, now

    def _fingerprint(self, connection: Connection, key: int | None) -> Fingerprint | None:
        if key is None:
            return None
        known = self._known_fingerprint
        if known is None or known[0] != key:
            known = self._known_fingerprint = (key, fingerprints.read(connection, key))
        return known[1]

    def _within(self, connection: Connection, now: Standing, where: Filter | None) -> Ids | None:
        """Ids of the passages that a filter lets through, as of `now`; None for all of them."""
        if where is not None and not self._knows_groups(connection, now):
            where = without_field(where, GROUPS)
        if where is None:
            return None
        # By text: to Python the filters {"n": 1}, {"n": 1.0} and {"n": true} are equal, to users they are not.
        key = repr(where)
        change, ids = self._eligible.get(key) or (0, NO_IDS)
        if change < now.change:
            # What a passage's document says of itself never changes while the passage lives: a put brings new ones.
            after = change if change >= remembered_since(connection, self._id) else 0
            query = passages_where(where, collection_id=self._id, after=after).order_by(PassageRow.id)
            came = np.fromiter(connection.execute(query).scalars(), dtype=np.int64)
            went = passages.removed(connection, self._id, after=after, until=now.change) if after else NO_IDS
            # As it cannot be written, the indexes remember what they derive from it.
            ids = fixed(_followed(ids, came, went) if after else came)
            self._eligible.put(key, (now.change, ids))
        return ids

    def _knows_groups(self, connection: Connection, now: Standing) -> bool:
        """Whether a document of the collection says who may read it: if none does, permissions cost nothing."""
        if self._has_groups[0] != now.change:
            found = connection.execute(with_field(GROUPS, collection_id=self._id)).one_or_none()
            self._has_groups = (now.change, found is not None)
        return self._has_groups[1]

    def _mentions(self, connection: Connection, now: Standing, name: str) -> Ids:
        """Ids of the passages that mention a name, as of `now`."""
        change, ids = self._mentioning.get(name) or (0, NO_IDS)
        if change != now.change:
            query = select(PassageEntity.passage_id).where(
                PassageEntity.collection_id == self._id, PassageEntity.name == name
            )
            rows = connection.execute(query.order_by(PassageEntity.passage_id))
            ids = np.fromiter(rows.scalars(), dtype=np.int64)
            self._mentioning.put(name, (now.change, ids))
        return ids

    def _passages(self, connection: Connection, now: Standing) -> int:
        if self._size[0] != now.change:
            self._size = (now.change, passages.count(connection, self._id))
        return self._size[1]


class _Recent:
    """The ids that the last few look-ups gave, with the change as of which they did. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[int, Ids]] = OrderedDict()

    def get(self, key: str) -> tuple[int, Ids] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: str, found: tuple[int, Ids]) -> None:
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)


def _followed(ids: Ids, came: Ids, went: Ids) -> Ids:
    """The ids with those that came, without those that went; the very same array if nothing did."""
    left = ids[~contains(went, ids)] if went.size and bool(contains(went, ids).any()) else ids
    return as_ids(np.concatenate([left, came])) if came.size else left


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
