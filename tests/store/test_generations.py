"""Index files: when they are built, that a damaged one is never served, and what is left behind."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text, update

from grounding.errors import CollectionBusy, StoreError
from grounding.settings import Storage
from store.generations import KEPT, Shelf
from store.milestones import Milestone
from store.open import Store, open_store
from store.publishing import TAIL, standing
from store.schema import CollectionRow, ExchangeRow, GenerationRow
from tests.store import library

MANY = [library.document(f"d{i:04}", f"text number {i}", names=[f"name {i % 7}"]) for i in range(60)]
WORDS = [f"text number {i}" for i in range(0, 60, 7)]


def _folders(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "indexes").glob("*/*"))


def _answers(store: Store) -> list[list[str]]:
    corpus = store.corpus("library")
    dense = [library.texts(store, [hit.passage_id for hit in library.nearest(corpus, w, 5)]) for w in WORDS]
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
    assert store.corpus("library").entity("name 0", 100) != []
    assert "text number 0" not in [answer for answers in _answers(store) for answer in answers]


def _flip(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    at = rng.randrange(len(content))
    content[at] ^= 1 << rng.randrange(8)
    file.write_bytes(bytes(content))


def _truncate(file: Path, rng: random.Random) -> None:
    # Not in place: who has the file mapped into memory would be ended by the system.
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content[: rng.randrange(len(content))])


def _remove(file: Path, rng: random.Random) -> None:
    file.unlink()


def _add(file: Path, rng: random.Random) -> None:
    file.with_name("index.pkl").write_bytes(b"cos\nsystem\n")


@pytest.mark.parametrize("spoil", [_flip, _truncate, _remove, _add])
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_index_is_put_aside_and_answers_stay_exact(
    store: Store,
    home: Path,
    database_url: str | None,
    spoil: Callable[[Path, random.Random], None],
    seed: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    store.close()
    rng = random.Random(seed)
    files = sorted(file for file in (home / "indexes").glob("*/*/*") if file.stat().st_size)
    damaged = files[seed % len(files)]
    spoil(damaged, rng)
    reopened = open_store(home=home, database_url=database_url)
    with caplog.at_level(logging.ERROR, "store"):
        assert _answers(reopened) == expected
    assert damaged.parent.name in caplog.text
    assert f"{damaged.parent.name}.bad" in _folders(home)
    _rebuild(reopened)
    assert damaged.parent.name not in _folders(home)
    assert _answers(reopened) == expected
    assert all(result.ok for result in reopened.check())
    reopened.close()


def test_the_generation_before_serves_when_the_newest_is_damaged(
    store: Store, home: Path, database_url: str | None
) -> None:
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
    reopened = open_store(home=home, database_url=database_url)
    assert _answers(reopened) == expected
    assert reopened.corpus("library")._vectors._view.base is not None  # type: ignore[union-attr]
    reopened.close()


def test_a_home_without_its_index_folder_answers_and_is_rebuilt(
    store: Store, home: Path, database_url: str | None
) -> None:
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    Shelf(home / "indexes").remove()
    reopened = open_store(home=home, database_url=database_url)
    assert _answers(reopened) == expected
    _rebuild(reopened)
    assert len(_folders(home)) == 2
    reopened.close()


def test_an_index_from_a_later_time_than_the_database_is_not_used(
    store: Store, home: Path, database_url: str | None
) -> None:
    """As after the database alone was restored from a backup."""
    library.put(store, *MANY, publish=True)
    expected = _answers(store)
    with store._database.write() as connection:
        connection.execute(update(GenerationRow).values(change=GenerationRow.change + 1))
    reopened = open_store(home=home, database_url=database_url)
    assert _answers(reopened) == expected
    assert [result.ok for result in reopened.check() if result.part in ("vectors", "lexical")] == [False, False]
    _rebuild(reopened)
    assert all(result.ok for result in reopened.check())
    reopened.close()


def test_an_index_of_other_terms_is_rebuilt(store: Store, home: Path, database_url: str | None) -> None:
    library.put(store, *MANY, publish=True)
    with store._database.write() as connection:
        connection.execute(update(GenerationRow).where(GenerationRow.kind == "lexical").values(family="terms-0"))
    reopened = open_store(home=home, database_url=database_url)
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
    assert results["vectors"].detail.startswith("the index in use has no manifest: ")
    assert all(result.ok for result in store.check(repair=True))


def test_queries_go_on_through_many_swaps(store: Store) -> None:
    library.put(store, *MANY)
    expected = _answers(store)
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for _ in range(5):
            writer._publisher.build("lexical", from_scratch=True)
            writer._publisher.build("vectors")
            assert _answers(store) == expected


def _asked(store: Store, trace_id: str, *, age: timedelta = timedelta()) -> tuple[str, ...]:
    """Records an answer, so long ago, from the generations that are searched now: their names."""
    corpus = store.corpus("library")
    library.nearest(corpus, "text number 7", 1)
    corpus.lexical("text number 7", 1)
    asked = library.exchange(trace_id, created_at=datetime.now(UTC) - age, generations=corpus.generations)
    store.exchanges.record(asked)
    return corpus.generations


def _rebuild_often(store: Store, times: int) -> None:
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        for _ in range(times):
            writer._publisher.build("vectors")
            writer._publisher.build("lexical")


def test_generations_that_a_recorded_answer_names_are_kept_until_it_is_old(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    named = _asked(store, "lately")
    _rebuild_often(store, 1)
    unasked = set(_folders(home)) - set(named)
    _rebuild_often(store, 3)
    assert set(named) <= set(_folders(home))
    assert not unasked & set(_folders(home))
    assert len(_folders(home)) == 6
    assert all(result.ok for result in store.check())
    with store._database.write() as connection:
        connection.execute(update(ExchangeRow).values(created_at=datetime.now(UTC) - timedelta(hours=25)))
    assert store._publisher(store.collections.place("library")).is_due()
    _rebuild(store)
    assert len(_folders(home)) == 4
    assert not set(named) & set(_folders(home))
    assert not store._publisher(store.collections.place("library")).is_due()


def test_how_long_they_are_kept_is_a_setting(home: Path, store: Store, database_url: str | None) -> None:
    library.put(store, *MANY, publish=True)
    named = _asked(store, "lately", age=timedelta(hours=2))
    forgetful = open_store(home=home, database_url=database_url, storage=Storage(keep_hours=1))
    _rebuild_often(forgetful, 2)
    forgetful.close()
    assert not set(named) & set(_folders(home))


def test_a_clock_that_was_set_back_keeps_them_longer_but_not_for_ever(store: Store, home: Path) -> None:
    library.put(store, *MANY, publish=True)
    named = _asked(store, "from the future", age=timedelta(days=-400))
    _rebuild_often(store, 3)
    assert set(named) <= set(_folders(home))
    for number in range(KEPT):
        _asked(store, f"more {number}")
        _rebuild_often(store, 1)
    assert not set(named) & set(_folders(home))
    assert len(_folders(home)) == 2 * KEPT


def test_what_went_is_remembered_while_an_older_generation_is_kept(store: Store) -> None:
    count = text("SELECT count(*) FROM tombstones")
    library.put(store, *MANY, publish=True)
    _asked(store, "lately")
    store.documents.delete("d0000")
    _rebuild_often(store, 3)
    with store._database.read() as connection:
        assert connection.execute(count).scalar() == 1


def test_a_view_goes_on_with_files_that_are_gone(store: Store, home: Path, database_url: str | None) -> None:
    library.put(store, *MANY, publish=True)
    corpus = store.corpus("library")
    expected = _answers(store)
    vectors, terms = corpus._vectors._view, corpus._terms._view
    before = corpus.generations
    other = open_store(home=home, database_url=database_url)
    _rebuild_often(other, 3)
    other.close()
    assert not set(before) & set(_folders(home))
    assert vectors is not None
    assert terms is not None
    assert vectors.base is not None
    assert terms.base is not None
    dense = [library.texts(store, [h.passage_id for h in vectors.base.search(library.vector(w), 5)]) for w in WORDS]
    lexical = [library.texts(store, [h.passage_id for h in terms.base.search(w, 5)]) for w in WORDS]
    assert dense + lexical == expected
    assert _answers(store) == expected


def test_a_reader_that_was_overtaken_reads_again(store: Store, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Between its look at SQL and its opening of the files, a writer published and swept."""
    library.put(store, *MANY, publish=True)
    corpus = store.corpus("library")
    with store._database.read() as connection:
        now = standing(connection, store.collections.place("library").id)
        assert now is not None
        library.put(store, library.document("late", "something else"))
        _rebuild_often(store, 3)
        vectors, terms = corpus._vectors.view(connection, now), corpus._terms.view(connection, now)
    assert [view.base is not None and len(view.base) for view in (vectors, terms)] == [61, 61]
    assert len(vectors.tail) == len(terms.tail) == 0
    assert caplog.text == ""


