"""How likely the evidence answers the question, from what the legs say of it, and whether they say the same. Pure.

A logistic model over four signals; what it was fitted on, and how it does elsewhere, is in docs/evaluation.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from grounding.values import Hit

NEXT = 5
"""The lead of the best passage is taken over the one so many places behind it."""
FIRST = 5
"""Of two legs, the first so many passages are compared. Any depth from 4 to 10 helps."""
USUAL = 0.4
"""Agreement of two legs at the median: what stands in for it where there is nothing to compare."""

WITH = (-5.69, 2.02, 2.36, 1.56, 2.22)
WITHOUT = (-5.6, 4.73, 2.23, 1.76, 2.25)
"""Intercept and weights of signals in the order of `Strength`, for scores with late interaction and without. Fitted on
conversations of MTRAG-UN: turns that can be answered, turns that cannot, and the former with what answers them taken
away; and with less weight on JSQuAD and SciFact's train part, with and without what answers."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What speaks for the evidence: the fused score of the best passage; its lead; its BM25 score over the highest that
    a passage could have; and how far the main legs agree, None where they cannot. `compared` if late interaction is
    part of the scores."""

    score: float
    lead: float
    coverage: float
    agreement: float | None
    compared: bool


def estimate(strength: Strength) -> float:
    """0 to 1: of so many such questions, about this share has an answer among the evidence."""
    agreement = USUAL if strength.agreement is None else strength.agreement
    signals = (strength.score, strength.lead, strength.coverage, agreement)
    intercept, *weights = WITH if strength.compared else WITHOUT
    return _logistic(intercept + _dot(weights, signals))


def agreement(one: Sequence[Hit], other: Sequence[Hit]) -> float | None:
    """Which share of the first passages of two legs is the same; None if a leg found nothing. Where the collection
    answers, meaning and words point to the same few passages; where it does not, each errs in its own way."""
    first, second = ({hit.passage_id for hit in hits[:FIRST]} for hits in (one, other))
    return len(first & second) / min(len(first), len(second)) if first and second else None


def lead(ranking: Sequence[Hit]) -> float:
    """By how much the first passage of a ranking leads; over nothing, its whole score."""
    if not ranking:
        return 0.0
    return ranking[0].score - (ranking[NEXT].score if len(ranking) > NEXT else 0.0)


def _dot(weights: Sequence[float], values: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))
