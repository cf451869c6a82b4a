"""Rows that repeat what hardly any row repeats, although nothing enforces it.

What it finds:
    Two things that INT01 and INT02 do not see. A table without a primary key whose column `id` repeats. And a child
    of one parent with a text out of a small vocabulary (the skills of a candidate) where the rows of a parent hardly
    ever have the same text: at least 20 repeats would have come by chance, at most a third as many are there, and
    they are at most 1 % of the rows. Something keeps them apart, and it is not the database. Texts compare in lower
    case. A unique rule that has one of the columns in its key counts as a decision.

Why it matters:
    The application believes in the rule: it shows the first of two equal rows, updates one and leaves the other.

Evidence:
    A count of the repeats, and of the different parents and texts.

Remedy:
    Move the surplus rows aside, then enforce the rule: `UniqueConstraint("parent_id", "name")`, or
    `Index("uq_skills", "candidate_id", func.lower(Skill.name), unique=True)` where case is not to matter.

When to ignore:
    The same text is meant to be allowed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Duplicates
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import object_name, quoted
from pgproof.rules import given
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import (
    at_least,
    certainty,
    distinct_values,
    expected_repeats,
    groups,
    has_rule_over,
    is_state,
    no_unique_rule,
    not_told,
    own_references,
    repeats,
    required,
    sentence,
    surplus,
    surplus_share,
    told,
)
from pgproof.rules.integrity._moves import moving_first, surplus_moved, which_stays
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT04", slug="duplicates-under-intended-key", severity="medium", needs=("catalog", "data"))

LEAST_EXPECTED = 20
"""Repeats that chance must be expected to make: six or fewer then come with p < 0.001 (Poisson)."""
MOST_OF_EXPECTED = 3
"""What is there may be at most this part of what chance would make, 1/3."""
VIOLATED_SHARE = 0.01
"""Share of surplus rows up to which a rule is taken to be meant and broken now and then."""


@dataclass(frozen=True)
class _Intended:
    """Columns that look like a key.

    Attributes:
        parent: the columns of the foreign key; empty for the identifier of a table without a key.
        text: the column beside them, or the identifier.
    """

    table: Table
    parent: tuple[str, ...]
    text: Column

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.parent, self.text.name)

    @property
    def lower(self) -> tuple[str, ...]:
        return (self.text.name,) if self.parent else ()

    @property
    def repeats(self) -> Duplicates:
        return Duplicates(self.table.qualified_name, self.columns, self.lower)

    @property
    def sides(self) -> tuple[Duplicates, ...]:
        if not self.parent:
            return ()
        name = self.table.qualified_name
        return Duplicates(name, self.parent), Duplicates(name, (self.text.name,), self.lower)


def questions(facts: Facts) -> Iterator[Duplicates]:
    """Ask how often each intended key repeats, and how many values its columns have."""
    for intended in _intended(facts):
        yield from (intended.repeats, *intended.sides)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each intended key that rows break."""
    for intended in _intended(facts):
        found = told(facts, intended.repeats, *intended.sides)
        if found is None:
            yield not_told(facts, intended.table, intended.repeats, *intended.sides, columns=intended.columns)
        elif surplus(found[1]):
            if not intended.parent:
                yield _of_an_identifier(intended, *found)
            elif _is_avoided(facts, intended, found[1]):
                yield _of_a_child(facts, intended, *found)


def _intended(facts: Facts) -> Iterator[_Intended]:
    for table in facts.catalog.base_tables:
        if table.primary_key is None:
            yield from (_Intended(table, (), column) for column in table.columns if _identifies(table, column))
        parents = {key.columns for key in own_references(table) if required(table, key.columns)}
        if len(parents) != 1:
            # With several parents the table joins them, which is INT01's to judge.
            continue
        parent = parents.pop()
        for column in table.columns:
            if _is_a_word(table, column) and not has_rule_over(table, *parent, column.name):
                yield _Intended(table, parent, column)


def _identifies(table: Table, column: Column) -> bool:
    return column.name.lower() == "id" and not has_rule_over(table, column.name)


