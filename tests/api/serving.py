"""A server of an application in this process, on a real socket, and a model that waits until it is told to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from collections.abc import Generator as Generating
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.compose import Service
from api.serve import listen
from api.streaming import Answering
from grounding.errors import GeneratorFailed
from grounding.permits import resting
from grounding.pipeline import Grounder
from grounding.ports import Route
from grounding.prompt import BuiltIn
from grounding.segment import sentences
from grounding.stopping import Stop
from grounding.values import Chunk, ModelCall, Prompt, Usage

SECONDS = 30
"""After which a test gives up waiting."""


class WaitingModel:
    """Route to a model that quotes the best passage's first sentence, waits, and quotes the second."""

    name = "waiting"

    def __init__(self, *, failing: bool = False) -> None:
        self._changed = threading.Condition()
        self._failing = failing
        self.begun = 0
        self.silent = 0
        self.closed = 0
        self.may_go_on = False

    def stream(
        self,
        prompt: Prompt,
        *,
        stop: Stop,
        shown: Callable[[], bool],
        called: Callable[[ModelCall], None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Generating[Chunk, None, None]:
        text = prompt.evidence[0].passage.text
        said = [text[span.start : span.end].strip() for span in sentences(text, language="en")]
        first, second = [sentence for sentence in said if sentence.endswith(".")][:2]
        with self._changed:
            self.begun += 1
            self._changed.notify_all()
        outcome = "stopped"
        try:
            yield Chunk(f"{first} [1] {second[:12]}")  # a sentence is shown once the next one has begun
            with resting(), stop.heard_by(self._wake), self._changed:
                self.silent += 1
                self._changed.notify_all()
                self._changed.wait_for(lambda: self.may_go_on or stop.said, SECONDS)
                self.silent -= 1
            if stop.said:
                return
            if self._failing:
                outcome = "http_500"
                raise GeneratorFailed("the provider answered 500", reason="http_500")
            yield Chunk(f"{second[12:]} [1]", Usage(100, 20, None, 40))
            outcome = "ok"
        finally:
            usage = Usage(100, 20, None, 40)
            called(ModelCall(self.name, "m", "answer", outcome, datetime.now(UTC), 1.0, 1.0, usage, True))
            with self._changed:
                self.closed += 1
                self._changed.notify_all()

    def go_on(self) -> None:
        with self._changed:
            self.may_go_on = True
            self._changed.notify_all()

    def until(self, true: Callable[[WaitingModel], bool]) -> None:
        """Waits for it to be so."""
        with self._changed:
            assert self._changed.wait_for(lambda: true(self), SECONDS)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def with_route(service: Service, route: Route) -> Service:
    """The service with every answer by this route."""
    models = service.models
    grounder = Grounder(
        settings=service.settings,
        corpora=service.store.corpus,
        conversations=service.store.conversations,
        recorder=service.store.exchanges,
        embedder=models.embedder,
        extractor=models.asked,
        checks=models.checks,
        judgements=service.store.judgements,
        spelling=models.spelling,
        language_of=models.language_of,
        route=lambda _: route,
        prompts=BuiltIn(),
        polisher=models.polisher,
    )
    return replace(service, grounder=grounder)


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    app: FastAPI
    server: uvicorn.Server
    thread: threading.Thread

    @property
    def answering(self) -> Answering:
        found = self.app.state.answering
        assert isinstance(found, Answering)
        return found

    def until_quiet(self) -> None:
        """Waits until no answer is under way and its thread has ended."""
        with self.answering._changed:
            assert self.answering._changed.wait_for(lambda: not self.answering.under_way, SECONDS)
        for thread in threading.enumerate():
            if thread.name == "answer":
                thread.join(SECONDS)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@contextmanager
def serving(service: Service) -> Iterator[Served]:
    """The service on a free port; a client that connects waits until it is there."""
    app = create_app(service)
    with listen("127.0.0.1", 0) as sock:
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=10)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        served = Served(f"http://127.0.0.1:{sock.getsockname()[1]}", app, server, thread)
        try:
            yield served
        finally:
            served.stop()
