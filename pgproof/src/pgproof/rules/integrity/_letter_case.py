"""Addresses by which people sign in, compared as people compare them: without case."""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Duplicates, Matches, RowsWhere
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import object_name, quoted
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._keys import at_least, certainty, enforcing, not_told, sentence, surplus, told
from pgproof.rules.integrity._promises import as_declared
from pgproof.rules.reading import locked
from pgproof.rules.rule import Metadata


def in_lower_case(table: Table, column: Column) -> Duplicates:
    """Return the question how many addresses are the same but for their case."""
    return Duplicates(table.qualified_name, (column.name,), lower=(column.name,))


def with_capitals(table: Table, column: Column) -> RowsWhere:
    """Return the question how many addresses are not in lower case."""
    return RowsWhere(table.qualified_name, Matches(column.name, "[A-Z]"))


def unique_in_lower_case(facts: Facts, table: Table, column: str) -> tuple[CreateIndex, ...]:
    """Return what makes a column unique whatever its case; nothing where no single index reaches all rows."""
    if not enforcing(facts.catalog, table, (column,)):
        return ()
    name = object_name("uq", table.name, ("lower", column))
    return (CreateIndex(table.schema, table.name, name, (f"lower({quoted(column)})",), unique=True),)


def differing_in_case(metadata: Metadata, facts: Facts, table: Table, column: Column) -> Iterator[Finding | NotChecked]:
    """Yield the finding of a rule about a sign-in address whose rows show that its case is not always the same."""
    if table.locked:
        yield locked(table)
        return
    questions = (in_lower_case(table, column), with_capitals(table, column))
    found, capitals = told(facts, *questions), told(facts, *reversed(questions))
    if found is None or capitals is None:
        yield not_told(facts, table, *questions, columns=(column.name,))
        return
    with_any = capitals[1]
    if with_any.rows == 0:
        # Whoever writes the addresses writes them in lower case.
        return
    answer, counts = found
    if surplus(counts):
        consequence = sentence(
            f"{at_least(counts, surplus(counts))} of {counts.rows_examined:,} accounts share their address with another"
            " but for its case: mail for one reaches the other, and a lookup without case takes any of them."
        )
        remedy = Remedy(
            f"Decide which of {at_least(counts, counts.rows)} accounts stay, then make lower({column.name}) unique."
        )
    else:
        consequence = sentence(
            f"{at_least(with_any, with_any.rows)} of {with_any.rows_examined:,} addresses have capitals, so the same"
            " one in another case opens a second account."
        )
        remedy = Remedy(f"Make lower({column.name}) unique.", unique_in_lower_case(facts, table, column.name))
    said = metadata.finding(
        objects=(table_ref(table, column.name),),
        message=f"{table.qualified_name}.{column.name} may hold one address twice, in another case",
        consequence=consequence,
        severity="high" if surplus(counts) else "medium",
        confidence=certainty(counts),
        evidence=(
            counted(answer, f"{at_least(counts, surplus(counts), 'surplus row')} in lower case"),
            counted(capitals[0], f"{at_least(with_any, with_any.rows, 'row')} with capitals"),
        ),
        remedy=remedy,
        counter_example=EqualRows(table.qualified_name, (column.name,), differ_in_case=(column.name,)),
    )
    yield as_declared(facts, table, said)
