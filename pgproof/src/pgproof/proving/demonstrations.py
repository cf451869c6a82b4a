"""Faults that a migration mends, shown before and after: the race that inserted duplicates, the delete that scanned,
the query that never ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import psycopg
from psycopg import sql

from pgproof.audit import Audit
from pgproof.facts.catalog import Catalog, Constraint, QualifiedName, Table
from pgproof.facts.model import Facts
from pgproof.proof.measuring import TIMING, Session, open_session
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.verdicts import Scan
from pgproof.reproduce.replay import replay
from pgproof.reproduce.rows import NotReproducedError
from pgproof.rules.checking import check
from pgproof.rules.counter_examples import Saturation
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding

_ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1::bigint UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
_NO_TIMEOUT = "CFG03"
_LONGEST_LIMIT_MS = 5_000
"""A longer limit is shortened, so that nobody sits it out."""
_SHORTENED_MS = 1_000
_LONGER_MS = 1_000
"""So much longer than the limit the query runs where there is none."""
_TRIES = 50
"""Rows of a parent that are tried: one whose children keep it from going is no measure."""


@dataclass(frozen=True)
class Demonstration:
    """A fault that was seen before, and no longer after what mends it.

    Attributes:
        rule: whose finding it is.
        fingerprint: of the finding.
        before: what was seen, in a sentence.
        after: the same steps afterwards.
        steps: what the sessions did before, each with what the server said.
        mended_by: the migration, or the engine_config.py that `pgproof report` writes.
    """

    rule: str
    fingerprint: str
    message: str
    before: str
    after: str
    steps: tuple[str, ...]
    mended_by: Literal["migration", "engine_config.py"] = "migration"


def replayable(audit: Audit) -> tuple[Finding, ...]:
    """Return the findings of a copy whose fault can be shown happening on another copy of it."""
    return tuple(
        each
        for each in audit.findings
        if each.counter_example is not None and not isinstance(each.counter_example, Saturation)
    )


def demonstrate(
    findings: Sequence[Finding],
    copies: OwnedCopies,
    templates: tuple[str, str],
    catalogs: tuple[Catalog, Catalog],
    told: Callable[[int, int], None],
) -> Iterator[Demonstration]:
    """Yield the faults that are shown on a copy as it was, and on one after the migration are not.

    Args:
        findings: with counter-examples.
        copies: where both copies are made; they are written to.
        templates: of the database before, and after.
        catalogs: of both.
        told: how many of how many are done.
    """
    with copies.fresh(templates[0]) as one, copies.fresh(templates[1]) as other:
        for done, finding in enumerate(findings):
            told(done, len(findings))
            assert finding.counter_example is not None
            assert not isinstance(finding.counter_example, Saturation)
            try:
                before = replay(one.url, catalogs[0], finding.counter_example)
                if not before.shown:
                    continue
                after = replay(other.url, catalogs[1], finding.counter_example)
            except (NotReproducedError, psycopg.Error, KeyError):
                continue
            if not after.shown:
                steps = tuple(f"{step.session}: {step.statement} ({step.outcome})" for step in before.steps)
                yield Demonstration(
                    finding.rule, finding.fingerprint, finding.message, before.verdict, after.verdict, steps
                )


@dataclass(frozen=True)
class Endless:
    """A query that never ends, and what came of it.

    Attributes:
        milliseconds: that it ran.
        cancelled: by the server; we ended it otherwise.
    """

    milliseconds: float
    cancelled: bool


def statement_limit(url: str) -> int:
    """Return the statement_timeout that a session begins with, in milliseconds; 0 for none."""
    with open_session(url, TIMING) as session:
        row = session.execute("SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'").fetchone()
    assert row is not None
    return int(row[0])


def endless_query(source: Facts, before: int, before_url: str, after_url: str) -> Demonstration | None:
    """Return the query that never ended and is cancelled now; None where it ended before or does not now.

    Args:
        source: facts of the database that is copied, whose roles and server may limit statements already.
        before: statement_timeout of a session of the copy as it was, in milliseconds.
        before_url: of the copy as it was.
        after_url: of the migrated one itself: settings of a role in a database are no part of a copy of it.
    """
    limit = statement_limit(after_url)
    rules = [rule for rule in all_rules() if rule.code == _NO_TIMEOUT]
    finding = next(iter(check(rules, source).findings), None)
    if finding is None or before or not limit:
        return None
    used = _SHORTENED_MS if limit > _LONGEST_LIMIT_MS else limit
    without = _run_endless(before_url, 0, used + _LONGER_MS)
    within = _run_endless(after_url, used, used + _LONGER_MS)
    if without.cancelled or not within.cancelled:
        return None
    shortened = f", shortened from {limit / 1000:g} s so that nobody sits it out" if used != limit else ""
    return Demonstration(
        finding.rule,
        finding.fingerprint,
        finding.message,
        f"a query that never ends still ran after {without.milliseconds / 1000:.1f} s, and no statement_timeout would "
        "have ended it",
        f"a statement_timeout of {used / 1000:g} s{shortened} ended it after {within.milliseconds / 1000:.1f} s",
        (
            "A: SHOW statement_timeout (0)",
            f"A: {_ENDLESS} (still running after {without.milliseconds / 1000:.1f} s)",
        ),
    )


def _run_endless(url: str, limit: int, patience: int) -> Endless:
    """Run it with a limit in milliseconds, and end it after so many if the server does not."""
    with open_session(url, TIMING) as session:
        session.execute(sql.SQL("SET statement_timeout = {}").format(sql.Literal(limit)))
        given_up = threading.Event()

        def give_up() -> None:
            given_up.set()
            session.cancel()

        ours = threading.Timer(patience / 1000, give_up)
        started = time.perf_counter()
        ours.start()
        with suppress(psycopg.errors.QueryCanceled):
            session.execute(_ENDLESS)
        taken = (time.perf_counter() - started) * 1000
        cancelled = not given_up.is_set()
        ours.cancel()
        ours.join()
    return Endless(taken, cancelled)


def scans_of_children(
    before_url: str, after_url: str, before: Catalog, tables: Sequence[QualifiedName]
) -> tuple[Scan, ...]:
    """Return what deleting one parent row reads of the tables that refer to it, before and after.

    Args:
        before_url: of a copy as it was.
        after_url: of one after the migration.
        before: the catalog of the first.
        tables: whose foreign keys are tried.
    """
    found = []
    with open_session(before_url, TIMING) as one, open_session(after_url, TIMING) as other:
        for name in tables:
            child = before.named(name)
            for key in child.foreign_keys if child is not None else ():
                parent = before.table(key.referenced) if key.referenced is not None else None
                if child is None or parent is None or child.kind != "table":
                    continue
                values = _deletable(one, parent, key, child)
                seen = [_scanned(session, parent, key, child, values) for session in (one, other)] if values else []
                if len(seen) == 2 and None not in seen:
                    (scans, rows), (scans_after, rows_after) = (each for each in seen if each is not None)
                    found.append(
                        Scan(
                            key.name,
                            str(parent.qualified_name),
                            str(child.qualified_name),
                            scans,
                            scans_after,
                            rows,
                            rows_after,
                        )
                    )
    return tuple(found)


def _deletable(session: Session, parent: Table, key: Constraint, child: Table) -> tuple[object, ...] | None:
    """The key of a row of the parent that can be deleted: one that no row refers to, if there is any."""
    columns = sql.SQL(", ").join(sql.Identifier("p", name) for name in key.referenced_columns)
    refers = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier("c", name), sql.Identifier("p", referenced))
        for name, referenced in zip(key.columns, key.referenced_columns, strict=True)
    )
    parents, children = sql.Identifier(parent.schema, parent.name), sql.Identifier(child.schema, child.name)
    rows = session.execute(
        sql.SQL(
            "(SELECT {columns} FROM {parents} p"
            " WHERE NOT EXISTS (SELECT FROM {children} c WHERE {refers}) LIMIT {tries})"
            " UNION ALL (SELECT {columns} FROM {parents} p LIMIT {tries})"
        ).format(columns=columns, parents=parents, children=children, refers=refers, tries=sql.Literal(_TRIES))
    ).fetchall()
    for row in rows:
        try:
            with session.transaction(force_rollback=True):
                session.execute("SET LOCAL statement_timeout = '5s'")
                session.execute(_delete(parent, key), row)
        except psycopg.Error:
            continue
        return tuple(row)
    return None


def _scanned(
    session: Session, parent: Table, key: Constraint, child: Table, values: tuple[object, ...]
) -> tuple[int, int] | None:
    """Full scans of the child, and rows that they and its indexes read, for one delete of a parent."""
    # By its name, since the migrated copy may have made the table anew.
    count = (
        "SELECT coalesce(sum(seq_scan), 0)::int, coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint"
        " FROM pg_stat_xact_user_tables WHERE schemaname = %s AND relname = %s"
    )
    try:
        with session.transaction(force_rollback=True):
            before = session.execute(count, (child.schema, child.name)).fetchone()
            session.execute(_delete(parent, key), values)
            after = session.execute(count, (child.schema, child.name)).fetchone()
    except psycopg.Error:
        return None
    assert before is not None
    assert after is not None
    return int(after[0] - before[0]), int(after[1] - before[1])


def _delete(parent: Table, key: Constraint) -> sql.Composed:
    condition = sql.SQL(" AND ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder()) for name in key.referenced_columns
    )
    return sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(parent.schema, parent.name), condition)
