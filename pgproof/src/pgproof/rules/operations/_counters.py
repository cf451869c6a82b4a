"""What the server's counters can be taken for: whether they count, since when, and of which tables."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pgproof.facts.catalog import Catalog, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal, quoted
from pgproof.rules.authentication import value_of
from pgproof.rules.finding import NotChecked, ObjectRef, table_ref
from pgproof.rules.reading import counters

_SHOWN = 5
"""Tables named in a statement or a sentence; more would not be read."""


def uncounted(facts: Facts) -> NotChecked | None:
    """Return why the counters of tables say nothing; None where they can be used."""
    if facts.database.in_recovery:
        return NotChecked("the counters of the primary: a standby counts only what is read on it")
    if value_of(facts, "track_counts") == "off":
        return NotChecked("track_counts = on: the server counts nothing")
    return None


def counted_since(facts: Facts) -> datetime | None:
    """Return a moment since when this database has certainly been counted; None where nothing shows one.

    The counters of a database that were never reset have no date, and a crash or an upgrade empties them silently.
    What they hold proves an age all the same: the oldest VACUUM or ANALYZE that they still remember.
    """
    if facts.database.statistics_since is not None:
        return facts.database.statistics_since
    remembered = [
        moment
        for table in facts.catalog.tables
        for moment in (counters(table).vacuumed_at, counters(table).analyzed_at)
        if moment is not None
    ]
    return min(remembered, default=None)


def counted_for(facts: Facts) -> timedelta:
    """Return for how long this database has certainly been counted; zero where nothing shows it."""
    since = counted_since(facts)
    return timedelta() if since is None else facts.database.taken_at - since


def estimated(table: Table) -> int:
    """Return the rows of a table by the last estimate; 0 where nobody has counted any."""
    return table.estimated_rows or 0


def storage(catalog: Catalog, table: Table) -> tuple[Table, ...]:
    """Return the tables that hold a base table's rows: itself, or all its partitions that have storage."""
    if table.kind == "table":
        return (table,)
    return tuple(leaf for part in catalog.partitions(table) for leaf in storage(catalog, part))


def number(facts: Facts, setting: str) -> int | None:
    """Return a whole-number setting in its own unit; None where the server has none of that name."""
    value = value_of(facts, setting)
    return None if value is None else int(value)


def statistics_of(tables: Iterable[Table], columns: str) -> str:
    """Return SQL that shows counters of tables.

    Args:
        tables: the first few are looked up.
        columns: of pg_stat_user_tables.
    """
    names = ", ".join(f"{literal(quoted(each.schema, each.name))}::regclass" for each in tuple(tables)[:_SHOWN])
    return f"SELECT relid::regclass, {columns} FROM pg_stat_user_tables WHERE relid IN ({names})"


def others(table: Table, parts: Iterable[Table]) -> tuple[ObjectRef, ...]:
    """Return the references to the partitions among the tables that hold a table's rows: not to itself."""
    return tuple(table_ref(part) for part in parts if part != table)


def named(tables: Iterable[Table]) -> str:
    """Return the names of tables for a sentence, the first few of many."""
    names = [str(each.qualified_name) for each in tables]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
