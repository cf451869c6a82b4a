"""A plan as an Alembic revision that stands alone, as plain SQL, and as a patch of the models."""
