"""Scripts for the examples of this family, and the table that they change."""

from __future__ import annotations

TABLE = """
    CREATE TABLE t (id int PRIMARY KEY, a int, b text, c timestamptz);
    CREATE INDEX ix_t_b ON t (b);
"""
AT_FIRST = "; CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('{}')"
"""SQL that says which revision a database is at."""


def revision(name: str, after: str | None = None, *, up: str = "pass", then: str = "", down: str = "pass") -> str:
    """Return the source of a revision.

    Args:
        name: its id.
        after: the id before it.
        up: a line of upgrade().
        then: lines after it.
        down: a line of downgrade().
    """
    lines = "\n    ".join((up, *then.splitlines()))
    return f'''"""{name}"""
import sqlalchemy as sa
from alembic import context, op

revision = "{name}"
down_revision = {after!r}


def upgrade():
    {lines}


def downgrade():
    {down}
'''
