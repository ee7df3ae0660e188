from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from grounding import confidence
from grounding.confidence import Strength
from grounding.errors import EmbedderChanged
from grounding.filters import Filter
from grounding.ports import Embedder, Reranker
from grounding.retrieve import Retrieved, dense, repeats, retrieve, understands, word_pairs
from grounding.settings import Retrieval
from grounding.tracing import Trace
from grounding.values import (
    Entity,
    Fingerprint,
    FloatVector,
    Hit,
    LegName,
    Passage,
    QueryTokens,
    Question,
    Vectorized,
)
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
    assert [(d.passage_id, d.stage, d.reason) for d in result.dropped] == [(3, "diversify", "says what passage 2 says")]
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
    asked = replace(QUESTION, clean="canten opning", standalone="canten opning", corrected="canteen opening")
    result = found(asked)
    lexical = {leg.form: leg for leg in result.legs if leg.name == "lexical"}
    assert (lexical["asked"].query, lexical["asked"].hits) == ("canten opning", ())
    assert {hit.passage_id for hit in lexical["corrected"].hits} >= {2, 3, 4}
    signals = next(item.signals for item in result.evidence if item.passage.id == 2)
    assert signals.lexical is not None
    assert signals.lexical.form == "corrected"


def test_each_leg_is_asked_with_each_form_and_a_signal_names_the_one_that_put_the_passage_first() -> None:
    follow_up = replace(
        QUESTION, clean="carry over five days", standalone="when does it open", context="tell me of the canteen"
    )
    result = found(follow_up, top_k=4, options=Retrieval(legs=("dense", "lexical")))
    asked = [(leg.name, leg.form, leg.query) for leg in result.legs]
    whole = "tell me of the canteen\nwhen does it open"
    assert asked == [
        ("dense", "asked", "carry over five days"),
        ("dense", "standalone", whole),
        ("lexical", "asked", "carry over five days"),
        ("lexical", "standalone", whole),
    ]
    signals = {item.passage.id: item.signals.lexical for item in result.evidence}
    assert [(signal.form, signal.rank) for signal in (signals[1], signals[2]) if signal] == [
        ("asked", 1),
        ("standalone", 1),
    ]


class Spelled(HashEmbedder):
    """Tells tokens apart: what is kept of a passage is its text, and close are those that share first letters."""

    def vectorize(self, texts: Sequence[str]) -> list[Vectorized]:
        return [
            Vectorized(vector, text.encode()) for text, vector in zip(texts, self.embed_queries(texts), strict=True)
        ]

    def query_tokens(self, texts: Sequence[str]) -> list[QueryTokens]:
        return [QueryTokens(self.embed_queries([text]), np.ones(1, np.float32)) for text in texts]

    def closeness(self, query: QueryTokens, passages: Sequence[bytes]) -> FloatVector:
        return np.array([float(kept.startswith(b"Ada")) for kept in passages], np.float32)


class Keeping(MemoryCorpus):
    """Keeps the tokens of some of its passages."""

    kept: frozenset[int] = frozenset()

    def tokens(self, ids: Sequence[int], *, fingerprint: Fingerprint) -> dict[int, bytes]:
        return {found.id: found.text.encode() for found in self.passages(ids) if found.id in self.kept}


def reranked(kept: set[int], *, depth: int = 40, reranker: Reranker | None = None) -> Retrieved:
    corpus = Keeping(*CORPUS.passages([1, 2, 3, 4]))
    corpus.kept = frozenset(kept)
    return retrieve(
        QUESTION,
        corpus=corpus,
        embedder=lambda fingerprint: Spelled(),
        options=Retrieval(rerank_depth=depth),
        top_k=3,
        where=None,
        trace=Trace(),
        reranker=reranker,
    )


