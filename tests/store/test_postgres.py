"""What is particular to PostgreSQL: migrations, locks that hosts share, and a server that goes away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import text

from alembic import command
from grounding.errors import CollectionBusy, InvalidRequest, SchemaOutdated, StoreError, StoreUnavailable
from store import database
from store.database import Database, given_keys, migrations, never_below
from store.open import open_store
from store.schema import REVISION
from tests import postgres
from tests.store import library

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def empty_url(cluster: postgres.Cluster) -> Iterator[str]:
    name = cluster.create_empty()
    yield cluster.url(name)
    cluster.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database without tables."""
    url = None if request.param == "sqlite" else request.getfixturevalue("empty_url")
    (tmp_path / "home").mkdir()
    with closing(Database(home=tmp_path / "home", database_url=url)) as opened:
        yield opened


def _migrate(opened: Database, change: Callable[..., None], *arguments: str) -> None:
    with opened.write() as connection:
        config = migrations()
        config.attributes["connection"] = connection
        change(config, *arguments)


def test_migrations_go_forth_and_back_and_agree_with_the_models(new: Database) -> None:
    _migrate(new, command.upgrade, "head")
    _migrate(new, command.check)
    _migrate(new, command.downgrade, "base")
    with new.read() as connection:
        assert sqlalchemy.inspect(connection).get_table_names() == ["alembic_version"]
    _migrate(new, command.upgrade, "head")
    _migrate(new, command.check)


def test_a_database_of_the_first_version_keeps_its_rows(new: Database) -> None:
    _migrate(new, command.upgrade, "0001")
    at = "2026-03-01 12:00:00+00" if new.kind == "postgresql" else "2026-03-01 12:00:00"
    body = '{"evidence": [{"passage": {"document_id": "d1"}}], "answer": {"citations": [{"document_id": "d2"}]}}'
    rows = [
        "INSERT INTO collections (id, name, folder, created_at, change) VALUES (4, 'old', 'f', :at, 7)",
        "INSERT INTO conversations VALUES ('c', 'old', 'ada', :at, :at)",
        (
            "INSERT INTO exchanges (trace_id, kind, created_at, collection, caller, conversation_id, outcome,"
            " generator, total_ms, passages, change, question, folded, body)"
            " VALUES ('t', 'chat', :at, 'old', 'ada', 'c', 'answered', 'g', 1.5, 1, 7, 'q', 'q', :body)"
        ),
        (
            "INSERT INTO jobs (id, collection, sources, status, counts, created_at, updated_at)"
            " VALUES ('j', 'old', '[\"folder\"]', 'done', '{}', :at, :at)"
        ),
    ]
    with new.write() as connection:
        for row in rows:
            values = {"at": at, "body": body}
            connection.execute(text(row), {name: value for name, value in values.items() if f":{name}" in row})
    new.upgrade()
    assert new.revision() == REVISION
    with new.read() as connection:
        noted = connection.execute(text("SELECT document_id, cited FROM exchange_documents ORDER BY 1")).all()
        assert [(row.document_id, bool(row.cited)) for row in noted] == [("d1", False), ("d2", True)]
        assert connection.execute(text("SELECT kind, request FROM jobs")).one() == ("ingest", None)
        assert connection.execute(text("SELECT id, change FROM collections")).one() == (4, 7)
        assert connection.execute(text("SELECT question, vector_generation FROM exchanges")).one() == ("q", None)
    _migrate(new, command.downgrade, "0001")
    with new.read() as connection:
        assert connection.execute(text("SELECT question FROM exchanges")).scalar() == "q"


def test_turns_outlive_what_is_sealed_of_them(new: Database) -> None:
    _migrate(new, command.upgrade, "0003")
    at = "2026-03-01 12:00:00+00" if new.kind == "postgresql" else "2026-03-01 12:00:00"
    rows = [
        "INSERT INTO conversations VALUES ('c', 'old', 'ada', :at, :at)",
        (
            "INSERT INTO turns (conversation_id, role, content, message_id, created_at)"
            " VALUES ('c', 'user', 'I am <PERSON_1>', 'm', :at)"
        ),
    ]
    with new.write() as connection:
        for row in rows:
            connection.execute(text(row), {"at": at})
    new.upgrade()
    turns = text("SELECT content, sealed FROM turns")
    with new.write() as connection:
        assert connection.execute(turns).one() == ("I am <PERSON_1>", None)
        connection.execute(text("UPDATE turns SET sealed = :blob"), {"blob": b"\x00\xff"})
        assert connection.execute(turns).one() == ("I am <PERSON_1>", b"\x00\xff")
    _migrate(new, command.downgrade, "0003")
    with new.read() as connection:
        assert connection.execute(text("SELECT * FROM turns")).mappings().one().keys() >= {"content", "withdrawn"}
        assert not sqlalchemy.inspect(connection).has_table("judgements")
    new.upgrade()
    with new.read() as connection:
        assert connection.execute(turns).one() == ("I am <PERSON_1>", None)


def test_keys_go_on_where_another_database_was(new: Database) -> None:
    new.upgrade()
    with new.write() as connection:
        assert not any(given_keys(connection).values())
        never_below(connection, {"collections": 41})
        never_below(connection, {"collections": 7})
        assert {table: key for table, key in given_keys(connection).items() if key} == {"collections": 41}
        row = (
            "INSERT INTO collections (name, folder, created_at, change) VALUES ('a', 'a', '2026-03-01', 0) RETURNING id"
        )
        assert connection.execute(text(row)).scalar() == 42
        assert given_keys(connection)["collections"] == 42


