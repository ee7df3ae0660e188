"""POST /admin/retrievals/{trace_id}/replay: a recorded question on today's index, and on that of its answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from api.compose import Service
from grounding import filters
from grounding.fusion import NAMES
from tests.api.conftest import write_documents

QUESTION = "How many days of annual leave may employees in Japan carry over?"


def _ask(client: TestClient, collection: str, **more: object) -> str:
    response = client.post("/v1/search", json={"query": QUESTION, "collection": collection, **more})
    trace_id: str = response.json()["trace_id"]
    return trace_id


def _ingest(service: Service, folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, "utf-8")
    assert service.ingest([str(folder / name)], collection="handbook").documents.created == 1


def _rebuild(service: Service, times: int) -> None:
    place = service.store.collections.place("handbook")
    with service.store._publishing(place, wait=False) as publisher:
        for _ in range(times):
            publisher.build("vectors")
            publisher.build("lexical")


def test_where_nothing_changed_nothing_differs(admin: TestClient, handbook: str) -> None:
    trace_id = _ask(admin, handbook)
    for pinned in (False, True):
        found = admin.post(f"/admin/retrievals/{trace_id}/replay", json={"pinned": pinned}).json()
        assert (found["trace_id"], found["pinned"]) == (trace_id, pinned)
        assert found["then"] == found["now"] != []
        assert found["difference"] == {"appeared": [], "vanished": [], "moved": []}
    assert admin.post(f"/admin/retrievals/{trace_id}/replay").json()["pinned"] is False


def test_pinned_finds_what_was_found_then(admin: TestClient, service: Service, handbook: str, tmp_path: Path) -> None:
    _ingest(service, tmp_path / "more", "tail.md", "Annual leave in Kobe may be carried over as in Japan.\n")
    trace_id = _ask(admin, handbook)
    _ingest(service, tmp_path / "more", "late.md", f"{QUESTION} Ten days of annual leave in Japan.\n")
    deleted = next(d for d in service.store.documents.list(handbook).items if d.source.endswith("snow.md"))
    service.store.documents.delete(deleted.id)
    _rebuild(service, 3)
    today = admin.post(f"/admin/retrievals/{trace_id}/replay").json()
    pinned = admin.post(f"/admin/retrievals/{trace_id}/replay", json={"pinned": True}).json()
    assert len(today["difference"]["appeared"]) == 1
    assert today["now"][0]["source"].endswith("late.md")
    assert today["difference"]["moved"]
    assert pinned["difference"] == {"appeared": [], "vanished": [], "moved": []}
    # Which names a deleted passage had is known no longer: what the entity leg adds may differ.
    then = [place["score"] for place in pinned["then"]]
    assert [place["score"] for place in pinned["now"]] == pytest.approx(then, abs=NAMES)
    gone = [place for place in pinned["now"] if place["text"] is None]
    assert [place["document_id"] for place in gone] == [None]
    assert [place["passage_id"] for place in gone] == today["difference"]["vanished"]
    assert "大雪" not in str(pinned)


@pytest.mark.parametrize(
    "raw",
    [
        {"lang": "en"},
        {"n": {"$gte": 1.5, "$lt": 3}},
        {"lang": {"$nin": ["en", "ja"]}, "draft": {"$exists": False}},
        {"$or": [{"a": 1}, {"$not": {"$and": [{"b": True}, {"c.d": {"$ne": "x"}}]}}, {}]},
    ],
)
def test_a_filter_is_recorded_so_that_it_can_be_read_again(raw: dict[str, object]) -> None:
    where = filters.parse(raw)
    assert where is not None
    assert repr(filters.parse(json.loads(json.dumps(filters.as_json(where))))) == repr(where)


def test_the_filters_of_then_hold_again(admin: TestClient, handbook: str) -> None:
    trace_id = _ask(admin, handbook, filters={"$or": [{"title": "Annual leave"}, {"$not": {"title": {"$gt": ""}}}]})
    found = admin.post(f"/admin/retrievals/{trace_id}/replay").json()
    assert {place["title"] for place in found["now"]} == {"Annual leave"}
    assert found["difference"] == {"appeared": [], "vanished": [], "moved": []}


def test_indexes_that_are_no_longer_kept_are_a_conflict(admin: TestClient, service: Service, handbook: str) -> None:
    trace_id = _ask(admin, handbook)
    service.store.compact(handbook)
    response = admin.post(f"/admin/retrievals/{trace_id}/replay", json={"pinned": True})
    assert response.status_code == 409
    assert "storage.keep_hours" in response.json()["detail"]
    assert admin.post(f"/admin/retrievals/{trace_id}/replay").status_code == 200


def test_only_administrators_of_the_collection_may(admin: TestClient, client: TestClient, handbook: str) -> None:
    trace_id = _ask(admin, handbook)
    assert client.post(f"/admin/retrievals/{trace_id}/replay").status_code == 401
    assert admin.post("/admin/retrievals/unknown/replay").status_code == 404
    assert admin.post(f"/admin/retrievals/{trace_id}/replay", json={"pined": True}).status_code == 422


def test_a_question_that_found_nothing_is_replayed(admin: TestClient, service: Service, tmp_path: Path) -> None:
    service.store.collections.create("handbook")
    trace_id = _ask(admin, "handbook")
    service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
    assert admin.post(f"/admin/retrievals/{trace_id}/replay").json()["difference"]["appeared"]
    assert admin.post(f"/admin/retrievals/{trace_id}/replay", json={"pinned": True}).json()["now"] == []
