from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding import values
from grounding.errors import Conflict, InvalidRequest, NotFound, StoreError
from grounding.values import Exchange, Hit, Question, Step, Turn
from store.exchanges import decode_exchange, encode_exchange
from store.open import Store
from store.paging import decode, encode
from tests.store import library


def _turns(number: int) -> tuple[Turn, Turn]:
    return Turn("user", f"question {number}", f"q{number}"), Turn("assistant", f"answer {number}", f"a{number}")


def _record(store: Store, number: int) -> None:
    at = library.NOON + timedelta(seconds=number)
    exchange = library.exchange(f"t{number}", conversation_id="c", created_at=at, caller="ada")
    store.exchanges.record(exchange, turns=_turns(number))


def test_turns_come_oldest_first_and_only_the_latest(store: Store) -> None:
    for number in range(5):
        _record(store, number)
    turns = store.conversations.turns("c", limit=3)
    assert [turn.content for turn in turns] == ["answer 3", "question 4", "answer 4"]
    assert turns[-1] == Turn("assistant", "answer 4", "a4", "t4", library.NOON + timedelta(seconds=4))
    found = store.conversations.get("c")
    assert len(found.turns) == 10
    assert (found.owner, found.collection, found.created_at) == ("ada", "library", library.NOON)
    assert found.updated_at == library.NOON + timedelta(seconds=4)


def test_conversations_are_listed_by_last_use_without_turns(store: Store) -> None:
    for number, name in enumerate(("old", "new")):
        at = library.NOON + timedelta(hours=number)
        store.exchanges.record(library.exchange(f"t{number}", conversation_id=name, created_at=at))
    assert [(each.id, each.turns) for each in store.conversations.list()] == [("new", ()), ("old", ())]
    assert store.conversations.turns("old") == []


def test_an_erased_conversation_takes_its_turns_and_exchanges(store: Store) -> None:
    _record(store, 1)
    store.exchanges.record(library.exchange("apart"))
    assert store.erase_conversation("c").removed == {"turns": 2, "exchanges": 1, "conversations": 1}
    assert store.erase_conversation("c").removed == {}
    for call in (store.conversations.get, store.conversations.turns):
        with pytest.raises(NotFound, match="'c'"):
            call("c")
    with pytest.raises(NotFound, match="'t1'"):
        store.exchanges.get("t1")
    assert store.exchanges.get("apart").trace_id == "apart"
    _record(store, 2)
    assert [turn.content for turn in store.conversations.turns("c")] == ["question 2", "answer 2"]


def test_an_exchange_that_cannot_be_kept_keeps_no_turns(store: Store) -> None:
    _record(store, 1)
    with pytest.raises(Conflict, match="'t1' is recorded already"):
        _record(store, 1)
    with pytest.raises(StoreError, match="turns need a conversation"):
        store.exchanges.record(library.exchange("t9"), turns=_turns(9))
    assert len(store.conversations.turns("c")) == 2


def test_a_new_conversation_whose_exchange_fails_is_not_begun(store: Store) -> None:
    store.exchanges.record(library.exchange("t1"))
    with pytest.raises(Conflict):
        store.exchanges.record(library.exchange("t1", conversation_id="never"))
    with pytest.raises(NotFound):
        store.conversations.get("never")


def test_exchanges_are_listed_newest_first_page_by_page(store: Store) -> None:
    for number in range(7):
        # Two at the same moment: the trace id decides.
        store.exchanges.record(library.exchange(f"t{number}", created_at=library.NOON + timedelta(seconds=number // 2)))
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = store.exchanges.list(limit=3, cursor=cursor)
        seen += [each.trace_id for each in page.items]
        # What comes in meanwhile is newer, and shifts nothing.
        store.exchanges.record(library.exchange(f"u{len(seen)}", created_at=library.NOON + timedelta(hours=1)))
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]


def test_exchanges_are_found_by_what_is_asked_for(store: Store) -> None:
    store.exchanges.record(library.exchange("a", question="Wie groß ist ÄRGER?", conversation_id="c"))
    store.exchanges.record(library.exchange("b", outcome="refused", question="100 % of_it"))
    store.exchanges.record(library.exchange("c", collection="other", question="休暇は?"))

    def found(**wanted: Any) -> list[str]:
        return sorted(each.trace_id for each in store.exchanges.list(**wanted).items)

    assert found(conversation="c") == ["a"]
    assert found(collection="other") == ["c"]
    assert found(outcome="refused") == ["b"]
    assert found(q="ärger") == found(q="GROSS") == ["a"]
    assert found(q="0 %") == found(q="OF_IT") == ["b"]
    assert found(q="%") == ["b"]
    assert found(q="休暇") == ["c"]
    assert found(collection="library", q="休暇") == []


def test_a_line_of_the_list_tells_the_turn(store: Store) -> None:
    steps = (Step("embed", 2.0), Step("total", 9.5))
    store.exchanges.record(library.exchange("a", steps=steps, generator="extractive", conversation_id="c"))
    (line,) = store.exchanges.list().items
    assert (line.kind, line.total_ms, line.generator, line.conversation_id) == ("chat", 9.5, "extractive", "c")
    assert (line.question, line.outcome, line.passages) == ("How long is the leave?", "answered", 0)


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "é", "bnVsbA", "WzEsMl0", encode(library.NOON, "a")[:-3]])
def test_a_cursor_that_was_never_given_out_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        store.exchanges.list(cursor=cursor)


