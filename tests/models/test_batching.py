"""Queries of many callers: batched together, embedded once, remembered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import ModelError
from grounding.models.batching import QueryCache, SharedEmbedder, lanes_of
from grounding.models.builtin import HashEmbedder
from grounding.models.multilingual_e5 import MultilingualE5
from grounding.values import Fingerprint, FloatMatrix, FloatVector

PATIENCE = 30
"""Seconds after which a test that hangs fails."""


@dataclass
class Watched:
    """The built-in embedder, which notes what it is asked, refuses texts that begin with "bad", and waits at "gate"."""

    revision: str = "1"
    batches: list[tuple[str, ...]] = field(default_factory=list)
    most: int = 0
    error: type[BaseException] = ValueError
    gate: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)
    max_tokens: int = 512
    _inside: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _inner: HashEmbedder = field(default_factory=HashEmbedder)

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint("watched", self.revision, self._inner.fingerprint.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._inner.count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        with self._lock:
            self.batches.append(tuple(texts))
            self._inside += 1
            self.most = max(self.most, self._inside)
        try:
            if "gate" in texts:
                self.reached.set()
                assert self.gate.wait(PATIENCE)
            for text in texts:
                if text.startswith("bad"):
                    raise self.error(text)
            return self._inner.embed_queries(texts)
        finally:
            with self._lock:
                self._inside -= 1

    embed_passages = embed_queries


def _shared(inner: Watched, *, entries: int = 0, lanes: int = 1, batch: int = 32) -> SharedEmbedder:
    return SharedEmbedder(inner, cache=QueryCache(entries), lanes=lanes, batch=batch)


def _vector(text: str) -> FloatVector:
    row: FloatVector = HashEmbedder().embed_queries([text])[0]
    return row


def _gathered(shared: SharedEmbedder, inner: Watched, calls: Sequence[Sequence[str]]) -> list[Future[FloatMatrix]]:
    """What becomes of calls that arrive, one after the other, while another is at work."""
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        first = pool.submit(shared.embed_queries, ["gate"])
        assert inner.reached.wait(PATIENCE)
        found = []
        for number, call in enumerate(calls, start=1):
            found.append(pool.submit(shared.embed_queries, call))
            _until(lambda number=number: shared.waiting == number)  # type: ignore[misc]
        inner.gate.set()
        np.testing.assert_array_equal(first.result(PATIENCE)[0], _vector("gate"))
        return found


def _until(true: Callable[[], bool]) -> None:
    look = threading.Event()
    assert any(true() or look.wait(0.001) for _ in range(1000 * PATIENCE))


def test_a_lone_caller_embeds_in_its_own_thread() -> None:
    threads: list[str] = []

    class Here(Watched):
        def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
            threads.append(threading.current_thread().name)
            return super().embed_queries(texts)

    shared = _shared(Here())
    np.testing.assert_array_equal(shared.embed_queries(["leave", "travel", "leave"])[2], _vector("leave"))
    assert threads == [threading.current_thread().name]


def test_calls_that_come_meanwhile_share_a_batch() -> None:
    inner = Watched()
    found = _gathered(_shared(inner), inner, [["a"], ["b", "c"], ["d"]])
    assert inner.batches == [("gate",), ("a", "b", "c", "d")]
    np.testing.assert_array_equal(found[1].result(), [_vector("b"), _vector("c")])
    np.testing.assert_array_equal(found[2].result(), [_vector("d")])


def test_a_batch_has_its_limit_and_tears_no_call() -> None:
    inner = Watched()
    _gathered(_shared(inner, batch=2), inner, [["a"], ["b"], ["c"], ["d", "e", "f"]])
    assert inner.batches == [("gate",), ("a", "b"), ("c",), ("d", "e", "f")]


@pytest.mark.parametrize("culprit", [0, 1, 2])
def test_an_error_meets_only_the_caller_whose_text_it_is(culprit: int) -> None:
    inner = Watched()
    calls = [["a"], ["b"], ["c"]]
    calls[culprit] = ["bad"]
    found = _gathered(_shared(inner), inner, calls)
    assert isinstance(found.pop(culprit).exception(), ValueError)
    for future in found:
        assert future.exception() is None
    assert len(inner.batches) == 5  # the gate, all three, and each alone


def test_equal_texts_are_embedded_once() -> None:
    inner = Watched()
    shared = _shared(inner, lanes=2)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shared.embed_queries, ["gate"])
        assert inner.reached.wait(PATIENCE)
        others = [pool.submit(shared.embed_queries, ["gate"]) for _ in range(2)]
        inner.gate.set()
        for future in (first, *others):
            np.testing.assert_array_equal(future.result(PATIENCE)[0], _vector("gate"))
    assert len(inner.batches) <= 3  # who came too late found nothing kept
    assert all(batch == ("gate",) for batch in inner.batches)


def test_who_relied_on_a_call_that_failed_asks_anew() -> None:
    inner = Watched()
    failing, relying = _gathered_by_text(inner)
    assert isinstance(failing.exception(), ValueError)
    np.testing.assert_array_equal(relying.result()[0], _vector("shared"))


def _gathered_by_text(inner: Watched) -> tuple[Future[FloatMatrix], Future[FloatMatrix]]:
    """A call that fails, and one that waits for a text of it."""
    shared = _shared(inner)
    with ThreadPoolExecutor(3) as pool:
        pool.submit(shared.embed_queries, ["gate"])
        assert inner.reached.wait(PATIENCE)
        failing = pool.submit(shared.embed_queries, ["shared", "bad"])
        _until(lambda: shared.waiting == 1)
        relying = pool.submit(shared.embed_queries, ["shared", "own"])
        _until(lambda: shared.waiting == 2)
        inner.gate.set()
        return failing, relying


@pytest.mark.parametrize("culprit", [0, 1])
def test_an_interrupted_caller_leaves_the_others_their_turn(culprit: int) -> None:
    inner = Watched(error=KeyboardInterrupt)
    calls = [["a"], ["b"]]
    calls.insert(culprit, ["bad"])
    found = _gathered(_shared(inner), inner, calls)
    results = [future.exception() for future in found]
    assert sum(isinstance(error, KeyboardInterrupt) for error in results) >= 1
    assert isinstance(results[culprit], KeyboardInterrupt) or isinstance(results[0], KeyboardInterrupt)
    assert results[-1] is None


def test_nonsense_is_an_error() -> None:
    class Short(Watched):
        def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
            return super().embed_queries(texts)[:1]

    shared = _shared(Short())
    with pytest.raises(ModelError, match="1 vectors for 2 queries"):
        shared.embed_queries(["a", "b"])
    assert shared.embed_queries(["a"]).shape == (1, 256)


def test_what_was_asked_lately_is_not_embedded_again() -> None:
    inner = Watched()
    shared = _shared(inner, entries=2)
    for texts in (["a", "b"], ["a"], ["c"], ["a"], ["b"]):
        for text, row in zip(texts, shared.embed_queries(texts), strict=True):
            np.testing.assert_array_equal(row, _vector(text))
            row[:] = 0  # what a caller does to its vectors is its own affair
    assert inner.batches == [("a", "b"), ("c",), ("b",)]


def test_nothing_is_kept_where_nothing_may_be() -> None:
    inner = Watched()
    cache = QueryCache(0)
    shared = SharedEmbedder(inner, cache=cache)
    shared.embed_queries(["a"])
    shared.embed_queries(["a"])
    assert inner.batches == [("a",), ("a",)]
    assert len(cache) == 0


def test_embedders_with_one_cache_keep_apart() -> None:
    cache = QueryCache(10)
    inners = Watched(revision="1"), Watched(revision="2")
    for inner in inners:
        SharedEmbedder(inner, cache=cache).embed_queries(["a"])
    assert [inner.batches for inner in inners] == [[("a",)], [("a",)]]
    assert len(cache) == 2


@given(st.lists(st.text(max_size=40), max_size=30), st.integers(0, 5), st.integers(0, 6000))
@settings(deadline=None)
def test_the_cache_stays_within_its_bounds(texts: list[str], entries: int, most_bytes: int) -> None:
    fingerprint = HashEmbedder().fingerprint
    cache = QueryCache(entries, most_bytes=most_bytes)
    size = 256 * 4
    for text in texts:
        cache.put(fingerprint, {text: np.zeros(256, np.float32)})
        known = cache.get(fingerprint, dict.fromkeys(texts))
        assert len(known) == len(cache) <= entries
        assert sum(size + 4 * len(other) for other in known) <= most_bytes
        if entries and size + 4 * len(text) <= most_bytes:
            assert text in known


@given(
    calls=st.lists(st.lists(st.sampled_from("a b c d e bad worse".split()), max_size=4), min_size=1, max_size=24),
    lanes=st.integers(1, 3),
    batch=st.integers(1, 4),
    entries=st.sampled_from([0, 2, 100]),
)
@settings(deadline=None, max_examples=50)
def test_each_caller_gets_its_own_vectors_or_its_own_error(
    calls: list[list[str]], lanes: int, batch: int, entries: int
) -> None:
    inner = Watched()
    shared = _shared(inner, lanes=lanes, batch=batch, entries=entries)
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(shared.embed_queries, call) for call in calls]
    for call, future in zip(calls, found, strict=True):
        if "bad" in call:
            assert isinstance(future.exception(), ValueError)
        elif call:
            np.testing.assert_array_equal(future.result(), [_vector(text) for text in call])
    assert inner.most <= lanes + sum(not call for call in calls)
    assert shared.waiting == 0
    if entries == 100 and not any("bad" in call for call in calls):
        asked = [text for texts in inner.batches for text in texts]
        assert len(asked) == len(set(asked))


def test_the_default_embedder_runs_calls_beside_each_other(tmp_path: Path) -> None:
    assert lanes_of(MultilingualE5(folder=tmp_path, threads=2)) > 1
    assert lanes_of(HashEmbedder()) == 1
