"""The MCP server, spoken to by the official client: a process over stdio, a server over HTTP; who may read what."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import anyio
import httpx2
import pytest
import uvicorn
from anyio.to_thread import run_sync
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context
from mcp.types import CallToolResult, TextContent

from api.auth import Caller
from api.compose import Service, build
from api.mcp import create_mcp_app, create_server
from api.serve import listen
from grounding.settings import Limits
from tests.api.conftest import DOCUMENTS, settings_of, write_documents
from tests.api.serving import WaitingModel, with_route
from tests.api.test_cli import ENVIRONMENT
from tests.api.test_server import COMMAND

Transport: TypeAlias = Literal["stdio", "http"]
Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[Client]]

TRANSPORTS: tuple[Transport, ...] = ("stdio", "http")
SECRET = {
    "id": "secret",
    "text": "The canteen of the zyxwort project opens at midnight.",
    "metadata": {"groups": "eng"},
}
OWNER = Caller("", frozenset({"admin"}), groups=None)
MENU = {"id": "menu", "text": "The canteen opens at eleven and serves soup.", "metadata": {"lang": "en"}}
TOLD = "What opens at midnight?"


@dataclass(frozen=True, slots=True)
class Home:
    """A home with the collections `handbook` and `canteen`, an HTTP server over it, and keys by what they may."""

    folder: Path
    url: str
    keys: dict[str, str]

    def environment(self, **more: str) -> dict[str, str]:
        return _environment(self.folder, **more)

    def create_key(self, **what: Any) -> tuple[str, str]:
        with build(settings_of(self.folder)) as service:
            info, secret = service.store.keys.create(**what)
        return info.id, secret

    def revoke(self, key_id: str) -> None:
        with build(settings_of(self.folder)) as service:
            assert service.store.keys.revoke(key_id)


def _environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, **ENVIRONMENT, "GROUNDING_HOME": str(folder), **more}


@contextmanager
def _listening(environment: dict[str, str]) -> Iterator[str]:
    """The URL of a server over HTTP, in a process of its own."""
    process = subprocess.Popen(
        [*COMMAND, "mcp", "--http", "--port", "0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        try:
            process.wait(30)
        finally:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("mcp") / "home"
    records = folder.parent / "records.jsonl"
    records.write_text("\n".join(map(json.dumps, (SECRET, MENU))), "utf-8")
    keys: dict[str, str] = {}
    with build(settings_of(folder)) as service:
        service.ingest([str(write_documents(folder.parent / "documents"))], collection="handbook")
        service.ingest([str(records)], collection="canteen")
        rights: dict[str, dict[str, Any]] = {
            "all": {"scopes": ["chat", "search"]},
            "eng": {"scopes": ["chat", "search"], "groups": ["eng"]},
            "handbook": {"scopes": ["chat", "search"], "collections": ["handbook"]},
            "search": {"scopes": ["search"]},
            "ingest": {"scopes": ["ingest"]},
        }
        for name, what in rights.items():
            keys[name] = service.store.keys.create(name=name, **what)[1]
    with _listening(_environment(folder)) as url:
        yield Home(folder, url, keys)


over_http_alone = pytest.mark.parametrize("connect", ["http"], indirect=True)
"""For what is the same over both: a process for each test takes its time."""


@pytest.fixture(params=TRANSPORTS)
def connect(request: pytest.FixtureRequest, home: Home) -> Connect:
    """Connects with a key, by name; without one, as who needs none there."""

    @asynccontextmanager
    async def over_stdio(key: str | None = None) -> AsyncIterator[Client]:
        given = {} if key is None else {"GROUNDING_API_KEY": home.keys[key]}
        server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "mcp"], env=home.environment(**given))
        async with Client(server) as client:
            yield client

    @asynccontextmanager
    async def over_http(key: str | None = None) -> AsyncIterator[Client]:
        async with _client(home.url, key and home.keys[key]) as client:
            yield client

    return over_stdio if request.param == "stdio" else over_http


@asynccontextmanager
async def _client(url: str, secret: str | None) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def _value(result: CallToolResult) -> dict[str, Any]:
    """What a tool gave, which it says in words, too."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    (text,) = result.content
    assert isinstance(text, TextContent)
    assert json.loads(text.text) == result.structured_content
    found: dict[str, Any] = result.structured_content
    return found


