"""A foreign key of several columns that is not checked where one of them is NULL.

What it finds:
    A composite foreign key with MATCH SIMPLE, the default, where a row can give some of its columns and leave others
    NULL, so that what it gives is checked by nothing. An optional reference within a required scope is not that: the
    tenant is required and refers to the tenants by itself, or is part of the row's own key, and NULL says "nobody".
    MATCH FULL, and a check over the columns, forbid such rows.

Why it matters:
    A half-given reference can name a parent that never existed, and nothing fails. It looks like a reference to
    everybody who reads the row.

Evidence:
    pg_constraint and pg_attribute; a count of the rows that give a part.

Remedy:
    Required columns (`nullable=False`); or, for a reference that is given as a whole or not at all,
    `ForeignKeyConstraint(..., match="FULL")` or CHECK (num_nulls(a, b) IN (0, 2)).

When to ignore:
    A part alone means something by itself, and another rule of the application checks it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, AnyOf, IsNull, Not, RowsWhere
from pgproof.remedy.constraints import AddCheck
from pgproof.remedy.names import literal, object_name, quoted
from pgproof.rules import given
from pgproof.rules.counter_examples import AcceptedRow
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref
from pgproof.rules.integrity._foreign_keys import parent_ref
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, none_there, own_references, sentence, told
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT11", slug="nullable-part-of-composite-foreign-key", severity="low")

_NOWHERE = {"int2": "-32768", "int4": "-2147483648", "int8": "-9223372036854775808", "text": "'nowhere'"}
"""A value of each type that a row of the parent is unlikely to have, and an empty parent has not."""


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows give a part of each reference."""
    for table, key in _unchecked_in_part(facts):
        yield _partly_given(table, key)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each composite foreign key of which a row can give a part unchecked."""
    for table, key in _unchecked_in_part(facts):
        if table.locked:
            # Its checks could not be read, and one of them may forbid such rows.
            yield locked(table)
        else:
            yield _finding(facts, table, key)


def _unchecked_in_part(facts: Facts) -> Iterator[tuple[Table, Constraint]]:
    for table in facts.catalog.base_tables:
        for key in own_references(table):
            optional = {name for name in key.columns if not table.column(name).not_null}
            if optional and not key.match_full and not _is_decided(table, key, optional):
                yield table, key


def _is_decided(table: Table, key: Constraint, optional: set[str]) -> bool:
    """Tell whether a check speaks of the optional columns, or what is left without the only one is checked."""
    if any(optional <= set(check.columns) and len(check.columns) > 1 for check in table.checks):
        return True
    return len(optional) == 1 and all(name in optional or _is_held(table, name) for name in key.columns)


def _is_held(table: Table, column: str) -> bool:
    """Tell whether a column refers to something by itself, or is part of what identifies the row."""
    own = table.primary_key.columns if table.primary_key is not None else ()
    return column in own or any(key.columns == (column,) for key in own_references(table))


def _partly_given(table: Table, key: Constraint) -> RowsWhere:
    missing = tuple(IsNull(name) for name in key.columns)
    return RowsWhere(
        table.qualified_name,
        AllOf((AnyOf(missing), AnyOf(tuple(Not(IsNull(name)) for name in key.columns)))),
    )


def _finding(facts: Facts, table: Table, key: Constraint) -> Finding:
    columns = [table.column(name) for name in key.columns]
    optional = ", ".join(column.name for column in columns if not column.not_null)
    found = told(facts, _partly_given(table, key))
    severity, consequence = METADATA.severity, "Where one of them is NULL, nothing checks the others."
    if found is not None:
        counts = found[1]
        severity = "medium" if counts.rows else severity
        consequence = sentence(
            f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows give a part, which nothing checks."
        )
    return METADATA.finding(
        objects=(constraint_ref(table, key),),
        message=f"{key.name} of {table.qualified_name} is not checked where {optional} is NULL",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            *evidence_of(found, consequence),
            Evidence(
                "catalog",
                f"SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = {regclass(table)} AND attname IN"
                f" ({', '.join(literal(name) for name in key.columns)})",
                f"{optional} may be NULL",
            ),
        ),
        remedy=_remedy(facts, table, key),
        related=parent_ref(facts.catalog, key),
        counter_example=_counter_example(table, key, columns),
    )


def _remedy(facts: Facts, table: Table, key: Constraint) -> Remedy:
    optional = [name for name in key.columns if not table.column(name).not_null]
    if len(optional) < len(key.columns):
        return Remedy(
            f"Make {', '.join(optional)} NOT NULL if each row refers to something; else give what is left a key of its"
            " own."
        )
    condition = f"num_nulls({', '.join(quoted(name) for name in key.columns)}) IN (0, {len(key.columns)})"
    if not none_there(facts, _partly_given(table, key)):
        return Remedy(f"Complete or clear the rows that give a part; then add CHECK ({condition}), or MATCH FULL.")
    name = object_name("ck", table.name, (*key.columns, "together"))
    return Remedy(
        "Let the columns be given together or not at all.", (AddCheck(table.schema, table.name, name, condition),)
    )


def _counter_example(table: Table, key: Constraint, columns: list[Column]) -> AcceptedRow | None:
    """Return a row that gives all but one column, and names a parent that is not there."""
    missing = next(column for column in columns if not column.not_null)
    rest = [column for column in columns if column is not missing]
    names = {column.name for column in rest}
    if any(column.base_type not in _NOWHERE for column in rest):
        return None
    if any(names & set(other.columns) and other.oid != key.oid for other in (*table.foreign_keys, *table.checks)):
        return None
    values = ((column.name, _NOWHERE[column.base_type]) for column in rest)
    return AcceptedRow(table.qualified_name, ((missing.name, "NULL"), *values))


def _located(columns: str, more: str = "") -> str:
    return f"""
        CREATE TABLE countries (code text PRIMARY KEY);
        CREATE TABLE regions (country text, id int, PRIMARY KEY (country, id));
        CREATE TABLE places (
            id int PRIMARY KEY, {columns}, CONSTRAINT lies FOREIGN KEY (country, region) REFERENCES regions
        );
        CREATE INDEX ON places (country, region);
        {more}
    """


BAD = (
    Example(
        "a reference of two optional columns",
        sql=_located("country text, region int"),
        objects=("lies",),
        severity="low",
        says=("where country, region is NULL 0 of 0 rows give", "Let the columns be given"),
        shows=("(('country', 'NULL'), ('region', '-2147483648'))",),
    ),
    Example(
        "a reference of which one row gives a part",
        sql=_located("country text, region int", "INSERT INTO places VALUES (1, NULL, 5), (2, NULL, NULL)"),
        objects=("lies",),
        severity="medium",
        says=("1 of 2 rows give a part", "Complete or clear"),
    ),
    Example(
        "a reference of which one row gives a part, in a table too large to count",
        sql=_located("country text, region int", "INSERT INTO places VALUES (1, NULL, 5)"),
        given=(given.table("places", bytes=1 << 40),),
        objects=("lies",),
        renamed=False,
    ),
    Example(
        "a required column that nothing else checks",
        sql=_located("country text NOT NULL, region int"),
        objects=("lies",),
        says=("where region is NULL", "Make region NOT NULL"),
        shows=("(('region', 'NULL'), ('country', \"'nowhere'\"))",),
    ),
    Example(
        "a required column that nothing else checks, beside an optional one that is positive",
        sql=_located("country text NOT NULL, region int CHECK (region > 0)"),
        objects=("lies",),
    ),
    Example(
        "two optional columns, of which one refers by itself",
        sql=_located("country text REFERENCES countries, region int"),
        shows=("(('country', 'NULL'), ('region', '-2147483648'))",),
        objects=("lies",),
    ),
    Example(
        "a check of one of the columns alone, and one of others",
        sql=_located("country text, region int CHECK (region > 0), n int, CHECK (n > id)"),
        shows=("no counter-example",),
        objects=("lies",),
    ),
    Example(
        "a reference by columns of which one has a type that no parent can be made up of",
        sql="""
            CREATE TABLE p (a int, b inet, c int, PRIMARY KEY (a, b, c));
            CREATE TABLE c (a int, b inet, c int, CONSTRAINT lies FOREIGN KEY (a, b, c) REFERENCES p);
        """,
        objects=("lies",),
        shows=("no counter-example",),
    ),
    Example(
        "a reference that an audit may not count",
        sql=_located("country text, region int"),
        given=(given.table("places", calls_user_code=True),),
        objects=("lies",),
        renamed=False,
        severity="low",
        says=("Where one of them is NULL", "Complete or clear"),
    ),
)
GOOD = (
    Example(
        "an optional region of a required country, in a table without a key of its own",
        sql=_located("country text NOT NULL REFERENCES countries, region int").replace("id int PRIMARY KEY, ", ""),
    ),
    Example("required columns", sql=_located("country text NOT NULL, region int NOT NULL")),
    Example(
        "an optional region of a required country",
        sql=_located("country text NOT NULL REFERENCES countries, region int"),
    ),
    Example(
        "an optional reference to a row of the same tenant",
        sql="""
            CREATE TABLE nodes (
                tenant int, id int, parent int, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, parent) REFERENCES nodes
            );
        """,
    ),
    Example(
        "MATCH FULL",
        sql=_located("country text, region int").replace("REFERENCES regions", "REFERENCES regions MATCH FULL"),
    ),
    Example(
        "a check that they are given together",
        sql=_located("country text, region int, CHECK ((country IS NULL) = (region IS NULL))"),
    ),
    Example(
        "an optional reference of one column",
        sql=_located("country text NOT NULL, region int NOT NULL, capital text REFERENCES countries"),
    ),
    Example(
        "a table that another session locks",
        sql=_located("country text, region int"),
        given=(given.table("places", locked=True),),
        renamed=False,
    ),
)
