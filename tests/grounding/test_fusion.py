from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding import fusion
from grounding.fusion import (
    BESIDE,
    FEW,
    MISSPELT,
    NAMES,
    STANDS_OUT,
    TOKENS,
    TRUSTED,
    UNTRUSTED,
    FormScores,
    by_meaning,
    by_words,
    combined,
    fuse,
    overruled,
    reranked,
    trust_in_meaning,
)
from grounding.values import Background, FormName, Hit

MANY = Background(mean=0.8, deviation=0.02, passages=1000)
UNIT = 0.02 * math.sqrt(2 * math.log(1000))
"""By how much the best of so many similarities lies above the mean by chance."""


def similar(*chances: float) -> dict[int, float]:
    """Inner products of the passages 1, 2, ... that lie so many times as far above the mean as chance explains."""
    return {number: 0.8 + times * UNIT for number, times in enumerate(chances, start=1)}


def order(ranking: tuple[Hit, ...]) -> list[int]:
    return [hit.passage_id for hit in ranking]


def test_the_share_by_meaning_is_what_stands_out_over_what_chance_explains() -> None:
    scores = FormScores("asked", similar(STANDS_OUT, STANDS_OUT / 2, 0.0, -1.0, 9.0), MANY, best=0.8 + 9 * UNIT)
    shares = by_meaning(scores)
    assert [shares[number] for number in range(1, 6)] == pytest.approx([1.0, 0.5, 0.0, 0.0, 2.0])


def test_without_a_background_or_hits_nothing_has_a_meaning() -> None:
    assert by_meaning(FormScores("asked", {1: 0.9})) == {}
    assert by_meaning(FormScores("asked", {}, MANY, 0.9)) == {}


def test_passages_that_are_all_alike_give_no_share_beyond_the_highest() -> None:
    alike = Background(0.8, 0.0, 1000)
    shares = by_meaning(FormScores("asked", {1: 0.8, 2: 0.81}, alike, best=0.81))
    assert shares == {1: 0.0, 2: 2.0}


@pytest.mark.parametrize(
    ("chances", "expected"),
    [(0.0, 0.0), (UNTRUSTED, 0.0), ((UNTRUSTED + TRUSTED) / 2, 0.5), (TRUSTED, 1.0), (3.0, 1.0)],
)
def test_a_dense_leg_is_believed_as_far_as_its_best_hit_stands_out(chances: float, expected: float) -> None:
    scores = FormScores("asked", similar(0.1), MANY, best=0.8 + chances * UNIT)
    assert trust_in_meaning(scores) == pytest.approx(expected)
    assert by_meaning(scores)[1] == pytest.approx(expected * 0.1 / STANDS_OUT)


def test_under_a_filter_and_among_few_passages_it_is_believed() -> None:
    assert trust_in_meaning(FormScores("asked", similar(0.0), MANY, best=None)) == 1
    assert trust_in_meaning(FormScores("asked", {1: 0.8}, Background(0.8, 0.02, FEW - 1), best=0.8)) == 1
    assert trust_in_meaning(FormScores("asked", {1: 0.8}, Background(0.8, 0.02, FEW), best=0.8)) == 0


def test_the_share_by_words_is_taken_over_the_best() -> None:
    assert by_words(FormScores("asked", lexical={1: 12.0, 2: 3.0})) == {1: 1.0, 2: 0.25}
    assert by_words(FormScores("asked")) == by_words(FormScores("asked", lexical={1: 0.0})) == {}


def test_both_legs_and_names_make_the_score() -> None:
    scores = FormScores("asked", similar(STANDS_OUT, STANDS_OUT / 2), MANY, 0.8 + STANDS_OUT * UNIT, {2: 8.0, 3: 4.0})
    ranking = fuse([scores], names={3: 1.0, 4: 0.5})
    expected = {2: 0.25 + 0.5, 1: 0.5, 3: 0.25 + NAMES, 4: NAMES / 2}
    assert order(ranking) == list(expected)
    assert [hit.score for hit in ranking] == pytest.approx(list(expected.values()))


