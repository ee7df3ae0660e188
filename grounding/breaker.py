"""Breaker: after failures in a row, leaves a provider alone for a while, then tries it with one call.

A state and what follows from it, without a thread or a wait: it is asked before a call and told afterwards. (The
libraries for this wrap the call, and some hold a lock for as long as it takes.)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum


class Verdict(Enum):
    """What a call said of its provider: it works, it fails, or nothing."""

    WORKS = "works"
    FAILS = "fails"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Admitted:
    """Leave to make one call. Once the breaker has opened or closed, what older calls say counts no more."""

    epoch: int
    probe: bool


@dataclass(frozen=True, slots=True)
class _State:
    epoch: int = 0
    failures: int = 0
    opened_at: float | None = None
    probing: bool = False


class Breaker:
    """Closed, or open for `seconds` after so many `failures` in a row; then one call at a time tries. Thread-safe."""

    def __init__(self, *, failures: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._state = _State()

    @property
    def closed(self) -> bool:
        """Whether every call is admitted."""
        return self._state.opened_at is None

    @property
    def remaining(self) -> float:
        """Seconds until a call is admitted again, 0 where that may be at any time."""
        return self._left(self._state.opened_at)

    def admit(self) -> Admitted | None:
        """Leave to call; None while the provider is left alone, or another call is trying it. Every leave is to be
        given back with `tell`."""
        with self._lock:
            state = self._state
            if state.opened_at is None:
                return Admitted(state.epoch, probe=False)
            if state.probing or self._left(state.opened_at):
                return None
            self._state = replace(state, probing=True)
            return Admitted(state.epoch, probe=True)

    def tell(self, admitted: Admitted, verdict: Verdict) -> None:
        """Takes note of how the call went."""
        with self._lock:
            state = self._state
            if admitted.epoch == state.epoch:
                self._state = self._after_probe(verdict) if admitted.probe else self._after_call(verdict)

    def _left(self, opened_at: float | None) -> float:
        return 0.0 if opened_at is None else max(0.0, self._seconds - (self._clock() - opened_at))

    def _after_call(self, verdict: Verdict) -> _State:
        state = self._state
        match verdict:
            case Verdict.WORKS:
                return replace(state, failures=0)
            case Verdict.FAILS if state.failures + 1 >= self._failures:
                return _State(state.epoch + 1, opened_at=self._clock())
            case Verdict.FAILS:
                return replace(state, failures=state.failures + 1)
            case Verdict.UNKNOWN:
                return state

    def _after_probe(self, verdict: Verdict) -> _State:
        state = self._state
        match verdict:
            case Verdict.WORKS:
                return _State(state.epoch + 1)
            case Verdict.FAILS:
                return _State(state.epoch + 1, opened_at=self._clock())
            case Verdict.UNKNOWN:
                return replace(state, probing=False)
