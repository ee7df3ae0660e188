"""The language of each passage; names as they were written, other forms of them, names that titles say."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passages", sa.Column("language", sa.Text(), nullable=False, server_default=""))
    passages = sa.table("passages", sa.column("document_id"), sa.column("language"))
    documents = sa.table("documents", sa.column("id"), sa.column("language"))
    of_document = sa.select(documents.c.language).where(documents.c.id == passages.c.document_id).scalar_subquery()
    op.execute(sa.update(passages).values(language=sa.func.coalesce(of_document, "")))
    op.add_column("passage_entities", sa.Column("surface", sa.Text(), nullable=False, server_default=""))
    op.add_column("passage_entities", sa.Column("alias", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("passage_entities", sa.Column("titled", sa.Boolean(), nullable=False, server_default=sa.false()))
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "passage_tokens",
        sa.Column("passage_id", key, nullable=False, autoincrement=False),
        sa.Column("fingerprint_id", key, nullable=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["passage_id"], ["passages.id"], name="fk_passage_tokens_passage_id_passages", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["fingerprint_id"], ["fingerprints.id"], name="fk_passage_tokens_fingerprint_id_fingerprints"
        ),
        sa.PrimaryKeyConstraint("passage_id", "fingerprint_id", name="pk_passage_tokens"),
    )


def downgrade() -> None:
    op.drop_table("passage_tokens")
    # The names of before were those that passages write out.
    names = sa.table("passage_entities", sa.column("alias", sa.Boolean()))
    op.execute(sa.delete(names).where(names.c.alias))
    for table, column in (
        ("passage_entities", "titled"),
        ("passage_entities", "alias"),
        ("passage_entities", "surface"),
        ("passages", "language"),
    ):
        # Not by copying the table: to drop the old one would delete the rows that refer to it.
        op.drop_column(table, column)
