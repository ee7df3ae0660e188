"""An evaluation with the result of every query, as it is kept in a file and read back."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

import grounding
from grounding.errors import InvalidRequest
from grounding.evaluation.dataset import Answerability

HYBRID, RAW = "hybrid", "raw last turn"
"""The run of what a caller gets, and that of a follow-up searched without its history."""
_PACKAGES = ("faiss-cpu", "tantivy", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Ranked:
    """What one run found for one query: document ids, best first (the first has rank 1), and how good that is by each
    measure; no scores for a query without judgements."""

    documents: tuple[str, ...]
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """One query: in which forms it was searched, what should have been found, what each run found, in how many ms.

    `signals` are numbers that may tell whether the evidence answers it; `confidence`, 0 to 1, is the service's own.
    """

    id: str
    text: str
    language: str
    forms: Mapping[str, str]
    history: int
    leans: bool
    answerability: Answerability | None
    judged: Mapping[str, int]
    runs: Mapping[str, Ranked]
    ms: float
    confidence: float | None = None
    signals: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where it was measured: versions by package, the processor and how many of its cores."""

    versions: Mapping[str, str]
    processor: str
    cores: int

    @classmethod
    def here(cls) -> Environment:
        """That of this process."""
        versions = {"grounding": grounding.__version__, "python": platform.python_version()}
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        return cls(versions | {name: metadata.version(name) for name in _PACKAGES}, _processor(), cores)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All results of a set, and what they depend on: two are about the same if their hashes are the same.

    `titles` are those of judged documents and of the ten best of each run; `settings` those of retrieval.
    """

    name: str
    collection: str
    documents: int
    embedder: str
    corpus_sha256: str
    queries_sha256: str
    qrels_sha256: str
    created_at: datetime
    environment: Environment
    settings: Mapping[str, str]
    results: tuple[Result, ...]
    titles: Mapping[str, str]
    format: Literal[1] = 1

    @property
    def judged(self) -> tuple[Result, ...]:
        """The results that have scores."""
        return tuple(result for result in self.results if result.judged)

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the runs, `hybrid` first."""
        return tuple(dict.fromkeys(name for result in self.results for name in result.runs))


def write(evaluation: Evaluation, file: Path) -> None:
    """Writes it as JSON. Raises InvalidRequest where the file cannot be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(TypeAdapter(Evaluation).dump_json(evaluation) + b"\n")
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be written: {error.strerror}") from None


def read(file: Path) -> Evaluation:
    """What `write` wrote. Raises InvalidRequest, which names what is wrong and where."""
    try:
        return TypeAdapter(Evaluation).validate_json(file.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"{file}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidRequest(f"{file}: not written by  grounding eval --output: {where}: {first['msg']}") from None


def _processor() -> str:
    """The name of the processor as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").split("\n")
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
