"""The grounder as a Runnable of LangChain."""

# ruff: noqa: A002 - LangChain names the arguments
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from collections.abc import Generator as Generating
from contextlib import closing
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from api.compose import Service
from api.langchain.shared import DEFAULT_COLLECTION, refuse
from api.schemas import ChatResponse
from grounding import filters
from grounding.errors import InvalidRequest, NotFound
from grounding.pipeline import Ask, Delta, Event


class Question(BaseModel):
    """What the grounder's Runnable takes, beside a plain text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    message: str
    conversation_id: str | None = None
    collection: str | None = None
    filters: dict[str, JsonValue] | None = None
    top_k: int | None = Field(None, ge=1)
    generator: str | None = None
    instructions: str = ""
    user: str = ""


Input: TypeAlias = str | dict[str, Any]
Output: TypeAlias = Any
"""The chat response as a dict where it is invoked, pieces of its text where it is streamed."""


class GrounderRunnable(Runnable[Input, Output]):
    """Answers questions with verified citations: a text, or a dict with the fields of `Question`.

    `invoke` gives the chat response as a dict, as in `POST /v1/chat`; `stream` gives the text of the answer piece by
    piece, verified as far as it is shown. A stream that is left early stops the model.
    """

    def __init__(
        self,
        service: Service,
        *,
        collection: str | None = None,
        generator: str | None = None,
        groups: Iterable[str] | None = None,
    ) -> None:
        self._service = service
        self._collection = collection
        self._generator = generator
        self._groups = None if groups is None else frozenset(groups)

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """The chat response."""
        refuse(kwargs)
        answer: dict[str, Any] = self._call_with_config(lambda given: self._answer(self._ask(given)), input, config)
        return answer

    async def ainvoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """The chat response. Cancelled, it stops the model."""
        refuse(kwargs)
        answer: dict[str, Any] = await self._acall_with_config(self._aanswer, input, config)
        return answer

    def stream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[str]:
        """The answer's text, piece by piece."""
        refuse(kwargs)
        yield from self._transform_stream_with_config(iter([input]), self._deltas, config)

    async def astream(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[str]:
        """The answer's text, piece by piece. Cancelled or left, it stops the model."""
        refuse(kwargs)

        async def given() -> AsyncIterator[Input]:
            yield input

        pieces = self._atransform_stream_with_config(given(), self._adeltas, config)
        async for piece in pieces:
            yield piece

    def _ask(self, given: Input) -> Ask:
        question = _question(given)
        collection = question.collection or self._collection
        if collection is None and question.conversation_id is not None:
            collection = self._collection_of(question.conversation_id)
        return Ask(
            question.message,
            collection=collection or DEFAULT_COLLECTION,
            top_k=question.top_k,
            filters=filters.parse(question.filters or {}),
            conversation_id=question.conversation_id,
            generator=question.generator or self._generator,
            instructions=question.instructions,
            user=question.user,
            groups=self._groups,
        )

    def _collection_of(self, conversation_id: str) -> str | None:
        try:
            return self._service.store.conversations.get(conversation_id).collection
        except NotFound:
            return None

    def _answer(self, ask: Ask) -> dict[str, Any]:
        return ChatResponse.of(self._service.grounder.answer(ask)).model_dump(mode="json")

    async def _aanswer(self, given: Input) -> dict[str, Any]:
        ask = await run_in_executor(None, self._ask, given)
        answering = asyncio.ensure_future(run_in_executor(None, self._answer, ask))
        try:
            return await asyncio.shield(answering)
        except asyncio.CancelledError:
            ask.stop.say()
            answering.add_done_callback(_unheard)
            raise

    def _deltas(self, given: Iterator[Input]) -> Iterator[str]:
        for one in given:
            with closing(self._service.grounder.stream(self._ask(one))) as events:
                for event in events:
                    if isinstance(event, Delta):
                        yield event.text

    async def _adeltas(self, given: AsyncIterator[Input]) -> AsyncIterator[str]:
        async for one in given:
            ask = await run_in_executor(None, self._ask, one)
            events = self._service.grounder.stream(ask)
            coming: asyncio.Future[Event | None] | None = None
            try:
                while True:
                    coming = asyncio.ensure_future(run_in_executor(None, next, events, None))
                    event = await asyncio.shield(coming)
                    if event is None:
                        break
                    if isinstance(event, Delta):
                        yield event.text
            finally:
                ask.stop.say()  # before the thread is waited for: it may be waiting for a model that says nothing
                await asyncio.shield(_closed(events, coming))


def grounder_runnable(
    service: Service,
    *,
    collection: str | None = None,
    generator: str | None = None,
    groups: Iterable[str] | None = None,
) -> GrounderRunnable:
    """The grounder as a Runnable. `collection` and `generator` are for questions that name none, `groups` those that
    who asks belongs to; None may read everything."""
    return GrounderRunnable(service, collection=collection, generator=generator, groups=groups)


async def _closed(events: Generating[Event, None, None], coming: asyncio.Future[Event | None] | None) -> None:
    """Ends a stream of events, once no thread is in it any more."""
    if coming is not None:
        await asyncio.wait([coming])
        _unheard(coming)
    await run_in_executor(None, events.close)


def _unheard(done: asyncio.Future[Any]) -> None:
    """Takes the error of work that nobody waits for any more, so that it is not told as one that was overlooked."""
    if not done.cancelled():
        done.exception()


def _question(given: Input) -> Question:
    if isinstance(given, str):
        return Question(message=given)
    try:
        return Question.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "input"
        raise InvalidRequest(f"{name}: {first['msg']}") from None
