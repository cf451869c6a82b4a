"""A foreign key whose referencing columns no index finds.

What it finds:
    A foreign key for which nothing but a scan of the whole referencing table finds the rows that refer to a given
    one. What counts as an index: any index, key or constraint that begins with the key's columns in any order; a
    partial one whose predicate only says that they are not NULL; for a composite key one that begins with a column
    that is unique in either table, or has few rows per value. Of a partitioned table, one on each partition.
    Keys over the same columns, and keys that one index would serve together, are one finding.

Why it matters:
    A DELETE of a referenced row, or an UPDATE of its key, reads all of the referencing table before it can commit,
    and holds the row's lock meanwhile. So does each query that goes from the one to the many.

Evidence:
    pg_constraint and pg_index; pg_stat_user_tables for the rows and deletions so far.

Remedy:
    `op.create_index(..., postgresql_concurrently=True)` in an autocommit block, `index=True` on the model's column, or
    an `Index` of several. Where most rows have NULL, the index needs only the others. A partitioned table gets the
    index on ONLY the parent, then concurrently on each partition, then ALTER INDEX ... ATTACH PARTITION.

When to ignore:
    Rows of the referenced table are never deleted, its key never changes, and no query starts from it: a table of
    currencies or countries.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import QUARANTINE_SCHEMA, Catalog, Constraint, Index, Table
from pgproof.facts.model import Facts
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, PartitionIndex
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, constraint_ref, table_ref
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.indexes._foreign_key_examples import COVERED, UNCOVERED
from pgproof.rules.indexes._shared import A_MONTH, Names, counted_for, counted_since, mostly_null, referenced_table
from pgproof.rules.reading import counters
from pgproof.rules.rule import Metadata
from pgproof.rules.severity import by_size, lowered
from pgproof.rules.statements import distinct_values, rows_of

METADATA = Metadata(code="IDX01", slug="foreign-key-without-index", severity="medium")

FEW_ROWS_PER_VALUE = 100
"""As many rows as a page or two hold: a lookup that reads no more is as good as one by the whole key."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each missing index of foreign keys."""
    names = Names(facts.catalog)
    for table in facts.catalog.tables:
        if table.extension is not None or table.schema == QUARANTINE_SCHEMA:
            continue
        uncovered = []
        for key in table.foreign_keys:
            if key.from_parent or not key.enforced:
                # A partition's copy is its parent's matter, and a key that is switched off looks nothing up.
                continue
            covered = _served(facts.catalog, table, key)
            if covered == _Served.MAYBE:
                yield NotChecked(
                    "column statistics (ANALYZE, and the right to see them), and the predicates of indexes, which "
                    "cannot be read while the table is locked",
                    (constraint_ref(table, key),),
                )
            elif covered != _Served.YES:
                uncovered.append(key)
        for keys in _served_together(uncovered):
            yield _finding(facts, names, table, keys)


class _Served(IntEnum):
    """Whether an index finds the rows of a key: of several indexes the best counts, of partitions the worst."""

    NO = 0
    MAYBE = 1
    YES = 2


def _served(catalog: Catalog, table: Table, key: Constraint) -> _Served:
    """Tell whether indexes of a table, or of each of its partitions, find the rows of a key."""
    answers = [_served_by(catalog, table, index, key) for index in table.indexes]
    parts = catalog.partitions(table) if table.kind == "partitioned table" else ()
    if parts:
        answers.append(min(_served(catalog, part, key) for part in parts))
    return max(answers, default=_Served.NO)


def _served_by(catalog: Catalog, table: Table, index: Index, key: Constraint) -> _Served:
    columns = _looked_up(key)
    if index.usable and index.partial and index.predicate is None:
        return _Served.MAYBE if index.columns[0] in columns else _Served.NO
    leading = leading_columns(table, index, columns)
    if set(leading) == set(columns) or _are_unique(catalog, table, key, leading):
        return _Served.YES
    return max((_served_by_few_rows(catalog, table, column) for column in leading), default=_Served.NO)


def _looked_up(key: Constraint) -> tuple[str, ...]:
    """Return the columns that are compared for equality: a period is compared by overlap."""
    return key.columns[:-1] if key.period else key.columns


def _are_unique(catalog: Catalog, table: Table, key: Constraint, leading: tuple[str, ...]) -> bool:
    """Tell whether some columns are unique on either side: then the rest of the key narrows nothing down."""
    referenced = referenced_table(catalog, key)
    pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
    return table.is_unique(leading) or (
        referenced is not None and referenced.is_unique(tuple(pairs[column] for column in leading))
    )


def _served_by_few_rows(catalog: Catalog, table: Table, column: str) -> _Served:
    if table.column(column).statistics is None:
        return _Served.MAYBE
    few = rows_of(catalog, table) <= distinct_values(catalog, table, column) * FEW_ROWS_PER_VALUE
    return _Served.YES if few else _Served.NO


def _served_together(keys: list[Constraint]) -> list[list[Constraint]]:
    """Group keys of a table that one index can serve: the columns of each are among those of the one before."""
    groups: list[list[Constraint]] = []
    for key in sorted(keys, key=lambda key: -len(_looked_up(key))):
        for group in groups:
            if set(_looked_up(key)) <= set(_looked_up(group[-1])):
                group.append(key)
                break
        else:
            groups.append([key])
    return groups


