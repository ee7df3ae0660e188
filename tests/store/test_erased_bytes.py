"""What an erasure reaches, what keeps it from its end, and what SQLite's file and its log hold afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.errors import Conflict, NotFound
from grounding.settings import Storage
from grounding.values import Answer, Citation, Evidence, Message, Passage, Question
from store import needles
from store.database import FILE_NAME, Database
from store.exchanges import encode_exchange
from store.open import Store, open_store
from store.withdrawing import WITHDRAWN, scrubbed
from tests.store import canary, library
from tests.store.test_processes import Other

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def full(store: Store) -> Store:
    canary.fill(store)
    return store


def test_answers_before_it_and_about_others_stay(full: Store) -> None:
    early = library.exchange("e1", conversation_id="c9", answer=Answer("It opens at noon.", "answered"))
    canary.record(full, early)
    canary.record(full, canary.quoting(full, "e2", conversation_id="c9", created_at=library.NOON.replace(hour=13)))
    canary.record(full, library.exchange("e3", conversation_id="c8", answer=Answer("At noon.", "answered")))
    full.erase_document("secret")
    assert canary.answers(full, "c9") == ["It opens at noon.", WITHDRAWN]
    assert canary.answers(full, "c8") == ["At noon."]
    assert full.exchanges.get("e1") == early


def test_one_that_was_deleted_before_is_erased_from_the_records(full: Store, home: Path) -> None:
    full.documents.delete("secret")
    receipt = full.erase_document("secret")
    assert receipt.clean, receipt
    # Where it was from, by which jobs know it, the records still said.
    assert (receipt.exchanges, receipt.jobs) == (("t1", "t2", "t3", "t4"), 1)
    assert canary.held(home) == []


def test_an_id_that_is_not_there_is_said_to_be(store: Store) -> None:
    receipt = store.erase_document("nobody")
    assert receipt.clean
    assert receipt.removed == {}
    assert any("nothing of this id was there" in note for note in receipt.notes)
    with pytest.raises(NotFound, match="librery"):
        store.erase_document("nobody", collection="librery")


def test_an_id_in_two_collections_needs_the_collection(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    library.put(store, library.document("a", "two"), collection="other")
    with pytest.raises(Conflict, match="'library', 'other'"):
        store.erase_document("a")
    assert store.erase_document("a", collection="other").collections == ("other",)
    assert store.documents.get("a").document.text == "one"


def test_records_of_a_collection_that_is_gone_are_reached(full: Store, home: Path) -> None:
    full.collections.delete("library")
    assert canary.answers(full, "c1")[0] == WITHDRAWN
    receipt = full.erase_document("secret")
    assert receipt.clean, receipt
    assert receipt.exchanges == ("t1", "t2", "t3", "t4")
    assert canary.held(home) == []


def test_an_erased_document_begins_with_its_first_version(store: Store) -> None:
    for _ in range(2):
        library.put(store, canary.secret())
    store.documents.delete("secret")
    store.erase_document("secret")
    library.put(store, canary.secret())
    assert store.documents.get("secret").document.version == 1


def test_an_upload_that_would_bring_it_back_is_named(store: Store, home: Path) -> None:
    library.put(store, canary.secret())
    spool = home / "uploads" / "j1.x"
    spool.mkdir(parents=True)
    (spool / "documents.json").write_text(json.dumps([{"id": "secret", "text": "again"}]))
    store.jobs.enqueue("j1", "library", sources=["upload"], kind="upload", request={"folder": "j1.x"})
    with pytest.raises(Conflict, match="upload j1"):
        store.erase_document("secret")
    assert store.documents.get("secret").document.version == 1
    store.jobs.take("j1")
    store.jobs.finish("j1", status="done", report="{}")
    assert store.erase_document("secret").removed["documents"] == 1


def test_a_collection_that_is_being_written_is_told_of(store: Store) -> None:
    library.put(store, canary.secret(), library.document("other", "Something else"), publish=True)
    before = store.collections.get("library").generation
    with store.writer("library", fingerprint=library.FINGERPRINT):
        receipt = store.erase_document("secret", wait=False)
        assert store.corpus("library").lexical(canary.WORD, 5) == []
    assert (receipt.clean, receipt.rebuilt) == (False, ())
    assert any("grounding collection compact library" in reason for reason in receipt.unfinished)
    assert store.collections.get("library").generation == before
    again = store.erase_document("secret")
    assert (again.clean, again.rebuilt) == (True, ("library",))
    assert store.collections.get("library").generation != before


words = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=20)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4), words)
def test_a_stretch_is_found_where_it_stands_and_nowhere_else(texts: list[str], mark: str) -> None:
    stretches = needles.stretches([*texts, mark * 40])
    assert len(stretches) <= needles.MOST
    for stretch in stretches:
        assert any(stretch in text for text in (*texts, mark * 40))
        assert any(form in json.dumps({"text": f"<{stretch}>"}) for form in needles.forms(stretch))


@pytest.mark.parametrize("before", [0, 5, needles._BLOCK - 7, needles._BLOCK, 2 * needles._BLOCK - 3])
def test_needles_are_found_across_blocks(tmp_path: Path, before: int) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"." * before + canary.TEXT.encode() + b"." * 10)
    (found,) = needles.seek({"here": [file, tmp_path / "gone"]}, [canary.TEXT, "not there at all"])
    assert found.hits == {canary.TEXT: (str(file),)}
    assert (found.files, found.bytes) == (1, file.stat().st_size)


@given(words)
def test_a_scrubbed_record_holds_no_word_of_the_document(mark: str) -> None:
    word = f"<{mark}>"
    passage = Passage(1, "a", word, word, 1, word, 0, len(word), word, {"k": word})
    exchange = replace(
        library.exchange("t", question="plain"),
        question=Question("plain", "plain", f"{word}\nplain", "en", rewritten=word, context=word),
        evidence=(Evidence(1, 1.0, passage),),
        messages=(Message("user", word),),
        answer=Answer(word, "answered", (Citation(1, "a", word, word, 1, 1, 0, 1, word),)),
        error=f"generator_failed: {word}",
    )
    left = encode_exchange(scrubbed(exchange, {"a"}))
    assert not any(form in left for form in needles.forms(word))


_KILLED = """
import os, sys
from pathlib import Path
from store.open import open_store
def reached(milestone):
    if milestone == "erasure committed":
        os._exit(9)
