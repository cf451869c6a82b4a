"""What is to be made, table by table: rows, references, rules of uniqueness, and what was found to break rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pgproof.facts.catalog import Catalog, Column, Constraint, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.question_sql import condition_sql
from pgproof.facts.questions import Answer, Compare, Disagreements, Duplicates, Matches, Orphans, RowsWhere
from pgproof.synthetic.expressions import name
from pgproof.synthetic.hints import Hints, Ordered, read_hints

_BYTES_PER_ROW = 100
"""Of a table that was never analysed, where nothing else is known."""

_BLOCK = 8_192
_NEARLY_ALL = 0.9
_FAULTS_AT_MOST = 0.2
"""Share of the rows up to which equal values are taken for a rule that some rows break."""

_VERSIONS = ("version_num",)


@dataclass(frozen=True)
class Condition:
    """What a row has to meet; the server judges.

    Attributes:
        wished: nearly all rows of the source meet it, though nothing demands it.
    """

    called: str
    expression: str
    wished: bool = False


@dataclass(frozen=True)
class Reference:
    """Columns that name a row of another table, by a foreign key or as the data show.

    Attributes:
        called: name of the foreign key; None where there is none.
        referenced: oid of the table, or of the one it is a partition of.
        orphans: rows that name no row.
        late: the referenced rows come later, or are the table's own: filled in afterwards.
    """

    called: str | None
    columns: tuple[str, ...]
    referenced: int
    referenced_columns: tuple[str, ...]
    orphans: int = 0
    late: bool = False


@dataclass(frozen=True)
class Unique:
    """Keys that no two rows share.

    Attributes:
        keys: expressions over the columns, or quoted columns.
        columns: those that are plain columns, unquoted.
        predicate: of the rows it holds for.
    """

    called: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    predicate: str | None
    nulls_differ: bool = True


@dataclass(frozen=True)
class Surplus:
    """Rows that repeat the values of some columns, as the source has them."""

    columns: tuple[str, ...]
    lower: tuple[str, ...]
    question: Duplicates
    rows: int
    groups: int


@dataclass(frozen=True)
class Swapped:
    """Two columns in order, but for some rows."""

    low: str
    high: str
    rows: int


@dataclass(frozen=True)
class Derived:
    """A reference that repeats another table's, but for some rows."""

    column: str
    by: str
    via: int
    via_key: str
    via_column: str
    rows: int