def _columns(table: Table, keys: list[Constraint]) -> tuple[str, ...]:
    """Return the columns of the index, so that those of each key lead; what leads another index comes last."""
    led = {index.columns[0] for index in table.indexes}
    ordered = [column for key in reversed(keys) for column in sorted(_looked_up(key), key=led.__contains__)]
    return tuple(dict.fromkeys(ordered))


def _finding(facts: Facts, names: Names, table: Table, keys: list[Constraint]) -> Finding:
    columns = _columns(table, keys)
    listed = ", ".join(columns)
    parents = [parent for key in keys if (parent := referenced_table(facts.catalog, key)) is not None]
    known = [parent for parent in parents if parent.statistics is not None]
    rows = table.estimated_rows
    reads = f"all {rows:,} rows" if rows else "every row"
    return METADATA.finding(
        objects=tuple(constraint_ref(table, key) for key in keys),
        related=tuple(table_ref(parent) for parent in dict.fromkeys(parents)),
        message=f"no index finds the rows of {table.qualified_name} by ({listed}), the columns of "
        f"{' and '.join(key.name for key in keys)}",
        consequence=f"Each deletion of a referenced row reads {reads} of {table.name}.{_deletions(facts, known)}",
        severity=_severity(facts, table, keys, known),
        evidence=(
            Evidence(
                "catalog",
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = "
                f"{literal(quoted(table.schema, table.name))}::regclass",
                f"indexes: {len(table.indexes)}, none that begins with ({listed})",
            ),
        ),
        remedy=_remedy(facts.catalog, names, table, columns),
    )


def _remedy(catalog: Catalog, names: Names, table: Table, columns: tuple[str, ...]) -> Remedy:
    listed = ", ".join(columns)
    if table.kind == "partitioned table":
        return Remedy(
            f"Create an index on {listed}: on ONLY {table.name}, then concurrently on each partition, and attach them.",
            _on_partitions(catalog, names, table, columns),
        )
    where = _where(table, columns)
    create = CreateIndex(
        table.schema,
        table.name,
        names.free(table, columns),
        tuple(quoted(column) for column in columns),
        where=where,
    )
    return Remedy(f"Create an index on {listed}{' where it is not NULL' if where else ''}.", (create,))


def _on_partitions(
    catalog: Catalog, names: Names, table: Table, columns: tuple[str, ...]
) -> tuple[CreatePartitionedIndex, ...]:
    """Return the index with all its parts; nothing where a partition has one like it already."""
    every = tuple(_descendants(catalog, table))
    if any(index.columns[0] in columns for part in every for index in part.indexes):
        return ()
    index_names = {part.oid: names.free(part, columns) for part in (table, *every)}
    schemas = {part.oid: part.schema for part in (table, *every)}
    parts = tuple(
        PartitionIndex(
            part.schema,
            part.name,
            index_names[part.oid],
            (schemas[part.parents[0]], index_names[part.parents[0]]),
            partitioned=part.kind == "partitioned table",
        )
        for part in every
    )
    keys = tuple(quoted(column) for column in columns)
    return (CreatePartitionedIndex(table.schema, table.name, index_names[table.oid], keys, partitions=parts),)


def _descendants(catalog: Catalog, table: Table) -> Iterator[Table]:
    """Yield every partition, a partitioned one before its own."""
    for part in catalog.partitions(table):
        yield part
        yield from _descendants(catalog, part)


def _where(table: Table, columns: tuple[str, ...]) -> str | None:
    """Return the predicate of an index that leaves out what no reference is looked up by."""
    statistics = table.column(columns[0]).statistics
    if len(columns) > 1 or statistics is None or not mostly_null(statistics):
        return None
    return f"{quoted(columns[0])} IS NOT NULL"


def _deletions(facts: Facts, parents: list[Table]) -> str:
    since = counted_since(facts)
    if since is None:
        return ""
    return "".join(
        f" {amount(deleted, 'row')} of {parent.name} {'was' if deleted == 1 else 'were'} deleted since"
        f" {since:%Y-%m-%d}."
        for parent in dict.fromkeys(parents)
        for deleted, _ in [_counted(facts.catalog, parent)]
    )


def _severity(facts: Facts, table: Table, keys: list[Constraint], parents: list[Table]) -> Severity:
    """Return the severity by size, milder where a month has seen no referenced row deleted or its key changed."""
    severity = by_size(METADATA.severity, table)
    counts = [_counted(facts.catalog, parent) for parent in parents]
    cascades = any(key.on_update == "cascade" for key in keys)
    untouched = len(parents) == len(keys) and not any(deleted or (updated and cascades) for deleted, updated in counts)
    return lowered(severity) if untouched and counted_for(facts) >= A_MONTH else severity


def _counted(catalog: Catalog, table: Table) -> tuple[int, int]:
    """Return how many rows of a table and its partitions were deleted and updated."""
    own = counters(table)
    parts = [_counted(catalog, part) for part in catalog.partitions(table)]
    return own.deleted + sum(deleted for deleted, _ in parts), own.updated + sum(updated for _, updated in parts)


BAD = UNCOVERED
GOOD = COVERED
