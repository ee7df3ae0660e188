"""Limits over HTTP: who is refused, in what words, until when; and what is free."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api import limits, problems
from api.app import ROUTE_MODULES, create_app
from api.auth import Caller, Require
from api.compose import Service, build
from api.dependencies import Admit
from grounding.errors import (
    BudgetSpent,
    GeneratorFailed,
    GroundingError,
    RateLimited,
    StoreError,
    StoreUnavailable,
)
from grounding.settings import Limits, Settings
from grounding.values import ModelCall, Usage
from store.usage import Admission, Standing

QUESTIONS = {"/v1/search", "/v1/ground", "/v1/chat", "/v1/chat/completions", "/v1/embeddings"}
FREE = {
    "/v1/models",
    "/v1/models/{name:path}",
    "/v1/usage",
    "/v1/feedback",
    "/v1/collections",
    "/v1/collections/{collection}",
    "/v1/collections/{collection}/documents",
    "/v1/documents/{document_id:path}",
    "/v1/conversations/{conversation_id}",
}
"""Routes that may be let in beyond all limits: they ask no model and search nothing."""
SEARCH = {"query": "leave"}


def client_of(app: FastAPI, service: Service, own: Limits | None = None, *scopes: str) -> TestClient:
    _, secret = service.store.keys.create(scopes=scopes or ("chat", "search"), limits=own)
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})


def spend(service: Service, key: str, *, tokens: int = 0, usd: float | None = None) -> None:
    usage = Usage(prompt_tokens=tokens, cost_usd=usd)
    call = ModelCall("g", "m", "answer", "ok", datetime.now(UTC), 0.0, None, usage, reported=True)
    service.store.usage.record([call], key_id=key, user="", conversation_id=None, collection="", trace_id=None)


def key_of(service: Service) -> str:
    return service.store.keys.list()[-1].id


def test_no_route_forgets_to_count() -> None:
    counted: set[str] = set()
    free: set[str] = set()
    for module in ROUTE_MODULES:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            for each in route.dependant.dependencies:
                if isinstance(each.call, Require) and each.call.scope in ("chat", "search"):
                    (counted if isinstance(each.call, Admit) else free).add(route.path)
    assert counted >= QUESTIONS
    assert free <= FREE


class TestRequests:
    def test_the_next_one_is_told_when_to_come_back(self, app: FastAPI, service: Service, handbook: str) -> None:
        client = client_of(app, service, Limits(requests_per_minute=2))
        body = SEARCH | {"collection": handbook}
        assert [client.post("/v1/search", json=body).status_code for _ in range(2)] == [200, 200]
        refused = client.post("/v1/search", json=body)
        assert refused.status_code == 429
        assert refused.headers["content-type"] == "application/problem+json"
        problem = refused.json()
        assert (problem["code"], problem["status"]) == ("rate_limited", 429)
        assert f"the key {key_of(service)} may make 2 requests a minute" in problem["detail"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        for path, text in (("/v1/chat", "message"), ("/v1/ground", "message")):
            assert client.post(path, json={text: "leave", "collection": handbook}).status_code == 429

    def test_another_key_is_not_held_back(self, app: FastAPI, service: Service, handbook: str) -> None:
        own = Limits(requests_per_minute=1)
        body = SEARCH | {"collection": handbook}
        for client in (client_of(app, service, own), client_of(app, service, own), TestClient(app)):
            assert client.post("/v1/search", json=body).status_code == 200

    def test_who_may_not_is_refused_before_it_counts(self, app: FastAPI, service: Service) -> None:
        client = client_of(app, service, Limits(requests_per_minute=1), "ingest")
        assert [client.post("/v1/search", json=SEARCH).status_code for _ in range(3)] == [403] * 3

    def test_two_workers_share_it(self, settings: Settings, service: Service, handbook: str) -> None:
        own = Limits(requests_per_minute=3)
        _, secret = service.store.keys.create(scopes=["search"], limits=own)
        headers = {"Authorization": f"Bearer {secret}"}
        with build(settings) as other:
            clients = [
                TestClient(create_app(each, hosts=("testserver",)), headers=headers) for each in (service, other)
            ]
            body = SEARCH | {"collection": handbook}
            codes = [clients[number % 2].post("/v1/search", json=body).status_code for number in range(5)]
        assert codes == [200, 200, 200, 429, 429]

    def test_a_streamed_answer_is_refused_with_a_status(self, app: FastAPI, service: Service, handbook: str) -> None:
        client = client_of(app, service, Limits(requests_per_minute=1))
        body = {"message": "How many days?", "collection": handbook, "stream": True}
        assert client.post("/v1/chat", json=body).status_code == 200
        assert client.post("/v1/chat", json=body).status_code == 429


def test_tokens(app: FastAPI, service: Service, handbook: str) -> None:
    client = client_of(app, service, Limits(tokens_per_minute=100))
    body = SEARCH | {"collection": handbook}
    spend(service, key_of(service), tokens=99)
    assert client.post("/v1/search", json=body).status_code == 200
    spend(service, key_of(service), tokens=1)
    refused = client.post("/v1/search", json=body)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert "may use 100 tokens a minute and has used 100" in refused.json()["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60


class TestMoney:
    def test_a_month_s_budget_that_is_spent(self, app: FastAPI, service: Service, handbook: str) -> None:
        client = client_of(app, service, Limits(usd_per_month=0.5))
        body = SEARCH | {"collection": handbook}
        spend(service, key_of(service), usd=0.25)
        spend(service, key_of(service), usd=None)
        assert client.post("/v1/search", json=body).status_code == 200
        spend(service, key_of(service), usd=0.25)
        refused = client.post("/v1/search", json=body)
        assert (refused.status_code, refused.json()["code"]) == (429, "budget_spent")
        back = datetime.now(UTC) + timedelta(seconds=int(refused.headers["retry-after"]))
        assert f"come back on {back:%Y-%m}-01 UTC" in refused.json()["detail"]

    def test_nothing_to_spend_refuses_at_once(self, app: FastAPI, service: Service) -> None:
        client = client_of(app, service, Limits(usd_per_month=0))
        assert client.post("/v1/search", json=SEARCH).json()["code"] == "budget_spent"


class TestDefaults:
    """The limits of the settings."""

    OWN = Limits(requests_per_minute=5, usd_per_month=1)
    DEFAULT = Limits(requests_per_minute=1, tokens_per_minute=9)

    @pytest.mark.parametrize(
        ("caller", "expected"),
        [
            (Caller("", frozenset({"chat"})), DEFAULT),
            (Caller("k", frozenset({"chat"})), DEFAULT),
            (Caller("k", frozenset({"admin"})), DEFAULT),
            (Caller("k", frozenset({"chat"}), limits=OWN), OWN.model_copy(update={"tokens_per_minute": 9})),
            (Caller("", frozenset({"admin"}), groups=None), Limits()),
        ],
        ids=["keyless", "key", "admin", "own", "owner of the home"],
    )
    def test_they_hold_where_there_are_none_of_its_own(self, caller: Caller, expected: Limits) -> None:
        assert limits.limits_of(caller, default=self.DEFAULT) == expected

    def test_callers_without_a_key_are_one(self, settings: Settings) -> None:
        with build(settings.model_copy(update={"limits": self.DEFAULT})) as service:
            service.store.collections.create("default")
            app = create_app(service, hosts=("testserver",))
            codes = [TestClient(app).post("/v1/search", json=SEARCH).status_code for _ in range(2)]
            assert codes == [200, 429]
            assert (
                "a caller without a key may make 1 request a minute"
                in TestClient(app).post("/v1/search", json=SEARCH).json()["detail"]
            )
            assert client_of(app, service).post("/v1/search", json=SEARCH).status_code == 200


def test_the_longest_wait_is_the_one_that_is_told(service: Service) -> None:
    own = Limits(requests_per_minute=1, usd_per_month=0)
    caller = Caller("k", frozenset({"chat"}), limits=own)
    with pytest.raises(BudgetSpent) as spent:
        limits.admit(caller, service=service)
    assert spent.value.retry_after > 60 or datetime.now(UTC).day > 27
    caller = Caller("k", frozenset({"chat"}), limits=Limits(requests_per_minute=1))
    limits.admit(caller, service=service)
    with pytest.raises(RateLimited, match="may make 1 request a minute"):
        limits.admit(caller, service=service)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RateLimited("slowly", retry_after=0.01), 1),
        (RateLimited("slowly", retry_after=12.000001), 13),
        (BudgetSpent("spent", retry_after=86400.0), 86400),
        (GeneratorFailed("busy", reason="http_429", passing=True, retry_after=7.5), 8),
        (GeneratorFailed("busy", reason="http_503", passing=True), problems.RETRY_SECONDS),
        (GeneratorFailed("wrong", reason="http_400"), None),
        (StoreUnavailable("locked"), problems.RETRY_SECONDS),
        (StoreError("damaged"), None),
    ],
)
def test_whole_seconds_and_never_too_few(error: GroundingError, seconds: int | None) -> None:
    assert problems.retry_after(error) == seconds


def test_what_is_left_stands_in_the_headers_that_clients_read() -> None:
    requests, tokens = Standing(10, 4, 0.0, 12.25), Standing(100, 120, 3.0, 60.0)
    assert limits.headers_of(Admission(requests, tokens)) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "6",
        "x-ratelimit-reset-requests": "12.25s",
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "60s",
    }
    assert limits.headers_of(Admission()) == {}
