"""The MCP server: `search`, `get_document` and `ask` as tools for assistants, over stdio or streamable HTTP.

The same keys, scopes, collections and groups hold as over HTTP: `search` and `get_document` need the scope search,
`ask` the scope chat. Over HTTP each request brings its key; over stdio the key is that of the environment, and without
one the tools read all that the home's owner may read. A key is looked at anew for each call: one that is revoked ends
at once.
"""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import uuid
from collections.abc import Callable
from typing import Annotated, TypeAlias, TypeVar

import anyio
import uvicorn
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import Field
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

import grounding
from api import auth, problems
from api.app import LOOPBACK_NAMES
from api.auth import Caller, Gate, Scope
from api.compose import Service, build
from api.limits import admit
from api.middleware import BodyLimit, KnownHosts, Requests
from api.routes.questions import collection_of
from api.schemas import ChatResponse, ConversationId, DocumentJson, Filters, SearchResponse, TopK
from api.serve import listen
from grounding import filters as language
from grounding.errors import GroundingError, NotAllowed, NotAuthenticated
from grounding.pipeline import Ask
from grounding.settings import Settings
from grounding.stopping import Stop

logger = logging.getLogger(__name__)

PATH = "/mcp"
_GRACE_SECONDS = 10
_INSTRUCTIONS = (
    "Search and question the documents of this organisation. Prefer `ask` for a question: its answer is checked "
    "against the documents, and each citation holds word for word. Use `search` for passages, `get_document` for a "
    "whole text."
)
_OWNER = Caller("", frozenset({"admin"}), groups=None)
"""Who works on the home's own machine, in the home's own account: as the command line, they read everything."""
_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)

CallerOf: TypeAlias = Callable[[Context], Caller]
"""Who makes a call. Raises NotAuthenticated."""
_Answer = TypeVar("_Answer")

InCollection = Annotated[str | None, Field(description="default: that of the conversation, else `default`")]


def create_server(service: Service, *, caller_of: CallerOf) -> MCPServer:
    """The server with its tools, over a service."""
    server: MCPServer = MCPServer(
        "grounding",
        title="Grounding",
        description="Documents in, verified citations out.",
        instructions=_INSTRUCTIONS,
        version=grounding.__version__,
        log_level="WARNING",
    )
    answering = CapacityLimiter(service.settings.server.max_streams)  # so that slow models leave threads to searches

    @server.tool(title="Search documents", annotations=_READS)
    async def search(
        ctx: Context,
        query: Annotated[str, Field(description="a question, or words to look for")],
        collection: Annotated[str | None, Field(description="default: `default`")] = None,
        top_k: TopK | None = None,
        filters: Filters | None = None,
    ) -> SearchResponse:
        """The passages of the documents that fit a question best, with their source and their place in it."""

        def work() -> SearchResponse:
            caller = _admitted(caller_of(ctx), "search", service=service)
            name = collection_of(collection, None, service=service, caller=caller)
            asked = Ask(
                query,
                collection=name,
                top_k=top_k,
                filters=language.parse(filters or {}),
                caller=caller.id,
                key=caller.name,
                groups=caller.groups,
            )
            return SearchResponse.of(service.grounder.search(asked))

        return await _told(work)

    @server.tool(title="Read a document", annotations=_READS)
    async def get_document(
        ctx: Context,
        id: Annotated[str, Field(description="`document_id` of a passage or a citation")],  # noqa: A002
        collection: Annotated[str | None, Field(description="needed if several collections hold it")] = None,
    ) -> DocumentJson:
        """A document with its whole text, to which `start` and `end` of passages and citations refer."""

        def work() -> DocumentJson:
            caller = _admitted(caller_of(ctx), "search", service=service)
            name = caller.only_collection(collection)
            return DocumentJson.of(service.store.documents.get(id, collection=name, where=caller.readable))

        return await _told(work)

    @server.tool(title="Ask the documents", annotations=_READS)
    async def ask(
        ctx: Context,
        message: Annotated[str, Field(description="the question")],
        collection: InCollection = None,
        conversation_id: ConversationId | None = None,
        filters: Filters | None = None,
    ) -> ChatResponse:
        """An answer from the documents with verified citations; outcome `abstained` where they do not answer it. Give
        the `conversation_id` of an answer to go on from there."""
        stop = Stop()

        def work() -> ChatResponse:
            caller = _admitted(caller_of(ctx), "chat", service=service)
            name = collection_of(collection, conversation_id, service=service, caller=caller)
            asked = Ask(
                message,
                collection=name,
                filters=language.parse(filters or {}),
                conversation_id=conversation_id,
                caller=caller.id,
                key=caller.name,
                stop=stop,
                groups=caller.groups,
            )
            return ChatResponse.of(service.grounder.answer(asked))

        try:
            return await _told(work, limiter=answering)
        except anyio.get_cancelled_exc_class():
            stop.say()
            raise

    return server


