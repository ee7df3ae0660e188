"""A generator that takes its time, so that a server can be stopped in the middle of an answer."""

from __future__ import annotations

import time
from collections.abc import Generator

from grounding.settings import Settings
from grounding.values import Chunk, Prompt

ANSWER = "Employees in the EU may carry over at most five days of unused annual leave [1]."
PAUSE_SECONDS = 0.03


class Slow:
    name = "slow"

    def stream(self, prompt: Prompt) -> Generator[Chunk, None, None]:
        for word in ANSWER.split(" "):
            time.sleep(PAUSE_SECONDS)
            yield Chunk(f"{word} ")


def generator(settings: Settings) -> Slow:
    return Slow()
