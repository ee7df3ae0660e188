"""Evasions undone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.safety.disguise import undisguised

WORDS = frozenset({"ignore", "hate", "system"})


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("IGNORE", "ignore"),
        ("ｉｇｎｏｒｅ", "ignore"),
        ("ig\u200bno\u2060re", "ignore"),
        ("i g n o r e", "ignore"),
        ("i.g.n.o.r.e", "ignore"),
        ("1gn0re", "ignore"),
        ("h4te", "hate"),
        ("іgnоrе", "ignore"),
        ("ERR-4012 at 10 a.m.", "err-4012 at 10 a.m."),
        ("игнорируй", "игнорируй"),
        ("a1 b2", "a1 b2"),
    ],
)
def test_undisguised(text: str, plain: str) -> None:
    assert undisguised(text, words=WORDS) == plain


@settings(max_examples=150, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text(text: str) -> None:
    plain = undisguised(text, words=WORDS)
    assert "\u200b" not in plain
