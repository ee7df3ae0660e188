"""Upkeep: what a service does beside answering: checksums of large indexes, rebuilding, letting go, publishing."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from grounding.errors import CollectionBusy, StoreError
from store.corpus import SqlCorpus
from store.open import Store, open_store
from store.publishing import TAIL
from store.readers import Care
from store.upkeep import Upkeep
from tests.store import library

MANY = [library.document(f"d{i:04}", f"text number {i}", names=[f"name {i % 7}"]) for i in range(60)]
SECONDS = 20.0


def until(holds: Callable[[], object]) -> None:
    """Returns when it holds; fails when it does not for long."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@pytest.fixture
def serving(store: Store) -> Store:
    """A store as a service has it, over sixty documents in published indexes."""
    library.put(store, *MANY, publish=True)
    store.upkeep.start()
    return store


def rebuild(store: Store) -> None:
    with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer._publisher.build("vectors")
        writer._publisher.build("lexical")


def in_use(store: Store) -> tuple[str | None, str | None]:
    info = store.collections.get("library")
    return info.generation, info.lexical_generation


def answers(corpus: SqlCorpus, word: str) -> list[list[str]]:
    """What the dense and the lexical leg find first."""
    legs = (library.nearest(corpus, word, 1), corpus.lexical(word, 1))
    return [[found.text for found in corpus.passages([hit.passage_id for hit in hits])] for hits in legs]


@contextmanager
def busy(upkeep: Upkeep) -> Iterator[None]:
    """Upkeep comes to nothing else meanwhile."""
    at_work, may_end = threading.Event(), threading.Event()

    def work() -> None:
        at_work.set()
        may_end.wait(SECONDS)

    assert upkeep.soon("work", work)
    assert at_work.wait(SECONDS)
    yield
    may_end.set()


def careful(store: Store) -> SqlCorpus:
    """The collection, with the checksum of every generation left to upkeep."""
    place = store.collections.place("library")
    care = Care(store.upkeep, partial(store._publish, place), at_once=0)
    return SqlCorpus(store._database, store.collections.shelf(place), place=place, care=care)


def test_nothing_is_taken_on_before_the_start_nor_after_the_end() -> None:
    upkeep = Upkeep(lambda: None)
    done = threading.Event()
    assert not upkeep.soon("early", done.set)
    upkeep.start()
    assert upkeep.soon("in time", done.set)
    assert done.wait(SECONDS)
    upkeep.stop()
    assert not upkeep.running
    assert not upkeep.soon("late", done.set)


def test_what_waits_already_is_not_taken_on_twice() -> None:
    upkeep = Upkeep(lambda: None)
    upkeep.start()
    done: list[int] = []
    with busy(upkeep):
        for number in range(3):
            assert upkeep.soon("same", partial(done.append, number))
        assert upkeep.soon("other", partial(done.append, 9))
    until(lambda: len(done) == 2)
    upkeep.stop()
    assert done == [0, 9]


def test_it_outlives_errors_and_tells_each_once(caplog: pytest.LogCaptureFixture) -> None:
    errors: list[Exception] = [StoreError("no space"), StoreError("no space"), CollectionBusy("another writes")]
    errors += [ValueError("odd"), ValueError("odd")]
    left = iter(errors)
    looked = threading.Event()

    def look() -> None:
        for error in left:
            raise error
        looked.set()

    upkeep = Upkeep(look, every=0.01)
    upkeep.start()
    assert looked.wait(SECONDS)
    upkeep.stop()
    assert [record.getMessage() for record in caplog.records] == ["look: no space", "look: odd"]


def test_no_store_starts_it_by_itself(store: Store) -> None:
    library.put(store, *MANY, publish=True)
    answers(store.corpus("library"), "text number 7")
    assert not store.upkeep.running
    assert [thread for thread in threading.enumerate() if thread.name == "upkeep"] == []


