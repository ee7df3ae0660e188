"""Lexical indexes: passages by BM25 over `analysis.terms`. Each keeps the contract `ports.LexicalIndex`.

A passage is indexed as its title, heading and text, the title counting twice. Two indexes over parts of one
collection give comparable scores: `weigh` takes the frequency of a term from both.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tantivy
from tantivy import Occur, Query

from grounding import analysis
from grounding.errors import StoreError
from grounding.values import Hit
from store.ranking import NO_IDS, Ids, Scores, allowed, as_ids, best, widening

FAMILY = f"tantivy-0.27 terms-{analysis.VERSION}"
"""Of what the index is made: one of another family is rebuilt."""
TITLE_WEIGHT = 2
"""nDCG@10, title once and twice: SciFact 0.687, 0.690, JSQuAD 0.941, 0.943; in a field of its own 0.690 and 0.928."""
K1, B = 1.2, 0.75
"""Fixed in tantivy. Against k1=0.9 b=0.4, measured: SciFact 0.6862 to 0.6803, JSQuAD 0.9408 to 0.9419."""
DECIMALS = 3
"""Beyond these, the float32 sums of tantivy depend on the order of the terms."""
HEAP_BYTES = 64_000_000
_DAMAGED = "a lexical index was damaged while it was open: run  grounding check --repair"
SHARE_OF_ALL = 0.1
"""Up to this share of the passages, eligible ones are handed to the search; beyond, hits are taken until enough fit."""


@dataclass(frozen=True, slots=True)
class Text:
    """A passage as it is indexed."""

    passage_id: int
    title: str
    heading: str
    text: str

    def terms(self) -> list[str]:
        return analysis.terms(self.title) * TITLE_WEIGHT + analysis.terms(self.heading) + analysis.terms(self.text)


class Statistics(Protocol):
    """What the weight of a term depends on. Passages that were removed may still be counted."""

    @property
    def passages(self) -> int: ...

    @property
    def length(self) -> int:
        """Terms of all passages."""

    def frequency(self, term: str) -> int:
        """Passages with this term."""


def weigh(text: str, indexes: Sequence[Statistics]) -> dict[str, float]:
    """The weight of each term of a question, rare ones more; terms that no index knows are left out."""
    total = sum(index.passages for index in indexes)
    weights = {}
    for term, times in Counter(analysis.terms(text)).items():
        frequency = sum(index.frequency(term) for index in indexes)
        if frequency:
            weights[term] = times * _idf(total, frequency)
    return weights


def _idf(total: int, frequency: int) -> float:
    return math.log1p((total - frequency + 0.5) / (frequency + 0.5))


class Tantivy:
    """An index on disk, opened to be read. Its files are never changed: a newer one begins as links to them."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError if there is no index that can be read."""
        try:
            index = tantivy.Index.open(str(folder))
            # By default a thread watches the folder for changes that never come.
            index.config_reader("manual")
            meta = json.loads((folder / "meta.json").read_bytes())
            self.passages = sum(int(segment["max_doc"]) for segment in meta["segments"])
            self._searcher = index.searcher()
            self.length = self._total("length")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{folder.name}: not a lexical index that can be read") from error
        self._schema = index.schema

    def _total(self, field: str) -> int:
        with _told_of_damage():
            result = self._searcher.aggregate(Query.all_query(), {"total": {"sum": {"field": field}}})
        return int(result["total"]["value"] or 0)

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def frequency(self, term: str) -> int:
        with _told_of_damage():
            return int(self._searcher.doc_freq("terms", term))

    def ids(self) -> Ids:
        """Every passage in it, ascending. Raises StoreError, as searches do, where the files are damaged."""
        with _told_of_damage():
            hits = self._searcher.search(Query.all_query(), limit=max(1, len(self)), count=False).hits
            values = self._searcher.fast_field_values("id", [address for _, address in hits])
        return np.sort(np.asarray(values, dtype=np.int64))

    def search(
        self, text: str, k: int, *, without: Sequence[int] | Ids = (), within: Sequence[int] | Ids | None = None
    ) -> list[Hit]:
        """At most k hits by BM25, best first; never an id of `without`, only ids of `within` if given."""
        return self.search_terms(weigh(text, [self]), k, without=without, within=within)

    def search_terms(
        self,
        weights: Mapping[str, float],
        k: int,
        *,
        without: Sequence[int] | Ids = (),
        within: Sequence[int] | Ids | None = None,
    ) -> list[Hit]:
        """As `search`, by terms of given weight."""
        weights = {term: weight for term, weight in weights.items() if self.frequency(term)}
        excluded, eligible = as_ids(without), None if within is None else as_ids(within)
        if k < 1 or not weights or (eligible is not None and not eligible.size):
            return []
        query = self._query(weights)
        if eligible is not None and eligible.size <= SHARE_OF_ALL * self.passages:
            member = Query.term_set_query(self._schema, "id", eligible.tolist())
            query = Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(member, 0.0))])
        return widening(lambda limit: self._first(query, limit), k, without=excluded, within=eligible)

    def _query(self, weights: Mapping[str, float]) -> Query:
        # Built from terms, never parsed: nothing that a user writes is an operator.
        parts = []
        for term, weight in weights.items():
            query = Query.term_query(self._schema, "terms", term, index_option="freq")
            own = _idf(self.passages, self.frequency(term))
            parts.append((Occur.Should, Query.boost_query(query, weight / own)))
        return Query.boolean_query(parts)

    def _first(self, query: Query, limit: int) -> tuple[Ids, Scores]:
        with _told_of_damage():
            hits = self._searcher.search(query, limit=limit, count=False).hits
            ids = self._searcher.fast_field_values("id", [address for _, address in hits])
        if None in ids:  # never where the index is sound
            raise StoreError(_DAMAGED)
        return np.asarray(ids, dtype=np.int64), np.round([score for score, _ in hits], DECIMALS)


