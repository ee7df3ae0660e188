"""The storm: ingests killed at random moments, again and again, and everything checked after each kill.

`python -m tests.faults.storm --kills 200 --corpus FOLDER/corpus.jsonl`
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from tests.faults import damage, plants
from tests.faults.checker import violations
from tests.faults.child import Task
from tests.faults.nursery import Nursery


@dataclass(slots=True)
class Toll:
    """What a storm came to."""

    runs: int = 0
    kills: int = 0
    ends: int = 0
    damaged: int = 0
    embedded: int = 0
    wasted: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.runs} runs, {self.kills} killed, {self.ends} came to their end, {self.damaged} met a damaged index;"
            f" {self.embedded} texts embedded, {self.wasted} of them in vain; {len(self.faults)} violations"
        )


class Storm:
    """Kills children after random times, on average `mean_seconds`. Of every `damage_every` runs one leaves a damaged
    index: half of the times the checker meets it first, else the next run."""

    def __init__(
        self,
        nursery: Nursery,
        *,
        kills: int,
        seed: int,
        mean_seconds: float,
        damage_every: int = 5,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.toll = Toll()
        self._nursery = nursery
        self._kills = kills
        self._chance = random.Random(seed)
        self._mean_seconds = mean_seconds
        self._damage_every = damage_every
        self._tell = tell

    def rage(self, folder: Path, task: Task) -> Toll:
        """A round that was killed is begun again until it comes to its end, the last one, too; after eight rounds all
        begins anew."""
        number = 0
        while not self._over:
            home = folder / f"home{number}"
            number += 1
            for at in range(8):
                task = replace(task, home=str(home), rounds=(at,))
                if not self._round(task):
                    break
            self._end(task)
        return self.toll

    @property
    def _over(self) -> bool:
        return self.toll.kills >= self._kills

    def _end(self, task: Task) -> None:
        """Lets the round come to its end, unless something was wrong, and adds up what the journal says."""
        if not self.toll.faults:
            self._nursery.complete(task)
            self.toll.faults += violations(
                Path(task.home), task.journal, damaged=bool(self.toll.damaged), storage=task.storage
            )
        expected = task.journal.read()
        self.toll.embedded += expected.embedded
        self.toll.wasted += expected.wasted
        shutil.rmtree(task.home)

    def _round(self, task: Task) -> bool:
        """Whether the round came to its end, with nothing wrong, before the last kill."""
        while not self._over:
            end = self._nursery.run(task, kill_after=self._chance.expovariate(1 / self._mean_seconds))
            self.toll.runs += 1
            self.toll.kills += end.killed
            self.toll.ends += end.code == 0
            if self._damaged(Path(task.home)) and self.toll.damaged % 2:
                continue
            found = violations(Path(task.home), task.journal, damaged=bool(self.toll.damaged), storage=task.storage)
            if not end.killed and end.code:
                found.append(f"it ended with {end.code}: {self._nursery.complaints()}")
            self.toll.faults += [f"run {self.toll.runs}: {fault}" for fault in found]
            self._tell("\n".join([f"{self.toll} (+{end.seconds:.1f} s)", *found]))
            if found or end.code == 0:
                return not found
        return False

    def _damaged(self, home: Path) -> bool:
        """Whether an index was damaged now: the newest."""
        files = damage.files(home) if self.toll.runs % self._damage_every == 0 else []
        if files:
            self._chance.choice((damage.flip, damage.truncate))(files[-1], self._chance)
            self.toll.damaged += 1
        return bool(files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--corpus", help="a corpus.jsonl; without one, documents are made up")
    parser.add_argument("--records", type=int, default=400, help="so many documents of the corpus, or made up")
    parser.add_argument("--exact-passages", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.5, help="how long a run lives on average")
    parser.add_argument("--plant", choices=get_args(plants.Plant), help="a bug for the store to have")
    parser.add_argument("--scenario", default="ingest")
    chosen = parser.parse_args()
    logging.disable()  # what the store says of damaged indexes is expected here
    began = time.monotonic()
    task = Task(
        home="",
        corpus=chosen.corpus,
        records=chosen.records,
        passage_tokens=200 if chosen.corpus else 32,
        plant=chosen.plant,
        exact_passages=chosen.exact_passages,
        scenario=chosen.scenario,
    )
    with tempfile.TemporaryDirectory(prefix="storm-") as name, Nursery(Path(name) / "said") as nursery:
        storm = Storm(
            nursery,
            kills=chosen.kills,
            seed=chosen.seed,
            mean_seconds=chosen.seconds,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        )
        toll = storm.rage(Path(name), task)
    print(f"{toll}; {time.monotonic() - began:.0f} s")
    for fault in toll.faults[:20]:
        print(f"  {fault}")
    return 1 if toll.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
