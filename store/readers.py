"""Readers: what a process keeps in memory of a collection's indexes, and how it follows SQL.

A view is a generation, the tail of passages that came after it, and the ids of those that went. It is brought up to
the collection's row at each query, so that a commit or a deletion in any process is in the very next answer. Views
are replaced, never changed; what a query has begun with stays as it is.

A generation is searched only after its checksum. Where that takes long and the view before can answer, with a longer
tail, upkeep computes it meanwhile. One that is damaged or missing is put aside, the view before or an older generation
answers, or else SQL alone, and upkeep builds another.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from sqlalchemy import Connection

from grounding.errors import NotFound, StoreError
from store import passages
from store.database import Database
from store.families import VectorIndexFile, open_index
from store.generations import Kind, Shelf, Stamp
from store.lexical import Tantivy, TermTail
from store.publishing import Manifest, Standing, dimension_of, is_usable, manifests, remembered_since, standing
from store.ranking import NO_IDS, Ids, fixed
from store.upkeep import Upkeep
from store.vectors import Tail

B = TypeVar("B", bound=Sized)
T = TypeVar("T", bound=Sized)

VERIFIED_AT_ONCE = 64 * 2**20
"""Bytes of a generation up to which its checksum is computed before the answer: some 50 ms."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Care:
    """What a reader leaves to others: `mend` publishes what is due in its collection. The checksum of a generation of
    up to `at_once` bytes is not left to them."""

    upkeep: Upkeep
    mend: Callable[[], None]
    at_once: int = VERIFIED_AT_ONCE


@dataclass(frozen=True, slots=True)
class View(Generic[B, T]):
    """What one leg searches, as of `change`: `base` and `tail`, without `gone`.

    `wanted` is the generation that the collection named then; `base` is an older one, or None, if that is damaged.
    `generation` is the name of `base`, and `stamp` what its files looked like before their checksum was taken.
    """

    wanted: int
    fingerprint_id: int | None
    change: int
    base: B | None
    tail: T
    gone: Ids
    generation: str = ""
    stamp: Stamp = frozenset()


@dataclass(frozen=True, slots=True)
class _Verified(Generic[B]):
    """What became of a generation whose checksum was taken: `base` is None if it is not to be had."""

    manifest: Manifest
    base: B | None
    stamp: Stamp


class _Superseded(Exception):
    """The files are gone because there are newer ones: what was read in SQL is no longer so."""


