"""Lexical indexes: passages by BM25 over `analysis.index_terms`. Each keeps the contract `ports.LexicalIndex`.

A passage is indexed as its title, heading and text, the title counting twice, by the terms of its own language and by
pairs of neighbouring words. Two indexes over parts of one collection give comparable scores: `weigh` takes the
frequency of a term from both.
"""

from __future__ import annotations

import itertools
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
from store import vocabulary
from store.ranking import NO_IDS, Ids, Scores, allowed, as_ids, best, contains, widening

FAMILY = f"tantivy-0.27 terms-{analysis.INDEX_VERSION} words-{vocabulary.VERSION}"
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
    language: str = analysis.UNKNOWN

    @property
    def kind(self) -> str:
        """How it is analysed, one of `analysis.KINDS`."""
        return analysis.kind(self.language)

    def fields(self) -> list[list[str]]:
        """The terms of each field, as often as it counts. Terms of two fields are no neighbours."""
        title, heading, text = (
            analysis.index_terms(part, self.language) for part in (self.title, self.heading, self.text)
        )
        return [field for field in [title] * TITLE_WEIGHT + [heading, text] if field]

    def terms(self) -> list[str]:
        """What it is found by."""
        return [term for field in self.fields() for term in field + analysis.pairs(field)]


class Statistics(Protocol):
    """What the weight of a term depends on. Passages that were removed may still be counted."""

    @property
    def passages(self) -> int: ...

    @property
    def length(self) -> int:
        """Terms of all passages."""

    @property
    def kinds(self) -> Counter[str]:
        """Passages of each kind, by `analysis.kind`."""

    def frequency(self, term: str) -> int:
        """Passages with this term."""


def weigh(text: str, indexes: Sequence[Statistics], *, language: str = analysis.UNKNOWN) -> dict[str, float]:
    """The weight of each term of a question, rare ones more; terms that no index knows are left out."""
    weights: dict[str, float] = {}
    for _, weight, known in _weighed(text, indexes, language):
        for term in known:
            weights[term] = max(weight, weights.get(term, 0.0))
    return weights


def ceiling(text: str, indexes: Sequence[Statistics], *, language: str = analysis.UNKNOWN) -> float:
    """The score of a passage that could not have more of what a question asks for; what no index knows counts as the
    rarest, unless a passage is none the worse without it."""
    weighed = _weighed(text, indexes, language)
    return (K1 + 1) * sum(weight for thing, weight, known in weighed if known or not thing.spare)


def _weighed(
    text: str, indexes: Sequence[Statistics], language: str
) -> Iterator[tuple[analysis.Wanted, float, list[str]]]:
    """Each thing that a question asks for, what it weighs, and its terms as far as an index knows them."""
    total = sum(index.passages for index in indexes)
    kinds = sum((index.kinds for index in indexes), Counter[str]())
    held = sorted(kinds, key=lambda each: (-kinds[each], each))
    for thing in analysis.question(text, language=language, held=held):
        counts = {term: sum(index.frequency(term) for index in indexes) for term in thing.terms}
        # Any of them will do: one is not the rarer for being written in a language that few passages have.
        frequency = min(total, sum(counts.values()))
        yield thing, thing.weight * _idf(total, frequency or 0.5), [term for term in counts if counts[term]]


