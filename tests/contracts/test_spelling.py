"""What grounding.ports.SpellingCorrector promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grounding.models.spelling import SymSpellCorrector
from grounding.ports import SpellingCorrector
from grounding.wordlist import WordList

HERE = WordList.of({"password": 3, "kumulo": 2, "urlaubsantrag": 2})
LANGUAGES = ["en", "de", "ja", "und", ""]


def known(word: str) -> bool:
    return HERE.count(word) > 0


def near(word: str) -> list[tuple[str, float]]:
    return [(item.word, item.count / 100) for item in HERE.near(word)]


IMPLEMENTATIONS: dict[str, Callable[[], SpellingCorrector]] = {"symspell": SymSpellCorrector}


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def corrector(request: pytest.FixtureRequest) -> SpellingCorrector:
    return IMPLEMENTATIONS[request.param]()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ["", "How do I reset my password?", "パスワード", "ERR-4012", "\ud800", "x" * 5000])
def test_nothing_to_offer_is_none(corrector: SpellingCorrector, text: str, language: str) -> None:
    assert corrector.correct(text, language=language, known=known, near=near) is None


@pytest.mark.parametrize("language", ["ja", "fr", "und", ""])
def test_where_nothing_is_known_nothing_is_offered(corrector: SpellingCorrector, language: str) -> None:
    text = "how do i reset my pasword"
    assert corrector.correct(text, language=language, known=lambda _: False, near=lambda _: []) is None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(
        st.one_of(
            st.sampled_from(
                ["pasword ", "Adress", " ", "HX-200", "the ", "kumluo. ", "Urlaubsatnrag ", "self-adressed"]
            ),
            st.text(max_size=8),
        )
    ).map("".join),
    language=st.sampled_from(LANGUAGES),
)
def test_what_is_offered_differs_and_has_nothing_left_to_mend(
    corrector: SpellingCorrector, text: str, language: str
) -> None:
    offered = corrector.correct(text, language=language, known=known, near=near)
    assert offered != text
    if offered is not None:
        assert corrector.correct(offered, language=language, known=known, near=near) is None
