"""Time that passes only while everybody waits: for tests of deadlines, with real threads and without real waits."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from grounding.calling import Clock, Mail, Mailbox

STUCK = 60.0
"""Real seconds after which a test has hung. None waits for them."""


class SimulatedClock(Clock):
    """One thread waits for the others, which `sleep` by this clock."""

    def __init__(self) -> None:
        self._time = 0.0
        self._awake = 0
        self._sleepers: dict[object, float] = {}
        self._changed = threading.Condition()

    def now(self) -> float:
        return self._time

    def start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                with self._changed:
                    self._awake -= 1
                    self._changed.notify_all()

        with self._changed:
            self._awake += 1
        threading.Thread(target=run, daemon=True).start()

    def sleep(self, seconds: float = math.inf) -> None:
        """For a thread that was started here: until so much time has passed, or until `end`."""
        me = object()
        with self._changed:
            self._sleepers[me] = self._time + seconds
            self._awake -= 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: me not in self._sleepers)

    def wait(self, mailbox: Mailbox, seconds: float) -> Mail:
        until = self._time + max(0.0, seconds)
        with self._changed:
            while True:
                assert self._changed.wait_for(lambda: not self._awake, STUCK)
                if not mailbox.empty():
                    return mailbox.get_nowait()
                nearest = min(self._sleepers.values(), default=math.inf)
                if nearest > until:
                    self._time = until
                    return None
                self._time = nearest
                self._wake(nearest)

    def end(self) -> None:
        """Wakes all who sleep, until there are none left."""
        with self._changed:
            while self._sleepers or self._awake:
                self._wake(math.inf)
                assert self._changed.wait_for(lambda: not self._awake or bool(self._sleepers), STUCK)

    def _wake(self, until: float) -> None:
        due = [sleeper for sleeper, at in self._sleepers.items() if at <= until]
        for sleeper in due:
            del self._sleepers[sleeper]
        self._awake += len(due)
        self._changed.notify_all()
