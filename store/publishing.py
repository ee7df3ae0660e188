"""Building generations: when one is due, from SQL, and which older ones go.

A generation stays while it is in use, is the one before that (readers are about to change, and it answers if the newer
is damaged), the last of another embedder (to switch to), newer (prepared beside the one in use), or while an Exchange
recorded within `keep_hours` was found in it. A clock that was set back makes an Exchange look younger, never older:
nothing goes too early, and that nothing stays for ever is seen to by `KEPT`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select, update

from grounding.settings import Storage
from store import families, lexical, passages
from store.collections import Place
from store.database import Database
from store.generations import KEPT, Files, Kind, Shelf
from store.schema import CollectionRow, ExchangeRow, FingerprintRow, GenerationRow, Tombstone

TAIL: dict[Kind, tuple[int, float]] = {"vectors": (1000, 0.03), "lexical": (200, 0.02)}
"""A generation is due when more passages than this number, and than this share of it, came or went since the last."""

_CENTURY = timedelta(days=36_500)

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


def beside(connection: Connection, collection_id: int, fingerprint_id: int) -> Standing | None:
    """The row as if the vectors of this embedder were those in use, in the newest generation that there is of them."""
    now = standing(connection, collection_id)
    found = manifests(connection, collection_id, "vectors")
    newest = next((manifest.id for manifest in found if manifest.fingerprint_id == fingerprint_id), None)
    return now and replace(now, fingerprint_id=fingerprint_id, vector_generation_id=newest)


def manifests(connection: Connection, collection_id: int, kind: Kind) -> list[Manifest]:
    """Generations of a kind, newest first."""
    rows = connection.execute(
        _MANIFESTS.where(GenerationRow.collection_id == collection_id, GenerationRow.kind == kind).order_by(
            GenerationRow.id.desc()
        )
    )
    return [Manifest(*row) for row in rows]


def remembered_since(connection: Connection, collection_id: int) -> int:
    """The change since which all that went is known: tombstones up to it may be forgotten. Each generation holds only
    what was alive at its change. While a kind has none, readers have it in memory, as of a change not known here."""
    oldest, kinds = connection.execute(
        select(func.min(GenerationRow.change), func.count(GenerationRow.kind.distinct())).where(
            GenerationRow.collection_id == collection_id
        )
    ).one()
    return oldest if kinds == len(TAIL) else 0


def dimension_of(connection: Connection, fingerprint_id: int) -> int:
    return connection.execute(select(FingerprintRow.dimension).where(FingerprintRow.id == fingerprint_id)).scalar_one()


class Publisher:
    """Builds the generations of one collection. Only its writer may use it."""

    def __init__(self, database: Database, shelf: Shelf, *, place: Place, storage: Storage) -> None:
        self._database = database
        self._shelf = shelf
        self._id = place.id
        self._collection = place.name
        self._exact_passages = storage.exact_passages
        self._keep = min(timedelta(hours=min(storage.keep_hours, 1e6)), _CENTURY)

    def publish(self) -> None:
        """Builds what is due, and removes what nobody needs. Raises StoreError if an index cannot be written: what is
        there stays, and so does all that is committed."""
        due = [kind for kind in TAIL if self._is_due(kind)]
        for kind in due:
            self.build(kind)
        if not due:
            self._tidy()

    def is_due(self) -> bool:
        """Whether `publish` has something to do. Changes nothing: anybody may ask."""
        if any(self._is_due(kind) for kind in TAIL):
            return True
        with self._database.read() as connection:
            return bool(self._stale(connection))

    def compact(self) -> None:
        """Builds all that there is from SQL, and removes everything else, whoever wanted it."""
        for kind in TAIL:
            self.build(kind, from_scratch=True)
        self._tidy(only_in_use=True)

    def prepare(self, fingerprint_id: int) -> None:
        """Builds a generation of an embedder's vectors beside the one in use, if that is due."""
        if self._is_due("vectors", fingerprint_id=fingerprint_id):
            self.build("vectors", fingerprint_id=fingerprint_id)

    def build(self, kind: Kind, *, from_scratch: bool = False, fingerprint_id: int | None = None) -> None:
        """Builds a generation of all that is committed now, and makes it the one in use. A damaged one is not built
        upon. With `fingerprint_id`, it is of the vectors of that embedder, and stays beside the one in use."""
        with self._database.read() as connection:
            now = self._standing(connection, fingerprint_id)
            if now is None:
                return
            base = None if from_scratch else self._base(connection, kind, now)
            if kind == "lexical":
                files, family = self._write_lexical(connection, now, base), lexical.FAMILY
            elif now.fingerprint_id is not None:
                files, family = self._write_vectors(connection, now, now.fingerprint_id, base)
            else:
                return
            size = passages.count(connection, self._id)
        self._record(kind, now, files, size=size, family=family, in_use=fingerprint_id is None)
        self._tidy()
        logger.info("index %s holds %d passages as of change %d", files.name, size, now.change)

    def _standing(self, connection: Connection, fingerprint_id: int | None) -> Standing | None:
        if fingerprint_id is None:
            return standing(connection, self._id)
        return beside(connection, self._id, fingerprint_id)

    def _is_due(self, kind: Kind, *, fingerprint_id: int | None = None) -> bool:
        with self._database.read() as connection:
            now = self._standing(connection, fingerprint_id)
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

    def _write_vectors(
        self, connection: Connection, now: Standing, fingerprint_id: int, base: Manifest | None
    ) -> tuple[Files, str]:
        """What was written, and its family."""
        dimension = dimension_of(connection, fingerprint_id)
        size = passages.count_vectors(connection, self._id, fingerprint_id=fingerprint_id)
        family = families.family_for(size, exact_passages=self._exact_passages)
        rows = passages.vectors(
            connection, self._id, fingerprint_id=fingerprint_id, dimension=dimension, after=0, until=now.change
        )

        def fill(new: Path) -> None:
            families.build(new, family, rows, dimension=dimension, like=self._opened(base))

        return self._shelf.add("vectors", change=now.change, fill=fill), family

    def _opened(self, base: Manifest | None) -> families.VectorIndexFile | None:
        """The vector index to build upon, None if it is damaged: its faults would be handed on."""
        folder = self._shelf.verified(base.name, sha256=base.sha256) if base else None
        return families.open_index(folder, base.family) if base and folder else None

    def _write_lexical(self, connection: Connection, now: Standing, base: Manifest | None) -> Files:
        # A damaged base would be handed on under a new and valid checksum.
        folder = self._shelf.verified(base.name, sha256=base.sha256) if base else None
        since = base.change if base and folder else 0
        gone = passages.removed(connection, self._id, after=since, until=now.change).tolist() if folder else []
        texts = passages.texts(connection, self._id, after=since, until=now.change)

        def fill(new: Path) -> None:
            lexical.write_index(new, texts, base=folder, removed=gone)

        return self._shelf.add("lexical", change=now.change, fill=fill)

    def _record(self, kind: Kind, now: Standing, files: Files, *, size: int, family: str, in_use: bool) -> None:
        column = "vector_generation_id" if kind == "vectors" else "lexical_generation_id"
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
            if in_use:
                connection.execute(update(CollectionRow).where(CollectionRow.id == self._id).values({column: new}))
        self._database.reached("generation recorded")

    def _tidy(self, *, only_in_use: bool = False) -> None:
        """Removes generations that nobody needs, from SQL and then from disk, and tombstones that none needs."""
        with self._database.read() as connection:
            stale = self._stale(connection, only_in_use=only_in_use)
            forgettable = connection.execute(
                _FORGETTABLE, {"id": self._id, "until": remembered_since(connection, self._id)}
            ).one_or_none()
        if stale or forgettable:
            with self._database.write() as connection:
                connection.execute(delete(GenerationRow).where(GenerationRow.id.in_(stale)))
                until = remembered_since(connection, self._id)
                connection.execute(
                    delete(Tombstone).where(Tombstone.collection_id == self._id, Tombstone.change <= until)
                )
        with self._database.read() as connection:
            names = connection.execute(select(GenerationRow.name).where(GenerationRow.collection_id == self._id))
            kept = set(names.scalars())
        self._shelf.sweep(kept)
        self._database.reached("generations swept")

    def _stale(self, connection: Connection, *, only_in_use: bool = False) -> list[int]:
        """Generations that nobody needs."""
        now = standing(connection, self._id)
        stale: list[int] = []
        for kind in TAIL:
            in_use = (now and now.generation_id(kind)) or 0
            found = manifests(connection, self._id, kind)
            if only_in_use:
                stale += [manifest.id for manifest in found if manifest.id != in_use]
                continue
            others = [manifest for manifest in found if manifest.id != in_use]
            there = [manifest for manifest in others if self._shelf.is_there(manifest.name, size=manifest.bytes)]
            last = {manifest.fingerprint_id: manifest.name for manifest in reversed(there)}.values()
            asked = self._asked(connection, kind, [manifest.name for manifest in there if manifest.name not in last])
            kept = [manifest for manifest in there if manifest.name in asked.union(last)][: KEPT - 1]
            stale += [manifest.id for manifest in others if manifest not in kept]
        return stale

    def _asked(self, connection: Connection, kind: Kind, names: list[str]) -> set[str]:
        """Those of these generations that a recorded Exchange of late was found in."""
        if not names:
            return set()
        column = ExchangeRow.vector_generation if kind == "vectors" else ExchangeRow.lexical_generation
        rows = connection.execute(
            select(column)
            .where(
                ExchangeRow.collection == self._collection,
                ExchangeRow.created_at > datetime.now(UTC) - self._keep,
                column.in_(names),
            )
            .distinct()
        )
        return {name for name in rows.scalars() if name}


def is_usable(manifest: Manifest, now: Standing) -> bool:
    """Whether what it holds belongs to the collection as it is: same embedder or terms, and nothing from a later
    time than SQL knows."""
    if manifest.kind == "lexical":
        return manifest.family == lexical.FAMILY and manifest.change <= now.change
    same = manifest.fingerprint_id == now.fingerprint_id and families.known(manifest.family)
    return same and manifest.change <= now.change


_STANDING: Select[int, int | None, int | None, int | None] = select(
    CollectionRow.change,
    CollectionRow.fingerprint_id,
    CollectionRow.vector_generation_id,
    CollectionRow.lexical_generation_id,
).where(CollectionRow.id == bindparam("id"))
_FORGETTABLE = (
    select(Tombstone.passage_id)
    .where(Tombstone.collection_id == bindparam("id"), Tombstone.change <= bindparam("until"))
    .limit(1)
)
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
