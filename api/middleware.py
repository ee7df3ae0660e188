"""What every request passes, as plain ASGI: its id, the last resort for errors, its Host header, its body's size."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems

logger = logging.getLogger(__name__)

REQUEST_ID = "X-Request-ID"
_NUMBER = re.compile(r"[0-9]+\Z")
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")

SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Requests:
    """Gives each request an id (the caller's own if it is sane) and answers what nobody else could."""

    def __init__(self, app: ASGIApp, *, counted: Callable[[str, str, int, float], None]) -> None:
        """`counted` is told route, method, status and seconds of each."""
        self._app = app
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        offered = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = offered if _SANE_ID.match(offered) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_id
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                for name, value in scope["state"].get("headers", {}).items():
                    headers[name] = value
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, the caller gets an answer
            answer = problems.unexpected(error, request_id=request_id)
            if not status:
                response = JSONResponse(answer, 500, media_type=problems.MEDIA_TYPE)
                await response(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "-")  # the template: a path or query may hold words of a user
            logger.info("%s %s %s %d %.1f ms", request_id, scope["method"], route, status, seconds * 1000)
            self._counted(route, scope["method"], status, seconds)


class KnownHosts:
    """Refuses a Host header of another name, so that a web page cannot reach a local server by rebinding its DNS."""

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (name := host_name(Headers(scope=scope).get("host", ""))) not in self._hosts:
            detail = (
                f"this server does not answer for the host {name[:100]!r}, only for {', '.join(sorted(self._hosts))}"
            )
            await problems.problem(421, detail=detail, code="unknown_host")(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a request body of more than `max_bytes`, told beforehand or not."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "")
        if _NUMBER.match(told) and int(told[:20]) > self._max_bytes:
            # The body is not read: the connection cannot serve another request.
            refusal = problems.problem(413, detail=self._detail, headers={"Connection": "close"})
            await refusal(scope, receive, send)
            return
        read = 0

        async def receive_counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max_bytes:
                raise HTTPException(413, self._detail, headers={"Connection": "close"})
            return message

        await self._app(scope, receive_counted, send)

    @property
    def _detail(self) -> str:
        return f"the request body is larger than {self._max_bytes / 2**20:g} MB (setting server.max_body_mb)"


def host_name(header: str) -> str:
    """The name in a Host header, without its port: "[::1]:8000" -> "[::1]"."""
    bracketed, bracket, _ = header.partition("]")
    return (bracketed + bracket if bracket else header.partition(":")[0]).lower()
