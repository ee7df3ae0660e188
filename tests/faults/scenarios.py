"""What children do: each scenario may be begun again after it was killed, and then comes to the same end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from api.compose import build
from api.worker import ingest_waiting
from grounding.errors import NotFound
from grounding.settings import Settings
from grounding.values import Fingerprint
from ingest import reembed as reembedding
from ingest.spool import keep_records
from store import restoring
from store.open import open_store
from tests.faults import library, plants
from tests.faults.child import (
    Moments,
    OtherEmbedder,
    Task,
    TellingEmbedder,
    TellingStore,
    Work,
    die_before_statement,
    records_of,
)


def ingest(work: Work) -> None:
    """Brings the collection to each of the rounds: documents come, change and go. Then deletes some by hand."""
    task = work.task
    records = records_of(task)
    folder = work.home.with_name(f"{work.home.name}.{task.collection}.corpus")
    for number in task.rounds:
        library.write(folder, records, number=number)
        work.ingest(folder)
        for record in records[number :: max(1, len(records) // 4)][:3]:
            work.store.documents.delete(record.id, collection=task.collection)


def parts(work: Work) -> None:
    """The same, a file at a time: many commits, and many new indexes."""
    folder = work.home.with_name(f"{work.home.name}.{work.task.collection}.corpus")
    records = records_of(work.task)
    for number in work.task.rounds:
        library.write(folder, records, number=number, parts=min(10, len(records) // 15))
        for file in sorted(Path(folder).iterdir()):
            work.ingest(file)


def reembed(work: Work) -> None:
    """Takes the collection to the vectors of another embedder, and back."""
    embedders = {embedder.fingerprint: embedder for embedder in (work.embedder, work.other)}

    def migrate(embedder: TellingEmbedder) -> None:
        report = reembedding.run(
            work.task.collection, store=work.store, embedder=embedder, embedder_of=embedders.__getitem__
        )
        assert report.switched, report.reason

    if _in_use(work) == work.other.fingerprint:
        migrate(work.embedder)
    ingest(work)
    migrate(work.other)
    migrate(work.embedder)


def _in_use(work: Work) -> Fingerprint | None:
    try:
        return work.store.collections.get(work.task.collection).fingerprint
    except NotFound:
        return None


def erase(work: Work) -> None:
    """Takes documents out of all that is kept."""
    ingest(work)
    for number in (7, 8):
        receipt = work.store.erase_document(f"doc-{number:05d}", collection=work.task.collection)
        assert receipt.clean, receipt


def upload(work: Work) -> None:
    """Takes in documents that came over HTTP and waited."""
    with build(work.settings) as service:
        models = service.models
        models._embedders[work.embedder.fingerprint.name] = work.embedder
        serving = replace(service, store=work.store)
        for number in work.task.rounds:
            _enqueued(work, number)
            while work.store.jobs.waiting("upload"):
                ingest_waiting(serving, threading.Event())


def _enqueued(work: Work, number: int) -> None:
    job_id = f"{number:032x}"
    try:
        work.store.jobs.get(job_id)
    except NotFound:
        found = library.at_round(records_of(work.task), number)
        records = [{"_id": record.id, "title": record.title, "text": record.text} for record in found]
        spool, _ = keep_records(work.home / "uploads", job_id, records)
        request = {"folder": spool.folder.name}
        work.store.jobs.enqueue(job_id, work.task.collection, sources=["upload"], kind="upload", request=request)


def restore(work: Work) -> None:
    """Goes back to a backup that was made before the last round."""
    journal, backup = work.task.journal, work.home.with_name("backup")
    first, *_ = work.task.rounds
    ingest(replace(work, task=replace(work.task, rounds=(first,))))
    work.store.backup(backup, force=True)
    journal.saved()
    ingest(work)
    key = journal.restoring(work.task.collection)
    restoring.restore(backup, home=work.home, replace=True, reached=work.moments)
    journal.done(key)


SCENARIOS: Mapping[str, Callable[[Work], None]] = {
    "ingest": ingest,
    "parts": parts,
    "reembed": reembed,
    "erase": erase,
    "upload": upload,
    "restore": restore,
}


def run(task: Task) -> None:
    """Does the task."""
    if task.clock:
        plants.turn_back_clock(task.clock)
    home, moments = Path(task.home), Moments(task)
    settings = Settings.model_validate(
        {
            "home": home,
            "models": {"embedder": "builtin", "entities": {"en": "builtin", "ja": "builtin"}},
            "ingest": {"passage_tokens": task.passage_tokens},
            "storage": task.storage,
        }
    )
    opened = open_store(home=home, storage=settings.storage, reached=moments)
    if task.statement is not None:
        die_before_statement(task.statement)
    journal = task.journal
    journal.run()
    store = TellingStore(opened, journal, moments=moments, plant=task.plant)
    try:
        SCENARIOS[task.scenario](Work(task, store, settings, TellingEmbedder(journal), OtherEmbedder(journal), moments))
    finally:
        store.close()
