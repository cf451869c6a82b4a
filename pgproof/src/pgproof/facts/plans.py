"""The plan of a statement whose parameters are unknown, as the server would choose it for any of them.

Nothing is run but the planner, which is not harmless by itself: it calls functions with constant arguments, and it
locks what a statement would write. So what could run the code of a user, or lock more than a reader does, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf
from pgproof.facts.sql import load
from pgproof.facts.statement_text import without_comments

_PARAMETER = re.compile(r"\$(\d+)")
_READING = re.compile(r"[\s(]*(select|with|values|table)\b", re.IGNORECASE)
_WRITING = re.compile(r"\b(insert|update|delete|merge|into)\b|\bfor\s+(share|no\s+key|key)\b", re.IGNORECASE)
_ESCAPED_NAME = re.compile(r'\bu&"', re.IGNORECASE)
_WORD = re.compile(r'"(?:[^"]|"")*"|[\w$]+')

Cursor = psycopg.Cursor[dict[str, Any]]


class Refused(Exception):
    """A statement is not planned; the message says why."""


def explain_generic(cursor: Cursor, facts: Facts, question: PlanOf) -> PlanNode:
    """Return the generic plan of a statement.

    The statement is prepared first: over the extended protocol, which takes no second statement behind it. From
    PostgreSQL 16 the plan is that of EXPLAIN (GENERIC_PLAN); before, the prepared statement is explained with
    plan_cache_mode = force_generic_plan, which looks at no value. A prepared statement outlives its transaction, so it
    is given up in the same one, also after an error.

    Args:
        cursor: in a transaction; tables are resolved by the project's search path, which is set here.
        facts: of the same database.
        question: the statement.

    Raises:
        Refused: it is not one reading statement, or planning it could run the code of a user.
        psycopg.Error: the statement cannot be planned, for example because a table it names is gone.
    """
    text = question.statement
    _refuse_unsafe(cursor, facts, text)
    cursor.execute("SELECT /* pgproof */ set_config('search_path', %s, true)", (_search_path(facts),))
    if question.without_sequential_scans:
        cursor.execute("SET LOCAL enable_seqscan = off")
    cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    cursor.execute(b"PREPARE pgproof_plan AS " + text.encode(), binary=True)
    try:
        with cursor.connection.transaction():
            if facts.database.server_version_num >= 160000:
                explain = b"EXPLAIN (GENERIC_PLAN, FORMAT JSON, VERBOSE) " + text.encode()
            else:
                explain = b"EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE pgproof_plan" + _nulls(text)
            row = cursor.execute(explain).fetchone()
    finally:
        if not cursor.connection.broken:
            cursor.execute("DEALLOCATE pgproof_plan")
    assert row is not None
    return _node(row["QUERY PLAN"][0]["Plan"])


def _refuse_unsafe(cursor: Cursor, facts: Facts, statement: str) -> None:
    """Judge the text word by word, strings included: finding too much is safe, misreading a string's end is not."""
    text = without_comments(statement).removesuffix(";")
    if ";" in text:
        raise Refused("it may be more than one statement")
    if not _READING.match(text):
        raise Refused("it is not a SELECT, VALUES, TABLE or WITH statement")
    if _WRITING.search(text):
        raise Refused("planning it would lock its table as a writer does")
    if _ESCAPED_NAME.search(text):
        raise Refused("it hides a name behind escapes")
    words = _words(statement)
    for table in facts.catalog.tables:
        if table.calls_user_code and table.name in words:
            raise Refused(f"{table.qualified_name} has an index or a check that calls a function of a user")
    row = cursor.execute(load("plan_hazards"), {"words": sorted(words), "text": statement}).fetchone()
    if row is not None:
        raise Refused(f"it {row['hazard']}, which the planner could run")


def _words(text: str) -> set[str]:
    found = {part[1:-1].replace('""', '"') if part[0] == '"' else part for part in _WORD.findall(text)}
    # What a quotation mark inside a string tore apart is found by its bare words.
    found |= set(re.findall(r"[\w$]+", text))
    return found | {word.lower() for word in found}


def _nulls(text: str) -> bytes:
    parameters = max((int(number) for number in _PARAMETER.findall(text)), default=0)
    return f"({', '.join(['NULL'] * parameters)})".encode() if parameters else b""


def _node(plan: Mapping[str, Any]) -> PlanNode:
    relation = QualifiedName(plan.get("Schema", ""), plan["Relation Name"]) if "Relation Name" in plan else None
    return PlanNode(
        node_type=plan["Node Type"],
        relation=relation,
        index=plan.get("Index Name"),
        filter=plan.get("Filter"),
        index_condition=plan.get("Index Cond") or plan.get("Recheck Cond"),
        sort_key=tuple(plan.get("Sort Key", ())),
        rows=plan["Plan Rows"],
        startup_cost=plan["Startup Cost"],
        cost=plan["Total Cost"],
        children=tuple(_node(child) for child in plan.get("Plans", ())),
    )


def _search_path(facts: Facts) -> str:
    """The path that statements of the workload were written for: the database's, then those of roles."""
    configured = facts.server.setting("search_path")
    paths = [configured.value if configured is not None and configured.value else '"$user", public']
    paths += [setting.value for setting in facts.server.role_settings if setting.name == "search_path" and setting.role]
    return ", ".join(dict.fromkeys(path for path in paths if path))