def _error(result: CallToolResult) -> str:
    assert result.is_error
    (text,) = result.content
    assert isinstance(text, TextContent)
    return text.text


async def test_it_tells_what_its_tools_take_and_give(connect: Connect) -> None:
    async with connect("all") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"search", "get_document", "ask"}
    for tool in tools.values():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.description
    assert set(tools["search"].input_schema["properties"]) == {"query", "collection", "top_k", "filters"}
    assert set(tools["get_document"].input_schema["properties"]) == {"id", "collection"}
    assert set(tools["ask"].input_schema["properties"]) == {"message", "collection", "conversation_id", "filters"}
    gives = {name: set((tool.output_schema or {})["properties"]) for name, tool in tools.items()}
    assert {"trace_id", "query", "passages"} <= gives["search"]
    assert {"id", "text", "metadata", "version"} <= gives["get_document"]
    assert {"answer", "outcome", "citations", "conversation_id"} <= gives["ask"]


async def test_a_question_is_answered_and_its_citations_hold(connect: Connect) -> None:
    async with connect("all") as client:
        asked = {"message": "What is the hotel limit in Dublin per night?", "collection": "handbook"}
        answer = _value(await client.call_tool("ask", asked))
        assert answer["outcome"] == "answered"
        (citation,) = answer["citations"]
        document = _value(await client.call_tool("get_document", {"id": citation["document_id"]}))
        again = {"message": "Who approves travel to Kanazawa?", "conversation_id": answer["conversation_id"]}
        more = _value(await client.call_tool("ask", again))
    assert "180 EUR" in answer["answer"]
    assert document["text"] == DOCUMENTS["travel.md"]
    assert document["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert more["conversation_id"] == answer["conversation_id"]
    assert "Maria Keane" in more["answer"]


@over_http_alone
async def test_passages_are_searched_within_filters(connect: Connect) -> None:
    async with connect("all") as client:
        asked = {"query": "error codes of the sensor", "collection": "handbook", "top_k": 2}
        found = _value(await client.call_tool("search", asked))
        within = {"query": "canteen", "collection": "canteen", "filters": {"lang": "de"}}
        nothing = _value(await client.call_tool("search", within))
    assert 1 <= len(found["passages"]) <= 2
    assert "ERR-4012" in found["passages"][0]["text"]
    assert nothing["passages"] == []


WRONG: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("get_document", {"id": "nowhere"}, "not_found: document 'nowhere' is not known"),
    ("get_document", {"id": "menu", "collection": "handbok"}, "did you mean 'handbook'"),
    ("search", {"query": "x", "collection": "handbok"}, "did you mean 'handbook'"),
    ("search", {"query": "x", "collection": "handbook", "filters": {"a": {"$is": 1}}}, "unknown operator '$is'"),
    ("search", {"query": "x", "collection": "handbook", "top_k": 0}, "top_k"),
    ("search", {}, "query"),
    ("ask", {"message": "x", "collection": "handbook", "conversation_id": "no id"}, "conversation_id"),
    ("ask", {"message": "  ", "collection": "handbook"}, "invalid_request"),
)


@over_http_alone
async def test_an_error_says_what_is_wrong(connect: Connect) -> None:
    async with connect("all") as client:
        for tool, arguments, says in WRONG:
            assert says in _error(await client.call_tool(tool, arguments))
        assert _value(await client.call_tool("get_document", {"id": "menu"}))["id"] == "menu"


@pytest.mark.parametrize(("key", "reads"), [("all", False), ("eng", True)])
async def test_documents_of_groups_are_there_for_their_keys_alone(connect: Connect, key: str, reads: bool) -> None:
    async with connect(key) as client:
        within = {"collection": "canteen"}
        found = _value(await client.call_tool("search", {"query": TOLD, **within}))
        answer = _value(await client.call_tool("ask", {"message": TOLD, **within}))
        document = await client.call_tool("get_document", {"id": "secret", **within})
        anywhere = await client.call_tool("get_document", {"id": "secret"})
    assert ("secret" in [passage["document_id"] for passage in found["passages"]]) is reads
    assert ("midnight" in json.dumps(answer)) is reads
    assert document.is_error is not reads
    if not reads:
        unknown = "Error executing tool get_document: not_found: document 'secret' is not known"
        assert _error(anywhere) == unknown
        assert _error(document) == f"{unknown} in 'canteen'"


