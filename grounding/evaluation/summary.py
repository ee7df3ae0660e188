"""The figures of an evaluation: means by run and by kind of query, differences that matter, risk and coverage. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grounding.evaluation import abstention, statistics
from grounding.evaluation.measure import MEASURES
from grounding.evaluation.record import HYBRID, RAW, Evaluation, Result
from grounding.evaluation.statistics import Comparison, Interval

HEADLINE = "ndcg@10"
FOLLOW_UPS, STAND_ALONE = "follow-ups", "stand-alone"
UNANSWERABLE, UNDERSPECIFIED = "unanswerable", "unanswerable or underspecified"


@dataclass(frozen=True, slots=True)
class Group:
    """Queries of one kind, "" for all: the measures of each run."""

    name: str
    queries: int
    runs: Mapping[str, Mapping[str, Interval]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A run less another, in one measure over the queries of one group."""

    run: str
    other: str
    group: str
    measure: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Abstention:
    """How well scores tell the queries of `wrong` kind apart: the curve of each score, the area of the best order and
    of no order at all, and the confidence compared with the others, a smaller area being better."""

    wrong: str
    queries: int
    to_abstain: int
    curves: Mapping[str, abstention.Curve]
    ideal: float
    chance: float
    against: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True)
class Summary:
    groups: tuple[Group, ...]
    differences: tuple[Difference, ...]
    abstention: tuple[Abstention, ...]
    search_ms: Mapping[str, float]

    @property
    def all(self) -> Group:
        """The group of all judged queries."""
        return self.groups[0]


@dataclass(frozen=True, slots=True)
class Against:
    """One evaluation less an earlier one, over the queries that both have, by run and measure; and what makes the two
    less comparable, a sentence each."""

    queries: int
    runs: Mapping[str, Mapping[str, Comparison]]
    warnings: tuple[str, ...]


def summarise(evaluation: Evaluation) -> Summary:
    """All figures of an evaluation."""
    judged = evaluation.judged
    parts = {
        FOLLOW_UPS: [result for result in judged if result.leans],
        STAND_ALONE: [result for result in judged if not result.leans],
    }
    groups = [_group("", judged)]
    differences: list[Difference] = []
    best = best_leg(groups[0])
    if best is not None:
        differences.append(_difference(HYBRID, best, "", judged))
    if RAW in evaluation.runs:
        groups += [_group(name, part) for name, part in parts.items() if part]
        differences += [_difference(HYBRID, RAW, name, part) for name, part in parts.items() if part]
    return Summary(tuple(groups), tuple(differences), _abstentions(evaluation), _spread(evaluation.results))


def best_leg(group: Group) -> str | None:
    """The leg with the best mean, if legs were measured."""
    legs = [name for name in group.runs if name not in (HYBRID, RAW)]
    return max(legs, key=lambda name: group.runs[name][HEADLINE].mean, default=None)


def against(evaluation: Evaluation, earlier: Evaluation) -> Against:
    """What has changed since an earlier evaluation, query by query."""
    before = {result.id: result for result in earlier.judged}
    pairs = [(result, before[result.id]) for result in evaluation.judged if result.id in before]
    warnings = tuple(_warnings(evaluation, earlier, common=len(pairs)))
    runs = [name for name in evaluation.runs if name in earlier.runs] if pairs else []
    if not runs:
        return Against(len(pairs), {}, warnings)
    cells = [(run, measure) for run in runs for measure in MEASURES]
    gains = [[_score(now, *cell) - _score(then, *cell) for cell in cells] for now, then in pairs]
    found = iter(statistics.intervals(gains))
    compared = {run: {name: statistics.judged(next(found), queries=len(pairs)) for name in MEASURES} for run in runs}
    return Against(len(pairs), compared, warnings)


def worst(evaluation: Evaluation, count: int) -> list[Result]:
    """The queries with the lowest nDCG@10, the lowest first; of equal ones those that rank the best document lower."""

    def key(result: Result) -> tuple[float, float]:
        scores = result.runs[HYBRID].scores
        return scores[HEADLINE], scores["recall@100"]

    return sorted(evaluation.judged, key=key)[:count]


def _group(name: str, results: Sequence[Result]) -> Group:
    runs = list(dict.fromkeys(run for result in results for run in result.runs))
    table = [[_score(result, run, measure) for run in runs for measure in MEASURES] for result in results]
    found = iter(statistics.intervals(table))
    return Group(name, len(results), {run: {measure: next(found) for measure in MEASURES} for run in runs})


def _score(result: Result, run: str, measure: str) -> float:
    """Of a run that was not made for this query: 0, as for one that found nothing."""
    return result.runs[run].scores.get(measure, 0.0) if run in result.runs else 0.0


def _difference(run: str, other: str, group: str, results: Sequence[Result]) -> Difference:
    mine, others = ([_score(result, name, HEADLINE) for result in results] for name in (run, other))
    return Difference(run, other, group, HEADLINE, statistics.compare(mine, others))


def _warnings(evaluation: Evaluation, earlier: Evaluation, *, common: int) -> list[str]:
    mine, theirs = len(evaluation.judged), len(earlier.judged)
    found: list[str] = []
    if evaluation.corpus_sha256 != earlier.corpus_sha256:
        found.append("the two searched different corpora")
    if evaluation.queries_sha256 != earlier.queries_sha256:
        found.append("the two asked different queries, or the same in other words")
    if evaluation.qrels_sha256 != earlier.qrels_sha256:
        found.append("the two were judged differently")
    if common < max(mine, theirs):
        found.append(f"only {common} queries are in both: {mine} here, {theirs} in the earlier")
    return found


def _abstentions(evaluation: Evaluation) -> tuple[Abstention, ...]:
    labelled = any(result.answerability for result in evaluation.results)
    kinds = {result.id: result.answerability or "answerable" for result in evaluation.results}
    if not labelled:
        return ()
    clear = [result for result in evaluation.results if kinds[result.id] != "underspecified"]
    found = [_abstention(UNANSWERABLE, clear, [kinds[result.id] == "unanswerable" for result in clear])]
    if len(clear) < len(evaluation.results):
        flags = [kinds[result.id] in ("unanswerable", "underspecified") for result in evaluation.results]
        found.append(_abstention(UNDERSPECIFIED, evaluation.results, flags))
    return tuple(item for item in found if 0 < item.to_abstain < item.queries)


def _abstention(name: str, results: Sequence[Result], wrong: Sequence[bool]) -> Abstention:
    scores: dict[str, list[float | None]] = {}
    if any(result.confidence is not None for result in results):
        scores["confidence"] = [result.confidence for result in results]
    for signal in dict.fromkeys(signal for result in results for signal in result.signals):
        scores[signal] = [result.signals.get(signal) for result in results]
    mine = scores.get("confidence")
    rivals = {signal: other for signal, other in scores.items() if signal != "confidence"}
    return Abstention(
        wrong=name,
        queries=len(results),
        to_abstain=sum(wrong),
        curves={signal: abstention.curve(values, wrong) for signal, values in scores.items()},
        ideal=abstention.ideal(wrong) if results else 0.0,
        chance=sum(wrong) / max(1, len(wrong)),
        against={} if mine is None else {s: abstention.compare(mine, other, wrong) for s, other in rivals.items()},
    )


def _spread(results: Sequence[Result]) -> dict[str, float]:
    ordered = sorted(result.ms for result in results)
    middle, late = len(ordered) // 2, min(len(ordered) - 1, int(len(ordered) * 0.95))
    return {"p50": ordered[middle], "p95": ordered[late]}
