"""Inverted: the vector index for many passages. A row is in the list of the centroid that is nearest to it, and a
search looks at the lists that may hold one of the k best.

Which may is measured when the index is built, never assumed: the slack is how far a centroid's product with the query
may be below the k-th best score while its list still holds one of the k best. A question in the middle of a topic has
a high k-th score and looks into few lists; one for which the filter leaves only foreign topics has a low one and
looks into many.

The lists are scanned by FAISS, 8 bits a dimension, and the best rows scored exactly. Where a filter leaves few rows in
them, those are scored exactly at once, and no others are looked at. Vectors and lists are memory-mapped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grounding.errors import StoreError
from grounding.values import FloatMatrix, FloatVector, Hit
from store.calibration import DEPTHS, Calibration, calibrated
from store.ranking import Ids, IdSet, Mask, Remembered, Scores, as_ids, best, contains
from store.vectors import IDS_FILE, Rows, products, products_at, require_unit, rows_of, spread

VECTORS_FILE = "vectors.f32"
ASSIGNED_FILE = "assigned.npy"
LISTS_FILE = "lists.faiss"
CALIBRATION_FILE = "calibration.json"

POINTS_A_LIST = 50
"""Of the sample that centroids are found in. FAISS asks for 39 and never uses more than 256."""
ITERATIONS = 8
MARGIN = 0.3
"""Added to the range of each dimension on both sides. Without it, one row in a thousand loses ten times more to its
8 bits than the others do."""
BLOCK = 50_000
"""Rows held in memory at a time while an index is built."""
SEED = 4
"""To learn about the k-th score, the nearest lists are scanned until they have given so many rows for each hit."""
FEW = 2000
"""So many rows are scored in less time than it takes to choose among their lists."""
MANY = 5000
"""Beyond so many rows it is faster to scan their 8 bits first: scores of float32 then wait for memory."""

Lists: TypeAlias = npt.NDArray[np.int64]
Assigned: TypeAlias = npt.NDArray[np.uint16]
Search: TypeAlias = Callable[[Lists], tuple[Rows, Scores]]
"""Rows of these lists, and their exact scores: all of them, or at least the k best."""


class _Selector:
    """Rows as FAISS wants them. It keeps bare pointers: what they point to lives as long as this."""

    def __init__(self, mask: Mask) -> None:
        import faiss

        self._bits = np.packbits(mask, bitorder="little")
        self.pointer: Any = faiss.IDSelectorBitmap(self._bits.size, faiss.swig_ptr(self._bits))

    def __and__(self, other: _Selector) -> _Both:
        return _Both(self, other)


class _Both(_Selector):
    def __init__(self, one: _Selector, other: _Selector) -> None:
        import faiss

        self._of = one, other
        self.pointer = faiss.IDSelectorAnd(one.pointer, other.pointer)


@dataclass(frozen=True, slots=True)
class _Eligible:
    """The rows that a filter lets through, list by list: list i has `rows[starts[i]:starts[i + 1]]`."""

    rows: Rows
    starts: Rows
    sizes: Rows
    selector: _Selector

    def of(self, lists: Lists) -> Rows:
        return np.concatenate([self.rows[self.starts[i] : self.starts[i + 1]] for i in lists.tolist()])


@dataclass(frozen=True, slots=True)
class _Left:
    """What is left of the index without the rows that are gone."""

    gone: Mask
    sizes: Rows
    selector: _Selector


class Inverted:
    """Nearly exact search: recall is calibrated at building to `calibration.RECALL`. Scores are exact."""

    family = "ivf-sq8"

    def __init__(self, ids: Ids, vectors: FloatMatrix, assigned: Assigned, index: Any, measured: Calibration) -> None:
        self.ids = ids
        self.assigned = assigned
        self.calibration = measured
        self.centroids = centroids_of(index)
        self._vectors = vectors
        self._index = index
        self._sizes: Rows = np.bincount(assigned, minlength=len(self.centroids))
        self._eligible: Remembered[_Eligible] = Remembered(self._grouped)
        self._left: Remembered[_Left] = Remembered(self._without)

    @classmethod
    def open(cls, folder: Path) -> Inverted:
        """The index saved there. Raises StoreError if the files are not what `write` wrote."""
        import faiss

        try:
            ids = np.load(folder / IDS_FILE, allow_pickle=False)
            assigned = np.load(folder / ASSIGNED_FILE, allow_pickle=False)
            measured = Calibration.of(json.loads((folder / CALIBRATION_FILE).read_text("utf-8")))
            # Without this flag all of it is read into the memory of each process.
            index = faiss.read_index(str(folder / LISTS_FILE), faiss.IO_FLAG_MMAP)
            vectors = np.memmap(folder / VECTORS_FILE, np.float32, "r", shape=(index.ntotal, index.d))
            size = (folder / VECTORS_FILE).stat().st_size
        except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
            raise StoreError(f"{folder.name}: not an index that can be read") from error
        shapes = (ids.shape, assigned.shape, size) == ((index.ntotal,), (index.ntotal,), vectors.nbytes)
        if not isinstance(index, faiss.IndexIVFScalarQuantizer) or not shapes or int(assigned.max()) >= index.nlist:
            raise StoreError(f"{folder.name}: ids, vectors and lists do not belong together")
        return cls(ids, np.asarray(vectors), assigned, index, measured)

    def __len__(self) -> int:
        return int(self.ids.size)

    def search(self, vector: FloatVector, k: int, *, without: IdSet = (), within: IdSet | None = None) -> list[Hit]:
        """At most k hits by inner product, best first; never an id of `without`, only ids of `within` if given."""
        if k < 1 or not len(self):
            return []
        query, depth = np.ascontiguousarray(vector, np.float32), max(k, DEPTHS[0])
        left = self._left(without) if len(without) else None
        nearness = products(self.centroids, query)
        if within is None:
            scan = partial(self._scanned, query, nearness, depth, None if left is None else left.selector)
            rows, scores = self._nearest(nearness, depth, self._sizes if left is None else left.sizes, scan)
        else:
            eligible = self._eligible(within)
            if eligible.rows.size <= max(FEW, SEED * depth):
                rows, scores = self._scored(query, eligible, left)
            else:
                look = partial(self._looked, query, nearness, depth, eligible, left)
                rows, scores = self._nearest(nearness, depth, eligible.sizes, look)
        return best(self.ids[rows], scores, k)

    def sample(self, size: int, *, without: IdSet = ()) -> FloatMatrix:
        """As `Flat.sample`."""
        return spread(self._vectors, size, gone=contains(as_ids(without), self.ids))

    def _nearest(self, nearness: Scores, k: int, sizes: Rows, search: Search) -> tuple[Rows, Scores]:
        """Rows, and their scores, of all lists that may hold one of the k best; `sizes` says how many are eligible."""
        order = np.argsort(-nearness)
        slack = self.calibration.slack(k, far=self._is_far(order[0], sizes))
        order = order[sizes[order] > 0]
        if not order.size:
            return order, np.empty(0, np.float32)
        first = int(np.searchsorted(np.cumsum(sizes[order]), SEED * k)) + 1
        rows, scores = search(order[:first])
        bound = np.partition(scores, -k)[-k] - slack if scores.size >= k else -np.inf
        last = int(np.searchsorted(-nearness[order], -bound, side="right"))
        if last > first:
            more_rows, more_scores = search(order[first:last])
            rows, scores = np.concatenate([rows, more_rows]), np.concatenate([scores, more_scores])
        return rows, scores

    def _is_far(self, nearest: int, sizes: Rows) -> bool:
        """Whether the list nearest to the query has less than half the share of eligible rows that all lists have."""
        return bool(2 * sizes[nearest] * len(self) < self._sizes[nearest] * sizes.sum())

    def _looked(
        self, query: FloatVector, nearness: Scores, k: int, eligible: _Eligible, left: _Left | None, lists: Lists
    ) -> tuple[Rows, Scores]:
        """At least the k best eligible rows of these lists."""
        if eligible.sizes[lists].sum() <= MANY:
            return self._scored(query, eligible, left, lists)
        selector = eligible.selector if left is None else eligible.selector & left.selector
        return self._scanned(query, nearness, k, selector, lists)

    def _scored(
        self, query: FloatVector, eligible: _Eligible, left: _Left | None, lists: Lists | None = None
    ) -> tuple[Rows, Scores]:
        """The eligible rows of these lists, or of all."""
        rows = eligible.rows if lists is None else eligible.of(lists)
        if left is not None:
            rows = rows[~left.gone[rows]]
        return rows, products_at(self._vectors, rows, query)

    def _scanned(
        self, query: FloatVector, nearness: Scores, k: int, selector: _Selector | None, lists: Lists
    ) -> tuple[Rows, Scores]:
        """The k best rows of these lists and some more.

        Asks for more until no row that was not given can be among them, nor tie with the last: 8 bits err by at most
        `error`.
        """
        limit = k + k // 2 + 16
        while True:
            rows, about = self._candidates(query, nearness[lists], limit, selector, lists)
            scores = products_at(self._vectors, rows, query)
            if rows.size < limit or np.partition(scores, -k)[-k] > about[-1] + self.calibration.error:
                return rows, scores
            limit *= 4

    def _candidates(
        self, query: FloatVector, nearness: Scores, n: int, selector: _Selector | None, lists: Lists
    ) -> tuple[Rows, Scores]:
        """The n best rows of these lists by their 8 bits, and the scores of those."""
        import faiss

        # The number is each thread's own. One query gains nothing from a second thread.
        faiss.omp_set_num_threads(1)
        keys, near = np.ascontiguousarray(lists, np.int64), np.ascontiguousarray(nearness, np.float32)
        rows, scores = np.empty(n, np.int64), np.empty(n, np.float32)
        parameters = faiss.SearchParametersIVF()
        parameters.nprobe = keys.size
        if selector is not None:
            parameters.sel = selector.pointer
        at = faiss.swig_ptr
        try:
            self._index.search_preassigned_c(
                1, at(query), n, at(keys), at(near), at(scores), at(rows), False, parameters
            )
        except RuntimeError as error:
            raise StoreError("the lists of a vector index cannot be read") from error
        found = rows >= 0
        rows = rows[found]
        if rows.size and int(rows.max()) >= len(self):
            raise StoreError("a list of a vector index names a row that it does not have")
        return rows, scores[found]

    def _grouped(self, within: Ids) -> _Eligible:
        rows = rows_of(self.ids, within)
        lists = self.assigned[rows]
        order = np.argsort(lists, kind="stable")
        starts = np.searchsorted(lists[order], np.arange(len(self.centroids) + 1))
        mask = np.zeros(len(self), np.bool_)
        mask[rows] = True
        return _Eligible(rows[order], starts, np.diff(starts), _Selector(mask))

    def _without(self, without: Ids) -> _Left:
        rows = rows_of(self.ids, without)
        gone = np.zeros(len(self), np.bool_)
        gone[rows] = True
        sizes = self._sizes - np.bincount(self.assigned[rows], minlength=self._sizes.size)
        return _Left(gone, sizes, _Selector(~gone))


def write(
    folder: Path, batches: Iterable[tuple[Ids, FloatMatrix]], *, dimension: int, like: Inverted | None = None
) -> None:
    """Writes the index of these rows, ids ascending. Only a part of them is in memory at any time.

    Raises StoreError for vectors that cannot be compared. `like` is the index before: while the number of lists is
    still right, its centroids are taken over, and with them the lists of its rows.
    """
    ids = _written(folder, batches, dimension=dimension)
    vectors: FloatMatrix = np.memmap(folder / VECTORS_FILE, np.float32, "r", shape=(ids.size, dimension))
    count = lists_for(ids.size)
    if like is not None and like.centroids.shape != (count, dimension):
        like = None
    sample = _sample(vectors, count * POINTS_A_LIST)
    centroids = _trained(sample, count) if like is None else like.centroids
    assigned = _assigned(ids, vectors, centroids, like)
    index = _filled(vectors, centroids, assigned, sample)
    _save(folder, index, ids, assigned, calibrated(vectors, centroids, assigned, index.sq))


def lists_for(size: int) -> int:
    """How many lists serve so many rows: about twice the square root, a power of two. To find the nearest centroid
    costs as much as to scan then: measured at 100,000 and 1,000,000 rows."""
    power = round(np.log2(2 * size**0.5)) if size else 0
    return int(min(2**power, 2**16, size // 2 + 1))


def centroids_of(index: Any) -> FloatMatrix:
    """(lists, dimension), the index's own."""
    import faiss

    quantizer: Any = faiss.downcast_index(index.quantizer)
    flat = faiss.rev_swig_ptr(quantizer.get_xb(), quantizer.ntotal * quantizer.d)
    return np.array(flat.reshape(-1, quantizer.d))


