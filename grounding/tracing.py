"""Trace.step(name): the time and the facts of each step of a turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from grounding.values import Step

Fact = str | int | float | bool | None


class Trace:
    """Collects steps in the order in which they end. One Trace belongs to one turn and one thread."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Fact]]:
        """Times a block; what the block puts into the dict it gets becomes the step's facts."""
        facts: dict[str, Fact] = {}
        began = time.perf_counter()
        try:
            yield facts
        finally:
            self._steps.append(Step(name, (time.perf_counter() - began) * 1000, facts))

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(self._steps)

    def total_ms(self) -> float:
        """Milliseconds since the trace began."""
        return (time.perf_counter() - self._began) * 1000
