"""Index files: when they are built, that a damaged one is never served, and what is left behind."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text, update

from grounding.errors import StoreError
from store.generations import Shelf
from store.open import Store, open_store
from store.publishing import TAIL
from store.schema import CollectionRow, GenerationRow
from tests.store import library

MANY = [library.document(f"d{i:04}", f"text number {i}", names=[f"name {i % 7}"]) for i in range(60)]
WORDS = [f"text number {i}" for i in range(0, 60, 7)]


def _folders(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "indexes").glob("*/*"))


def _answers(store: Store) -> list[list[str]]:
    corpus = store.corpus("library")
    dense = [library.texts(store, [hit.passage_id for hit in corpus.dense(library.vector(w), 5)]) for w in WORDS]
    lexical = [library.texts(store, [hit.passage_id for hit in corpus.lexical(w, 5)]) for w in WORDS]
    return dense + lexical


def _rebuild(store: Store) -> None:
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.publish()


def test_the_first_publish_builds_both_and_a_second_does_nothing(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    built = _folders(home)
    assert [name.split("-")[0] for name in built] == ["lexical", "vectors"]
    library.put(store, library.document("one more", "text"), publish=True)
    assert _folders(home) == built
    info = store.collections.get("library")
    assert [info.lexical_generation, info.generation] == built


def test_an_empty_collection_has_nothing_to_build(store: Store, home: Path) -> None:
    library.put(store, publish=True)
    assert _folders(home) == []


def test_a_tail_that_has_grown_makes_a_new_generation_due(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    least, _ = TAIL["lexical"]
    library.put(store, *[library.document(f"new {i}", f"fresh {i}") for i in range(least + 1)], publish=True)
    kinds = [name.split("-")[0] for name in _folders(home)]
    assert kinds == ["lexical", "lexical", "vectors"]
    assert len(store.corpus("library").lexical("fresh", 1000)) == least + 1


def test_the_last_two_generations_stay_and_nothing_else(store: Store, home: Path) -> None:
    library.put(store, *MANY)
    folder = home / "indexes" / "left"
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for _ in range(4):
            writer._publisher.build("vectors")
            writer._publisher.build("lexical")
            folder = next((home / "indexes").iterdir())
            (folder / ".new-vectors-of-a-process-that-was-killed").mkdir()
            (folder / "vectors-0000000001-0000.bad").mkdir()
    names = [name for name in _folders(home) if not name.startswith(".") and not name.endswith(".bad")]
    assert [name.split("-")[0] for name in names] == ["lexical", "lexical", "vectors", "vectors"]
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer._publisher.build("vectors")
    assert len(_folders(home)) == 4


def test_tombstones_go_when_no_generation_needs_them(store: Store) -> None:
    count = text("SELECT count(*) FROM tombstones")
    library.put(store, *MANY, publish=True)
    store.documents.delete("d0000")
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for expected in (1, 0):
            writer._publisher.build("vectors")
            writer._publisher.build("lexical")
            with store._database.read() as connection:
                assert connection.execute(count).scalar() == expected
    assert store.corpus("library").entity(["name 0"], 100) != []
    assert "text number 0" not in [answer for answers in _answers(store) for answer in answers]


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    at = rng.randrange(len(content))
    content[at] ^= 1 << rng.randrange(8)
    file.write_bytes(bytes(content))


def _truncate(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes()[: rng.randrange(file.stat().st_size)])


def _remove(file: Path, rng: random.Random) -> None:
    file.unlink()


def _add(file: Path, rng: random.Random) -> None:
    file.with_name("index.pkl").write_bytes(b"cos\nsystem\n")


@pytest.mark.parametrize("spoil", [_flip, _truncate, _remove, _add])
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_index_is_put_aside_and_answers_stay_exact(
    store: Store, home: Path, spoil: Callable[[Path, random.Random], None], seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    store.close()
    rng = random.Random(seed)
    files = sorted(file for file in (home / "indexes").glob("*/*/*") if file.stat().st_size)
    damaged = files[seed % len(files)]
    spoil(damaged, rng)
    reopened = open_store(home=home)
    with caplog.at_level(logging.ERROR, "store"):
        assert _answers(reopened) == expected
    assert damaged.parent.name in caplog.text
    assert f"{damaged.parent.name}.bad" in _folders(home)
    _rebuild(reopened)
    assert damaged.parent.name not in _folders(home)
    assert _answers(reopened) == expected
    assert all(result.ok for result in reopened.check())
    reopened.close()


def test_the_generation_before_serves_when_the_newest_is_damaged(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    library.put(store, library.document("late", "text number 99"))
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer._publisher.build("vectors")
        writer._publisher.build("lexical")
    store.documents.delete("d0007")
    expected = _answers(store)
    newest = (store.collections.get("library").generation, store.collections.get("library").lexical_generation)
    store.close()
    for name in newest:
        next((home / "indexes").glob(f"*/{name}/*")).write_bytes(b"")
    reopened = open_store(home=home)
    assert _answers(reopened) == expected
    assert reopened.corpus("library")._vectors._view.base is not None  # type: ignore[union-attr]
    reopened.close()


def test_a_home_without_its_index_folder_answers_and_is_rebuilt(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    Shelf(home / "indexes").remove()
    reopened = open_store(home=home)
    assert _answers(reopened) == expected
    _rebuild(reopened)
    assert len(_folders(home)) == 2
    reopened.close()


def test_an_index_from_a_later_time_than_the_database_is_not_used(store: Store, home: Path) -> None:
    """As after the database alone was restored from a backup."""
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    with store._database.write() as connection:
        connection.execute(update(GenerationRow).values(change=GenerationRow.change + 1))
    reopened = open_store(home=home)
    assert _answers(reopened) == expected
    assert [result.ok for result in reopened.check() if result.part in ("vectors", "lexical")] == [False, False]
    _rebuild(reopened)
    assert all(result.ok for result in reopened.check())
    reopened.close()


def test_an_index_of_other_terms_is_rebuilt(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    with store._database.write() as connection:
        connection.execute(update(GenerationRow).where(GenerationRow.kind == "lexical").values(family="terms-0"))
    reopened = open_store(home=home)
    assert reopened.corpus("library").lexical("number", 5)
    assert reopened.corpus("library")._terms._view.base is None  # type: ignore[union-attr]
    _rebuild(reopened)
    assert all(result.ok for result in reopened.check())
    reopened.close()


def test_a_generation_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")

    def half(folder: Path) -> None:
        (folder / "file").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        shelf.add("vectors", change=1, fill=half)
    assert list((tmp_path / "shelf").iterdir()) == []


def test_a_generation_that_lost_its_row_is_not_used(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    with store._database.write() as connection:
        connection.execute(update(CollectionRow).values(vector_generation_id=999))
    results = {result.part: result for result in store.check(repair=False)}
    assert results["vectors"].detail == "the index in use has no manifest"
    assert all(result.ok for result in store.check(repair=True))


def test_queries_go_on_through_many_swaps(store: Store) -> None:
    library.put(store, *MANY)
    expected = _answers(store)
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for _ in range(5):
            writer._publisher.build("lexical", from_scratch=True)
            writer._publisher.build("vectors")
            assert _answers(store) == expected
