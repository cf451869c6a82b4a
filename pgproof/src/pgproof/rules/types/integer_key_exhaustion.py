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
from datetime import UTC, datetime, timedelta

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.objects import Sequence
from pgproof.facts.questions import HighestValue
from pgproof.remedy.names import literal, quoted
from pgproof.remedy.sequences import WidenSequence
from pgproof.rules import given
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
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.types._key_range import RANGES, Key, Limit, column_limits, days_left, inserted_rows, limits

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
        answer = facts.answer(question)
        if answer is None or answer.counts is None:
            yield unanswered(facts, question, table, column.name)
            continue
        value = answer.counts.rows
        if (table.estimated_rows or 0) >= LEAST_DENSE * value:
            yield from _judged(facts, Key(table, column, value, 1, None, counted(answer, f"{value:,}"), "exact"))


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
    own = table_ref(key.table, key.column.name)
    rate = f" At the rate since {facts.database.statistics_since:%Y-%m-%d} they last {days:,.0f} days." if days else ""
    return METADATA.finding(
        objects=(limit.subject,),
        message=f"{name} has come to {key.value:,}, and {limit.what} ends at {limit.highest:,}",
        consequence=f"{key.value / limit.highest:.0%} of the numbers are used, {left:,} are left; then every INSERT"
        f" fails.{rate}",
        severity=severity,
        confidence=key.confidence,
        evidence=(key.source, *_rate(facts, key, days)),
        remedy=_remedy(facts, key),
        related=() if limit.subject == own else (own,),
    )


def _rate(facts: Facts, key: Key, days: float | None) -> Iterator[Evidence]:
    if days is not None:
        statement = (
            "SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE relid IN (SELECT relid FROM pg_partition_tree("
            f"{literal(quoted(key.table.schema, key.table.name))})) OR relid ="
            f" {literal(quoted(key.table.schema, key.table.name))}::regclass"
        )
        since = facts.database.statistics_since
        yield Evidence("statistics", statement, f"{inserted_rows(facts, key.table):,} rows inserted since {since}")


def _remedy(facts: Facts, key: Key) -> Remedy:
    wide = all(each.highest == RANGES["int8"] for each in column_limits(facts, key))
    sequence = key.sequence
    if sequence is not None and wide:
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


def _aged(days: int) -> given.Given:
    taken = datetime(2026, 3, 1, tzinfo=UTC)
    return given.database(taken_at=taken, statistics_since=taken - timedelta(days=days))


_AGED = _aged(7)


def _near(value: int) -> str:
    return f"SELECT setval(pg_get_serial_sequence('t', 'id'), {value})"


