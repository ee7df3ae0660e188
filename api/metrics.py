"""Metrics in Prometheus' format: requests, turns, calls of models, what is stored. No label holds words of a user.

Several server processes of one home share their figures through files in a folder, which `share` names before the
library is imported: it looks there once.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from grounding.ports import Recorder
from grounding.values import Exchange, Turn
from store.open import Store

SHARED = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_STEP_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


def share(home: Path) -> None:
    """From here on, processes started by this one add their figures up. To be called before one of them is started."""
    folder = home / "metrics"
    shutil.rmtree(folder, ignore_errors=True)  # of a server that is gone
    folder.mkdir(parents=True)
    os.environ[SHARED] = str(folder)


class Metrics:
    """The figures of one application. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "grounding_request_seconds",
            "Requests by route, method and status: seconds to the end of the answer",
            ("route", "method", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        self._turns = Counter(
            "grounding_turns",
            "Recorded searches, prompts and answers by their outcome",
            ("kind", "collection", "outcome"),
            registry=self._registry,
        )
        self._steps = Histogram(
            "grounding_step_seconds",
            "Steps of a turn",
            ("step",),
            buckets=_STEP_SECONDS,
            registry=self._registry,
        )
        self._calls = Counter(
            "grounding_model_calls", "Calls of models", ("generator", "purpose", "outcome"), registry=self._registry
        )
        self._tokens = Counter(
            "grounding_model_tokens", "Tokens, as providers report them", ("generator", "kind"), registry=self._registry
        )
        self._cost = Counter(
            "grounding_model_cost_usd",
            "What calls cost, by the prices of the settings",
            ("generator",),
            registry=self._registry,
        )

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts a request. `route` is the template of its path."""
        self._requests.labels(route, method, str(status)).observe(seconds)

    def turn(self, exchange: Exchange) -> None:
        """Counts a recorded turn and what it called."""
        self._turns.labels(exchange.kind, exchange.collection, exchange.outcome).inc()
        for step in exchange.steps:
            self._steps.labels(step.name).observe(step.ms / 1000)
        for call in exchange.calls:
            self._calls.labels(call.generator, call.purpose, call.outcome).inc()
            self._tokens.labels(call.generator, "prompt").inc(call.usage.prompt_tokens)
            self._tokens.labels(call.generator, "completion").inc(call.usage.completion_tokens)
            if call.usage.cost_usd:
                self._cost.labels(call.generator).inc(call.usage.cost_usd)

    def page(self) -> bytes:
        """All figures in the text format; with those of the other processes, if they are shared."""
        stored = CollectorRegistry()
        stored.register(_Stored(self._store))
        if SHARED not in os.environ:
            return generate_latest(self._registry) + generate_latest(stored)
        every = CollectorRegistry()
        MultiProcessCollector(every)  # type: ignore[no-untyped-call]
        return generate_latest(every) + generate_latest(stored)


class Counted:
    """Recorder that counts what another keeps."""

    def __init__(self, recorder: Recorder, metrics: Metrics) -> None:
        self._recorder = recorder
        self._metrics = metrics

    def record(self, exchange: Exchange, *, turns: Sequence[Turn] = ()) -> None:
        """As the other."""
        self._recorder.record(exchange, turns=turns)
        self._metrics.turn(exchange)


class _Stored(Collector):
    """What is stored now."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        documents = GaugeMetricFamily("grounding_documents", "Documents of a collection", labels=("collection",))
        passages = GaugeMetricFamily("grounding_passages", "Passages of a collection", labels=("collection",))
        for info in self._store.collections.list():
            documents.add_metric((info.name,), info.documents)
            passages.add_metric((info.name,), info.passages)
        return documents, passages
