"""What an INSERT of one row gives to which column, which the conditions of a statement do not say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.advise.workload import search_path
from pgproof.facts.catalog import QualifiedName, Table
from pgproof.facts.model import Facts


@dataclass(frozen=True)
class Inserted:
    """The target of an INSERT.

    Attributes:
        columns: given a parameter alone, by the number of the parameter.
        on_conflict: it says what to do where the row is there already.
    """

    table: Table
    columns: Mapping[int, str]
    on_conflict: bool


def inserted(facts: Facts, text: str) -> Inserted | None:
    """Return the target of an INSERT into a table of the project; None for any other statement."""
    tree = syntax_tree(text)
    if not isinstance(tree, exp.Insert):
        return None
    named = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    table = _table(facts, named)
    if table is None or table.extension is not None:
        return None
    names = [identifier(each) for each in tree.this.expressions] if isinstance(tree.this, exp.Schema) else []
    values = tree.expression.expressions if isinstance(tree.expression, exp.Values) else []
    row = values[0].expressions if len(values) == 1 else []
    columns = {
        number: name
        for name, value in zip(names, row, strict=False)
        if name is not None and (number := _parameter(value)) is not None
    }
    return Inserted(table, columns, tree.args.get("conflict") is not None)


def _table(facts: Facts, node: exp.Expr) -> Table | None:
    name = identifier(node.this) if isinstance(node, exp.Table) else None
    if name is None:
        return None
    schema = identifier(node.args.get("db"))
    schemas = (schema,) if schema is not None else search_path(facts, None)
    found = (facts.catalog.named(QualifiedName(each, name)) for each in schemas)
    return next((table for table in found if table is not None), None)


def _parameter(value: exp.Expr) -> int | None:
    while isinstance(value, exp.Cast | exp.Paren):
        value = value.this
    if isinstance(value, exp.Parameter) and isinstance(value.this, exp.Literal) and not value.this.is_string:
        return int(value.this.name)
    return None
