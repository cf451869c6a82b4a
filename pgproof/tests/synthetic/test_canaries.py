"""No value of the source's rows is in a synthetic copy, nor in a file that is written on the way."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from pgproof.facts.read import read_facts
from pgproof.proof.scratch import scratch_copy
from pgproof.server import Server
from pgproof.synthetic.shapes import moved_bounds, read_shapes

VALUES = {
    "text": "'Wilhelmina Canary'",
    "varchar(40)": "'wilhelmina@canary.example'",
    "char(20)": "'Canaryfixed'",
    "name": "'Canaryname'",
    "citext": "'CanaryCi'",
    "int4": "86753091",
    "int8": "8675309424242",
    "numeric": "8675309.4242",
    "numeric(14,2)": "86753094.25",
    "float8": "8675309.4242",
    "money": "8675309.42",
    "date": "'1923-04-05'",
    "timestamp": "'1923-04-05 06:07:08.675309'",
    "timestamptz": "'1923-04-05 06:07:08.675309+00'",
    "time": "'06:07:08.675309'",
    "interval": "'8675309 seconds'",
    "uuid": "'c0ffee00-cafe-4bad-8bad-c0ffeec0ffee'",
    "inet": "'203.0.113.77'",
    "cidr": "'203.0.113.0/24'",
    "macaddr": "'c0:ff:ee:c0:ff:ee'",
    "bytea": "'\\xc0ffeec0ffee'",
    "json": """'{"name": "JsonCanary"}'""",
    "jsonb": """'{"name": "JsonbCanary"}'""",
    "text[]": "ARRAY['Canary in a list']",
    "int4[]": "ARRAY[86753092]",
    "date[]": "ARRAY[date '1923-04-06']",
    "tsvector": "'canaryword'",
    "int4range": "int4range(86753093, 86753095)",
    "point": "point(8675309, 8675310)",
    "hstore": "'name=>HstoreCanary'",
}
TRACES = r"canary|(?<![\d.])8675309|8,675,309|1923-04-0[56]|06:07:08\.675309|2409:48:29|c0ffee|c0:ff:ee|203\.0\.113"
"""What gives each of them away, and does not come up by chance."""
NAMED = " ".join(f"c{number} {kind}," for number, kind in enumerate(VALUES)).rstrip(",")
ROWS = ", ".join(VALUES.values())
SHAPES = {
    # The same in every row, in a third of them, in one that is far from all others, and never twice.
    "constant": "true",
    "frequent": "n % 3 = 0",
    "lonely": "n = 7",
}


def source_of_canaries(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION citext; CREATE EXTENSION hstore")
        for table, condition in SHAPES.items():
            columns = ", ".join(
                f"CASE WHEN {condition} THEN {value}::{kind} {other(kind)} END" for kind, value in VALUES.items()
            )
            connection.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, {NAMED})".encode())
            listed = ", ".join(f"c{number}" for number in range(len(VALUES)))
            connection.execute(
                f"INSERT INTO {table} ({listed}) SELECT {columns} FROM generate_series(1, 300) n".encode()
            )
        connection.execute("VACUUM ANALYZE")


def other(kind: str) -> str:
    """Ordinary values of the types whose histogram then has the canary at its end."""
    others = {
        "int4": "n + 20000",
        "int8": "n + 20000",
        "numeric": "n * 1.25 + 20000",
        "numeric(14,2)": "n * 1.25",
        "float8": "n * 1.25",
        "date": "date '2020-01-01' + n",
        "timestamp": "timestamp '2020-01-01' + n * interval '1 h'",
        "timestamptz": "timestamptz '2020-01-01' + n * interval '1 h'",
        "text": "'plain ' || n",
    }
    return f"ELSE ({others[kind]})::{kind}" if kind in others else ""


def test_no_value_of_a_row_reaches_the_copy_or_a_file(
    database: str, scratch: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source_of_canaries(database)
    seen: list[str] = []

    def files(part: str, done: int, total: int) -> None:
        for archive in tmp_path.glob("pgproof-*/*.dump"):
            assert archive.parent.stat().st_mode & 0o077 == 0
            restore = scratch.binaries.directory / "pg_restore"
            text = subprocess.run([restore, "-f", "-", archive], capture_output=True, text=True, check=False).stdout
            seen.append(text)

    with scratch_copy(database, scratch, "synthetic", 2, files) as made:
        program = scratch.binaries.directory / "pg_dump"
        dumped = subprocess.run(
            [program, "--dbname", made.admin_url], capture_output=True, text=True, check=True
        ).stdout
        with psycopg.connect(made.url) as copy:
            assert copy.execute("SELECT count(*), count(c0) FROM frequent").fetchone() == (600, 600)
            rows = copy.execute("SELECT c18 FROM constant LIMIT 1").fetchone()
            assert rows is not None
            assert rows[0] is not None, "values are made, not left out"
    assert any("CREATE TABLE" in text for text in seen)
    assert not list(tmp_path.iterdir()), "nothing is left"
    for text in (dumped, *seen):
        # The tables themselves are named by the schema; no name here is like a canary.
        found = [line for line in text.splitlines() if matches(line)]
        assert not found, found[:3]


def matches(line: str) -> bool:
    return re.search(TRACES, line, re.IGNORECASE) is not None


def test_the_traces_would_be_found(database: str, scratch: Server) -> None:
    source_of_canaries(database)
    program = scratch.binaries.directory / "pg_dump"
    dumped = subprocess.run([program, "--dbname", database], capture_output=True, text=True, check=True).stdout
    (constant,) = [line for line in dumped.splitlines() if line.startswith("7\t") and "Wilhelmina" in line][:1]
    missed = [value for value in constant.split("\t")[1:] if not matches(value)]
    assert not missed


def test_shapes_hold_no_text_but_the_schemas_own(embedded_database: str) -> None:
    source_of_canaries(embedded_database)
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        facts = read_facts(connection)
        shapes = read_shapes(connection, frozenset({"plain 1"}))
    assert len(shapes) >= 3 * (len(VALUES) - 3)
    assert not matches(str(shapes))
    assert not matches(facts.catalog.tables[0].name)


@pytest.mark.parametrize("bounds", [(1.0, 2.0), (5.0, 6.0, 7.0, 900.0), tuple(float(n * n) for n in range(50))])
def test_no_bound_stays_where_it_was(bounds: tuple[float, ...]) -> None:
    moved = moved_bounds(bounds, "salt")
    assert not set(moved) & set(bounds)
    assert list(moved) == sorted(moved)
    assert bounds[0] <= moved[0] <= moved[-1] <= bounds[-1]
