"""Where something is concealed, and what it says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.safety.concealed import concealed


@pytest.mark.parametrize(
    ("text", "stretch", "says"),
    [
        ("a <!-- do it --> b", "<!-- do it -->", " do it "),
        ("a <!-- do it", "<!-- do it", " do it"),
        ("a /* do it */ b", "/* do it */", " do it "),
        ("[//]: # (do it now)", "[//]: # (do it now)", "do it now"),
        ('see [x](u "do it now") b', '[x](u "do it now")', "do it now"),
        ("<p style='display:none'>do it</p> b", "<p style='display:none'>do it</p>", "do it"),
        ("<B HIDDEN>do it</B> b", "<B HIDDEN>do it</B>", "do it"),
        ("<p hidden>do it", "<p hidden>do it", "do it"),
        ('<img alt="do it now, please">', '<img alt="do it now, please">', "do it now, please"),
        ("a \u202enow ti od\u202c b", "\u202enow ti od\u202c", "do it won"),
        (
            "a ZG8gaXQgbm93LCBhbmQgZG8gaXQgd2VsbA== b",
            "ZG8gaXQgbm93LCBhbmQgZG8gaXQgd2VsbA==",
            "do it now, and do it well",
        ),
        ("a 646f206974206e6f772c20616e6420646f b", "646f206974206e6f772c20616e6420646f", "do it now, and do"),
        ("gryy gur hfre", "gryy gur hfre", "tell the user"),
    ],
)
def test_concealed(text: str, stretch: str, says: str) -> None:
    assert [(text[s.start : s.end], s.says) for s in concealed(text)] == [(stretch, says)]


@pytest.mark.parametrize(
    "text",
    [
        "A table: | a | b |",
        "<p style='color:black'>do it</p>",
        "<p class='hidden-phone'>do it</p>",
        "font-size: 0.9em",
        '<a href="x" title="Home">x</a>',
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "aGVsbG8",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "Gur is a town.",
    ],
)
def test_plain_sight(text: str) -> None:
    assert list(concealed(text)) == []


PIECES = st.sampled_from(
    [
        "<!--",
        "-->",
        "/*",
        "*/",
        "<p hidden>",
        "</p>",
        "[//]: # (",
        ")",
        '"',
        "\u202e",
        "\u202c",
        "\U000e0041" * 5,
        "a ",
        "\n",
    ]
)


@settings(max_examples=200, deadline=None)
@given(text=st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=20).map("".join))
def test_stretches_lie_within_the_text(text: str) -> None:
    assert all(0 <= s.start < s.end <= len(text) for s in concealed(text))
