"""A key that is running out of numbers.

What it finds:
    An integer column fed by a sequence of which much of the range is used: that of the column, of its sequence, or of
    a narrower column that refers to it, whichever ends first; and a smallint or integer primary key that the
    application fills itself, if its rows show that it is counted up.

Why it matters:
    At the last number every INSERT fails, all at once and on every server. The way out, a wider type, rewrites the
    table and all that refers to it under a lock that keeps everybody out, unless it is prepared in time.

Evidence:
    The last value of the sequence, or the highest value of the key, against the range of the types; rows inserted
    since the statistics were reset, as the present rate.

Remedy:
    `BigInteger` in the models of the key and of all that refers to it. In the database: a bigint column beside the old
    one, kept up by a trigger, filled in batches, and exchanged. Where only the sequence is too narrow, ALTER SEQUENCE
    ... AS bigint is all.

When to ignore:
    The numbers are given by somebody else and end where they are.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import Sequence
from pgproof.facts.questions import Answer, Counts, HighestValue
from pgproof.remedy.names import literal, quoted
from pgproof.remedy.sequences import WidenSequence
from pgproof.rules.finding import (
    Evidence,
    Finding,
    NotChecked,
    Remedy,
    Severity,
    counted,
    table_ref,
)
from pgproof.rules.reading import own_columns, unanswered
from pgproof.rules.rule import Metadata
from pgproof.rules.types._exhaustion_examples import LASTING, RUNNING_OUT
from pgproof.rules.types._key_range import (
    RANGES,
    Key,
    Limit,
    column_limits,
    compared_with,
    days_left,
    inserted_rows,
    limits,
)

METADATA = Metadata(code="TYP01", slug="integer-key-exhaustion", severity="medium", needs=("catalog", "statistics"))

MUCH, MOST, NEARLY_ALL = 0.5, 0.75, 0.9
"""Shares of the range from which on a finding is medium, high and critical: at the first, one doubling is left."""

SOON = 365
"""Days left at the present rate from which on a finding is high: a key of a large table is not exchanged in a week."""

LEAST_SHARE = 0.1
"""Share of the range below which the rate says nothing: it may be that of a first load."""

LEAST_DENSE = 0.01
"""Rows, as a share of the highest value, from which on a key without a sequence is counted up rather than drawn."""


def questions(facts: Facts) -> Iterator[HighestValue]:
    """Ask for the highest value of each small key that no sequence feeds."""
    for table, column in _filled_by_the_application(facts):
        yield HighestValue(table.qualified_name, column.name)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each key that is running out."""
    for sequence, table, column in _fed(facts):
        if sequence.last_value is not None:
            statement = f"SELECT last_value FROM {quoted(sequence.schema, sequence.name)}"
            source = Evidence("statistics", statement, f"{sequence.last_value:,}")
            yield from _judged(
                facts, Key(table, column, sequence.last_value, sequence.increment, sequence, source, "catalog")
            )
        elif not sequence.readable:
            yield NotChecked("pg_read_all_data", (table_ref(table, column.name),))
    for table, column in _filled_by_the_application(facts):
        question = HighestValue(table.qualified_name, column.name)
        match facts.answer(question):
            case Answer(counts=Counts(rows=value)) as answer:
                if (table.estimated_rows or 0) >= LEAST_DENSE * value:
                    source = counted(answer, f"{value:,}")
                    yield from _judged(facts, Key(table, column, value, 1, None, source, "exact"))
            case _:
                yield unanswered(facts, question, table, column.name)


def _fed(facts: Facts) -> Iterator[tuple[Sequence, Table, Column]]:
    base = {table.oid: table for table in facts.catalog.base_tables}
    for sequence in facts.catalog.sequences:
        if sequence.increment < 1 or sequence.cycle:
            continue
        feeds = {*sequence.feeds, *([sequence.owner] if sequence.owner is not None else [])}
        for oid, name in sorted(feeds):
            if oid in base:
                column = base[oid].column(name)
                fed = (oid, name) in sequence.feeds or column.identity is not None
                # A serial column that a child inherits calls its parent's sequence, and is reported with the parent.
                if fed and column.base_type in RANGES and column in own_columns(facts.catalog, base[oid]):
                    yield sequence, base[oid], column


