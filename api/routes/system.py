"""Health, figures, documentation."""

from __future__ import annotations

from typing import cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

import grounding
from api import pages, problems
from api.auth import Gate
from api.dependencies import Serving
from api.metrics import CONTENT_TYPE
from api.routes.admin import html
from api.schemas import Health

router = APIRouter(tags=["system"])


@router.get("/healthz")
def health() -> Health:
    """Whether the process answers."""
    return Health(status="ok", version=grounding.__version__)


@router.get("/readyz", response_model=Health)
def ready(service: Serving) -> Health | Response:
    """Whether models and indexes are loaded and the schema is current; 503 says what is missing."""
    missing = service.missing()
    if missing:
        detail = f"not ready: {'; '.join(missing)}"
        return problems.problem(503, detail=detail, headers={"Retry-After": "2"}, more={"missing": missing})
    return Health(status="ready", version=grounding.__version__)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(request: Request, service: Serving) -> Response:
    """Figures in Prometheus' format; where callers need a key, that of an administrator."""
    gate = cast(Gate, request.app.state.gate)
    if not gate.keyless:
        gate.require("admin", request)
    return Response(service.metrics.page(), media_type=CONTENT_TYPE)


@router.get("/", include_in_schema=False)
def front_door() -> Response:
    """The documentation, for who types the address of the server alone."""
    return RedirectResponse("/docs")


@router.get("/docs", include_in_schema=False)
def documentation(request: Request) -> Response:
    """The routes on one page, made from the OpenAPI description; it needs no network."""
    description = request.app.openapi()
    return html(request, "docs.html", info=description["info"], operations=pages.operations(description))
