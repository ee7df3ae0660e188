"""The OpenAI-compatible door: /v1/chat/completions, /v1/models, /v1/embeddings."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import anyio
import numpy as np
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from sse_starlette import ServerSentEvent

from api import openai_errors, problems
from api.auth import Caller
from api.compose import Service
from api.dependencies import Chatter, KnownChatter, Searcher, Serving
from api.openai_errors import ModelNotFound
from api.openai_schemas import (
    MAX_TOKENS,
    ChatMessage,
    Completion,
    CompletionRequest,
    Embeddings,
    EmbeddingsRequest,
    EmbeddingsUsage,
    Last,
    Model,
    ModelList,
    Usage,
    Vector,
    finish_reason,
)
from api.routes.questions import collection_of
from api.streaming import Answers, event_stream, sent
from grounding import filters
from grounding.errors import GroundingError, InvalidRequest, NotFound
from grounding.pipeline import Ask, Delta, Done, Event
from grounding.values import Exchange, FloatVector, ModelCall, Turn
from grounding.values import Usage as Tokens

router = APIRouter(prefix="/v1", tags=["openai"])

HISTORY_TURNS = 40
"""Of the turns that a client sends, the latest: as many as are read of a conversation in the store."""


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def complete(
    body: CompletionRequest, request: Request, service: Serving, caller: Chatter, answers: Answers
) -> Completion | Response:
    """A grounded answer, as clients of OpenAI's chat completions ask for it and read it."""
    _require_served(body)
    ask = await run_sync(partial(_ask, body, service=service, caller=caller))
    if not body.stream:
        exchange = await answers.whole(service.grounder, ask, request=request)
        return Completion.of(exchange, model=body.model, ignored=body.ignored)
    stopping = anyio.Event()
    events = await answers.streamed(service.grounder, ask, request=request, stopping=stopping)
    content = server_sent(events, body=body, trace_id=ask.trace_id, request_id=request.state.request_id)
    return event_stream(content, answers=answers, stopping=stopping)


@router.get("/models")
def models(service: Serving, caller: KnownChatter) -> ModelList:
    """What may be asked: each generator and route, alone and with each collection, and the embedder."""
    return ModelList(data=_models(service, caller))


@router.get("/models/{name:path}")
def model(name: str, service: Serving, caller: KnownChatter) -> Model:
    """One of them."""
    found = next((each for each in _models(service, caller) if each.id == name), None)
    if found is None:
        raise ModelNotFound(f"the model {name[:100]!r} is not known; GET /v1/models lists those that are")
    return found


