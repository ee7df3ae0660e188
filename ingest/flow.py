"""Work that overlaps: an iterator that runs ahead in its own thread, and tasks done by several threads in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

_T = TypeVar("_T")

TICK_SECONDS = 0.25
"""How long anyone waits before looking whether to stop, or to tell how far it is."""


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None = None


def ahead(items: Generator[_T], *, size: int) -> Generator[_T | None]:
    """The same items, made by a thread that is at most `size` of them ahead; None whenever none is ready in time.

    Errors of the items are raised here. Closing it ends the thread and closes the items.
    """
    queue: Queue[_T | _End] = Queue(size)
    stop = Event()
    thread = Thread(target=_fill, args=(queue, items, stop), name="load", daemon=True)
    thread.start()
    try:
        while not isinstance(item := _take(queue), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join()


def _fill(queue: Queue[_T | _End], items: Generator[_T], stop: Event) -> None:
    end = _End()
    try:
        with closing(items):
            for item in items:
                if not _put(queue, item, stop):
                    return
    except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits for the items
        end = _End(error)
    _put(queue, end, stop)


def _put(queue: Queue[_T | _End], item: _T | _End, stop: Event) -> bool:
    """Whether the item was handed over before the reader lost interest."""
    while not stop.is_set():
        try:
            queue.put(item, timeout=TICK_SECONDS)
        except Full:
            continue
        return True
    return False


def _take(queue: Queue[_T | _End]) -> _T | _End | None:
    try:
        return queue.get(timeout=TICK_SECONDS)
    except Empty:
        return None


def in_order(tasks: Iterator[Callable[[], _T]], *, workers: int) -> Generator[_T]:
    """Results of the tasks in their order, `workers` threads at work; with one worker, none but the caller's."""
    if workers == 1:
        for task in tasks:
            yield task()
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prepare")
    running: deque[Future[_T]] = deque()
    try:
        for task in tasks:
            running.append(pool.submit(task))
            if len(running) >= 4 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
