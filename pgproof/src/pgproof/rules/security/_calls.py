"""Calls in the conditions of policies that do not depend on the row, as PostgreSQL prints them."""

from __future__ import annotations

import re

from pgproof.facts.catalog import Table

_SETTING = r"current_setting\('(?:[^']|'')*'::text(?:, (?:true|false))?\)"
_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_CALL = re.compile(rf"(?<![\w\".])(?:{_SETTING}|(?P<schema>{_NAME})\.(?P<function>{_NAME})\(\))")
_PARENTHESES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<select>\(\s*SELECT\b)|(?P<open>\()|(?P<close>\))""")


def called_once(condition: str | None, stable: set[tuple[str, str]]) -> str | None:
    """Return a condition with each call that does not depend on the row inside a subselect."""
    if condition is None:
        return None

    inside = _subselects(condition)

    def once(call: re.Match[str]) -> str:
        if any(call.start() in part for part in inside):
            return call[0]
        if call["function"] is None or (_plain(call["schema"]), _plain(call["function"])) in stable:
            return f"(SELECT {call[0]})"
        return call[0]

    return _CALL.sub(once, condition)


def of_rows(table: Table) -> str:
    """Return of how many rows, where somebody has counted."""
    return "" if table.estimated_rows is None else f", of {table.estimated_rows} by the last estimate"


def _subselects(condition: str) -> list[range]:
    """Return where the subselects of a condition are: their calls are made once for each statement."""
    found, opened = [], list[tuple[int, bool]]()
    for token in _PARENTHESES.finditer(condition):
        if token["select"] or token["open"]:
            opened.append((token.start(), token["select"] is not None))
        elif token["close"]:
            start, is_select = opened.pop()
            if is_select:
                found.append(range(start, token.end()))
    return found


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
