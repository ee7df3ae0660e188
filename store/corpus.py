"""One collection as the pipeline reads it: `ports.Corpus` over SQL and the indexes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection, RowMapping, bindparam, select

from grounding import linking
from grounding.errors import EmbedderChanged, InvalidRequest, NotFound, StoreError
from grounding.filters import GROUPS, Filter, without_field
from grounding.values import Background, Entity, Fingerprint, FloatMatrix, FloatVector, Hit, Passage
from grounding.wordlist import fold, is_word
from store import fingerprints, passages
from store.collections import Place
from store.database import Database
from store.filtering import passages_where, with_field
from store.generations import Shelf
from store.lexical import Tantivy, TermTail, ceiling, weigh
from store.mentions import Mentions
from store.publishing import Standing, remembered_since, standing
from store.ranking import NO_IDS, Ids, as_ids, contains, fixed, merged
from store.readers import Care, LexicalReader, VectorReader, View
from store.recent import Recent
from store.schema import DocumentRow, DocumentText, PassageRow
from store.vocabulary import GrowingVocabulary, Vocabulary

FILTERS_KEPT = 32
SAMPLE = 2000
"""Passages whose vectors stand for all when it is asked what is usual: the deviation is within 2 %."""
SAMPLES_KEPT = 4
WORDS_OFFERED = 12
WITNESSES = 50
"""Passages that are read to see whether one has a word itself, and not another of its stem or a part of it."""
EDIT_COSTS = 2.5
"""A word must be so many powers of ten more common to be as likely with one edit more."""
UNSEEN = 100
"""Passages that might have been there too: in a handful, no word is as common as it seems."""


class SqlCorpus:
    """Thread-safe. Each call opens one short transaction; its searches see what was committed before it."""

    def __init__(self, database: Database, shelf: Shelf, *, place: Place, care: Care) -> None:
        self._database = database
        self._id = place.id
        self._name = place.name
        self._vectors = VectorReader(database, shelf, collection_id=place.id, care=care)
        self._terms = LexicalReader(database, shelf, collection_id=place.id, care=care)
        self._eligible: Recent[Ids] = Recent(FILTERS_KEPT)
        self._samples: Recent[tuple[FloatVector, FloatMatrix]] = Recent(SAMPLES_KEPT)
        self._mentions = Mentions(place.id)
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

    def similarity(self, vector: FloatVector, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, float]:
        """Inner products with these passages, by id, as far as they have a vector of this fingerprint."""
        with self._now() as (connection, now):
            view = self._vectors.view(connection, now)
            if not len(ids) or self._fingerprint(connection, view.fingerprint_id) != fingerprint:
                return {}
        some = as_ids(ids)
        hits = view.tail.search(vector, some.size, without=view.gone, within=some)
        if view.base is not None:
            try:
                hits += view.base.search(vector, some.size, without=view.gone, within=some)
            except StoreError:
                self._vectors.distrust(view)
                return self.similarity(vector, ids, fingerprint=fingerprint)
        return {hit.passage_id: hit.score for hit in hits}

    def background(self, vector: FloatVector, *, fingerprint: Fingerprint) -> Background | None:
        """Of inner products with a sample of the passages: of those in the index files, if they are many, so that a
        replay finds the same."""
        with self._now() as (connection, now):
            view = self._vectors.view(connection, now)
            if self._fingerprint(connection, view.fingerprint_id) != fingerprint:
                return None
        parts = [view.tail] if view.base is None else [view.base, view.tail]
        total = sum(map(len, parts)) - len(view.gone)
        if total < 1:
            return None
        filed = view.base is not None and len(view.base) > SAMPLE
        if filed:
            parts = parts[:1]
        state = self._vectors.generation if filed else now.change
        key = f"{fingerprint} {state} {[len(part) for part in parts]}"
        known = self._samples.get(key)
        if known is None:
            gone = NO_IDS if filed else view.gone
            sample = np.concatenate([part.sample(SAMPLE, without=gone) for part in parts])
            mean = sample.mean(axis=0)
            known = (now.change, (mean, np.asarray((sample - mean).T @ (sample - mean) / len(sample))))
            self._samples.put(key, known)
        mean, covariance = known[1]
        deviation = math.sqrt(max(float(vector @ covariance @ vector), 0.0))
        return Background(float(mean @ vector), deviation, total)

    def languages(self, ids: Sequence[int]) -> dict[int, str]:
        """The language of each of these passages, as far as they exist."""
        with self._database.read() as connection:
            return {
                row[0]: row[1]
                for some in passages.batches(ids)
                for row in connection.execute(
                    select(PassageRow.id, PassageRow.language).where(
                        PassageRow.id.in_(some), PassageRow.collection_id == self._id
                    )
                )
            }

    def tokens(self, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, bytes]:
        """What was kept of the tokens of these passages, as far as it was."""
        with self._now() as (connection, _):
            key = fingerprints.find(connection, fingerprint)
            return {} if key is None else passages.tokens_of(connection, self._id, ids, fingerprint_id=key)

    def lexical(self, text: str, k: int, *, language: str = "und", where: Filter | None = None) -> list[Hit]:
        """By BM25 over `analysis.index_terms` of title, heading and text; `language` is that of the question."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
            within = self._within(connection, now, where)
        if view.base is None:
            return view.tail.search(text, k, language=language, without=view.gone, within=within)
        try:
            return self._lexical(text, k, view, view.base, within, language=language)
        except StoreError:
            self._terms.distrust(view)
            return self.lexical(text, k, language=language, where=where)

    def _lexical(
        self, text: str, k: int, view: View[Tantivy, TermTail], base: Tantivy, within: Ids | None, *, language: str
    ) -> list[Hit]:
        tail = view.tail
        if not len(tail):
            return base.search(text, k, language=language, without=view.gone, within=within)
        # Weights of both together: a term is not rare because few passages came lately.
        weights = weigh(text, [base, tail], language=language)
        average = (base.length + tail.length) / (base.passages + tail.passages)
        hits = base.search_terms(weights, k, without=view.gone, within=within)
        hits += tail.search_terms(weights, k, without=view.gone, within=within, average=average)
        return merged(hits, k)

    def ceiling(self, text: str, *, language: str = "und") -> float:
        """What `lexical` would score a passage that could not have more of the text's terms, known or not."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
        try:
            return ceiling(text, [view.tail] if view.base is None else [view.base, view.tail], language=language)
        except StoreError:
            self._terms.distrust(view)
            return self.ceiling(text, language=language)

    def entity(
        self,
        text: str,
        k: int,
        *,
        entities: Sequence[Entity] = (),
        language: str = "und",
        where: Filter | None = None,
    ) -> list[Hit]:
        """Passages that mention the names that a text speaks of, and the entities recognised in it."""
        candidates = linking.candidates(text, entities, language=language)
        with self._now() as (connection, now):
            return self._mentions.search(
                connection,
                candidates,
                k,
                change=now.change,
                passages=self._passages(connection, now),
                within=self._nameable(connection, now, where),
            )

    def knows(self, word: str, *, where: Filter | None = None) -> bool:
        """Whether a passage has the word, as it is written: no other of the same stem."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
        try:
            seen = not is_word(fold(word)) or any(held.count(fold(word)) for held in _vocabularies(view))
        except StoreError:
            self._terms.distrust(view)
            return self.knows(word, where=where)
        if not seen or where is None:
            return seen and bool(self.lexical(word, 1))
        # The words are those of the whole collection: what the caller may not read must not show through them.
        whole = re.compile(rf"(?<!\w){re.escape(fold(word))}(?!\w)")
        readable = self.passages([hit.passage_id for hit in self.lexical(word, WITNESSES, where=where)])
        return any(whole.search(fold(f"{p.title}\n{p.heading}\n{p.text}")) for p in readable)

    def words_near(self, word: str, *, where: Filter | None = None) -> list[tuple[str, float]]:
        """Words of the collection one or two edits away, likelier ones first, each with the share of the passages that
        have it."""
        with self._now() as (connection, now):
            view = self._terms.view(connection, now)
        passages_held = len(view.tail) + (0 if view.base is None else view.base.passages)
        counts: Counter[str] = Counter()
        edits: dict[str, int] = {}
        try:
            for neighbour in (found for held in _vocabularies(view) for found in held.near(fold(word))):
                counts[neighbour.word] += neighbour.count
                edits[neighbour.word] = neighbour.edits
        except StoreError:
            self._terms.distrust(view)
            return self.words_near(word, where=where)
        likely = sorted(counts, key=lambda near: (edits[near] * EDIT_COSTS - math.log10(counts[near]), near))
        return [
            (near, counts[near] / (passages_held + UNSEEN))
            for near in likely[:WORDS_OFFERED]
            if self.knows(near, where=where)
        ]

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
            which = {"collection": self._id, "document": document_id, "version": version}
            return connection.execute(_TEXT, which).scalar_one_or_none()

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

    def _nameable(self, connection: Connection, now: Standing, where: Filter | None) -> Ids | None:
        """Ids of the passages whose names a question may find; None for all of them."""
        return self._within(connection, now, where)

    def _passages(self, connection: Connection, now: Standing) -> int:
        if self._size[0] != now.change:
            self._size = (now.change, passages.count(connection, self._id))
        return self._size[1]


def _vocabularies(view: View[Tantivy, TermTail]) -> list[Vocabulary | GrowingVocabulary]:
    return [view.tail.words] if view.base is None else [view.base.words, view.tail.words]


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
        language=row["language"],
        metadata={**row["of_document"], **row["of_passage"]},
    )


_TEXT = (
    select(DocumentText.text)
    .join(DocumentRow, DocumentRow.id == DocumentText.document_id)
    .where(
        DocumentRow.collection_id == bindparam("collection"),
        DocumentRow.external_id == bindparam("document"),
        DocumentRow.version == bindparam("version"),
    )
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
    PassageRow.language,
    DocumentRow.metadata_json.label("of_document"),
    PassageRow.metadata_json.label("of_passage"),
).join(DocumentRow, DocumentRow.id == PassageRow.document_id)
