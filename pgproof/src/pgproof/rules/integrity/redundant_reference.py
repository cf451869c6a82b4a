"""Two references of a row lead to the same parent, and nothing keeps them agreeing.

What it finds:
    A table that refers to a parent directly and, through a second reference, to a row that refers to the same parent
    (`jobs.company_id`, and `jobs.employer_id` to `employers.company_id`), where the rows show that both mean one
    thing: they agree far more often than chance would have it. Where they differ in more than a few rows they mean
    two things (the author of a comment, and of the post), and nothing is said. A composite foreign key that holds
    both together is the remedy, not the fault.

Why it matters:
    A row that names another parent directly than through its reference belongs to both: a filter by one column shows
    it to one company, a filter by the join to another. That is how rows leak between tenants.

Evidence:
    pg_constraint; a count of the rows that disagree; from ANALYZE, how unevenly the parents are spread.

Remedy:
    Drop the direct column and join, or let the database hold both together: a unique key (id, company_id) on the
    table between, and `ForeignKeyConstraint(["employer_id", "company_id"], ["employers.id", "employers.company_id"])`.

When to ignore:
    The direct column is a record of the parent at the time, which must not follow later changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Disagreements
from pgproof.remedy.names import literal
from pgproof.rules.counter_examples import DisagreeingReferences
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._foreign_keys import parent_of
from pgproof.rules.integrity._keys import answered, at_least, certainty, sentence
from pgproof.rules.integrity._two_ways_examples import AGREEING, APART
from pgproof.rules.reading import regclass, unanswered
from pgproof.rules.rule import Metadata

METADATA = Metadata(
    code="INT25", slug="redundant-reference", severity="medium", needs=("catalog", "data", "statistics")
)

LEAST_BY_CHANCE = 20
"""Rows that two independent columns would have disagreeing, below which agreement says nothing.

Where 20 are expected, none at all comes by chance about twice in a thousand million times (Poisson: exp(-20)).
"""

MOST_OF_CHANCE = 0.05
"""Disagreeing rows, as a share of those that chance would give, above which the two columns mean two things."""


@dataclass(frozen=True)
class _Paths:
    """Two ways from a table to a parent.

    Attributes:
        direct: the foreign key to the parent.
        reference: the foreign key to the table between.
        onward: the foreign key of the table between to the parent.
    """

    table: Table
    direct: Constraint
    reference: Constraint
    between: Table
    onward: Constraint
    parent: Table

    @property
    def question(self) -> Disagreements:
        """How many rows disagree."""
        return Disagreements(
            self.table.qualified_name,
            self.direct.columns[0],
            self.reference.columns[0],
            self.between.qualified_name,
            self.reference.referenced_columns[0],
            self.onward.columns[0],
        )


def questions(facts: Facts) -> Iterator[Disagreements]:
    """Ask how many rows disagree, for each pair of ways to one parent."""
    for paths in _paths(facts):
        yield paths.question


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each pair of ways that agree by intention and not by rule."""
    for paths in _paths(facts):
        columns = (paths.direct.columns[0], paths.reference.columns[0])
        found = answered(facts, paths.question)
        if found is None:
            yield unanswered(facts, paths.question, paths.table, *columns)
            continue
        ((answer, counts),) = found
        largest = _largest_share(paths)
        by_chance = counts.rows_examined * (1 - (largest or 0))
        if by_chance < LEAST_BY_CHANCE:
            continue
        if largest is None:
            yield NotChecked("ANALYZE of the tables, and pg_read_all_data", (table_ref(paths.table, *columns),))
        elif counts.rows <= MOST_OF_CHANCE * by_chance:
            yield _finding(paths, answer, counts)