def _idf(total: int, frequency: float) -> float:
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
            self.kinds = Counter({kind: held for kind in analysis.KINDS if (held := self._frequency("kind", kind))})
            self.words = vocabulary.Vocabulary(folder)
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
        return self._frequency("terms", term)

    def _frequency(self, field: str, term: str) -> int:
        with _told_of_damage():
            return int(self._searcher.doc_freq(field, term))

    def ids(self) -> Ids:
        """Every passage in it, ascending. Raises StoreError, as searches do, where the files are damaged."""
        with _told_of_damage():
            hits = self._searcher.search(Query.all_query(), limit=max(1, len(self)), count=False).hits
            values = self._searcher.fast_field_values("id", [address for _, address in hits])
        return np.sort(np.asarray(values, dtype=np.int64))

    def search(
        self,
        text: str,
        k: int,
        *,
        language: str = analysis.UNKNOWN,
        without: Sequence[int] | Ids = (),
        within: Sequence[int] | Ids | None = None,
    ) -> list[Hit]:
        """At most k hits by BM25, best first; never an id of `without`, only ids of `within` if given."""
        return self.search_terms(weigh(text, [self], language=language), k, without=without, within=within)

    def search_terms(
        self,
        weights: Mapping[str, float],
        k: int,
        *,
        without: Sequence[int] | Ids = (),
        within: Sequence[int] | Ids | None = None,
    ) -> list[Hit]:
        """As `search`, by terms of given weight."""
        boosts = {
            term: weight / _idf(self.passages, held)
            for term, weight in weights.items()
            if (held := self.frequency(term))
        }
        excluded, eligible = as_ids(without), None if within is None else as_ids(within)
        if k < 1 or not boosts or (eligible is not None and not eligible.size):
            return []
        query = self._query(boosts)
        if eligible is not None and eligible.size <= SHARE_OF_ALL * self.passages:
            member = Query.term_set_query(self._schema, "id", eligible.tolist())
            query = Query.boolean_query([(Occur.Must, query), (Occur.Must, Query.const_score_query(member, 0.0))])
        return widening(lambda limit: self._first(query, limit), k, without=excluded, within=eligible)

    def _query(self, boosts: Mapping[str, float]) -> Query:
        # Built from terms, never parsed: nothing that a user writes is an operator.
        parts = []
        for term, boost in boosts.items():
            query = Query.term_query(self._schema, "terms", term, index_option="freq")
            parts.append((Occur.Should, Query.boost_query(query, boost)))
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
        words = vocabulary.GrowingVocabulary(base)
        for text in texts:
            words.add(text.title, text.heading, text.text)
            terms = text.terms()
            document = tantivy.Document()
            document.add_unsigned("id", text.passage_id)
            document.add_unsigned("length", len(terms))
            document.add_text("kind", text.kind)
            document.add_text("terms", " ".join(terms))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        words.write(folder)
    except (OSError, ValueError) as error:
        raise StoreError(f"the lexical index {folder.name} cannot be written: {error}") from error
    for lock in folder.glob(".tantivy-*.lock"):
        lock.unlink()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field("id", indexed=True, fast=True)
    builder.add_unsigned_field("length", fast=True)
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
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
    """BM25 in memory over what was committed since the index on disk, scored as tantivy scores. Thread-safe.

    Terms are also kept with their places, counted through all passages with a gap after each field: `analysis.pairs`
    are found by them, where a list for every pair would take ten times the memory.
    """

    def __init__(self) -> None:
        self.ids: Ids = NO_IDS
        self.length = 0
        self.words = vocabulary.GrowingVocabulary()
        self._kinds: Counter[str] = Counter()
        self._norms: Ids = NO_IDS
        self._starts: Ids = NO_IDS
        self._end = 0
        self._postings: dict[str, array[int]] = {}
        self._places: dict[str, array[int]] = {}
        self._lock = threading.Lock()

    def add(self, texts: Iterable[Text]) -> None:
        """Adds passages, whose ids are above those it has."""
        new = [(text, text.fields()) for text in texts]
        lengths = [sum(len(field) + len(analysis.pairs(field)) for field in fields) for _, fields in new]
        for text, _ in new:
            self.words.add(text.title, text.heading, text.text)
        with self._lock:
            starts = []
            for row, (text, fields) in enumerate(new, len(self)):
                starts.append(self._end)
                self._kinds[text.kind] += 1
                for term, times in Counter(itertools.chain(*fields)).items():
                    self._postings.setdefault(term, array("q")).extend((row, times))
                for field in fields:
                    for place, term in enumerate(field, self._end):
                        self._places.setdefault(term, array("q")).append(place)
                    self._end += len(field) + 1
            self.length += sum(lengths)
            self._starts = _longer(self._starts, starts)
            self._norms = _longer(self._norms, [_as_tantivy_keeps(length) for length in lengths])
            self.ids = _longer(self.ids, [text.passage_id for text, _ in new])

    def __len__(self) -> int:
        return int(self.ids.size)

    @property
    def passages(self) -> int:
        return len(self)

    @property
    def kinds(self) -> Counter[str]:
        with self._lock:
            return self._kinds.copy()

    def frequency(self, term: str) -> int:
        with self._lock:
            return len(self._postings.get(term, ())) // 2 or int(self._paired(term)[0].size)

    def _counted(self, term: str) -> tuple[Ids, Ids]:
        """The rows of the passages with a term, and how often each has it."""
        held = self._postings.get(term)
        if held is None:
            return self._paired(term)
        rows, times = np.array(held).reshape(-1, 2).T
        return rows, times

    def _paired(self, term: str) -> tuple[Ids, Ids]:
        """As `_counted`, of two neighbours."""
        first, second = (self._places.get(word) for word in analysis.parted(term) or ("", ""))
        if first is None or second is None:
            return NO_IDS, NO_IDS
        after = np.array(first) + 1
        rows = np.searchsorted(self._starts, after[contains(np.array(second), after)], side="right") - 1
        return np.unique(rows, return_counts=True)

    def search(
        self,
        text: str,
        k: int,
        *,
        language: str = analysis.UNKNOWN,
        without: Sequence[int] | Ids = (),
        within: Sequence[int] | Ids | None = None,
    ) -> list[Hit]:
        """As `Tantivy.search`."""
        return self.search_terms(weigh(text, [self], language=language), k, without=without, within=within)

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
        norms = K1 * (1 - B + B * self._norms / average)
        for term, weight in weights.items():
            rows, times = self._counted(term)
            scores[rows] += weight * (K1 + 1) * times / (times + norms[rows])
        return scores


def _longer(values: Ids, new: Sequence[int]) -> Ids:
    return np.concatenate([values, np.asarray(new, dtype=np.int64)])


def _as_tantivy_keeps(length: int) -> int:
    """A length in the one byte that tantivy has for it: exact up to 40, then rounded down to 4 significant bits."""
    if length < 40:
        return length
    shift = (length - 24).bit_length() - 4
    return 24 + ((length - 24) >> shift << shift)
