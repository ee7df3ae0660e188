"""The JSON of the routes that OpenAI's clients call, as they send and read it; beside it, what Grounding adds."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import quote as quoted

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from api.schemas import ChatResponse, CitationJson, ConversationId, Filters, TopK
from grounding.values import Answer, Citation, Exchange

MAX_INPUTS = 2048
"""Texts of one request for vectors, as at OpenAI."""
MAX_TOKENS = 300_000
"""Tokens of all of them together, as at OpenAI."""


class _Body(BaseModel):
    """Unlike elsewhere, unknown fields are let in: clients send what their providers know."""

    model_config = ConfigDict(extra="allow", strict=True)


class Part(_Body):
    type: str
    text: str | None = None


class ChatMessage(_Body):
    role: str
    content: str | list[Part] | None = None
    tool_calls: list[JsonValue] | None = None
    function_call: JsonValue = None


class StreamOptions(_Body):
    include_usage: bool | None = None


class Format(_Body):
    type: str


class CompletionRequest(_Body):
    """A request for an answer. Fields that are not named here are accepted without effect."""

    model: str = Field(description="a generator, a route, or one with its collection: name@collection", examples=[""])
    messages: list[ChatMessage] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    user: str | None = Field(None, max_length=200)
    safety_identifier: str | None = Field(None, max_length=200)
    tools: list[JsonValue] | None = None
    functions: list[JsonValue] | None = None
    tool_choice: JsonValue = None
    function_call: JsonValue = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: Format | None = None
    modalities: list[str] | None = None
    audio: JsonValue = None
    collection: str | None = Field(None, description="default: that of the model or of the conversation, else default")
    top_k: TopK | None = None
    filters: Filters | None = None
    conversation_id: ConversationId | None = None

    @property
    def ignored(self) -> list[str]:
        """The fields that were accepted without effect."""
        return sorted(name for name, value in (self.model_extra or {}).items() if value is not None)


class EmbeddingsRequest(_Body):
    """A request for vectors. `input_type` is Grounding's own: questions are embedded in another way than documents."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["document", "query"] = "document"
    user: str | None = Field(None, max_length=200)

    @field_validator("input", mode="before")
    @classmethod
    def _no_token_ids(cls, given: object) -> object:
        first = given[0] if isinstance(given, list) and given else None
        if isinstance(first, int | list):
            raise PydanticCustomError(
                "token_ids",
                "token ids are of another model's tokenizer: send text (langchain-openai does so with "
                "check_embedding_ctx_length=False)",
            )
        return given

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class _Response(BaseModel):
    model_config = ConfigDict(frozen=True)


class UrlCitation(_Response):
    """Where the marker stands in the content; `url` is the document's source, or its route here where that is none."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(CitationJson):
    """A citation: the span of the document that it quotes, and, as OpenAI has it, the place of its marker."""

    type: Literal["url_citation"] = "url_citation"
    url_citation: UrlCitation

    @classmethod
    def of(cls, citation: Citation, *, content: str) -> Self:
        marker = f"[{citation.marker}]"
        before, found, _ = content.partition(marker)
        start = len(before) if found else 0
        place = UrlCitation(start_index=start, end_index=start + len(found), title=citation.title, url=_url(citation))
        return cls(**dict(CitationJson.model_validate(citation)), url_citation=place)


class PromptDetails(_Response):
    cached_tokens: int


class Usage(_Response):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        usage = exchange.usage
        return cls(
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            total_tokens=usage.prompt_tokens + usage.completion_tokens,
            prompt_tokens_details=PromptDetails(cached_tokens=usage.cached_tokens),
        )


class Last(_Response):
    """What is known of an answer at its end: who was refused, what is cited, and the rest of Grounding's own answer."""

    refusal: str | None
    annotations: list[Annotation]
    context: dict[str, JsonValue]

    @classmethod
    def of(cls, exchange: Exchange, *, ignored: list[str]) -> Self:
        answer = answer_of(exchange)
        rest = ChatResponse.of(exchange).model_dump(mode="json", exclude={"answer", "citations"})
        return cls(
            refusal=answer.text if answer.outcome == "refused" else None,
            annotations=[Annotation.of(citation, content=answer.text) for citation in answer.citations],
            context=rest | {"collection": exchange.collection, "ignored": ignored},
        )


class AnswerMessage(Last):
    role: Literal["assistant"] = "assistant"
    content: str


FinishReason = Literal["stop", "content_filter"]


class Choice(_Response):
    index: int = 0
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class Completion(_Response):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage

    @classmethod
    def of(cls, exchange: Exchange, *, model: str, ignored: list[str]) -> Self:
        last = Last.of(exchange, ignored=ignored)
        message = AnswerMessage(content=answer_of(exchange).text, **dict(last))
        return cls(
            id=f"chatcmpl-{exchange.trace_id}",
            created=int(exchange.created_at.timestamp()),
            model=model,
            choices=[Choice(message=message, finish_reason=finish_reason(exchange))],
            usage=Usage.of(exchange),
        )


class Model(_Response):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "grounding"


class ModelList(_Response):
    object: Literal["list"] = "list"
    data: list[Model]


class Vector(_Response):
    """`embedding` is a list of numbers, or their float32 values, little-endian, in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(_Response):
    prompt_tokens: int
    total_tokens: int


class Embeddings(_Response):
    object: Literal["list"] = "list"
    data: list[Vector]
    model: str
    usage: EmbeddingsUsage


def answer_of(exchange: Exchange) -> Answer:
    """The answer of a chat that came to one."""
    assert exchange.answer is not None
    return exchange.answer


def finish_reason(exchange: Exchange) -> FinishReason:
    """Why the answer ends: a refusal is a filter's."""
    return "content_filter" if answer_of(exchange).outcome == "refused" else "stop"


def _url(citation: Citation) -> str:
    source = citation.source
    return source if source.startswith(("https://", "http://")) else f"/v1/documents/{quoted(citation.document_id)}"
