"""run(collection) -> ReembedReport: each passage gets a vector of another embedder, then the collection switches to it.

Passages are embedded while others search and write; what came meanwhile is embedded last, with writers waiting. Before
the switch, the dense leg of both embedders is asked the same questions. What was embedded is kept: a run that was
killed goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from statistics import fmean
from typing import Literal, TypeAlias

from grounding.errors import (
    CollectionBusy,
    ConfigurationError,
    GroundingError,
    InvalidRequest,
    MissingDependency,
    ModelError,
)
from grounding.ports import Embedder
from grounding.values import Fingerprint, Hit, Vectorized
from ingest.encode import in_slices
from ingest.patience import Patience
from ingest.prepare import context_of, embedded
from ingest.report import Pace, Progress, Status
from store.lexical import Text
from store.migrating import Migration, NewVector
from store.open import Store

Source: TypeAlias = Literal["questions", "titles", "none"]

BATCH = 256
"""Passages read at a time. Each slice of them that was embedded is stored at once."""
QUESTIONS = 200
"""Asked in a comparison, at most."""
DEPTH = 10
_PROBE = "When does it open?"
_LOOK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two embedders answer. `overlap_at_10` is the mean share of the old ten nearest passages that are among
    the new ten, `top1` the share of questions with the same nearest passage; None where nothing was compared.

    `source` says what was asked: questions that the collection was asked before, or titles of its documents.
    """

    queries: int = 0
    source: Source = "none"
    overlap_at_10: float | None = None
    top1: float | None = None


@dataclass(frozen=True, slots=True)
class Passages:
    """`total` are there now, `embedded` by this run, `reused` had a vector already, or the same text as another.
    `truncated` are those that this run found longer than the new embedder's window: it sees their beginning."""

    total: int
    embedded: int
    reused: int
    truncated: int


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """What became of it. `reason` says why it was not switched, "" if it was."""

    collection: str
    job_id: str
    status: Status
    from_: Fingerprint | None
    to: Fingerprint
    passages: Passages
    comparison: Comparison
    switched: bool
    reason: str
    seconds: float

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        return {
            "job_id": self.job_id,
            "collection": self.collection,
            "status": self.status,
            "from": None if self.from_ is None else self.from_.name,
            "to": self.to.name,
            "fingerprints": {"from": None if self.from_ is None else str(self.from_), "to": str(self.to)},
            "passages": asdict(self.passages),
            "comparison": asdict(self.comparison),
            "switched": self.switched,
            "reason": self.reason,
            "seconds": round(self.seconds, 3),
        }


