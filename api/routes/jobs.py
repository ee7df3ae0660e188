"""Jobs: how far they are, and what became of each source."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from api import problems
from api.auth import Caller
from api.compose import Service
from api.dependencies import Ingester, Serving
from api.schemas import JobJson
from grounding.errors import GroundingError, NotFound
from store.jobs import JobInfo

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

LOOK_SECONDS = 0.5


@router.get("/{job_id}")
def show(job_id: str, service: Serving, caller: Ingester) -> JobJson:
    """A job as it stands."""
    return _shown(_found(job_id, service=service, caller=caller), service=service)


@router.get(
    "/{job_id}/events",
    response_model=None,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
def events(job_id: str, service: Serving, caller: Ingester) -> Response:
    """A job as it goes on, as server-sent events: `progress` whenever it has changed, `done` at its end."""
    return EventSourceResponse(_followed(_found(job_id, service=service, caller=caller), service=service))


def _found(job_id: str, *, service: Service, caller: Caller) -> JobInfo:
    job = service.store.jobs.get(job_id)
    if not caller.sees(job.collection):
        raise NotFound(f"job {job_id[:200]!r} is not known")
    return job


def _shown(job: JobInfo, *, service: Service) -> JobJson:
    return JobJson.of(job, failures=service.store.jobs.items(job.id, outcome="failed"))


async def _followed(job: JobInfo, *, service: Service) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of a job until it has ended. Each is the whole job."""
    told: JobInfo | None = None
    try:
        while not job.over:
            if job != told:
                yield await _event("progress", job, service=service)
                told = job
            await anyio.sleep(LOOK_SECONDS)
            job = await run_sync(service.store.jobs.get, job.id)
        yield await _event("done", job, service=service)
    except GroundingError as error:  # the status has been sent: the only way left to say that it failed
        yield ServerSentEvent(event="error", data=json.dumps(problems.body_of(error), ensure_ascii=False))


async def _event(name: str, job: JobInfo, *, service: Service) -> ServerSentEvent:
    shown = await run_sync(lambda: _shown(job, service=service))
    return ServerSentEvent(event=name, data=shown.model_dump_json())
