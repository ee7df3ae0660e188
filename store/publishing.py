"""Building generations: when one is due, from SQL, and which older ones go."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from store import lexical, passages
from store.database import Database
from store.generations import KEPT, Files, Kind, Shelf
from store.schema import CollectionRow, FingerprintRow, GenerationRow, Tombstone
from store.vectors import Flat

TAIL: dict[Kind, tuple[int, float]] = {"vectors": (1000, 0.1), "lexical": (200, 0.02)}
"""A generation is due when more passages than this number, and than this share of it, came or went since the last."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What SQL says of a generation."""

    id: int
    kind: str
    name: str
    change: int
    passages: int
    family: str
    fingerprint_id: int | None
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A collection's row, as readers and builders need it."""

    change: int
    fingerprint_id: int | None
    vector_generation_id: int | None
    lexical_generation_id: int | None

    def generation_id(self, kind: Kind) -> int | None:
        return self.vector_generation_id if kind == "vectors" else self.lexical_generation_id


def standing(connection: Connection, collection_id: int) -> Standing | None:
    """The row, None if there is no such collection any more."""
    row = connection.execute(_STANDING, {"id": collection_id}).one_or_none()
    return None if row is None else Standing(*row)


def manifests(connection: Connection, collection_id: int, kind: Kind) -> list[Manifest]:
    """Generations of a kind, newest first."""
    rows = connection.execute(
        _MANIFESTS.where(GenerationRow.collection_id == collection_id, GenerationRow.kind == kind).order_by(
            GenerationRow.id.desc()
        )
    )
    return [Manifest(*row) for row in rows]


def dimension_of(connection: Connection, fingerprint_id: int) -> int:
    return connection.execute(select(FingerprintRow.dimension).where(FingerprintRow.id == fingerprint_id)).scalar_one()


