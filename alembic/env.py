"""Runs the migrations over the connection that `store.database` hands in, or over `-x url=...` when a developer
writes a new one:  alembic -x url=sqlite:////tmp/scratch.db revision --autogenerate -m "what changes"
"""

from sqlalchemy import Connection, create_engine

from alembic import context
from store.schema import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        # SQLite changes a table by copying it.
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    run(given)
else:
    with create_engine(context.get_x_argument(as_dictionary=True)["url"]).begin() as own:
        run(own)
