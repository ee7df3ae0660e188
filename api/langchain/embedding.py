"""Embedding models: LangChain's for Grounding, and Grounding's for LangChain."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from api.compose import Service
from grounding.errors import ModelError
from grounding.models.shared import unit_rows, well_formed
from grounding.ports import Embedder
from grounding.values import Fingerprint, FloatMatrix

logger = logging.getLogger(__name__)

WINDOW = 512
"""Tokens that an embedding model of LangChain takes, unless it is said: nearly all take as many."""
_TELLING = ("model", "model_name", "model_id", "deployment", "dimensions", "size", "task_type")
"""What embedding models of LangChain call that which decides what vectors they make."""
_Made = TypeVar("_Made")


class LangChainEmbedder:
    """An embedding model of LangChain as an Embedder. Thread-safe as far as the model is.

    `name` tells its vectors from those of others; if it is `my.module:factory`, and that makes this embedder from
    settings, every process finds it by that. By default it is made of the class and of what it calls its model.
    `max_tokens` is the model's window, by the count of `count_tokens`, which need not be the model's own.
    """

    def __init__(
        self,
        embeddings: Embeddings,
        *,
        count_tokens: Callable[[Sequence[str]], list[int]],
        name: str | None = None,
        max_tokens: int = WINDOW,
    ) -> None:
        self._embeddings = embeddings
        self._count_tokens = count_tokens
        self._name = name or f"langchain {type(embeddings).__name__}"
        self._max_tokens = max_tokens
        self._lock = threading.Lock()
        self._fingerprint: Fingerprint | None = None

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the class, what it calls its model, and the dimension: that takes one embedding, once. Not of vectors:
        providers do not answer twice with the very same."""
        with self._lock:
            if self._fingerprint is None:
                kind = type(self._embeddings)
                told = [f"{name}={getattr(self._embeddings, name, None)!r}" for name in _TELLING]
                revision = hashlib.sha256(f"{kind.__module__}.{kind.__qualname__} {told}".encode()).hexdigest()
                dimension = self._matrix([self._embedded(self._embeddings.embed_query, "dimension")]).shape[1]
                self._fingerprint = Fingerprint(self._name, revision, dimension)
            return self._fingerprint

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._count_tokens(texts)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        return self._rows([self._embedded(self._embeddings.embed_query, well_formed(text)) for text in texts])

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        given = [well_formed(text) for text in texts]
        return self._rows(self._embedded(self._embeddings.embed_documents, given) if given else [])

    def _embedded(self, embed: Callable[[Any], _Made], given: object) -> _Made:
        try:
            return embed(given)
        except Exception as error:  # a provider's library may raise anything
            raise ModelError(f"{self._culprit} failed with {type(error).__name__}") from error

    def _rows(self, vectors: Sequence[Sequence[float]]) -> FloatMatrix:
        dimension = self.fingerprint.dimension
        matrix = self._matrix(vectors) if len(vectors) else np.empty((0, dimension), np.float32)
        if matrix.shape[1] != dimension:
            raise ModelError(f"{self._culprit} answered with {matrix.shape[1]} dimensions, and with {dimension} before")
        return unit_rows(matrix)

    def _matrix(self, vectors: Sequence[Sequence[float]]) -> npt.NDArray[np.float32]:
        try:
            matrix = np.asarray(vectors, dtype=np.float32)
        except (TypeError, ValueError):
            matrix = np.empty(0, np.float32)
        if matrix.ndim != 2 or not matrix.size:
            raise ModelError(f"{self._culprit} answered nonsense: vectors of different lengths, or none")
        return matrix

    @property
    def _culprit(self) -> str:
        return f"the embedding model {type(self._embeddings).__name__}"


class GroundingEmbeddings(Embeddings):
    """Vectors of unit length by the embedder of a collection, or, without one, by that of the settings.

    A text that is longer than the embedder's window is embedded as far as that goes, and a warning is logged.
    """

    def __init__(self, service: Service, *, collection: str | None = None) -> None:
        self._service = service
        self._collection = collection

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, as of a passage."""
        if not texts:
            return []
        embedder = self._embedder()
        longer = sum(size > embedder.max_tokens for size in embedder.count_tokens(texts))
        if longer:
            logger.warning(
                "%d of %d texts are longer than the %d tokens embedded", longer, len(texts), embedder.max_tokens
            )
        return _as_lists(embedder.embed_passages(texts))

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question."""
        return _as_lists(self._embedder().embed_queries([text]))[0]

    def _embedder(self) -> Embedder:
        if self._collection is None:
            return self._service.models.embedder()
        return self._service.models.embedder(self._service.store.corpus(self._collection).fingerprint)


def _as_lists(matrix: FloatMatrix) -> list[list[float]]:
    return [[float(value) for value in row] for row in matrix]
