"""Vector indexes: immutable sets of unit vectors by passage id. Each keeps the contract `ports.VectorIndex`.

FAISS has no checksums, takes NaN and duplicate ids in silence, and may crash when searched while it is added to:
what is built here is checked first and never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grounding.errors import StoreError
from grounding.values import FloatMatrix, FloatVector, Hit
from store.ranking import NO_IDS, Ids, IdSet, Mask, Remembered, Scores, allowed, as_ids, best, contains, widening

IDS_FILE = "ids.npy"
INDEX_FILE = "vectors.faiss"

Rows: TypeAlias = npt.NDArray[np.int64]


class Flat:
    """Exact search by FAISS: every vector, float32."""

    family = "flat"

    def __init__(self, ids: Ids, index: Any) -> None:
        import faiss

        self.ids = ids
        self._index = index
        flat = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d) if index.ntotal else np.empty(0, np.float32)
        self._vectors: FloatMatrix = flat.reshape(-1, index.d)
        self._rows: Remembered[Rows] = Remembered(lambda within: rows_of(ids, within))
        self._gone: Remembered[Mask] = Remembered(lambda without: contains(without, ids))

    @classmethod
    def build(cls, ids: Ids, vectors: FloatMatrix) -> Flat:
        """The index over these rows; `ids` ascending. Raises StoreError for vectors that cannot be compared."""
        import faiss

        require_unit(vectors, dimension=vectors.shape[1])
        if ids.size != len(vectors) or not bool(np.all(ids[1:] > ids[:-1])):
            raise StoreError("an index needs one ascending id for each vector")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(ids, index)

    @classmethod
    def open(cls, folder: Path) -> Flat:
        """The index saved there. Raises StoreError if the files are not what `save` wrote."""
        import faiss

        try:
            ids = np.load(folder / IDS_FILE, allow_pickle=False)
            index = faiss.read_index(str(folder / INDEX_FILE))
        except (OSError, ValueError, RuntimeError) as error:
            raise StoreError(f"{folder.name}: not an index that can be read") from error
        if not isinstance(index, faiss.IndexFlat) or ids.shape != (index.ntotal,):
            raise StoreError(f"{folder.name}: ids and vectors do not belong together")
        return cls(ids, index)

    def save(self, folder: Path) -> None:
        import faiss

        np.save(folder / IDS_FILE, self.ids, allow_pickle=False)
        faiss.write_index(self._index, str(folder / INDEX_FILE))

    def __len__(self) -> int:
        return int(self.ids.size)

    def search(self, vector: FloatVector, k: int, *, without: IdSet = (), within: IdSet | None = None) -> list[Hit]:
        """At most k hits by inner product, best first; never an id of `without`, only ids of `within` if given."""
        if k < 1 or not len(self):
            return []
        if within is None:
            return widening(lambda n: self._scan(vector, min(n, len(self))), k, without=as_ids(without), within=None)
        rows = self._rows(within)
        if len(without):
            rows = rows[~self._gone(without)[rows]]
        return best(self.ids[rows], products_at(self._vectors, rows, vector), k)

    def sample(self, size: int, *, without: IdSet = ()) -> FloatMatrix:
        """About so many of the vectors, spread evenly; all where there are no more: (n, dimension)."""
        return spread(self._vectors, size, gone=contains(as_ids(without), self.ids))

    def _scan(self, vector: FloatVector, n: int) -> tuple[Ids, Scores]:
        import faiss

        # The number is each thread's own. One query gains nothing from a second thread.
        faiss.omp_set_num_threads(1)
        scores, rows = self._index.search(np.ascontiguousarray(vector, np.float32)[None], n)
        return self.ids[rows[0]], scores[0]


class Tail:
    """Exact search in memory over what was committed since a generation. Growing gives a new Tail; the old one stays
    as it is for those who search it."""

    family = "memory"

    def __init__(self, *, dimension: int) -> None:
        self.dimension = dimension
        self.ids: Ids = NO_IDS
        self._vectors: FloatMatrix = np.empty((0, dimension), np.float32)
        self._room = _Room(np.empty(0, np.int64), self._vectors)

    def extended(self, ids: Ids, vectors: FloatMatrix) -> Tail:
        """With these rows too; their ids are above those it has. One thread at a time may extend a tail."""
        grown = Tail(dimension=self.dimension)
        grown._room = self._room.with_rows(len(self), ids, vectors)
        size = len(self) + ids.size
        grown.ids, grown._vectors = grown._room.ids[:size], grown._room.vectors[:size]
        return grown

    def __len__(self) -> int:
        return int(self.ids.size)

    def search(self, vector: FloatVector, k: int, *, without: IdSet = (), within: IdSet | None = None) -> list[Hit]:
        """As `Flat.search`."""
        if k < 1 or not len(self):
            return []
        mask = allowed(self.ids, without=self._here(without), within=None if within is None else self._here(within))
        if mask is None:
            return best(self.ids, products(self._vectors, vector), k)
        rows = np.flatnonzero(mask)
        return best(self.ids[rows], products_at(self._vectors, rows, vector), k)

    def sample(self, size: int, *, without: IdSet = ()) -> FloatMatrix:
        """As `Flat.sample`."""
        return spread(self._vectors, size, gone=contains(as_ids(without), self.ids))

    def _here(self, ids: IdSet) -> Ids:
        """Those that may be ids of this tail: few, where most are of a generation."""
        found = as_ids(ids)
        return found[np.searchsorted(found, self.ids[0]) : np.searchsorted(found, self.ids[-1], side="right")]


class _Room:
    """Rows with spare capacity behind them, so that growing by a row copies nothing most of the time."""

    def __init__(self, ids: Ids, vectors: FloatMatrix) -> None:
        self.ids = ids
        self.vectors = vectors
        self.used = 0

    def with_rows(self, used: int, ids: Ids, vectors: FloatMatrix) -> _Room:
        """Room that holds the first `used` rows and these. Rows that someone may be reading are not touched."""
        size = used + ids.size
        room = self
        if used != self.used or size > self.ids.size:
            capacity = max(64, 2 * size)
            room = _Room(np.empty(capacity, np.int64), np.empty((capacity, vectors.shape[1]), np.float32))
            room.ids[:used], room.vectors[:used] = self.ids[:used], self.vectors[:used]
        room.ids[used:size], room.vectors[used:size] = ids, vectors
        room.used = size
        return room


def spread(vectors: FloatMatrix, size: int, *, gone: Mask) -> FloatMatrix:
    """About `size` rows that are not gone, spread evenly, or all of them: a copy."""
    left = np.flatnonzero(~gone)
    rows = left[np.unique(np.linspace(0, max(left.size - 1, 0), min(size, left.size)).astype(np.int64))]
    return np.array(vectors[rows], dtype=np.float32)


def products(vectors: FloatMatrix, vector: FloatVector) -> Scores:
    """Inner products by the arithmetic of `Flat`, bit for bit, on this thread alone.

    A matrix product of numpy may wait for its other threads: 8 ms instead of 0.3 where two cores are busy.
    """
    import faiss

    rows, query = np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(vector, np.float32)
    scores = np.empty(len(rows), np.float32)
    size, dimension = rows.shape
    products = faiss.fvec_inner_products_ny  # type: ignore[attr-defined]
    products(faiss.swig_ptr(scores), faiss.swig_ptr(query), faiss.swig_ptr(rows), dimension, size)
    return scores


def products_at(vectors: FloatMatrix, rows: Rows, vector: FloatVector) -> Scores:
    """The same for these rows alone, which are not copied. Rows must be within bounds: nothing looks again."""
    import faiss

    # FAISS asks for a team of threads even for one query: the number is each thread's own.
    faiss.omp_set_num_threads(1)
    query, places = np.ascontiguousarray(vector, np.float32), np.ascontiguousarray(rows, np.int64)
    scores = np.empty(places.size, np.float32)
    by_index = faiss.fvec_inner_products_by_idx  # type: ignore[attr-defined]
    at = faiss.swig_ptr
    by_index(at(scores), at(query), at(vectors), at(places), vectors.shape[1], 1, places.size)
    return scores


def rows_of(ids: Ids, wanted: Ids) -> Rows:
    """Ascending, the places in `ids` of those that are wanted and there."""
    return np.searchsorted(ids, wanted[contains(ids, wanted)])


def require_unit(vectors: FloatMatrix, *, dimension: int) -> None:
    """Raises StoreError unless each row is finite, of unit length and of this dimension."""
    if vectors.ndim != 2 or vectors.shape[1] != dimension:
        raise StoreError(f"the collection takes vectors of {dimension} dimensions, not of shape {vectors.shape}")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    # Not a number is not within the bounds either.
    if not bool(np.all(np.abs(lengths - 1) < 0.01)):
        worst = int(np.argmax(np.where(np.isfinite(lengths), np.abs(lengths - 1), np.inf)))
        raise StoreError(f"vector {worst} of {len(vectors)} has length {lengths[worst]:.3g} where 1 is needed")


def pack(vectors: FloatMatrix) -> list[bytes]:
    """Each row as SQL keeps it."""
    return [row.tobytes() for row in np.ascontiguousarray(vectors, dtype="<f4")]


def unpack(blobs: Sequence[bytes], *, dimension: int) -> FloatMatrix:
    """(n, dimension) from what `pack` gave. Raises StoreError if a blob is not of this dimension."""
    if any(len(blob) != 4 * dimension for blob in blobs):
        raise StoreError(f"a stored vector does not have {dimension} dimensions: run  grounding check")
    return np.frombuffer(b"".join(blobs), dtype="<f4").reshape(len(blobs), dimension).astype(np.float32, copy=False)
