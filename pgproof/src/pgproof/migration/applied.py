"""At which revisions a database is, by Alembic's own table."""

from __future__ import annotations

import psycopg

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Migrations
from pgproof.facts.source import ServerSource, connect
from pgproof.remedy.names import quoted

_ALEMBIC = "alembic_version"


def applied_revisions(source: ServerSource, migrations: Migrations) -> tuple[str, ...]:
    """Return the revisions that a database is at.

    Args:
        source: the database, which is only read.
        migrations: whose env.py says what the table is called.

    Raises:
        PgproofError: there is no such table, or the role may not read it.
    """
    environment = migrations.environment
    table = environment.version_table or _ALEMBIC
    schema = environment.version_table_schema
    name = quoted(schema, table) if schema else quoted(table)
    with connect(source) as connection:
        try:
            found = connection.execute("SELECT /* pgproof */ to_regclass(%s) IS NOT NULL", (name,)).fetchone()
            if found is None or not found[0]:
                raise PgproofError(
                    f"the database has no table {name}, so no revision was ever applied to it: run alembic upgrade head"
                    " or, where its tables are those of the head already, alembic stamp head"
                )
            rows = connection.execute(f"SELECT /* pgproof */ version_num FROM {name}".encode()).fetchall()  # noqa: S608
        except psycopg.errors.InsufficientPrivilege:
            raise PgproofError(f"the role may not read {name}, which says at which revision the database is") from None
    return tuple(sorted(str(row[0]) for row in rows))
