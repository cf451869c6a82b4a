"""Whether each operation of a migration is worth having: by what was measured, and by the rules it makes hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pgproof.facts.catalog import QUARANTINE_SCHEMA, Catalog, Constraint, Index, Table
from pgproof.proving.changes import Change, Cost
from pgproof.proving.load import LONGEST_WAIT_MS
from pgproof.proving.measuring import Measured

Word = Literal["helps", "integrity", "no-effect", "harms"]
_MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Verdict:
    """What an operation is worth, and why in a sentence."""

    word: Word
    why: str


@dataclass(frozen=True)
class Scan:
    """What deleting a parent reads of a table that refers to it.

    Attributes:
        constraint: the foreign key.
        parent: schema and name.
        child: schema and name.
        before: full scans of the child for one delete.
        after: the same after the migration.
        rows_before: rows of the child that were read.
        rows_after: the same after the migration.
    """

    constraint: str
    parent: str
    child: str
    before: int
    after: int
    rows_before: int
    rows_after: int

    @property
    def mended(self) -> bool:
        """Whether the delete scanned the child and no longer does."""
        return self.before > 0 and self.after == 0


@dataclass(frozen=True)
class Shown:
    """What verdicts rest on."""

    before: Catalog
    after: Catalog
    measured: Sequence[Measured]
    scans: Sequence[Scan]


def judge(change: Change, cost: Cost, shown: Shown) -> Verdict:
    """Return what an operation is worth.

    Args:
        change: the operation.
        cost: what it took.
        shown: what was measured.
    """
    blocked = max((max(each.waited_ms, each.held_ms) for each in cost.locks), default=0.0)
    if blocked > LONGEST_WAIT_MS and not (change.kind == "table" and change.how == "create"):
        worst = max(cost.locks, key=lambda each: max(each.waited_ms, each.held_ms))
        return Verdict(
            "harms",
            f"it held {worst.mode} on {worst.relation} for {worst.held_ms:.0f} ms, which keeps writers out "
            f"(the longest wait of a request: {worst.waited_ms:.0f} ms)",
        )
    if change.kind == "index":
        return _of_index(change, shown)
    if change.kind == "constraint":
        return _of_constraint(change, shown)
    if change.kind == "column":
        return _of_column(change, shown)
    broken = [each for each in shown.measured if each.error is not None]
    if (
        change.how == "drop"
        and change.table is not None
        and any(change.table in each.statement.tables for each in broken)
    ):
        return Verdict("harms", f"statements of the workload need it: {_listed(broken)}")
    if change.title.startswith("create ") and _keeps_refused_rows(change):
        return Verdict("integrity", "it keeps the rows that a new rule refuses, so that the way back has them")
    if change.kind == "table":
        return Verdict("no-effect", "a table comes or goes; no statement of the workload is faster or slower for it")
    return Verdict("no-effect", "no statement of the workload can show what it does")


def _keeps_refused_rows(change: Change) -> bool:
    if change.table is not None:
        return change.table.schema == QUARANTINE_SCHEMA
    return change.name == f"schema {QUARANTINE_SCHEMA}"


def _of_index(change: Change, shown: Shown) -> Verdict:
    index, name = change.index, change.qualified_index
    assert index is not None
    assert name is not None
    if change.how == "drop":
        return _of_dropped_index(change, name, index, shown)
    using = [each for each in shown.measured if each.uses(name)]
    slower = [each for each in using if each.slower]
    if slower:
        return Verdict("harms", f"slower since they read it: {_listed(slower)}")
    faster = [each for each in using if each.faster]
    if index.unique:
        more = f"; {_listed(faster)}" if faster else ""
        return Verdict("integrity", f"it makes its columns unique{more}")
    if faster:
        return Verdict("helps", _listed(faster))
    supported = _supported(change, index, shown.after, shown.before)
    if supported is not None:
        scan = next((each for each in shown.scans if each.constraint == supported.name and each.mended), None)
        seen = (
            f": a deleted row of {scan.parent} read {scan.rows_before} rows of {scan.child} and reads {scan.rows_after}"
            if scan
            else ", which nothing supported before"
        )
        return Verdict("integrity", f"it supports the foreign key {supported.name}{seen}")
    if not shown.measured:
        return Verdict("no-effect", "no workload was given or seen, so no statement shows that it helps")
    if using:
        return Verdict(
            "no-effect", f"none of the measured statements that read it ({len(using)}) is faster for it beyond noise"
        )
    return Verdict("no-effect", f"none of the {len(shown.measured)} measured statements reads it")


def _of_dropped_index(change: Change, name: str, index: Index, shown: Shown) -> Verdict:
    slower = [each for each in shown.measured if each.used(name) and (each.slower or each.error)]
    if slower:
        return Verdict("harms", f"slower without it: {_listed(slower)}")
    if index.unique and _still_unique(change, index, shown.after) is None:
        return Verdict("harms", "its columns are no longer unique")
    freed = f"{(index.bytes or 0) / _MEGABYTE:.1f} MB and a write of each row less"
    used = any(each.used(name) for each in shown.measured)
    return Verdict("helps", f"{freed}; " + ("what read it is no slower" if used else "no measured statement read it"))


def _of_constraint(change: Change, shown: Shown) -> Verdict:
    constraint = change.constraint
    assert constraint is not None
    if change.how == "drop":
        same = _same_rule(change, constraint, shown)
        if same is not None:
            return Verdict("helps", f"{same} says the same: each row is checked once less")
        return Verdict("harms", f"the {constraint.kind} {constraint.name} no longer holds")
    if not constraint.validated:
        return Verdict("integrity", "it holds for new rows; those that are there were not validated")
    what = {"foreign key": "references hold", "check": "rows keep it"}.get(constraint.kind, "rows are told apart by it")
    return Verdict("integrity", f"{what} from now on, and all rows that are there keep it")


def _of_column(change: Change, shown: Shown) -> Verdict:
    if change.how == "drop" or "type " in change.detail:
        broken = [each for each in shown.measured if each.error is not None and change.table in each.statement.tables]
        if broken:
            return Verdict("harms", f"statements of the workload no longer run: {_listed(broken)}")
    if "not null" in change.detail.split(", "):
        return Verdict("integrity", "the column always has a value")
    return Verdict("no-effect", "no statement of the workload is faster or slower for it")


def _still_unique(change: Change, index: Index, after: Catalog) -> str | None:
    """The name of an index that keeps the columns of a dropped one unique, for every row that it was unique for."""
    table = after.named(change.table) if change.table is not None else None
    for each in table.indexes if table is not None and None not in index.columns else ():
        same_rows = not each.partial or each.predicate == index.predicate
        # Of a NULL, a rule that takes them as equal says more.
        as_strict = each.nulls_not_distinct or not index.nulls_not_distinct
        if each.unique and each.usable and same_rows and as_strict and set(each.columns) <= set(index.columns):
            return each.name
    return None


def _same_rule(change: Change, constraint: Constraint, shown: Shown) -> str | None:
    """The name of what demands the same of every row after a constraint was dropped; None where nothing does."""
    if change.index is not None and constraint.kind in ("unique", "primary key"):
        # A primary key also refuses NULL, which no other rule is looked at for.
        return _still_unique(change, change.index, shown.after) if constraint.kind == "unique" else None
    table = shown.after.named(change.table) if change.table is not None else None
    if table is None or constraint.kind != "foreign key":
        return None
    for each in table.foreign_keys:
        if each.enforced and _reference(each, shown.after) == _reference(constraint, shown.before):
            return each.name
    return None


def _reference(key: Constraint, catalog: Catalog) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """What a foreign key refers to, and by which columns, in whatever order they are named."""
    table = catalog.table(key.referenced) if key.referenced is not None else None
    if table is None:
        return None
    return str(table.qualified_name), tuple(sorted(zip(key.columns, key.referenced_columns, strict=True)))


def _supported(change: Change, index: Index, after: Catalog, before: Catalog) -> Constraint | None:
    """The foreign key whose parent's deletes the index serves, and no other index did."""
    assert change.table is not None
    table = after.named(change.table)
    was = before.named(change.table)
    if table is None or index.partial:
        return None
    for key in table.foreign_keys:
        if _leads_with(index, key) and not (was is not None and _covered(was, key)):
            return key
    return None


def _leads_with(index: Index, key: Constraint) -> bool:
    return set(index.columns[: len(key.columns)]) == set(key.columns)


def _covered(table: Table, key: Constraint) -> bool:
    return any(each.usable and not each.partial and _leads_with(each, key) for each in table.indexes)


def _listed(measured: Sequence[Measured]) -> str:
    """Statements with what was measured of them, the three with most calls."""
    most = sorted(measured, key=lambda each: -each.statement.calls)[:3]
    more = f" and {len(measured) - len(most)} more" if len(measured) > len(most) else ""
    return "; ".join(_described(most)) + more


def _described(measured: Sequence[Measured]) -> Iterator[str]:
    for each in measured:
        if each.timing is None:
            yield f"{each.statement.name} ({each.error})"
            continue
        one, other = each.timing.before, each.timing.after
        yield (
            f"{each.statement.name}: {one.median_ms:.2f} to {other.median_ms:.2f} ms, "
            f"{one.buffers:.0f} to {other.buffers:.0f} blocks"
        )
