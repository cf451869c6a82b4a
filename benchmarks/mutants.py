"""Mutants of a rule: the same file with one condition deleted, forced, inverted or moved by one step."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_SWAPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Mutant:
    """A changed file.

    Attributes:
        line: of the change.
        change: what was done there.
        source: the whole file, changed.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module's functions; its metadata and examples stay.

    Args:
        source: Python.
    """
    tree = ast.parse(source)
    count = sum(len(list(_changes(node))) for _, node in _sites(tree))
    for number in range(count):
        changed = copy.deepcopy(tree)
        line, what = _apply(changed, number)
        yield Mutant(line, what, ast.unparse(ast.fix_missing_locations(changed)))


def _sites(tree: ast.Module) -> Iterator[tuple[int, ast.AST]]:
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            for node in ast.walk(statement):
                yield getattr(node, "lineno", 0), node


def _changes(node: ast.AST) -> Iterator[str]:
    """Yield what can be done to a node, in words; `_apply` does them in this order."""
    if isinstance(node, (ast.If, ast.IfExp)):
        yield "condition always true"
        yield "condition never true"
    if isinstance(node, ast.comprehension):
        for number in range(len(node.ifs)):
            yield f"filter {number} deleted"
    if isinstance(node, ast.BoolOp):
        for number in range(len(node.values)):
            yield f"operand {number} deleted"
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _SWAPPED:
        yield f"{type(node.ops[0]).__name__} became {_SWAPPED[type(node.ops[0])].__name__}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not deleted"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("any", "all"):
        yield "any and all exchanged"


def _apply(tree: ast.Module, number: int) -> tuple[int, str]:
    for line, node in _sites(tree):
        for position, what in enumerate(_changes(node)):
            if number:
                number -= 1
                continue
            _change(node, position)
            return line or _line_within(node), what
    raise IndexError(number)


def _change(node: ast.AST, position: int) -> None:
    match node:
        case ast.If() | ast.IfExp():
            node.test = ast.Constant(position == 0)
        case ast.comprehension():
            del node.ifs[position]
        case ast.BoolOp():
            del node.values[position]
        case ast.Compare():
            node.ops = [_SWAPPED[type(node.ops[0])]()]
        case ast.UnaryOp():
            # `not x` becomes `x`, judged as a truth value.
            node.op = ast.Not()
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.Call(func=ast.Name() as function):
            function.id = "all" if function.id == "any" else "any"


def _line_within(node: ast.AST) -> int:
    return min((child.lineno for child in ast.walk(node) if hasattr(child, "lineno")), default=0)
