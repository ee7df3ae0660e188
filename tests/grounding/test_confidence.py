from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.confidence import FIRST, NEXT, Strength, agreement, estimate, lead
from grounding.values import Hit

SHARES = st.floats(0, 1)
STRENGTHS = st.builds(
    Strength,
    score=st.floats(0, 4),
    lead=SHARES,
    coverage=SHARES,
    agreement=st.none() | SHARES,
    compared=st.booleans(),
)
RANKINGS = st.lists(st.integers(1, 12), unique=True).map(lambda ids: ranking(*ids))


def ranking(*ids: int) -> list[Hit]:
    return [Hit(number, 1 / rank) for rank, number in enumerate(ids, start=1)]


@given(STRENGTHS)
def test_an_estimate_is_a_share(strength: Strength) -> None:
    assert 0 < estimate(strength) < 1


@given(STRENGTHS)
def test_more_of_any_signal_makes_an_answer_likelier(strength: Strength) -> None:
    less = replace(strength, agreement=0.2)
    for more in (
        replace(less, score=less.score + 0.1),
        replace(less, lead=less.lead + 0.1),
        replace(less, coverage=less.coverage + 0.1),
        replace(less, agreement=0.3),
    ):
        assert estimate(less) < estimate(more)


@given(STRENGTHS)
def test_legs_that_cannot_agree_speak_neither_for_an_answer_nor_against_it(strength: Strength) -> None:
    low, none, high = (estimate(replace(strength, agreement=value)) for value in (0.0, None, 1.0))
    assert low < none < high


def test_a_score_of_which_late_interaction_is_a_part_is_weighed_as_such() -> None:
    strength = Strength(score=1.2, lead=0.3, coverage=0.5, agreement=0.4, compared=True)
    assert estimate(strength) < 0.5 < estimate(replace(strength, compared=False))


def test_agreement_is_the_share_of_the_first_passages_that_two_legs_have_in_common() -> None:
    assert agreement(ranking(1, 2, 3, 4, 5), ranking(5, 6, 7, 1, 8)) == pytest.approx(2 / 5)
    assert agreement(ranking(1, 2, 3, 4, 5, 6), ranking(6, 7, 8, 9, 10, 1)) == 0, "what comes behind does not count"
    assert agreement(ranking(1), ranking(3, 2, 1)) == 1, "a leg that found one passage can agree in no more"


@given(RANKINGS, RANKINGS)
def test_agreement_is_a_share_and_the_same_both_ways(one: list[Hit], other: list[Hit]) -> None:
    agreed = agreement(one, other)
    assert agreed == agreement(other, one)
    if one and other:
        assert agreed is not None
        assert 0 <= agreed <= 1
        assert agreement(one, one) == 1
    else:
        assert agreed is None


@given(RANKINGS, RANKINGS, st.randoms())
def test_agreement_does_not_ask_for_one_order(one: list[Hit], other: list[Hit], chance: random.Random) -> None:
    shuffled = one[:FIRST]
    chance.shuffle(shuffled)
    assert agreement(shuffled + one[FIRST:], other) == agreement(one, other)


def test_the_lead_is_over_the_fifth_behind_and_over_nothing_the_whole_score() -> None:
    assert lead([]) == 0
    assert lead(ranking(1)) == 1
    assert lead(ranking(*range(1, NEXT + 3))) == pytest.approx(1 - 1 / (NEXT + 1))