def test_the_database_of_another_time_is_read_anew(store: Store) -> None:
    """A restored collection has another folder."""
    library.put(store, *MANY, publish=True)
    corpus = store.corpus("library")
    assert store.corpus("library") is corpus
    with store._database.write() as connection:
        connection.execute(update(CollectionRow).values(folder="another"))
    store._look()
    assert store._corpora == {}
    assert not list((store.home / "indexes").glob("another"))
    assert store.corpus("library") is not corpus
    assert list(store._corpora) == [store.collections.place("library")]


@pytest.mark.parametrize("seed", range(4))
def test_every_flipped_bit_is_found(store: Store, home: Path, seed: int) -> None:
    library.put(store, *MANY, publish=True)
    (folder,) = (home / "indexes").iterdir()
    shelf = Shelf(folder)
    with store._database.read() as connection:
        named = connection.execute(select(GenerationRow.name, GenerationRow.sha256))
        sums = {row.name: row.sha256 for row in named}
    rng = random.Random(seed)
    files = sorted(file for file in folder.glob("*/*") if file.stat().st_size)
    for _ in range(15):
        damaged = rng.choice(files)
        content = damaged.read_bytes()
        name = damaged.parent.name
        assert shelf.verified(name, sha256=sums[name]) is not None
        _flip(damaged, rng)
        assert shelf.verified(name, sha256=sums[name]) is None
        assert shelf.is_put_aside(name)
        shelf.path(f"{name}.bad").rename(shelf.path(name))
        damaged.write_bytes(content)


