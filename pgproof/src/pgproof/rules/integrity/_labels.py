"""Which values a column may hold: by the models' enum, by a type of PostgreSQL, or by a check."""

from __future__ import annotations

from sqlglot import exp

from pgproof.advise.deparsed import columns_in
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import UserType
from pgproof.facts.questions import AllOf, Compare, RowsWhere
from pgproof.remedy.names import literal
from pgproof.rules.counter_examples import AcceptedRow


def holding(table: Table, column: Column, label: str) -> RowsWhere:
    """Return the question how many rows have a value."""
    return RowsWhere(table.qualified_name, Compare(column.name, "=", constant=label))


def holding_others(table: Table, column: Column, *labels: str) -> RowsWhere:
    """Return the question how many rows have a value other than these; NULL is none."""
    return RowsWhere(table.qualified_name, AllOf(tuple(Compare(column.name, "<>", constant=each) for each in labels)))


def accepted_other(facts: Facts, table: Table, column: Column, *labels: str) -> AcceptedRow | None:
    """Return the row that shows another text accepted; None where a child table, which may forbid it, could get it."""
    if facts.catalog.partitions(table):
        return None
    # Short enough for a column of any length.
    other = next(text for text in ("", "?", "!") if text not in labels)
    return AcceptedRow(table.qualified_name, ((column.name, literal(other).strip()),))


def enum_type(facts: Facts, column: Column) -> UserType | None:
    """Return the enum that a column, or the items of an array, are of; None for any other type."""
    name = column.element_type or column.type_name
    return next(
        (
            each
            for each in facts.catalog.types
            if each.kind == "enum" and (each.schema, each.name) == (column.type_schema, name)
        ),
        None,
    )


def list_of(check: Constraint, column: str) -> tuple[str, ...] | None:
    """Return the texts that a check allows a column, if that is all it says."""
    tree = syntax_tree(f"SELECT {check.expression}") if check.expression is not None else None
    if tree is None or len(tree.expressions) != 1 or columns_in(check.expression or "") != {column}:
        return None
    return _texts(_bare(tree.expressions[0]), column)


def _texts(condition: exp.Expr, column: str) -> tuple[str, ...] | None:
    if isinstance(condition, exp.Or):
        parts = [_texts(_bare(part), column) for part in condition.flatten()]
        return None if None in parts else tuple(text for part in parts for text in part or ())
    if not isinstance(condition, exp.EQ) or not _is_column(condition.this, column):
        return None
    right = _bare(condition.expression)
    array = _bare(right.this) if isinstance(right, exp.Any) else None
    texts = [_text(each) for each in (array.expressions if isinstance(array, exp.Array) else [right])]
    return None if None in texts else tuple(text for text in texts if text is not None)


def _is_column(node: exp.Expr, column: str) -> bool:
    bare = _bare(node)
    return isinstance(bare, exp.Column) and identifier(bare.this) == column


def _text(node: exp.Expr) -> str | None:
    bare = _bare(node)
    return str(bare.this) if isinstance(bare, exp.Literal) and bare.is_string else None


def _bare(node: exp.Expr) -> exp.Expr:
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node
