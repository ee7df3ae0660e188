"""The ledger of model calls, and what of it counts against a caller's limits.

A call is written down when it has ended, in the transaction that records its Exchange. From then on it counts: its
tokens for a minute, its money to the end of the month, by the calendar in UTC.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Case, ColumnElement, Connection, Text, case, delete, extract, func, insert, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from grounding.errors import InvalidRequest
from grounding.settings import Limits
from grounding.values import ModelCall
from store.database import Database
from store.schema import AdmissionRow, ModelCallRow, table_of

WINDOW = timedelta(seconds=60)
LONGEST = timedelta(minutes=10)
"""Calls that took longer count no tokens against a limit: to look for them, too, would take reading too far back."""
REFRESHED = timedelta(hours=1)
"""Sums of money are made anew so often, for what another process erased or restored."""


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What some calls came to. `group` says of which, by dimension ("" for none). `estimated_tokens` are those of the
    prompt and completion tokens that a provider did not report. `cost_usd` is None where no call had a price;
    `unpriced_calls` had none."""

    group: Mapping[str, str]
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    estimated_tokens: int
    cost_usd: float | None
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Rows in the order of their groups, and all of them in one."""

    rows: tuple[UsageRow, ...]
    total: UsageRow


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands with one limit. In seconds: `wait` until one more request may pass, 0 if it may now;
    `reset` until nothing of what is used counts any more."""

    limit: float
    used: float
    wait: float
    reset: float

    @property
    def remaining(self) -> float:
        return max(0.0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Admission:
    """Where a caller stands with the limits that they have. A request is let in if there is none to `wait` for."""

    requests: Standing | None = None
    tokens: Standing | None = None
    usd: Standing | None = None

    @property
    def wait(self) -> float:
        """Seconds until a request may pass."""
        return max((each.wait for each in (self.requests, self.tokens, self.usd) if each), default=0.0)


@dataclass(slots=True)
class _Spent:
    """Money by key since the first of a month, up to one row of the ledger."""

    month: datetime
    at: datetime
    row: int
    by_key: dict[str, float]


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


class UsageStore:
    """Thread-safe. `now` is the clock by which requests are let in."""

    def __init__(self, database: Database, *, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now
        self._lock = threading.Lock()
        self._known: _Spent | None = None

    def record(
        self,
        calls: Sequence[ModelCall],
        *,
        key_id: str,
        user: str,
        conversation_id: str | None,
        collection: str,
        trace_id: str | None,
    ) -> None:
        """Writes down calls that belong to no Exchange."""
        if not calls:
            return
        with self._database.write() as connection:
            add_calls(
                connection,
                calls,
                key_id=key_id,
                user=user,
                conversation_id=conversation_id,
                collection=collection,
                trace_id=trace_id,
            )

    def report(
        self,
        by: Sequence[str] = (),
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key: str | None = None,
    ) -> UsageReport:
        """What the calls that began from `since` on and before `until` came to, by some of `DIMENSIONS`; of one key,
        if one is named. Raises InvalidRequest for a dimension that there is not."""
        dimensions = tuple(dict.fromkeys(by))
        for name in dimensions:
            if name not in DIMENSIONS:
                raise InvalidRequest(f"by: {name[:60]!r} is none of {', '.join(DIMENSIONS)}")
        where: list[ColumnElement[bool]] = []
        if since is not None:
            where.append(ModelCallRow.started_at >= since)
        if until is not None:
            where.append(ModelCallRow.started_at < until)
        if key is not None:
            where.append(ModelCallRow.key_id == key)
        groups = [DIMENSIONS[name] for name in dimensions]
        with self._database.read() as connection:
            total = connection.execute(select(*_SUMS).where(*where)).one()
            rows = connection.execute(select(*groups, *_SUMS).where(*where).group_by(*groups)).all() if groups else []
        found = [_row(row, dimensions) for row in rows]
        found.sort(key=lambda row: tuple(row.group.values()))
        return UsageReport(tuple(found), _row(total, ()))

    def admit(self, key_id: str, limits: Limits) -> Admission:
        """Lets a request in, if there is nothing to `wait` for, and counts it. Callers without limits cost nothing."""
        found = self.standing(key_id, limits)
        if limits.requests_per_minute is None or found.wait:
            return found  # who knocks in vain keeps no writer waiting
        with self._database.write() as connection:
            # Read where nobody else can be let in: a moment read before would be of a window that has gone on since.
            now = self._now()
            gone = or_(AdmissionRow.admitted_at <= now - WINDOW, AdmissionRow.admitted_at > now + WINDOW)
            connection.execute(delete(AdmissionRow).where(AdmissionRow.key_id == key_id, gone))
            requests = _of_requests(connection, key_id, limits.requests_per_minute, now)
            if not requests.wait:
                connection.execute(insert(AdmissionRow), {"key_id": key_id, "admitted_at": now})
                requests = replace(requests, used=requests.used + 1, reset=WINDOW.total_seconds())
        return replace(found, requests=requests)

    def standing(self, key_id: str, limits: Limits) -> Admission:
        """Where a caller stands now; nothing is counted. Callers without limits cost nothing."""
        if limits == Limits():
            return Admission()
        with self._database.read() as connection:
            return self._standing(connection, key_id, limits, self._now())

    def _standing(self, connection: Connection, key_id: str, limits: Limits, now: datetime) -> Admission:
        requests, tokens, usd = limits.requests_per_minute, limits.tokens_per_minute, limits.usd_per_month
        return Admission(
            None if requests is None else _of_requests(connection, key_id, requests, now),
            None if tokens is None else window(tokens, _tokens(connection, key_id, now), now=now),
            None if usd is None else _of_month(usd, self._spent(connection, key_id, now), now),
        )

    def _spent(self, connection: Connection, key_id: str, now: datetime) -> float:
        """What a key has spent since the first of the month. What was summed once is not read again: rows are written
        one after the other, and get higher keys."""
        month = _first_of_month(now)
        with self._lock:
            known = self._known
            if known is None or known.month != month or abs(now - known.at) > REFRESHED:
                known = self._known = _summed(connection, month, now)
            # No condition but this, so that it is the one by which rows are sought.
            new = select(ModelCallRow.id, ModelCallRow.key_id, ModelCallRow.started_at, ModelCallRow.cost_usd).where(
                ModelCallRow.id > known.row
            )
            for row, each, started_at, usd in connection.execute(new):
                known.row = max(known.row, row)
                if usd is not None and started_at >= month:
                    known.by_key[each] = known.by_key.get(each, 0.0) + usd
            return known.by_key.get(key_id, 0.0)


def add_calls(
    connection: Connection,
    calls: Iterable[ModelCall],
    *,
    key_id: str,
    user: str,
    conversation_id: str | None,
    collection: str,
    trace_id: str | None,
) -> None:
    """Writes down calls in the transaction of what they were made for."""
    rows = [
        {
            "started_at": call.started_at,
            "trace_id": trace_id,
            "key_id": key_id,
            "user": named(user),
            "conversation_id": conversation_id,
            "collection": collection,
            "generator": call.generator,
            "model": call.model,
            "purpose": call.purpose,
            "outcome": call.outcome,
            "prompt_tokens": call.usage.prompt_tokens,
            "completion_tokens": call.usage.completion_tokens,
            "cached_tokens": call.usage.cached_tokens,
            "reported": call.reported,
            "cost_usd": call.usage.cost_usd,
            "ms": call.ms,
            "first_token_ms": call.first_token_ms,
        }
        for call in calls
    ]
    if rows:
        connection.execute(insert(table_of(ModelCallRow)), rows)


def named(user: str) -> str:
    """The name of a user as the ledger keeps it: callers may send what a database cannot hold."""
    return user.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def window(limit: int, spent: Iterable[tuple[datetime, int]], *, now: datetime) -> Standing:
    """Where one stands with so much in any minute, having spent these amounts at these moments. Those of a clock that
    was set back since do not count."""
    within = sorted((at, amount) for at, amount in spent if now - WINDOW < at <= now + WINDOW)
    used = left = sum(amount for _, amount in within)
    wait = reset = 0.0
    for at, amount in within:
        reset = (at + WINDOW - now).total_seconds()
        if left >= limit:
            left -= amount
            wait = reset
    return Standing(limit, used, wait, reset)


def _summed(connection: Connection, month: datetime, now: datetime) -> _Spent:
    row = connection.execute(select(func.max(ModelCallRow.id))).scalar() or 0
    query = (
        select(ModelCallRow.key_id, func.sum(ModelCallRow.cost_usd))
        .where(ModelCallRow.started_at >= month, ModelCallRow.cost_usd.is_not(None), ModelCallRow.id <= row)
        .group_by(ModelCallRow.key_id)
    )
    return _Spent(month, now, row, {key: usd or 0.0 for key, usd in connection.execute(query)})


def _of_requests(connection: Connection, key_id: str, limit: int, now: datetime) -> Standing:
    """As `window`, without reading each of them."""
    at = AdmissionRow.admitted_at
    where = (AdmissionRow.key_id == key_id, at > now - WINDOW, at <= now + WINDOW)
    used, last = connection.execute(select(func.count(), func.max(at)).where(*where)).one()
    wait = 0.0
    if used >= limit:
        leaves = select(at).where(*where).order_by(at).offset(used - limit).limit(1)
        wait = (connection.execute(leaves).scalar_one() + WINDOW - now).total_seconds()
    return Standing(limit, used, wait, (last + WINDOW - now).total_seconds() if used else 0.0)


def _tokens(connection: Connection, key_id: str, now: datetime) -> Iterable[tuple[datetime, int]]:
    """The tokens of calls that ended within the window, and perhaps of some before, at the moment they ended."""
    ended = extract("epoch", ModelCallRow.started_at) + ModelCallRow.ms / 1000
    query = select(
        ModelCallRow.started_at, ModelCallRow.ms, ModelCallRow.prompt_tokens + ModelCallRow.completion_tokens
    ).where(
        ModelCallRow.key_id == key_id,
        ModelCallRow.started_at > now - WINDOW - LONGEST,
        ended > (now - WINDOW).timestamp() - 1,  # SQLite gives whole seconds
    )
    for started_at, ms, tokens in connection.execute(query):
        yield started_at + timedelta(milliseconds=ms), tokens


def _of_month(limit: float, spent: float, now: datetime) -> Standing:
    reset = (_first_of_month(_first_of_month(now) + timedelta(days=31)) - now).total_seconds()
    return Standing(limit, spent, reset if spent >= limit else 0.0, reset)


def _first_of_month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _row(row: Any, dimensions: Sequence[str]) -> UsageRow:
    group = dict(zip(dimensions, (value or "" for value in row), strict=False))
    calls, prompt, completion, cached, estimated, cost, unpriced = row[len(dimensions) :]
    return UsageRow(
        group=group,
        calls=calls,
        prompt_tokens=int(prompt or 0),
        completion_tokens=int(completion or 0),
        cached_tokens=int(cached or 0),
        estimated_tokens=int(estimated or 0),
        cost_usd=cost,
        unpriced_calls=int(unpriced or 0),
    )


def _counted(condition: ColumnElement[bool], value: Any) -> Case[Any]:
    return case((condition, value), else_=0)


class _Day(FunctionElement[str]):
    """The day of a moment, in UTC, as in 2026-11-30."""

    type = Text()
    inherit_cache = True


@compiles(_Day, "sqlite")
def _day_of_text(day: _Day, compiler: SQLCompiler, **_options: Any) -> str:
    # Its functions for times round to milliseconds, by which the end of a day may become the next one.
    return f"substr({compiler.process(day.clauses)}, 1, 10)"


@compiles(_Day, "postgresql")
def _day_of_moment(day: _Day, compiler: SQLCompiler, **_options: Any) -> str:
    return f"to_char({compiler.process(day.clauses)} AT TIME ZONE 'UTC', 'YYYY-MM-DD')"


DIMENSIONS: Mapping[str, Any] = {
    "key": ModelCallRow.key_id,
    "user": ModelCallRow.user,
    "conversation": ModelCallRow.conversation_id,
    "collection": ModelCallRow.collection,
    "generator": ModelCallRow.generator,
    "model": ModelCallRow.model,
    "purpose": ModelCallRow.purpose,
    "outcome": ModelCallRow.outcome,
    "day": _Day(ModelCallRow.started_at),
}
"""What a report may be by."""
_SUMS = (
    func.count(),
    func.sum(ModelCallRow.prompt_tokens),
    func.sum(ModelCallRow.completion_tokens),
    func.sum(ModelCallRow.cached_tokens),
    func.sum(_counted(~ModelCallRow.reported, ModelCallRow.prompt_tokens + ModelCallRow.completion_tokens)),
    func.sum(ModelCallRow.cost_usd),
    func.sum(_counted(ModelCallRow.cost_usd.is_(None), 1)),
)
