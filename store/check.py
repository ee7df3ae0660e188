"""check: do SQL, the vector index, the lexical index and the files of each collection agree? Repair rebuilds from SQL.

Each fault is told with what it means and what to do. Nothing is ever deleted from SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from sqlalchemy import Connection, Select, func, or_, select

from grounding.errors import CollectionBusy, StoreError
from store import passages
from store.collections import Place
from store.database import Database
from store.families import open_index
from store.generations import BAD, KINDS, Kind, Shelf
from store.lexical import Tantivy
from store.publishing import Manifest, Standing, dimension_of, is_usable, manifests, standing
from store.ranking import Ids
from store.schema import (
    DocumentMetadata,
    DocumentRow,
    DocumentText,
    PassageEntity,
    PassageRow,
    Tombstone,
    VectorRow,
)

Part: TypeAlias = Literal["database", "sql", "vectors", "lexical", "files"]
Locked: TypeAlias = Callable[[], AbstractContextManager[object]]
"""Gives the lock of the collection's writer. Raises CollectionBusy while another has it."""

_AGAIN = "delete the documents and ingest them again, or restore a backup"
_HARMLESS = "no search finds them, but they are not gone: restore a backup, or ingest into a new collection"
_REBUILD = "answers come from SQL or an older index meanwhile; run  grounding check --repair"
_TIDY = "run  grounding check --repair  to be rid of them"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one part of a collection was found to be. `collection` is "" for the database as a whole.
    `ok` is the state after a repair, if there was one; `detail` says what was wrong, or what was counted."""

    collection: str
    part: Part
    ok: bool
    detail: str
    repaired: bool = False


def check_database(database: Database) -> CheckResult:
    """Whether the database finds its own file sound, and texts of no document in none."""
    orphans = select(DocumentText.document_id).where(DocumentText.document_id.not_in(select(DocumentRow.id)))
    try:
        faults = database.integrity()
        with database.read() as connection:
            number = 0 if faults else _count(connection, orphans)
    except StoreError as error:
        faults, number = str(error), 0
    if faults:
        return CheckResult("", "database", False, f"{faults}; restore a backup")
    if number:
        return CheckResult("", "database", False, f"{number} texts without a document ({_HARMLESS})")
    return CheckResult("", "database", True, "sound")


def check_collection(database: Database, shelf: Shelf, place: Place, *, locked: Locked) -> list[CheckResult]:
    """What agrees and what does not, as of one state of SQL."""
    with database.read() as connection:
        now = standing(connection, place.id)
        if now is None:
            return []
        faults = "; ".join(_sql_faults(connection, place, now))
        size = passages.count(connection, place.id)
        results = [CheckResult(place.name, "sql", not faults, faults or f"{size} passages")]
        for kind in KINDS:
            fault, counted = _check_index(connection, shelf, place, now, kind)
            results.append(CheckResult(place.name, kind, not fault, f"{fault}: {_REBUILD}" if fault else counted))
    if not all(result.ok for result in results[1:]) and _has_moved_on(database, place, now):
        return check_collection(database, shelf, place, locked=locked)
    faults = "; ".join(_file_faults(database, shelf, place, locked))
    detail = faults or f"{shelf.size()} bytes of indexes"
    return [*results, CheckResult(place.name, "files", not faults, detail)]


def _has_moved_on(database: Database, place: Place, then: Standing) -> bool:
    """Whether other indexes are in use by now: those that were looked at may have been removed meanwhile."""
    with database.read() as connection:
        now = standing(connection, place.id)
    return now is None or any(now.generation_id(kind) != then.generation_id(kind) for kind in KINDS)


def _sql_faults(connection: Connection, place: Place, now: Standing) -> Iterator[str]:
    """What is in SQL and cannot be so, each with what it means and what to do."""
    passage = select(PassageRow.id).where(PassageRow.collection_id == place.id)
    document = select(DocumentRow.id).where(DocumentRow.collection_id == place.id)
    vector = select(VectorRow.passage_id).where(VectorRow.collection_id == place.id)
    active = vector.where(VectorRow.fingerprint_id == now.fingerprint_id)
    name = select(PassageEntity.passage_id).where(PassageEntity.collection_id == place.id)
    field = select(DocumentMetadata.document_id).where(DocumentMetadata.collection_id == place.id)
    gone = select(Tombstone.passage_id).where(Tombstone.collection_id == place.id)
    text = select(DocumentText.document_id)
    faults: list[tuple[Select[int], str, str]] = [
        (passage.where(PassageRow.id.not_in(active)), "passages without a vector", f"no meaning finds them: {_AGAIN}"),
        (passage.where(PassageRow.document_id.not_in(document)), "passages without a document", _AGAIN),
        (document.where(DocumentRow.id.not_in(text)), "documents without their text", _AGAIN),
        (passage.where(PassageRow.id.in_(gone)), "passages both there and gone", f"no search finds them: {_AGAIN}"),
        (
            passage.where(or_(PassageRow.change > now.change, PassageRow.change < 1)),
            "passages of a change that has not happened",
            "restore a backup",
        ),
        (
            gone.where(or_(Tombstone.change > now.change, Tombstone.change < 1)),
            "tombstones of a change that has not happened",
            "restore a backup",
        ),
        (vector.where(VectorRow.passage_id.not_in(passage)), "vectors without a passage", _HARMLESS),
        (name.where(PassageEntity.passage_id.not_in(passage)), "names without a passage", _HARMLESS),
        (field.where(DocumentMetadata.document_id.not_in(document)), "metadata without a document", _HARMLESS),
    ]
    if now.fingerprint_id is not None:
        length = 4 * dimension_of(connection, now.fingerprint_id)
        wrong = active.where(func.length(VectorRow.vector) != length)
        faults.append((wrong, "vectors of another dimension", f"searches by meaning fail: {_AGAIN}"))
    for query, what, so in faults:
        if number := _count(connection, query):
            yield f"{number} {what} ({so})"


def _check_index(connection: Connection, shelf: Shelf, place: Place, now: Standing, kind: Kind) -> tuple[str, str]:
    """What is wrong with the generation in use, empty if nothing is; and what it holds."""
    wanted = now.generation_id(kind)
    if wanted is None:
        return "", "no index yet: answered from SQL"
    named = [manifest for manifest in manifests(connection, place.id, kind) if manifest.id == wanted]
    if not named:
        return "the index in use has no manifest", ""
    manifest = named[0]
    if not is_usable(manifest, now):
        return f"{manifest.name} belongs to another embedder, another version, or another database", ""
    try:
        held = _held(shelf, manifest, kind)
    except StoreError as error:
        return f"{manifest.name} cannot be opened: {error}", ""
    if held is None:
        return f"{manifest.name} is missing or damaged", ""
    gone = passages.removed(connection, place.id, after=manifest.change, until=now.change)
    alive = passages.ids(connection, place.id, until=manifest.change)
    missing = np.setdiff1d(alive, held).size
    foreign = np.setdiff1d(np.setdiff1d(held, gone), alive).size
    if held.size != manifest.passages:
        return f"{manifest.name} holds {held.size} passages, its manifest says {manifest.passages}", ""
    if missing or foreign:
        return f"{manifest.name} lacks {missing} passages and holds {foreign} that are gone", ""
    return "", f"{manifest.name} holds {held.size} passages"


def _held(shelf: Shelf, manifest: Manifest, kind: Kind) -> Ids | None:
    folder = shelf.verified(manifest.name, sha256=manifest.sha256)
    if folder is None:
        return None
    return open_index(folder, manifest.family).ids if kind == "vectors" else Tantivy(folder).ids()


def _file_faults(database: Database, shelf: Shelf, place: Place, locked: Locked) -> Iterator[str]:
    """Generations that are kept and not there, and files that are no generation's. What was put aside is known."""
    kept, in_use = _kept(database, place)
    missing = [m.name for m in kept if m.id not in in_use and not shelf.is_there(m.name, size=m.bytes)]
    if missing:
        yield f"{len(missing)} older index generations are missing (no answer needs them; {_TIDY})"
    left = _left_over(database, shelf, place)
    if left:
        # One that is being written looks the same, but for its writer.
        try:
            with locked():
                left = _left_over(database, shelf, place)
        except CollectionBusy:
            return
    if left:
        yield f"{len(left)} folders belong to no index (left by a process that was killed; {_TIDY})"


def _left_over(database: Database, shelf: Shelf, place: Place) -> list[str]:
    kept, _ = _kept(database, place)
    return [name for name in shelf.unnamed([manifest.name for manifest in kept]) if not name.endswith(BAD)]


def _kept(database: Database, place: Place) -> tuple[list[Manifest], set[int | None]]:
    """Every generation that SQL names, and the ids of those in use."""
    with database.read() as connection:
        now = standing(connection, place.id)
        kept = [manifest for kind in KINDS for manifest in manifests(connection, place.id, kind)]
    return kept, {now.generation_id(kind) for kind in KINDS} if now else set()


def _count(connection: Connection, query: Select[int]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
