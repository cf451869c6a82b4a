"""The Alembic chain, from an empty database to the head of the models."""
