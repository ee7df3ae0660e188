"""The lock of a collection's one writer: a file lock, which the system lets go of when its process ends, however."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import CollectionBusy, StoreError
from store.database import Database

_LOOK_AGAIN_SECONDS = 0.2


@contextmanager
def writing(
    path: Path,
    database: Database,
    *,
    key: int,
    collection: str,
    wait: bool,
    waiting: Callable[[str], None] | None = None,
    doing: str = "written",
) -> Iterator[None]:
    """Holds the lock at `path` for the length of a block, and with it that of `key` in a database that hosts share.
    `doing` is what is being done to the collection meanwhile.

    Where another holds it: raises CollectionBusy, which says who, if `wait` is false; else tells it to `waiting`, once.
    """
    busy = f"collection {collection!r} is being {doing}"
    queue = _Queue(path, busy=busy, wait=wait, waiting=waiting)
    with queue.file_lock(), queue.advisory_lock(database, key), _signed(path):
        yield


class _Queue:
    """One who wants the lock, and what is done where another has it."""

    def __init__(self, path: Path, *, busy: str, wait: bool, waiting: Callable[[str], None] | None) -> None:
        self._path = path
        self._busy = busy
        self._wait = wait
        self._waiting = waiting

    @contextmanager
    def file_lock(self) -> Iterator[None]:
        """Among the processes of this host."""
        lock = FileLock(self._path, timeout=0)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                self._stand_back(_told_by(self._path))
                lock.acquire(timeout=-1)
        except OSError as error:
            raise StoreError(f"{self._path} cannot be locked: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def advisory_lock(self, database: Database, key: int) -> Iterator[None]:
        """Among all hosts that share the database."""
        with database.advisory(key) as holder:
            while (other := holder()) is not None:
                self._stand_back(f" by {other}")
                time.sleep(_LOOK_AGAIN_SECONDS)
            yield

    def _stand_back(self, told: str) -> None:
        busy = f"{self._busy}{told}"
        if not self._wait:
            raise CollectionBusy(f"{busy}: wait until that is done, or end it") from None
        if self._waiting is not None:
            self._waiting(busy)
            self._waiting = None


@contextmanager
def _signed(path: Path) -> Iterator[None]:
    """Says beside the lock who holds it. That it cannot be said, as on a full disk, stops nobody."""
    holder = path.with_suffix(".holder")
    told = f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    with suppress(OSError):
        holder.write_text(told)
    try:
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)


def _told_by(path: Path) -> str:
    try:
        return f" by {path.with_suffix('.holder').read_text()}"
    except OSError:  # just let go, or not yet written
        return ""
