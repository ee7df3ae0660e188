"""create_app: a service -> its HTTP face."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response

import grounding
from api import auth, pages, problems
from api.auth import Gate
from api.background import Background
from api.compose import Service, build
from api.middleware import BodyLimit, KnownHosts, Requests
from api.openai_errors import OpenAIErrors
from api.routes import admin, collections, conversations, feedback, jobs, openai, questions, system, usage
from api.streaming import CLIENT_GONE, Answering, ClientGone
from grounding import settings as configuration
from grounding.errors import GroundingError
from grounding.permits import Permits

ROUTE_MODULES = (system, questions, openai, feedback, usage, conversations, collections, jobs, admin)
"""In the order in which a path is looked for: `system` holds fixed paths that patterns of others would take."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


def create_app(service: Service, *, hosts: Collection[str] = ()) -> FastAPI:
    """The application over a service. `hosts` are further names that a server on loopback answers to."""
    settings = service.settings
    local = auth.is_loopback(settings.server.host)
    app = FastAPI(
        title="Grounding",
        version=grounding.__version__,
        description="Documents in, verified citations out. Errors are application/problem+json (RFC 9457).",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.background = Background(service)
    app.state.templates = pages.templates()
    app.state.gate = Gate(
        service.store.keys,
        secret=auth.session_secret(settings.home),
        keyless=local and settings.auth.required is not True,
    )
    app.state.answering = Answering(
        most=settings.server.max_streams,
        # Half of the cores, so that searches find one: what is shared here is the interpreter, too.
        permits=Permits(max(1, (os.cpu_count() or 1) // 2)),
        heartbeat_seconds=settings.server.heartbeat_seconds,
    )
    for module in ROUTE_MODULES:
        app.include_router(module.router)
    problems.install(app)
    app.add_exception_handler(GroundingError, _problem)
    app.add_exception_handler(ClientGone, _nothing)
    # the last one added is the first that a request meets
    app.add_middleware(BodyLimit, max_bytes=settings.server.max_body_mb * 2**20)
    if local:
        app.add_middleware(KnownHosts, hosts={*LOOPBACK_NAMES, settings.server.host, *hosts})
    app.add_middleware(Requests, counted=service.metrics.request)
    app.add_middleware(OpenAIErrors)
    return app


def create_from_environment() -> FastAPI:
    """The application of the environment's settings: what each worker process of `grounding serve` runs."""
    return create_app(build(configuration.load()))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Models load in the background, so that the server answers at once; /readyz tells when they are there."""
    service: Service = app.state.service
    background: Background = app.state.background
    threading.Thread(target=service.warm_up, name="warm-up", daemon=True).start()
    service.store.upkeep.start()
    background.start()
    yield
    await run_sync(app.state.answering.close)
    await run_sync(background.stop)
    service.close()


async def _problem(request: Request, error: Exception) -> Response:
    answer = admin.html_problem if admin.wants_page(request) else problems.grounding_error
    return await answer(request, error)


async def _nothing(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)
