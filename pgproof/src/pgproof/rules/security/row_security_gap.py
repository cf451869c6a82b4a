"""Row security that does not do what its policies say.

What it finds:
    Tables with policies on which row security is off; tables on which it is on and that have no policy; policies for
    everybody that let every row be changed or deleted; and policies that call current_setting() or a function of the
    project anew for each row.

Why it matters:
    A policy on a table without row security does nothing. USING (true) for every role makes the other policies
    void, since permissive ones are joined by OR. Without a policy only the owner sees a row. A call per row turns
    an index scan into one that takes a function call for each row it meets.

Evidence:
    pg_class.relrowsecurity and pg_policy.

Remedy:
    `op.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")`; a condition on the row's tenant or owner; the call
    inside a subselect, `USING (tenant_id = (SELECT current_setting('app.tenant')::int))`, which runs once for each
    statement.

When to ignore:
    A table that is closed on purpose by row security without a policy; a function whose result changes within a
    statement.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Policy, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import quoted
from pgproof.remedy.security import ChangePolicy, EnableRowSecurity
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, table_ref
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.security._calls import called_once, of_rows
from pgproof.rules.severity import by_size

METADATA = Metadata(code="SEC06", slug="row-security-gap", severity="high")

_EVERYBODY = ("public",)
_CHANGING = frozenset(("ALL", "UPDATE", "DELETE"))
_TRUE = frozenset(("true", "(1 = 1)"))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each gap between what policies say and what they do."""
    stable = {(each.schema, each.name) for each in facts.catalog.functions if each.volatility == "stable"}
    for table in facts.catalog.base_tables:
        if table.policies and not table.row_security:
            yield _not_enabled(table)
        if table.row_security and not table.policies:
            yield _no_policy(table)
        for policy in table.policies:
            if table.locked:
                yield locked(table)
                break
            if _opens(table, policy):
                yield _always_true(table, policy)
            changed = called_once(policy.using, stable), called_once(policy.check, stable)
            if changed != (policy.using, policy.check):
                yield _per_row(table, policy, *changed)


def _opens(table: Table, policy: Policy) -> bool:
    """Tell whether a policy lets every role change every row, and none of the table's restricts that."""
    return (
        policy.roles == _EVERYBODY
        and policy.command in _CHANGING
        and policy.using in _TRUE
        and all(other.permissive for other in table.policies)
    )


def _not_enabled(table: Table) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"{table.qualified_name} has {len(table.policies)} policies, and row security is off",
        consequence="The policies do nothing: whoever may read or write the table reads and writes every row.",
        evidence=(_switch(table, "relrowsecurity is false"),),
        remedy=Remedy(
            "Enable row security, after a look at which commands no policy allows.",
            (EnableRowSecurity(table.schema, table.name),),
        ),
    )


def _no_policy(table: Table) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table),),
        severity="low",
        message=f"{table.qualified_name} has row security and no policy",
        consequence="Every role but its owner and those that bypass row security sees an empty table.",
        evidence=(_switch(table, "relrowsecurity is true, and pg_policy has no row"),),
        remedy=Remedy(
            "Create the policies that say who sees what, or revoke the rights on a table meant to be closed."
        ),
    )


def _always_true(table: Table, policy: Policy) -> Finding:
    return METADATA.finding(
        objects=(_ref(table, policy),),
        message=f"the policy {policy.name} of {table.qualified_name} is true for every row and every role",
        consequence=f"{policy.command} is allowed on every row, whatever other policies say.",
        evidence=(_condition(table, policy),),
        remedy=Remedy(
            "Compare the row's owner or tenant with the session's, or restrict the policy to the roles meant."
        ),
    )


def _per_row(table: Table, policy: Policy, using: str | None, check: str | None) -> Finding:
    return METADATA.finding(
        objects=(_ref(table, policy),),
        severity=by_size("low", table),
        message=f"the policy {policy.name} of {table.qualified_name} calls a function for each row",
        consequence=f"A statement calls it as often as it meets a row{of_rows(table)}.",
        evidence=(_condition(table, policy),),
        remedy=Remedy(
            "Put the call inside a subselect, which runs once for each statement.",
            (ChangePolicy(table.schema, table.name, policy.name, using, check, policy.using, policy.check),),
        ),
    )


def _ref(table: Table, policy: Policy) -> ObjectRef:
    return ObjectRef("policy", table.schema, policy.name, table.name)


def _switch(table: Table, result: str) -> Evidence:
    return Evidence("catalog", f"SELECT relrowsecurity FROM pg_class WHERE oid = {regclass(table)}", result)


def _condition(table: Table, policy: Policy) -> Evidence:
    return Evidence(
        "catalog",
        "SELECT polname, polcmd, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)"
        f" FROM pg_policy WHERE polrelid = {regclass(table)}",
        f"{quoted(policy.name)} for {policy.command}: USING {policy.using} WITH CHECK {policy.check}",
    )


