"""Spelling offered for English questions."""

from __future__ import annotations

import pytest

from grounding.models.spelling import SymSpellCorrector


def nothing(word: str) -> bool:
    """No word is known beside the dictionary's."""
    return False


MENDED = {
    "how do i reset my pasword": "how do i reset my password",
    "where is the adress of the ofice?": "where is the address of the office?",
    "accomodation for a buisness trip": "accommodation for a business trip",
    "can i recieve the  invoice,\n tommorow?": "can i receive the  invoice,\n tomorrow?",
}
LEFT = [
    "how do i reset my password",
    "HX-200 err4012 v2.3.1",
    "favorite colour of the organization's tumor centre",
    "roleplay firmware onboarding wifi vpn",
    "user@exampel.com /usr/lcoal/bin www.exampel.com #hashtga",
    "teh",
    "Pasword PASWORD paswOrd",
    "xqzvkjw",
    "don't can't well-knwon",
]


@pytest.fixture(scope="module")
def corrector() -> SymSpellCorrector:
    return SymSpellCorrector()


@pytest.mark.parametrize(("text", "expected"), MENDED.items())
def test_only_the_misspelt_words_change(corrector: SymSpellCorrector, text: str, expected: str) -> None:
    assert corrector.correct(text, language="en", known=nothing) == expected


@pytest.mark.parametrize("text", LEFT)
def test_left_as_it_is(corrector: SymSpellCorrector, text: str) -> None:
    assert corrector.correct(text, language="en", known=nothing) is None


def test_words_that_the_collection_knows_are_right() -> None:
    assert SymSpellCorrector().correct("the anergic cells", language="en", known=nothing) == "the allergic cells"
    assert SymSpellCorrector().correct("the anergic cells", language="en", known={"anergic"}.__contains__) is None


def test_a_text_full_of_unknown_words_is_not_looked_up(corrector: SymSpellCorrector) -> None:
    text = "pasword adress acomodation recieve tommorow beleive becuase buisness calender seperate"
    assert corrector.correct(text, language="en", known=nothing) is None
    assert corrector.correct(text[:14], language="en", known=nothing) == "password address"
