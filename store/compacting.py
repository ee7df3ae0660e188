"""compact: indexes built anew from SQL, and nothing else left, neither in the folder nor in the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from store.collections import Place
from store.database import Database
from store.generations import Shelf
from store.judgements import JudgementStore
from store.publishing import Publisher
from store.schema import GenerationRow, Tombstone


@dataclass(frozen=True, slots=True)
class Compaction:
    """What it took away, and the bytes of the index files and of the database before and after. A database elsewhere
    counts as 0 bytes."""

    collection: str
    generations_removed: int
    tombstones_forgotten: int
    index_bytes_before: int
    index_bytes_after: int
    database_bytes_before: int
    database_bytes_after: int


def compact(database: Database, shelf: Shelf, publisher: Publisher, *, place: Place) -> Compaction:
    """Only for the collection's writer. A reader in another process lets go of the old files at its next look."""
    generations, tombstones = _counts(database, place)
    index_bytes, database_bytes = shelf.size(), database.size()
    publisher.compact()
    JudgementStore(database).sweep()
    database.rewrite()
    return Compaction(
        collection=place.name,
        generations_removed=generations,
        tombstones_forgotten=tombstones - _counts(database, place)[1],
        index_bytes_before=index_bytes,
        index_bytes_after=shelf.size(),
        database_bytes_before=database_bytes,
        database_bytes_after=database.size(),
    )


def _counts(database: Database, place: Place) -> tuple[int, int]:
    """Generations and tombstones of the collection."""
    with database.read() as connection:
        generations, tombstones = (
            connection.execute(
                select(func.count()).select_from(table).where(table.collection_id == place.id)
            ).scalar_one()
            for table in (GenerationRow, Tombstone)
        )
    return generations, tombstones
