"""check finds every disagreement between SQL and the indexes, and repair ends those that can be ended from SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import ANY

import pytest
from sqlalchemy import text

from grounding.errors import CollectionBusy, NotFound
from store.check import CheckResult
from store.open import Store
from tests.store import library


@pytest.fixture
def filled(store: Store) -> Store:
    documents = [library.document(f"d{i}", f"text {i}", names=["Ada"], metadata={"n": i}) for i in range(20)]
    library.put(store, *documents, publish=True)
    store.documents.delete("d3")
    library.put(store, library.document("d4", "changed"), library.document("new", "text"))
    return store


def _faults(results: list[CheckResult]) -> dict[str, str]:
    return {result.part: result.detail for result in results if not result.ok}


OTHER_EMBEDDER = """INSERT INTO fingerprints (name, revision, dimension, normalized, query_prefix, passage_prefix)
SELECT 'other', revision, dimension, normalized, query_prefix, passage_prefix FROM fingerprints"""
OTHER_VECTOR = """INSERT INTO vectors (passage_id, fingerprint_id, collection_id, embed_hash, vector)
SELECT 999, max(fingerprints.id), max(collection_id), '', min(vector) FROM fingerprints, vectors"""


def _break(store: Store, *statements: str) -> None:
    """Changes the database as no code of ours would, whatever its rows refer to."""
    if store._database.url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(store._database.name)) as connection:
            connection.executescript(";".join(statements))
    else:
        _run(store, "SET LOCAL session_replication_role = replica", *statements)


def _rows(store: Store) -> list[int]:
    """How many rows there are in each table that holds what users gave."""
    tables = ("documents", "document_texts", "document_metadata", "passages", "vectors", "passage_entities")
    with store._database.read() as connection:
        return [connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def _run(store: Store, *statements: str) -> None:
    with store._database.write() as connection:
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
        ("library", "files"),
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
    ("statements", "fault"),
    [
        (["DELETE FROM vectors WHERE passage_id IN (SELECT max(id) FROM passages)"], "1 passages without a vector"),
        (["UPDATE vectors SET vector = substr(vector, 1, 2) WHERE passage_id = 1"], "1 vectors of another dimension"),
        (["UPDATE passages SET change = 99 WHERE id = 1"], "1 passages of a change that has not happened"),
        (["UPDATE tombstones SET change = 99"], "2 tombstones of a change that has not happened"),
        (
            ["INSERT INTO tombstones SELECT collection_id, max(change), max(id) FROM passages GROUP BY collection_id"],
            "1 passages both there and gone",
        ),
        (["DELETE FROM document_texts WHERE document_id = 1"], "1 documents without their text"),
        (["UPDATE passages SET document_id = 999 WHERE id = 1"], "1 passages without a document"),
        (["UPDATE vectors SET passage_id = 999 WHERE passage_id = 1"], "1 vectors without a passage"),
        ([OTHER_EMBEDDER, OTHER_VECTOR], "1 vectors without a passage"),
        (["UPDATE passage_entities SET passage_id = 999 WHERE passage_id = 1"], "1 names without a passage"),
        (["UPDATE document_metadata SET document_id = 999 WHERE document_id = 1"], "1 metadata without a document"),
    ],
)
def test_a_fault_in_sql_is_counted_and_says_what_to_do(filled: Store, statements: list[str], fault: str) -> None:
    _break(filled, *statements)
    detail = _faults(filled.check())["sql"]
    assert f"{fault} (" in detail
    assert "backup" in detail
    before = _rows(filled)
    assert "sql" in _faults(filled.check(repair=True))
    assert _rows(filled) == before


def test_a_text_of_no_document_is_found(filled: Store) -> None:
    _break(filled, "INSERT INTO document_texts VALUES (999, 'text')")
    assert _faults(filled.check()) == {"database": ANY}


def test_folders_that_belong_to_nothing_are_told_and_removed(filled: Store, home: Path) -> None:
    (folder,) = (home / "indexes").iterdir()
    for name in ("vectors-0000000001-dead", ".new-lexical-0000000001-dead", ".old-vectors-0000000001-dead"):
        (folder / name).mkdir()
    assert "3 folders belong to no index" in _faults(filled.check())["files"]
    results = filled.check(repair=True)
    assert _faults(results) == {}
    assert [result.part for result in results if result.repaired] == ["files"]
    assert len(list(folder.iterdir())) == 2


def test_a_folder_that_is_being_written_is_no_fault(filled: Store, home: Path) -> None:
    (folder,) = (home / "indexes").iterdir()
    (folder / ".new-lexical-0000000001-dead").mkdir()
    with filled.writer("library", fingerprint=library.FINGERPRINT):
        assert _faults(filled.check()) == {}


def test_an_older_index_that_is_missing_is_told_and_forgotten(filled: Store, home: Path) -> None:
    older = filled.collections.get("library").generation
    with filled.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer._publisher.build("vectors")
    next((home / "indexes").glob(f"*/{older}/ids.npy")).unlink()
    assert "1 older index generations are missing" in _faults(filled.check())["files"]
    assert _faults(filled.check(repair=True)) == {}
    assert _faults(filled.check()) == {}


def test_passages_behind_the_back_of_the_indexes_are_counted_and_repaired(filled: Store) -> None:
    _run(filled, "DELETE FROM passages WHERE id IN (1, 2)")
    faults = _faults(filled.check())
    assert set(faults) == {"vectors", "lexical"}
    assert all("lacks 0 passages and holds 2 that are gone" in detail for detail in faults.values())
    assert all(detail.endswith("run  grounding check --repair") for detail in faults.values())
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
    for file in list((home / "indexes").glob("*/*/*")):
        file.unlink()
        file.write_bytes(b"")
    with filled.writer("library", fingerprint=library.FINGERPRINT), pytest.raises(CollectionBusy):
        filled.check(repair=True)


def test_ready_says_why_not(store: Store) -> None:
    assert store.ready() == (True, "")
    _run(store, "UPDATE alembic_version SET version_num = '9999'")
    ready, reason = store.ready()
    assert not ready
    assert "newer" in reason
