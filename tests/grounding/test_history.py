from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import history
from grounding.values import Turn

EARLIER = [
    Turn("user", "How many days of leave can employees in the EU carry over?"),
    Turn("assistant", "Five days."),
]


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


@pytest.mark.parametrize(
    "question",
    ["And in Japan?", "Why?", "What about contractors?", "When does it expire?", "東京は？", "それはなぜですか"],
)
def test_a_follow_up_is_searched_together_with_what_it_leans_on(question: str) -> None:
    assert history.standalone(question, EARLIER) == f"{EARLIER[0].content}\n{question}"


@pytest.mark.parametrize(
    "question",
    [
        "Which error code does the HX-200 show without radar echo?",
        "Who founded Sallowford Instruments in Galway?",
        "金沢支店の所在地と電話番号を教えてください",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    assert history.standalone(question, EARLIER) == question


def test_a_chain_of_follow_ups_reaches_the_question_it_started_from() -> None:
    turns = [*EARLIER, Turn("user", "And in Japan?"), Turn("assistant", "Ten days.")]
    found = history.standalone("And in Canada?", turns)
    assert found.splitlines() == [EARLIER[0].content, "And in Japan?", "And in Canada?"]


def test_without_history_nothing_is_added() -> None:
    assert history.standalone("And in Japan?", []) == "And in Japan?"


@given(st.lists(st.text("ab ", max_size=40), max_size=12), st.integers(0, 60))
def test_the_window_is_the_latest_turns_within_the_budget(contents: list[str], budget: int) -> None:
    turns = [Turn("user", content) for content in contents]
    kept = history.window(turns, budget=budget, count_tokens=words)
    assert tuple(turns[len(turns) - len(kept) :]) == kept
    assert sum(words([turn.content for turn in kept])) <= budget
    if len(kept) < len(turns):
        assert sum(words([turn.content for turn in turns[len(turns) - len(kept) - 1 :]])) > budget
