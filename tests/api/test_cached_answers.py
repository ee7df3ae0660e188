"""Answers that are given again over HTTP: whole and as a stream, to keys of the same groups, and for nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.compose import Service
from grounding.pipeline import Ask
from grounding.settings import Settings
from tests.api.conftest import settings_of

QUESTION = "What is the hotel limit in Dublin?"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of(tmp_path / "home", cache={"answers": "semantic"})


def chat(client: TestClient, message: str = QUESTION, **fields: object) -> dict[str, Any]:
    response = client.post("/v1/chat", json={"message": message, "collection": "handbook", **fields})
    assert response.status_code == 200, response.text
    if not fields.get("stream"):
        return cast(dict[str, Any], response.json())
    event, data = [line for line in response.text.splitlines() if line.startswith(("event:", "data:"))][-2:]
    assert event == "event: done"
    return cast(dict[str, Any], json.loads(data.removeprefix("data: ")))


def member(app: FastAPI, service: Service, *groups: str) -> TestClient:
    _, secret = service.store.keys.create(scopes=["chat"], groups=groups)
    return TestClient(app, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.parametrize("stream", [False, True])
def test_a_hit_says_whose_answer_it_is(client: TestClient, handbook: str, stream: bool) -> None:
    first = chat(client)
    assert (first["outcome"], first["cached_from"]) == ("answered", None)
    second = chat(client, stream=stream)
    assert second["cached_from"] == first["trace_id"]
    for name in ("answer", "citations", "support", "generator", "prompt_version"):
        assert second[name] == first[name]
    assert second["usage"] == {**second["usage"], "prompt_tokens": 0, "completion_tokens": 0}
    assert second["trace_id"] != first["trace_id"]
    assert second["conversation_id"] != first["conversation_id"]


def test_another_wording_is_answered_from_it(client: TestClient, handbook: str) -> None:
    first = chat(client)
    again = chat(client, QUESTION[0].lower() + QUESTION[1:].rstrip("?"))
    assert again["cached_from"] == first["trace_id"]
    assert chat(client, QUESTION.replace("in", "outside"))["cached_from"] is None


def test_keys_of_other_groups_get_an_answer_of_their_own(app: FastAPI, service: Service, handbook: str) -> None:
    first = chat(member(app, service, "staff"))
    assert chat(member(app, service, "board"))["cached_from"] is None
    assert chat(member(app, service))["cached_from"] is None
    assert chat(member(app, service, "staff"))["cached_from"] == first["trace_id"]


def test_what_is_measured_is_never_remembered(service: Service, handbook: str) -> None:
    ask = Ask(QUESTION, collection="handbook")
    service.grounder.answer(ask)
    assert service.grounder.answer(ask).cached_from is not None
    assert service.unrecorded().answer(ask).cached_from is None


def test_a_prompt_of_ones_own_ends_it(client: TestClient, service: Service, handbook: str) -> None:
    chat(client)
    service.store.prompts.add("support", "Answer from the passages, like [1], or say: I don't know.")
    service.store.prompts.use("support", collection=handbook)
    found = chat(client)
    assert (found["cached_from"], found["prompt_version"]) == (None, "support-1")
