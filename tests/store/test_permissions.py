"""Permissions as the store keeps them: who may read a document, and what that costs where nobody asks for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from alembic import command
from grounding.errors import NotFound
from grounding.filters import both, parse, readable_by
from store.corpus import SqlCorpus
from store.database import FILE_NAME, Database, migrations
from store.open import Store, open_store
from tests.store import library

NOBODY: list[object] = [
    [],
    "",
    {},
    [None],
    [[], {}],
    {"team": None},
    7,
    True,
    [1, False],
    {"team": "eng"},
    [{"team": "eng"}],
    [""],
]
EVERYBODY: list[dict[str, object]] = [{}, {"groups": None}, {"group": "eng"}, {"team": {"groups": "hr"}}]
ENG: list[object] = [["eng"], "eng", ["hr", "eng"], ["eng", 7, None], [["eng"]], ["", "eng"]]


def _readable(corpus: SqlCorpus, groups: list[str] | None) -> set[str]:
    where = readable_by(groups)
    hits = library.nearest(corpus, "any", 100, where=where)
    assert {hit.passage_id for hit in corpus.lexical("words", 100, where=where)} == {hit.passage_id for hit in hits}
    assert {hit.passage_id for hit in corpus.entity("acme", 100, where=where)} == {hit.passage_id for hit in hits}
    return {passage.document_id for passage in corpus.passages([hit.passage_id for hit in hits])}


@pytest.fixture
def corpus(store: Store) -> SqlCorpus:
    held: list[dict[str, object]] = [{"groups": groups} for groups in NOBODY + ENG] + EVERYBODY
    documents = [
        library.document(f"d{i}", f"words {i}", names=["Acme"], metadata=metadata) for i, metadata in enumerate(held)
    ]
    library.put(store, *documents)
    return store.corpus("library")


def _ids(first: int, count: int) -> set[str]:
    return {f"d{i}" for i in range(first, first + count)}


def test_who_reads_what(store: Store, corpus: SqlCorpus) -> None:
    eng, everybody = _ids(len(NOBODY), len(ENG)), _ids(len(NOBODY) + len(ENG), len(EVERYBODY))
    assert _readable(corpus, []) == _readable(corpus, ["", "other", "7", "true"]) == everybody
    assert _readable(corpus, ["eng"]) == eng | everybody
    assert _readable(corpus, None) == _ids(0, len(NOBODY)) | eng | everybody
    for groups in ([], ["eng"], None):
        where = readable_by(groups)
        assert {info.id for info in store.documents.list("library", where=where).items} == _readable(corpus, groups)
        for info in store.documents.list("library").items:
            if info.id in _readable(corpus, groups):
                assert store.documents.get(info.id, where=where).document.id == info.id
            else:
                with pytest.raises(NotFound):
                    store.documents.get(info.id, where=where)


def test_a_document_that_changes_its_groups_changes_its_readers(store: Store, corpus: SqlCorpus) -> None:
    changed = "d0"
    for metadata, readers in (({"groups": "eng"}, {"eng"}), ({}, {"", "eng"}), ({"groups": []}, set())):
        library.put(store, library.document(changed, "words 0", names=["Acme"], metadata=metadata))
        assert (changed in _readable(corpus, [])) is ("" in readers)
        assert (changed in _readable(corpus, ["eng"])) is ("eng" in readers)


def test_words_are_known_to_those_who_may_read_them(store: Store, corpus: SqlCorpus) -> None:
    library.put(store, library.document("new", "umbrella", metadata={"groups": "eng"}), publish=True)
    assert corpus.knows("umbrella")
    assert corpus.knows("umbrella", where=readable_by(["eng"]))
    assert not corpus.knows("umbrella", where=readable_by(["hr"]))
    assert corpus.knows("words", where=readable_by(["hr"]))


def test_without_groups_in_the_collection_permissions_cost_nothing(store: Store) -> None:
    """The ids that a filter lets through are read from SQL only where a document names a group."""
    library.put(store, library.document("a", "words", metadata={"lang": "en"}), library.document("b", "more words"))
    corpus = store.corpus("library")
    statements: list[str] = []
    listen = lambda *arguments: statements.append(arguments[2])  # noqa: E731
    event.listen(Engine, "before_cursor_execute", listen)
    try:
        where = readable_by(["eng"])
        for _ in range(3):
            assert len(corpus.lexical("words", 5, where=where)) == 2
        assert sum("document_metadata" in statement for statement in statements) == 1
        assert len(corpus.lexical("words", 5, where=both(where, parse({"lang": "en"})))) == 1
        library.put(store, library.document("b", "more words", metadata={"groups": "hr"}))
        assert len(corpus.lexical("words", 5, where=where)) == 1
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def test_groups_of_nobody_from_an_earlier_schema_stay_closed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    old = Database(home=home)
    config = migrations()
    with old.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    old.close()
    with sqlite3.connect(home / FILE_NAME) as raw:
        raw.execute("INSERT INTO collections VALUES (1, 'library', 'f', '2026-01-01', 1, NULL, NULL, NULL)")
        metadata = ('{"groups": []}', '{"groups": null}', '{"groups": {"a": 1}}', '{"x": "groups"}')
        for key, held in enumerate(metadata, start=1):
            values = (key, 1, f"d{key}", f"s{key}", "", "", "", "", "", 1, 0, "2026-01-01", "2026-01-01", held)
            raw.execute(f"INSERT INTO documents VALUES ({', '.join('?' * len(values))})", values)
            raw.execute("INSERT INTO document_texts VALUES (?, '')", (key,))
        raw.execute("INSERT INTO document_metadata VALUES (3, 'groups.a', 0, 1, NULL, NULL, 1.0, NULL)")
    raw.close()
    store = open_store(home=home)
    found = store.documents.list("library", where=readable_by(["a"])).items
    assert [info.id for info in found] == ["d2", "d4"]
    assert len(store.documents.list("library").items) == 4
    store.close()
