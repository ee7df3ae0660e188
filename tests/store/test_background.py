"""What is usual in a collection that is too large to look at all of it."""

from __future__ import annotations

import numpy as np
import pytest

from store.corpus import SAMPLE
from store.open import Store
from tests.store import library


def large(store: Store) -> None:
    """More passages than are looked at; those of another collection lie between them."""
    step = SAMPLE // 4
    for start in range(0, 6 * step, step):
        texts = [f"passage {number}" for number in range(start, start + step)]
        library.put(store, library.document(f"d{start}", *texts))
        library.put(
            store,
            library.document(f"other {start}", *(f"of another {start} {n}" for n in range(99))),
            collection="other",
        )


def exactly(store: Store) -> tuple[float, float]:
    """Mean and deviation of all similarities to the query."""
    scores = [hit.score for hit in library.nearest(store.corpus("library"), "query", 10**6)]
    return float(np.mean(scores)), float(np.std(scores))


def about(store: Store) -> tuple[float, float, int]:
    found = store.corpus("library").background(library.vector("query"), fingerprint=library.FINGERPRINT)
    assert found is not None
    return found.mean, found.deviation, found.passages


def test_a_sample_tells_nearly_the_same_as_all_passages(store: Store) -> None:
    large(store)
    mean, deviation = exactly(store)
    sampled = about(store)
    assert sampled[0] == pytest.approx(mean, abs=0.05 * deviation)
    assert sampled[1] == pytest.approx(deviation, rel=0.05)
    assert sampled[2] == 6 * (SAMPLE // 4)


def test_what_was_usual_while_the_collection_was_small_is_not_so_when_it_is_large(store: Store) -> None:
    for number in range(36):  # as a key, the number of changes must not be mistaken for a size
        library.put(store, library.document("only", f"version {number}"))
        assert about(store)[1] == 0
    large(store)
    assert about(store)[1] == pytest.approx(exactly(store)[1], rel=0.05)