def _filled_by_the_application(facts: Facts) -> Iterator[tuple[Table, Column]]:
    for table in facts.catalog.base_tables:
        key = table.primary_key
        if (
            key is None
            or len(key.columns) > 1
            or any(set(key.columns) & set(each.columns) for each in table.foreign_keys)
        ):
            continue
        column = table.column(key.columns[0])
        # Whatever has a default is filled by the database: a function's numbers may be drawn.
        if column.has_default or column.identity is not None:
            continue
        if column.base_type in ("int2", "int4") and column in own_columns(facts.catalog, table):
            yield table, column


def _judged(facts: Facts, key: Key) -> Iterator[Finding]:
    limit = min(limits(facts, key), key=lambda each: each.highest)
    used = key.value / limit.highest
    left = max(limit.highest - key.value, 0)
    days = days_left(facts, key, left)
    soon = days is not None and days <= SOON and used >= LEAST_SHARE
    if used < MUCH and not soon:
        return
    severity: Severity = "critical" if used >= NEARLY_ALL else "high" if soon or used >= MOST else "medium"
    yield _finding(facts, key, limit, left, days, severity)


def _finding(facts: Facts, key: Key, limit: Limit, left: int, days: float | None, severity: Severity) -> Finding:
    name = f"{key.table.qualified_name}.{key.column.name}"
    rate, evidence = _rate(facts, key, days)
    return METADATA.finding(
        objects=(limit.subject,),
        message=f"{name} has come to {key.value:,}, and {limit.what} ends at {limit.highest:,}",
        consequence=f"{key.value / limit.highest:.0%} of the numbers are used, {left:,} are left; then every INSERT"
        f" fails.{rate}",
        severity=severity,
        confidence=key.confidence,
        evidence=(key.source, *evidence),
        remedy=_remedy(facts, key),
        related=compared_with(key, limit),
    )


def _rate(facts: Facts, key: Key, days: float | None) -> tuple[str, tuple[Evidence, ...]]:
    """Return for how long the numbers last, in words, and what shows it; nothing where the statistics show no rate."""
    if days is None:
        return "", ()
    statement = (
        "SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE relid IN (SELECT relid FROM pg_partition_tree("
        f"{literal(quoted(key.table.schema, key.table.name))})) OR relid ="
        f" {literal(quoted(key.table.schema, key.table.name))}::regclass"
    )
    since = facts.database.statistics_since
    evidence = Evidence(
        "statistics", statement, f"{amount(inserted_rows(facts, key.table), 'row')} inserted since {since}"
    )
    return f" At the rate since {since:%Y-%m-%d} they last {amount(days, 'day')}.", (evidence,)


def _remedy(facts: Facts, key: Key) -> Remedy:
    wide = all(each.highest == RANGES["int8"] for each in column_limits(facts, key))
    match key.sequence:
        case Sequence() as sequence if wide:
            # ALTER SEQUENCE ... AS raises a limit that was the old type's own, and leaves any other.
            if sequence.maximum == {"smallint": RANGES["int2"], "integer": RANGES["int4"]}.get(sequence.type):
                operation = WidenSequence(sequence.schema, sequence.name, sequence.type)
                return Remedy(f"Let {sequence.name} count in bigint, as its column does.", (operation,))
            return Remedy(f"Raise the MAXVALUE of {sequence.name}, which its column can hold.")
    return Remedy(
        f"Make {key.table.name}.{key.column.name} bigint, with its sequence and all that refers to it: a bigint"
        " column beside"
        " each, filled in batches and exchanged, since ALTER COLUMN TYPE rewrites the table while everybody waits."
    )


BAD = RUNNING_OUT
GOOD = LASTING
