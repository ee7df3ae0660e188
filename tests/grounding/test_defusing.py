from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grounding.defusing import addresses, defused

SOURCE = (
    "See https://docs.sallowford.example/leave (or write to hr@sallowford.example). Run `<install-now>` first. "
    "詳細はhttps://ja.sallowford.example/休暇 にあります。"
)
KNOWN = addresses([SOURCE])


def harmless(text: str) -> str:
    return defused(text, known=KNOWN, is_code=lambda code: code in SOURCE)[0]


@pytest.mark.parametrize(
    "text",
    [
        "Plain text, 3 < 5 and a > b; 12:30, and/or, e.g. this. v2.3.1, file.txt, list[0].",
        "See [the form](https://docs.sallowford.example/leave), or https://docs.sallowford.example/leave.",
        "The host is docs.sallowford.example; write to hr@sallowford.example or [mail](mailto:hr@sallowford.example).",
        "詳細は[こちら](https://ja.sallowford.example/休暇)にあります。連絡先はhr@sallowford.exampleです。",
        "Your address <EMAIL_ADDRESS_1> and <CREDIT_CARD_12> stay. Run `<install-now>` first.",
        "JavaScript: the good parts. Data: 5 of 6. **bold** _it_ `code`",
    ],
)
def test_what_the_evidence_has_and_plain_text_stay(text: str) -> None:
    assert defused(text, known=KNOWN, is_code=lambda code: code in SOURCE) == (text, False)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Look ![x](https://evil.example/p.png) here", "Look x here"),
        ("See [docs](https://evil.example/a).", "See docs."),
        ("See [docs](https://docs.sallowford.example/leave?q=1).", "See docs."),
        ("See [docs](https://docs.sallowford.example.evil.example/leave).", "See docs."),
        ("[x](/local)", "x"),
        ("[x](javascript:alert(1))", "[x] (…))"),
        ("[1](http://evil.example) Days [2]", " Days [2]"),
        ("[![a](http://evil.example/a)](http://evil.example/b)", "a"),
        ("Go to evil.example/x now", "Go to … now"),
        ("Go to HTTPS://EVIL.EXAMPLE/x.", "Go to …."),
        ("詳細はhttps://evil.exampleを参照", "詳細は…を参照"),
        ("_www.evil.com_", "_…_"),
        ("//evil.com/x.png", "…"),
        ("<https://evil.example>", "…"),
        ("mail bad@evil.example", "mail …"),
        ("https://evil.example/?q=<EMAIL_ADDRESS_1> end", "… end"),
        ("a <b>bold</b> <img src=x onerror=alert(1)>", "a bold "),
        ("<script>alert(1)</script>ok", "ok"),
        ("<!-- hidden -->ok", "ok"),
        ("cut <img src=", "cut ‹img src="),
        ("cut ![a", "cut [a"),
        ("cut](http://evil.example)", "cut] (…)"),
        ("`<script>`", "``"),
        ("<|im_start|>", "‹|im_start|>"),
    ],
)
def test_what_a_page_would_load_link_to_or_run_is_taken_out(text: str, left: str) -> None:
    assert harmless(text) == left


def test_a_definition_of_a_link_goes_with_its_target() -> None:
    assert harmless("a\n[r]: http://evil.example/x 'title'\nb") == "a\n\nb"
    assert "sallowford" in harmless("[r]: https://docs.sallowford.example/leave")


@pytest.mark.parametrize(
    ("text", "lost"), [("[x](http://evil.example)", True), ("www.evil.com", True), ("<b>x</b>", False)]
)
def test_it_tells_whether_an_address_was_lost(text: str, lost: bool) -> None:
    assert defused(text, known=KNOWN, is_code=lambda code: False)[1] is lost


PARTS = st.sampled_from(
    [
        "![", "[", "]", "(", ")", "](", "<", ">", "`", "``", "https://evil.example/a", "//evil.example", "javascript:x",
        "www.evil.com", "https://docs.sallowford.example/leave", "img src=", "a", " ", "\n", "[r]:", "<!--", "-->",
        "<script>", "</script>", "1", "!", "\\", "&#104;", "\ue000", "<EMAIL_ADDRESS_1>", "_", "*", "|", '"', "'",
        "日本", "data:text/html,x", "\U000f0000", "ok.",
    ]
)  # fmt: skip


@given(st.lists(PARTS, max_size=14).map("".join))
def test_no_reader_of_markdown_finds_anything_to_load_or_to_run(text: str) -> None:
    for token in MarkdownIt("commonmark", {"html": True}).parse(harmless(text)):
        for each in (token, *(token.children or ())):
            assert each.type not in ("html_block", "html_inline")
            target = each.attrs.get("href") or each.attrs.get("src")
            assert target in (None, "https://docs.sallowford.example/leave")


@given(st.lists(PARTS, max_size=14).map("".join))
def test_no_address_is_left_that_the_evidence_has_not(text: str) -> None:
    assert "evil" not in harmless(text)


@pytest.mark.parametrize(
    "text", ["[" * 30_000, "![](" * 8000, "<a " * 10_000, "a." * 15_000, "a@" * 15_000, "`a" * 15_000]
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    began = time.process_time()
    harmless(text)
    assert time.process_time() - began < 3
