"""Legs -> one ranking, by scores that are brought to one scale. Pure.

A passage's score is the mean of two shares, each about 0 to 1, and what the other legs add:

- by meaning: by how many standard deviations it stands out from the passages at large, over what the best of so many
  would by chance;
- by words: its BM25 score over the best one's.

Both are taken for every candidate, whichever leg found it. See docs/decisions/0012-fusion-by-scores.md.

Source: convex combination of scores against reciprocal ranks: Bruch, Gai, Ingber: An analysis of fusion functions for
hybrid retrieval, TOIS 2023.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from grounding.values import Background, FormName, Hit

MEANING, WORDS, NAMES, TOKENS = 0.5, 0.5, 0.05, 2.0
"""Weights of the shares: dense leg, lexical leg, entity leg, late interaction."""
STANDS_OUT = 1.2
"""Times the deviation that the best of so many passages has by chance: the share of a very good match is 1."""
UNTRUSTED, TRUSTED = 0.6, 0.9
"""In the same unit: a dense leg whose best hit stands out no more than this is not believed at all, or wholly. An
English embedder asked in Japanese reaches 0.7 at the median, one that knows the language 1.1 to 1.5."""
FEW = 30
"""Among fewer passages nothing can stand out, and every leg is believed."""
MISSPELT = 0.8
"""Trust in the question as asked where a correction is offered, which is nearly always right. SciFact with a slip in
each question: of what the slips cost, 92 % come back, with equal trust 79 %."""
BESIDE = 0.75
"""Weight of the forms that hold what was said before, beside 1 for the question as asked. MTRAG-UN: nDCG@10 0.798 as
asked alone, 0.890 so; questions that stand alone lose 0.004 at most, with equal weights 0.009."""


@dataclass(frozen=True, slots=True)
class FormScores:
    """What the legs said of the candidates in one form of the question: inner products and BM25 scores by passage id.
    `best` is the best inner product of all passages, not of the candidates under a filter; None if that is unknown.
    `understood` is false where the embedder does not know the question's script."""

    form: FormName
    similarity: Mapping[int, float] = field(default_factory=dict)
    background: Background | None = None
    best: float | None = None
    lexical: Mapping[int, float] = field(default_factory=dict)
    understood: bool = True


def fuse(
    forms: Sequence[FormScores], *, names: Mapping[int, float] | None = None, foreign: frozenset[int] = frozenset()
) -> tuple[Hit, ...]:
    """All candidates, best first; ties go to the lower passage id.

    `names` are scores of the entity leg, 0 to 1. `foreign` are passages in another language than the question: that
    they share no words with it says nothing against them, and what they mean counts for both shares.
    """
    meant: dict[FormName, dict[int, float]] = {}
    worded: dict[FormName, dict[int, float]] = {}
    for scores in forms:
        meant[scores.form] = by_meaning(scores)
        worded[scores.form] = by_words(scores)
    by_leg = combined(meant), combined(worded)
    found: dict[int, float] = {}
    for passage_id in {*by_leg[0], *by_leg[1], *(names or {})}:
        meaning, words = (leg.get(passage_id, 0.0) for leg in by_leg)
        if passage_id in foreign:
            words = max(words, meaning)
        found[passage_id] = MEANING * meaning + WORDS * words + NAMES * (names or {}).get(passage_id, 0.0)
    return ranked(found)


def reranked(ranking: Sequence[Hit], closeness: Mapping[int, float]) -> tuple[Hit, ...]:
    """A ranking with late interaction added for its first passages; those without a closeness keep their order behind
    them, but for what lacks one among the first: that is taken to be as close as the middle of the others."""
    # Of a passage that has nothing to do with the question it may be a little below 0, which must not push it behind
    # passages that nobody compared.
    closeness = {hit.passage_id: max(closeness[hit.passage_id], 0.0) for hit in ranking if hit.passage_id in closeness}
    if not closeness:
        return tuple(ranking)
    middle = sorted(closeness.values())[len(closeness) // 2]
    depth = max(number for number, hit in enumerate(ranking, start=1) if hit.passage_id in closeness)
    first = {hit.passage_id: hit.score + TOKENS * closeness.get(hit.passage_id, middle) for hit in ranking[:depth]}
    return ranked(first) + tuple(ranking[depth:])


def overruled(ranking: Sequence[Hit], judged: Sequence[Hit]) -> tuple[Hit, ...]:
    """A ranking whose first passages are in the order of a reranker that read them, best first; the rest follows."""
    read = {hit.passage_id for hit in judged}
    rest = [hit for hit in ranking if hit.passage_id not in read]
    floor = max((hit.score for hit in rest), default=0.0)
    return tuple(Hit(hit.passage_id, floor + 1 / rank) for rank, hit in enumerate(judged, start=1)) + tuple(rest)


def ranked(scores: Mapping[int, float]) -> tuple[Hit, ...]:
    """Passages with their scores, best first; ties go to the lower id."""
    return tuple(Hit(number, scores[number]) for number in sorted(scores, key=lambda number: (-scores[number], number)))


def by_meaning(scores: FormScores) -> dict[int, float]:
    """The dense leg's share by passage id."""
    usual = scores.background
    if usual is None or not scores.similarity:
        return {}
    unit = max(usual.deviation, 1e-6) * by_chance(usual.passages)
    trust = trust_in_meaning(scores)
    return {
        passage_id: trust * min(max((similarity - usual.mean) / unit / STANDS_OUT, 0.0), 2.0)
        for passage_id, similarity in scores.similarity.items()
    }


def trust_in_meaning(scores: FormScores) -> float:
    """How far the dense leg is believed, 0 to 1: where its best hit hardly stands out, it has not understood."""
    usual = scores.background
    if not scores.understood:
        return 0.0
    if usual is None or scores.best is None or usual.passages < FEW:
        return 1.0
    outstanding = (scores.best - usual.mean) / max(usual.deviation, 1e-6) / by_chance(usual.passages)
    return min(max((outstanding - UNTRUSTED) / (TRUSTED - UNTRUSTED), 0.0), 1.0)


def by_words(scores: FormScores) -> dict[int, float]:
    """The lexical leg's share by passage id."""
    best = max(scores.lexical.values(), default=0.0)
    return {passage_id: score / best for passage_id, score in scores.lexical.items()} if best > 0 else {}


def by_chance(passages: int) -> float:
    """By how many standard deviations the best of so many normal values stands out, about."""
    return math.sqrt(2 * math.log(max(passages, 3)))


def combined(by_form: Mapping[FormName, Mapping[int, float]]) -> dict[int, float]:
    """One leg's scores for all forms of a question, by passage id."""
    asked, corrected = by_form.get("asked", {}), by_form.get("corrected")
    others = [scores for form, scores in by_form.items() if form not in ("asked", "corrected")]
    whole = 1 + BESIDE * len(others)
    found: dict[int, float] = {}
    for passage_id in {number for scores in by_form.values() for number in scores}:
        score = asked.get(passage_id, 0.0)
        if corrected is not None:
            score = max(MISSPELT * score, corrected.get(passage_id, 0.0))
        found[passage_id] = (score + BESIDE * sum(other.get(passage_id, 0.0) for other in others)) / whole
    return found