def test_a_passage_in_another_language_is_not_punished_for_sharing_no_words() -> None:
    scores = FormScores("asked", similar(1.2, 1.2, 0.9), MANY, 0.8 + 1.2 * UNIT, {2: 8.0, 3: 1.0})
    assert order(fuse([scores])) == [2, 1, 3]
    plain, foreign = (fuse([scores], foreign=frozenset(numbers)) for numbers in ([], [1, 2, 3]))
    assert [hit.score for hit in foreign] == pytest.approx([1.0, 1.0, 0.75])
    before = {hit.passage_id: hit.score for hit in plain}
    assert all(hit.score >= before[hit.passage_id] for hit in foreign)


def test_a_correction_may_win_over_the_question_as_asked_never_lose_a_passage() -> None:
    found = combined({"asked": {1: 1.0, 2: 0.5}, "corrected": {2: 0.9, 3: 0.4}})
    assert found == pytest.approx({1: MISSPELT, 2: 0.9, 3: 0.4})


def test_what_was_said_before_counts_beside_the_question() -> None:
    found = combined({"asked": {1: 1.0}, "standalone": {1: 0.4, 2: 1.0}})
    assert found == pytest.approx({1: (1 + BESIDE * 0.4) / (1 + BESIDE), 2: BESIDE / (1 + BESIDE)})


def test_all_forms_together() -> None:
    found = combined({"asked": {1: 1.0}, "corrected": {1: 0.2}, "standalone": {1: 0.4}, "rewritten": {1: 0.6}})
    assert found == pytest.approx({1: (MISSPELT + BESIDE * (0.4 + 0.6)) / (1 + 2 * BESIDE)})


@given(st.dictionaries(st.integers(1, 9), st.floats(0, 2), min_size=1))
def test_the_same_answer_to_each_form_is_that_answer(shares: dict[int, float]) -> None:
    assert combined({"asked": shares}) == shares
    assert combined({"asked": shares, "corrected": shares}) == shares
    everywhere: dict[FormName, dict[int, float]] = {"asked": shares, "standalone": shares, "rewritten": shares}
    assert combined(everywhere) == pytest.approx(shares)


SHARES = st.dictionaries(st.integers(1, 40), st.floats(0, 30), max_size=15)
NEAR = st.dictionaries(st.integers(1, 40), st.floats(-1, 1), max_size=15)
OTHER_FORMS: tuple[FormName, ...] = ("corrected", "standalone", "rewritten")


@st.composite
def scored(draw: st.DrawFn) -> list[FormScores]:
    """What legs might say, in one form of a question or several."""
    background = Background(draw(st.floats(-0.5, 0.9)), draw(st.floats(0, 0.3)), draw(st.integers(0, 100_000)))
    found = []
    others: list[FormName] = draw(st.lists(st.sampled_from(OTHER_FORMS), unique=True))
    asked: list[FormName] = ["asked"]
    for form in asked + others:
        near = draw(NEAR)
        best = draw(st.sampled_from([None, max(near.values(), default=None)]))
        found.append(FormScores(form, near, draw(st.sampled_from([background, None])), best, draw(SHARES)))
    return found


@settings(deadline=None, max_examples=150)
@given(scored(), st.dictionaries(st.integers(1, 40), st.floats(0, 1), max_size=5), st.frozensets(st.integers(1, 40)))
def test_every_candidate_once_in_falling_order_and_ties_by_id(
    forms: list[FormScores], names: dict[int, float], foreign: frozenset[int]
) -> None:
    ranking = fuse(forms, names=names, foreign=foreign)
    believed = {number for each in forms if each.background for number in each.similarity}
    worded = {number for each in forms if any(each.lexical.values()) for number in each.lexical}
    assert sorted(order(ranking)) == sorted(believed | worded | set(names))
    assert list(ranking) == sorted(ranking, key=lambda hit: (-hit.score, hit.passage_id))
    assert all(math.isfinite(hit.score) and 0 <= hit.score <= 2 * (0.5 + 0.5) + NAMES for hit in ranking)
    assert fuse(forms, names=names, foreign=foreign) == ranking


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(st.integers(1, 40), st.floats(0.1, 30), min_size=1, max_size=15),
    st.dictionaries(st.integers(1, 40), st.floats(-1, UNTRUSTED - 0.01), min_size=1, max_size=15),
    st.frozensets(st.integers(1, 40)),
)
def test_a_dense_leg_that_finds_noise_alone_does_not_touch_the_lexical_order(
    lexical: dict[int, float], chances: dict[int, float], foreign: frozenset[int]
) -> None:
    noise = {number: 0.8 + times * UNIT for number, times in chances.items()}
    broken = FormScores("asked", noise, MANY, max(noise.values()), lexical)
    ranking = order(fuse([broken], foreign=foreign))
    assert [number for number in ranking if number in lexical] == order(
        fuse([FormScores("asked", lexical=lexical)], foreign=foreign)
    )
    assert set(ranking[: len(lexical)]) == set(lexical)


