"""Changing the embedder of a collection: no search mixes vectors or fails, whatever is written meanwhile."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
from sqlalchemy import Connection, text

from grounding.errors import CollectionBusy, ConfigurationError, EmbedderChanged, NotFound, StoreError
from grounding.values import Fingerprint, FloatVector
from store.corpus import SqlCorpus
from store.migrating import Migration, NewVector
from store.milestones import Milestone
from store.open import Store, open_store
from store.publishing import Standing
from tests.asking import Asker
from tests.store import library

REPOSITORY = Path(__file__).parents[2]
ALIKE = replace(library.FINGERPRINT, query_prefix="query: ")
"""As many dimensions as the vectors in use, and nothing else in common."""
WIDER = Fingerprint("wider", "1", 24)
WORDS = [f"word {number}" for number in range(12)]


def vector(word: str, fingerprint: Fingerprint) -> FloatVector:
    """What the embedder of this fingerprint makes of a word."""
    if fingerprint == library.FINGERPRINT:
        return library.vector(word)
    seed = int.from_bytes(hashlib.sha256(f"{fingerprint!r} {word}".encode()).digest()[:8], "little")
    values = np.random.default_rng(seed).normal(size=fingerprint.dimension)
    return (values / np.linalg.norm(values)).astype(np.float32)


def embed(migration: Migration, ids: Sequence[int] | None = None) -> int:
    """How many of the passages, by default all that lack a vector, have one now."""
    found = migration.texts(migration.lacking().tolist() if ids is None else ids)
    return migration.add(
        [NewVector(each.passage_id, f"hash of {each.text}", vector(each.text, migration.fingerprint)) for each in found]
    )


def finish(migration: Migration) -> None:
    with migration.alone():
        embed(migration)
        migration.prepare()
        migration.switch()


def migrate(store: Store, fingerprint: Fingerprint) -> None:
    with store.migration("library", fingerprint=fingerprint) as migration:
        finish(migration)


def nearest(store: Store, word: str, fingerprint: Fingerprint, k: int = 1) -> list[str]:
    hits = store.corpus("library").dense(vector(word, fingerprint), k, fingerprint=fingerprint)
    assert all(hit.score <= 1.00001 for hit in hits)
    return library.texts(store, [hit.passage_id for hit in hits])


def counted(store: Store, query: str) -> int:
    with store._database.read() as connection:
        return int(connection.execute(text(query)).scalar_one())


def sound(store: Store) -> bool:
    return all(result.ok for result in store.check())


@pytest.fixture
def full(store: Store) -> Store:
    library.put(store, *(library.document(word, word) for word in WORDS), publish=True)
    return store


@pytest.mark.parametrize("other", [ALIKE, WIDER], ids=["same dimension", "other dimension"])
def test_after_the_switch_only_the_new_vectors_are_searched(full: Store, other: Fingerprint) -> None:
    corpus = full.corpus("library")
    assert nearest(full, "word 3", library.FINGERPRINT) == ["word 3"]
    before = corpus.change
    migrate(full, other)
    assert corpus.fingerprint == full.collections.get("library").fingerprint == other
    assert corpus.change == before + 1
    with pytest.raises(EmbedderChanged, match="holds vectors of"):
        nearest(full, "word 3", library.FINGERPRINT)
    (hit,) = corpus.dense(vector("word 3", other), 1, fingerprint=other)
    assert (library.texts(full, [hit.passage_id]), round(hit.score, 5)) == (["word 3"], 1.0)
    assert sound(full)


def test_until_the_switch_nothing_is_to_be_seen_of_it(full: Store) -> None:
    corpus = full.corpus("library")
    before = full.collections.get("library")
    with full.migration("library", fingerprint=ALIKE) as migration:
        assert migration.in_use == library.FINGERPRINT
        with migration.alone():
            assert embed(migration) == len(WORDS)
            migration.prepare()
        assert full.collections.get("library") == before
        hits = migration.search(vector("word 5", ALIKE), 1)
        assert [round(hit.score, 5) for hit in hits] == [1.0]
        assert library.texts(full, [hit.passage_id for hit in hits]) == ["word 5"]
        with pytest.raises(EmbedderChanged):
            corpus.dense(vector("word 5", ALIKE), 1, fingerprint=ALIKE)
    assert nearest(full, "word 5", library.FINGERPRINT) == ["word 5"]
    assert sound(full)


class Held(SqlCorpus):
    """Holds its next query in the moment after it has read the collection's row, while something else happens."""

    meanwhile: Callable[[], object] | None = None

    @contextmanager
    def _now(self) -> Iterator[tuple[Connection, Standing]]:
        with super()._now() as found:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                meanwhile()
            yield found


