from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.postprocess import NO_ANSWER, Assembler, align, tidy
from grounding.values import Answer, Passage
from tests.fakes import MemoryCorpus, evidence, passage

LEAVE = passage(1, "Employees in the EU may carry over five days. Unused days expire on 31 March.", start=12)
JAPAN = passage(2, "日本の社員は最大10日を繰り越せます。申請は不要です。", start=3)


def answer(draft: str, *passages: Passage, step: int | None = None, language: str = "en") -> Answer:
    corpus = MemoryCorpus(*passages)
    assembler = Assembler(
        evidence(*passages),
        document_text=lambda document_id, version: corpus.document_text(document_id, version=version),
        language=language,
    )
    for at in range(0, len(draft), step or len(draft) or 1):
        assembler.feed(draft[at : at + (step or len(draft))])
    assembler.close()
    return assembler.answer()


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
    assembler.feed("Unused days expire on 31 March [1].")
    assembler.close()
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
    assembler.feed("Write to <EMAIL_ADDRESS_1> for help with leave [1].")
    assembler.close()
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


@given(st.text(max_size=80), st.text(max_size=200))
def test_an_aligned_span_lies_within_the_source(sentence: str, source: str) -> None:
    span = align(sentence, source, at_least=0.5, language="en")
    assert span is None or 0 <= span[0] < span[1] <= len(source)


def test_tidy_closes_a_code_fence_and_folds_blank_lines() -> None:
    assert tidy("a\n\n\n\nb\n```python\nx = 1  \n") == "a\n\nb\n```python\nx = 1\n```"
