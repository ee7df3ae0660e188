"""Every table of the first version."""

import sqlalchemy as sa

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def _column(name: str, type_: sa.types.TypeEngine, *, null: bool = False) -> sa.Column:
    return sa.Column(name, type_, nullable=null)


def _number() -> sa.Column:
    """A key that the database counts, and never gives twice."""
    return sa.Column("id", KEY, sa.Identity(), nullable=False)


def _given(name: str) -> sa.Column:
    """A part of a key that comes from elsewhere."""
    return sa.Column(name, KEY, nullable=False, autoincrement=False)


def _table(name: str, *items: sa.schema.SchemaItem, key: tuple[str, ...] = ("id",), small: bool = False) -> None:
    counted = any(isinstance(item, sa.Column) and item.identity is not None for item in items)
    op.create_table(
        name,
        *items,
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")),
        sqlite_autoincrement=counted,
        sqlite_with_rowid=not small,
    )


def _refers(table: str, column: str, to: str, *, owned: bool = True) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{to}")
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=name, ondelete="CASCADE" if owned else None)


def _unique(table: str, *columns: str, name: str = "") -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(name or f"uq_{table}_{'_'.join(columns)}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def upgrade() -> None:
    _collections()
    _documents()
    _passages()
    _conversations()
    _jobs_and_keys()


def _collections() -> None:
    _table(
        "fingerprints",
        _number(),
        _column("name", sa.Text()),
        _column("revision", sa.Text()),
        _column("dimension", sa.Integer()),
        _column("normalized", sa.Boolean()),
        _column("query_prefix", sa.Text()),
        _column("passage_prefix", sa.Text()),
        _unique(
            "fingerprints",
            *("name", "revision", "dimension", "normalized", "query_prefix", "passage_prefix"),
            name="uq_fingerprints_all",
        ),
    )
    _table(
        "collections",
        _number(),
        _column("name", sa.Text()),
        _column("folder", sa.Text()),
        _column("created_at", TIME),
        _column("change", sa.BigInteger()),
        _column("fingerprint_id", KEY, null=True),
        _column("vector_generation_id", sa.BigInteger(), null=True),
        _column("lexical_generation_id", sa.BigInteger(), null=True),
        _refers("collections", "fingerprint_id", "fingerprints", owned=False),
        _unique("collections", "name"),
        _unique("collections", "folder"),
    )
    _table(
        "tombstones",
        _given("collection_id"),
        _column("change", sa.BigInteger()),
        _column("passage_id", sa.BigInteger()),
        _refers("tombstones", "collection_id", "collections"),
        key=("collection_id", "change", "passage_id"),
        small=True,
    )
    _table(
        "generations",
        _number(),
        _column("collection_id", KEY),
        _column("kind", sa.Text()),
        _column("name", sa.Text()),
        _column("change", sa.BigInteger()),
        _column("passages", sa.BigInteger()),
        _column("family", sa.Text()),
        _column("fingerprint_id", KEY, null=True),
        _column("sha256", sa.Text()),
        _column("bytes", sa.BigInteger()),
        _column("created_at", TIME),
        _refers("generations", "collection_id", "collections"),
        _refers("generations", "fingerprint_id", "fingerprints", owned=False),
        _unique("generations", "name"),
    )
    _index("generations", "collection_id", "kind")


def _documents() -> None:
    _table(
        "documents",
        _number(),
        _column("collection_id", KEY),
        _column("external_id", ORDERED),
        _column("source", ORDERED),
        _column("origin", sa.Text()),
        _column("title", ORDERED),
        _column("media_type", ORDERED),
        _column("language", sa.Text()),
        _column("content_hash", sa.Text()),
        _column("version", sa.Integer()),
        _column("characters", sa.Integer()),
        _column("created_at", TIME),
        _column("updated_at", TIME),
        _column("metadata_json", sa.JSON()),
        _refers("documents", "collection_id", "collections"),
        _unique("documents", "collection_id", "external_id"),
        _unique("documents", "collection_id", "source"),
    )
    _index("documents", "external_id")
    _table(
        "document_texts",
        _given("document_id"),
        _column("text", sa.Text()),
        _refers("document_texts", "document_id", "documents"),
        key=("document_id",),
    )
    _table(
        "document_metadata",
        _given("document_id"),
        _column("key", ORDERED),
        _column("position", sa.Integer()),
        _column("collection_id", KEY),
        _column("text_value", ORDERED, null=True),
        _column("text_rest", ORDERED, null=True),
        _column("number_value", sa.Double(), null=True),
        _column("boolean_value", sa.Boolean(), null=True),
        _refers("document_metadata", "document_id", "documents"),
        key=("document_id", "key", "position"),
        small=True,
    )
    _index("document_metadata", "collection_id", "key", "text_value")
    _index("document_metadata", "collection_id", "key", "number_value")


def _passages() -> None:
    _table(
        "passages",
        _number(),
        _column("collection_id", KEY),
        _column("document_id", KEY),
        _column("change", sa.BigInteger()),
        _column("start", sa.Integer()),
        _column("end", sa.Integer()),
        _column("heading", sa.Text()),
        _column("metadata_json", sa.JSON()),
        _column("text", sa.Text()),
        _refers("passages", "document_id", "documents"),
    )
    _index("passages", "collection_id", "change")
    _index("passages", "document_id")
    _table(
        "vectors",
        _given("passage_id"),
        _given("fingerprint_id"),
        _column("collection_id", KEY),
        _column("embed_hash", sa.Text()),
        _column("vector", sa.LargeBinary()),
        _refers("vectors", "passage_id", "passages"),
        _refers("vectors", "fingerprint_id", "fingerprints", owned=False),
        key=("passage_id", "fingerprint_id"),
    )
    _index("vectors", "collection_id", "fingerprint_id", "embed_hash")
    _table(
        "passage_entities",
        _given("collection_id"),
        _column("name", sa.Text()),
        _given("passage_id"),
        _column("label", sa.Text()),
        _refers("passage_entities", "passage_id", "passages"),
        key=("collection_id", "name", "passage_id"),
        small=True,
    )
    _index("passage_entities", "passage_id")


def _conversations() -> None:
    _table(
        "conversations",
        _column("id", sa.Text()),
        _column("collection", sa.Text()),
        _column("owner", sa.Text()),
        _column("created_at", TIME),
        _column("updated_at", TIME),
    )
    _index("conversations", "updated_at")
    _index("conversations", "owner")
    _table(
        "turns",
        _number(),
        _column("conversation_id", sa.Text()),
        _column("role", sa.Text()),
        _column("content", sa.Text()),
        _column("message_id", sa.Text()),
        _column("trace_id", sa.Text(), null=True),
        _column("created_at", TIME),
        _refers("turns", "conversation_id", "conversations"),
    )
    _index("turns", "conversation_id")
    _table(
        "exchanges",
        _column("trace_id", sa.Text()),
        _column("kind", sa.Text()),
        _column("created_at", TIME),
        _column("collection", sa.Text()),
        _column("caller", sa.Text()),
        _column("conversation_id", sa.Text(), null=True),
        _column("outcome", sa.Text()),
        _column("generator", sa.Text()),
        _column("total_ms", sa.Double()),
        _column("passages", sa.Integer()),
        _column("change", sa.BigInteger()),
        _column("question", sa.Text()),
        _column("folded", sa.Text()),
        _column("body", sa.Text()),
        _refers("exchanges", "conversation_id", "conversations"),
        key=("trace_id",),
    )
    _index("exchanges", "created_at", "trace_id")
    _index("exchanges", "conversation_id")
    _index("exchanges", "collection", "created_at")


def _jobs_and_keys() -> None:
    _table(
        "jobs",
        _column("id", sa.Text()),
        _column("collection", sa.Text()),
        _column("sources", sa.JSON()),
        _column("status", sa.Text()),
        _column("counts", sa.JSON()),
        _column("report", sa.Text(), null=True),
        _column("created_at", TIME),
        _column("updated_at", TIME),
        _column("finished_at", TIME, null=True),
    )
    _index("jobs", "created_at")
    _table(
        "job_items",
        _number(),
        _column("job_id", sa.Text()),
        _column("source", sa.Text()),
        _column("outcome", sa.Text()),
        _column("stage", sa.Text(), null=True),
        _column("reason", sa.Text(), null=True),
        _column("detail", sa.Text(), null=True),
        _refers("job_items", "job_id", "jobs"),
    )
    _index("job_items", "job_id")
    _table(
        "keys",
        _column("id", sa.Text()),
        _column("name", sa.Text()),
        _column("secret_hash", sa.Text()),
        _column("scopes", sa.JSON()),
        _column("collections", sa.JSON(none_as_null=True), null=True),
        _column("groups", sa.JSON()),
        _column("created_at", TIME),
        _column("revoked_at", TIME, null=True),
        _column("last_used_at", TIME, null=True),
        _unique("keys", "secret_hash"),
    )


def downgrade() -> None:
    owned_first = ("job_items", "jobs", "keys", "exchanges", "turns", "conversations", "passage_entities", "vectors")
    for table in (*owned_first, "passages", "document_metadata", "document_texts", "documents"):
        op.drop_table(table)
    for table in ("generations", "tombstones", "collections", "fingerprints"):
        op.drop_table(table)