async def test_a_key_of_one_collection_sees_no_other(connect: Connect) -> None:
    async with connect("handbook") as client:
        for tool, arguments in (
            ("search", {"query": "canteen"}),
            ("ask", {"message": "canteen"}),
            ("get_document", {"id": "menu"}),
        ):
            refused = _error(await client.call_tool(tool, {**arguments, "collection": "canteen"}))
            assert "not_found: collection 'canteen' is not known" in refused
        assert "'menu' is not known" in _error(await client.call_tool("get_document", {"id": "menu"}))
        allowed = await client.call_tool("search", {"query": "hotel limit", "collection": "handbook"})
        assert _value(allowed)["passages"]


@over_http_alone
async def test_a_conversation_is_its_keys_own(connect: Connect) -> None:
    async with connect("all") as client:
        asked = {"message": "When does the canteen open?", "collection": "canteen"}
        conversation = _value(await client.call_tool("ask", asked))["conversation_id"]
    async with connect("eng") as client:
        again = {"message": "And then?", "collection": "canteen", "conversation_id": conversation}
        assert f"conversation {conversation!r} is not known" in _error(await client.call_tool("ask", again))


async def test_a_tool_needs_its_scope(connect: Connect) -> None:
    async with connect("search") as client:
        assert "lacks the scope chat" in _error(
            await client.call_tool("ask", {"message": "x", "collection": "handbook"})
        )
        assert _value(await client.call_tool("get_document", {"id": "menu"}))["text"] == MENU["text"]


@over_http_alone
async def test_limits_of_a_key_hold(connect: Connect, home: Home) -> None:
    home.keys["once"] = home.create_key(scopes=["search"], limits=Limits(requests_per_minute=1))[1]
    async with connect("once") as client:
        assert not (await client.call_tool("get_document", {"id": "menu"})).is_error
        told = _error(await client.call_tool("search", {"query": "canteen", "collection": "canteen"}))
    assert "rate_limited" in told
    assert "come back in" in told


async def test_a_revoked_key_ends_at_once_over_stdio(home: Home) -> None:
    key_id, secret = home.create_key(scopes=["search"])
    env = home.environment(GROUNDING_API_KEY=secret)
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "mcp"], env=env)
    async with Client(server) as client:
        assert not (await client.call_tool("get_document", {"id": "menu"})).is_error
        home.revoke(key_id)
        assert "not_authenticated" in _error(await client.call_tool("get_document", {"id": "menu"}))


async def test_the_owner_of_the_home_reads_everything_over_stdio(home: Home) -> None:
    server = StdioServerParameters(command=COMMAND[0], args=[*COMMAND[1:], "mcp"], env=home.environment())
    async with Client(server) as client:
        assert _value(await client.call_tool("get_document", {"id": "secret"}))["text"] == SECRET["text"]


