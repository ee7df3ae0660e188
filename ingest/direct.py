"""Documents given in memory -> stored, and found by every search once `put` returns: for callers of the library."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from grounding.errors import LoadError, NotFound, StoreError
from grounding.ports import EntityExtractor
from grounding.values import Metadata
from ingest.encode import Encoder
from ingest.loaders.files import Loaded, json_ready, normal, one_line
from ingest.patience import Patience
from ingest.prepare import Identity, Incoming, Prepared, Preparer, content_hash
from ingest.supply import BATCH_PASSAGES
from store.documents import NewDocument
from store.open import Store
from store.writer import CollectionWriter

logger = logging.getLogger(__name__)

ORIGIN = "library"
"""Source keys of what was given: `library#<id>`."""


@dataclass(frozen=True, slots=True)
class Given:
    """A document by its id, which it keeps. `title` stands before each of its passages when they are embedded."""

    id: str
    text: str
    title: str = ""
    metadata: Metadata = field(default_factory=dict)


def put(
    documents: Sequence[Given], *, collection: str, store: Store, preparer: Preparer, extractor: EntityExtractor
) -> None:
    """Stores documents, new or in the place of those that have their ids, some hundred passages in one transaction.
    What is there unchanged is left alone; of two with one id the later holds. Waits while another writes.

    Raises ConfigurationError if the collection holds vectors of another embedder, LoadError for a document that cannot
    be stored: those of the transactions before are.
    """
    wanted = {given.id: given for given in documents}
    with (
        store.writer(collection, fingerprint=preparer.embedder.fingerprint) as writer,
        closing(Encoder(preparer.embedder, extractor)) as encoder,
    ):
        changed = _changed(wanted, collection=collection, store=store, preparer=preparer)
        for batch in _batches(changed):
            _store(batch, writer, encoder)
        _publish(writer)


def _changed(wanted: Mapping[str, Given], *, collection: str, store: Store, preparer: Preparer) -> Iterator[Prepared]:
    """Those of the documents that are not there as they are, cut into passages."""
    for given in wanted.values():
        if not given.id:
            raise LoadError(ORIGIN, reason="schema", detail="a document needs an id that is not empty")
        source = f"{ORIGIN}#{given.id}"
        raw = Loaded(
            title=one_line(given.title),
            text=normal(given.text),
            media_type="text/plain",
            key=given.id,
            id=given.id,
            metadata=json_ready(given.metadata, source=source),
        )
        digest = content_hash(raw)
        try:
            held = store.documents.get(given.id, collection=collection).document
        except NotFound:
            incoming = Incoming(source, ORIGIN, raw)
            yield preparer.prepare(incoming, Identity(given.id, digest, "created"), collection=collection)
            continue
        if held.content_hash != digest:
            incoming = Incoming(held.source, ORIGIN, raw)
            yield preparer.prepare(incoming, Identity(given.id, digest, "updated"), collection=collection)


def _batches(documents: Iterator[Prepared]) -> Iterator[list[Prepared]]:
    batch: list[Prepared] = []
    passages = 0
    for document in documents:
        batch.append(document)
        passages += len(document.drafts)
        if passages >= BATCH_PASSAGES:
            yield batch
            batch, passages = [], 0
    if batch:
        yield batch


def _store(batch: Sequence[Prepared], writer: CollectionWriter, encoder: Encoder) -> None:
    patiently = Patience()
    hashes = sorted({draft.embed_hash for document in batch for draft in document.drafts})
    ready: list[NewDocument] = []
    for encoded in encoder.finish(encoder.start(batch, patiently(lambda: writer.vectors(hashes)))):
        if isinstance(encoded, LoadError):
            raise encoded
        ready.append(encoded)
    patiently(lambda: writer.put(ready))


def _publish(writer: CollectionWriter) -> None:
    """Index files are copies: where they cannot be written, every document is stored and found all the same."""
    try:
        writer.publish()
    except StoreError as error:
        logger.warning("the index files of %r were not brought up to date: %s", writer.collection, error)
