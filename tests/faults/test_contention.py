"""Others at the database, at the collection, and at the clock: waited for, or told of; nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from grounding.errors import StoreError
from grounding.settings import Storage
from store.database import Database
from store.open import Store
from tests.faults.checker import Rows, violations
from tests.faults.child import NAME, Task
from tests.faults.nursery import Nursery


def test_a_locked_database_is_a_clear_error_and_searches_go_on(notes: Task) -> None:
    home = Path(notes.home)
    store = Store(Database(home=home, busy_ms=100), home=home, storage=Storage())
    name = next(iter(Rows(home).documents[NAME]))
    with closing(sqlite3.connect(home / "grounding.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="is locked by another process"):
            store.documents.delete(name, collection=NAME)
        assert store.corpus(NAME).lexical("note", 3)
        other.execute("ROLLBACK")
    store.close()
    assert violations(home, notes.journal) == []


def test_an_ingest_waits_for_a_locked_database(notes: Task, nursery: Nursery) -> None:
    home = Path(notes.home)
    with closing(sqlite3.connect(home / "grounding.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(1, lambda: other.execute("ROLLBACK"))
        timer.start()
        nursery.complete(notes)
        timer.join()
    assert violations(home, notes.journal) == []


def test_a_clock_that_goes_backwards(notes: Task, nursery: Nursery) -> None:
    for number in (1, 2, 3):
        nursery.complete(replace(notes, rounds=(number,), clock=3600))
        assert violations(Path(notes.home), notes.journal) == []


@pytest.mark.parametrize("other", [NAME, "others"])
def test_two_ingests_at_once(other: str, home: Path, nursery: Nursery, tmp_path: Path) -> None:
    one = Task(home=str(home), records=400)
    two = replace(one, collection=other)
    with Nursery(tmp_path / "said") as second:
        nursery.begin(one)
        second.begin(two)
        assert nursery.end().code == 0, nursery.complaints()
        assert second.end().code == 0, second.complaints()
    assert violations(home, one.journal, two.journal) == []
    # The second one waits for the first, and finds all that it brought: only what was deleted by hand is embedded anew.
    if other == NAME:
        assert one.journal.read().embedded < 1.1 * len(Rows(home).passages)


def test_of_two_ingests_at_once_one_is_killed(home: Path, nursery: Nursery, tmp_path: Path) -> None:
    one = Task(home=str(home), records=400)
    with Nursery(tmp_path / "said") as second:
        second.begin(replace(one, at=("documents committed", 3)))
        deadline = time.monotonic() + 30
        while not one.journal.read().documents and time.monotonic() < deadline:
            time.sleep(0.01)
        nursery.begin(one)
        assert second.end().killed
        assert nursery.end().code == 0, nursery.complaints()
    assert violations(home, one.journal) == []
