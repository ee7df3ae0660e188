"""The nouns of Grounding: frozen values, one name each, everywhere.

Spans are half-open and in Unicode code points. Times are in milliseconds (`ms`) or UTC datetimes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

FloatVector: TypeAlias = npt.NDArray[np.float32]
"""Shape (dim,), float32, unit length."""
FloatMatrix: TypeAlias = npt.NDArray[np.float32]
"""Shape (n, dim), float32, each row of unit length."""
Metadata: TypeAlias = Mapping[str, object]
"""What a user knows of a document: JSON values by name."""

Origin: TypeAlias = Literal["question", "passage", "history", "answer"]
Action: TypeAlias = Literal["allow", "redact", "drop", "block"]
Outcome: TypeAlias = Literal["answered", "partial", "abstained", "refused"]
Role: TypeAlias = Literal["system", "user", "assistant"]
LegName: TypeAlias = Literal["dense", "lexical", "entity", "rerank"]
FormName: TypeAlias = Literal["asked", "corrected", "standalone", "rewritten"]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What makes two vectors comparable: equal fingerprints, and nothing less."""

    name: str
    revision: str
    dimension: int
    normalized: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision[:12]}/{self.dimension}"


@dataclass(frozen=True, slots=True)
class Vectorized:
    """What an embedder makes of a passage: its vector and, of one that tells tokens apart, those, packed by it."""

    vector: FloatVector
    tokens: bytes = b""


@dataclass(frozen=True, slots=True)
class QueryTokens:
    """The tokens of a query: unit vectors (n, dim), and how much each matters, (n,), all above 0."""

    vectors: FloatMatrix
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Background:
    """Inner products of a query with the passages of a collection at large: what a hit stands out from."""

    mean: float
    deviation: float
    passages: int


@dataclass(frozen=True, slots=True)
class Document:
    """One text with an identity: `id` and `source` are each unique within `collection`.

    `text` is what spans refer to. `content_hash` covers title, text, media type and metadata.
    """

    id: str
    collection: str
    source: str
    title: str
    text: str
    media_type: str
    metadata: Metadata
    content_hash: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document: `text == document.text[start:end]`. `id` is the SQL key and the FAISS id."""

    id: int
    document_id: str
    source: str
    title: str
    version: int
    text: str
    start: int
    end: int
    heading: str = ""
    metadata: Metadata = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """A name found in a text. `label` is one of entities.LABELS."""

    text: str
    label: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a question that is searched."""

    name: FormName
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question in each of its forms. None takes the place of `clean`: they are searched beside it. `standalone` is
    `clean` unless the question leans on earlier turns, and `entities` are of it; `context` is what was said before that
    is searched with it; `rewritten` is a model's."""

    raw: str
    clean: str
    standalone: str
    language: str
    corrected: str | None = None
    entities: tuple[Entity, ...] = ()
    rewritten: str | None = None
    context: str = ""

    @property
    def forms(self) -> tuple[Form, ...]:
        """What is searched: the question as asked, and its other forms where they differ from those before."""
        texts: dict[str, FormName] = {}
        for name, text in (
            ("asked", self.clean),
            ("corrected", self.corrected),
            ("standalone", f"{self.context}\n{self.standalone}".strip()),
            ("rewritten", self.rewritten),
        ):
            if text:
                texts.setdefault(text, cast(FormName, name))
        return tuple(Form(name, text) for text, name in texts.items())


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found by one leg; higher scores are better, and comparable only within that leg."""

    passage_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Signal:
    """Where one leg put a passage, by the form of the question that found it best; rank counts from 1."""

    rank: int
    score: float
    form: FormName = "asked"


@dataclass(frozen=True, slots=True)
class Signals:
    dense: Signal | None = None
    lexical: Signal | None = None
    entity: Signal | None = None
    rerank: Signal | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage with its fused score and what each leg said of it; rank counts from 1."""

    rank: int
    score: float
    passage: Passage
    signals: Signals = Signals()


