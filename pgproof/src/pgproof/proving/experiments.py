"""What a proof saw of each revision, for rules that need a run: files of tables, locks, rows, kills, the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import psycopg

from pgproof.facts.experiments import Failed, FromEmpty, Held, NotRerun, Rewritten, TakenBack, Written
from pgproof.proof.kills import wait_until_alone
from pgproof.proof.locks import HeldLock, LockWait
from pgproof.proving.copies import Copy, OwnedCopies
from pgproof.proving.killing import Killed, place_names
from pgproof.proving.pending import Pending
from pgproof.proving.round_trip import State, failure, one_described, read_state, rows_that_differ
from pgproof.proving.watched import SentStatement, Watched, masked

_TABLES = """
SELECT c.oid, n.nspname || '.' || c.relname, pg_relation_filenode(c.oid),
       pg_table_size(c.oid), pg_total_relation_size(c.oid),
       coalesce(s.n_tup_upd + s.n_tup_del, 0)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
WHERE c.relkind IN ('r', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
      AND n.nspname || '.' || c.relname <> %s
"""
_STAMP = re.compile(
    r"""\s*(?:update\s+.*?\bset\s+version_num\s*=|insert\s+into\s+.*?\(version_num\)\s*values\s*\()\s*'(?P<id>[^']+)'""",
    re.IGNORECASE | re.DOTALL,
)
"""How Alembic says that a revision is done."""
_UNSTAMP = re.compile(
    r"""\s*(?:update\s+.*?\bwhere\s+.*?|delete\s+from\s+.*?\bwhere\s+.*?)version_num\s*=\s*'(?P<id>[^']+)'""",
    re.IGNORECASE | re.DOTALL,
)
_CHANGES_ROWS = re.compile(r"\A\W*(?:update|delete|merge|with)\b", re.IGNORECASE)
_REWRITES = re.compile(r"\A\W*(?:alter|vacuum|cluster|refresh|truncate)\b", re.IGNORECASE)
_READS = re.compile(r"\A\W*(?:select|show|begin|commit|rollback|set|savepoint|release)\b", re.IGNORECASE)
_SLACK_SECONDS = 0.02
"""Between a statement and the sample that first sees its lock."""
_LEAVING_SECONDS = 10.0
_ONE_BY_ONE = 10
"""Revisions that are looked at one by one where their downgrade is not the way back: each costs a copy."""
_UNKNOWN = ("extension missing", "extension refused", "reaches elsewhere")
"""Failures that say something about the scratch server, and nothing about the chain."""

Direction: TypeAlias = Literal["upgrade", "downgrade"]
Sent: TypeAlias = tuple[SentStatement, str | None]
"""A statement with the revision that sent it."""


@dataclass(frozen=True)
class TableFile:
    """A table as a database keeps it.

    Attributes:
        node: of its file, another one when it is written anew.
        heap_bytes: without its indexes.
        changed: rows that were updated and deleted, as the server counts them.
    """

    name: str
    node: int
    heap_bytes: int
    total_bytes: int
    changed: int


def table_files(admin_url: str, version_table: str) -> dict[int, TableFile]:
    """Return the tables of a database by oid, when nobody else is at work in it: only then are the counters whole.

    Args:
        admin_url: of the database.
        version_table: schema and name of the table that is Alembic's own.
    """
    wait_until_alone(admin_url, _LEAVING_SECONDS)
    with psycopg.connect(admin_url, autocommit=True) as connection:
        return {row[0]: TableFile(*row[1:]) for row in connection.execute(_TABLES, (version_table,)).fetchall()}


def stamped(run: Watched, direction: Direction = "upgrade") -> tuple[str, ...]:
    """Return the revisions that a run says to have done, or taken back, in order."""
    pattern = _STAMP if direction == "upgrade" else _UNSTAMP
    return tuple(dict.fromkeys(match["id"] for each in run.statements if (match := pattern.match(each.sql))))


