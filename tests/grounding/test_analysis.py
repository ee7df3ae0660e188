"""Text -> terms: what both sides of the lexical index must agree on."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grounding import analysis
from grounding.stopwords import STOP_WORDS

ANYTHING = st.text(
    st.one_of(st.characters(), st.sampled_from("。、.,-'1 2Aaéяाखक้กไ字かカ한\u0301\u00a0¦")), max_size=120
)
LANGUAGES = st.sampled_from([*analysis.KINDS, "zh", "ko", "th", "uk", "xx", ""])


@pytest.mark.parametrize(
    ("text", "language", "terms"),
    [
        ("Running RUNS", "en", ["run", "run"]),
        ("Häuser", "de", ["haus"]),
        ("élèves", "fr", ["elev"]),
        ("книги", "ru", ["книг"]),
        ("ещё", "ru", analysis.index_terms("еще", "ru")),
        ("नीतियाँ", "hi", analysis.index_terms("नीति", "hi")),
        ("مُدَرِّس", "ar", analysis.index_terms("مدرس", "ar")),
        ("کتاب", "fa", analysis.index_terms("كتاب", "fa")),
        ("running", "sw", ["running"]),
        ("running книги", "ja", ["run", "книг"]),
        ("茶", "zh", ["茶"]),
        ("茶館", "zh", ["茶", "館", "茶館"]),
        ("申し込み", "ja", ["申し", "し込", "込み", "¦申し込み"]),
        ("Đà", "vi", ["da", "¦đà"]),
        ("เกาะใต้", "th", ["เกาะ", "ใต้", "เกาะใต้"]),
        ("도서관", "ko", ["도서", "서관"]),
        ("HX200", "en", ["hx200", "hx", "200"]),
        ("e‑mail", "en", ["email", "e", "mail"]),
        ("1,000", "en", ["1000"]),
        ("1\u00a0000", "fr", ["1000"]),
        ("1.000", "de", ["1000", "1.000", "1", "000"]),
        ("１２月", "ja", ["12", "12月", "¦月"]),
        ("C++", "en", ["c++", "c"]),
    ],
)
def test_terms_by_language(text: str, language: str, terms: list[str]) -> None:
    assert analysis.index_terms(text, language) == terms


@settings(max_examples=150, deadline=None)
@given(ANYTHING, LANGUAGES)
def test_terms_can_be_written_one_after_another(text: str, language: str) -> None:
    listed = analysis.index_terms(text, language)
    assert all(term and not any(c.isspace() for c in term) and len(term) <= 200 for term in listed)
    made = analysis.pairs(listed)
    assert all(analysis.parted(pair) is not None for pair in made)
    assert not any(analysis.parted(term) for term in listed)
    assert analysis.kind(language) in analysis.KINDS


@settings(max_examples=150, deadline=None)
@given(ANYTHING, st.sampled_from([each for each in analysis.KINDS if each != "ja"]))
@example("UAS", "plain")
def test_a_text_is_found_by_all_that_it_asks_for(text: str, kind: str) -> None:
    language = "la" if kind == "plain" else kind  # the other kinds have the name of a language that is of them
    listed = analysis.index_terms(text, language)
    asked = {term for thing in analysis.question(text, language=language, held=(kind,)) for term in thing.terms}
    assert asked <= {*listed, *analysis.pairs(listed)}
    assert bool(asked) == bool(listed)


@pytest.mark.parametrize(
    ("text", "language", "held", "asked"),
    [
        ("What is the rate?", "en", ("en",), {"rate"}),
        ("What is the rate?", "fr", ("en",), {"rate"}),
        ("What is the rate?", "und", (), {"what", "is", "the", "rate"}),
        ("Was ist der Preis?", "en", ("en", "de"), {"prei", "preis"}),
        ("die casting", "en", ("en", "de"), {"die", "cast", "casting"}),
        ("The Who", "en", ("en",), {"the", "who"}),
        ("is the WHO in IT", "en", ("en",), {"who", "it"}),
        ("IS THE WHO IN IT", "en", ("en",), {"is", "the", "who", "in", "it"}),
    ],
)
def test_what_a_question_is_about(text: str, language: str, held: tuple[str, ...], asked: set[str]) -> None:
    wanted = analysis.question(text, language=language, held=held)
    assert {term for thing in wanted if not thing.spare for term in thing.terms} == asked


def test_lists_of_function_words_are_as_words_are_compared() -> None:
    assert all(word == word.casefold() and len(word.split()) == 1 for words in STOP_WORDS.values() for word in words)
