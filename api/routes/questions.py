"""Questions: /v1/search, /v1/ground, /v1/chat."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from sse_starlette import ServerSentEvent

from api import problems
from api.auth import Caller
from api.compose import Service
from api.dependencies import Chatter, Searcher, Serving
from api.schemas import ChatRequest, ChatResponse, CitationJson, GroundResponse, SearchRequest, SearchResponse, passages
from api.streaming import Answers, event_stream, sent
from grounding import filters
from grounding.errors import GroundingError, InvalidRequest, NotFound
from grounding.pipeline import Ask, Cited, Delta, Done, Event, EvidenceFound
from store.conversations import Conversation

router = APIRouter(prefix="/v1", tags=["questions"])

DEFAULT_COLLECTION = "default"


@router.post("/search")
def search(body: SearchRequest, service: Serving, caller: Searcher) -> SearchResponse:
    """Retrieval alone: the passages that fit a question best."""
    ask = Ask(
        text=body.query,
        collection=collection_of(body.collection, body.conversation_id, service=service, caller=caller),
        top_k=body.top_k,
        filters=filters.parse(body.filters or {}),
        conversation_id=body.conversation_id,
        history=tuple(turn.turn() for turn in body.history),
        caller=caller.id,
        key=caller.name,
        groups=caller.groups,
    )
    return SearchResponse.of(service.grounder.search(ask))


@router.post("/ground")
def ground(body: ChatRequest, service: Serving, caller: Searcher) -> GroundResponse:
    """The augmented prompt as messages, for a model of the caller's own."""
    if body.stream:
        raise InvalidRequest("stream: /v1/ground answers as a whole; leave it out")
    return GroundResponse.of(service.grounder.ground(_ask(body, service=service, caller=caller)))


@router.post(
    "/chat",
    response_model=ChatResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def chat(
    body: ChatRequest, request: Request, service: Serving, caller: Chatter, answers: Answers
) -> ChatResponse | Response:
    """A grounded answer with verified citations, whole or as server-sent events."""
    ask = await run_sync(partial(_ask, body, service=service, caller=caller))
    if not body.stream:
        return ChatResponse.of(await answers.whole(service.grounder, ask, request=request))
    stopping = anyio.Event()
    events = await answers.streamed(service.grounder, ask, request=request, stopping=stopping)
    content = server_sent(events, request_id=request.state.request_id)
    return event_stream(content, answers=answers, stopping=stopping)


def _ask(body: ChatRequest, *, service: Service, caller: Caller) -> Ask:
    if body.generator is not None:
        service.require_offered(body.generator)
    return Ask(
        text=body.message,
        collection=collection_of(body.collection, body.conversation_id, service=service, caller=caller),
        top_k=body.top_k,
        filters=filters.parse(body.filters or {}),
        conversation_id=body.conversation_id,
        generator=body.generator,
        caller=caller.id,
        key=caller.name,
        groups=caller.groups,
    )


def collection_of(name: str | None, conversation_id: str | None, *, service: Service, caller: Caller) -> str:
    """The collection that is meant. Raises NotFound for a conversation or collection that is not the caller's."""
    if conversation_id is not None and (conversation := _begun(conversation_id, service=service)):
        caller.require_conversation(conversation)
        name = name or conversation.collection
    name = name or DEFAULT_COLLECTION
    caller.require_collection(name, store=service.store)
    return name


def _begun(conversation_id: str, *, service: Service) -> Conversation | None:
    """The conversation if there is one: an id that a caller chose begins a new one."""
    try:
        return service.store.conversations.get(conversation_id)
    except NotFound:
        return None


async def server_sent(events: AsyncGenerator[Event, None], *, request_id: str) -> AsyncGenerator[ServerSentEvent, None]:
    """The events of an answer as they are sent; the last one is an error where one ended it."""
    async with aclosing(events):
        try:
            async for event in events:
                yield _event(event)
        except GroundingError as error:
            yield _named("error", problems.body_of(error))
        except Exception as error:  # noqa: BLE001 - the status has been sent: the only way left to say that it failed
            yield _named("error", problems.unexpected(error, request_id=request_id))


def _event(event: Event) -> ServerSentEvent:
    match event:
        case EvidenceFound(evidence):
            return _named("evidence", {"passages": [item.model_dump(mode="json") for item in passages(evidence)]})
        case Delta(text):
            return _named("delta", {"text": text})
        case Cited(citation):
            return _named("citation", CitationJson.model_validate(citation).model_dump(mode="json"))
        case Done(exchange):
            return _named("done", ChatResponse.of(exchange).model_dump(mode="json"))


def _named(name: str, data: dict[str, object]) -> ServerSentEvent:
    return sent(json.dumps(data, ensure_ascii=False), name=name)
