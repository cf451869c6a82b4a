"""Columns that repeat one thing under numbers.

What it finds:
    Columns of one table and one type whose names differ in a number at the end that counts up from 0 or 1 (phone1,
    phone2), or from a name without one (phone, phone2). Lines of an address, single letters (x1, x2), years and other
    numbers that do not count, and the two sides of a pair of references are left alone.

Why it matters:
    Every question to the list is asked of each column: a search needs an OR over all of them and an index on each,
    uniqueness across them cannot be declared, and one more needs a migration.

Evidence:
    pg_attribute; the share of NULL from pg_stats where it is visible.

Remedy:
    A table of its own with one row for each, referring to this one: `relationship()` to a model with a `position`; in
    Alembic `op.create_table(...)` and one INSERT ... SELECT for each column. An array where nothing refers to a value.

When to ignore:
    The number is a part of what the column means, and there can never be another.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.reading import own_columns, regclass, words
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP09", slug="incrementing-columns", severity="low")

SHORTEST_STEM = 2
"""Characters: a single letter is a coordinate, a quarter, or a formula's variable."""

_NUMBERED = re.compile(r"(.*?)_?(\d+)", re.DOTALL)
_LINES = frozenset(("address", "addr", "line", "street"))
"""The lines of a postal address are a form that people fill in, not a list."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each group of columns of a table that count up."""
    for table in facts.catalog.base_tables:
        columns = {column.name: column for column in own_columns(facts.catalog, table)}
        groups: dict[tuple[str, str], dict[int, Column]] = defaultdict(dict)
        for column in columns.values():
            match = _NUMBERED.fullmatch(column.name)
            if match is not None:
                groups[match[1], column.type][int(match[2])] = column
        for (stem, kind), numbered in groups.items():
            unnumbered = columns.get(stem)
            if unnumbered is not None and unnumbered.type == kind:
                numbered.setdefault(1, unnumbered)
            first = min(numbered)
            counted = [numbered[number] for number in range(first, first + len(numbered)) if number in numbered]
            if first > 1 or len(counted) < len(numbered) or len(counted) == 1:
                continue
            if len(stem) < SHORTEST_STEM or words(stem)[-1] in _LINES or _is_a_pair(table, counted):
                continue
            yield _finding(table, stem, counted)


def _is_a_pair(table: Table, columns: list[Column]) -> bool:
    """Whether these are two references, such as the two teams of a match: there is never a third."""
    referring = {name for key in table.foreign_keys for name in key.columns}
    return len(columns) == 2 and all(column.name in referring for column in columns)


def _finding(table: Table, stem: str, columns: list[Column]) -> Finding:
    names = tuple(column.name for column in columns)
    last = columns[-1]
    empty = f" {last.name} is NULL in {last.statistics.null_fraction:.0%} of the rows." if last.statistics else ""
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"{table.qualified_name} repeats {stem} in {len(names)} columns: {', '.join(names)}",
        consequence=f"A search for one value asks {len(names)} columns, nothing keeps them apart, and one more needs "
        f"a migration.{empty}",
        evidence=(
            Evidence(
                "catalog",
                f"SELECT attname FROM pg_attribute WHERE attrelid = {regclass(table)} AND attname IN "
                f"({', '.join(literal(name) for name in names)})",
                ", ".join(names),
            ),
        ),
        remedy=Remedy(f"Move them to a table with one row for each, or to an array, if there may be more of {stem}."),
    )


BAD = (
    Example(
        "numbers from one on",
        sql="CREATE TABLE contacts (id int PRIMARY KEY, phone1 text, phone2 text, phone3 text)",
        objects=("contacts", "phone1", "phone2", "phone3"),
        says=("one more needs a migration. Move",),
    ),
    Example(
        "the first without a number",
        sql="CREATE TABLE contacts (id int PRIMARY KEY, phone text, phone_2 text)",
        objects=("phone", "phone_2"),
    ),
    Example(
        "numbers from zero on, in rows whose last one is empty",
        sql="""
            CREATE TABLE samples (id int PRIMARY KEY, value_0 int, value_1 int);
            INSERT INTO samples SELECT n, n FROM generate_series(1, 20) n;
            ANALYZE samples;
        """,
        objects=("value_0", "value_1"),
        says=("value_1 is NULL in ",),
    ),
    Example(
        "three references to one table",
        sql="""
            CREATE TABLE tags (id int PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, tag1 int REFERENCES tags, tag2 int REFERENCES tags,
                                tag3 int REFERENCES tags);
        """,
        objects=("tag1", "tag2", "tag3"),
    ),
    Example(
        "two of a kind, each with a column of another type beside it",
        sql="CREATE TABLE flights (id int PRIMARY KEY, stop1 text, stop2 text, wait_1 int, wait_2 int)",
        findings=2,
        objects=("stop1", "stop2", "wait_1", "wait_2"),
    ),
    Example(
        "two of a kind, of which one alone is a reference",
        sql="""
            CREATE TABLE s (id int PRIMARY KEY);
            CREATE TABLE t (id int PRIMARY KEY, stop1 int REFERENCES s, stop2 int);
        """,
        objects=("stop1", "stop2"),
    ),
    Example(
        "a stem of two letters",
        sql="CREATE TABLE t (id int PRIMARY KEY, ip1 inet, ip2 inet)",
        objects=("ip1", "ip2"),
    ),
)
GOOD = (
    Example("one number alone", sql="CREATE TABLE t (id int PRIMARY KEY, phone1 text)"),
    Example("one number beside a name of another type", sql="CREATE TABLE t (id int, phone text, phone2 boolean)"),
    Example("numbers of different types", sql="CREATE TABLE t (id int PRIMARY KEY, step1 text, step2 int)"),
    Example("lines of an address", sql="CREATE TABLE t (id int PRIMARY KEY, address_line1 text, address_line2 text)"),
    Example("coordinates", sql="CREATE TABLE t (id int PRIMARY KEY, x1 int, y1 int, x2 int, y2 int)"),
    Example("numbers that name something", sql="CREATE TABLE t (id int PRIMARY KEY, alpha_2 text, alpha_3 text)"),
    Example("years", sql="CREATE TABLE t (id int PRIMARY KEY, sales_2023 int, sales_2024 int)"),
    Example("numbers with a gap", sql="CREATE TABLE t (id int PRIMARY KEY, sha1 text, sha256 text)"),
    Example("names of kinds", sql="CREATE TABLE t (id int PRIMARY KEY, sha1 text, sha2 text, sha256 text)"),
    Example(
        "the two sides of a pair",
        sql="""
            CREATE TABLE teams (id int PRIMARY KEY);
            CREATE TABLE matches (id int PRIMARY KEY, team1 int REFERENCES teams, team2 int REFERENCES teams);
        """,
    ),
    Example(
        "a partition and a view repeat what their table is told of, and an array is one column",
        sql="""
            CREATE TABLE t (id int, phones text[]) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            CREATE VIEW v AS SELECT phones[1] AS phone1, phones[2] AS phone2 FROM t;
        """,
    ),
)
