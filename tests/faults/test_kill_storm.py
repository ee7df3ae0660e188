"""Ingests killed at random moments lose nothing, leave nothing by half, and do no work twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.child import Task
from tests.faults.nursery import Nursery
from tests.faults.storm import Storm


@pytest.mark.parametrize(("scenario", "exact_passages"), [("parts", 50_000), ("ingest", 200)])
def test_nothing_is_lost_in_a_storm(scenario: str, exact_passages: int, nursery: Nursery, tmp_path: Path) -> None:
    """Where all vectors are compared, and where an approximate index is built."""
    task = Task(home="", records=400, scenario=scenario, exact_passages=exact_passages)
    toll = Storm(nursery, kills=6, seed=len(scenario), mean_seconds=0.6).rage(tmp_path, task)
    assert toll.faults == []
    assert toll.kills == 6
    assert toll.embedded
    assert toll.wasted == 0
