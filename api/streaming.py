"""Answers under way: each in a thread of its own, its events handed to the one who asked; stopped once nobody waits.

A stream lives in no thread pool: so many slow models leave the threads of searches alone. Few answers compute at a
time; the others wait for their models, or for their turn.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from collections.abc import Generator as Generating
from contextlib import asynccontextmanager, closing, suppress
from typing import Annotated, TypeAlias, cast

import anyio
from fastapi import Depends, Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.problems import Busy, Stopping
from grounding.permits import Permits, resting
from grounding.pipeline import Ask, Delta, Done, Event, Grounder
from grounding.values import Exchange

logger = logging.getLogger(__name__)

GRACE_SECONDS = 6.0
"""What an answer gets to end in once the server is told to stop: less than the server's own grace, so that its stream
can still say how it ended."""
_SENDING_SECONDS = 0.05
"""What the loop gets to send a text in, at most, before the answer goes on."""
CLIENT_GONE = 499
"""Status of a request whose client went away before there was an answer, as proxies log it."""
_STOPPING = "the server stops; ask again in a moment"


class ClientGone(Exception):
    """The client went away before there was anything to answer with. Nobody hears it but the log."""


class Running:
    """One answer under way. Its events come in order; then None if it was given up, or the error that ended it."""

    def __init__(self, grounder: Grounder, ask: Ask, *, live: bool) -> None:
        self._events = grounder.stream(ask, live=live)
        self._stop = ask.stop
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self.left = False

    async def next(self) -> Event | None:
        """The next event. Raises what the answer failed with."""
        told = await self._told.get()
        if isinstance(told, Exception):
            raise told
        return told

    def leave(self) -> None:
        """Nobody waits for it any more: its model is stopped, and what there is of it is recorded."""
        self.left = True
        self._stop.say()

    def give_up(self) -> None:
        """The same, while somebody waits."""
        self._stop.say()

    def work(self, permits: Permits) -> Generating[Event, None, None]:
        """The events, until the last or until it is stopped, in turn with other answers. In one thread: a generator
        that runs in another cannot be closed."""
        with permits, closing(self._events):
            event = None if self._stop.said else next(self._events, None)
            while event is not None and (isinstance(event, Done) or not self._stop.said):
                yield event
                event = None if self._stop.said else next(self._events, None)

    def tell(self, told: Event | Exception | None) -> None:
        """Text is sent before this thread goes on: it would keep the interpreter from the loop."""
        taken = threading.Event()

        def take() -> None:
            self._told.put_nowait(told)
            self._loop.call_soon(taken.set)

        with suppress(RuntimeError):  # the loop is closed: nobody is there to hear it
            self._loop.call_soon_threadsafe(take)
            if isinstance(told, Delta):
                with resting():
                    taken.wait(_SENDING_SECONDS)


class Answering:
    """All answers of an application that are under way, `most` of them, which compute in `permits`. Thread-safe."""

    def __init__(
        self,
        *,
        most: int,
        permits: Permits,
        heartbeat_seconds: float,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self._most = most
        self._permits = permits
        self._grace_seconds = grace_seconds
        self._running: set[Running] = set()
        self._changed = threading.Condition()

    @property
    def under_way(self) -> int:
        return len(self._running)

    def begin(self, grounder: Grounder, ask: Ask, *, live: bool) -> Running:
        """Begins an answer. Raises Busy where there are as many as may be."""
        running = Running(grounder, ask, live=live)
        with self._changed:
            if len(self._running) >= self._most:
                raise Busy(f"{self._most} answers are under way, and no more may be (setting server.max_streams)")
            self._running.add(running)
        threading.Thread(target=self._work, args=(running,), name="answer", daemon=True).start()
        return running

    def close(self) -> None:
        """Gives up all that is under way, and waits a moment for what is recorded of it."""
        with self._changed:
            under_way = [*self._running]
        for running in under_way:
            running.give_up()
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout=self._grace_seconds)

    async def whole(self, grounder: Grounder, ask: Ask, *, request: Request) -> Exchange:
        """The Exchange of a whole answer; it is stopped if the client goes away."""
        running = self.begin(grounder, ask, live=False)
        try:
            async with _while_there(request, running):
                while (event := await running.next()) is not None:
                    if isinstance(event, Done):
                        return event.exchange
        finally:
            running.leave()
        raise _given_up(running)

    async def streamed(
        self, grounder: Grounder, ask: Ask, *, request: Request, stopping: anyio.Event
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer, once the first one is there: what cannot be answered at all fails here."""
        running = self.begin(grounder, ask, live=True)
        try:
            async with _while_there(request, running):
                first = await running.next()
            if first is None:
                raise _given_up(running)
        except BaseException:
            running.leave()
            raise
        return self.followed(first, running, stopping=stopping)

    async def followed(self, first: Event, running: Running, *, stopping: anyio.Event) -> AsyncGenerator[Event, None]:
        """The events from the first to the last. Raises Stopping where the server stopped before that."""
        ending = asyncio.create_task(self._end_in_time(running, stopping))
        event: Event | None = first
        try:
            while event is not None:
                yield event
                if isinstance(event, Done):
                    return
                event = await running.next()
            raise Stopping(_STOPPING)
        finally:  # nothing is awaited here: whoever was cancelled need not wait for a model
            ending.cancel()
            running.leave()

    async def _end_in_time(self, running: Running, stopping: anyio.Event) -> None:
        await stopping.wait()
        await asyncio.sleep(self._grace_seconds)
        running.give_up()

    def _work(self, running: Running) -> None:
        error: Exception | None = None
        try:
            with closing(running.work(self._permits)) as events:
                for event in events:
                    if isinstance(event, Done):
                        self._end(running)  # before it is told: who has the answer may ask the next question at once
                    running.tell(event)
        except Exception as failed:  # noqa: BLE001 - raised again where somebody waits for it
            error = failed
            if running.left:
                logger.error("an answer that nobody waits for any more: %s", type(failed).__qualname__)
        finally:
            self._end(running)
        running.tell(error)

    def _end(self, running: Running) -> None:
        with self._changed:
            self._running.discard(running)
            self._changed.notify_all()


