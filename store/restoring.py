"""Restoring: a backup takes the place of all that a store holds, wholly or not at all, also while it is in use.

Order: the backup is unpacked beside the indexes and verified; its indexes take their places, in folders that no
collection has yet; one transaction replaces every row; the folders of before are removed. Killed in between, a store
holds what it held or what was restored, and what is left over is known from the plan, and removed at the next
occasion. Collections get new keys and new folders: what a process has in memory is never taken for theirs.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import Connection, delete, select, update

from grounding.errors import Conflict, StoreError
from store import archives
from store.archives import Archive, Manifest
from store.backups import Progress, copy_rows, indexes_in_use, silent
from store.collections import Collections, Place
from store.database import FILE_NAME, Database, folder_of, given_keys, require_known
from store.generations import Shelf, fsync
from store.milestones import Reached, unheard
from store.schema import Base, CollectionRow, ConversationRow, ExchangeRow, GenerationRow, KeyRow

_STAGE = ".restoring"
_PLAN = "plan.json"
_HOLDINGS: Sequence[type[Base]] = (CollectionRow, ConversationRow, ExchangeRow, KeyRow)


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was put back. `replaced` if the store held something before; `set_aside` is where a database that was
    damaged is now."""

    path: Path
    seconds: float
    indexes: int
    replaced: bool
    set_aside: Path | None
    manifest: Manifest


def restore(
    path: Path,
    *,
    home: Path,
    database_url: str | None = None,
    replace: bool = False,
    reached: Reached = unheard,
    progress: Progress = silent,
) -> RestoreReport:
    """Puts back what the backup at `path` holds, after all of it has been verified.

    Raises Conflict if the store holds something, unless `replace`; CollectionBusy while somebody writes to it;
    InvalidRequest if the file is no backup; SchemaOutdated if it is of a newer version; StoreError if it is damaged,
    or something cannot be written. The store is what it was, then.
    """
    began = time.monotonic()
    with archives.opened(path) as archive, folder_of(home), _alone(home):
        require_known(archive.manifest.schema, name=str(path))
        with _stage(home) as stage, closing(_unpacked(archive, stage, path, progress)) as copy:
            indexes = _prepare(copy, stage)
            target, set_aside = _target(home, database_url, replace=replace, reached=reached)
            with closing(target):
                _finish(target, home)
                progress("database", path.stat().st_size)
                replaced = _exchange(target, copy, home=home, stage=stage, replace=replace)
    return RestoreReport(path, round(time.monotonic() - began, 3), indexes, replaced, set_aside, archive.manifest)


def tidy(database: Database, *, home: Path) -> None:
    """Removes what a restore that was killed has left."""
    with suppress(Conflict), _alone(home):
        _finish(database, home)
        if not (home / _STAGE / _PLAN).exists():
            shutil.rmtree(home / _STAGE, ignore_errors=True)


def _finish(database: Database, home: Path) -> None:
    """Removes the folders of the plan that no collection names."""
    plan = home / _STAGE / _PLAN
    with suppress(FileNotFoundError):
        folders = json.loads(plan.read_text())
        with database.read() as connection:
            named = set(connection.execute(select(CollectionRow.folder)).scalars())
        for folder in set(folders) - named:
            shutil.rmtree(home / "indexes" / folder, ignore_errors=True)
        plan.unlink()


def _unpacked(archive: Archive, stage: Path, path: Path, progress: Progress) -> Database:
    """The database of the backup, at the schema of this version, with its indexes beside it."""
    done = 0
    for member in archive.unpack(stage):
        done += member.bytes
        progress(member.name, done)
    copy = Database(home=stage, name=str(path))
    try:
        copy.upgrade()
        if faults := copy.integrity():
            raise StoreError(f"{path} holds a database that is damaged: {faults}")
    except BaseException:
        copy.close()
        raise
    return copy


def _prepare(copy: Database, stage: Path) -> int:
    """Gives the collections new folders, and forgets the indexes that are not there. How many are."""
    with copy.write() as connection:
        sound = [
            index.name
            for index in indexes_in_use(connection)
            if Shelf(stage / "indexes" / index.folder).verified(index.name, sha256=index.sha256)
        ]
        connection.execute(delete(GenerationRow).where(GenerationRow.name.not_in(sound)))
        there = select(GenerationRow.id)
        for column in (CollectionRow.vector_generation_id, CollectionRow.lexical_generation_id):
            connection.execute(update(CollectionRow).where(column.not_in(there)).values({column: None}))
        for folder in _folders(connection):
            new = secrets.token_hex(8)
            connection.execute(update(CollectionRow).where(CollectionRow.folder == folder).values(folder=new))
            with suppress(FileNotFoundError):
                (stage / "indexes" / folder).rename(stage / "indexes" / new)
    return len(sound)


