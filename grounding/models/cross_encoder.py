"""Rerankers of the library sentence-transformers: a CrossEncoder in a folder, or of the Hugging Face hub."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grounding.errors import MissingDependency, ModelError
from grounding.models import hub
from grounding.models.shared import well_formed

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_BATCH = 16


def from_folder(folder: Path, *, threads: int) -> CrossEncoderReranker:
    """The model saved in a folder."""
    folder = folder.expanduser().absolute()
    return CrossEncoderReranker(str(folder), locate=lambda: folder, threads=threads)


def from_hub(name: str, *, threads: int) -> CrossEncoderReranker:
    """The model `organisation/model` out of the hub's cache, fetched first if it is not there."""
    locate = partial(hub.folder_of, name, seam="reranker", instead="builtin")
    return CrossEncoderReranker(name, locate=locate, threads=threads)


class CrossEncoderReranker:
    """Reranker for any CrossEncoder with one output. What does not fit into its window is cut off by its tokenizer."""

    def __init__(self, name: str, *, locate: Callable[[], Path], threads: int = 0) -> None:
        self._name = name
        self._locate = locate
        self._threads = threads
        self._lock = threading.Lock()
        self._model: CrossEncoder | None = None

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        if not passages:
            return []
        pairs = [(well_formed(question), well_formed(passage)) for passage in passages]
        with self._lock:  # the library's tokenizers cannot be shared by two calls at a time
            if self._model is None:
                self._model = _load(self._name, self._locate(), threads=self._threads)
            try:
                given = self._model.predict(pairs, batch_size=_BATCH, show_progress_bar=False)
            except (RuntimeError, IndexError, ValueError) as error:  # its message may hold what users wrote
                raise ModelError(f"reranker {self._name!r}: failed with {type(error).__name__}") from error
        scores = np.asarray(given, np.float64)
        if not np.isfinite(scores).all():
            raise ModelError(f"reranker {self._name!r}: gave a score that is no number")
        return [float(score) for score in scores]


def _load(name: str, folder: Path, *, threads: int) -> CrossEncoder:
    if not (folder / "config.json").is_file():
        raise ModelError(f"reranker {name!r}: {folder} is not a sentence-transformers CrossEncoder: no config.json")
    try:
        import torch
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging
    except ImportError as error:
        raise MissingDependency("sentence-transformers", purpose=f"the reranker {name!r}") from error
    if threads:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model: CrossEncoder = CrossEncoder(str(folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError) as error:
        said = str(error).strip().partition("\n")[0]
        raise ModelError(f"reranker {name!r}: sentence-transformers cannot open {folder}: {said}") from error
    if model.num_labels != 1:
        raise ModelError(f"reranker {name!r}: has {model.num_labels} outputs, and a reranker has one")
    return model
