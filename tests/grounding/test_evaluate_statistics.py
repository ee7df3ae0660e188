"""The bootstrap: when two runs differ; and risk and coverage, by hand and by brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.evaluation import abstention, statistics

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)
PAIRS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=40)
LABELLED = st.lists(st.tuples(st.sampled_from([None, 0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1, max_size=6)
few = settings(deadline=None, max_examples=25)


@few
@given(SCORES)
def test_a_run_is_not_distinguishable_from_itself(scores: list[float]) -> None:
    found = statistics.compare(scores, scores)
    assert (found.difference, found.low, found.high, found.verdict) == (0, 0, 0, "not distinguishable")


@few
@given(st.lists(st.floats(0, 0.9), min_size=statistics.FEWEST, max_size=40))
def test_a_tenth_more_on_every_query_is_better(scores: list[float]) -> None:
    more = [score + 0.1 for score in scores]
    found = statistics.compare(more, scores)
    assert found.verdict == "better"
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)
    assert statistics.compare(more, scores, smaller_is_better=True).verdict == "worse"


@few
@given(PAIRS)
def test_the_other_way_round_it_is_the_opposite(pairs: list[tuple[float, float]]) -> None:
    mine, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    one, two = statistics.compare(mine, other), statistics.compare(other, mine)
    assert one.difference == pytest.approx(-two.difference)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    opposite = {"better": "worse", "worse": "better", "not distinguishable": "not distinguishable"}
    assert one.verdict == opposite[two.verdict]


@few
@given(PAIRS)
def test_the_interval_holds_the_mean_of_the_samples_and_lies_within_the_values(
    pairs: list[tuple[float, float]],
) -> None:
    for column, found in zip(zip(*pairs, strict=True), statistics.intervals(pairs), strict=True):
        assert found.mean == pytest.approx(np.mean(column))
        assert min(column) - 1e-9 <= found.low <= found.high <= max(column) + 1e-9


def test_five_queries_prove_nothing() -> None:
    assert statistics.compare([1.0] * 5, [0.0] * 5).verdict == "not distinguishable"
    assert statistics.compare([1.0] * 6, [0.0] * 6).verdict == "better"
    assert statistics.compare([], []).verdict == "not distinguishable"


def test_the_interval_of_a_mean_is_about_two_standard_errors_each_way() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.2, size=400)
    (found,) = statistics.intervals(values[:, None])
    error = values.std() / np.sqrt(len(values))
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_every_sample_draws_as_many_as_there_are() -> None:
    blocks = list(statistics.resamples(7, count=50))
    assert sum(len(block) for block in blocks) == 50
    assert all((block.sum(axis=1) == 7).all() for block in blocks)


def test_a_curve_by_hand() -> None:
    found = abstention.curve([0.9, 0.8, 0.7, 0.6], [False, True, False, True])
    assert found.coverage == (0.25, 0.5, 0.75, 1.0)
    assert found.risk == pytest.approx((0, 1 / 2, 1 / 3, 2 / 4))
    assert found.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert abstention.ideal([False, True, False, True]) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


def test_equal_scores_stand_together_and_none_is_below_all() -> None:
    found = abstention.curve([None, 0.5, 0.5], [True, True, False])
    assert found.coverage == pytest.approx((2 / 3, 1))
    assert found.risk == pytest.approx((1 / 2, 2 / 3))
    assert found.area == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)


@few
@given(LABELLED)
def test_the_area_is_the_mean_over_all_orders_that_the_score_allows(
    labelled: list[tuple[float | None, bool]],
) -> None:
    def key(item: tuple[float | None, bool]) -> float:
        return np.inf if item[0] is None else -item[0]

    areas = []
    for order in itertools.permutations(labelled):
        if list(map(key, order)) == sorted(map(key, order)):
            wrong = np.cumsum([flag for _, flag in order])
            areas.append(np.mean(wrong / np.arange(1, len(order) + 1)))
    scores, flags = zip(*labelled, strict=True)
    assert abstention.curve(scores, flags).area == pytest.approx(np.mean(areas))


@few
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_areas_compared(labelled: list[tuple[float, float, bool]]) -> None:
    mine, other, flags = (list(column) for column in zip(*labelled, strict=True))
    found, back = abstention.compare(mine, other, flags), abstention.compare(other, mine, flags)
    assert found.difference == pytest.approx(abstention.curve(mine, flags).area - abstention.curve(other, flags).area)
    assert found.difference == pytest.approx(-back.difference)
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low))
    assert abstention.compare(mine, mine, flags).verdict == "not distinguishable"
    assert abstention.ideal(flags) <= abstention.curve(mine, flags).area + 1e-9


def test_a_score_that_knows_beats_one_that_does_not() -> None:
    flags = [number % 3 == 0 for number in range(90)]
    knows = [0.0 if flag else 1.0 for flag in flags]
    blind = [(number * 37 % 90) / 90 for number in range(90)]
    assert abstention.compare(knows, blind, flags).verdict == "better"
    assert abstention.compare(blind, knows, flags).verdict == "worse"
