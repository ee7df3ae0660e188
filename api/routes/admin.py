"""The admin pages: what was asked, what was found and why, as HTML for a browser and as JSON for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal, cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment
from pydantic import TypeAdapter

from api import pages, problems
from api.auth import COOKIE, SESSION_SECONDS, Caller, Gate
from api.compose import Service
from api.dependencies import Administrator, Serving
from api.schemas import FeedbackJson, Listing, ReplayRequest, ReplayResponse, SummaryJson, WhyNotResponse
from api.words import FORMS
from grounding import filters, whynot
from grounding.errors import GroundingError, InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from grounding.values import Exchange, Passage

router = APIRouter(prefix="/admin", tags=["admin"])

HOME = "/admin/retrievals"
OUTCOMES = ("answered", "partial", "abstained", "refused", "found", "no_evidence", "ready", "failed")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

AsFormat = Annotated[Literal["json", "html"] | None, Query(alias="format", description="default: by Accept")]


@router.get("/retrievals", response_model=Listing[SummaryJson], responses={200: {"content": {"text/html": {}}}})
def list_retrievals(
    request: Request,
    service: Serving,
    caller: Administrator,
    conversation: str = "",
    collection: str = "",
    outcome: str = "",
    q: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    cursor: str = "",
    as_format: AsFormat = None,
) -> Listing[SummaryJson] | Response:
    """What was asked, newest first; `q` is a part of the question."""
    page = service.store.exchanges.list(
        conversation=conversation or None,
        collection=caller.only_collection(collection or None),
        outcome=outcome or None,
        q=q or None,
        limit=limit,
        cursor=cursor or None,
    )
    if not _as_html(request, as_format):
        return Listing(data=[SummaryJson.model_validate(item) for item in page.items], next_cursor=page.next_cursor)
    wanted = {"conversation": conversation, "collection": collection, "outcome": outcome, "q": q, "limit": str(limit)}
    chosen = {name: value for name, value in wanted.items() if value and (name, value) != ("limit", "50")}
    following = urlencode(chosen | {"cursor": page.next_cursor}) if page.next_cursor else ""
    return html(
        request,
        "retrievals.html",
        items=page.items,
        wanted=wanted,
        filtered=bool(set(chosen) - {"limit"}),
        newest=f"?{urlencode(chosen)}",
        older=f"?{following}" if following else "",
        later=bool(cursor),
        collections=[info.name for info in service.store.collections.list() if caller.sees(info.name)],
        outcomes=OUTCOMES,
    )


@router.get("/retrievals/{trace_id}", response_model=Exchange, responses={200: {"content": {"text/html": {}}}})
def show_retrieval(
    trace_id: str, request: Request, service: Serving, caller: Administrator, as_format: AsFormat = None
) -> Response:
    """The whole record of one turn."""
    exchange = _seen(trace_id, service=service, caller=caller)
    feedback = service.store.feedback.of(trace_id)
    if _as_html(request, as_format):
        page = pages.retrieval_page(exchange, _others(exchange, service=service))
        return html(request, "retrieval.html", page=page, form_names=FORMS, feedback=feedback)
    record = TypeAdapter(Exchange).dump_python(exchange, mode="json", exclude={"values"})
    record["feedback"] = [FeedbackJson.model_validate(each).model_dump(mode="json") for each in feedback]
    return JSONResponse(record, headers={"Vary": "Accept"})


@router.post("/retrievals/{trace_id}/replay")
def replay_retrieval(
    trace_id: str, service: Serving, caller: Administrator, body: ReplayRequest | None = None
) -> ReplayResponse:
    """Runs the retrieval of a record again: on today's index, or pinned to those that it was found in; 409 where they
    are no longer kept. It is asked with the private values of the question, which the record shows as placeholders."""
    exchange = service.store.exchanges.get(trace_id, private=True)
    if not caller.sees(exchange.collection):
        raise NotFound(f"trace {trace_id[:200]!r} is not known")
    pinned = body is not None and body.pinned
    today = service.store.corpus(exchange.collection)
    found = service.grounder.replay(exchange, corpus=service.store.corpus_then(exchange) if pinned else today)
    depth = len(exchange.evidence) or service.settings.retrieval.top_k
    then, now = exchange.ranking[:depth], found.ranking[:depth]
    known = {passage.id: passage for passage in today.passages([hit.passage_id for hit in (*then, *now)])}
    return ReplayResponse.of(trace_id, then, now, known=known, pinned=pinned)


@router.get(
    "/retrievals/{trace_id}/why-not", response_model=WhyNotResponse, responses={200: {"content": {"text/html": {}}}}
)
def why_not(
    trace_id: str,
    request: Request,
    service: Serving,
    caller: Administrator,
    document: Annotated[str, Query(max_length=500, description="the id of a document")] = "",
    passage: Annotated[int | None, Query(description="the id of a passage")] = None,
    as_format: AsFormat = None,
) -> WhyNotResponse | Response:
    """The stage at which a document or a passage was lost on the way to an answer, with its rank and score there."""
    exchange = _seen(trace_id, service=service, caller=caller)
    if bool(document) == (passage is not None):
        raise InvalidRequest("why-not: name either a document or a passage: ?document=ID or ?passage=ID")
    found = _of_document(exchange, document, service=service) if document else None
    if found is None and passage is not None:
        found = _of_passage(exchange, passage, service=service)
    assert found is not None
    if _as_html(request, as_format):
        return html(request, "why_not.html", found=found)
    return found


def _of_document(exchange: Exchange, document_id: str, *, service: Service) -> WhyNotResponse:
    """What became of the passage of a document that came furthest."""
    try:
        stored = service.store.documents.get(document_id, collection=exchange.collection)
        ids = service.store.documents.passage_ids(document_id, collection=exchange.collection)
    except NotFound:
        ids = tuple(i.passage.id for i in exchange.evidence if i.passage.document_id == document_id)
        if not ids:
            return WhyNotResponse(
                trace_id=exchange.trace_id,
                document_id=document_id,
                passage_id=None,
                stage="gone",
                reason=f"the collection {exchange.collection!r} has no document of this id, and the record names none",
            )
        stored = None
    fate = whynot.furthest(whynot.fate(exchange, number) for number in ids)
    found = WhyNotResponse.of(exchange.trace_id, fate, document_id=document_id)
    if stored is None or found.stage != "retrieve":
        return found
    if not _passes_filters(exchange, document_id, service=service):
        reason = "the filters of the question, or what its caller may read, leave the document out"
        return found.model_copy(update={"stage": "filter", "reason": reason})
    if stored.updated_at > exchange.created_at:
        return found.model_copy(update={"reason": f"{found.reason}; the document was ingested after this question"})
    return found


def _of_passage(exchange: Exchange, passage_id: int, *, service: Service) -> WhyNotResponse:
    known = {item.passage.id: item.passage.document_id for item in exchange.evidence}
    try:
        corpus = service.store.corpus(exchange.collection)
        known |= {found.id: found.document_id for found in corpus.passages([passage_id])}
    except NotFound:
        pass  # the collection is gone: the record is all that there is
    fate = whynot.fate(exchange, passage_id)
    document_id = known.get(passage_id)
    if document_id is None and fate.stage == "retrieve":
        reason = f"the collection {exchange.collection!r} has no passage of this id"
        return WhyNotResponse(
            trace_id=exchange.trace_id, document_id=None, passage_id=passage_id, stage="gone", reason=reason
        )
    return WhyNotResponse.of(exchange.trace_id, fate, document_id=document_id)


def _passes_filters(exchange: Exchange, document_id: str, *, service: Service) -> bool:
    try:
        service.store.documents.get(document_id, collection=exchange.collection, where=filters.parse(exchange.filters))
    except NotFound:
        return False
    return True


def _seen(trace_id: str, *, service: Service, caller: Caller) -> Exchange:
    """The record. Raises NotFound for one of a collection that is not the caller's."""
    exchange = service.store.exchanges.get(trace_id)
    if not caller.sees(exchange.collection):
        raise NotFound(f"trace {trace_id[:200]!r} is not known")
    return exchange


