"""Collections, documents, uploads and jobs."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api import worker
from api.compose import Service, build
from grounding.settings import Settings
from store.jobs import ENDED


def _finished(client: TestClient, job_id: str) -> dict[str, object]:
    """The job once it has ended: no worker is there, and what it does is done here."""
    service: Service = client.app.state.service  # type: ignore[attr-defined]
    assert worker.ingest_waiting(service, threading.Event()) == 1
    job: dict[str, object] = client.get(f"/v1/jobs/{job_id}").json()
    assert job["status"] in ENDED
    return job


def test_collections_are_listed_and_shown(client: TestClient, handbook: str) -> None:
    listing = client.get("/v1/collections").json()
    assert listing["object"] == "list"
    (item,) = listing["data"]
    assert (item["name"], item["documents"]) == (handbook, 4)
    assert item == client.get(f"/v1/collections/{handbook}").json()
    assert client.get("/v1/collections/handbok").status_code == 404
    assert "handbook" in client.get("/v1/collections/handbok").json()["detail"]


def test_documents_are_listed_in_pages(client: TestClient, handbook: str) -> None:
    path, found, cursor = f"/v1/collections/{handbook}/documents", [], ""
    while True:
        page = client.get(path, params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        found += [item["id"] for item in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len(set(found)) == 4
    assert client.get(path, params={"limit": 0}).status_code == 422


def test_a_deleted_document_is_found_no_more(client: TestClient, admin: TestClient, handbook: str) -> None:
    def hits() -> set[str]:
        body = client.post("/v1/search", json={"query": "hotel limit in Dublin", "collection": handbook}).json()
        return {passage["document_id"] for passage in body["passages"] if "Dublin" in passage["text"]}

    (document_id,) = hits()
    answer = admin.delete(f"/v1/documents/{document_id}", params={"collection": handbook})
    assert answer.json() == {"id": document_id, "object": "document", "deleted": True}
    assert hits() == set()
    assert client.get(f"/v1/documents/{document_id}").status_code == 404
    assert admin.delete(f"/v1/documents/{document_id}").status_code == 404


def test_a_deleted_collection_is_gone(client: TestClient, admin: TestClient, handbook: str) -> None:
    assert admin.delete(f"/v1/collections/{handbook}").json()["deleted"] is True
    assert client.get(f"/v1/collections/{handbook}").status_code == 404
    assert client.post("/v1/search", json={"query": "x", "collection": handbook}).status_code == 404


def test_an_id_that_two_collections_hold_must_be_told_apart(client: TestClient, admin: TestClient) -> None:
    for name in ("a", "b"):
        body = {"documents": [{"id": "same/id", "text": f"Only {name} knows this."}]}
        _finished(admin, admin.post(f"/v1/collections/{name}/documents", json=body).json()["job_id"])
    response = client.get("/v1/documents/same/id")
    assert (response.status_code, response.json()["code"]) == (409, "conflict")
    assert client.get("/v1/documents/same%2Fid?collection=b").json()["text"] == "Only b knows this."


class TestUpload:
    def test_json_documents_become_searchable(self, client: TestClient, admin: TestClient) -> None:
        documents = [
            {"id": "leave-1", "title": "Leave", "text": "Ten days may be carried over.", "metadata": {"lang": "en"}},
            {"text": "The canteen opens at eleven."},
        ]
        response = admin.post("/v1/collections/new/documents", json={"documents": documents})
        assert response.status_code == 202
        accepted = response.json()
        assert accepted["documents"] == 2
        job = _finished(admin, accepted["job_id"])
        assert job["status"] == "done", job
        report = job["report"]
        assert isinstance(report, dict)
        assert report["documents"]["created"] == 2
        assert report["job_id"] == accepted["job_id"]
        found = client.post("/v1/search", json={"query": "carried over days", "collection": "new"}).json()["passages"]
        assert found[0]["document_id"] == "leave-1"
        assert found[0]["metadata"] == {"lang": "en"}
        again = admin.post("/v1/collections/new/documents", json={"documents": documents}).json()
        report = _finished(admin, again["job_id"])["report"]
        assert isinstance(report, dict)
        assert report["documents"]["unchanged"] == 2

    def test_files_become_searchable_and_bad_ones_are_named(self, client: TestClient, admin: TestClient) -> None:
        files = [
            ("files", ("guide.md", b"# Canteen\n\nThe canteen opens at eleven.", "text/markdown")),
            ("files", ("../雪.txt", "大雪警報が出たら自宅待機です。".encode(), "text/plain")),
            ("files", ("broken.txt", b"\x00\x01\x02\xff\xfe" * 400, "text/plain")),
        ]
        accepted = admin.post("/v1/collections/new/documents", files=files).json()
        job = _finished(admin, accepted["job_id"])
        failures = job["failures"]
        assert isinstance(failures, list)
        assert [failure["source"] for failure in failures] == ["upload/broken.txt"]
        assert failures[0]["reason"]
        sources = {item["source"] for item in client.get("/v1/collections/new/documents").json()["data"]}
        assert sources == {"upload/guide.md", "upload/雪.txt"}

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({}, "documents: field required"),
            ({"documents": []}, "documents"),
            ({"documents": [{"title": "x"}]}, "documents[0].text: field required"),
            ({"documents": [{"text": 7}]}, "documents[0].text"),
            ({"documents": [{"text": "x", "metdata": {}}]}, "documents[0].metdata: there is no field of this name"),
        ],
    )
    def test_json_that_does_not_fit_names_the_field(self, admin: TestClient, body: object, words: str) -> None:
        response = admin.post("/v1/collections/new/documents", json=body)
        assert response.status_code == 422
        assert words in response.json()["detail"]

    def test_other_bodies_are_refused(self, admin: TestClient) -> None:
        path = "/v1/collections/new/documents"
        assert admin.post(path, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
        assert admin.post(path, content=b"{", headers={"Content-Type": "application/json"}).status_code == 422
        assert admin.post(path, files=[("file", ("a.md", b"x"))]).status_code == 422
        assert admin.post(path, files=[("files", ("a.md", b"x")), ("files", ("a.md", b"y"))]).status_code == 422
        assert admin.post(path, files=[("files", ("..", b"x"))]).status_code == 422
        assert (
            admin.post("/v1/collections/no%20good%21/documents", json={"documents": [{"text": "x"}]}).status_code == 422
        )

    def test_nothing_is_left_in_the_upload_folder(self, admin: TestClient, service: Service) -> None:
        accepted = admin.post("/v1/collections/new/documents", files=[("files", ("a.txt", b"One. Two. Three."))]).json()
        _finished(admin, accepted["job_id"])
        assert list((service.settings.home / "uploads").iterdir()) == []

    def test_a_job_of_another_collection_is_unknown(self, admin: TestClient, service: Service) -> None:
        accepted = admin.post("/v1/collections/new/documents", json={"documents": [{"text": "x y z"}]}).json()
        _, secret = service.store.keys.create(scopes=["ingest"], collections=["other"])
        response = admin.get(f"/v1/jobs/{accepted['job_id']}", headers={"Authorization": f"Bearer {secret}"})
        assert response.status_code == 404


def test_health_and_readiness(client: TestClient, service: Service, handbook: str) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    before = client.get("/readyz")
    assert before.status_code == 503
    assert before.json()["missing"]
    assert before.headers["retry-after"]
    service.warm_up()
    assert client.get("/readyz").json()["status"] == "ready"


def test_a_reranker_that_cannot_be_loaded_is_named(make_settings: Callable[..., Settings], tmp_path: Path) -> None:
    with build(make_settings(models={"reranker": str(tmp_path)})) as service:
        service.warm_up()
        assert [line for line in service.missing() if line.startswith(f"reranker {tmp_path}: ")] == service.missing()
        assert service.missing() != []


def test_the_api_describes_itself(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    assert "/v1/chat" in description["paths"]
    page = client.get("/docs")
    assert page.status_code == 200
    for path in description["paths"]:
        assert path.replace("{", "&#123;") in page.text or path in page.text
    assert "<script" not in page.text
    json.dumps(description)
