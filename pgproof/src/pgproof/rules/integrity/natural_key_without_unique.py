"""Columns that identify a row, and may hold the same values twice.

What it finds:
    Columns by which rows are looked up from outside and over which no unique rule exists: a provider and the account
    there (OAuth), a token of a row that expires, the e-mail address or name by which accounts sign in, a slug, an
    identifier that the column's default generates. A code or number (sku, invoice_number, public_id ...) is reported
    only where at least 100 rows have one and at most 1 % of them repeat. Also reported is a sign-in address that is
    unique as written, where rows show that its case is not always the same.

    The name and password of a row that also says at which host or port to use them sign in elsewhere, and a CSRF token
    is held against that of a row found otherwise; neither is reported. A unique rule that has the column in its key,
    even a partial or wider one, counts as a decision. A slug or code of a table with one required parent is compared
    within that parent. Where a large part of the rows repeats, the name means something else, and nothing is said.

Why it matters:
    Code that looks a row up by it takes the first of several. With credentials that is somebody else's account.

Evidence:
    pg_constraint and pg_index; a count of repeated values.

Remedy:
    `unique=True` or `UniqueConstraint(...)` in the model; for an address `Index("uq_users_lower_email",
    func.lower(User.email), unique=True)`. In the database a unique index built concurrently. Surplus rows go first,
    and for credentials a person decides whose they are.

When to ignore:
    The values come from a source that reuses them.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Question
from pgproof.remedy.operation import Operation
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import (
    at_least,
    certainty,
    enforcing,
    groups,
    no_unique_rule,
    none_there,
    not_told,
    repeats,
    sentence,
    surplus,
    surplus_share,
    told,
)
from pgproof.rules.integrity._letter_case import differing_in_case, in_lower_case, unique_in_lower_case, with_capitals
from pgproof.rules.integrity._moves import moving_first, surplus_moved, which_stays
from pgproof.rules.integrity._natural_key_examples import DECIDED, REPEATABLE
from pgproof.rules.integrity._natural_keys import NaturalKey, natural_keys, sign_in_addresses
from pgproof.rules.integrity._promises import as_declared
from pgproof.rules.reading import locked
from pgproof.rules.rule import Metadata
from pgproof.rules.severity import lowered, raised

METADATA = Metadata(code="INT02", slug="natural-key-without-unique", severity="high", needs=("catalog", "data"))

JUDGED_ROWS = 100
"""Rows below which a share says nothing."""
OTHER_MEANING_SHARE = 0.2
"""Share of surplus rows above which a column is something else than its name says."""
VIOLATED_SHARE = 0.01
"""Share of surplus rows up to which a rule that only a name suggests is taken to be meant."""


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how often each natural key repeats or is empty, and whether addresses differ in case."""
    for key in natural_keys(facts.catalog):
        yield key.duplicates
        yield from key.empty
    for table, column in sign_in_addresses(facts.catalog):
        yield in_lower_case(table, column)
        yield with_capitals(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each natural key that may repeat, and each address that repeats but for its case."""
    for key in natural_keys(facts.catalog):
        if key.table.locked:
            yield locked(key.table)
            continue
        found = told(facts, key.duplicates)
        if found is None:
            yield not_told(facts, key.table, key.duplicates, columns=key.columns)
            if key.certain:
                yield as_declared(facts, key.table, _uncounted(key))
        elif _is_borne_out(key, found[1]):
            yield as_declared(facts, key.table, _counted(facts, key, *found))
    for table, column in sign_in_addresses(facts.catalog):
        yield from differing_in_case(METADATA, facts, table, column)


def _is_borne_out(key: NaturalKey, counts: Counts) -> bool:
    rows, share = counts.rows_examined, surplus_share(key.table, counts)
    if key.certain:
        return rows < JUDGED_ROWS or share <= OTHER_MEANING_SHARE
    return rows >= JUDGED_ROWS and share <= VIOLATED_SHARE


def _uncounted(key: NaturalKey) -> Finding:
    listed = ", ".join(key.columns)
    return METADATA.finding(
        objects=(table_ref(key.table, *key.columns),),
        message=_message(key),
        consequence=f"Nobody has counted whether any repeats. {key.harm}",
        severity=_harm(key),
        evidence=(no_unique_rule(key.table, *key.columns),),
        remedy=Remedy(f"Make ({listed}) unique, after surplus rows have been moved aside."),
        counter_example=EqualRows(key.table.qualified_name, key.columns),
    )


def _counted(facts: Facts, key: NaturalKey, answer: Answer, counts: Counts) -> Finding:
    empty = sum(each.rows for question in key.empty if (each := facts.counts(question)) is not None)
    severity = _harm(key)
    if surplus(counts):
        severity = raised(severity)
        said = sentence(
            f"{at_least(counts, surplus(counts))} of {counts.rows_examined:,} rows are surplus, of"
            f" {at_least(counts, groups(counts), 'value')}."
        )
    elif empty:
        said = f"None of {counts.rows_examined:,} rows repeats a value, not counting {empty:,} with an empty one."
    else:
        severity = severity if counts.rows_examined else lowered(severity)
        said = f"None of {counts.rows_examined:,} rows repeats a value yet."
    return METADATA.finding(
        objects=(table_ref(key.table, *key.columns),),
        message=_message(key),
        consequence=f"{said} {key.harm}",
        severity=severity,
        confidence=certainty(counts),
        evidence=(counted(answer, repeats(answer, counts)), no_unique_rule(key.table, *key.columns)),
        remedy=_remedy(facts, key, counts),
        counter_example=EqualRows(key.table.qualified_name, key.columns),
    )


def _message(key: NaturalKey) -> str:
    return f"{key.table.qualified_name} may hold the same ({', '.join(key.columns)}) any number of times"


def _harm(key: NaturalKey) -> Severity:
    return "high" if key.credential else "medium"


def _remedy(facts: Facts, key: NaturalKey, counts: Counts) -> Remedy:
    table, listed = key.table, ", ".join(key.columns)
    none_empty = none_there(facts, *key.empty)
    first = "" if none_empty else "Write NULL for an empty value. "
    unique: tuple[Operation, ...] = enforcing(facts.catalog, table, key.columns)
    if key.lower:
        unique = unique_in_lower_case(facts, table, key.columns[0])
    if not surplus(counts):
        return Remedy(f"{first}Make ({listed}) unique.", unique if none_empty else ())
    # An account that others refer to belongs to somebody: no order of rows says whose what refers to it is.
    owned = key.credential and facts.catalog.referencing(table)
    moves = surplus_moved(facts.catalog, table, key.columns, key.lower) if none_empty and not owned else ()
    return Remedy(
        f"{first}Decide which row of each of {at_least(counts, groups(counts), 'value')} stays. {which_stays(moves)};"
        f" then make ({listed}) unique.",
        moving_first(moves, unique),
    )


BAD = REPEATABLE
GOOD = DECIDED
