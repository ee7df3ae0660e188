"""GET /metrics: the text format, what is counted, and who may see it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.app import create_app
from api.compose import build
from grounding.settings import Settings
from tests.api.test_server import serving


def _figures(page: str) -> dict[tuple[str, ...], float]:
    """Values by name and the values of the labels, in the order of their names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_requests_turns_steps_and_stored_passages_are_counted(client: TestClient, handbook: str) -> None:
    client.post("/v1/chat", json={"message": "What does ERR-4012 mean?", "collection": handbook})
    client.get("/v1/documents/secret-name-of-a-user")
    client.get("/nowhere/ada@example.org")
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert "secret-name" not in page.text
    assert "ada@example.org" not in page.text
    figures = _figures(page.text)
    assert figures["grounding_request_seconds_count", "POST", "/v1/chat", "200"] == 1
    assert figures["grounding_request_seconds_count", "GET", "-", "404"] == 1
    assert figures["grounding_turns_total", handbook, "chat", "answered"] == 1
    assert figures["grounding_step_seconds_count", "compose"] == 1
    assert figures["grounding_model_calls_total", "extractive", "ok", "answer"] == 1
    assert figures["grounding_model_tokens_total", "extractive", "completion"] > 0
    assert figures["grounding_passages", handbook] > 0


def test_off_loopback_it_is_for_administrators(make_settings: Callable[..., Settings]) -> None:
    with build(make_settings(server={"host": "0.0.0.0"})) as service:
        app = create_app(service)
        _, chat = service.store.keys.create(scopes=["chat"])
        _, admin = service.store.keys.create(scopes=["admin"])
        assert TestClient(app).get("/metrics").status_code == 401
        for secret, status in ((chat, 403), (admin, 200)):
            found = TestClient(app, headers={"Authorization": f"Bearer {secret}"}).get("/metrics")
            assert found.status_code == status


def test_several_workers_add_their_figures_up(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--workers", "2") as server:
        for _ in range(20):  # a connection of its own each, so that both workers have some
            with server.client() as client:
                assert client.get("/healthz").status_code == 200
        with server.client() as client:
            figures = [_figures(client.get("/metrics").text) for _ in range(3)]
    name = ("grounding_request_seconds_count", "GET", "/healthz", "200")
    assert {found[name] for found in figures} == {20}
