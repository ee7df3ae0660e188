"""Readers in other processes see each change at once, while one index after another takes the place of the last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import swaps


@pytest.mark.parametrize("exact_passages", [50_000, 100])
def test_no_answer_is_stale_or_mixed(exact_passages: int, tmp_path: Path) -> None:
    done, seen = swaps.play(tmp_path, readers=2, swaps=4, exact_passages=exact_passages)
    assert [fault for one in seen for fault in one.faults] == []
    assert done["swaps"] >= 4
    assert all(one.certain > 20 for one in seen)


def test_a_stale_answer_is_seen(tmp_path: Path) -> None:
    game = swaps.Play(str(tmp_path / "home"), swaps=1, exact_passages=50_000)
    store, log, seen = game.open(), swaps.Log(game.log), swaps.Seen()
    with store.writer(swaps.NAME, fingerprint=swaps.FINGERPRINT) as writer:
        writer.put([swaps.document(item, version=2) for item in range(20)])
    for what in ("begun", "done"):
        log.write(what, {1: 2, 2: 3, 3: 0})
    for item in (1, 2, 3):
        for leg in ("dense", "lexical", "entity"):
            swaps._look(store.corpus(swaps.NAME), leg, item, log, seen)
    store.close()
    assert len([fault for fault in seen.faults if "item 2 in version" in fault]) == 3
    assert len([fault for fault in seen.faults if "item 3 in version" in fault]) == 3
    assert len(seen.faults) == 6
