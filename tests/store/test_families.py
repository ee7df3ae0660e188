"""Index families: chosen by size, opened by name, and the same answers from each through the whole store."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import StoreError
from grounding.filters import parse
from grounding.settings import Storage
from grounding.values import FloatMatrix, FloatVector
from store import families, inverted
from store.documents import NewDocument
from store.inverted import Inverted
from store.open import Store, open_store
from store.ranking import Ids, fixed
from store.vectors import Flat
from tests.store import library

DIMENSION = 16
SIZE = 15_000
TOPICS = 12
Rows: TypeAlias = tuple[Ids, FloatMatrix, FloatMatrix, Ids]
"""Ids, their vectors, queries, and the topic of each vector and query."""


def _clustered(size: int, *, seed: int) -> tuple[FloatMatrix, Ids]:
    """Unit vectors of topics with groups in them, and the topic of each."""
    rng = np.random.default_rng(seed)
    groups = 20 * TOPICS
    centres = rng.normal(size=(TOPICS, DIMENSION))[np.arange(groups) % TOPICS] + rng.normal(size=(groups, DIMENSION))
    group = rng.integers(0, groups, size)
    vectors = centres[group] + 0.7 * rng.normal(size=(size, DIMENSION))
    unit: FloatMatrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, group % TOPICS


@pytest.fixture(scope="module")
def held() -> Rows:
    vectors, topics = _clustered(SIZE + 40, seed=1)
    return np.arange(5, 5 + 3 * SIZE, 3), vectors[:SIZE], vectors[SIZE:], topics


@pytest.fixture(scope="module")
def folder(held: Rows, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inverted")
    inverted.write(made, _batches(held[0], held[1]), dimension=DIMENSION)
    return made


@pytest.fixture
def index(folder: Path) -> Inverted:
    return Inverted.open(folder)


def _batches(ids: Ids, vectors: FloatMatrix, size: int = 1000) -> Iterator[tuple[Ids, FloatMatrix]]:
    for start in range(0, ids.size, size):
        yield ids[start : start + size], vectors[start : start + size]


def _recalibrated(folder: Path, copy: Path, **changes: list[float]) -> Inverted:
    shutil.copytree(folder, copy)
    calibration = copy / inverted.CALIBRATION_FILE
    calibration.write_text(json.dumps(json.loads(calibration.read_text("utf-8")) | changes), "utf-8")
    return Inverted.open(copy)


def _nearest(ids: Ids, vectors: FloatMatrix, query: FloatVector, k: int) -> list[int]:
    scores = np.round(vectors.astype(np.float64) @ query, 6)
    return [int(key) for key in ids[np.lexsort((ids, -scores))[:k]]]


def _recall(index: Inverted, data: Rows, k: int, eligible: Ids) -> float:
    ids, vectors, queries, _ = data
    within = fixed(ids[eligible])
    found = 0
    for query in queries:
        hits = index.search(query, k, within=within)
        found += len({hit.passage_id for hit in hits} & set(_nearest(within, vectors[eligible], query, k)))
    return found / (len(queries) * min(k, within.size))


def test_the_size_decides_on_the_family() -> None:
    assert families.family_for(100, exact_passages=100) == Flat.family
    assert families.family_for(101, exact_passages=100) == Inverted.family
    assert families.family_for(0, exact_passages=0) == Flat.family
    assert all(map(families.known, (Flat.family, Inverted.family)))
    assert not families.known("of another version")


def test_finds_what_is_nearest(index: Inverted, held: Rows) -> None:
    ids, vectors, queries, _ = held
    for k in (1, 10, 100):
        wanted = [set(_nearest(ids, vectors, query, k)) for query in queries]
        found = [{hit.passage_id for hit in index.search(query, k)} for query in queries]
        assert sum(len(a & b) for a, b in zip(wanted, found, strict=True)) >= 0.99 * k * len(queries)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.2, 0.5, 1.0])
def test_a_filter_costs_no_recall(index: Inverted, held: Rows, share: float) -> None:
    eligible = np.sort(np.random.default_rng(3).choice(SIZE, size=max(1, round(share * SIZE)), replace=False))
    assert _recall(index, held, 10, eligible) >= 0.99


@pytest.mark.parametrize("topics", [1, 3, 6])
def test_a_filter_on_topics_costs_no_recall(index: Inverted, held: Rows, topics: int) -> None:
    """Most queries are of topics that the filter leaves out: what is nearest to them is far."""
    eligible = np.flatnonzero(held[3][:SIZE] < topics)
    assert _recall(index, held, 10, eligible) >= 0.99


def test_what_went_in_a_whole_topic_costs_no_recall(index: Inverted, held: Rows) -> None:
    ids, vectors, queries, topics = held
    for at, query in enumerate(queries[:20]):
        gone = topics[:SIZE] == topics[SIZE + at]
        found = [hit.passage_id for hit in index.search(query, 10, without=ids[gone])]
        assert len(set(found) & set(_nearest(ids[~gone], vectors[~gone], query, 10))) >= 9


def test_where_nothing_near_is_eligible_the_far_slack_counts(folder: Path, held: Rows, tmp_path: Path) -> None:
    ids, vectors, queries, _ = held
    index = _recalibrated(folder, tmp_path / "copy", near=[-2.0, -2.0], far=[2.0, 2.0])
    for query in queries:
        scores = vectors @ query
        far = scores < np.median(scores)
        found = [hit.passage_id for hit in index.search(query, 10, within=ids[far])]
        assert found == _nearest(ids[far], vectors[far], query, 10)


def test_rows_that_8_bits_cannot_tell_apart_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(3000, DIMENSION))
    vectors[:400] = vectors[0] + 1e-4 * rng.normal(size=(400, DIMENSION))
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ids = np.arange(3000)
    inverted.write(tmp_path, _batches(ids, unit), dimension=DIMENSION)
    query = unit[0] + 0.5 * unit[1000]
    query /= np.linalg.norm(query)
    found = [hit.passage_id for hit in Inverted.open(tmp_path).search(query, 10)]
    assert found == _nearest(ids, unit, query, 10)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_scores_are_exact_and_sets_are_kept(folder: Path, held: Rows, data: st.DataObject) -> None:
    ids, vectors, queries, _ = held
    index = Inverted.open(folder)
    query = queries[data.draw(st.integers(0, len(queries) - 1), label="query")]
    k = data.draw(st.sampled_from([1, 5, 10, 60, 150]), label="k")
    rng = np.random.default_rng(data.draw(st.integers(0, 99), label="seed"))
    without = ids[rng.random(SIZE) < data.draw(st.sampled_from([0, 0.0001, 0.1, 0.9, 1]), label="gone")]
    share = data.draw(st.none() | st.sampled_from([0.0, 0.001, 0.3, 0.9]), label="share")
    within = None if share is None else ids[rng.random(SIZE) < share]
    hits = index.search(query, k, without=without, within=within)
    allowed = set(ids.tolist() if within is None else within.tolist()) - set(without.tolist())
    assert len(hits) == min(k, len(allowed))
    assert {hit.passage_id for hit in hits} <= allowed
    exact = Flat.build(ids, vectors).search(query, SIZE)
    scores = {hit.passage_id: hit.score for hit in exact}
    assert [hit.score for hit in hits] == [scores[hit.passage_id] for hit in hits]
    assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.passage_id))


def test_many_threads_search_one_index(index: Inverted, held: Rows) -> None:
    ids, _, queries, _ = held
    sets = [fixed(ids[start::7]) for start in range(7)]
    gone = fixed(ids[::11])

    def searched(at: int) -> list[list[int]]:
        query, within = queries[at % len(queries)], sets[at % len(sets)]
        found = [index.search(query, 20, within=within), index.search(query, 20, without=gone), index.search(query, 20)]
        return [[hit.passage_id for hit in hits] for hits in found]

    alone = [searched(at) for at in range(80)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(searched, [*range(80)] * 5)) == alone * 5


def test_the_next_index_takes_over_what_still_serves(index: Inverted, held: Rows, tmp_path: Path) -> None:
    ids, vectors, queries, _ = held
    # A tenth went, as many came: they are at the end, as ids only grow.
    kept = np.flatnonzero(np.arange(SIZE) % 10)
    more = np.arange(ids[-1] + 1, ids[-1] + 1 + len(queries))
    after = np.concatenate([ids[kept], more]), np.concatenate([vectors[kept], queries])
    inverted.write(tmp_path, _batches(*after), dimension=DIMENSION, like=index)
    found = Inverted.open(tmp_path)
    assert np.array_equal(found.centroids, index.centroids)
    assert np.array_equal(found.ids, after[0])
    for at, query in enumerate(queries):
        assert found.search(query, 1)[0].passage_id == more[at]
    # Where another number of lists is right, they are found anew.
    inverted.write(tmp_path, _batches(ids[:500], vectors[:500]), dimension=DIMENSION, like=index)
    assert len(Inverted.open(tmp_path).centroids) == inverted.lists_for(500) < len(index.centroids)


@pytest.mark.parametrize("spoiled", [np.nan, np.inf, 0.0, 5.0])
def test_vectors_that_cannot_be_compared_are_refused(held: Rows, tmp_path: Path, spoiled: float) -> None:
    vectors = held[1][:3000].copy()
    vectors[2002] = spoiled
    with pytest.raises(StoreError, match="vector 2 of 1000"):
        inverted.write(tmp_path, _batches(held[0][:3000], vectors), dimension=DIMENSION)


def test_ids_must_ascend(held: Rows, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ascending"):
        inverted.write(tmp_path, _batches(held[0][:100][::-1], held[1][:100]), dimension=DIMENSION)


@pytest.mark.parametrize("file", ["ids.npy", "assigned.npy", "vectors.f32", "lists.faiss", "calibration.json"])
def test_what_is_damaged_does_not_open(folder: Path, tmp_path: Path, file: str) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    content = (copy / file).read_bytes()
    (copy / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError):
        Inverted.open(copy)
    (copy / file).unlink()
    with pytest.raises(StoreError):
        families.open_index(copy, Inverted.family)


def test_a_foreign_index_does_not_open(folder: Path, held: Rows, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    Flat.build(held[0], held[1]).save(copy)
    shutil.move(copy / "vectors.faiss", copy / "lists.faiss")
    with pytest.raises(StoreError, match="belong together"):
        Inverted.open(copy)
    with pytest.raises(StoreError, match="unknown family"):
        families.open_index(folder, "of another version")
    np.save(copy / "ids.npy", np.asarray([print] * SIZE, dtype=object), allow_pickle=True)
    with pytest.raises(StoreError, match="can be read"):
        Inverted.open(copy)


@pytest.fixture
def many(home: Path) -> Iterator[Store]:
    """A store in which thirty passages are many."""
    opened = open_store(home=home, storage=Storage(exact_passages=30))
    yield opened
    opened.close()


def _in_use(store: Store) -> str:
    """The family of the newest vector index."""
    shelf = store.collections.shelf(store.collections.place("library"))
    newest = max(shelf.folder.glob("vectors-*"), key=lambda folder: folder.stat().st_mtime_ns)
    return Inverted.family if (newest / "lists.faiss").exists() else Flat.family


def _documents(first: int, last: int) -> list[NewDocument]:
    return [
        library.document(f"d{i}", f"passage {i}", f"passage {i} again", metadata={"even": i % 2 == 0})
        for i in range(first, last)
    ]


def test_a_collection_grows_out_of_one_family_into_the_next(many: Store) -> None:
    library.put(many, *_documents(0, 10), publish=True)
    assert _in_use(many) == Flat.family
    assert library.texts(many, [library.nearest(many.corpus("library"), "passage 7", 1)[0].passage_id]) == ["passage 7"]
    library.put(many, *_documents(10, 600), publish=True)
    assert _in_use(many) == Inverted.family
    assert all(result.ok for result in many.check())


def test_many_passages_are_found_changed_and_gone(many: Store, home: Path) -> None:
    """Against a store that compares every vector, through commits, deletions, publishing and opening anew."""
    library.put(many, *_documents(0, 300), publish=True)
    with many.writer("library", fingerprint=library.FINGERPRINT) as writer:
        writer.delete([f"d{i}" for i in range(0, 300, 7)])
        writer.put([library.document("d8", "passage 8 in other words", metadata={"even": True}), *_documents(300, 330)])
    _require_exact(many, gone=[0, 7, 14], there=[1, 299, 320])
    assert library.texts(many, [_first(many, "passage 8 in other words")]) == ["passage 8 in other words"]
    assert library.texts(many, [_first(many, "passage 8")]) != ["passage 8"]
    many.compact("library")
    assert _in_use(many) == Inverted.family
    _require_exact(many, gone=[0, 7, 14], there=[1, 299, 320])
    many.close()
    again = open_store(home=home, storage=Storage(exact_passages=30))
    try:
        _require_exact(again, gone=[0, 7, 14], there=[1, 299, 320])
        assert all(result.ok for result in again.check())
    finally:
        again.close()


def test_a_smaller_limit_serves_what_the_larger_one_built(many: Store, home: Path) -> None:
    library.put(many, *_documents(0, 100), publish=True)
    exact = open_store(home=home, storage=Storage(exact_passages=1_000_000))
    try:
        _require_exact(exact, gone=[], there=[3, 50, 99])
        exact.compact("library")
        assert _in_use(exact) == Flat.family
        _require_exact(many, gone=[], there=[3, 50, 99])
    finally:
        exact.close()


def test_a_damaged_index_is_not_built_upon(many: Store) -> None:
    library.put(many, *_documents(0, 100), publish=True)
    shelf = many.collections.shelf(many.collections.place("library"))
    [folder] = shelf.folder.glob("vectors-*")
    content = bytearray((folder / "assigned.npy").read_bytes())
    content[-1] ^= 1
    (folder / "assigned.npy").write_bytes(content)
    library.put(many, *_documents(100, 700), publish=True)
    assert all(result.ok for result in many.check())
    _require_exact(many, gone=[], there=[3, 99, 650])


def _first(store: Store, text: str) -> int:
    return library.nearest(store.corpus("library"), text, 1)[0].passage_id


def _require_exact(store: Store, *, gone: list[int], there: list[int]) -> None:
    for number in there:
        assert library.texts(store, [_first(store, f"passage {number}")]) == [f"passage {number}"]
        hits = library.nearest(store.corpus("library"), f"passage {number}", 10, where=parse({"even": True}))
        assert len(hits) == 10
        names = [found.document_id for found in store.corpus("library").passages([hit.passage_id for hit in hits])]
        assert all(int(name[1:]) % 2 == 0 for name in names)
    for number in gone:
        hits = library.nearest(store.corpus("library"), f"passage {number}", 1000)
        assert hits
        assert f"passage {number}" not in library.texts(store, [hit.passage_id for hit in hits])
