"""Errors as clients of OpenAI know them: on its routes every problem goes out as `{"error": {...}}`.

Whatever refuses a request, a middleware included, answers with a problem: it is reworded here, in one place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems
from grounding.errors import NotFound

_PATH = re.compile(r"/v1/(?:chat/completions|models|embeddings)(?:/|\Z)")
_PARAM = re.compile(r"([a-z_]+(?:\[\d+\])*(?:\.[a-z_]+(?:\[\d+\])*)*): ")
"""Messages begin with the field that they are about, if it is one."""
_CODES = {
    "not_authenticated": "invalid_api_key",
    "rate_limited": "rate_limit_exceeded",
    "budget_spent": "insufficient_quota",
}
_TYPES = {401: "authentication_error", 403: "permission_error"}


class ModelNotFound(NotFound):
    """There is no model of this name to be asked."""

    code = "model_not_found"


def is_for_its_clients(path: str) -> bool:
    """Whether a path is one of those that OpenAI's clients call."""
    return _PATH.match(path) is not None


def status_of(problem: Mapping[str, object]) -> int:
    """The HTTP status of a problem: what these clients call a bad request is 400."""
    status = cast(int, problem["status"])
    return 400 if status == 422 else status


def error_of(problem: Mapping[str, object]) -> dict[str, object]:
    """The error object that says what the problem says."""
    status, code, detail = status_of(problem), str(problem["code"]), str(problem["detail"])
    code = _CODES.get(code, code)
    kind = code if status == 429 else _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return {"error": {"message": detail, "type": kind, "param": _param(problem, code, detail), "code": code}}


def _param(problem: Mapping[str, object], code: str, detail: str) -> str | None:
    if code == ModelNotFound.code:
        return "model"
    if fields := cast(list[dict[str, str]], problem.get("errors", [])):
        return fields[0]["field"]
    named = _PARAM.match(detail)
    return named[1] if named else None


class OpenAIErrors:
    """Rewords every problem that goes out on these routes; headers such as Retry-After stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_for_its_clients(scope["path"]):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def send_reworded(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_problem(message):
                start = message
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                reworded = _reworded(start, body)
                await send(reworded[0])
                await send(reworded[1])

        await self._app(scope, receive, send_reworded)


def _is_problem(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "").startswith(problems.MEDIA_TYPE)


def _reworded(start: Message, body: bytes) -> tuple[Message, Message]:
    problem: dict[str, object] = json.loads(body)
    content = json.dumps(error_of(problem), ensure_ascii=False).encode()
    headers = MutableHeaders(raw=[*start["headers"]])
    headers["Content-Type"] = "application/json"
    headers["Content-Length"] = str(len(content))
    return (
        {**start, "status": status_of(problem), "headers": headers.raw},
        {"type": "http.response.body", "body": content},
    )
