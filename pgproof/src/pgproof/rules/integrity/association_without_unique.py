"""A table that joins two parents, and may join the same two twice.

What it finds:
    A table that is there to join rows of other tables (two or three required foreign keys) and has no unique rule
    over them. Three shapes are told apart. A link says nothing but which rows it joins, and when that was written:
    it is reported unless its name is that of a log, or the data show that it is one. An association has a state of
    its own and optional columns (an application for a job, a membership): it is reported where the data show that
    its pairs are meant to be unique. A table with required content of its own (order lines, messages, reviews) is
    reported only where the data avoid repeats far more than chance would.

    The data say that pairs are meant to be unique if both parents repeat, and hardly any pair does: at most 1 % of
    the rows are surplus, or none is although chance alone would have made several. Where pairs repeat freely, or
    where nothing can be told, nothing is said. A unique or exclusion rule with one of the columns in its key counts
    as a decision, whatever else it holds.

Why it matters:
    An application checks first and inserts then. Two requests at the same time both see nothing, both insert, and
    the pair is there twice: counts are wrong, a list shows it twice, and an update or a deletion meets one of them.

Evidence:
    pg_constraint and pg_index; a count of equal pairs, and of the different values of each foreign key.

Remedy:
    `UniqueConstraint("a_id", "b_id")` in the model; in the database a unique index built concurrently and made a
    constraint (`op.create_index(..., unique=True, postgresql_concurrently=True)`). Surplus rows go first, and the
    application answers the unique violation (SQLAlchemy's IntegrityError) as "already there".

When to ignore:
    The table records occurrences, and the same pair may occur again.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Duplicates, RowsWhere
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._association_examples import JOINED_AGAIN, JOINED_ONCE
from pgproof.rules.integrity._associations import (
    LEAST_EXPECTED,
    Association,
    associations,
    expected_by_chance,
    keeping_apart,
    leaves_open,
    ought_to_be_unique,
    parents,
)
from pgproof.rules.integrity._keys import (
    at_least,
    certainty,
    groups,
    no_unique_rule,
    not_told,
    repeats,
    sentence,
    surplus,
    surplus_share,
    told,
)
from pgproof.rules.integrity._moves import moving_first, surplus_moved, which_stays
from pgproof.rules.integrity._promises import as_declared
from pgproof.rules.reading import locked
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT01", slug="association-without-unique", severity="high", needs=("catalog", "data"))

LOG_SHARE = 0.1
"""Share of surplus rows above which even a table without content of its own is a log."""
JUDGED_ROWS = 100
"""Rows below which a share says nothing."""


def questions(facts: Facts) -> Iterator[Duplicates | RowsWhere]:
    """Ask how many pairs repeat, how many values each foreign key has, and how many rows leave one open."""
    for association in associations(facts.catalog):
        yield from association.repeats
        yield from association.unjoined


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table whose pairs ought to be unique and need not be."""
    for association in associations(facts.catalog):
        if association.table.locked:
            yield locked(association.table)
            continue
        found = told(facts, *association.repeats)
        if found is None:
            yield not_told(facts, association.table, *association.repeats, columns=association.columns)
            if _is_plain_link(association):
                yield as_declared(facts, association.table, _uncounted(facts, association))
            continue
        severity = _severity(facts, association, found[1])
        if severity is not None:
            yield as_declared(facts, association.table, _counted(facts, association, *found, severity))


def _is_plain_link(association: Association) -> bool:
    return association.link and not association.is_called_a_log


def _severity(facts: Facts, association: Association, counts: Counts) -> Severity | None:
    """Return how bad it is that pairs may repeat; None where they are meant to."""
    if _is_plain_link(association):
        if not surplus(counts):
            return "high" if expected_by_chance(facts, association, counts) >= LEAST_EXPECTED else "medium"
        few = counts.rows_examined < JUDGED_ROWS
        return "critical" if few or surplus_share(association.table, counts) <= LOG_SHARE else None
    if not ought_to_be_unique(facts, association, counts):
        return None
    if association.content:
        return "high" if surplus(counts) else "medium"
    return "critical" if surplus(counts) else "high"


def _uncounted(facts: Facts, association: Association) -> Finding:
    listed = ", ".join(association.columns)
    return METADATA.finding(
        objects=(table_ref(association.table, *association.columns),),
        message=_message(association),
        consequence="Two requests at the same time insert the same pair twice; nobody has counted whether any did.",
        severity="medium",
        evidence=(no_unique_rule(association.table, *association.columns),),
        remedy=Remedy(f"Make ({listed}) unique, after surplus rows have been moved aside."),
        related=parents(facts.catalog, association),
        counter_example=_counter_example(association),
    )


def _counted(facts: Facts, association: Association, answer: Answer, counts: Counts, severity: Severity) -> Finding:
    return METADATA.finding(
        objects=(table_ref(association.table, *association.columns),),
        message=_message(association),
        consequence=_consequence(facts, association, counts),
        severity=severity,
        confidence=certainty(counts),
        evidence=(counted(answer, repeats(answer, counts)), no_unique_rule(association.table, *association.columns)),
        remedy=_remedy(facts, association, counts),
        related=parents(facts.catalog, association),
        counter_example=_counter_example(association),
    )


def _message(association: Association) -> str:
    listed = ", ".join(association.columns)
    return f"{association.table.qualified_name} may hold the same ({listed}) any number of times"


def _consequence(facts: Facts, association: Association, counts: Counts) -> str:
    if surplus(counts):
        return sentence(
            f"{at_least(counts, surplus(counts))} of {counts.rows_examined:,} rows are surplus:"
            f" {at_least(counts, groups(counts), 'pair')} {'is' if groups(counts) == 1 else 'are'} there more than"
            " once, and nothing stops the next."
        )
    expected = expected_by_chance(facts, association, counts)
    chance = f", where chance would have repeated at least {expected:,}" if expected >= LEAST_EXPECTED else ""
    return f"None of {counts.rows_examined:,} rows repeats a pair{chance}; two requests at the same time can."


def _remedy(facts: Facts, association: Association, counts: Counts) -> Remedy:
    table, listed = association.table, ", ".join(association.columns)
    if leaves_open(facts, association):
        return Remedy(f"Complete or delete the rows that leave one of them NULL; then make ({listed}) the primary key.")
    keep_apart = keeping_apart(facts, association)
    if not surplus(counts):
        return Remedy(f"Make ({listed}) unique.", keep_apart)
    moves = surplus_moved(facts.catalog, table, association.columns)
    return Remedy(
        f"Decide which row of each of {at_least(counts, groups(counts), 'pair')} stays. {which_stays(moves)};"
        f" then make ({listed}) unique.",
        moving_first(moves, keep_apart),
    )


def _counter_example(association: Association) -> EqualRows | None:
    """Return the race that shows it; none where foreign keys share a column, whose rows nobody knows how to make."""
    columns = [name for key in association.table.foreign_keys for name in key.columns]
    if len(set(columns)) < len(columns):
        return None
    return EqualRows(association.table.qualified_name, association.columns)


BAD = JOINED_AGAIN
GOOD = JOINED_ONCE
