"""What an ingest tells: how far it is, and at the end what became of everything."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, TypeAlias

from grounding.errors import LoadError

Outcome: TypeAlias = Literal["created", "updated", "unchanged", "duplicate", "failed"]
Status: TypeAlias = Literal["done", "interrupted"]

MAX_LISTED = 1000
"""Failures and skipped files beyond this are counted, not listed: a file of a million bad lines fits in a report."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One document or source that is not in the collection as it should be, and why."""

    source: str
    stage: str
    reason: str
    detail: str

    @classmethod
    def of(cls, error: LoadError) -> Failure:
        return cls(error.source, error.stage, error.reason, error.detail)


@dataclass(frozen=True, slots=True)
class Flagged:
    """A document of which so many passages speak to the model."""

    source: str
    passages: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an ingest is, in documents; `total` is an estimate, None where nobody can know.

    `rate` is passages embedded a second so far, `remaining` seconds at the present pace.
    """

    done: int
    total: int | None
    passages: int
    embedded: int
    rate: float
    remaining: float | None


@dataclass(frozen=True, slots=True)
class Documents:
    """`seen = created + updated + unchanged + duplicate + failed`."""

    seen: int
    created: int
    updated: int
    unchanged: int
    duplicate: int
    deleted: int
    failed: int


@dataclass(frozen=True, slots=True)
class Passages:
    """`total = embedded + reused`, except in a dry run, which embeds nothing: there `total` is what would be. `flagged`
    speak to the model, and what the policy says befalls them when they are retrieved."""

    total: int
    embedded: int
    reused: int
    truncated: int
    flagged: int


@dataclass(frozen=True, slots=True)
class Report:
    """What became of an ingest. `failures` and `skipped` list the first `MAX_LISTED`; `skipped` are files in a folder
    whose kind is not supported, `skipped_files` how many; `warnings` what is not as it should be though no document
    is the worse for it."""

    job_id: str
    collection: str
    status: Status
    dry_run: bool
    seconds: float
    documents: Documents
    passages: Passages
    failures: tuple[Failure, ...]
    skipped: tuple[str, ...]
    skipped_files: int
    warnings: tuple[str, ...]
    flagged: tuple[Flagged, ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        rate = self.passages.total / self.seconds if self.seconds else 0.0
        return {
            "job_id": self.job_id,
            "collection": self.collection,
            "status": self.status,
            "dry_run": self.dry_run,
            "seconds": round(self.seconds, 3),
            "passages_per_second": round(rate, 1),
            "documents": asdict(self.documents),
            "passages": asdict(self.passages),
            "failures": [asdict(failure) for failure in self.failures],
            "skipped": list(self.skipped),
            "skipped_files": self.skipped_files,
            "warnings": list(self.warnings),
            "flagged": [asdict(flagged) for flagged in self.flagged],
        }


class Pace:
    """How fast an ingest goes, over the last minute or so rather than since it began: a rerun first passes over
    what it has already."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._began = time.perf_counter()
        self._points: deque[tuple[float, int]] = deque([(self._began, 0)], maxlen=200)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._began

    def progress(self, *, done: int, passages: int, embedded: int) -> Progress:
        now = time.perf_counter()
        if done > self._points[-1][1]:
            self._points.append((now, done))
        then, before = self._points[0]
        total = max(self._total, done) if self._total is not None else None
        remaining = (total - done) * (now - then) / (done - before) if total is not None and done > before else None
        return Progress(done, total, passages, embedded, embedded / max(self.seconds, 1e-9), remaining)


@dataclass(slots=True)
class Tally:
    """The counts of a running ingest. `total`, `embedded`, `reused` and `truncated` are passages."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    deleted: int = 0
    total: int = 0
    embedded: int = 0
    reused: int = 0
    truncated: int = 0
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    flagged: list[Flagged] = field(default_factory=list)
    flagged_passages: int = 0

    @property
    def seen(self) -> int:
        return self.outcomes.total()

    def fail(self, failure: Failure) -> None:
        self.outcomes["failed"] += 1
        if len(self.failures) < MAX_LISTED:
            self.failures.append(failure)

    def flag(self, source: str, passages: int) -> None:
        """Notes a document of which so many passages speak to the model."""
        self.flagged_passages += passages
        if len(self.flagged) < MAX_LISTED:
            self.flagged.append(Flagged(source, passages))

    def warn(self, warning: str) -> None:
        """Notes it, once."""
        if warning not in self.warnings:
            self.warnings.append(warning)

    def counts(self) -> dict[str, int]:
        """What a job shows while it runs."""
        return {**asdict(self._documents()), "passages": self.total, "embedded": self.embedded}

    def report(
        self, *, job_id: str, collection: str, status: Status, dry_run: bool, seconds: float, skipped: Sequence[str]
    ) -> Report:
        return Report(
            job_id=job_id,
            collection=collection,
            status=status,
            dry_run=dry_run,
            seconds=seconds,
            documents=self._documents(),
            passages=Passages(self.total, self.embedded, self.reused, self.truncated, self.flagged_passages),
            failures=tuple(self.failures),
            skipped=tuple(skipped[:MAX_LISTED]),
            skipped_files=len(skipped),
            warnings=tuple(self.warnings),
            flagged=tuple(self.flagged),
        )

    def _documents(self) -> Documents:
        return Documents(
            seen=self.seen,
            created=self.outcomes["created"],
            updated=self.outcomes["updated"],
            unchanged=self.outcomes["unchanged"],
            duplicate=self.outcomes["duplicate"],
            deleted=self.deleted,
            failed=self.outcomes["failed"],
        )
