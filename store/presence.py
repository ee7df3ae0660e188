"""Presence: a file that is locked while a process is at work on something; the system lets go of it however that ends.

Known to the processes that share the folder: with a database shared by several hosts, to those of one host.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from grounding.errors import StoreError


class Presence:
    """Shown at `path` by one process at a time. Thread-safe in that any thread may show or end it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Who shows it and who ends it may be two threads of one process.
        self._lock = FileLock(path, thread_local=False)

    def show(self, *, seconds: float = 0.0) -> bool:
        """Whether it is shown by this one from now on, after waiting for another to end it at most `seconds`.

        Raises StoreError if the file cannot be made.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=seconds, poll_interval=0.02)
        except Timeout:
            return False
        except OSError as error:
            raise StoreError(f"{self._path} cannot be locked: {error.strerror or error}") from error
        return True

    def end(self) -> None:
        """Ends it and takes the file away. Who waits for it meanwhile sees that, and makes the file anew."""
        with suppress(OSError):
            self._path.unlink()
        self._lock.release()

    def elsewhere(self) -> bool:
        """Whether another one shows it. True, too, where that cannot be told: nobody is declared dead on a guess."""
        if not self._path.exists():
            return False
        try:
            if not self.show():
                return True
        except StoreError:
            return True
        self.end()
        return False
