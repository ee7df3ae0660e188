from __future__ import annotations

import threading

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from grounding.breaker import Admitted, Breaker, Verdict

SECONDS = 30.0


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def made(failures: int = 2) -> tuple[Breaker, Time]:
    time = Time()
    return Breaker(failures=failures, seconds=SECONDS, clock=time), time


def told(breaker: Breaker, verdict: Verdict) -> None:
    admitted = breaker.admit()
    assert admitted is not None
    breaker.tell(admitted, verdict)


def test_it_opens_after_failures_in_a_row() -> None:
    breaker, time = made()
    for verdict in (Verdict.FAILS, Verdict.WORKS, Verdict.FAILS, Verdict.UNKNOWN):
        told(breaker, verdict)
    assert breaker.admit() is not None
    time.now = 7
    told(breaker, Verdict.FAILS)
    assert not breaker.closed
    assert breaker.admit() is None
    time.now = 17
    assert breaker.remaining == SECONDS - 10


def test_one_call_tries_again_and_closes_it() -> None:
    breaker, time = made(failures=1)
    told(breaker, Verdict.FAILS)
    time.now = SECONDS
    probe = breaker.admit()
    assert probe is not None
    assert probe.probe
    assert breaker.admit() is None
    breaker.tell(probe, Verdict.WORKS)
    assert breaker.closed
    assert breaker.admit() is not None


def test_a_probe_that_fails_opens_it_for_as_long_again_and_one_that_says_nothing_leaves_the_try_to_the_next() -> None:
    breaker, time = made(failures=1)
    told(breaker, Verdict.FAILS)
    time.now = SECONDS
    told(breaker, Verdict.UNKNOWN)
    told(breaker, Verdict.FAILS)
    assert breaker.admit() is None
    time.now = 2 * SECONDS
    told(breaker, Verdict.WORKS)
    assert breaker.closed


def test_what_older_calls_say_of_it_counts_no_more() -> None:
    breaker, time = made(failures=1)
    slow_good, slow_bad = breaker.admit(), breaker.admit()
    assert slow_good is not None
    assert slow_bad is not None
    told(breaker, Verdict.FAILS)
    breaker.tell(slow_good, Verdict.WORKS)
    assert not breaker.closed
    time.now = 10
    breaker.tell(slow_bad, Verdict.FAILS)
    assert breaker.remaining == SECONDS - 10


def test_of_many_threads_one_gets_to_try() -> None:
    breaker, time = made(failures=1)
    told(breaker, Verdict.FAILS)
    time.now = SECONDS
    start, got = threading.Barrier(8), []

    def run() -> None:
        start.wait()
        got.append(breaker.admit())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted is not None for admitted in got) == 1


class AnyOrder(RuleBasedStateMachine):
    """Calls that overlap in any way, against what is wanted of a breaker in so many words."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker, self.time = made(failures=3)
        self.calls: list[Admitted] = []
        self.in_a_row = 0
        self.opened_at: float | None = None
        self.epoch = 0

    @rule(seconds=st.floats(0, 2 * SECONDS))
    def time_passes(self, seconds: float) -> None:
        self.time.now += seconds

    @rule()
    def a_call_wants_in(self) -> None:
        admitted = self.breaker.admit()
        waited = self.opened_at is not None and self.time.now - self.opened_at >= SECONDS
        tried = any(call.probe for call in self.calls)
        assert (admitted is not None) is (self.opened_at is None or (waited and not tried))
        if admitted is not None:
            assert admitted.probe is (self.opened_at is not None)
            self.calls.append(admitted)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict))
    def a_call_ends(self, data: st.DataObject, verdict: Verdict) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        current = call.epoch == self.epoch
        self.breaker.tell(call, verdict)
        if not current:
            return
        if verdict is Verdict.WORKS:
            self.in_a_row = 0
            if call.probe:
                self.opened_at = None
                self.epoch += 1
        elif verdict is Verdict.FAILS:
            self.in_a_row += 1
            if call.probe or self.in_a_row >= 3:
                self.opened_at, self.in_a_row = self.time.now, 0
                self.epoch += 1

    @invariant()
    def it_is_closed_where_it_should_be(self) -> None:
        assert self.breaker.closed is (self.opened_at is None)
        assert 0 <= self.breaker.remaining <= SECONDS


TestAnyOrder = AnyOrder.TestCase
