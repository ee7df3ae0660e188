"""The harness finds bugs whose window is two milliseconds, which random kills seldom do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from store.milestones import Milestone
from tests.faults.checker import violations
from tests.faults.child import Task
from tests.faults.nursery import Nursery
from tests.faults.plants import Plant

TOLD: dict[Plant, str] = {
    "two transactions": "a step was done by half",
    "early word": "acknowledged",
    "late files": "is missing or damaged",
}


def _points() -> Iterator[tuple[Milestone, int] | int]:
    """Where children are killed: between the steps of writing and building, then before each statement."""
    yield ("documents written", 1)
    yield ("generation recorded", 1)
    yield from range(1, 200)


@pytest.mark.parametrize("plant", list(TOLD))
def test_a_planted_bug_is_found(plant: Plant, notes: Task, nursery: Nursery, tmp_path: Path) -> None:
    assert nursery.complete(replace(notes, home=_copied(notes, tmp_path / "alive"), plant=plant)).code == 0
    for number, point in enumerate(_points()):
        at, statement = (None, point) if isinstance(point, int) else (point, None)
        task = replace(notes, home=_copied(notes, tmp_path / f"{number}"), plant=plant, at=at, statement=statement)
        end = nursery.run(task)
        found = " ".join(violations(Path(task.home), task.journal))
        if found:
            assert TOLD[plant] in found
            return
        assert end.killed, "no kill found the bug"


def _copied(task: Task, folder: Path) -> str:
    return str(shutil.copytree(Path(task.home).parent, folder) / "home")
