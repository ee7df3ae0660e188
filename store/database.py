"""The connection to SQL: engine, transactions, migrations, and database errors put into plain words.

All that is particular to one kind of database is here.
"""

from __future__ import annotations

import importlib.util
import io
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry

from grounding.errors import (
    ConfigurationError,
    GroundingError,
    InvalidRequest,
    MissingDependency,
    SchemaOutdated,
    StoreError,
    StoreUnavailable,
)
from store.milestones import Reached, unheard
from store.schema import REVISION, Base

if TYPE_CHECKING:
    from alembic.config import Config

FILE_NAME = "grounding.db"
BUSY_MS = 10_000
"""How long a writer waits for another one's transaction."""
IN_PASSING_MS = 50
"""How long a writer waits who could do without."""
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA cache_size = -16000",
    # The log grows while a reader stays at an old state. When that has ended, it is cut to so many bytes again.
    "PRAGMA journal_size_limit = 16777216",
)
_ADVISORY = 0x6772_6F75 << 32
"""Begins the keys of our advisory locks, so that other programs of the same database do not meet them."""
_HOLDER = """
    SELECT coalesce(host(client_addr), 'this host'), backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = :key
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1
"""
"""PostgreSQL shows a key of 64 bits as two numbers of 32."""
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
_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED")
_POSTGRESQL_REASONS = {
    "40": "was changed by another transaction in the same moment; try again",
    "53100": "cannot grow because the disk is full; free some space, nothing was half-written",
    "53": "has no resources left for this; try again when it is less busy",
    "55P03": "is locked by another transaction; try again when that has finished",
    "57": "is being stopped or started; try again in a moment",
    "08": "cannot be reached; check that it runs and that its address is right",
    "28": "does not let this user in; check the user and the password of database_url",
    "3D000": "does not exist: create it first",
    "42501": "does not allow this to its user; grant the rights",
    "25006": "cannot be written; it is read-only, as a standby is",
}
"""What a SQLSTATE means to a person, by its beginning. Source: PostgreSQL, Appendix A."""
_REFUSED = re.compile(r"FATAL:\s+((?:database|role|password|no pg_hba\.conf|permission)\b.*)")
_TOO_LARGE = "a number is larger than the database can hold"
_PASSING_STATES = ("40", "53", "55P03", "57", "08")


