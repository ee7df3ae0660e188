"""Sealed private values of turns and exchanges; what the checks found in passages."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.add_column("exchanges", sa.Column("sealed", sa.LargeBinary(), nullable=True))
    op.create_table(
        "judgements",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", "version", name="pk_judgements"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("judgements")
    # What was sealed is lost: the turns keep their placeholders. Not by copying the table: to drop the old one would
    # delete the rows that refer to it.
    op.drop_column("exchanges", "sealed")
    op.drop_column("turns", "sealed")
