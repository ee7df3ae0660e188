"""Numbers of deleted documents, which documents and generations an exchange drew on, kinds of jobs."""

import json

import sqlalchemy as sa

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ORDERED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
BATCH = 200


def upgrade() -> None:
    op.create_table(
        "retired_documents",
        sa.Column("collection_id", KEY, nullable=False, autoincrement=False),
        sa.Column("external_id", ORDERED, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("collection_id", "external_id", name=op.f("pk_retired_documents")),
        sa.ForeignKeyConstraint(
            ["collection_id"],
            ["collections.id"],
            name=op.f("fk_retired_documents_collection_id_collections"),
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "exchange_documents",
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("document_id", ORDERED, nullable=False),
        sa.Column("cited", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("trace_id", "collection", "document_id", name=op.f("pk_exchange_documents")),
        sa.ForeignKeyConstraint(
            ["trace_id"],
            ["exchanges.trace_id"],
            name=op.f("fk_exchange_documents_trace_id_exchanges"),
            ondelete="CASCADE",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_exchange_documents_collection_document_id"), "exchange_documents", ["collection", "document_id"]
    )
    op.add_column("exchanges", sa.Column("vector_generation", sa.Text(), nullable=True))
    op.add_column("exchanges", sa.Column("lexical_generation", sa.Text(), nullable=True))
    op.add_column("turns", sa.Column("withdrawn", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("kind", sa.Text(), nullable=False, server_default="ingest"))
    op.add_column("jobs", sa.Column("request", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(op.f("ix_jobs_status"), "jobs", ["status"])
    _note_documents()
    _close_empty_groups()


def _note_documents() -> None:
    """Which documents the exchanges of before drew on, read out of their records."""
    exchanges = sa.table("exchanges", sa.column("trace_id"), sa.column("collection"), sa.column("body"))
    notes = sa.table(
        "exchange_documents",
        *(sa.column(name) for name in ("trace_id", "collection", "document_id", "cited")),
    )
    connection, last = op.get_bind(), ""
    while True:
        query = sa.select(exchanges).where(exchanges.c.trace_id > last).order_by(exchanges.c.trace_id).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].trace_id
        found = []
        for row in rows:
            body = json.loads(row.body)
            cited = {citation["document_id"] for citation in (body.get("answer") or {}).get("citations", ())}
            held = {item["passage"]["document_id"] for item in body.get("evidence", ())} | cited
            found += [
                {
                    "trace_id": row.trace_id,
                    "collection": row.collection,
                    "document_id": held_id,
                    "cited": held_id in cited,
                }
                for held_id in sorted(held)
            ]
        if found:
            connection.execute(sa.insert(notes), found)


def _close_empty_groups() -> None:
    """Documents whose `groups` name nobody are nobody's: the empty text in their place says so."""
    documents = sa.table(
        "documents", sa.column("id"), sa.column("collection_id"), sa.column("metadata_json", sa.JSON())
    )
    values = sa.table(
        "document_metadata",
        *(sa.column(name) for name in ("document_id", "key", "position", "collection_id", "text_value", "text_rest")),
    )
    named = sa.exists().where(
        values.c.document_id == documents.c.id,
        sa.or_(values.c.key == "groups", sa.and_(values.c.key >= "groups.", values.c.key < "groups/")),
    )
    perhaps = sa.select(documents).where(sa.cast(documents.c.metadata_json, sa.Text()).contains('"groups"'), ~named)
    connection = op.get_bind()
    closed = [
        {
            "document_id": row.id,
            "key": "groups",
            "position": 0,
            "collection_id": row.collection_id,
            "text_value": "",
            "text_rest": "",
        }
        for row in connection.execute(perhaps).all()
        if row.metadata_json.get("groups") is not None
    ]
    if closed:
        connection.execute(sa.insert(values), closed)


def downgrade() -> None:
    op.drop_index(op.f("ix_jobs_status"), "jobs")
    for table, column in (
        ("jobs", "request"),
        ("jobs", "kind"),
        ("turns", "withdrawn"),
        ("exchanges", "lexical_generation"),
        ("exchanges", "vector_generation"),
    ):
        # Not by copying the table: to drop the old one would delete the rows that refer to it.
        op.drop_column(table, column)
    op.drop_table("exchange_documents")
    op.drop_table("retired_documents")
