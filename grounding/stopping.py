"""Stop: said once, heard by all who work on an answer that nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stop:
    """Thread-safe. Said by whoever notices that the client is gone, heard by whoever waits for a model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = False
        self._heard: list[Callable[[], None]] = []

    @property
    def said(self) -> bool:
        return self._said

    def say(self) -> None:
        """Calls everybody who listens, once; later calls do nothing."""
        with self._lock:
            listeners = [] if self._said else [*self._heard]
            self._said = True
        for listener in listeners:
            listener()

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Within the block `listener` is called when it is said, at once if it was said already. It must not block."""
        with self._lock:
            self._heard.append(listener)
            said = self._said
        try:
            if said:
                listener()
            yield
        finally:
            with self._lock:
                self._heard.remove(listener)
