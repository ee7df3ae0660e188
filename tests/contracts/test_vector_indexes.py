"""What ports.VectorIndex promises, for every vector index: it agrees with a plain sum of products."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import StoreError
from grounding.ports import VectorIndex
from grounding.values import FloatMatrix, FloatVector, Hit
from store import inverted
from store.ranking import Ids
from store.vectors import Flat, Tail

DIMENSION = 8
Build = Callable[[Ids, FloatMatrix], VectorIndex]


def _tail(ids: Ids, vectors: FloatMatrix) -> VectorIndex:
    tail = Tail(dimension=DIMENSION)
    for row in range(len(ids)):
        tail = tail.extended(ids[row : row + 1], vectors[row : row + 1])
    return tail


def _inverted(ids: Ids, vectors: FloatMatrix) -> VectorIndex:
    """With a slack that leaves no list out: what is left to be wrong is everything but the choice of lists."""
    with tempfile.TemporaryDirectory() as folder:
        inverted.write(Path(folder), [(ids, vectors)], dimension=DIMENSION)
        calibration = Path(folder, inverted.CALIBRATION_FILE)
        held = json.loads(calibration.read_text("utf-8"))
        calibration.write_text(json.dumps(held | {"near": [2.0, 2.0], "far": [2.0, 2.0]}), "utf-8")
        return inverted.Inverted.open(Path(folder))


INDEXES = pytest.mark.parametrize("build", [Flat.build, _tail, _inverted], ids=["flat", "tail", "inverted"])


def _rows(size: int, *, seed: int) -> tuple[Ids, FloatMatrix]:
    """Unit vectors of four halves: products of them are exact in any order of summing, and ties are common."""
    rng = np.random.default_rng(seed)
    vectors = np.zeros((size, DIMENSION), np.float32)
    for row in vectors:
        row[rng.choice(DIMENSION, size=4, replace=False)] = rng.choice([-0.5, 0.5], size=4)
    ids = np.sort(rng.choice(10 * size + 1, size=size, replace=False)).astype(np.int64)
    return ids, vectors


def _expected(
    ids: Ids, vectors: FloatMatrix, query: FloatVector, k: int, without: set[int], within: set[int] | None
) -> list[int]:
    scored = [
        (-float(np.dot(vector, query)), int(key))
        for key, vector in zip(ids, vectors, strict=True)
        if key not in without and (within is None or key in within)
    ]
    return [key for _, key in sorted(scored)[:k]]


@INDEXES
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_agrees_with_brute_force(build: Build, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 120), label="size")
    ids, vectors = _rows(size, seed=data.draw(st.integers(0, 99)))
    k = data.draw(st.integers(0, 2 * size), label="k")
    member = st.sampled_from([*ids.tolist(), -1, 10_000])
    without = data.draw(st.sets(member), label="without")
    within = data.draw(st.none() | st.sets(member), label="within")
    query = vectors[data.draw(st.integers(0, size - 1))]
    hits = build(ids, vectors).search(query, k, without=list(without), within=None if within is None else list(within))
    assert [hit.passage_id for hit in hits] == _expected(ids, vectors, query, k, without, within)
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))


@INDEXES
def test_all_that_tie_come_in_the_order_of_their_ids(build: Build) -> None:
    vectors = np.tile(np.eye(DIMENSION, dtype=np.float32)[:1], (500, 1))
    hits = build(np.arange(1, 501), vectors).search(vectors[0], 7)
    assert hits == [Hit(key, 1.0) for key in range(1, 8)]


@INDEXES
def test_asked_for_more_than_it_has_gives_what_it_has(build: Build) -> None:
    ids, vectors = _rows(5, seed=1)
    index = build(ids, vectors)
    assert len(index) == 5
    assert len(index.search(vectors[0], 100)) == 5
    assert len(index.search(vectors[0], 100, within=[int(ids[0]), 999_999])) == 1


@INDEXES
def test_nothing_eligible_finds_nothing(build: Build) -> None:
    ids, vectors = _rows(5, seed=1)
    index = build(ids, vectors)
    assert index.search(vectors[0], 3, within=[]) == []
    assert index.search(vectors[0], 3, without=ids.tolist()) == []
    assert index.search(vectors[0], 0) == []


@INDEXES
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.999, 1.0])
def test_a_filter_costs_no_recall_at_any_share(build: Build, share: float) -> None:
    ids, vectors = _rows(3000, seed=4)
    rng = np.random.default_rng(5)
    within = rng.choice(ids, size=max(1, round(share * ids.size)), replace=False).tolist()
    index = build(ids, vectors)
    for query in vectors[:5]:
        found = [hit.passage_id for hit in index.search(query, 10, within=within)]
        assert found == _expected(ids, vectors, query, 10, set(), set(within))


def test_a_tail_that_grew_leaves_the_one_before_as_it_was() -> None:
    ids, vectors = _rows(200, seed=2)
    before = Tail(dimension=DIMENSION).extended(ids[:3], vectors[:3])
    found = before.search(vectors[0], 10)
    one = before.extended(ids[3:], vectors[3:])
    other = before.extended(ids[100:], vectors[100:])
    assert before.search(vectors[0], 10) == found
    assert (len(before), len(one), len(other)) == (3, 200, 103)
    assert one.search(vectors[50], 1, within=[ids[50]]) == [Hit(int(ids[50]), 1.0)]
    assert other.search(vectors[150], 1, within=[ids[50], ids[150]]) == [Hit(int(ids[150]), 1.0)]


def test_what_was_saved_answers_the_same(tmp_path: Path) -> None:
    ids, vectors = _rows(300, seed=3)
    built = Flat.build(ids, vectors)
    built.save(tmp_path)
    opened = Flat.open(tmp_path)
    assert np.array_equal(opened.ids, ids)
    for query in vectors[:20]:
        assert opened.search(query, 10) == built.search(query, 10)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 0.0, 5.0])
def test_vectors_that_cannot_be_compared_are_refused(spoiled: float) -> None:
    ids, vectors = _rows(4, seed=6)
    vectors[2] = spoiled
    with pytest.raises(StoreError, match="vector 2 of 4"):
        Flat.build(ids, vectors)


def test_ids_must_ascend_without_repetition() -> None:
    _, vectors = _rows(3, seed=6)
    with pytest.raises(StoreError, match="ascending"):
        Flat.build(np.asarray([1, 1, 2]), vectors)


def test_no_pickle_is_ever_opened(tmp_path: Path) -> None:
    ids, vectors = _rows(3, seed=6)
    Flat.build(ids, vectors).save(tmp_path)
    np.save(tmp_path / "ids.npy", np.asarray([print, 2, 3], dtype=object), allow_pickle=True)
    with pytest.raises(StoreError):
        Flat.open(tmp_path)
