"""The connection to SQL: engine, transactions, migrations, and database errors put into plain words.

All that is particular to SQLite is here.
"""

from __future__ import annotations

import importlib.util
import io
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from grounding.errors import (
    ConfigurationError,
    InvalidRequest,
    MissingDependency,
    SchemaOutdated,
    StoreError,
)
from store.milestones import Reached, unheard
from store.schema import REVISION

if TYPE_CHECKING:
    from alembic.config import Config

FILE_NAME = "grounding.db"
BUSY_MS = 10_000
"""How long a writer waits for another one's transaction."""
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16000",
)
_SQLITE_REASONS = {
    "SQLITE_BUSY": "is locked by another process; try again when that has finished",
    "SQLITE_LOCKED": "is locked by another transaction; try again when that has finished",
    "SQLITE_FULL": "cannot grow because the disk is full; free some space, nothing was half-written",
    "SQLITE_READONLY": "cannot be written; check the permissions of the file and of its folder",
    "SQLITE_CANTOPEN": "cannot be opened; check that its folder exists and may be written",
    "SQLITE_NOTADB": "is not a SQLite database, or is damaged; restore it from a backup",
    "SQLITE_CORRUPT": "is damaged; restore it from a backup",
    "SQLITE_IOERR": "cannot be read or written; check the disk",
    "SQLITE_PERM": "may not be used by this user; check its permissions",
}


class Database:
    """One SQL database. `read` and `write` are the only ways to it; both give one transaction."""

    def __init__(
        self,
        *,
        home: Path,
        database_url: str | None = None,
        busy_ms: int = BUSY_MS,
        reached: Reached = unheard,
    ) -> None:
        self.reached = reached
        self.url = _url(home, database_url)
        self.embedded = database_url is None
        self.name = str(home / FILE_NAME) if self.embedded else self.url.render_as_string(hide_password=True)
        self._locks = home / "locks"
        engine = _engine(self.url, busy_ms=busy_ms)
        # SQLite reads one state in a transaction anyway.
        self._engine = (
            engine if engine.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writing = engine.execution_options(immediate=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database. Raises StoreError."""
        with self._in_plain_words(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection whose changes are kept together at the end, or not at all. Raises StoreError."""
        with self._in_plain_words(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"{self.name} {_reason(error)}") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.name} did not answer as it should: {type(error).__name__}") from error
        except UnicodeEncodeError as error:
            raise InvalidRequest("a text is not valid Unicode: it holds half of a surrogate pair") from error
        except OverflowError as error:
            raise InvalidRequest("a number is larger than the database can hold") from error

    def require_current(self) -> None:
        """Raises SchemaOutdated unless the schema is the one of this version."""
        have = self.revision()
        if have == REVISION:
            return
        if have is None or have in _known_revisions():
            state = "has no tables yet" if have is None else f"is at schema {have}, this version needs {REVISION}"
            raise SchemaOutdated(f"{self.name} {state}: run  grounding db upgrade")
        raise SchemaOutdated(
            f"{self.name} is at schema {have}, which is newer than this version of grounding: upgrade grounding"
        )

    def revision(self) -> str | None:
        """The migration that the database is at, None for one without tables."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()

    def upgrade(self) -> None:
        """Brings the schema up to date, in one transaction where the database can. Raises SchemaOutdated for one
        that is newer than this version."""
        if self.revision() == REVISION:
            return
        with folder_of(self._locks), FileLock(self._locks / "schema.lock"):
            if self.revision() is not None and self.revision() not in _known_revisions():
                self.require_current()
            from alembic import command

            with self.write() as connection:
                config = migrations()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def integrity(self) -> str:
        """What is wrong with the database's own file, empty if nothing is. Raises StoreError if it cannot be read."""
        if self.url.get_backend_name() != "sqlite":
            return ""
        with self.read() as connection:
            rows = connection.execute(text("PRAGMA quick_check(5)")).scalars().all()
        return "" if list(rows) == ["ok"] else "; ".join(str(row) for row in rows)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def folder_of(path: Path) -> Iterator[Path]:
    """The folder, made if it is not there. Raises StoreError that names it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield path
    except OSError as error:
        raise StoreError(f"{error.filename or path} cannot be written: {error.strerror or error}") from error


def current(*, home: Path, database_url: str | None = None) -> tuple[str | None, str]:
    """The revision that the database has, and the one that this version needs."""
    database = Database(home=home, database_url=database_url)
    try:
        return database.revision(), REVISION
    finally:
        database.close()


def upgrade(*, home: Path, database_url: str | None = None) -> tuple[str | None, str]:
    """The revision before, and the one after, bringing the database up to date. Raises SchemaOutdated, StoreError."""
    with folder_of(home):
        database = Database(home=home, database_url=database_url)
    try:
        before = database.revision()
        database.upgrade()
        return before, REVISION
    finally:
        database.close()


def migrations() -> Config:
    """Alembic's configuration for the folder of migrations, in a checkout as in an installed package."""
    from alembic.config import Config

    # By default alembic writes to the standard output of the moment in which it was imported.
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(_migrations_folder()).replace("%", "%%"))
    return config


