"""Background: what a server does beside answering. It starts a process that ingests uploads, one at a time.

The process is at the end of a pipe: it stops between two batches when the server lets go of it, or dies.
"""

from __future__ import annotations

import logging
import multiprocessing
import threading
from multiprocessing.context import SpawnProcess

from api import worker
from api.compose import Service
from grounding.errors import StoreError

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""Between two looks for uploads that another server process took."""
GRACE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 60.0


class Background:
    """Belongs to one server process. Several may have one each: the workers that they start exclude each other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background", daemon=True)

    def start(self) -> None:
        """Begins with the uploads that an earlier server left."""
        self._thread.start()

    def wake(self) -> None:
        """Says that an upload has come."""
        self._wake.set()

    def stop(self) -> None:
        """Gives the upload under way `GRACE_SECONDS` to come to a good place. It goes on when a server starts again."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._sweep()
        failed = 0
        while not self._stopping.is_set():
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            if not self._stopping.is_set() and self._is_needed():
                failed = 0 if self._work() else failed + 1
                self._stopping.wait(min(2.0**failed - 1, LONGEST_PAUSE_SECONDS))

    def _sweep(self) -> None:
        try:
            worker.sweep(self._service)
        except (StoreError, OSError) as error:
            logger.warning("old uploads cannot be removed: %s", error)

    def _is_needed(self) -> bool:
        try:
            waiting = self._service.store.jobs.waiting("upload")
        except StoreError as error:
            logger.warning("uploads cannot be looked for: %s", error)
            return False
        return bool(waiting) and not worker.presence(self._service.settings).elsewhere()

    def _work(self) -> bool:
        """Whether a process of its own came to a good end with the uploads that wait."""
        context = multiprocessing.get_context("spawn")
        theirs, ours = context.Pipe(duplex=False)
        process = context.Process(target=worker.main, args=(self._service.settings, theirs), name="uploads")
        with theirs, ours:
            process.start()
            theirs.close()
            self._watch(process)
        process.join(GRACE_SECONDS)
        if process.is_alive():
            process.kill()
            process.join()
        good = process.exitcode == 0
        if not good:
            logger.error("the process that ingests uploads ended with %s", process.exitcode)
        process.close()
        return good

    def _watch(self, process: SpawnProcess) -> None:
        """Returns when the process has ended, or should."""
        while not self._stopping.is_set() and process.is_alive():
            process.join(worker.TICK_SECONDS)
