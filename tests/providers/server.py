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
import signal
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias
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
_PASSAGE = re.compile(
    r"<passage-(?P<nonce>\w+) n=\"(?P<number>\d+)\" [^>]*>\n(?P<text>.*?)\n</passage-(?P=nonce)>", re.S
)
_SENTENCE = re.compile(r".+?(?:[.!?](?=\s|$)|[。!?]|$)", re.M)
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Script:
    """How requests are answered. `text` as it is, else `sentences` of the first passage, by index, each with its
    citation. Delays are before the first piece and between two. `usage` as it is, else words are counted. `retry_after`
    goes with an error status. `terse` leaves out what a format leaves open: Anthropic's input tokens at the end of a
    stream, which were told at its beginning. With a `key`, any other is refused with 401. `paused` after so many
    pieces, a stream goes on once `FakeProviders.go_on` is called."""

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
    terse: bool = False
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

    def __init__(
        self,
        scripts: Mapping[str, Script | Sequence[Script]],
        default: Script,
        chosen: Callable[[str, str], Script | None] = lambda model, text: None,
    ) -> None:
        self._lock = threading.Condition()
        self._scripts: dict[str, list[Script]] = {}
        self._default = default
        self._chosen = chosen
        self._requests: list[Asked] = []
        self._loop = asyncio.new_event_loop()
        self._going_on = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
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
            for writer in self._writers:
                if writer.transport.get_write_buffer_size():  # its client does not read any more: it would never close
                    writer.transport.abort()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.run_until_complete(asyncio.sleep(0))
        finally:
            self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
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
        wire = next((wire for wire in _WIRES if wire.serves(urlsplit(request.path).path)), None)
        if wire is None or request.method != "POST":
            return await out.whole(404, b'{"error": {"message": "no such route", "code": "not_found"}}')
        body: dict[str, Any] = json.loads(request.body)
        asked = Asked(
            wire.provider,
            wire.model(request.path, body),
            request.path,
            {name: "given" if name in _SECRET else value for name, value in request.headers.items()},
            body,
            wire.streamed(request.path, body),
            self._default,
        )
        script = asked.script = self._next(asked.model, "\n".join(wire(asked).texts()))
        with self._lock:
            self._requests.append(asked)
            self._lock.notify_all()
        if script.key is not None and script.key not in request.secret:
            return await out.whole(401, _json(wire(asked).error(401)))
        return await _Reply(asked, wire(asked), out, self._going_on).send()

    def _next(self, model: str, text: str) -> Script:
        with self._lock:
            if (script := self._chosen(model, text)) is not None:
                return script
            scripts = self._scripts.get(model) or [self._default]
            return scripts.pop(0) if len(scripts) > 1 else scripts[0]


