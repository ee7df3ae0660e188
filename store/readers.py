"""Readers: what a process keeps in memory of a collection's indexes, and how it follows SQL.

A view is a generation, the tail of passages that came after it, and the ids of those that went. It is brought up to
the collection's row at each query, so that a commit or a deletion in any process is in the very next answer. Views
are replaced, never changed; what a query has begun with stays as it is.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Sized
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from sqlalchemy import Connection

from grounding.errors import StoreError
from store import passages
from store.generations import Kind, Shelf
from store.lexical import Tantivy, TermTail
from store.publishing import Manifest, Standing, dimension_of, is_usable, manifests
from store.ranking import NO_IDS, Ids
from store.vectors import Flat, Tail

B = TypeVar("B", bound=Sized)
T = TypeVar("T", bound=Sized)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View(Generic[B, T]):
    """What one leg searches, as of `change`: `base` and `tail`, without `gone`.

    `wanted` is the generation that the collection named then; `base` is an older one, or None, if that is damaged.
    """

    wanted: int
    fingerprint_id: int | None
    change: int
    base: B | None
    tail: T
    gone: Ids


class Reader(ABC, Generic[B, T]):
    """Keeps the view of one kind of index. Thread-safe."""

    kind: Kind

    def __init__(self, shelf: Shelf, *, collection_id: int) -> None:
        self._shelf = shelf
        self._id = collection_id
        self._lock = threading.Lock()
        self._view: View[B, T] | None = None

    def view(self, connection: Connection, now: Standing) -> View[B, T]:
        """The view as of `now`, or as of a later moment that another thread has seen. Raises StoreError."""
        view = self._view
        if view is None or self._is_behind(view, now):
            with self._lock:
                view = self._view
                if view is None or self._is_behind(view, now):
                    view = self._view = self._brought_up(connection, view, now)
        return view

    def _is_behind(self, view: View[B, T], now: Standing) -> bool:
        return view.change < now.change or (view.change == now.change and self._is_other(view, now))

    def _is_other(self, view: View[B, T], now: Standing) -> bool:
        """Whether the collection has come to another generation. Keys of generations only grow."""
        return view.fingerprint_id != now.fingerprint_id or view.wanted < (now.generation_id(self.kind) or 0)

    def _brought_up(self, connection: Connection, view: View[B, T] | None, now: Standing) -> View[B, T]:
        if view is None or self._is_other(view, now):
            view = self._based(connection, now)
        gone = passages.removed(connection, self._id, after=view.change, until=now.change)
        return replace(
            view,
            change=now.change,
            gone=np.union1d(view.gone, gone) if view.base is not None or len(view.tail) else NO_IDS,
            tail=self._extended(connection, view, now),
        )

    def _based(self, connection: Connection, now: Standing) -> View[B, T]:
        """A view of the newest generation that is sound, or of nothing: then all that is in SQL becomes its tail."""
        base, change = None, 0
        for manifest in manifests(connection, self._id, self.kind):
            base = self._opened(manifest) if is_usable(manifest, now) else None
            if base is not None:
                change = manifest.change
                break
        wanted = now.generation_id(self.kind) or 0
        return View(wanted, now.fingerprint_id, change, base, self._new_tail(connection, now), NO_IDS)

    def _opened(self, manifest: Manifest) -> B | None:
        folder = self._shelf.verified(manifest.name, sha256=manifest.sha256)
        if folder is None:
            return None
        try:
            return self._open(folder)
        except StoreError as error:
            logger.error("index %s cannot be opened: %s", manifest.name, error)
            return None

    @abstractmethod
    def _open(self, folder: Path) -> B:
        """The index saved there. Raises StoreError."""

    @abstractmethod
    def _new_tail(self, connection: Connection, now: Standing) -> T: ...

    @abstractmethod
    def _extended(self, connection: Connection, view: View[B, T], now: Standing) -> T:
        """The view's tail with what came since its change."""


class VectorReader(Reader[Flat, Tail]):
    kind = "vectors"

    def _open(self, folder: Path) -> Flat:
        return Flat.open(folder)

    def _new_tail(self, connection: Connection, now: Standing) -> Tail:
        dimension = 0 if now.fingerprint_id is None else dimension_of(connection, now.fingerprint_id)
        return Tail(dimension=dimension)

    def _extended(self, connection: Connection, view: View[Flat, Tail], now: Standing) -> Tail:
        if now.fingerprint_id is None:
            return view.tail
        ids, vectors = passages.vectors(
            connection,
            self._id,
            fingerprint_id=now.fingerprint_id,
            dimension=dimension_of(connection, now.fingerprint_id),
            after=view.change,
            until=now.change,
        )
        return view.tail.extended(ids, vectors) if ids.size else view.tail


class LexicalReader(Reader[Tantivy, TermTail]):
    kind = "lexical"

    def _open(self, folder: Path) -> Tantivy:
        return Tantivy(folder)

    def _new_tail(self, connection: Connection, now: Standing) -> TermTail:
        return TermTail()

    def _extended(self, connection: Connection, view: View[Tantivy, TermTail], now: Standing) -> TermTail:
        # It grows in place: a query that began earlier may find what came since, never what is gone.
        view.tail.add(passages.texts(connection, self._id, after=view.change, until=now.change))
        return view.tail
