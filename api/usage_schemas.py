"""Usage as it is asked for and told, over HTTP and on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Self

from pydantic import BaseModel, ConfigDict

from grounding.errors import InvalidRequest
from store.usage import Admission, Standing, UsageReport, UsageRow


class _Shown(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class UsageJson(_Shown):
    """What some calls came to. `estimated_tokens` are those that a provider did not report; `cost_usd` is null where no
    call had a price, `unpriced_calls` had none."""

    group: dict[str, str]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int
    estimated_tokens: int
    cost_usd: float | None
    unpriced_calls: int

    @classmethod
    def of(cls, row: UsageRow) -> Self:
        return cls(
            group=dict(row.group),
            calls=row.calls,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            total_tokens=row.prompt_tokens + row.completion_tokens,
            cached_tokens=row.cached_tokens,
            estimated_tokens=row.estimated_tokens,
            cost_usd=row.cost_usd,
            unpriced_calls=row.unpriced_calls,
        )


class UsageReportJson(_Shown):
    """Of calls that began from `since` on and before `until`."""

    by: list[str]
    since: datetime | None
    until: datetime | None
    rows: list[UsageJson]
    total: UsageJson

    @classmethod
    def of(cls, report: UsageReport, *, by: Sequence[str], since: datetime | None, until: datetime | None) -> Self:
        rows = [UsageJson.of(row) for row in report.rows]
        return cls(by=list(by), since=since, until=until, rows=rows, total=UsageJson.of(report.total))


class StandingJson(_Shown):
    """Where one stands with a limit: how long to wait for the next request, and until nothing of it is used any
    more."""

    limit: float
    used: float
    remaining: float
    wait_seconds: float
    reset_seconds: float

    @classmethod
    def of(cls, found: Standing | None) -> Self | None:
        if found is None:
            return None
        return cls(
            limit=found.limit,
            used=found.used,
            remaining=found.remaining,
            wait_seconds=found.wait,
            reset_seconds=found.reset,
        )


class OwnUsageJson(_Shown):
    """A caller's own figures of this month by generator and day; limits are null where there is none."""

    key: str
    requests_per_minute: StandingJson | None
    tokens_per_minute: StandingJson | None
    usd_per_month: StandingJson | None
    month: UsageReportJson

    @classmethod
    def of(cls, key: str, admission: Admission, month: UsageReportJson) -> Self:
        return cls(
            key=key,
            requests_per_minute=StandingJson.of(admission.requests),
            tokens_per_minute=StandingJson.of(admission.tokens),
            usd_per_month=StandingJson.of(admission.usd),
            month=month,
        )


def listed(text: str) -> tuple[str, ...]:
    """ "key, day" -> ("key", "day")."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def since(text: str | None) -> datetime | None:
    """The moment that is meant by a day or a time, in UTC unless it says otherwise. Raises InvalidRequest."""
    return None if text is None else _moment(text, name="since")[0]


def until(text: str | None) -> datetime | None:
    """The same, for an end: a day is meant whole."""
    if text is None:
        return None
    moment, is_day = _moment(text, name="until")
    return moment + timedelta(days=1) if is_day else moment


def _moment(text: str, *, name: str) -> tuple[datetime, bool]:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise InvalidRequest(
                f"{name}: expected a day as 2026-11-30, or a time as 2026-11-30T12:00:00Z, got {text[:40]!r}"
            ) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)), False
    return datetime(day.year, day.month, day.day, tzinfo=UTC), True
