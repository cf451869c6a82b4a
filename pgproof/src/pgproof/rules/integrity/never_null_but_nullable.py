"""A column that is never NULL, is meant to be given, and may be NULL all the same.

What it finds:
    A column that is NULL in none of many rows and of which the schema says that it is meant to be given: it is part
    of a unique rule, which a NULL escapes, or it has a default. Nothing is concluded from a name. Left alone are
    dates and times whose default is not the current time, since NULL often says "not yet" or "never" there; columns
    that a foreign key sets to NULL; parts of a composite foreign key (INT11); booleans (INT15).

Why it matters:
    A writer that passes NULL is not stopped: two rows with NULL do not break a unique rule, and `WHERE a <> 'x'`
    and `NOT IN` silently leave such rows out. Every reader has to reckon with a value that never occurs.

Evidence:
    A count of the NULLs over the whole table; where the table is too large to count, ANALYZE's share of NULLs.

Remedy:
    `nullable=False` in the model, and NOT NULL in the database: a validated CHECK (column IS NOT NULL) first, which
    `op.alter_column(..., nullable=False)` then takes as proof and needs no scan under its lock.

When to ignore:
    The column is about to become optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, IsNull, RowsWhere
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._keys import told
from pgproof.rules.integrity._never_null_examples import MAY_BE_NULL, NEVER_NULL
from pgproof.rules.integrity._nullability import accepted_nulls, known_rows, may_be_null, set_not_null
from pgproof.rules.reading import locked, own_columns, unanswered
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT14", slug="never-null-but-nullable", severity="low", needs=("catalog", "data"))

LEAST_ROWS = 1_000
"""Rows without a NULL that say something: no NULL among them puts the share of NULLs below 0.3 %, at 95 %.

Source: the rule of three (Hanley and Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA 1983).
"""

_CURRENT_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp)\(\)"
    r"|\b(CURRENT_TIMESTAMP|CURRENT_DATE|CURRENT_TIME|LOCALTIMESTAMP|LOCALTIME)\b"
)


@dataclass(frozen=True)
class _Meant:
    """A column that is meant to be given, and what says so."""

    column: Column
    sign: str
    unique: bool


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are NULL in each column that is meant to be given."""
    for table in facts.catalog.base_tables:
        for each in _meant(facts, table):
            yield _question(table, each)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with the columns of it that are never NULL: apart, those counted and those sampled."""
    for table in facts.catalog.base_tables:
        if table.locked:
            yield locked(table)
            continue
        exact, sampled = [], []
        for each in _meant(facts, table):
            found = told(facts, _question(table, each))
            if found is not None:
                if found[1].rows == 0 and found[1].rows_examined >= LEAST_ROWS:
                    exact.append((each, *found))
            elif each.column.statistics is None:
                yield unanswered(facts, _question(table, each), table, each.column.name)
            elif each.column.statistics.null_fraction == 0 and known_rows(table) >= LEAST_ROWS:
                sampled.append(each)
        if exact:
            yield _counted(facts, table, tuple(exact))
        if sampled:
            yield _sampled(facts, table, tuple(sampled))


def _meant(facts: Facts, table: Table) -> Iterator[_Meant]:
    for column in own_columns(facts.catalog, table):
        if column.generated or column.base_type == "bool" or not may_be_null(table, column):
            continue
        if _null_is_foreseen(table, column):
            continue
        unique = _unique_rule(table, column)
        if unique is not None and column.type_category != "D":
            yield _Meant(column, f"{column.name} is part of the unique rule {unique}", unique=True)
        elif _is_filled_in(column):
            yield _Meant(column, f"{column.name} has the default {column.default}", unique=False)


def _null_is_foreseen(table: Table, column: Column) -> bool:
    """Tell whether a foreign key sets the column to NULL, or is one that INT11 looks at."""
    return any(
        column.name in key.columns and (len(key.columns) > 1 or "set null" in (key.on_delete, key.on_update))
        for key in table.foreign_keys
    )


def _unique_rule(table: Table, column: Column) -> str | None:
    """Return a rule over all rows that NULL escapes; one that takes NULLs for equal reckons with them."""
    for index in table.indexes:
        binding = index.unique and index.valid and not index.partial and not index.nulls_not_distinct
        if binding and column.name in index.columns:
            return index.name
    return None


def _is_filled_in(column: Column) -> bool:
    if column.default is None or column.default.startswith("NULL"):
        return False
    if column.type_category == "D":
        computed = " + " in column.default or " - " in column.default
        return _CURRENT_TIME.search(column.default) is not None and not computed
    return True


def _question(table: Table, each: _Meant) -> RowsWhere:
    return RowsWhere(table.qualified_name, IsNull(each.column.name))


def _counted(facts: Facts, table: Table, found: tuple[tuple[_Meant, Answer, Counts], ...]) -> Finding:
    meant = tuple(each for each, _, _ in found)
    columns = tuple(each.column for each in meant)
    rows = min(counts.rows_examined for _, _, counts in found)
    return METADATA.finding(
        objects=(table_ref(table, *(column.name for column in columns)),),
        message=_message(table, meant),
        consequence=f"None of {rows:,} rows has a NULL there, and nothing stops the first. {_signs(meant)}",
        severity="medium" if any(each.unique for each in meant) else None,
        confidence="exact",
        evidence=tuple(counted(answer, f"no NULL in {rows:,} rows") for _, answer, _ in found),
        remedy=Remedy(
            f"Make {_names(meant)} NOT NULL, here and in the model.",
            set_not_null(facts, table, *columns),
        ),
        counter_example=accepted_nulls(facts, table, *columns),
    )


def _sampled(facts: Facts, table: Table, meant: tuple[_Meant, ...]) -> Finding:
    statement = (
        f"SELECT attname, null_frac FROM pg_stats WHERE schemaname = {literal(table.schema)}"
        f" AND tablename = {literal(table.name)} AND null_frac = 0"
    )
    return METADATA.finding(
        objects=(table_ref(table, *(each.column.name for each in meant)),),
        message=_message(table, meant),
        consequence=f"ANALYZE met no NULL there in a table of about {known_rows(table):,} rows, and nothing"
        f" stops the first. {_signs(meant)}",
        severity="medium" if any(each.unique for each in meant) else None,
        confidence="sample",
        evidence=(Evidence("statistics", statement, f"null_frac 0 for {_names(meant)}"),),
        remedy=Remedy(
            f"Count first (SELECT count(*) FROM {quoted(table.schema, table.name)} WHERE column IS NULL); where it"
            " is 0,"
            f" make {_names(meant)} NOT NULL, here and in the model."
        ),
        counter_example=accepted_nulls(facts, table, *(each.column for each in meant)),
    )


def _message(table: Table, meant: tuple[_Meant, ...]) -> str:
    verb = "is" if len(meant) == 1 else "are"
    return f"{_names(meant)} of {table.qualified_name} {verb} never NULL, but may be"


def _names(meant: tuple[_Meant, ...]) -> str:
    return ", ".join(each.column.name for each in meant)


def _signs(meant: tuple[_Meant, ...]) -> str:
    signs = "; ".join(each.sign for each in meant)
    escape = ", which a row with a NULL escapes" if any(each.unique for each in meant) else ""
    return f"The schema says that it is meant to be given: {signs}{escape}."


BAD = NEVER_NULL
GOOD = MAY_BE_NULL
