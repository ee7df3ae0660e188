"""What grounding.ports.SpellingCorrector promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.models.spelling import SymSpellCorrector
from grounding.ports import SpellingCorrector


def nothing(word: str) -> bool:
    """No word is known beside the dictionary's."""
    return False


IMPLEMENTATIONS: dict[str, Callable[[], SpellingCorrector]] = {"symspell": SymSpellCorrector}


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def corrector(request: pytest.FixtureRequest) -> SpellingCorrector:
    return IMPLEMENTATIONS[request.param]()


@pytest.mark.parametrize("text", ["", "How do I reset my password?", "パスワード", "ERR-4012", "\ud800", "x" * 5000])
def test_nothing_to_offer_is_none(corrector: SpellingCorrector, text: str) -> None:
    assert corrector.correct(text, language="en", known=nothing) is None


@pytest.mark.parametrize("language", ["ja", "fr", "und", ""])
def test_a_language_that_is_not_served_is_left_alone(corrector: SpellingCorrector, language: str) -> None:
    assert corrector.correct("how do i reset my pasword", language=language, known=nothing) is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(st.one_of(st.sampled_from(["pasword ", "adress", " ", "HX-200", "the "]), st.text(max_size=8))).map(
        "".join
    )
)
def test_what_is_offered_differs_and_has_nothing_left_to_mend(corrector: SpellingCorrector, text: str) -> None:
    offered = corrector.correct(text, language="en", known=nothing)
    assert offered != text
    if offered is not None:
        assert corrector.correct(offered, language="en", known=nothing) is None
