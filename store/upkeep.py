"""Upkeep: one thread that does what need not be done before an answer, and looks after the collections now and then.

Only a service starts it. A command that ends after one answer has nobody to do a thing later: it does it at once, or
says what to run.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from grounding.errors import CollectionBusy, GroundingError

LOOK_SECONDS = 30.0
GRACE_SECONDS = 5.0

logger = logging.getLogger(__name__)


class Upkeep:
    """Does tasks in the order in which they came, and `look` every so many seconds. Thread-safe."""

    def __init__(self, look: Callable[[], None], *, every: float = LOOK_SECONDS) -> None:
        self._look = look
        self._every = every
        self._tasks: queue.SimpleQueue[tuple[str, Callable[[], None]] | None] = queue.SimpleQueue()
        self._waiting: set[str] = set()
        self._told: dict[str, str] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def running(self) -> bool:
        return self._thread is not None and not self._stopped

    def start(self) -> None:
        """Starts the thread, if it has not been started or stopped before."""
        with self._lock:
            if self._thread is None and not self._stopped:
                self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
                self._thread.start()

    def soon(self, name: str, task: Callable[[], None]) -> bool:
        """Whether the task will be done: not if the thread does not run. One of the same name that waits is enough."""
        with self._lock:
            if not self.running:
                return False
            if name not in self._waiting:
                self._waiting.add(name)
                self._tasks.put((name, task))
        return True

    def stop(self) -> None:
        """Gives the task under way `GRACE_SECONDS` to come to its end, and forgets those that wait. What is cut off
        in the middle leaves nothing that is named."""
        with self._lock:
            self._stopped = True
            thread = self._thread
        if thread is not None:
            self._tasks.put(None)
            thread.join(GRACE_SECONDS)

    def _run(self) -> None:
        due = time.monotonic() + self._every
        while not self._stopped:
            try:
                found = self._tasks.get(timeout=max(0.0, due - time.monotonic()))
            except queue.Empty:
                found = ("look", self._look)
                due = time.monotonic() + self._every
            if found is None:
                return
            name, task = found
            with self._lock:
                self._waiting.discard(name)
            self._do(name, task)

    def _do(self, name: str, task: Callable[[], None]) -> None:
        """The thread outlives whatever goes wrong: it is said once, and tried again at the next occasion."""
        try:
            task()
        except CollectionBusy:  # its writer will do it
            return
        except Exception as error:
            if self._told.get(name) != repr(error):
                self._told[name] = repr(error)
                expected = isinstance(error, GroundingError)
                logger.warning("%s: %s", name, error, exc_info=None if expected else error)
        else:
            self._told.pop(name, None)
