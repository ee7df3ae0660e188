"""The OpenAI-compatible door: what is asked, what comes back, whole and streamed, and how it says no."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from api.compose import Service, build
from api.openai_errors import error_of, is_for_its_clients, status_of
from api.openai_schemas import Annotation, ChatMessage
from api.routes.openai import HISTORY_TURNS, said
from api.schemas import ChatResponse
from grounding.errors import InvalidRequest
from grounding.values import Citation
from tests.api.conftest import settings_of

LEAVE = "Which annual leave may employees carry over?"
DUBLIN = "What is the hotel limit in Dublin?"
URL = "/v1/chat/completions"
CITATION_FIELDS = {"marker", "document_id", "source", "title", "version", "passage_id", "start", "end", "quote"}
CONTEXT_FIELDS = ChatResponse.model_fields.keys() - {"answer", "citations"} | {"collection", "ignored"}
BAD: list[tuple[dict[str, object], str | None]] = [
    ({"n": 2}, "n"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0]"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0]",
    ),
    ({"top_k": 0}, "top_k"),
    ({"filters": {"lang": {"$like": "en"}}}, "filters.lang"),
    ({"conversation_id": "a b"}, "conversation_id"),
    ({"messages": [{"role": "user", "content": "  "}]}, None),
    ({"collection": "others"}, "collection"),
]
"""What cannot be meant or had, and the parameter that is to be named."""
HARMLESS: list[dict[str, object]] = [
    {"n": 1, "logprobs": False, "tools": [], "tool_choice": "none", "response_format": {"type": "text"}},
    {"modalities": ["text"], "stream_options": None, "metadata": {"a": "b"}, "store": False},
    {"max_tokens": 5, "stop": ["x"], "whatever": {"nested": [1]}, "temperature": None},
]


def _asked(question: str, **more: object) -> dict[str, object]:
    return {"model": "extractive@handbook", "messages": [{"role": "user", "content": question}], **more}


def _post(client: TestClient, body: object) -> dict[str, object]:
    response = client.post(URL, json=body)
    assert response.status_code == 200, response.text
    return cast(dict[str, object], response.json())


def _message(completion: dict[str, object]) -> dict[str, object]:
    (choice,) = cast(list[dict[str, object]], completion["choices"])
    return cast(dict[str, object], choice["message"])


def _error(client: TestClient, body: object, status: int, *, url: str = URL) -> dict[str, object]:
    response = client.post(url, json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    assert response.json().keys() == {"error"}
    error = cast(dict[str, object], response.json()["error"])
    assert error.keys() == {"message", "type", "param", "code"}
    return error


def _chunks(client: TestClient, body: object) -> list[dict[str, object]]:
    """The chunks of a stream that ends as it should."""
    response = client.post(URL, json=body)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block for block in response.text.split("\n\n") if block and not block.startswith(":")]
    assert all(block.startswith("data: ") for block in blocks)
    *data, last = [block.removeprefix("data: ") for block in blocks]
    assert last == "[DONE]"
    return [json.loads(each) for each in data]


class TestAnswers:
    def test_a_completion_has_citations_and_the_rest_as_context(self, client: TestClient, handbook: str) -> None:
        body = _post(client, _asked(DUBLIN, temperature=0.3, seed=1))
        assert body.keys() == {"id", "object", "created", "model", "choices", "usage"}
        assert (body["object"], body["model"]) == ("chat.completion", "extractive@handbook")
        message = _message(body)
        assert message.keys() == {"role", "content", "refusal", "annotations", "context"}
        content = cast(str, message["content"])
        assert (message["role"], message["refusal"]) == ("assistant", None)
        assert "180 EUR" in content
        context = cast(dict[str, object], message["context"])
        assert context.keys() == CONTEXT_FIELDS
        assert context["outcome"] == "answered"
        assert context["ignored"] == ["seed", "temperature"]
        assert body["id"] == f"chatcmpl-{context['trace_id']}"
        annotations = cast(list[dict[str, object]], message["annotations"])
        assert annotations
        for annotation in annotations:
            assert annotation.keys() == CITATION_FIELDS | {"type", "url_citation"}
            assert annotation["type"] == "url_citation"
            text = client.get(f"/v1/documents/{annotation['document_id']}?collection={handbook}").json()["text"]
            assert text[annotation["start"] : annotation["end"]] == annotation["quote"]
            place = cast(dict[str, object], annotation["url_citation"])
            start, end = cast(int, place["start_index"]), cast(int, place["end_index"])
            assert content[start:end] == f"[{annotation['marker']}]"
            assert (place["title"], place["url"]) == (annotation["title"], f"/v1/documents/{annotation['document_id']}")

    def test_it_is_the_answer_of_our_own_door(self, client: TestClient, handbook: str) -> None:
        own = client.post("/v1/chat", json={"message": DUBLIN, "collection": handbook}).json()
        message = _message(_post(client, _asked(DUBLIN)))
        assert message["content"] == own["answer"]
        flat = [
            {name: each[name] for name in CITATION_FIELDS}
            for each in cast(list[dict[str, object]], message["annotations"])
        ]
        assert flat == own["citations"]
        assert own.keys() - {"answer", "citations"} <= cast(dict[str, object], message["context"]).keys()

    def test_usage_is_that_of_the_calls(self, client: TestClient, service: Service, handbook: str) -> None:
        body = _post(client, _asked(DUBLIN))
        usage = cast(dict[str, object], body["usage"])
        recorded = service.store.exchanges.get(cast(str, body["id"]).removeprefix("chatcmpl-")).usage
        assert usage == {
            "prompt_tokens": recorded.prompt_tokens,
            "completion_tokens": recorded.completion_tokens,
            "total_tokens": recorded.prompt_tokens + recorded.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
        }

    def test_a_refusal_and_an_abstention_are_ordinary_answers(self, client: TestClient, handbook: str) -> None:
        insult = "You are a fucking idiot, and I will kill you."
        (whole,) = cast(list[dict[str, object]], _post(client, _asked(insult))["choices"])
        (streamed,) = cast(list[dict[str, object]], _chunks(client, _asked(insult, stream=True))[-1]["choices"])
        for choice, shown in ((whole, whole["message"]), (streamed, streamed["delta"])):
            assert choice["finish_reason"] == "content_filter"
            assert cast(dict[str, object], shown)["refusal"]
            assert cast(dict[str, dict[str, object]], shown)["context"]["outcome"] == "refused"
        body = _post(client, _asked("Who won the football world championship of 1954?"))
        assert cast(list[dict[str, object]], body["choices"])[0]["finish_reason"] == "stop"
        assert _message(body)["refusal"] is None
        assert cast(dict[str, object], _message(body)["context"])["outcome"] == "abstained"

    def test_earlier_messages_are_its_history(self, client: TestClient, handbook: str) -> None:
        body = _asked("And in Japan?")
        earlier = [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": [{"type": "text", "text": LEAVE}]},
            {"role": "assistant", "content": "Five days of unused annual leave [1]."},
            {"role": "developer", "content": "Be polite."},
        ]
        body["messages"] = [*earlier, *cast(list[object], body["messages"])]
        assert "ten days" in cast(str, _message(_post(client, body))["content"])

    def test_the_applications_instructions_reach_the_prompt(
        self, client: TestClient, service: Service, handbook: str
    ) -> None:
        body = _asked(DUBLIN, user="ada", safety_identifier="x")
        system = {"role": "system", "content": "Answer like a seasoned pirate."}
        body["messages"] = [system, {"role": "user", "content": DUBLIN}]
        context = cast(dict[str, object], _message(_post(client, body))["context"])
        recorded = service.store.exchanges.get(cast(str, context["trace_id"]))
        assert "seasoned pirate" in recorded.messages[0].content
        assert recorded.user == "ada"

    def test_a_conversation_of_the_store_goes_on(self, client: TestClient, handbook: str) -> None:
        first = cast(dict[str, object], _message(_post(client, _asked(LEAVE)))["context"])
        more = _asked("And in Japan?", model="extractive", conversation_id=first["conversation_id"])
        message = _message(_post(client, more))
        assert "ten days" in cast(str, message["content"])
        assert cast(dict[str, object], message["context"])["collection"] == handbook

    def test_filters_and_top_k_are_fields_of_ours(self, client: TestClient, service: Service, handbook: str) -> None:
        body = _asked("leave", top_k=1, filters={"title": {"$ne": "Annual leave"}})
        context = cast(dict[str, object], _message(_post(client, body))["context"])
        recorded = service.store.exchanges.get(cast(str, context["trace_id"]))
        assert len(recorded.evidence) <= 1
        assert all(item.passage.title != "Annual leave" for item in recorded.evidence)
        assert context["ignored"] == []

    @pytest.mark.parametrize(
        ("model", "more"),
        [("extractive", {"collection": "handbook"}), ("@handbook", {}), ("@handbook", {"collection": "handbook"})],
    )
    def test_a_model_is_a_generator_a_collection_or_both(
        self, client: TestClient, handbook: str, model: str, more: dict[str, object]
    ) -> None:
        body = _post(client, _asked(DUBLIN, model=model, **more))
        assert body["model"] == model
        assert cast(dict[str, object], _message(body)["context"])["collection"] == handbook


class TestStreams:
    def test_role_text_and_the_rest_in_this_order(self, client: TestClient, handbook: str) -> None:
        whole = _message(_post(client, _asked(DUBLIN)))
        chunks = _chunks(client, _asked(DUBLIN, stream=True))
        assert len({(c["id"], c["object"], c["created"], c["model"]) for c in chunks}) == 1
        assert chunks[0]["object"] == "chat.completion.chunk"
        assert all("usage" not in chunk for chunk in chunks)
        choices = [cast(list[dict[str, object]], chunk["choices"])[0] for chunk in chunks]
        first, *texts, last = [cast(dict[str, object], choice["delta"]) for choice in choices]
        assert first == {"role": "assistant", "content": "", "refusal": None}
        assert all(text.keys() == {"content"} for text in texts)
        assert "".join(cast(str, text["content"]) for text in texts).strip() == whole["content"]
        assert last.keys() == {"annotations", "context"}
        assert last["annotations"] == whole["annotations"]
        context = cast(dict[str, object], last["context"])
        assert context.keys() == CONTEXT_FIELDS
        assert chunks[0]["id"] == f"chatcmpl-{context['trace_id']}"
        assert [choice["finish_reason"] for choice in choices] == [None] * (len(choices) - 1) + ["stop"]

    def test_usage_comes_last_where_it_is_asked_for(self, client: TestClient, handbook: str) -> None:
        *chunks, last = _chunks(client, _asked(DUBLIN, stream=True, stream_options={"include_usage": True}))
        assert all(chunk["usage"] is None for chunk in chunks)
        assert last["choices"] == []
        assert cast(dict[str, object], last["usage"]).keys() == {
            "prompt_tokens",
            "completion_tokens",
            "total_tokens",
            "prompt_tokens_details",
        }


class TestErrors:
    def test_what_cannot_be_meant_is_a_bad_request(self, client: TestClient, handbook: str) -> None:
        for change, param in BAD:
            for stream in (False, True):
                error = _error(client, _asked(DUBLIN, stream=stream) | change, 400)
                assert (error["type"], error["param"]) == ("invalid_request_error", param), change

    def test_what_asks_for_nothing_special_is_let_in(self, client: TestClient, handbook: str) -> None:
        known = {"n", "logprobs", "tools", "tool_choice", "response_format", "modalities", "stream_options"}
        for change in HARMLESS:
            context = cast(dict[str, object], _message(_post(client, _asked(DUBLIN, **change)))["context"])
            assert context["ignored"] == sorted(
                name for name, value in change.items() if name not in known and value is not None
            )

    def test_an_unknown_model_is_not_found(self, client: TestClient, handbook: str) -> None:
        for model in ("gpt-nonsense", "extractive@handbok", "nonsense@handbook", "os:system", "@", ""):
            error = _error(client, _asked(DUBLIN, model=model), 404)
            assert (error["code"], error["param"]) == ("model_not_found", "model"), model
            assert "/v1/models" in cast(str, error["message"])

    def test_whoever_refuses_says_it_in_this_form(self, client: TestClient, tmp_path: Path, service: Service) -> None:
        assert client.get(URL).status_code == 405
        assert client.get(URL).json()["error"]["code"] == "method_not_allowed"
        huge = client.post(URL, content=b" " * (17 * 2**20), headers={"Content-Type": "application/json"})
        assert (huge.status_code, huge.json()["error"]["code"]) == (413, "too_large")
        assert client.post(URL, content=b"{", headers={"Content-Type": "application/json"}).json()["error"]["message"]
        foreign = client.post(URL, json={}, headers={"Host": "evil.example"})
        assert (foreign.status_code, foreign.json()["error"]["code"]) == (421, "unknown_host")
        assert client.get("/v1/models/x", headers={"Authorization": "Bearer gk_wrong"}).status_code == 401
        _, secret = service.store.keys.create(scopes=["ingest"])
        denied = client.post(URL, json=_asked("x"), headers={"Authorization": f"Bearer {secret}"})
        assert denied.status_code == 403
        assert denied.json()["error"]["type"] == "permission_error"

    def test_other_routes_keep_their_own_form(self, client: TestClient) -> None:
        response = client.post("/v1/chat", json={})
        assert response.headers["content-type"] == "application/problem+json"
        assert not is_for_its_clients("/v1/modelsx")
        assert not is_for_its_clients("/v1/chat")

    @pytest.mark.parametrize(
        ("problem", "status", "error"),
        [
            ({"status": 429, "code": "rate_limited", "detail": "later"}, 429, ("rate_limit_exceeded", None)),
            ({"status": 429, "code": "budget_spent", "detail": "later"}, 429, ("insufficient_quota", None)),
            ({"status": 401, "code": "not_authenticated", "detail": "no"}, 401, ("authentication_error", None)),
            ({"status": 422, "code": "invalid_request", "detail": "top_k: x"}, 400, ("invalid_request_error", "top_k")),
            ({"status": 502, "code": "generator_failed", "detail": "it failed: x"}, 502, ("server_error", None)),
        ],
    )
    def test_the_words_of_its_clients(
        self, problem: dict[str, object], status: int, error: tuple[str, str | None]
    ) -> None:
        assert status_of(problem) == status
        found = cast(dict[str, object], error_of(problem)["error"])
        assert (found["type"], found["param"]) == error
        assert found["message"] == problem["detail"]


class TestKeys:
    def test_where_none_is_needed_clients_may_send_what_they_please(self, client: TestClient, handbook: str) -> None:
        for key in ("none", "sk-1234", "DUMMY_KEY"):
            headers = {"Authorization": f"Bearer {key}"}
            assert client.get("/v1/models", headers=headers).status_code == 200
            assert client.post(URL, json=_asked(DUBLIN), headers=headers).status_code == 200
            assert client.post("/v1/chat", json={"message": "x"}, headers=headers).status_code == 401
        assert client.get("/v1/models", headers={"Authorization": "Bearer gk_wrong"}).status_code == 401

    def test_where_one_is_needed_nothing_else_will_do(self, tmp_path: Path) -> None:
        with build(settings_of(tmp_path / "other", auth={"required": True})) as service:
            client = TestClient(create_app(service, hosts=("testserver",)))
            for headers in ({}, {"Authorization": "Bearer none"}):
                response = client.get("/v1/models", headers=headers)
                assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")

    def test_what_a_key_does_not_see_is_no_model(self, client: TestClient, service: Service, handbook: str) -> None:
        _, secret = service.store.keys.create(scopes=["chat", "search"], collections=["others"])
        headers = {"Authorization": f"Bearer {secret}"}
        names = [each["id"] for each in client.get("/v1/models", headers=headers).json()["data"]]
        assert "extractive" in names
        assert not [name for name in names if "handbook" in name]
        response = client.post(URL, json=_asked(DUBLIN), headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")


class TestModels:
    def test_generators_routes_and_collections(self, tmp_path: Path) -> None:
        generators = {"fast": {"model": "ollama:x"}, "good": {"model": "ollama:y"}}
        settings = settings_of(tmp_path / "home", generators=generators, routes={"best": ["good", "fast"]})
        with build(settings) as service:
            service.store.collections.create("manuals")
            client = TestClient(create_app(service, hosts=("testserver",)))
            body = client.get("/v1/models").json()
            names = {each["id"] for each in body["data"]}
            assert {"extractive", "fast", "good", "best", "@manuals", "best@manuals", "builtin"} <= names
            assert body["object"] == "list"
            for name in names:
                found = client.get(f"/v1/models/{name}").json()
                assert (found["id"], found["object"]) == (name, "model")
            missing = client.get("/v1/models/nonsense:x@y")
            assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


class TestEmbeddings:
    URL = "/v1/embeddings"

    def test_documents_and_queries_as_the_embedder_has_them(self, client: TestClient, service: Service) -> None:
        texts = ["annual leave", "大雪警報"]
        body: dict[str, object] = {"model": "builtin", "input": texts}
        embedder = service.models.embedder()
        for kind, expected in (
            ({}, embedder.embed_passages(texts)),
            ({"input_type": "document"}, embedder.embed_passages(texts)),
            ({"input_type": "query"}, embedder.embed_queries(texts)),
        ):
            found = client.post(self.URL, json=body | kind).json()
            assert (found["object"], found["model"]) == ("list", "builtin")
            assert [each["index"] for each in found["data"]] == [0, 1]
            assert np.array_equal(np.array([v["embedding"] for v in found["data"]], dtype=np.float32), expected)
            tokens = sum(embedder.count_tokens(texts))
            assert found["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
        packed = client.post(self.URL, json=body | {"encoding_format": "base64"}).json()["data"][1]["embedding"]
        assert np.array_equal(np.frombuffer(base64.b64decode(packed), dtype="<f4"), embedder.embed_passages(texts)[1])

    def test_one_text_is_a_list_of_one(self, client: TestClient, service: Service) -> None:
        dimension = service.models.embedder().fingerprint.dimension
        body = {"model": "builtin", "input": "leave", "dimensions": dimension, "user": "ada", "whatever": 1}
        (vector,) = client.post(self.URL, json=body).json()["data"]
        assert len(vector["embedding"]) == dimension

    def test_what_was_embedded_is_in_the_ledger(self, client: TestClient, service: Service) -> None:
        client.post(self.URL, json={"model": "builtin", "input": ["annual leave", "leave"], "user": "ada"})
        report = service.store.usage.report(by=("purpose", "user"))
        (row,) = report.rows
        assert (row.group["purpose"], row.group["user"]) == ("embed", "ada")
        assert row.prompt_tokens == sum(service.models.embedder().count_tokens(["annual leave", "leave"]))

    @pytest.mark.parametrize(
        ("change", "status", "words"),
        [
            ({"input": [1, 2]}, 400, "check_embedding_ctx_length=False"),
            ({"input": [[1, 2], [3]]}, 400, "check_embedding_ctx_length=False"),
            ({"input": []}, 400, "input"),
            ({"input": ""}, 400, "input[0]: the text is empty"),
            ({"input": ["x"] * 2049}, 400, "2048"),
            ({"input": "word " * 600}, 400, "input[0]: 600 tokens; this model reads 512 at most"),
            ({"dimensions": 7}, 400, "dimensions"),
            ({"encoding_format": "int8"}, 400, "encoding_format"),
            ({"model": "text-embedding-3-small"}, 404, "'builtin'"),
        ],
        ids=lambda value: None if isinstance(value, int) else str(value)[:30],
    )
    def test_what_cannot_be_embedded(
        self, client: TestClient, change: dict[str, object], status: int, words: str
    ) -> None:
        error = _error(client, {"model": "builtin", "input": "x"} | change, status, url=self.URL)
        assert words in cast(str, error["message"])


class TestSaid:
    ROLES = st.sampled_from(("system", "developer", "user", "assistant"))
    TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)

    @given(st.lists(st.tuples(ROLES, TEXTS), max_size=60))
    def test_every_message_has_its_place(self, messages: list[tuple[str, str]]) -> None:
        made = [ChatMessage(role=role, content=text) for role, text in messages]
        spoken = [(role, text) for role, text in messages if role in ("user", "assistant")]
        if not spoken or spoken[-1][0] != "user":
            with pytest.raises(InvalidRequest):
                said(made)
            return
        found = said(made)
        assert found.question == spoken[-1][1]
        kept = [(role, text) for role, text in spoken[:-1] if text.strip()][-HISTORY_TURNS:]
        assert [(turn.role, turn.content) for turn in found.history] == kept
        orders = [text.strip() for role, text in messages if role in ("system", "developer")]
        assert found.instructions == "\n\n".join(filter(None, orders))


def test_a_marker_that_is_not_shown_has_a_place_nonetheless() -> None:
    citation = Citation(3, "d", "s.md", "T", 1, 7, 0, 4, "quote")
    place = Annotation.of(replace(citation, source="https://example.org/a"), content="Nothing.").url_citation
    assert place.url == "https://example.org/a"
    assert (place.start_index, place.end_index) == (0, 0)