BAD = (
    Example(
        "half of an integer key, which a child inherits",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); CREATE TABLE c () INHERITS (t); {_near(1073741824)}",
        severity="medium",
        says=("50% of the numbers",),
        objects=("t", "id"),
    ),
    Example(
        "three quarters, and nine tenths, of a sequence",
        sql="""
            CREATE SEQUENCE a MAXVALUE 100; CREATE SEQUENCE b MAXVALUE 100;
            CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('a')); SELECT setval('a', 75), setval('b', 89);
            CREATE TABLE u (id bigint PRIMARY KEY DEFAULT nextval('b'));
        """,
        findings=2,
        severity="high",
        objects=("t", "u", "id"),
    ),
    Example(
        "nine tenths of a sequence",
        sql="""
            CREATE SEQUENCE a MAXVALUE 100; CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('a'));
            SELECT setval('a', 90);
        """,
        severity="critical",
        objects=("t", "id"),
    ),
    Example(
        "an identity of smallint",
        sql=f"CREATE TABLE t (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY); {_near(30000)}",
        severity="critical",
        says=("2,767 are left",),
        objects=("t", "id"),
    ),
    Example(
        "a bigint column whose sequence is still that of an integer",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); ALTER TABLE t ALTER COLUMN id TYPE bigint; {_near(2000000000)}",
        severity="critical",
        says=("count in bigint",),
        objects=("t", "id"),
    ),
    Example(
        "a sequence with a limit of its own",
        sql="""
            CREATE SEQUENCE numbers AS integer MAXVALUE 1000;
            CREATE TABLE t (id bigint PRIMARY KEY DEFAULT nextval('numbers')); SELECT setval('numbers', 500);
        """,
        severity="medium",
        says=("Raise the MAXVALUE",),
        objects=("t", "id"),
    ),
    Example(
        "a column that refers to a bigint key and is an integer itself",
        sql=f"""
            CREATE TABLE t (id bigserial PRIMARY KEY); CREATE TABLE c (id bigint PRIMARY KEY, t_id int REFERENCES t);
            {_near(2000000000)};
        """,
        severity="critical",
        says=("refers to it", "bigint, with its sequence"),
        objects=("c", "t_id"),
    ),
    Example(
        "a key that the application counts up",
        sql="""
            CREATE DOMAIN small AS smallint;
            CREATE TABLE t (id small PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 20000); ANALYZE t;
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that the application counts up, and a child's over the same column",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); CREATE TABLE c (PRIMARY KEY (id)) INHERITS (t);
            INSERT INTO t SELECT generate_series(1, 20000); INSERT INTO c SELECT generate_series(1, 20000);
            ANALYZE t; ANALYZE c;
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that the application counts up, of which one number in a hundred is left",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT n * 100 FROM generate_series(1, 200) n;
            ANALYZE t
        """,
        objects=("t", "id"),
    ),
    Example(
        "a key that lasts less than a year at the present rate",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=35_700_000), _AGED),
        renamed=False,
        severity="high",
        says=("362 days",),
        objects=("t", "id"),
    ),
    Example(
        "partitions whose inserts add up, by steps of ten",
        sql=f"""
            CREATE TABLE t (id serial, PRIMARY KEY (id)) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (1) TO (9); CREATE TABLE t_2 PARTITION OF t DEFAULT;
            ALTER SEQUENCE t_id_seq INCREMENT 10; {_near(300000000)};
        """,
        given=(
            given.table("t_1", inserted=1_785_000),
            given.table("t_2", inserted=1_785_000),
            _AGED,
        ),
        renamed=False,
        objects=("t", "id"),
    ),
)
GOOD = (
    Example("a key with room", sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(1073741823)}"),
    Example("a bigint key", sql=f"CREATE TABLE t (id bigserial PRIMARY KEY); {_near(3000000000)}"),
    Example("a sequence that was never used", sql="CREATE TABLE t (id smallserial PRIMARY KEY)"),
    Example(
        "sequences that begin anew, count down, or feed nothing",
        sql="""
            CREATE SEQUENCE circle MAXVALUE 1000 CYCLE;
            CREATE SEQUENCE down INCREMENT -1 MINVALUE -9 MAXVALUE 1000 START 1000;
            CREATE SEQUENCE free MAXVALUE 1000;
            CREATE TABLE t (a bigint PRIMARY KEY DEFAULT nextval('circle'), b bigint DEFAULT nextval('down'));
            SELECT setval('circle', 900), setval('down', 900), setval('free', 900);
        """,
    ),
    Example(
        "a sequence that a column owns and does not call",
        sql="CREATE TABLE t (id int8 PRIMARY KEY); CREATE SEQUENCE s MAXVALUE 9 OWNED BY t.id; SELECT setval('s', 9)",
    ),
    Example(
        "numbers that are drawn, not counted",
        sql="""
            CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT 2000000000 + n FROM generate_series(1, 99) n;
            ANALYZE t
        """,
    ),
    Example(
        "small keys with room, and one that a parent counts",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 16000); ANALYZE t;
            CREATE TABLE u (id bigint PRIMARY KEY); INSERT INTO u SELECT generate_series(1, 20000);
            CREATE TABLE c (id smallint PRIMARY KEY REFERENCES u); INSERT INTO c SELECT generate_series(1, 20000);
            ANALYZE c;
        """,
    ),
    Example(
        "a composite key, and a sequence that feeds text",
        sql="""
            CREATE SEQUENCE s MAXVALUE 100;
            CREATE TABLE t (a smallint, b text DEFAULT nextval('s')::text, PRIMARY KEY (a, b));
            SELECT setval('s', 99); INSERT INTO t SELECT generate_series(1, 30000), 'x'; ANALYZE t;
        """,
    ),
    Example(
        "a key that lasts more than a year at the present rate",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=35_000_000), _AGED),
        renamed=False,
    ),
    Example(
        "a high rate of a key that has hardly begun",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(200000000)}",
        given=(given.table("t", inserted=200_000_000), _AGED),
        renamed=False,
    ),
    Example(
        "a high rate over a few days",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=200_000_000), _aged(6)),
        renamed=False,
    ),
    Example(
        "rows inserted since nobody knows when",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=200_000_000), given.database(statistics_since=None)),
        renamed=False,
    ),
    Example(
        "statistics that count no insert",
        sql=f"CREATE TABLE t (id serial PRIMARY KEY); {_near(300000000)}",
        given=(given.table("t", inserted=0), _AGED),
        renamed=False,
    ),
    Example(
        "keys that the database fills by another way than a sequence that has come far",
        sql="""
            CREATE TABLE t (id smallint PRIMARY KEY DEFAULT (random() * 32767)::smallint);
            INSERT INTO t SELECT generate_series(1, 20000); ANALYZE t;
            CREATE TABLE u (id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
            INSERT INTO u OVERRIDING SYSTEM VALUE SELECT generate_series(1, 20000); ANALYZE u;
            CREATE TABLE nokey (id smallint);
        """,
    ),
    Example(
        "a narrow column that refers to another key of the table",
        sql=f"""
            CREATE TABLE t (id bigserial PRIMARY KEY, code int UNIQUE);
            CREATE TABLE c (id bigint PRIMARY KEY, code smallint REFERENCES t (code)); {_near(30000)};
        """,
    ),
)
