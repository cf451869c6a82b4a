"""An amount or a code in a type that does not keep it as it is.

What it finds:
    Columns of type money; columns of type char(n) that hold shorter values, which the type fills with blanks; and
    amounts of money in floating point: a name that says price, salary, fee and the like, or amount, total and the like
    beside a currency. Ratios, rates and scores are left alone.

Why it matters:
    money takes its decimal places and its sign from lc_monetary, so that a dump restored elsewhere shows other
    amounts, and it knows no currency. char(n) pads: the blanks are stored, and vanish in a comparison or a cast, but
    not in LIKE. Floating point cannot hold 0.1: sums differ by their order, and 0.1 + 0.2 = 0.3 is false.

Evidence:
    pg_attribute; for char(n) a count of the values that are shorter than n.

Remedy:
    `Numeric(12, 2)` with a currency column for amounts, `Text` or `String(n)` for text; the change of the type
    rewrites the table while everybody waits, so on a large one a second column that is filled in batches.

When to ignore:
    The float is an estimate that nobody adds up, such as a predicted price.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, Answer, Counts, IsNull, Matches, Not, RowsWhere
from pgproof.remedy.names import literal
from pgproof.rules import given
from pgproof.rules.finding import Confidence, Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.reading import own_columns, regclass, unanswered, words
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP04", slug="money-or-char-type", severity="medium")

OF_MONEY = frozenset(
    {"price", "prices", "salary", "wage", "wages", "fee", "fees", "revenue", "payment", "invoiced", "eur", "usd"}
)
"""Words that name nothing but an amount of money."""

MAYBE_OF_MONEY = frozenset({"amount", "total", "subtotal", "balance", "cost", "costs", "budget", "paid", "due", "tax"})
"""Words that name an amount of money where the table has a currency."""

NO_AMOUNT = frozenset(
    {"rate", "ratio", "percent", "percentage", "pct", "factor", "score", "weight", "index", "share", "change", "delta"}
    | {"avg", "average", "mean", "median", "stddev", "variance", "predicted", "estimate", "elasticity", "probability"}
)
"""Words for what is computed of amounts, in which a rounding error is harmless."""


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask of each char(n) how many values are shorter."""
    for table in facts.catalog.base_tables:
        for column in _chars(facts, table):
            yield _shorter(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column whose type does not keep its values."""
    for table in facts.catalog.base_tables:
        for column in _columns(facts, table):
            if column.base_type == "money":
                yield _money(table, column)
            elif column.base_type in ("float4", "float8") and _is_amount(table, column):
                yield _float(table, column)
        for column in _chars(facts, table):
            yield from _padded(facts, table, column)


def _columns(facts: Facts, table: Table) -> Iterator[Column]:
    for column in own_columns(facts.catalog, table):
        if column.generated is None:
            yield column


def _chars(facts: Facts, table: Table) -> Iterator[Column]:
    """Yield the columns of type char(n); bpchar without a length fills nothing."""
    for column in _columns(facts, table):
        if column.base_type == "bpchar" and column.length is not None:
            yield column


def _is_amount(table: Table, column: Column) -> bool:
    named = set(words(column.name))
    if named & NO_AMOUNT:
        return False
    has_currency = any("currency" in words(other.name) for other in table.columns)
    return bool(named & OF_MONEY) or (has_currency and bool(named & MAYBE_OF_MONEY))


def _shorter(table: Table, column: Column) -> RowsWhere:
    # A cast to text, which the question makes, drops the blanks.
    full = f"^.{{{column.length}}}$"
    return RowsWhere(table.qualified_name, AllOf((Not(IsNull(column.name)), Not(Matches(column.name, full)))))


def _padded(facts: Facts, table: Table, column: Column) -> Iterator[Finding | NotChecked]:
    question = _shorter(table, column)
    match facts.answer(question):
        # Codes that fill the type, such as those of countries and currencies, lose nothing in it.
        case Answer(counts=Counts(rows=0)):
            return
        case Answer(counts=Counts() as counts) as answer:
            yield _too_long(table, column, answer, counts)
        case _:
            yield unanswered(facts, question, table, column.name)


def _too_long(table: Table, column: Column, answer: Answer, counts: Counts) -> Finding:
    least, confidence = _certainty(counts)
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{column.name} of {table.qualified_name} fills its values with blanks: {column.type}",
        consequence=f"{least}{counts.rows:,} of {counts.rows_examined:,} values are stored longer than they are, and"
        " compare differently under = and LIKE.",
        severity="low",
        confidence=confidence,
        evidence=(
            _typed(table, column),
            counted(answer, f"{least}{amount(counts.rows, 'value is', 'values are')} shorter than the type"),
        ),
        remedy=Remedy(f"Change {column.name} to text or varchar, which drops the blanks."),
    )


def _certainty(counts: Counts) -> tuple[str, Confidence]:
    return ("", "exact") if counts.exact else ("At least ", "sample")


def _money(table: Table, column: Column) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{column.name} of {table.qualified_name} is of type money",
        consequence="Its decimal places and sign come from lc_monetary of whoever reads it, and it knows no currency.",
        evidence=(_typed(table, column),),
        remedy=Remedy(f"Change {column.name} to numeric, with the currency in a column beside it."),
    )


def _float(table: Table, column: Column) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{column.name} of {table.qualified_name} keeps an amount of money as {column.type}",
        consequence="Most decimal fractions are not held exactly: sums differ by a cent, and = misses equal amounts.",
        evidence=(_typed(table, column),),
        remedy=Remedy(f"Change {column.name} to numeric, rounded to the decimal places of its currency."),
    )


def _typed(table: Table, column: Column) -> Evidence:
    return Evidence(
        "catalog",
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE"
        f" attrelid = {regclass(table)} AND attname = {literal(column.name)}",
        column.type,
    )


BAD = (
    Example("money", severity="medium", sql="CREATE TABLE t (id int PRIMARY KEY, price money)", objects=("t", "price")),
    Example(
        "values that are shorter than their char(n)",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, name char(9), flag char);
            INSERT INTO t VALUES (1, 'Ada', ''), (2, 'Augustine', 'x')
        """,
        findings=2,
        severity="low",
        says=(": character(9) 1 of 2 values",),
        objects=("t", "name", "flag"),
    ),
    Example(
        "amounts in floating point",
        sql="CREATE TABLE t (id int PRIMARY KEY, price float8, monthly_fee real)",
        findings=2,
        objects=("t", "price", "monthly_fee"),
    ),
    Example(
        "amounts beside a currency",
        sql="CREATE TABLE t (id int PRIMARY KEY, amount float8, currency_code text)",
        objects=("t", "amount"),
    ),
    Example(
        "domains over money and char",
        sql="""
            CREATE DOMAIN m AS money; CREATE DOMAIN c AS char(4); CREATE TABLE t (id int PRIMARY KEY, a m, b c);
            INSERT INTO t VALUES (1, 1, 'x');
        """,
        findings=2,
        objects=("t", "a", "b"),
    ),
    Example(
        "a partitioned table once, and what a child adds to its parent's",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a money) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE TABLE p (id int PRIMARY KEY, a money); CREATE TABLE c (b money) INHERITS (p);
        """,
        findings=3,
        objects=("t", "p", "c", "a", "b"),
    ),
    Example(
        "values of a sample that are shorter than their char(n), in a table too large to count",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, name char(9)) WITH (fillfactor = 10);
            INSERT INTO t SELECT n, 'Ada' FROM generate_series(1, 1000) n;
        """,
        given=(given.table("t", bytes=(1 << 30) + 1),),
        says=(" At least ",),
        renamed=False,
    ),
)
GOOD = (
    Example(
        "codes that fill their char(n), and none at all",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, country char(2), currency char(3), empty char(20), free bpchar);
            INSERT INTO t VALUES (1, 'fr', 'EUR', NULL, 'a'), (2, 'be', NULL, NULL, 'bc');
        """,
    ),
    Example(
        "numeric amounts, integers of cents, and text",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, price numeric, salary int, fee text, name varchar(9), currency text);
            INSERT INTO t (id, name) VALUES (1, 'Ada')
        """,
    ),
    Example(
        "floats that are no money",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, weight float8, latitude float8, priced_at float8, amount float8,
            total real)
        """,
    ),
    Example(
        "what is computed of amounts",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, price_change float8, fee_rate real, avg_salary float8,
            total_pct real, width real, currency text)
        """,
    ),
    Example(
        "a generated amount follows from others",
        sql="CREATE TABLE t (id int PRIMARY KEY, price float8 GENERATED ALWAYS AS (id / 2.0) STORED)",
    ),
    Example(
        "a char(n) that cannot be counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, name char(9)); INSERT INTO t VALUES (1, 'Ada');
        """,
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
    Example("a view", sql="CREATE VIEW v AS SELECT 1::money AS price"),
)
