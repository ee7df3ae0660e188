"""The words of a collection: known as they are written, offered only where they are, gone when they are gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from grounding.errors import StoreError
from grounding.filters import parse
from store.lexical import Text, write_index
from store.open import Store
from store.vocabulary import FILE, GrowingVocabulary, Vocabulary
from tests.store import library

DOCUMENTS = [
    library.document("a", "Invoices are paid in the calendar month.", metadata={"team": "pay"}),
    library.document("b", "The calendar of the canteen.", title="Canteen", metadata={"team": "food"}),
]


def near(store: Store, word: str) -> list[str]:
    return [found for found, _ in store.corpus("library").words_near(word)]


@pytest.mark.parametrize("publish", [False, True])
def test_words_near_are_those_of_the_collection_with_their_share(store: Store, *, publish: bool) -> None:
    library.put(store, *DOCUMENTS, publish=publish)
    corpus = store.corpus("library")
    ((found, share),) = corpus.words_near("calender")
    assert (found, share) == ("calendar", 2 / 102)
    assert corpus.words_near("Calendar") == corpus.words_near("HX-200") == corpus.words_near("zzzzzz") == []


@pytest.mark.parametrize("publish", [False, True])
def test_a_word_is_known_as_it_is_written(store: Store, *, publish: bool) -> None:
    library.put(store, *DOCUMENTS, publish=publish)
    corpus = store.corpus("library")
    assert corpus.knows("invoices")
    assert corpus.knows("INVOICES")
    assert not corpus.knows("invoiced")
    assert not corpus.knows("calender")


def test_words_of_the_index_and_of_what_came_since_count_together(store: Store) -> None:
    library.put(store, DOCUMENTS[0], publish=True)
    library.put(store, DOCUMENTS[1])
    assert store.corpus("library").words_near("calender") == [("calendar", 2 / 102)]
    assert near(store, "cantene") == ["canteen"]


def test_a_word_is_offered_only_to_those_who_may_read_it(store: Store) -> None:
    library.put(store, *DOCUMENTS, publish=True)
    corpus = store.corpus("library")
    food = parse({"team": "food"})
    assert [word for word, _ in corpus.words_near("invoyces")] == ["invoices"]
    assert corpus.words_near("invoyces", where=food) == []
    assert not corpus.knows("invoices", where=food)
    assert [word for word, _ in corpus.words_near("calender", where=food)] == ["calendar"]


def test_a_word_that_is_gone_is_not_offered(store: Store, home: Path) -> None:
    library.put(store, *DOCUMENTS, publish=True)
    store.documents.delete("a")
    assert near(store, "invoyces") == []
    assert near(store, "calender") == ["calendar"]
    store.erase_document("a")
    files = list((home / "indexes").glob(f"*/*/{FILE}"))
    assert files
    assert all(b"invoices" not in file.read_bytes() for file in files)


def test_a_newer_index_goes_on_from_the_words_of_the_older_and_leaves_them(tmp_path: Path) -> None:
    older, newer = tmp_path / "1", tmp_path / "2"
    older.mkdir()
    newer.mkdir()
    write_index(older, [Text(1, "", "", "calendar month")])
    write_index(newer, [Text(2, "", "", "calendar year")], base=older)
    assert dict(Vocabulary(older).listed().items()) == {"calendar": 1, "month": 1}
    assert dict(Vocabulary(newer).listed().items()) == {"calendar": 2, "month": 1, "year": 1}


def test_words_are_there_when_their_folder_is_not(tmp_path: Path) -> None:
    counting = GrowingVocabulary()
    counting.add("calendar")
    counting.write(tmp_path)
    opened = Vocabulary(tmp_path)
    (tmp_path / FILE).unlink()
    assert opened.count("calendar") == 1
    assert [item.word for item in opened.near("calender")] == ["calendar"]


def test_a_file_that_is_no_list_of_words_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"calendar\n\xff\n")
    with pytest.raises(StoreError, match="not a list of words"):
        Vocabulary(tmp_path).count("calendar")