class Database:
    """One SQL database. `read` and `write` are the only ways to it; both give one transaction."""

    def __init__(
        self,
        *,
        home: Path,
        database_url: str | None = None,
        busy_ms: int = BUSY_MS,
        reached: Reached = unheard,
        name: str | None = None,
    ) -> None:
        """`name` is what errors call it, where that is not its file or URL."""
        self.reached = reached
        self.url = _url(home, database_url)
        self.kind = self.url.get_backend_name()
        self.embedded = database_url is None
        self.name = name or (str(home / FILE_NAME) if self.embedded else self.url.render_as_string(hide_password=True))
        self._locks = home / "locks"
        engine = _engine(self.url, busy_ms=busy_ms)
        # SQLite reads one state in a transaction anyway.
        self._engine = (
            engine if engine.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writing = engine.execution_options(immediate=True)
        # How long it waits belongs to a connection of SQLite: these have some of their own, made when they are needed.
        self._passing = _engine(self.url, busy_ms=min(busy_ms, IN_PASSING_MS)).execution_options(immediate=True)
        self._outside = engine.execution_options(
            **({"outside": True} if engine.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"})
        )

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
    def write_in_passing(self) -> Iterator[Connection]:
        """As `write`, for what need not be kept: does not wait for others longer than `IN_PASSING_MS`. Raises
        StoreError."""
        with self._in_plain_words(), self._passing.begin() as connection:
            yield connection

    @contextmanager
    def advisory(self, key: int) -> Iterator[Callable[[], str | None]]:
        """A function that tries to take the lock of this number, which is then held to the end of the block: None once
        it is taken, else who holds it. It excludes other hosts; a database of one host grants it always."""
        if self.kind != "postgresql":
            yield lambda: None
            return
        with self._in_plain_words():
            # A session's lock, outside of any transaction: it must not keep old rows alive for as long as it is held.
            session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

        def take() -> str | None:
            with self._in_plain_words():
                return _advisory(session, _ADVISORY + key)

        try:
            yield take
        finally:
            # Cut off, it would let go, too, but only once the server has noticed.
            with suppress(SQLAlchemyError):
                session.execute(text("SELECT pg_advisory_unlock_all()"))
            # Back in the pool, a connection that failed to would hold the lock for ever.
            session.invalidate()
            session.close()

    @contextmanager
    def _in_plain_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise _told(error, name=self.name) from error
        except PoolExhausted as error:
            raise StoreUnavailable(f"{self.name} is asked by too many at once; try again in a moment") from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.name} did not answer as it should: {type(error).__name__}") from error
        except UnicodeEncodeError as error:
            raise InvalidRequest("a text is not valid Unicode: it holds half of a surrogate pair") from error
        except OverflowError as error:
            raise InvalidRequest(_TOO_LARGE) from error

    def require_current(self) -> None:
        """Raises SchemaOutdated unless the schema is the one of this version."""
        have = self.revision()
        if have == REVISION:
            return
        if have is not None:
            require_known(have, name=self.name)
        state = "has no tables yet" if have is None else f"is at schema {have}, this version needs {REVISION}"
        raise SchemaOutdated(f"{self.name} {state}: run  grounding db upgrade")

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
            if (have := self.revision()) is not None:
                require_known(have, name=self.name)
            from alembic import command

            with self.write() as connection:
                config = migrations()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")

    def integrity(self) -> str:
        """What is wrong with the database's own file, empty if nothing is. Raises StoreError if it cannot be read."""
        if self.kind != "sqlite":
            return ""
        with self.read() as connection:
            rows = connection.execute(text("PRAGMA quick_check(5)")).scalars().all()
        return "" if list(rows) == ["ok"] else "; ".join(str(row) for row in rows)

    def is_damaged(self) -> bool:
        """Whether it is a SQLite file that cannot be used any more. Raises StoreError if it cannot be read at all."""
        try:
            return bool(self.integrity())
        except StoreError as error:
            cause = getattr(error.__cause__, "orig", None)
            if getattr(cause, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                return True
            raise

    def truncate(self) -> bool:
        """Empties the write-ahead log into the database's file, where that is SQLite's. False if another process goes
        on reading a state of before for longer than a writer waits: then the log keeps it. Raises StoreError."""
        if self.kind != "sqlite":
            return True
        with self._in_plain_words(), self._outside.connect() as connection:
            busy, _, _ = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()
        return not busy

    def rewrite(self) -> bool:
        """Writes the whole database anew, without anything that was deleted; other writers wait meanwhile. What
        `truncate` says comes of it. Raises StoreError.

        SQLite overwrites what it deletes, but where it once moved a row within a page, a copy may stay: of 6,000 values
        deleted at random, some ten were still in the file.
        """
        tables = "" if self.kind == "sqlite" else ", ".join(Base.metadata.tables)
        with self._in_plain_words(), self._outside.connect() as connection:
            connection.execute(text(f"VACUUM {tables}"))
        return self.truncate()

    def copy_into(self, path: Path, *, owner: str) -> None:
        """Writes all that is committed now to a new SQLite file, and nothing of what was deleted; of SQLite alone.
        Whoever writes meanwhile need not wait. Raises StoreError; of a full disk in the name of `owner`."""
        try:
            with closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("VACUUM INTO ?", (str(path),))
        except sqlite3.Error as error:
            full = getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_CANTOPEN")
            raise _told_of_sqlite(error, name=owner if full else self.name) from error

    def size(self) -> int:
        """Bytes of the database's files, its log included; 0 for one that is elsewhere."""
        return sum(file.stat().st_size for file in self.files())

    def files(self) -> list[Path]:
        """The database's own files; none for one that is elsewhere."""
        if not self.is_file:
            return []
        named = (Path(f"{self.url.database}{ending}") for ending in ("", "-wal", "-shm"))
        return [file for file in named if file.exists()]

    @property
    def is_file(self) -> bool:
        """Whether it is SQLite's."""
        return self.kind == "sqlite"

    def close(self) -> None:
        self._engine.dispose()
        self._passing.dispose()


def require_known(revision: str, *, name: str) -> None:
    """Raises SchemaOutdated if a schema is newer than this version."""
    if revision not in _known_revisions():
        raise SchemaOutdated(
            f"{name} is at schema {revision}, which is newer than this version of grounding: upgrade grounding"
        )


def given_keys(connection: Connection) -> dict[str, int]:
    """The highest key that each table has ever given to a row, by the table's name."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, seq FROM sqlite_sequence"))
        return {row.name: row.seq for row in rows}
    found = {}
    for table, sequence in _sequences(connection).items():
        last, called = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608
        found[table] = last if called else 0
    return found


def never_below(connection: Connection, counters: Mapping[str, int]) -> None:
    """From now on these tables give keys beyond those, and beyond all that they gave before."""
    given = given_keys(connection)
    beyond = [{"name": table, "key": key} for table, key in counters.items() if key > given.get(table, 0)]
    if connection.dialect.name == "sqlite":
        for each in beyond:
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), each)
            connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :key)"), each)
        return
    sequences = _sequences(connection)
    for each in beyond:
        connection.execute(text("SELECT setval(:name, :key)"), {**each, "name": sequences[str(each["name"])]})


def _sequences(connection: Connection) -> dict[str, str]:
    """The sequence of each table that numbers its rows, by the table's name; of PostgreSQL."""
    counted = [table.name for table in Base.metadata.sorted_tables if table.kwargs.get("sqlite_autoincrement")]
    query = text("SELECT pg_get_serial_sequence(:name, 'id')")
    return {name: connection.execute(query, {"name": name}).scalar_one() for name in counted}


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
    elif engine.name == "postgresql":
        event.listen(engine, "begin", partial(_on_postgresql_begin, busy_ms=busy_ms))
    return engine


def _on_sqlite_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry, *, busy_ms: int) -> None:
    assert isinstance(connection, sqlite3.Connection)
    # The driver would begin transactions late, and not at all before SELECT and DDL: `_on_sqlite_begin` does it.
    connection.isolation_level = None
    for pragma in (f"PRAGMA busy_timeout = {busy_ms}", *PRAGMAS):
        connection.execute(pragma).close()


def _on_sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("outside", False):  # of any transaction, as its statement must be
        return
    # A writer takes the lock at once: a reader that turns into one fails when another has written in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("immediate", False) else "BEGIN")


def _on_postgresql_begin(connection: Connection, *, busy_ms: int) -> None:
    # One writes at a time, as in SQLite: what a transaction has read is still so when it writes. None is long.
    if connection.get_execution_options().get("immediate", False):
        connection.exec_driver_sql(
            f"SELECT set_config('lock_timeout', '{busy_ms}', true), pg_advisory_xact_lock({_ADVISORY})"
        )


def _advisory(session: Connection, key: int) -> str | None:
    """Who holds the lock of this key, None if this session does from now on."""
    if session.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar_one():
        return None
    holder = session.execute(text(_HOLDER), {"key": key}).one_or_none()
    return "another process" if holder is None else f"a process on {holder[0]} since {holder[1]:%Y-%m-%d %H:%M:%S} UTC"


def _told(error: DBAPIError, *, name: str) -> GroundingError:
    """The error as a person is told it: which database, what is wrong, and what to do. It says, too, whether it may
    pass by itself."""
    if isinstance(error.orig, sqlite3.Error):
        return _told_of_sqlite(error.orig, name=name)
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "22003":
        return InvalidRequest(_TOO_LARGE)
    if "NUL" in str(error.orig):
        return InvalidRequest("a text holds the character NUL, which PostgreSQL cannot keep")
    if not state and (error.connection_invalidated or type(error.orig).__name__ == "OperationalError"):
        # Where no connection comes about, the driver has no code for it, and only the server's words to go by.
        if refused := _REFUSED.search(str(error.orig)):
            return StoreError(f"{name} cannot be used: {refused[1]}")
        state = "08"
    reason = _by_prefix(_POSTGRESQL_REASONS, state) or f"failed: {type(error.orig).__name__} {state}".rstrip()
    return (StoreUnavailable if state.startswith(_PASSING_STATES) else StoreError)(f"{name} {reason}")


def _told_of_sqlite(error: sqlite3.Error, *, name: str) -> StoreError:
    code = getattr(error, "sqlite_errorname", "")
    reason = _by_prefix(_SQLITE_REASONS, code) or f"refused the operation: {error}"
    return (StoreUnavailable if code.startswith(_PASSING) else StoreError)(f"{name} {reason}")


def _by_prefix(reasons: Mapping[str, str], name: str) -> str | None:
    return next((reason for prefix, reason in reasons.items() if name.startswith(prefix)), None)
