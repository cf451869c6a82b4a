"""The statements of a workload with what they ask of the tables, resolved for the role that ran them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pgproof.advise.statements import ParsedStatement, parse
from pgproof.facts.model import Facts
from pgproof.facts.once import once
from pgproof.facts.server_state import Statement

_SCHEMA = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')


@dataclass(frozen=True)
class WorkloadStatement:
    """A statement that was run, and what it asks.

    Attributes:
        share: of the time of all recorded statements, between 0 and 1.
    """

    statement: Statement
    parsed: ParsedStatement
    share: float


@once
def read_workload(facts: Facts) -> tuple[WorkloadStatement, ...]:
    """Return the recorded statements that parse, in their order; nothing where none were recorded."""
    statements = facts.server.statements or ()
    total = sum(statement.total_ms for statement in statements)
    read = []
    for statement in statements:
        parsed = parse(statement.query, facts.catalog, search_path(facts, statement.role))
        if parsed is not None:
            read.append(WorkloadStatement(statement, parsed, statement.total_ms / total if total else 0.0))
    return tuple(read)


def search_path(facts: Facts, role: str | None) -> tuple[str, ...]:
    """Return the schemas in which a role's statements look for names.

    What ALTER ROLE and ALTER DATABASE say goes before the server's setting, the narrower before the wider
    (PostgreSQL documentation, ALTER ROLE). A path that a session sets for itself is not known here.

    Nothing where the server's path is not known.

    Args:
        facts: with the settings.
        role: None where it is not known: then the database's path.
    """
    set_for = {
        (setting.database, setting.role): setting.value
        for setting in facts.server.role_settings
        if setting.name == "search_path"
    }
    database = facts.database.name
    server = facts.server.setting("search_path")
    narrowest = [(database, role), (None, role)] if role is not None else []
    path = next(
        (set_for[scope] for scope in [*narrowest, (database, None), (None, None)] if scope in set_for),
        server.value if server is not None else None,
    )
    names = [quoted.replace('""', '"') if quoted else plain.lower() for quoted, plain in _SCHEMA.findall(path or "")]
    return tuple(role if name == "$user" and role is not None else name for name in names)
