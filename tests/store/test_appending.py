"""Turns of callers who answer without an Exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grounding.values import Turn
from store.open import Store, open_store
from tests.store import library

VALUES = {"<EMAIL_ADDRESS_1>": "ada@example.org"}


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    with closing(open_store(home=tmp_path / "home", database_url=url)) as opened:
        yield opened


def test_turns_are_added_to_a_conversation_that_is_begun_if_it_is_new(store: Store) -> None:
    first = [Turn("user", "Write to <EMAIL_ADDRESS_1>", "m1", values=VALUES), Turn("assistant", "Done", "m2")]
    store.conversations.append("c", first, collection="library", owner="ada")
    store.conversations.append("c", [Turn("user", "bad \ud800")], collection="other", owner="eve")
    found = store.conversations.get("c")
    assert (found.owner, found.collection) == ("ada", "library")
    assert [turn.content for turn in found.turns] == ["Write to <EMAIL_ADDRESS_1>", "Done", "bad ?"]
    assert [turn.trace_id for turn in found.turns] == [None, None, None]
    assert found.turns[2].message_id not in ("", "m1", "m2")
    assert store.conversations.private_values("c") == VALUES
    assert found.updated_at == found.turns[2].created_at


def test_nothing_to_add_begins_nothing(store: Store) -> None:
    store.conversations.append("c", [], collection="library", owner="ada")
    assert store.conversations.list() == ()


def test_an_exchange_goes_on_from_them_and_erasing_takes_both(store: Store) -> None:
    store.conversations.append("c", [Turn("user", "one"), Turn("assistant", "two")], collection="library", owner="")
    store.exchanges.record(library.exchange("t", conversation_id="c"), turns=[Turn("user", "three")])
    assert [turn.content for turn in store.conversations.turns("c")] == ["one", "two", "three"]
    assert store.erase_conversation("c").removed == {"turns": 3, "exchanges": 1, "conversations": 1}
