"""Private values of turns and Exchanges: sealed, told to no other conversation, gone with what told of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from grounding.filters import parse
from grounding.values import Answer, Exchange, Message, Question, Turn
from store.erasing import _holding
from store.exchanges import encode_exchange
from store.open import Store, open_store
from store.restoring import restore
from store.schema import Base, ExchangeRow, TurnRow
from store.sealing import FILE_NAME
from store.withdrawing import WITHDRAWN, scrubbed
from tests.store import canary, library

MAIL, OTHER_MAIL = "ada.quux7319@example.org", "bob.quux7319@example.org"
PHONE = "03-7319-2468"
ASKED = "I am <EMAIL_ADDRESS_1>, call <PHONE_NUMBER_1>."


def exchange(
    trace_id: str, values: Mapping[str, str] | None = None, *, question: str = ASKED, **changes: object
) -> Exchange:
    return library.exchange(
        trace_id, question=question, **{"conversation_id": "c", "values": values or {}, "caller": "ada", **changes}
    )


def record(
    store: Store,
    trace_id: str,
    asked: Mapping[str, str],
    answered: Mapping[str, str] | None = None,
    *,
    made: Exchange | None = None,
    conversation_id: str = "c",
) -> None:
    """A turn whose question and answer carry these placeholders."""
    turns = (
        Turn("user", " ".join(asked) or "?", values=asked),
        Turn("assistant", " ".join(answered or {}) or "!", values=answered or {}),
    )
    made = made or exchange(trace_id, asked, question=" ".join(asked) or "?", conversation_id=conversation_id)
    store.exchanges.record(made, turns=turns)


def sealed(store: Store, column: object = TurnRow.sealed) -> list[bytes | None]:
    order = TurnRow.id if column is TurnRow.sealed else ExchangeRow.trace_id
    with store._database.read() as connection:
        return list(connection.execute(select(column).order_by(order)).scalars())  # type: ignore[call-overload]


def test_turns_come_back_with_their_values(store: Store) -> None:
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL}, {"<PHONE_NUMBER_1>": PHONE})
    record(store, "t2", {})
    found = [dict(turn.values) for turn in store.conversations.turns("c")]
    assert found == [{"<EMAIL_ADDRESS_1>": MAIL}, {"<PHONE_NUMBER_1>": PHONE}, {}, {}]
    assert [dict(turn.values) for turn in store.conversations.get("c").turns] == found
    assert sealed(store)[2:] == [None, None]


def test_all_values_of_a_conversation_come_in_the_order_in_which_they_were_first_told(store: Store) -> None:
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL}, {"<PHONE_NUMBER_1>": PHONE})
    record(store, "t2", {"<EMAIL_ADDRESS_2>": OTHER_MAIL, "<EMAIL_ADDRESS_1>": "somebody else"})
    values = store.conversations.private_values("c")
    assert list(values.items()) == [
        ("<EMAIL_ADDRESS_1>", MAIL),
        ("<PHONE_NUMBER_1>", PHONE),
        ("<EMAIL_ADDRESS_2>", OTHER_MAIL),
    ]
    assert store.conversations.private_values("never begun") == {}


def test_no_byte_of_the_database_tells_a_value(store: Store, home: Path) -> None:
    values = {"<EMAIL_ADDRESS_1>": MAIL, "<PHONE_NUMBER_1>": PHONE}
    record(store, "t1", values, values)
    store.exchanges.record(exchange("t2", values, conversation_id=None, kind="search"))
    assert canary.held(home, *values.values()) == []
    with store._database.read() as connection:
        assert not any(_holding(connection, value, Base.metadata.sorted_tables) for value in values.values())
    raw = b"".join(filter(None, (*sealed(store), *sealed(store, ExchangeRow.sealed))))
    assert len(sealed(store, ExchangeRow.sealed)) == 2
    assert raw
    assert not any(value.encode() in raw for value in values.values())
    assert store.conversations.private_values("c") == values


def test_an_exchange_tells_its_values_to_who_asks_for_them_and_to_nobody_else(store: Store) -> None:
    values = {"<EMAIL_ADDRESS_1>": MAIL}
    made = exchange("t1", values)
    store.exchanges.record(made)
    assert store.exchanges.get("t1", private=True) == made
    assert store.exchanges.get("t1") == replace(made, values={})
    assert '"values"' not in encode_exchange(made)
    assert MAIL not in encode_exchange(made)
    assert MAIL not in repr(made)
    assert MAIL not in repr(Turn("user", ASKED, values=values))


def test_a_blob_that_is_copied_elsewhere_does_not_open(store: Store) -> None:
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL})
    record(store, "t2", {"<EMAIL_ADDRESS_1>": OTHER_MAIL}, conversation_id="d")
    assert store.conversations.private_values("d") == {"<EMAIL_ADDRESS_1>": OTHER_MAIL}
    first = sealed(store)[0]
    of_exchange = sealed(store, ExchangeRow.sealed)[0]
    with store._database.write() as connection:
        connection.execute(update(TurnRow).where(TurnRow.conversation_id == "d").values(sealed=first))
        connection.execute(update(TurnRow).where(TurnRow.conversation_id == "c").values(sealed=of_exchange))
        connection.execute(update(ExchangeRow).where(ExchangeRow.trace_id == "t2").values(sealed=of_exchange))
    assert store.conversations.private_values("d") == {}
    assert store.conversations.private_values("c") == {}
    assert store.exchanges.get("t2", private=True).values == {}
    assert store.exchanges.get("t1", private=True).values == {"<EMAIL_ADDRESS_1>": MAIL}


def test_without_its_key_a_conversation_shows_placeholders_and_goes_on(
    store: Store, home: Path, database_url: str | None
) -> None:
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL})
    (home / FILE_NAME).unlink()
    with closing(open_store(home=home, database_url=database_url)) as other:
        assert other.conversations.private_values("c") == {}
        (turn, _) = other.conversations.turns("c")
        assert (turn.content, turn.values) == ("<EMAIL_ADDRESS_1>", {})
        assert other.exchanges.get("t1", private=True).values == {}
        record(other, "t2", {"<EMAIL_ADDRESS_1>": OTHER_MAIL})
        assert other.conversations.private_values("c") == {"<EMAIL_ADDRESS_1>": OTHER_MAIL}
    assert store.conversations.private_values("c") == {"<EMAIL_ADDRESS_1>": MAIL}


def test_an_answer_that_is_taken_back_takes_its_values(store: Store) -> None:
    library.put(store, canary.secret())
    quoting = canary.quoting(store, "t1", conversation_id="c", values={"<EMAIL_ADDRESS_1>": MAIL})
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL}, {"<PHONE_NUMBER_1>": PHONE}, made=quoting)
    store.documents.delete("secret")
    assert canary.answers(store, "c") == [WITHDRAWN]
    assert store.conversations.private_values("c") == {"<EMAIL_ADDRESS_1>": MAIL}
    assert sealed(store)[1] is None


def test_values_of_answers_that_a_caller_may_not_read_are_not_told(store: Store) -> None:
    library.put(store, canary.secret())
    quoting = canary.quoting(store, "t1", conversation_id="c")
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL}, {"<PHONE_NUMBER_1>": PHONE}, made=quoting)
    allowed = parse({"keys.deep": f"under {canary.WORD}"})
    assert store.conversations.private_values("c", where=allowed) == store.conversations.private_values("c")
    nobody = parse({"keys.deep": "something else"})
    assert store.conversations.private_values("c", where=nobody) == {"<EMAIL_ADDRESS_1>": MAIL}


def test_an_erased_conversation_takes_its_values(store: Store) -> None:
    record(store, "t1", {"<EMAIL_ADDRESS_1>": MAIL})
    assert store.erase_conversation("c").clean
    assert sealed(store) == sealed(store, ExchangeRow.sealed) == []


def telling(store: Store, text: str = f"Write to {MAIL.upper()}") -> None:
    """Adds a document that says a value."""
    library.put(store, library.document("secret", text), library.document("other", f"Not to {PHONE}"))


BOTH = {"<EMAIL_ADDRESS_1>": MAIL, "<PHONE_NUMBER_1>": PHONE}
LEFT = {"<PHONE_NUMBER_1>": PHONE}


def test_an_erased_document_takes_its_values_out_of_the_conversations_that_drew_on_it(store: Store) -> None:
    telling(store)
    record(store, "t0", BOTH)
    record(store, "t1", BOTH, BOTH, made=canary.quoting(store, "t1", conversation_id="c", values=BOTH))
    record(store, "t2", BOTH)
    record(store, "t3", BOTH, conversation_id="apart")
    assert store.erase_document("secret").clean
    assert store.conversations.private_values("c") == LEFT
    assert [dict(turn.values) for turn in store.conversations.get("c").turns if turn.role == "user"] == [LEFT] * 3
    assert store.exchanges.get("t0", private=True).values == LEFT
    assert store.exchanges.get("t2", private=True).values == LEFT
    assert store.conversations.private_values("apart") == BOTH
    assert store.exchanges.get("t3", private=True).values == BOTH


def test_a_record_without_a_conversation_is_cleared_as_well(store: Store) -> None:
    telling(store)
    made = canary.quoting(store, "t1", kind="search", answer=None, messages=(), values=BOTH)
    asked = replace(made.question, raw=" ".join(BOTH), clean=" ".join(BOTH))
    store.exchanges.record(replace(made, question=asked))
    store.erase_document("secret")
    assert store.exchanges.get("t1", private=True).values == LEFT


def test_what_does_not_open_goes_whole(store: Store, home: Path, database_url: str | None) -> None:
    telling(store)
    record(store, "t1", BOTH, BOTH, made=canary.quoting(store, "t1", conversation_id="c", values=BOTH))
    (home / FILE_NAME).rename(home / "elsewhere.key")
    with closing(open_store(home=home, database_url=database_url)) as other:
        other.erase_document("secret")
    assert sealed(store) == [None, None]
    assert sealed(store, ExchangeRow.sealed) == [None]


def test_a_value_that_the_record_of_a_deleted_document_hides_is_said_by_it(store: Store) -> None:
    telling(store)
    made = canary.quoting(store, "t1", conversation_id="c", values=BOTH)
    evidence = tuple(
        replace(item, passage=replace(item.passage, text="Write to <EMAIL_ADDRESS_1>"))
        if item.passage.document_id == "secret"
        else item
        for item in made.evidence
    )
    record(store, "t1", BOTH, BOTH, made=replace(made, evidence=evidence))
    store.documents.delete("secret")
    assert store.conversations.private_values("c") == BOTH
    store.erase_document("secret")
    assert store.conversations.private_values("c") == LEFT


def test_a_turn_under_way_keeps_no_value_of_a_document_that_goes_meanwhile(store: Store) -> None:
    telling(store)
    made = canary.quoting(store, "t1", conversation_id="c", values=BOTH)
    asked = replace(made.question, raw=" ".join(BOTH), clean=" ".join(BOTH))
    store.documents.delete("secret")
    record(store, "t1", BOTH, BOTH, made=replace(made, question=asked))
    assert store.conversations.private_values("c") == LEFT
    assert store.exchanges.get("t1", private=True).values == LEFT


def test_an_answer_is_known_again_by_whatever_number_its_placeholders_have(store: Store) -> None:
    library.put(store, canary.secret())
    first = canary.quoting(store, "t1", conversation_id="c")
    assert first.answer is not None
    said = replace(first.answer, text="Write to <EMAIL_ADDRESS_1> [1].")
    canary.record(store, replace(first, answer=said))
    history = (Message("assistant", "Write to <EMAIL_ADDRESS_7>."), Message("user", "And then?"))
    canary.record(store, canary.retelling("t2", messages=history, answer=Answer("As I said.", "answered")))
    assert store.erase_document("secret").exchanges == ("t1", "t2")


def test_a_scrubbed_record_keeps_the_values_of_what_was_asked_alone() -> None:
    question = Question(ASKED, "<EMAIL_ADDRESS_1>", "<PERSON_1> <EMAIL_ADDRESS_1>", "en", context="<PERSON_1>")
    made = exchange("t", {**BOTH, "<PERSON_1>": "Ada"})
    assert scrubbed(replace(made, question=question), {"a"}).values == BOTH


@pytest.mark.parametrize("bring_key", [True, False])
def test_a_backup_holds_what_is_sealed_and_not_the_key(
    store: Store, home: Path, tmp_path: Path, bring_key: bool
) -> None:
    record(store, "t1", BOTH)
    store.backup(tmp_path / "backup.tar")
    held = (tmp_path / "backup.tar").read_bytes()
    key = (home / FILE_NAME).read_bytes()
    assert key.strip() not in held
    assert not any(value.encode() in held for value in BOTH.values())
    other_home = tmp_path / "other"
    restore(tmp_path / "backup.tar", home=other_home)
    if bring_key:
        (other_home / FILE_NAME).touch(mode=0o600)
        (other_home / FILE_NAME).write_bytes(key)
    with closing(open_store(home=other_home)) as other:
        assert other.conversations.private_values("c") == (BOTH if bring_key else {})
        assert other.conversations.turns("c")[0].content == " ".join(BOTH)
