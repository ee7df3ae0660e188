"""A store that is killed between any two durable steps is whole, and the rerun comes to the same end."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from store.milestones import Milestone
from tests.faults.checker import violations
from tests.faults.child import Task
from tests.faults.nursery import Nursery
from tests.faults.scenarios import SCENARIOS

RECORDS = 40
MILESTONES: tuple[Milestone, ...] = get_args(Milestone)


@pytest.fixture(scope="session")
def passed(new_home: Path, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Counter[str]]:
    """How often each scenario reaches which milestone."""
    found = {}
    for scenario in SCENARIOS:
        folder = tmp_path_factory.mktemp("passed")
        home = shutil.copytree(new_home, folder / "home")
        nursery.complete(
            Task(home=str(home), scenario=scenario, records=RECORDS, rounds=(0, 1), moments=str(folder / "moments"))
        )
        found[scenario] = Counter((folder / "moments").read_text().splitlines())
    return found


@pytest.mark.parametrize("milestone", MILESTONES)
@pytest.mark.parametrize("when", ["first", "last"])
def test_killed_at_a_milestone(
    milestone: Milestone, when: str, home: Path, nursery: Nursery, passed: Mapping[str, Counter[str]]
) -> None:
    scenario = next((name for name, times in passed.items() if times[milestone]), None)
    assert scenario is not None, f"no scenario reaches {milestone!r}: write one"
    nth = 1 if when == "first" else passed[scenario][milestone]
    if when == "last" and nth == 1:
        pytest.skip("it is reached once")
    task = Task(home=str(home), scenario=scenario, records=RECORDS, rounds=(0, 1), at=(milestone, nth))
    assert nursery.run(task).killed
    assert violations(home, task.journal) == []
    nursery.complete(task)
    assert violations(home, task.journal) == []


def test_killed_before_a_statement(home: Path, nursery: Nursery) -> None:
    """Before every seventh statement or commit, each time a little further. What is there already is not done again, so
    that all that follows comes to its turn."""
    task, statement, end = Task(home=str(home), records=40), 1, None
    while end is None or end.killed:
        end = nursery.run(replace(task, statement=statement))
        assert end.killed or end.code == 0, nursery.complaints()
        assert violations(home, task.journal, queries=1) == [], statement
        statement += 7
    assert statement > 60
