"""What rules read about keys: which are meant, which are enforced, and what enforces one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Column, Constraint, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Duplicates, Question, RowsWhere
from pgproof.remedy.constraints import AddPrimaryKey, AddUnique
from pgproof.remedy.names import object_name
from pgproof.rules.finding import Confidence, Evidence, NotChecked, counted, table_ref
from pgproof.rules.reading import regclass, unanswered

SMALL_VOCABULARY = 20
"""Different values up to which a text is taken for a state, as an enum would hold it: what people are called, where
they live, or what they pay in has more.
"""

_BOOKKEEPING = re.compile(
    r"(last_?)?(creat|insert|add|updat|modifi|chang)ed|(date|time)_?(creat|add|updat|modifi)ed", re.IGNORECASE
)


def own_references(table: Table) -> tuple[Constraint, ...]:
    """Return the foreign keys that a table declares: not the copies PostgreSQL makes for partitions."""
    return tuple(key for key in table.foreign_keys if not key.from_parent)


def required(table: Table, columns: Sequence[str]) -> bool:
    """Tell whether every one of these columns is NOT NULL."""
    return all(table.column(name).not_null for name in columns)


def has_rule_over(table: Table, *columns: str) -> bool:
    """Tell whether a unique or exclusion rule has any of these columns in its key.

    A partial or wider rule, one over an expression, and one whose build failed count as well: somebody has thought
    about which rows may be equal, and meant something else than these columns alone.
    """
    return any(
        (index.unique or index.exclusion) and any(_in_key(index, column) for column in columns)
        for index in table.indexes
    )


def _in_key(index: Index, column: str) -> bool:
    return column in index.columns or any(key.expression and column in key.expression for key in index.keys)


def is_bookkeeping(column: Column) -> bool:
    """Tell whether a column only says when its row was written."""
    return column.type_category == "D" and _BOOKKEEPING.match(column.name) is not None


def is_state(table: Table, column: Column) -> bool:
    """Tell whether a column says what state a row is in: one of a few values that somebody listed, or that occur."""
    if column.type_kind == "e" or column.base_type == "bool":
        return True
    if any(check.columns == (column.name,) and "= ANY" in (check.expression or "") for check in table.checks):
        return True
    statistics = column.statistics
    return statistics is not None and column.type_category == "S" and 0 < statistics.n_distinct <= SMALL_VOCABULARY


def expected_repeats(rows: int, distinct: Sequence[int]) -> int:
    """Return how many pairs of rows would be equal if the values of each column were dealt out at random.

    The least that chance can make: it takes every value to be as frequent as any other, and drops the fraction.

    Args:
        rows: of the table.
        distinct: number of different values of each column.
    """
    if rows < 2:
        return 0
    expected = rows * (rows - 1) / 2
    for values in distinct:
        expected *= (rows / values - 1) / (rows - 1)
    return int(expected)


def distinct_values(counts: Counts) -> int:
    """Return the number of different values that a count of duplicates came across."""
    return counts.rows_examined - (counts.surplus_rows or 0)


def surplus(counts: Counts) -> int:
    """Return the rows that would have to go for one of each group to stay."""
    return counts.surplus_rows or 0


def groups(counts: Counts) -> int:
    """Return the groups of equal rows."""
    return counts.groups or 0


def surplus_share(table: Table, counts: Counts) -> float:
    """Return the share of surplus rows, between 0 and 1; estimated where only a sample was counted.

    Of two equal rows a sample holds both as seldom as the square of its size, so it shows too small a share; where
    the table's own size is unknown the share is taken for 1.
    """
    share = surplus(counts) / max(counts.rows_examined, 1)
    if counts.exact or not share:
        return share
    rows = table.estimated_rows
    return 1.0 if rows is None else min(share * rows / counts.rows_examined, 1.0)


def answered(facts: Facts, *questions: Question) -> tuple[tuple[Answer, Counts], ...] | None:
    """Return the answers to questions with their counts; None where one was not asked, or refused."""
    answers = [facts.answer(each) for each in questions]
    found = tuple((each, each.counts) for each in answers if each is not None and each.counts is not None)
    return found if found and len(found) == len(answers) else None


def told(facts: Facts, *questions: Question) -> tuple[Answer, Counts] | None:
    """Return the answer to the first of questions that are read together, with its counts.

    None where there is no question, or one was not answered, or by a sample that came across nothing, which proves
    nothing.
    """
    found = answered(facts, *questions)
    return found[0] if found and all(counts.exact or counts.rows for _, counts in found) else None


def none_there(facts: Facts, *questions: RowsWhere) -> bool:
    """Tell whether every question was answered, by a count of all rows, with none."""
    counts = [facts.counts(question) for question in questions]
    return all(each is not None and each.exact and not each.rows for each in counts)


def not_told(facts: Facts, table: Table, question: Question, *others: Question, columns: Sequence[str]) -> NotChecked:
    """Return why questions are not told: one was not answered, or by a sample that came across nothing."""
    for each in (question, *others):
        if facts.counts(each) is None:
            return unanswered(facts, each, table, *columns)
    return NotChecked("a count of the whole table (--data exact)", (table_ref(table, *columns),))


def at_least(counts: Counts, number: int, noun: str | None = None) -> str:
    """Return a number that was counted, in words that say so where only a part of the rows was."""
    said = f"{number:,}" if noun is None else amount(number, noun)
    return said if counts.exact else f"at least {said}"


def sentence(text: str) -> str:
    """Return a text with its first letter a capital."""
    return text[:1].upper() + text[1:]


def certainty(counts: Counts | None) -> Confidence:
    """Return how a finding is known whose rows were counted, or were not."""
    return "catalog" if counts is None else counts.certainty


def known_from(found: tuple[Answer, Counts] | None) -> Confidence:
    """Return how a finding is known by an answer, or without one."""
    return certainty(found[1] if found is not None else None)


def evidence_of(found: tuple[Answer, Counts] | None, said: str) -> tuple[Evidence, ...]:
    """Return the evidence of an answer in words; none without one."""
    return (counted(found[0], said),) if found is not None else ()


def repeats(answer: Answer, counts: Counts) -> str:
    """Return what a count of duplicates came to, in words."""
    assert isinstance(answer.question, Duplicates)
    listed = ", ".join(answer.question.columns)
    if not surplus(counts):
        return f"no two of {counts.rows_examined:,} rows have the same ({listed})"
    return (
        f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows share their ({listed}) with another, in"
        f" {at_least(counts, groups(counts), 'group')}: {at_least(counts, surplus(counts), 'surplus row')}"
    )


def no_unique_rule(table: Table, *columns: str) -> Evidence:
    """Return what shows that a table has no unique rule over columns."""
    return Evidence(
        "catalog",
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE (indisunique OR indisexclusion) AND indrelid ="
        f" {regclass(table)}",
        f"no rule over ({', '.join(columns)})",
    )


def enforcing(
    catalog: Catalog, table: Table, columns: tuple[str, ...], *, required_by_then: bool = False
) -> tuple[AddUnique | AddPrimaryKey, ...]:
    """Return what makes columns unique whose values do not repeat; nothing where no single index reaches all rows.

    A table without a primary key gets it, and a column leads the index that no other index begins with.

    Args:
        catalog: of the table.
        table: without a unique rule over the columns.
        columns: to make unique.
        required_by_then: an operation before this one makes all the columns NOT NULL.
    """
    if table.kind != "table" or catalog.partitions(table):
        return ()
    led = {index.columns[0] for index in table.indexes if index.usable}
    ordered = tuple(sorted(columns, key=lambda column: column in led))
    if table.primary_key is None and (required_by_then or required(table, columns)):
        return (AddPrimaryKey(table.schema, table.name, object_name("pk", table.name, ordered), ordered),)
    return (AddUnique(table.schema, table.name, object_name("uq", table.name, ordered), ordered),)
