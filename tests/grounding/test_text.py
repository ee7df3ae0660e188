"""Sentences, index terms and names: the pure functions that every side must agree on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding import analysis, entities
from grounding.segment import sentences

ANYTHING = st.text(
    st.one_of(st.characters(), st.sampled_from("。、！？.!?\n\r |#-*1\u3000\u0301👩\u200d字かカ")), max_size=200
)


@given(ANYTHING, st.sampled_from(["en", "ja", "zh", "th", "und"]))
def test_sentences_are_in_order_apart_trimmed_and_lose_only_white_space(text: str, language: str) -> None:
    at = 0
    for span in sentences(text, language=language):
        assert at <= span.start < span.end
        assert not text[at : span.start].strip()
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        at = span.end
    assert not text[at:].strip()


def test_sentences_of_prose_lists_and_tables() -> None:
    text = (
        "Dr. Roe paid $3.50 in v2.3.1. It worked!\n\n- first item\n- second item\n\n| a | b |\n| 1 | 2 |\nwrapped\nit."
    )
    assert [text[s.start : s.end] for s in sentences(text)] == [
        "Dr. Roe paid $3.50 in v2.3.1.",
        "It worked!",
        "- first item",
        "- second item",
        "| a | b |",
        "| 1 | 2 |",
        "wrapped\nit.",
    ]


def test_sentences_of_japanese() -> None:
    text = "年次有給休暇は20日です。「繰り越せますか。」はい、10日まで（第12条）。"
    assert [text[s.start : s.end] for s in sentences(text, language="ja")] == [
        "年次有給休暇は20日です。",
        "「繰り越せますか。」",
        "はい、10日まで（第12条）。",
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Running RUNS", ["run", "run"]),
        ("ERR-4012", ["err4012", "err", "4012"]),
        ("v2.3.1", ["v2.3.1", "v2", "3", "1"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("company's", ["compani"]),
        ("東京都", ["東京", "京都"]),
        ("京", ["京"]),
        ("第12条", ["12", "第12", "12条"]),
        ("Ａｄａ", ["ada"]),
        ("", []),
    ],
)
def test_index_terms(text: str, terms: list[str]) -> None:
    assert analysis.terms(text) == terms


@given(ANYTHING)
def test_index_terms_hold_no_white_space(text: str) -> None:
    assert all(term and not any(c.isspace() for c in term) for term in analysis.terms(text))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Sallowford Works", "sallowford works"),
        ("Ｎｉａｍｈ　Tolland", "Niamh Tolland"),
        ("Niamh's", "NIAMH"),
        ("「金沢支店」", "金沢支店"),
    ],
)
def test_two_spellings_of_a_name_have_one_normal_form(one: str, other: str) -> None:
    assert entities.normalise(one) == entities.normalise(other) != ""


@given(ANYTHING)
def test_normalising_a_name_is_idempotent(name: str) -> None:
    once = entities.normalise(name)
    assert entities.normalise(once) == once