def hits(*scores: float) -> tuple[Hit, ...]:
    return tuple(Hit(number, score) for number, score in enumerate(scores, start=1))


def test_closeness_is_added_to_the_first_and_the_others_stay_behind() -> None:
    ranking = reranked(hits(0.9, 0.8, 0.7, 0.6), {1: 0.2, 2: 0.3, 3: 0.5})
    assert order(ranking) == [3, 2, 1, 4]
    assert [hit.score for hit in ranking] == pytest.approx([0.7 + TOKENS * 0.5, 1.4, 1.3, 0.6])


def test_what_lacks_a_closeness_among_the_first_is_taken_to_be_as_close_as_the_middle() -> None:
    ranking = reranked(hits(0.9, 0.8, 0.7, 0.6, 0.1), {1: 0.2, 3: 0.5, 4: 0.3})
    scores = {hit.passage_id: hit.score for hit in ranking}
    assert scores == pytest.approx({1: 1.3, 2: 0.8 + TOKENS * 0.3, 3: 1.7, 4: 1.2, 5: 0.1})
    assert order(ranking) == [3, 2, 1, 4, 5]


def test_without_closeness_a_ranking_stays_as_it_is() -> None:
    assert reranked(hits(0.9, 0.8), {}) == hits(0.9, 0.8)
    assert reranked((), {}) == ()


def test_what_a_reranker_read_comes_first_in_its_order() -> None:
    ranking = overruled(hits(0.9, 0.8, 0.7, 0.6), [Hit(3, -1.0), Hit(1, -2.0)])
    assert order(ranking) == [3, 1, 2, 4]
    assert [hit.score for hit in ranking] == pytest.approx([0.8 + 1, 0.8 + 1 / 2, 0.8, 0.6])
    assert order(overruled(hits(0.9, 0.8), [Hit(2, 5.0), Hit(1, 4.0)])) == [2, 1]
    assert overruled(hits(0.9), []) == hits(0.9)


FUSED = st.dictionaries(st.integers(1, 60), st.floats(0, 2), min_size=1, max_size=25).map(fusion.ranked)


@settings(deadline=None, max_examples=100)
@given(FUSED, st.data())
def test_reranking_keeps_every_passage_once_and_the_order_falls(ranking: tuple[Hit, ...], data: st.DataObject) -> None:
    first = order(ranking)[: data.draw(st.integers(1, len(ranking)))]
    judged = data.draw(st.lists(st.sampled_from(first), unique=True, min_size=1))
    closeness = {number: data.draw(st.floats(0, 1)) for number in judged}
    for found in (reranked(ranking, closeness), overruled(ranking, fusion.ranked(closeness))):
        assert sorted(order(found)) == sorted(order(ranking))
        rest = [number for number in order(ranking) if number not in first]
        assert order(found)[len(first) :] == rest
    ruled = overruled(ranking, fusion.ranked(closeness))
    assert [hit.score for hit in ruled] == sorted((hit.score for hit in ruled), reverse=True)
    close = reranked(ranking, closeness)
    depth = max(place for place, number in enumerate(order(ranking), start=1) if number in closeness)
    assert list(close[:depth]) == sorted(close[:depth], key=lambda hit: (-hit.score, hit.passage_id))
    assert close[depth:] == ranking[depth:]


def test_a_closeness_below_nothing_takes_no_passage_behind_those_not_compared() -> None:
    ranking = (Hit(1, 0.5), Hit(2, 0.4), Hit(3, 0.39))
    again = reranked(ranking, {1: -0.1, 2: -0.2})
    assert [hit.passage_id for hit in again] == [1, 2, 3]
    assert [hit.score for hit in again] == sorted((hit.score for hit in again), reverse=True)
    assert reranked(ranking, {77: 0.9}) == ranking
