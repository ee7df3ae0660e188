"""The JSON of requests and responses, and how the nouns become it. Shapes only: nothing is decided here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Generic, Literal, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from grounding.entities import LABELS
from grounding.safety.policy import Vault
from grounding.values import Entity, Evidence, Exchange, FormName, Hit, Passage, Question, Step, Turn
from grounding.whynot import STAGES, Fate
from store.conversations import Conversation
from store.documents import StoredDocument
from store.jobs import JobInfo, JobItem

T = TypeVar("T")

MAX_TOP_K = 1000
"""Candidates of all legs together never exceed a few thousand; nobody reads more passages than this."""


class _Request(BaseModel):
    """Strict: an unknown field or a value of another type is an error that names it."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Response(BaseModel):
    """Made from a value with fields of the same names by `model_validate`, from others by its method `of`."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


ConversationId = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9._:-]{1,128}$", description="of an earlier answer, or an id of your own")
]
TopK = Annotated[int, Field(ge=1, le=MAX_TOP_K, description="passages; default: the setting retrieval.top_k")]
Filters = Annotated[
    dict[str, JsonValue],
    Field(
        description="on metadata: $eq $ne $in $nin $gt $gte $lt $lte $exists $and $or $not", examples=[{"lang": "en"}]
    ),
]


class HistoryTurn(_Request):
    role: Literal["user", "assistant"]
    content: str

    def turn(self) -> Turn:
        return Turn(self.role, self.content)


class SearchRequest(_Request):
    query: str = Field(examples=["How many days of leave may I carry over?"])
    collection: str | None = Field(None, description="default: that of the conversation, else default")
    top_k: TopK | None = None
    filters: Filters | None = None
    conversation_id: ConversationId | None = None
    history: list[HistoryTurn] = Field(
        [], max_length=200, description="earlier turns, oldest first, of callers who keep their own"
    )


class ChatRequest(_Request):
    message: str = Field(examples=["How many days of leave may I carry over?"])
    collection: str | None = Field(None, description="default: that of the conversation, else default")
    top_k: TopK | None = None
    filters: Filters | None = None
    conversation_id: ConversationId | None = None
    generator: str | None = Field(None, description="default: the setting models.generator")
    stream: bool = Field(False, description="answer with server-sent events: evidence, delta, citation, done, error")


class NewDocument(_Request):
    id: str | None = Field(None, min_length=1, max_length=500, description="default: made from the source")
    title: str = ""
    text: str
    metadata: dict[str, JsonValue] = {}


class DocumentsRequest(_Request):
    documents: list[NewDocument] = Field(min_length=1)


class EntityJson(_Response):
    text: str
    label: str = Field(json_schema_extra={"enum": list(LABELS)})
    start: int
    end: int


class QueryJson(_Response):
    """A question in each of its forms. Spans of entities refer to `clean`; `context` is what was said before that was
    searched with `standalone`."""

    raw: str
    clean: str
    corrected: str | None
    standalone: str
    language: str
    entities: list[EntityJson]
    rewritten: str | None = None
    context: str = ""

    @classmethod
    def of(cls, question: Question) -> Self:
        """Names that a follow-up inherits from earlier turns have no span in it and are left out."""
        own: list[Entity] = []
        for entity in question.entities:
            start = question.clean.find(entity.text, own[-1].end if own else 0)
            if start >= 0:
                own.append(replace(entity, start=start, end=start + len(entity.text)))
        return cls.model_validate(replace(question, entities=tuple(own)))


class SignalJson(_Response):
    """Where one leg put a passage; `form` is the form of the question that found it best."""

    rank: int
    score: float
    form: FormName = "asked"


class SignalsJson(_Response):
    dense: SignalJson | None
    lexical: SignalJson | None
    entity: SignalJson | None
    rerank: SignalJson | None


class PassageJson(_Response):
    rank: int
    score: float
    passage_id: int
    document_id: str
    source: str
    title: str
    version: int
    text: str
    start: int
    end: int
    metadata: dict[str, JsonValue]
    signals: SignalsJson

    @classmethod
    def of(cls, item: Evidence) -> Self:
        passage = item.passage
        return cls(
            rank=item.rank,
            score=item.score,
            passage_id=passage.id,
            document_id=passage.document_id,
            source=passage.source,
            title=passage.title,
            version=passage.version,
            text=passage.text,
            start=passage.start,
            end=passage.end,
            metadata=cast(dict[str, JsonValue], dict(passage.metadata)),
            signals=SignalsJson.model_validate(item.signals),
        )


class VerdictJson(_Response):
    check: str
    part: str
    action: Literal["allow", "redact", "drop", "block"]
    reason: str
    score: float
    start: int | None
    end: int | None


class SafetyJson(_Response):
    verdicts: list[VerdictJson]


class SearchResponse(_Response):
    trace_id: str
    collection: str
    query: QueryJson
    passages: list[PassageJson]
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        return cls(
            trace_id=exchange.trace_id,
            collection=exchange.collection,
            query=QueryJson.of(exchange.question),
            passages=passages(exchange.evidence),
            timings_ms=timings(exchange.steps),
        )


class MessageJson(_Response):
    role: Literal["system", "user", "assistant"]
    content: str


class GroundResponse(_Response):
    trace_id: str
    outcome: Literal["ready", "refused", "no_evidence"]
    messages: list[MessageJson]
    query: QueryJson
    passages: list[PassageJson]
    safety: SafetyJson
    prompt_tokens: int
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        return cls(
            trace_id=exchange.trace_id,
            outcome=cast(Literal["ready", "refused", "no_evidence"], exchange.outcome),
            messages=[MessageJson.model_validate(message) for message in exchange.messages],
            query=QueryJson.of(exchange.question),
            passages=passages(exchange.evidence),
            safety=SafetyJson.model_validate(exchange),
            prompt_tokens=exchange.prompt_tokens,
            timings_ms=timings(exchange.steps),
        )


class CitationJson(_Response):
    marker: int
    document_id: str
    source: str
    title: str
    version: int
    passage_id: int
    start: int
    end: int
    quote: str


class SupportJson(_Response):
    score: float
    unsupported: list[str]


class UsageJson(_Response):
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


class ChatResponse(_Response):
    answer: str
    outcome: Literal["answered", "partial", "abstained", "refused"]
    citations: list[CitationJson]
    support: SupportJson
    safety: SafetyJson
    conversation_id: str
    message_id: str
    trace_id: str
    generator: str
    prompt_version: str
    usage: UsageJson
    timings_ms: dict[str, float]
    cached_from: str | None = None

    @classmethod
    def of(cls, exchange: Exchange) -> Self:
        """Of a chat that came to an answer, be it a refusal."""
        answer = exchange.answer
        assert answer is not None
        assert exchange.conversation_id is not None
        assert exchange.message_id is not None
        return cls(
            answer=answer.text,
            outcome=answer.outcome,
            citations=[CitationJson.model_validate(citation) for citation in answer.citations],
            support=SupportJson(score=answer.support.score, unsupported=list(answer.support.unsupported)),
            safety=SafetyJson.model_validate(exchange),
            conversation_id=exchange.conversation_id,
            message_id=exchange.message_id,
            trace_id=exchange.trace_id,
            generator=exchange.generator,
            prompt_version=exchange.prompt_version,
            usage=UsageJson.model_validate(exchange.usage),
            timings_ms=timings(exchange.steps),
            cached_from=exchange.cached_from,
        )


class TurnJson(_Response):
    role: Literal["user", "assistant"]
    content: str
    message_id: str
    trace_id: str | None
    created_at: datetime | None

    @classmethod
    def of(cls, turn: Turn) -> Self:
        """The turn as its people said it: with its private values."""
        return cls.model_validate(replace(turn, content=Vault(turn.values).restore(turn.content)))


class ConversationJson(_Response):
    id: str
    collection: str
    created_at: datetime
    updated_at: datetime
    turns: list[TurnJson]

    @classmethod
    def of(cls, conversation: Conversation) -> Self:
        """Of a conversation and those of its turns that are left."""
        return cls(
            id=conversation.id,
            collection=conversation.collection,
            created_at=conversation.created_at,
            updated_at=conversation.updated_at,
            turns=[TurnJson.of(turn) for turn in conversation.turns],
        )


class CollectionJson(_Response):
    """`change` counts its changes; `generation` is the vector index that is active."""

    name: str
    created_at: datetime
    documents: int
    passages: int
    change: int
    embedder: str | None
    generation: str | None


class DocumentInfoJson(_Response):
    id: str
    collection: str
    source: str
    title: str
    media_type: str
    language: str
    version: int
    passages: int
    characters: int
    created_at: datetime
    updated_at: datetime


class DocumentJson(DocumentInfoJson):
    """A document whole; spans of passages and citations of this version refer to `text`."""

    text: str
    metadata: dict[str, JsonValue]
    content_hash: str

    @classmethod
    def of(cls, stored: StoredDocument) -> Self:
        document = stored.document
        return cls(
            id=document.id,
            collection=document.collection,
            source=document.source,
            title=document.title,
            media_type=document.media_type,
            language=stored.language,
            version=document.version,
            passages=stored.passages,
            characters=len(document.text),
            created_at=stored.created_at,
            updated_at=stored.updated_at,
            text=document.text,
            metadata=cast(dict[str, JsonValue], dict(document.metadata)),
            content_hash=document.content_hash,
        )


class JobItemJson(_Response):
    source: str
    stage: str | None
    reason: str | None
    detail: str | None


class JobJson(_Response):
    """An ingest job. `report` is there once it is finished; `failures` names each source that failed so far."""

    id: str
    kind: str = Field(description="ingest, upload or reembed")
    collection: str
    sources: list[str]
    status: str = Field(description="queued, running, done, failed or interrupted")
    counts: dict[str, int]
    failures: list[JobItemJson]
    report: dict[str, JsonValue] | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: JobInfo, *, failures: Sequence[JobItem]) -> Self:
        return cls(
            id=job.id,
            kind=job.kind,
            collection=job.collection,
            sources=list(job.sources),
            status=job.status,
            counts=dict(job.counts),
            failures=[JobItemJson.model_validate(item) for item in failures],
            report=json.loads(job.report) if job.report else None,
            created_at=job.created_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
        )


class JobAccepted(_Response):
    job_id: str
    collection: str
    documents: int
    url: str


class SummaryJson(_Response):
    trace_id: str
    kind: str
    created_at: datetime
    collection: str
    question: str
    outcome: str
    conversation_id: str | None
    generator: str
    total_ms: float
    passages: int


class FeedbackRequest(_Request):
    trace_id: str = Field(min_length=1, max_length=200, description="of an answer of your own")
    score: float = Field(ge=-1, le=1, allow_inf_nan=False, description="-1 bad, 1 good")
    comment: str = Field("", max_length=4000)


class FeedbackJson(_Response):
    score: float
    comment: str
    given_at: datetime


class FeedbackResponse(FeedbackJson):
    """What was kept; private values in the comment are placeholders."""

    trace_id: str


class WhyNotResponse(_Response):
    """The stage that lost a passage, its rank and score there, and what each leg said of it."""

    trace_id: str
    document_id: str | None
    passage_id: int | None
    stage: str = Field(json_schema_extra={"enum": ["gone", "filter", *STAGES]})
    reason: str
    rank: int | None = None
    score: float | None = None
    signals: SignalsJson | None = None

    @classmethod
    def of(cls, trace_id: str, fate: Fate | None, *, document_id: str | None) -> Self:
        """Of what became of a passage; None for a document without any."""
        if fate is None:
            reason = "the document has no passage: there is no text in it"
            return cls(trace_id=trace_id, document_id=document_id, passage_id=None, stage="gone", reason=reason)
        return cls(
            trace_id=trace_id,
            document_id=document_id,
            passage_id=fate.passage_id,
            stage=fate.stage,
            reason=fate.reason,
            rank=fate.rank,
            score=fate.score,
            signals=SignalsJson.model_validate(fate.signals),
        )


class ReplayRequest(_Request):
    pinned: bool = Field(False, description="on the indexes that the answer was found in, as of then")


class PlaceJson(_Response):
    """What was found at a rank. A passage that was deleted since is named by its id alone."""

    rank: int
    score: float
    passage_id: int
    document_id: str | None
    source: str | None
    title: str | None
    text: str | None


class MovedJson(_Response):
    passage_id: int
    then: int
    now: int


class DifferenceJson(_Response):
    """Passages by id; those that moved with their ranks."""

    appeared: list[int]
    vanished: list[int]
    moved: list[MovedJson]


class ReplayResponse(_Response):
    """What a recorded question found then, what it finds now, and the difference; within the filters of then."""

    trace_id: str
    pinned: bool
    then: list[PlaceJson]
    now: list[PlaceJson]
    difference: DifferenceJson

    @classmethod
    def of(
        cls, trace_id: str, then: Sequence[Hit], now: Sequence[Hit], *, known: Mapping[int, Passage], pinned: bool
    ) -> Self:
        before = {hit.passage_id: rank for rank, hit in enumerate(then, start=1)}
        after = {hit.passage_id: rank for rank, hit in enumerate(now, start=1)}
        both = [passage_id for passage_id in before if passage_id in after]
        return cls(
            trace_id=trace_id,
            pinned=pinned,
            then=_places(then, known),
            now=_places(now, known),
            difference=DifferenceJson(
                appeared=[passage_id for passage_id in after if passage_id not in before],
                vanished=[passage_id for passage_id in before if passage_id not in after],
                moved=[MovedJson(passage_id=p, then=before[p], now=after[p]) for p in both if before[p] != after[p]],
            ),
        )


def _places(hits: Sequence[Hit], known: Mapping[int, Passage]) -> list[PlaceJson]:
    found = ((rank, hit, known.get(hit.passage_id)) for rank, hit in enumerate(hits, start=1))
    return [
        PlaceJson(
            rank=rank,
            score=hit.score,
            passage_id=hit.passage_id,
            document_id=passage and passage.document_id,
            source=passage and passage.source,
            title=passage and passage.title,
            text=passage and passage.text,
        )
        for rank, hit, passage in found
    ]


class Listing(_Response, Generic[T]):
    """One page of a list; `next_cursor` asks for the next one, null after the last."""

    object: Literal["list"] = "list"
    data: list[T]
    next_cursor: str | None = None


class Deleted(_Response):
    id: str
    object: str
    deleted: Literal[True] = True


class Erased(Deleted):
    """`removed` are rows by table; `unfinished` what could not be done and what to do, `notes` what else to know."""

    removed: dict[str, int]
    unfinished: list[str]
    notes: list[str]


class Health(_Response):
    status: Literal["ok", "ready"]
    version: str


def passages(evidence: Sequence[Evidence]) -> list[PassageJson]:
    """The passages of a response, best first."""
    return [PassageJson.of(item) for item in evidence]


def timings(steps: Sequence[Step]) -> dict[str, float]:
    """Milliseconds by step, in the order of the steps; a step that came more than once counts as a whole."""
    found: dict[str, float] = {}
    for step in steps:
        found[step.name] = round(found.get(step.name, 0.0) + step.ms, 3)
    return found
