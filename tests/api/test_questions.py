"""/v1/search, /v1/ground and /v1/chat, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from typing import cast

import anyio
import pytest
from sse_starlette import ServerSentEvent
from starlette.testclient import TestClient

from api.compose import Service
from api.routes.questions import server_sent
from grounding.errors import GeneratorFailed
from grounding.pipeline import Delta, Event

PASSAGE_FIELDS = {
    "rank",
    "score",
    "passage_id",
    "document_id",
    "source",
    "title",
    "version",
    "text",
    "start",
    "end",
    "metadata",
    "signals",
}
QUERY_FIELDS = {"raw", "clean", "corrected", "standalone", "language", "entities", "rewritten", "context"}
CHAT_FIELDS = {
    "answer",
    "outcome",
    "citations",
    "support",
    "safety",
    "conversation_id",
    "message_id",
    "trace_id",
    "generator",
    "prompt_version",
    "usage",
    "timings_ms",
    "cached_from",
}


def _post(client: TestClient, path: str, body: object) -> dict[str, object]:
    response = client.post(path, json=body)
    assert response.status_code == 200, response.text
    return cast(dict[str, object], response.json())


def events(text: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Name and data of each server-sent event, comments left out."""
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            yield lines["event"], json.loads(lines["data"])


class TestSearch:
    def test_it_has_the_shape_of_the_interface(self, client: TestClient, handbook: str) -> None:
        body = _post(client, "/v1/search", {"query": "hotel limit in Dublin", "collection": handbook, "top_k": 2})
        assert body.keys() == {"trace_id", "collection", "query", "passages", "timings_ms"}
        assert body["collection"] == handbook
        assert cast(dict[str, object], body["query"]).keys() == QUERY_FIELDS
        passages = cast(list[dict[str, object]], body["passages"])
        assert 1 <= len(passages) <= 2
        assert all(passage.keys() == PASSAGE_FIELDS for passage in passages)
        assert [passage["rank"] for passage in passages] == [*range(1, len(passages) + 1)]
        assert "Dublin" in cast(str, passages[0]["text"])
        assert cast(dict[str, object], passages[0]["signals"]).keys() == {"dense", "lexical", "entity", "rerank"}
        assert cast(dict[str, float], body["timings_ms"])["total"] > 0

    def test_a_passage_is_a_span_of_its_document(self, client: TestClient, handbook: str) -> None:
        body = _post(client, "/v1/search", {"query": "大雪警報", "collection": handbook})
        for passage in cast(list[dict[str, object]], body["passages"]):
            document = client.get(f"/v1/documents/{passage['document_id']}?collection={handbook}").json()
            assert document["text"][passage["start"] : passage["end"]] == passage["text"]
            assert document["version"] == passage["version"]

    def test_history_makes_a_follow_up_stand_alone(self, client: TestClient, handbook: str) -> None:
        history = [{"role": "user", "content": "Which annual leave may employees carry over?"}]
        body = _post(client, "/v1/search", {"query": "And in Japan?", "collection": handbook, "history": history})
        query = cast(dict[str, str], body["query"])
        assert query["clean"] == "And in Japan?"
        assert "annual leave" in query["standalone"]

    def test_filters_narrow(self, client: TestClient, handbook: str) -> None:
        body = {"query": "Dublin", "collection": handbook, "filters": {"title": {"$ne": "Travel expenses"}}}
        found = cast(list[dict[str, object]], _post(client, "/v1/search", body)["passages"])
        assert all(passage["title"] != "Travel expenses" for passage in found)


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"top_k": 0}, 422, "top_k: input should be greater than or equal to 1 (got 0)"),
        ({"top_k": 10**9}, 422, "top_k"),
        ({"top_k": "8"}, 422, "top_k: input should be a valid integer (got '8')"),
        ({"topk": 8}, 422, "topk: there is no field of this name"),
        ({"query": None}, 422, "query"),
        ({"filters": {"lang": {"$like": "en"}}}, 422, "filters.lang: unknown operator '$like'"),
        ({"filters": {"$nor": []}}, 422, "unknown operator '$nor'; did you mean $or?"),
        ({"filters": [1]}, 422, "filters"),
        ({"collection": "handbok"}, 404, "handbook"),
        ({"history": [{"role": "robot", "content": "x"}]}, 422, "history[0].role"),
        ({"conversation_id": "a b"}, 422, "conversation_id"),
        ({"query": "x" * 2_000_000}, 422, "20,000|20000"),
    ],
    ids=lambda value: None if isinstance(value, int) else str(value)[:40],
)
def test_a_request_that_cannot_be_meant_names_the_culprit(
    client: TestClient, handbook: str, change: dict[str, object], status: int, words: str
) -> None:
    response = client.post("/v1/search", json={"query": "leave", "collection": handbook} | change)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "code"} <= problem.keys()
    assert any(word in problem["detail"] for word in words.split("|")), problem["detail"]
    assert len(response.content) < 2000


