from __future__ import annotations

import pytest

from grounding.refusals import REFUSALS, refusal
from grounding.values import Verdict


def verdict(check: str, action: str = "block") -> Verdict:
    return Verdict(check, "question", action, "why", 1.0)  # type: ignore[arg-type]


def test_the_first_check_that_blocks_says_why() -> None:
    found = [verdict("pii", "redact"), verdict("injection"), verdict("toxicity")]
    assert refusal(found, language="en") == REFUSALS["injection"]["en"]


def test_the_user_is_spoken_to_in_their_language_else_in_english() -> None:
    assert refusal([verdict("pii")], language="ja") == REFUSALS["pii"]["ja"]
    assert refusal([verdict("pii")], language="fi") == REFUSALS["pii"]["en"]


@pytest.mark.parametrize("check", REFUSALS)
def test_every_refusal_is_there_in_every_language_and_differs(check: str) -> None:
    assert REFUSALS[check].keys() == REFUSALS["toxicity"].keys()
    assert len(set(REFUSALS[check].values())) == len(REFUSALS[check])
