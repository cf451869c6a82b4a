"""How the shop's migrations reach their database."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine

engine = create_engine("postgresql+psycopg:///shop")
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