def test_a_body_of_another_kind_is_refused(client: TestClient) -> None:
    for content, kind in ((b"{", "application/json"), (b"query=x", "application/x-www-form-urlencoded"), (b"[]", "")):
        response = client.post("/v1/search", content=content, headers={"Content-Type": kind})
        assert response.status_code == 422
        assert response.json()["code"] == "invalid_request"


def test_half_a_surrogate_pair_is_an_error_of_the_caller(client: TestClient, handbook: str) -> None:
    for body in (
        f'{{"query": "a\\ud800b", "collection": "{handbook}"}}',
        f'{{"query": "a", "collection": "{handbook}", "filters": {{"k\\ud800": "v"}}}}',
        f'{{"query": "a", "collection": "{handbook}", "filters": {{"k": "\\udfff"}}}}',
    ):
        response = client.post("/v1/search", content=body.encode(), headers={"Content-Type": "application/json"})
        assert response.status_code in (200, 422), response.text


def test_json_nested_beyond_reason_is_an_error_of_the_caller(client: TestClient, handbook: str) -> None:
    content = b'{"query": "x", "filters": ' + b'{"$not": ' * 100_000 + b"{}" + b"}" * 100_001
    response = client.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert 400 <= response.status_code < 500
    assert response.headers["content-type"] == "application/problem+json"


class TestGround:
    def test_it_gives_the_prompt_and_no_answer(self, client: TestClient, handbook: str) -> None:
        question = "What is the hotel limit in Dublin?"
        body = _post(client, "/v1/ground", {"message": question, "collection": handbook})
        assert body.keys() == {
            "trace_id",
            "outcome",
            "messages",
            "query",
            "passages",
            "safety",
            "prompt_tokens",
            "timings_ms",
        }
        assert body["outcome"] == "ready"
        messages = cast(list[dict[str, str]], body["messages"])
        assert messages[0]["role"] == "system"
        assert question in messages[-1]["content"]
        assert "180 EUR" in json.dumps(messages)

    def test_it_does_not_stream(self, client: TestClient, handbook: str) -> None:
        response = client.post("/v1/ground", json={"message": "x", "collection": handbook, "stream": True})
        assert response.status_code == 422


class TestChat:
    def test_an_answer_has_citations_that_hold(self, client: TestClient, handbook: str) -> None:
        body = _post(client, "/v1/chat", {"message": "What is the hotel limit in Dublin?", "collection": handbook})
        assert body.keys() == CHAT_FIELDS
        assert body["outcome"] == "answered"
        assert "180 EUR" in cast(str, body["answer"])
        citations = cast(list[dict[str, object]], body["citations"])
        assert citations
        for citation in citations:
            text = client.get(f"/v1/documents/{citation['document_id']}?collection={handbook}").json()["text"]
            assert text[citation["start"] : citation["end"]] == citation["quote"]
            assert f"[{citation['marker']}]" in cast(str, body["answer"])

    def test_a_follow_up_is_understood_and_kept(self, client: TestClient, handbook: str) -> None:
        first = _post(
            client,
            "/v1/chat",
            {"message": "Which annual leave may employees carry over?", "collection": handbook},
        )
        body = {"message": "And in Japan?", "conversation_id": first["conversation_id"]}
        second = _post(client, "/v1/chat", body)
        assert second["conversation_id"] == first["conversation_id"]
        assert "ten days" in cast(str, second["answer"])
        conversation = client.get(f"/v1/conversations/{first['conversation_id']}").json()
        assert conversation["collection"] == handbook
        assert [turn["role"] for turn in conversation["turns"]] == ["user", "assistant"] * 2
        assert conversation["turns"][3]["message_id"] == second["message_id"]

    def test_a_deleted_conversation_is_gone(self, client: TestClient, admin: TestClient, handbook: str) -> None:
        body = _post(client, "/v1/chat", {"message": "What does ERR-4012 mean?", "collection": handbook})
        path = f"/v1/conversations/{body['conversation_id']}"
        erased = client.delete(path).json()
        assert (erased["id"], erased["object"], erased["deleted"]) == (body["conversation_id"], "conversation", True)
        assert erased["removed"]["turns"] == 2
        assert erased["unfinished"] == []
        assert client.get(path).status_code == 404
        assert client.delete(path).status_code == 404
        assert admin.get(f"/admin/retrievals/{body['trace_id']}").status_code == 404

    def test_what_the_documents_do_not_say_is_not_answered(self, client: TestClient, handbook: str) -> None:
        message = "Who won the football world championship of 1954?"
        body = _post(client, "/v1/chat", {"message": message, "collection": handbook})
        assert body["outcome"] == "abstained"
        assert body["citations"] == []

    @pytest.mark.parametrize("generator", ["os:system", "nonsense", "tests.api.conftest:settings_of", ""])
    def test_a_generator_over_the_network_is_one_that_is_offered(
        self, client: TestClient, handbook: str, generator: str
    ) -> None:
        body = {"message": "x", "collection": handbook, "generator": generator}
        response = client.post("/v1/chat", json=body)
        assert response.status_code == 422
        assert "generator" in response.json()["detail"]


