"""Functions that run as their owner and look names up where the caller says.

What it finds:
    SECURITY DEFINER functions and procedures without a search_path of their own, or with one that names a schema in
    which every role may create objects. A body in the SQL standard's form (BEGIN ATOMIC, RETURN) is left out, since
    its names were looked up when it was created. Other bodies are not read, so one that qualifies every name is
    reported as well.

Why it matters:
    The caller sets search_path to a schema of its own, puts an operator, function or table there under a name that the
    body uses, and its code runs with the rights of the owner.

Evidence:
    pg_proc.prosecdef, pg_proc.proconfig and pg_proc.prosqlbody.

Remedy:
    `op.execute("ALTER FUNCTION f(int) SET search_path = app, pg_temp")`, pg_temp last, since it is searched first
    otherwise (CREATE FUNCTION, "Writing SECURITY DEFINER Functions Safely").

When to ignore:
    A body that names the schema of all it uses, operators included (OPERATOR(pg_catalog.+)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pgproof.facts.model import Facts
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef
from pgproof.rules.given import setting
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.search_path import own_path, safe_path, schemas

METADATA = Metadata(code="SEC05", slug="security-definer-search-path", severity="high")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each such function whose names the caller can turn to something else."""
    writable = {schema.name for schema in facts.catalog.schemas if schema.public_create}
    for function in facts.catalog.functions:
        if not function.security_definer or function.sql_body or function.extension is not None:
            continue
        path = own_path(function)
        if path is not None and not writable & set(schemas(path)):
            continue
        yield METADATA.finding(
            objects=(ObjectRef("function", function.schema, f"{function.name}({function.arguments})"),),
            severity="high" if function.public_execute else "medium",
            message=f"{function.schema}.{function.name} runs as {function.owner} and looks names up where others may"
            " put theirs",
            consequence=f"Whoever may call it can make it run code with the rights of {function.owner}.",
            evidence=(
                Evidence(
                    "catalog",
                    "SELECT prosecdef, proconfig, proacl FROM pg_proc"
                    f" WHERE proname = {literal(function.name)}"
                    f" AND pronamespace = {literal(quoted(function.schema))}::regnamespace",
                    f"SECURITY DEFINER, search_path: {path}",
                ),
            ),
            remedy=safe_path(facts, function, writable),
        )


def _function(options: str, name: str = "f") -> str:
    return f"""
        CREATE FUNCTION {name}(n int, note text DEFAULT '') RETURNS int LANGUAGE plpgsql {options} AS $$
        BEGIN RETURN n; END $$;
    """


def _of_extension(facts: Facts) -> Facts:
    """State that the functions belong to an extension; no extension of the tests' servers has such a one."""
    functions = tuple(replace(each, extension="some") for each in facts.catalog.functions)
    return replace(facts, catalog=replace(facts.catalog, functions=functions))


_HERE = "DO $$ BEGIN EXECUTE format('{}', current_schema()); END $$;"
_WRITABLE = _HERE.format("GRANT CREATE, USAGE ON SCHEMA %I TO PUBLIC")

BAD = (
    Example("no search path", sql=_function("SECURITY DEFINER"), objects=("f(n integer, note text)",), severity="high"),
    Example("another setting", sql=_function("SECURITY DEFINER SET work_mem = '8MB'")),
    Example(
        "a procedure", sql="CREATE PROCEDURE p() LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN END $$", objects=("p()",)
    ),
    Example(
        "one that few may call",
        sql=_function("SECURITY DEFINER") + "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
        severity="medium",
    ),
    Example(
        "the path of the database, but for what is the caller's",
        sql=_function("SECURITY DEFINER"),
        given=(setting("search_path", '"$user", pg_temp, app, "Odd ""name"'),),
        says=('Give it the search path app, Odd "name, pg_temp of its own.',),
    ),
    Example(
        "no path of the database",
        sql=_function("SECURITY DEFINER"),
        given=(setting("search_path", '"$user", pg_temp'),),
    ),
    Example(
        "a path through a schema that everybody may write to",
        sql=_function("SECURITY DEFINER")
        + _WRITABLE
        + _HERE.format("ALTER FUNCTION f SET search_path = pg_catalog, %I"),
        says=("First revoke CREATE",),
    ),
)
GOOD = (
    Example("it runs as its caller", sql=_function("SECURITY INVOKER")),
    Example(
        "a path of its own",
        sql=_function("SECURITY DEFINER") + _HERE.format("ALTER FUNCTION f SET search_path = %I, pg_temp"),
    ),
    Example("an extension's function", sql=_function("SECURITY DEFINER"), given=(_of_extension,)),
    Example(
        "names that were looked up when it was created",
        sql="""
            CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql SECURITY DEFINER BEGIN ATOMIC SELECT n + 1; END;
            CREATE FUNCTION g(n int) RETURNS int LANGUAGE sql SECURITY DEFINER RETURN n + 1;
        """,
    ),
    Example("an empty path", sql=_function("SECURITY DEFINER SET search_path = ''")),
    Example(
        "a path and another setting",
        sql=_function("SECURITY DEFINER SET work_mem = '8MB' SET search_path = pg_catalog"),
    ),
    Example(
        "an own path that leaves out what everybody may write to",
        sql=_WRITABLE + _function("SECURITY DEFINER SET search_path = pg_catalog, pg_temp"),
    ),
)
