"""A thread that asks one question after the other and notes every wrong answer, while the test changes things."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from typing import Self


class Asker(ABC):
    """Asks until it is stopped. `asked` counts answers, `wrong` says what was wrong with one, or what was raised."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.asked = 0
        self.wrong: list[str] = []

    @abstractmethod
    def ask(self) -> None:
        """Asks once; counts the answer in `asked`, and notes in `wrong` one that is."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def goes_on(self) -> None:
        """Waits until two more questions are answered, or one wrongly: one of them began after this."""
        begun, deadline = self.asked, time.monotonic() + 30
        while self.asked < begun + 2 and not self.wrong:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.ask()
        except Exception as error:  # noqa: BLE001 - told by the test
            self.wrong.append(repr(error))
