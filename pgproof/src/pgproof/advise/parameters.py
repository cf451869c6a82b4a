"""Where the values of a statement's parameters come from: the column each is compared with, or LIMIT and OFFSET."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

from pgproof.advise.statements import parse
from pgproof.advise.syntax import syntax_tree
from pgproof.facts.catalog import Catalog, QualifiedName


@dataclass(frozen=True)
class ColumnValue:
    """A parameter that must equal a column, so that any value of the column is a value for it."""

    table: QualifiedName
    column: str


ParameterSource: TypeAlias = ColumnValue | Literal["limit", "offset"]


def parameter_sources(text: str, catalog: Catalog, search_path: Sequence[str]) -> Mapping[int, ParameterSource] | None:
    """Return where each parameter's value can come from; None if one of them is used in any other way, or
    the statement asks no table of the catalog.

    Args:
        text: one statement that only reads, with parameters as $1, $2 ...
        catalog: of the database it runs in.
        search_path: schemas in which names without one are looked for.
    """
    parsed, tree = parse(text, catalog, search_path), syntax_tree(text)
    if parsed is None or tree is None or parsed.kind != "select" or not (parsed.reads_only and parsed.uses):
        return None
    # A table made by SELECT INTO, and a function of which nobody knows what it does: nextval() is such a one.
    if tree.find(exp.Into, exp.Anonymous) is not None:
        return None
    sources: dict[int, ParameterSource] = {
        equality.parameter: ColumnValue(use.table, equality.column)
        for use in parsed.uses
        for equality in use.equalities
        if equality.parameter is not None and not equality.several
    }
    numbers = set()
    for node in tree.find_all(exp.Parameter):
        number = int(node.this.name)
        numbers.add(number)
        if isinstance(node.parent, exp.Limit):
            sources[number] = "limit"
        elif isinstance(node.parent, exp.Offset):
            sources[number] = "offset"
    return sources if numbers <= sources.keys() and numbers == set(range(1, len(numbers) + 1)) else None
