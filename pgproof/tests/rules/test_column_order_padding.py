"""What TYP10 calls saved is what the server saves."""

from __future__ import annotations

import psycopg
import pytest

from pgproof.facts.read import read_facts
from pgproof.rules.finding import Finding
from pgproof.rules.types.column_order_padding import check

TYPES = {
    "boolean": "true",
    "smallint": "1",
    "int": "1",
    "bigint": "1",
    "timestamptz": "now()",
    "uuid": "gen_random_uuid()",
}


@pytest.mark.parametrize(
    "types",
    [
        ("boolean", "bigint", "boolean", "bigint"),
        ("boolean", "timestamptz", "int", "bigint", "smallint", "bigint"),
        ("smallint", "uuid", "bigint", "boolean", "int", "boolean", "bigint"),
    ],
)
def test_rows_in_the_order_proposed_are_shorter_by_so_many_bytes(database: str, types: tuple[str, ...]) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(_table("given", types).encode())
        (finding,) = check(read_facts(connection))
        assert isinstance(finding, Finding)
        assert finding.remedy is not None
        order = finding.remedy.summary.rpartition(": ")[2].rstrip(".").split(", ")
        connection.execute(_table("ordered", tuple(types[int(name[1:])] for name in order)).encode())
        before, after = _row_bytes(connection, "given"), _row_bytes(connection, "ordered")
    assert before > after
    assert f"Each row is {before - after} bytes longer" in finding.consequence


def _table(name: str, types: tuple[str, ...]) -> str:
    columns = ", ".join(f"c{number} {kind} NOT NULL" for number, kind in enumerate(types))
    values = ", ".join(TYPES[kind] for kind in types)
    return f'CREATE TABLE "{name}" ({columns}); INSERT INTO "{name}" VALUES ({values})'


def _row_bytes(connection: psycopg.Connection[tuple[object, ...]], name: str) -> int:
    """The row with its header, up to the next multiple of 8, where the next one begins."""
    row = connection.execute(f'SELECT pg_column_size(t) FROM "{name}" AS t'.encode()).fetchone()
    assert row is not None
    length = int(str(row[0]))
    return length + -length % 8