def _written(folder: Path, batches: Iterable[tuple[Ids, FloatMatrix]], *, dimension: int) -> Ids:
    """The ids; the vectors are in their file."""
    parts: list[Ids] = []
    with (folder / VECTORS_FILE).open("wb") as stream:
        for ids, vectors in batches:
            require_unit(vectors, dimension=dimension)
            np.ascontiguousarray(vectors, np.float32).tofile(stream)
            parts.append(ids)
    found = np.concatenate(parts)
    if not bool(np.all(found[1:] > found[:-1])):
        raise StoreError("an index needs one ascending id for each vector")
    return found


def _sample(vectors: FloatMatrix, most: int) -> FloatMatrix:
    if len(vectors) <= most:
        return np.asarray(vectors)
    chosen = np.random.default_rng(1).choice(len(vectors), most, replace=False)
    return np.asarray(vectors[np.sort(chosen)])


def _trained(sample: FloatMatrix, count: int) -> FloatMatrix:
    import faiss

    clustering = faiss.Kmeans(
        sample.shape[1],
        count,
        niter=ITERATIONS,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=POINTS_A_LIST,
        seed=1,
    )
    clustering.train(sample)
    return np.asarray(clustering.centroids)


def _assigned(ids: Ids, vectors: FloatMatrix, centroids: FloatMatrix, like: Inverted | None) -> Assigned:
    """For each row the list of its nearest centroid."""
    import faiss

    quantizer = faiss.IndexFlatIP(vectors.shape[1])
    quantizer.add(centroids)
    assigned = np.empty(ids.size, np.uint16)
    known = np.zeros(ids.size, np.bool_)
    if like is not None:
        known = contains(like.ids, ids)
        assigned[known] = like.assigned[np.searchsorted(like.ids, ids[known])]
    new = np.flatnonzero(~known)
    for start in range(0, new.size, BLOCK):
        rows = new[start : start + BLOCK]
        assigned[rows] = quantizer.assign(np.ascontiguousarray(vectors[rows]), 1)[:, 0]
    return assigned


