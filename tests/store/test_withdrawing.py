"""A deleted document is gone from history, too, whenever it goes: before a turn, while one runs, or after it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
import pytest

from grounding.filters import Filter, parse
from grounding.pipeline import Ask, Grounder
from grounding.prompt import BuiltIn
from grounding.routing import Alone
from grounding.settings import Settings
from grounding.values import Chunk, Exchange, Fingerprint, FloatMatrix, Prompt, Turn
from store.open import Store
from store.withdrawing import WITHDRAWN
from tests.fakes import CapitalNames, NoSpelling, Scripted
from tests.store import canary, library

MENU = "The canteen serves soup at noon."


class Letters:
    """An embedder whose vectors are those of the library."""

    fingerprint: Fingerprint = library.FINGERPRINT
    max_tokens = 500

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([library.vector(text) for text in texts])

    embed_passages = embed_queries


class Interrupted(Scripted):
    """A generator during whose work something happens."""

    happens: Callable[[], object] = staticmethod(lambda: None)

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        self.happens()
        yield from super().stream(prompt)


class Talk:
    """A conversation about the library whose answers quote the first piece of evidence."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.model = Interrupted([f"{canary.TEXT} [1]."])
        self._grounder = Grounder(
            settings=Settings(home=Path("unused")),
            corpora=store.corpus,
            conversations=store.conversations,
            recorder=store.exchanges,
            embedder=lambda fingerprint: Letters(),
            extractor=CapitalNames(),
            checks=(),
            judgements=store.judgements,
            spelling=NoSpelling(),
            language_of=lambda text: "en",
            route=lambda name: Alone(self.model),
            prompts=BuiltIn(),
        )

    def ask(
        self,
        question: str = canary.TEXT,
        *,
        meanwhile: Callable[[], object] = lambda: None,
        where: Filter | None = None,
    ) -> Exchange:
        self.model.happens = meanwhile
        ask = Ask(question, collection="library", conversation_id="c", caller="ada", filters=where)
        return self._grounder.answer(ask)

    def recorded(self, exchange: Exchange) -> Exchange:
        return self.store.exchanges.get(exchange.trace_id)

    def prompts(self) -> list[str]:
        """What the history of the last prompt said."""
        return [turn.content for turn in self.model.prompts[-1].history]


@pytest.fixture
def talk(store: Store) -> Talk:
    library.put(store, canary.secret(), library.document("other", MENU, metadata={"kind": "menu"}))
    return Talk(store)


def prune(store: Store) -> None:
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.delete(["secret"])


WAYS: dict[str, Callable[[Store], object]] = {
    "delete": lambda store: store.documents.delete("secret"),
    "prune": prune,
    "collection": lambda store: store.collections.delete("library"),
    "erase": lambda store: store.erase_document("secret"),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_that_quotes_it_is_taken_back(talk: Talk, way: str) -> None:
    exchange = talk.ask()
    assert exchange.answer is not None
    assert {cited.document_id for cited in exchange.answer.citations} == {"secret"}
    WAYS[way](talk.store)
    assert canary.answers(talk.store, "c") == [WITHDRAWN]
    assert [turn.role for turn in talk.store.conversations.turns("c")] == ["user"]
    kept = talk.recorded(exchange).answer
    assert kept is not None
    assert (canary.WORD in kept.text) is (way != "erase")


def test_no_later_prompt_holds_it(talk: Talk) -> None:
    talk.ask()
    talk.ask("And the other one?")
    assert canary.WORD in "".join(talk.prompts())
    talk.store.documents.delete("secret")
    talk.ask("And once more?")
    assert talk.prompts() == [canary.TEXT, "And the other one?"]


def test_a_new_version_leaves_history_alone(talk: Talk) -> None:
    exchange = talk.ask()
    library.put(talk.store, library.document("secret", "New words", source=f"notes/{canary.WORD}.md"))
    assert canary.WORD in canary.answers(talk.store, "c")[0]
    assert talk.recorded(exchange).answer == exchange.answer


@pytest.mark.parametrize("way", WAYS)
def test_a_turn_under_way_records_no_word_of_it(talk: Talk, home: Path, way: str) -> None:
    exchange = talk.ask("What lies there?", meanwhile=lambda: WAYS[way](talk.store))
    assert exchange.evidence
    left = talk.recorded(exchange)
    assert "secret" not in {item.passage.document_id for item in left.evidence}
    assert left.messages == ()
    assert left.answer is not None
    assert (left.answer.text, left.answer.citations) == (WITHDRAWN, ())
    assert canary.answers(talk.store, "c") == [WITHDRAWN]
    if way == "erase":
        talk.store.compact("library")
        assert canary.held(home, canary.TEXT) == [], left


def test_a_turn_under_way_keeps_what_was_only_updated(talk: Talk) -> None:
    changed = library.document("secret", "New words", source=f"notes/{canary.WORD}.md")
    exchange = talk.ask(meanwhile=lambda: library.put(talk.store, changed))
    assert talk.recorded(exchange).answer == exchange.answer
    assert canary.answers(talk.store, "c") != [WITHDRAWN]


def test_a_turn_under_way_that_recalls_it_records_no_word_either(talk: Talk) -> None:
    first = talk.ask()
    menu = parse({"kind": "menu"})
    second = talk.ask("And then?", where=menu, meanwhile=lambda: talk.store.documents.delete("secret"))
    # Its own evidence is all there: only its history tells of the document.
    assert {item.passage.document_id for item in second.evidence} == {"other"}
    assert second.recalled == (first.trace_id,)
    assert canary.answers(talk.store, "c") == [WITHDRAWN, WITHDRAWN]
    assert talk.recorded(second).messages == ()


def test_a_conversation_erased_under_way_is_not_begun_again(talk: Talk) -> None:
    talk.ask()
    talk.ask("And then?", meanwhile=lambda: talk.store.erase_conversation("c", thoroughly=False))
    assert talk.store.conversations.list() == ()
    assert talk.store.exchanges.list().items == ()
    talk.ask()
    assert len(talk.store.conversations.get("c").turns) == 2


def test_an_answer_without_a_quote_stays(talk: Talk) -> None:
    said = Turn("user", "hello"), Turn("assistant", "Nothing is known of that.")
    talk.store.exchanges.record(library.exchange("t", conversation_id="d"), turns=said)
    talk.store.documents.delete("secret")
    assert canary.answers(talk.store, "d") == ["Nothing is known of that."]


def test_versions_go_on_after_a_delete(store: Store) -> None:
    def version() -> int:
        return store.documents.get("a").document.version

    for expected in (1, 2):
        library.put(store, library.document("a", "one"))
        assert version() == expected
    store.documents.delete("a")
    store.documents.delete("a")
    library.put(store, library.document("a", "one", source="elsewhere.txt"), library.document("b", "two"))
    assert version() == 3
    assert store.documents.get("b").document.version == 1
    library.put(store, library.document("c", "one", source="elsewhere.txt"))
    assert store.documents.get("c").document.version == 4
    library.put(store, library.document("a", "one", source="third.txt"))
    assert version() == 4
    store.collections.delete("library")
    library.put(store, library.document("a", "one"))
    assert version() == 1
