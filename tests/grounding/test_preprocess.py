from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grounding import preprocess
from grounding.errors import InvalidRequest
from grounding.values import Question
from tests.fakes import NoSpelling


def ask(text: str, *, max_chars: int = 1000) -> Question:
    return preprocess.question(
        text,
        max_chars=max_chars,
        language_of=lambda _: "en",
        spelling=NoSpelling(),
        known=lambda _: False,
        near=lambda _: (),
    )


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\t spaces  ", "two spaces"),
        ("schÃ¶n", "schön"),
        ("pass\u200bword", "password"),
        ("pass\u200dword", "password"),
        ("soft\u00adhyphen", "softhyphen"),
        ("abc\u202edef", "abcdef"),
        ("bell\x07\x00", "bell"),
        ("one\r\n\r\n\r\n\r\ntwo", "one\n\ntwo"),
        ("e\u0301", "é"),
        ("年次有給休暇は\u3000何日", "年次有給休暇は 何日"),
        ("tag\U000e0041ged", "tagged"),
    ],
)
def test_cleans(raw: str, clean: str) -> None:
    assert preprocess.clean(raw) == clean


@pytest.mark.parametrize(
    "text", ["👨\u200d👩\u200d👧", "می\u200cخواهم", "क्\u200dष", "“quoted”", "ＡＢＣ", "ﬁne", "½ · ¥1,000"]
)
def test_keeps_what_belongs_to_a_script_or_an_emoji(text: str) -> None:
    assert preprocess.clean(text) == text


@given(st.text(max_size=200))
@example("\x80¨\x9d")
def test_cleaning_is_idempotent_and_leaves_nothing_invisible(text: str) -> None:
    once = preprocess.clean(text)
    assert preprocess.clean(once) == once
    assert not [c for c in once if unicodedata.category(c) == "Cc" and c != "\n"]
    assert "\u200b" not in once
    assert "  " not in once


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        ask("\u200b \n")


def test_a_question_that_is_too_long_names_the_limit() -> None:
    with pytest.raises(InvalidRequest, match=r"2,000,000 characters; at most 1,000"):
        ask("x" * 2_000_000)


def test_half_a_character_becomes_the_replacement_character() -> None:
    question = ask("half \ud83d here, whole \ud83d\ude00")
    assert question.raw == question.clean == "half \ufffd here, whole 😀"


def test_a_correction_is_offered_beside_the_question() -> None:
    class Corrects:
        def correct(
            self,
            text: str,
            *,
            language: str,
            known: Callable[[str], bool],
            near: Callable[[str], Sequence[tuple[str, float]]],
        ) -> str | None:
            return text.replace("leeve", near("leeve")[0][0]) if known("anual") else None

    question = preprocess.question(
        "anual leeve",
        max_chars=100,
        language_of=lambda _: "en",
        spelling=Corrects(),
        known="anual".__eq__,
        near=lambda _: [("leave", 0.1)],
    )
    assert (question.clean, question.corrected, question.standalone) == ("anual leeve", "anual leave", "anual leeve")
