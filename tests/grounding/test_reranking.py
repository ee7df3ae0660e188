"""A reranker in a turn: whom it reads, what it decides, and that a replay asks it, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from grounding.pipeline import Ask, Grounder
from grounding.ports import Reranker
from grounding.prompt import BuiltIn
from grounding.routing import Alone
from grounding.settings import Settings
from tests.fakes import (
    CapitalNames,
    HashEmbedder,
    Memory,
    MemoryCorpus,
    MemoryJudgements,
    NoSpelling,
    Scripted,
    passage,
)

CORPUS = MemoryCorpus(
    passage(1, "The canteen opens at noon and serves soup."),
    passage(2, "The canteen is closed."),
    passage(3, "At noon the canteen opens."),
)
QUESTION = "When does the canteen open?"


class Shortest:
    """Prefers short passages, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        self.asked.append((question, tuple(passages)))
        return [-float(len(text)) for text in passages]


def grounder(settings: Settings, reranker: Reranker | None) -> Grounder:
    memory = Memory()
    return Grounder(
        settings=settings,
        corpora=lambda name: CORPUS,
        conversations=memory,
        recorder=memory,
        embedder=lambda fingerprint: HashEmbedder(),
        extractor=CapitalNames(),
        checks=(),
        judgements=MemoryJudgements(),
        spelling=NoSpelling(),
        language_of=lambda text: "en",
        route=lambda name: Alone(Scripted(())),
        prompts=BuiltIn(),
        reranker=reranker,
    )


def test_it_has_the_last_word_in_a_turn_and_in_its_replay(make_settings: Callable[..., Settings]) -> None:
    reranker = Shortest()
    asked = grounder(make_settings(), reranker)
    exchange = asked.search(Ask(QUESTION))
    assert [hit.passage_id for hit in exchange.ranking] == [2, 3, 1]
    assert [item.signals.rerank and item.signals.rerank.rank for item in exchange.evidence] == [1, 2, 3]
    (leg,) = (leg for leg in exchange.legs if leg.name == "rerank")
    assert [hit.passage_id for hit in leg.hits] == [2, 3, 1]
    assert [question for question, _ in reranker.asked] == [QUESTION]
    assert asked.replay(exchange, corpus=CORPUS).ranking == exchange.ranking
    assert len(reranker.asked) == 2


@pytest.mark.parametrize("sections", [{"models": {"reranker": "none"}}, {"retrieval": {"rerank_depth": 0}}])
def test_where_it_is_off_nothing_is_compared_once_more(
    sections: dict[str, dict[str, object]], make_settings: Callable[..., Settings]
) -> None:
    reranker = Shortest()
    exchange = grounder(make_settings(**sections), reranker).search(Ask(QUESTION))
    assert reranker.asked == []
    assert {leg.name for leg in exchange.legs} == {"dense", "lexical", "entity"}
    assert "rerank" not in {step.name for step in exchange.steps}