def by_revision(run: Watched, revisions: Sequence[str]) -> tuple[Sent, ...]:
    """Return the statements of an upgrade, each with the revision that sent it.

    What follows the last stamp of a run that failed is of the revision that comes next, where the order is sure.

    Args:
        run: of the upgrade.
        revisions: in the order in which they run.
    """
    done = [match["id"] if (match := _STAMP.match(each.sql)) else None for each in run.statements]
    found: list[Sent] = []
    current = _next(revisions, [each for each in done if each is not None]) if run.problem else None
    for statement, stamp in zip(reversed(run.statements), reversed(done), strict=True):
        current = stamp or current
        found.append((statement, current))
    return tuple(reversed(found))


def _next(revisions: Sequence[str], done: Sequence[str]) -> str | None:
    left = [each for each in revisions if each not in done]
    return left[0] if left else None


def failed(run: Watched, direction: Direction, revisions: Sequence[str]) -> Failed | None:
    """Return how a run failed; None where it did not.

    Args:
        run: of the migration.
        direction: in which it ran.
        revisions: in the order in which they are upgraded.
    """
    if not run.problem:
        return None
    order = revisions if direction == "upgrade" else tuple(reversed(revisions))
    last = next((each.sql for each in reversed(run.statements) if not _READS.match(each.sql)), None)
    return Failed(
        _next(order, stamped(run, direction)),
        direction,
        masked(last) if last else None,
        " ".join(run.problem.split()),
        failure(direction, run).name,
    )


def from_empty(built: Watched, revisions: Sequence[str]) -> FromEmpty:
    """Return whether a chain builds an empty database.

    Args:
        built: the run.
        revisions: of the chain, in order.
    """
    found = failed(built, "upgrade", revisions)
    if found is None:
        return FromEmpty(True)
    if found.kind in _UNKNOWN:
        return FromEmpty(None, found.said)
    return FromEmpty(False, found.said, found.revision)


def taken_back(revisions: tuple[str, ...], before: State, back: State) -> Iterator[TakenBack]:
    """Yield what a downgrade left otherwise than it was before the upgrade.

    Args:
        revisions: that ran.
        before: the upgrade.
        back: after the downgrade.
    """
    objects = tuple(map(one_described, before.catalog.difference(back.catalog)))
    rows = tuple(rows_that_differ(before.rows, back.rows))
    if objects or rows:
        yield TakenBack(revisions, objects, rows)


def one_by_one(
    copies: OwnedCopies, template: str, chain: Pending, run_to: Callable[[Copy, Direction, str], Watched]
) -> Iterator[TakenBack]:
    """Yield what each revision leaves otherwise, taken up and down alone on a copy that those before it migrated.

    Nothing where there is one alone, where they are many, or where their order is no single line.

    Args:
        copies: where they are made.
        template: of the database before all of them.
        chain: that is proven.
        run_to: takes a copy up or down to a revision.
    """
    if not 1 < len(chain.revisions) <= _ONE_BY_ONE or not chain.linear:
        return
    for previous, revision in pairwise((chain.start, *chain.revisions)):
        with copies.fresh(template) as copy:
            if previous != chain.start:
                run_to(copy, "upgrade", previous)
            before = read_state(copy.admin_url, chain.version_table)
            run_to(copy, "upgrade", revision)
            if not run_to(copy, "downgrade", previous).problem:
                yield from taken_back((revision,), before, read_state(copy.admin_url, chain.version_table))


def rewritten(
    before: Mapping[int, TableFile], after: Mapping[int, TableFile], sent: Sequence[Sent]
) -> Iterator[Rewritten]:
    """Yield tables with rows that have another file; one that was emptied, or made, is none.

    Args:
        before: the upgrade.
        after: it.
        sent: its statements with their revisions.
    """
    for oid, was in before.items():
        now = after.get(oid)
        if now is None or now.node == was.node or not was.heap_bytes or not now.heap_bytes:
            continue
        own = [each for each in sent if not _READS.match(each[0].sql) and _names(each[0].sql, was.name)]
        if own:
            # What writes rows alone makes no other file, however long it takes.
            writing = [each for each in own if _REWRITES.match(each[0].sql)] or own
            longest, revision = max(writing, key=lambda each: each[0].seconds)
            yield Rewritten(revision, was.name, now.total_bytes, masked(longest.sql), longest.seconds)
        else:
            yield Rewritten(_only(sent), was.name, now.total_bytes, None, None)


