"""Which types change in a moment, and what hangs on a column so that its type does not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.facts.read import read_facts
from pgproof.remedy.column_types import why_not_changed
from pgproof.server import Server

SCHEMA = """
    CREATE DOMAIN short AS varchar(5);
    CREATE TABLE plain (id int PRIMARY KEY, a varchar(5) UNIQUE, d short, shown varchar(5),
        c varchar(5) COLLATE "C");
    CREATE VIEW v AS SELECT shown FROM plain;
    CREATE TABLE checked (a varchar(5) CHECK (a <> ''), b varchar(5), n int);
    CREATE TABLE indexed (a varchar(5)); CREATE INDEX lowered ON indexed (lower(a));
    CREATE TABLE partial (a varchar(5), n int); CREATE INDEX few ON partial (n) WHERE a = 'x';
    CREATE TABLE generated (a varchar(5), b text GENERATED ALWAYS AS (a || 'x') STORED);
    CREATE TABLE ruled (a varchar(5)); CREATE POLICY p ON ruled USING (a = 'x');
    CREATE TABLE parted (a varchar(5)) PARTITION BY LIST (a); CREATE TABLE part PARTITION OF parted DEFAULT;
    CREATE TABLE large (a varchar(5), n int); INSERT INTO large SELECT 'a', n FROM generate_series(1, 15000) AS n;
"""


@pytest.fixture(scope="module")
def database(embedded_server: Server) -> Iterator[str]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield url


@pytest.fixture(scope="module")
def catalog(database: str) -> Catalog:
    with psycopg.connect(database) as connection:
        return read_facts(connection).catalog


@pytest.mark.parametrize(
    ("table", "column", "rewrites", "said"),
    [
        ("plain", "a", False, None),
        ("plain", "a", True, None),
        ("large", "a", False, None),
        ("checked", "b", False, None),
        ("large", "n", True, "it writes every row of large anew while everybody waits"),
        ("plain", "d", False, "its type is a domain"),
        ("plain", "c", False, "its collation C would be lost"),
        ("plain", "shown", False, "the view public.v would be made anew"),
        ("checked", "a", False, "the check checked_a_check, which reads every row,"),
        ("indexed", "a", False, "the index lowered, if its expressions"),
        ("partial", "a", False, "the index few, if its expressions"),
        ("generated", "a", False, "a generated column would be made anew"),
        ("ruled", "a", False, "a policy or a trigger would be made anew"),
        ("parted", "a", False, "partitions and inheriting tables"),
        ("part", "a", False, "partitions and inheriting tables"),
    ],
)
def test_it_changes_unless_something_hangs_on_it(
    catalog: Catalog, table: str, column: str, rewrites: bool, said: str | None
) -> None:
    found = catalog.named(QualifiedName("public", table))
    assert found is not None
    why = why_not_changed(catalog, found, found.column(column), rewrites=rewrites)
    assert why is None if said is None else why is not None and why.startswith(said)


def test_a_longer_varchar_and_text_leave_rows_and_indexes_where_they_are(database: str) -> None:
    files = "SELECT array_agg(pg_relation_filepath(c.oid) ORDER BY c.oid) FROM pg_class AS c WHERE c.relname ~ 'plain'"
    with psycopg.connect(database, autocommit=True) as connection:
        before = connection.execute(files).fetchone()
        for kind in ("varchar(9)", "varchar", "text"):
            connection.execute(f"ALTER TABLE plain ALTER COLUMN a TYPE {kind}".encode())
        assert connection.execute(files).fetchone() == before
        connection.execute("ALTER TABLE plain ALTER COLUMN a TYPE varchar(5)")
        assert connection.execute(files).fetchone() != before
