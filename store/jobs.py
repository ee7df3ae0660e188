"""Ingest jobs: what was asked, how far it is, and what became of each source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias
from uuid import uuid4

from sqlalchemy import RowMapping, insert, select, update

from grounding.errors import NotFound
from store.database import Database
from store.paging import limited
from store.schema import JobItemRow, JobRow

JobStatus: TypeAlias = Literal["running", "done", "interrupted", "failed"]


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
    """A job as it stands. `report` is the report's JSON once it is finished."""

    id: str
    collection: str
    sources: tuple[str, ...]
    status: JobStatus
    counts: Mapping[str, int]
    report: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class Jobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, collection: str, *, sources: Sequence[str]) -> str:
        """The id of a new job, which is running."""
        job_id, now = uuid4().hex, datetime.now(UTC)
        row: dict[str, Any] = {
            "id": job_id,
            "kind": "ingest",
            "request": None,
            "collection": collection,
            "sources": list(sources),
            "status": "running",
            "counts": {},
        }
        with self._database.write() as connection:
            connection.execute(insert(JobRow), {**row, "created_at": now, "updated_at": now})
        self._database.reached("job started")
        return job_id

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

    def get(self, job_id: str) -> JobInfo:
        """Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(_JOBS.where(JobRow.id == job_id)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"job {job_id[:200]!r} is not known")
        return _job(row)

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
        with self._database.read() as connection:
            return tuple(_job(row) for row in connection.execute(query).mappings())

    def _update(self, job_id: str, **values: Any) -> None:
        values["updated_at"] = datetime.now(UTC)
        with self._database.write() as connection:
            if not connection.execute(update(JobRow).where(JobRow.id == job_id).values(values)).rowcount:
                raise NotFound(f"job {job_id[:200]!r} is not known")


def _job(row: RowMapping) -> JobInfo:
    return JobInfo(
        id=row["id"],
        collection=row["collection"],
        sources=tuple(row["sources"]),
        status=row["status"],
        counts=row["counts"],
        report=row["report"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        finished_at=row["finished_at"],
    )


_JOBS = select(
    JobRow.id,
    JobRow.collection,
    JobRow.sources,
    JobRow.status,
    JobRow.counts,
    JobRow.report,
    JobRow.created_at,
    JobRow.updated_at,
    JobRow.finished_at,
)
