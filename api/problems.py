"""Errors as `application/problem+json` (RFC 9457). Which error has which HTTP status stands here, in one table.

A body has `type, title, status, detail, code`; one of a request that does not fit its schema also has `errors`, a
list of `{"field", "message"}`.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from grounding import errors

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Busy(errors.GroundingError):
    """As much is under way as may be."""

    code = "busy"


class Stopping(errors.GroundingError):
    """The server gives up what is under way, because it stops."""

    code = "stopping"


STATUS: Mapping[type[errors.GroundingError], int] = {
    errors.GroundingError: 500,
    errors.ConfigurationError: 500,
    errors.InvalidRequest: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.RateLimited: 429,
    errors.MissingDependency: 501,
    errors.ModelError: 503,
    errors.GeneratorFailed: 502,
    errors.StoreError: 503,
    errors.CollectionBusy: 409,
    errors.LoadError: 422,
    Busy: 503,
    Stopping: 503,
}
"""An error that is not listed has the status of its nearest listed base."""

CODES: Mapping[int, str] = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "rate_limited",
    500: "internal",
    501: "not_available",
    503: "not_ready",
}
"""The `code` of a problem that no GroundingError stands behind."""

RETRY_SECONDS = 2
"""After which a caller may ask again where the database could not be had in that moment."""
_LONGEST_SHOWN = 60


def status_of(error: errors.GroundingError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def retry_after(error: errors.GroundingError) -> int | None:
    """After how many seconds the same request may pass; None where it never may, or nobody knows."""
    match error:
        case errors.RateLimited():
            return max(1, math.ceil(error.retry_after))
        case errors.GeneratorFailed(passing=True):
            return max(1, math.ceil(error.retry_after or RETRY_SECONDS))
        case errors.StoreUnavailable() | Busy() | Stopping():
            return RETRY_SECONDS
    return None


def body(status: int, *, detail: str, code: str | None = None) -> dict[str, object]:
    """The five members of a problem, as they go into its JSON."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code or CODES.get(status, "error"),
    }


def body_of(error: errors.GroundingError) -> dict[str, object]:
    """The problem that an error is."""
    return body(status_of(error), detail=str(error), code=error.code)


def problem(
    status: int,
    *,
    detail: str,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """A response; `more` adds members to the five."""
    content = body(status, detail=detail, code=code) | dict(more or {})
    return JSONResponse(content, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Makes every error of `app` a problem, except the unexpected ones, which `middleware.Requests` answers."""
    app.add_exception_handler(errors.GroundingError, grounding_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)


def unexpected(error: Exception, *, request_id: str) -> dict[str, object]:
    """The problem of an error that nobody foresaw. Logged here, once, without its message, which may quote a user."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s failed: %s\n%s", request_id, type(error).__qualname__, frames)
    detail = f"an unexpected error; the server's log has it under the request id {request_id}"
    return body(500, detail=detail) | {"request_id": request_id}


async def grounding_error(request: Request, error: Exception) -> Response:
    """The problem that a GroundingError is, with its status."""
    assert isinstance(error, errors.GroundingError)
    status = status_of(error)
    if status >= 500:
        logger.error("request %s: %s: %s", request.state.request_id, error.code, error)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    if (seconds := retry_after(error)) is not None:
        headers = {"Retry-After": str(seconds)}
    return problem(status, detail=str(error), code=error.code, headers=headers)


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"no route {request.method} {request.url.path[:200]}; /docs lists them"
    elif error.status_code == 405:
        detail = f"{request.method} is not a method of {request.url.path[:200]}; /docs lists them"
    return problem(error.status_code, detail=detail, headers=error.headers)


async def _validation_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [_explain(cast(Mapping[str, object], entry)) for entry in error.errors()]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in found[:5])
    return problem(422, detail=detail, code=errors.InvalidRequest.code, more={"errors": found})


def _explain(entry: Mapping[str, object]) -> dict[str, str]:
    """One complaint of pydantic as `{"field", "message"}`; what was given is shown if it is short."""
    where = [str(part) for part in cast(Sequence[object], entry["loc"])]
    if entry["type"] == "json_invalid":
        context = cast(Mapping[str, object], entry.get("ctx", {}))
        return {"field": "body", "message": f"not valid JSON: {context.get('error', '')} at character {where[-1]}"}
    given = entry.get("input")
    shown = f" (got {given!r})" if isinstance(given, str | int | float) and len(str(given)) <= _LONGEST_SHOWN else ""
    message = str(entry["msg"])
    if entry["type"] == "extra_forbidden":
        message, shown = "there is no field of this name", ""
    return {"field": _path(where), "message": message[:1].lower() + message[1:] + shown}


def _path(parts: Iterable[str]) -> str:
    """("body", "history", "0", "role") -> "history[0].role"; parameters of the path or query keep their kind."""
    first, *rest = parts
    path = "" if first == "body" else first
    for part in rest:
        path += f"[{part}]" if part.isdigit() else f".{part}" if path else part
    return path or first
