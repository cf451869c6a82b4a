"""What the Alembic scripts do to a database that is in use."""
