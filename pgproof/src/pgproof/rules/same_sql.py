"""Whether two texts of SQL say the same: one as a model writes it, one as PostgreSQL deparses it."""

from __future__ import annotations

from functools import cache

from sqlglot import exp

from pgproof.advise.syntax import identifier, syntax_tree


def same_sql(one: str | None, other: str | None) -> bool | None:
    """Tell whether two expressions say the same; None where either does not parse.

    Casts and parentheses are left aside, since PostgreSQL adds its own, and so is the order of what AND, OR and IN
    join.
    """
    if one is None or other is None:
        return one is other
    first, second = canonical(one), canonical(other)
    return None if first is None or second is None else first == second


@cache
def canonical(text: str) -> str | None:
    """Return an expression in a form of its own, the same for texts that say the same; None if it does not parse."""
    tree = syntax_tree(f"SELECT {text}")
    if tree is None or len(tree.expressions) != 1:
        return None
    return _form(tree.expressions[0])


def _form(node: exp.Expr) -> str:
    if isinstance(node, exp.Paren | exp.Cast):
        return _form(node.this)
    if isinstance(node, exp.And | exp.Or):
        return f"{node.key}({', '.join(sorted({_form(part) for part in node.flatten()}))})"
    if isinstance(node, exp.Column):
        return f"column({identifier(node.this) or node.sql()})"
    if isinstance(node, exp.In) and node.expressions:
        return _one_of(node.this, node.expressions)
    if isinstance(node, exp.EQ) and isinstance(node.expression.unnest(), exp.Any):
        values = _array(node.expression.unnest().this)
        if values is not None:
            return _one_of(node.this, values)
    if isinstance(node, exp.EQ | exp.NEQ):
        return f"{node.key}({', '.join(sorted((_form(node.this), _form(node.expression))))})"
    if isinstance(node, exp.Literal):
        return node.sql()
    parts = [_form(child) for child in node.iter_expressions()]
    leaves = [str(value).lower() for value in node.args.values() if isinstance(value, str | bool)]
    return f"{node.key}({', '.join((*leaves, *parts))})"


def _one_of(value: exp.Expr, choices: list[exp.Expr]) -> str:
    return f"one of({_form(value)}: {', '.join(sorted({_form(each) for each in choices}))})"


def _array(node: exp.Expr) -> list[exp.Expr] | None:
    """The items of an array constant below casts and parentheses; None for anything else."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node.expressions if isinstance(node, exp.Array) else None
