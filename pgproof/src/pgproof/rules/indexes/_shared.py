"""What several rules of indexes ask: what an index can look up, how it is dropped, and how another takes its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from pgproof.facts.catalog import QUARANTINE_SCHEMA, Catalog, Constraint, Index, IndexKey, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Question
from pgproof.facts.table_statistics import ColumnStatistics
from pgproof.remedy.constraints import DropConstraint
from pgproof.remedy.indexes import CreateIndex, DropIndex
from pgproof.remedy.names import literal, object_name, quoted
from pgproof.remedy.operation import Operation
from pgproof.rules.finding import Evidence, ObjectRef, Remedy, index_ref
from pgproof.rules.index_keys import has_own_collation

MOSTLY_NULL = 0.9
"""Share of NULL from which an index without them is at most a tenth as many entries."""

A_MONTH = timedelta(days=35)
"""Statistics of this age have seen a job that runs once a month."""


def indexed_tables(catalog: Catalog) -> Iterator[Table]:
    """Yield what has indexes of the project: tables, partitions and materialized views.

    Not those of an extension, nor of the quarantine, which a remedy made as it has to be.
    """
    return (
        table
        for table in catalog.tables
        if table.indexes and table.extension is None and table.schema != QUARANTINE_SCHEMA
    )


def mostly_null(statistics: ColumnStatistics) -> bool:
    """Tell whether so many rows have NULL in a column that an index does better without them."""
    # The server keeps the share as a real, of six digits.
    return round(statistics.null_fraction, 6) >= MOSTLY_NULL


def referenced_table(catalog: Catalog, key: Constraint) -> Table | None:
    """Return the table that a foreign key refers to; None where the role cannot see it."""
    return catalog.table(key.referenced) if key.referenced is not None else None


def index_refs(table: Table, *indexes: Index | None) -> tuple[ObjectRef, ...]:
    """Return the references to those of some indexes that there are."""
    return tuple(index_ref(table, index) for index in indexes if index is not None)


def takes(index: Index) -> str:
    """Return a sentence about the size of an index, after a space; nothing where it could not be read."""
    return f" It takes {size(index.bytes)}." if index.bytes is not None else ""


def never_null(table: Table, name: str) -> bool:
    """Tell whether no row can have NULL in a column; a domain's NOT NULL lets some through.

    Source: PostgreSQL documentation, CREATE DOMAIN, Notes.
    """
    column = table.column(name)
    return column.not_null and column.type_kind != "d"


def definitions(table: Table, *indexes: Index) -> Evidence:
    """Return the definitions of indexes as evidence."""
    parts = [f"pg_get_indexdef({literal(quoted(table.schema, index.name))}::regclass)" for index in indexes]
    return Evidence(
        "catalog",
        f"SELECT {', '.join(parts)}",
        "; ".join(index.definition or f"{index.name}: not readable while the table is locked" for index in indexes),
    )


def dropping(catalog: Catalog, table: Table, index: Index) -> tuple[str, tuple[Operation, ...]]:
    """Return how to drop an index that nothing needs: in words, and the operations where nothing stands in the way.

    The words complete a sentence that names the index.
    """
    references = ", ".join(
        f"{key.name} of {other.qualified_name}" for other, key in catalog.referencing(table) if key.index == index.oid
    )
    constraint = next((each for each in table.constraints if each.oid == index.constraint), None)
    if references:
        return f"drop it once what refers through it ({references}) has been declared anew", ()
    if index.replica_identity:
        return "drop it once ALTER TABLE ... REPLICA IDENTITY names another", ()
    if index.clustered:
        return "drop it once ALTER TABLE ... CLUSTER ON names another", ()
    if table.kind == "partitioned table":
        return "drop it; on a partitioned table that cannot be done concurrently, so choose a quiet moment", ()
    if index.definition is None:
        return "drop it", ()
    if constraint is not None:
        drop = DropConstraint(table.schema, table.name, constraint.name, _unique_clause(index, constraint))
        return "drop the constraint, unless a statement names it in ON CONFLICT ON CONSTRAINT", (drop,)
    return "drop it", (DropIndex(table.schema, index.name, index.definition),)


def replacing(
    catalog: Catalog, names: Names, table: Table, old: Index, new: Index, other: Index | None, change: str
) -> Remedy:
    """Return how another index takes the place of one: with operations where they can be written safely.

    Args:
        catalog: for what refers through the old one.
        names: that are taken.
        table: of all of them.
        old: what goes.
        new: the shape of what comes; its name is chosen here.
        other: an index that is there already and does the work of the new one.
        change: what is different, in words that follow "anew".
    """
    how, drop = dropping(catalog, table, old)
    if other is not None:
        return Remedy(f"{other.name} serves as well; {old.name}: {how}.", drop)
    summary = f"Build {old.name} anew {change}, and drop the old one."
    keys = [key_sql(table, key) for key in new.keys]
    if not drop or any(key is None for key in keys) or old.storage_options:
        return Remedy(summary)
    create = CreateIndex(
        table.schema,
        table.name,
        names.free(table, tuple(key.column or "expression" for key in new.keys), "uq" if new.unique else "idx"),
        tuple(key for key in keys if key is not None),
        unique=new.unique,
        method=new.method,
        include=new.include,
        where=new.predicate,
    )
    return Remedy(summary, (create, *drop))


def key_sql(table: Table, key: IndexKey) -> str | None:
    """Return the SQL of an index key; None where its operator class or collation has a name of unknown schema."""
    if key.operator_class is not None or (key.column is None and (key.expression is None or key.collation is not None)):
        return None
    if key.column is not None and not has_own_collation(table.column(key.column), key):
        return None
    parts = [f"({key.expression})" if key.column is None else quoted(key.column)]
    if key.descending:
        parts.append("DESC")
    if key.nulls_first != key.descending:
        parts.append("NULLS FIRST" if key.nulls_first else "NULLS LAST")
    return " ".join(parts)


class Names:
    """The names that the relations of each schema have, and those given to new indexes since."""

    def __init__(self, catalog: Catalog) -> None:
        self._taken: dict[str, set[str]] = defaultdict(set)
        for table in catalog.tables:
            self._taken[table.schema] |= {table.name, *(index.name for index in table.indexes)}
        for sequence in catalog.sequences:
            self._taken[sequence.schema].add(sequence.name)

    def free(self, table: Table, columns: tuple[str, ...], prefix: str = "idx") -> str:
        """Return a name for a new index of a table, which is taken from now on."""
        taken = self._taken[table.schema]
        name, number = object_name(prefix, table.name, columns), 1
        while name in taken:
            number += 1
            name = object_name(prefix, table.name, (*columns, str(number)))
        taken.add(name)
        return name


def without_key(index: Index, columns: Collection[str]) -> Index:
    """Return the shape of an index without some of its key columns."""
    return replace(index, keys=tuple(key for key in index.keys if key.column not in columns))


def stored(catalog: Catalog, table: Table, index: Index) -> Iterator[tuple[Table, Index]]:
    """Yield an index where it is stored: itself, or its parts on partitions."""
    if table.kind != "partitioned table":
        yield table, index
    for partition in catalog.partitions(table):
        for part in partition.indexes:
            if part.parent == index.oid:
                yield from stored(catalog, partition, part)


def scans_of(catalog: Catalog, table: Table, index: Index) -> int:
    """Return how often an index was scanned, its parts on partitions included."""
    return sum(part.scans or 0 for _, part in stored(catalog, table, index))


def answered(facts: Facts, questions: Iterable[Question]) -> Iterator[tuple[Answer, Counts]]:
    """Yield the counts of those of some questions that were asked and not refused, each with its answer."""
    for question in questions:
        answer = facts.answer(question)
        if answer is not None and answer.counts is not None:
            yield answer, answer.counts


def counted_since(facts: Facts) -> datetime | None:
    """Return since when the counters of tables and indexes have surely been counting; None if nobody knows.

    A database whose counters were never reset does not say since when it counts. They start anew after a crash, and
    so does what the server counts about its checkpoints.
    """
    if facts.database.statistics_since is not None:
        return facts.database.statistics_since
    return facts.server.activity.checkpoints_since if facts.server.activity else None


def scans_unknown(facts: Facts) -> str | None:
    """Return what is needed to call an index unused that was not scanned; None where the counters say so."""
    if facts.database.in_recovery:
        return "the primary server's counters: this is a standby, which counts its own scans alone"
    tracking = facts.server.setting("track_counts")
    if tracking is not None and tracking.value == "off":
        return "track_counts = on: the server counts nothing"
    if counted_for(facts) < A_MONTH:
        return f"statistics that have counted for {A_MONTH.days} days"
    return None


def counted_for(facts: Facts) -> timedelta:
    """Return how long the counters have surely been counting; nothing if nobody knows."""
    since = counted_since(facts)
    return facts.database.taken_at - since if since is not None else timedelta()


def size(count: int) -> str:
    """Return a number of bytes for people, as pg_size_pretty writes it."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.0f} {unit}"


def _unique_clause(index: Index, constraint: Constraint) -> str:
    parts = ["UNIQUE NULLS NOT DISTINCT" if index.nulls_not_distinct else "UNIQUE"]
    parts.append(f"({', '.join(quoted(column) for column in constraint.columns)})")
    if index.include:
        parts.append(f"INCLUDE ({', '.join(quoted(column) for column in index.include)})")
    if index.storage_options:
        options = (option.partition("=") for option in index.storage_options)
        parts.append(f"WITH ({', '.join(f'{name} = {literal(value).strip()}' for name, _, value in options)})")
    if constraint.deferrable:
        parts.append("DEFERRABLE INITIALLY DEFERRED" if constraint.deferred else "DEFERRABLE")
    return " ".join(parts)