@dataclass(frozen=True)
class Part:
    """A table with storage: a plain one or a partition, and the rows it gets.

    Attributes:
        generated: its generated columns, each with its expression.
    """

    table: Table
    rows: int
    conditions: tuple[Condition, ...]
    hints: Hints
    generated: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Target:
    """A table as statements name it, with the parts that hold its rows."""

    table: Table
    parts: tuple[Part, ...]
    references: tuple[Reference, ...]
    uniques: tuple[Unique, ...]
    surplus: tuple[Surplus, ...]
    swapped: tuple[Swapped, ...]
    derived: tuple[Derived, ...]
    counters: frozenset[str]

    @property
    def rows(self) -> int:
        """Rows of all parts."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Extra:
    """What is read from the scratch database: bounds of partitions, checks of domains, and what columns generate."""

    partitions: Mapping[tuple[str, str], str] = field(default_factory=dict)
    domains: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    generated: Mapping[tuple[str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict)


def holds_versions(table: Table) -> bool:
    """Tell whether a table says which revision a schema is at (Alembic), so that its rows belong to the schema."""
    return tuple(column.name for column in table.columns) == _VERSIONS and table.columns[0].base_type == "varchar"


def plan_targets(facts: Facts, extra: Extra, scale: float) -> tuple[Target, ...]:
    """Return the tables in the order in which they are filled.

    Args:
        facts: of the source; the answers to its questions say what breaks rules that nobody declared.
        extra: conditions of the scratch database.
        scale: times as many rows as the source has.
    """
    catalog = facts.catalog
    roots = [table for table in catalog.tables if _is_root(table)]
    targets = [_target(facts, extra, table, scale) for table in roots]
    return tuple(_in_order(targets, {table.oid for table in roots}))


def rows_of(table: Table) -> int:
    """Return about how many rows a table has, as the planner reckons: density at the last look times size now."""
    if table.reltuples > 0 and table.pages > 0 and table.heap_bytes is not None:
        return round(table.reltuples * table.heap_bytes / _BLOCK / table.pages)
    known = table.estimated_rows
    return known if known is not None else (table.heap_bytes or 0) // _BYTES_PER_ROW


def _is_root(table: Table) -> bool:
    plain = table.kind in ("table", "partitioned table") and not table.is_partition
    return plain and table.extension is None and not holds_versions(table)


def _target(facts: Facts, extra: Extra, table: Table, scale: float) -> Target:
    catalog = facts.catalog
    surplus = tuple(_surplus(facts.answers, table, scale))
    forms = tuple(_forms(facts.answers, table))
    parts = tuple(_part(leaf, extra, scale, forms) for leaf in _leaves(catalog, table))
    return Target(
        table=table,
        parts=parts,
        references=tuple(_references(facts, table, scale)),
        uniques=tuple(_uniques(parts[0].table if parts else table)),
        surplus=surplus,
        swapped=tuple(_swapped(facts.answers, table, parts[0].hints.pairs if parts else (), scale)),
        derived=tuple(_derived(facts, table, scale)),
        counters=frozenset(_counters(catalog, table)),
    )


def _leaves(catalog: Catalog, table: Table) -> Iterator[Table]:
    if table.kind == "table":
        yield table
        return
    for child in catalog.partitions(table):
        if child.kind in ("table", "partitioned table"):
            yield from _leaves(catalog, child)


def _part(table: Table, extra: Extra, scale: float, forms: tuple[Condition, ...]) -> Part:
    conditions = [
        Condition(check.name, check.expression)
        for check in table.checks
        if check.expression is not None and check.enforced
    ]
    bounds = extra.partitions.get((table.schema, table.name))
    if bounds:
        conditions.append(Condition(f"the bounds of partition {table.name}", bounds))
    for column in table.columns:
        for definition in extra.domains.get((column.type_schema, column.type_name), ()):
            found = re.fullmatch(r"CHECK \((.*)\)(?: NOT VALID)?", definition, re.DOTALL)
            if column.type_kind == "d" and found:
                expression = re.sub(r"\bVALUE\b", lambda _, it=column: name(it.name), found[1])
                conditions.append(Condition(f"domain {column.type_name}", expression))
    return Part(
        table=table,
        rows=round(rows_of(table) * scale),
        conditions=(*conditions, *forms),
        hints=read_hints(tuple(condition.expression for condition in conditions)),
        generated=extra.generated.get((table.schema, table.name), ()),
    )


def _forms(answers: Iterable[Answer], table: Table) -> Iterator[Condition]:
    """The patterns of texts that nearly every row has, such as that of a date."""
    for answer in answers:
        asked, counts = answer.question, answer.counts
        if isinstance(asked, RowsWhere) and asked.table == table.qualified_name and counts is not None:
            form = asked.condition
            if isinstance(form, Matches) and counts.rows:
                shape = table.column(form.column).statistics
                given = counts.rows_examined * (1 - (shape.null_fraction if shape else 0.0))
                if counts.rows >= _NEARLY_ALL * given:
                    yield Condition(f"the form of {form.column}", condition_sql(form).as_string(None), wished=True)


def _references(facts: Facts, table: Table, scale: float) -> Iterator[Reference]:
    orphans = {
        (answer.question.columns, answer.question.referenced): answer.counts.rows
        for answer in facts.answers
        if isinstance(answer.question, Orphans) and answer.question.table == table.qualified_name and answer.counts
    }
    found: list[Reference] = []
    for key in table.foreign_keys:
        if key.referenced is None or key.period:
            continue
        root = _root(facts.catalog, key.referenced)
        if root is not None:
            count = orphans.pop((key.columns, root.qualified_name), 0)
            lost = _scaled(count, scale) if _lets_orphans_in(key) else 0
            found.append(Reference(key.name, key.columns, root.oid, key.referenced_columns, lost))
    for answer in facts.answers:
        asked = answer.question
        if not isinstance(asked, Orphans) or asked.table != table.qualified_name:
            continue
        if (asked.columns, asked.referenced) in orphans:
            to = facts.catalog.named(asked.referenced)
            if to is not None and not any(set(asked.columns) & set(one.columns) for one in found):
                count = orphans.pop((asked.columns, asked.referenced))
                lost = _scaled(count, scale)
                found.append(Reference(None, asked.columns, to.oid, asked.referenced_columns, lost))
    # Of keys that share columns, the one with most of them is drawn first, and the others have to agree with it.
    yield from sorted(found, key=lambda one: -len(one.columns))


def _scaled(count: int, scale: float) -> int:
    """What there is in the source is in the copy as well, if only once."""
    return max(round(count * scale), 1) if count else 0


def _lets_orphans_in(key: Constraint) -> bool:
    return not key.validated or not key.enforced


def _root(catalog: Catalog, oid: int) -> Table | None:
    table = catalog.table(oid)
    while table is not None and table.is_partition and table.parents:
        table = catalog.table(table.parents[0])
    return table


def _uniques(table: Table) -> Iterator[Unique]:
    for index in table.indexes:
        if index.unique and index.usable and not index.exclusion:
            keys = tuple(name(key.column) if key.column is not None else f"({key.expression})" for key in index.keys)
            if not any(key.column is None and key.expression is None for key in index.keys) and not _unread(index):
                columns = tuple(key.column for key in index.keys if key.column is not None)
                yield Unique(index.name, keys, columns, index.predicate, not index.nulls_not_distinct)


def _unread(index: Index) -> bool:
    return index.partial and index.predicate is None


def _surplus(answers: Iterable[Answer], table: Table, scale: float) -> Iterator[Surplus]:
    seen: set[frozenset[str]] = set()
    for answer in answers:
        asked, counts = answer.question, answer.counts
        if not isinstance(asked, Duplicates) or asked.table != table.qualified_name or counts is None:
            continue
        # Where most rows share their values with others, that is no fault but what the column is like.
        if not counts.surplus_rows or counts.surplus_rows > _FAULTS_AT_MOST * rows_of(table):
            continue
        # Two questions about the same columns have the same rows in mind.
        if frozenset(asked.columns) not in seen:
            seen.add(frozenset(asked.columns))
            groups = max(counts.groups or 1, 1)
            yield Surplus(
                asked.columns,
                asked.lower,
                asked,
                _scaled(counts.surplus_rows, scale),
                _scaled(groups, scale),
            )


def _swapped(answers: Iterable[Answer], table: Table, pairs: Sequence[Ordered], scale: float) -> Iterator[Swapped]:
    known = {(pair.low, pair.high) for pair in pairs}
    for pair in pairs:
        yield Swapped(pair.low, pair.high, 0)
    for answer in answers:
        asked, counts = answer.question, answer.counts
        if not isinstance(asked, RowsWhere) or asked.table != table.qualified_name or counts is None:
            continue
        compared = asked.condition
        if isinstance(compared, Compare) and compared.other_column is not None:
            low, high = compared.column, compared.other_column
            if compared.operator in ("<", "<="):
                low, high = high, low
            elif compared.operator not in (">", ">="):
                continue
            if (low, high) not in known:
                known.add((low, high))
                # The condition asks for the wrong order: low above high.
                yield Swapped(low, high, _scaled(counts.rows, scale))


def _derived(facts: Facts, table: Table, scale: float) -> Iterator[Derived]:
    for answer in facts.answers:
        asked, counts = answer.question, answer.counts
        if not isinstance(asked, Disagreements) or asked.table != table.qualified_name or counts is None:
            continue
        via = facts.catalog.named(asked.via_table)
        if via is not None and via.oid != table.oid:
            rows = _scaled(counts.rows, scale)
            yield Derived(asked.direct, asked.reference, via.oid, asked.via_key, asked.via_direct, rows)


def _counters(catalog: Catalog, table: Table) -> Iterator[str]:
    fed = {column for sequence in catalog.sequences for oid, column in sequence.feeds if oid == table.oid}
    referring = {column for key in table.foreign_keys for column in key.columns}
    alone = {unique.columns[0] for unique in _uniques(table) if len(unique.keys) == 1 and unique.columns}
    for column in table.columns:
        if column.base_type in ("int2", "int4", "int8") and column.name not in referring:
            counts = column.identity is not None or column.name in fed
            if counts or (column.name in alone and _is_key(table, column)):
                yield column.name


def _is_key(table: Table, column: Column) -> bool:
    return table.primary_key is not None and table.primary_key.columns == (column.name,)


def _in_order(targets: list[Target], roots: set[int]) -> Iterator[Target]:
    """Parents before children; where there is a circle, its references that may wait are filled in afterwards."""
    done: set[int] = set()
    waiting = list(targets)
    while waiting:
        ready = [target for target in waiting if _needs(target, roots) <= done]
        if not ready:
            # In a circle: the one that waits for the fewest.
            ready = [min(waiting, key=lambda target: (len(_needs(target, roots) - done), target.table.oid))]
        for target in ready:
            yield _with_late(target, done, roots)
            done.add(target.table.oid)
            waiting.remove(target)


def _needs(target: Target, roots: set[int]) -> set[int]:
    via = {derived.via for derived in target.derived}
    return (({one.referenced for one in target.references} | via) - {target.table.oid}) & roots


def _with_late(target: Target, done: set[int], roots: set[int]) -> Target:
    references = tuple(
        replace(one, late=one.referenced not in done) for one in target.references if one.referenced in roots
    )
    return replace(target, references=references)
