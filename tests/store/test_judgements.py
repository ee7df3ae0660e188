"""What checks found in passages is remembered by text and version, forgotten with the text, and in nobody's way."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from grounding.ports import Judgements
from grounding.values import Finding
from store.judgements import _as_json, _findings, digest
from store.open import Store, open_store
from store.schema import JudgementRow
from tests.store import library

FOUND = (Finding("EMAIL_ADDRESS", 3, 20, 1.0), Finding("人名", 25, 28, 0.85))
V1, V2, OTHER = "pii@1", "pii@2", "injection@1"


def kept(store: Store) -> set[tuple[bytes, str]]:
    with store._database.read() as connection:
        return {(row.digest, row.version) for row in connection.execute(select(JudgementRow))}


def test_what_was_found_comes_back_by_text_and_version(store: Store) -> None:
    assert isinstance(store.judgements, Judgements)
    store.judgements.put({"a text": FOUND, "harmless": (), "half \ud800": FOUND[:1]}, version=V1)
    store.judgements.put({"a text": ()}, version=OTHER)
    asked = ["a text", "harmless", "half \ud800", "never seen", "a text"]
    assert store.judgements.get(asked, version=V1) == {"a text": FOUND, "harmless": (), "half \ud800": FOUND[:1]}
    assert store.judgements.get(asked, version=OTHER) == {"a text": ()}
    assert store.judgements.get(asked, version=V2) == {}
    assert store.judgements.get([], version=V1) == {}


def test_it_is_there_for_who_comes_later(store: Store, home: Path, database_url: str | None) -> None:
    store.judgements.put({"a text": FOUND}, version=V1)
    with closing(open_store(home=home, database_url=database_url)) as later:
        assert later.judgements.get(["a text"], version=V1) == {"a text": FOUND}


def test_what_is_kept_already_stays(store: Store) -> None:
    store.judgements.put({"a": FOUND}, version=V1)
    store.judgements.put({"a": (), "b": ()}, version=V1)
    assert store.judgements.get(["a", "b"], version=V1) == {"a": FOUND, "b": ()}


def test_many_texts_are_no_trouble(store: Store) -> None:
    many = {f"text {number}": FOUND[: number % 3] for number in range(2500)}
    store.judgements.put(many, version=V1)
    assert store.judgements.get(list(many), version=V1) == many


def test_a_handful_of_texts_takes_one_query(store: Store) -> None:
    texts = [f"text {number}" for number in range(8)]
    store.judgements.put(dict.fromkeys(texts, FOUND), version=V1)
    statements: list[str] = []
    event.listen(store._database._engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert len(store.judgements.get(texts, version=V1)) == 8
    assert len([each for each in statements if each.startswith("SELECT")]) == 1


def test_nobody_waits_for_it(store: Store) -> None:
    with store._database.write() as connection:
        connection.execute(text("DELETE FROM judgements"))
        began = time.monotonic()
        store.judgements.put({"a": FOUND}, version=V1)
        # A writer that cannot do without waits for ten seconds.
        assert time.monotonic() - began < 5
        assert store.judgements.get(["a"], version=V1) == {}
    store.judgements.put({"a": FOUND}, version=V1)
    assert store.judgements.get(["a"], version=V1) == {"a": FOUND}


def test_a_database_that_refuses_it_fails_nothing(store: Store) -> None:
    refusing = {
        "sqlite": ["CREATE TRIGGER refuse BEFORE INSERT ON judgements BEGIN SELECT RAISE(ABORT, 'no'); END"],
        "postgresql": ["CREATE RULE refuse AS ON INSERT TO judgements DO INSTEAD SELECT 1/0"],
    }
    with store._database.write() as connection:
        for statement in refusing[store._database.kind]:
            connection.execute(text(statement))
    try:
        store.judgements.put({"a": FOUND}, version=V1)
        assert store.judgements.get(["a"], version=V1) == {}
    finally:
        with store._database.write() as connection:
            at = " ON judgements" if store._database.kind == "postgresql" else ""
            connection.execute(text(f"DROP {'RULE' if at else 'TRIGGER'} refuse{at}"))


def filled(store: Store) -> None:
    library.put(store, library.document("a", "one", "two"), library.document("b", "three"))
    library.put(store, library.document("a", "four"), collection="other")
    store.judgements.put(dict.fromkeys(["one", "two", "three", "four", "one\ntwo"], FOUND), version=V1)


def known(store: Store, version: str = V1) -> set[str]:
    return set(store.judgements.get(["one", "two", "three", "four", "one\ntwo", "new"], version=version))


def test_a_deleted_document_takes_what_was_found_in_it(store: Store) -> None:
    filled(store)
    store.documents.delete("a", collection="library")
    assert known(store) == {"three", "four", "one\ntwo"}


def test_a_deleted_collection_takes_what_was_found_in_it(store: Store) -> None:
    filled(store)
    store.collections.delete("library")
    assert known(store) == {"four", "one\ntwo"}


def test_a_document_that_changes_is_judged_anew_where_it_did(store: Store) -> None:
    filled(store)
    changed = library.document("a", "one", "new")
    library.put(store, replace(changed, document=replace(changed.document, content_hash="changed")))
    assert known(store) >= {"one", "three", "four"}


@pytest.mark.parametrize("way", ["erase", "compact"])
def test_what_is_no_passage_is_swept(store: Store, way: str) -> None:
    filled(store)
    if way == "erase":
        assert store.erase_document("a", collection="library").clean
        assert known(store) == {"three", "four"}
    else:
        store.compact("library")
        assert known(store) == {"one", "two", "three", "four"}


def test_old_versions_are_swept_check_by_check(store: Store) -> None:
    filled(store)
    store.judgements.put({"one": FOUND}, version=OTHER)
    store.judgements.put({"one": FOUND}, version=V2)
    store.compact("library")
    assert kept(store) == {(digest("one"), OTHER), (digest("one"), V2)}


def test_the_version_that_judged_last_is_kept_however_it_is_called(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    store.judgements.put({"one": FOUND}, version=V2)
    store.judgements.put({"one": FOUND}, version=V1)
    store.judgements.sweep()
    assert kept(store) == {(digest("one"), V1)}


findings = st.builds(Finding, kind=st.text(), start=st.integers(0), end=st.integers(0), score=st.floats(0, 1))


@given(st.lists(findings).map(tuple))
def test_findings_come_back_as_they_were(found: tuple[Finding, ...]) -> None:
    assert _findings(_as_json(found)) == found
