"""Collections: what there is, creating and deleting them."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, RowMapping, delete, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from grounding.errors import Conflict, InvalidRequest, NotFound
from grounding.values import Fingerprint
from store import fingerprints, judgements
from store.database import Database
from store.generations import Shelf
from store.locks import writing
from store.schema import CollectionRow, DocumentRow, GenerationRow, PassageRow
from store.withdrawing import withdraw_collection

_NAME = re.compile(r"\w[\w.\-]{0,99}\Z")


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection in numbers. `embedder` is the name in its fingerprint, None while it holds no vectors;
    `generation` the vector index that is active."""

    name: str
    created_at: datetime
    documents: int
    passages: int
    change: int
    embedder: str | None
    fingerprint: Fingerprint | None
    generation: str | None
    lexical_generation: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a collection is: its key in SQL and its folder in home."""

    id: int
    name: str
    folder: str


class Collections:
    def __init__(self, database: Database, *, home: Path) -> None:
        self._database = database
        self._home = home

    def list(self) -> tuple[CollectionInfo, ...]:
        """All collections by name."""
        with self._database.read() as connection:
            rows = connection.execute(_INFO.order_by(CollectionRow.name)).mappings().all()
            return tuple(_info(connection, row) for row in rows)

    def get(self, name: str) -> CollectionInfo:
        """Raises NotFound, which names the nearest known one."""
        with self._database.read() as connection:
            row = connection.execute(_INFO.where(CollectionRow.name == name)).mappings().one_or_none()
            if row is None:
                raise _unknown(connection, name)
            return _info(connection, row)

    def create(self, name: str, fingerprint: Fingerprint | None = None) -> CollectionInfo:
        """Raises Conflict if the name is taken, InvalidRequest if it cannot be a name."""
        _require_name(name)
        with self._database.write() as connection:
            if _place(connection, name) is not None:
                raise Conflict(f"collection {name!r} is there already")
            _insert(connection, name, fingerprint)
        return self.get(name)

    def delete(self, name: str) -> int:
        """The number of documents that went with it. Answers that quote them are taken back. Raises NotFound;
        CollectionBusy while a writer is at work."""
        place = self.place(name)
        with self.writing(place, wait=False):
            with self._database.write() as connection:
                documents = connection.execute(
                    select(func.count()).select_from(DocumentRow).where(DocumentRow.collection_id == place.id)
                ).scalar_one()
                judgements.forget(connection, PassageRow.collection_id == place.id)
                connection.execute(delete(CollectionRow).where(CollectionRow.id == place.id))
                withdraw_collection(connection, name)
            self.shelf(place).remove()
        return documents

    def place(self, name: str) -> Place:
        """Raises NotFound, which names the nearest known one."""
        with self._database.read() as connection:
            return require_collection(connection, name)

    def places(self) -> tuple[Place, ...]:
        """Where each collection is, in the order in which they were created."""
        query = select(CollectionRow.id, CollectionRow.name, CollectionRow.folder).order_by(CollectionRow.id)
        with self._database.read() as connection:
            return tuple(Place(*row) for row in connection.execute(query))

    def ensured(self, name: str) -> Place:
        """The place of the collection, which is created if it is new. Raises InvalidRequest if it cannot be a name."""
        _require_name(name)
        with self._database.read() as connection:
            place = _place(connection, name)
        if place is not None:
            return place
        with self._database.write() as connection:
            return _place(connection, name) or _insert(connection, name, None)

    def writing(
        self, place: Place, *, wait: bool, waiting: Callable[[str], None] | None = None
    ) -> AbstractContextManager[None]:
        """The lock of the collection's one writer, as `locks.writing` gives it."""
        path = self._home / "locks" / f"{place.folder}.lock"
        return writing(path, self._database, key=place.id, collection=place.name, wait=wait, waiting=waiting)

    def migrating(self, place: Place) -> AbstractContextManager[None]:
        """The lock of the one who changes the collection's embedder. Raises CollectionBusy, which says who does."""
        path = self._home / "locks" / f"{place.folder}.reembed.lock"
        return writing(
            path, self._database, key=-place.id, collection=place.name, wait=False, doing="embedded by another model"
        )

    def shelf(self, place: Place) -> Shelf:
        return self.shelf_at(place.folder)

    def shelf_at(self, folder: str) -> Shelf:
        return Shelf(self._home / "indexes" / folder, reached=self._database.reached)


def _require_name(name: str) -> None:
    if not _NAME.match(name):
        raise InvalidRequest(
            f"collection {name[:100]!r}: a name has letters, digits, '.', '_' and '-', begins with a letter or digit, "
            "and is at most 100 long"
        )


def require_collection(connection: Connection, name: str) -> Place:
    """Its place. Raises NotFound, which names the nearest known one."""
    place = _place(connection, name)
    if place is None:
        raise _unknown(connection, name)
    return place


def _place(connection: Connection, name: str) -> Place | None:
    query = select(CollectionRow.id, CollectionRow.name, CollectionRow.folder).where(CollectionRow.name == name)
    row = connection.execute(query).one_or_none()
    return None if row is None else Place(*row)


def _insert(connection: Connection, name: str, fingerprint: Fingerprint | None) -> Place:
    values = {
        "name": name,
        "folder": secrets.token_hex(8),
        "created_at": datetime.now(UTC),
        "change": 0,
        "fingerprint_id": None if fingerprint is None else fingerprints.key_of(connection, fingerprint),
    }
    try:
        key = connection.execute(insert(CollectionRow).values(values).returning(CollectionRow.id)).scalar_one()
    except IntegrityError as error:  # created by another process in the same moment, where writers do not exclude
        raise Conflict(f"collection {name!r} is there already") from error
    return Place(key, name, str(values["folder"]))


def _unknown(connection: Connection, name: str) -> NotFound:
    known = connection.execute(select(CollectionRow.name)).scalars().all()
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "" if known else "; there is none yet, ingest makes it"
    return NotFound(f"collection {name[:100]!r} is not known{hint}")


def _info(connection: Connection, row: RowMapping) -> CollectionInfo:
    key = row["fingerprint_id"]
    fingerprint = None if key is None else fingerprints.read(connection, key)
    return CollectionInfo(
        name=row["name"],
        created_at=row["created_at"],
        documents=row["documents"],
        passages=row["passages"],
        change=row["change"],
        embedder=None if fingerprint is None else fingerprint.name,
        fingerprint=fingerprint,
        generation=row["generation"],
        lexical_generation=row["lexical_generation"],
    )


_VECTORS = aliased(GenerationRow)
_LEXICAL = aliased(GenerationRow)
_INFO = (
    select(
        CollectionRow.name,
        CollectionRow.created_at,
        CollectionRow.change,
        CollectionRow.fingerprint_id,
        select(func.count())
        .select_from(DocumentRow)
        .where(DocumentRow.collection_id == CollectionRow.id)
        .scalar_subquery()
        .label("documents"),
        select(func.count())
        .select_from(PassageRow)
        .where(PassageRow.collection_id == CollectionRow.id)
        .scalar_subquery()
        .label("passages"),
        _VECTORS.name.label("generation"),
        _LEXICAL.name.label("lexical_generation"),
    )
    .outerjoin(_VECTORS, _VECTORS.id == CollectionRow.vector_generation_id)
    .outerjoin(_LEXICAL, _LEXICAL.id == CollectionRow.lexical_generation_id)
)
