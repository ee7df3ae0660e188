"""The ledger of model calls, limits of keys, prompts in versions, answers that may be given again, feedback."""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "model_calls",
        sa.Column("id", KEY, sa.Identity(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("conversation_id", sa.Text(), nullable=True),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("generator", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("cost_usd", sa.Double(), nullable=True),
        sa.Column("ms", sa.Double(), nullable=False),
        sa.Column("first_token_ms", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_model_calls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_model_calls_started_at", "model_calls", ["started_at"])
    op.create_index("ix_model_calls_key_id_started_at", "model_calls", ["key_id", "started_at"])
    op.create_index("ix_model_calls_conversation_id", "model_calls", ["conversation_id"])
    op.create_index("ix_model_calls_trace_id", "model_calls", ["trace_id"])
    op.create_table(
        "admissions",
        sa.Column("id", KEY, sa.Identity(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("admitted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admissions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_admissions_key_id_admitted_at", "admissions", ["key_id", "admitted_at"])
    op.create_table(
        "prompts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_prompts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prompt_uses",
        sa.Column("id", KEY, sa.Identity(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_prompt_uses"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_prompt_uses_collection_language", "prompt_uses", ["collection", "language"])
    op.create_table(
        "cached_answers",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("scope", sa.LargeBinary(), nullable=False),
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("guard", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_cached_answers"),
        sa.ForeignKeyConstraint(
            ["trace_id"], ["exchanges.trace_id"], ondelete="CASCADE", name="fk_cached_answers_trace_id_exchanges"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cached_answers_scope_created_at", "cached_answers", ["scope", "created_at"])
    op.create_index("ix_cached_answers_created_at", "cached_answers", ["created_at"])
    op.create_index("ix_cached_answers_trace_id", "cached_answers", ["trace_id"])
    op.create_table(
        "feedback",
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("given_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("trace_id", "caller", name="pk_feedback"),
        sa.ForeignKeyConstraint(
            ["trace_id"], ["exchanges.trace_id"], ondelete="CASCADE", name="fk_feedback_trace_id_exchanges"
        ),
        sqlite_with_rowid=False,
    )
    op.add_column("keys", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.add_column("keys", sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True))
    op.add_column("keys", sa.Column("usd_per_month", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("keys", "usd_per_month")
    op.drop_column("keys", "tokens_per_minute")
    op.drop_column("keys", "requests_per_minute")
    for table in ("feedback", "cached_answers", "prompt_uses", "prompts", "admissions", "model_calls"):
        op.drop_table(table)
