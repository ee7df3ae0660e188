"""Index files that are damaged, cut short or gone: seen, put aside, answered without, and built again from SQL."""

from __future__ import annotations

import logging
import random
import shutil
import sys
from pathlib import Path

import pytest

from tests.faults import damage
from tests.faults.checker import opened, violations
from tests.faults.child import NAME, Task

FLIPS = 10


def in_use(home: Path) -> dict[str, Path]:
    """The folder of each index that the collection answers from."""
    with opened(home) as store:
        info = store.collections.get(NAME)
    return {
        kind: next(home.glob(f"indexes/*/{name}"))
        for kind, name in (("vectors", info.generation), ("lexical", info.lexical_generation))
        if name is not None
    }


def hurt(home: Path, kind: str, chance: random.Random, *, how: str = "flip") -> list[str]:
    """Damages one file of an index in use. What is wrong then: if it is not seen, or not put aside and repaired."""
    folder = in_use(home)[kind]
    file = chance.choice([file for file in sorted(folder.iterdir()) if file.stat().st_size])
    (damage.flip if how == "flip" else damage.truncate)(file, chance)
    return looked_at(home, kind, folder, what=f"{how} in {file.name}")


def looked_at(home: Path, kind: str, folder: Path, *, what: str) -> list[str]:
    with opened(home) as store:
        broken = [result.part for result in store.check() if not result.ok]
    found = [] if broken == [kind] else [f"{what}: check found {broken}, where {kind} is damaged"]
    if folder.exists():
        found.append(f"{what}: {folder.name} was not put aside")
    return found + [f"{what}: {fault}" for fault in violations(home, damaged=True, queries=2)]


@pytest.mark.parametrize("kind", ["vectors", "lexical"])
@pytest.mark.parametrize("how", ["flip", "truncate"])
def test_damage_is_seen_put_aside_and_repaired(kind: str, how: str, notes: Task) -> None:
    chance = random.Random(len(kind) + len(how))
    for _ in range(FLIPS if how == "flip" else FLIPS // 4):
        assert hurt(Path(notes.home), kind, chance, how=how) == []


def test_answers_go_on_without_the_index_that_was_damaged(notes: Task) -> None:
    home, chance = Path(notes.home), random.Random(3)
    for kind in ("vectors", "lexical"):
        damage.flip(max(in_use(home)[kind].iterdir(), key=lambda file: file.stat().st_size), chance)
    assert violations(home, notes.journal, damaged=True) == []


@pytest.mark.parametrize("gone", ["indexes", "one"])
def test_an_index_folder_that_was_deleted(gone: str, notes: Task) -> None:
    home = Path(notes.home)
    folder = in_use(home)["vectors"]
    with opened(home) as running:
        before = running.corpus(NAME).lexical("note", 5)
        shutil.rmtree(home / "indexes" if gone == "indexes" else folder)
        assert running.corpus(NAME).lexical("note", 5) == before
    assert violations(home, notes.journal, damaged=True) == []
    assert violations(home, notes.journal) == []


def main(flips: int) -> int:
    """Turns so many bits, one after another, in a home of its own. `python -m tests.faults.test_damage 200`"""
    import tempfile

    from tests.faults.nursery import Nursery

    logging.disable()  # what the store says of each is expected here
    found: list[str] = []
    chance = random.Random(flips)
    with tempfile.TemporaryDirectory(prefix="flips-") as name, Nursery(Path(name) / "said") as nursery:
        task = Task(home=f"{name}/home", records=400)
        nursery.complete(task)
        for number in range(flips):
            found += hurt(Path(task.home), ("vectors", "lexical")[number % 2], chance)
        found += violations(Path(task.home), task.journal)
    print(f"{flips} bits turned, {len(found)} violations")
    print("\n".join(found[:20]))
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1])))