def written(before: Mapping[int, TableFile], after: Mapping[int, TableFile], sent: Sequence[Sent]) -> Iterator[Written]:
    """Yield tables from before with rows that were updated or deleted by statements that name them.

    Args:
        before: the upgrade.
        after: it.
        sent: its statements with their revisions.
    """
    for oid, was in before.items():
        rows = after[oid].changed - was.changed if oid in after else 0
        own = [each for each in sent if _CHANGES_ROWS.match(each[0].sql) and _names(each[0].sql, was.name)]
        if rows <= 0 or not own:
            continue
        longest, _ = max(own, key=lambda each: each[0].seconds)
        revisions = tuple(dict.fromkeys(revision for _, revision in own if revision is not None))
        yield Written(revisions, was.name, rows, len(own), masked(longest.sql), longest.seconds)


def held(
    locks: Sequence[HeldLock],
    waits: Sequence[LockWait] | None,
    tables: Collection[str],
    sent: Sequence[Sent],
) -> Iterator[Held]:
    """Yield the longest lock of each mode on each table from before, for each revision.

    Args:
        locks: that keep writers out.
        waits: of requests; None without traffic.
        tables: from before, schema and name.
        sent: statements of the same run with their revisions.
    """
    found: dict[tuple[str | None, str, str], Held] = {}
    for lock in locks:
        if lock.relation not in tables:
            continue
        under, revision = _under(lock, sent)
        waited = None if waits is None else max((w.waited_ms for w in waits if _meets(w, lock)), default=0.0)
        key = (revision, lock.relation, lock.mode)
        if key not in found or found[key].held_ms < lock.held_ms:
            found[key] = Held(*key, lock.held_ms, waited, masked(under) if under else None)
    yield from found.values()


def not_rerun(kills: Sequence[Killed], sent: Sequence[Sent]) -> Iterator[NotRerun]:
    """Yield kills after which the upgrade did not come to its end, each with the revision it was at.

    Args:
        kills: all there were.
        sent: statements of an undisturbed run with their revisions.
    """
    names = place_names([statement for statement, _ in sent])
    places: dict[str, str | None] = {}
    for name, (_, revision) in zip(names, sent, strict=True):
        if name is not None:
            places.setdefault(name, revision)
    for each in kills:
        if each.problem is not None:
            yield NotRerun(places.get(each.statement), each.statement, each.mode.value, each.problem)


def _under(lock: HeldLock, sent: Sequence[Sent]) -> tuple[str | None, str | None]:
    """The last statement before a lock was seen first, one that names its table before any other."""
    before = [
        each for each in sent if each[0].started <= lock.since <= each[0].started + each[0].seconds + _SLACK_SECONDS
    ]
    naming = [each for each in before if not _READS.match(each[0].sql) and _names(each[0].sql, lock.relation)]
    if not before:
        return None, _only(sent)
    statement, revision = (naming or before)[-1]
    return statement.sql, revision


def _meets(wait: LockWait, lock: HeldLock) -> bool:
    return (
        wait.relation == lock.relation
        and wait.since <= lock.since + lock.held_ms / 1000
        and lock.since <= wait.since + wait.waited_ms / 1000
    )


def _only(sent: Sequence[Sent]) -> str | None:
    """The revision, where there is one alone."""
    revisions = {revision for _, revision in sent if revision is not None}
    return revisions.pop() if len(revisions) == 1 else None


def _names(text: str, table: str) -> bool:
    """Whether a statement says the name of a table, with or without its schema."""
    name = re.escape(table.partition(".")[2])
    return re.search(rf"(?<![\w$]){name}(?![\w$])", text) is not None