def test_the_view_before_answers_while_a_large_index_is_verified(serving: Store) -> None:
    corpus = careful(serving)
    assert answers(corpus, "text number 7") == [["text number 7"]] * 2
    before = corpus.generations
    with busy(serving.upkeep):
        library.put(serving, library.document("late", "something else"))
        rebuild(serving)
        serving.documents.delete("d0007")
        assert answers(corpus, "something else") == [["something else"]] * 2
        assert ["text number 7"] not in answers(corpus, "text number 7")
        assert corpus.generations == before
        rebuild(serving)
        assert answers(corpus, "something else") == [["something else"]] * 2
        assert corpus.generations == before

    def switched() -> bool:
        assert answers(corpus, "something else") == [["something else"]] * 2
        return corpus.generations == in_use(serving)

    until(switched)
    assert ["text number 7"] not in answers(corpus, "text number 7")


def test_a_view_too_old_to_go_on_is_not_waited_with(serving: Store) -> None:
    """What went since is no longer known: going on with it would find what is gone."""
    corpus = careful(serving)
    assert answers(corpus, "text number 7") == [["text number 7"]] * 2
    with busy(serving.upkeep):
        serving.documents.delete("d0007")
        for _ in range(3):
            rebuild(serving)
        assert ["text number 7"] not in answers(corpus, "text number 7")
        assert corpus.generations == in_use(serving)


def test_a_large_index_that_turns_out_damaged_is_never_searched_and_is_rebuilt(serving: Store, home: Path) -> None:
    corpus = careful(serving)
    answers(corpus, "text number 7")
    before = corpus.generations
    with busy(serving.upkeep):
        rebuild(serving)
        damaged = in_use(serving)
        for name in damaged:
            flip(next((home / "indexes").glob(f"*/{name}/*")))
        assert answers(corpus, "text number 8") == [["text number 8"]] * 2
        assert corpus.generations == before

    def healed() -> bool:
        assert answers(corpus, "text number 8") == [["text number 8"]] * 2
        return not set(corpus.generations) & {*damaged, *before}

    until(healed)
    assert all(result.ok for result in serving.check())


def flip(file: Path, seed: int = 1) -> None:
    content = bytearray(file.read_bytes())
    content[random.Random(seed).randrange(len(content))] ^= 4
    file.unlink()  # another generation may have a link to the same file
    file.write_bytes(content)


@pytest.mark.parametrize("damage", ["flipped", "removed", "folder removed"])
def test_damage_found_on_opening_is_mended_while_the_service_answers(serving: Store, home: Path, damage: str) -> None:
    damaged = in_use(serving)
    for name in damaged:
        (folder,) = (home / "indexes").glob(f"*/{name}")
        match damage:
            case "flipped":
                flip(next(folder.iterdir()))
            case "removed":
                next(folder.iterdir()).unlink()
            case _:
                shutil.rmtree(folder)
    corpus = serving.corpus("library")

    def healed() -> bool:
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        return len(corpus.generations) == 2 and not set(corpus.generations) & set(damaged)

    until(healed)
    assert all(result.ok for result in serving.check())


def test_a_command_that_ends_says_what_to_run(store: Store, home: Path, caplog: pytest.LogCaptureFixture) -> None:
    library.put(store, *MANY, publish=True)
    for name in in_use(store):
        flip(next((home / "indexes").glob(f"*/{name}/*")))
    assert answers(store.corpus("library"), "text number 7") == [["text number 7"]] * 2
    assert "run  grounding check --repair" in caplog.text


@pytest.mark.parametrize("damage", ["flipped", "folders removed"])
def test_a_look_notices_files_that_change_after_their_checksum(serving: Store, home: Path, damage: str) -> None:
    corpus = serving.corpus("library")
    answers(corpus, "text number 7")
    damaged = corpus.generations
    if damage == "flipped":
        for name in damaged:
            flip(next((home / "indexes").glob(f"*/{name}/*[!n]")))
    else:
        shutil.rmtree(home / "indexes")
    serving._look()

    def healed() -> bool:
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        return len(corpus.generations) == 2 and not set(corpus.generations) & set(damaged)

    until(healed)
    assert all(result.ok for result in serving.check())


