"""Which revisions a database has yet to get, and from where to where a proof has to take it."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql

from pgproof.errors import PgproofError
from pgproof.facts.migrations import Environment, Migrations
from pgproof.facts.source import ServerSource, connect

HEAD = "head"
BASE = "base"


@dataclass(frozen=True)
class Pending:
    """The way that is proven.

    Attributes:
        start: the revision that the database is at; `base` for none.
        target: where it is taken.
        revisions: what runs, in order.
        from_empty: every revision up to the target, in order.
        version_table: schema and name, unquoted, of the table that says where a database is.
        migrations: the chain.
        first: where the copy is taken before the proof begins; None where the database is there already.
    """

    start: str
    target: str
    revisions: tuple[str, ...]
    from_empty: tuple[str, ...]
    version_table: str
    migrations: Migrations
    first: str | None = None

    @property
    def linear(self) -> bool:
        """Whether each revision follows the one before it alone, so that it can be taken back alone."""
        before = [None if self.start == BASE else self.start, *self.revisions]
        return all(
            (found := self.migrations.revision(each)) is not None
            and found.down_revisions == ((previous,) if previous is not None else ())
            and not found.depends_on
            for previous, each in zip(before, self.revisions, strict=False)
        )


def pending(source: ServerSource, migrations: Migrations, wanted: str = HEAD) -> Pending:
    """Return what is to be proven.

    Args:
        source: whose version table is read.
        migrations: the project's chain.
        wanted: a revision, the first characters of one, a branch label, or `head`.

    Raises:
        PgproofError: the chain is broken or has several heads, nobody knows where the database is, or nothing is
            pending; in one line with the way out.
    """
    _refuse_broken(migrations)
    target = _target(migrations, wanted)
    schema, at = _position(source, migrations.environment)
    if at is not None and migrations.revision(at) is None:
        raise PgproofError(
            f"the database is at {at}, which is no revision in {migrations.location}: take the project's version that "
            "the database was migrated with"
        )
    before = migrations.lineage(at) if at is not None else frozenset[str]()
    order = _ordered(migrations, migrations.lineage(target))
    revisions = tuple(each for each in order if each not in before)
    if not revisions:
        raise PgproofError(
            f"nothing is pending: the database is at {at} and {target} comes no later; name a later one with --revision"
        )
    table = f"{schema}.{migrations.environment.version_table or 'alembic_version'}"
    return Pending(at or BASE, target, revisions, order, table, migrations)


def _refuse_broken(migrations: Migrations) -> None:
    for each in migrations.unreadable:
        raise PgproofError(f"the chain is broken: {each.reason}")
    seen: dict[str, str] = {}
    for revision in migrations.revisions:
        if revision.id in seen:
            raise PgproofError(f"the chain is broken: {seen[revision.id]} and {revision.line} are both {revision.id}")
        seen[revision.id] = str(revision.line)
    for revision in migrations.revisions:
        for name in (*revision.down_revisions, *revision.depends_on):
            if migrations.revision(name) is None:
                raise PgproofError(f"the chain is broken: {revision.id} follows {name}, and no file is that revision")
    if migrations.revisions and not migrations.heads:
        raise PgproofError("the chain is broken: its revisions follow each other in a circle")


def _target(migrations: Migrations, wanted: str) -> str:
    if wanted == HEAD:
        if len(migrations.heads) > 1:
            names = ", ".join(each.id for each in migrations.heads)
            raise PgproofError(f"the chain has several heads ({names}): merge them (alembic merge), or give --revision")
        return migrations.heads[0].id
    named = migrations.revision(wanted)
    found = [named] if named else [each for each in migrations.revisions if each.id.startswith(wanted)]
    if len(found) != 1:
        many = f"{len(found)} revisions begin with {wanted}" if found else f"there is no revision {wanted}"
        raise PgproofError(f"{many} in {migrations.location}: alembic history lists them")
    return found[0].id


def _position(source: ServerSource, environment: Environment) -> tuple[str, str | None]:
    """Return the schema of the version table and the revision in it; None for a database without any table."""
    name = environment.version_table or "alembic_version"
    with connect(source) as connection:
        row = connection.execute(
            "SELECT /* pgproof */ n.nspname FROM pg_catalog.pg_class c"
            " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = %s AND c.relkind IN ('r', 'p') AND (n.nspname = %s OR %s::text IS NULL)"
            " ORDER BY n.nspname <> current_schema()",
            (name, environment.version_table_schema, environment.version_table_schema),
        ).fetchone()
        if row is None:
            others = connection.execute(
                "SELECT /* pgproof */ FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
                " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%' LIMIT 1"
            ).fetchone()
            if others is not None:
                raise PgproofError(
                    f"{source} has tables and no table {name}, so nobody knows which revisions it has: alembic stamp "
                    "says it"
                )
            return environment.version_table_schema or "public", None
        schema = str(row[0])
        try:
            # Rolled back: what is read of a source leaves nothing behind.
            with connection.transaction(force_rollback=True):
                connection.execute("SET LOCAL statement_timeout = '5s'")
                versions = connection.execute(
                    sql.SQL("SELECT /* pgproof */ version_num FROM {}").format(sql.Identifier(schema, name))
                ).fetchall()
        except psycopg.Error as error:
            raise PgproofError(f"{schema}.{name} cannot be read: {error.diag.message_primary or error}") from None
    if len(versions) > 1:
        names = ", ".join(sorted(str(version) for (version,) in versions))
        raise PgproofError(f"{source} is at several revisions ({names}): merge them first (alembic merge)")
    return schema, str(versions[0][0]) if versions else None


def _ordered(migrations: Migrations, chosen: frozenset[str]) -> tuple[str, ...]:
    """Return revisions so that each comes after those it follows."""
    order: list[str] = []
    waiting = sorted(chosen)
    while waiting:
        for name in waiting:
            revision = migrations.revision(name)
            assert revision is not None
            before = {
                found.id
                for each in (*revision.down_revisions, *revision.depends_on)
                if (found := migrations.revision(each)) is not None
            }
            if before <= set(order):
                order.append(name)
                waiting.remove(name)
                break
        else:
            raise PgproofError("the chain is broken: its revisions follow each other in a circle")
    return tuple(order)