@dataclass(frozen=True, slots=True)
class Leg:
    """What one leg was asked, in one form of the question, and what it found, best first."""

    name: LegName
    query: str
    hits: tuple[Hit, ...]
    form: FormName = "asked"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A passage that did not reach the prompt, and why. `stage`: fuse, diversify, join, screen or
    compose."""

    passage_id: int
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found in a text: its kind, the span of the text it is in, and a score, 0 to 1. It says nothing of
    what follows: policies decide that."""

    kind: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check decided of one part.

    `part` is "question", "history:N", "passage:ID" or "answer". A redaction carries the span it covers, in that part.
    """

    check: str
    part: str
    action: Action
    reason: str
    score: float
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation as it is kept: with placeholders for private values, `values` being theirs, by
    placeholder."""

    role: Literal["user", "assistant"]
    content: str
    message_id: str = ""
    trace_id: str | None = None
    created_at: datetime | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as a chat model receives it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of a prompt, kept apart by origin until `prompt.render`. `nonce` delimits the evidence."""

    system: str
    history: tuple[Turn, ...]
    evidence: tuple[Evidence, ...]
    question: Question
    version: str
    nonce: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as a provider counts them; `cached_tokens` are those of the prompt that it had read before. `cost_usd` is
    None where no prices are known."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        costs = [cost for cost in (self.cost_usd, other.cost_usd) if cost is not None]
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            sum(costs) if costs else None,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a generator's answer. `usage` is that of the call so far: the last one told holds. One with neither
    says that the model is at work (it thinks). `restarted`: what came before is void, another answer begins."""

    text: str
    usage: Usage | None = None
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model, as it is billed. `generator` is the name it was configured under, `model` what was called.
    `outcome` is "ok", "stopped", or a word for what failed ("timeout", "http_429", "cut", ...). `usage` is what the
    provider reported, or, where `reported` is false, an estimate of what it did not."""

    generator: str
    model: str
    purpose: Literal["answer", "rewrite", "embed"]
    outcome: str
    started_at: datetime
    ms: float
    first_token_ms: float | None
    usage: Usage
    reported: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question reworded by a model: None where it need not be, or where the model failed; `call` if there was one."""

    text: str | None
    call: ModelCall | None = None


@dataclass(frozen=True, slots=True)
class Template:
    """The system text of a prompt, in one version of it; `version` as in "answer-2"."""

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Citation:
    """A marker `[marker]` in the answer and the span it stands for: `document.text[start:end] == quote`."""

    marker: int
    document_id: str
    source: str
    title: str
    version: int
    passage_id: int
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Support:
    """How much of the answer the evidence carries, 0 to 1, and the sentences that it does not."""

    score: float
    unsupported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    outcome: Outcome
    citations: tuple[Citation, ...] = ()
    support: Support = Support(score=0.0)


@dataclass(frozen=True, slots=True)
class Step:
    """One named step of a turn: how long it took, and facts about it (counts, names; never user text)."""

    name: str
    ms: float
    facts: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """The one record of a turn: stored whole, shown by the admin route, replayable.

    `change` is the collection's when the turn began, `generations` the index files that were searched, within
    `filters`: the caller's own, and what the caller may read.
    `ranking` is everything that was fused, best first, with fused scores; `evidence` the best of it, with text;
    `confidence`, 0 to 1, how likely that answers the question.
    What of `evidence` did not reach the prompt is named in `dropped`, as is what was left out before.
    `recalled` are the traces of the earlier answers of its conversation that were read for this one.
    `messages` is the rendered prompt, word for word as the generator received it; `usage` the sum of `calls`; `user`
    whom the caller asked for; `cached_from` the trace whose answer this is, if it was remembered. A record holds
    placeholders for private values; `values` are those of the question, by placeholder: kept sealed and never shown.
    """

    trace_id: str
    kind: Literal["search", "ground", "chat"]
    created_at: datetime
    collection: str
    question: Question
    outcome: Outcome | Literal["ready", "no_evidence", "found", "failed"]
    caller: str = ""
    conversation_id: str | None = None
    message_id: str | None = None
    change: int = 0
    generations: tuple[str, ...] = ()
    filters: Metadata = field(default_factory=dict)
    recalled: tuple[str, ...] = ()
    legs: tuple[Leg, ...] = ()
    ranking: tuple[Hit, ...] = ()
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    messages: tuple[Message, ...] = ()
    prompt_version: str = ""
    prompt_tokens: int = 0
    generator: str = ""
    answer: Answer | None = None
    usage: Usage = Usage()
    calls: tuple[ModelCall, ...] = ()
    user: str = ""
    cached_from: str | None = None
    steps: tuple[Step, ...] = ()
    error: str | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
