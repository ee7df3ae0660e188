"""The process that dies: does what a `Task` says, keeps a journal, and kills itself where it is told to."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, event

from grounding.models.builtin import HashEmbedder
from grounding.models.rules_entities import RuleEntities
from grounding.settings import Settings, Storage
from grounding.values import Fingerprint, FloatMatrix
from ingest import job
from store.documents import Documents, NewDocument
from store.erasing import Receipt
from store.milestones import Milestone
from store.open import Store
from store.writer import CollectionWriter
from tests.faults import library, plants
from tests.faults.journal import Journal

NAME = "notes"


@dataclass(frozen=True, slots=True)
class Task:
    """What a child does, and where it dies.

    `at` is a milestone and which time it is reached; `statement` the number of an SQL statement or commit, before
    which it dies. `plant` is the bug that its store has. Moments passed are appended to `moments`.
    """

    home: str
    scenario: str = "ingest"
    collection: str = NAME
    records: int = 160
    corpus: str | None = None
    rounds: tuple[int, ...] = (0,)
    passage_tokens: int = 32
    exact_passages: int = 50_000
    at: tuple[Milestone, int] | None = None
    statement: int | None = None
    plant: plants.Plant | None = None
    moments: str | None = None
    clock: int = 0

    @property
    def journal(self) -> Journal:
        home = Path(self.home)
        return Journal(home.with_name(f"{home.name}.{self.collection}.journal"))

    @property
    def storage(self) -> Storage:
        return Storage(exact_passages=self.exact_passages)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> Task:
        found = json.loads(text)
        at = tuple(found.pop("at") or ()) or None
        return cls(**{**found, "rounds": tuple(found["rounds"]), "at": at})


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Moments:
    """Told of milestones: writes them down, and dies at one of them."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._times: Counter[str] = Counter()
        self.before: Callable[[Milestone], None] = lambda _: None
        self.after: Callable[[Milestone], None] = lambda _: None

    def __call__(self, milestone: Milestone) -> None:
        self._times[milestone] += 1
        self.before(milestone)
        if self._task.moments is not None:
            descriptor = os.open(self._task.moments, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, f"{milestone}\n".encode())
            os.close(descriptor)
        if self._task.at == (milestone, self._times[milestone]):
            die()
        self.after(milestone)


def die_before_statement(number: int) -> None:
    """Dies before the statement or commit of this number, counted from 1."""
    passed = 0

    def count(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed == number:
            die()

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)


class Telling(CollectionWriter):
    """A writer that puts into the journal what it begins, and what it was told is done."""

    journal: Journal

    def put(self, documents: Sequence[NewDocument]) -> None:
        key = self.journal.putting(self.collection, documents)
        try:
            super().put(documents)
        except BaseException:
            self.journal.refused(key)
            raise
        self.journal.done(key)

    def delete(self, document_ids: Sequence[str]) -> int:
        key = self.journal.deleting(self.collection, document_ids)
        try:
            removed = super().delete(document_ids)
        except BaseException:
            self.journal.refused(key)
            raise
        self.journal.done(key)
        return removed


class TellingDocuments(Documents):
    journal: Journal

    def delete(self, document_id: str, *, collection: str | None = None, **options: Any) -> bool:
        key = self.journal.deleting(collection or NAME, [document_id])
        try:
            removed = super().delete(document_id, collection=collection, **options)
        except BaseException:
            self.journal.refused(key)
            raise
        self.journal.done(key)
        return removed


class TellingStore(Store):
    """The store, whose writers and documents keep the journal. With a plant, it has that bug."""

    def __init__(self, opened: Store, journal: Journal, *, moments: Moments, plant: plants.Plant | None) -> None:
        self.__dict__.update(opened.__dict__)
        self._journal = journal
        self._writers = plants.writer(Telling, plant, moments)
        plants.into(self, plant, moments)
        self.documents.__class__ = TellingDocuments
        self.documents.journal = journal  # type: ignore[attr-defined]

    def erase_document(self, document_id: str, *, collection: str | None = None, wait: bool = True) -> Receipt:
        key = self._journal.erasing(collection or NAME, [document_id])
        receipt = super().erase_document(document_id, collection=collection, wait=wait)
        self._journal.done(key)
        return receipt

    @contextmanager
    def writer(self, name: str, **options: Any) -> Iterator[CollectionWriter]:
        with super().writer(name, **options) as writer:
            writer.__class__ = self._writers
            writer.journal = self._journal  # type: ignore[attr-defined]
            yield writer


class TellingEmbedder(HashEmbedder):
    """The built-in embedder, which puts into the journal what it embeds."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        vectors = super().embed_passages(texts)
        self._journal.embedded(self.fingerprint, texts, vectors)
        return vectors


class OtherEmbedder(TellingEmbedder):
    """Another model: its vectors cannot be compared with the first one's."""

    @property
    def fingerprint(self) -> Fingerprint:
        return replace(super().fingerprint, revision="other")

    def _embed(self, texts: Sequence[str]) -> FloatMatrix:
        return np.roll(super()._embed(texts), 7, axis=1)


@dataclass(frozen=True, slots=True)
class Work:
    """What a scenario works with."""

    task: Task
    store: Store
    settings: Settings
    embedder: TellingEmbedder
    other: TellingEmbedder
    moments: Moments

    @property
    def home(self) -> Path:
        return Path(self.task.home)

    def ingest(self, *sources: str | Path, prune: bool = True) -> None:
        report = job.run(
            [str(source) for source in sources],
            collection=self.task.collection,
            store=self.store,
            embedder=self.embedder,
            extractor=RuleEntities(),
            language_of=lambda _: "en",
            settings=self.settings,
            prune=prune,
        )
        assert report.documents.failed == 0, report.failures[:3]


def records_of(task: Task) -> list[library.Record]:
    return library.read(Path(task.corpus))[: task.records] if task.corpus else library.generated(task.records)
