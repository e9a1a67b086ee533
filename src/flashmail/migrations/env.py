"""What alembic runs; the connection comes from `flashmail.migrations`."""

from alembic import context
from sqlmodel import SQLModel

import flashmail.model  # noqa: F401 - declares the tables

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
