"""The order of hits, the same for every index: higher scores first, then lower passage ids. And sets of ids."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from grounding.values import Hit

Ids: TypeAlias = npt.NDArray[np.int64]
"""Passage ids, ascending, each once."""
IdSet: TypeAlias = Sequence[int] | Ids
Scores: TypeAlias = npt.NDArray[np.floating[Any]]
Mask: TypeAlias = npt.NDArray[np.bool_]

DECIMALS = 6
"""Float32 sums depend on their order beyond this: equal texts must have equal scores in every index."""
KEPT = 32
"""Sets of ids that an index remembers."""

T = TypeVar("T")


class Remembered(Generic[T]):
    """What was derived from a set of ids, for the last few sets. Thread-safe.

    It knows a set by the array itself, and only one that cannot be written: whoever asks with the same filter again
    and again marks the array so, and the work that is in proportion to its length is done once.
    """

    def __init__(self, derive: Callable[[Ids], T], *, kept: int = KEPT) -> None:
        self._derive = derive
        self._most = kept
        self._lock = threading.Lock()
        # With the array, so that its place in memory is not another's meanwhile.
        self._kept: OrderedDict[int, tuple[IdSet, T]] = OrderedDict()

    def __call__(self, ids: IdSet) -> T:
        if not isinstance(ids, np.ndarray) or ids.flags.writeable:
            return self._derive(as_ids(ids))
        key = id(ids)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found[1]
        made = self._derive(as_ids(ids))
        with self._lock:
            self._kept[key] = (ids, made)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


def fixed(ids: Ids) -> Ids:
    """The same array, which can no longer be written."""
    ids.setflags(write=False)
    return ids


NO_IDS: Ids = fixed(np.empty(0, dtype=np.int64))


def as_ids(ids: IdSet) -> Ids:
    """The ids in ascending order."""
    array = np.asarray(ids, dtype=np.int64)
    return array if array.size < 2 or bool(np.all(array[1:] > array[:-1])) else np.unique(array)


def allowed(ids: Ids, *, without: Ids, within: Ids | None) -> Mask | None:
    """Which of `ids` may be found, None for all of them."""
    if within is None and not without.size:
        return None
    mask = np.ones(ids.size, dtype=np.bool_) if within is None else contains(within, ids)
    return mask & ~contains(without, ids) if without.size else mask


def contains(haystack: Ids, needles: Ids) -> Mask:
    """For each of `needles`, whether it is in `haystack`, which is in ascending order."""
    if not haystack.size:
        return np.zeros(needles.size, dtype=np.bool_)
    places = np.searchsorted(haystack, needles)
    return np.asarray(haystack[np.minimum(places, haystack.size - 1)] == needles)


def best(ids: Ids, scores: Scores, k: int) -> list[Hit]:
    """The k best of them, in order."""
    if scores.size > 4 * k:
        # Rounded, what is this far below the k-th is below it still. To round costs more than to find the k-th.
        near = scores >= np.partition(scores, scores.size - k)[scores.size - k] - 2 * 10.0**-DECIMALS
        ids, scores = ids[near], scores[near]
    rounded = np.round(scores.astype(np.float64), DECIMALS)
    if rounded.size > k:
        # All that tie with the k-th stay, so that ids decide and not the partition.
        keep = rounded >= np.partition(rounded, rounded.size - k)[rounded.size - k]
        ids, rounded = ids[keep], rounded[keep]
    order = np.lexsort((ids, -rounded))[:k]
    return [Hit(int(ids[i]), float(rounded[i])) for i in order]


def merged(hits: Iterable[Hit], k: int) -> list[Hit]:
    """The k best of hits of several indexes over different passages."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))[:k]


def widening(fetch: Callable[[int], tuple[Ids, Scores]], k: int, *, without: Ids, within: Ids | None) -> list[Hit]:
    """The k best allowed hits of an index that can only be asked for its first n.

    Asks for more until enough of them are allowed and no tie is cut off at the end.
    """
    limit = k + min(without.size, 3 * k) + 8
    while True:
        ids, scores = fetch(limit)
        exhausted = ids.size < limit
        mask = allowed(ids, without=without, within=within)
        if mask is not None:
            ids, kept = ids[mask], scores[mask]
        else:
            kept = scores
        hits = best(ids, kept, k)
        if exhausted or (len(hits) == k and round(float(scores[-1]), DECIMALS) < hits[-1].score):
            return hits
        limit *= 4
