"""An answer is given again only where a new one would be the same: to whom may read the same, of documents that have
not changed, by the same words to the same model; never where something private was said."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Generator as Generating
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select, update

from grounding.caching import Wanted
from grounding.filters import parse
from grounding.pipeline import Ask, Cited, Delta, Done, EvidenceFound, Grounder
from grounding.ports import SafetyCheck
from grounding.routing import Alone
from grounding.settings import Settings
from grounding.values import Chunk, Exchange, Fingerprint, FloatMatrix, FloatVector, Prompt, Rewritten, Turn, Usage
from store.exchanges import replace_exchange
from store.open import Store, open_store
from store.restoring import restore
from store.schema import CachedAnswerRow, CollectionRow
from store.sealing import Sealer
from store.withdrawing import WITHDRAWN, scrubbed
from tests.fakes import CapitalNames, NoSpelling, WordCheck
from tests.store import library

LEAVE = "annual leave is thirty days long"
CANTEEN = "the canteen opens at noon"
ASKED = "how long is annual leave"
TEXTS = (LEAVE, CANTEEN, "the yard closes at nine", "parking is free of charge")
SECRET = "ada@example.org"


class Words:
    """An embedder of bags of words, so that questions in other words are near where they share most of them."""

    fingerprint: Fingerprint = library.FINGERPRINT
    max_tokens = 500

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([self._embed(text) for text in texts]).astype(np.float32)

    embed_passages = embed_queries

    def _embed(self, text: str) -> FloatVector:
        vector: FloatVector = np.sum([library.vector(word.strip("?!.,")) for word in text.casefold().split()], axis=0)
        return vector / np.float32(np.linalg.norm(vector))


class Quoting:
    """A generator that quotes the first piece of evidence, and counts how often it did."""

    def __init__(self, name: str = "quoting") -> None:
        self.name = name
        self.prompts: list[Prompt] = []
        self.says = "{text} [1]."
        self.happens: Callable[[], object] = lambda: None

    def stream(self, prompt: Prompt) -> Generating[Chunk, None, None]:
        self.prompts.append(prompt)
        self.happens()
        yield Chunk(self.says.format(text=prompt.evidence[0].passage.text), Usage(100, 10, 0.5))


class Rewording:
    """A rewriter that rewords every follow-up anew."""

    name = "rewording"

    def __init__(self) -> None:
        self.asked = 0

    def rewrite(self, question: str, turns: Sequence[Turn]) -> Rewritten:
        self.asked += 1
        return Rewritten(f"{question} {self.asked}")


class Desk:
    """Questions to the library over one store; `cache` as in the settings."""

    def __init__(
        self,
        store: Store,
        *,
        cache: Mapping[str, object] | None = None,
        checks: Sequence[SafetyCheck] = (),
        model: Quoting | None = None,
        rewriter: Rewording | None = None,
        **sections: Mapping[str, object],  # of settings
    ) -> None:
        given = {"home": Path("unused"), "cache": {"answers": "exact"} if cache is None else cache, **sections}
        self.store = store
        self.model = model or Quoting()
        self.other = Quoting("other")
        self.grounder = Grounder(
            settings=Settings.model_validate(given),
            corpora=store.corpus,
            conversations=store.conversations,
            recorder=store.exchanges,
            embedder=lambda fingerprint: Words(),
            extractor=CapitalNames(),
            checks=checks,
            judgements=store.judgements,
            spelling=NoSpelling(),
            language_of=lambda text: "de" if "wie" in text else "en",
            route=lambda name: Alone(self.other if name == "other" else self.model),
            prompts=store.prompts,
            rewriter=rewriter,
            answers=store.answers,
        )

    def ask(self, text: str = ASKED, **changes: Any) -> Exchange:
        return self.grounder.answer(Ask(text, **{"collection": "library", **changes}))


def put(store: Store, name: str, text: str, **changes: Any) -> None:
    """A document of one passage, with the vector of its words."""
    new = library.document(name, text, **changes)
    (held,) = new.passages
    passage = replace(held, vector=Words().embed_passages([text])[0])
    library.put(store, replace(new, passages=(passage,)))


def kept(store: Store) -> int:
    with store._database.read() as connection:
        return connection.execute(select(func.count()).select_from(CachedAnswerRow)).scalar_one()


def delete(store: Store, *names: str) -> None:
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.delete(names)


@pytest.fixture
def desk(store: Store) -> Desk:
    put(store, "leave", LEAVE)
    put(store, "canteen", CANTEEN)
    return Desk(store)


class TestAHit:
    def test_the_same_question_is_answered_at_once(self, desk: Desk) -> None:
        first, second = desk.ask(caller="ada"), desk.ask(caller="bob", user="eve")
        assert len(desk.model.prompts) == 1
        assert second.cached_from == first.trace_id
        assert second.answer == first.answer
        assert (second.evidence, second.confidence, second.dropped) == (first.evidence, first.confidence, first.dropped)
        assert (second.generator, second.prompt_version) == (first.generator, first.prompt_version)
        assert (second.usage, second.calls) == (Usage(), ())
        assert second.trace_id != first.trace_id
        (step,) = [step for step in second.steps if step.name == "cache"]
        assert dict(step.facts) == {"hit": True, "kind": "exact"}
        assert "dense" not in [step.name for step in second.steps]

    def test_it_is_recorded_with_its_turns(self, desk: Desk) -> None:
        desk.ask(caller="ada")
        second = desk.ask(conversation_id="c", caller="bob")
        held = desk.store.exchanges.get(second.trace_id)
        assert (held.cached_from, held.answer, held.caller) == (second.cached_from, second.answer, "bob")
        assert [turn.role for turn in desk.store.conversations.get("c").turns] == ["user", "assistant"]

    def test_its_events_are_those_of_any_answer(self, desk: Desk) -> None:
        first = desk.ask()
        found, delta, *cited, done = desk.grounder.stream(Ask(ASKED, collection="library"))
        assert isinstance(found, EvidenceFound)
        assert isinstance(delta, Delta)
        assert isinstance(done, Done)
        assert first.answer is not None
        assert (found.evidence, delta.text) == (first.evidence, first.answer.text)
        assert [event.citation for event in cited if isinstance(event, Cited)] == [*first.answer.citations]
        assert done.exchange.cached_from == first.trace_id

    def test_a_hit_is_not_kept_in_its_turn(self, desk: Desk) -> None:
        first = desk.ask()
        assert [desk.ask().cached_from for _ in range(3)] == [first.trace_id] * 3
        assert kept(desk.store) == 1

    def test_another_process_finds_it(self, desk: Desk, home: Path, database_url: str | None) -> None:
        first = desk.ask()
        with closing(open_store(home=home, database_url=database_url)) as other:
            assert Desk(other).ask().cached_from == first.trace_id

    def test_it_is_off_by_default(self, desk: Desk) -> None:
        plain = Desk(desk.store, cache={})
        plain.ask()
        assert plain.ask().cached_from is None
        assert kept(desk.store) == 0

    def test_only_chats_are_answered_from_it(self, desk: Desk) -> None:
        desk.ask()
        ask = Ask(ASKED, collection="library")
        assert desk.grounder.ground(ask).messages
        assert desk.grounder.search(ask).legs


ASKS: list[dict[str, Any]] = [
    {"text": "how long is annual leave really"},
    {"groups": frozenset()},
    {"groups": frozenset({"staff"})},
    {"filters": parse({"lang": {"$ne": "en"}})},
    {"filters": parse({"lang": {"$ne": "ja"}})},
    {"top_k": 1},
    {"top_k": 2},
    {"generator": "other"},
    {"instructions": "In rhyme."},
    {"instructions": "In prose."},
    {"key": "kiosk"},
    {"collection": "archive"},
    {"history": (Turn("user", "hello there my friend"), Turn("assistant", "good day to you"))},
    {"history": (Turn("user", "hello there my friend"), Turn("assistant", "good evening to you"))},
]


class TestAMiss:
    @pytest.mark.parametrize("mode", ["exact", "semantic"])
    def test_every_part_of_the_question_counts(self, desk: Desk, mode: str) -> None:
        library.put(desk.store, library.document("a", LEAVE), collection="archive")
        rules = {"keys": {"kiosk": {"unsupported": "mark"}}}
        asking = Desk(desk.store, cache={"answers": mode, "similarity": 0.5}, safety=rules)
        asking.ask()
        for changes in ASKS:
            assert asking.ask(**changes).cached_from is None, changes
        for changes in [{}, *ASKS]:  # and each of them finds its own
            assert asking.ask(**changes).cached_from is not None, changes

    @pytest.mark.parametrize(
        "sections",
        [
            {"retrieval": {"candidates": 50}},
            {"retrieval": {"top_k": 7}},
            {"prompting": {"budget_tokens": 3000}},
            {"models": {"generator": "other"}},
            {"safety": {"unsupported": "mark"}},
            {"safety": {"pii": {"PERSON": "allow"}}},
            {"generators": {"cheap": {"model": "extractive"}}},
        ],
    )
    def test_every_setting_counts(self, desk: Desk, sections: dict[str, Any]) -> None:
        desk.ask()
        assert Desk(desk.store, **sections).ask().cached_from is None
        assert Desk(desk.store).ask().cached_from is not None

    @pytest.mark.parametrize(("members", "kept_for"), [(("quoting", "other"), 1), (("other", "quoting"), 0)])
    def test_an_answer_by_the_first_of_a_route_alone_is_kept(
        self, desk: Desk, members: tuple[str, ...], kept_for: int
    ) -> None:
        asking = Desk(desk.store, routes={"both": members})
        found = [asking.ask(generator="both") for _ in range(2)]
        assert [each.generator for each in found] == ["quoting", "quoting"]
        assert (found[1].cached_from is not None, kept(desk.store)) == (bool(kept_for), kept_for)

    def test_another_version_of_a_check_counts(self, desk: Desk) -> None:
        def checked(version: str) -> Exchange:
            check = WordCheck("toxicity", "damn", frozenset({"answer"}), version=version)
            return Desk(desk.store, checks=[check]).ask()

        assert [checked(version).cached_from is None for version in ("1", "1", "2", "2", "1")] == [
            True,
            False,
            True,
            False,
            False,
        ]

    def test_another_prompt_counts(self, desk: Desk) -> None:
        desk.ask()
        desk.store.prompts.add("support", "Answer like [1], or say: I don't know.")
        desk.store.prompts.use("support", collection="library", language="de")
        assert desk.ask().cached_from is not None
        desk.store.prompts.use("support", collection="library")
        assert desk.ask().cached_from is None
        assert desk.ask().prompt_version == "support-1"
        desk.store.prompts.use("answer", collection="library")
        assert desk.ask().cached_from is not None

    def test_a_prompt_that_changes_while_an_answer_is_made_is_not_mistaken(self, desk: Desk) -> None:
        desk.store.prompts.add("support", "Answer like [1], or say: I don't know.")
        desk.model.happens = lambda: desk.store.prompts.use("support")
        first = desk.ask()
        assert first.prompt_version == desk.store.prompts.get("answer").version
        assert desk.ask().cached_from is None

    def test_another_vector_space_counts(self, desk: Desk) -> None:
        desk.ask()
        with desk.store._database.write() as connection:
            connection.execute(update(CollectionRow).values(fingerprint_id=None))
        assert desk.ask().cached_from is None

    @pytest.mark.parametrize(
        ("says", "outcome"),
        [("I don't know.", "abstained"), ("", "abstained"), ("{text} [1]. The moon is green.", "partial")],
    )
    def test_what_is_no_whole_answer_is_not_kept(self, desk: Desk, says: str, outcome: str) -> None:
        desk.model.says = says
        assert [(found.outcome, found.cached_from) for found in (desk.ask(), desk.ask())] == [(outcome, None)] * 2
        assert kept(desk.store) == 0


class TestWhatEndsIt:
    @pytest.mark.parametrize(
        "change",
        [
            lambda store: put(store, "leave", LEAVE, title="Leave"),
            lambda store: put(store, "leave", LEAVE, metadata={"groups": ["staff"]}),
            lambda store: put(store, "leave", f"{LEAVE} now"),
            lambda store: put(store, "new", "annual leave is longer in July"),
            lambda store: delete(store, "leave"),
            lambda store: delete(store, "canteen"),
            lambda store: store.erase_document("leave", collection="library"),
            lambda store: store.erase_document("canteen", collection="library"),
        ],
    )
    @pytest.mark.parametrize("mode", ["exact", "semantic"])
    def test_any_change_of_the_collection(self, desk: Desk, change: Callable[[Store], object], mode: str) -> None:
        asking = Desk(desk.store, cache={"answers": mode})
        asking.ask()
        assert asking.ask().cached_from is not None
        change(desk.store)
        assert asking.ask().cached_from is None
        assert asking.ask("how long is the annual leave?").cached_from is None or mode == "semantic"

    def test_a_collection_made_anew_is_another(self, desk: Desk) -> None:
        desk.ask()
        change = desk.store.corpus("library").change
        desk.store.collections.delete("library")
        put(desk.store, "leave", LEAVE)
        put(desk.store, "canteen", CANTEEN)
        assert desk.store.corpus("library").change == change
        assert desk.ask().cached_from is None

    def test_a_restored_collection_is_another(self, desk: Desk, home: Path, tmp_path: Path) -> None:
        desk.ask()
        desk.store.backup(tmp_path / "kept.tar")
        restore(tmp_path / "kept.tar", home=tmp_path / "again")
        with closing(open_store(home=tmp_path / "again")) as other:
            assert kept(other) == 1
            assert Desk(other).ask().cached_from is None

    def test_erasing_the_conversation_that_it_was_given_in(self, desk: Desk) -> None:
        desk.ask(conversation_id="c", caller="ada")
        assert kept(desk.store) == 1
        desk.store.erase_conversation("c", thoroughly=False)
        assert kept(desk.store) == 0
        assert desk.ask().cached_from is None

    def test_erasing_the_user_who_asked_first(self, desk: Desk) -> None:
        desk.ask(caller="ada")
        desk.store.erase_user("ada")
        assert kept(desk.store) == 0
        assert desk.ask(caller="bob").cached_from is None

    def test_erasing_a_document_takes_it_out_of_every_answer_that_was_given(self, desk: Desk) -> None:
        given = [desk.ask(conversation_id=conversation) for conversation in ("a", "b")]
        assert given[1].cached_from == given[0].trace_id
        receipt = desk.store.erase_document("leave", collection="library")
        assert set(receipt.exchanges) == {each.trace_id for each in given}
        assert all("thirty" not in str(desk.store.exchanges.get(each.trace_id)) for each in given)
        assert desk.store.conversations.get("b").turns[-1].content == WITHDRAWN

    def test_a_scrubbed_record_answers_nothing(self, desk: Desk, home: Path) -> None:
        first = desk.ask()
        with desk.store._database.write() as connection:
            replace_exchange(connection, scrubbed(first, {"leave"}), Sealer(home=home))
        assert kept(desk.store) == 1
        again = desk.ask()
        assert (again.cached_from, again.outcome, again.answer) == (None, "answered", first.answer)
        assert desk.ask().cached_from == again.trace_id

    def test_a_quote_that_does_not_stand_any_more(self, desk: Desk) -> None:
        desk.ask()
        with desk.store._database.write() as connection:
            connection.exec_driver_sql("UPDATE document_texts SET text = replace(text, 'thirty', 'twenty')")
        desk.grounder = Desk(desk.store).grounder
        assert desk.ask().cached_from is None

    def test_a_change_while_it_is_made(self, desk: Desk) -> None:
        desk.model.happens = lambda: put(desk.store, "new", "annual leave is longer in July")
        desk.ask()
        assert kept(desk.store) == 0

    def test_age(self, desk: Desk) -> None:
        desk.ask()
        age(desk.store, hours=25)
        assert desk.ask().cached_from is None
        assert desk.ask().cached_from is not None
        age(desk.store, hours=2)
        assert Desk(desk.store, cache={"answers": "exact", "hours": 1}).ask().cached_from is None

    def test_the_oldest_go_where_there_are_too_many(self, desk: Desk) -> None:
        asking = Desk(desk.store, cache={"answers": "exact", "entries": 3})
        questions = [f"{ASKED} {word}" for word in ("now", "then", "here", "there", "anyway")]
        for question in questions:
            asking.ask(question)
        assert kept(desk.store) == 3
        assert [asking.ask(question).cached_from is None for question in questions[2:]] == [False] * 3


def age(store: Store, *, hours: float) -> None:
    """Makes all that is kept so much older."""
    with store._database.write() as connection:
        connection.execute(update(CachedAnswerRow).values(created_at=datetime.now(UTC) - timedelta(hours=hours)))


class TestSemantic:
    def ask_after(self, desk: Desk, question: str, **cache: object) -> Exchange:
        asking = Desk(desk.store, cache={"answers": "semantic", **cache})
        asking.ask("How long is the annual leave?")
        return asking.ask(question)

    @pytest.mark.parametrize(
        "question",
        [
            "how long is annual leave",
            "How long is annual leave?",
            "Please tell me how long is the annual leave",
        ],
    )
    def test_another_wording_of_the_same_words_hits(self, desk: Desk, question: str) -> None:
        found = self.ask_after(desk, question, similarity=0.5)
        assert found.cached_from is not None
        assert dict(next(step.facts for step in found.steps if step.name == "cache"))["kind"] == "semantic"
        assert found.question.clean == question

    def test_below_the_threshold_it_misses(self, desk: Desk) -> None:
        assert self.ask_after(desk, "Please tell me how long is the annual leave", similarity=1.0).cached_from is None

    @pytest.mark.parametrize(
        "question", ["How long is the annual leave not?", "Who is on annual leave?", "how long is unpaid leave"]
    )
    def test_other_words_miss_however_near(self, desk: Desk, question: str) -> None:
        assert self.ask_after(desk, question, similarity=0.5).cached_from is None

    def test_exact_does_not_take_it_for_the_same(self, desk: Desk) -> None:
        assert self.ask_after(desk, "how long is annual leave", answers="exact").cached_from is None

    def test_a_follow_up_is_never_taken_for_another(self, desk: Desk) -> None:
        asking = Desk(desk.store, cache={"answers": "semantic", "similarity": 0.5})
        history = (Turn("user", ASKED), Turn("assistant", LEAVE))
        asking.ask("and in the summer?", history=history)
        assert asking.ask("And in summer?", history=history).cached_from is None
        assert asking.ask("and in the summer?", history=history).cached_from is not None


class TestWhoMayRead:
    @pytest.mark.parametrize("mode", ["exact", "semantic"])
    def test_groups_never_share(self, store: Store, mode: str) -> None:
        put(store, "open", f"{LEAVE} for all")
        put(store, "board", f"{LEAVE} and ten more for the board", metadata={"groups": ["board"]})
        asking = Desk(store, cache={"answers": mode, "similarity": 0.5})
        callers = [None, frozenset({"board"}), frozenset({"staff"}), frozenset({"staff", "board"}), frozenset[str]()]
        for groups in callers:
            found = asking.ask(f"{ASKED} for the board", groups=groups)
            assert found.cached_from is None
            seen = {item.passage.document_id for item in found.evidence}
            assert ("board" in seen) == (groups is None or "board" in groups)
        for groups in callers:
            again = asking.ask(
                "How long is annual leave for the board?" if mode == "semantic" else f"{ASKED} for the board",
                groups=groups,
            )
            assert again.cached_from is not None
            seen = {item.passage.document_id for item in again.evidence}
            assert ("board" in seen) == (groups is None or "board" in groups)

    def test_two_keys_of_the_same_groups_share(self, desk: Desk) -> None:
        desk.ask(caller="a", key="one", groups=frozenset({"x", "y"}))
        assert desk.ask(caller="b", key="two", groups=frozenset({"y", "x"})).cached_from is not None


class TestFollowUps:
    def test_other_conversations_do_not_share(self, desk: Desk) -> None:
        put(desk.store, "yard", "the yard closes at nine in winter")
        for conversation, opening in (("a", ASKED), ("b", "when does the yard close")):
            desk.ask(opening, conversation_id=conversation)
            assert desk.ask("and in winter?", conversation_id=conversation).cached_from is None

    def test_the_same_conversation_again_does(self, desk: Desk) -> None:
        for conversation in ("a", "b"):
            desk.ask(conversation_id=conversation)
            last = desk.ask("and in winter?", conversation_id=conversation)
        assert last.cached_from is not None
        assert len(desk.model.prompts) == 2

    def test_a_hit_is_not_reworded(self, desk: Desk) -> None:
        rewriter = Rewording()
        asking = Desk(desk.store, rewriter=rewriter)
        history = (Turn("user", ASKED), Turn("assistant", LEAVE))
        found = [asking.ask("and in winter?", history=history) for _ in range(2)]
        assert found[1].cached_from == found[0].trace_id
        assert rewriter.asked == 1
        assert (found[0].question.rewritten, found[1].question.rewritten) == ("and in winter? 1", None)


class TestPrivateValues:
    def desk(self, store: Store, *origins: Any, kind: str = "EMAIL_ADDRESS", word: str = SECRET) -> Desk:
        put(store, "leave", LEAVE)
        return Desk(store, checks=[WordCheck("pii", word, frozenset(origins), kind=kind)])

    def test_a_question_with_one_is_neither_kept_nor_looked_up(self, store: Store) -> None:
        desk = self.desk(store, "question", "history")
        found = [desk.ask(f"{ASKED} for {SECRET}") for _ in range(2)]
        assert [each.cached_from for each in found] == [None, None]
        assert "cache" not in [step.name for step in found[1].steps]
        assert kept(store) == 0

    def test_nor_one_whose_history_has_one(self, store: Store) -> None:
        desk = self.desk(store, "question", "history")
        history = (Turn("user", f"I am {SECRET}"), Turn("assistant", "good day to you"))
        assert [desk.ask(history=history).cached_from for _ in range(2)] == [None, None]
        assert kept(store) == 0

    def test_nor_an_answer_with_one(self, store: Store) -> None:
        desk = self.desk(store, "answer", word="thirty")
        assert [desk.ask().cached_from for _ in range(2)] == [None, None]
        assert kept(store) == 0

    def test_nor_is_an_answer_given_that_says_one_of_this_conversation(self, store: Store) -> None:
        put(store, "leave", LEAVE)
        check = WordCheck("pii", "thirty", frozenset({"question"}), kind="PASSWORD")
        desk = Desk(store, checks=[check], prompting={"history_tokens": 0})
        desk.ask()
        assert desk.ask(conversation_id="other").cached_from is not None
        desk.model.says = "I don't know."
        desk.ask("my code is thirty, what is yours", conversation_id="c")
        desk.model.says = "{text} [1]."
        assert desk.ask(conversation_id="c").cached_from is None

    def test_nor_what_instructions_with_one_made(self, store: Store) -> None:
        desk = self.desk(store, "history")
        asked = {"instructions": f"Write to {SECRET}."}
        assert [desk.ask(**asked).cached_from for _ in range(2)] == [None, None]
        assert kept(store) == 0

    def test_evidence_with_one_is_given_in_full_again(self, store: Store) -> None:
        desk = self.desk(store, "passage")
        put(store, "contact", f"parking is free, write to {SECRET}")
        first, second = desk.ask(), desk.ask()
        assert second.cached_from == first.trace_id
        assert any(SECRET in item.passage.text for item in second.evidence)
        assert second.evidence == first.evidence
        recorded = [store.exchanges.get(each.trace_id) for each in (first, second)]
        assert SECRET not in str(recorded)
        assert recorded[0].evidence == recorded[1].evidence

    def test_a_name_that_the_passages_say_is_no_secret(self, store: Store) -> None:
        desk = self.desk(store, "question", kind="PERSON", word="Ada")
        put(store, "ada", "Ada has annual leave in July")
        asked = f"{ASKED} of Ada"
        first, second = desk.ask(asked), desk.ask(asked)
        assert second.cached_from == first.trace_id
        assert store.exchanges.get(second.trace_id).question.clean == asked

    def test_a_name_that_they_do_not_say_is_one(self, store: Store) -> None:
        desk = self.desk(store, "question", kind="PERSON", word="Ada")
        assert [desk.ask(f"{ASKED} of Ada").cached_from for _ in range(2)] == [None, None]
        assert kept(store) == 0


class TestAtOnce:
    def test_two_who_ask_at_once_both_get_an_answer(self, desk: Desk) -> None:
        together = threading.Barrier(2, timeout=30)
        desk.model.happens = together.wait
        found: list[Exchange] = []
        threads = [threading.Thread(target=lambda: found.append(desk.ask())) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[0].answer == found[1].answer
        assert kept(desk.store) == 1
        desk.model.happens = lambda: None
        assert desk.ask().cached_from in {each.trace_id for each in found}

    def test_a_store_that_is_busy_costs_the_cache_and_nothing_else(self, desk: Desk) -> None:
        first = desk.ask("when does the canteen open")
        wanted = Wanted(b"s", b"k", b"g")
        since = datetime.now(UTC) - timedelta(hours=1)
        standing = desk.store.answers.standing("library")
        assert standing is not None
        with desk.store._database.write():
            desk.store.answers.keep(
                wanted, trace_id=first.trace_id, collection="library", standing=standing, since=since, entries=9
            )
        assert desk.store.answers.same(wanted, since=since) is None

    def test_a_database_that_fails_is_a_miss(self, desk: Desk) -> None:
        desk.ask()
        with desk.store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE cached_answers RENAME TO elsewhere")
        assert [(desk.ask().outcome, desk.ask().cached_from) for _ in range(2)] == [("answered", None)] * 2
        with desk.store._database.write() as connection:
            connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO cached_answers")

    def test_a_record_that_is_not_there_is_not_kept(self, desk: Desk) -> None:
        standing = desk.store.answers.standing("library")
        assert standing is not None
        since = datetime.now(UTC) - timedelta(hours=1)
        desk.store.answers.keep(
            Wanted(b"s", b"k", b"g"), trace_id="none", collection="library", standing=standing, since=since, entries=9
        )
        assert kept(desk.store) == 0


_NAMES = st.sampled_from(["a", "b", "c"])
_QUESTIONS = st.sampled_from([ASKED, "How long is the annual leave?", "when does the canteen open", "is parking free"])
_GROUPS = st.sampled_from([None, frozenset(), frozenset({"staff"})])


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("empty")
    open_store(home=home).close()
    return home


class Interleaved(RuleBasedStateMachine):
    """Whatever happens between, an answer with the cache on is the one that a grounder without a cache gives."""

    empty: Path
    scratch: Path
    runs = 0

    @initialize()
    def open(self) -> None:
        type(self).runs += 1
        home = shutil.copytree(self.empty, self.scratch / str(self.runs))
        self.store = open_store(home=home)
        put(self.store, "a", LEAVE)
        self.cached = Desk(self.store, cache={"answers": "semantic", "similarity": 0.5})
        self.plain = Desk(self.store, cache={"answers": "off"})
        self.hits = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()

    @rule(name=_NAMES, text=st.sampled_from(TEXTS), groups=st.sampled_from([None, ["staff"]]))
    def ingest(self, name: str, text: str, groups: list[str] | None) -> None:
        put(self.store, name, text, metadata={} if groups is None else {"groups": groups})

    @rule(name=_NAMES)
    def delete(self, name: str) -> None:
        delete(self.store, name)

    @rule()
    def make_anew(self) -> None:
        self.store.collections.delete("library")
        put(self.store, "a", LEAVE)

    @rule(version=st.sampled_from(["answer", "support"]), language=st.sampled_from(["", "en"]))
    def use(self, version: str, language: str) -> None:
        self.store.prompts.add("support", "Answer like [1], or say: I don't know.")
        self.store.prompts.use(version, language=language)

    @rule(question=_QUESTIONS, groups=_GROUPS, conversation=st.sampled_from([None, "t"]))
    def ask(self, question: str, groups: frozenset[str] | None, conversation: str | None) -> None:
        history = () if conversation is None else (Turn("user", ASKED), Turn("assistant", LEAVE))
        given, new = (
            desk.ask(question, groups=groups, history=history, caller="ada") for desk in (self.cached, self.plain)
        )
        self.hits += given.cached_from is not None
        assert (given.outcome, given.answer, given.prompt_version) == (new.outcome, new.answer, new.prompt_version)
        assert [item.passage for item in given.evidence] == [item.passage for item in new.evidence]
        again = self.cached.ask(question, groups=groups, history=history)
        assert (again.cached_from is not None) == (new.outcome == "answered")
        assert again.answer == new.answer

    @rule()
    def erase(self) -> None:
        self.store.erase_user("ada")

    @invariant()
    def no_word_is_kept(self) -> None:
        if hasattr(self, "store"):
            with self.store._database.read() as connection:
                for row in connection.execute(select(CachedAnswerRow)):
                    assert not any(isinstance(cell, str) and " " in cell for cell in row)


def test_with_a_cache_answers_are_those_of_without(empty: Path, tmp_path: Path) -> None:
    class Run(Interleaved):
        pass

    Run.empty, Run.scratch = empty, tmp_path
    case = Run.TestCase
    case.settings = hypothesis_settings(
        max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
    )
    case().runTest()
