"""A table that joins two parents, and may join the same two twice.

What it finds:
    A table that is there to join rows of other tables (two or three required foreign keys) and has no unique rule
    over them. Three shapes are told apart. A link says nothing but which rows it joins, and when that was written:
    it is reported unless its name is that of a log, or the data show that it is one. An association has a state of
    its own and optional columns (an application for a job, a membership): it is reported where the data show that
    its pairs are meant to be unique. A table with required content of its own (order lines, messages, reviews) is
    reported only where the data avoid repeats far more than chance would.

    The data say that pairs are meant to be unique if both parents repeat, and hardly any pair does: at most 1 % of
    the rows are surplus, or none is although chance alone would have made several. Where pairs repeat freely, or
    where nothing can be told, nothing is said. A unique or exclusion rule with one of the columns in its key counts
    as a decision, whatever else it holds.

Why it matters:
    An application checks first and inserts then. Two requests at the same time both see nothing, both insert, and
    the pair is there twice: counts are wrong, a list shows it twice, and an update or a deletion meets one of them.

Evidence:
    pg_constraint and pg_index; a count of equal pairs, and of the different values of each foreign key.

Remedy:
    `UniqueConstraint("a_id", "b_id")` in the model; in the database a unique index built concurrently and made a
    constraint (`op.create_index(..., unique=True, postgresql_concurrently=True)`). Surplus rows go first, and the
    application answers the unique violation (SQLAlchemy's IntegrityError) as "already there".

When to ignore:
    The table records occurrences, and the same pair may occur again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Duplicates
from pgproof.rules import given
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._association_examples import APPLICATION, LINE, PARTLY, REFERENCES, joining, pairs
from pgproof.rules.integrity._associations import (
    LEAST_EXPECTED,
    Association,
    associations,
    expected_by_chance,
    ought_to_be_unique,
)
from pgproof.rules.integrity._keys import (
    at_least,
    certainty,
    counts_of,
    enforcing,
    no_unique_rule,
    not_told,
    repeats,
    surplus,
    surplus_share,
    tells,
)
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT01", slug="association-without-unique", severity="high", needs=("catalog", "data"))

LOG_SHARE = 0.1
"""Share of surplus rows above which even a table without content of its own is a log."""
JUDGED_ROWS = 100
"""Rows below which a share says nothing."""


_Found: TypeAlias = tuple[Answer, Counts] | None


def questions(facts: Facts) -> Iterator[Duplicates]:
    """Ask how many pairs repeat, and how many values each foreign key has."""
    for association in associations(facts.catalog):
        yield association.pairs
        yield from association.sides


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table whose pairs ought to be unique and need not be."""
    for association in associations(facts.catalog):
        if association.table.locked:
            yield locked(association.table)
            continue
        found = counts_of(facts, association.pairs)
        sides = [counts for side in association.sides if (counts := facts.counts(side)) is not None]
        if found is not None and (len(sides) < len(association.sides) or not tells(found[1])):
            found = None
        if association.link and not association.is_called_a_log:
            yield from _link(facts, association, found, sides)
        elif found is None:
            yield not_told(facts, association.pairs, association.table)
        elif ought_to_be_unique(association, found[1], sides):
            yield _finding(facts, association, found, sides, _severity(association, found[1]))


def _link(facts: Facts, association: Association, found: _Found, sides: list[Counts]) -> Iterator[Finding]:
    if found is None:
        yield _finding(facts, association, None, sides, "medium")
        return
    counts = found[1]
    if surplus(counts) == 0:
        told = expected_by_chance(counts, sides) >= LEAST_EXPECTED
        yield _finding(facts, association, found, sides, "high" if told else "medium")
    elif counts.rows_examined < JUDGED_ROWS or surplus_share(association.table, counts) <= LOG_SHARE:
        yield _finding(facts, association, found, sides, "critical")


def _severity(association: Association, counts: Counts) -> Severity:
    if association.content:
        return "high" if surplus(counts) else "medium"
    return "critical" if surplus(counts) else "high"