def _is_a_word(table: Table, column: Column) -> bool:
    """Tell whether a column is a required text out of a vocabulary that does not grow with the table."""
    if column.base_type not in ("text", "varchar", "bpchar") or not column.not_null or is_state(table, column):
        return False
    # Of what ANALYZE found few values in is_state has spoken, and those that grow with the table are below zero.
    return bool(column.statistics and max(column.statistics.n_distinct, 0))


def _is_avoided(facts: Facts, intended: _Intended, counts: Counts) -> bool:
    expected = _expected(facts, intended, counts)
    few = surplus(counts) * MOST_OF_EXPECTED <= expected and surplus_share(intended.table, counts) <= VIOLATED_SHARE
    return few and expected >= LEAST_EXPECTED


def _expected(facts: Facts, intended: _Intended, counts: Counts) -> int:
    sides = [found for side in intended.sides if (found := facts.counts(side)) is not None]
    return expected_repeats(counts.rows_examined, [distinct_values(side) for side in sides])


def _of_an_identifier(intended: _Intended, answer: Answer, counts: Counts) -> Finding:
    return _finding(
        intended,
        answer,
        counts,
        severity="high",
        chance="",
        # Rows that nothing tells apart could not be brought back to where they were, so people decide.
        remedy=Remedy(
            f"Decide which row of each of {at_least(counts, groups(counts), 'group')} stays, move the others aside,"
            f" then make ({intended.text.name}) the primary key."
        ),
    )


def _of_a_child(facts: Facts, intended: _Intended, answer: Answer, counts: Counts) -> Finding:
    table = intended.table
    keys = (*(quoted(name) for name in intended.parent), f"lower({quoted(intended.text.name)})")
    name = object_name("uq", table.name, (*intended.parent, "lower", intended.text.name))
    moves = surplus_moved(facts.catalog, table, intended.columns, intended.lower)
    return _finding(
        intended,
        answer,
        counts,
        severity=METADATA.severity,
        chance=f", where chance would have made at least {_expected(facts, intended, counts):,}",
        remedy=Remedy(
            f"Decide which row of each of {at_least(counts, groups(counts), 'group')} stays. {which_stays(moves)}; then"
            f" make ({', '.join(intended.parent)}, lower({intended.text.name})) unique.",
            moving_first(moves, (CreateIndex(table.schema, table.name, name, keys, unique=True),)),
        ),
    )


def _finding(
    intended: _Intended, answer: Answer, counts: Counts, *, severity: Severity, chance: str, remedy: Remedy
) -> Finding:
    table, columns = intended.table, intended.columns
    listed = ", ".join(columns)
    return METADATA.finding(
        objects=(table_ref(table, *columns),),
        message=f"{table.qualified_name} has rows with the same ({listed}), which looks like a key",
        consequence=sentence(
            f"{at_least(counts, surplus(counts))} of {counts.rows_examined:,} rows are surplus{chance}: readers that"
            f" take ({listed}) for a key meet either row."
        ),
        severity=severity,
        confidence=certainty(counts),
        evidence=(counted(answer, repeats(answer, counts)), no_unique_rule(table, *columns)),
        remedy=remedy,
        counter_example=EqualRows(table.qualified_name, columns),
    )


def _skills(words: int, repeated: int, again: str = "name", columns: str = "") -> str:
    """Return five skills of each of 200 people, out of so many words, and so many of them a second time."""
    return f"""
        CREATE TABLE people (id int PRIMARY KEY);
        INSERT INTO people SELECT generate_series(0, 199);
        CREATE TABLE skills (
            id serial PRIMARY KEY, person int NOT NULL REFERENCES people, name text NOT NULL {columns}
        );
        INSERT INTO skills (person, name)
            SELECT p, 'skill ' || (p * 5 + n) % {words} FROM generate_series(0, 199) p, generate_series(1, 5) n;
        INSERT INTO skills (person, name) SELECT person, {again} FROM skills ORDER BY id LIMIT {repeated};
        ANALYZE skills;
    """


