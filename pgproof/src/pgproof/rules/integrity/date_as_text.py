"""Dates kept in a text column.

What it finds:
    A text column whose values, all but at most one in a hundred, are written like dates, times or months: `2024-05-31`,
    `2024-05-31T10:00:00Z`, `31/05/2024`, `31.05.2024`, `2024-05`. The values decide, whatever the name is.

Why it matters:
    Text accepts 31 February and `soon`; it sorts 02/01/2025 before 31/12/2024, cannot be compared with now() or have
    days added without a cast that fails on the first odd value, and takes two to six times the space of a date.

Evidence:
    A count of the values that are and that are not written like a date.

Remedy:
    A column of type date or timestamptz (a month: its first day) beside it, filled in batches, then the old one
    dropped; `Column(Date)` or `Column(DateTime(timezone=True))` in the model.

When to ignore:
    The text is kept as it came, such as a raw import or what a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import AllOf, Answer, Counts, IsNull, Matches, Not, RowsWhere
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.integrity._keys import answered, at_least, certainty, sentence
from pgproof.rules.reading import own_columns, unanswered
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT26", slug="date-as-text", severity="medium", needs=("data",))

LEAST_VALUES = 20
"""Values below which all looking like dates may be chance."""

MOST_OTHERS = 0.01
"""Share of the values that may look otherwise: what text let in, and a date column would not have."""

SHORTEST, LONGEST = 8, 37
"""Bytes of a value on average: `2024-05` to a time stamp with nanoseconds and zone, each with its length byte."""

_DAY = r"(0[1-9]|[12][0-9]|3[01])"
_MONTH = r"(0[1-9]|1[0-2])"
_YEAR = r"(1[89]|20|21)[0-9]{2}"
_TIME = r"([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9]([.,][0-9]{1,9})?)?( ?(Z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
DATE = (
    rf"^({_YEAR}-{_MONTH}(-{_DAY}{_TIME})?|{_YEAR}/{_MONTH}/{_DAY}{_TIME}"
    rf"|{_DAY}[./-]{_MONTH}[./-]{_YEAR}{_TIME}|{_MONTH}/{_DAY}/{_YEAR}{_TIME})$"
)
"""POSIX regular expression of what is written like a date, a time of a day, or a month of a year."""


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask of each short text column how many values are written like a date, and how many are not."""
    for table in facts.catalog.base_tables:
        for column in _texts(facts, table):
            yield _dates(table, column)
            yield _others(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each text column that holds dates."""
    for table in facts.catalog.base_tables:
        for column in _texts(facts, table):
            found = answered(facts, _dates(table, column), _others(table, column))
            if found is None:
                yield unanswered(facts, _dates(table, column), table, column.name)
                continue
            dates, others = (counts.rows for _, counts in found)
            if dates >= LEAST_VALUES and others <= MOST_OTHERS * (dates + others):
                yield _finding(table, column, found)


def _texts(facts: Facts, table: Table) -> Iterator[Column]:
    for column in own_columns(facts.catalog, table):
        if column.base_type not in ("text", "varchar", "bpchar") or column.generated is not None:
            continue
        if column.statistics is not None and not SHORTEST <= column.statistics.average_bytes <= LONGEST:
            continue
        if not any(column.name in key.columns for key in table.foreign_keys):
            yield column


def _dates(table: Table, column: Column) -> RowsWhere:
    return RowsWhere(table.qualified_name, Matches(column.name, DATE))


def _others(table: Table, column: Column) -> RowsWhere:
    return RowsWhere(table.qualified_name, AllOf((Not(IsNull(column.name)), Not(Matches(column.name, DATE)))))


def _finding(table: Table, column: Column, found: tuple[tuple[Answer, Counts], ...]) -> Finding:
    dates, others = (counts.rows for _, counts in found)
    counts = found[0][1]
    rows = "values" if counts.exact else "values of a sample"
    consequence = f"All {dates:,} {rows} are written like dates, and nothing refuses the first that is none."
    then = ""
    if others:
        consequence = (
            f"{others:,} of {dates + others:,} {rows} are not written like a date, which a date column refuses."
        )
        then = f" {sentence(at_least(counts, others, 'value'))} must be corrected or moved first."
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{column.name} of {table.qualified_name} keeps dates as {column.type}",
        consequence=consequence,
        # Both were counted in one scan.
        confidence=certainty(counts),
        evidence=tuple(
            counted(answer, f"{at_least(each, each.rows)} of {each.rows_examined:,} rows") for answer, each in found
        ),
        remedy=Remedy(
            f"Add a column of type date or timestamptz, fill it from {column.name} in batches, and drop {column.name}."
            f"{then}"
        ),
    )


def _filled(values: str, *, rows: int = 20, of: str = "text") -> str:
    return f"""
        CREATE TABLE t (id int PRIMARY KEY, v {of});
        INSERT INTO t SELECT n, {values} FROM generate_series(1, {rows}) n;
    """


BAD = (
    *(
        Example(
            f"text written {written}",
            sql=_filled(values, of=of),
            objects=("t", "v"),
            says=("All 20 values are written",),
        )
        for written, values, of in (
            ("like 2024-05-31", "(date '2024-05-31' + n)::text", "text"),
            ("like 2024-05", "to_char(date '2024-05-31' + 20 * n, 'YYYY-MM')", "char(7)"),
            ("like 31/05/2024", "to_char(date '2024-05-31' + n, 'DD/MM/YYYY')", "varchar(10)"),
            ("like 05/31/2024", "to_char(date '2024-05-31' + n, 'MM/DD/YYYY')", "varchar"),
            ("like 31.05.2024 10:00", "to_char(date '2024-05-31' + n, 'DD.MM.YYYY HH24:MI')", "text"),
            ("like 2024/05/31", "to_char(date '2024-05-31' + n, 'YYYY/MM/DD')", "text"),
            ("like 2024-05-31T10:00:00.123456Z", 'to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')', "text"),
            ("like 2024-05-31 10:00:00+02:00", "to_char(now(), 'YYYY-MM-DD HH24:MI:SS') || '+02:00'", "text"),
        )
    ),
    Example(
        "one odd value in a hundred, and empty ones",
        sql=_filled("CASE WHEN n = 1 THEN 'soon' WHEN n <= 100 THEN '2024-05-31' END", rows=150),
        says=("1 of 100 values are", "drop v. 1 value must"),
        objects=("t", "v"),
    ),
    Example(
        "a column that ANALYZE has seen, in a domain",
        sql="CREATE DOMAIN word AS text;" + _filled("'2024-05-31'", of="word") + "ANALYZE t",
        objects=("t", "v"),
    ),
    Example(
        "a column of the longest times that ANALYZE has seen",
        sql=_filled("'2024-05-31T10:00:00.123456789 +02:00'") + "ANALYZE t",
        objects=("t", "v"),
    ),
    Example("a column of months that ANALYZE has seen", sql=_filled("'2024-05'") + "ANALYZE t", objects=("t", "v")),
    Example(
        "dates in a sample of a table too large to count",
        sql=_filled("'2024-05-31'", rows=1000).replace("text)", "text) WITH (fillfactor = 10)"),
        given=(given.table("t", bytes=(1 << 30) + 1),),
        says=("values of a sample are written",),
        renamed=False,
    ),
)
GOOD = (
    Example(
        "a name alone",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, start_date text);
            INSERT INTO t SELECT n, 'soon' FROM generate_series(1, 99) n
        """,
    ),
    Example("an empty column that is called a date", sql="CREATE TABLE t (id int PRIMARY KEY, start_date text)"),
    Example("a date", sql=_filled("date '2024-05-31' + n", of="date")),
    Example("too few values", sql=_filled("'2024-05-31'", rows=19)),
    Example(
        "more than one odd value in a hundred",
        sql=_filled("CASE WHEN n <= 2 THEN 'soon' ELSE '2024-05-31' END", rows=199),
    ),
    Example(
        "numbers of documents, versions, days that no month has, and sentences that begin with a date",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, a text, b text, c text, d text, e text, f text);
            INSERT INTO t SELECT n, '2024-' || n, '20.4.' || n, '2024-13-01', '2024-05-32',
            '2024-05-31 was a Friday', '20240531'
            FROM generate_series(1, 50) n;
        """,
    ),
    Example(
        "a reference to a table of days",
        sql="""
            CREATE TABLE days (day varchar(40) PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, day varchar(40) REFERENCES days);
            INSERT INTO days VALUES ('2024-05-31'); INSERT INTO t SELECT n, '2024-05-31' FROM generate_series(1, 50) n;
        """,
    ),
    Example(
        "a generated text",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, y int, v text GENERATED ALWAYS AS (y::text || '-05-31') STORED);
            INSERT INTO t SELECT n, 2024 FROM generate_series(1, 50) n;
        """,
    ),
    Example(
        "texts that were longer than any date, and shorter, when ANALYZE saw them, are not read",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY, v text, w text);
            INSERT INTO t SELECT n, repeat('x', 37), 'x-of-6' FROM generate_series(1, 50) n;
            ANALYZE t; TRUNCATE t;
            INSERT INTO t SELECT n, '2024-05-31', '2024-05-31' FROM generate_series(1, 50) n;
        """,
    ),
    Example(
        "a table that cannot be counted",
        sql=_filled("'2024-05-31'"),
        given=(given.table("t", calls_user_code=True),),
        renamed=False,
    ),
)
