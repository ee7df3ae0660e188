"""GET /admin/retrievals/{trace_id}/why-not, over a real store."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.compose import Service


@pytest.fixture
def trace(client: TestClient, service: Service, tmp_path: Path) -> str:
    told = "ERR-4012 means that the sensor lost its supply voltage"
    texts = {
        "near": (f"The relay {told}.", 1),
        "twin": (f"The relay {told}!", 1),
        "other": ("ERR-4012 is also named in the list of relay codes.", 1),
        "hidden": ("ERR-4012 in another tenant.", 2),
    }
    lines = [json.dumps({"id": name, "text": text, "metadata": {"a": a}}) for name, (text, a) in texts.items()]
    (tmp_path / "codes.jsonl").write_text("\n".join(lines))
    service.ingest([str(tmp_path / "codes.jsonl")], collection="codes")
    body = {"query": "What does ERR-4012 mean?", "collection": "codes", "top_k": 1, "filters": {"a": 1}}
    return str(client.post("/v1/search", json=body).json()["trace_id"])


def _stage(admin: TestClient, trace: str, query: str) -> str:
    found = admin.get(f"/admin/retrievals/{trace}/why-not?{query}")
    assert found.status_code == 200, found.text
    return str(found.json()["stage"])


def test_each_document_is_lost_where_it_was_lost(admin: TestClient, trace: str) -> None:
    stages = {name: _stage(admin, trace, f"document={name}") for name in ("near", "twin", "other", "hidden", "none")}
    assert sorted([stages.pop("near"), stages.pop("twin")]) in (["diversify", "kept"], ["kept", "rank"])
    assert stages == {"other": "rank", "hidden": "filter", "none": "gone"}


def test_rank_score_and_signals_are_told(admin: TestClient, trace: str) -> None:
    found = admin.get(f"/admin/retrievals/{trace}/why-not?document=other").json()
    assert found["trace_id"] == trace
    assert found["document_id"] == "other"
    assert found["rank"] > 1
    assert 0 < found["score"] < 1
    assert found["signals"]["lexical"]["rank"] >= 1
    assert _stage(admin, trace, f"passage={found['passage_id']}") == "rank"


def test_a_document_that_came_later_says_so(admin: TestClient, service: Service, trace: str, tmp_path: Path) -> None:
    (tmp_path / "late.jsonl").write_text('{"id": "late", "text": "ERR-4012 again.", "metadata": {"a": 1}}')
    service.ingest([str(tmp_path / "late.jsonl")], collection="codes")
    found = admin.get(f"/admin/retrievals/{trace}/why-not?document=late").json()
    assert found["stage"] == "retrieve"
    assert "ingested after this question" in found["reason"]


def test_a_deleted_document_is_still_explained_by_the_record(admin: TestClient, service: Service, trace: str) -> None:
    kept = next(name for name in ("near", "twin") if _stage(admin, trace, f"document={name}") == "kept")
    service.store.documents.delete(kept, collection="codes")
    assert _stage(admin, trace, f"document={kept}") == "kept"


@pytest.mark.parametrize("query", ["", "document=near&passage=1", "passage=x"])
def test_one_thing_has_to_be_named(admin: TestClient, trace: str, query: str) -> None:
    assert admin.get(f"/admin/retrievals/{trace}/why-not?{query}").status_code == 422


def test_it_is_for_administrators(client: TestClient, trace: str) -> None:
    assert client.get(f"/admin/retrievals/{trace}/why-not?document=near").status_code == 401


def test_an_unknown_trace_or_passage(admin: TestClient, trace: str) -> None:
    assert admin.get("/admin/retrievals/none/why-not?document=near").status_code == 404
    assert _stage(admin, trace, "passage=999999") == "gone"


def test_a_person_gets_a_page(admin: TestClient, trace: str) -> None:
    page = admin.get(f"/admin/retrievals/{trace}/why-not?document=other", headers={"Accept": "text/html"})
    assert "Lost at: rank" in page.text
    record = admin.get(f"/admin/retrievals/{trace}", headers={"Accept": "text/html"})
    assert f"/admin/retrievals/{trace}/why-not" in record.text