def create_mcp_app(service: Service, *, host: str) -> ASGIApp:
    """The server over streamable HTTP at PATH, behind the rules of the HTTP service. Without sessions: each request
    stands for itself, and for its key."""
    settings = service.settings
    local = auth.is_loopback(host)
    server = create_server(service, caller_of=_of_request)
    names = sorted({*LOOPBACK_NAMES, host})
    checked = TransportSecuritySettings(
        enable_dns_rebinding_protection=local,
        allowed_hosts=[name for host_name in names for name in (host_name, f"{host_name}:*")],
        allowed_origins=[f"http://{name}{port}" for name in names for port in ("", ":*")],
    )
    inner = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        max_request_body_size=settings.server.max_body_mb * 2**20,
        transport_security=checked,
        host=host,
    )
    # Its own secret: a session of the admin page, which browsers send by themselves, opens nothing here.
    keyless = local and settings.auth.required is not True
    app: ASGIApp = Door(inner, Gate(service.store.keys, secret=secrets.token_hex(32), keyless=keyless))
    app = BodyLimit(app, max_bytes=settings.server.max_body_mb * 2**20)
    if local:
        app = KnownHosts(app, hosts=names)
    return Requests(app, counted=service.metrics.request)


class Door:
    """Lets through who may search or chat, and notes who it is; others get 401, or 403 with a key that may neither."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = Request(scope)
            try:
                request.state.caller = await run_sync(self._let_in, request)
            except GroundingError as error:
                await (await problems.grounding_error(request, error))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _let_in(self, request: Request) -> Caller:
        caller = self._gate.caller(request)
        if caller.may("search") or caller.may("chat"):
            return caller
        if not caller.id:
            raise NotAuthenticated("this needs a key with the scope search or chat: Authorization: Bearer KEY")
        raise NotAllowed(f"the key {caller.id} has neither the scope search nor the scope chat")


def run_stdio(settings: Settings, *, key: str | None) -> None:
    """Serves over stdin and stdout until stdin ends, for the holder of a key, or for the home's owner. Raises
    NotAuthenticated for a key that is not valid."""
    with build(settings) as service:
        caller_of = _of_key(key, service=service) if key else _owner
        caller_of(Context())
        _beside(service)
        anyio.run(create_server(service, caller_of=caller_of).run_stdio_async)


def run_http(settings: Settings, *, host: str, port: int, started: Callable[[str], None]) -> None:
    """Serves over HTTP until it is told to stop. Calls `started` with the URL once connections are accepted."""
    with build(settings) as service, listen(host, port) as sock:
        name = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            create_mcp_app(service, host=host),
            lifespan="on",
            log_config=None,  # the access log would show what clients wrote
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        server = uvicorn.Server(config)

        def stop(*_: object) -> None:
            server.should_exit = True

        signal.signal(signal.SIGTERM, stop)  # for the moments in which uvicorn does not handle it itself
        if not auth.is_loopback(host) and not service.store.keys.any():
            logger.warning("no key yet, so nobody gets in: grounding key create --scope chat,search makes one")
        _beside(service)
        started(f"http://{name}:{sock.getsockname()[1]}{PATH}")
        server.run(sockets=[sock])


def _beside(service: Service) -> None:
    """Loads the models while the first client says hello, and looks after the indexes."""
    threading.Thread(target=service.warm_up, name="warm-up", daemon=True).start()
    service.store.upkeep.start()


def _owner(_: Context) -> Caller:
    return _OWNER


def _of_request(ctx: Context) -> Caller:
    request = ctx.request_context.request
    assert isinstance(request, Request)
    caller: Caller = request.state.caller
    return caller


def _of_key(key: str, *, service: Service) -> CallerOf:
    """The holder of one key, as a request with it would be."""
    gate = Gate(service.store.keys, secret=secrets.token_hex(32), keyless=False)
    request = Request({"type": "http", "headers": [(b"authorization", b"Bearer " + key.encode())]})
    return lambda _: gate.caller(request)


def _admitted(caller: Caller, scope: Scope, *, service: Service) -> Caller:
    """The caller, who has the scope and is within their limits. Raises NotAllowed, RateLimited."""
    if not caller.may(scope):
        raise NotAllowed(f"the key {caller.id} lacks the scope {scope}")
    admit(caller, service=service)
    return caller


async def _told(work: Callable[[], _Answer], *, limiter: CapacityLimiter | None = None) -> _Answer:
    """What the work returns, done in a thread; its errors as a tool tells them. Where nobody waits any more, the thread
    is left to itself."""
    try:
        return await run_sync(work, abandon_on_cancel=True, limiter=limiter)
    except GroundingError as error:
        raise ToolError(f"{error.code}: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is logged without a word of the user
        told = problems.unexpected(error, request_id=uuid.uuid4().hex)
        raise ToolError(str(told["detail"])) from None
