"""run(sources) -> Report: load, cut into passages, embed and recognise, store; what is there unchanged is left alone.

Three kinds of work overlap: one thread loads and cuts the next documents, two run the models, and the caller's stores,
counts and tells. A batch is stored whole or not at all, and what was stored is all the memory that a rerun needs: it
is unchanged then.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from functools import partial

from grounding.errors import CollectionBusy, GroundingError, LoadError, NotFound, StoreError
from grounding.ports import Embedder, EntityExtractor, SafetyCheck
from grounding.safety.screen import Part, Screen
from grounding.settings import Settings
from ingest import flow, supply
from ingest.encode import Encoder, Pending
from ingest.ledger import Ledger
from ingest.loaders import registry
from ingest.patience import Patience, is_passing
from ingest.prepare import Preparer
from ingest.report import Failure, Pace, Progress, Report, Status, Tally
from ingest.sources import Plan, plan, uploaded
from ingest.spool import ORIGIN, Spool
from ingest.supply import Batch, Feed, Supply
from store.documents import KnownDocument, NewDocument
from store.jobs import JobItem, JobStatus
from store.open import Store
from store.writer import CollectionWriter

BATCHES_AHEAD = 2
BATCHES_PER_PUBLISH = 40
"""About 10,000 passages: beyond that, building the index files costs less than searching without them."""
DELETED_AT_ONCE = 500
REFUSED_IN_A_ROW = 3
"""So many documents that the store refuses one after the other: it is not the documents, and the run ends."""
DRY_RUN_ID = "dry-run"


def run(
    sources: Sequence[str],
    *,
    collection: str,
    store: Store,
    embedder: Embedder,
    extractor: EntityExtractor,
    language_of: Callable[[str], str],
    settings: Settings,
    firewall: SafetyCheck | None = None,
    prune: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    wait: bool = True,
    waiting: Callable[[str], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    batch_passages: int = supply.BATCH_PASSAGES,
) -> Report:
    """Ingests files, folders and globs into a collection, which is created if it is new.

    `workers` threads cut documents into passages. `prune` deletes what these sources brought earlier and hold no
    longer; `dry_run` only counts. Passages in which `firewall` finds something are flagged. While another process
    writes to the collection it waits, and `waiting` is told who that is; without `wait` it raises CollectionBusy.
    KeyboardInterrupt ends the run between two batches, and the report says so. `sleep` is called with seconds before
    what may have been bad luck is tried again. About `batch_passages` are embedded and stored at a time.
    """
    loaders = registry(settings.ingest)
    found = plan(sources, suffixes=loaders)
    job = _Job(
        collection=collection,
        store=store,
        preparer=Preparer(embedder, language_of, settings.ingest.passage_tokens),
        extractor=extractor,
        firewall=firewall,
        plan=found,
        prune=prune,
        dry_run=dry_run,
        workers=workers,
        wait=wait,
        waiting=waiting,
        progress=progress,
        sleep=sleep,
        batch_passages=batch_passages,
    )
    return job.run(sources, partial(supply.files, found, loaders, sleep), total=supply.expected(found))


def run_upload(
    spool: Spool,
    names: Sequence[str],
    *,
    job_id: str,
    collection: str,
    store: Store,
    embedder: Embedder,
    extractor: EntityExtractor,
    language_of: Callable[[str], str],
    settings: Settings,
    firewall: SafetyCheck | None = None,
    progress: Callable[[Progress], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Report:
    """Ingests an upload, as `run` does a `.jsonl` for records and a folder for files; `names` are those of its files.

    `job_id` is that of the job which waits for it, and goes on waiting if another process writes to the collection:
    CollectionBusy says so.
    """
    records = spool.records()
    found = Plan() if records is not None else uploaded(spool.files(names), origin=ORIGIN)
    job = _Job(
        collection=collection,
        store=store,
        preparer=Preparer(embedder, language_of, settings.ingest.passage_tokens),
        extractor=extractor,
        firewall=firewall,
        plan=found,
        wait=False,
        progress=progress,
        sleep=sleep,
        job_id=job_id,
    )
    if records is not None:
        return job.run(names, partial(supply.records, records, ORIGIN), total=len(records))
    feed = partial(supply.files, found, registry(settings.ingest), sleep)
    return job.run(names, feed, total=supply.expected(found))


class _Job:
    """One run. All but loading and the models happens in the thread that calls it."""

    def __init__(
        self,
        *,
        collection: str,
        store: Store,
        preparer: Preparer,
        extractor: EntityExtractor,
        firewall: SafetyCheck | None,
        plan: Plan,
        prune: bool = False,
        dry_run: bool = False,
        workers: int = 1,
        wait: bool = True,
        waiting: Callable[[str], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        batch_passages: int = supply.BATCH_PASSAGES,
        job_id: str | None = None,
    ) -> None:
        self._collection = collection
        self._store = store
        self._preparer = preparer
        self._encoder = Encoder(preparer.embedder, extractor)
        self._firewall = Screen([firewall] if firewall else [], store.judgements)
        self._plan = plan
        self._prune = prune
        self._dry_run = dry_run
        self._workers = max(1, workers)
        self._wait = wait
        self._waiting = waiting
        self._progress = progress
        self._patiently = Patience(sleep)
        self._batch_passages = batch_passages
        self._tally = Tally()
        self._items: list[JobItem] = []
        self._queued = job_id
        self._id = DRY_RUN_ID
        self._held: set[str] = set()
        self._leaving: set[str] = set()
        self._commits = 0
        self._refused = 0

    def run(self, sources: Sequence[str], feed: Feed, *, total: int) -> Report:
        """Raises the error that made the whole run impossible, after noting it in the job."""
        self._pace = Pace(total)
        try:
            return self._run(sources, feed)
        except BaseException as error:
            nothing_begun = isinstance(error, CollectionBusy) and self._id == DRY_RUN_ID
            if not nothing_begun:  # else a job that waits goes on waiting
                with suppress(GroundingError):
                    self._begin(sources)
                    self._give_up(error)
            raise
        finally:
            self._store.jobs.leave(self._id)

    def _run(self, sources: Sequence[str], feed: Feed) -> Report:
        status: Status = "done"
        try:
            with closing(self._encoder), self._writer() as writer:
                self._begin(sources)
                self._ingest(writer, feed)
        except KeyboardInterrupt:
            status = "interrupted"
        self._begin(sources)
        report = self._report(status)
        self._end(status, report.to_json())
        return report

    def _begin(self, sources: Sequence[str]) -> None:
        """Makes the run a job, or takes up the one that waits for it. Nothing happens the second time."""
        if self._dry_run or self._id != DRY_RUN_ID:
            return
        jobs, waiting = self._store.jobs, self._queued
        if waiting is None:
            self._id = self._patiently(lambda: jobs.start(self._collection, sources=sources))
        else:
            self._id = self._patiently(lambda: jobs.take(waiting)).id

    def _writer(self) -> AbstractContextManager[CollectionWriter | None]:
        """The collection's writer; None where there is nothing to write and nothing to read."""
        nothing_given = bool(self._plan.failures) and not self._plan.files and not self._plan.scopes
        if nothing_given or (self._dry_run and not self._holds_documents()):
            return nullcontext()
        fingerprint = self._preparer.embedder.fingerprint
        return self._store.writer(self._collection, fingerprint=fingerprint, wait=self._wait, waiting=self._waiting)

    def _holds_documents(self) -> bool:
        try:
            return self._store.collections.get(self._collection).documents > 0
        except NotFound:
            return False

    def _ingest(self, writer: CollectionWriter | None, feed: Feed) -> None:
        known = writer.known() if writer else {}
        ledger = Ledger(known, self._plan.scopes)
        source = Supply(self._collection, self._preparer, ledger, self._workers, self._batch_passages)
        with closing(flow.ahead(source.batches(feed(known, ledger)), size=BATCHES_AHEAD)) as batches:
            self._process(batches, writer)
        missing = ledger.missing() if self._prune else []
        ledger.forget(missing)
        ledger.settle()
        # What takes the place of a document that goes is stored before that is deleted, and so with its vectors.
        self._leaving = {document.id for document in missing}
        self._process(source.batches(iter(source.waiting)), writer)
        self._delete(missing, writer)
        if writer and not self._dry_run:
            self._publish(writer)
        self._tell()

    def _process(self, batches: Iterable[Batch | None], writer: CollectionWriter | None) -> None:
        """Two batches are with the models at a time, so that these do not wait while the store writes."""
        pending: deque[Pending] = deque()
        for batch in batches:
            if batch is not None:
                self._count(batch)
                self._relocate(batch, writer)
                if batch.documents and writer and not self._dry_run:
                    pending.append(self._started(batch, writer))
            while pending and (len(pending) > 1 or batch is None):
                self._commit(pending.popleft(), writer)
            if batch is not None:
                self._note()
            self._tell()
        for last in pending:
            self._commit(last, writer)
        self._note()

    def _count(self, batch: Batch) -> None:
        """Counts what needs no model; in a dry run, all of it."""
        for settled in batch.settled:
            if settled.failure is not None:
                self._fail(settled.failure)
            else:
                self._tally.outcomes[settled.outcome] += 1
                self._tally.total += settled.passages
                self._tally.reused += settled.passages
                if settled.outcome == "duplicate":
                    self._items.append(JobItem(settled.source, settled.outcome))
        if self._dry_run:
            for document in batch.documents:
                self._tally.outcomes[document.change] += 1
                self._tally.total += len(document.drafts)

    def _started(self, batch: Batch, writer: CollectionWriter) -> Pending:
        hashes = {draft.embed_hash for document in batch.documents for draft in document.drafts}
        return self._encoder.start(batch.documents, self._patiently(lambda: writer.vectors(sorted(hashes))))

    def _relocate(self, batch: Batch, writer: CollectionWriter | None) -> None:
        """Notes where unchanged documents lie now: `prune` must not look for them where they were."""
        moved = {settled.source: settled.origin for settled in batch.settled if settled.origin is not None}
        if moved and writer and not self._dry_run:
            self._patiently(lambda: writer.relocate(moved))

    def _commit(self, pending: Pending, writer: CollectionWriter | None) -> None:
        assert writer is not None
        while not pending.done(timeout=flow.TICK_SECONDS):
            self._tell()
        ready: list[NewDocument] = []
        for encoded in self._encoder.finish(pending):
            if isinstance(encoded, LoadError):
                self._fail(encoded)
            else:
                ready.append(encoded)
        changes = {prepared.document.source: prepared.change for prepared in pending.documents}
        held, here = self._held | pending.stored.keys(), set[str]()
        self._make_room(ready, writer)
        documents: list[NewDocument] = []
        for stored in self._put(ready, writer):
            if isinstance(stored, LoadError):
                self._fail(stored)
                continue
            source = stored.document.source
            self._tally.outcomes[changes[source]] += 1
            documents.append(stored)
            self._items.append(JobItem(source, changes[source]))
            for passage in stored.passages:
                self._tally.total += 1
                self._tally.reused += passage.embed_hash in held
                self._tally.embedded += passage.embed_hash not in held
                held.add(passage.embed_hash)
                here.add(passage.embed_hash)
        self._flag(documents)
        self._held = here
        self._tally.truncated += sum(draft.truncated for prepared in pending.documents for draft in prepared.drafts)
        self._commits += 1
        if self._commits % BATCHES_PER_PUBLISH == 0:
            self._publish(writer)

    def _flag(self, documents: Sequence[NewDocument]) -> None:
        """Counts passages that speak to the model. What was found is remembered, and a policy acts on it when they are
        retrieved: the documents are kept as they are."""
        passages = [(new.document.source, passage) for new in documents for passage in new.passages]
        found = self._firewall.findings([Part("", passage.text, passage.language or "und") for _, passage in passages])
        flagged = Counter(source for (source, _), findings in zip(passages, found, strict=True) if findings)
        for source, number in flagged.items():
            self._tally.flag(source, number)

    def _publish(self, writer: CollectionWriter) -> None:
        """Index files are copies: where they cannot be written, every document is stored and found all the same."""
        try:
            self._patiently(writer.publish)
        except StoreError as error:
            self._tally.warn(
                f"the index files were not brought up to date, so that searches are slower: {error}; every document is "
                "stored and can be found; ingest again once that is mended"
            )

    def _put(self, documents: Sequence[NewDocument], writer: CollectionWriter) -> list[NewDocument | LoadError]:
        """Stores all at once, or else one by one, so that what the store refuses costs that document alone.

        Raises the StoreError that meets one document after the other, as on a full disk.
        """
        if not documents:
            return []
        try:
            self._patiently(lambda: writer.put(documents))
        except GroundingError as error:
            if is_passing(error):
                raise
            if len(documents) > 1:
                return [result for document in documents for result in self._put([document], writer)]
            self._refused += isinstance(error, StoreError)
            if self._refused >= REFUSED_IN_A_ROW:
                raise
            return [LoadError(documents[0].document.source, stage="store", reason=error.code, detail=str(error))]
        self._refused = 0
        return list(documents)

    def _make_room(self, documents: Sequence[NewDocument], writer: CollectionWriter) -> None:
        """Deletes those that go and whose ids these documents have: an id belongs to one source."""
        ids = [new.document.id for new in documents if new.document.id in self._leaving]
        if ids:
            self._patiently(partial(writer.delete, ids))
            self._leaving.difference_update(ids)

    def _delete(self, missing: Sequence[KnownDocument], writer: CollectionWriter | None) -> None:
        for at in range(0, len(missing), DELETED_AT_ONCE):
            part = missing[at : at + DELETED_AT_ONCE]
            ids = [document.id for document in part if document.id in self._leaving]
            if ids and writer and not self._dry_run:
                self._patiently(partial(writer.delete, ids))
            self._tally.deleted += len(part)
            self._items += [JobItem(document.source, "deleted") for document in part]
        self._note()

    def _fail(self, error: LoadError) -> None:
        failure = Failure.of(error)
        self._tally.fail(failure)
        self._items.append(JobItem(failure.source, "failed", failure.stage, failure.reason, failure.detail))

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(
                self._pace.progress(done=self._tally.seen, passages=self._tally.total, embedded=self._encoder.embedded)
            )

    def _note(self) -> None:
        """Writes into the job what has become of which document so far."""
        if self._dry_run:
            return
        if self._items:
            self._patiently(lambda: self._store.jobs.add_items(self._id, self._items))
            self._items = []
        self._patiently(lambda: self._store.jobs.progress(self._id, self._tally.counts()))

    def _report(self, status: Status) -> Report:
        return self._tally.report(
            job_id=self._id,
            collection=self._collection,
            status=status,
            dry_run=self._dry_run,
            seconds=self._pace.seconds,
            skipped=self._plan.skipped,
        )

    def _end(self, status: JobStatus, report: dict[str, object]) -> None:
        if not self._dry_run:
            self._note()
            text = json.dumps(report, ensure_ascii=False)
            self._patiently(lambda: self._store.jobs.finish(self._id, status=status, report=text))

    def _give_up(self, error: BaseException) -> None:
        """Notes in the job why it ends before its time. One that waited for a process may get another."""
        detail = str(error) if isinstance(error, GroundingError) else f"unexpected {type(error).__name__}"
        status: JobStatus = "interrupted" if self._queued and is_passing(error) else "failed"
        self._end(status, {"status": status, "detail": detail})
