"""Means of queries with their intervals, and whether two differ: the bootstrap over queries. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Verdict: TypeAlias = Literal["better", "worse", "not distinguishable"]
Floats: TypeAlias = npt.NDArray[np.float64]

RESAMPLES = 10_000
SEED = 20090101
"""Fixed, so that the same results always get the same interval."""
TAILS = (2.5, 97.5)
FEWEST = 6
"""Queries below which nothing is distinguishable: if all of five agree, a sign test still says p = 2 / 2**5 = 0.06."""
_ROUNDING = 1e-9
_CELLS = 4_000_000
"""Counts that are held at a time."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries and the 95 % interval of it."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A mean difference over `queries` that both have, its 95 % interval, and what that says of the first."""

    queries: int
    difference: float
    low: float
    high: float
    verdict: Verdict


def resamples(n: int, *, count: int = RESAMPLES) -> Iterator[Floats]:
    """How often each of n queries was drawn in `count` samples of n, with replacement: blocks of shape (samples, n)."""
    generator = np.random.default_rng(SEED)
    block = max(1, _CELLS // n)
    for start in range(0, count, block):
        rows = min(block, count - start)
        drawn = generator.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def intervals(values: npt.ArrayLike) -> list[Interval]:
    """The mean of each column of (n, columns) with its interval, by the percentile bootstrap over rows.

    Source: Efron, Tibshirani: An introduction to the bootstrap, 1993, chapter 13.
    """
    table = np.asarray(values, dtype=np.float64)
    means = np.concatenate([counts @ table for counts in resamples(len(table))]) / len(table)
    low, high = np.percentile(means, TAILS, axis=0)
    return [Interval(*map(float, row)) for row in zip(table.mean(axis=0), low, high, strict=True)]


def compare(mine: Sequence[float], other: Sequence[float], *, smaller_is_better: bool = False) -> Comparison:
    """Whether a measure of mine differs from the other's, by the paired bootstrap over the same n queries.

    Source: Sakai: Evaluating evaluation metrics based on the bootstrap, SIGIR 2006; here with percentiles.
    """
    differences = np.asarray(mine, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    if not len(differences):
        return Comparison(0, 0.0, 0.0, 0.0, "not distinguishable")
    (found,) = intervals(differences[:, None])
    return judged(found, queries=len(differences), smaller_is_better=smaller_is_better)


def judged(difference: Interval, *, queries: int, smaller_is_better: bool = False) -> Comparison:
    """A difference with what its interval says: nothing, as long as it holds 0."""
    verdict: Verdict = "not distinguishable"
    if queries >= FEWEST and difference.low > _ROUNDING:
        verdict = "worse" if smaller_is_better else "better"
    elif queries >= FEWEST and difference.high < -_ROUNDING:
        verdict = "better" if smaller_is_better else "worse"
    return Comparison(queries, difference.mean, difference.low, difference.high, verdict)
