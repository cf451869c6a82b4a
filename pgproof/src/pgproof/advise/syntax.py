"""The syntax tree of a text of SQL as PostgreSQL prints it, and its names as PostgreSQL folds them."""

from __future__ import annotations

import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_PARAMETER = re.compile(r"(?<![\w$])\$(\d+)")


@lru_cache(maxsize=4096)
def syntax_tree(text: str) -> exp.Expr | None:
    """Return the tree of one statement; None for none, for several, and for what does not parse.

    The tree is shared: nobody may change it.
    """
    # The tokenizer takes `$1,$` of `IN ($1,$2)` for the opening of a dollar-quoted string; a space ends it.
    try:
        trees = sqlglot.parse(_PARAMETER.sub(r" $\1 ", text), dialect="postgres")
    except (SqlglotError, RecursionError):
        return None
    return trees[0] if len(trees) == 1 else None


def identifier(node: exp.Expr | None) -> str | None:
    """Return a name as PostgreSQL folds it: lower case unless it is quoted; None for what is no name."""
    if not isinstance(node, exp.Identifier):
        return None
    name: str = node.name
    return name if node.args.get("quoted") else name.lower()
