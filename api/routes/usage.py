"""Usage: what model calls came to, for an administrator and for each caller."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api import limits, usage_schemas
from api.dependencies import Administrator, KnownChatter, Serving
from api.usage_schemas import OwnUsageJson, UsageReportJson

router = APIRouter(tags=["usage"])

OWN = ("generator", "day")
DEFAULT = "key,generator"


@router.get("/admin/usage")
def usage(
    service: Serving,
    _: Administrator,
    by: Annotated[
        str, Query(description="Of key, user, conversation, collection, generator, model, purpose, outcome, day.")
    ] = DEFAULT,
    since: Annotated[str | None, Query(description="A day or a time, in UTC.")] = None,
    until: Annotated[str | None, Query(description="A day, with all of it, or a time.")] = None,
    key: Annotated[str | None, Query(description="The id of one key; empty for callers without one.")] = None,
) -> UsageReportJson:
    """What model calls came to."""
    dimensions = usage_schemas.listed(by)
    begin, end = usage_schemas.since(since), usage_schemas.until(until)
    found = service.store.usage.report(dimensions, since=begin, until=end, key=key)
    return UsageReportJson.of(found, by=dimensions, since=begin, until=end)


@router.get("/v1/usage")
def own_usage(service: Serving, caller: KnownChatter) -> OwnUsageJson:
    """What the caller's own calls came to in this month, and what is left of their limits."""
    month = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = service.store.usage.report(OWN, since=month, key=caller.id)
    report = UsageReportJson.of(found, by=OWN, since=month, until=None)
    return OwnUsageJson.of(caller.id, limits.standing(caller, service=service), report)