def _target(home: Path, database_url: str | None, *, replace: bool, reached: Reached) -> tuple[Database, Path | None]:
    """The database to restore into, and where the damaged one is that was in its place."""
    database = Database(home=home, database_url=database_url, reached=reached)
    set_aside = None
    try:
        if database.embedded and database.is_damaged():
            if not replace:
                raise StoreError(f"{database.name} is damaged: give --replace to put it aside and restore the backup")
            database.close()
            set_aside = _put_aside(home)
            database = Database(home=home, reached=reached)
        if database.embedded or database.revision() is None:
            database.upgrade()
        database.require_current()
    except BaseException:
        database.close()
        raise
    return database, set_aside


def _exchange(target: Database, copy: Database, *, home: Path, stage: Path, replace: bool) -> bool:
    """Puts what was unpacked in the place of what is there. Whether there was something."""
    collections = Collections(target, home=home)
    with ExitStack() as stack:
        places = collections.places()
        for place in places:
            stack.enter_context(collections.migrating(place))
            stack.enter_context(collections.writing(place, wait=False))
        new = _plan(copy, places, stage)
        try:
            _take_places(stage, home, new)
            target.reached("restore unpacked")
            with copy.read() as source, target.write() as connection:
                held = _require_as_expected(connection, target.name, places, replace=replace)
                beyond = given_keys(connection).get(CollectionRow.__tablename__, 0)
                for table in reversed(Base.metadata.sorted_tables):
                    connection.execute(delete(table))
                copy_rows(source, connection, beyond=beyond)
            target.reached("restore committed")
        finally:
            _finish(target, home)
    with suppress(StoreError):  # a reader at work keeps the log: it is emptied later
        target.truncate()
    return held


def _plan(copy: Database, places: Sequence[Place], stage: Path) -> list[str]:
    """The new folders. Notes, safe on disk, them and the old: of these, those that SQL does not name are to go."""
    with copy.read() as connection:
        new = _folders(connection)
    plan = stage / _PLAN
    plan.write_text(json.dumps([*new, *(place.folder for place in places)]))
    fsync(plan)
    fsync(stage)
    return new


def _take_places(stage: Path, home: Path, folders: Sequence[str]) -> None:
    for folder in folders:
        unpacked = stage / "indexes" / folder
        if unpacked.is_dir():
            (home / "indexes").mkdir(exist_ok=True)
            unpacked.rename(home / "indexes" / folder)
            fsync(home / "indexes")
    fsync(home)


def _require_as_expected(connection: Connection, name: str, places: Sequence[Place], *, replace: bool) -> bool:
    """Whether the database holds something. Raises Conflict if it may not, or has other collections than expected."""
    if set(_folders(connection)) != {place.folder for place in places}:
        raise Conflict(f"{name}: a collection was created or deleted in this moment: try again")
    held = any(connection.execute(select(1).select_from(model).limit(1)).first() for model in _HOLDINGS)
    if held and not replace:
        raise Conflict(
            f"{name} holds collections, conversations or keys: restore into another home, or give --replace to put the "
            "backup in their place"
        )
    return held


def _folders(connection: Connection) -> list[str]:
    return list(connection.execute(select(CollectionRow.folder)).scalars())


def _put_aside(home: Path) -> Path:
    aside = home / f"{FILE_NAME}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for ending in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            (home / f"{FILE_NAME}{ending}").rename(f"{aside}{ending}")
    return aside


@contextmanager
def _stage(home: Path) -> Iterator[Path]:
    """A folder to unpack in, on the same disk as the indexes. A plan that a killed restore left stays in it."""
    stage = home / _STAGE
    stage.mkdir(mode=0o700, exist_ok=True)
    for left in stage.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        elif left.name != _PLAN:
            left.unlink()
    try:
        yield stage
    finally:
        if not (stage / _PLAN).exists():
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = FileLock(home / "locks" / "restore.lock", timeout=0)
    try:
        with folder_of(home / "locks"):
            lock.acquire()
    except Timeout:
        raise Conflict(f"a backup is being restored into {home} already: wait until that is done") from None
    try:
        yield
    finally:
        lock.release()
