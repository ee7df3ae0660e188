"""Backups taken while the store is in use, and put back whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import random
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alembic import command
from grounding.errors import (
    CollectionBusy,
    Conflict,
    GroundingError,
    InvalidRequest,
    NotFound,
    SchemaOutdated,
    StoreError,
)
from grounding.values import Turn
from store import archives
from store.database import FILE_NAME, Database, migrations
from store.open import Store, open_store
from store.restoring import restore
from tests import postgres
from tests.store import library

REPOSITORY = Path(__file__).parents[2]


class Place(NamedTuple):
    """Where a store is."""

    home: Path
    database_url: str | None

    def open(self) -> Store:
        return open_store(home=self.home, database_url=self.database_url, upgrade=True)

    def restore(self, path: Path, *, replace: bool = False) -> Any:
        return restore(path, home=self.home, database_url=self.database_url, replace=replace)


@pytest.fixture
def make_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str, str], Place]]:
    """A factory of places by name and kind of database; without a database yet."""
    made: list[str] = []

    def make(name: str, kind: str) -> Place:
        if kind == "sqlite":
            return Place(tmp_path / name, None)
        cluster: postgres.Cluster = request.getfixturevalue("cluster")
        made.append(cluster.create_empty())
        return Place(tmp_path / name, cluster.url(made[-1]))

    yield make
    for name in made:
        request.getfixturevalue("cluster").drop(name)


def _fill(store: Store) -> None:
    """Two collections, with indexes, a tail and a hole; a conversation, a key."""
    store.collections.create("empty")
    for collection in ("gone", "library"):
        new = [
            library.document(
                f"d{number}", f"leave {number}", f"pump {number}", metadata={"n": number, "ja": "休暇"}, names=["Ada"]
            )
            for number in range(9)
        ]
        library.put(store, *new, collection=collection, publish=True)
    store.collections.delete("gone")
    late = library.document("late", "a late leave", title="Late")
    library.put(store, replace(late, passages=(replace(late.passages[0], tokens=b"\x00\xfflate", language="en"),)))
    store.documents.delete("d3", collection="library")
    turns = (Turn("user", "question", "q"), Turn("assistant", "answer", "a"))
    store.exchanges.record(library.exchange("t1", conversation_id="c", caller="ada"), turns=turns)
    store.exchanges.record(library.exchange("t2"))


def _seen(store: Store) -> dict[str, object]:
    """All that a user can see."""
    corpus = store.corpus("library")
    legs = (
        corpus.dense(library.vector("pump 4"), 50, fingerprint=library.FINGERPRINT),
        corpus.lexical("late leave pump", 50),
        corpus.entity("ada", 50),
    )
    listed = store.documents.list("library", limit=50).items
    return {
        "legs": [[(hit.passage_id, hit.score) for hit in leg] for leg in legs],
        "passages": corpus.passages([hit.passage_id for leg in legs for hit in leg]),
        "tokens": corpus.tokens([hit.passage_id for hit in legs[0]], fingerprint=library.FINGERPRINT),
        "documents": listed,
        "texts": [corpus.document_text(each.id, version=each.version) for each in listed],
        "collections": [
            (each.name, each.created_at, each.change, each.fingerprint, each.generation)
            for each in store.collections.list()
        ],
        "conversation": store.conversations.get("c"),
        "exchanges": [store.exchanges.get(each.trace_id) for each in store.exchanges.list(limit=10).items],
        "keys": store.keys.list(),
    }


@pytest.mark.parametrize("target", ["sqlite", "postgresql"])
@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_a_restored_copy_answers_the_same(
    source: str, target: str, make_place: Callable[[str, str], Place], tmp_path: Path
) -> None:
    with closing(make_place("source", source).open()) as store:
        _fill(store)
        _, secret = store.keys.create(scopes=["chat"], name="mine")
        made = store.backup(tmp_path / "backup.tar")
        expected = _seen(store)
        assert expected["tokens"]
        last = max(hit.passage_id for hit in library.nearest(store.corpus("library"), "any", 100))
        assert (made.indexes, made.left_out) == (2, ())
    other = make_place("target", target)
    done = other.restore(tmp_path / "backup.tar")
    assert (done.indexes, done.replaced, done.manifest) == (2, False, made.manifest)
    with closing(other.open()) as store:
        assert _seen(store) == expected
        assert all(result.ok for result in store.check())
        assert store.keys.verify(secret).name == "mine"
        library.put(store, library.document("new", "a new one"))
        (found,) = store.corpus("library").lexical("new", 5)
        assert found.passage_id > last
    assert done.manifest.database == source
    assert [(each.name, each.documents, each.passages) for each in done.manifest.collections] == [
        ("empty", 0, 0),
        ("library", 9, 17),
    ]
    assert not (other.home / ".restoring").exists()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restore_takes_the_place_of_everything_while_others_read(
    kind: str, make_place: Callable[[str, str], Place], tmp_path: Path
) -> None:
    place = make_place("home", kind)
    with closing(place.open()) as store:
        words = {"first": ("alpha", "beta"), "second": ("gamma", "delta")}
        files = {}
        for state, (one, two) in words.items():
            library.put(store, *[library.document(f"{n}", f"{one} {n}", f"{two} {n}") for n in range(20)], publish=True)
            files[state] = tmp_path / f"{state}.tar"
            store.backup(files[state])
        for at in range(2):  # the same keys of documents as in the second state, with another text
            library.put(store, *[library.document(f"{n}", f"omega {at} {n}") for n in range(20)], publish=at == 0)
        done, mixed, errors, answers = threading.Event(), [], [], 0

        def read() -> None:
            nonlocal answers
            while not done.is_set():
                try:
                    corpus = store.corpus("library")
                    hits = library.nearest(corpus, "any", 100)
                    said = {passage.text.split()[0] for passage in corpus.passages([hit.passage_id for hit in hits])}
                    answers += 1
                    if said not in ({"alpha", "beta"}, {"gamma", "delta"}, {"omega"}, set()):
                        mixed.append(said)
                except NotFound:  # the collection of before is gone in the middle of a query
                    continue
                except GroundingError as error:
                    errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for state in ("first", "second", "first", "second", "first"):
                assert place.restore(files[state], replace=True).replaced
                (found,) = {
                    text.split()[0]
                    for text in library.texts(
                        store, [store.corpus("library").lexical(words[state][0], 1)[0].passage_id]
                    )
                }
                assert found == words[state][0]
        finally:
            done.set()
            for reader in readers:
                reader.join()
        assert (mixed, errors) == ([], [])
        assert answers > 5
        assert all(result.ok for result in store.check())
        assert len(list((place.home / "indexes").iterdir())) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_is_of_one_moment_while_another_ingests(
    kind: str, make_place: Callable[[str, str], Place], tmp_path: Path
) -> None:
    with closing(make_place("home", kind).open()) as store:
        library.put(store, library.document("0 left", "zero"), library.document("0 right", "zero"))
        done = threading.Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                number += 1
                both = [library.document(f"{number} {side}", f"text {number} {side}") for side in ("left", "right")]
                library.put(store, *both, publish=number % 5 == 0)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [store.backup(tmp_path / f"{number}.tar") for number in range(4)]
        finally:
            done.set()
            writer.join()
    for number, report in enumerate(made):
        place = Place(tmp_path / f"restored {number}", None)
        place.restore(report.path)
        with closing(place.open()) as store:
            sides = [each.id.split() for each in store.documents.list("library", limit=1000).items]
            assert {n for n, side in sides if side == "left"} == {n for n, side in sides if side == "right"}
            assert all(result.ok for result in store.check())
    counts = [report.manifest.collections[0].documents for report in made]
    assert counts == sorted(counts)
    assert counts[-1] > 2


def test_an_existing_file_stays_unless_it_is_to_be_replaced(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "backup.tar"
    path.write_text("mine")
    with pytest.raises(Conflict, match="--force"):
        store.backup(path)
    assert path.read_text() == "mine"
    store.backup(path, force=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        store.backup(tmp_path / "no" / "backup.tar")
    assert {each.name for each in tmp_path.iterdir()} == {"backup.tar", "home"}


def test_a_full_disk_leaves_no_half_of_a_backup(store: Store, home: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    library.put(store, *[library.document(str(number), "x" * 4000) for number in range(100)], publish=True)
    path = tmp_path / "backup.tar"
    store.backup(path)
    before = path.read_bytes()
    for limit in (100_000, len(before) - 20_000):  # in the copy of the database, and later in the archive
        script = f"""
