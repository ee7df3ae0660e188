"""Health, documentation, and the routes of later versions, which say that they are not here yet."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

import grounding
from api import pages, problems
from api.auth import Require, Scope
from api.dependencies import Serving
from api.routes.admin import html
from api.schemas import Health

router = APIRouter(tags=["system"])

NOT_YET: Mapping[tuple[str, str], Scope] = {
    ("POST", "/v1/chat/completions"): "chat",
    ("GET", "/v1/models"): "chat",
    ("POST", "/v1/embeddings"): "search",
    ("POST", "/v1/feedback"): "chat",
    ("GET", "/admin/retrievals/{trace_id}/why-not"): "admin",
    ("GET", "/metrics"): "admin",
}
"""Routes that the interface names and this version does not serve."""


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


@router.get("/", include_in_schema=False)
def front_door() -> Response:
    """The documentation, for who types the address of the server alone."""
    return RedirectResponse("/docs")


@router.get("/docs", include_in_schema=False)
def documentation(request: Request) -> Response:
    """The routes on one page, made from the OpenAPI description; it needs no network."""
    description = request.app.openapi()
    return html(request, "docs.html", info=description["info"], operations=pages.operations(description))


def not_available(request: Request) -> Response:
    """The answer of a route that a later version will have."""
    detail = f"{request.method} {request.url.path} is not available in this version"
    return problems.problem(501, detail=detail, code="not_available")


for (_method, _path), _scope in NOT_YET.items():
    router.add_api_route(
        _path, not_available, methods=[_method], dependencies=[Depends(Require(_scope))], include_in_schema=False
    )
