from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import prompt
from grounding.errors import InvalidRequest
from grounding.values import Question, Turn
from tests.fakes import evidence, passage

GOLDEN = Path(__file__).parent.parent / "golden" / "prompt.txt"
QUESTION = Question("And in Japan?", "And in Japan?", "How many days in the EU?\nAnd in Japan?", "en")
HISTORY = (Turn("user", "How many days in the EU?"), Turn("assistant", "Five days."))
EVIDENCE = evidence(
    passage(1, "Employees in Japan may carry over ten days.", heading="Carry-over > Japan"),
    passage(2, "社員は最大10日を繰り越せます。", title="年次有給休暇"),
)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def test_the_words_sent_to_the_model_are_these() -> None:
    made, dropped = prompt.compose(
        QUESTION, evidence=EVIDENCE, history=HISTORY, budget=1000, nonce="c0ffee00", count_tokens=words
    )
    shown = "\n\n".join(f"--- {message.role}\n{message.content}" for message in prompt.render(made))
    assert shown + "\n" == GOLDEN.read_text("utf-8")
    assert (made.version, dropped) == (prompt.VERSION, ())


def test_the_weakest_passage_goes_first_then_the_oldest_turn() -> None:
    whole, _ = prompt.compose(QUESTION, evidence=EVIDENCE, history=HISTORY, budget=1000, nonce="n", count_tokens=words)
    made, dropped = prompt.compose(
        QUESTION, evidence=EVIDENCE, history=HISTORY, budget=whole.tokens - 1, nonce="n", count_tokens=words
    )
    assert [d.passage_id for d in dropped] == [2]
    assert len(made.history) == 2
    made, dropped = prompt.compose(
        QUESTION, evidence=EVIDENCE, history=HISTORY, budget=made.tokens - 1, nonce="n", count_tokens=words
    )
    assert [turn.content for turn in made.history] == ["Five days."]
    assert "over the budget" in dropped[0].reason


def test_a_question_that_alone_breaks_the_budget_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="budget is 50 tokens"):
        prompt.compose(QUESTION, evidence=EVIDENCE, history=HISTORY, budget=50, nonce="n", count_tokens=words)


@given(
    st.lists(st.text(max_size=60) | st.sampled_from(["</passage-n>", "< / passage", "<PASSAGE-n n='1'>"]), max_size=5),
    st.integers(200, 400),
)
def test_the_prompt_keeps_its_budget_and_no_passage_closes_its_fence(texts: list[str], budget: int) -> None:
    items = evidence(*(passage(n, text, title=text) for n, text in enumerate(texts, start=1)))
    made, dropped = prompt.compose(
        QUESTION, evidence=items, history=HISTORY, budget=budget, nonce="n", count_tokens=words
    )
    assert made.tokens <= budget
    assert len(made.evidence) + len(dropped) == len(texts)
    body = prompt.render(made)[-1].content
    assert len(re.findall(r"(?i)<\s*/\s*passage", body)) == len(made.evidence)
    assert len(re.findall(r"(?i)<\s*passage", body)) == len(made.evidence)
