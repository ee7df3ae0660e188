"""Files and records -> batches of documents, each with its fate: the half of an ingest that needs no model and no
writing, and so can run ahead in a thread of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from grounding.errors import GroundingError, LoadError
from grounding.ports import DocumentLoader
from ingest import flow
from ingest.ledger import Keep, Ledger, Wait
from ingest.loaders import load
from ingest.loaders.jsonl import count_records, record
from ingest.prepare import Identity, Incoming, Prepared, Preparer
from ingest.report import Outcome
from ingest.sources import Plan, known_file_keys
from store.documents import KnownDocument

_log = logging.getLogger(__name__)

Arrival: TypeAlias = Incoming | LoadError
Feed: TypeAlias = Callable[[Mapping[str, KnownDocument], Ledger], Iterator[Arrival]]
"""What arrives, given what the collection holds; it tells the ledger what could not be read."""

BATCH_PASSAGES = 256
FIRST_PASSAGES = 32
"""The first batch is as small as this, and each of the next twice as large as the one before: models that wait for
nothing but a first batch begin soon."""
BATCH_SETTLED = 2000
"""So many documents that need no model are handed over at once."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A document whose fate needs no model. `passages` are those that it has already; `origin` is there if it came
    from elsewhere before."""

    source: str
    outcome: Outcome
    passages: int = 0
    failure: LoadError | None = None
    origin: str | None = None


@dataclass(slots=True)
class Batch:
    documents: list[Prepared] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    passages: int = 0

    def add(self, item: Prepared | Settled) -> None:
        if isinstance(item, Settled):
            self.settled.append(item)
        else:
            self.documents.append(item)
            self.passages += len(item.drafts)


@dataclass(frozen=True, slots=True)
class Supply:
    """Turns what arrives into batches. What has to wait for the end of the run is put into `waiting`."""

    collection: str
    preparer: Preparer
    ledger: Ledger
    workers: int
    batch_passages: int = BATCH_PASSAGES
    waiting: list[Incoming] = field(default_factory=list)

    def batches(self, arriving: Iterator[Arrival]) -> Generator[Batch]:
        batch = Batch()
        enough = min(FIRST_PASSAGES, self.batch_passages)
        with closing(flow.in_order(self._tasks(arriving), workers=self.workers)) as items:
            for item in items:
                batch.add(item)
                if batch.passages >= enough or len(batch.settled) >= BATCH_SETTLED:
                    yield batch
                    batch = Batch()
                    enough = min(2 * enough, self.batch_passages)
        yield batch

    def _tasks(self, arriving: Iterator[Arrival]) -> Iterator[Callable[[], Prepared | Settled]]:
        for item in arriving:
            try:
                if isinstance(item, LoadError):
                    raise item
                decision = self.ledger.decide(item)
            except LoadError as error:
                yield partial(Settled, error.source, "failed", failure=error)
                continue
            match decision:
                case Wait():
                    self.waiting.append(item)
                case Keep(outcome, passages, moved):
                    origin = item.origin if moved else None
                    yield partial(Settled, item.source, outcome, passages, origin=origin)
                case Identity():
                    yield partial(self._prepared, item, decision)

    def _prepared(self, item: Incoming, identity: Identity) -> Prepared | Settled:
        try:
            return self.preparer.prepare(item, identity, collection=self.collection)
        except GroundingError:
            raise
        except Exception as error:  # noqa: BLE001 - one odd text must not end the run
            _log.debug("cutting %s failed", item.source, exc_info=error)
            detail = f"unexpected {type(error).__name__} while cutting it into passages"
            failure = LoadError(item.source, stage="chunk", reason="internal", detail=detail)
            return Settled(item.source, "failed", failure=failure)


def files(
    plan: Plan,
    loaders: Mapping[str, DocumentLoader],
    sleep: Callable[[float], None],
    known: Mapping[str, KnownDocument],
    ledger: Ledger,
) -> Iterator[Arrival]:
    """Documents of all files of a plan, and a LoadError for each that could not be read."""
    yield from plan.failures
    ledger.failed(*plan.unseen)
    earlier = known_file_keys(known)
    claimed: dict[str, str] = {}
    for file in plan.files:
        key = earlier.get(file.origin, file.key)
        if claimed.setdefault(key, file.origin) != file.origin:
            ledger.failed(file.origin)
            detail = f"{file.origin} and {claimed[key]} would be one document: ingest a folder that holds both"
            yield LoadError(key, reason="duplicate_source", detail=detail)
            continue
        for raw in load(loaders, file.path, source=key, sleep=sleep):
            if isinstance(raw, LoadError):
                ledger.failed(key, file.origin)
                yield raw
            else:
                yield Incoming(f"{key}#{raw.key}" if raw.key else key, file.origin, raw)


def expected(plan: Plan) -> int:
    """About how many documents `files` will bring."""
    records = sum(count_records(file.path) if file.path.suffix.lower() == ".jsonl" else 1 for file in plan.files)
    return records + len(plan.failures)


def records(
    values: Sequence[object], origin: str, _known: Mapping[str, KnownDocument], _ledger: Ledger
) -> Iterator[Arrival]:
    """Documents of records given as JSON values; one without an id is known by its place."""
    for number, value in enumerate(values, start=1):
        try:
            raw = record(value, source=f"{origin}#{number}")
        except LoadError as error:
            yield error
        else:
            yield Incoming(f"{origin}#{raw.key or number}", origin, raw)