async def answering(request: Request) -> Answering:  # async: it is not worth the way to a thread and back
    """The answers of this application that are under way."""
    return cast(Answering, request.app.state.answering)


def sent(data: str, *, name: str | None = None) -> ServerSentEvent:
    """A server-sent event."""
    return ServerSentEvent(data=data, event=name, sep="\n")


Answers: TypeAlias = Annotated[Answering, Depends(answering)]


def event_stream(
    content: AsyncGenerator[ServerSentEvent, None], *, answers: Answering, stopping: anyio.Event
) -> EventSourceResponse:
    """The response that sends these events, and signs of life between them. `stopping` is set once the server stops:
    how long it waits, `content` knows."""
    return EventSourceResponse(
        content,
        ping=answers.heartbeat_seconds,
        ping_message_factory=lambda: ServerSentEvent(comment="still here", sep="\n"),
        sep="\n",
        shutdown_event=stopping,
        shutdown_grace_period=math.inf,
    )


@asynccontextmanager
async def _while_there(request: Request, running: Running) -> AsyncIterator[None]:
    """Within the block the answer is stopped if the client goes away. Raises Stopping where the server breaks off."""
    watch = asyncio.create_task(_leave_with(request, running))
    try:
        yield
    except asyncio.CancelledError:  # by a server that stops and whose patience is over: nobody else cancels a request
        if task := asyncio.current_task():
            task.uncancel()
        raise Stopping(_STOPPING) from None
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)  # so that no two listen for what the client says next


async def _leave_with(request: Request, running: Running) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    running.leave()


def _given_up(running: Running) -> Exception:
    return ClientGone() if running.left else Stopping(_STOPPING)
