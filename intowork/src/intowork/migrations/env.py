"""How Alembic reaches the database: one connection, one migration at a time, a transaction each."""

from __future__ import annotations

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from intowork.database.engine import direct_engine
from intowork.migrations.lock_safe import only_migration
from intowork.models import Base
from intowork.settings import Settings


def run(connection: Connection) -> None:
    """Run the migrations that were asked for on a connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=True,
    )
    with only_migration(connection), context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise CommandError(
        "these migrations look at the rows and indexes they find, so they cannot be written as plain SQL; "
        "run them on a copy of the database instead"
    )
given = context.config.attributes.get("connection")
if given is None:
    with direct_engine(Settings()).connect() as own:
        run(own)
else:
    run(given)
