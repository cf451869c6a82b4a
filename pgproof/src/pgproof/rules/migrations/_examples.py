"""Scripts for the examples of this family, and the table that they change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgproof.facts.experiments import Experiments
from pgproof.facts.model import Facts
from pgproof.rules.given import Given

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


def proof(*revisions: str, **seen: Any) -> Given:
    """State what a proof saw of revisions (fields of `Experiments`), its tables being those of the example.

    Args:
        revisions: that it proved; a1 where none is named.
        seen: of them.
    """

    def given(facts: Facts) -> Facts:
        schema = facts.catalog.tables[0].schema if facts.catalog.tables else "public"
        placed = dict(seen)
        for field, name in (("held", "relation"), ("rewritten", "table"), ("written", "table")):
            if field in seen:
                placed[field] = tuple(
                    replace(each, **{name: f"{schema}.{getattr(each, name)}"}) for each in seen[field]
                )
        return replace(facts, experiments=Experiments("18.6", 5_000, revisions or ("a1",), **placed))

    return given