def test_the_best_passages_are_compared_once_more_by_their_tokens() -> None:
    result = reranked({1, 2, 3, 4})
    assert [leg.name for leg in result.legs][-1] == "rerank"
    best = result.evidence[0]
    assert best.passage.id == 4
    assert best.signals.rerank is not None
    assert (best.signals.rerank.rank, best.signals.rerank.score) == (1, 1.0)


@pytest.mark.parametrize(("kept", "depth"), [({4}, 40), (set(), 40), ({1, 2, 3, 4}, 0)])
def test_without_the_tokens_of_most_or_without_depth_nothing_is_compared(kept: set[int], depth: int) -> None:
    result = reranked(kept, depth=depth)
    assert "rerank" not in [leg.name for leg in result.legs]
    assert result.ranking == found().ranking


class Longest:
    """Prefers long passages."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        return [float(len(text)) for text in passages]


def test_a_reranker_overrules_the_legs_for_what_it_read() -> None:
    result = reranked(set(), reranker=Longest())
    assert [hit.passage_id for hit in result.ranking] == [1, 4, 3, 2]
    assert [hit.score for hit in result.ranking] == sorted((hit.score for hit in result.ranking), reverse=True)


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("The canteen opens at noon.", "the CANTEEN  opens, at noon", True),
        ("The canteen opens at noon.", "Today the canteen opens at noon, as it does on every day.", True),
        ("Today the canteen opens at noon, as it does on every day.", "The canteen opens at noon.", False),
        ("The canteen opens at noon.", "At noon opens the canteen.", False),
        ("Five days may be carried over in Japan.", "Ten days may be carried over in Japan.", False),
        ("昼休みは正午から始まる。", "昼休みは正午から始まる。", True),
        ("昼休みは正午から始まる。", "年次休暇は四月に付与される。", False),
        ("soup", "soup", True),
        ("soup", "bread", False),
        ("!", "?", True),
        ("!", "soup", False),
        ("soup", "!", False),
    ],
)
def test_a_text_repeats_another_that_says_all_of_it(text: str, other: str, expected: bool) -> None:
    assert repeats(word_pairs(text), word_pairs(other)) is expected


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

    meant = dense(["canteen", "soup"], 3, corpus=corpus, embedder=embedder, trace=Trace())
    assert meant is not None
    assert [[hit.passage_id for hit in hits] for hits in meant.hits] == [[1], [1]]
    assert meant.vectors.shape == (2, 64)
    assert meant.fingerprint == corpus.fingerprint
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
    assert dense(["canteen"], 3, corpus=corpus, embedder=lambda fingerprint: HashEmbedder(), trace=Trace()) is None


class EnglishOnly(HashEmbedder):
    languages = frozenset({"en"})


def test_an_embedder_is_not_asked_to_understand_a_script_that_it_does_not_know() -> None:
    assert understands(EnglishOnly(), "when does it open", language="en")
    assert understands(EnglishOnly(), "vpn error 809", language="fr")
    assert not understands(EnglishOnly(), "何時に開きますか", language="ja")
    assert understands(HashEmbedder(), "何時に開きますか", language="ja")


def test_a_dense_leg_that_knows_no_japanese_leaves_the_order_to_the_words() -> None:
    corpus = MemoryCorpus(
        passage(1, "食堂は正午に開きます。"), passage(2, "when does it 開"), passage(3, "The canteen.")
    )
    question = Question("食堂はいつ開きますか", "食堂はいつ開きますか", "食堂はいつ開きますか", "ja")
    result = retrieve(
        question,
        corpus=corpus,
        embedder=lambda fingerprint: EnglishOnly(),
        options=Retrieval(legs=("dense", "lexical")),
        top_k=3,
        where=None,
        trace=Trace(),
    )
    lexical = next(leg for leg in result.legs if leg.name == "lexical")
    assert [hit.passage_id for hit in result.ranking][: len(lexical.hits)] == [h.passage_id for h in lexical.hits]


PLENTY = [passage(number, f"The garden has bed {number} of roses.") for number in range(10, 50)]
"""So many passages beside that two legs agree by more than chance."""


def estimated(monkeypatch: pytest.MonkeyPatch) -> list[Strength]:
    """What confidence is estimated from, from now on: 0.5 always."""
    seen: list[Strength] = []

    def estimate(strength: Strength) -> float:
        seen.append(strength)
        return 0.5

    monkeypatch.setattr(confidence, "estimate", estimate)
    return seen


def strength(
    monkeypatch: pytest.MonkeyPatch,
    *passages: Passage,
    question: Question = QUESTION,
    embedder: Embedder | None = None,
    legs: tuple[LegName, ...] = ("dense", "lexical"),
    holding: type[MemoryCorpus] = MemoryCorpus,
) -> Strength:
    """What confidence is estimated from."""
    seen = estimated(monkeypatch)
    result = retrieve(
        question,
        corpus=holding(*passages),
        embedder=lambda fingerprint: embedder or HashEmbedder(),
        options=Retrieval(legs=legs),
        top_k=3,
        where=None,
        trace=Trace(),
    )
    assert result.confidence == 0.5
    (given,) = seen
    assert given.score == result.ranking[0].score
    assert given.lead == confidence.lead(result.ranking)
    return given


def test_legs_that_point_to_the_same_passages_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [passage(number, f"When does the canteen open? At {number}.") for number in range(1, 6)]
    given = strength(monkeypatch, *answers, *PLENTY)
    assert given.agreement == 1
    assert given.coverage == 1
    assert not given.compared


class Elsewhere(MemoryCorpus):
    """A dense leg that sees nothing but the garden."""

    def dense(self, vector: FloatVector, k: int, *, fingerprint: Fingerprint, where: Filter | None = None) -> list[Hit]:
        return [hit for hit in super().dense(vector, k, fingerprint=fingerprint) if hit.passage_id >= 10]


def test_legs_that_point_to_other_passages_do_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    canteens = [passage(number, f"The canteen does open {number}.") for number in range(1, 6)]
    assert strength(monkeypatch, *canteens, *PLENTY, holding=Elsewhere).agreement == 0


def test_the_form_that_stands_alone_tells_whether_legs_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    question = replace(QUESTION, clean="and on Sundays", standalone="when does the canteen open\nand on Sundays")
    answers = [passage(number, f"When does the canteen open? At {number}.") for number in range(1, 6)]
    assert strength(monkeypatch, *answers, *PLENTY, question=question).agreement == 1
    assert (
        strength(monkeypatch, *answers, *PLENTY, question=replace(question, standalone=question.clean)).agreement != 1
    )


def test_where_legs_have_nothing_to_agree_on_that_counts_neither_way(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = passage(1, "When does the canteen open? At noon.")
    assert strength(monkeypatch, answer, *PLENTY).agreement is not None
    assert strength(monkeypatch, answer, *PLENTY[:20]).agreement is None, "a small collection"
    assert strength(monkeypatch, answer, *PLENTY, legs=("lexical",)).agreement is None
    assert strength(monkeypatch, answer, *PLENTY, legs=("dense",)).agreement is None
    foreign = replace(answer, language="de")
    assert strength(monkeypatch, foreign, *PLENTY).agreement is None, "words of another language cannot agree"
    japanese = Question("食堂 open", "食堂はいつ開きますか", "食堂はいつ開きますか", "ja")
    served = passage(1, "食堂は正午に開きます。")
    assert strength(monkeypatch, served, *PLENTY, question=japanese).agreement is not None
    assert strength(monkeypatch, served, *PLENTY, question=japanese, embedder=EnglishOnly()).agreement is None


def test_confidence_knows_whether_tokens_were_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = estimated(monkeypatch)
    reranked({1, 2, 3, 4})
    reranked(set())
    reranked({1, 2, 3, 4}, reranker=Longest())
    assert [given.compared for given in seen] == [True, False, False]
    assert seen[0].score > seen[1].score == seen[2].score, "what a reranker says is on no scale that is known"
