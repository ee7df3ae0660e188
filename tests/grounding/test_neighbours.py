"""Passages that go on where another of their section ends are shown as one."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from grounding.retrieve import GAP, TOGETHER, Retrieved, adjoins, retrieve
from grounding.settings import Retrieval
from grounding.tracing import Trace
from grounding.values import Passage, Question
from tests.fakes import HashEmbedder, MemoryCorpus

TEXT = "The pump is started by hand.\n\nThe pump stops when its inlet is blocked.\n\nPaint is kept in the cellar."
FIRST, SECOND, THIRD = ((start, start + len(part)) for part in TEXT.split("\n\n") for start in [TEXT.index(part)])


class OneDocument(MemoryCorpus):
    """Three passages of one document."""

    def document_text(self, document_id: str, *, version: int) -> str | None:
        return TEXT if self._passages else None


def piece(number: int, span: tuple[int, int], *, heading: str = "Pump", document: str = "manual") -> Passage:
    start, end = span
    return Passage(number, document, "manual.md", "Manual", 1, TEXT[start:end], start, end, heading)


def found(*passages: Passage, top_k: int = 3) -> Retrieved:
    question = "when does the pump stop"
    return retrieve(
        Question(question, question, question, "en"),
        corpus=OneDocument(*passages),
        embedder=lambda fingerprint: HashEmbedder(),
        options=Retrieval(),
        top_k=top_k,
        where=None,
        trace=Trace(),
    )


def test_neighbours_of_one_section_are_one_piece_of_evidence_at_the_place_of_the_better() -> None:
    result = found(piece(1, FIRST), piece(2, SECOND))
    (evidence,) = result.evidence
    assert evidence.passage.id == 2
    assert (evidence.passage.start, evidence.passage.end) == (FIRST[0], SECOND[1])
    assert evidence.passage.text == TEXT[FIRST[0] : SECOND[1]]
    assert [(d.passage_id, d.stage, d.reason) for d in result.dropped] == [
        (1, "join", "shown together with passage 2, its neighbour")
    ]


def test_a_piece_grows_by_more_than_one_neighbour() -> None:
    (evidence,) = found(piece(1, FIRST), piece(2, SECOND), piece(3, THIRD)).evidence
    assert evidence.passage.text == TEXT


def test_passages_of_other_sections_and_documents_stay_apart() -> None:
    assert len(found(piece(1, FIRST, heading="Start"), piece(2, SECOND)).evidence) == 2
    assert len(found(piece(1, FIRST, document="other"), piece(2, SECOND)).evidence) == 2
    assert len(found(piece(2, SECOND), piece(3, THIRD, heading="Paint"), piece(1, FIRST)).evidence) == 2


def test_a_joined_passage_leaves_its_place_to_the_next() -> None:
    result = found(piece(1, FIRST), piece(2, SECOND), piece(3, THIRD, heading="Paint"), top_k=2)
    assert [item.passage.id for item in result.evidence] == [2, 3]
    assert [item.rank for item in result.evidence] == [1, 2]


SPANS = st.tuples(st.integers(0, 9000), st.integers(1, 4000)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(SPANS, SPANS)
def test_whether_passages_adjoin_does_not_depend_on_which_is_better(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    left, right = (
        replace(piece(number, FIRST), start=start, end=end, text="x" * (end - start))
        for number, (start, end) in enumerate((one, other))
    )
    assert adjoins(left, right) == adjoins(right, left)
    if adjoins(left, right):
        assert max(left.end, right.end) - min(left.start, right.start) <= TOGETHER + GAP
