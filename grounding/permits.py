"""Permits: of many threads that work on answers, few compute at a time, so that others of the process find a core and
the interpreter. Who only waits leaves its permit to others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

_mine = threading.local()


class Permits:
    """`with permits:` computes, as one of `count` threads. Who comes back from a rest goes before those that only
    begin: it has somebody to answer to. Thread-safe, not reentrant."""

    coming_back = 0
    """Threads whose rest is over, and who wait."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._lock = threading.Lock()
        self._back, self._new = threading.Condition(self._lock), threading.Condition(self._lock)

    def __enter__(self) -> Self:
        with self._lock:
            self._new.wait_for(lambda: self._free and not self.coming_back)
            self._free -= 1
        _mine.permits = self
        return self

    def __exit__(self, *_: object) -> None:
        _mine.permits = None
        self._leave()

    @contextmanager
    def _left(self) -> Iterator[None]:
        _mine.permits = None  # who rests within a rest has none to leave
        self._leave()
        try:
            yield
        finally:
            self._come_back()
            _mine.permits = self

    def _leave(self) -> None:
        with self._lock:
            self._free += 1
            (self._back if self.coming_back else self._new).notify()

    def _come_back(self) -> None:
        with self._lock:
            self.coming_back += 1
            self._back.wait_for(lambda: self._free)
            self.coming_back -= 1
            self._free -= 1
            if self._free and not self.coming_back:
                self._new.notify()  # it was not told while somebody came back


@contextmanager
def resting() -> Iterator[None]:
    """Within the block this thread only waits: it leaves its permit, if it has one, and then waits for one again."""
    permits: Permits | None = getattr(_mine, "permits", None)
    if permits is None:
        yield
        return
    with permits._left():  # noqa: SLF001 - of this module
        yield