def test_a_wrong_key_keeps_it_from_starting_over_stdio(home: Home) -> None:
    done = subprocess.run(
        [*COMMAND, "mcp"],
        env=home.environment(GROUNDING_API_KEY="gk_wrong"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "the key is not known, or was revoked" in done.stderr
    assert "gk_wrong" not in done.stderr


def test_nothing_but_the_protocol_is_on_stdout(home: Home) -> None:
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    ask = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "ask", "arguments": {"message": "When does the canteen open?", "collection": "canteen"}},
    }
    process = subprocess.Popen(
        [*COMMAND, "mcp"],
        env=home.environment(GROUNDING_LOG_LEVEL="debug"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    lines: list[str] = []
    try:
        process.stdin.write("".join(json.dumps(message) + "\n" for message in (hello, ready, ask)))
        process.stdin.flush()
        while not any(json.loads(line).get("id") == 2 for line in lines):
            lines.append(process.stdout.readline())
    finally:
        rest, errors = process.communicate(timeout=60)  # it ends with its input
    assert process.returncode == 0
    assert [json.loads(line)["jsonrpc"] for line in lines + rest.splitlines()] == ["2.0"] * 2
    assert "eleven" not in errors


def _post(url: str, **headers: str) -> httpx2.Response:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accepted = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
    return httpx2.post(url, json=hello, headers={**accepted, **headers}, timeout=30)


def test_a_request_without_a_valid_key_is_refused(home: Home) -> None:
    refused = _post(home.url, Authorization="Bearer gk_wrong")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.json()["code"] == "not_authenticated"
    assert _post(home.url, Authorization=f"Bearer {home.keys['ingest']}").status_code == 403
    assert _post(home.url, Authorization=f"Bearer {home.keys['search']}").status_code == 200


def test_a_revoked_key_ends_at_once_over_http(home: Home) -> None:
    key_id, secret = home.create_key(scopes=["chat"])
    assert _post(home.url, Authorization=f"Bearer {secret}").status_code == 200
    home.revoke(key_id)
    assert _post(home.url, Authorization=f"Bearer {secret}").status_code == 401


def test_other_hosts_and_web_pages_are_refused(home: Home) -> None:
    assert _post(home.url).status_code == 200
    assert _post(home.url, Host="evil.example").status_code == 421
    assert _post(home.url, Origin="http://evil.example").status_code == 403


def test_a_session_of_the_admin_page_opens_nothing(home: Home) -> None:
    with _listening(home.environment(GROUNDING_AUTH__REQUIRED="true")) as url:
        assert _post(url).status_code == 401
        assert _post(url, Cookie="grounding_admin=a.99999999999." + "0" * 64).status_code == 401
        assert _post(url, Authorization=f"Bearer {home.keys['all']}").status_code == 200


async def test_without_a_key_loopback_reads_what_is_open(home: Home) -> None:
    async with _client(home.url, None) as client:
        assert _value(await client.call_tool("get_document", {"id": "menu"}))["id"] == "menu"
        assert "not_found" in _error(await client.call_tool("get_document", {"id": "secret"}))


def test_without_the_package_the_command_says_what_to_install(home: Home) -> None:
    hidden = "import sys; sys.modules['mcp'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", hidden + COMMAND[2], "mcp"],
        env=home.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'grounding[mcp]'" in done.stderr


async def test_a_call_that_is_cancelled_stops_the_model(service: Service, handbook: str) -> None:
    model = WaitingModel()
    server = create_server(with_route(service, model), caller_of=lambda _: OWNER)
    async with Client(server) as client, anyio.create_task_group() as calls:
        asked = {"message": "What is the hotel limit in Dublin per night?", "collection": handbook}
        calls.start_soon(client.call_tool, "ask", asked)
        await run_sync(model.until, lambda it: it.silent == 1)
        found = await client.call_tool("search", {"query": "hotel limit", "collection": handbook})
        calls.cancel_scope.cancel()
        await run_sync(model.until, lambda it: it.closed == 1, abandon_on_cancel=True)
    await run_sync(model.until, lambda it: it.closed == 1)
    assert _value(found)["passages"]
    # Its thread has only to write the record now: every look at the store takes as long as that.
    looks = (service.store.exchanges.list(outcome="partial").items for _ in range(5000))
    assert next(filter(None, looks))[0].kind == "chat"


async def test_a_client_that_goes_away_stops_the_model_over_http(service: Service, handbook: str) -> None:
    model = WaitingModel()
    app = create_mcp_app(with_route(service, model), host="127.0.0.1")
    with listen("127.0.0.1", 0) as sock:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=10))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        async with (
            _client(f"http://127.0.0.1:{sock.getsockname()[1]}/mcp", None) as client,
            anyio.create_task_group() as calls,
        ):
            asked = {"message": "What is the hotel limit in Dublin per night?", "collection": handbook}
            calls.start_soon(client.call_tool, "ask", asked)
            await run_sync(model.until, lambda it: it.silent == 1)
            calls.cancel_scope.cancel()
        await run_sync(model.until, lambda it: it.closed == 1)
        server.should_exit = True
        await run_sync(thread.join, 30)
    assert not thread.is_alive()


async def test_an_error_that_nobody_foresaw_tells_no_words(
    service: Service, handbook: str, caplog: pytest.LogCaptureFixture
) -> None:
    word = "hunter2"

    def broken(_: Context) -> Caller:
        raise RuntimeError(word)

    async with Client(create_server(service, caller_of=broken)) as client:
        told = _error(await client.call_tool("search", {"query": "hotel limit", "collection": handbook}))
    assert "unexpected error" in told
    assert "RuntimeError" in caplog.text
    assert word not in told + caplog.text