class Publisher:
    """Builds the generations of one collection. Only its writer may use it."""

    def __init__(self, database: Database, shelf: Shelf, *, collection_id: int) -> None:
        self._database = database
        self._shelf = shelf
        self._id = collection_id

    def publish(self) -> None:
        """Builds what is due. Raises StoreError if it cannot be written; what is there stays."""
        for kind in TAIL:
            if self._is_due(kind):
                self.build(kind)

    def build(self, kind: Kind, *, from_scratch: bool = False) -> None:
        """Builds a generation of all that is committed now, and makes it the one in use."""
        with self._database.read() as connection:
            now = standing(connection, self._id)
            if now is None:
                return
            base = None if from_scratch else self._base(connection, kind, now)
            if kind == "lexical":
                files, family = self._write_lexical(connection, now, base), lexical.FAMILY
            elif now.fingerprint_id is not None:
                files, family = self._write_vectors(connection, now, now.fingerprint_id), Flat.family
            else:
                return
            size = passages.count(connection, self._id)
        self._record(kind, now, files, size=size, family=family)
        logger.info("index %s holds %d passages as of change %d", files.name, size, now.change)

    def _is_due(self, kind: Kind) -> bool:
        with self._database.read() as connection:
            now = standing(connection, self._id)
            if now is None or (kind == "vectors" and now.fingerprint_id is None):
                return False
            base = self._base(connection, kind, now)
            if base is None:
                return passages.count(connection, self._id) > 0
            came = passages.count(connection, self._id, after=base.change)
            went = connection.execute(
                select(func.count())
                .select_from(Tombstone)
                .where(Tombstone.collection_id == self._id, Tombstone.change > base.change)
            ).scalar_one()
        least, share = TAIL[kind]
        return came + went > max(least, share * base.passages)

    def _base(self, connection: Connection, kind: Kind, now: Standing) -> Manifest | None:
        """The generation in use, if it can be used, and its files are there."""
        for manifest in manifests(connection, self._id, kind):
            if manifest.id == now.generation_id(kind):
                usable = is_usable(manifest, now) and self._shelf.is_there(manifest.name, size=manifest.bytes)
                return manifest if usable else None
        return None

    def _write_vectors(self, connection: Connection, now: Standing, fingerprint_id: int) -> Files:
        ids, rows = passages.vectors(
            connection,
            self._id,
            fingerprint_id=fingerprint_id,
            dimension=dimension_of(connection, fingerprint_id),
            after=0,
            until=now.change,
        )
        return self._shelf.add("vectors", change=now.change, fill=Flat.build(ids, rows).save)

    def _write_lexical(self, connection: Connection, now: Standing, base: Manifest | None) -> Files:
        # A damaged base would be handed on under a new and valid checksum.
        folder = self._shelf.verified(base.name, sha256=base.sha256) if base else None
        since = base.change if base and folder else 0
        gone = passages.removed(connection, self._id, after=since, until=now.change).tolist() if folder else []
        texts = passages.texts(connection, self._id, after=since, until=now.change)

        def fill(new: Path) -> None:
            lexical.write_index(new, texts, base=folder, removed=gone)

        return self._shelf.add("lexical", change=now.change, fill=fill)

    def _record(self, kind: Kind, now: Standing, files: Files, *, size: int, family: str) -> None:
        in_use = "vector_generation_id" if kind == "vectors" else "lexical_generation_id"
        with self._database.write() as connection:
            new = connection.execute(
                insert(GenerationRow)
                .values(
                    collection_id=self._id,
                    kind=kind,
                    name=files.name,
                    change=now.change,
                    passages=size,
                    family=family,
                    fingerprint_id=now.fingerprint_id if kind == "vectors" else None,
                    sha256=files.sha256,
                    bytes=files.bytes,
                    created_at=datetime.now(UTC),
                )
                .returning(GenerationRow.id)
            ).scalar_one()
            connection.execute(update(CollectionRow).where(CollectionRow.id == self._id).values({in_use: new}))
            stale = [manifest.id for manifest in manifests(connection, self._id, kind)[KEPT:]]
            connection.execute(delete(GenerationRow).where(GenerationRow.id.in_(stale)))
            self._forget_tombstones(connection)
            names = connection.execute(select(GenerationRow.name).where(GenerationRow.collection_id == self._id))
            kept = set(names.scalars())
        self._database.reached("generation recorded")
        self._shelf.sweep(kept)
        self._database.reached("generations swept")

    def _forget_tombstones(self, connection: Connection) -> None:
        """Those that no index needs: each generation holds only what was alive at its change. While a kind has no
        generation, readers have it in memory, as of a change that is not known here."""
        oldest = connection.execute(
            select(func.min(GenerationRow.change), func.count(GenerationRow.kind.distinct())).where(
                GenerationRow.collection_id == self._id
            )
        ).one()
        if oldest[1] == len(TAIL):
            connection.execute(
                delete(Tombstone).where(Tombstone.collection_id == self._id, Tombstone.change <= oldest[0])
            )


def is_usable(manifest: Manifest, now: Standing) -> bool:
    """Whether what it holds belongs to the collection as it is: same embedder or terms, and nothing from a later
    time than SQL knows."""
    if manifest.kind == "lexical":
        return manifest.family == lexical.FAMILY and manifest.change <= now.change
    same = manifest.fingerprint_id == now.fingerprint_id and manifest.family == Flat.family
    return same and manifest.change <= now.change


_STANDING: Select[int, int | None, int | None, int | None] = select(
    CollectionRow.change,
    CollectionRow.fingerprint_id,
    CollectionRow.vector_generation_id,
    CollectionRow.lexical_generation_id,
).where(CollectionRow.id == bindparam("id"))
_MANIFESTS: Select[int, str, str, int, int, str, int | None, str, int] = select(
    GenerationRow.id,
    GenerationRow.kind,
    GenerationRow.name,
    GenerationRow.change,
    GenerationRow.passages,
    GenerationRow.family,
    GenerationRow.fingerprint_id,
    GenerationRow.sha256,
    GenerationRow.bytes,
)
