"""The ledger adds up to the token, by whatever it is asked; nobody gets in beyond their limits, wherever they knock."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from grounding.errors import Conflict, InvalidRequest, NotFound
from grounding.settings import Limits
from grounding.values import Answer, ModelCall, Turn, Usage
from store.database import Database
from store.open import Store
from store.schema import AdmissionRow, ModelCallRow
from store.scrubbing import ERASED
from store.usage import DIMENSIONS, WINDOW, UsageStore, window
from tests.store import canary, library

NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
TOKYO = timezone(timedelta(hours=9))
USER, KEY, BOBS = "quuxuser4242 of the north wing", "quuxkey4711", "quuxconversation1723"
"""They stand nowhere else."""
REPOSITORY = Path(__file__).parents[2]
SHARED = (HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow)
"""What comes of one store, which each example empties, and of two databases."""
on_one_store = settings(max_examples=40, deadline=None, suppress_health_check=SHARED)


@dataclass
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def call(started_at: datetime = NOON, tokens: int = 10, **changes: Any) -> ModelCall:
    usage = Usage(prompt_tokens=tokens - tokens // 3, completion_tokens=tokens // 3)
    fields: dict[str, Any] = {
        "generator": "large",
        "model": "openai:large",
        "purpose": "answer",
        "outcome": "ok",
        "started_at": started_at,
        "ms": 1500.0,
        "first_token_ms": 200.0,
        "usage": usage,
        "reported": True,
        **changes,
    }
    return ModelCall(**fields)


def costing(usd: float | None, started_at: datetime = NOON) -> ModelCall:
    return call(started_at, usage=Usage(1, 1, usd))


def record(usage: UsageStore, *calls: ModelCall, **whose: Any) -> None:
    fields: dict[str, Any] = {
        "key_id": "k1",
        "user": "",
        "conversation_id": None,
        "collection": "library",
        "trace_id": None,
        **whose,
    }
    usage.record(calls, **fields)


def emptied(store: Store) -> Store:
    with store._database.write() as connection:
        connection.execute(delete(ModelCallRow))
        connection.execute(delete(AdmissionRow))
    return store


def ledger(store: Store, *columns: str) -> list[tuple[Any, ...]]:
    query = select(*(getattr(ModelCallRow, name) for name in columns)).order_by(ModelCallRow.id)
    with store._database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


@dataclass(frozen=True)
class Billed:
    """A call and whose it is."""

    call: ModelCall
    key: str
    user: str
    conversation: str | None
    collection: str

    def dimension(self, name: str) -> str:
        if name == "day":
            return f"{self.call.started_at.astimezone(UTC):%Y-%m-%d}"
        return str(getattr(self, name, None) or getattr(self.call, name, None) or "")


def some(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


tokens = st.integers(0, 10**6)
usages = st.builds(Usage, tokens, tokens, st.none() | st.floats(0, 100), tokens)
zones = some(UTC, TOKYO, timezone(-timedelta(hours=11)))
moments = st.timedeltas(timedelta(0), timedelta(days=4)).flatmap(
    lambda later: zones.map((datetime(2026, 2, 27, tzinfo=UTC) + later).astimezone)
)
calls = st.builds(
    ModelCall,
    generator=some("large", "small"),
    model=some("openai:large", "anthropic:large"),
    purpose=some("answer", "rewrite", "embed"),
    outcome=some("ok", "stopped", "http_429"),
    started_at=moments,
    ms=st.floats(0, 10**6),
    first_token_ms=st.none() | st.floats(0, 10**4),
    usage=usages,
    reported=st.booleans(),
)
billed = st.builds(
    Billed, calls, some("", "k1", "k2"), some("", "ada", "Zoë", "日本"), some(None, "c1", "c2"), some("a", "b")
)


def summed(those: Sequence[Billed]) -> tuple[int, ...]:
    usage = [each.call.usage for each in those]
    return (
        len(those),
        sum(each.prompt_tokens for each in usage),
        sum(each.completion_tokens for each in usage),
        sum(each.cached_tokens for each in usage),
        sum(
            each.call.usage.prompt_tokens + each.call.usage.completion_tokens
            for each in those
            if not each.call.reported
        ),
        sum(each.cost_usd is None for each in usage),
    )


def cost(those: Sequence[Billed]) -> float | None:
    known = [each.call.usage.cost_usd for each in those if each.call.usage.cost_usd is not None]
    return math.fsum(known) if known else None


@on_one_store
@given(
    st.lists(billed, max_size=25),
    st.lists(some(*DIMENSIONS), max_size=4),
    st.none() | moments,
    st.none() | moments,
    some(None, "k1", ""),
)
def test_a_report_is_the_sum_of_the_calls_by_whatever_it_is_asked(
    store: Store,
    given_calls: list[Billed],
    by: list[str],
    since: datetime | None,
    until: datetime | None,
    key: str | None,
) -> None:
    emptied(store)
    for each in given_calls:
        record(
            store.usage,
            each.call,
            key_id=each.key,
            user=each.user,
            conversation_id=each.conversation,
            collection=each.collection,
        )
    wanted = [
        each
        for each in given_calls
        if (since is None or each.call.started_at >= since)
        and (until is None or each.call.started_at < until)
        and key in (None, each.key)
    ]
    dimensions = list(dict.fromkeys(by))
    groups: dict[tuple[str, ...], list[Billed]] = {}
    for each in wanted:
        groups.setdefault(tuple(each.dimension(name) for name in dimensions), []).append(each)

    report = store.usage.report(by, since=since, until=until, key=key)

    found = {tuple(row.group.values()): row for row in report.rows}
    assert list(found) == (sorted(groups) if dimensions else [])
    for group, row in [*found.items(), ((), report.total)]:
        those = groups[group] if group else wanted
        assert tuple(row.group) == (tuple(dimensions) if group else ())
        assert summed(those) == (
            row.calls,
            row.prompt_tokens,
            row.completion_tokens,
            row.cached_tokens,
            row.estimated_tokens,
            row.unpriced_calls,
        )
        expected = cost(those)
        assert (row.cost_usd is None) == (expected is None)
        assert row.cost_usd is None or math.isclose(row.cost_usd, cast(float, expected), rel_tol=1e-12, abs_tol=1e-12)


def test_a_day_begins_at_midnight_in_utc_wherever_the_call_was_made(store: Store) -> None:
    midnight = NOON.replace(hour=0).astimezone(TOKYO)
    last = timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999)
    for started_at in (midnight, midnight - timedelta(microseconds=1), midnight + last):
        record(store.usage, call(started_at))
    report = store.usage.report(["day"])
    assert [(row.group["day"], row.calls) for row in report.rows] == [("2026-03-30", 1), ("2026-03-31", 2)]
    assert [row.calls for row in store.usage.report(["day"], since=midnight).rows] == [2]


def test_what_a_report_cannot_be_by_is_named(store: Store) -> None:
    with pytest.raises(InvalidRequest, match="'colour' is none of key, user, conversation"):
        store.usage.report(["key", "colour"])


def test_a_user_whom_no_database_could_hold_is_billed(store: Store) -> None:
    record(store.usage, call(), user="a\0b\ud800")
    assert ledger(store, "user") == [("ab?",)]


class TestBilling:
    """Calls are written down with the Exchange that they were made for."""

    asked = library.exchange(
        "t1",
        conversation_id="c",
        caller="k1",
        user="ada",
        answer=Answer("So it is.", "answered"),
        calls=(call(purpose="rewrite"), call()),
    )

    def test_each_call_is_a_row(self, store: Store) -> None:
        canary.record(store, self.asked)
        columns = ("trace_id", "conversation_id", "key_id", "user", "collection", "purpose", "ms")
        shared = ("t1", "c", "k1", "ada", "library")
        assert ledger(store, *columns) == [(*shared, "rewrite", 1500.0), (*shared, "answer", 1500.0)]

    def test_what_is_not_recorded_is_not_billed(self, store: Store) -> None:
        canary.record(store, self.asked)
        with pytest.raises(Conflict):
            canary.record(store, replace(self.asked, calls=(call(),)))
        assert len(ledger(store, "id")) == 2

    def test_a_conversation_that_was_erased_meanwhile_is_paid_for(self, store: Store) -> None:
        store.exchanges.record(replace(self.asked, recalled=("t0",)), turns=(Turn("user", "And then?"),))
        assert store.exchanges.list().items == ()
        assert ledger(store, "trace_id", "conversation_id", "key_id", "user") == [(None, None, "k1", "")] * 2


class TestErasing:
    """The ledger keeps its figures, and says no more whose they were."""

    @pytest.fixture
    def full(self, store: Store) -> Store:
        canary.fill(store)
        own: dict[str, Any] = {"calls": (call(),), "answer": Answer("So it is.", "answered")}
        quoting: dict[str, Any] = {"calls": (call(),), "caller": KEY, "user": "bob"}
        canary.record(store, library.exchange("u1", conversation_id="shared", caller=KEY, user=USER, **own))
        canary.record(store, library.exchange("u2", conversation_id="shared", caller=KEY, user="bob", **own))
        canary.record(store, library.exchange("u3", conversation_id=BOBS, caller=KEY, user="bob", **own))
        canary.record(store, canary.quoting(store, "u4", conversation_id=BOBS, **quoting))
        record(store.usage, call(purpose="embed"), key_id=KEY, user=USER)
        store.usage.admit(KEY, Limits(requests_per_minute=5))
        return store

    def rows(self, store: Store) -> list[tuple[Any, ...]]:
        return ledger(store, "key_id", "user", "conversation_id", "trace_id")

    def test_a_user_whom_callers_name_is_gone_from_every_byte(self, full: Store, home: Path) -> None:
        before = full.usage.report().total
        receipt = full.erase_user(USER)
        assert receipt.clean, receipt
        assert canary.held(home, USER) == []
        assert (receipt.calls, receipt.removed["exchanges"], receipt.removed["conversations"]) == (3, 2, 1)
        assert "admissions" not in receipt.removed
        bobs = [(KEY, "bob", BOBS, "u3"), (KEY, "bob", BOBS, "u4")]
        assert self.rows(full) == [(KEY, "", None, None), (KEY, "bob", None, None), *bobs, (KEY, "", None, None)]
        assert full.usage.report().total == before
        assert [found.trace_id for found in full.exchanges.list(conversation=BOBS).items] == ["u4", "u3"]
        assert "table model_calls" in {place.where for place in receipt.searched}

    def test_a_key_is_gone_with_its_users(self, full: Store, home: Path) -> None:
        before = full.usage.report().total
        receipt = full.erase_user(KEY)
        assert receipt.clean, receipt
        assert canary.held(home, USER, KEY) == []
        assert (receipt.calls, receipt.removed["admissions"]) == (5, 1)
        assert self.rows(full) == [(ERASED, "", None, None)] * 5
        assert full.usage.report().total == before
        # Those who come without a key are not charged for it.
        assert full.usage.report(key="").total.calls == 0

    def test_a_conversation_is_gone_and_its_user_pays(self, full: Store, home: Path) -> None:
        receipt = full.erase_conversation(BOBS)
        assert receipt.clean, receipt
        assert receipt.calls == 2
        assert self.rows(full)[2:4] == [(KEY, "bob", None, None)] * 2
        assert canary.held(home, BOBS) == []

    def test_a_document_was_never_in_it(self, full: Store, home: Path) -> None:
        before = self.rows(full)
        receipt = full.erase_document("secret")
        assert receipt.clean, receipt
        assert (receipt.calls, self.rows(full)) == (0, before)
        assert canary.held(home) == []

    def test_a_user_is_told_from_one_whose_name_holds_theirs(self, full: Store) -> None:
        assert full.erase_user(USER[:-1]).removed == {}
        assert full.erase_user("%").removed == {}


class TestRequests:
    """So many requests in any minute."""

    @on_one_store
    @given(st.integers(1, 4), st.lists(st.tuples(some("k1", "k2"), st.integers(0, 30_000_000)), max_size=40))
    def test_never_more_than_the_limit_in_any_window(
        self, store: Store, limit: int, knocks: list[tuple[str, int]]
    ) -> None:
        clock = Clock()
        usage = UsageStore(emptied(store)._database, now=clock)
        admitted: dict[str, list[datetime]] = {"k1": [], "k2": []}
        for key, microseconds in knocks:
            clock.pass_by(microseconds / 10**6)
            recent = [at for at in admitted[key] if at > clock.now - WINDOW]
            found = usage.admit(key, Limits(requests_per_minute=limit))
            assert found.requests is not None
            assert (found.wait == 0) == (len(recent) < limit)
            if found.wait:
                back = clock.now + timedelta(seconds=found.wait)
                assert sum(at > back - WINDOW for at in recent) < limit
                assert sum(at >= back - WINDOW for at in recent) >= limit
                assert found.requests.remaining == 0
            else:
                admitted[key].append(clock.now)
                assert found.requests.remaining == limit - len(recent) - 1

    def test_a_limit_that_was_lowered_waits_for_enough_to_leave(self, store: Store) -> None:
        clock = Clock()
        usage = UsageStore(store._database, now=clock)
        for _ in range(3):
            usage.admit("k1", Limits(requests_per_minute=3))
            clock.pass_by(10)
        assert usage.admit("k1", Limits(requests_per_minute=2)).wait == 40
        assert usage.admit("k1", Limits(requests_per_minute=1)).wait == 50

    def test_what_has_left_the_window_is_swept(self, store: Store) -> None:
        clock = Clock()
        usage = UsageStore(store._database, now=clock)
        for seconds in (0, 1, 60, 3600):
            clock.pass_by(seconds)
            usage.admit("k1", Limits(requests_per_minute=9))
        with store._database.read() as connection:
            assert connection.execute(select(AdmissionRow.admitted_at)).scalars().all() == [clock.now]

    def test_a_clock_that_is_set_back_locks_nobody_out(self, store: Store) -> None:
        clock = Clock(NOON + timedelta(days=1))
        usage = UsageStore(store._database, now=clock)
        limits = Limits(requests_per_minute=1, tokens_per_minute=1)
        usage.admit("k1", limits)
        record(usage, call(clock.now))
        clock.now = NOON
        assert usage.admit("k1", limits).wait == 0

    def test_where_one_stands_is_not_a_request(self, store: Store) -> None:
        limits = Limits(requests_per_minute=2)
        assert store.usage.standing("k1", limits).requests == store.usage.standing("k1", limits).requests
        store.usage.admit("k1", limits)
        for _ in range(3):
            found = store.usage.standing("k1", limits).requests
            assert found is not None
            assert found.remaining == 1


KNOCKING = """
import sys
from datetime import datetime
from pathlib import Path
from grounding.settings import Limits
from store.open import open_store
from store.usage import UsageStore
home, url, limit, at = sys.argv[1:]
database = open_store(home=Path(home), database_url=url or None)._database
usage = UsageStore(database, now=lambda: datetime.fromisoformat(at))
print("ready", flush=True)
sys.stdin.readline()
print(sum(usage.admit("k1", Limits(requests_per_minute=int(limit))).wait == 0 for _ in range(40)), flush=True)
"""


def test_threads_and_processes_share_a_limit(store: Store, database_url: str | None) -> None:
    limit = 60
    command = [sys.executable, "-c", KNOCKING, str(store.home), database_url or "", str(limit), NOON.isoformat()]
    usage = UsageStore(store._database, now=lambda: NOON)
    with _running(command) as one, _running(command) as other:
        for process in (one, other):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, other):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        with ThreadPoolExecutor(4) as pool:
            mine = list(pool.map(lambda _: usage.admit("k1", Limits(requests_per_minute=limit)), range(40)))
        theirs = [int(cast(Any, process.stdout).readline()) for process in (one, other)]
    assert sum(found.wait == 0 for found in mine) + sum(theirs) == limit


@contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


class TestTokens:
    """So many tokens in any minute, counted when a call has ended."""

    @given(st.integers(1, 50), st.lists(st.tuples(st.integers(0, 200_000_000), st.integers(0, 30))))
    def test_a_wait_is_as_long_as_need_be(self, limit: int, ages: list[tuple[int, int]]) -> None:
        spent = [(NOON - timedelta(microseconds=age), amount) for age, amount in ages]

        def used(at: datetime) -> int:
            return sum(amount for moment, amount in spent if moment > at - WINDOW)

        found = window(limit, spent, now=NOON)
        assert found.used == used(NOON)
        assert (found.wait > 0) == (used(NOON) >= limit)
        back = NOON + timedelta(seconds=found.wait)
        assert used(back) < limit
        if found.wait:
            assert used(back - timedelta(microseconds=1)) >= limit
        assert used(NOON + timedelta(seconds=found.reset)) == 0

    @on_one_store
    @given(st.lists(st.tuples(st.integers(0, 300_000), st.integers(0, 200_000), st.integers(0, 100)), max_size=20))
    def test_a_call_counts_from_its_end_however_long_it_took(
        self, store: Store, spent: list[tuple[int, int, int]]
    ) -> None:
        usage = UsageStore(emptied(store)._database, now=lambda: NOON)
        for age, ms, amount in spent:
            record(usage, call(NOON - timedelta(milliseconds=age), tokens=amount, ms=float(ms)))
        record(usage, call(tokens=10**6), key_id="k2")
        found = usage.standing("k1", Limits(tokens_per_minute=50)).tokens
        ends = [(NOON - timedelta(milliseconds=age - ms), amount) for age, ms, amount in spent]
        assert found == window(50, ends, now=NOON)


class TestMoney:
    """So much in a month, by the calendar in UTC."""

    @on_one_store
    @given(
        st.lists(
            st.tuples(some("k1", "k2"), st.integers(-40, 40), st.none() | st.floats(0, 9), st.integers(0, 12)),
            max_size=20,
        )
    )
    def test_what_is_summed_piece_by_piece_is_the_sum(
        self, store: Store, spent: list[tuple[str, int, float | None, int]]
    ) -> None:
        clock = Clock()
        usage, other = (UsageStore(emptied(store)._database, now=clock) for _ in range(2))
        known: list[tuple[str, datetime, float]] = []
        for key, days, usd, hours in spent:
            clock.pass_by(hours * 3600)
            at = clock.now + timedelta(days=days)
            record(other if days % 2 else usage, costing(usd, at), key_id=key)
            known.append((key, at, usd or 0.0))
            month = clock.now.replace(day=1, hour=0)
            for each in ("k1", "k2", "nobody"):
                found = usage.standing(each, Limits(usd_per_month=5)).usd
                assert found is not None
                assert math.isclose(
                    found.used, math.fsum(u for k, at, u in known if k == each and at >= month), abs_tol=1e-9
                )
                assert (found.wait > 0) == (found.used >= 5)

    def test_a_month_ends_by_the_calendar(self, store: Store) -> None:
        clock = Clock()
        usage = UsageStore(store._database, now=clock)
        record(usage, costing(2.0))
        found = usage.admit("k1", Limits(usd_per_month=2)).usd
        assert found is not None
        assert (found.remaining, found.wait) == (0, 12 * 3600)
        clock.pass_by(12 * 3600 - 0.001)
        assert usage.admit("k1", Limits(usd_per_month=2)).wait > 0
        clock.pass_by(0.001)
        assert usage.admit("k1", Limits(usd_per_month=2)).wait == 0

    def test_nothing_to_spend_is_spent_at_once(self, store: Store) -> None:
        assert store.usage.admit("k1", Limits(usd_per_month=0)).wait > 0

    def test_what_was_erased_elsewhere_is_noticed(self, store: Store) -> None:
        clock = Clock()
        usage = UsageStore(store._database, now=clock)
        record(usage, costing(2.0))
        assert usage.admit("k1", Limits(usd_per_month=2)).wait > 0
        store.erase_user("k1")
        clock.pass_by(3601)
        assert usage.admit("k1", Limits(usd_per_month=2)).wait == 0


def test_of_several_limits_the_longest_wait_counts_and_a_refusal_is_no_request(store: Store) -> None:
    clock = Clock()
    usage = UsageStore(store._database, now=clock)
    limits = Limits(requests_per_minute=1, tokens_per_minute=5)
    assert usage.admit("k1", limits).wait == 0
    clock.pass_by(30)
    record(usage, call(clock.now, ms=0.0))
    assert usage.admit("k1", limits).wait == 60
    clock.pass_by(59)
    assert usage.admit("k1", limits).wait == 1
    clock.pass_by(1)
    assert usage.admit("k1", limits).wait == 0


def test_who_has_no_limits_costs_nothing() -> None:
    unused = UsageStore(cast(Database, None))
    assert unused.admit("k1", Limits()).wait == 0
    assert unused.standing("k1", Limits()).requests is None
    record(unused)


class TestKeys:
    """Limits of a key's own."""

    def test_they_are_given_changed_and_lifted(self, store: Store) -> None:
        first = Limits(requests_per_minute=10, usd_per_month=2.5)
        key, secret = store.keys.create(scopes=["chat"], limits=first)
        assert key.limits == store.keys.verify(secret).limits == first
        changed = store.keys.limit(key.id, lambda now: now.model_copy(update={"requests_per_minute": None}))
        assert changed.limits == Limits(usd_per_month=2.5)
        assert [found.limits for found in store.keys.list()] == [changed.limits]
        assert store.keys.create(scopes=["chat"])[0].limits == Limits()

    def test_an_unknown_key_is_named(self, store: Store) -> None:
        with pytest.raises(NotFound, match="'nobody'"):
            store.keys.limit("nobody", lambda now: now)

    def test_more_than_a_database_can_hold_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidRequest, match="larger than the database can hold"):
            store.keys.create(scopes=["chat"], limits=Limits(tokens_per_minute=2**70))