def _finding(facts: Facts, association: Association, found: _Found, sides: list[Counts], severity: Severity) -> Finding:
    table, columns = association.table, association.columns
    listed = ", ".join(columns)
    evidence: tuple[Evidence, ...] = (no_unique_rule(table, *columns),)
    if found is None:
        consequence = "Two requests at the same time insert the same pair twice; nobody has counted whether any did."
        remedy = Remedy(f"Make ({listed}) unique, after surplus rows have been moved aside.")
    elif surplus(found[1]):
        counts = found[1]
        consequence = (
            f"{at_least(counts)}{surplus(counts):,} of {counts.rows_examined:,} rows are surplus:"
            f" {counts.groups:,} pairs are there more than once, and nothing stops the next."
        )
        remedy = Remedy(
            f"Decide which row of each of {counts.groups:,} pairs stays, move the other {surplus(counts):,} aside with"
            f" what refers to them, then make ({listed}) unique."
        )
    else:
        expected = expected_by_chance(found[1], sides)
        told = f", where chance would have repeated at least {expected:,.0f}" if expected >= LEAST_EXPECTED else ""
        consequence = (
            f"None of {found[1].rows_examined:,} rows repeats a pair{told}; two requests at the same time can."
        )
        remedy = Remedy(f"Make ({listed}) unique.", enforcing(facts.catalog, table, columns))
    if found is not None:
        evidence = (counted(found[0], repeats(*found)), *evidence)
    return METADATA.finding(
        objects=(table_ref(table, *columns),),
        message=f"{table.qualified_name} may hold the same ({listed}) any number of times",
        consequence=consequence,
        severity=severity,
        confidence=certainty(found[1] if found is not None else None),
        evidence=evidence,
        remedy=remedy,
        related=_parents(facts, association),
        counter_example=_counter_example(association),
    )


def _counter_example(association: Association) -> EqualRows | None:
    """Return the race that shows it; none where foreign keys share a column, whose rows nobody knows how to make."""
    columns = [name for key in association.table.foreign_keys for name in key.columns]
    if len(set(columns)) < len(columns):
        return None
    return EqualRows(association.table.qualified_name, association.columns)


def _parents(facts: Facts, association: Association) -> tuple[ObjectRef, ...]:
    """Return the tables that the association joins, each once."""
    oids = [key.referenced for key in association.table.foreign_keys if key.columns in association.references]
    parents = [facts.catalog.table(oid) for oid in dict.fromkeys(oids) if oid is not None]
    return tuple(table_ref(parent) for parent in parents if parent is not None and not parent.is_partition)


