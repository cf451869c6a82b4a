"""A range, or a counter, that no check keeps in order.

What it finds:
    Two columns of one type that name the two ends of a range (`min` and `max`, `start` and `end`, `valid_from` and
    `valid_until`, `posted` and `expires`) in a table where nothing demands their order; and an integer `..._count`
    that nothing keeps from being negative. A name only suggests it; the rows decide: where one in five is the other
    way round, the two columns mean something else and nothing is said. Pairs that need not be ordered are left
    alone: references, text, times of day (a shift ends after midnight), and `from_x` and `to_x` of numbers.

Why it matters:
    A row whose range is reversed is found by no search for a value within it, a negative counter sorts before
    everything, and both come from an ordinary slip in a form or a lost update that nobody notices.

Evidence:
    pg_constraint, and a count of the rows that break the order.

Remedy:
    `CheckConstraint("salary_min <= salary_max")` in the model; `op.create_check_constraint(...)` with
    `postgresql_not_valid=True`, then VALIDATE CONSTRAINT. Rows that break it have to be mended or moved first.

When to ignore:
    The order of the two is not meant, or a trigger keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Compare, Counts, RowsWhere
from pgproof.remedy.constraints import AddCheck
from pgproof.remedy.names import object_name, quoted
from pgproof.rules.counter_examples import AcceptedRow
from pgproof.rules.finding import Confidence, Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import at_least, certainty, not_told, sentence, told
from pgproof.rules.integrity._range_examples import ORDERED, UNORDERED
from pgproof.rules.reading import locked, own_columns, regclass, words
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT16", slug="range-without-check", severity="medium")

QUANTITIES = {"min": ("max",), "minimum": ("maximum",), "lowest": ("highest",), "lower": ("upper",), "low": ("high",)}
"""Words for the two ends of a range of anything that has an order."""

PERIODS = {
    "start": ("end", "stop"),
    "starts": ("ends", "stops"),
    "started": ("ended", "stopped", "finished"),
    "begin": ("end",),
    "begins": ("ends",),
    "from": ("to", "until", "till"),
    "since": ("until",),
    "opens": ("closes",),
    "posted": ("expires", "closes"),
    "published": ("expires",),
    "issued": ("expires",),
}
"""Words for the two ends of a period; of numbers they may as well name a route, an edge or an exchange."""

MOST_REVERSED = 0.2
"""Share of reversed rows from which on two columns are no range; chance would reverse half of them."""

_SAMPLES = {"D": ("'2001-01-02'", "'2001-01-01'"), "T": ("'2 days'", "'1 day'"), "N": ("2", "1")}
"""By pg_type.typcategory, two values in the wrong order."""


@dataclass(frozen=True)
class _Order:
    """What the names of columns say that rows must fulfil.

    Attributes:
        columns: the lower and the upper end, or a counter alone.
        condition: SQL of a check.
        broken: true for a row that breaks it.
        example: values that break it.
        words: what a row that breaks it looks like.
    """

    columns: tuple[str, ...]
    condition: str
    broken: Compare
    example: tuple[tuple[str, str], ...]
    words: str


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows break each order that nothing demands."""
    for table in facts.catalog.base_tables:
        for order in _undemanded(facts.catalog, table):
            yield RowsWhere(table.qualified_name, order.broken)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each order of columns that nothing demands."""
    for table in facts.catalog.base_tables:
        if table.locked:
            yield locked(table)
            continue
        for order in _undemanded(facts.catalog, table):
            question = RowsWhere(table.qualified_name, order.broken)
            found = told(facts, question)
            if found is None:
                yield not_told(facts, table, question, columns=order.columns)
                yield _uncounted(table, order)
            elif found[1].rows <= MOST_REVERSED * found[1].rows_examined:
                yield _counted(table, order, *found)


def _undemanded(catalog: Catalog, table: Table) -> Iterator[_Order]:
    columns = {column.name: column for column in own_columns(catalog, table) if _is_free(catalog, table, column)}
    for column in columns.values():
        upper = _upper_end(column, columns)
        if upper is not None and not _keeps_in_order(table, column, upper):
            yield _range(column, upper)
        if _is_counter(column) and not any(column.name in check.columns for check in table.checks):
            yield _counter(column)


def _is_free(catalog: Catalog, table: Table, column: Column) -> bool:
    """Tell whether a value is written as it is, rather than computed, referring, or checked by its domain."""
    checked = any(
        (user_type.schema, user_type.name, user_type.has_check) == (column.type_schema, column.type_name, True)
        for user_type in catalog.types
    )
    return not (column.generated or checked or any(column.name in key.columns for key in table.foreign_keys))


def _upper_end(column: Column, columns: dict[str, Column]) -> Column | None:
    if column.type_category not in _SAMPLES or column.base_type in ("time", "timetz"):
        return None
    parts = words(column.name)
    for position, word in enumerate(parts):
        others: tuple[str, ...] = QUANTITIES.get(word, ())
        if column.type_category == "D" or (position > 0 and word == "from"):
            others += PERIODS.get(word, ())
        for other in others:
            upper = columns.get("_".join((*parts[:position], other, *parts[position + 1 :])))
            if upper is not None and upper.base_type == column.base_type:
                return upper
    return None


def _is_counter(column: Column) -> bool:
    return column.base_type in ("int2", "int4", "int8") and words(column.name)[-1] == "count"


def _keeps_in_order(table: Table, lower: Column, upper: Column) -> bool:
    """Tell whether a check speaks of both, or a range is built of them, which refuses a reversed one."""
    if any({lower.name, upper.name} <= set(check.columns) for check in table.checks):
        return True
    if any(column.generated and column.type_kind == "r" for column in table.columns):
        return True
    expressions = [key.expression or "" for index in table.indexes for key in index.keys]
    return any("range(" in each and lower.name in each and upper.name in each for each in expressions)


def _range(lower: Column, upper: Column) -> _Order:
    greater, smaller = _SAMPLES[lower.type_category]
    return _Order(
        (lower.name, upper.name),
        f"{quoted(lower.name)} <= {quoted(upper.name)}",
        Compare(lower.name, ">", other_column=upper.name),
        ((lower.name, greater), (upper.name, smaller)),
        f"{lower.name} above {upper.name}",
    )


def _counter(column: Column) -> _Order:
    return _Order(
        (column.name,),
        f"{quoted(column.name)} >= 0",
        Compare(column.name, "<", constant=0),
        ((column.name, "-1"),),
        f"a negative {column.name}",
    )


def _uncounted(table: Table, order: _Order) -> Finding:
    return _finding(
        table,
        order,
        severity=METADATA.severity,
        consequence=f"A row with {order.words} is accepted.",
        remedy=_mend_first(order),
    )


def _counted(table: Table, order: _Order, answer: Answer, counts: Counts) -> Finding:
    severity: Severity
    if counts.rows:
        severity, remedy = "high", _mend_first(order)
        consequence = sentence(f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows have {order.words}.")
    else:
        severity, name = "low", object_name("ck", table.name, order.columns)
        remedy = Remedy(f"Add CHECK ({order.condition}).", (AddCheck(table.schema, table.name, name, order.condition),))
        consequence = f"None of {counts.rows_examined:,} rows has {order.words}, and nothing refuses the first."
    return _finding(
        table,
        order,
        severity=severity,
        consequence=consequence,
        remedy=remedy,
        confidence=certainty(counts),
        evidence=(counted(answer, consequence),),
    )


def _mend_first(order: _Order) -> Remedy:
    return Remedy(
        f"Find the rows where NOT ({order.condition}), correct them or move them aside; then add"
        f" CHECK ({order.condition})."
    )


def _finding(
    table: Table,
    order: _Order,
    *,
    severity: Severity,
    consequence: str,
    remedy: Remedy,
    confidence: Confidence = "catalog",
    evidence: tuple[Evidence, ...] = (),
) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, *order.columns),),
        message=f"nothing refuses {order.words} in {table.qualified_name}",
        consequence=consequence,
        severity=severity,
        confidence=confidence,
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid ="
                f" {regclass(table)}",
                f"none for {', '.join(order.columns)}",
            ),
            *evidence,
        ),
        remedy=remedy,
        counter_example=AcceptedRow(table.qualified_name, order.example),
    )


BAD = UNORDERED
GOOD = ORDERED
