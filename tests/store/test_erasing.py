"""What is erased is gone: from answers, from records, and from the bytes on disk; and the receipt tells the truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grounding.errors import InvalidRequest, NotFound
from grounding.values import Answer
from store.open import Store
from store.withdrawing import WITHDRAWN
from tests.store import canary, library


@pytest.fixture
def full(store: Store) -> Store:
    canary.fill(store)
    return store


def test_a_document_is_gone_from_every_byte(full: Store, home: Path) -> None:
    receipt = full.erase_document("secret")
    assert canary.held(home, canary.WORD, canary.TEXT) == []
    assert receipt.clean, receipt
    assert receipt.removed == {
        "documents": 1,
        "document_texts": 1,
        "document_metadata": 1,
        "passages": 2,
        "vectors": 2,
        "passage_tokens": 2,
        "passage_entities": 4,
        "job_items": 1,
    }
    assert (receipt.exchanges, receipt.answers, receipt.jobs) == (("t1", "t2", "t3", "t4"), 3, 1)
    assert receipt.rebuilt == ("library",)
    assert {"table passages", "vectors of library", "lexical of library", "indexes"} <= {
        s.where for s in receipt.searched
    }
    assert all(result.ok for result in full.check())
    library.put(full, library.document("later", "Ingested after it"), publish=True)
    assert canary.held(home) == []
    assert full.corpus("library").lexical(canary.WORD, 5) == []


def test_records_that_tell_of_it_keep_their_numbers_and_lose_their_words(full: Store) -> None:
    before = full.exchanges.get("t1")
    full.erase_document("secret")
    first, second = full.exchanges.get("t1"), full.exchanges.get("t2")
    assert {item.passage.document_id for item in first.evidence} == {"other", "d0", "d1", "d2"}
    assert first.answer == Answer(WITHDRAWN, "answered")
    assert (first.messages, first.steps, first.caller, first.question) == ((), before.steps, "ada", before.question)
    lost = {item.passage.id for item in before.evidence if item.passage.document_id == "secret"}
    assert {item.passage_id for item in first.dropped if item.stage == "withdrawn"} == lost
    assert second.question.standalone == "And then?"
    assert canary.answers(full, "c1") == [WITHDRAWN, WITHDRAWN]
    assert canary.answers(full, "c2") == [WITHDRAWN]
    assert [turn.role for turn in full.conversations.turns("c1")] == ["user", "user"]
    (job,) = full.jobs.list()
    assert job.sources == ("(erased)", "/home/ada/more")
    assert json.loads(str(job.report)) == {
        "failures": [{"source": "b.md", "detail": "empty"}],
        "warnings": ["(erased)"],
        "seconds": 1.0,
    }


def test_a_conversation_is_gone_from_every_byte(store: Store, home: Path) -> None:
    said = f"my number is {canary.WORD} and nobody else's"
    asked = library.exchange("t1", question=said, conversation_id="c", answer=Answer(f"So {said} it is.", "answered"))
    canary.record(store, asked)
    canary.record(store, library.exchange("t2", conversation_id="d", answer=Answer("Five days.", "answered")))
    receipt = store.erase_conversation("c")
    assert receipt.clean
    assert receipt.removed == {"turns": 2, "exchanges": 1, "conversations": 1}
    assert canary.held(home) == []
    with pytest.raises(NotFound):
        store.exchanges.get("t1")
    assert canary.answers(store, "d") == ["Five days."]


def test_a_user_is_gone_with_all_that_they_asked(store: Store, home: Path) -> None:
    key, _ = store.keys.create(scopes=("chat",), name="ada")
    canary.record(
        store,
        library.exchange(
            "t1", question=canary.TEXT, conversation_id="c", caller=key.id, answer=Answer("a", "answered")
        ),
    )
    store.exchanges.record(library.exchange("t2", kind="search", question=canary.TEXT, caller=key.id))
    canary.record(store, library.exchange("t3", conversation_id="d", caller="bob", answer=Answer("b", "answered")))
    receipt = store.erase_user(key.id)
    assert receipt.clean
    assert receipt.removed == {"turns": 2, "exchanges": 2, "conversations": 1}
    assert canary.held(home) == []
    assert [line.trace_id for line in store.exchanges.list().items] == ["t3"]
    assert any(f"key revoke {key.id}" in note for note in receipt.notes)
    with pytest.raises(InvalidRequest, match="id of their key"):
        store.erase_user("")


def test_what_another_document_says_as_well_is_told_apart(store: Store) -> None:
    library.put(store, canary.secret(), library.document("copy", canary.TEXT))
    receipt = store.erase_document("secret")
    assert receipt.clean
    assert any("also stand in what is kept" in note for note in receipt.notes)
    assert store.documents.get("copy").document.text == canary.TEXT