import resource, signal
from pathlib import Path
from grounding.errors import StoreError
from store.open import open_store
store = open_store(home=Path({str(home)!r}))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
try:
    store.backup(Path({str(path)!r}), force=True)
except StoreError as error:
    print(error)
"""
        found = subprocess.run(
            [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        assert "cannot be" in found.stdout
        assert path.read_bytes() == before
        assert {each.name for each in tmp_path.iterdir()} == {"backup.tar", "home"}


def test_a_damaged_index_is_left_out_and_built_again(store: Store, tmp_path: Path) -> None:
    _fill(store)
    expected = _seen(store)
    (vectors,) = store.home.glob("indexes/*/vectors-*/*.faiss")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    made = store.backup(tmp_path / "backup.tar")
    assert (made.indexes, len(made.left_out)) == (1, 1)
    place = Place(tmp_path / "other", None)
    assert place.restore(made.path).indexes == 1
    with closing(place.open()) as restored:
        assert all(result.ok for result in restored.check())
        assert _seen(restored)["passages"] == expected["passages"]


@pytest.fixture
def backup(store: Store, tmp_path: Path) -> Path:
    _fill(store)
    return store.backup(tmp_path / "backup.tar").path


def _refused(path: Path, place: Place, *, error: type[GroundingError], match: str) -> None:
    """A restore that is refused has left nothing."""
    with pytest.raises(error, match=match):
        place.restore(path)
    left = [each for each in place.home.rglob("*") if each.is_file() and each.parent.name != "locks"]
    assert not left


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path / "other", None)
    file = tmp_path / "file"
    for content in (b"", b"text" * 1000):
        file.write_bytes(content)
        _refused(file, place, error=InvalidRequest, match="not a backup")
    with tarfile.open(file, "w") as tar:
        tar.add(REPOSITORY / "README.md", "README.md")
    _refused(file, place, error=InvalidRequest, match="not a backup")
    _refused(tmp_path / "none", place, error=InvalidRequest, match="cannot be read: No such file")
    _refused(tmp_path, place, error=InvalidRequest, match="cannot be read: Is a directory")


def test_a_backup_that_was_cut_off_is_refused(backup: Path, tmp_path: Path) -> None:
    whole = backup.read_bytes()
    with tarfile.open(backup) as tar:
        seal = tar.getmembers()[-1]
    for size in (1000, 5000, len(whole) // 2, seal.offset - 100, seal.offset, seal.offset_data + 10):
        cut = tmp_path / "cut.tar"
        cut.write_bytes(whole[:size])
        _refused(cut, Place(tmp_path / "other", None), error=StoreError, match="damaged: it was cut off")


def test_a_flipped_bit_is_found_wherever_it_is(backup: Path, tmp_path: Path) -> None:
    whole, place = backup.read_bytes(), Place(tmp_path / "other", None)
    with tarfile.open(backup) as tar:
        members = tar.getmembers()
    draw = random.Random(7)
    for member in members:
        for _ in range(3):
            at = member.offset_data + draw.randrange(member.size)
            damaged = bytearray(whole)
            damaged[at] ^= 1 << draw.randrange(8)
            flipped = tmp_path / "flipped.tar"
            flipped.write_bytes(damaged)
            if member.name == "manifest.json.sha256" and at >= member.offset_data + 64:
                continue  # the name after the checksum is for people
            _refused(flipped, place, error=StoreError, match="damaged")


def _archive(path: Path, content: dict[str, bytes], **changes: object) -> Path:
    """An archive as another program might make it."""
    members = [
        {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in content.items()
    ]
    manifest = {
        "format": archives.FORMAT,
        "grounding": "0",
        "schema": "0001",
        "database": "sqlite",
        "created_at": "2026-03-01T12:00:00+00:00",
        "collections": [],
        "conversations": 0,
        "exchanges": 0,
        "keys": 0,
        "members": members,
        **changes,
    }
    whole = json.dumps(manifest).encode()
    seal = hashlib.sha256(whole).hexdigest().encode()
    with tarfile.open(path, "w") as tar:
        for name, data in {**content, "manifest.json": whole, "manifest.json.sha256": seal}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "indexes/../../evil", "indexes/a/../evil", "grounding.toml", "indexes/a/b/c/d"]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    path = _archive(tmp_path / "file", {FILE_NAME: b"", name: b"evil"})
    _refused(path, Place(tmp_path / "other", None), error=StoreError, match="is not in it as its manifest says")
    assert not list(tmp_path.rglob("evil"))


def test_a_link_is_never_followed(backup: Path, tmp_path: Path) -> None:
    path = tmp_path / "linked.tar"
    with tarfile.open(backup) as old, tarfile.open(path, "w") as new:
        for entry in old.getmembers():
            data = old.extractfile(entry)
            if entry.name.endswith("ids.npy"):
                entry.type, entry.linkname, data = tarfile.SYMTYPE, "/etc/passwd", None
            new.addfile(entry, data)
    _refused(path, Place(tmp_path / "other", None), error=StoreError, match="damaged")


def test_a_newer_format_or_schema_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path / "other", None)
    path = _archive(tmp_path / "file", {FILE_NAME: b""}, format=2)
    _refused(path, place, error=StoreError, match="has the format 2, this version reads 1")
    path = _archive(tmp_path / "file", {FILE_NAME: b""}, schema="9999")
    _refused(path, place, error=SchemaOutdated, match="9999, which is newer than this version")


def test_an_older_schema_is_brought_up_to_date(home: Path, tmp_path: Path) -> None:
    with closing(Database(home=home)) as old, old.write() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    with closing(sqlite3.connect(home / FILE_NAME)) as connection:
        connection.execute("INSERT INTO collections VALUES (7, 'old', 'folder', '2026-03-01', 0, NULL, NULL, NULL)")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = _archive(tmp_path / "file", {FILE_NAME: (home / FILE_NAME).read_bytes()})
    place = Place(tmp_path / "other", None)
    place.restore(path)
    with closing(place.open()) as store:
        assert [each.name for each in store.collections.list()] == ["old"]
        assert all(result.ok for result in store.check())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_there_stays_unless_it_is_to_be_replaced(
    kind: str, backup: Path, make_place: Callable[[str, str], Place]
) -> None:
    place = make_place("other", kind)
    with closing(place.open()) as store:
        library.put(store, library.document("mine", "mine"), publish=True)
        with pytest.raises(Conflict, match="--replace"):
            place.restore(backup)
        with store.writer("library", fingerprint=library.FINGERPRINT), pytest.raises(CollectionBusy, match="process"):
            place.restore(backup, replace=True)
        assert [hit.passage_id for hit in store.corpus("library").lexical("mine", 5)] == [1]
        assert all(result.ok for result in store.check())
        old = store.corpus("library")
        place.restore(backup, replace=True)
        with pytest.raises(NotFound):  # one that is kept from before answers nothing of the other
            old.lexical("leave", 5)
        assert old.passages([1]) == []
        assert store.corpus("library").lexical("mine", 5) == []
        assert store.corpus("library").lexical("leave", 5)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(("moment", "expected"), [("restore unpacked", "mine"), ("restore committed", "leave")])
def test_a_restore_that_is_killed_leaves_one_or_the_other(
    kind: str, moment: str, expected: str, backup: Path, make_place: Callable[[str, str], Place]
) -> None:
    place = make_place("other", kind)
    with closing(place.open()) as store:
        library.put(store, library.document("mine", "mine"), publish=True)
    script = f"""
