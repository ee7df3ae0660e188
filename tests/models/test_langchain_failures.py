"""What exceptions of providers' clients mean: reason, whether it passes, when to come back; nothing of their text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grounding.models.failures import Failure, ended, failure

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
GOSSIP = "your prompt was: tell me the salary of Ada, and your key sk-12345"


class Refused(Exception):
    """As the clients of OpenAI and Anthropic raise it."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None, body: object = None) -> None:
        self.status_code = status
        self.response = httpx.Response(status, headers=headers or {})
        self.body = body
        super().__init__(GOSSIP)


class Coded(Exception):
    """As Google's client raises it."""

    def __init__(self, code: int, details: object) -> None:
        self.code = code
        self.details = details
        super().__init__(GOSSIP)


def raised_from(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def what(error: BaseException, *, begun: bool = False) -> tuple[str, bool]:
    found = failure(error, begun=begun, now=NOW)
    return found.reason, found.passing


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass(status: int) -> None:
    assert what(Refused(status)) == (f"http_{status}", True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_statuses_that_stay(status: int) -> None:
    assert what(Refused(status)) == (f"http_{status}", False)


def test_a_status_is_found_behind_another_exception() -> None:
    assert what(raised_from(RuntimeError(GOSSIP), Coded(429, {}))) == ("http_429", True)


@pytest.mark.parametrize(
    ("error", "begun", "reason"),
    [
        (httpx.ConnectError(GOSSIP), False, "connection"),
        (httpx.ConnectTimeout(GOSSIP), False, "connection"),
        (ConnectionRefusedError(GOSSIP), False, "connection"),
        (ConnectionError(GOSSIP), False, "connection"),
        (ConnectionError(GOSSIP), True, "cut"),
        (httpx.ReadTimeout(GOSSIP), False, "timeout"),
        (httpx.PoolTimeout(GOSSIP), False, "timeout"),
        (TimeoutError(GOSSIP), True, "timeout"),
        (httpx.RemoteProtocolError(GOSSIP), False, "cut"),
        (httpx.ReadError(GOSSIP), True, "cut"),
        (ConnectionResetError(GOSSIP), True, "cut"),
        (raised_from(ConnectionError(GOSSIP), httpx.RemoteProtocolError(GOSSIP)), False, "cut"),
        (json.JSONDecodeError(GOSSIP, "", 0), True, "invalid"),
        (KeyError(GOSSIP), True, "invalid"),
        (httpx.DecodingError(GOSSIP), True, "invalid"),
    ],
)
def test_what_happens_on_the_way_passes(error: Exception, begun: bool, reason: str) -> None:
    assert what(error, begun=begun) == (reason, True)


def test_anything_else_has_failed_and_stays() -> None:
    assert what(RuntimeError(GOSSIP)) == ("failed", False)


@pytest.mark.parametrize(
    ("body", "reason", "passing"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": GOSSIP}}, "http_529", True),
        ({"error": {"type": "invalid_request_error"}}, "http_400", False),
        ({"code": "rate_limit_exceeded", "type": "tokens"}, "http_429", True),
        ({"code": 503}, "http_503", True),
        ({"code": GOSSIP}, "failed", False),
        (GOSSIP, "failed", False),
    ],
)
def test_an_error_inside_a_stream_is_known_by_its_name(body: object, reason: str, passing: bool) -> None:
    assert what(Refused(200, body=body)) == (reason, passing)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "9", "retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert failure(raised_from(RuntimeError(), Refused(429, headers)), now=NOW).retry_after == seconds


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}


@pytest.mark.parametrize(
    ("details", "seconds"),
    [
        ({"error": {"details": [{"@type": "other"}, RETRY_INFO]}}, 17.5),
        (json.dumps({"error": {"details": [RETRY_INFO]}}), 17.5),
        ({"error": {"details": "none"}}, None),
        ("<html>", None),
        (None, None),
    ],
)
def test_when_to_come_back_in_googles_words(details: object, seconds: float | None) -> None:
    assert failure(Coded(429, details), now=NOW).retry_after == seconds


@given(st.text())
def test_no_header_breaks_it(value: str) -> None:
    error = Refused(429)
    error.response = httpx.Response(429, headers={b"retry-after": value.encode("utf-8", "replace")})
    after = failure(error, now=NOW).retry_after
    assert after is None or after >= 0


def test_an_error_names_the_generator_and_repeats_nothing() -> None:
    said = failure(Refused(429, {"Retry-After": "7"}, {"error": {"message": GOSSIP}}), now=NOW).error("quick")
    assert str(said) == (
        "generator 'quick' failed: too many requests, or no credit left, at the provider (HTTP 429, Refused)"
    )
    assert (said.reason, said.passing, said.retry_after) == ("http_429", True, 7.0)
    assert "salary" not in str(failure(ValueError(GOSSIP)).error("quick", role="rewriter"))


@pytest.mark.parametrize("finish", ["stop", "end_turn", "STOP", "length", "tool_calls", "pause_turn"])
def test_a_good_end_is_no_failure(finish: str) -> None:
    assert ended(finish) is None


def test_a_bad_end_is_one_and_a_word_that_is_none_is_not_repeated() -> None:
    assert ended("SAFETY") == Failure("refused", "SAFETY")
    assert ended("unknown: " + GOSSIP) == Failure("interrupted", "")
