"""Risk and coverage: how well a score tells the queries that should be answered from those that should not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grounding.evaluation.statistics import TAILS, Comparison, Floats, Interval, judged, resamples


@dataclass(frozen=True, slots=True)
class Curve:
    """For each threshold from the highest score down: the share of queries answered (those with at least that score),
    and the share of these that should not have been. `area` is under it: the mean risk over all coverages."""

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


def curve(scores: Sequence[float | None], wrong: Sequence[bool]) -> Curve:
    """The risk-coverage curve of a score; `wrong` marks what should not be answered, None stands below any score.

    Queries of one score stand or fall together; within them, the area counts with any order being as likely.
    Source: El-Yaniv, Wiener: On the foundations of noise-free selective classification, JMLR 2010; the area: Geifman,
    Uziel, El-Yaniv: Bias-reduced uncertainty estimation for deep neural classifiers, ICLR 2019.
    """
    order, starts = _groups(scores)
    flags = np.asarray(wrong, dtype=np.float64)
    once = np.ones((1, len(flags)))
    answered = np.cumsum(np.add.reduceat(once[0][order], starts))
    mistaken = np.cumsum(np.add.reduceat(flags[order], starts))
    return Curve(
        coverage=tuple((answered / len(flags)).tolist()),
        risk=tuple((mistaken / answered).tolist()),
        area=float(_areas(once, flags, order=order, starts=starts)[0]),
    )


def compare(mine: Sequence[float | None], other: Sequence[float | None], wrong: Sequence[bool]) -> Comparison:
    """Whether the area of mine is smaller, which is better, by the paired bootstrap over queries."""
    flags = np.asarray(wrong, dtype=np.float64)
    whole, parts = np.ones((1, len(flags))), list(resamples(len(flags)))
    exact, drawn = (
        np.concatenate([_difference(block, flags, mine=_groups(mine), other=_groups(other)) for block in blocks])
        for blocks in ([whole], parts)
    )
    low, high = np.percentile(drawn, TAILS)
    return judged(Interval(float(exact[0]), float(low), float(high)), queries=len(flags), smaller_is_better=True)


def ideal(wrong: Sequence[bool]) -> float:
    """The smallest area there is: all that should be answered comes first."""
    return curve([-float(flag) for flag in wrong], wrong).area


_Groups = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


def _groups(scores: Sequence[float | None]) -> _Groups:
    """The queries from the highest score down, and where in that order each new score begins."""
    values = np.array([-np.inf if score is None else score for score in scores], dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], values[order][1:] != values[order][:-1]]))
    return order, starts


def _difference(counts: Floats, wrong: Floats, *, mine: _Groups, other: _Groups) -> Floats:
    mine_area, other_area = (_areas(counts, wrong, order=order, starts=starts) for order, starts in (mine, other))
    return mine_area - other_area


def _areas(counts: Floats, wrong: Floats, *, order: npt.NDArray[np.intp], starts: npt.NDArray[np.intp]) -> Floats:
    """The area of each sample, (samples,): the mean over k = 1..n of the risk among the first k.

    Among b queries before a group and c with it, w of the first b being wrong and the share s of the group, the risks
    of k = b+1..c add up to (w - b s) (H(c) - H(b)) + s (c - b), H being the harmonic numbers.
    """
    n = counts.shape[1]
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n + 1))])
    size = np.add.reduceat(counts[:, order], starts, axis=1)
    bad = np.add.reduceat((counts * wrong)[:, order], starts, axis=1)
    after, bad_after = np.cumsum(size, axis=1), np.cumsum(bad, axis=1)
    before, bad_before = after - size, bad_after - bad
    share = bad / np.maximum(size, 1)
    steps = harmonic[after.astype(np.intp)] - harmonic[before.astype(np.intp)]
    total: Floats = ((bad_before - before * share) * steps + share * size).sum(axis=1) / n
    return total
