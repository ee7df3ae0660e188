"""The worker: a process beside the server, which ingests the uploads that wait, one after the other.

It loads the models once, gives way to the server, and ends when nothing has come for a while, or the server has gone.
What it was at then is interrupted between two batches, and gone on with by the next one.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from api.compose import Service, build, configure_logging
from grounding.errors import CollectionBusy, Conflict, GroundingError, NotFound, StoreError, StoreUnavailable
from grounding.settings import Settings
from ingest.report import Progress
from ingest.spool import Spool
from store.jobs import ENDED, JobInfo
from store.presence import Presence

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
IDLE_SECONDS = 30.0
"""How long it keeps the models for the next upload."""
NICENESS = 10
MOST_DEATHS = 3
"""An upload over which so many processes died is given up: it would take all others with it."""
STRAY_SECONDS = 3600.0
"""A spool that no job names is being written, or was left by a server that died: by then it is the latter."""


def main(settings: Settings, leash: Connection) -> None:
    """Works until told to stop by a signal or the end of the pipe."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # stdout is the server's to speak on
    os.nice(NICENESS)
    threading.Thread(target=_wait_for_end, args=(leash, stop), name="leash", daemon=True).start()
    configure_logging(settings)
    alone = presence(settings)
    if not alone.show(seconds=2.0):
        return
    try:
        with build(_modest(settings)) as service:
            _work(service, stop)
    finally:
        alone.end()


def presence(settings: Settings) -> Presence:
    """Shown while a worker is at work in this home."""
    return Presence(settings.home / "locks" / "uploads.lock")


def uploads_folder(settings: Settings) -> Path:
    """Where uploads are kept until they have been ingested."""
    return settings.home / "uploads"


def ingest_waiting(service: Service, stop: threading.Event) -> int:
    """How many uploads have ended, of those that waited. One whose collection is being written goes on waiting."""
    ended = 0
    for job in service.store.jobs.waiting("upload"):
        if stop.is_set():
            break
        spool = spool_of(job, service=service)
        try:
            _ingest(job, spool, service=service, stop=stop)
        except (CollectionBusy, StoreUnavailable) as error:
            logger.info("job %s waits: %s", job.id, error)
            continue
        except GroundingError as error:
            _give_up(job, code=error.code, detail=str(error), service=service)
        except Exception as error:  # noqa: BLE001 - one upload must not keep all others waiting
            # a message may quote a text
            _give_up(job, code="internal", detail=f"unexpected {type(error).__name__}", service=service)
        if service.store.jobs.get(job.id).status in ENDED:
            spool.remove()
            ended += 1
    return ended


def spool_of(job: JobInfo, *, service: Service) -> Spool:
    """What the request of a job brought."""
    return Spool(uploads_folder(service.settings) / Path(str(job.request.get("folder"))).name)


def sweep(service: Service) -> None:
    """Removes spools that nobody will ask for: a process died before it could."""
    for folder in uploads_folder(service.settings).glob("*"):
        spool = Spool(folder)
        if _is_stray(spool, service=service):
            spool.remove()


def _is_stray(spool: Spool, *, service: Service) -> bool:
    with suppress(NotFound):
        job = service.store.jobs.get(spool.job_id)
        if spool_of(job, service=service) == spool:
            return job.status in ENDED
    with suppress(FileNotFoundError):
        return time.time() - spool.folder.stat().st_mtime > STRAY_SECONDS
    return False


def _work(service: Service, stop: threading.Event) -> None:
    last = time.monotonic()
    while not stop.is_set() and time.monotonic() - last < IDLE_SECONDS:
        ingest_waiting(service, stop)
        if service.store.jobs.waiting("upload"):
            last = time.monotonic()
        stop.wait(TICK_SECONDS)


def _ingest(job: JobInfo, spool: Spool, *, service: Service, stop: threading.Event) -> None:
    def until_stopped(_: Progress) -> None:
        if stop.is_set():
            raise KeyboardInterrupt  # as a person would: the run ends between two batches

    if not spool.exists:
        raise StoreError(f"what it brought is no longer in {spool.folder.parent}: send it again")
    if job.deaths >= MOST_DEATHS:
        raise StoreError(f"{job.deaths} processes died over it: send its documents in smaller parts")
    service.ingest_upload(spool, job.sources, job_id=job.id, collection=job.collection, progress=until_stopped)


def _give_up(job: JobInfo, *, code: str, detail: str, service: Service) -> None:
    logger.warning("job %s failed: %s %s", job.id, code, detail)
    jobs = service.store.jobs
    with suppress(Conflict):  # it has ended already, and says why
        jobs.take(job.id)
        report = json.dumps({"status": "failed", "error": code, "detail": detail}, ensure_ascii=False)
        jobs.finish(job.id, status="failed", report=report)


def _modest(settings: Settings) -> Settings:
    """The settings with a core left to the server, unless they say how many threads a model has."""
    threads = settings.models.threads or max(1, (os.cpu_count() or 1) - 1)
    return settings.model_copy(update={"models": settings.models.model_copy(update={"threads": threads})})


def _wait_for_end(leash: Connection, stop: threading.Event) -> None:
    with suppress(EOFError, OSError):
        leash.recv_bytes()
    stop.set()
