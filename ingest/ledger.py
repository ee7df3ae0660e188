"""What becomes of each document that arrives, by what the collection holds and what the same run has brought. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from grounding.errors import LoadError
from ingest.prepare import Identity, Incoming, content_hash, document_id
from ingest.sources import Scope, prefixes
from store.documents import KnownDocument


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing to store: it is there unchanged, or its content is there under another source. `moved` if it has come
    from elsewhere than this time."""

    outcome: Literal["unchanged", "duplicate"]
    passages: int
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """It equals, or has the id of, a document whose own fate is not known before the run ends."""


Decision: TypeAlias = Identity | Keep | Wait
"""An Identity means: store it so."""


class Ledger:
    """Decides document by document. Belongs to one thread at a time."""

    def __init__(self, known: Mapping[str, KnownDocument], scopes: Sequence[Scope] = ()) -> None:
        self._known = dict(known)
        self._scopes = scopes
        self._by_hash = {document.content_hash: source for source, document in known.items()}
        self._by_id = {document.id: source for source, document in known.items()}
        self._seen: set[str] = set()
        self._protected: set[str] = set()

    def decide(self, incoming: Incoming) -> Decision:
        """What to do with a document. Raises LoadError with reason duplicate_id or duplicate_source."""
        source = incoming.source
        if source in self._seen:
            raise LoadError(
                source,
                reason="duplicate_source",
                detail=f"another document of this run is {source!r} as well: rename one",
            )
        self._seen.add(source)
        digest = content_hash(incoming.raw)
        known = self._known.get(source)
        if known is not None and known.content_hash == digest:
            return Keep("unchanged", known.passages, moved=known.origin != incoming.origin)
        own_id = known.id if known is not None else incoming.raw.id or document_id(source)
        twin = self._by_hash.get(digest) if known is None else None
        namesake = self._by_id.get(own_id, source)
        if any(other != source and self._is_open(other) for other in (twin, namesake) if other is not None):
            self._seen.discard(source)
            return Wait()
        if twin is not None:
            return Keep("duplicate", 0)
        if namesake != source:
            raise LoadError(
                source, reason="duplicate_id", detail=f"its id {own_id!r} is already that of {namesake!r}: change one"
            )
        if known is not None and self._by_hash.get(known.content_hash) == source:
            del self._by_hash[known.content_hash]
        self._by_hash[digest] = source
        self._by_id[own_id] = source
        return Identity(own_id, digest, "created" if known is None else "updated")

    def failed(self, *keys: str) -> None:
        """Notes source keys and paths that could not be read: what they brought earlier is not missing, and stays."""
        self._protected.update(keys)

    def settle(self) -> None:
        """Ends the wait: whatever has not been seen by now will not be seen."""
        self._scopes = ()

    def missing(self) -> list[KnownDocument]:
        """Documents from the given sources that are no longer there."""
        return [
            document
            for source, document in self._known.items()
            if source not in self._seen
            and not self._is_protected(document)
            and any(scope.covers(document) for scope in self._scopes)
        ]

    def forget(self, documents: Iterable[KnownDocument]) -> None:
        """Notes that documents were deleted."""
        for document in documents:
            self._known.pop(document.source, None)
            for index, key in ((self._by_hash, document.content_hash), (self._by_id, document.id)):
                if index.get(key) == document.source:
                    del index[key]

    def _is_open(self, source: str) -> bool:
        """Whether a known document may yet be changed or deleted by this run."""
        document = self._known.get(source)
        return document is not None and source not in self._seen and any(s.covers(document) for s in self._scopes)

    def _is_protected(self, document: KnownDocument) -> bool:
        return not self._protected.isdisjoint(
            (document.source, document.origin, *prefixes(document.source, "/#"), *prefixes(document.origin, os.sep))
        )