@given(st.datetimes(timezones=st.just(UTC)), st.text())
def test_a_cursor_says_what_it_was_given(at: datetime, key: str) -> None:
    assert decode(encode(at, key)) == (at, key)


def test_a_question_that_is_not_unicode_is_recorded_all_the_same(store: Store) -> None:
    question = Question(raw="bad \ud800", clean="bad \ud800", standalone="", language="und")
    exchange = replace(library.exchange("t", conversation_id="c"), question=question)
    store.exchanges.record(exchange, turns=[Turn("user", "bad \ud800")])
    assert store.exchanges.get("t") == exchange
    assert store.exchanges.list().items[0].question == "bad ?"


def test_numbers_of_numpy_and_not_finite_ones_are_kept(store: Store) -> None:
    odd = (Hit(1, float("inf")), Hit(int(np.int64(2)), np.float32(0.5)))  # type: ignore[arg-type]
    store.exchanges.record(library.exchange("t", ranking=odd))
    assert store.exchanges.get("t").ranking == odd


def test_a_record_of_another_version_says_so(store: Store) -> None:
    body = encode_exchange(library.exchange("t")).replace('"answered"', '"outdated"')
    with pytest.raises(StoreError, match=r"another version.+outcome"):
        decode_exchange(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
facts = st.dictionaries(
    st.text(), st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), max_size=3
)


def _built(kind: type[Any], **given_fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any value of a dataclass: fields that hold dataclasses through their own strategies."""
    return st.builds(kind, **given_fields)


passages = _built(values.Passage, metadata=st.dictionaries(st.text(), json_values, max_size=2))
floats = st.floats(allow_nan=False)
exchanges = st.builds(
    Exchange,
    kind=st.sampled_from(get_args(Literal["search", "ground", "chat"])),
    outcome=st.sampled_from(["answered", "partial", "abstained", "refused", "ready", "no_evidence", "found", "failed"]),
    question=_built(values.Question),
    ranking=st.lists(st.builds(values.Hit, score=floats), max_size=2).map(tuple),
    evidence=st.lists(_built(values.Evidence, passage=passages, score=floats), max_size=2).map(tuple),
    legs=st.lists(st.builds(values.Leg, hits=st.just((values.Hit(1, 0.5),))), max_size=2).map(tuple),
    verdicts=st.lists(st.builds(values.Verdict, score=floats), max_size=2).map(tuple),
    steps=st.lists(st.builds(values.Step, ms=floats, facts=facts), max_size=2).map(tuple),
    answer=st.none() | st.builds(values.Answer, support=st.builds(values.Support, score=floats)),
    usage=st.builds(values.Usage, cost_usd=st.none() | floats),
    values=st.dictionaries(st.text(), st.text(), max_size=2),
)


@settings(max_examples=60, deadline=None)
@given(exchange=exchanges)
def test_any_exchange_comes_back_as_it_was_but_for_private_values(exchange: Exchange) -> None:
    again = decode_exchange(encode_exchange(exchange))
    assert again == replace(exchange, values={})
    for name in get_type_hints(Exchange):
        assert type(getattr(again, name)) is type(getattr(exchange, name))
    for mine, theirs in zip(again.steps, exchange.steps, strict=True):
        # True is 1 and 1 is 1.0 to Python: the kinds must come back too.
        assert {k: type(v) for k, v in mine.facts.items()} == {k: type(v) for k, v in theirs.facts.items()}
