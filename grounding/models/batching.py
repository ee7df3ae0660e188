"""Embedder for many callers at once: their queries share batches, equal queries one vector, recent ones none at all."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from grounding.errors import ModelError
from grounding.ports import Embedder, Spoken, TokenEmbedder
from grounding.values import Fingerprint, FloatMatrix, FloatVector, QueryTokens, Vectorized

BATCH = 32
"""Queries given to a model at once, at most: so many short texts keep its matrices busy, and nobody waits for more."""
CACHE_BYTES = 32 * 2**20
"""Vectors and texts that are kept, all together, at most: a query may be long."""
_CHARACTER_BYTES = 4


@runtime_checkable
class Parallel(Protocol):
    """An embedder that gains nothing from batches, and runs so many calls at a time as well as it runs one."""

    @property
    def calls_at_once(self) -> int: ...


def lanes_of(embedder: Embedder) -> int:
    """How many calls of `embed_queries` an embedder is good for at a time: one, unless it says more."""
    return embedder.calls_at_once if isinstance(embedder, Parallel) else 1


class QueryCache:
    """The vectors of recent queries, in memory alone, by fingerprint and text; the longest unused go first.

    Thread-safe. Nothing is kept where `entries` is 0.
    """

    def __init__(self, entries: int, *, most_bytes: int = CACHE_BYTES) -> None:
        self._entries = entries
        self._most_bytes = most_bytes
        self._bytes = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Fingerprint, str], FloatVector] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, fingerprint: Fingerprint, texts: Iterable[str]) -> dict[str, FloatVector]:
        """Vectors of those texts that are known, by text."""
        found: dict[str, FloatVector] = {}
        with self._lock:
            for text in texts:
                key = (fingerprint, text)
                if key in self._kept:
                    self._kept.move_to_end(key)
                    found[text] = self._kept[key]
        return found

    def put(self, fingerprint: Fingerprint, vectors: Mapping[str, FloatVector]) -> None:
        """Keeps vectors by text."""
        with self._lock:
            for text, vector in vectors.items():
                key = (fingerprint, text)
                if key not in self._kept:
                    self._kept[key] = vector
                    self._bytes += _size(text, vector)
            while len(self._kept) > self._entries or self._bytes > self._most_bytes:
                (_, text), vector = self._kept.popitem(last=False)
                self._bytes -= _size(text, vector)


@dataclass(eq=False, slots=True)
class _Call:
    """Texts of one caller that nobody was embedding before. `woken`: it is settled, or its caller leads the next batch;
    `settled`: it has its vectors or its error, or neither where its caller was interrupted."""

    texts: tuple[str, ...]
    leads: bool = False
    alone: bool = False
    vectors: dict[str, FloatVector] = field(default_factory=dict)
    error: Exception | None = None
    woken: threading.Event = field(default_factory=threading.Event)
    settled: threading.Event = field(default_factory=threading.Event)


class SharedEmbedder:
    """Embedder over another, for callers in many threads. At most `lanes` calls of `embed_queries` run at a time.

    Nobody waits for a batch to fill: while the lanes are busy, queries gather, and the caller whose turn comes first
    embeds those of all who wait, `batch` at most. A lone caller's query runs at once, in its own thread. Where a batch
    fails, each of its calls is tried by itself, so that an error meets only the caller whose text it is.
    """

    def __init__(self, embedder: Embedder, *, cache: QueryCache, lanes: int = 1, batch: int = BATCH) -> None:
        self._embedder = embedder
        self._cache = cache
        self._free = lanes
        self._batch = batch
        self._lock = threading.Lock()
        self._waiting: deque[_Call] = deque()  # empty while a lane is free
        self._flying: dict[str, _Call] = {}

    @property
    def fingerprint(self) -> Fingerprint:
        return self._embedder.fingerprint

    @property
    def languages(self) -> frozenset[str] | None:
        return self._embedder.languages if isinstance(self._embedder, Spoken) else None

    @property
    def waiting(self) -> int:
        """Calls that wait for a lane now."""
        return len(self._waiting)

    @property
    def max_tokens(self) -> int:
        return self._embedder.max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embedder.embed_passages(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        if not texts:
            return self._embedder.embed_queries(texts)
        fingerprint = self._embedder.fingerprint
        found: dict[str, FloatVector] = {}
        # A call that this one relies on may fail for another of its texts: then what is missing is asked for anew.
        while missing := [text for text in dict.fromkeys(texts) if text not in found]:
            kept, own, others = self._joined(fingerprint, missing)
            found |= kept
            if own is not None:
                self._settle(own)
                if own.error is not None:
                    raise own.error
                found |= own.vectors
            for text, call in others.items():
                call.settled.wait()
                if text in call.vectors:
                    found[text] = call.vectors[text]
        return np.stack([found[text] for text in texts])

    def _joined(
        self, fingerprint: Fingerprint, texts: Sequence[str]
    ) -> tuple[dict[str, FloatVector], _Call | None, dict[str, _Call]]:
        """Vectors that are kept, a call for the texts that no other embeds now, and the calls that embed the rest."""
        with self._lock:
            kept = self._cache.get(fingerprint, texts)
            others = {text: self._flying[text] for text in texts if text not in kept and text in self._flying}
            fresh = tuple(text for text in texts if text not in kept and text not in others)
            if not fresh:
                return kept, None, others
            own = _Call(fresh)
            self._flying |= dict.fromkeys(fresh, own)
            self._waiting.append(own)
            if self._free:
                self._free -= 1
                self._pass_on()
        return kept, own, others

    def _settle(self, own: _Call) -> None:
        """Returns when the call is settled, by whoever's turn came first."""
        try:
            own.woken.wait()
            if own.leads:
                self._run(self._gathered(own))
            if not own.settled.is_set():
                self._run([own])
        finally:
            with self._lock:
                queued = own in self._waiting
                if queued:
                    self._waiting.remove(own)
                if (queued or own.leads) and not own.settled.is_set():  # interrupted
                    self._end(own)
                if own.leads:
                    self._pass_on()

    def _pass_on(self) -> None:
        """Gives the lane to the first who waits."""
        if self._waiting:
            leader = self._waiting.popleft()
            leader.leads = True
            leader.woken.set()
        else:
            self._free += 1

    def _gathered(self, own: _Call) -> list[_Call]:
        """The calls of a batch: that of its leader, and of those who wait as many as there is room for."""
        calls = [own]
        size = len(own.texts)
        with self._lock:
            while self._waiting and not own.alone and not self._waiting[0].alone:
                size += len(self._waiting[0].texts)
                if size > self._batch:
                    break
                calls.append(self._waiting.popleft())
        return calls

    def _run(self, calls: Sequence[_Call]) -> None:
        """Embeds a batch. What fails together is left to be tried alone: the leader's call by itself, others later."""
        texts = [text for call in calls for text in call.texts]
        leader, others = calls[0], calls[1:]
        vectors: dict[str, FloatVector] = {}
        error: Exception | None = None
        try:
            matrix = self._embedder.embed_queries(texts)
            if len(matrix) != len(texts):
                raise ModelError(f"the embedder answered {len(matrix)} vectors for {len(texts)} queries")
            vectors = {text: row.copy() for text, row in zip(texts, matrix, strict=True)}
            self._cache.put(self._embedder.fingerprint, vectors)
        except Exception as raised:  # noqa: BLE001 - a model may raise anything
            error = raised
        finally:
            with self._lock:
                if vectors:
                    for call in calls:
                        call.vectors = {text: vectors[text] for text in call.texts}
                        self._end(call)
                else:
                    for call in reversed(others):
                        call.alone = True
                        self._waiting.appendleft(call)
                    if not others or error is None:
                        leader.error = error
                        self._end(leader)

    def _end(self, call: _Call) -> None:
        for text in call.texts:
            del self._flying[text]
        call.settled.set()
        call.woken.set()


class SharedTokenEmbedder(SharedEmbedder):
    """The same over an embedder that tells tokens apart."""

    def __init__(self, embedder: Embedder, *, tokens: TokenEmbedder, cache: QueryCache, lanes: int = 1) -> None:
        super().__init__(embedder, cache=cache, lanes=lanes)
        self._tokens = tokens

    def vectorize(self, texts: Sequence[str]) -> list[Vectorized]:
        return self._tokens.vectorize(texts)

    def query_tokens(self, texts: Sequence[str]) -> list[QueryTokens]:
        return self._tokens.query_tokens(texts)

    def closeness(self, query: QueryTokens, passages: Sequence[bytes]) -> FloatVector:
        return self._tokens.closeness(query, passages)


def shared(embedder: Embedder, *, cache: QueryCache) -> SharedEmbedder:
    """An embedder for many callers at once."""
    lanes = lanes_of(embedder)
    if isinstance(embedder, TokenEmbedder):
        return SharedTokenEmbedder(embedder, tokens=embedder, cache=cache, lanes=lanes)
    return SharedEmbedder(embedder, cache=cache, lanes=lanes)


def _size(text: str, vector: FloatVector) -> int:
    return _CHARACTER_BYTES * len(text) + vector.nbytes