import os, signal
from pathlib import Path
from store.restoring import restore
def reached(milestone):
    if milestone == {moment!r}:
        os.kill(os.getpid(), signal.SIGKILL)
url = {place.database_url!r}
restore(Path({str(backup)!r}), home=Path({str(place.home)!r}), database_url=url, replace=True, reached=reached)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=False)
    assert killed.returncode == -signal.SIGKILL
    with closing(place.open()) as store:
        found = [word for word in ("mine", "leave") if store.corpus("library").lexical(word, 1)]
        assert found == [expected]
        assert len(list((place.home / "indexes").iterdir())) == 2
        assert all(result.ok for result in store.check(repair=True))
        assert len(list((place.home / "indexes").iterdir())) == 1
        assert not (place.home / ".restoring").exists()
    assert place.restore(backup, replace=True).replaced


def test_a_damaged_database_is_put_aside(backup: Path, store: Store, home: Path) -> None:
    expected = _seen(store)
    store.close()
    (home / FILE_NAME).write_bytes(b"no longer a database" * 1000)
    place = Place(home, None)
    with pytest.raises(StoreError, match=r"is damaged: give --replace"):
        place.restore(backup)
    done = place.restore(backup, replace=True)
    assert done.set_aside is not None
    assert done.set_aside.read_bytes().startswith(b"no longer a database")
    with closing(place.open()) as restored:
        assert _seen(restored) == expected


def test_a_job_that_ran_is_interrupted(store: Store, tmp_path: Path) -> None:
    job = store.jobs.start("library", sources=["folder"])
    path = store.backup(tmp_path / "backup.tar").path
    place = Place(tmp_path / "other", None)
    place.restore(path)
    with closing(place.open()) as restored:
        assert restored.jobs.get(job).status == "interrupted"
    store.jobs.leave(job)
