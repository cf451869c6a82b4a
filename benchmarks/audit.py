"""Measures reading generated schemas: time, statements and memory, beside SQLAlchemy's reflection of the same schema.

Run by `python -m benchmarks.audit`; each reading is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from intowork.demo.report import machine, versions
from pgproof.facts.read import read_facts
from pgproof.rules.checking import check
from pgproof.rules.discovery import all_rules
from pgproof.server import running_server

RESULTS = Path(__file__).parent / "results"
SIZES = (100, 1_000, 5_000)
TARGET_SECONDS = {100: 0.5, 1_000: 2.0, 5_000: 8.0}
TARGET_MEGABYTES = 300
TARGET_STATEMENTS = 30
RUNS = 5
LOCKS = "256"
"""max_locks_per_transaction: SQLAlchemy's reflection and the generated foreign keys lock each table."""


@dataclass(frozen=True)
class Measured:
    """One process that read a schema.

    Attributes:
        seconds: of each run, in order.
        check_seconds: that the rules took on the facts, without questions to the data; None for reflection.
        statements: sent for one reading, transaction control aside; None for reflection.
        peak_megabytes: resident, of the whole process with what it imports.
    """

    what: str
    tables: int
    seconds: tuple[float, ...]
    check_seconds: float | None
    statements: int | None
    peak_megabytes: float


class _Counting(psycopg.Cursor[Any]):
    """A cursor that counts what goes through it."""

    count = 0

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        _Counting.count += 1
        return super().execute(*args, **kwargs)


def make_schema(url: str, tables: int) -> None:
    """Make tables of ten columns with two rows, each with keys, a foreign key to another, a check and four indexes."""
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(tables):
            refers = f"REFERENCES t_{number // 2}" if number else ""
            connection.execute(
                f"CREATE TABLE t_{number} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                f" parent_id bigint {refers}, name text NOT NULL, email varchar(200) UNIQUE,"
                " status text DEFAULT 'new' CHECK (status <> ''),"
                " amount numeric(10, 2), created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz,"
                " note text, active boolean NOT NULL DEFAULT true);"
                f"CREATE INDEX ON t_{number} (parent_id); CREATE INDEX ON t_{number} (created_at) WHERE active;"
                f"INSERT INTO t_{number} (name, email) VALUES ('a', 'b'), ('c', 'd')".encode()
            )
        connection.execute("ANALYZE")


def read(url: str, tables: int) -> Measured:
    """Read facts several times, then let every rule look at them once."""
    seconds = []
    facts = None
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.cursor_factory = _Counting
        for _ in range(RUNS):
            # Facts of the run before would count towards the peak of this one.
            facts = None
            _Counting.count = 0
            started = time.perf_counter()
            facts = read_facts(connection)
            seconds.append(time.perf_counter() - started)
    assert facts is not None
    # Rules are asked without answers to their questions: what is measured is the catalog.
    rules = all_rules()
    started = time.perf_counter()
    check(rules, facts)
    return Measured(
        "pgproof facts", tables, tuple(seconds), time.perf_counter() - started, _Counting.count, _peak_megabytes()
    )


def reflect(url: str, tables: int) -> Measured:
    """Reflect the schema with SQLAlchemy, several times."""
    from sqlalchemy import MetaData, create_engine

    seconds = []
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    for _ in range(RUNS):
        started = time.perf_counter()
        MetaData().reflect(engine)
        seconds.append(time.perf_counter() - started)
    engine.dispose()
    return Measured("MetaData.reflect", tables, tuple(seconds), None, None, _peak_megabytes())


def _peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(sizes: Sequence[int]) -> tuple[str, tuple[Measured, ...]]:
    """Measure each size on a server of our own; return the server's version and what was measured."""
    found = []
    with running_server(settings={"fsync": "off", "max_locks_per_transaction": LOCKS}) as server:
        for tables in sizes:
            with server.scratch_database() as url:
                make_schema(url, tables)
                for what in ("read", "reflect"):
                    found.append(_in_a_process(what, url, tables))
                    print(f"{found[-1].what}, {tables} tables: {min(found[-1].seconds):.2f} s", file=sys.stderr)
        return server.version, tuple(found)


def _in_a_process(what: str, url: str, tables: int) -> Measured:
    command = [sys.executable, "-m", "benchmarks.audit", "--process", what, "--url", url, "--tables", str(tables)]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return Measured(**{**answer, "seconds": tuple(answer["seconds"])})


def to_markdown(version: str, found: Sequence[Measured]) -> str:
    """Return the results as a document; a target that was missed says by how much."""
    lines = ["# Reading a schema", "", f"{machine()}; PostgreSQL {version}.", ""]
    lines += ["Ten columns, four indexes, one foreign key, one check and one identity a table; median of "]
    lines[-1] += f"{RUNS} runs in one process, and its peak memory with everything it imports."
    titles = ("what", "tables", "median (s)", "fastest", "slowest", "rules (s)", "statements", "peak (MB)", "verdict")
    rows = [titles, ("---",) * len(titles), *(_row(each) for each in found)]
    return "\n".join([*lines, "", *(f"| {' | '.join(row)} |" for row in rows), ""])


def _row(each: Measured) -> tuple[str, ...]:
    median = sorted(each.seconds)[len(each.seconds) // 2]
    return (
        each.what,
        f"{each.tables:,}",
        f"{median:.2f}",
        f"{min(each.seconds):.2f}",
        f"{max(each.seconds):.2f}",
        "" if each.check_seconds is None else f"{each.check_seconds:.2f}",
        "" if each.statements is None else str(each.statements),
        f"{each.peak_megabytes:.0f}",
        _verdict(each, median),
    )


def _verdict(each: Measured, median: float) -> str:
    if each.statements is None:
        return ""
    missed = []
    target = TARGET_SECONDS.get(each.tables)
    if target is not None and median + (each.check_seconds or 0) >= target:
        missed.append(f"time missed by {median + (each.check_seconds or 0) - target:.2f} s")
    if each.peak_megabytes >= TARGET_MEGABYTES:
        missed.append(f"memory missed by {each.peak_megabytes - TARGET_MEGABYTES:.0f} MB")
    if each.statements > TARGET_STATEMENTS:
        missed.append(f"statements missed by {each.statements - TARGET_STATEMENTS}")
    return "; ".join(missed) or "held"


def main() -> None:
    """Measure every size and write results/audit.json and .md; or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--process", choices=("read", "reflect"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--tables", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.process:
        one = {"read": read, "reflect": reflect}[options.process](options.url, options.tables)
        print(json.dumps(dataclasses.asdict(one)))
        return
    version, found = measure(options.sizes)
    document = {
        "machine": machine(),
        "versions": versions(version),
        "measured": [dataclasses.asdict(each) for each in found],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "audit.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "audit.md").write_text(to_markdown(version, found), encoding="utf-8")
    print(to_markdown(version, found))


if __name__ == "__main__":
    main()
