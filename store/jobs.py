"""Jobs: what was asked, how far it is, and what became of each source.

A job that runs is shown by the presence of its process, `HOME/locks/job-<id>.lock`. One that is said to be running
while nobody is at work on it was interrupted: whoever reads it says so, and notes it in SQL if that can be written.
Where hosts with homes of their own share a database, each judges and takes up the jobs of its own home alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from grounding.errors import Conflict, NotFound, StoreError
from store.database import Database, folder_of
from store.paging import limited
from store.presence import Presence
from store.schema import JobItemRow, JobRow

JobKind: TypeAlias = Literal["ingest", "upload", "reembed"]
JobStatus: TypeAlias = Literal["queued", "running", "done", "interrupted", "failed"]

ENDED: frozenset[JobStatus] = frozenset({"done", "failed"})
PATIENCE_SECONDS = 1.0
"""Who only looks whether a job is alive holds its lock for a moment; nobody holds it longer without being at work."""
_DIED = "its process ended before the job did, or the machine stopped; what it had stored by then is there"


@dataclass(frozen=True, slots=True)
class JobItem:
    """What became of one source: created, updated, unchanged, duplicate, deleted or failed."""

    source: str
    outcome: str
    stage: str | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class JobInfo:
    """A job as it stands. `report` is the report's JSON once it is finished; `request` what a queued one is begun
    with; `home` tells the homes apart that share the database; `deaths` how often a process died over it."""

    id: str
    kind: JobKind
    request: Mapping[str, object]
    home: str
    deaths: int
    collection: str
    sources: tuple[str, ...]
    status: JobStatus
    counts: Mapping[str, int]
    report: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def over(self) -> bool:
        """Whether nothing more will become of it. An interrupted upload is gone on with by itself."""
        return self.status in ENDED or (self.status == "interrupted" and self.kind != "upload")


class Jobs:
    def __init__(self, database: Database, *, home: Path) -> None:
        self._database = database
        self._locks = home / "locks"
        self._home = ""
        self._at_work: dict[str, Presence] = {}

    def start(self, collection: str, *, sources: Sequence[str], kind: JobKind = "ingest") -> str:
        """The id of a new job, which this process is at work on until it finishes or leaves it."""
        job_id = uuid4().hex
        self._show(job_id)
        try:
            self._insert(job_id, collection, sources=sources, kind=kind, request={}, status="running")
        except BaseException:
            self.leave(job_id)
            raise
        self._database.reached("job started")
        return job_id

    def enqueue(
        self, job_id: str, collection: str, *, sources: Sequence[str], kind: JobKind, request: Mapping[str, object]
    ) -> None:
        """A new job that waits for a process to take it up. Raises Conflict if there is one of this id."""
        self._insert(job_id, collection, sources=sources, kind=kind, request=request, status="queued")
        self._database.reached("job queued")

    def take(self, job_id: str) -> JobInfo:
        """A job that was queued or interrupted, which this process is at work on from now on. What an earlier attempt
        noted as failed or duplicate is forgotten: it will be judged again.

        Raises NotFound; Conflict if another process is at work on it, or it has ended.
        """
        self._show(job_id)
        try:
            with self._database.write() as connection:
                job = _read(connection, job_id)
                if job.status in ENDED:
                    raise Conflict(f"job {job_id} has ended: it is {job.status}")
                _note_death(connection, job)
                again = JobItemRow.outcome.in_(("failed", "duplicate"))
                connection.execute(delete(JobItemRow).where(JobItemRow.job_id == job_id, again))
                _set(connection, job_id, status="running", report=None, finished_at=None)
                taken = _read(connection, job_id)
        except BaseException:
            self.leave(job_id)
            raise
        self._database.reached("job started")
        return taken

    def leave(self, job_id: str) -> None:
        """Ends this process's work on a job. One that is not finished is interrupted from now on."""
        if presence := self._at_work.pop(job_id, None):
            presence.end()

    def close(self) -> None:
        """Leaves every job that this process is at work on."""
        for job_id in list(self._at_work):
            self.leave(job_id)

    def progress(self, job_id: str, counts: Mapping[str, int]) -> None:
        """Sets the counts shown while it runs."""
        self._update(job_id, counts=dict(counts))
        self._database.reached("job noted")

    def item(
        self,
        job_id: str,
        source: str,
        *,
        outcome: str,
        stage: str | None = None,
        reason: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Notes what became of one source."""
        self.add_items(job_id, [JobItem(source, outcome, stage, reason, detail)])

    def add_items(self, job_id: str, items: Sequence[JobItem]) -> None:
        """Notes what became of several sources, in one transaction."""
        if items:
            with self._database.write() as connection:
                connection.execute(insert(JobItemRow), [{"job_id": job_id, **asdict(item)} for item in items])

    def finish(self, job_id: str, *, status: JobStatus, report: str) -> None:
        """Ends it. `report` is JSON."""
        self._update(job_id, status=status, report=report, finished_at=datetime.now(UTC))
        self._database.reached("job finished")
        self.leave(job_id)

    def get(self, job_id: str) -> JobInfo:
        """Raises NotFound."""
        with self._database.read() as connection:
            job = _read(connection, job_id)
        return self._alive(job)

    def items(self, job_id: str, *, outcome: str | None = None, limit: int = 1000) -> tuple[JobItem, ...]:
        """Its sources in the order in which they were noted."""
        query = select(
            JobItemRow.source, JobItemRow.outcome, JobItemRow.stage, JobItemRow.reason, JobItemRow.detail
        ).where(JobItemRow.job_id == job_id)
        if outcome is not None:
            query = query.where(JobItemRow.outcome == outcome)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(JobItemRow.id).limit(limit))
            return tuple(JobItem(*row) for row in rows)

    def list(self, *, limit: int = 50) -> tuple[JobInfo, ...]:
        """Newest first."""
        query = _JOBS.order_by(JobRow.created_at.desc(), JobRow.id).limit(limited(limit))
        return self._listed(query)

    def waiting(self, kind: JobKind) -> tuple[JobInfo, ...]:
        """Those of this home that were queued or interrupted, and nobody is at work on; oldest first."""
        unfinished = JobRow.status.not_in(ENDED)
        query = _JOBS.where(unfinished, JobRow.kind == kind).order_by(JobRow.created_at, JobRow.id)
        here = self._here()
        return tuple(job for job in self._listed(query) if job.home == here and job.status != "running")

    def _listed(self, query: Select[Any]) -> tuple[JobInfo, ...]:
        with self._database.read() as connection:
            found = [_job(row) for row in connection.execute(query).mappings()]
        return tuple(map(self._alive, found))

    def _alive(self, job: JobInfo) -> JobInfo:
        """The job; interrupted if it is said to be running, and nobody is at work on it."""
        if job.status != "running" or job.id in self._at_work or job.home != self._here():
            return job
        presence = self._presence(job.id)
        try:
            if not presence.show():
                return job
        except StoreError:  # nobody is declared dead on a guess
            return job
        try:
            with self._database.write() as connection:
                _note_death(connection, _read(connection, job.id))
                return _read(connection, job.id)
        except StoreError:
            return replace(job, status="interrupted", report=_DEATH)
        finally:
            presence.end()

    def _show(self, job_id: str) -> None:
        presence = self._presence(job_id)
        if job_id in self._at_work or not presence.show(seconds=PATIENCE_SECONDS):
            raise Conflict(f"job {job_id} is being run already: wait until that is done")
        self._at_work[job_id] = presence

    def _presence(self, job_id: str) -> Presence:
        return Presence(self._locks / f"job-{job_id}.lock")

    def _insert(
        self,
        job_id: str,
        collection: str,
        *,
        sources: Sequence[str],
        kind: JobKind,
        request: Mapping[str, object],
        status: JobStatus,
    ) -> None:
        now = datetime.now(UTC)
        kept = {**request, **({_HOME: here} if (here := self._here()) else {})}
        row: dict[str, Any] = {
            "id": job_id,
            "kind": kind,
            "request": kept or None,
            "collection": collection,
            "sources": list(sources),
            "status": status,
            "counts": {},
        }
        with self._database.write() as connection:
            try:
                connection.execute(insert(JobRow), {**row, "created_at": now, "updated_at": now})
            except IntegrityError as error:
                raise Conflict(f"job {job_id} is there already") from error

    def _here(self) -> str:
        """What tells this home from others, "" where the database is in it, and so there are no others."""
        if not self._home and not self._database.embedded:
            self._home = _name_of(self._locks)
        return self._home

    def _update(self, job_id: str, **values: Any) -> None:
        with self._database.write() as connection:
            _set(connection, job_id, **values)


def _read(connection: Connection, job_id: str) -> JobInfo:
    row = connection.execute(_JOBS.where(JobRow.id == job_id)).mappings().one_or_none()
    if row is None:
        raise _unknown(job_id)
    return _job(row)


def _set(connection: Connection, job_id: str, **values: Any) -> None:
    values["updated_at"] = datetime.now(UTC)
    if not connection.execute(update(JobRow).where(JobRow.id == job_id).values(values)).rowcount:
        raise _unknown(job_id)


def _note_death(connection: Connection, job: JobInfo) -> None:
    """Notes that the process of a running job is gone. The last sign of it is when it stopped."""
    if job.status != "running":
        return
    connection.execute(
        update(JobRow)
        .where(JobRow.id == job.id)
        .values(
            status="interrupted",
            report=_DEATH,
            finished_at=job.updated_at,
            request={**job.request, **({_HOME: job.home} if job.home else {}), _DEATHS: job.deaths + 1},
        )
    )


def _unknown(job_id: str) -> NotFound:
    return NotFound(f"job {job_id[:200]!r} is not known")


def _name_of(locks: Path) -> str:
    """The name of the home with this folder of locks, made up when first asked for. Raises StoreError."""
    file = locks / "home.name"
    with folder_of(locks):
        if not file.exists():
            made = locks / f"{uuid4().hex}.new"
            made.write_text(made.stem)
            with suppress(FileExistsError):  # another process was as quick
                file.hardlink_to(made)
            made.unlink()
        return file.read_text()


def _job(row: RowMapping) -> JobInfo:
    request: dict[str, Any] = dict(row["request"] or {})
    return JobInfo(
        id=row["id"],
        kind=row["kind"],
        home=request.pop(_HOME, ""),
        deaths=request.pop(_DEATHS, 0),
        request=request,
        collection=row["collection"],
        sources=tuple(row["sources"]),
        status=row["status"],
        counts=row["counts"],
        report=row["report"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )


_HOME, _DEATHS = "its home", "its deaths"
"""Kept with the request: nothing in SQL asks for them."""
_DEATH = json.dumps({"status": "interrupted", "detail": _DIED})
_JOBS = select(
    JobRow.id,
    JobRow.kind,
    JobRow.request,
    JobRow.collection,
    JobRow.sources,
    JobRow.status,
    JobRow.counts,
    JobRow.report,
    JobRow.created_at,
    JobRow.updated_at,
    JobRow.finished_at,
)
