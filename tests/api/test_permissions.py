"""Documents that name groups: for callers of other groups they do not exist, on any route."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.compose import Service

Clients: TypeAlias = Callable[..., TestClient]

CANARY = "zyxwort"
"""In the restricted documents alone."""
RECORDS: list[dict[str, object]] = [
    {"id": "menu", "text": "The canteen opens at eleven and serves soup on every day of the week."},
    {"id": "null", "text": "The canteen closes at two o'clock.", "metadata": {"groups": None}},
    {
        "id": "secret",
        "text": f"The canteen of the {CANARY} project opens at midnight and serves cake.",
        "metadata": {"groups": ["eng", "ops"]},
    },
    {
        "id": "payroll",
        "text": f"The {CANARY} bonus of the canteen staff is paid by calendr, in May.",
        "metadata": {"groups": "hr"},
    },
    {"id": "nobody", "text": f"The {CANARY} canteen will close for ever.", "metadata": {"groups": []}},
]
OPEN = {"menu", "null"}
QUERY = f"When does the canteen of the {CANARY} project open?"


@pytest.fixture
def ingest(service: Service, tmp_path: Path) -> Callable[..., None]:
    """Brings records into a collection: new ones, or those of before with other metadata."""

    def run(*records: Mapping[str, object], collection: str = "canteen") -> None:
        file = tmp_path / "records.jsonl"
        file.write_text("\n".join(json.dumps(record) for record in records), "utf-8")
        counts = service.ingest([str(file)], collection=collection).documents
        assert counts.created + counts.updated == len(records)

    return run


@pytest.fixture
def canteen(ingest: Callable[..., None]) -> str:
    ingest(*RECORDS)
    return "canteen"


@pytest.fixture
def as_member(app: FastAPI, service: Service) -> Clients:
    """A client whose key belongs to groups."""

    def make(
        *groups: str, scopes: tuple[str, ...] = ("chat", "search"), collections: tuple[str, ...] | None = None
    ) -> TestClient:
        _, secret = service.store.keys.create(scopes=scopes, groups=groups, collections=collections)
        return TestClient(app, headers={"Authorization": f"Bearer {secret}"})

    return make


def _search(client: TestClient, collection: str, **fields: object) -> set[str]:
    response = client.post("/v1/search", json={"query": QUERY, "collection": collection, "top_k": 50, **fields})
    assert response.status_code == 200, response.text
    return {passage["document_id"] for passage in response.json()["passages"]}


def test_a_search_finds_what_the_caller_may_read(
    client: TestClient, admin: TestClient, as_member: Clients, canteen: str
) -> None:
    assert _search(client, canteen) == _search(as_member(), canteen) == _search(as_member("other"), canteen) == OPEN
    assert _search(as_member("eng"), canteen) == _search(as_member("ops", "x"), canteen) == OPEN | {"secret"}
    assert _search(as_member("eng", "hr"), canteen) == OPEN | {"secret", "payroll"}
    assert _search(admin, canteen) == OPEN | {"secret", "payroll", "nobody"}


@pytest.mark.parametrize(
    "filters",
    [
        {"groups": "eng"},
        {"groups": {"$exists": True}},
        {"$not": {"groups": {"$exists": False}}},
        {"$or": [{"groups": {"$exists": False}}, {"groups": {"$ne": "x"}}]},
        {"document_id": {"$in": ["menu", "secret", "payroll", "nobody"]}},
        {"groups": ""},
    ],
)
def test_filters_of_the_caller_only_narrow(
    client: TestClient, as_member: Clients, canteen: str, filters: object
) -> None:
    assert _search(client, canteen, filters=filters) <= OPEN
    assert _search(as_member("eng"), canteen, filters=filters) <= OPEN | {"secret"}


def test_answers_and_prompts_hold_nothing_else(client: TestClient, as_member: Clients, canteen: str) -> None:
    body = {"message": QUERY, "collection": canteen, "top_k": 50}
    for caller, may_read in ((client, False), (as_member("hr"), True)):
        # The caller's own words come back; the canary's neighbours are the document's.
        ground = caller.post("/v1/ground", json=body).json()
        assert ("bonus" in json.dumps(ground)) is may_read
        chat = caller.post("/v1/chat", json=body).json()
        assert ({passage["document_id"] for passage in chat["citations"]} <= OPEN) or may_read
        streamed = caller.post("/v1/chat", json=body | {"stream": True}).text
        assert ("bonus" in streamed) is may_read
        assert "cake" not in json.dumps(ground) + json.dumps(chat) + streamed


def test_a_document_that_the_caller_may_not_read_is_not_known(
    client: TestClient, admin: TestClient, as_member: Clients, canteen: str
) -> None:
    limited = as_member("eng", collections=(canteen,))
    for caller in (client, as_member("eng"), limited):
        for query in ({}, {"collection": canteen}):
            hidden = caller.get("/v1/documents/payroll", params=query)
            unknown = caller.get("/v1/documents/unknown", params=query)
            assert hidden.status_code == unknown.status_code == 404
            assert hidden.text.replace("payroll", "unknown") == unknown.text
    assert limited.get("/v1/documents/secret").json()["metadata"] == {"groups": ["eng", "ops"]}
    for name in OPEN:
        assert client.get(f"/v1/documents/{name}").status_code == 200
    assert admin.get("/v1/documents/nobody").status_code == 200


def test_an_id_is_ambiguous_only_among_readable_documents(
    client: TestClient, ingest: Callable[..., None], admin: TestClient, canteen: str
) -> None:
    ingest({"id": "menu", "text": "Another menu.", "metadata": {"groups": ["eng"]}}, collection="other")
    assert client.get("/v1/documents/menu").json()["collection"] == canteen
    assert admin.get("/v1/documents/menu").status_code == 409


def test_a_document_that_the_caller_may_not_read_cannot_be_deleted(
    admin: TestClient, as_member: Clients, canteen: str
) -> None:
    ingester = as_member("eng", scopes=("ingest",))
    assert ingester.delete("/v1/documents/payroll").status_code == 404
    assert admin.get("/v1/documents/payroll").status_code == 200
    assert ingester.delete("/v1/documents/secret").status_code == 200
    assert admin.get("/v1/documents/secret").status_code == 404


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_lists_leave_out_what_the_caller_may_not_read(
    client: TestClient, admin: TestClient, as_member: Clients, canteen: str, limit: int
) -> None:
    def listed(caller: TestClient) -> list[str]:
        found, cursor = [], ""
        while True:
            query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page = caller.get(f"/v1/collections/{canteen}/documents", params=query).json()
            found += [item["id"] for item in page["data"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    assert listed(client) == sorted(OPEN)
    assert listed(as_member("hr")) == sorted(OPEN | {"payroll"})
    assert listed(admin) == sorted(str(record["id"]) for record in RECORDS)


def test_history_quotes_nothing_that_the_caller_may_no_longer_read(
    admin: TestClient, as_member: Clients, ingest: Callable[..., None], canteen: str
) -> None:
    member = as_member()
    body = {"message": "When does the canteen open and what does it serve?", "collection": canteen}
    first = member.post("/v1/chat", json=body).json()
    assert "eleven" in first["answer"]
    conversation = f"/v1/conversations/{first['conversation_id']}"
    assert "eleven" in member.get(conversation).text
    ingest(RECORDS[0] | {"metadata": {"groups": ["eng"]}})  # the same document, now for some alone
    turns = member.get(conversation).json()["turns"]
    assert [turn["role"] for turn in turns] == ["user"]
    follow_up = body | {"message": "And what does it serve?", "conversation_id": first["conversation_id"]}
    assert "eleven" not in member.post("/v1/ground", json=follow_up).text
    assert "eleven" in admin.get(conversation).text


def test_spelling_knows_no_word_of_a_document_that_the_caller_may_not_read(
    client: TestClient, as_member: Clients, canteen: str
) -> None:
    def corrected(caller: TestClient) -> str | None:
        body = {"query": "when is the calendr paid", "collection": canteen}
        answer: str | None = caller.post("/v1/search", json=body).json()["query"]["corrected"]
        return answer

    assert corrected(as_member("hr")) is None
    assert corrected(client) == corrected(as_member("eng")) == "when is the calendar paid"