def test_a_query_that_the_switch_overtakes_is_told(full: Store) -> None:
    place = full.collections.place("library")
    care = full.corpus("library")._vectors._care
    corpus = Held(full._database, full.collections.shelf(place), place=place, care=care)

    def overtaken() -> None:
        migrate(full, ALIKE)
        (hit,) = corpus.dense(vector("word 1", ALIKE), 1, fingerprint=ALIKE)
        assert hit.score == pytest.approx(1)

    corpus.meanwhile = overtaken
    with pytest.raises(EmbedderChanged):
        corpus.dense(vector("word 1", library.FINGERPRINT), 1, fingerprint=library.FINGERPRINT)


def test_what_comes_meanwhile_is_embedded_and_what_goes_is_left_out(full: Store) -> None:
    with full.migration("library", fingerprint=WIDER) as migration:
        first = migration.lacking().tolist()
        found = migration.texts(first)
        full.documents.delete("word 0")
        library.put(full, library.document("word 1", "changed"), library.document("new", "new"))
        rows = [NewVector(each.passage_id, "hash", vector(each.text, WIDER)) for each in found]
        assert migration.add(rows) == len(WORDS) - 2
        assert migration.add(rows) == 0
        assert sorted(each.text for each in migration.texts(migration.lacking().tolist())) == ["changed", "new"]
        with migration.alone():
            with pytest.raises(StoreError, match="2 passages of 'library' have no vector"):
                migration.switch()
            embed(migration)
            migration.prepare()
            migration.switch()
    for word in ("changed", "new", "word 7"):
        assert nearest(full, word, WIDER) == [word]
    assert "word 0" not in nearest(full, "word 0", WIDER, k=100)
    assert len(nearest(full, "any", WIDER, k=100)) == len(WORDS)
    assert counted(full, "SELECT count(*) FROM vectors WHERE passage_id NOT IN (SELECT id FROM passages)") == 0
    assert sound(full)


def test_a_switch_back_embeds_only_what_came_since_and_builds_nothing_that_is_there(full: Store) -> None:
    library.put(full, publish=True)
    before = full.collections.get("library").generation
    migrate(full, WIDER)
    with full.writer("library", fingerprint=WIDER) as writer:
        late = library.document("late", "late")
        writer.put([replace(late, passages=(replace(late.passages[0], vector=vector("late", WIDER)),))])
        writer._publisher.build("vectors")
        writer._publisher.build("vectors")
    with full.migration("library", fingerprint=library.FINGERPRINT) as migration:
        assert library.texts(full, migration.lacking().tolist()) == ["late"]
        finish(migration)
    assert full.collections.get("library").generation == before
    assert nearest(full, "late", library.FINGERPRINT) == ["late"]
    assert nearest(full, "word 2", library.FINGERPRINT) == ["word 2"]
    assert sound(full)


def test_a_writer_with_the_old_embedder_is_refused_after_the_switch(full: Store) -> None:
    migrate(full, WIDER)
    with (
        pytest.raises(ConfigurationError, match="holds vectors of wider"),
        full.writer("library", fingerprint=library.FINGERPRINT),
    ):
        pass


def test_nobody_writes_while_it_is_alone_and_it_is_not_alone_while_somebody_writes(full: Store) -> None:
    with full.migration("library", fingerprint=WIDER) as migration:
        with (
            migration.alone(),
            pytest.raises(CollectionBusy),
            full.writer("library", fingerprint=library.FINGERPRINT, wait=False),
        ):
            pass
        with (
            full.writer("library", fingerprint=library.FINGERPRINT),
            pytest.raises(CollectionBusy, match="is being written"),
            migration.alone(),
        ):
            pass


