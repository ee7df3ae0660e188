"""Conversations with each provider over its own wire format: documents in, verified answers out, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.compose import Service, build
from grounding.prompt import SYSTEM
from grounding.values import ModelCall, Usage
from tests.api.conftest import settings_of, write_documents
from tests.providers.server import Asked, FakeProviders, Script, serving

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY")
QUESTION = "How many days of unused annual leave may employees in the EU carry over?"
FOLLOW_UP = "And how many days of unused annual leave in Japan?"
SAID = "Employees in the EU may carry over at most five days of unused annual leave"


@dataclass(frozen=True)
class Wire:
    """What a request holds, wherever the provider's format puts it."""

    system: str
    messages: list[tuple[str, str]]
    documents: list[str]
    longest: int


def _openai(body: Mapping[str, Any]) -> Wire:
    system, *rest = [(message["role"], message["content"]) for message in body["messages"]]
    assert system[0] == "system"
    assert body["stream_options"] == {"include_usage": True}
    assert body["temperature"] == 0.5
    return Wire(system[1], rest, [], body["max_completion_tokens"])


def _anthropic(body: Mapping[str, Any]) -> Wire:
    messages: list[tuple[str, str]] = []
    documents: list[str] = []
    for message in body["messages"]:
        blocks = message["content"]
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        documents += [block["source"]["data"] for block in blocks if block["type"] == "document"]
        messages.append((message["role"], "".join(block["text"] for block in blocks if block["type"] == "text")))
    assert body["temperature"] == 0.5
    return Wire(body["system"], messages, documents, body["max_tokens"])


def _google(body: Mapping[str, Any]) -> Wire:
    roles = {"user": "user", "model": "assistant"}
    (system,) = body["systemInstruction"]["parts"]
    messages = [
        (roles[content["role"]], "".join(part["text"] for part in content["parts"])) for content in body["contents"]
    ]
    assert body["generationConfig"]["temperature"] == 0.5
    return Wire(system["text"], messages, [], body["generationConfig"]["maxOutputTokens"])


def _ollama(body: Mapping[str, Any]) -> Wire:
    system, *rest = [(message["role"], message["content"]) for message in body["messages"]]
    assert system[0] == "system"
    assert body.get("think") is None
    assert body["options"]["temperature"] == 0.5
    return Wire(system[1], rest, [], body["options"]["num_predict"])


READ = {"openai": _openai, "anthropic": _anthropic, "google": _google, "ollama": _ollama}
GENERATORS = {
    "openai": "openai:gpt-x",
    "anthropic": "anthropic:claude-x",
    "google": "google_genai:gemini-x",
    "ollama": "ollama:llama-x",
}


@pytest.fixture
def fakes() -> Iterator[FakeProviders]:
    with serving(default=Script(cached_tokens=7)) as running:
        yield running