open_store(home=Path(sys.argv[1]), reached=reached).erase_document("secret")
"""


def test_a_reader_of_an_earlier_state_is_told_of(home: Path) -> None:
    with closing(Store(Database(home=home, busy_ms=100), home=home, storage=Storage())) as store:
        library.put(store, canary.secret(), publish=True)
        with closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM documents").fetchone()
            receipt = store.erase_document("secret")
            assert not receipt.clean
            assert any("erase the same again" in reason for reason in receipt.unfinished)
            assert any(place.found for place in receipt.searched)
            assert f"{FILE_NAME}-wal" in canary.held(home)
        again = store.erase_document("secret")
        assert again.clean
        assert canary.held(home) == []


def test_what_an_earlier_version_deleted_goes_too(store: Store, home: Path) -> None:
    library.put(store, library.document("a", "one"))
    with closing(sqlite3.connect(home / FILE_NAME, isolation_level=None)) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.execute("CREATE TABLE notes (text)")
        careless.execute("INSERT INTO notes VALUES (?)", (canary.TEXT * 500,))
        careless.execute("DELETE FROM notes")
        careless.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert canary.held(home) == [FILE_NAME]
    store.erase_conversation("c", thoroughly=False)
    assert canary.held(home) == [FILE_NAME]
    store.erase_conversation("c")
    assert canary.held(home) == []


def test_another_process_that_reads_on_holds_nothing_back(full: Store, home: Path) -> None:
    other = Other(home, None)
    try:
        assert other.best(canary.WORD)[1] != []
        assert full.erase_document("secret").clean
        assert canary.held(home) == []
        assert other.best(canary.WORD)[1:] == [[], []]
        assert canary.held(home) == []
    finally:
        other.close()


def test_killed_after_the_commit_it_is_finished_by_asking_again(full: Store, home: Path) -> None:
    full.close()
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(home)], cwd=REPOSITORY, check=False)
    assert killed.returncode == 9
    assert canary.held(home) != []
    with closing(open_store(home=home)) as store:
        assert store.corpus("library").lexical(canary.WORD, 5) == []
        receipt = store.erase_document("secret")
        assert receipt.removed == {}
        assert receipt.rebuilt == ("library",)
        assert receipt.clean
    assert canary.held(home) == []
