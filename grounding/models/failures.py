"""What went wrong at a provider, read from the exceptions of its client: their types, statuses and headers, never their
text, which may repeat the prompt or the key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from grounding.errors import GeneratorFailed

PASSING = frozenset((408, 409, 425, 429))
"""Statuses below 500 after which the same call may succeed in a moment."""
PASSING_REASONS = frozenset(("connection", "timeout", "cut", "invalid", "interrupted"))
REFUSALS = frozenset(
    "content_filter refusal safety recitation blocklist prohibited_content spii image_safety language".split()
)
"""Ends of an answer that the provider withheld, as OpenAI, Anthropic and Gemini name them."""
_FAILED = frozenset("other error failed load unload".split())
_UNREACHED = frozenset("ConnectError ConnectTimeout ProxyError ConnectionRefusedError gaierror".split())
_BROKEN = frozenset(
    (
        "ReadError WriteError CloseError RemoteProtocolError LocalProtocolError IncompleteRead StreamClosed "
        "ConnectionResetError ConnectionAbortedError BrokenPipeError"
    ).split()
)
_UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, UnboundLocalError)
"""What clients raise over an answer that is not what its format promises; a JSONDecodeError is a ValueError."""
_KINDS = {
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "invalid_request_error": 400,
    "insufficient_quota": 429,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "service_unavailable": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""Statuses of errors that are told inside a stream whose own status was 200, by OpenAI's and Anthropic's names."""
_HINTS = {
    400: "the provider refused the request; the prompt may be longer than the model's window",
    401: "the provider refused the API key",
    403: "the API key may not use this model",
    404: "the provider does not know this model",
    408: "the provider did not answer in time",
    413: "the prompt is longer than the provider accepts",
    429: "too many requests, or no credit left, at the provider",
}
_SAID = {
    "connection": "the provider cannot be reached",
    "timeout": "no answer in time",
    "cut": "the answer broke off",
    "invalid": "the answer cannot be read",
    "interrupted": "the provider reported an error",
    "refused": "the provider withheld the answer",
    "length": "the longest answer was used up before its first word; raise max_output_tokens",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """`reason` is the stable word of GeneratorFailed, `kind` the exception's type, `status` that of the answer."""

    reason: str
    kind: str = ""
    status: int | None = None
    retry_after: float | None = None

    @property
    def passing(self) -> bool:
        if self.status is not None:
            return self.status >= 500 or self.status in PASSING
        return self.reason in PASSING_REASONS

    def error(self, name: str, *, role: str = "generator") -> GeneratorFailed:
        """What a person is told who has to act."""
        kind = f" ({self.kind})" if self.kind else ""
        if self.status is not None:
            said = "the provider failed" if self.status >= 500 else "the provider refused the request"
            said = _HINTS.get(self.status, said)
            kind = f" (HTTP {self.status}, {self.kind})" if self.kind else f" (HTTP {self.status})"
        else:
            said = _SAID.get(self.reason, "")
        message = f"{role} {name!r} failed{': ' if said else ''}{said}{kind}"
        return GeneratorFailed(message, reason=self.reason, passing=self.passing, retry_after=self.retry_after)


def failure(error: BaseException, *, begun: bool = False, now: datetime | None = None) -> Failure:
    """What an exception of a client means. `begun`: a piece of the answer had come before it."""
    chain = list(_chain(error))
    kind = type(error).__name__
    statuses = (_status(each) for each in chain)
    status = next((status for status in statuses if status is not None), None)
    if status is not None:
        after = next(
            (found for each in chain if (found := _retry_after(each, now or datetime.now(UTC))) is not None), None
        )
        return Failure(f"http_{status}", kind, status, after)
    names = {base.__name__ for each in chain for base in type(each).__mro__}
    if names & _UNREACHED:
        return Failure("connection", kind)
    if names & _BROKEN:
        return Failure("cut", kind)
    if "TimeoutError" in names or any("Timeout" in name for name in names):
        return Failure("timeout", kind)
    if "ConnectionError" in names or any("Connect" in name for name in names):
        return Failure("cut" if begun else "connection", kind)
    if any(isinstance(each, _UNREADABLE) or type(each).__name__ == "DecodingError" for each in chain):
        return Failure("invalid", kind)
    # An error that a provider tells inside a stream, in words that are not known here.
    return Failure("interrupted" if names & {"APIError", "ResponseError"} else "failed", kind)


def ended(finish: str) -> Failure | None:
    """What is wrong with an answer that ended with this finish or stop reason of its provider."""
    word = finish.lower()
    if word in REFUSALS:
        return Failure("refused", finish if finish.isidentifier() else "")
    if word.startswith(("malformed", "unexpected", "unknown")) or word in (
        "other",
        "error",
        "failed",
        "load",
        "unload",
    ):
        return Failure("interrupted", finish if finish.isidentifier() else "")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it came from, the latest first."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or each.__context__


def _status(error: BaseException) -> int | None:
    """Of the answer, 400 or more; that of an error told inside a stream by its name."""
    for name in ("status_code", "code"):
        value = getattr(error, name, None)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, int) and 400 <= value <= 599:
            return value
    body = getattr(error, "body", None)
    told = body.get("error", body) if isinstance(body, Mapping) else None
    for value in (told.get("code"), told.get("type")) if isinstance(told, Mapping) else ():
        if isinstance(value, int) and 400 <= value <= 599:
            return value
        if isinstance(value, str) and value in _KINDS:
            return _KINDS[value]
    return None


def _retry_after(error: BaseException, now: datetime) -> float | None:
    """Seconds that the provider asks to wait: by a header, in seconds, milliseconds or as a date, or by the RetryInfo
    of Google's errors. Source: RFC 9110, 10.2.3; google/rpc/error_details.proto."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    if isinstance(headers, Mapping):
        if (found := _number(headers.get("retry-after-ms"))) is not None:
            return found / 1000
        value = headers.get("retry-after")
        if (found := _number(value)) is not None:
            return found
        if (at := _date(value)) is not None:
            return max(0.0, (at - now).total_seconds())
    return _retry_info(getattr(error, "details", None))


def _number(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def _date(value: object) -> datetime | None:
    try:
        at = parsedate_to_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _retry_info(details: object) -> float | None:
    if isinstance(details, str):
        try:
            details = json.loads(details)
        except ValueError:
            return None
    told = details.get("error", details) if isinstance(details, Mapping) else None
    listed = told.get("details") if isinstance(told, Mapping) else None
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, Mapping) and str(each.get("@type", "")).endswith("RetryInfo"):
            return _number(str(each.get("retryDelay", "")).removesuffix("s"))
    return None