@contextmanager
def serving(
    scripts: Mapping[str, Script | Sequence[Script]] | None = None,
    *,
    default: Script | None = None,
    chosen: Callable[[str, str], Script | None] = lambda model, text: None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[FakeProviders]:
    """A running server. `scripts` by model, each one or several in turn; `default` answers for other models.
    `chosen` may give a script by the model and all text of a request, before these do; one request at a time."""
    fakes = FakeProviders(scripts or {}, default or Script(), chosen)
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
            await asyncio.wait([watch])  # not the task itself: who is cancelled now must hear of it

    def _head(self, status: int, kind: str, headers: Mapping[str, str]) -> None:
        lines = [
            f"HTTP/1.1 {status} -",
            f"Content-Type: {kind}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


@dataclass(frozen=True, slots=True)
class _Span:
    """A part of an answer; `cites` is the passage that it quotes, from 1, where that is told beside the text."""

    text: str
    cites: int | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class _Event:
    """One event of a stream, and the usage that the client knows with it."""

    data: bytes
    told: Usage | None = None


class _Reply:
    """What one request gets."""

    def __init__(self, asked: Asked, wire: _Wire, out: _Out, going_on: asyncio.Event) -> None:
        self._asked = asked
        self._script = asked.script
        self._wire = wire
        self._out = out
        self._going_on = going_on
        self._prompt = sum(len(text.split()) for text in wire.texts())

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
                return await self._out.whole(status, _json(self._wire.error(status)), headers=headers)
            case "html":
                page = f"<!doctype html><title>Sign in</title><p>{GOSSIP}".encode()
                return await self._out.whole(200, page, kind="text/html; charset=utf-8")
        try:
            async with self._out.while_heard():
                if script.fault in ("headers", "keep_alives"):
                    await self._alive()
                spans = self._spans()
                self._asked.text = "".join(span.text for span in spans)
                again = await (self._stream(spans) if self._asked.streamed else self._whole(spans))
                return again and script.fault != "huge"  # long under way: the next request may have been read over
        except ConnectionError:
            return False

    async def _alive(self) -> None:
        """Signs of life until nobody hears them any more."""
        await self._out.begin(self._wire.kind if self._asked.streamed else "application/json")
        while self._script.fault == "keep_alives":
            await self._out.piece(self._wire.keep_alive if self._asked.streamed else b" ")
            await asyncio.sleep(self._script.between_seconds or 0.02)
        await asyncio.Event().wait()

    async def _whole(self, spans: Sequence[_Span]) -> bool:
        script = self._script
        pieces = sum(len(_pieces(span.text)) for span in spans)
        await asyncio.sleep(script.first_seconds + script.between_seconds * max(0, pieces - 1))
        if script.paused is not None:
            await self._going_on.wait()
        if script.fault in ("stall", "drip"):
            await asyncio.Event().wait()
        usage = self._usage(len(f"{script.thinking} {self._asked.text}".split()))
        body = _json(self._wire.whole(spans, usage))
        match script.fault:
            case "cut" | "quiet_end" | "reset":
                await self._out.half_whole(body)
                if script.fault == "reset":
                    self._out.reset()
                return False
            case "invalid_json":
                return await self._out.whole(200, body[: len(body) // 2])
            case "error_event":
                return await self._out.whole(500, _json(self._wire.error(500)))
        self._asked.told, self._asked.complete = usage, True  # before it is sent: the client may be quick
        return await self._out.whole(200, body)

    async def _stream(self, spans: Sequence[_Span]) -> bool:
        script, wire = self._script, self._wire
        await self._out.begin(wire.kind)
        await self._put(wire.begin(self._usage(0)))
        await asyncio.sleep(script.first_seconds)
        words = number = 0
        for piece in _PIECE.findall(script.thinking):
            words += len(piece.split())
            await self._put(wire.thought(piece, self._usage(words)))
        while number == 0 or script.fault == "drip":
            for span in spans:
                for piece in _pieces(span.text):
                    if number:
                        await asyncio.sleep(script.between_seconds)
                    if script.paused == number:
                        await self._going_on.wait()
                    words += len(piece.split())
                    events = [*wire.piece(span, piece, self._usage(words))]
                    if number == script.after and await self._breaks(events[-1]):
                        return False
                    await self._put(events)
                    number += 1
                await self._put(wire.cited(span))
            number += not spans
        events = [*wire.end(self._usage(words))]
        if number <= script.after and await self._breaks(events[0]):
            return False
        self._asked.complete = True
        await self._put(events)
        return await self._out.end()

    async def _put(self, events: Iterable[_Event]) -> None:
        for event in events:
            self._asked.told = event.told or self._asked.told  # before it is sent: the client may be quick
            await self._out.piece(event.data)

    async def _breaks(self, event: _Event) -> bool:
        """Breaks off as the script says, at this event; False where its fault does not break a stream."""
        match self._script.fault:
            case "cut" | "reset":
                await self._out.half(event.data)
                if self._script.fault == "reset":
                    self._out.reset()
            case "quiet_end":
                await self._out.end()
            case "stall":
                await asyncio.Event().wait()
            case "invalid_json":
                await self._out.piece(event.data.rstrip()[: -len(event.data) // 2] + b"\n\n")
                await self._out.end()
            case "error_event":
                await self._out.piece(self._wire.error_event())
                await self._out.end()
            case _:
                return False
        return True

    def _usage(self, words: int) -> Usage:
        """After so many words."""
        script = self._script
        return script.usage or Usage(self._prompt, words, cached_tokens=script.cached_tokens)

    def _spans(self) -> list[_Span]:
        script = self._script
        if script.fault == "empty":
            return []
        passages = self._wire.passages()
        if script.fault == "huge":
            return [_Span("word " * (HUGE // 5))]
        if script.text is not None or not passages:
            return [_Span(UNKNOWN if script.text is None else script.text)]
        found = sentences(passages[0])
        quoted = [found[at % len(found)] for at in script.sentences]
        if script.fault == "drip":
            return [_Span(" ".join(f"{quote[:-1]} [1]{quote[-1]}" for quote in quoted) + " ")]
        if self._wire.cites:
            return [_Span(f"{' ' if number else ''}{quote}", 1, quote) for number, quote in enumerate(quoted)]
        return [_Span(" ".join(f"{quote[:-1]} [1]{quote[-1]}" for quote in quoted))]


def sentences(passage: str) -> list[str]:
    """The sentences of a passage, without its headings."""
    lines = [line for line in passage.split("\n") if line and not line.startswith("#")]
    return [found.strip() for line in lines for found in _SENTENCE.findall(line) if found.strip()] or [passage]


class _Wire(ABC):
    """A provider's format of requests and answers, for one request."""

    provider: ClassVar[Provider]
    kind: ClassVar[str] = "text/event-stream"
    keep_alive: ClassVar[bytes] = b": keep-alive\n\n"

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._body = asked.body
        self._script = asked.script

    @staticmethod
    @abstractmethod
    def serves(path: str) -> bool: ...

    @staticmethod
    def model(path: str, body: Mapping[str, Any]) -> str:
        return str(body["model"])

    @staticmethod
    def streamed(path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream"))

    @property
    def cites(self) -> bool:
        """Whether the request asks for citations in the provider's own form."""
        return False

    @abstractmethod
    def texts(self) -> list[str]:
        """All text of the request."""

    def passages(self) -> list[str]:
        """The passages in the request, in their order."""
        return [found["text"] for text in self.texts() for found in _PASSAGE.finditer(text)]

    def begin(self, usage: Usage) -> Iterable[_Event]:
        return ()

    @abstractmethod
    def thought(self, piece: str, usage: Usage) -> Iterable[_Event]: ...

    @abstractmethod
    def piece(self, span: _Span, piece: str, usage: Usage) -> Iterable[_Event]: ...

    def cited(self, span: _Span) -> Iterable[_Event]:
        """The end of a span, with its citation."""
        return ()

    @abstractmethod
    def end(self, usage: Usage) -> Iterable[_Event]: ...

    @abstractmethod
    def whole(self, spans: Sequence[_Span], usage: Usage) -> dict[str, object]: ...

    @abstractmethod
    def error(self, status: int) -> dict[str, object]: ...

    def error_event(self) -> bytes:
        return _data(self.error(500))


class _OpenAI(_Wire):
    """Source: https://platform.openai.com/docs/api-reference/chat"""

    provider = "openai"
    _FINISH: ClassVar[dict[Finish, str]] = {"stop": "stop", "length": "length", "filter": "content_filter"}

    @staticmethod
    def serves(path: str) -> bool:
        return path.endswith("/chat/completions")

    def texts(self) -> list[str]:
        return [text for message in self._body["messages"] for text in _texts(message["content"])]

    def begin(self, usage: Usage) -> Iterable[_Event]:
        yield self._chunk({"role": "assistant", "content": ""})

    def thought(self, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._chunk({"reasoning_content": piece})  # as servers of open models say it

    def piece(self, span: _Span, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._chunk({"content": piece})

    def end(self, usage: Usage) -> Iterable[_Event]:
        yield self._chunk({}, self._FINISH[self._script.finish])
        if (self._body.get("stream_options") or {}).get("include_usage"):
            told = _data({**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage(usage)})
            yield _Event(told, usage)
        yield _Event(b"data: [DONE]\n\n")

    def whole(self, spans: Sequence[_Span], usage: Usage) -> dict[str, object]:
        message = {"role": "assistant", "content": "".join(span.text for span in spans), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._FINISH[self._script.finish]}
        return {**self._head("chat.completion"), "choices": [choice], "usage": self._usage(usage)}

    def error(self, status: int) -> dict[str, object]:
        kind = {401: "invalid_request_error", 429: "rate_limit_exceeded"}.get(status, "server_error")
        return {"error": {"message": GOSSIP, "type": kind, "param": None, "code": kind}}

    def _chunk(self, delta: dict[str, object], finish: str | None = None) -> _Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _Event(_data({**self._head("chat.completion.chunk"), "choices": [choice]}))

    def _head(self, kind: str) -> dict[str, object]:
        return {"id": "chatcmpl-fake", "object": kind, "created": 1_700_000_000, "model": self._asked.model}

    @staticmethod
    def _usage(usage: Usage) -> dict[str, object]:
        return {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        }


class _Anthropic(_Wire):
    """Source: https://docs.anthropic.com/en/api/messages-streaming, .../docs/build-with-claude/citations"""

    provider = "anthropic"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'
    _FINISH: ClassVar[dict[Finish, str]] = {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"}

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._index = -1
        self._open: str | None = None

    @staticmethod
    def serves(path: str) -> bool:
        return path.endswith("/v1/messages")

    @property
    def _sources(self) -> list[dict[str, Any]]:
        """The blocks of the request that are passages."""
        contents = [message["content"] for message in self._body["messages"]]
        blocks = [block for content in contents if isinstance(content, list) for block in content]
        return [block for block in blocks if block["type"] in ("document", "search_result")]

    @property
    def cites(self) -> bool:
        return any((block.get("citations") or {}).get("enabled") for block in self._sources)

    def texts(self) -> list[str]:
        said = [text for message in self._body["messages"] for text in _texts(message["content"])]
        return [*_texts(self._body.get("system") or ""), *said]

    def passages(self) -> list[str]:
        return ["\n".join(_texts([block])) for block in self._sources] or super().passages()

    def begin(self, usage: Usage) -> Iterable[_Event]:
        told = replace(usage, completion_tokens=min(1, usage.completion_tokens))
        message = {**self._head(), "content": [], "stop_reason": None, "usage": self._usage(told)}
        yield self._event("message_start", told, message=message)
        yield _Event(self.keep_alive)

    def thought(self, piece: str, usage: Usage) -> Iterable[_Event]:
        yield from self._block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
        yield self._delta({"type": "thinking_delta", "thinking": piece})

    def piece(self, span: _Span, piece: str, usage: Usage) -> Iterable[_Event]:
        yield from self._block("text", {"type": "text", "text": ""})
        yield self._delta({"type": "text_delta", "text": piece})

    def cited(self, span: _Span) -> Iterable[_Event]:
        if span.cites is not None:
            yield self._delta({"type": "citations_delta", "citation": self._citation(span)})
        yield from self._close()

    def end(self, usage: Usage) -> Iterable[_Event]:
        yield from self._close()
        delta = {"stop_reason": self._FINISH[self._script.finish], "stop_sequence": None}
        told = {"output_tokens": usage.completion_tokens} if self._script.terse else self._usage(usage)
        yield self._event("message_delta", usage, delta=delta, usage=told)
        yield self._event("message_stop")

    def whole(self, spans: Sequence[_Span], usage: Usage) -> dict[str, object]:
        content: list[dict[str, object]] = []
        if self._script.thinking:
            content.append({"type": "thinking", "thinking": self._script.thinking, "signature": ""})
        for span in spans:
            block: dict[str, object] = {"type": "text", "text": span.text}
            content.append(block | ({} if span.cites is None else {"citations": [self._citation(span)]}))
        finish = self._FINISH[self._script.finish]
        return {**self._head(), "content": content, "stop_reason": finish, "usage": self._usage(usage)}

    def error(self, status: int) -> dict[str, object]:
        kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
        return {"type": "error", "error": {"type": kinds.get(status, "api_error"), "message": GOSSIP}}

    def error_event(self) -> bytes:
        return b"event: error\n" + _data(self.error(529))

    def _head(self) -> dict[str, object]:
        return {"id": "msg_fake", "type": "message", "role": "assistant", "model": self._asked.model}

    @staticmethod
    def _usage(usage: Usage) -> dict[str, int]:
        """In which tokens that were read before are none of the input."""
        return {
            "input_tokens": usage.prompt_tokens - usage.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": usage.cached_tokens,
            "output_tokens": usage.completion_tokens,
        }

    def _citation(self, span: _Span) -> dict[str, object]:
        assert span.cites is not None
        block = self._sources[span.cites - 1]
        told: dict[str, object] = {"cited_text": span.quote}
        if block["type"] == "search_result":
            told |= {"type": "search_result_location", "search_result_index": span.cites - 1}
            return told | {"source": block["source"], "title": block["title"], **_BLOCKS}
        told |= {"document_index": span.cites - 1, "document_title": block.get("title"), "file_id": None}
        if block["source"]["type"] == "content":
            return told | {"type": "content_block_location", **_BLOCKS}
        start = str(block["source"]["data"]).find(span.quote)
        place = {"start_char_index": start, "end_char_index": start + len(span.quote)}
        return told | {"type": "char_location", **place}

    def _block(self, kind: str, begun: dict[str, object]) -> Iterable[_Event]:
        """Begins a block of this kind, unless one is open."""
        if self._open != kind:
            yield from self._close()
            self._index, self._open = self._index + 1, kind
            yield self._event("content_block_start", index=self._index, content_block=begun)

    def _close(self) -> Iterable[_Event]:
        if self._open is not None:
            self._open = None
            yield self._event("content_block_stop", index=self._index)

    def _delta(self, delta: dict[str, object]) -> _Event:
        return self._event("content_block_delta", index=self._index, delta=delta)

    @staticmethod
    def _event(kind: str, told: Usage | None = None, **data: object) -> _Event:
        return _Event(f"event: {kind}\n".encode() + _data({"type": kind, **data}), told)


_BLOCKS = {"start_block_index": 0, "end_block_index": 1}


class _Google(_Wire):
    """Source: https://ai.google.dev/api/generate-content"""

    provider = "google"
    keep_alive = b"\n"
    _FINISH: ClassVar[dict[Finish, str]] = {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"}
    _STATUS: ClassVar[dict[int, str]] = {401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}

    @staticmethod
    def serves(path: str) -> bool:
        return path.endswith((":generateContent", ":streamGenerateContent"))

    @staticmethod
    def model(path: str, body: Mapping[str, Any]) -> str:
        return path.partition("/models/")[2].partition(":")[0]

    @staticmethod
    def streamed(path: str, body: Mapping[str, Any]) -> bool:
        return ":streamGenerateContent" in path

    def texts(self) -> list[str]:
        contents = [self._body.get("systemInstruction") or {"parts": []}, *self._body["contents"]]
        return [part["text"] for content in contents for part in content["parts"] if "text" in part]

    def thought(self, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._chunk([{"text": piece, "thought": True}], usage)

    def piece(self, span: _Span, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._chunk([{"text": piece}], usage)

    def end(self, usage: Usage) -> Iterable[_Event]:
        yield self._chunk([{"text": ""}], usage, self._FINISH[self._script.finish])

    def whole(self, spans: Sequence[_Span], usage: Usage) -> dict[str, object]:
        parts: list[dict[str, object]] = [{"text": "".join(span.text for span in spans)}]
        return self._answer(parts, usage, self._FINISH[self._script.finish])

    def error(self, status: int) -> dict[str, object]:
        details: list[dict[str, object]] = []
        if self._script.retry_after is not None:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details.append({"@type": kind, "retryDelay": f"{self._script.retry_after}s"})
        told = self._STATUS.get(status, "INTERNAL")
        return {"error": {"code": status, "message": GOSSIP, "status": told, "details": details}}

    def _chunk(self, parts: list[dict[str, object]], usage: Usage, finish: str | None = None) -> _Event:
        return _Event(_data(self._answer(parts, usage, finish)), usage)

    def _answer(self, parts: list[dict[str, object]], usage: Usage, finish: str | None) -> dict[str, object]:
        candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        thoughts = min(len(self._script.thinking.split()), usage.completion_tokens)
        told = {
            "promptTokenCount": usage.prompt_tokens,
            "candidatesTokenCount": usage.completion_tokens - thoughts,
            "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
            "cachedContentTokenCount": usage.cached_tokens,
            "thoughtsTokenCount": thoughts,
        }
        return {
            "candidates": [candidate | ({} if finish is None else {"finishReason": finish})],
            "usageMetadata": {name: tokens for name, tokens in told.items() if tokens},
            "modelVersion": self._asked.model,
            "responseId": "fake",
        }


class _Ollama(_Wire):
    """Source: https://docs.ollama.com/api"""

    provider = "ollama"
    kind = "application/x-ndjson"
    keep_alive = b'{"model": "", "message": {"role": "assistant", "content": ""}, "done": false}\n'

    @staticmethod
    def serves(path: str) -> bool:
        return path.endswith("/api/chat")

    @staticmethod
    def streamed(path: str, body: Mapping[str, Any]) -> bool:
        return bool(body.get("stream", True))

    def texts(self) -> list[str]:
        return [message["content"] for message in self._body["messages"]]

    def thought(self, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._line({"role": "assistant", "content": "", "thinking": piece})

    def piece(self, span: _Span, piece: str, usage: Usage) -> Iterable[_Event]:
        yield self._line({"role": "assistant", "content": piece})

    def end(self, usage: Usage) -> Iterable[_Event]:
        yield _Event(_json(self._last("", usage)) + b"\n", usage)

    def whole(self, spans: Sequence[_Span], usage: Usage) -> dict[str, object]:
        return self._last("".join(span.text for span in spans), usage)

    def error(self, status: int) -> dict[str, object]:
        return {"error": GOSSIP}

    def error_event(self) -> bytes:
        return _json(self.error(500)) + b"\n"

    def _line(self, message: dict[str, object]) -> _Event:
        return _Event(_json({**self._head(), "message": message, "done": False}) + b"\n")

    def _last(self, text: str, usage: Usage) -> dict[str, object]:
        counts = {"prompt_eval_count": usage.prompt_tokens, "eval_count": usage.completion_tokens}
        reason = "length" if self._script.finish == "length" else "stop"
        message = {"role": "assistant", "content": text}
        return {**self._head(), "message": message, "done": True, "done_reason": reason, "total_duration": 1, **counts}

    def _head(self) -> dict[str, object]:
        return {"model": self._asked.model, "created_at": "2026-01-01T00:00:00.000000Z"}


_WIRES: tuple[type[_Wire], ...] = (_OpenAI, _Anthropic, _Google, _Ollama)


def _pieces(text: str) -> list[str]:
    """Words with the blanks behind them; of a text that is too long for anybody, larger ones."""
    if len(text) < HUGE // 2:
        return _PIECE.findall(text)
    return [text[at : at + 50_000] for at in range(0, len(text), 50_000)]


def _texts(content: str | Sequence[Mapping[str, Any]]) -> list[str]:
    """The texts of a message's content: itself, or those of its blocks."""
    if isinstance(content, str):
        return [content]
    found: list[str] = []
    for block in content:
        match block["type"]:
            case "text":
                found.append(block["text"])
            case "search_result":
                found += _texts(block["content"])
            case "document":
                source = block["source"]
                found += [source["data"]] if source["type"] == "text" else _texts(source["content"])
    return found


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _data(value: object) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--sentences", type=int, default=1, help="how many of the first passage are quoted")
    parser.add_argument("--first-seconds", type=float, default=0.0, help="before the first piece")
    parser.add_argument("--between-seconds", type=float, default=0.0, help="between two pieces")
    options = parser.parse_args()
    script = Script(
        sentences=tuple(range(options.sentences)),
        first_seconds=options.first_seconds,
        between_seconds=options.between_seconds,
    )
    fakes = FakeProviders({}, script)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: fakes.stop())
    fakes.run("127.0.0.1", options.port, lambda: print(json.dumps({"url": fakes.url}), flush=True))


if __name__ == "__main__":
    main()
