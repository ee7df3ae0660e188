"""Bugs to be found: a store that has one of them looks right until it is killed in a window of two milliseconds."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

from store.collections import Collections, Place
from store.documents import NewDocument
from store.generations import Files, Kind, Shelf
from store.milestones import Milestone

if TYPE_CHECKING:
    from store.open import Store
    from tests.faults.child import Moments, Telling

Plant: TypeAlias = Literal["two transactions", "early word", "late files", "unsynced files"]
WINDOW_SECONDS = 0.002


def writer(telling: type[Telling], plant: Plant | None, moments: Moments) -> type[Telling]:
    """The writer, which may have the bug."""

    class EarlyWord(telling):  # type: ignore[misc, valid-type]
        """Says that it is done just before the commit."""

        def put(self, documents: Sequence[NewDocument]) -> None:
            key = self.journal.putting(self.collection, documents)

            def say(milestone: Milestone) -> None:
                if milestone == "documents written":
                    self.journal.done(key)
                    time.sleep(WINDOW_SECONDS)

            moments.before = say
            super(telling, self).put(documents)  # type: ignore[misc]

    return EarlyWord if plant == "early word" else telling


def _split(connection: Connection, cursor: DBAPICursor, statement: str, *_: object) -> None:
    """Commits documents and passages before the names in them."""
    if statement.startswith("INSERT INTO passage_entities"):
        cursor.execute("COMMIT")
        time.sleep(WINDOW_SECONDS)
        cursor.execute("BEGIN IMMEDIATE")


class LateShelf(Shelf):
    """Has the files of a generation under their name only after they are recorded."""

    waiting: Path | None = None

    def add(self, kind: Kind, *, change: int, fill: Callable[[Path], None]) -> Files:
        files = super().add(kind, change=change, fill=fill)
        LateShelf.waiting = self.folder / files.name
        self._aside(LateShelf.waiting).parent.mkdir(exist_ok=True)
        LateShelf.waiting.rename(self._aside(LateShelf.waiting))
        return files

    @staticmethod
    def _aside(path: Path) -> Path:
        return path.parents[2] / "aside" / path.name

    @classmethod
    def settle(cls, milestone: Milestone) -> None:
        if milestone == "generation recorded" and cls.waiting is not None:
            time.sleep(WINDOW_SECONDS)
            cls._aside(cls.waiting).rename(cls.waiting)
            cls.waiting = None


class LateCollections(Collections):
    def shelf(self, place: Place) -> Shelf:
        found = super().shelf(place)
        found.__class__ = LateShelf
        return found


def into(store: Store, plant: Plant | None, moments: Moments) -> None:
    """Gives the store the bug, if it is not one of writers."""
    match plant:
        case "two transactions":
            event.listen(Engine, "before_cursor_execute", _split)
        case "late files":
            store.collections.__class__ = LateCollections
            moments.after = LateShelf.settle
        case "unsynced files":
            os.fsync = _not_at_all  # that of SQLite is its own


def _not_at_all(fd: object) -> None:
    pass


def turn_back_clock(seconds: int) -> None:
    """From now on every look at the clock shows a time so much further back: that of the system cannot be set."""
    looks = 0

    class Backwards(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            nonlocal looks
            looks += 1
            return super().now(tz) - timedelta(seconds=seconds * looks)

    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] in ("store", "ingest", "api") and hasattr(module, "datetime"):
            module.datetime = Backwards  # type: ignore[attr-defined]
