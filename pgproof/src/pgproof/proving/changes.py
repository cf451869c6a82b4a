"""What a migration changes, operation by operation: from two catalogs, so that it does not matter who wrote it how."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pgproof.facts.catalog import Catalog, Constraint, Index, QualifiedName, Table
from pgproof.proof.fingerprint import Difference
from pgproof.proof.locks import HeldLock, LockWait
from pgproof.proving.watched import Watched

Kind = Literal["index", "constraint", "column", "table", "other"]
How = Literal["create", "drop", "change"]

_WRITES = re.compile(
    r"\A\W*(?:create|alter|drop|truncate|comment|grant|revoke|reindex|insert|update|delete|merge|with|copy|do|call)\b",
    re.IGNORECASE,
)
_SLACK_SECONDS = 0.02
"""Between a statement and the sample that first sees its lock."""
_IN_TABLES = ("table", "table column", "table constraint", "index")


@dataclass(frozen=True)
class Change:
    """An operation, by what it leaves.

    Attributes:
        table: it is about; None for what belongs to no table.
        name: of the object, without its schema.
        index: that it created or dropped, or that stands behind its constraint.
        constraint: that it created or dropped.
        detail: what changed of a column.
    """

    kind: Kind
    how: How
    table: QualifiedName | None
    name: str
    index: Index | None = None
    constraint: Constraint | None = None
    detail: str = ""

    @property
    def title(self) -> str:
        """The operation in words."""
        if self.kind == "other":
            return f"{self.how} {self.name}"
        if self.kind == "table":
            return f"{self.how} table {self.table}"
        if self.kind == "column":
            return f"{self.how} column {self.table}.{self.name}" + (f" ({self.detail})" if self.detail else "")
        schema = self.table.schema if self.table else ""
        if self.kind == "index":
            return f"{self.how} index {schema}.{self.name} on {self.table}"
        assert self.constraint is not None
        return f"{self.how} {self.constraint.kind} {self.name} on {self.table}"

    @property
    def qualified_index(self) -> str | None:
        """Schema and name of its index, unquoted; None where it has none."""
        return f"{self.table.schema}.{self.index.name}" if self.index is not None and self.table else None


@dataclass(frozen=True)
class LockSeen:
    """A lock of an operation that keeps writers out, and the longest wait for it.

    Attributes:
        held_ms: the longest.
        waited_ms: the longest of a request of the traffic; 0 without one.
    """

    relation: str
    mode: str
    held_ms: float
    waited_ms: float


@dataclass(frozen=True)
class Cost:
    """What an operation took.

    Attributes:
        seconds: of its statements; None where no statement names it.
        bytes: that it added; below 0 where it freed them.
    """

    seconds: float | None
    bytes: int
    locks: tuple[LockSeen, ...]


def changes(before: Catalog, after: Catalog, differences: Sequence[Difference]) -> tuple[Change, ...]:
    """Return what differs, an operation for each object that stands for itself.

    Args:
        before: the catalog.
        after: the migration.
        differences: of the two fingerprints, which see more than catalogs do.
    """
    found = list(_table_changes(before, after))
    known = {each.name for each in found}
    for each in differences:
        how = _how(each)
        if each.kind not in _IN_TABLES and each.name not in known and not _of_new_table(each, found):
            found.append(Change("other", how, None, f"{each.kind} {each.name}"))
    return tuple(found)


def _table_changes(before: Catalog, after: Catalog) -> Iterator[Change]:
    kinds = ("table", "partitioned table")
    was = {each.qualified_name: each for each in before.tables if each.kind in kinds}
    now = {each.qualified_name: each for each in after.tables if each.kind in kinds}
    for name in was.keys() - now.keys():
        yield Change("table", "drop", name, name.name)
    for name in now.keys() - was.keys():
        yield Change("table", "create", name, name.name)
    for name in sorted(was.keys() & now.keys(), key=str):
        yield from _within(was[name], now[name])


def _within(was: Table, now: Table) -> Iterator[Change]:
    name = was.qualified_name
    keys, old_keys = {each.name: each for each in now.constraints}, {each.name: each for each in was.constraints}
    indexes, old_indexes = {each.oid: each for each in now.indexes}, {each.oid: each for each in was.indexes}
    for each in now.constraints:
        if each.name not in old_keys and each.kind != "not null" and not each.from_parent:
            yield Change("constraint", "create", name, each.name, _own_index(each, indexes), each)
        elif each.name in old_keys and (each.validated, each.on_delete) != (
            old_keys[each.name].validated,
            old_keys[each.name].on_delete,
        ):
            yield Change("constraint", "change", name, each.name, None, each)
    for each in was.constraints:
        if each.name not in keys and each.kind != "not null" and not each.from_parent:
            yield Change("constraint", "drop", name, each.name, _own_index(each, old_indexes), each)
    behind, behind_before = {each.index for each in now.constraints}, {each.index for each in was.constraints}
    yield from _index_changes(name, was, now, behind, behind_before)
    yield from _column_changes(name, was, now)


def _own_index(constraint: Constraint, indexes: Mapping[int, Index]) -> Index | None:
    """The index that a constraint has; that of a foreign key is its parent's."""
    return None if constraint.kind == "foreign key" else indexes.get(constraint.index or 0)


