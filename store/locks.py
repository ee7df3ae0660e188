"""The lock of a collection's one writer: a file lock, which the system lets go of when its process ends, however."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import CollectionBusy, StoreError


@contextmanager
def writing(path: Path, *, collection: str, wait: bool) -> Iterator[None]:
    """Holds the lock at `path` for the length of a block.

    Raises CollectionBusy, which says who holds it, if another does and `wait` is false.
    """
    holder = path.with_suffix(".holder")
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise CollectionBusy(
            f"collection {collection!r} is being written{_told_by(holder)}: wait until that is done, or end it"
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be locked: {error.strerror or error}") from error
    try:
        holder.write_text(
            f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _told_by(holder: Path) -> str:
    try:
        return f" by {holder.read_text()}"
    except OSError:  # just let go, or not yet written
        return ""