@router.get("", include_in_schema=False)
def front_door() -> Response:
    """The list, for who types the short address."""
    return RedirectResponse(HOME)


@router.get("/login", include_in_schema=False)
def sign_in_page(request: Request, following: Annotated[str, Query(alias="next")] = HOME) -> Response:
    """A form for the key of an administrator."""
    return html(request, "login.html", following=_local(following), error="")


@router.post("/login", include_in_schema=False)
def sign_in(
    request: Request, key: Annotated[str, Form()] = "", following: Annotated[str, Form(alias="next")] = HOME
) -> Response:
    """Exchanges an admin key for a session cookie, which is of use on these pages alone."""
    if request.headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        raise NotAllowed("the sign-in form of another site was refused")
    try:
        session = cast(Gate, request.app.state.gate).sign_in(key)
    except GroundingError as error:
        if not isinstance(error, NotAuthenticated | NotAllowed):
            raise
        status = problems.status_of(error)
        return html(request, "login.html", status=status, following=_local(following), error=str(error))
    response = RedirectResponse(_local(following), HTTPStatus.SEE_OTHER)
    secure = request.url.scheme == "https"
    response.set_cookie(
        COOKIE, session, max_age=SESSION_SECONDS, path="/admin", httponly=True, samesite="strict", secure=secure
    )
    return response


