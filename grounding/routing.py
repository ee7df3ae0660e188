"""Ways to an answer: a generator by itself, or several that take each other's place."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Generator as Generating
from contextlib import closing
from datetime import UTC, datetime

from grounding.errors import GeneratorFailed
from grounding.ports import Generator
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Usage


class Alone:
    """Route to one generator of this process, which needs no deadline: it computes, it does not wait."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    @property
    def name(self) -> str:
        return self._generator.name

    def stream(
        self, prompt: Prompt, *, stop: Stop, shown: Callable[[], bool], called: Callable[[ModelCall], None]
    ) -> Generating[Chunk, None, None]:
        """As the generator gives it."""
        began, at = time.perf_counter(), datetime.now(UTC)
        first: float | None = None
        usage: Usage | None = None
        outcome = "stopped"
        try:
            with closing(self._generator.stream(prompt)) as chunks:
                for chunk in chunks:
                    if stop.said:
                        return
                    usage = chunk.usage or usage
                    if chunk.text and first is None:
                        first = (time.perf_counter() - began) * 1000
                    yield chunk
            outcome = "ok"
        except GeneratorFailed as error:
            outcome = error.reason
            raise
        finally:
            ms = (time.perf_counter() - began) * 1000
            known = usage is not None
            called(ModelCall(self.name, self.name, "answer", outcome, at, ms, first, usage or Usage(), known))
