"""check finds every disagreement between SQL and the indexes, and repair ends those that can be ended from SQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from grounding.errors import CollectionBusy, NotFound
from store.check import CheckResult
from store.open import Store
from tests.store import library


@pytest.fixture
def filled(store: Store) -> Store:
    documents = [library.document(f"d{i}", f"text {i}", names=["Ada"]) for i in range(20)]
    library.put(store, *documents, publish=True)
    store.documents.delete("d3")
    library.put(store, library.document("d4", "changed"), library.document("new", "text"))
    return store


def _faults(results: list[CheckResult]) -> dict[str, str]:
    return {result.part: result.detail for result in results if not result.ok}


def _run(store: Store, *statements: str) -> None:
    with store._database.write() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        for statement in statements:
            connection.execute(text(statement))


def test_a_sound_store_has_no_faults(filled: Store) -> None:
    results = filled.check()
    assert _faults(results) == {}
    assert [(result.collection, result.part) for result in results] == [
        ("", "database"),
        ("library", "sql"),
        ("library", "vectors"),
        ("library", "lexical"),
    ]
    assert results[1].detail == "20 passages"
    assert results[2].detail.endswith("holds 20 passages")


def test_a_collection_without_indexes_is_sound(store: Store) -> None:
    store.collections.create("empty")
    assert _faults(store.check("empty")) == {}


def test_an_unknown_collection_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="'nothing'"):
        store.check("nothing")


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM vectors WHERE passage_id IN (SELECT max(id) FROM passages)", "1 passages without a vector"),
        ("UPDATE vectors SET vector = x'0000' WHERE passage_id = 1", "1 vectors of another dimension"),
        ("UPDATE passages SET change = 99 WHERE id = 1", "1 passages of a change that has not happened"),
    ],
)
def test_a_fault_in_sql_is_counted(filled: Store, statement: str, fault: str) -> None:
    _run(filled, statement)
    assert fault in _faults(filled.check())["sql"]


def test_passages_behind_the_back_of_the_indexes_are_counted_and_repaired(filled: Store) -> None:
    _run(filled, "DELETE FROM passages WHERE id IN (1, 2)")
    faults = _faults(filled.check())
    assert set(faults) == {"vectors", "lexical"}
    assert all(detail.endswith("lacks 0 passages and holds 2 that are gone") for detail in faults.values())
    results = filled.check("library", repair=True)
    assert _faults(results) == {}
    assert [result.part for result in results if result.repaired] == ["vectors", "lexical"]
    assert _faults(filled.check()) == {}
    assert filled.collections.get("library").documents == 20


def test_only_what_is_broken_is_rebuilt(filled: Store, home: Path) -> None:
    before = filled.collections.get("library")
    next((home / "indexes").glob(f"*/{before.generation}/ids.npy")).unlink()
    assert set(_faults(filled.check())) == {"vectors"}
    assert [result.part for result in filled.check(repair=True) if result.repaired] == ["vectors"]
    after = filled.collections.get("library")
    assert after.generation != before.generation
    assert after.lexical_generation == before.lexical_generation


def test_repair_does_not_get_in_the_way_of_a_writer(filled: Store, home: Path) -> None:
    for file in (home / "indexes").glob("*/*/*"):
        file.write_bytes(b"")
    with filled.writer("library", fingerprint=library.FINGERPRINT), pytest.raises(CollectionBusy):
        filled.check(repair=True)


def test_ready_says_why_not(store: Store) -> None:
    assert store.ready() == (True, "")
    _run(store, "UPDATE alembic_version SET version_num = '9999'")
    ready, reason = store.ready()
    assert not ready
    assert "newer" in reason
