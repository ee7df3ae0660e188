"""grounding serve: the HTTP service in this process, or in several that share one port."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api import auth, metrics
from api.app import create_app
from api.compose import build
from api.memory import share_arenas
from grounding.errors import ConfigurationError
from grounding.settings import Settings

_GRACE_SECONDS = 10
"""What a request gets to end in once the server is told to stop."""
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Started:
    """Where the server is reached. `admin_key` is the secret of the first key, in the one start that makes it."""

    url: str
    admin_url: str
    admin_key: str | None


def run(settings: Settings, *, workers: int, started: Callable[[Started], None]) -> None:
    """Serves until it is told to stop. Calls `started` once connections are accepted."""
    share_arenas()
    service = build(settings)
    with listen(settings.server.host, settings.server.port) as sock:
        key = auth.first_admin_key(service.store.keys, home=settings.home)
        started(_started(settings.server.host, sock.getsockname()[1], key))
        if workers == 1:
            _run_here(create_app(service), sock)
        else:
            auth.session_secret(settings.home)
            metrics.share(settings.home)
            service.close()
            os.environ["GROUNDING_SERVER__HOST"] = settings.server.host  # workers read their settings anew
            Multiprocess(_config("api.app:create_from_environment", workers=workers), sockets=[sock]).run()


def _run_here(app: FastAPI, sock: socket.socket) -> None:
    server = uvicorn.Server(_config(app))

    def stop(*_: object) -> None:
        server.should_exit = True

    # For the moment before uvicorn handles signals itself, and the one after: once it has come to an orderly end, it
    # raises the signal again that told it to.
    signal.signal(signal.SIGTERM, stop)
    server.run(sockets=[sock])


def _started(host: str, port: int, key: str | None) -> Started:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what is bound to all is reached by one
    url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
    return Started(url, f"{url}/admin/retrievals", key)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises ConfigurationError that says why there can be none."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        sock = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        raise ConfigurationError(
            f"cannot listen on {host}, port {port}: {reason}; choose another with --host or --port (0: any free port)"
        ) from error
    # Connections inherit it: without it the body of an answer waits 40 ms for the client to confirm its head.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _config(app: FastAPI | str, *, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        lifespan="on",
        log_config=None,  # the access log would show queries, which are words of users; middleware.Requests has its own
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
