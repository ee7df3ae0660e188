from __future__ import annotations

from dataclasses import replace

import pytest

from grounding import whynot
from grounding.values import Dropped, Evidence, Exchange, Hit, Leg, Signal, Signals
from grounding.whynot import fate, furthest
from tests.api.exchanges import EXCHANGE
from tests.fakes import passage

FOUND: Exchange = replace(
    EXCHANGE,
    kind="chat",
    legs=(
        Leg("dense", "q", (Hit(1, 0.9), Hit(2, 0.8), Hit(3, 0.7))),
        Leg("dense", "q2", (Hit(3, 0.95), Hit(4, 0.1)), "standalone"),
        Leg("lexical", "q", (Hit(5, 12.0), Hit(1, 3.0))),
    ),
    ranking=(Hit(1, 0.5), Hit(3, 0.4), Hit(5, 0.3), Hit(2, 0.2), Hit(4, 0.1)),
    evidence=(Evidence(1, 0.5, passage(1, "One.")), Evidence(2, 0.3, passage(5, "Five."))),
    dropped=(Dropped(3, "diversify", "says what passage 1 says"), Dropped(5, "screen", "injection: override")),
)


@pytest.mark.parametrize(
    ("passage_id", "stage", "reason", "rank"),
    [
        (1, "kept", "it was in the prompt", 1),
        (3, "diversify", "says what passage 1 says", 2),
        (5, "screen", "injection: override", 3),
        (2, "rank", "it is number 4 of all legs together, 2 were taken", 4),
        (9, "retrieve", "no leg has it among its first 3", None),
    ],
)
def test_a_passage_is_lost_to_one_stage(passage_id: int, stage: str, reason: str, rank: int | None) -> None:
    found = fate(FOUND, passage_id)
    assert (found.stage, found.reason, found.rank) == (stage, reason, rank)


def test_each_leg_is_quoted_with_its_best_form() -> None:
    assert fate(FOUND, 3).signals == Signals(dense=Signal(1, 0.95, "standalone"))
    assert fate(FOUND, 1).signals == Signals(dense=Signal(1, 0.9), lexical=Signal(2, 3.0))


def test_in_a_search_what_was_kept_was_found() -> None:
    assert fate(replace(FOUND, kind="search"), 1).reason == "it was among the passages found"


def test_of_a_document_the_passage_that_came_furthest_speaks() -> None:
    fates = [fate(FOUND, number) for number in (9, 2, 4, 3)]
    found = furthest(fates)
    assert found is not None
    assert found.passage_id == 3
    assert furthest(fates[:3]) == fates[1]  # of two lost at the same stage, the better ranked
    assert furthest([]) is None


def test_a_stage_of_another_version_is_one_that_is_known() -> None:
    odd = replace(FOUND, dropped=(Dropped(3, "of-old", "gone"),))
    assert fate(odd, 3).stage in whynot.STAGES
