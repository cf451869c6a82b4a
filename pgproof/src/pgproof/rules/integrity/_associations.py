"""Tables that are there to join rows of others, by their shape alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AnyOf, Counts, Duplicates, IsNull, RowsWhere
from pgproof.remedy.operation import Operation
from pgproof.rules.finding import ObjectRef, table_ref
from pgproof.rules.integrity._foreign_keys import parent_of
from pgproof.rules.integrity._keys import (
    distinct_values,
    enforcing,
    expected_repeats,
    has_rule_over,
    is_bookkeeping,
    is_state,
    none_there,
    own_references,
    required,
    surplus,
    surplus_share,
)
from pgproof.rules.integrity._nullability import set_not_null

MOST_REFERENCES = 3
"""A table with more required references is an entity, or a fact table, that is not there to join them."""

VIOLATED_SHARE = 0.01
"""Share of surplus rows up to which a rule is taken to be meant and broken now and then.

Where pairs may repeat (messages, visits, orders), they do so in a large part of the rows.
"""
REPEATING_SHARE = 0.25
"""Share of rows that must have a parent in common with an earlier row, on every side: else it belongs to one parent."""
LEAST_EXPECTED = 5
"""Repeats that chance must be expected to make for their absence to say something: none comes with p = e^-5 < 1 %."""
CONTENT_EXPECTED = 20
"""The same for a table with content of its own, of which there must be at most a tenth."""

_LOG = re.compile(
    r"(.*_)?(access(es)?|activit(y|ies)|attempt|audit|call|click|download|event|execution|histor(y|ies)|hit|impression"
    r"|log|message|payment|play|request|run|session|transaction|transition|view|visit)s?",
    re.IGNORECASE,
)
"""Names of tables whose rows record what may happen again; they only keep a finding back."""


@dataclass(frozen=True)
class Association:
    """A table and the columns by which it joins others.

    Attributes:
        references: the columns of each foreign key.
        content: columns of its own that every row must fill.
        link: it has no column but these, a key of its own and times of writing.
        occurrence: a required time that is not that of writing: when something happened, which may happen again.
    """

    table: Table
    references: tuple[tuple[str, ...], ...]
    content: tuple[str, ...]
    link: bool
    occurrence: bool

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all references, in the table's order."""
        names = {name for reference in self.references for name in reference}
        return tuple(column.name for column in self.table.columns if column.name in names)

    @property
    def pairs(self) -> Duplicates:
        """The question how often the same rows are joined again."""
        return Duplicates(self.table.qualified_name, self.columns)

    @property
    def is_called_a_log(self) -> bool:
        """Whether its name says that its rows record what may happen again."""
        return _LOG.fullmatch(self.table.name) is not None

    @property
    def optional(self) -> tuple[Column, ...]:
        """The columns that may be NULL: those of a bare link whose maker did not declare its key."""
        return tuple(column for name in self.columns if not (column := self.table.column(name)).not_null)

    @property
    def unjoined(self) -> tuple[RowsWhere, ...]:
        """The question how many rows leave a side open; none where no row can."""
        missing = tuple(IsNull(column.name) for column in self.optional)
        return (RowsWhere(self.table.qualified_name, AnyOf(missing)),) if missing else ()

    @property
    def repeats(self) -> tuple[Duplicates, ...]:
        """The questions that together tell whether pairs are meant to be unique, the one for pairs first."""
        return self.pairs, *self.sides

    @property
    def sides(self) -> tuple[Duplicates, ...]:
        """The questions how many different rows are joined, on each side."""
        return tuple(Duplicates(self.table.qualified_name, reference) for reference in self.references)


def associations(catalog: Catalog) -> Iterator[Association]:
    """Yield each table that joins two or three others by required references, without any unique rule over them."""
    for table in catalog.base_tables:
        keys = _widest(table.foreign_keys)
        references = tuple(key for key in keys if required(table, key)) or _of_a_bare_link(table, keys)
        columns = {name for reference in references for name in reference}
        if not 2 <= len(references) <= MOST_REFERENCES or has_rule_over(table, *columns):
            continue
        own = [column for column in _own_columns(table) if column.name not in columns]
        yield Association(
            table,
            references,
            content=tuple(column.name for column in own if _is_content(table, column)),
            link=all(is_bookkeeping(column) for column in own),
            occurrence=any(_is_occurrence(column) for column in own),
        )


def _widest(keys: tuple[Constraint, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the columns of each foreign key, without those that are part of another's."""
    sets = tuple(dict.fromkeys(key.columns for key in keys))
    return tuple(one for one in sets if not any(set(one) < set(other) for other in sets))


def _of_a_bare_link(table: Table, keys: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the foreign keys of a table that has nothing else, although they may be NULL.

    That is what an ORM's association table comes out as where its columns are not declared as the key. With a key
    of its own, a row with two optional references may as well be one that has either.
    """
    bare = all(any(column.name in key for key in keys) for column in table.columns)
    return keys if bare else ()


def _own_columns(table: Table) -> Iterator[Column]:
    key = table.primary_key.columns if table.primary_key is not None else ()
    for column in table.columns:
        if column.name not in key:
            yield column


def _is_content(table: Table, column: Column) -> bool:
    return column.not_null and column.generated is None and column.type_category != "D" and not is_state(table, column)


def _is_occurrence(column: Column) -> bool:
    return column.not_null and column.type_category == "D" and not column.has_default and not is_bookkeeping(column)


def ought_to_be_unique(facts: Facts, association: Association, counts: Counts) -> bool:
    """Tell whether the rows show that pairs are meant to be unique: both parents repeat, and hardly any pair does."""
    if surplus_share(association.table, counts) > VIOLATED_SHARE:
        return False
    if any(surplus_share(association.table, side) < REPEATING_SHARE for side in _sides(facts, association)):
        return False
    expected = expected_by_chance(facts, association, counts)
    if association.content:
        return not association.occurrence and expected >= CONTENT_EXPECTED and surplus(counts) * 10 <= expected
    return surplus(counts) > 0 or (not association.occurrence and expected >= LEAST_EXPECTED)


def expected_by_chance(facts: Facts, association: Association, counts: Counts) -> int:
    """Return how many pairs chance alone would have repeated, at least."""
    return expected_repeats(counts.rows_examined, [distinct_values(side) for side in _sides(facts, association)])


def leaves_open(facts: Facts, association: Association) -> bool:
    """Tell whether rows may be there with one side alone, which no key of a link takes."""
    return not none_there(facts, *association.unjoined)


def keeping_apart(facts: Facts, association: Association) -> tuple[Operation, ...]:
    """Return what makes pairs unique that are; of a link without a primary key whose every row has both sides, the key.

    Nothing where no single index reaches all rows.
    """
    table, columns = association.table, association.columns
    required_first = set_not_null(facts, table, *association.optional)
    return (*required_first, *enforcing(facts.catalog, table, columns, required_by_then=True))


def parents(catalog: Catalog, association: Association) -> tuple[ObjectRef, ...]:
    """Return the tables that an association joins, each once."""
    keys = [key for key in own_references(association.table) if key.columns in association.references]
    found = {parent.oid: parent for key in keys if (parent := parent_of(catalog, key)) is not None}
    return tuple(table_ref(parent) for parent in found.values())


def _sides(facts: Facts, association: Association) -> list[Counts]:
    return [counts for side in association.sides if (counts := facts.counts(side)) is not None]
