from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.folding import fold

SOURCE = (
    "Café ﬁnances – the “big” ledger isn’t\r\nclosed. Soft\u00adware v2 👩\u200d🔬 ❤️ works. "
    "日本の　社員は ｶﾞﾗｽ「１２個」を持つ。 Über\u200bsicht, x² and ½ cup; e\u0323\u0301a. 한국어 문장."
)


def respelled(text: str) -> list[str]:
    """The text as keyboards, models and files spell it."""
    typed = {ord("“"): '"', ord("”"): '"', ord("’"): "'", ord("–"): "-", ord("ﬁ"): "fi", 0xAD: None, 0x200B: None}
    plain = text.translate(typed)
    return [
        text,
        plain,
        unicodedata.normalize("NFC", text),
        unicodedata.normalize("NFD", text),
        text.replace("\r\n", "\n"),
        text.replace("\r\n", " "),
        " ".join(text.split()),
        text.upper() if text.isascii() else text.casefold(),
        text.replace("\u200d", "").replace("\ufe0f", ""),
        "".join(f"{character}\u200b" for character in text),
        f"**{plain}**",
    ]


@given(st.data())
def test_whatever_spelling_the_span_of_the_very_words_is_found(data: st.DataObject) -> None:
    words = SOURCE.split(" ")
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    said = " ".join(words[first : last + 1])
    span = fold(SOURCE).find(fold(data.draw(st.sampled_from(respelled(said)))).text)
    assert span is not None
    quote = SOURCE[slice(*span)]
    assert fold(quote).text.rstrip(".") == fold(said).text.rstrip(".")


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_span_folds_to_what_was_looked_for(wanted: str, source: str) -> None:
    folded = fold(wanted).text
    span = fold(source).find(folded)
    if span is not None:
        assert 0 <= span[0] < span[1] <= len(source)
        assert folded in fold(source[slice(*span)]).text


@given(st.text(max_size=80))
def test_composed_and_decomposed_texts_fold_to_the_same(text: str) -> None:
    assert fold(unicodedata.normalize("NFC", text)).text == fold(unicodedata.normalize("NFD", text)).text


@pytest.mark.parametrize(
    ("wanted", "source"),
    [
        ("cat", "concatenate"),
        ("102", "10²"),
        ("e", "é"),
        ("か", "が"),
        ("23 days", "2*3 days"),
        ("five", "fivefold"),
        ("", "a"),
    ],
)
def test_what_is_not_said_is_not_found(wanted: str, source: str) -> None:
    assert fold(source).find(fold(wanted).text) is None


def test_the_full_stop_and_closing_quotes_belong_to_it() -> None:
    source = 'He said "it is open." Then 5.5 m.'
    assert source[slice(*(fold(source).find("it is open") or (0, 0)))] == 'it is open."'
    assert source[slice(*(fold(source).find("then 5") or (0, 0)))] == "Then 5"