def test_a_full_disk_loses_nothing_and_is_made_up_for(home: Path, store: Store, database_url: str | None) -> None:
    full = True

    def reached(milestone: Milestone) -> None:
        if full and milestone == "generation filled":
            raise OSError(28, "No space left on device")

    library.put(store, *MANY, publish=True)
    before = _folders(home)
    writing = open_store(home=home, database_url=database_url, reached=reached)
    fresh = [library.document(f"new {i}", f"fresh {i}") for i in range(TAIL["lexical"][0] + 1)]
    with writing.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.put(fresh)
        with pytest.raises(StoreError, match="No space left"):
            writer.publish()
    assert _folders(home) == before
    assert len(writing.corpus("library").lexical("fresh", 1000)) == len(fresh)
    assert all(result.ok for result in store.check())
    full = False
    _rebuild(writing)
    assert len(_folders(home)) == len(before) + 1
    writing.close()


def test_compaction_leaves_what_sql_has_and_nothing_else(store: Store, home: Path, database_url: str | None) -> None:
    library.put(store, *MANY, publish=True)
    other = open_store(home=home, database_url=database_url)
    _asked(store, "lately")
    _rebuild_often(store, 2)
    store.documents.delete("d0059")
    expected = _answers(other)
    (folder,) = (home / "indexes").iterdir()
    for name in ("vectors-0000000001-0000.bad", ".new-lexical-of-a-process-that-was-killed"):
        (folder / name).mkdir()
        (folder / name / "file").write_bytes(bytes(1000))
    done = store.compact("library")
    assert (done.generations_removed, done.tombstones_forgotten) == (6, 1)
    assert done.index_bytes_before > done.index_bytes_after + 2000 > 2000
    assert [name.split("-")[0] for name in _folders(home)] == ["lexical", "vectors"]
    assert all(result.ok for result in store.check())
    for opened in (store, other):
        assert _answers(opened) == expected
        assert sorted(opened.corpus("library").generations) == _folders(home)
    other.close()


def test_a_collection_that_lost_all_documents_is_compacted(store: Store, home: Path, database_url: str | None) -> None:
    library.put(store, *MANY, publish=True)
    other = open_store(home=home, database_url=database_url)
    _answers(other)
    for document in MANY:
        store.documents.delete(document.document.id)
    done = store.compact("library")
    assert done.tombstones_forgotten == len(MANY)
    for opened in (store, other):
        assert set(map(tuple, _answers(opened))) == {()}
    library.put(store, library.document("new", "something else"))
    for opened in (store, other):
        assert library.texts(opened, [hit.passage_id for hit in opened.corpus("library").lexical("else", 5)])
    assert all(result.ok for result in store.check())
    other.close()


def test_a_collection_without_anything_is_compacted(store: Store) -> None:
    store.collections.create("empty")
    store.compact("empty")
    assert store.corpus("empty").lexical("word", 5) == []
    assert all(result.ok for result in store.check())


def test_compaction_does_not_get_in_the_way_of_a_writer(store: Store) -> None:
    library.put(store, *MANY, publish=True)
    with store.writer("library", fingerprint=library.FINGERPRINT), pytest.raises(CollectionBusy, match="process"):
        store.compact("library", wait=False)
