"""Who may do what: every route that there is, with every kind of key."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from api.app import ROUTE_MODULES, create_app
from api.auth import COOKIE, SESSION_SECONDS, Gate, Require, first_admin_key, is_loopback, session_secret
from api.compose import Service, build
from grounding.errors import NotAllowed, NotAuthenticated
from tests.api.conftest import settings_of

OPEN = {
    "/",
    "/healthz",
    "/readyz",
    "/docs",
    "/metrics",
    "/admin",
    "/admin/login",
    "/admin/logout",
    "/admin/style.css",
    "/admin/icon.svg",
}
"""Routes that need no scope: health, figures where no key is needed at all, documentation, the sign-in."""


ROUTES = [route for module in ROUTE_MODULES for route in module.router.routes if isinstance(route, APIRoute)]


def _scope(route: APIRoute) -> str | None:
    """The scope that a route requires."""
    found = [d.call.scope for d in route.dependant.dependencies if isinstance(d.call, Require)]
    assert len(found) <= 1, route.path
    return found[0] if found else None


def _call(client: TestClient, route: APIRoute) -> int:
    path = route.path.replace(":path}", "}")
    for name in ("trace_id", "conversation_id", "collection", "document_id", "job_id"):
        path = path.replace(f"{{{name}}}", "nothing")
    (method, *_) = sorted(route.methods or ())
    return client.request(method, path, json={} if method == "POST" else None, follow_redirects=False).status_code


def _client(app: FastAPI, service: Service, *scopes: str) -> TestClient:
    headers = {"Authorization": f"Bearer {service.store.keys.create(scopes=scopes)[1]}"} if scopes else {}
    return TestClient(app, headers=headers)


def test_every_route_has_a_scope_or_is_meant_to_be_open() -> None:
    assert {route.path for route in ROUTES if _scope(route) is None} == OPEN


@pytest.mark.parametrize("scope", ["chat", "search", "ingest", "admin"])
def test_a_key_opens_the_routes_of_its_scope_alone(app: FastAPI, service: Service, scope: str) -> None:
    client = _client(app, service, scope)
    for route in ROUTES:
        if (needed := _scope(route)) is not None:
            status = _call(client, route)
            assert (status == 403) is (scope not in (needed, "admin")), f"{route.methods} {route.path}: {status}"
            assert status not in (401, 500)


@pytest.mark.parametrize("required", [None, False, True])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "0.0.0.0", "192.0.2.7"])
def test_without_a_key(tmp_path: Path, host: str, *, required: bool | None) -> None:
    settings = settings_of(tmp_path, server={"host": host}, auth={"required": required})
    keyless = is_loopback(host) and required is not True
    with build(settings) as service:
        app = create_app(service, hosts=("testserver",))
        client = TestClient(app)
        for route in ROUTES:
            if (needed := _scope(route)) is not None:
                allowed = keyless and needed in ("chat", "search")
                assert (_call(client, route) == 401) is not allowed, f"{route.methods} {route.path}"


@pytest.mark.parametrize("header", ["Bearer gk_wrong", "Bearer ", "Basic YTpi", "gk_bare", ""])
def test_a_key_that_is_not_valid_is_refused_even_where_none_is_needed(client: TestClient, header: str) -> None:
    response = client.get("/v1/collections", headers={"Authorization": header})
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_revoked_key_is_refused_at_once(app: FastAPI, service: Service) -> None:
    key, secret = service.store.keys.create(scopes=["search"])
    client = TestClient(app, headers={"Authorization": f"Bearer {secret}"})
    assert client.get("/v1/collections").status_code == 200
    service.store.keys.revoke(key.id)
    assert client.get("/v1/collections").status_code == 401


class TestLimitedKey:
    """For a key of one collection the others do not exist."""

    @pytest.fixture
    def limited(self, app: FastAPI, service: Service, handbook: str) -> TestClient:
        service.store.collections.create("mine")
        _, secret = service.store.keys.create(scopes=["search", "chat", "ingest"], collections=["mine"])
        return TestClient(app, headers={"Authorization": f"Bearer {secret}"})

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "/v1/collections/{}", None),
            ("DELETE", "/v1/collections/{}", None),
            ("GET", "/v1/collections/{}/documents", None),
            ("POST", "/v1/collections/{}/documents", {"documents": [{"text": "x"}]}),
            ("GET", "/v1/documents/x?collection={}", None),
            ("DELETE", "/v1/documents/x?collection={}", None),
            ("POST", "/v1/search", {"query": "x", "collection": "{}"}),
            ("POST", "/v1/ground", {"message": "x", "collection": "{}"}),
            ("POST", "/v1/chat", {"message": "x", "collection": "{}"}),
        ],
    )
    def test_a_foreign_collection_is_answered_as_an_unknown_one(
        self, limited: TestClient, method: str, path: str, body: dict[str, object] | None
    ) -> None:
        answers = []
        for name in ("handbook", "unknowns"):
            filled = body and {key: name if value == "{}" else value for key, value in body.items()}
            response = limited.request(method, path.format(name), json=filled)
            assert response.status_code == 404
            answers.append(response.json() | {"detail": response.json()["detail"].replace(name, "NAME")})
        assert answers[0] == answers[1]

    def test_lists_show_what_is_theirs(self, limited: TestClient) -> None:
        assert [item["name"] for item in limited.get("/v1/collections").json()["data"]] == ["mine"]

    def test_a_document_elsewhere_is_unknown(self, limited: TestClient, service: Service, handbook: str) -> None:
        theirs = service.store.documents.list(handbook).items[0].id
        for document_id in (theirs, "unknown"):
            response = limited.get(f"/v1/documents/{document_id}")
            assert response.status_code == 404
            assert response.json()["detail"].replace(document_id, "ID") == "document 'ID' is not known"


def test_a_conversation_belongs_to_the_key_that_began_it(app: FastAPI, service: Service, handbook: str) -> None:
    mine, other, anybody = _client(app, service, "chat"), _client(app, service, "chat"), TestClient(app)
    body = {"message": "What is the hotel limit in Dublin?", "collection": handbook}
    conversation = mine.post("/v1/chat", json=body).json()["conversation_id"]
    assert mine.get(f"/v1/conversations/{conversation}").status_code == 200
    for stranger in (other, anybody):
        assert stranger.get(f"/v1/conversations/{conversation}").status_code == 404
        assert stranger.delete(f"/v1/conversations/{conversation}").status_code == 404
        assert stranger.post("/v1/chat", json=body | {"conversation_id": conversation}).status_code == 404
    unknown = other.get("/v1/conversations/unknown").json()
    foreign = other.get(f"/v1/conversations/{conversation}").json()
    assert foreign | {"detail": foreign["detail"].replace(conversation, "unknown")} == unknown
    assert _client(app, service, "admin").delete(f"/v1/conversations/{conversation}").status_code == 200


def test_the_first_admin_key_is_kept_for_its_owner_alone(service: Service, tmp_path: Path) -> None:
    secret = first_admin_key(service.store.keys, home=tmp_path)
    assert secret is not None
    file = tmp_path / "admin.key"
    assert file.read_text("utf-8") == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert service.store.keys.verify(secret).scopes == {"admin"}
    assert first_admin_key(service.store.keys, home=tmp_path) is None


def test_an_admin_key_of_a_lost_database_is_replaced(service: Service, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("gk_old", "utf-8")
    assert first_admin_key(service.store.keys, home=tmp_path) == (tmp_path / "admin.key").read_text("utf-8")


def test_the_session_secret_is_made_once(tmp_path: Path) -> None:
    first = session_secret(tmp_path)
    assert len(first) == 64
    assert session_secret(tmp_path) == first
    assert stat.S_IMODE((tmp_path / "session.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["session.key"]


class TestSession:
    """The sign-in of the admin pages."""

    @pytest.fixture
    def secret(self, service: Service) -> str:
        return service.store.keys.create(scopes=["admin"])[1]

    def test_a_browser_is_led_to_the_sign_in_and_back(self, client: TestClient, secret: str) -> None:
        page = client.get("/admin/retrievals?q=leave", headers={"Accept": "text/html"}, follow_redirects=False)
        assert page.status_code == 303
        assert page.headers["location"] == "/admin/login?next=/admin/retrievals%3Fq%3Dleave"
        form = {"key": secret, "next": "/admin/retrievals?q=leave"}
        signed_in = client.post("/admin/login", data=form, follow_redirects=False)
        assert signed_in.status_code == 303
        assert signed_in.headers["location"] == "/admin/retrievals?q=leave"
        cookie = signed_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/admin" in cookie
        assert f"Max-Age={SESSION_SECONDS}" in cookie
        assert secret not in cookie
        page = client.get("/admin/retrievals", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "Retrievals" in page.text
        client.post("/admin/logout")
        assert client.get("/admin/retrievals").status_code == 401

    def test_another_key_is_refused(self, client: TestClient, service: Service) -> None:
        chat = service.store.keys.create(scopes=["chat"])[1]
        for key, status in ((chat, 403), ("gk_wrong", 401), ("", 401)):
            response = client.post("/admin/login", data={"key": key})
            assert response.status_code == status
            assert "set-cookie" not in response.headers
            assert 'role="alert"' in response.text

    @pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/admin/\\evil", "/v1/chat", "x"])
    def test_it_leads_nowhere_else(self, client: TestClient, secret: str, target: str) -> None:
        response = client.post("/admin/login", data={"key": secret, "next": target}, follow_redirects=False)
        assert response.headers["location"] == "/admin/retrievals"

    def test_the_form_of_another_site_is_refused(self, client: TestClient, secret: str) -> None:
        response = client.post("/admin/login", data={"key": secret}, headers={"Sec-Fetch-Site": "cross-site"})
        assert response.status_code == 403

    def test_a_session_ends_with_its_time_its_key_and_any_change(self, service: Service, secret: str) -> None:
        clock = [1_000_000.0]
        gate = Gate(service.store.keys, secret="s", keyless=False, now=lambda: clock[0])
        cookie = gate.sign_in(secret)

        def admitted(value: str) -> bool:
            headers = {"Cookie": f"{COOKIE}={value}"}
            return TestClient(_app_of(gate), headers=headers).get("/").json() is True

        key_id, expires, signature = cookie.split(".")
        assert admitted(cookie)
        for forged in (f"{key_id}.{int(expires) + 1}.{signature}", f"x.{expires}.{signature}", "", "a.b.c", "."):
            assert not admitted(forged)
        assert not admitted(
            Gate(service.store.keys, secret="other", keyless=False, now=lambda: clock[0]).sign_in(secret)
        )
        clock[0] += SESSION_SECONDS + 1
        assert not admitted(cookie)
        clock[0] -= 2
        assert admitted(cookie)
        service.store.keys.revoke(key_id)
        assert not admitted(cookie)

    def test_only_admin_keys_sign_in(self, service: Service) -> None:
        gate = Gate(service.store.keys, secret="s", keyless=True)
        with pytest.raises(NotAllowed):
            gate.sign_in(service.store.keys.create(scopes=["search"])[1])
        with pytest.raises(NotAuthenticated):
            gate.sign_in("gk_wrong")


def _app_of(gate: Gate) -> FastAPI:
    """Tells whether a request comes from an administrator."""
    app = FastAPI()

    @app.get("/")
    def admitted(request: Request) -> bool:
        return gate.caller(request).may("admin")

    return app