def test_a_look_at_files_that_were_only_touched_goes_on_with_them(serving: Store, home: Path) -> None:
    corpus = serving.corpus("library")
    answers(corpus, "text number 7")
    before = corpus.generations
    for file in (home / "indexes").glob("*/*/*"):
        file.touch()
    serving._look()
    assert answers(corpus, "text number 7") == [["text number 7"]] * 2
    assert corpus.generations == before == in_use(serving)


def test_a_search_that_fails_on_a_damaged_file_answers_all_the_same(
    serving: Store, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = serving.corpus("library")
    answers(corpus, "text number 7")
    damaged = in_use(serving)[1]
    with busy(serving.upkeep):
        for file in (home / "indexes").glob(f"*/{damaged}/*.fast"):
            with file.open("r+b") as stream:  # in place: the index has it mapped
                stream.write(b"\xff" * file.stat().st_size)
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        assert "failed while it was searched" in caplog.text
        assert damaged not in corpus.generations
        assert [path.name for path in (home / "indexes").glob("*/*.bad")] == [f"{damaged}.bad"]

    def healed() -> bool:
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        return corpus.generations == in_use(serving) and damaged not in corpus.generations

    until(healed)
    assert all(result.ok for result in serving.check())


def test_what_failed_once_is_not_opened_again_whatever_its_checksum(serving: Store) -> None:
    corpus = serving.corpus("library")
    answers(corpus, "text number 7")
    view = corpus._terms._view
    assert view is not None
    with busy(serving.upkeep):
        corpus._terms.distrust(view)
        corpus._terms.distrust(view)  # as a second thread does
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        assert view.generation not in corpus.generations

    def healed() -> bool:
        assert answers(corpus, "text number 7") == [["text number 7"]] * 2
        return corpus.generations == in_use(serving)

    until(healed)
    assert view.generation not in corpus.generations


def test_a_look_publishes_what_deletions_made_due(serving: Store) -> None:
    least = TAIL["lexical"][0]
    fresh = [library.document(f"new {i}", f"fresh {i}") for i in range(least - 50)]
    library.put(serving, *fresh)
    answers(serving.corpus("library"), "text number 7")
    before = in_use(serving)
    serving._look()
    assert in_use(serving) == before
    for document in MANY[1:]:
        serving.documents.delete(document.document.id)
    serving._look()
    assert in_use(serving)[1] != before[1]
    assert serving.corpus("library").lexical("number", 100) != []


def test_a_look_leaves_to_a_writer_what_is_due(serving: Store) -> None:
    answers(serving.corpus("library"), "text number 7")
    before = in_use(serving)
    with serving.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.put([library.document(f"new {i}", f"fresh {i}") for i in range(TAIL["lexical"][0] + 1)])
        serving._look()
        assert in_use(serving) == before
    serving._look()
    assert in_use(serving)[1] != before[1]


def test_an_idle_service_lets_go_of_files_that_were_replaced(
    serving: Store, home: Path, database_url: str | None
) -> None:
    corpus = serving.corpus("library")
    answers(corpus, "text number 7")
    other = open_store(home=home, database_url=database_url)
    rebuild(other)
    other.close()
    assert corpus.generations != in_use(serving)
    serving._look()
    assert corpus.generations == in_use(serving)


def test_a_look_at_a_collection_that_was_deleted_forgets_it(serving: Store) -> None:
    answers(serving.corpus("library"), "text number 7")
    serving.collections.delete("library")
    serving._look()
    assert serving._corpora == {}


def test_two_at_once_publish_once_and_soundly(serving: Store, home: Path, database_url: str | None) -> None:
    stores = [open_store(home=home, database_url=database_url) for _ in range(3)]
    library.put(serving, *[library.document(f"new {i}", f"fresh {i}") for i in range(TAIL["lexical"][0] + 1)])
    for opened in stores:
        answers(opened.corpus("library"), "text number 7")
    threads = [threading.Thread(target=opened._look) for opened in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    names = sorted(path.name.split("-")[0] for path in (home / "indexes").glob("*/*"))
    assert names == ["lexical", "lexical", "vectors"]
    assert all(result.ok for result in serving.check())
    for opened in stores:
        assert answers(opened.corpus("library"), "fresh 7") == [["fresh 7"]] * 2
        opened.close()
