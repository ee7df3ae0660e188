"""Calibration: how far the search of an inverted index must look, measured on the rows that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from grounding.values import FloatMatrix
from store.ranking import Mask, Scores

DEPTHS = (10, 100)
RECALL = (0.997, 0.99)
"""The share of the k best that must be found, for each k of `DEPTHS`, by the hardest kind of query."""
QUERIES = 96
"""Of each kind."""
FAR = 0.02
"""The share of all rows that a far query may not find: those in the lists nearest to it."""
BLOCK = 10_000
SAMPLE = 10_000

Lists: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """`near`, `far`: for each of `DEPTHS`, how far below the k-th score the product of query and centroid may be while
    the list still matters, where something near the query may be found, and where not.
    `error`: how far a score from 8 bits may be from the exact one."""

    near: tuple[float, ...]
    far: tuple[float, ...]
    error: float

    @classmethod
    def of(cls, saved: Mapping[str, Any]) -> Calibration:
        """What `asdict` gave. Raises KeyError, TypeError or ValueError for anything else."""
        near, far = (tuple(float(each) for each in saved[name]) for name in ("near", "far"))
        if len(near) != len(DEPTHS) or len(far) != len(DEPTHS):
            raise ValueError("a calibration of other depths")
        return cls(near, far, float(saved["error"]))

    def slack(self, k: int, *, far: bool) -> float:
        """For a k of at least `DEPTHS[0]`."""
        at = sum(k >= depth for depth in DEPTHS) - 1
        return (self.far if far else self.near)[at]


def calibrated(
    vectors: FloatMatrix, centroids: FloatMatrix, assigned: npt.NDArray[np.uint16], quantizer: Any
) -> Calibration:
    """Measured on queries made of stored rows: with noise, between two rows, and such that may find nothing near, as
    where a filter leaves other topics than the question's."""
    queries = _queries(vectors)
    nearness = queries @ centroids.T
    barred = np.zeros(nearness.shape, np.bool_)
    barred[-QUERIES:] = _near(nearness[-QUERIES:], np.bincount(assigned, minlength=len(centroids)))
    scores, lists = _neighbours(vectors, assigned, queries, barred, k=min(DEPTHS[-1], len(vectors)))
    own = np.take_along_axis(nearness, lists, axis=1)
    kinds = [_slacks(scores[i : i + QUERIES], own[i : i + QUERIES]) for i in range(0, len(queries), QUERIES)]
    near = np.max(kinds[:-1], axis=0)
    far = np.maximum(near, kinds[-1])
    return Calibration(tuple(near.tolist()), tuple(far.tolist()), _error(vectors, centroids, assigned, quantizer))


def _slacks(scores: Scores, own: Scores) -> list[float]:
    """For each of `DEPTHS`, what finds the share of the k best that is wanted. `own` is the nearness of the list of
    each neighbour."""
    found = []
    for k, wanted in zip(DEPTHS, RECALL, strict=True):
        there = np.isfinite(scores[:, :k])
        last = np.where(there, scores[:, :k], np.inf).min(axis=1, keepdims=True)
        below = (last - own[:, :k])[there]
        # No product of unit vectors is further below another.
        found.append(float(np.quantile(below, wanted)) if below.size else 2.0)
    return found


def _error(vectors: FloatMatrix, centroids: FloatMatrix, assigned: npt.NDArray[np.uint16], quantizer: Any) -> float:
    """The greatest length of what 8 bits take from a row: no product with a unit vector is off by more."""
    rows = np.unique(np.random.default_rng(2).integers(0, len(vectors), SAMPLE))
    rest = vectors[rows] - centroids[assigned[rows]]
    return float(np.linalg.norm(rest - quantizer.decode(quantizer.compute_codes(rest)), axis=1).max())


def _queries(vectors: FloatMatrix) -> FloatMatrix:
    """(4 * QUERIES, dimension), kind by kind."""
    rng = np.random.default_rng(3)
    rows, others = (vectors[rng.integers(0, len(vectors), QUERIES)] for _ in range(2))
    noise = rng.normal(size=rows.shape) / np.sqrt(rows.shape[1])
    queries = np.concatenate([rows + 0.5 * noise, rows + 0.5 * others, rows + others, rows + 0.5 * noise])
    lengths = np.linalg.norm(queries, axis=1, keepdims=True)
    unit: FloatMatrix = (queries / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit


def _near(nearness: FloatMatrix, sizes: Lists) -> Mask:
    """For each query, the lists that hold the share `FAR` of the rows, and are nearest."""
    order = np.argsort(-nearness, axis=1)
    before = np.cumsum(sizes[order], axis=1) - sizes[order]
    near = np.zeros(nearness.shape, np.bool_)
    np.put_along_axis(near, order, before < FAR * sizes.sum(), axis=1)
    return near


def _neighbours(
    vectors: FloatMatrix, assigned: npt.NDArray[np.uint16], queries: FloatMatrix, barred: Mask, *, k: int
) -> tuple[Scores, Lists]:
    """(n, k) the best scores of each query outside of its barred lists, best first, and the lists that they are in.
    A score is -inf where there are fewer."""
    scores = np.full((len(queries), k), -np.inf, np.float32)
    lists = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(vectors), BLOCK):
        here = assigned[start : start + BLOCK].astype(np.int64)
        products = queries @ np.asarray(vectors[start : start + BLOCK]).T
        products[barred[:, here]] = -np.inf
        scores = np.concatenate([scores, products], axis=1)
        lists = np.concatenate([lists, np.broadcast_to(here, products.shape)], axis=1)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        scores, lists = np.take_along_axis(scores, best, axis=1), np.take_along_axis(lists, best, axis=1)
    order = np.argsort(-scores, axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(lists, order, axis=1)
