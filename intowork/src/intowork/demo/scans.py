"""Which of the platform's hot statements read a large table as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from intowork.performance.measuring import rendered
from intowork.performance.suites import Case

LARGE_TABLE_ROWS = 10_000


def full_scans(cases: Sequence[Case], url: str) -> tuple[str, ...]:
    """Return "case: table" for every statement of the platform whose plan scans a large table sequentially.

    Args:
        cases: those without a statement of the platform are left out.
        url: libpq URL of a loaded database with statistics.
    """
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        large = {
            name
            for (name,) in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
                "AND reltuples >= %s",
                (LARGE_TABLE_ROWS,),
            ).fetchall()
        }
        found = {
            f"{case.name}: {table}"
            for case in cases
            for request in case.ours
            for sent in [rendered(request)]
            for statement in sent.sql
            for table in _scanned(_plan(connection, statement, sent.parameters))
            if table in large
        }
    return tuple(sorted(found))


def _plan(connection: psycopg.Connection[Any], statement: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
    row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}".encode(), parameters).fetchone()
    assert row is not None
    plan: Mapping[str, Any] = row[0][0]["Plan"]
    return plan


def _scanned(plan: Mapping[str, Any]) -> Iterator[str]:
    if plan["Node Type"] == "Seq Scan":
        yield plan["Relation Name"]
    for child in plan.get("Plans", ()):
        yield from _scanned(child)
