"""What routes ask for: the service, and a caller with a scope."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from api import limits
from api.auth import Caller, Require
from api.background import Background
from api.compose import Service


def service(request: Request) -> Service:
    """The running service of this application."""
    return cast(Service, request.app.state.service)


def background(request: Request) -> Background:
    """What the server of this application does beside answering."""
    return cast(Background, request.app.state.background)


@dataclass(frozen=True, slots=True)
class Admit(Require):
    """A dependency: the caller, if they have the scope and are within their limits. What is left of these is noted for
    the headers of the answer."""

    def __call__(
        self, request: Request, _documented: Annotated[object, Security(HTTPBearer(auto_error=False))]
    ) -> Caller:
        caller = Require.__call__(self, request, _documented)
        request.state.headers = limits.admit(caller, service=service(request))
        return caller


Beside: TypeAlias = Annotated[Background, Depends(background)]
Serving: TypeAlias = Annotated[Service, Depends(service)]
Searcher: TypeAlias = Annotated[Caller, Depends(Admit("search"))]
Chatter: TypeAlias = Annotated[Caller, Depends(Admit("chat"))]
KnownSearcher: TypeAlias = Annotated[Caller, Depends(Require("search"))]
"""Not counted, and let in beyond all limits: for what asks no model and searches nothing."""
KnownChatter: TypeAlias = Annotated[Caller, Depends(Require("chat"))]
Ingester: TypeAlias = Annotated[Caller, Depends(Require("ingest"))]
Administrator: TypeAlias = Annotated[Caller, Depends(Require("admin"))]
