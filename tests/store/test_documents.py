from __future__ import annotations

import pytest

from grounding.errors import CollectionBusy, Conflict, InvalidRequest, NotFound
from store.open import Store
from tests.store import library


def test_documents_are_listed_by_id_page_by_page(store: Store) -> None:
    library.put(store, *[library.document(f"d{i}", "text", title=f"T{i}") for i in range(5)])
    first = store.documents.list("library", limit=2)
    second = store.documents.list("library", limit=2, after=first.next_cursor)
    third = store.documents.list("library", limit=2, after=second.next_cursor)
    assert [each.id for page in (first, second, third) for each in page.items] == ["d0", "d1", "d2", "d3", "d4"]
    assert third.next_cursor is None
    item = first.items[0]
    assert (item.collection, item.source, item.title, item.passages, item.characters) == (
        "library",
        "d0.txt",
        "T0",
        1,
        4,
    )


def test_a_full_last_page_has_no_next(store: Store) -> None:
    library.put(store, library.document("a"), library.document("b"))
    assert store.documents.list("library", limit=2).next_cursor is None


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_bounds_is_named(store: Store, limit: int) -> None:
    store.collections.create("library")
    with pytest.raises(InvalidRequest, match=f"limit: {limit}"):
        store.documents.list("library", limit=limit)


def test_what_is_not_there_is_named(store: Store) -> None:
    store.collections.create("library")
    for call in (
        lambda: store.documents.get("nobody"),
        lambda: store.documents.get("nobody", collection="library"),
        lambda: store.documents.list("librery"),
        lambda: store.documents.get("nobody", collection="librery"),
        lambda: store.documents.delete("nobody", collection="librery"),
    ):
        with pytest.raises(NotFound, match=r"nobody|librery"):
            call()
    assert not store.documents.delete("nobody")
    assert not store.documents.delete("nobody", collection="library")
    assert store.documents.list("library").items == ()


def test_an_id_in_two_collections_needs_the_collection(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    library.put(store, library.document("a", "two"), collection="other")
    for call in (store.documents.get, store.documents.delete):
        with pytest.raises(Conflict, match="'library', 'other'"):
            call("a")
    assert store.documents.get("a", collection="other").document.text == "two"
    assert store.documents.delete("a", collection="other")
    assert store.documents.get("a").document.text == "one"


def test_collections_are_created_listed_and_deleted(store: Store) -> None:
    assert store.collections.list() == ()
    made = store.collections.create("b", library.FINGERPRINT)
    assert (made.name, made.embedder, made.documents, made.change) == ("b", "letters", 0, 0)
    library.put(store, library.document("x", "one", "two"), collection="a", publish=True)
    assert [info.name for info in store.collections.list()] == ["a", "b"]
    info = store.collections.get("a")
    assert (info.documents, info.passages, info.fingerprint) == (1, 2, library.FINGERPRINT)
    assert store.collections.delete("a") == 1
    assert [path.name for path in (store.home / "indexes").iterdir()] == []
    with pytest.raises(NotFound, match="did you mean 'b'"):
        store.collections.get("bb")


def test_a_name_that_is_taken_or_cannot_be_one(store: Store) -> None:
    store.collections.create("日本語-1.0_x")
    with pytest.raises(Conflict, match="is there already"):
        store.collections.create("日本語-1.0_x")
    for name in ("", "../up", "a/b", ".hidden", "a b", "x" * 101, "a\n"):
        with pytest.raises(InvalidRequest, match="a name has letters"):
            store.collections.create(name)
        with pytest.raises(InvalidRequest), store.writer(name, fingerprint=library.FINGERPRINT):
            pass


def test_a_collection_is_not_deleted_under_its_writer(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    with store.writer("library", fingerprint=library.FINGERPRINT), pytest.raises(CollectionBusy):
        store.collections.delete("library")
    assert store.collections.get("library").documents == 1


def test_a_number_beyond_the_database_is_a_bad_request(store: Store) -> None:
    library.put(store, library.document("a", "one"))
    with pytest.raises(InvalidRequest, match="larger than"):
        store.corpus("library").passages([2**70])
