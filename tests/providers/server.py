"""A server of this machine that speaks OpenAI's, Anthropic's, Gemini's and Ollama's chat APIs, well and badly.

`with serving() as fakes:` gives its address, what it was asked and what it reported. A `Script` says how the next
requests for a model are answered: from the passages in the request, so that citations hold, or with a fault. Written
from the providers' public descriptions of their wire formats. `python -m tests.providers.server` runs it by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from grounding.values import Usage

Provider: TypeAlias = Literal["openai", "anthropic", "google", "ollama"]
Fault: TypeAlias = Literal[
    "hang",  # takes the request and says nothing
    "headers",  # the head of an answer, and nothing after it
    "keep_alives",  # signs of life and nothing else
    "429",
    "500",
    "503",
    "529",  # overloaded, as Anthropic says it
    "cut",  # the connection ends in the middle of a piece, after `after` pieces
    "reset",  # the same, with a reset
    "quiet_end",  # an orderly end of the stream after `after` pieces, with no word that the answer is complete
    "stall",  # nothing any more after `after` pieces, the connection stays
    "invalid_json",
    "html",  # 200, and a page
    "huge",  # an answer of 10 MB
    "error_event",  # an error inside a stream, after `after` pieces
    "empty",  # complete, without text
    "drip",  # the answer again and again, a piece every `between_seconds`, until nobody listens any more
]
Finish: TypeAlias = Literal["stop", "length", "filter"]

HUGE = 10_000_000
GOSSIP = "the provider repeats the prompt here"
"""In the message of every error: nothing of it may be shown or logged."""
UNKNOWN = "I don't know."
_SECRET = frozenset(("authorization", "x-api-key", "x-goog-api-key", "api-key"))
_PASSAGE = re.compile(r"<passage-(?P<nonce>\w+) n=\"(?P<number>\d+)\" [^>]*>\n(?P<text>.*?)\n</passage-(?P=nonce)>", re.S)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|[。!?]|$)", re.M)
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Script:
    """How requests are answered. `text` as it is, else `sentences` of the first passage, by index, each with its
    citation. Delays are before the first piece and between two. `usage` as it is, else words are counted. `retry_after`
    goes with an error status. With a `key`, any other is refused with 401. `paused` after so many pieces, a stream goes
    on once `FakeProviders.go_on` is called."""

    text: str | None = None
    sentences: tuple[int, ...] = (0,)
    thinking: str = ""
    first_seconds: float = 0.0
    between_seconds: float = 0.0
    usage: Usage | None = None
    cached_tokens: int = 0
    finish: Finish = "stop"
    fault: Fault | None = None
    after: int = 2
    retry_after: str | None = None
    key: str | None = None
    paused: int | None = None


@dataclass(slots=True)
class Asked:
    """A request as it came, its keys left out, and what was reported of it: `told` is the last usage that was sent,
    `complete` says that all of the answer was."""

    provider: Provider
    model: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    streamed: bool
    script: Script
    text: str = ""
    told: Usage | None = None
    complete: bool = False


class FakeProviders:
    """A running server. `url` is Anthropic's, Gemini's and Ollama's base, `openai_url` OpenAI's."""

    def __init__(self, scripts: Mapping[str, Script | Sequence[Script]], default: Script) -> None:
        self._lock = threading.Condition()
        self._scripts: dict[str, list[Script]] = {}
        self._default = default
        self._requests: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._going_on = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        for model, given in scripts.items():
            self.script(model, *([given] if isinstance(given, Script) else given))

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def requests(self) -> list[Asked]:
        """All so far, in the order in which they came."""
        with self._lock:
            return [*self._requests]

    @property
    def usage(self) -> Usage:
        """The sum of what was reported."""
        return sum((asked.told for asked in self.requests if asked.told), Usage())

    def script(self, model: str, *scripts: Script) -> None:
        """From now on requests for this model are answered so, one after the other; the last of them stays."""
        with self._lock:
            self._scripts[model] = [*scripts]

    def wait_for(self, requests: int, *, seconds: float = 30) -> list[Asked]:
        """The requests, once there were so many of them."""
        with self._lock:
            assert self._lock.wait_for(lambda: len(self._requests) >= requests, seconds)
        return self.requests

    def go_on(self) -> None:
        """Streams that are paused, and those to come, go on."""
        self._loop.call_soon_threadsafe(self._going_on.set)

    def run(self, host: str, port: int, listening: Callable[[], None]) -> None:
        """Serves until `stop`, in the thread of the caller."""
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._connected, host, port, backlog=2048))
            self.url = "http://{}:{}".format(*server.sockets[0].getsockname()[:2])
            listening()
            self._loop.run_forever()
            server.close()
            for task in self._tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        finally:
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (request := await _read(reader)) is not None and await self._answer(request, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: _Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        out = _Out(reader, writer)
        wire = next((wire for wire in _WIRES if wire.serves(request.path)), None)
        if wire is None or request.method != "POST":
            return await out.whole(404, b'{"error": {"message": "no such route", "code": "not_found"}}')
        body: dict[str, Any] = json.loads(request.body)
        model = wire.model(request.path, body)
        script = self._next(model)
        asked = Asked(
            wire.name,
            model,
            request.path,
            {name: "given" if name in _SECRET else value for name, value in request.headers.items()},
            body,
            wire.streamed(request.path, body),
            script,
        )
        with self._lock:
            self._requests.append(asked)
            self._lock.notify_all()
        if script.key is not None and script.key not in request.secret:
            return await out.whole(401, wire.error(401, None))
        return await _Reply(asked, wire, out, self._going_on).send()

    def _next(self, model: str) -> Script:
        with self._lock:
            scripts = self._scripts.get(model) or [self._default]
            return scripts.pop(0) if len(scripts) > 1 else scripts[0]


@contextmanager
def serving(
    scripts: Mapping[str, Script | Sequence[Script]] | None = None,
    *,
    default: Script | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[FakeProviders]:
    """A running server. `scripts` by model, each one or several in turn; `default` answers for other models."""
    fakes = FakeProviders(scripts or {}, default or Script())
    listening = threading.Event()
    thread = threading.Thread(target=fakes.run, args=(host, port, listening.set))
    thread.start()
    assert listening.wait(30)
    try:
        yield fakes
    finally:
        fakes.stop()
        thread.join()


@contextmanager
def unreachable() -> Iterator[str]:
    """An address that refuses every connection."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield "http://{}:{}".format(*bound.getsockname())


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def secret(self) -> str:
        """The key that came with it."""
        return " ".join(value for name, value in self.headers.items() if name in _SECRET)


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """The next request of a connection, None at its end."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, target, _ = head[0].split(" ", 2)
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    url = urlsplit(target)
    return _Request(method, url.path + (f"?{url.query}" if url.query else ""), headers, body)


class _Out:
    """One answer on a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def whole(
        self, status: int, body: bytes, *, kind: str = "application/json", headers: Mapping[str, str] | None = None
    ) -> bool:
        self._head(status, kind, {"Content-Length": str(len(body)), **(headers or {})})
        self._writer.write(body)
        await self._writer.drain()
        return True

    async def begin(self, kind: str) -> None:
        """The head of an answer in pieces."""
        self._head(200, kind, {"Transfer-Encoding": "chunked", "Cache-Control": "no-cache"})
        await self._writer.drain()

    async def piece(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self._writer.drain()

    async def half(self, data: bytes) -> None:
        """A piece of which only one half arrives."""
        self._writer.write(b"%x\r\n%s" % (len(data), data[: len(data) // 2]))
        await self._writer.drain()

    async def end(self) -> bool:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return True

    async def half_whole(self, body: bytes) -> None:
        self._head(200, "application/json", {"Content-Length": str(len(body))})
        self._writer.write(body[: len(body) // 2])
        await self._writer.drain()

    def reset(self) -> None:
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def gone(self) -> None:
        """Returns when the client has hung up."""
        with suppress(ConnectionError):
            while await self._reader.read(65536):
                pass

    @asynccontextmanager
    async def while_heard(self) -> AsyncIterator[None]:
        """The block is left as soon as the client hangs up, even while it waits."""
        task = asyncio.current_task()
        assert task is not None
        watch = asyncio.ensure_future(self.gone())
        left = False

        def leave(_: object) -> None:
            nonlocal left
            left = True
            task.cancel()

        watch.add_done_callback(leave)
        try:
            yield
        except asyncio.CancelledError:
            if not left:
                raise
            task.uncancel()
            raise ConnectionResetError from None
        finally:
            watch.remove_done_callback(leave)
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    def _head(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} -", f"Content-Type: {kind}", *(f"{name}: {text}" for name, text in headers.items())]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


class _Reply:
    """What one request gets."""

    def __init__(self, asked: Asked, wire: _Wire, out: _Out, going_on: asyncio.Event) -> None:
        self._asked = asked
        self._script = asked.script
        self._wire = wire
        self._out = out
        self._going_on = going_on

    async def send(self) -> bool:
        """Whether the connection may be used again."""
        script = self._script
        match script.fault:
            case "hang":
                await self._out.gone()
                return False
            case "429" | "500" | "503" | "529":
                status = int(script.fault)
                headers = {} if script.retry_after is None else {"Retry-After": script.retry_after}
                return await self._out.whole(status, self._wire.error(status, script.retry_after), headers=headers)
            case "html":
                page = f"<!doctype html><title>Sign in</title><p>{GOSSIP}".encode()
                return await self._out.whole(200, page, kind="text/html; charset=utf-8")
            case "headers" | "keep_alives":
                await self._out.begin(self._wire.kind(self._asked.streamed))
                await self._alive()
                return False
        spans = self._spans()
        self._asked.text = "".join(span.text for span in spans)
        try:
            return await (self._stream(spans) if self._asked.streamed else self._whole(spans))
        except ConnectionError:
            return False

    async def _alive(self) -> None:
        sign = self._wire.keep_alive(self._asked.streamed) if self._script.fault == "keep_alives" else None
        if sign is None:
            await self._out.gone()
            return
        with suppress(ConnectionError):
            async with self._out.while_heard():
                while True:
                    await self._out.piece(sign)
                    await asyncio.sleep(self._script.between_seconds or 0.02)

    async def _whole(self, spans: Sequence[_Span]) -> bool:
        script = self._script
        async with self._out.while_heard():
            await asyncio.sleep(script.first_seconds + script.between_seconds * max(0, len(_pieces(spans)) - 1))
            if script.paused is not None:
                await self._going_on.wait()
            if script.fault in ("stall", "drip"):
                await asyncio.Event().wait()
        usage = self._usage(len(self._asked.text.split()))
        body = _json(self._wire.whole(self._asked, spans, usage))
        match script.fault:
            case "cut" | "quiet_end":
                await self._out.half_whole(body)
                return False
            case "reset":
                await self._out.half_whole(body)
                self._out.reset()
                return False
            case "invalid_json":
                return await self._out.whole(200, body[: len(body) // 2])
            case "error_event":
                return await self._out.whole(500, self._wire.error(500, None))
        self._asked.told, self._asked.complete = usage, True  # before it is sent: the client may be quick
        return await self._out.whole(200, body)

    async def _stream(self, spans: Sequence[_Span]) -> bool:
        script = self._script
        await self._out.begin(self._wire.kind(streamed=True))
        async with self._out.while_heard():
            wire = self._wire.streaming(self._asked)
            self._told(wire.begins_with)
            for event in wire.begin(self._usage(0)):
                await self._out.piece(event)
            await asyncio.sleep(script.first_seconds)
            words = 0
            for piece in _PIECE.findall(script.thinking):
                words += 1
                for event in wire.thinking(piece, self._usage(words)):
                    await self._out.piece(event)
                self._told(wire.goes_on_with)
            for number, (at, piece) in enumerate(_pieces(spans, again=script.fault == "drip")):
                if number:
                    await asyncio.sleep(script.between_seconds)
                if script.paused == number:
                    await self._going_on.wait()
                words += len(piece.split())
                events = [*wire.piece(at, piece, self._usage(words))]
                if script.fault and number == script.after and not await self._broken(wire, events[0]):
                    return False
                for event in events:
                    await self._out.piece(event)
                self._told(wire.goes_on_with)
            usage = self._usage(words)
            if script.fault and not await self._broken(wire, [*wire.end(usage, "stop")][0]):
                return False
            self._asked.told, self._asked.complete = usage, True  # before it is sent: the client may be quick
            for event in wire.end(usage, script.finish):
                await self._out.piece(event)
            return await self._out.end()

    async def _broken(self, wire: _Stream, event: bytes) -> bool:
        """Breaks off as the script says, at this event; True where this fault does not break a stream."""
        match self._script.fault:
            case "cut":
                await self._out.half(event)
            case "reset":
                await self._out.half(event)
                self._out.reset()
            case "quiet_end":
                await self._out.end()
            case "stall":
                await asyncio.Event().wait()
            case "invalid_json":
                await self._out.piece(wire.invalid(event))
                await self._out.end()
            case "error_event":
                await self._out.piece(wire.error_event())
                await self._out.end()
            case _:
                return True
        return False

    def _told(self, told: Callable[[Usage], Usage] | None) -> None:
        pass

    def _usage(self, words: int) -> Usage:
        script = self._script
        if script.usage is not None:
            return script.usage
        prompt = sum(len(text.split()) for text in self._wire.texts(self._asked.body))
        return Usage(prompt, words, cached_tokens=script.cached_tokens)

    def _spans(self) -> list[_Span]:
        return []
