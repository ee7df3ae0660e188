"""POST /v1/feedback, and what an administrator sees of it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.compose import Service

QUESTION = "What does ERR-4012 mean?"


@pytest.fixture
def trace(client: TestClient, handbook: str) -> str:
    answer = client.post("/v1/chat", json={"message": QUESTION, "collection": handbook})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["trace_id"])


def _give(client: TestClient, trace_id: str, **fields: object) -> int:
    return client.post("/v1/feedback", json={"trace_id": trace_id, "score": 1, **fields}).status_code


def test_an_opinion_takes_the_place_of_the_one_before(client: TestClient, admin: TestClient, trace: str) -> None:
    assert _give(client, trace, score=1) == 200
    given = client.post("/v1/feedback", json={"trace_id": trace, "score": -0.5, "comment": "too short"})
    assert given.status_code == 200
    assert (given.json()["trace_id"], given.json()["score"], given.json()["comment"]) == (trace, -0.5, "too short")
    (kept,) = admin.get(f"/admin/retrievals/{trace}").json()["feedback"]
    assert (kept["score"], kept["comment"]) == (-0.5, "too short")
    page = admin.get(f"/admin/retrievals/{trace}", headers={"Accept": "text/html"}).text
    assert "-0.5: too short" in page


def test_private_values_of_a_comment_are_placeholders(client: TestClient, service: Service, trace: str) -> None:
    assert _give(client, trace, comment="Ask ada@example.org <b>") == 200
    (kept,) = service.store.feedback.of(trace)
    assert kept.comment == "Ask <EMAIL_ADDRESS_1> <b>"


@pytest.mark.parametrize("fields", [{"score": 2}, {"score": -1.01}, {"score": "1"}, {"score": True}, {"stars": 5}])
def test_what_is_no_opinion_is_refused(client: TestClient, trace: str, fields: dict[str, object]) -> None:
    assert _give(client, trace, **fields) == 422


def test_an_unknown_or_foreign_answer_is_not_found(
    app: FastAPI, client: TestClient, service: Service, trace: str
) -> None:
    assert _give(client, "unknown") == 404
    _, secret = service.store.keys.create(scopes=["chat"])
    other = TestClient(app, headers={"Authorization": f"Bearer {secret}"})
    assert _give(other, trace) == 404
    assert service.store.feedback.of(trace) == ()


def test_it_goes_with_its_conversation(client: TestClient, service: Service, trace: str) -> None:
    _give(client, trace)
    conversation = service.store.exchanges.get(trace).conversation_id
    assert client.delete(f"/v1/conversations/{conversation}").status_code in (200, 204)
    assert service.store.feedback.of(trace) == ()


def test_it_goes_with_the_user_who_gave_it(admin: TestClient, service: Service, trace: str) -> None:
    assert _give(admin, trace, comment="a canary") == 200
    (given,) = service.store.feedback.of(trace)
    receipt = service.store.erase_user(given.caller)
    assert receipt.removed["feedback"] == 1
    assert service.store.feedback.of(trace) == ()