_ON = "CREATE TABLE t (id int PRIMARY KEY, tenant int); ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
_OWN = "CREATE POLICY own ON t USING (tenant = 1);"
_TENANT = "CREATE FUNCTION tenant() RETURNS int {} LANGUAGE sql AS 'SELECT 1';"

BAD = (
    Example(
        "policies without row security",
        sql="CREATE TABLE t (id int PRIMARY KEY, tenant int); CREATE POLICY own ON t USING (tenant = 1)",
        objects=("t",),
    ),
    Example("row security without a policy", sql=_ON, objects=("t",)),
    Example("everybody may do everything", sql=_ON + "CREATE POLICY open ON t USING (true)", objects=("open",)),
    Example(
        "everybody may delete everything",
        sql=_ON + _OWN + "CREATE POLICY open ON t FOR DELETE USING (1 = 1)",
        objects=("open",),
    ),
    Example(
        "everybody may change everything",
        sql=_ON + _OWN + "CREATE POLICY open ON t FOR UPDATE USING (true)",
        objects=("open",),
    ),
    Example(
        "a setting read for each row",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = current_setting('app.tenant')::int)",
        objects=("own",),
    ),
    Example(
        "a setting that may be missing, read for each row that is written",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = 1)"
        " WITH CHECK (tenant = current_setting('app.it''s', true)::int OR id = current_setting('app.id')::int)",
        objects=("own",),
    ),
    Example(
        "a setting read for each row after one that is read once",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = (SELECT current_setting('app.tenant')::int)"
        " OR id = current_setting('app.id')::int)",
        objects=("own",),
    ),
    Example(
        "a stable function called for each row of an insert",
        sql=_ON + _TENANT.format("STABLE") + "CREATE POLICY own ON t FOR INSERT WITH CHECK (tenant = tenant())",
        objects=("own",),
    ),
    Example(
        "a function with an odd name",
        sql=_ON
        + _TENANT.format("STABLE").replace("tenant()", '"The ""tenant"()')
        + 'CREATE POLICY own ON t USING (tenant = "The ""tenant"())',
        objects=("own",),
    ),
    Example(
        "a large table",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = current_setting('app.tenant')::int)",
        given=(given_table("t", reltuples=2e6, heap_bytes=1 << 30),),
        severity="medium",
        renamed=False,
        says=("meets a row, of 2000000 by the last estimate.",),
    ),
    Example(
        "a table whose rows nobody has counted",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = current_setting('app.tenant')::int)",
        given=(given_table("t", reltuples=-1.0, live_rows=0, heap_bytes=1 << 20),),
        renamed=False,
        says=("as often as it meets a row.",),
    ),
)
GOOD = (
    Example("policies with row security", sql=_ON + _OWN),
    Example("neither", sql="CREATE TABLE t (id int PRIMARY KEY)"),
    Example("everybody may read everything", sql=_ON + _OWN + "CREATE POLICY readable ON t FOR SELECT USING (true)"),
    Example("everybody may add", sql=_ON + _OWN + "CREATE POLICY addable ON t FOR INSERT WITH CHECK (true)"),
    Example("one role may do everything", sql=_ON + _OWN + "CREATE POLICY admin ON t TO pg_monitor USING (true)"),
    Example(
        "everything is allowed, and then restricted",
        sql=_ON + "CREATE POLICY open ON t USING (true); CREATE POLICY own ON t AS RESTRICTIVE USING (tenant = 1)",
    ),
    Example(
        "a restriction that restricts nothing",
        sql=_ON + _OWN + "CREATE POLICY all_rows ON t AS RESTRICTIVE USING (true)",
    ),
    Example(
        "a setting read once",
        sql=_ON + "CREATE POLICY own ON t USING (tenant = (SELECT current_setting('app.tenant')::int))",
    ),
    Example(
        "a setting read once, in a longer condition",
        sql=_ON + "CREATE POLICY own ON t USING ((id > 0 OR id < -1) AND tenant = (SELECT max(n)"
        " FROM (VALUES (1), (2)) v (n) WHERE n < current_setting('app.(tenant)')::int))",
    ),
    Example(
        "a function called once",
        sql=_ON + _TENANT.format("STABLE") + "CREATE POLICY own ON t USING (tenant = (SELECT tenant()))",
    ),
    Example(
        "an immutable function, which the planner calls once",
        sql=_ON + _TENANT.format("IMMUTABLE") + "CREATE POLICY own ON t USING (tenant = tenant())",
    ),
    Example(
        "a volatile function, whose calls are meant",
        sql=_ON + _TENANT.format("VOLATILE") + "CREATE POLICY own ON t USING (tenant = tenant())",
    ),
    Example(
        "a table that another session locks",
        sql=_ON + "CREATE POLICY open ON t USING (true)",
        given=(given_table("t", locked=True),),
        renamed=False,
    ),
    Example(
        "partitions are read through their parent",
        sql="""
        CREATE TABLE t (id int) PARTITION BY RANGE (id);
        CREATE TABLE t_1 PARTITION OF t DEFAULT;
        ALTER TABLE t_1 ENABLE ROW LEVEL SECURITY;
    """,
    ),
)
