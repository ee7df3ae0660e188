"""What goes in: documents whole or not at all, counted versions, ids that never come again, one writer at a time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text

from grounding.errors import CollectionBusy, ConfigurationError, Conflict, InvalidRequest, StoreError
from grounding.values import Entity, FloatVector
from store.documents import NewDocument
from store.open import Store
from tests.store import library

REPOSITORY = Path(__file__).parents[2]


def _counts(store: Store) -> dict[str, int]:
    tables = ("documents", "document_texts", "document_metadata", "passages", "vectors", "passage_entities")
    with store._database.read() as connection:
        return {table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables}


def _with_vector(new: NewDocument, vector: FloatVector) -> NewDocument:
    return replace(new, passages=tuple(replace(each, vector=vector) for each in new.passages))


def test_known_documents_are_what_was_put(store: Store) -> None:
    new = library.document("a", "one", "two", source="folder/a.txt")
    library.put(store, new, library.document("b"))
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        known = writer.known()
    assert set(known) == {"folder/a.txt", "b.txt"}
    found = known["folder/a.txt"]
    assert (found.id, found.version, found.origin, found.passages) == ("a", 1, "shelf", 2)
    assert found.content_hash == new.document.content_hash
    assert known["b.txt"].passages == 0


def test_a_document_comes_back_as_it_was_put(store: Store) -> None:
    metadata = {"lang": "ja", "tags": ["a", "b"], "deep": {"n": 1.5, "none": None}, "big": 10**30}
    new = library.document("文書", "本文🙂", title="題", metadata=metadata)
    library.put(store, new)
    found = store.documents.get("文書")
    assert found.document == new.document
    assert (found.origin, found.language, found.passages) == ("shelf", "en", 1)
    assert found.created_at == found.updated_at


def test_a_change_counts_the_version_and_replaces_all(store: Store) -> None:
    library.put(store, library.document("a", "one", "two", metadata={"k": [1, 2]}, names=["Ada"]))
    created = store.documents.get("a").created_at
    library.put(store, library.document("a", "three", names=["Bob"]))
    found = store.documents.get("a")
    assert (found.document.version, found.document.text, found.created_at) == (2, "three", created)
    assert found.updated_at > created
    assert _counts(store) == {
        "documents": 1,
        "document_texts": 1,
        "document_metadata": 0,
        "passages": 1,
        "vectors": 1,
        "passage_entities": 1,
    }


def test_a_source_may_get_another_id(store: Store) -> None:
    library.put(store, library.document("old", "one", source="x.txt"))
    library.put(store, library.document("new", "one", source="x.txt"))
    assert store.documents.get("new").document.version == 2
    assert store.collections.get("library").documents == 1


def test_an_id_of_another_source_is_refused(store: Store) -> None:
    library.put(store, library.document("a", "one", source="x.txt"))
    with pytest.raises(Conflict, match=r"'a' of 'y.txt' is that of 'x.txt'"):
        library.put(store, library.document("b", "two"), library.document("a", "three", source="y.txt"))
    assert [each.id for each in store.documents.list("library").items] == ["a"]


@pytest.mark.parametrize(
    ("second", "culprit"),
    [
        (library.document("a", "two", source="y.txt"), "id 'a'"),
        (library.document("b", source="a.txt"), "source 'a.txt'"),
    ],
)
def test_one_batch_names_each_document_once(store: Store, second: NewDocument, culprit: str) -> None:
    with pytest.raises(Conflict, match=culprit):
        library.put(store, library.document("a", "one"), second)
    assert store.collections.get("library").documents == 0


def _titled(title: str) -> NewDocument:
    new = library.document("titled")
    return replace(new, document=replace(new.document, title=title))


BAD = {
    "nan": np.full(library.DIMENSION, np.nan, np.float32),
    "infinite": np.full(library.DIMENSION, np.inf, np.float32),
    "zero": np.zeros(library.DIMENSION, np.float32),
    "too long": np.ones(library.DIMENSION, np.float32),
    "another dimension": np.eye(1, 8, dtype=np.float32)[0],
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_vector_refuses_the_whole_batch(store: Store, kind: str) -> None:
    library.put(store, library.document("before", "kept"))
    before = _counts(store), store.collections.get("library").change
    with pytest.raises(StoreError, match=r"vector|dimension"):
        library.put(store, library.document("good", "fine"), _with_vector(library.document("bad", "x", "y"), BAD[kind]))
    assert (_counts(store), store.collections.get("library").change) == before


def test_metadata_that_json_does_not_have_refuses_the_whole_batch(store: Store) -> None:
    spoiled = library.document("bad", "x", metadata={"deep": {"when": object()}})
    with pytest.raises(StoreError, match=r"bad\.txt: metadata\.deep\.when is a object"):
        library.put(store, library.document("good", "fine"), spoiled)
    assert _counts(store)["documents"] == 0


def test_text_that_is_not_unicode_refuses_the_whole_batch(store: Store) -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        library.put(store, library.document("good", "fine"), _titled("\ud800"))
    assert _counts(store)["documents"] == 0


def test_vectors_of_texts_that_were_embedded_are_given_back(store: Store) -> None:
    library.put(store, library.document("a", "one", "two"))
    library.put(store, library.document("b", "one"), collection="other")
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        found = writer.vectors(["hash of one", "hash of two", "hash of three"] * 400)
        writer.delete(["a"])
        assert writer.vectors(["hash of one"]) == {}
    assert set(found) == {"hash of one", "hash of two"}
    assert np.array_equal(found["hash of one"].vector, library.vector("one"))


def test_a_name_is_kept_once_for_each_passage_in_its_normal_form(store: Store) -> None:
    new = library.document("a", "text")
    names = tuple(Entity(name, label, 0, 1) for name, label in [("The ACME", "ORG"), ("Acme", "PLACE"), ("...", "ORG")])
    library.put(store, replace(new, passages=(replace(new.passages[0], entities=names),)))
    assert len(store.corpus("library").entity("acme", 5)) == 1
    with store._database.read() as connection:
        rows = connection.execute(text("SELECT name, label, surface FROM passage_entities")).all()
    assert [tuple(row) for row in rows] == [("acme", "ORG", "The ACME")]


def test_what_a_passage_knows_beyond_its_document_is_kept(store: Store) -> None:
    new = library.document("a", "text", metadata={"lang": "en", "page": 0})
    passage = replace(new.passages[0], metadata={"lang": "en", "page": 7}, heading="Chapter")
    library.put(store, replace(new, passages=(passage,)))
    corpus = store.corpus("library")
    (found,) = corpus.passages([corpus.lexical("chapter", 1)[0].passage_id])
    assert (found.metadata, found.heading) == ({"lang": "en", "page": 7}, "Chapter")


def test_ids_are_never_given_twice(store: Store) -> None:
    seen: set[int] = set()
    for _ in range(3):
        library.put(store, library.document("a", "one", "two"))
        ids = {hit.passage_id for hit in library.nearest(store.corpus("library"), "one", 10)}
        assert not ids & seen
        seen |= ids
        store.documents.delete("a")


def test_each_transaction_is_one_change(store: Store) -> None:
    library.put(store, library.document("a", "one"), library.document("b", "two"))
    library.put(store)
    assert store.collections.get("library").change == 1
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        assert writer.delete(["a", "b", "nobody"]) == 2
        assert writer.delete(["a"]) == 0
    assert store.collections.get("library").change == 2


def test_another_embedder_is_refused_by_name_while_there_are_vectors(store: Store) -> None:
    other = replace(library.FINGERPRINT, name="other", dimension=8)
    library.put(store, library.document("a", "one"))
    with (
        pytest.raises(ConfigurationError, match=r"vectors of letters@1/16, these are of other@1/8"),
        store.writer("library", fingerprint=other),
    ):
        pass
    prefixed = replace(library.FINGERPRINT, query_prefix="query: ")
    with pytest.raises(ConfigurationError, match="other prefixes"), store.writer("library", fingerprint=prefixed):
        pass
    store.documents.delete("a")
    with store.writer("library", fingerprint=other) as writer:
        writer.put([_with_vector(library.document("a", "one"), np.eye(1, 8, dtype=np.float32)[0])])
    assert store.collections.get("library").embedder == "other"
    vector = np.eye(1, 8, dtype=np.float32)[0]
    assert len(store.corpus("library").dense(vector, 5, fingerprint=other)) == 1


def test_a_second_writer_is_told_who_writes(store: Store) -> None:
    with (
        store.writer("library", fingerprint=library.FINGERPRINT),
        pytest.raises(CollectionBusy, match=r"'library' is being written by process \d+ on .+ since"),
        store.writer("library", fingerprint=library.FINGERPRINT, wait=False),
    ):
        pass
    with store.writer("library", fingerprint=library.FINGERPRINT, wait=False):
        pass


def test_writers_of_two_collections_do_not_wait_for_each_other(store: Store) -> None:
    with (
        store.writer("one", fingerprint=library.FINGERPRINT, wait=False) as one,
        store.writer("two", fingerprint=library.FINGERPRINT, wait=False) as two,
    ):
        one.put([library.document("a", "text")])
        two.put([library.document("a", "text")])
    assert store.documents.list("two").items[0].id == "a"


def test_a_delete_waits_for_no_writer(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    with store.writer("library", fingerprint=library.FINGERPRINT):
        assert store.documents.delete("a")
    assert store.collections.get("library").documents == 0


def test_a_writer_that_was_killed_leaves_no_lock(store: Store, home: Path, database_url: str | None) -> None:
    script = f"""
import sys
from pathlib import Path
from store.open import open_store
from tests.store import library
store = open_store(home=Path({str(home)!r}), database_url={database_url!r})
with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
    writer.put([library.document("a", "one")])
    print("writing", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        with (
            pytest.raises(CollectionBusy, match=f"process {process.pid} "),
            store.writer("library", fingerprint=library.FINGERPRINT, wait=False),
        ):
            pass
        process.kill()
    library.put(store, library.document("b", "two"))
    assert set(library.texts(store, [hit.passage_id for hit in store.corpus("library").lexical("one two", 5)])) == {
        "one",
        "two",
    }
