"""Which of the platform's hot statements read a large table as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from intowork.performance.measuring import rendered
from intowork.performance.suites import Case

LARGE_TABLE_ROWS = 10_000
READ_SHARE = 0.9


def full_scans(cases: Sequence[Case], url: str) -> tuple[str, ...]:
    """Return "case: table" for every statement of the platform that reads a large table to its end sequentially.

    The statements run once: a sequential scan below a LIMIT may stop after a few rows, which only running it tells.

    Args:
        cases: those without a statement of the platform are left out.
        url: libpq URL of a loaded database with statistics.
    """
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        rows: dict[str, float] = dict(
            connection.execute(
                "SELECT relname, reltuples FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND reltuples >= %s",
                (LARGE_TABLE_ROWS,),
            ).fetchall()
        )
        found = {
            f"{case.name}: {scan.table}"
            for case in cases
            for request in case.ours
            for sent in [rendered(request)]
            for statement in sent.sql
            for scan in _scans(_plan(connection, statement, sent.parameters))
            if scan.rows_read >= READ_SHARE * rows.get(scan.table, math.inf)
        }
    return tuple(sorted(found))


@dataclass(frozen=True)
class _Scan:
    """A sequential scan and the rows that it read, filtered ones included."""

    table: str
    rows_read: float


def _plan(connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
    row = connection.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}".encode(), parameters).fetchone()
    assert row is not None
    plan: Mapping[str, Any] = row[0][0]["Plan"]
    return plan


def _scans(plan: Mapping[str, Any]) -> Iterator[_Scan]:
    if plan["Node Type"] == "Seq Scan":
        yield _Scan(plan["Relation Name"], plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    for child in plan.get("Plans", ()):
        yield from _scans(child)
