"""What a reader sees of a page, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import LoadError
from ingest.loaders.files import Loaded
from ingest.loaders.html import HtmlLoader, readable


def text_of(page: str) -> str:
    return readable(page, source="x")[1]


def test_a_page_as_its_reader_sees_it() -> None:
    title, text = readable(
        """<!DOCTYPE html><html><head><title>Leave – Handbook</title><style>p{}</style></head><body>
        <header><p>Brand</p><nav><a href=/>Home</a></nav></header>
        <main><article><header><h1>Leave &amp; rest</h1></header>
          <!-- a comment --><p>Twenty   days<br>a year,
          <b>at</b> <i>least</i>.</p>
          <h2>How</h2><ul><li>Ask<br>first.<li>Wait<ul><li>a week</ul></li><li>Go.</ul>
          <ol start=3><li>three<li>four</ol>
          <p hidden>no</p><p style="display: none">no</p><div aria-hidden=true>no</div><script>no()</script>
          <blockquote>Rest is <q>work</q>.</blockquote>
          <pre>
  keep   this
# and this</pre>
          <dl><dt>EU</dt><dd>25 days</dd></dl>
        </article></main>
        <aside>Related</aside><footer>Imprint</footer></body></html>""",
        source="x",
    )
    assert title == "Leave & rest"
    assert text == (
        "# Leave & rest\n\nTwenty days\na year, at least.\n\n## How\n\n- Ask\n  first.\n- Wait\n  - a week\n- Go."
        "\n\n3. three\n4. four\n\n> Rest is work.\n\n```\n  keep   this\n# and this\n```\n\nEU\n  25 days"
    )


def test_a_row_of_a_table_can_be_understood_alone() -> None:
    text = text_of(
        "<p>Before</p><table><caption>Prices</caption><tr><th>Item<th>Galway<th>Maribor"
        "<tr><td>Soup<td>2.80<td>1.60<tr><td>Coffee<td colspan=2>free<tr><td>Tea<td><td>1</table><p>After"
    )
    assert text == (
        "Before\n\nPrices\n- Item: Soup; Galway: 2.80; Maribor: 1.60\n- Item: Coffee; Galway: free; Maribor: free"
        "\n- Item: Tea; Maribor: 1\n\nAfter"
    )


def test_a_cell_that_spans_rows_stands_in_each() -> None:
    text = text_of("<table><tr><th>A<th>B<tr><td rowspan=2>x<td>1<tr><td>2</table>")
    assert text == "- A: x; B: 1\n- A: x; B: 2"


def test_a_table_without_names_of_columns_keeps_its_cells() -> None:
    assert text_of("<table><tr><td>a<td>b<tr><td colspan=3>c<td>d<tr><td> <td></table>") == "| a | b |\n| c | d |"


def test_a_table_of_one_row_is_no_table() -> None:
    assert text_of("<table><tr><td>one<td>two</table>") == "one\n\ntwo"


def test_a_table_that_only_arranges_a_page_is_read_through() -> None:
    page = "<table><tr><td><p>One</p><p>Two</p><table><tr><th>K<th>V<tr><td>k<td>v</table></table>"
    assert text_of(page) == "One\n\nTwo\n\n- K: k; V: v"


def test_headers_inside_the_text_stay_and_others_go() -> None:
    page = (
        "<header><h1>Site</h1></header><p>one</p><section><header>gone</header></section><article><header>kept</header>"
    )
    assert text_of(page) == "one\n\nkept"


def test_a_page_without_main_is_read_whole() -> None:
    assert text_of("<div>a</div><div>b<span>c</span></div>tail") == "a\n\nbc\n\ntail"


def test_a_main_that_holds_next_to_nothing_is_not_the_text() -> None:
    page = "<main><p>Loading</p></main><div>" + "The real text is here. " * 20 + "</div>"
    assert "The real text" in text_of(page)


def test_ruby_reads_without_its_gloss() -> None:
    assert text_of("<p><ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>を読む") == "漢字を読む"


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("<title>T</title><h1>H</h1><p>x", "H"),
        ("<title>T</title><h1>H</h1><h1>I</h1><p>x", "T"),
        ("<title> T &amp; U\n</title><p>x", "T & U"),
        ("<p>x", ""),
    ],
)
def test_title(page: str, title: str) -> None:
    assert readable(page, source="x")[0] == title


@pytest.mark.parametrize(
    "page", ["<html></html>", "<!-- only -->", "<script>x</script>", "<p hidden>x</p>", "<p> </p>"]
)
def test_a_page_with_nothing_to_read_is_empty(page: str) -> None:
    with pytest.raises(LoadError) as caught:
        text_of(page)
    assert caught.value.reason == "empty"


def test_malformed_html_is_read_as_far_as_it_goes() -> None:
    assert text_of("<p>a<b>b</p>c</i><td>d</table><li>e") == "ab\n\nc\n\nd\n\n- e"


def test_deep_nesting_is_read_or_refused_but_never_lost() -> None:
    assert text_of("<div>" * 1000 + "deep" + "</div>" * 1000 + "<p>after") == "deep\n\nafter"
    with pytest.raises(LoadError) as caught:
        text_of("<div>" * 50_000 + "deep" + "</div>" * 50_000)
    assert caught.value.reason == "nesting"


@pytest.mark.parametrize(
    "head",
    [b'<meta charset="shift_jis">', b'<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">'],
)
def test_the_charset_that_a_page_declares(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(b"<html><head>" + head + b"</head><body><p>" + "表示".encode("shift_jis") + b"</p></body></html>")
    (page,) = HtmlLoader(1).load(path, source="a.html")
    assert isinstance(page, Loaded)
    assert page.text == "表示"
    assert page.title == ""


def test_an_xhtml_page_with_an_encoding_declaration() -> None:
    assert text_of('<?xml version="1.0" encoding="utf-8"?><html><body><p>日本</p></body></html>') == "日本"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sampled_from("<p> <b> </b> <table> <tr> <td> <th> <ul> <li> </ul> <pre> x 日 & < <main> <h2>".split()))
)
def test_any_soup_is_read_or_refused(parts: list[str]) -> None:
    try:
        text = text_of(" ".join(parts))
    except LoadError:
        return
    assert text.strip()
    assert "\n\n\n" not in text or "<pre>" in parts
