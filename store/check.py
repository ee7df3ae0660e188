"""check: do SQL, the vector index and the lexical index of each collection agree? Repair rebuilds from SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from sqlalchemy import Connection, Select, func, or_, select

from grounding.errors import StoreError
from store import passages
from store.collections import Place
from store.database import Database
from store.generations import Kind, Shelf
from store.lexical import Tantivy
from store.publishing import Manifest, Standing, dimension_of, is_usable, manifests, standing
from store.ranking import Ids
from store.schema import DocumentRow, PassageEntity, PassageRow, VectorRow
from store.vectors import Flat

Part: TypeAlias = Literal["database", "sql", "vectors", "lexical"]


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
    """Whether the database finds its own file sound."""
    try:
        faults = database.integrity()
    except StoreError as error:
        faults = str(error)
    return CheckResult("", "database", not faults, faults or "sound")


def check_collection(database: Database, shelf: Shelf, place: Place) -> list[CheckResult]:
    """What agrees and what does not, as of one state of SQL."""
    with database.read() as connection:
        now = standing(connection, place.id)
        if now is None:
            return []
        results = [_check_sql(connection, place, now)]
        for kind in ("vectors", "lexical"):
            fault, counted = _check_index(connection, shelf, place, now, kind)
            results.append(CheckResult(place.name, kind, not fault, fault or counted))
    return results


def _check_sql(connection: Connection, place: Place, now: Standing) -> CheckResult:
    size = passages.count(connection, place.id)
    mine = select(PassageRow.id).where(PassageRow.collection_id == place.id)
    held = select(VectorRow.passage_id).where(
        VectorRow.collection_id == place.id, VectorRow.fingerprint_id == now.fingerprint_id
    )
    faults = [
        (_count(connection, mine.where(PassageRow.id.not_in(held))), "passages without a vector"),
        (
            _count(connection, mine.where(PassageRow.document_id.not_in(select(DocumentRow.id)))),
            "passages without a document",
        ),
        (_count(connection, held.where(VectorRow.passage_id.not_in(mine))), "vectors without a passage"),
        (
            _count(
                connection,
                select(PassageEntity.passage_id).where(
                    PassageEntity.collection_id == place.id, PassageEntity.passage_id.not_in(mine)
                ),
            ),
            "names without a passage",
        ),
    ]
    if now.fingerprint_id is not None:
        length = 4 * dimension_of(connection, now.fingerprint_id)
        wrong = held.where(func.length(VectorRow.vector) != length)
        faults.append((_count(connection, wrong), "vectors of another dimension"))
    beyond = mine.where(or_(PassageRow.change > now.change, PassageRow.change < 1))
    faults.append((_count(connection, beyond), "passages of a change that has not happened"))
    found = ", ".join(f"{number} {what}" for number, what in faults if number)
    return CheckResult(place.name, "sql", not found, found or f"{size} passages")


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
    return Flat.open(folder).ids if kind == "vectors" else Tantivy(folder).ids()


def _count(connection: Connection, query: Select[int]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
