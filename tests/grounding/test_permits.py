from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from grounding.calling import Clock, Ended, Mail
from grounding.permits import Permits, resting

SECONDS = 20.0


class Stage:
    """Threads that take permits, and what they did, in order."""

    def __init__(self, count: int) -> None:
        self.permits = Permits(count)
        self.did: list[str] = []
        self._changed = threading.Condition()

    def do(self, what: str) -> None:
        with self._changed:
            self.did.append(what)
            self._changed.notify_all()

    def until(self, true: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(true, SECONDS)

    def start(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread


def test_no_more_compute_than_may() -> None:
    permits, lock = Permits(2), threading.Lock()
    now, most = 0, 0

    def compute() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.0002)
        with lock:
            now -= 1

    def answer(_: int) -> None:
        with permits:
            for _ in range(5):
                compute()
                with resting(), resting():
                    threading.Event().wait(0.0001)
            compute()

    with ThreadPoolExecutor(16) as threads:
        for each in [threads.submit(answer, number) for number in range(64)]:
            each.result(SECONDS)
    assert most == 2
    with permits, ThreadPoolExecutor(1) as threads:  # both are free again
        threads.submit(answer, 0).result(SECONDS)


def test_who_rests_leaves_the_turn_to_others() -> None:
    stage, enough = Stage(1), threading.Event()

    def first() -> None:
        with stage.permits:
            stage.do("first asks")
            with resting():
                assert enough.wait(SECONDS)
            stage.do("first answers")

    def second() -> None:
        with stage.permits:
            stage.do("second")

    threads = [stage.start(first)]
    stage.until(lambda: stage.did == ["first asks"])
    threads.append(stage.start(second))
    stage.until(lambda: "second" in stage.did)
    enough.set()
    for thread in threads:
        thread.join(SECONDS)
    assert stage.did == ["first asks", "second", "first answers"]


def test_who_comes_back_goes_before_those_that_begin() -> None:
    stage, rested = Stage(1), threading.Event()

    def begun() -> None:
        with stage.permits:
            stage.do("asks")
            with resting():
                assert rested.wait(SECONDS)
            stage.do("answers")

    def new() -> None:
        with stage.permits:
            stage.do("new")

    threads = [stage.start(begun)]
    stage.until(lambda: stage.did == ["asks"])
    with stage.permits:
        threads += [stage.start(new) for _ in range(3)]
        rested.set()
        deadline = time.monotonic() + SECONDS
        while not stage.permits.coming_back and time.monotonic() < deadline:
            time.sleep(0.001)
    for thread in threads:
        thread.join(SECONDS)
    assert stage.did == ["asks", "answers", "new", "new", "new"]


def test_an_error_leaves_the_turn() -> None:
    permits = Permits(1)
    with pytest.raises(ValueError, match="rest"), permits, resting():
        raise ValueError("rest")
    with permits:
        pass


def test_who_has_no_turn_rests_as_well() -> None:
    permits = Permits(1)
    with permits:
        pass
    with resting():
        pass
    with permits:
        pass


def test_who_waits_for_a_model_leaves_the_permit() -> None:
    permits, mailbox = Permits(1), SimpleQueue[Mail]()

    def model() -> None:
        with permits:
            mailbox.put(Ended(None))

    with permits:
        thread = threading.Thread(target=model)
        thread.start()
        assert Clock().wait(mailbox, SECONDS) == Ended(None)
    thread.join(SECONDS)
