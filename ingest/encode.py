"""Documents -> documents with vectors and entities, two kinds of model at work at the same time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import TypeVar

import numpy as np

from grounding.errors import ConfigurationError, GroundingError, LoadError, MissingDependency, ModelError
from grounding.ports import Embedder, EntityExtractor, TokenEmbedder
from grounding.values import Entity, Vectorized
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
    """A batch at work. `stored` and `made` are vectors by hash: those that the collection holds, and all others so
    far; `embedded` is done when none is lacking."""

    documents: tuple[Prepared, ...]
    stored: Mapping[str, Vectorized]
    made: Mapping[str, Vectorized]
    embedded: Future[None]
    entities: Future[list[tuple[Entity, ...]]]

    def done(self, *, timeout: float) -> bool:
        """Whether the vectors are there, after waiting for them at most `timeout` seconds."""
        return not wait([self.embedded], timeout=timeout).not_done


class Encoder:
    """Runs the embedder in one thread and the entity extractor in another. `embedded` counts passages so far."""

    def __init__(self, embedder: Embedder, extractor: EntityExtractor) -> None:
        self._embedder = embedder
        self._extractor = extractor
        self._embedding = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._naming = ThreadPoolExecutor(1, thread_name_prefix="entities")
        self._stop = Event()
        self._failed_in_a_row = 0
        self._before: Mapping[str, Vectorized] = {}
        self.embedded = 0

    def start(self, documents: Sequence[Prepared], stored: Mapping[str, Vectorized]) -> Pending:
        """Sets both models to work on a batch. `stored` are vectors that the collection holds already, by hash.

        The batch before may not be stored yet: what is made for it is not made again.
        """
        texts = {
            draft.embed_hash: draft.embedded
            for document in documents
            for draft in document.drafts
            if draft.embed_hash not in stored
        }
        drafts = [draft for document in documents for draft in document.drafts]
        made: dict[str, Vectorized] = {}
        embedded = self._embedding.submit(self._embed, texts, made, self._before)
        self._before = made
        return Pending(tuple(documents), stored, made, embedded, self._naming.submit(self._entities, drafts))

    def finish(self, pending: Pending) -> list[NewDocument | LoadError]:
        """The batch, document by document. Where a model fails on the batch, each document is tried alone, so that
        only the culprit fails."""
        failed = _attempt(pending.embedded.result)
        entities = _attempt(pending.entities.result)
        vectors = {**pending.stored, **pending.made}
        if failed is not None or isinstance(entities, Exception):
            return [self._alone(document, vectors) for document in pending.documents]
        found = iter(entities)
        return [
            _complete(document, vectors, list(islice(found, len(document.drafts)))) for document in pending.documents
        ]

    def close(self) -> None:
        """Lets the models end what they are doing, and starts nothing more."""
        self._stop.set()
        self._embedding.shutdown(cancel_futures=True)
        self._naming.shutdown(cancel_futures=True)

    def _alone(self, document: Prepared, vectors: dict[str, Vectorized]) -> NewDocument | LoadError:
        """The document on its own. What has to be embedded for it is put to the vectors, for those after it."""
        source = document.document.source
        texts = {draft.embed_hash: draft.embedded for draft in document.drafts if draft.embed_hash not in vectors}
        if texts and not self.embedded and self._failed_in_a_row >= _HOPELESS:
            return LoadError(
                source, stage="embed", reason="model", detail="the embedder failed on every document before this one"
            )
        failed = _attempt(lambda: self._embed(texts, vectors, {}))
        self._failed_in_a_row = 0 if failed is None else self._failed_in_a_row + 1
        if failed is not None:
            return _failure(source, failed, stage="embed")
        found = _attempt(lambda: self._entities(document.drafts))
        if isinstance(found, Exception):
            return _failure(source, found, stage="entities")
        return _complete(document, vectors, found)

    def _embed(self, texts: Mapping[str, str], made: dict[str, Vectorized], before: Mapping[str, Vectorized]) -> None:
        """Puts the vectors of the texts into `made`, with those of the batch before where they are the same."""
        if self._stop.is_set():
            raise _Stopped
        made.update({digest: before[digest] for digest in texts if digest in before})
        missing = {digest: text for digest, text in texts.items() if digest not in made}
        for part in in_slices(missing, embedder=self._embedder):
            made.update(part)
            self.embedded += len(part)
            if self._stop.is_set():
                raise _Stopped

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


def in_slices(texts: Mapping[str, str], *, embedder: Embedder) -> Iterator[dict[str, Vectorized]]:
    """Vectors by hash, some at a time. Texts of like length go together: a model pads a batch to its longest.

    Raises ModelError where the embedder answers nonsense.
    """
    order = iter(sorted(texts.items(), key=lambda item: len(item[1])))
    while part := list(islice(order, SLICE)):
        made = _vectorized([text for _, text in part], embedder)
        yield dict(zip((digest for digest, _ in part), made, strict=True))


def _vectorized(texts: Sequence[str], embedder: Embedder) -> list[Vectorized]:
    if isinstance(embedder, TokenEmbedder):
        made = embedder.vectorize(texts)
    else:
        made = [Vectorized(vector) for vector in embedder.embed_passages(texts)]
    shape = (embedder.fingerprint.dimension,)
    if len(made) != len(texts) or not all(v.vector.shape == shape and np.isfinite(v.vector).all() for v in made):
        raise ModelError(f"the embedder answered nonsense: {len(made)} vectors for {len(texts)} passages")
    return made


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
    document: Prepared, vectors: Mapping[str, Vectorized], entities: Sequence[tuple[Entity, ...]]
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
                vector=vectors[draft.embed_hash].vector,
                tokens=vectors[draft.embed_hash].tokens,
                embed_hash=draft.embed_hash,
                entities=found,
                language=draft.language,
            )
            for draft, found in zip(document.drafts, entities, strict=True)
        ),
        origin=document.origin,
        language=document.language,
    )