def _filled(vectors: FloatMatrix, centroids: FloatMatrix, assigned: Assigned, sample: FloatMatrix) -> Any:
    """The index of FAISS, which numbers the rows."""
    import faiss

    dimension = vectors.shape[1]
    quantizer = faiss.IndexFlatIP(dimension)
    quantizer.add(centroids)
    bits, metric = faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(quantizer, dimension, len(centroids), bits, metric)
    # A row may lie outside of what the sample spans.
    index.sq.rangestat_arg = MARGIN
    index.train(sample)
    for start in range(0, len(vectors), BLOCK):
        block = np.ascontiguousarray(vectors[start : start + BLOCK])
        rows = np.arange(start, start + len(block))
        lists = assigned[start : start + BLOCK].astype(np.int64)
        index.add_core(len(block), *(faiss.swig_ptr(array) for array in (block, rows, lists)))
    return index


def _save(folder: Path, index: Any, ids: Ids, assigned: Assigned, measured: Calibration) -> None:
    import faiss

    np.save(folder / IDS_FILE, ids, allow_pickle=False)
    np.save(folder / ASSIGNED_FILE, assigned, allow_pickle=False)
    faiss.write_index(index, str(folder / LISTS_FILE))
    (folder / CALIBRATION_FILE).write_text(json.dumps(asdict(measured)), "utf-8")