class Reader(ABC, Generic[B, T]):
    """Keeps the view of one kind of index. Thread-safe."""

    kind: Kind

    def __init__(self, database: Database, shelf: Shelf, *, collection_id: int, care: Care) -> None:
        self._database = database
        self._shelf = shelf
        self._id = collection_id
        self._care = care
        self._lock = threading.Lock()
        self._view: View[B, T] | None = None
        self._being_verified = 0
        self._verified: _Verified[B] | None = None

    @property
    def generation(self) -> str:
        """The name of the generation that is searched now, "" for none."""
        view = self._view
        return view.generation if view is not None else ""

    def view(self, connection: Connection, now: Standing) -> View[B, T]:
        """The view as of `now`, or as of a later moment. Raises StoreError."""
        view = self._view
        if view is None or self._is_behind(view, now):
            with self._lock:
                view = self._view
                if view is None or self._is_behind(view, now):
                    view = self._view = self._brought_up(connection, view, now)
        return view

    def distrust(self, view: View[B, T]) -> None:
        """Never searches the view's generation again: a search has found it damaged."""
        with self._lock:
            if self._view is None or self._view.generation != view.generation:  # another thread was first
                return
            self._view = None
        logger.error("index %s is damaged: it failed while it was searched", view.generation)
        self._shelf.put_aside(view.generation)
        self._have_mended()

    def look(self, connection: Connection, now: Standing) -> None:
        """Follows the collection where no query does it, and sees whether the files are still what they were."""
        if self._view is None:
            return
        view = self.view(connection, now)
        stamp = self._shelf.stamp(view.generation)
        if view.base is None or stamp == view.stamp:
            return
        manifest = self._named(view.generation)
        if manifest is None:
            return
        if not stamp and not self._shelf.is_put_aside(view.generation):
            self._have_mended()  # removed by someone: what is open answers until there is another
            return
        found = self._opened(manifest)
        with self._lock:
            if self._view is view:
                self._view, self._verified = None, found

    def _is_behind(self, view: View[B, T], now: Standing) -> bool:
        return view.change < now.change or (view.change == now.change and self._is_other(view, now))

    def _is_other(self, view: View[B, T], now: Standing) -> bool:
        """Whether the collection has come to another generation. Keys of generations only grow."""
        wanted = now.generation_id(self.kind) or 0
        if view.fingerprint_id != self._fingerprint_id(now):
            return True
        return view.wanted < wanted != self._being_verified

    def _fingerprint_id(self, now: Standing) -> int | None:
        """Of the vectors in the index; words have none."""
        return now.fingerprint_id if self.kind == "vectors" else None

    def _brought_up(self, connection: Connection, view: View[B, T] | None, now: Standing) -> View[B, T]:
        if view is None or self._is_other(view, now):
            try:
                view = self._based(connection, view, now)
            except _Superseded:
                with self._database.read() as fresh:
                    later = standing(fresh, self._id)
                    if later is None:
                        raise NotFound("the collection was deleted in this moment") from None
                    return self._brought_up(fresh, view, later)
        gone = passages.removed(connection, self._id, after=view.change, until=now.change)
        return replace(
            view,
            change=now.change,
            gone=self._all_gone(view, gone),
            tail=self._extended(connection, view, now),
        )

    def _all_gone(self, view: View[B, T], gone: Ids) -> Ids:
        if view.base is None and not len(view.tail):
            return NO_IDS
        # What an index derived from the same array before is still right.
        return fixed(np.union1d(view.gone, gone)) if gone.size else view.gone

    def _based(self, connection: Connection, view: View[B, T] | None, now: Standing) -> View[B, T]:
        """A view of the newest generation that is sound; that before, if it can go on and is as new as what is sound;
        or of nothing: then all that is in SQL becomes its tail."""
        wanted = now.generation_id(self.kind) or 0
        if view is not None and not self._goes_on(connection, view, now):
            view = None
        for manifest in manifests(connection, self._id, self.kind):
            if not is_usable(manifest, now) or manifest.id > wanted > 0:
                continue
            if view is not None and manifest.change <= view.change and manifest.id < wanted:
                break
            if view is not None and manifest.id == wanted and self._left_to_upkeep(manifest):
                return view
            found = self._sound(manifest)
            if found.base is not None:
                tail = self._new_tail(connection, now)
                named = (manifest.name, found.stamp)
                return View(wanted, self._fingerprint_id(now), manifest.change, found.base, tail, NO_IDS, *named)
        if view is not None:
            return replace(view, wanted=wanted)
        return View(wanted, self._fingerprint_id(now), 0, None, self._new_tail(connection, now), NO_IDS)

    def _goes_on(self, connection: Connection, view: View[B, T], now: Standing) -> bool:
        """Whether the view can be brought up to `now` as it is: vectors of the same embedder, and all that went since
        is still known."""
        same = view.fingerprint_id == self._fingerprint_id(now)
        return same and view.change >= remembered_since(connection, self._id)

    def _left_to_upkeep(self, manifest: Manifest) -> bool:
        """Whether the checksum is computed in the background, and the view before answers until then."""
        if manifest.bytes <= self._care.at_once or self._is_verified(manifest):
            return False
        self._being_verified = manifest.id
        if self._care.upkeep.soon(f"verification of {manifest.name}", lambda: self._verify(manifest)):
            return True
        self._being_verified = 0
        return False

    def _verify(self, manifest: Manifest) -> None:
        """What upkeep does: the next query finds the result."""
        try:
            self._verified = self._opened(manifest)
        finally:
            if self._being_verified == manifest.id:
                self._being_verified = 0

    def _is_verified(self, manifest: Manifest) -> bool:
        return self._verified is not None and self._verified.manifest.id == manifest.id

    def _sound(self, manifest: Manifest) -> _Verified[B]:
        """The generation, opened. Raises _Superseded if it is gone because nobody needs it any more."""
        found, self._verified = self._verified, None
        if found is None or found.manifest.id != manifest.id:
            found = self._opened(manifest)
        if found.base is None:
            if self._named(manifest.name) is None:
                raise _Superseded
            self._have_mended()
            logger.error("index %s is missing or damaged: answering without it", manifest.name)
        return found

    def _opened(self, manifest: Manifest) -> _Verified[B]:
        stamp = self._shelf.stamp(manifest.name)
        folder = self._shelf.verified(manifest.name, sha256=manifest.sha256)
        base = None
        if folder is not None:
            try:
                base = self._open(folder, manifest.family)
            except StoreError as error:
                if folder.is_dir():
                    logger.error("index %s cannot be opened: %s", manifest.name, error)
                    self._shelf.put_aside(manifest.name)
        return _Verified(manifest, base, stamp)

    def _named(self, name: str) -> Manifest | None:
        """What SQL says of the generation in this moment, whatever it did when the query began."""
        with self._database.read() as connection:
            found = manifests(connection, self._id, self.kind)
        return next((manifest for manifest in found if manifest.name == name), None)

    def _have_mended(self) -> None:
        if not self._care.upkeep.soon(f"rebuilding the indexes of collection {self._id}", self._care.mend):
            logger.warning("an index is missing or damaged: run  grounding check --repair")

    @abstractmethod
    def _open(self, folder: Path, family: str) -> B:
        """The index of this family saved there. Raises StoreError."""

    @abstractmethod
    def _new_tail(self, connection: Connection, now: Standing) -> T: ...

    @abstractmethod
    def _extended(self, connection: Connection, view: View[B, T], now: Standing) -> T:
        """The view's tail with what came since its change."""


class VectorReader(Reader[VectorIndexFile, Tail]):
    kind = "vectors"

    def _open(self, folder: Path, family: str) -> VectorIndexFile:
        return open_index(folder, family)

    def _new_tail(self, connection: Connection, now: Standing) -> Tail:
        dimension = 0 if now.fingerprint_id is None else dimension_of(connection, now.fingerprint_id)
        return Tail(dimension=dimension)

    def _extended(self, connection: Connection, view: View[VectorIndexFile, Tail], now: Standing) -> Tail:
        if now.fingerprint_id is None:
            return view.tail
        tail = view.tail
        for ids, vectors in passages.vectors(
            connection,
            self._id,
            fingerprint_id=now.fingerprint_id,
            dimension=dimension_of(connection, now.fingerprint_id),
            after=view.change,
            until=now.change,
        ):
            tail = tail.extended(ids, vectors)
        return tail


class LexicalReader(Reader[Tantivy, TermTail]):
    kind = "lexical"

    def _open(self, folder: Path, family: str) -> Tantivy:
        return Tantivy(folder)

    def _new_tail(self, connection: Connection, now: Standing) -> TermTail:
        return TermTail()

    def _extended(self, connection: Connection, view: View[Tantivy, TermTail], now: Standing) -> TermTail:
        # It grows in place: a query that began earlier may find what came since, never what is gone.
        view.tail.add(passages.texts(connection, self._id, after=view.change, until=now.change))
        return view.tail