def run(
    collection: str,
    *,
    store: Store,
    embedder: Embedder,
    embedder_of: Callable[[Fingerprint], Embedder],
    switch: bool = True,
    min_overlap: float | None = None,
    progress: Callable[[Progress], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> ReembedReport:
    """Brings a collection to the vectors of `embedder`; queries and ingests go on meanwhile.

    `switch` false builds and compares only; so does an overlap below `min_overlap`. `embedder_of` loads the embedder of
    the vectors in use. `note` is told what it waits for, and what it passes over. KeyboardInterrupt ends it, and the
    report says so. Raises NotFound; CollectionBusy if another migration of the collection is at work; before anything
    is done, whatever the embedder raises if it cannot be loaded.
    """
    if min_overlap is not None and not 0 <= min_overlap <= 1:
        raise InvalidRequest(f"min_overlap: expected a share between 0 and 1, got {min_overlap}")
    store.collections.place(collection)
    embedder.embed_queries([_PROBE])
    with store.migration(collection, fingerprint=embedder.fingerprint) as migration:
        work = _Run(store, migration, embedder, embedder_of, progress, note)
        return work.run(switch=switch, min_overlap=min_overlap)


class _Run:
    def __init__(
        self,
        store: Store,
        migration: Migration,
        embedder: Embedder,
        embedder_of: Callable[[Fingerprint], Embedder],
        progress: Callable[[Progress], None] | None,
        note: Callable[[str], None] | None,
    ) -> None:
        self._store = store
        self._migration = migration
        self._embedder = embedder
        self._embedder_of = embedder_of
        self._progress = progress
        self._note = note
        self._patiently = Patience()
        self._from = migration.in_use
        self._comparison = Comparison()
        self._switched = False
        self._job_id = ""
        self._done = self._embedded = self._truncated = 0
        self._reused = migration.passages()
        self._pace = Pace(self._reused)

    def run(self, *, switch: bool, min_overlap: float | None) -> ReembedReport:
        """Raises the error that made it impossible, after noting it in the job."""
        if self._from == self._migration.fingerprint:
            return self._report("done", f"it holds vectors of {self._from} already")
        jobs = self._store.jobs
        self._job_id = jobs.start(
            self._migration.collection, sources=[self._migration.fingerprint.name], kind="reembed"
        )
        try:
            report = self._report("done", self._migrate(switch=switch, min_overlap=min_overlap))
        except KeyboardInterrupt:
            report = self._report("interrupted", "interrupted; what was embedded is kept: run it again to go on")
        except BaseException as error:
            detail = str(error) if isinstance(error, GroundingError) else f"unexpected {type(error).__name__}"
            jobs.finish(self._job_id, status="failed", report=json.dumps({"status": "failed", "detail": detail}))
            raise
        jobs.finish(self._job_id, status=report.status, report=json.dumps(report.to_json(), ensure_ascii=False))
        return report

    def _migrate(self, *, switch: bool, min_overlap: float | None) -> str:
        """Why it was not switched, "" if it was."""
        lacking = int(self._migration.lacking().size)
        self._reused -= lacking
        self._pace = Pace(lacking)
        with self._alone():
            self._migration.prepare()
        self._comparison = self._compared()
        if not switch:
            return "it was to be compared only"
        if min_overlap is not None and self._migration.passages():
            overlap = self._comparison.overlap_at_10
            if overlap is None:
                return "there was nothing to compare the two embedders by"
            if overlap < min_overlap:
                return f"the overlap of {overlap:.3f} is below {min_overlap}"
        with self._alone():
            self._migration.switch()
            self._switched = True
        return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """With every passage embedded, and nobody else at work who could bring more."""
        with ExitStack() as stack:
            self._fill()
            told = ""
            while (busy := self._entered(stack)) != "":
                if self._note is not None and busy != told:
                    self._note(busy)
                told = busy
                time.sleep(_LOOK_AGAIN_SECONDS)
                self._fill()
            self._fill()
            yield

    def _entered(self, stack: ExitStack) -> str:
        """Who writes to the collection; "" if this run alone may from now on."""
        try:
            stack.enter_context(self._migration.alone())
        except CollectionBusy as busy:
            return str(busy)
        return ""

    def _fill(self) -> None:
        """Embeds what lacks a vector, until nothing does, or nothing more can be done about it."""
        while (lacking := self._patiently(self._migration.lacking)).size:
            before = self._done
            for start in range(0, lacking.size, BATCH):
                ids = lacking[start : start + BATCH].tolist()
                self._embed(self._patiently(partial(self._migration.texts, ids)))
            if self._done == before:
                return

    def _embed(self, texts: Sequence[Text]) -> None:
        tokens = self._embedder.count_tokens([each.text for each in texts])
        contexts = [context_of(each.title, each.heading, each.text) for each in texts]
        given = embedded(contexts, [each.text for each in texts], tokens, embedder=self._embedder)
        self._truncated += sum(each.truncated for each in given)
        alike: defaultdict[str, list[int]] = defaultdict(list)
        for passage, each in zip(texts, given, strict=True):
            alike[each.digest].append(passage.passage_id)
        known = self._patiently(partial(self._migration.vectors, list(alike)))
        self._reused += self._store_vectors(known, alike)
        fresh = {each.digest: each.text for each in given if each.digest not in known}
        for part in in_slices(fresh, embedder=self._embedder):
            self._embedded += len(part)
            self._reused += max(0, self._store_vectors(part, alike) - len(part))

    def _store_vectors(self, vectors: Mapping[str, Vectorized], passages: Mapping[str, Sequence[int]]) -> int:
        """How many passages have got the vector of their embedded text."""
        rows = [
            NewVector(passage_id, digest, made.vector, made.tokens)
            for digest, made in vectors.items()
            for passage_id in passages[digest]
        ]
        stored = self._patiently(partial(self._migration.add, rows))
        self._done += stored
        self._store.jobs.progress(self._job_id, {"passages": self._done, "embedded": self._embedded})
        if self._progress is not None:
            self._progress(self._pace.progress(done=self._done, passages=self._done, embedded=self._embedded))
        return stored

    def _compared(self) -> Comparison:
        """The dense legs of both embedders, asked the same. Nothing where the old one is not to be had any more."""
        name = self._migration.collection
        source: Source = "questions"
        asked = self._store.exchanges.questions(name, limit=QUESTIONS)
        if not asked:
            source, asked = "titles", self._migration.titles(QUESTIONS)
        if self._from is None or not asked:
            return Comparison()
        try:
            old = self._embedder_of(self._from).embed_queries(asked)
        except (ConfigurationError, MissingDependency, ModelError) as error:
            if self._note is not None:
                self._note(f"not compared: {error}")
            return Comparison()
        new = self._embedder.embed_queries(asked)
        corpus = self._store.corpus(name)
        found = [
            (_ids(corpus.dense(left, DEPTH, fingerprint=self._from)), _ids(self._migration.search(right, DEPTH)))
            for left, right in zip(old, new, strict=True)
        ]
        found = [(left, right) for left, right in found if left]
        if not found:
            return Comparison()
        overlap = fmean(len({*left} & {*right}) / len(left) for left, right in found)
        top1 = fmean(left[:1] == right[:1] for left, right in found)
        return Comparison(len(found), source, round(overlap, 4), round(top1, 4))

    def _report(self, status: Status, reason: str) -> ReembedReport:
        return ReembedReport(
            collection=self._migration.collection,
            job_id=self._job_id,
            status="done" if self._switched else status,
            from_=self._from,
            to=self._migration.fingerprint,
            passages=Passages(self._migration.passages(), self._embedded, self._reused, self._truncated),
            comparison=self._comparison,
            switched=self._switched,
            reason="" if self._switched else reason,
            seconds=self._pace.seconds,
        )


def _ids(hits: Sequence[Hit]) -> list[int]:
    return [hit.passage_id for hit in hits]
