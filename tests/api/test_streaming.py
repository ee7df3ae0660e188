"""Answers under way: many of them beside searches, silent ones, given up ones, more than may be."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx2
import pytest
from starlette.requests import Request
from starlette.types import Message

from api.compose import Service, build
from api.problems import Stopping
from api.streaming import Answering
from grounding.permits import Permits
from grounding.pipeline import Ask, Cited, Delta, Event, EvidenceFound
from tests.api.conftest import settings_of, write_documents
from tests.api.serving import SECONDS, Served, WaitingModel, serving, with_route
from tests.api.test_questions import events

QUESTION: dict[str, object] = {"message": "Which annual leave may employees carry over?", "collection": "handbook"}
OPENAI: dict[str, object] = {
    "model": "extractive@handbook",
    "messages": [{"role": "user", "content": QUESTION["message"]}],
}
STREAMS = 100
doors = pytest.mark.parametrize(
    ("path", "body"), [("/v1/chat", QUESTION), ("/v1/chat/completions", OPENAI)], ids=["own", "openai"]
)


@pytest.fixture
def model() -> Iterator[WaitingModel]:
    waiting = WaitingModel()
    yield waiting
    waiting.go_on()


@pytest.fixture
def served(service: Service, handbook: str, model: WaitingModel) -> Iterator[Served]:
    with serving(with_route(service, model)) as running:
        yield running


def _chats(service: Service) -> list[tuple[str, str]]:
    """Outcome and error of every chat, newest first."""
    items = [item for item in service.store.exchanges.list(limit=200).items if item.kind == "chat"]
    return [(item.outcome, service.store.exchanges.get(item.trace_id).error or "") for item in items]


def _client(served: Served) -> httpx2.Client:
    return httpx2.Client(base_url=served.url, timeout=SECONDS)


def _raw(served: Served, path: str, body: dict[str, object]) -> socket.socket:
    """A connection on which a request was sent, and nothing read."""
    address = urlsplit(served.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=SECONDS)
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(content)}"
    )
    connection.sendall(head.encode() + b"\r\n\r\n" + content)
    return connection


def _shows_text(line: str) -> bool:
    """Whether a line of a stream shows the first sentence, be it that of one door or of the other."""
    return line.startswith("data: ") and "five days" in line and "passages" not in line


@doors
def test_many_silent_streams_leave_searches_alone(
    served: Served, model: WaitingModel, service: Service, path: str, body: dict[str, object]
) -> None:
    before = threading.active_count()

    async def one(client: httpx2.AsyncClient, begun: asyncio.Semaphore) -> str:
        async with client.stream("POST", path, json=body | {"stream": True}) as response:
            assert response.status_code == 200
            lines = response.aiter_lines()
            async for line in lines:
                if _shows_text(line):
                    break
            begun.release()
            return "\n".join([line async for line in lines])

    async def all_of_them() -> list[str]:
        limits = httpx2.Limits(max_connections=STREAMS + 10)
        async with httpx2.AsyncClient(base_url=served.url, timeout=2 * SECONDS, limits=limits) as client:
            begun = asyncio.Semaphore(0)
            streams = [asyncio.create_task(one(client, begun)) for _ in range(STREAMS)]
            for _ in streams:
                await begun.acquire()
            await asyncio.to_thread(model.until, lambda it: it.silent == STREAMS)
            assert served.answering.under_way == STREAMS
            found = await client.post("/v1/search", json={"query": "hotel in Dublin", "collection": "handbook"})
            assert "180 EUR" in found.text
            model.go_on()
            return list(await asyncio.gather(*streams))

    ends = asyncio.run(all_of_them())
    assert all("in Japan" in end for end in ends)
    served.until_quiet()
    assert (model.begun, model.closed) == (STREAMS, STREAMS)
    assert _chats(service) == [("answered", "")] * STREAMS
    # Those of the pool in which searches run and requests are read stay for a while: it has 40 at most.
    assert threading.active_count() <= before + 41


@doors
def test_a_silent_model_is_stopped_when_its_reader_leaves(
    served: Served, model: WaitingModel, service: Service, path: str, body: dict[str, object]
) -> None:
    with _client(served) as client, client.stream("POST", path, json=body | {"stream": True}) as response:
        lines = response.iter_lines()  # kept: once it is let go of, the client has left
        assert any(_shows_text(line) for line in lines)
        model.until(lambda it: it.silent == 1)
    model.until(lambda it: it.closed == 1)
    served.until_quiet()
    assert _chats(service) == [("partial", "closed by the client")]


@doors
def test_a_whole_answer_is_stopped_when_nobody_waits_for_it(
    served: Served, model: WaitingModel, service: Service, path: str, body: dict[str, object]
) -> None:
    with _raw(served, path, body):
        model.until(lambda it: it.silent == 1)
    model.until(lambda it: it.closed == 1)
    served.until_quiet()
    assert _chats(service) == [("partial", "closed by the client")]
    assert not model.may_go_on


def test_nothing_is_done_for_who_leaves_before_it_is_their_turn(
    service: Service, handbook: str, model: WaitingModel
) -> None:
    permits = Permits(1)
    answering = Answering(most=2, permits=permits, heartbeat_seconds=15)

    async def left_at_once() -> list[Event | None]:
        grounder = with_route(service, model).grounder
        with permits:
            running = [answering.begin(grounder, Ask("Which?", collection=handbook), live=True) for _ in range(2)]
            assert answering.under_way == 2
            for each in running:
                each.leave()
        return [await each.next() for each in running]

    assert asyncio.run(left_at_once()) == [None, None]
    assert answering.under_way == 0
    assert model.begun == 0
    assert _chats(service) == []


@doors
def test_a_silent_stream_shows_signs_of_life(
    tmp_path: Path, model: WaitingModel, path: str, body: dict[str, object]
) -> None:
    settings = settings_of(tmp_path / "home", server={"heartbeat_seconds": 0.01})
    with build(settings) as service:
        service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
        with serving(with_route(service, model)) as served, _client(served) as client:
            beats = 0
            with client.stream("POST", path, json=body | {"stream": True}) as response:
                for line in response.iter_lines():
                    beats += line.startswith(":") and model.silent == 1
                    if beats == 3:
                        model.go_on()
            assert beats >= 3


class TestMostAtATime:
    @doors
    def test_one_more_is_told_when_to_come_back(
        self, tmp_path: Path, model: WaitingModel, path: str, body: dict[str, object]
    ) -> None:
        settings = settings_of(tmp_path / "home", server={"max_streams": 1})
        with build(settings) as service:
            service.ingest([str(write_documents(tmp_path / "documents"))], collection="handbook")
            with serving(with_route(service, model)) as served, _client(served) as client:
                with _raw(served, path, body | {"stream": True}):
                    model.until(lambda it: it.silent == 1)
                    for stream in (True, False):
                        refused = client.post(path, json=body | {"stream": stream})
                        assert refused.status_code == 503
                        assert int(refused.headers["retry-after"]) >= 1
                        assert "server.max_streams" in refused.text
                    found = client.post("/v1/search", json={"query": "Dublin", "collection": "handbook"})
                    assert found.status_code == 200
                model.until(lambda it: it.closed == 1)
                served.until_quiet()
                model.go_on()
                for stream in (True, False) * 5:  # each is out of the way once it is answered
                    assert client.post(path, json=body | {"stream": stream}).status_code == 200


class TestWhatEndsAnAnswer:
    def test_an_error_of_the_first_step_has_its_status(self, served: Served) -> None:
        with _client(served) as client:
            for stream in (True, False):
                body = QUESTION | {"stream": stream, "message": " "}
                assert client.post("/v1/chat", json=body).status_code == 422
                body = OPENAI | {"stream": stream, "messages": [{"role": "user", "content": " "}]}
                assert client.post("/v1/chat/completions", json=body).status_code == 400
        served.until_quiet()

    def test_a_model_that_fails_on_the_way(self, service: Service, handbook: str) -> None:
        model = WaitingModel(failing=True)
        model.go_on()
        with serving(with_route(service, model)) as served, _client(served) as client:
            (*_, (name, problem)) = events(client.post("/v1/chat", json=QUESTION | {"stream": True}).text)
            assert (name, problem["code"], problem["status"]) == ("error", "generator_failed", 502)
            lines = client.post("/v1/chat/completions", json=OPENAI | {"stream": True}).text.split("\n\n")
            assert json.loads(lines[-2].removeprefix("data: "))["error"]["code"] == "generator_failed"
            assert "[DONE]" not in lines[-2:]
            for path, body in (("/v1/chat", QUESTION), ("/v1/chat/completions", OPENAI)):
                assert client.post(path, json=body).status_code == 502
        assert [outcome for outcome, _ in _chats(service)] == ["failed"] * 4

    def test_a_server_that_stops_ends_streams_that_do_not_end(self, service: Service, handbook: str) -> None:
        model = WaitingModel()
        answering = Answering(most=9, permits=Permits(1), heartbeat_seconds=15, grace_seconds=0)

        async def until_it_stops() -> None:
            ask = Ask(str(QUESTION["message"]), collection=handbook)
            running = answering.begin(with_route(service, model).grounder, ask, live=True)
            first = await running.next()
            assert isinstance(first, EvidenceFound)
            stopping = anyio.Event()
            async for event in answering.followed(first, running, stopping=stopping):
                seen.append(event)
                if isinstance(event, Cited):
                    await asyncio.to_thread(model.until, lambda it: it.silent == 1)
                    stopping.set()

        seen: list[Event] = []
        with pytest.raises(Stopping):
            asyncio.run(until_it_stops())
        assert [type(event) for event in seen] == [EvidenceFound, Delta, Cited]
        assert _chats(service) == [("partial", "closed by the client")]

    def test_a_server_whose_patience_is_over_says_so_to_who_waits(
        self, service: Service, handbook: str, model: WaitingModel
    ) -> None:
        answering = Answering(most=9, permits=Permits(1), heartbeat_seconds=15)

        async def nothing_more() -> Message:
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

        async def broken_off() -> None:
            request = Request({"type": "http"}, nothing_more)
            ask = Ask(str(QUESTION["message"]), collection=handbook)
            answer = answering.whole(with_route(service, model).grounder, ask, request=request)
            task = asyncio.create_task(answer)
            await asyncio.to_thread(model.until, lambda it: it.silent == 1)
            task.cancel()  # as uvicorn does
            await task

        with pytest.raises(Stopping):
            asyncio.run(broken_off())
        answering.close()
        assert _chats(service) == [("partial", "closed by the client")]

    def test_a_server_that_stops_waits_for_what_is_recorded(self, service: Service, handbook: str) -> None:
        model = WaitingModel()
        answering = Answering(most=9, permits=Permits(1), heartbeat_seconds=15)

        async def stopped() -> None:
            ask = Ask(str(QUESTION["message"]), collection=handbook)
            answering.begin(with_route(service, model).grounder, ask, live=True)
            await asyncio.to_thread(model.until, lambda it: it.silent == 1)

        asyncio.run(stopped())
        answering.close()
        assert answering.under_way == 0
        assert model.closed == 1
        assert _chats(service) == [("partial", "closed by the client")]
