"""What rules of several families read from facts in the same way."""

from __future__ import annotations

from pgproof.facts.catalog import Catalog, Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Question
from pgproof.facts.table_statistics import TableStatistics
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import NotChecked, table_ref

_NOTHING = TableStatistics(*(0,) * 12, None, None, 0, 0)


def own_columns(catalog: Catalog, table: Table) -> tuple[Column, ...]:
    """Return the columns that a table does not inherit: an inherited one is its parent's matter."""
    parents = [parent for oid in table.parents if (parent := catalog.table(oid)) is not None]
    if not parents:
        return table.columns
    inherited = {column.name for parent in parents for column in parent.columns}
    return tuple(column for column in table.columns if column.name not in inherited)


def counters(table: Table) -> TableStatistics:
    """Return what the server counted about a table; zeros for a view, about which it counts nothing."""
    return table.statistics or _NOTHING


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name that underscores part, in lower case."""
    return tuple(name.lower().split("_"))


def regclass(table: Table) -> str:
    """Return the SQL of a table's oid, for statements over the catalog."""
    return f"{literal(quoted(table.schema, table.name))}::regclass"


def locked(table: Table) -> NotChecked:
    """Return that a table's definitions could not be read."""
    return NotChecked("a moment in which no other session locks the table", (table_ref(table),))


def unanswered(facts: Facts, question: Question, table: Table, *columns: str) -> NotChecked:
    """Return that a question has no counts, and why; about these columns of a table."""
    answer = facts.answer(question)
    reason = answer.refused if answer is not None else None
    return NotChecked(reason or "counts of the data, which were not asked for", (table_ref(table, *columns),))
