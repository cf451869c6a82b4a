"""Rows that are long past their own expiry and still there.

What it finds:
    A table with a date or time column that says when a row ends (`expires_at`, `expires`, `expiry` ...) in which many
    rows, or a large share, ended more than 30 days ago. Not reported: tables that other tables refer to, since a row
    that others need (a job with its applications) is an entity that outlives its date; columns that carry another
    name in front (`token_expires_at`), where only a part of the row ends; and `expired_at`, which records an event.

Why it matters:
    Sessions, tokens, codes and invitations are read by key and never again. The dead weight makes every scan, backup
    and vacuum longer, and a leaked copy of the table holds personal data that nobody had a reason to keep.

Evidence:
    An exact count of the rows whose column lies more than 30 days in the past. No index on the column is required.

Remedy:
    A scheduled job that deletes expired rows a few thousand per transaction, in SQLAlchemy
    `delete(Session).where(Session.id.in_(select(Session.id).where(Session.expires_at < func.now()).limit(5000)))`.
    In Alembic, an index on the column if the table stays large: `op.create_index(...)` in an autocommit block.

When to ignore:
    The rows are history that somebody reads, or a law says how long they must be kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Past, Question, RowsWhere
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.reading import unanswered
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="OPS01", slug="expired-rows-kept", severity="medium", needs=("data",))

EXPIRY_NAMES = frozenset(
    (
        *("expire", "expireat", "expiredate", "expires", "expiresat", "expireson", "expiresdate"),
        *("expiry", "expiryat", "expirydate", "expirytime", "expiration", "expirationat", "expirationdate"),
        *("expirationtime",),
    )
)
"""Whole names, in lower case without underscores: `expire_date` is Django's, `expires` that of NextAuth."""
_EXPIRIES = frozenset(product(EXPIRY_NAMES, ("timestamptz", "timestamp", "date")))
"""Names and the types below a domain."""
GRACE_DAYS = 30
"""An expired row may be kept for a month, to answer a complaint or to find abuse."""
FEW_EXPIRED = 1_000
"""Fewer rows cost nothing that anybody would notice."""
MANY_EXPIRED = 10_000
"""As many are worth deleting whatever else the table holds."""
LARGE_SHARE = 0.2
"""The share of dead rows at which PostgreSQL's own autovacuum begins to clean (autovacuum_vacuum_scale_factor)."""
_SHORT_LIVED = re.compile(
    r"session|token|otp|code|nonce|challenge|invit|verif|reset|link|cache|lock|captcha|grant|idempot", re.IGNORECASE
)


