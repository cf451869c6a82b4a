"""The plan of a statement whose parameters are unknown, as the server would choose it for any of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanNode, PlanOf

_PARAMETER = re.compile(r"\$(\d+)")


def explain_generic(cursor: psycopg.Cursor[dict[str, Any]], facts: Facts, question: PlanOf) -> PlanNode:
    """Return the generic plan of a statement; nothing is run but the planner.

    PostgreSQL 16 has EXPLAIN (GENERIC_PLAN); before it the statement is prepared with parameters of unknown
    type, and executed inside EXPLAIN with plan_cache_mode = force_generic_plan, which looks at no value.

    Args:
        cursor: in a transaction; tables are resolved by the project's search path, which is set here.
        facts: of the same database.
        question: the statement.

    Raises:
        psycopg.Error: the statement cannot be planned, for example because a table it names is gone.
    """
    cursor.execute("SELECT set_config('search_path', %s, true)", (_search_path(facts),))
    if question.without_sequential_scans:
        cursor.execute("SET LOCAL enable_seqscan = off")
    if facts.database.server_version_num >= 160000:
        return _first_plan(_explain(cursor, "EXPLAIN (GENERIC_PLAN, FORMAT JSON, VERBOSE) " + question.statement))
    cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    parameters = len({int(number) for number in _PARAMETER.findall(question.statement)})
    _explain(cursor, "PREPARE pgproof_plan AS " + question.statement)
    try:
        values = sql.SQL("({})").format(sql.SQL(", ").join([sql.NULL] * parameters)) if parameters else sql.SQL("")
        explained = cursor.execute(
            sql.SQL("EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE pgproof_plan") + values, prepare=False
        ).fetchone()
    finally:
        if cursor.connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS:
            cursor.execute("DEALLOCATE pgproof_plan")
    return _first_plan(explained)


def _explain(cursor: psycopg.Cursor[dict[str, Any]], statement: str) -> dict[str, Any] | None:
    # The text holds $1 and perhaps %, so it goes to the server as it is, without parameters of ours.
    cursor.execute(statement.encode(), prepare=False)
    return cursor.fetchone() if cursor.description else None


def _first_plan(row: Mapping[str, Any] | None) -> PlanNode:
    assert row is not None
    return _node(row["QUERY PLAN"][0]["Plan"])


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
    """The path that statements of the workload were written for: the database's own, then the user's schemas."""
    configured = next((s.value for s in facts.server.settings if s.name == "search_path"), None)
    return configured or '"$user", public'