def _migrations_folder() -> Path:
    checkout = Path(__file__).parent.parent / "alembic"
    if (checkout / "env.py").is_file() and not (checkout / "__init__.py").exists():
        return checkout
    spec = importlib.util.find_spec("grounding_migrations")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        if (Path(folder) / "env.py").is_file():
            return Path(folder)
    raise StoreError("the migrations are missing from this installation: install grounding again")


def _known_revisions() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()}


def _url(home: Path, database_url: str | None) -> URL:
    if database_url is None:
        return URL.create("sqlite+pysqlite", database=str(home / FILE_NAME))
    try:
        return make_url(database_url)
    except ArgumentError as error:
        raise ConfigurationError(
            "database_url: not a URL that SQLAlchemy can read; it looks like postgresql://user:password@host/name"
        ) from error


def _engine(url: URL, *, busy_ms: int) -> Engine:
    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database in (None, "", ":memory:"):
        raise ConfigurationError("database_url: SQLite needs a file, as in sqlite:////folder/name.db")
    try:
        engine = create_engine(url, pool_size=8, max_overflow=56, pool_pre_ping=not sqlite, hide_parameters=True)
    except ArgumentError as error:
        if not isinstance(error, NoSuchModuleError):
            raise ConfigurationError("database_url: not a URL that its database can read") from error
        raise ConfigurationError(f"database_url: unknown kind of database {url.drivername!r}") from error
    except ModuleNotFoundError as error:
        if url.get_backend_name() == "postgresql":
            raise MissingDependency(
                "psycopg", purpose="PostgreSQL", command="pip install 'grounding[postgres]'"
            ) from error
        raise MissingDependency(error.name or url.drivername, purpose=f"the database {url.drivername}") from error
    if sqlite:
        event.listen(engine, "connect", partial(_on_sqlite_connect, busy_ms=busy_ms))
        event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry, *, busy_ms: int) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # The driver would begin transactions late, and not at all before SELECT and DDL: `_on_sqlite_begin` does it.
    connection.isolation_level = None
    for pragma in (f"PRAGMA busy_timeout = {busy_ms}", *PRAGMAS):
        connection.execute(pragma).close()


def _on_sqlite_begin(connection: Connection) -> None:
    # A writer takes the lock at once: a reader that turns into one fails when another has written in between.
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _reason(error: DBAPIError) -> str:
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is None:
        kind = type(error.orig).__name__
        return "cannot be reached" if error.connection_invalidated or kind == "OperationalError" else f"failed: {kind}"
    for prefix, reason in _SQLITE_REASONS.items():
        if name.startswith(prefix):
            return reason
    return f"refused the operation: {error.orig}"
