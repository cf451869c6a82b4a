"""Search paths of functions: what one is, and one that is safe."""

from __future__ import annotations

import re

from pgproof.facts.model import Facts
from pgproof.facts.objects import Function
from pgproof.remedy.security import SetFunctionSearchPath
from pgproof.rules.authentication import value_of
from pgproof.rules.finding import Remedy

_PATH = "search_path="
_NAME = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')
_OF_THE_CALLER = "$user"
_TEMPORARY = "pg_temp"


def own_path(function: Function) -> str | None:
    """Return the search path that a function sets for itself, as it is written; None for none."""
    return next((each.removeprefix(_PATH) for each in function.configuration if each.startswith(_PATH)), None)


def schemas(path: str) -> tuple[str, ...]:
    """Return the schemas of a search path as a setting writes it."""
    names = (match[1].replace('""', '"') if match[1] is not None else match[2] for match in _NAME.finditer(path))
    return tuple(name for name in names if name)


def safe_path(facts: Facts, function: Function, writable: set[str]) -> Remedy:
    """Return the remedy: a path that finds what the database's own finds, and the caller's objects last.

    Args:
        facts: of the database.
        function: that has no safe path.
        writable: schemas in which every role may create objects; while one is on the path, it is not safe.
    """
    database = value_of(facts, "search_path") or ""
    found = [name for name in schemas(database) if name not in (_OF_THE_CALLER, _TEMPORARY)]
    path = (*(found or [function.schema]), _TEMPORARY)
    summary = f"Give it the search path {', '.join(path)} of its own."
    if writable & set(path):
        return Remedy(f"{summary} First revoke CREATE on those that everybody may write to.")
    return Remedy(
        summary,
        (SetFunctionSearchPath(function.schema, function.name, function.arguments, path, own_path(function)),),
    )
