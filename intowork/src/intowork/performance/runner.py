"""The performance test from a URL to a report."""

from __future__ import annotations

import datetime as dt
import os
import platform

from intowork.models import Base
from intowork.performance.concurrency import run_users
from intowork.performance.draws import SIZE, draw
from intowork.performance.measuring import Progress, time_case
from intowork.performance.report import VERSION, DatabaseSize, PerformanceReport
from intowork.performance.session import APPLICATION
from intowork.performance.suites import TABLES, suites
from intowork.performance.verify import verify_rules
from pgproof.errors import PgproofError
from pgproof.proof.measuring import Session, open_session


def run(
    url: str,
    against: str | None = None,
    *,
    iterations: int = 10,
    warmup: int = 1,
    concurrency: int | None = None,
    seed: int = 42,
    analysed: bool = True,
    progress: Progress = lambda name, done, total: None,
) -> PerformanceReport:
    """Verify the rules of a database, then measure every suite on it.

    Args:
        url: a libpq URL of the database.
        against: another database to measure the same draw on, interleaved.
        iterations: timed passes of the platform's statements over the draw.
        warmup: passes before them.
        concurrency: users at a time to end with, or None for no such run.
        seed: which draw.
        analysed: whether to time the analysed platform's statements as well, which takes minutes at scale.
        progress: is told the case that is measured, the cases done and all cases.

    Raises:
        PgproofError: a suite would measure an empty table, a statement fails, or there is no server.
    """
    taken_at = dt.datetime.now(dt.UTC)
    with open_session(url, APPLICATION) as session:
        rules = verify_rules(session, Base.metadata)
        _refuse_empty_tables(session)
        drawn = draw(session, seed)
    cases = suites(drawn)
    results = []
    for done, case in enumerate(cases):
        progress(f"{case.suite}: {case.name}", done, len(cases))
        results.append(time_case(case, url, against, iterations=iterations, warmup=warmup, analysed=analysed))
    progress("done", len(cases), len(cases))
    return PerformanceReport(
        version=VERSION,
        taken_at=taken_at,
        machine=f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}",
        seed=seed,
        draws=SIZE,
        iterations=iterations,
        database=_size(url),
        against=_size(against) if against is not None else None,
        rules=rules,
        cases=tuple(results),
        concurrency=run_users(url, cases, users=concurrency) if concurrency is not None else None,
    )


def _refuse_empty_tables(session: Session) -> None:
    """Stop before an empty table is measured and called fast.

    Raises:
        PgproofError: the message names the suite and the table.
    """
    for suite, tables in TABLES:
        for table in tables:
            if _value(session, f"SELECT to_regclass('public.{table}')") is None:
                raise PgproofError(f'Suite "{suite}" has no table {table} to measure; run intowork migrate first')
            if not _value(session, f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608 - a name from TABLES
                raise PgproofError(
                    f'Suite "{suite}" would measure the empty table {table}, which says nothing; '
                    "load data first (intowork seed)"
                )


def _size(url: str) -> DatabaseSize:
    with open_session(url, APPLICATION) as session:
        has_revision = _value(session, "SELECT to_regclass('public.alembic_version')") is not None
        revision = _value(session, "SELECT version_num FROM alembic_version") if has_revision else None
        tables = sorted({table for _, tables in TABLES for table in tables})
        return DatabaseSize(
            name=session.info.dbname,
            server_version=str(_value(session, "SHOW server_version")),
            revision=None if revision is None else str(revision),
            rows=tuple((table, _estimated_rows(session, table)) for table in tables),
        )


def _estimated_rows(session: Session, table: str) -> int:
    rows = _value(session, f"SELECT reltuples::bigint FROM pg_class WHERE oid = 'public.{table}'::regclass")  # noqa: S608
    assert isinstance(rows, int)
    return rows


def _value(session: Session, statement: str) -> object:
    row = session.execute(statement.encode()).fetchone()
    return None if row is None else row[0]
