"""Documents, vectors and exchanges to test the store with: small, and different where it matters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from grounding.filters import Filter
from grounding.ports import Corpus
from grounding.values import Document, Entity, Exchange, Fingerprint, FloatVector, Hit, Question
from store.documents import NewDocument, NewPassage
from store.open import Store

DIMENSION = 16
FINGERPRINT = Fingerprint("letters", "1", DIMENSION)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def vector(text: str) -> FloatVector:
    """A unit vector that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    values = np.random.default_rng(seed).normal(size=DIMENSION)
    return (values / np.linalg.norm(values)).astype(np.float32)


def passage(text: str, *, start: int = 0, names: Sequence[str] = (), heading: str = "") -> NewPassage:
    entities = tuple(Entity(name, "ORG", 0, len(name)) for name in names)
    return NewPassage(text, start, start + len(text), heading, {}, vector(text), f"hash of {text}", entities)


def document(
    name: str,
    *texts: str,
    title: str = "",
    metadata: Mapping[str, object] | None = None,
    names: Sequence[str] = (),
    source: str | None = None,
) -> NewDocument:
    """A document `name` whose passages are `texts`; each mentions `names`."""
    whole = "\n".join(texts)
    passages, start = [], 0
    for text in texts:
        passages.append(passage(text, start=start, names=names))
        start += len(text) + 1
    held = Document(
        id=name,
        collection="library",
        source=source or f"{name}.txt",
        title=title,
        text=whole,
        media_type="text/plain",
        metadata=metadata or {},
        content_hash=hashlib.sha256(f"{title}\n{whole}\n{metadata}".encode()).hexdigest(),
    )
    return NewDocument(held, tuple(passages), origin="shelf", language="en")


def put(store: Store, *documents: NewDocument, collection: str = "library", publish: bool = False) -> None:
    with store.writer(collection, fingerprint=FINGERPRINT) as writer:
        writer.put(documents)
        if publish:
            writer.publish()


def texts(store: Store, ids: Sequence[int], *, collection: str = "library") -> list[str]:
    """What the passages of these ids say, in order."""
    return [found.text for found in store.corpus(collection).passages(ids)]


def nearest(corpus: Corpus, text: str, k: int, *, where: Filter | None = None) -> list[Hit]:
    """What the dense leg finds for a text."""
    return corpus.dense(vector(text), k, fingerprint=FINGERPRINT, where=where)


def exchange(trace_id: str, *, question: str = "How long is the leave?", **changes: Any) -> Exchange:
    fields: dict[str, Any] = {
        "trace_id": trace_id,
        "kind": "chat",
        "created_at": NOON,
        "collection": "library",
        "question": Question(raw=question, clean=question, standalone=question, language="en"),
        "outcome": "answered",
        **changes,
    }
    return Exchange(**fields)
