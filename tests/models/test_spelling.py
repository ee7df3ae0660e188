"""Spelling offered from dictionaries and from the words of a collection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from grounding.models.spelling import SymSpellCorrector
from grounding.wordlist import WordList, words

ENGLISH = (
    "The biopolymer coating of the stent. Employees submit invoices in the Kumulo portal. Well-known vendors deliver "
    "centrifuges, and each centrifuge has a calibration certificate. Robert Brunner leads the laboratory."
)
GERMAN = "Der Mietvertrag wird vom Vermieter gekündigt. Die Kündigungsfrist beträgt drei Monate. Kaufverträge gelten."
RUSSIAN = "Заявление на отпуск подаётся руководителю отдела. Руководитель подписывает заявление."
POLISH = "Pracownik składa wniosek urlopowy przełożonemu. Wniosek urlopowy wymaga podpisu przełożonego."


class Here:
    """The words of one text, each as common as its count among a hundred passages."""

    def __init__(self, text: str = "") -> None:
        self._words = WordList.of(Counter(words(text)))

    def known(self, word: str) -> bool:
        return self._words.count(word) > 0

    def near(self, word: str) -> list[tuple[str, float]]:
        return [(item.word, item.count / 100) for item in self._words.near(word)]


@pytest.fixture(scope="module")
def corrector() -> SymSpellCorrector:
    return SymSpellCorrector()


@pytest.fixture(scope="module")
def offered(corrector: SymSpellCorrector) -> Callable[..., str | None]:
    def correct(text: str, here: str = "", language: str = "en") -> str | None:
        held = Here(here)
        return corrector.correct(text, language=language, known=held.known, near=held.near)

    return correct


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "how do i reset my pasword": "how do i reset my password",
        "where is the adress of the office?": "where is the address of the office?",
        "accomodation for a buisness trip": "accommodation for a business trip",
        "can i recieve the  invoice,\n tommorow?": "can i receive the  invoice,\n tomorrow?",
        "Send it. Recieve it, or (seperate) letters": "Send it. Receive it, or (separate) letters",
        "a self-adressed envelope": "a self-addressed envelope",
    }.items(),
)
def test_slips_in_words_of_the_dictionary(offered: Callable[..., str | None], text: str, expected: str) -> None:
    assert offered(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "which biopolimer is on it": "which biopolymer is on it",
        "when are cetnrifuges calibrated": "when are centrifuges calibrated",
        "login to the kumluo portal": "login to the kumulo portal",
        "Centrifuege of the lab": "Centrifuge of the lab",
        "a well-knwon vendor": "a well-known vendor",
    }.items(),
)
def test_slips_in_words_of_the_collection(offered: Callable[..., str | None], text: str, expected: str) -> None:
    assert offered(text, ENGLISH) == expected


@pytest.mark.parametrize(
    "text",
    [
        "how do i reset my password",
        "HX-200 err4012 v2.3.1",
        "favorite colour of the organization's tumor centre",
        "roleplay firmware onboarding wifi vpn",
        "user@exampel.com /usr/lcoal/bin www.exampel.com #hashtga --no-cahce snake_caes a.pasword",
        "teh",
        "my PASWORD and paswOrd",
        "xqzvkjw",
        "don't can't",
        "does Robert Bruner lead",
        "the biopolymers of stents",
        "is the Pasword portal up",
    ],
)
def test_left_as_it_is(offered: Callable[..., str | None], text: str) -> None:
    assert offered(text, ENGLISH) is None


def test_words_that_the_collection_knows_are_right(offered: Callable[..., str | None]) -> None:
    assert offered("the adress of the letter") == "the address of the letter"
    assert offered("the adress of the letter", "Adress is a plug-in that prints the address on a letter.") is None


def test_a_text_full_of_unknown_words_is_not_looked_up(offered: Callable[..., str | None]) -> None:
    text = "pasword adress acomodation recieve tommorow beleive becuase buisness calender seperate"
    assert offered(text) is None
    assert offered(text[:14]) == "password address"


@pytest.mark.parametrize(
    ("language", "here", "text", "expected"),
    [
        ("de", GERMAN, "wer hat den Mietvertarg gekündgit", "wer hat den Mietvertrag gekündigt"),
        ("de", GERMAN, "wie lang ist die kündigunsfrist", "wie lang ist die kündigungsfrist"),
        ("ru", RUSSIAN, "кому подать заявлеине", "кому подать заявление"),
        ("pl", POLISH, "kto podpisuje wnisoek", "kto podpisuje wniosek"),
    ],
)
def test_other_languages_by_the_words_of_the_collection(
    offered: Callable[..., str | None], language: str, here: str, text: str, expected: str
) -> None:
    assert offered(text, here, language) == expected


@pytest.mark.parametrize(
    ("language", "here", "text"),
    [
        ("de", GERMAN, "welche Monaten beträgt der Kaufvertrag"),
        ("de", GERMAN, "Vermietung in München, Herr Brunnmeier?"),
        ("de", "Die Kasten stehen im Lager.", "was kosten Karten und Kästen"),
        ("fr", "La demande de congé est signée.", "quand demander un long congé"),
        ("ru", RUSSIAN, "руководители отделов и отпуска"),
        ("pl", POLISH, "wnioski urlopowe pracownika"),
        # German words in an English collection, and a language that was found wrong.
        ("en", ENGLISH, "wie kündige ich den Vertrag beim Vermieter"),
        ("de", ENGLISH, "submit the invoice to vendors"),
        ("und", ENGLISH, "kumulo portal"),
        ("ja", "コンピュータを使う", "コンピューターを使う"),
        ("th", "ภาษาไทย", "ภาษไทย"),
    ],
)
def test_other_languages_left_as_they_are(
    offered: Callable[..., str | None], language: str, here: str, text: str
) -> None:
    assert offered(text, here, language) is None
