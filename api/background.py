"""Background: one thread that does one task after the other, while requests are answered."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

GRACE_SECONDS = 30.0


class Background:
    """Runs tasks in the order in which they came. Its thread starts with the first of them."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        """Whether a task that is under way should come to an end."""
        return self._stopping.is_set()

    def submit(self, task: Callable[[], None]) -> None:
        """Runs a task when its turn comes. It handles its own errors."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="background", daemon=True)
                self._thread.start()
        self._tasks.put(task)

    def stop(self) -> None:
        """Gives the task under way `GRACE_SECONDS` to come to its end, and forgets those that wait."""
        self._stopping.set()
        self._tasks.put(None)
        if self._thread is not None:
            self._thread.join(GRACE_SECONDS)

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None and not self.stopping:
            task()