BAD = (
    Example(
        "an association table whose columns are not its key",
        sql=joining("a_id int REFERENCES a, b_id int REFERENCES b", pairs(5, 5)),
        objects=("joined", "a_id", "b_id"),
    ),
    Example(
        "an empty link with a key of its own and a time of writing",
        sql=joining(f"{REFERENCES}, created_at timestamptz NOT NULL"),
        objects=("joined", "a_id", "b_id"),
    ),
    Example(
        "people who follow people",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY);
            CREATE TABLE follows (follower int NOT NULL REFERENCES people, followed int NOT NULL REFERENCES people);
        """,
        objects=("follows", "follower", "followed"),
    ),
    Example(
        "a link of which one row in ten is surplus",
        sql=joining(REFERENCES, pairs(90, 10), pairs(10, 10)),
        objects=("joined",),
    ),
    Example(
        "a link with few rows, most of them surplus",
        sql=joining(REFERENCES, *[pairs(33, 10)] * 3),
        objects=("joined",),
    ),
    Example(
        "applications of which one in a hundred is surplus",
        sql=joining(APPLICATION, pairs(990, 40), pairs(10, 40)),
        objects=("joined", "a_id", "b_id"),
    ),
    Example(
        "applications that never repeat although chance would have made them",
        sql=joining(APPLICATION, pairs(42, 10)),
        objects=("joined", "a_id", "b_id"),
    ),
    Example(
        "applications of which three in four have a job of their own",
        sql=joining(APPLICATION, PARTLY.format(750, 994), PARTLY.format(750, 4)),
        objects=("joined",),
    ),
    Example(
        "a state that is text, by a check",
        sql=joining(
            f"{REFERENCES}, state text NOT NULL DEFAULT 'x' CHECK (state IN ('x', 'y'))",
            pairs(990, 40),
            pairs(10, 40),
        ),
        objects=("joined",),
    ),
    Example(
        "a state that is text, of few values",
        sql=joining(f"{REFERENCES}, state text NOT NULL DEFAULT 'x'", pairs(990, 40), pairs(10, 40))
        + "; ANALYZE joined",
        objects=("joined",),
    ),
    Example(
        "applications with states and times that are no occurrence",
        sql=joining(
            f"{REFERENCES}, active boolean NOT NULL, decided date, day date NOT NULL DEFAULT now(), created_at date"
            " NOT NULL, label text NOT NULL GENERATED ALWAYS AS ('x') STORED",
            pairs(42, 10).replace("SELECT ", "SELECT true, now(), "),
        ).replace("(a_id, b_id)", "(active, created_at, a_id, b_id)"),
        objects=("joined", "a_id", "b_id"),
    ),
    *(
        Example(
            f"a link with surplus rows that is {why}",
            sql=joining(REFERENCES, pairs(90, 10), pairs(10, 10)),
            given=(given.table("joined", **stated),),
            objects=("joined", "a_id", "b_id"),
            renamed=False,
        )
        for why, stated in (("not counted", {"calls_user_code": True}), ("too large to count", {"bytes": 1 << 40}))
    ),
    Example(
        "what is called a log, and never repeats",
        sql=joining(REFERENCES, pairs(42, 10)) + "; ALTER TABLE joined RENAME TO a_event",
    ),
    Example(
        "dated rows of which one in a hundred is surplus",
        sql=joining(f"{REFERENCES}, day date NOT NULL", pairs(990, 40), pairs(10, 40)).replace(
            "(a_id, b_id) SELECT ", "(day, a_id, b_id) SELECT current_date, "
        ),
        objects=("joined",),
    ),
    Example(
        "order lines that never repeat although chance would have made them",
        sql=joining(LINE, pairs(73, 10)),
        objects=("joined", "a_id", "b_id"),
    ),
    Example(
        "order lines that repeat a tenth as often as chance would make them",
        sql=joining(LINE, pairs(990, 66), pairs(10, 66)),
        objects=("joined",),
    ),
    Example(
        "an association of three",
        sql=joining(
            "a_id int REFERENCES a, b_id int REFERENCES b, c_id int REFERENCES a, PRIMARY KEY (a_id, b_id, c_id)"
        )
        + "; CREATE TABLE three (a_id int NOT NULL REFERENCES a, b_id int NOT NULL REFERENCES b,"
        " c_id int NOT NULL REFERENCES a)",
        objects=("three", "a_id", "b_id", "c_id"),
    ),
    Example(
        "a tenant's members, by composite references",
        sql="""
            CREATE TABLE tenants (id int PRIMARY KEY);
            CREATE TABLE users (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE teams (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE members (
                tenant int NOT NULL REFERENCES tenants, team int NOT NULL, member int NOT NULL,
                FOREIGN KEY (tenant, team) REFERENCES teams, FOREIGN KEY (tenant, member) REFERENCES users
            );
        """,
        objects=("members", "tenant", "team", "member"),
    ),
)
GOOD = (
    Example("a unique pair", sql=joining(f"{REFERENCES}, UNIQUE (b_id, a_id)")),
    Example(
        "a pair that is the key", sql=joining("a_id int REFERENCES a, b_id int REFERENCES b, PRIMARY KEY (a_id, b_id)")
    ),
    Example(
        "a rule for some rows, one over an expression, and one by exclusion",
        sql=joining(REFERENCES + ", EXCLUDE (a_id WITH =, b_id WITH =)")
        + f"""
            ; CREATE TABLE partly ({REFERENCES}, created_at timestamptz);
            CREATE UNIQUE INDEX ON partly (b_id) WHERE created_at IS NULL;
            CREATE TABLE unordered ({REFERENCES});
            CREATE UNIQUE INDEX ON unordered (least(a_id, b_id), greatest(a_id, b_id));
        """,
    ),
    Example(
        "a link that is called a log",
        sql=joining(f"{REFERENCES}, created_at timestamptz") + "; ALTER TABLE joined RENAME TO a_event",
        renamed=False,
    ),
    Example(
        "a log that an audit may not count",
        sql=joining(REFERENCES) + "; ALTER TABLE joined RENAME TO a_event",
        given=(given.table("a_event", calls_user_code=True),),
        renamed=False,
    ),
    Example(
        "a link of which more than one row in ten is surplus", sql=joining(REFERENCES, pairs(89, 10), pairs(11, 10))
    ),
    Example("visits, by their own time", sql=joining(f"{REFERENCES}, visited_at timestamptz DEFAULT now()")),
    Example(
        "applications of which more than one in a hundred is surplus",
        sql=joining(APPLICATION, pairs(989, 40), pairs(11, 40)),
    ),
    Example("applications too few to tell", sql=joining(APPLICATION, pairs(41, 10))),
    Example(
        "payments, mostly one for each order",
        sql=joining(APPLICATION, PARTLY.format(751, 994), PARTLY.format(751, 4)),
    ),
    Example(
        "payments, the other way round",
        sql=joining(
            APPLICATION,
            *(
                select.replace("n % 751, n % 7", "n % 7, n % 751")
                for select in (PARTLY.format(751, 994), PARTLY.format(751, 4))
            ),
        ),
    ),
    Example(
        "appointments, as yet without a repeat",
        sql=joining(f"{REFERENCES}, starts_at timestamptz NOT NULL", pairs(42, 10)).replace(
            "(a_id, b_id) SELECT ", "(starts_at, a_id, b_id) SELECT now(), "
        ),
    ),
    Example(
        "matches of a season",
        sql=joining(f"{LINE}, day date NOT NULL", pairs(73, 10)).replace(
            "(a_id, b_id) SELECT ", "(day, a_id, b_id) SELECT current_date, "
        ),
    ),
    Example("order lines too few to tell", sql=joining(LINE, pairs(72, 10))),
    Example(
        "order lines that repeat more than a tenth as often as chance would make them",
        sql=joining(LINE, pairs(990, 67), pairs(10, 67)),
    ),
    Example(
        "messages",
        sql=joining(f"{REFERENCES}, body text NOT NULL DEFAULT 'x' CHECK (body <> '')", pairs(990, 90), pairs(10, 90)),
    ),
    Example(
        "a row with two optional references may have either",
        sql=joining("id serial PRIMARY KEY, a_id int REFERENCES a, b_id int REFERENCES b"),
    ),
    Example(
        "a child of one parent that mentions another",
        sql=joining("id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a, b_id int REFERENCES b"),
    ),
    Example(
        "a reference declared twice",
        sql=joining("id serial PRIMARY KEY, a_id int NOT NULL REFERENCES a REFERENCES a, b_id int"),
    ),
    Example(
        "a tenant's user, whose tenant is a reference of its own",
        sql="""
            CREATE TABLE tenants (id int PRIMARY KEY);
            CREATE TABLE users (tenant int REFERENCES tenants, id int, PRIMARY KEY (tenant, id));
            CREATE TABLE notes (
                id int PRIMARY KEY, tenant int NOT NULL REFERENCES tenants, author int NOT NULL,
                FOREIGN KEY (tenant, author) REFERENCES users
            );
        """,
    ),
    Example(
        "an entity with four parents",
        sql=joining(
            f"{REFERENCES}, c_id int NOT NULL DEFAULT 1 REFERENCES a, d_id int NOT NULL DEFAULT 1 REFERENCES b"
        ),
    ),
    Example(
        "a table that another session locks",
        sql=joining(REFERENCES),
        given=(given.table("joined", locked=True),),
        renamed=False,
    ),
)
