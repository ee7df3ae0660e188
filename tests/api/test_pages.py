"""The admin pages' view of an Exchange."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from api.pages import Mark, answer_pieces, bars, highlight, retrieval_page, shown_ids, templates
from api.schemas import PassageJson, QueryJson
from api.words import FORMS
from grounding.values import Answer, Citation, Dropped, Entity, Evidence, Signal, Signals, Step
from tests.api.exchanges import EXCHANGE, FOLLOW_UP, PASSAGE, POISONED, WEAK


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-2, 45), st.integers(-2, 45)), max_size=6))
def test_pieces_joined_are_the_text_and_carry_every_mark_on_its_span(text: str, spans: list[tuple[int, int]]) -> None:
    marks = [Mark(start, end, "quote", str(n)) for n, (start, end) in enumerate(spans)]
    pieces = highlight(text, marks)
    assert "".join(piece.text for piece in pieces) == text
    for mark in marks:
        if 0 <= mark.start < mark.end <= len(text):
            marked = "".join(piece.text for piece in pieces if mark in piece.marks)
            assert marked == text[mark.start : mark.end]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(["word ", "[1]", "[2]", "[99]", "[", "]"]), max_size=12))
def test_only_markers_of_citations_are_links(words: list[str]) -> None:
    text = "".join(words)
    answer = Answer(text, "answered", (Citation(1, "d", "s", "t", 1, 1, 0, 1, "q"),))
    pieces = answer_pieces(answer)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text == "[1]" and piece.href == "#citation-1" for piece in pieces if piece.href)
    assert sum(bool(piece.href) for piece in pieces) == text.count("[1]")


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e4), max_size=8))
def test_bars_lie_end_to_end(times: list[float]) -> None:
    found = bars([*(Step(f"s{n}", ms) for n, ms in enumerate(times)), Step("total", sum(times))])
    assert len(found) == len(times)
    assert all(0 <= bar.offset <= 100.01 and bar.offset + bar.width <= 100.02 for bar in found)


def test_quotes_are_marked_at_their_offsets_in_the_passage() -> None:
    page = retrieval_page(EXCHANGE)
    row = page.passages[0]
    marked = [piece for piece in row.pieces if piece.marks]
    assert [piece.text for piece in marked] == ["at most five days"]
    assert row.cited_by == (1,)
    assert "".join(piece.text for piece in row.pieces) == PASSAGE.text


def test_each_passage_tells_its_fate() -> None:
    fates = {row.passage_id: row.fate for row in retrieval_page(EXCHANGE).passages}
    assert fates == {
        7: "used",
        8: "screen: injection: instructions to the model",
        9: "ranked lower",
        77: "ranked lower",
    }


def test_passages_that_the_record_does_not_hold_are_looked_up() -> None:
    assert shown_ids(EXCHANGE) == [9, 77]
    texts = {row.passage_id: row.passage and row.passage.text for row in retrieval_page(EXCHANGE, [WEAK]).passages}
    assert texts == {7: PASSAGE.text, 8: POISONED.text, 9: WEAK.text, 77: None}


def test_each_leg_tells_its_rank() -> None:
    rows = {row.passage_id: row.signals for row in retrieval_page(EXCHANGE).passages}
    assert rows[7] == (Signal(1, 0.83), Signal(1, 11.2), None)
    assert rows[77] == (None, Signal(3, 1.0), None)


def test_names_are_marked_in_every_form_of_the_question() -> None:
    for form in retrieval_page(EXCHANGE).forms:
        assert "".join(piece.text for piece in form.pieces)
        if "EU" in "".join(piece.text for piece in form.pieces):
            assert [piece.text for piece in form.pieces if piece.marks] == ["EU"], form.name


def test_what_was_dropped_is_named() -> None:
    (item, title), *_ = retrieval_page(EXCHANGE).dropped
    assert isinstance(item, Dropped)
    assert title == "Security case › Carry-over"


def test_a_passage_has_the_signal_of_the_form_that_found_it_best() -> None:
    page = retrieval_page(FOLLOW_UP)
    assert page.leg_names == ("dense", "lexical", "entity", "rerank")
    rows = {row.passage_id: row.signals for row in page.passages}
    assert rows[7] == (
        Signal(1, 0.83, "standalone"),
        Signal(1, 2.5, "asked"),
        None,
        Signal(1, 0.9, "rewritten"),
    )
    assert rows[8] == (Signal(1, 0.8, "corrected"), None, None, Signal(2, 0.2, "rewritten"))
    assert rows[77] == (None, None, None, None)


def test_a_leg_that_was_not_asked_has_no_column() -> None:
    assert retrieval_page(EXCHANGE).leg_names == ("dense", "lexical", "entity")


def test_every_form_and_every_leg_of_a_follow_up_is_listed() -> None:
    page = retrieval_page(FOLLOW_UP)
    told = {form.name: "".join(piece.text for piece in form.pieces) for form in page.forms}
    assert told == {
        "raw": "And hte EU?",
        "clean": "And hte EU?",
        "corrected": "And the EU?",
        "stand-alone": "And hte EU?",
        "said before": "How many days of leave are carried over in Japan?",
        "rewritten": "How many days of leave are carried over in the EU?",
    }
    assert [(table.leg.name, table.form) for table in page.legs] == [
        ("dense", "as asked"),
        ("dense", "corrected"),
        ("dense", "stand-alone"),
        ("lexical", "as asked"),
        ("lexical", "rewritten"),
        ("entity", "as asked"),
        ("rerank", "rewritten"),
    ]


def test_the_page_tells_forms_and_confidence() -> None:
    page = (
        templates().get_template("retrieval.html").render(page=retrieval_page(FOLLOW_UP), form_names=FORMS, feedback=())
    )
    for part in ("dense leg, stand-alone", "lexical leg, rewritten", "rerank leg, rewritten", "82 %", "said before"):
        assert part in page
    assert page.count('class="form"') == 4  # two passages of the dense leg, and the reranker's


def test_json_gives_names_their_place_in_the_question_as_asked() -> None:
    query = QueryJson.of(FOLLOW_UP.question)
    assert [query.clean[entity.start : entity.end] for entity in query.entities] == ["EU"]
    assert query.rewritten == FOLLOW_UP.question.rewritten
    assert query.context == FOLLOW_UP.question.context
    shifted = replace(FOLLOW_UP.question, standalone="leave: And hte EU?", entities=(Entity("EU", "PLACE", 15, 17),))
    assert QueryJson.of(shifted).entities[0].start == 8


def test_json_tells_the_form_that_a_signal_is_of() -> None:
    item = Evidence(1, 0.5, PASSAGE, Signals(dense=Signal(1, 0.8, "corrected"), rerank=Signal(2, 0.7)))
    told = PassageJson.of(item).model_dump()["signals"]
    assert told["dense"] == {"rank": 1, "score": 0.8, "form": "corrected"}
    assert told["rerank"] == {"rank": 2, "score": 0.7, "form": "asked"}
    assert told["lexical"] is None