@pytest.fixture
def service(tmp_path: Path, fakes: FakeProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    for key in KEYS:
        monkeypatch.setenv(key, "a-key")
    common = {"max_output_tokens": 333, "temperature": 0.5, "input_price": 2.0, "output_price": 10.0}
    generators = {
        name: {"model": model, "base_url": fakes.openai_url if name == "openai" else fakes.url, **common}
        for name, model in GENERATORS.items()
    }
    generators["marking"] = generators["anthropic"] | {"citations": "markers"}
    with build(settings_of(tmp_path / "home", generators=generators)) as opened:
        opened.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        yield opened


@pytest.fixture
def client(service: Service) -> TestClient:
    return TestClient(create_app(service, hosts=("testserver",)))


def ask(client: TestClient, generator: str, message: str, **more: str) -> dict[str, Any]:
    """The whole answer, not streamed."""
    body = {"message": message, "collection": "handbook", "generator": generator, **more}
    answer = client.post("/v1/chat", json=body)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def ask_streamed(client: TestClient, generator: str, message: str, **more: str) -> tuple[str, dict[str, Any]]:
    """The deltas joined, and the whole answer."""
    body = {"message": message, "collection": "handbook", "generator": generator, "stream": True, **more}
    events: list[tuple[str, dict[str, Any]]] = []
    with client.stream("POST", "/v1/chat", json=body) as answer:
        assert answer.status_code == 200
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    assert events[-1][0] == "done", events[-1]
    return "".join(data["text"] for name, data in events if name == "delta"), events[-1][1]


def called(service: Service, answer: Mapping[str, Any]) -> ModelCall:
    (call,) = service.store.exchanges.get(answer["trace_id"]).calls
    return call


def require_verified(client: TestClient, service: Service, answer: Mapping[str, Any]) -> None:
    """The answer is grounded in what the document says."""
    assert answer["outcome"] == "answered"
    (citation,) = answer["citations"]
    _, secret = service.store.keys.create(scopes=["admin"])
    headers = {"Authorization": f"Bearer {secret}"}
    document = client.get(
        f"/v1/documents/{citation['document_id']}", params={"collection": "handbook"}, headers=headers
    ).json()
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]


def require_exact(service: Service, answer: Mapping[str, Any], asked: Asked, *, name: str, model: str) -> None:
    """The figures are those that the provider reported."""
    assert asked.told is not None
    cached = 0 if asked.provider == "ollama" else 7  # which does not tell them
    cost = (asked.told.prompt_tokens * 2.0 + asked.told.completion_tokens * 10.0) / 1_000_000
    call = called(service, answer)
    assert (call.generator, call.model, call.purpose, call.outcome, call.reported) == (
        name,
        model,
        "answer",
        "ok",
        True,
    )
    assert (call.usage.prompt_tokens, call.usage.completion_tokens, call.usage.cached_tokens) == (
        asked.told.prompt_tokens,
        asked.told.completion_tokens,
        cached,
    )
    assert call.usage.cost_usd == pytest.approx(cost)
    assert answer["usage"]["prompt_tokens"] == asked.told.prompt_tokens
    assert answer["usage"]["completion_tokens"] == asked.told.completion_tokens


@pytest.mark.parametrize("name", GENERATORS)
def test_a_conversation(name: str, client: TestClient, service: Service, fakes: FakeProviders) -> None:
    first = ask(client, name, QUESTION)
    assert first["answer"] == f"{SAID} [1]."
    assert first["generator"] == name
    require_verified(client, service, first)
    text, second = ask_streamed(client, name, FOLLOW_UP, conversation_id=first["conversation_id"])
    assert text == second["answer"]
    require_verified(client, service, second)

    assert [asked.provider for asked in fakes.requests] == [name, name]
    for asked, answer in zip(fakes.requests, (first, second), strict=True):
        assert asked.model == GENERATORS[name].partition(":")[2]
        assert asked.complete
        require_exact(service, answer, asked, name=name, model=GENERATORS[name])
    alone, following = (READ[name](asked.body) for asked in fakes.requests)
    assert alone.system.startswith(SYSTEM)
    assert alone.longest == following.longest == 333
    assert [role for role, _ in alone.messages] == ["user"]
    assert alone.messages[-1][1].endswith(f"Question: {QUESTION}")
    assert [role for role, _ in following.messages] == ["user", "assistant", "user"]
    assert following.messages[0][1] == QUESTION
    assert following.messages[1][1].startswith(SAID)
    assert following.messages[-1][1].endswith(f"Question: {FOLLOW_UP}")
    if name == "anthropic":
        assert SAID in alone.documents[0]
        assert not any("<passage-" in said for _, said in alone.messages)
        assert "documents before the question" in alone.system
    else:
        assert SAID in alone.messages[-1][1]
        assert "<passage-" in alone.messages[-1][1]
        assert alone.system == SYSTEM