@contextmanager
def _told_of_damage() -> Iterator[None]:
    """Raises StoreError for what tantivy says of files that were damaged while they were open: it panics, and that is
    no Exception to Python."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, ValueError) or type(error).__name__ == "PanicException":
            raise StoreError(_DAMAGED) from error
        raise


def write_index(folder: Path, texts: Iterable[Text], *, base: Path | None = None, removed: Sequence[int] = ()) -> None:
    """Makes an index in an empty folder: what `base` has, without `removed`, and these texts.

    Files of `base` are linked, not copied: tantivy writes each file once and replaces the two that it changes.
    """
    try:
        if base is not None:
            _link(base, folder)
        index = tantivy.Index(_schema(), str(folder)) if base is None else tantivy.Index.open(str(folder))
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        if removed:
            # delete_documents_by_term finds nothing in unsigned fields: it takes the number for a signed one.
            writer.delete_documents_by_query(Query.term_set_query(index.schema, "id", list(removed)))
        for text in texts:
            terms = text.terms()
            document = tantivy.Document()
            document.add_unsigned("id", text.passage_id)
            document.add_unsigned("length", len(terms))
            document.add_text("terms", " ".join(terms))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
    except (OSError, ValueError) as error:
        raise StoreError(f"the lexical index {folder.name} cannot be written: {error}") from error
    for lock in folder.glob(".tantivy-*.lock"):
        lock.unlink()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("length", fast=True)
    builder.add_text_field("terms", tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _link(base: Path, folder: Path) -> None:
    for file in base.iterdir():
        if file.name in ("meta.json", ".managed.json"):
            shutil.copy2(file, folder / file.name)
        elif not file.name.endswith(".lock"):
            try:
                os.link(file, folder / file.name)
            except OSError:  # a file system without links
                shutil.copy2(file, folder / file.name)


class TermTail:
    """BM25 in memory over what was committed since the index on disk, scored as tantivy scores. Thread-safe."""

    def __init__(self) -> None:
        self.ids: Ids = NO_IDS
        self.length = 0
        self._norms = array("I")
        self._postings: dict[str, array[int]] = {}
        self._lock = threading.Lock()

    def add(self, texts: Iterable[Text]) -> None:
        """Adds passages, whose ids are above those it has."""
        counted = [(text.passage_id, text.terms()) for text in texts]
        with self._lock:
            new = []
            for passage_id, terms in counted:
                row = len(self._norms)
                for term, times in Counter(terms).items():
                    self._postings.setdefault(term, array("I")).extend((row, times))
                self._norms.append(_as_tantivy_keeps(len(terms)))
                self.length += len(terms)
                new.append(passage_id)
            self.ids = np.concatenate([self.ids, np.asarray(new, dtype=np.int64)])

    def __len__(self) -> int:
        return int(self.ids.size)

    @property
    def passages(self) -> int:
        return len(self)

    def frequency(self, term: str) -> int:
        return len(self._postings.get(term, ())) // 2

    def search(
        self, text: str, k: int, *, without: Sequence[int] | Ids = (), within: Sequence[int] | Ids | None = None
    ) -> list[Hit]:
        """As `Tantivy.search`."""
        return self.search_terms(weigh(text, [self]), k, without=without, within=within)

    def search_terms(
        self,
        weights: Mapping[str, float],
        k: int,
        *,
        without: Sequence[int] | Ids = (),
        within: Sequence[int] | Ids | None = None,
        average: float | None = None,
    ) -> list[Hit]:
        """As `search`, by terms of given weight; `average` is the length that counts as usual, in terms."""
        if k < 1 or not len(self):
            return []
        with self._lock:
            ids, scores = self.ids, self._scores(weights, average or max(1.0, self.length / len(self)))
        matched = scores > 0
        mask = allowed(ids, without=as_ids(without), within=None if within is None else as_ids(within))
        if mask is not None:
            matched &= mask
        return best(ids[matched], np.round(scores[matched], DECIMALS), k)

    def _scores(self, weights: Mapping[str, float], average: float) -> npt.NDArray[np.float64]:
        scores = np.zeros(len(self), dtype=np.float64)
        norms = K1 * (1 - B + B * np.array(self._norms, dtype=np.float64) / average)
        for term, weight in weights.items():
            if term in self._postings:
                rows, times = np.array(self._postings[term], dtype=np.int64).reshape(-1, 2).T
                scores[rows] += weight * (K1 + 1) * times / (times + norms[rows])
        return scores


def _as_tantivy_keeps(length: int) -> int:
    """A length in the one byte that tantivy has for it: exact up to 40, then rounded down to 4 significant bits."""
    if length < 40:
        return length
    shift = (length - 24).bit_length() - 4
    return 24 + ((length - 24) >> shift << shift)