class TestStream:
    def test_the_events_of_an_answer(self, client: TestClient, handbook: str) -> None:
        body = {"message": "What is the hotel limit in Dublin?", "collection": handbook, "stream": True}
        response = client.post("/v1/chat", json=body)
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-request-id"]
        found = list(events(response.text))
        names = [name for name, _ in found]
        assert names[0] == "evidence"
        assert names[-1] == "done"
        assert set(names) == {"evidence", "delta", "citation", "done"}
        passages = cast(list[dict[str, object]], found[0][1]["passages"])
        assert all(passage.keys() == PASSAGE_FIELDS for passage in passages)
        done = found[-1][1]
        assert done.keys() == CHAT_FIELDS
        assert "".join(cast(str, data["text"]) for name, data in found if name == "delta").strip() == done["answer"]
        assert [data for name, data in found if name == "citation"] == done["citations"]

    def test_an_error_before_the_first_event_has_its_own_status(self, client: TestClient) -> None:
        response = client.post("/v1/chat", json={"message": "x", "collection": "nothing", "stream": True})
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"

    def test_the_same_is_recorded_as_without_a_stream(
        self, client: TestClient, service: Service, handbook: str
    ) -> None:
        body = {"message": "What does ERR-4013 mean?", "collection": handbook}
        whole = _post(client, "/v1/chat", body)
        streamed = list(events(client.post("/v1/chat", json=body | {"stream": True}).text))[-1][1]
        assert streamed["answer"] == whole["answer"]
        first, second = (service.store.exchanges.get(cast(str, b["trace_id"])) for b in (whole, streamed))
        assert first.answer == second.answer
        assert [step.name for step in first.steps] == [step.name for step in second.steps]


class TestServerSent:
    """What becomes of a stream that does not come to its end."""

    def test_a_client_that_goes_away_closes_the_answer(self) -> None:
        closed = []

        async def answer() -> AsyncGenerator[Event, None]:
            try:
                yield Delta("one")
                yield Delta("two")
                yield Delta("three")
            finally:
                closed.append(True)

        async def leave_early() -> list[ServerSentEvent]:
            stream = server_sent(answer(), request_id="r")
            seen = [await anext(stream), await anext(stream)]
            await stream.aclose()
            return seen

        assert [event.data for event in anyio.run(leave_early)] == ['{"text": "one"}', '{"text": "two"}']
        assert closed == [True]

    @pytest.mark.parametrize(
        ("error", "code"),
        [(GeneratorFailed("the model did not answer"), "generator_failed"), (KeyError("x"), "internal")],
    )
    def test_an_error_on_the_way_is_the_last_event(self, error: Exception, code: str) -> None:
        async def answer() -> AsyncGenerator[Event, None]:
            yield Delta("two")
            raise error

        async def all_of_it() -> list[ServerSentEvent]:
            return [event async for event in server_sent(answer(), request_id="r")]

        *_, last = anyio.run(all_of_it)
        assert last.event == "error"
        problem = json.loads(cast(str, last.data))
        assert problem["code"] == code
        assert {"type", "title", "status", "detail", "code"} <= problem.keys()