def _index_changes(
    name: QualifiedName, was: Table, now: Table, behind: set[int | None], behind_before: set[int | None]
) -> Iterator[Change]:
    new, old = {each.name: each for each in now.indexes}, {each.name: each for each in was.indexes}
    for index in now.indexes:
        if index.oid in behind and index.constraint is not None:
            continue
        if index.name not in old:
            yield Change("index", "create", name, index.name, index)
        elif index.definition != old[index.name].definition or index.valid != old[index.name].valid:
            yield Change("index", "change", name, index.name, index)
    for index in was.indexes:
        if index.name not in new and not (index.oid in behind_before and index.constraint is not None):
            yield Change("index", "drop", name, index.name, index)


def _column_changes(name: QualifiedName, was: Table, now: Table) -> Iterator[Change]:
    new, old = {each.name: each for each in now.columns}, {each.name: each for each in was.columns}
    for column in new.keys() - old.keys():
        yield Change("column", "create", name, column)
    for column in old.keys() - new.keys():
        yield Change("column", "drop", name, column)
    for column in sorted(new.keys() & old.keys()):
        one, other = old[column], new[column]
        details = []
        if one.type != other.type:
            details.append(f"type {one.type} to {other.type}")
        if one.not_null != other.not_null:
            details.append("not null" if other.not_null else "null")
        if one.default != other.default:
            details.append(f"default {other.default or 'none'}")
        if details:
            yield Change("column", "change", name, column, detail=", ".join(details))


def cost(
    change: Change,
    run: Watched,
    held: Sequence[HeldLock],
    waits: Sequence[LockWait],
    table_bytes: int,
    parent: str | None,
) -> Cost:
    """Return what an operation took in one run of the migration.

    Args:
        change: the operation.
        run: with the statements.
        held: locks of the migration that keep writers out.
        waits: of the traffic for them.
        table_bytes: of the table where the operation creates or drops one.
        parent: schema and name of the table that its foreign key refers to; None where it is about none.
    """
    own = [each for each in run.statements if _WRITES.match(each.sql) and _names(each.sql, change)]
    size = (change.index.bytes or 0) if change.index is not None else 0
    if change.kind == "table":
        size = table_bytes
    sign = -1 if change.how == "drop" else 1
    seen: dict[tuple[str, str], LockSeen] = {}
    for lock in held:
        during = any(
            each.started - _SLACK_SECONDS <= lock.since <= each.started + each.seconds + _SLACK_SECONDS for each in own
        )
        if not during or lock.relation not in (str(change.table), parent):
            continue
        longest = max(
            (each.waited_ms for each in waits if each.relation == lock.relation and _overlaps(each, lock)), default=0
        )
        key = (lock.relation, lock.mode)
        before = seen.get(key, LockSeen(*key, 0, 0))
        seen[key] = LockSeen(*key, max(before.held_ms, lock.held_ms), max(before.waited_ms, longest))
    return Cost(sum(each.seconds for each in own) if own else None, sign * size, tuple(seen.values()))


def _overlaps(wait: LockWait, lock: HeldLock) -> bool:
    return wait.since <= lock.since + lock.held_ms / 1000 and lock.since <= wait.since + wait.waited_ms / 1000


def _names(text: str, change: Change) -> bool:
    own = change.name.split()[-1].rpartition(".")[2]
    # The name of a column means little without its table.
    words = (own, change.table.name) if change.kind == "column" and change.table is not None else (own,)
    return all(re.search(rf"(?<![\w$]){re.escape(word)}(?![\w$])", text) for word in words)


def _how(each: Difference) -> How:
    if each.before is None:
        return "create"
    return "drop" if each.after is None else "change"


def _of_new_table(each: Difference, found: Sequence[Change]) -> bool:
    """Whether an object, such as the sequence of a key, came or went with a table."""
    return any(
        change.kind in ("table", "column") and change.table is not None and str(change.table) in each.name
        for change in found
    )
