"""What routes ask for: the service, and a caller with a scope."""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request

from api.auth import Caller, Require
from api.background import Background
from api.compose import Service


def service(request: Request) -> Service:
    """The running service of this application."""
    return cast(Service, request.app.state.service)


def background(request: Request) -> Background:
    """What the server of this application does beside answering."""
    return cast(Background, request.app.state.background)


Beside: TypeAlias = Annotated[Background, Depends(background)]
Serving: TypeAlias = Annotated[Service, Depends(service)]
Searcher: TypeAlias = Annotated[Caller, Depends(Require("search"))]
Chatter: TypeAlias = Annotated[Caller, Depends(Require("chat"))]
Ingester: TypeAlias = Annotated[Caller, Depends(Require("ingest"))]
Administrator: TypeAlias = Annotated[Caller, Depends(Require("admin"))]