def test_anthropic_may_be_asked_for_markers_in_text(client: TestClient, service: Service, fakes: FakeProviders) -> None:
    require_verified(client, service, ask(client, "marking", QUESTION))
    wire = _anthropic(fakes.requests[0].body)
    assert wire.documents == []
    assert wire.system == SYSTEM
    assert SAID in wire.messages[-1][1]


def test_each_sentence_has_the_citation_that_the_provider_gave_it(
    client: TestClient, service: Service, fakes: FakeProviders
) -> None:
    fakes.script("claude-x", Script(sentences=(0, 1)))
    answer = ask(client, "anthropic", QUESTION)
    japan = "Employees in Japan may carry over ten days of unused annual leave into the next year"
    assert answer["answer"] == f"{SAID} [1]. {japan} [2]."
    assert [citation["quote"] for citation in answer["citations"]] == [f"{SAID}.", f"{japan}."]


def test_what_one_model_says_is_not_said_by_another_and_its_usage_adds_up(
    client: TestClient, service: Service, fakes: FakeProviders
) -> None:
    told = [ask(client, name, QUESTION)["usage"] for name in GENERATORS]
    assert sum((asked.told or Usage() for asked in fakes.requests), Usage()).prompt_tokens == sum(
        usage["prompt_tokens"] for usage in told
    )
    assert sum(usage["completion_tokens"] for usage in told) == fakes.usage.completion_tokens


def test_models_of_the_o_series_are_spoken_to_by_the_developer(
    tmp_path: Path, fakes: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    generators = {"thinker": {"model": "openai:o3", "base_url": fakes.openai_url}}
    with build(settings_of(tmp_path / "home", generators=generators)) as service:
        service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        client = TestClient(create_app(service, hosts=("testserver",)))
        require_verified(client, service, ask(client, "thinker", QUESTION))
    (asked,) = fakes.requests
    assert asked.body["messages"][0] == {"role": "developer", "content": SYSTEM}
    assert "temperature" not in asked.body
    assert "max_completion_tokens" not in asked.body


def test_a_generator_of_the_settings_rewrites_follow_ups(
    tmp_path: Path, fakes: FakeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a-key")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
    fakes.script("gpt-small", Script(text=f"{FOLLOW_UP} Say it of annual leave."))
    generators = {
        "quick": {
            "model": "openai:gpt-small", "base_url": fakes.openai_url, "input_price": 1.0, "output_price": 1.0,
        },
        "good": {"model": "anthropic:claude-x", "base_url": fakes.url},
    }  # fmt: skip
    settings = settings_of(tmp_path / "home", generators=generators)
    rewriting = settings.models.model_copy(update={"rewriter": "quick", "rewriter_seconds": 60})
    with build(settings.model_copy(update={"models": rewriting})) as service:
        service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        client = TestClient(create_app(service, hosts=("testserver",)))
        first = ask(client, "good", QUESTION)
        second = ask(client, "good", FOLLOW_UP, conversation_id=first["conversation_id"])
        exchange = service.store.exchanges.get(second["trace_id"])
    assert exchange.question.rewritten == f"{FOLLOW_UP} Say it of annual leave."
    rewrite, answer = exchange.calls
    assert (rewrite.generator, rewrite.model, rewrite.purpose, rewrite.outcome) == (
        "quick", "openai:gpt-small", "rewrite", "ok",
    )  # fmt: skip
    asked = next(asked for asked in fakes.requests if asked.model == "gpt-small")
    assert asked.told is not None
    assert not asked.streamed
    assert (rewrite.usage.prompt_tokens, rewrite.usage.completion_tokens) == (
        asked.told.prompt_tokens, asked.told.completion_tokens,
    )  # fmt: skip
    assert rewrite.usage.cost_usd == pytest.approx(asked.told.prompt_tokens / 1e6 + asked.told.completion_tokens / 1e6)
    assert (answer.generator, answer.purpose) == ("good", "answer")
