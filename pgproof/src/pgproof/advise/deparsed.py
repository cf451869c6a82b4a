"""What the texts say that PostgreSQL deparses: filters and sort keys of plans, predicates and keys of indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from pgproof.advise.conditions import Comparison, comparisons
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Table

_ORDERED = ("equals", "one of", "range")


def filter_columns(condition: str, table: Table) -> frozenset[str]:
    """Return the columns that a plan's filter fixes or bounds as they are, which is what an index can answer.

    Args:
        condition: as EXPLAIN prints it. A varchar stands there as `(column)::text`, which an index on it answers; for
            any other type the cast keeps indexes out.
        table: that the plan reads.
    """
    return frozenset(name for name, each in _compared(condition, table) if each.kind in _ORDERED)


def sort_columns(keys: Sequence[str]) -> tuple[str, ...] | None:
    """Return the columns of a plan's sort key in order; None if it sorts by anything but columns."""
    tree = syntax_tree("SELECT FROM t ORDER BY " + ", ".join(keys))
    order = tree.args.get("order") if tree is not None else None
    names = [identifier(each.this.unnest().this) for each in order.expressions] if order is not None else [None]
    return None if None in names else tuple(name for name in names if name is not None)


def fixed_values(predicate: str, table: Table) -> Mapping[str, str]:
    """Return the columns to which a partial index's predicate leaves one value, and that value as SQL."""
    found = {
        name: each.value.sql(dialect="postgres")
        for name, each in _compared(predicate, table)
        if each.kind == "equals" and isinstance(each.value, exp.Literal | exp.Boolean)
    }
    for part in _parts(predicate):
        inside = part.this.unnest() if isinstance(part, exp.Not) else part
        name = identifier(inside.this) if isinstance(inside, exp.Column) else None
        if name is not None:
            found[name] = "false" if isinstance(part, exp.Not) else "true"
    return found


def folded_column(expression: str) -> tuple[str, str] | None:
    """Return the function and the column of an index key such as `lower((email)::text)`; None for any other key."""
    tree = syntax_tree(f"SELECT FROM t WHERE {expression} = 0")
    where = tree.args.get("where") if tree is not None else None
    for each in comparisons(where.this) if where is not None else ():
        name = identifier(each.column.this)
        if each.kind == "search" and each.operator == "=" and each.function is not None and name is not None:
            return each.function, name
    return None


def columns_in(expression: str) -> frozenset[str]:
    """Return the names of all columns that a condition or an index key mentions; none if it does not parse."""
    tree = syntax_tree(f"SELECT {expression}")
    found = (identifier(column.this) for column in tree.find_all(exp.Column)) if tree is not None else ()
    return frozenset(name for name in found if name is not None)


def _compared(condition: str, table: Table) -> list[tuple[str, Comparison]]:
    varchars = {column.name for column in table.columns if column.base_type == "varchar"}
    return [
        (name, each)
        for through in (False, True)
        for part in _parts(condition)
        for each in comparisons(part, through_text=through)
        if (name := identifier(each.column.this)) is not None and (not through or name in varchars)
    ]


def _parts(condition: str) -> list[exp.Expr]:
    tree = syntax_tree(f"SELECT FROM t WHERE {condition}")
    where = tree.args.get("where") if tree is not None else None
    if where is None:
        return []
    whole = where.this.unnest()
    return [part.unnest() for part in (whole.flatten() if isinstance(whole, exp.And) else (whole,))]
