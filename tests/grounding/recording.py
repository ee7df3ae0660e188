"""Random conversations with planted private values against a model that keeps all it is sent and repeats placeholders.

`python -m tests.grounding.recording --conversations 10000` says how many raw values reached the model, a record or
stored history, and how many placeholders did not come back in the answer: all of these must be 0.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import string
import time
from collections.abc import Generator as Generating
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from grounding.models.presidio_pii import PresidioPii
from grounding.pipeline import Ask, Delta
from grounding.safety.pii import PiiCheck, PiiRules
from grounding.values import Chunk, Prompt, Turn
from tests.fakes import MemoryCorpus, Scripted, passage
from tests.grounding.test_pipeline import Setup

PLACEHOLDER = re.compile(r"<[A-Z_]+_[0-9]+>")
CHECK = PiiCheck([PiiRules(), PresidioPii()])
_OPENINGS = ("Please note {}.", "My number is {}, thank you.", "{} is mine.", "連絡先は{}です。", "I use {} at home.")
_WRITTEN = (str, str, str, str.lower, lambda found: found.replace("_", r"\_"), lambda found: f"**{found}**")
"""How models write placeholders: mostly as they are."""


def value(dice: random.Random) -> str:
    """A private value that no other has, of a random kind."""
    digits = "".join(dice.choices(string.digits, k=12))
    letters = "".join(dice.choices(string.ascii_lowercase, k=10))
    return dice.choice(
        [
            f"{letters}@{letters[:6]}.org",
            f"ghp_{letters}{digits}{letters}{digits}",
            f"AKIA{''.join(dice.choices(string.ascii_uppercase + string.digits, k=16))}",
            f"+81 90 {digits[:4]} {digits[4:8]}",
            f"+1 212 555 {digits[:4]}",
            _card(digits),
            f"192.0.2.{dice.randrange(1, 255)}"
            if dice.random() < 0.1
            else f"10.{digits[0]}.{dice.randrange(1, 255)}.77",
        ]
    )


def _card(digits: str) -> str:
    body = "4" + digits[:12] + "00"
    doubled = [int(d) * 2 if at % 2 == 0 else int(d) for at, d in enumerate(body)]
    total = sum(d - 9 if d > 9 else d for d in doubled)
    return body + str(-total % 10)


@dataclass
class Repeating(Scripted):
    """A model that cites the first passage, then repeats every placeholder it was shown, in pieces of any size."""

    dice: random.Random = field(default_factory=random.Random)
    used: list[str] = field(default_factory=list)
    sentence_done_at: float = 0.0

    def stream(self, prompt: Prompt) -> Generating[Chunk, None, None]:
        self.prompts.append(prompt)
        shown = "\n".join([prompt.question.clean, *(turn.content for turn in prompt.history)])
        self.used = list(dict.fromkeys(PLACEHOLDER.findall(shown)))
        first = "The office in Galway opens at nine [1]. "
        rest = " ".join(f"You said {self.dice.choice(_WRITTEN)(found)} before." for found in self.used)
        self.sentence_done_at = 0.0
        for part in (first, rest):
            at = 0
            while at < len(part):
                size = self.dice.choice((1, 1, 2, 3, 7, 40))
                if part is first and at + size >= len(part):
                    self.sentence_done_at = time.perf_counter()
                yield Chunk(part[at : at + size])
                at += size
            if part is first and not rest:
                return


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the conversations: how many values were planted, leaked, and not given back; and the ms that
    passed between a model's first sentence and the first word shown, with and without checks and vault."""

    turns: int
    planted: int
    leaked: int
    placeholders: int
    lost: int
    delays_ms: tuple[float, ...]


def conversations(count: int, *, seed: int) -> Outcome:
    """Runs so many conversations of one to three turns."""
    dice = random.Random(seed)
    turns = planted = leaked = placeholders = lost = 0
    delays: list[float] = []
    for number in range(count):
        inside = value(dice)
        corpus = MemoryCorpus(
            passage(1, "The office in Galway opens at nine."),
            passage(2, f"The office in Galway is reached at {inside} at any time."),
        )
        model = Repeating((), dice=dice)
        setup = Setup(corpus=corpus, checks=[CHECK], generator=model)
        raw = [inside]
        asked: list[tuple[str, str]] = []
        for _ in range(dice.randrange(1, 4)):
            new = value(dice) if not asked or dice.random() < 0.7 else dice.choice(asked)[1]
            opening = dice.choice(_OPENINGS).format(new)
            asked.append((opening, new))
            raw.append(new)
            ask = Ask(f"{opening} When does the office in Galway open?", conversation_id=str(number))
            if len(asked) == 1 and dice.random() < 0.3:  # history that a caller keeps
                extra = value(dice)
                raw.append(extra)
                ask = replace(ask, conversation_id=None, history=(Turn("user", f"I am at {extra} today."),))
            answer, delay = _answer(setup, ask, model)
            delays.append(delay)
            turns += 1
            sent = repr([(p.question, p.history, [e.passage.text for e in p.evidence]) for p in model.prompts])
            kept = repr((setup.memory.exchanges, setup.memory.conversations))
            leaked += sum(item in sent or item in kept for item in raw)
            placeholders += len(model.used)
            lost += len(PLACEHOLDER.findall(answer)) + sum(item not in answer for item in _said(model, raw))
        planted += len(raw)
    return Outcome(turns, planted, leaked, placeholders, lost, tuple(delays))


def _said(model: Repeating, raw: Sequence[str]) -> list[str]:
    """The newest value of the question, which the answer must repeat."""
    return list(raw[-1:]) if model.used else []


def _answer(setup: Setup, ask: Ask, model: Repeating) -> tuple[str, float]:
    """The answer as it was shown, and the ms between the model's first sentence and the first word of it."""
    shown, delay = "", 0.0
    for event in setup.grounder.stream(ask):
        if isinstance(event, Delta):
            if not shown:
                delay = (time.perf_counter() - model.sentence_done_at) * 1000
            shown += event.text
    return shown, delay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = conversations(options.conversations, seed=options.seed)
    p50, p95 = statistics.median(found.delays_ms), statistics.quantiles(found.delays_ms, n=20)[-1]
    print(
        f"{options.conversations} conversations, {found.turns} turns, {found.planted} values planted: {found.leaked} "
        f"reached a model or a record; {found.placeholders} placeholders repeated, {found.lost} not restored; first "
        f"words shown {p50:.2f} ms (p95 {p95:.2f}) after the model's first sentence"
    )


if __name__ == "__main__":
    main()
