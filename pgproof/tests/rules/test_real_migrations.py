"""What the rules of migrations say of a script is what PostgreSQL does when Alembic runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from pgproof.rules.discovery import all_rules
from pgproof.rules.rule import Example, Rule

_RULES = {rule.code: rule for rule in all_rules()}
_ENVIRONMENT = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
"""


def _examples(code: str, *without: str) -> list[Any]:
    rule: Rule = _RULES[code]
    marked = [(each, True) for each in rule.bad] + [(each, False) for each in rule.good]
    assert set(without) <= {each.name for each, _ in marked}
    return [pytest.param(each, bad, id=each.name) for each, bad in marked if each.name not in without]


@contextmanager
def _alembic(folder: Path, database: str, example: Example) -> Iterator[tuple[Config, psycopg.Connection[Any]]]:
    """The example's scripts, and its database with a row in t, as the connection that they get and another see it."""
    versions = folder / "versions"
    versions.mkdir()
    (folder / "env.py").write_text(_ENVIRONMENT, encoding="utf-8")
    for number, script in enumerate(example.scripts):
        (versions / f"{number}.py").write_text(script, encoding="utf-8")
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=sa.NullPool)
    with psycopg.connect(database, autocommit=True) as other, engine.connect() as connection:
        other.execute(example.sql.encode())
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.attributes["connection"] = connection
        yield config, other


def _notices(config: Config) -> list[str]:
    """Fills with what the server tells about the work of ALTER TABLE."""
    told: list[str] = []
    raw = config.attributes["connection"].connection.dbapi_connection
    raw.add_notice_handler(lambda notice: told.append(notice.message_primary))
    raw.autocommit = True
    raw.execute("SET client_min_messages = debug1")
    raw.autocommit = False
    return told


@pytest.mark.parametrize(
    ("example", "bad"),
    _examples(
        "MIG04",
        # Running them tells nothing: the partition is not there, the driver decides, another env.py is meant.
        "a partition detached",
        "after a COMMIT, where it depends on the driver",
        "a chain that shows that env.py does otherwise",
        "one that ran all the same",
        "a view refreshed, which may be in a transaction",
    ),
)
def test_concurrently_is_refused_where_the_rule_says_so(
    example: Example, bad: bool, database: str, tmp_path: Path
) -> None:
    with _alembic(tmp_path, database, example) as (config, other):
        other.execute("DROP TABLE IF EXISTS alembic_version")
        states = [_sqlstate(command.upgrade, config, "head")]
        if states == [None]:
            states.append(_sqlstate(command.downgrade, config, "base"))
    assert states[-1] == ("25001" if bad else None)


def _sqlstate(run: Callable[[Config, str], None], config: Config, revision: str) -> str | None:
    try:
        run(config, revision)
    except sa.exc.DBAPIError as error:
        return str(getattr(error.orig, "sqlstate", None))
    return None


@pytest.mark.parametrize(
    ("example", "bad"),
    _examples("MIG15", "another table is emptied", "it ran", "a table that nobody counted"),
)
def test_a_required_column_fails_where_the_rule_says_so(
    example: Example, bad: bool, database: str, tmp_path: Path
) -> None:
    with _alembic(tmp_path, database, example) as (config, _):
        if bad:
            with pytest.raises(sa.exc.IntegrityError):
                command.upgrade(config, "head")
        else:
            command.upgrade(config, "head")


@pytest.mark.parametrize(
    ("example", "bad"),
    _examples(
        "MIG06",
        "history, where the script says the old type",
        "a type that nobody knows the old one of",
        "a column that is not there",
        "a table that the same revision makes",
    ),
)
def test_a_table_is_written_anew_where_the_rule_says_so(
    example: Example, bad: bool, database: str, tmp_path: Path
) -> None:
    with _alembic(tmp_path, database, example) as (config, other):
        before = other.execute("SELECT pg_relation_filenode('t')").fetchone()
        other.execute("ALTER DATABASE " + other.info.dbname + " SET timezone = 'UTC'")
        command.upgrade(config, "head")
        after = other.execute("SELECT pg_relation_filenode('t')").fetchone()
    assert (before != after) is bad


_READS_ALL = ("verifying table", "validating foreign key constraint", "building index", "rewriting table")


@pytest.mark.parametrize(
    ("example", "bad"),
    _examples(
        "MIG05",
        "validated later",
        "validated in a block of its own",
        "both in a block",
        "another constraint validated",
        "history",
        "NOT NULL that was set",
        "an index that is taken over",
        "NOT NULL that a validated check proves, beside an index of its name",
        "a table that the same revision makes",
    ),
)
def test_all_rows_are_looked_at_where_the_rule_says_so(
    example: Example, bad: bool, database: str, tmp_path: Path
) -> None:
    with _alembic(tmp_path, database, example) as (config, _):
        told = _notices(config)
        command.upgrade(config, "head")
    # Alembic's own version table has a key.
    work = [each for each in told if each.startswith(_READS_ALL) and "alembic_version" not in each]
    assert bool(work) is bad, told


_TYPES = (
    "smallint", "integer", "bigint", "numeric", "numeric(10,2)", "numeric(12,2)", "numeric(12,3)", "numeric(8,2)",
    "real", "double precision", "text", "varchar", "varchar(10)", "varchar(20)", "boolean", "date", "timestamp",
    "timestamptz", "timestamp(3)", "timestamp(6)", "json", "jsonb", "uuid", "bytea", "time", "interval", "bit(3)",
    "inet", "cidr", "xml", "character(3)", "integer[]", "bigint[]", '"char"',
)  # fmt: skip


def test_no_change_of_type_is_said_to_rewrite_that_does_not(database: str) -> None:
    """The other way round nothing is promised: a rewrite that is not sure from the types is left to an experiment."""
    from pgproof.rules.migrations._types import rewrites

    claimed = 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for old in _TYPES:
            for new in _TYPES:
                connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (c {old})".encode())
                before = connection.execute("SELECT pg_relation_filenode('t')").fetchone()
                stored = connection.execute(
                    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
                    "WHERE attrelid = 't'::regclass AND attname = 'c'"
                ).fetchone()
                try:
                    connection.execute(f"ALTER TABLE t ALTER c TYPE {new} USING c::{new}".encode())
                except psycopg.errors.CannotCoerce:
                    continue
                rewritten = before != connection.execute("SELECT pg_relation_filenode('t')").fetchone()
                assert stored is not None
                for known in (old, stored[0]):
                    if rewrites(known, new):
                        claimed += 1
                        assert rewritten, (known, new)
    assert claimed > 100
