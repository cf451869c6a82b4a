"""A constraint that the rows which were there before it have never been held against.

What it finds:
    Foreign keys, checks and (PostgreSQL 18) NOT NULL constraints that were added NOT VALID and never validated, and
    those that are switched off: foreign keys whose triggers are disabled, and constraints that are NOT ENFORCED.

Why it matters:
    New rows are held against a constraint that is NOT VALID, old ones are not: readers and the planner cannot rely
    on it, and a later UPDATE of an old row that breaks it fails for a reason that the writer has not caused. One that
    is switched off binds nobody.

Evidence:
    pg_constraint and pg_trigger, and a count of the rows that break it: orphans of a foreign key, and rows for which
    a check is false, where it compares columns with one another or with constants.

Remedy:
    `op.execute("ALTER TABLE ... VALIDATE CONSTRAINT ...")`: it reads the table under a lock that lets reads and
    writes pass. Rows that break it have to be mended or moved first.

When to ignore:
    A migration is under way that validates it later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, AnyOf, Compare, Comparison, Condition, IsNull, Orphans, Question, RowsWhere
from pgproof.remedy.constraints import ValidateConstraint
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Evidence, Finding, Remedy, Severity, constraint_ref
from pgproof.rules.integrity._conditions import conditions
from pgproof.rules.integrity._foreign_keys import parent_of, parent_ref
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, told
from pgproof.rules.integrity._unvalidated_examples import UNVALIDATED, VALIDATED
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT20", slug="constraint-not-validated", severity="medium")

_CONTRARY: dict[str, Comparison] = {"<": ">=", "<=": ">", "=": "<>", "<>": "=", ">=": "<", ">": "<="}
_NAME = r'([a-z_][a-z0-9_]*|"[^"]+")'
_NUMBER = r"\(?'?(-?\d+)'?\)?(?:::(?:smallint|integer|bigint|numeric|double precision|real))?"
_COMPARISON = re.compile(rf"{_NAME} (<|<=|=|<>|>=|>) (?:{_NAME}|{_NUMBER})")
_NOT_NULL = re.compile(rf"{_NAME} IS NOT NULL")
_LISTED = re.compile(rf"\(?{_NAME}(?:\)::text)? = ANY \(\(?ARRAY\[(.*?)\](?:\)::text\[\])?\)")
_TEXT = re.compile(r"\(?'([^'\\]*)'::(?:text|character varying)\)?(?:::text)?")


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how many rows break each constraint that was never validated."""
    for table, constraint in _unvalidated(facts):
        yield from _questions(facts, table, constraint)


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each constraint that old rows, or all rows, have not been held against."""
    for table, constraint in _unvalidated(facts):
        found = told(facts, *_questions(facts, table, constraint))
        orphaned = constraint.kind == "foreign key" and constraint.enforced and found is not None and found[1].rows
        if orphaned and facts.runs("INT06"):
            # It reports the orphans, and this rule the key once they are gone.
            continue
        yield _finding(facts, table, constraint)


def _unvalidated(facts: Facts) -> Iterator[tuple[Table, Constraint]]:
    for table in facts.catalog.tables:
        if table.kind not in ("table", "partitioned table") or table.extension is not None:
            continue
        for constraint in table.constraints:
            # What a partition or a child has from its parent is validated with the parent's.
            if not constraint.local:
                continue
            if not constraint.validated or not constraint.enforced:
                yield table, constraint


def _questions(facts: Facts, table: Table, constraint: Constraint) -> tuple[Question, ...]:
    """Return the question how many rows break a constraint; none where no question can say it."""
    if constraint.kind == "foreign key":
        parent = parent_of(facts.catalog, constraint)
        # Orphans leaves rows out that give only some of the columns, which MATCH FULL refuses, and knows no periods.
        if parent is None or constraint.period or (constraint.match_full and len(constraint.columns) > 1):
            return ()
        name, columns = parent.qualified_name, constraint.referenced_columns
        return (Orphans(table.qualified_name, constraint.columns, name, columns),)
    if constraint.kind == "not null":
        return (RowsWhere(table.qualified_name, IsNull(constraint.columns[0])),)
    if constraint.expression is None:
        return ()
    broken = [_broken(condition) for condition in conditions(constraint.expression)]
    readable = tuple(each for each in broken if each is not None)
    return (RowsWhere(table.qualified_name, AnyOf(readable)),) if len(readable) == len(broken) else ()


def _broken(condition: str) -> Condition | None:
    """Return when a condition is false, which is not when it is NULL; None for what a question cannot say."""
    if found := _NOT_NULL.fullmatch(condition):
        return IsNull(_unquoted(found[1]))
    if found := _COMPARISON.fullmatch(condition):
        column, operator = _unquoted(found[1]), _CONTRARY[found[2]]
        if found[3] is not None:
            return Compare(column, operator, other_column=_unquoted(found[3]))
        return Compare(column, operator, constant=int(found[4]))
    if found := _LISTED.fullmatch(condition):
        listed = found[2].split(", ")
        values = [value[1] for each in listed if (value := _TEXT.fullmatch(each)) is not None]
        if len(values) == len(listed):
            return AllOf(tuple(Compare(_unquoted(found[1]), "<>", constant=value) for value in values))
    return None


def _unquoted(name: str) -> str:
    return name.strip('"')


def _finding(facts: Facts, table: Table, constraint: Constraint) -> Finding:
    found = told(facts, *_questions(facts, table, constraint))
    mildest: Severity
    if constraint.enforced:
        state, why, mildest = "was never validated", "Old rows were never held against it", "low"
    else:
        state, why, mildest = "is switched off", "No row, new or old, is held against it", METADATA.severity
    severity: Severity
    if found is None:
        severity, known = METADATA.severity, "nobody knows how many rows break it"
    elif found[1].rows:
        severity = "high"
        known = f"{at_least(found[1], found[1].rows)} of {found[1].rows_examined:,} rows break it"
    else:
        severity, known = mildest, f"none of {found[1].rows_examined:,} rows breaks it now"
    return METADATA.finding(
        objects=(constraint_ref(table, constraint),),
        message=f"The {constraint.kind} {constraint.name} of {table.qualified_name} {state}",
        consequence=f"{why}: {known}.",
        severity=severity,
        confidence=known_from(found),
        evidence=(
            Evidence(
                "catalog",
                "SELECT convalidated, (SELECT array_agg(tgenabled) FROM pg_trigger WHERE tgconstraint = c.oid)"
                f" FROM pg_constraint AS c WHERE conname = {literal(constraint.name)} AND conrelid = {regclass(table)}",
                state,
            ),
            *evidence_of(found, known),
        ),
        remedy=_remedy(table, constraint, clean=found is not None and not found[1].rows),
        related=parent_ref(facts.catalog, constraint),
    )


def _remedy(table: Table, constraint: Constraint, *, clean: bool) -> Remedy:
    validate = ValidateConstraint(table.schema, table.name, constraint.name)
    if not constraint.enforced:
        return Remedy(
            f"Drop {constraint.name} or put it in force again: ALTER TABLE {quoted(table.schema, table.name)}"
            " ENABLE TRIGGER ALL"
            " for disabled triggers, ALTER CONSTRAINT ... ENFORCED for NOT ENFORCED; mend the rows that broke it"
            " meanwhile."
        )
    if clean:
        return Remedy(f"Validate {constraint.name}.", (validate,))
    return Remedy(f"Mend or move the rows that break it, if there are any; then run {validate.forward()[0]}.")


BAD = UNVALIDATED
GOOD = VALIDATED
