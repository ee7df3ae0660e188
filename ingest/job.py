"""run(sources) -> Report: load, cut into passages, embed and recognise, store; what is there unchanged is left alone.

Three kinds of work overlap: one thread loads and cuts the next documents, two run the models, and the caller's stores,
counts and tells. A batch is stored whole or not at all, and what was stored is all the memory that a rerun needs: it
is unchanged then.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from grounding.errors import CollectionBusy, GroundingError, LoadError, NotFound, StoreError
from grounding.ports import Embedder, EntityExtractor
from grounding.settings import Settings
from ingest import flow, supply
from ingest.encode import Encoder, Pending
from ingest.ledger import Ledger
from ingest.loaders import registry
from ingest.prepare import Preparer
from ingest.report import Failure, Pace, Progress, Report, Status, Tally
from ingest.sources import Plan, plan
from ingest.supply import Batch, Feed, Supply
from store.documents import NewDocument
from store.jobs import JobItem, JobStatus
from store.open import Store
from store.writer import CollectionWriter

_T = TypeVar("_T")

BATCHES_AHEAD = 2
BATCHES_PER_PUBLISH = 40
"""About 10,000 passages: beyond that, building the index files costs less than searching without them."""
DELETED_AT_ONCE = 500
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
    prune: bool = False,
    dry_run: bool = False,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    job_id: str | None = None,
) -> Report:
    """Ingests files, folders and globs into a collection, which is created if it is new.

    `workers` threads cut documents into passages. `prune` deletes what these sources brought earlier and hold no
    longer; `dry_run` only counts. KeyboardInterrupt ends the run between two batches, and the report says so.
    `job_id` is that of a job started for this run; without one, it starts its own.
    """
    loaders = registry(settings.ingest)
    found = plan(sources, suffixes=loaders)
    job = _Job(
        collection=collection,
        store=store,
        preparer=Preparer(embedder, language_of, settings.ingest.passage_tokens),
        extractor=extractor,
        plan=found,
        prune=prune,
        dry_run=dry_run,
        workers=workers,
        progress=progress,
        job_id=job_id,
    )
    return job.run(sources, partial(supply.files, found, loaders), total=supply.expected(found))


def run_documents(
    documents: Sequence[object],
    *,
    origin: str,
    collection: str,
    store: Store,
    embedder: Embedder,
    extractor: EntityExtractor,
    language_of: Callable[[str], str],
    settings: Settings,
    progress: Callable[[Progress], None] | None = None,
    job_id: str | None = None,
) -> Report:
    """Ingests records `{"_id" or "id", "title", "text", "metadata"}` given as JSON values, as `run` does a `.jsonl`.

    `origin` says where they come from ("upload") and begins their source keys: `<origin>#<id>`.
    """
    job = _Job(
        collection=collection,
        store=store,
        preparer=Preparer(embedder, language_of, settings.ingest.passage_tokens),
        extractor=extractor,
        plan=Plan(),
        progress=progress,
        job_id=job_id,
    )
    return job.run([origin], partial(supply.records, documents, origin), total=len(documents))


class _Job:
    """One run. All but loading and the models happens in the thread that calls it."""

    def __init__(
        self,
        *,
        collection: str,
        store: Store,
        preparer: Preparer,
        extractor: EntityExtractor,
        plan: Plan,
        prune: bool = False,
        dry_run: bool = False,
        workers: int = 1,
        progress: Callable[[Progress], None] | None = None,
        job_id: str | None = None,
    ) -> None:
        self._collection = collection
        self._store = store
        self._preparer = preparer
        self._encoder = Encoder(preparer.embedder, extractor)
        self._plan = plan
        self._prune = prune
        self._dry_run = dry_run
        self._workers = max(1, workers)
        self._progress = progress
        self._tally = Tally()
        self._items: list[JobItem] = []
        self._id = job_id or DRY_RUN_ID
        self._commits = 0

    def run(self, sources: Sequence[str], feed: Feed, *, total: int) -> Report:
        """Raises the error that made the whole run impossible, after noting it in the job."""
        self._pace = Pace(total)
        if not self._dry_run and self._id == DRY_RUN_ID:
            self._id = self._store.jobs.start(self._collection, sources=sources)
        status: Status = "done"
        try:
            with closing(self._encoder), self._writer() as writer:
                self._ingest(writer, feed)
        except KeyboardInterrupt:
            status = "interrupted"
        except BaseException as error:
            known = isinstance(error, GroundingError)
            detail = str(error) if known else f"unexpected {type(error).__name__}"
            self._end("failed", {"status": "failed", "detail": detail})
            raise
        report = self._report(status)
        self._end(status, report.to_json())
        return report

    def _writer(self) -> AbstractContextManager[CollectionWriter | None]:
        """The collection's writer; None where there is nothing to write and nothing to read."""
        nothing_given = bool(self._plan.failures) and not self._plan.files and not self._plan.scopes
        if nothing_given or (self._dry_run and not self._holds_documents()):
            return nullcontext()
        return self._store.writer(self._collection, fingerprint=self._preparer.embedder.fingerprint)

    def _holds_documents(self) -> bool:
        try:
            return self._store.collections.get(self._collection).documents > 0
        except NotFound:
            return False

    def _ingest(self, writer: CollectionWriter | None, feed: Feed) -> None:
        known = writer.known() if writer else {}
        ledger = Ledger(known, self._plan.scopes)
        source = Supply(self._collection, self._preparer, ledger, self._workers)
        with closing(flow.ahead(source.batches(feed(known, ledger)), size=BATCHES_AHEAD)) as batches:
            self._process(batches, writer)
        if self._prune:
            self._delete_missing(ledger, writer)
        ledger.settle()
        self._process(source.batches(iter(source.waiting)), writer)
        if writer and not self._dry_run:
            _patiently(writer.publish)
        self._tell()

    def _process(self, batches: Iterable[Batch | None], writer: CollectionWriter | None) -> None:
        """Two batches are with the models at a time, so that these do not wait while the store writes."""
        pending: deque[Pending] = deque()
        for batch in batches:
            if batch is not None:
                self._count(batch)
                if batch.documents and writer and not self._dry_run:
                    pending.append(self._started(batch, writer))
            while pending and (len(pending) > 1 or batch is None):
                self._commit(pending.popleft(), writer)
            self._tell()
        for last in pending:
            self._commit(last, writer)

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
        return self._encoder.start(batch.documents, _patiently(lambda: writer.vectors(sorted(hashes))))

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
        fresh = set(pending.stored)
        for stored in self._put(ready, writer):
            if isinstance(stored, LoadError):
                self._fail(stored)
                continue
            source = stored.document.source
            self._tally.outcomes[changes[source]] += 1
            self._items.append(JobItem(source, changes[source]))
            for passage in stored.passages:
                self._tally.total += 1
                self._tally.reused += passage.embed_hash in fresh
                self._tally.embedded += passage.embed_hash not in fresh
                fresh.add(passage.embed_hash)
        self._tally.truncated += sum(draft.truncated for prepared in pending.documents for draft in prepared.drafts)
        self._note()
        self._commits += 1
        if self._commits % BATCHES_PER_PUBLISH == 0:
            _patiently(writer.publish)

    def _put(self, documents: Sequence[NewDocument], writer: CollectionWriter) -> list[NewDocument | LoadError]:
        """Stores all at once, or else one by one, so that what the store refuses costs that document alone."""
        if not documents:
            return []
        try:
            _patiently(lambda: writer.put(documents))
        except GroundingError as error:
            if _is_transient(error):
                raise
            if len(documents) > 1:
                return [result for document in documents for result in self._put([document], writer)]
            return [LoadError(documents[0].document.source, stage="store", reason=error.code, detail=str(error))]
        return list(documents)

    def _delete_missing(self, ledger: Ledger, writer: CollectionWriter | None) -> None:
        missing = ledger.missing()
        for at in range(0, len(missing), DELETED_AT_ONCE):
            part = missing[at : at + DELETED_AT_ONCE]
            if writer and not self._dry_run:
                ids = [document.id for document in part]
                _patiently(partial(writer.delete, ids))
            self._tally.deleted += len(part)
            self._items += [JobItem(document.source, "deleted") for document in part]
        ledger.forget(missing)

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
            self._store.jobs.add_items(self._id, self._items)
            self._items = []
        self._store.jobs.progress(self._id, self._tally.counts())

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
            self._store.jobs.finish(self._id, status=status, report=json.dumps(report, ensure_ascii=False))


def _patiently(action: Callable[[], _T]) -> _T:
    """What the action returns, tried again a few times while another process is in its way."""
    retrying = Retrying(
        retry=retry_if_exception(_is_transient),
        stop=stop_after_attempt(5),
        wait=wait_exponential_jitter(multiplier=0.1, max=5, jitter=0.1),
        reraise=True,
    )
    return retrying(action)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, CollectionBusy) or (isinstance(error, StoreError) and " is locked by " in str(error))
