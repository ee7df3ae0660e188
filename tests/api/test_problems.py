"""Errors: one table, one shape, whatever went wrong and wherever."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api import problems
from api.middleware import BodyLimit, KnownHosts, Requests, host_name
from grounding import errors

MEMBERS = {"type", "title", "status", "detail", "code"}


def _all_errors(kind: type[errors.GroundingError] = errors.GroundingError) -> list[type[errors.GroundingError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in _all_errors(below))]


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status(kind: type[errors.GroundingError]) -> None:
    error = kind.__new__(kind)
    assert 400 <= problems.status_of(error) < 600


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotFound("no such thing"), 404),
        (errors.InvalidRequest("not so"), 422),
        (errors.NotAuthenticated("who?"), 401),
        (errors.NotAllowed("no"), 403),
        (errors.GeneratorFailed("it failed"), 502),
        (errors.SchemaOutdated("run  grounding db upgrade"), 503),
        (errors.CollectionBusy("another writes"), 409),
        (errors.MissingDependency("langchain-openai", purpose="openai"), 501),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_becomes_a_problem(error: errors.GroundingError, status: int) -> None:
    body = problems.body_of(error)
    assert body.keys() == MEMBERS
    assert body["status"] == problems.status_of(error) == status
    assert body["detail"] == str(error)
    assert body["code"] == error.code


@pytest.fixture
def small_app() -> FastAPI:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(BodyLimit, max_bytes=1000)
    app.add_middleware(KnownHosts, hosts={"testserver"})
    app.add_middleware(Requests, counted=lambda *_: None)

    @app.get("/breaks")
    def breaks() -> None:
        raise ZeroDivisionError("secret {}".format("words"))

    @app.post("/echo")
    def echo(body: dict[str, str]) -> int:
        return len(body)

    return app


def test_an_unexpected_error_is_answered_and_logged_once(small_app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    response = TestClient(small_app).get("/breaks", headers={"X-Request-ID": "mine-1"})
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"] == "mine-1"
    assert response.json()["request_id"] == "mine-1"
    assert "Traceback" not in response.text
    assert "ZeroDivisionError" not in response.text
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == 1
    assert "ZeroDivisionError" in logged[0].getMessage()
    assert "secret words" not in caplog.text


@pytest.mark.parametrize(
    ("offered", "kept"), [("abc-1.2_3", True), ("", False), ("two words", False), ("x" * 129, False), ("a\tb", False)]
)
def test_a_request_id_is_kept_if_it_is_sane(small_app: FastAPI, offered: str, *, kept: bool) -> None:
    found = TestClient(small_app).get("/nothing", headers={"X-Request-ID": offered}).headers["x-request-id"]
    assert (found == offered) is kept
    assert 0 < len(found) <= 128


def test_an_unknown_route_and_method_are_problems(small_app: FastAPI) -> None:
    client = TestClient(small_app)
    missing = client.get("/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert "/nothing" in missing.json()["detail"]
    wrong = client.put("/echo")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.json().keys() == MEMBERS
    assert "POST" in wrong.headers["allow"]


def test_a_body_over_the_limit_is_refused_told_or_not(small_app: FastAPI) -> None:
    client = TestClient(small_app)
    told = client.post("/echo", content=b'{"a": "' + b"x" * 1000 + b'"}', headers={"Content-Type": "application/json"})
    chunks = (piece for piece in (b'{"a": "', b"x" * 600, b"x" * 600, b'"}'))
    untold = client.post("/echo", content=chunks, headers={"Content-Type": "application/json"})
    for response in (told, untold):
        assert (response.status_code, response.json()["code"]) == (413, "too_large")
        assert "max_body_mb" in response.json()["detail"]
        assert response.headers["x-request-id"]
    assert client.post("/echo", json={"a": "x"}).json() == 1


def test_json_that_is_none_names_the_place(small_app: FastAPI) -> None:
    response = TestClient(small_app).post("/echo", content=b'{"a": nope}', headers={"Content-Type": "application/json"})
    assert response.status_code == 422
    assert "not valid JSON" in response.json()["detail"]


def test_another_host_name_is_refused(small_app: FastAPI) -> None:
    response = TestClient(small_app, base_url="http://evil.example").get("/breaks")
    assert (response.status_code, response.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:8000", "localhost"),
        ("[::1]:8000", "[::1]"),
        ("[::1]", "[::1]"),
        ("LocalHost", "localhost"),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name
