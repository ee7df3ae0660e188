"""How likely the evidence answers the question, from what the legs say of the best passage. Pure.

A logistic model over four signals; what it was fitted on, and how it does elsewhere, is in docs/evaluation.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grounding.values import Hit

NEXT = 5
"""The lead of the best passage is taken over the one so many places behind it."""

WITH = (-4.44, 3.93, 1.3, 1.98, 3.24)
WITHOUT = (-3.23, 1.63, 3.31, 4.65)
"""Intercept and weights, with closeness and without, of signals in the order of `Strength`. Fitted on conversations of
MTRAG-UN: turns that can be answered, turns that cannot, and the former with what answers them taken away."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What speaks for the best passage: its closeness by tokens, None where none were compared; the dense leg's share;
    its BM25 score over the highest that a passage could have; its lead."""

    closeness: float | None
    meaning: float
    coverage: float
    lead: float


def estimate(strength: Strength) -> float:
    """0 to 1: of so many such questions, about this share has an answer among the evidence."""
    if strength.closeness is None:
        return _logistic(WITHOUT[0] + _dot(WITHOUT[1:], (strength.meaning, strength.coverage, strength.lead)))
    signals = (strength.closeness, strength.meaning, strength.coverage, strength.lead)
    return _logistic(WITH[0] + _dot(WITH[1:], signals))


def lead(ranking: Sequence[Hit]) -> float:
    """By how much the first passage of a ranking leads; over nothing, its whole score."""
    if not ranking:
        return 0.0
    return ranking[0].score - (ranking[NEXT].score if len(ranking) > NEXT else 0.0)


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
