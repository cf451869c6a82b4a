"""Which kind of index answers a search, and whether one is there."""

from __future__ import annotations

from pgproof.advise.deparsed import columns_in, folded_column
from pgproof.advise.statements import Search
from pgproof.facts.catalog import Column, Index, IndexKey
from pgproof.facts.model import Facts

_TEXTS = ("text", "varchar", "bpchar")
_PATTERNS = ("LIKE", "ILIKE", "~", "~*")
_JSON_OPERATORS = ("@>", "?", "?|", "?&")
_SEARCHING = ("gin", "gist")
_TRIGRAMS = ("gin_trgm_ops", "gist_trgm_ops")
_IN_BYTE_ORDER = ("text_pattern_ops", "varchar_pattern_ops", "bpchar_pattern_ops")


def kind_of(search: Search) -> str:
    """Return what one index serves together: pattern, @@, = (of a function), or contains."""
    if search.operator in _PATTERNS:
        return "pattern"
    return search.operator if search.operator in ("=", "@@") else "contains"


def is_searchable(column: Column, search: Search) -> bool:
    """Tell whether there is a kind of index that answers the search of a column of this type."""
    match kind_of(search):
        case "pattern" | "=":
            return column.base_type in _TEXTS
        case "@@":
            return column.base_type == "tsvector" if search.function is None else column.base_type in _TEXTS
        case _:
            return search.function is None and _containment_method(column, search) is not None


def _containment_method(column: Column, search: Search) -> str | None:
    if column.base_type == "jsonb" and search.operator in _JSON_OPERATORS:
        return "gin"
    if search.operator in ("@>", "&&"):
        return "gin" if column.type_category == "A" else "gist" if column.type_kind == "r" else None
    return None


def method_of(column: Column, search: Search) -> str | None:
    """Return the method of the index that serves a search; None where it takes the application's own expression."""
    match kind_of(search):
        case "=":
            return "btree"
        case "pattern":
            return "gin"
        case "@@":
            return "gin" if search.function is None else None
        case _:
            return _containment_method(column, search)


def serves(facts: Facts, index: Index, search: Search) -> bool:
    """Tell whether an index is made for a search, be it that the planner does not take it for any value."""
    match kind_of(search):
        case "=":
            return _folds(index.keys[0], search)
        case "pattern":
            trigrams = any(key.operator_class in _TRIGRAMS and _is_over(key, search) for key in index.keys)
            return trigrams or (search.operator == "LIKE" and _is_in_byte_order(facts, index, search))
        case _:
            return index.method in _SEARCHING and any(_is_over(key, search) for key in index.keys)


def _is_over(key: IndexKey, search: Search) -> bool:
    if search.function is None:
        return key.column == search.column
    return key.expression is not None and search.column in columns_in(key.expression)


def _folds(key: IndexKey, search: Search) -> bool:
    return key.expression is not None and folded_column(key.expression) == (search.function, search.column)


def _is_in_byte_order(facts: Facts, index: Index, search: Search) -> bool:
    """Whether a B-tree finds what begins with given characters, which LIKE may ask for: the text says not."""
    key = index.keys[0]
    if not (key.column == search.column if search.function is None else _folds(key, search)):
        return False
    by_default = key.collation == "default" and facts.database.collation in ("C", "POSIX")
    return key.operator_class in _IN_BYTE_ORDER or key.collation in ("C", "POSIX") or by_default
