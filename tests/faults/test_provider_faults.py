"""Providers that fail in every way while questions are asked: whole answers or clean errors, and an exact ledger.

`python -m tests.faults.providers 1000` is the same at length.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from grounding.values import Usage
from tests.faults.providers import Heard, Row, Run, Storm, plan, wrong_end, wrong_ledger
from tests.providers.server import GOSSIP, Asked, Fault, Script

RUNS = 40
ONE = "The blue gate opens at seven [1]."
ANSWER = {
    "answer": ONE,
    "generator": "one",
    "outcome": "answered",
    "citations": [{}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 7},
}
RUN = Run(1000, "one-extractive", ("one", "extractive"), "chat", True, {})
ASKED = Asked("openai", "one", "/", {}, {}, True, Script(), text=ONE, told=Usage(100, 7), complete=True)
ROW = Row("one", "ok", 100, 7, 0, True, 128e-6)


def test_a_storm_of_faults(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    toll = Storm(plan(RUNS, seed=seed), seed=seed, at_once=4).rage(tmp_path)
    assert toll.wrong == [], f"seed {seed}"
    assert toll.runs.total() == RUNS
    assert any(end.startswith("answered") for end in toll.runs)
    assert any(end.startswith("error") for end in toll.runs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"deltas": f"{ONE} {ONE}", "answer": {**ANSWER, "answer": f"{ONE} {ONE}"}}, "one did not say"),
        ({"deltas": f"Visitors {ONE}", "answer": {**ANSWER, "answer": f"Visitors {ONE}"}}, "one did not say"),
        ({"deltas": f"{ONE} Or not."}, "streamed"),
        ({"error": "generator_failed"}, "an answer and an error"),
        ({"error": "generator_failed", "answer": None, "deltas": "Visitors"}, "showed what no provider said"),
        ({"error": "generator_failed", "answer": None, "deltas": ""}, "and had a last resort"),
        ({"answer": None}, "no answer and no error"),
        ({"raw": GOSSIP}, "the provider's own message"),
        ({"seconds": 60.0}, "took 60.0 s"),
        ({"answer": {**ANSWER, "outcome": "abstained"}}, "outcome abstained"),
    ],
)
def test_a_wrong_answer_is_noticed(change: dict[str, Any], said: str) -> None:
    heard = replace(Heard(1.0, 200, ONE, ANSWER, None, ""), **change)
    assert said in "; ".join(wrong_end(RUN, heard, [ASKED]))
    assert bool(said) == bool([*wrong_end(RUN, heard, [ASKED])])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROW], ""),
        ([], "one was called 1 times, and 0 calls are in the ledger"),
        ([ROW, ROW], "one was called 1 times, and 2 calls are in the ledger"),
        ([replace(ROW, completion_tokens=8)], "in the ledger, reported"),
        ([replace(ROW, cost_usd=None)], "costs None"),
        ([replace(ROW, reported=False)], "and not reported"),
        ([replace(ROW, prompt_tokens=0, cost_usd=28e-6)], "the client was told"),
    ],
)
def test_a_wrong_ledger_is_noticed(rows: list[Row], said: str) -> None:
    heard = Heard(1.0, 200, ONE, ANSWER, None, "")
    assert said in "; ".join(wrong_ledger(heard, [ASKED], rows))
    assert bool(said) == bool([*wrong_ledger(heard, [ASKED], rows)])


def test_a_plan_has_every_fault() -> None:
    faults = {script.fault for run in plan(1000, seed=1) for scripts in run.scripts.values() for script in scripts}
    assert faults == {None, *get_args(Fault)}
