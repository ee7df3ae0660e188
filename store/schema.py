"""The tables, as SQLAlchemy models. Alembic makes them; a test holds the two together.

Integer keys are never reused (AUTOINCREMENT, IDENTITY): a passage's key is also its id in every index, and an index
may remember a passage longer than SQL does. Spans are in code points, times in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REVISION = "0005"
"""The migration that these models stand for: a database of this revision needs no look at the migrations."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC also where the database knows no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time without a time zone cannot be stored: {value}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Key = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite numbers rows by itself only where the type is exactly INTEGER."""

OrderedText = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared by code point in every database."""

UNREUSED = {"sqlite_autoincrement": True}
TEXT_HEAD = 200
"""PostgreSQL refuses index entries beyond 2,700 bytes."""

CLUSTERED = {"sqlite_with_rowid": False}
"""Small rows that are always sought by their whole key."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime(), str: Text(), float: Double(), bytes: LargeBinary()}  # noqa: RUF012


def _owned(column: str) -> ForeignKey:
    return ForeignKey(column, ondelete="CASCADE")


def table_of(model: type[Base]) -> Table:
    """The table of a model."""
    table = model.__table__
    assert isinstance(table, Table)
    return table


class FingerprintRow(Base):
    """What makes vectors comparable; vectors and generations refer to it."""

    __tablename__ = "fingerprints"
    __table_args__ = (
        UniqueConstraint(
            "name", "revision", "dimension", "normalized", "query_prefix", "passage_prefix", name="uq_fingerprints_all"
        ),
        UNREUSED,
    )

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    name: Mapped[str]
    revision: Mapped[str]
    dimension: Mapped[int]
    normalized: Mapped[bool]
    query_prefix: Mapped[str]
    passage_prefix: Mapped[str]


class CollectionRow(Base):
    """`change` counts the transactions that changed a passage. `folder` names its place under indexes/ and locks/:
    random, so that files of another history are never taken for its own. The two generations are those in use."""

    __tablename__ = "collections"
    __table_args__ = (UNREUSED,)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    folder: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    change: Mapped[int] = mapped_column(BigInteger)
    fingerprint_id: Mapped[int | None] = mapped_column(ForeignKey("fingerprints.id"))
    vector_generation_id: Mapped[int | None] = mapped_column(BigInteger)
    lexical_generation_id: Mapped[int | None] = mapped_column(BigInteger)


class DocumentRow(Base):
    """A document without its text; `external_id` is the id that users know."""

    __tablename__ = "documents"
    __table_args__ = (
        UniqueConstraint("collection_id", "external_id"),
        UniqueConstraint("collection_id", "source"),
        Index(None, "external_id"),
        UNREUSED,
    )

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    collection_id: Mapped[int] = mapped_column(_owned("collections.id"))
    external_id: Mapped[str] = mapped_column(OrderedText)
    source: Mapped[str] = mapped_column(OrderedText)
    origin: Mapped[str]
    title: Mapped[str] = mapped_column(OrderedText)
    media_type: Mapped[str] = mapped_column(OrderedText)
    language: Mapped[str]
    content_hash: Mapped[str]
    version: Mapped[int]
    characters: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    metadata_json: Mapped[dict[str, Any]] = mapped_column(JSON)


class DocumentText(Base):
    """Apart from its document, so that lists and filters do not read past it."""

    __tablename__ = "document_texts"

    document_id: Mapped[int] = mapped_column(Key, _owned("documents.id"), primary_key=True, autoincrement=False)
    text: Mapped[str]