def test_a_database_is_left_alone_until_it_is_upgraded(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaOutdated, match=r"no tables yet: run  grounding db upgrade"):
        open_store(home=tmp_path, database_url=empty_url)
    assert database.upgrade(home=tmp_path, database_url=empty_url) == (None, REVISION)
    open_store(home=tmp_path, database_url=empty_url).close()


def test_a_reader_sees_one_state_while_another_writes(postgresql_url: str, tmp_path: Path) -> None:
    with closing(open_store(home=tmp_path, database_url=postgresql_url)) as store:
        store.collections.create("one")
        with closing(Database(home=tmp_path, database_url=postgresql_url)) as opened, opened.read() as connection:
            count = text("SELECT count(*) FROM collections")
            assert connection.execute(count).scalar() == 1
            store.collections.create("two")
            assert connection.execute(count).scalar() == 1


def test_many_threads_write_without_getting_in_each_others_way(postgresql_url: str, tmp_path: Path) -> None:
    with closing(open_store(home=tmp_path, database_url=postgresql_url)) as store:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: store.exchanges.record(library.exchange(f"t{i}", conversation_id="c")), range(80)))
        assert len(store.exchanges.list(limit=100).items) == 80


HOLDER = """
import sys
from pathlib import Path
from store.open import open_store
from tests.store import library
store = open_store(home=Path(sys.argv[1]), database_url=sys.argv[2])
with store.writer("library", fingerprint=library.FINGERPRINT):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_writer_among_the_hosts_that_share_the_database(postgresql_url: str, tmp_path: Path) -> None:
    """Two homes stand for two hosts: no file is common to them."""
    with closing(open_store(home=tmp_path / "here", database_url=postgresql_url)) as here:
        here.collections.create("library")
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "there"), postgresql_url],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(CollectionBusy, match=r"being written by a process on this host since 2"),
                here.writer("library", fingerprint=library.FINGERPRINT, wait=False),
            ):
                pass
            told: list[str] = []

            def write() -> None:
                with here.writer("library", fingerprint=library.FINGERPRINT, waiting=told.append) as writer:
                    writer.put([library.document("mine", "mine")])

            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(write)
                with pytest.raises(TimeoutError):
                    waiting.result(timeout=0.5)
                holder.kill()
                waiting.result(timeout=20)
        finally:
            holder.kill()
            holder.communicate()
        assert len(told) == 1
        assert here.corpus("library").lexical("mine", 1)


def test_the_lock_is_free_as_soon_as_it_is_let_go_of(postgresql_url: str, tmp_path: Path) -> None:
    with closing(open_store(home=tmp_path / "home", database_url=postgresql_url, upgrade=True)) as store:
        for _ in range(300):
            with store.writer("library", fingerprint=library.FINGERPRINT, wait=False):
                pass


def test_a_server_that_goes_away_is_said_to_be_away_and_is_used_again_when_it_is_back(tmp_path: Path) -> None:
    with postgres.cluster() as own:
        url = own.url(own.create())
        with closing(open_store(home=tmp_path, database_url=url)) as store:
            library.put(store, library.document("before", "kept"), publish=True)
            own.stop()
            for call in (
                lambda: store.corpus("library").lexical("kept", 1),
                lambda: library.put(store, library.document("lost", "lost")),
            ):
                with pytest.raises(StoreUnavailable, match="cannot be reached"):
                    call()
            assert store.ready()[0] is False
            own.start()
            assert store.ready() == (True, "")
            library.put(store, library.document("after", "kept, too"))
            assert len(store.corpus("library").lexical("kept", 5)) == 2
            with store.writer("library", fingerprint=library.FINGERPRINT) as writer:
                own.stop()
                with pytest.raises(StoreUnavailable):
                    writer.put([library.document("lost", "lost")])
                own.start()
            assert len(store.documents.list("library", limit=5).items) == 2
            assert all(result.ok for result in store.check())


def test_what_the_server_refuses_is_told_in_its_words(
    cluster: postgres.Cluster, postgresql_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match='database "nosuch" does not exist') as caught:
        open_store(home=tmp_path, database_url=cluster.url("nosuch"))
    assert not isinstance(caught.value, StoreUnavailable)
    stranger = postgresql_url.replace("postgres@", "stranger:secret@")
    with pytest.raises(StoreError, match='role "stranger" does not exist') as caught:
        open_store(home=tmp_path, database_url=stranger)
    assert "secret" not in str(caught.value)
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        open_store(home=tmp_path, database_url="postgresql+psycopg://user:secret@127.0.0.1:1/name")


def test_what_it_cannot_hold_is_a_bad_request(postgresql_url: str, tmp_path: Path) -> None:
    with closing(open_store(home=tmp_path, database_url=postgresql_url)) as store:
        with pytest.raises(InvalidRequest, match="NUL"):
            library.put(store, library.document("nul", "a \0 b"))
        with pytest.raises(InvalidRequest, match="larger than the database can hold"):
            store.corpus("library").passages([2**70])
        library.put(store, library.document("sound", "sound"))


def test_one_writes_at_a_time_and_others_wait_only_so_long(postgresql_url: str, tmp_path: Path) -> None:
    with (
        closing(Database(home=tmp_path, database_url=postgresql_url)) as opened,
        closing(Database(home=tmp_path, database_url=postgresql_url, busy_ms=50)) as hurried,
    ):
        with opened.write(), hurried.read() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
            with pytest.raises(StoreUnavailable, match="is locked by another transaction"), hurried.write():
                pass
        with hurried.write():
            pass