def test_a_second_migration_is_told_who_is_on_the_way(full: Store) -> None:
    told = r"embedded by another model by process \d+"
    with full.migration("library", fingerprint=WIDER):
        with pytest.raises(CollectionBusy, match=told), full.migration("library", fingerprint=ALIKE):
            pass
        with pytest.raises(CollectionBusy, match=told):
            full.forget_vectors("library")
    with full.migration("library", fingerprint=ALIKE) as migration:
        assert migration.passages() == len(WORDS)


def test_what_is_kept_to_switch_back_can_be_forgotten(full: Store, home: Path) -> None:
    migrate(full, WIDER)
    assert counted(full, "SELECT count(*) FROM vectors") == 2 * len(WORDS)
    assert full.forget_vectors("library") == len(WORDS)
    assert full.forget_vectors("library") == 0
    assert counted(full, "SELECT count(*) FROM vectors") == len(WORDS)
    folders = [path.name for path in (home / "indexes").glob("*/vectors-*")]
    assert folders == [full.collections.get("library").generation]
    assert nearest(full, "word 4", WIDER) == ["word 4"]
    with full.migration("library", fingerprint=library.FINGERPRINT) as migration:
        assert migration.lacking().size == len(WORDS)
    assert sound(full)


def test_tokens_are_kept_for_each_embedder_and_forgotten_with_its_vectors(store: Store) -> None:
    new = library.document("a", "one", "two")
    library.put(store, replace(new, passages=tuple(replace(each, tokens=b"old") for each in new.passages)))
    corpus = store.corpus("library")
    ids = [hit.passage_id for hit in library.nearest(corpus, "one", 2)]
    with store.migration("library", fingerprint=WIDER) as migration, migration.alone():
        rows = [NewVector(each.passage_id, "h", vector(each.text, WIDER), b"new") for each in migration.texts(ids)]
        assert migration.add(rows) == 2
        assert corpus.tokens(ids, fingerprint=library.FINGERPRINT) == dict.fromkeys(ids, b"old")
        migration.prepare()
        migration.switch()
    assert corpus.tokens(ids, fingerprint=WIDER) == dict.fromkeys(ids, b"new")
    assert corpus.tokens(ids, fingerprint=library.FINGERPRINT) == dict.fromkeys(ids, b"old")
    store.forget_vectors("library")
    assert corpus.tokens(ids, fingerprint=library.FINGERPRINT) == {}
    assert corpus.tokens(ids, fingerprint=WIDER) == dict.fromkeys(ids, b"new")
    assert counted(store, "SELECT count(*) FROM passage_tokens") == 2


@pytest.mark.parametrize(
    "wrong", [np.full(24, np.nan, np.float32), np.ones(24, np.float32), np.eye(1, 16, dtype=np.float32)[0]]
)
def test_a_vector_that_cannot_be_compared_is_refused(full: Store, wrong: FloatVector) -> None:
    with full.migration("library", fingerprint=WIDER) as migration:
        one, two = migration.lacking().tolist()[:2]
        rows = [NewVector(one, "a", vector("a", WIDER)), NewVector(two, "b", wrong)]
        with pytest.raises(StoreError):
            migration.add(rows)
    assert counted(full, "SELECT count(*) FROM vectors") == len(WORDS)


def test_an_empty_collection_only_changes_its_name_for_what_will_come(store: Store) -> None:
    store.collections.create("library", library.FINGERPRINT)
    migrate(store, WIDER)
    assert store.collections.get("library").fingerprint == WIDER
    assert store.corpus("library").dense(vector("any", WIDER), 5, fingerprint=WIDER) == []
    assert sound(store)


def test_a_collection_that_is_deleted_meanwhile(full: Store) -> None:
    with full.migration("library", fingerprint=WIDER) as migration:
        some = migration.texts(migration.lacking().tolist())
        full.collections.delete("library")
        assert migration.add([NewVector(each.passage_id, "h", vector("x", WIDER)) for each in some]) == 0
        with pytest.raises(NotFound):
            migration.lacking()


