"""Made-up schemas with rows, and what a plan could want of them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddUnique, SetNotNull
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation
from pgproof.remedy.quarantine import QuarantineDuplicates, QuarantineOrphans, Reference
from pgproof.remedy.settings import SetDefault

_SCHEMAS = ("public", "sales", 'odd "s%:c')
_TABLES = ("orders", "Order lines", "select", 'naïve"%s:t', "x" * 60)
_COLUMNS = ("a", "b", "Été", 'q"%(x)s:y', "order", "z" * 63)
_TYPES = {
    "int": "n % {0}",
    "text": "'v:' || (n % {0})",
    "numeric(8, 2)": "(n % {0}) * 1.5",
    "timestamptz": "timestamptz '2020-01-01' + (n % {0}) * interval '1 day'",
    "uuid": "md5((n % {0})::text)::uuid",
    "boolean": "n % {0} = 0",
}
_DEFAULTS = {"int": "7", "text": "'x:y %s'::text", "numeric(8, 2)": "0.5", "timestamptz": "now()", "boolean": "false"}


@dataclass(frozen=True)
class Made:
    """A schema as SQL, and the operations that a plan puts in order."""

    sql: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class _Table:
    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]
    partitioned: bool


@st.composite
def made(draw: st.DrawFn) -> Made:
    """Draw two tables in one or two schemas, the second of which refers to the first, and operations on both."""
    first = _Table(draw(st.sampled_from(_SCHEMAS)), draw(st.sampled_from(_TABLES)), draw(_columns()), partitioned=False)
    names = [name for name in _TABLES if name != first.name]
    second = _Table(
        draw(st.sampled_from(_SCHEMAS)), draw(st.sampled_from(names)), draw(_columns()), draw(st.booleans())
    )
    refers = draw(st.booleans())
    statements = [f"CREATE SCHEMA IF NOT EXISTS {quoted(each.schema)};" for each in (first, second)]
    statements += [_create(first, None, draw(st.integers(1, 9))), _create(second, first, draw(st.integers(1, 9)))]
    operations: list[Operation] = []
    moves = draw(st.booleans()) and not second.partitioned
    if refers and not second.partitioned:
        operations += _reference(second, first)
    for table in (first, second):
        operations += draw(_operations(table))
    if moves:
        operations += _unique(first, second if refers else None)
    elif draw(st.booleans()) and not second.partitioned:
        operations += _unique(second, None)
    return Made("\n".join(statements), tuple(operations))


def _columns() -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    pairs = st.tuples(st.sampled_from(_COLUMNS), st.sampled_from(tuple(_TYPES)))
    return st.lists(pairs, min_size=2, max_size=4, unique_by=lambda pair: pair[0]).map(tuple)


def _create(table: _Table, parent: _Table | None, repeats: int) -> str:
    name = quoted(table.schema, table.name)
    listed = "".join(f", {quoted(column)} {kind}" for column, kind in table.columns)
    key = "" if table.partitioned else " PRIMARY KEY"
    how = " PARTITION BY RANGE (id)" if table.partitioned else ""
    sql = f"CREATE TABLE {name} (id bigint NOT NULL{key}, parent bigint{listed}){how};"
    if table.partitioned:
        for bounds in ("FOR VALUES FROM (0) TO (15)", "DEFAULT"):
            part = quoted(table.schema, f"part of {bounds[:3]} {table.name}"[:40])
            sql += f" CREATE TABLE {part} PARTITION OF {name} {bounds};"
    values = ", ".join(_TYPES[kind].format(repeats) for _, kind in table.columns)
    # Every seventh row refers to a parent that is not there, where the first table is the second's parent.
    refers = "CASE WHEN n % 7 = 0 THEN 1000 + n ELSE n END" if parent is not None else "NULL"
    return f"{sql} INSERT INTO {name} SELECT n, {refers}, {values} FROM generate_series(1, 30) AS n;"


@st.composite
def _operations(draw: st.DrawFn, table: _Table) -> list[Operation]:
    operations: list[Operation] = []
    names = [column for column, _ in table.columns]
    if not table.partitioned:
        chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        keys = tuple(quoted(name) + draw(st.sampled_from(("", " DESC", " NULLS FIRST"))) for name in chosen)
        where = draw(st.sampled_from((None, "id > 3", f"{quoted(names[0])} IS NOT NULL AND 'a :b %' <> 'c'")))
        operations.append(CreateIndex(table.schema, table.name, f"i {table.name}"[:50], keys, where=where))
    for column, kind in table.columns:
        if kind in _DEFAULTS and draw(st.booleans()):
            operations.append(SetDefault(table.schema, table.name, column, _DEFAULTS[kind]))
        if draw(st.booleans()):
            operations.append(SetNotNull(table.schema, table.name, column, f"given {column}"[:50]))
    if draw(st.booleans()):
        condition = f"id > 0 AND {quoted(names[-1])} IS NOT NULL"
        operations.append(AddCheck(table.schema, table.name, f"c:{table.name}"[:40], condition))
    return operations


def _reference(child: _Table, parent: _Table) -> list[Operation]:
    columns = ("id", "parent", *(name for name, _ in child.columns))
    return [
        QuarantineOrphans(
            child.schema,
            child.name,
            columns,
            key="id",
            refers=("parent",),
            referenced_schema=parent.schema,
            referenced_table=parent.name,
            referenced_columns=("id",),
        ),
        AddForeignKey(child.schema, child.name, "fk:1", ("parent",), parent.schema, parent.name, ("id",), "cascade"),
    ]


def _unique(table: _Table, child: _Table | None) -> list[Operation]:
    same = tuple(name for name, _ in table.columns[:2])
    references = (Reference(child.schema, child.name, "id", "parent"),) if child is not None else ()
    columns = ("id", "parent", *(name for name, _ in table.columns))
    move = QuarantineDuplicates(
        table.schema, table.name, columns, same=same, keep=("id",), key="id", references=references
    )
    return [move, AddUnique(table.schema, table.name, f"u {table.name}"[:40], same)]