def questions(facts: Facts) -> Iterator[Question]:
    """Yield the count of expired rows for each expiry column."""
    for table, column in _expiry_columns(facts):
        yield _question(table, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each expiry column that many rows are long past."""
    for table, column in _expiry_columns(facts):
        question = _question(table, column)
        counts = facts.counts(question)
        if counts is None:
            yield unanswered(facts, question, table, column.name)
            continue
        if counts.rows < FEW_EXPIRED:
            continue
        share = counts.rows / counts.rows_examined
        if share < LARGE_SHARE and counts.rows < MANY_EXPIRED:
            continue
        answer = facts.answer(question)
        assert answer is not None
        amount = f"{counts.rows:,} of {counts.rows_examined:,} rows ({share:.0%}, {counts.certainty})"
        yield METADATA.finding(
            objects=(table_ref(table, column.name),),
            message=f"{table.qualified_name} keeps rows that {column.name} ended more than {GRACE_DAYS} days ago",
            consequence=f"{amount} have ended; scans, backups and vacuum read them, and a leak would show them.",
            severity=None if _SHORT_LIVED.search(table.name) else "low",
            confidence=counts.certainty,
            evidence=(counted(answer, f"{counts.rows} of {counts.rows_examined} rows"),),
            remedy=Remedy(
                f"Delete rows past {column.name} in a scheduled job, a few thousand per transaction; "
                "where they are history that somebody reads, say so in a suppression."
            ),
        )


def _question(table: Table, column: Column) -> RowsWhere:
    return RowsWhere(table.qualified_name, Past(column.name, GRACE_DAYS))


def _expiry_columns(facts: Facts) -> Iterator[tuple[Table, Column]]:
    for table in facts.catalog.base_tables:
        if any(facts.catalog.table(parent) is not None for parent in table.parents):
            # Rows of a child of table inheritance are counted through its parent.
            continue
        if any(other.oid != table.oid for other, _ in facts.catalog.referencing(table)):
            continue
        for column in table.columns:
            if (column.name.lower().replace("_", ""), column.base_type) in _EXPIRIES:
                yield table, column


_ENDED = "SELECT n, now() - interval '31 days' FROM generate_series(1, 1000) n"
BAD = (
    Example(
        "a thousand sessions that ended a month ago",
        sql=f"CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz); INSERT INTO sessions {_ENDED}",
        objects=("sessions", "expires_at"),
        severity="medium",
        says=("1,000 of 1,000 rows (100%, exact) have ended",),
    ),
    Example(
        "rows that may be history",
        sql=f"CREATE TABLE offers (id int PRIMARY KEY, expires_at timestamptz); INSERT INTO offers {_ENDED}",
        severity="low",
    ),
    Example(
        "a sample of a table that is too large to count",
        sql="""
            CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz);
            INSERT INTO sessions SELECT n, '2020-01-01' FROM generate_series(1, 100000) n;
        """,
        given=(given.table("sessions", bytes=2 << 30),),
        renamed=False,
        says=("rows (100%, sample) have ended",),
    ),
    Example(
        "one row in five, in a column of Django's name and of a domain",
        sql=f"""
            CREATE DOMAIN moment AS timestamp;
            CREATE TABLE django_session (id int PRIMARY KEY, "expire_date" moment);
            INSERT INTO django_session {_ENDED};
            INSERT INTO django_session SELECT n, now() FROM generate_series(1001, 5000) n;
        """,
        objects=("django_session", "expire_date"),
    ),
    Example(
        "ten thousand, though a small share",
        sql="""
            CREATE TABLE codes (id int PRIMARY KEY, "expiresAt" date);
            INSERT INTO codes SELECT n, current_date - 32 FROM generate_series(1, 10000) n;
            INSERT INTO codes SELECT n, current_date FROM generate_series(10001, 50001) n;
        """,
        objects=("codes", "expiresAt"),
    ),
    Example(
        "a reference to itself, as rotated tokens have, makes no entity of it",
        sql=f"""
            CREATE TABLE tokens (id int PRIMARY KEY, expiry timestamptz, previous int REFERENCES tokens);
            INSERT INTO tokens (id, expiry) {_ENDED};
        """,
        objects=("tokens", "expiry"),
    ),
    Example(
        "a partitioned table and a parent of inheritance are each one table",
        sql=f"""
            CREATE TABLE caches (id int, expires date) PARTITION BY RANGE (id);
            CREATE TABLE caches_1 PARTITION OF caches DEFAULT;
            INSERT INTO caches {_ENDED};
            CREATE TABLE links (id int, expiration timestamptz);
            CREATE TABLE short_links () INHERITS (links);
            INSERT INTO short_links {_ENDED};
        """,
        findings=2,
        objects=("caches", "links"),
    ),
)
GOOD = (
    Example(
        "ended less than 30 days ago, or never",
        sql="""
            CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz);
            INSERT INTO sessions SELECT n, now() - interval '29 days' FROM generate_series(1, 2000) n;
            INSERT INTO sessions SELECT n, NULL FROM generate_series(2001, 4000) n;
            INSERT INTO sessions SELECT n, 'infinity' FROM generate_series(4001, 6000) n;
        """,
    ),
    Example(
        "fewer than a thousand rows",
        sql="""
            CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz);
            INSERT INTO sessions SELECT n, now() - interval '1 year' FROM generate_series(1, 999) n;
        """,
    ),
    Example(
        "less than one row in five, and fewer than ten thousand",
        sql="""
            CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz);
            INSERT INTO sessions SELECT n, now() - interval '31 days' FROM generate_series(1, 9999) n;
            INSERT INTO sessions SELECT n, now() FROM generate_series(10000, 49996) n;
        """,
    ),
    Example(
        "a job that applications refer to stays after its closing date",
        sql=f"""
            CREATE TABLE jobs (id int PRIMARY KEY, expires_at timestamptz);
            CREATE TABLE applications (id int PRIMARY KEY, job_id int REFERENCES jobs);
            INSERT INTO jobs {_ENDED};
        """,
    ),
    Example(
        "a part of the row ends, an event is recorded, and a price list has its own dates",
        sql="""
            CREATE TABLE accounts (id int PRIMARY KEY, token_expires_at timestamptz, expired_at timestamptz,
                                   valid_until date);
            INSERT INTO accounts SELECT n, '2020-01-01', '2020-01-01', '2020-01-01' FROM generate_series(1, 2000) n;
        """,
    ),
    Example(
        "a table that another session locks",
        sql=f"CREATE TABLE sessions (id int PRIMARY KEY, expires_at timestamptz); INSERT INTO sessions {_ENDED}",
        given=(given.table("sessions", locked=True),),
        renamed=False,
    ),
    Example(
        "a duration has the name but not the type",
        sql="""
            CREATE TABLE caches (id int PRIMARY KEY, expires int, expiry text);
            INSERT INTO caches SELECT n, 60, '2020-01-01' FROM generate_series(1, 2000) n;
        """,
    ),
)