@router.post("/logout", include_in_schema=False)
def sign_out() -> Response:
    """Forgets the session cookie."""
    response = RedirectResponse("/admin/login", HTTPStatus.SEE_OTHER)
    response.delete_cookie(COOKIE, path="/admin", httponly=True, samesite="strict")
    return response


@router.get("/style.css", include_in_schema=False)
def style() -> Response:
    """The style sheet of all pages."""
    return _file("style.css", media_type="text/css")


@router.get("/icon.svg", include_in_schema=False)
def icon() -> Response:
    """The icon in the browser's tab."""
    return _file("icon.svg", media_type="image/svg+xml")


async def html_problem(request: Request, error: Exception) -> Response:
    """For a browser on these pages: the way to the sign-in, or the error as a page."""
    assert isinstance(error, GroundingError)
    if isinstance(error, NotAuthenticated):
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/admin/login?next={quote(target)}", HTTPStatus.SEE_OTHER)
    return html(request, "problem.html", status=problems.status_of(error), problem=problems.body_of(error))


def wants_page(request: Request) -> bool:
    """Whether a person with a browser looks at an admin page."""
    return request.url.path.startswith("/admin/") and _as_html(request, request.query_params.get("format"))


def html(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page that loads nothing from elsewhere and is kept nowhere."""
    environment = cast(Environment, request.app.state.templates)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store", "Vary": "Accept"}
    return HTMLResponse(environment.get_template(template).render(values), status, headers=headers)


def _file(name: str, *, media_type: str) -> Response:
    return FileResponse(pages.WEB / name, media_type=media_type, headers={"Cache-Control": "max-age=300"})


def _others(exchange: Exchange, *, service: Service) -> list[Passage]:
    """Passages that the page names and the record does not hold, as far as the collection still has them."""
    try:
        return service.store.corpus(exchange.collection).passages(pages.shown_ids(exchange))
    except NotFound:
        return []


def _as_html(request: Request, as_format: str | None) -> bool:
    return as_format == "html" or (as_format is None and "text/html" in request.headers.get("accept", ""))


def _local(target: str) -> str:
    """Where to go after the sign-in: an admin page of this server, whatever the link said."""
    return target if target.startswith("/admin/") and "\\" not in target and target.isprintable() else HOME
