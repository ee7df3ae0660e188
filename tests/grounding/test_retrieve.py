from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import EmbedderChanged
from grounding.filters import Filter
from grounding.retrieve import WEIGHTS, Retrieved, dense, fuse, retrieve
from grounding.settings import Retrieval
from grounding.tracing import Trace
from grounding.values import Entity, Fingerprint, FloatVector, Hit, Leg, Question
from tests.fakes import HashEmbedder, MemoryCorpus, passage

CORPUS = MemoryCorpus(
    passage(1, "Employees in the EU may carry over five days."),
    passage(2, "The canteen opens at noon."),
    passage(3, "The canteen  opens at noon."),
    passage(4, "Ada Lovelace leads the canteen."),
    names={"ada lovelace": (4,)},
)
QUESTION = Question("when does the canteen open", "when does the canteen open", "when does the canteen open", "en")


def found(question: Question = QUESTION, *, top_k: int = 3, options: Retrieval | None = None) -> Retrieved:
    return retrieve(
        question,
        corpus=CORPUS,
        embedder=lambda fingerprint: HashEmbedder(),
        options=options or Retrieval(),
        top_k=top_k,
        where=None,
        trace=Trace(),
    )


def test_evidence_says_where_each_leg_put_it() -> None:
    result = found()
    assert [leg.name for leg in result.legs] == ["dense", "lexical", "entity"]
    best = result.evidence[0]
    assert best.passage.id == 2
    assert best.signals.lexical is not None
    assert best.signals.lexical.rank == 1
    assert best.signals.entity is None


def test_the_second_of_two_equal_texts_is_dropped_and_says_so() -> None:
    result = found()
    assert 3 not in [item.passage.id for item in result.evidence]
    assert [(d.passage_id, d.stage, d.reason) for d in result.dropped] == [(3, "diversify", "same text as passage 2")]
    assert [item.rank for item in result.evidence] == [1, 2, 3]


def test_a_name_in_the_question_lifts_the_passages_that_speak_of_it() -> None:
    named = replace(QUESTION, entities=(Entity("Ada Lovelace", "PERSON", 0, 12),))
    with_name = {hit.passage_id: hit.score for hit in found(named).ranking}
    without = {hit.passage_id: hit.score for hit in found().ranking}
    assert with_name[4] > without[4]


def test_a_leg_can_be_turned_off() -> None:
    result = found(options=Retrieval(legs=("lexical",)))
    assert [leg.name for leg in result.legs] == ["lexical"]


def test_a_correction_is_searched_beside_the_question() -> None:
    result = found(replace(QUESTION, standalone="canten opning", corrected="canteen opening"))
    lexical = next(leg for leg in result.legs if leg.name == "lexical")
    assert {hit.passage_id for hit in lexical.hits} >= {2, 3, 4}


RANKINGS = st.lists(st.integers(1, 30), unique=True, max_size=20)


@given(RANKINGS, RANKINGS, st.integers(1, 100))
def test_fusion_keeps_every_passage_once_in_falling_order(dense: list[int], lexical: list[int], k: int) -> None:
    legs = [
        Leg("dense", "q", tuple(Hit(i, -float(n)) for n, i in enumerate(dense))),
        Leg("lexical", "q", tuple(Hit(i, -float(n)) for n, i in enumerate(lexical))),
    ]
    fused = fuse(legs, k=k)
    assert {hit.passage_id for hit in fused} == {*dense, *lexical}
    assert len(fused) == len({*dense, *lexical})
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)
    if dense and lexical and dense[0] == lexical[0]:
        assert fused[0].passage_id == dense[0]


def test_fusion_is_the_published_formula() -> None:
    legs = [Leg("dense", "", (Hit(1, 0.9), Hit(2, 0.8))), Leg("lexical", "", (Hit(2, 9.0),))]
    scores = {hit.passage_id: hit.score for hit in fuse(legs, k=60)}
    assert scores[1] == pytest.approx(WEIGHTS["dense"] / 61)
    assert scores[2] == pytest.approx(WEIGHTS["dense"] / 62 + WEIGHTS["lexical"] / 61)


class Changing(MemoryCorpus):
    """Changes its embedder in the moment between the question's vector and the search, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(passage(1, "The canteen opens at noon."))
        self.left = times

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        if self.left:
            self.left -= 1
            self.fingerprint = replace(fingerprint, revision=f"{fingerprint.revision}+")
            raise EmbedderChanged("the collection has changed its embedder")
        return super().dense(vector, k, fingerprint=fingerprint, where=where)


def asked_for(corpus: MemoryCorpus) -> list[str]:
    """Revisions of the embedders that a search of it asks for."""
    revisions: list[str] = []

    def embedder(fingerprint: Fingerprint) -> HashEmbedder:
        revisions.append(fingerprint.revision)
        return HashEmbedder()

    hits = dense("canteen", 3, corpus=corpus, embedder=embedder, trace=Trace())
    assert hits is not None
    assert [hit.passage_id for hit in hits] == [1]
    return revisions


def test_a_question_is_embedded_again_where_the_embedder_was_changed_in_between() -> None:
    assert asked_for(Changing(0)) == ["1"]
    assert asked_for(Changing(2)) == ["1", "1+", "1++"]


def test_an_embedder_that_changes_without_end_is_an_error() -> None:
    with pytest.raises(EmbedderChanged):
        asked_for(Changing(100))


def test_a_corpus_without_vectors_asks_for_no_embedder() -> None:
    corpus = MemoryCorpus()
    corpus.fingerprint = None  # type: ignore[assignment]
    assert dense("canteen", 3, corpus=corpus, embedder=lambda fingerprint: HashEmbedder(), trace=Trace()) is None
