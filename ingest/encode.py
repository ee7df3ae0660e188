"""Documents -> documents with vectors and entities, two kinds of model at work at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import TypeVar

import numpy as np

from grounding.errors import ConfigurationError, GroundingError, LoadError, MissingDependency, ModelError
from grounding.ports import Embedder, EntityExtractor
from grounding.values import Entity, FloatVector
from ingest.prepare import Draft, Prepared
from store.documents import NewDocument, NewPassage

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SLICE = 64
"""Passages embedded between two looks at whether to stop; a model makes its own batches of them."""
_HOPELESS = 5
"""So many documents in a row, and none before them, that cannot be embedded: it is not the documents."""


class _Stopped(Exception):
    """The run ends before this batch."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A batch at work."""

    documents: tuple[Prepared, ...]
    stored: Mapping[str, FloatVector]
    vectors: Future[dict[str, FloatVector]]
    entities: Future[list[tuple[Entity, ...]]]

    def done(self, *, timeout: float) -> bool:
        """Whether the vectors are there, after waiting for them at most `timeout` seconds."""
        return not wait([self.vectors], timeout=timeout).not_done


class Encoder:
    """Runs the embedder in one thread and the entity extractor in another. `embedded` counts passages so far."""

    def __init__(self, embedder: Embedder, extractor: EntityExtractor) -> None:
        self._embedder = embedder
        self._extractor = extractor
        self._embedding = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._naming = ThreadPoolExecutor(1, thread_name_prefix="entities")
        self._stop = Event()
        self._failed_in_a_row = 0
        self.embedded = 0

    def start(self, documents: Sequence[Prepared], stored: Mapping[str, FloatVector]) -> Pending:
        """Sets both models to work on a batch. `stored` are vectors that the collection holds already, by hash."""
        texts = {
            draft.embed_hash: draft.embedded
            for document in documents
            for draft in document.drafts
            if draft.embed_hash not in stored
        }
        drafts = [draft for document in documents for draft in document.drafts]
        return Pending(
            tuple(documents),
            stored,
            self._embedding.submit(self._vectors, texts),
            self._naming.submit(self._entities, drafts),
        )

    def finish(self, pending: Pending) -> list[NewDocument | LoadError]:
        """The batch, document by document. Where a model fails on the batch, each document is tried alone, so that
        only the culprit fails."""
        vectors = _attempt(pending.vectors.result)
        entities = _attempt(pending.entities.result)
        if isinstance(vectors, Exception) or isinstance(entities, Exception):
            got = {} if isinstance(vectors, Exception) else vectors
            return [self._alone(document, {**pending.stored, **got}) for document in pending.documents]
        found = iter(entities)
        return [
            _complete(document, {**pending.stored, **vectors}, list(islice(found, len(document.drafts))))
            for document in pending.documents
        ]

    def close(self) -> None:
        """Lets the models end what they are doing, and starts nothing more."""
        self._stop.set()
        self._embedding.shutdown(cancel_futures=True)
        self._naming.shutdown(cancel_futures=True)

    def _alone(self, document: Prepared, vectors: Mapping[str, FloatVector]) -> NewDocument | LoadError:
        source = document.document.source
        texts = {draft.embed_hash: draft.embedded for draft in document.drafts if draft.embed_hash not in vectors}
        if texts and not self.embedded and self._failed_in_a_row >= _HOPELESS:
            return LoadError(
                source, stage="embed", reason="model", detail="the embedder failed on every document before this one"
            )
        fresh = _attempt(lambda: self._vectors(texts))
        self._failed_in_a_row = 0 if isinstance(fresh, dict) else self._failed_in_a_row + 1
        if isinstance(fresh, Exception):
            return _failure(source, fresh, stage="embed")
        found = _attempt(lambda: self._entities(document.drafts))
        if isinstance(found, Exception):
            return _failure(source, found, stage="entities")
        return _complete(document, {**vectors, **fresh}, found)

    def _vectors(self, texts: Mapping[str, str]) -> dict[str, FloatVector]:
        """Vectors by hash. Texts of like length go together: a model pads a batch to its longest."""
        order = iter(sorted(texts.items(), key=lambda item: len(item[1])))
        found: dict[str, FloatVector] = {}
        while part := list(islice(order, SLICE)):
            if self._stop.is_set():
                raise _Stopped
            matrix = self._embedder.embed_passages([text for _, text in part])
            if matrix.shape != (len(part), self._embedder.fingerprint.dimension) or not np.isfinite(matrix).all():
                raise ModelError(f"the embedder answered nonsense: shape {matrix.shape} for {len(part)} passages")
            found.update(zip((digest for digest, _ in part), matrix, strict=True))
            self.embedded += len(part)
        return found

    def _entities(self, drafts: Sequence[Draft]) -> list[tuple[Entity, ...]]:
        """Entities of each passage, asked for language by language."""
        found: list[tuple[Entity, ...]] = [()] * len(drafts)
        for language in sorted({draft.language for draft in drafts}):
            numbers = iter([number for number, draft in enumerate(drafts) if draft.language == language])
            while part := list(islice(numbers, SLICE)):
                if self._stop.is_set():
                    raise _Stopped
                answers = self._extractor.extract([drafts[number].text for number in part], language=language)
                for number, entities in zip(part, answers, strict=True):
                    found[number] = entities
        return found


def _attempt(work: Callable[[], _T]) -> _T | Exception:
    """What the work returns, or the error that it ends with. What makes all further work pointless is raised."""
    try:
        return work()
    except (MissingDependency, ConfigurationError, _Stopped):
        raise
    except Exception as error:  # noqa: BLE001 - a model may raise anything; it costs the document, not the job
        _log.debug("a model failed", exc_info=error)
        return error


def _failure(source: str, error: Exception, *, stage: str) -> LoadError:
    reason = error.code if isinstance(error, GroundingError) else "internal"
    detail = str(error) if isinstance(error, GroundingError) else f"unexpected {type(error).__name__} in the model"
    return LoadError(source, stage=stage, reason=reason, detail=detail)


def _complete(
    document: Prepared, vectors: Mapping[str, FloatVector], entities: Sequence[tuple[Entity, ...]]
) -> NewDocument:
    return NewDocument(
        document=document.document,
        passages=tuple(
            NewPassage(
                text=draft.text,
                start=draft.start,
                end=draft.end,
                heading=draft.heading,
                metadata={},
                vector=vectors[draft.embed_hash],
                embed_hash=draft.embed_hash,
                entities=found,
            )
            for draft, found in zip(document.drafts, entities, strict=True)
        ),
        origin=document.origin,
        language=document.language,
    )
