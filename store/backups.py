"""Backups: all that is committed at one moment, in one file, made while the store is in use.

What SQL holds, and the indexes in use beside it, so that a restored copy need not build them. Secrets that are files,
such as the key of the first administrator, and the models are not in it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy import Connection, Select, Table, func, insert, or_, select
from sqlalchemy.sql.elements import ColumnElement

import grounding
from grounding.errors import Conflict, StoreError
from store import archives
from store.archives import Counted, Manifest
from store.collections import Collections
from store.database import Database, given_keys, never_below
from store.generations import Shelf, fsync
from store.schema import (
    REVISION,
    Base,
    CollectionRow,
    ConversationRow,
    DocumentRow,
    ExchangeRow,
    GenerationRow,
    KeyRow,
    PassageRow,
)

_ROWS = 1000

Progress: TypeAlias = Callable[[str, int], None]
"""Is told what is being worked on, and how many bytes have been."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A backup that was made. `left_out` names indexes that were damaged, or replaced in that moment: a restored copy
    builds them again."""

    path: Path
    bytes: int
    seconds: float
    indexes: int
    left_out: tuple[str, ...]
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Index:
    """A generation in use: the folder of its collection, its name and its checksum."""

    folder: str
    name: str
    sha256: str


def silent(_what: str, _bytes: int) -> None:
    """Nobody wants to know how far it is."""


def backup(
    database: Database, collections: Collections, path: Path, *, force: bool = False, progress: Progress = silent
) -> BackupReport:
    """Writes a file that only its owner may read.

    Raises Conflict if there is one already, unless `force`. Raises StoreError if it cannot be written: it leaves
    nothing then, and the file of before as it was.
    """
    began = time.monotonic()
    if path.exists() and not force:
        raise Conflict(f"{path} is there already: name another file, or give --force to replace it")
    with _writing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        new = Path(folder) / "new"
        progress(archives.DATABASE, 0)
        manifest, indexes = _snapshot(database, Path(folder), path)
        with new.open("xb") as stream:
            new.chmod(0o600)
            writer = archives.Writer(stream)
            with (Path(folder) / archives.DATABASE).open("rb") as file:
                writer.add(archives.DATABASE, file)
            left_out = []
            for index in indexes:
                progress(index.name, stream.tell())
                if not _add(writer, collections.shelf_at(index.folder), index):
                    left_out.append(index.name)
            manifest = replace(manifest, members=writer.members)
            writer.close(manifest)
            progress("manifest", stream.tell())
        new.replace(path)
        fsync(path.parent)
    seconds = round(time.monotonic() - began, 3)
    return BackupReport(path, path.stat().st_size, seconds, len(indexes) - len(left_out), tuple(left_out), manifest)


def copy_rows(source: Connection, target: Connection, *, beyond: int = 0) -> None:
    """Copies every row to empty tables, each collection under its key and `beyond`. Keys that were given once are not
    given again."""
    for table in Base.metadata.sorted_tables:
        rows = source.execute(select(*_shifted(table, beyond)).execution_options(yield_per=_ROWS))
        for some in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in some])
    counters = given_keys(source)
    collections = CollectionRow.__tablename__
    never_below(target, {**counters, collections: counters.get(collections, 0) + beyond})


def indexes_in_use(connection: Connection) -> list[Index]:
    """The generations that the collections name."""
    named = or_(
        GenerationRow.id == CollectionRow.vector_generation_id,
        GenerationRow.id == CollectionRow.lexical_generation_id,
    )
    query = select(CollectionRow.folder, GenerationRow.name, GenerationRow.sha256).join(CollectionRow, named)
    return [Index(*row) for row in connection.execute(query.order_by(GenerationRow.id))]


def _snapshot(database: Database, folder: Path, path: Path) -> tuple[Manifest, list[Index]]:
    """What is committed now, written to a SQLite database in the folder."""
    if database.kind == "sqlite":
        database.copy_into(folder / archives.DATABASE, owner=str(path))
    with closing(Database(home=folder, name=str(path))) as copy:
        if database.kind != "sqlite":
            copy.upgrade()
            with database.read() as source, copy.write() as target:
                copy_rows(source, target)
        with copy.read() as connection:
            return _manifest(connection, database.kind), indexes_in_use(connection)


def _manifest(connection: Connection, kind: str) -> Manifest:
    def count(model: type[Base], *where: ColumnElement[bool]) -> Select[int]:
        return select(func.count()).select_from(model).where(*where)

    documents = count(DocumentRow, DocumentRow.collection_id == CollectionRow.id).scalar_subquery()
    passages = count(PassageRow, PassageRow.collection_id == CollectionRow.id).scalar_subquery()
    collections = connection.execute(select(CollectionRow.name, documents, passages).order_by(CollectionRow.name))
    return Manifest(
        format=archives.FORMAT,
        grounding=grounding.__version__,
        schema=REVISION,
        database=kind,
        created_at=datetime.now(UTC),
        collections=tuple(Counted(*row) for row in collections),
        conversations=connection.execute(count(ConversationRow)).scalar_one(),
        exchanges=connection.execute(count(ExchangeRow)).scalar_one(),
        keys=connection.execute(count(KeyRow)).scalar_one(),
    )


def _add(writer: archives.Writer, shelf: Shelf, index: Index) -> bool:
    """Whether the generation was sound, and is in the archive."""
    with ExitStack() as stack:
        try:
            # Open first: files that are removed while they are read stay until they are closed.
            files = [(file.name, stack.enter_context(file.open("rb"))) for file in shelf.files(index.name)]
        except OSError:
            return False
        if shelf.verified(index.name, sha256=index.sha256) is None:
            return False
        for name, file in files:
            writer.add(f"indexes/{index.folder}/{index.name}/{name}", file)
    return True


def _shifted(table: Table, beyond: int) -> Sequence[ColumnElement[Any]]:
    """The columns of a table, with `beyond` added to the keys of collections."""
    if not beyond:
        return list(table.c)
    keys = {"id"} if table.name == CollectionRow.__tablename__ else {"collection_id"}
    return [(column + beyond).label(column.name) if column.name in keys else column for column in table.c]


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}; nothing was left of it") from error