def test_titles_are_taken_evenly(store: Store) -> None:
    titles = [f"title {number}" for number in range(10)]
    library.put(
        store, *(library.document(title, title, title=title) for title in titles), library.document("none", "x")
    )
    with store.migration("library", fingerprint=WIDER) as migration:
        assert migration.titles(100) == tuple(titles)
        assert migration.titles(4) == ("title 0", "title 3", "title 6", "title 9")
        assert migration.titles(0) == ()


KILLED = """
import os, signal, sys
from pathlib import Path
from store.open import open_store
from tests.store.test_migrating import WIDER, embed, finish

def die(milestone):
    if milestone == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

store = open_store(home=Path(sys.argv[1]), database_url=sys.argv[3] or None, reached=die)
with store.migration("library", fingerprint=WIDER) as migration:
    for passage_id in migration.lacking().tolist()[:5]:
        embed(migration, [passage_id])
    finish(migration)
"""
MOMENTS: dict[Milestone, tuple[int, Fingerprint]] = {
    "vectors committed": (11, library.FINGERPRINT),
    "generation recorded": (0, library.FINGERPRINT),
    "embedder switched": (0, WIDER),
}
"""What lacks a vector, and which are in use, when the process is killed there."""


@pytest.mark.parametrize("moment", MOMENTS)
def test_one_that_is_killed_goes_on_where_it_was(
    full: Store, home: Path, database_url: str | None, moment: Milestone
) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(home), moment, database_url or ""], cwd=REPOSITORY, check=False
    )
    assert killed.returncode == -9
    lacking, in_use = MOMENTS[moment]
    assert full.collections.get("library").fingerprint == in_use
    assert nearest(full, "word 6", in_use) == ["word 6"]
    assert sound(full)
    with full.migration("library", fingerprint=WIDER) as migration:
        assert migration.lacking().size == lacking
        finish(migration)
    assert nearest(full, "word 6", WIDER) == ["word 6"]
    assert sound(full)


class Asking(Asker):
    """Asks for one word after the other, each time with the embedder of the moment."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self.embedders: set[Fingerprint] = set()

    def ask(self) -> None:
        word = WORDS[self.asked % len(WORDS)]
        corpus = self._store.corpus("library")
        fingerprint = corpus.fingerprint
        assert fingerprint is not None
        try:
            (hit,) = corpus.dense(vector(word, fingerprint), 1, fingerprint=fingerprint)
        except EmbedderChanged:
            return
        self.asked += 1
        self.embedders.add(fingerprint)
        if abs(hit.score - 1) > 1e-4 or library.texts(self._store, [hit.passage_id]) != [word]:
            self.wrong.append(f"{word} by {fingerprint}: {hit}")


OTHER = """
import sys
from pathlib import Path
from store.open import open_store
from tests.store.test_migrating import Asking

with Asking(open_store(home=Path(sys.argv[1]), database_url=sys.argv[2] or None)) as asking:
    print("asking", flush=True)
    sys.stdin.readline()
print(asking.wrong, len(asking.embedders), flush=True)
"""


def test_no_query_fails_or_mixes_vectors_through_switches_back_and_forth(
    full: Store, home: Path, database_url: str | None
) -> None:
    command = [sys.executable, "-c", OTHER, str(home), database_url or ""]
    with ExitStack() as stack:
        other = stack.enter_context(subprocess.Popen(command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, text=True))
        assert other.stdout is not None
        assert other.stdout.readline() == "asking\n"
        asking = [stack.enter_context(Asking(full)) for _ in range(3)]
        mover = stack.enter_context(closing(open_store(home=home, database_url=database_url)))
        for turn in range(4):
            for each in (ALIKE, WIDER, library.FINGERPRINT):
                migrate(mover, each)
                mover.documents.delete(f"extra {turn}")
                extra = library.document(f"extra {turn}", f"extra {turn}")
                new = replace(extra, passages=(replace(extra.passages[0], vector=vector(f"extra {turn}", each)),))
                with mover.writer("library", fingerprint=each) as writer:
                    writer.put([new])
                for each_asking in asking:
                    each_asking.goes_on()
        told, _ = other.communicate("stop\n", timeout=60)
    assert [asked.wrong for asked in asking] == [[], [], []]
    assert [len(asked.embedders) for asked in asking] == [3, 3, 3]
    assert told.split()[0] == "[]"
    assert int(told.split()[1]) >= 2
    assert sound(full)