BAD = (
    Example(
        "skills that one row in a hundred repeats, in another case",
        sql=_skills(25, 10, "upper(name)") + "DELETE FROM skills WHERE id BETWEEN 991 AND 1000",
        severity="medium",
        says=("10 of 1,000 rows are surplus, where chance", "the oldest stays, by (id): move"),
        objects=("skills", "person", "name"),
    ),
    Example("skills that repeat a third as often as chance would make them", sql=_skills(88, 7), objects=("skills",)),
    Example("skills of which chance would repeat twenty", sql=_skills(92, 6), objects=("skills",)),
    Example("skills out of just enough words", sql=_skills(21, 10), objects=("skills",)),
    Example(
        "skills beside an optional reference",
        sql=_skills(25, 10, columns=", teacher int REFERENCES people"),
        objects=("skills",),
    ),
    Example(
        "an identifier of a table that has lost its key",
        sql="CREATE TABLE items (id int, name text); INSERT INTO items VALUES (1, 'a'), (1, 'b'), (2, 'c')",
        objects=("items", "id"),
        severity="high",
        says=("1 of 3 rows are surplus: readers", "the primary key"),
    ),
    Example(
        "skills that endorsements refer to, once each",
        sql=_skills(25, 10)
        + "CREATE TABLE endorsements (id int PRIMARY KEY, skill int UNIQUE REFERENCES skills ON DELETE CASCADE)",
        says=("Move the others aside with what refers to them; then make (person, lower(name)) unique.",),
        objects=("skills",),
    ),
)
GOOD = (
    Example(
        "skills out of words that grow with the table",
        sql=_skills(25, 0).replace(
            "'skill ' || (p * 5 + n) % 25 FROM generate_series(0, 199) p, generate_series(1, 5) n;",
            "'skill ' || (p * 7 + n) % 110 FROM generate_series(0, 49) p, generate_series(1, 20) n;"
            "INSERT INTO skills (person, name) SELECT person, name FROM skills ORDER BY id LIMIT 10;",
        ),
    ),
    Example("skills that none repeats", sql=_skills(25, 0)),
    Example("skills that more than one row in a hundred repeats", sql=_skills(25, 11)),
    Example("skills that repeat more than a third as often as chance would make them", sql=_skills(89, 7)),
    Example("skills of which chance would repeat fewer than twenty", sql=_skills(93, 6)),
    Example("skills out of too few words", sql=_skills(20, 10)),
    Example("skills of a listed kind", sql=_skills(25, 10, columns="CHECK (name = ANY (ARRAY[name, '']))")),
    Example("skills that need not have a name", sql=_skills(25, 10).replace("name text NOT NULL", "name text")),
    Example(
        "skills of a person at another's",
        sql=_skills(25, 10, columns=", teacher int NOT NULL DEFAULT 1 REFERENCES people"),
    ),
    Example("skills of nobody", sql=_skills(25, 10).replace("NOT NULL REFERENCES people", "REFERENCES people")),
    Example(
        "skills with a rule of their own",
        sql=_skills(25, 10, columns=", level int") + "CREATE UNIQUE INDEX ON skills (person, level)",
    ),
    Example("skills that nobody has analysed", sql=_skills(25, 10).replace("ANALYZE skills;", "")),
    Example(
        "skills that an audit may not count",
        sql=_skills(25, 10),
        given=(given.table("skills", calls_user_code=True),),
        renamed=False,
    ),
    Example("numbers", sql=_skills(25, 10).replace("'skill ' || ", "").replace("name text", "name int")),
    Example(
        "an identifier that does not repeat, and another column that does",
        sql="CREATE TABLE items (id int, name text); INSERT INTO items VALUES (1, 'a'), (2, 'a')",
    ),
    Example(
        "an identifier that is part of a key",
        sql="""
            CREATE TABLE items (id int, day int, PRIMARY KEY (id, day));
            CREATE TABLE others (id int, day int, UNIQUE (id, day));
            CREATE TABLE lines (line int PRIMARY KEY, id int);
            INSERT INTO items VALUES (1, 1), (1, 2);
            INSERT INTO others VALUES (1, 1), (1, 2);
            INSERT INTO lines VALUES (1, 1), (2, 1);
        """,
    ),
    Example(
        "a table that another session locks",
        sql="CREATE TABLE items (id int); INSERT INTO items VALUES (1), (1)",
        given=(given.table("items", locked=True),),
        renamed=False,
    ),
)