def _paths(facts: Facts) -> Iterator[_Paths]:
    for table in facts.catalog.base_tables:
        single = [key for key in table.foreign_keys if len(key.columns) == 1]
        for direct in single:
            parent = parent_of(facts.catalog, direct)
            for reference in single:
                between = parent_of(facts.catalog, reference)
                if parent is None or between is None or parent is between or reference.columns == direct.columns:
                    continue
                for onward in between.foreign_keys:
                    if onward.referenced != parent.oid or onward.referenced_columns != direct.referenced_columns:
                        continue
                    paths = _Paths(table, direct, reference, between, onward, parent)
                    if not _held_together(paths):
                        yield paths


def _held_together(paths: _Paths) -> bool:
    """Tell whether a composite foreign key demands that both ways agree."""
    wanted = {
        (paths.direct.columns[0], paths.onward.columns[0]),
        (paths.reference.columns[0], paths.reference.referenced_columns[0]),
    }
    return any(
        key.referenced == paths.between.oid and wanted <= set(zip(key.columns, key.referenced_columns, strict=True))
        for key in paths.table.foreign_keys
    )


def _largest_share(paths: _Paths) -> float | None:
    """Return the share of the rows that the most frequent parent has, on the way where it is less.

    Two columns that are independent agree in no larger a share of the rows.
    """
    shares = []
    for table, key in ((paths.table, paths.direct), (paths.between, paths.onward)):
        statistics = table.column(key.columns[0]).statistics
        if statistics is not None:
            shares.append(max(statistics.common_frequencies, default=0.0) / max(1 - statistics.null_fraction, 1e-6))
    return min(shares, default=None)


def _finding(paths: _Paths, answer: Answer, counts: Counts) -> Finding:
    direct, reference, onward = paths.direct.columns[0], paths.reference.columns[0], paths.onward.columns[0]
    through = f"{paths.between.name}.{onward}"
    severity: Severity
    if counts.rows:
        severity, first = "high", "Correct the rows that disagree. "
        consequence = sentence(
            f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows name another row of"
            f" {paths.parent.qualified_name} in {direct} than through {reference}; they belong to both."
        )
    else:
        severity, first = METADATA.severity, ""
        rows = f"{counts.rows_examined:,} rows" if counts.exact else f"{counts.rows_examined:,} rows of a sample"
        consequence = f"All {rows} agree, and nothing refuses the first that does not."
    return METADATA.finding(
        objects=(table_ref(paths.table, direct, reference),),
        message=f"{paths.table.qualified_name} leads to {paths.parent.qualified_name} by {direct} and by {reference}"
        f" through {through}, and nothing keeps the two agreeing",
        consequence=consequence,
        severity=severity,
        confidence=certainty(counts),
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
                f" AND conrelid IN ({regclass(paths.table)}, {regclass(paths.between)})"
                f" AND conname IN ({literal(paths.direct.name)}, {literal(paths.reference.name)},"
                f" {literal(paths.onward.name)})",
                "three foreign keys of one column each",
            ),
            counted(answer, f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows disagree"),
        ),
        # No operations: whether the column goes or a composite key comes is a decision.
        remedy=Remedy(first + _remedy(paths)),
        related=(table_ref(paths.between, onward), table_ref(paths.parent)),
        counter_example=DisagreeingReferences(
            paths.table.qualified_name,
            direct,
            reference,
            paths.between.qualified_name,
            paths.reference.referenced_columns[0],
            onward,
        ),
    )


def _remedy(paths: _Paths) -> str:
    direct, reference, onward = paths.direct.columns[0], paths.reference.columns[0], paths.onward.columns[0]
    together = (
        f"a unique key ({paths.reference.referenced_columns[0]}, {onward}) on {paths.between.qualified_name} and a"
        " foreign"
        f" key ({reference}, {direct}) to it"
    )
    # A row without the reference has its parent from the direct column alone.
    if paths.table.column(reference).not_null and paths.between.column(onward).not_null:
        return f"Drop {direct} and join, or hold both together: {together}."
    return f"Hold both together: {together}."


BAD = AGREEING
GOOD = APART