class DocumentMetadata(Base):
    """One scalar of a document's metadata: nested names joined by dots, each member of a list a row of its own.
    Exactly one of the values is set. A text's first `TEXT_HEAD` characters are in `text_value`, where an index can
    take them, and what is left is in `text_rest`."""

    __tablename__ = "document_metadata"
    __table_args__ = (
        Index(None, "collection_id", "key", "text_value"),
        Index(None, "collection_id", "key", "number_value"),
        CLUSTERED,
    )

    document_id: Mapped[int] = mapped_column(Key, _owned("documents.id"), primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(OrderedText, primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(Key)
    text_value: Mapped[str | None] = mapped_column(OrderedText)
    text_rest: Mapped[str | None] = mapped_column(OrderedText)
    number_value: Mapped[float | None]
    boolean_value: Mapped[bool | None]


class PassageRow(Base):
    """`change` is the change of its collection that brought it; `metadata_json` what it has beyond its document."""

    __tablename__ = "passages"
    __table_args__ = (Index(None, "collection_id", "change"), Index(None, "document_id"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    collection_id: Mapped[int] = mapped_column(Key)
    document_id: Mapped[int] = mapped_column(_owned("documents.id"))
    change: Mapped[int] = mapped_column(BigInteger)
    start: Mapped[int]
    end: Mapped[int]
    heading: Mapped[str]
    metadata_json: Mapped[dict[str, Any]] = mapped_column(JSON)
    text: Mapped[str]
    language: Mapped[str] = mapped_column(server_default="")


class VectorRow(Base):
    """A passage's vector under one fingerprint: float32, little-endian. `embed_hash` is of the text embedded."""

    __tablename__ = "vectors"
    __table_args__ = (Index(None, "collection_id", "fingerprint_id", "embed_hash"),)

    passage_id: Mapped[int] = mapped_column(Key, _owned("passages.id"), primary_key=True, autoincrement=False)
    fingerprint_id: Mapped[int] = mapped_column(Key, ForeignKey("fingerprints.id"), primary_key=True)
    collection_id: Mapped[int] = mapped_column(Key)
    embed_hash: Mapped[str]
    vector: Mapped[bytes]


class TokenRow(Base):
    """What the embedder of a fingerprint made of each token of a passage, packed by it; apart from the vector, so that
    building an index does not read past it."""

    __tablename__ = "passage_tokens"

    passage_id: Mapped[int] = mapped_column(Key, _owned("passages.id"), primary_key=True, autoincrement=False)
    fingerprint_id: Mapped[int] = mapped_column(Key, ForeignKey("fingerprints.id"), primary_key=True)
    tokens: Mapped[bytes]


class PassageEntity(Base):
    """A name that a passage mentions, in its normal form; once for each passage. `surface` is how it was written.
    `alias` where this form of the name is not written out but follows from one that is (initials, a surname);
    `titled` where the document's title says it."""

    __tablename__ = "passage_entities"
    __table_args__ = (Index(None, "passage_id"), CLUSTERED)

    collection_id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    passage_id: Mapped[int] = mapped_column(Key, _owned("passages.id"), primary_key=True, autoincrement=False)
    label: Mapped[str]
    surface: Mapped[str] = mapped_column(server_default="")
    alias: Mapped[bool] = mapped_column(server_default=false())
    titled: Mapped[bool] = mapped_column(server_default=false())


class Tombstone(Base):
    """A passage that is gone since `change`. Kept while an index that may hold the passage is kept."""

    __tablename__ = "tombstones"
    __table_args__ = (CLUSTERED,)

    collection_id: Mapped[int] = mapped_column(Key, _owned("collections.id"), primary_key=True, autoincrement=False)
    change: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    passage_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class RetiredDocument(Base):
    """The last version of a document that was deleted: one of the same id that comes later counts on from there, so
    that an id and a version never stand for two texts. An erased document leaves no such row."""

    __tablename__ = "retired_documents"
    __table_args__ = (CLUSTERED,)

    collection_id: Mapped[int] = mapped_column(Key, _owned("collections.id"), primary_key=True, autoincrement=False)
    external_id: Mapped[str] = mapped_column(OrderedText, primary_key=True)
    version: Mapped[int]


class GenerationRow(Base):
    """The manifest of an immutable index in indexes/<folder>/<name>: committed after the files are safe on disk.

    It contains the passages that were alive at `change`. `family` is the kind of vector index, or the version of the
    terms of a lexical one.
    """

    __tablename__ = "generations"
    __table_args__ = (Index(None, "collection_id", "kind"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    collection_id: Mapped[int] = mapped_column(_owned("collections.id"))
    kind: Mapped[str]
    name: Mapped[str] = mapped_column(unique=True)
    change: Mapped[int] = mapped_column(BigInteger)
    passages: Mapped[int] = mapped_column(BigInteger)
    family: Mapped[str]
    fingerprint_id: Mapped[int | None] = mapped_column(ForeignKey("fingerprints.id"))
    sha256: Mapped[str]
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class ConversationRow(Base):
    __tablename__ = "conversations"
    __table_args__ = (Index(None, "updated_at"), Index(None, "owner"))

    id: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str]
    owner: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TurnRow(Base):
    """`withdrawn` where an answer quoted a document that has been deleted since: its words are gone. `sealed` holds the
    values of the placeholders in `content`."""

    __tablename__ = "turns"
    __table_args__ = (Index(None, "conversation_id"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    conversation_id: Mapped[str] = mapped_column(_owned("conversations.id"))
    role: Mapped[str]
    content: Mapped[str]
    message_id: Mapped[str]
    trace_id: Mapped[str | None]
    created_at: Mapped[datetime]
    withdrawn: Mapped[bool] = mapped_column(server_default=false())
    sealed: Mapped[bytes | None]


class ExchangeRow(Base):
    """The Exchange as JSON in `body`; the other columns are for lists: `folded` is the question in one case, to search
    in. It outlives its collection. The generations are the names of those that it was found in. `sealed` holds the
    values of the placeholders in its question."""

    __tablename__ = "exchanges"
    __table_args__ = (
        Index(None, "created_at", "trace_id"),
        Index(None, "conversation_id"),
        Index(None, "collection", "created_at"),
    )

    trace_id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]
    collection: Mapped[str]
    caller: Mapped[str]
    conversation_id: Mapped[str | None] = mapped_column(_owned("conversations.id"))
    outcome: Mapped[str]
    generator: Mapped[str]
    total_ms: Mapped[float]
    passages: Mapped[int]
    change: Mapped[int] = mapped_column(BigInteger)
    vector_generation: Mapped[str | None]
    lexical_generation: Mapped[str | None]
    question: Mapped[str]
    folded: Mapped[str]
    body: Mapped[str]
    sealed: Mapped[bytes | None]


class ExchangeDocument(Base):
    """A document that was evidence in an Exchange; `cited` where the answer quotes it."""

    __tablename__ = "exchange_documents"
    __table_args__ = (Index(None, "collection", "document_id"), CLUSTERED)

    trace_id: Mapped[str] = mapped_column(_owned("exchanges.trace_id"), primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    document_id: Mapped[str] = mapped_column(OrderedText, primary_key=True)
    cited: Mapped[bool]


class FeedbackRow(Base):
    """What a caller thinks of an answer: `score` from -1 to 1; `comment` with placeholders for private values."""

    __tablename__ = "feedback"
    __table_args__ = (CLUSTERED,)

    trace_id: Mapped[str] = mapped_column(_owned("exchanges.trace_id"), primary_key=True)
    caller: Mapped[str] = mapped_column(primary_key=True)
    score: Mapped[float]
    comment: Mapped[str]
    given_at: Mapped[datetime]


class JudgementRow(Base):
    """What one version of a check found in a text, of which there is only the SHA-256; `findings` as JSON."""

    __tablename__ = "judgements"
    __table_args__ = (CLUSTERED,)

    digest: Mapped[bytes] = mapped_column(primary_key=True)
    version: Mapped[str] = mapped_column(primary_key=True)
    findings: Mapped[str]
    judged_at: Mapped[datetime]


class ModelCallRow(Base):
    """One call of a model, as `values.ModelCall`: the ledger. It outlives its conversation, key and collection: erased,
    it says no more of them."""

    __tablename__ = "model_calls"
    __table_args__ = (
        Index(None, "started_at"),
        Index(None, "key_id", "started_at"),
        Index(None, "conversation_id"),
        Index(None, "trace_id"),
        UNREUSED,
    )

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    started_at: Mapped[datetime]
    trace_id: Mapped[str | None]
    key_id: Mapped[str]
    user: Mapped[str]
    conversation_id: Mapped[str | None]
    collection: Mapped[str]
    generator: Mapped[str]
    model: Mapped[str]
    purpose: Mapped[str]
    outcome: Mapped[str]
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    reported: Mapped[bool]
    cost_usd: Mapped[float | None]
    ms: Mapped[float]
    first_token_ms: Mapped[float | None]


class AdmissionRow(Base):
    """A request that was let in, of a caller who may have a number of them in a minute; older ones are swept."""

    __tablename__ = "admissions"
    __table_args__ = (Index(None, "key_id", "admitted_at"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    key_id: Mapped[str]
    admitted_at: Mapped[datetime]


class PromptRow(Base):
    """One version of a prompt's system text; never changed."""

    __tablename__ = "prompts"
    __table_args__ = (CLUSTERED,)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str]
    note: Mapped[str]
    created_at: Mapped[datetime]


class PromptUseRow(Base):
    """Since when a prompt's version is used for a collection and a language, "" for all: the last row of a pair holds.
    `prompt` is as in "answer-2", "" where what is more general holds again."""

    __tablename__ = "prompt_uses"
    __table_args__ = (Index(None, "collection", "language"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    collection: Mapped[str]
    language: Mapped[str]
    prompt: Mapped[str]
    since: Mapped[datetime]


class CachedAnswerRow(Base):
    """An answer that may be given again: the trace of the Exchange that holds it. `scope` is the SHA-256 of all that
    must be the same, `key` of that and the question; `guard` what two questions must share that mean the same, `vector`
    is the question's, float32, little-endian."""

    __tablename__ = "cached_answers"
    __table_args__ = (Index(None, "scope", "created_at"), Index(None, "created_at"), Index(None, "trace_id"), CLUSTERED)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    scope: Mapped[bytes]
    trace_id: Mapped[str] = mapped_column(_owned("exchanges.trace_id"))
    guard: Mapped[bytes]
    vector: Mapped[bytes | None]
    created_at: Mapped[datetime]


class JobRow(Base):
    """A long task. `kind` is ingest, upload or reembed; `request` is what a queued one needs to be begun."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "created_at"), Index(None, "status"))

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(server_default="ingest")
    request: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    collection: Mapped[str]
    sources: Mapped[list[str]] = mapped_column(JSON)
    status: Mapped[str]
    counts: Mapped[dict[str, int]] = mapped_column(JSON)
    report: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class JobItemRow(Base):
    __tablename__ = "job_items"
    __table_args__ = (Index(None, "job_id"), UNREUSED)

    id: Mapped[int] = mapped_column(Key, Identity(), primary_key=True)
    job_id: Mapped[str] = mapped_column(_owned("jobs.id"))
    source: Mapped[str]
    outcome: Mapped[str]
    stage: Mapped[str | None]
    reason: Mapped[str | None]
    detail: Mapped[str | None]


class KeyRow(Base):
    """An API key. `secret_hash` is the SHA-256 of the secret, in hex: the secret itself is 32 random bytes."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(JSON)
    collections: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    groups: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    requests_per_minute: Mapped[int | None]
    tokens_per_minute: Mapped[int | None] = mapped_column(BigInteger)
    usd_per_month: Mapped[float | None]