@router.post("/embeddings")
def embed(body: EmbeddingsRequest, service: Serving, caller: Searcher) -> Embeddings:
    """Vectors of texts, by the embedder that is active."""
    embedder = service.models.embedder()
    if body.model not in (service.settings.models.embedder, embedder.fingerprint.name):
        raise ModelNotFound(
            f"the model {body.model[:100]!r} makes no vectors here; the embedder is {_embedder_name(service)!r}"
        )
    if body.dimensions not in (None, embedder.fingerprint.dimension):
        raise InvalidRequest(
            f"dimensions: vectors of this model have {embedder.fingerprint.dimension}, and no others can be made"
        )
    texts = body.texts
    tokens = embedder.count_tokens(texts)
    _require_embeddable(texts, tokens, longest=embedder.max_tokens)
    began, at = time.perf_counter(), datetime.now(UTC)
    vectors = embedder.embed_queries(texts) if body.input_type == "query" else embedder.embed_passages(texts)
    call = ModelCall(
        generator=_embedder_name(service),
        model=embedder.fingerprint.name,
        purpose="embed",
        outcome="ok",
        started_at=at,
        ms=(time.perf_counter() - began) * 1000,
        first_token_ms=None,
        usage=Tokens(prompt_tokens=sum(tokens)),
        reported=True,
    )
    service.store.usage.record(
        [call], key_id=caller.id, user=body.user or "", conversation_id=None, collection="", trace_id=None
    )
    shown = _in_base64 if body.encoding_format == "base64" else _as_numbers
    return Embeddings(
        data=[Vector(index=index, embedding=shown(vector)) for index, vector in enumerate(vectors)],
        model=body.model,
        usage=EmbeddingsUsage(prompt_tokens=sum(tokens), total_tokens=sum(tokens)),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """The messages of a request, told apart: `instructions` are the application's own."""

    question: str
    history: tuple[Turn, ...]
    instructions: str


def said(messages: Sequence[ChatMessage]) -> _Said:
    """What the messages say. Raises InvalidRequest that names the message for what cannot be answered."""
    instructions: list[str] = []
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        text = _text(message, where=f"messages[{number}]")
        if message.role in ("system", "developer"):
            instructions.append(text)
        elif message.role == "user":
            turns.append(Turn("user", text))
        else:
            turns.append(Turn("assistant", text))
    if not turns or turns[-1].role != "user":
        raise InvalidRequest("messages: the last one must be the user's: it is the question")
    *earlier, last = turns
    history = tuple(turn for turn in earlier if turn.content.strip())[-HISTORY_TURNS:]
    return _Said(last.content, history, "\n\n".join(filter(None, map(str.strip, instructions))))


def _text(message: ChatMessage, *, where: str) -> str:
    if message.role in ("tool", "function") or message.tool_calls or message.function_call:
        raise InvalidRequest(f"{where}: calls of tools are not supported; send texts of system, user and assistant")
    if message.role not in ("system", "developer", "user", "assistant"):
        raise InvalidRequest(f"{where}.role: expected system, developer, user or assistant, got {message.role[:40]!r}")
    if not isinstance(message.content, list):
        return message.content or ""
    texts: list[str] = []
    for number, part in enumerate(message.content):
        if part.type == "refusal":
            continue
        if part.type != "text" or part.text is None:
            raise InvalidRequest(
                f"{where}.content[{number}]: parts of the type {part.type[:40]!r} are not supported; send text"
            )
        texts.append(part.text)
    return "\n".join(texts)


def _require_served(body: CompletionRequest) -> None:
    """Raises InvalidRequest for what would change the answer and cannot be had."""
    refused = {
        "n": body.n not in (None, 1),
        "tools": bool(body.tools),
        "functions": bool(body.functions),
        "logprobs": bool(body.logprobs),
        "top_logprobs": bool(body.top_logprobs),
        "response_format": body.response_format is not None and body.response_format.type != "text",
        "modalities": body.modalities not in (None, [], ["text"]),
        "audio": body.audio is not None,
    }
    if name := next((name for name, is_refused in refused.items() if is_refused), None):
        raise InvalidRequest(f"{name}: {_WHY[name]}")


_WHY = {
    "n": "one answer is given; leave it out, or ask again",
    "tools": "calls of tools are not supported; leave it out",
    "functions": "calls of functions are not supported; leave it out",
    "logprobs": "probabilities of tokens are not known; leave it out",
    "top_logprobs": "probabilities of tokens are not known; leave it out",
    "response_format": "answers are text with citations; leave it out, or ask for text",
    "modalities": "answers are text; leave it out",
    "audio": "answers are text; leave it out",
}


def _ask(body: CompletionRequest, *, service: Service, caller: Caller) -> Ask:
    words = said(body.messages)
    generator, collection = _named(body, service=service, caller=caller)
    return Ask(
        text=words.question,
        trace_id=uuid.uuid4().hex,
        collection=collection_of(collection, body.conversation_id, service=service, caller=caller),
        top_k=body.top_k,
        filters=filters.parse(body.filters or {}),
        conversation_id=body.conversation_id,
        history=words.history,
        generator=generator,
        instructions=words.instructions,
        caller=caller.id,
        key=caller.name,
        user=body.user or body.safety_identifier or "",
        groups=caller.groups,
    )


def _named(body: CompletionRequest, *, service: Service, caller: Caller) -> tuple[str | None, str | None]:
    """The generator and the collection that a model's name stands for. Raises ModelNotFound, InvalidRequest."""
    generator, at, collection = body.model.rpartition("@")
    if not at:
        generator, collection = body.model, ""
    try:
        if generator or not collection:
            service.require_offered(generator)
        if collection:
            caller.require_collection(collection, store=service.store)
            service.store.collections.place(collection)
    except (InvalidRequest, NotFound) as error:
        hint = "GET /v1/models lists those that are"
        raise ModelNotFound(f"the model {body.model[:100]!r} is not known ({error}); {hint}") from error
    if collection and body.collection not in (None, collection):
        raise InvalidRequest(f"collection: the model names another one, {collection!r}; leave one of the two out")
    return generator or None, collection or body.collection


def _models(service: Service, caller: Caller) -> list[Model]:
    theirs = [info for info in service.store.collections.list() if caller.sees(info.name)]
    names = service.models.offered()
    alone = [Model(id=name, created=0) for name in names]
    within = [
        Model(id=f"{name}@{info.name}", created=int(info.created_at.timestamp()))
        for name in (*names, "")
        for info in theirs
    ]
    return [*alone, *within, Model(id=_embedder_name(service), created=0)]


def _embedder_name(service: Service) -> str:
    return service.settings.models.embedder


def _require_embeddable(texts: Sequence[str], tokens: Sequence[int], *, longest: int) -> None:
    for number, (text, count) in enumerate(zip(texts, tokens, strict=True)):
        if not text.strip():
            raise InvalidRequest(f"input[{number}]: the text is empty")
        if count > longest:
            raise InvalidRequest(
                f"input[{number}]: {count} tokens; this model reads {longest} at most: send it in parts"
            )
    if sum(tokens) > MAX_TOKENS:
        raise InvalidRequest(f"input: {sum(tokens)} tokens in all; at most {MAX_TOKENS} are taken at a time")


def _in_base64(vector: FloatVector) -> str:
    return base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode()


def _as_numbers(vector: FloatVector) -> list[float]:
    return [float(value) for value in vector]


async def server_sent(
    events: AsyncGenerator[Event, None], *, body: CompletionRequest, trace_id: str, request_id: str
) -> AsyncGenerator[ServerSentEvent, None]:
    """The chunks of an answer as they are sent; an error that ends it is the last thing said."""
    chunks = _Chunks(body, trace_id=trace_id)
    async with aclosing(events):
        try:
            async for event in events:
                for chunk in chunks.of(event):
                    yield _sent(chunk)
        except GroundingError as error:
            yield _sent(openai_errors.error_of(problems.body_of(error)))
        except Exception as error:  # noqa: BLE001 - the status has been sent: the only way left to say that it failed
            yield _sent(openai_errors.error_of(problems.unexpected(error, request_id=request_id)))
        else:
            yield sent("[DONE]")


class _Chunks:
    """The chunks of one answer: all have one id, and `usage` at the end if it was asked for."""

    def __init__(self, body: CompletionRequest, *, trace_id: str) -> None:
        self._body = body
        self._id = f"chatcmpl-{trace_id}"
        self._created = int(time.time())
        self._begun = False

    def of(self, event: Event) -> list[dict[str, object]]:
        """The chunks that an event makes."""
        opening = [] if self._begun else [self._chunk({"role": "assistant", "content": "", "refusal": None})]
        self._begun = True
        match event:
            case Delta(text):
                return [*opening, self._chunk({"content": text})]
            case Done(exchange):
                return [*opening, *self._closing(exchange)]
            case _:
                return opening

    def _closing(self, exchange: Exchange) -> list[dict[str, object]]:
        last = Last.of(exchange, ignored=self._body.ignored).model_dump(mode="json")
        if last["refusal"] is None:
            del last["refusal"]  # clients join what deltas say
        closing = [self._chunk(last, finish_reason=finish_reason(exchange))]
        if self._tells_usage:
            closing.append(self._chunk(None) | {"usage": Usage.of(exchange).model_dump(mode="json")})
        return closing

    @property
    def _tells_usage(self) -> bool:
        return bool(self._body.stream_options and self._body.stream_options.include_usage)

    def _chunk(self, delta: dict[str, object] | None, *, finish_reason: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        chunk: dict[str, object] = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._body.model,
            "choices": [] if delta is None else [choice],
        }
        return chunk | {"usage": None} if self._tells_usage else chunk


def _sent(data: dict[str, object]) -> ServerSentEvent:
    return sent(json.dumps(data, ensure_ascii=False))
