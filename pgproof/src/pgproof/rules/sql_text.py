"""Reads the little of SQL that rules of indexes need: deparsed predicates, and which columns an UPDATE sets.

A text that is not understood says nothing: every function then returns what leads to no finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import takewhile

from pgproof.facts.catalog import Table

_TOKEN = re.compile(
    r"""(?P<gap> \s+ | --[^\n]* | /\*.*?\*/ )
      | (?P<token> [eE]?'(?:[^']|'')*' | "(?:[^"]|"")*" | \$?\w+(?:\.\d+)? | :: | [<>=!~+*/@&|^%\#?-]+ | . )""",
    re.VERBOSE | re.DOTALL,
)
_CONSTANT = re.compile(r"[eE]?'.*'|\d[\w.]*|true|false", re.DOTALL)
_OF_A_TYPE = re.compile(r'"(?:[^"]|"")*"|\w+|[.,()\[\]]')


@dataclass(frozen=True)
class Update:
    """What an UPDATE changes; `schema` is None where the statement leaves it to the search path."""

    schema: str | None
    table: str
    columns: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Return the tokens of a text, without comments and white space."""
    return [match["token"] for match in _TOKEN.finditer(text) if match["token"]]


def columns_required(table: Table, predicate: str | None) -> frozenset[str] | None:
    """Return the columns of a predicate that says `column IS NOT NULL` and nothing else; None for any other."""
    terms = list(_terms(tokens(predicate or "")))
    required = frozenset(_column(table, term[:1]) for term in terms if _words(term[1:]) == ["is", "not", "null"])
    named = frozenset(name for name in required if name is not None)
    return named if terms and len(named) == len(terms) else None


def columns_fixed(table: Table, predicate: str | None) -> frozenset[str]:
    """Return the columns that have the same value in every row that meets a predicate."""
    found = (_fixed_by(table, term) for term in _terms(tokens(predicate or "")))
    return frozenset(name for name in found if name is not None)


def columns_named(table: Table, text: str | None) -> frozenset[str]:
    """Return the columns of a table that an expression names."""
    found = (_column(table, [part]) for part in tokens(text or ""))
    return frozenset(name for name in found if name is not None)


def update_of(statement: str) -> Update | None:
    """Return what a statement updates; None if it is not an UPDATE alone."""
    parts = tokens(statement)
    if _words(parts[:1]) != ["update"]:
        return None
    parts = parts[2:] if _words(parts[1:2]) == ["only"] else parts[1:]
    until_set = list(takewhile(lambda part: part.lower() != "set", parts))
    if not until_set or len(until_set) == len(parts):
        return None
    qualified = until_set[1:2] == ["."] and len(until_set) > 2
    schema, name = (until_set[0], until_set[2]) if qualified else (None, until_set[0])
    columns = tuple(_assigned(parts[len(until_set) + 1 :]))
    return Update(None if schema is None else _unquoted(schema), _unquoted(name), columns)


def _assigned(parts: list[str]) -> Iterator[str]:
    depth, target = 0, True
    for part in parts:
        if depth == 0 and part.lower() in ("where", "from", "returning"):
            return
        depth += (part in "([") - (part in ")]")
        if part == "=" and depth == 0:
            target = False
        elif part == "," and depth == 0:
            target = True
        elif target and part not in "(),":
            yield _unquoted(part)


def _terms(parts: list[str]) -> Iterator[list[str]]:
    """Yield the conditions that AND joins, each without the parentheses around it."""
    parts = _bare(parts)
    depth, term = 0, list[str]()
    terms = [term]
    for part in parts:
        depth += (part == "(") - (part == ")")
        if depth == 0 and part.lower() == "and":
            term = []
            terms.append(term)
        else:
            term.append(part)
    if len(terms) == 1:
        if term:
            yield term
        return
    for each in terms:
        yield from _terms(each)


def _bare(parts: list[str]) -> list[str]:
    while parts[:1] == ["("] and parts[-1:] == [")"] and _closes_at_end(parts):
        parts = parts[1:-1]
    return parts


def _closes_at_end(parts: Collection[str]) -> bool:
    depth = 0
    for position, part in enumerate(parts, 1):
        depth += (part == "(") - (part == ")")
        if depth == 0:
            return position == len(parts)
    return False


def _fixed_by(table: Table, term: list[str]) -> str | None:
    if "=" in term:
        equals = term.index("=")
        left, right = term[:equals], term[equals + 1 :]
        return _compared_column(table, left) if _is_constant(right) else None
    if _words(term[:1]) == ["not"]:
        return _boolean(table, _bare(term[1:]))
    if _words(term[1:]) in (["is", "null"], ["is", "true"], ["is", "false"]):
        return _column(table, term[:1])
    return _boolean(table, term)


def _compared_column(table: Table, parts: list[str]) -> str | None:
    """Return the column on the left; a varchar is deparsed as cast to text, which compares the same."""
    cast = parts[-2:] == ["::", "text"]
    name = _column(table, _bare(parts[:-2] if cast else parts))
    return None if name is None or (cast and table.column(name).base_type != "varchar") else name


def _is_constant(parts: list[str]) -> bool:
    parts = _bare(parts)
    if not parts or not _CONSTANT.fullmatch(parts[0]):
        return False
    return len(parts) == 1 or (parts[1] == "::" and all(_OF_A_TYPE.fullmatch(part) for part in parts[2:]))


def _boolean(table: Table, parts: list[str]) -> str | None:
    name = _column(table, parts)
    return name if name is not None and table.column(name).base_type == "bool" else None


def _column(table: Table, parts: list[str]) -> str | None:
    if len(parts) != 1:
        return None
    name = _unquoted(parts[0])
    return name if any(column.name == name for column in table.columns) else None


def _unquoted(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part.lower()


def _words(parts: list[str]) -> list[str]:
    return [part.lower() for part in parts]
