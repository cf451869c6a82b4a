"""What a question may touch: plain tables and partitions, with PostgreSQL's own operators, and nobody else's code."""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts import questions
from pgproof.facts.catalog import Column, QualifiedName, Table
from pgproof.facts.model import Facts
from pgproof.facts.question_sql import CountQuestion, tables_of
from pgproof.facts.questions import Condition

_MOMENTS = frozenset(("date", "timestamp", "timestamptz"))


def refusal(facts: Facts, question: CountQuestion) -> str | None:
    """Return why a question must not be asked; None if it may.

    Args:
        facts: of the database it is asked of.
        question: a count.
    """
    return next(_reasons(facts, question), None)


def leaves(facts: Facts, table: Table) -> tuple[Table, ...]:
    """Return the relations that hold a table's rows: itself, its partitions and its inheritance children."""
    own = (table,) if table.kind == "table" else ()
    return own + tuple(leaf for part in facts.catalog.partitions(table) for leaf in leaves(facts, part))


def _reasons(facts: Facts, question: CountQuestion) -> Iterator[str]:
    for name in tables_of(question):
        table = facts.catalog.named(name)
        if table is None:
            yield f"{name} is not in the catalog"
            return
        yield from _table_reasons(facts, table)
    yield from _column_reasons(facts, question)


def _table_reasons(facts: Facts, table: Table) -> Iterator[str]:
    name = table.qualified_name
    if table.kind not in ("table", "partitioned table"):
        yield f"{name} is a {table.kind}, whose code could do anything"
    if table.locked:
        yield f"{name} is locked by another session"
    if table.calls_user_code:
        yield f"{name} has an index, a check or statistics that call a function of a user, which the planner could run"
    for part in facts.catalog.partitions(table):
        yield from _table_reasons(facts, part)


def _column_reasons(facts: Facts, question: CountQuestion) -> Iterator[str]:
    table = facts.catalog.named(question.table)
    assert table is not None
    match question:
        case questions.RowsWhere():
            yield from _condition_reasons(table, question.condition)
        case questions.Duplicates():
            for name in question.columns:
                yield from _own_reasons(table, name)
            for name in question.lower:
                yield from _text_reasons(table, name)
            if question.where is not None:
                yield from _condition_reasons(table, question.where)
        case questions.Orphans():
            parent = facts.catalog.named(question.referenced)
            assert parent is not None
            for own, other in zip(question.columns, question.referenced_columns, strict=True):
                yield from _pair_reasons(table, own, parent, other)
        case questions.Disagreements():
            via = facts.catalog.named(question.via_table)
            assert via is not None
            yield from _pair_reasons(table, question.direct, via, question.via_direct)
            yield from _pair_reasons(table, question.reference, via, question.via_key)
        case questions.HighestValue():
            yield from _own_reasons(table, question.column)
            if (column := _column(table, question.column)) is not None and column.type_category != "N":
                yield f"{table.qualified_name}.{column.name} is of type {column.type}, not a number"


def _condition_reasons(table: Table, condition: Condition) -> Iterator[str]:
    match condition:
        case questions.Compare():
            if condition.other_column is not None:
                yield from _pair_reasons(table, condition.column, table, condition.other_column)
            else:
                yield from _own_reasons(table, condition.column)
                yield from _constant_reasons(table, condition)
        case questions.Past():
            yield from _own_reasons(table, condition.column)
            if (column := _column(table, condition.column)) is not None and column.base_type not in _MOMENTS:
                yield f"{table.qualified_name}.{column.name} is of type {column.type}, not a date or time"
        case questions.Matches():
            yield from _text_reasons(table, condition.column)
        case questions.IsNull():
            if _column(table, condition.column) is None:
                yield _unknown(table.qualified_name, condition.column)
        case questions.Not():
            yield from _condition_reasons(table, condition.condition)
        case questions.AllOf() | questions.AnyOf():
            for each in condition.conditions:
                yield from _condition_reasons(table, each)


def _pair_reasons(table: Table, name: str, other_table: Table, other_name: str) -> Iterator[str]:
    yield from _own_reasons(table, name)
    yield from _own_reasons(other_table, other_name)
    column, other = _column(table, name), _column(other_table, other_name)
    if column is not None and other is not None and _family(column) != _family(other):
        yield f"{column.type} and {other.type} have no operator of PostgreSQL's own between them"


def _constant_reasons(table: Table, condition: questions.Compare) -> Iterator[str]:
    column = _column(table, condition.column)
    category = {bool: "B", int: "N"}.get(type(condition.constant))
    if column is not None and category is not None and column.type_category != category:
        yield f"{table.qualified_name}.{column.name} is of type {column.type}, compared with {condition.constant!r}"


def _own_reasons(table: Table, name: str) -> Iterator[str]:
    column = _column(table, name)
    if column is None:
        yield _unknown(table.qualified_name, name)
    elif not column.built_in_operators:
        yield f"{table.qualified_name}.{name} is of type {column.type}, whose operators are not PostgreSQL's own"


def _text_reasons(table: Table, name: str) -> Iterator[str]:
    yield from _own_reasons(table, name)
    if (column := _column(table, name)) is not None and column.type_category != "S":
        yield f"{table.qualified_name}.{name} is of type {column.type}, not a text"


def _family(column: Column) -> str:
    """Types between which PostgreSQL has operators of its own, so that no cast of a user is looked for."""
    if column.base_type in _MOMENTS:
        return "moment"
    return column.type_category if column.type_category in ("N", "S") else f"{column.type_schema}.{column.base_type}"


def _column(table: Table, name: str) -> Column | None:
    return next((column for column in table.columns if column.name == name), None)


def _unknown(table: QualifiedName, name: str) -> str:
    return f"{table} has no column {name}"
