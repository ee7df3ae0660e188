"""Ingest jobs: how far they are, and what became of each source."""

from __future__ import annotations

from fastapi import APIRouter

from api.dependencies import Ingester, Serving
from api.schemas import JobJson
from grounding.errors import NotFound

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get("/{job_id}")
def show(job_id: str, service: Serving, caller: Ingester) -> JobJson:
    """A job as it stands."""
    job = service.store.jobs.get(job_id)
    if not caller.sees(job.collection):
        raise NotFound(f"job {job_id[:200]!r} is not known")
    return JobJson.of(job, failures=service.store.jobs.items(job_id, outcome="failed"))
