"""Two references of a row lead to the same parent, and nothing keeps them agreeing.

What it finds:
    A table that refers to a parent directly and, through a second reference, to a row that refers to the same parent
    (`jobs.company_id`, and `jobs.employer_id` to `employers.company_id`), where the rows show that both mean one
    thing: they agree far more often than chance would have it. Where they differ in more than a few rows they mean
    two things (the author of a comment, and of the post), and nothing is said. A composite foreign key that holds
    both together is the remedy, not the fault.

Why it matters:
    A row that names another parent directly than through its reference belongs to both: a filter by one column shows
    it to one company, a filter by the join to another. That is how rows leak between tenants.

Evidence:
    pg_constraint; a count of the rows that disagree; from ANALYZE, how unevenly the parents are spread.

Remedy:
    Drop the direct column and join, or let the database hold both together: a unique key (id, company_id) on the
    table between, and `ForeignKeyConstraint(["employer_id", "company_id"], ["employers.id", "employers.company_id"])`.

When to ignore:
    The direct column is a record of the parent at the time, which must not follow later changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Answer, Counts, Disagreements
from pgproof.remedy.names import literal
from pgproof.rules import given
from pgproof.rules.counter_examples import DisagreeingReferences
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.reading import regclass, unanswered
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="INT25", slug="redundant-reference", severity="medium", needs=("catalog", "data", "statistics")
)

LEAST_BY_CHANCE = 20
"""Rows that two independent columns would have disagreeing, below which agreement says nothing.

Where 20 are expected, none at all comes by chance about twice in a thousand million times (Poisson: exp(-20)).
"""

MOST_OF_CHANCE = 0.05
"""Disagreeing rows, as a share of those that chance would give, above which the two columns mean two things."""


@dataclass(frozen=True)
class _Paths:
    """Two ways from a table to a parent.

    Attributes:
        direct: the foreign key to the parent.
        reference: the foreign key to the table between.
        onward: the foreign key of the table between to the parent.
    """

    table: Table
    direct: Constraint
    reference: Constraint
    between: Table
    onward: Constraint
    parent: Table

    @property
    def question(self) -> Disagreements:
        """How many rows disagree."""
        return Disagreements(
            self.table.qualified_name,
            self.direct.columns[0],
            self.reference.columns[0],
            self.between.qualified_name,
            self.reference.referenced_columns[0],
            self.onward.columns[0],
        )


def questions(facts: Facts) -> Iterator[Disagreements]:
    """Ask how many rows disagree, for each pair of ways to one parent."""
    for paths in _paths(facts):
        yield paths.question


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each pair of ways that agree by intention and not by rule."""
    for paths in _paths(facts):
        columns = (paths.direct.columns[0], paths.reference.columns[0])
        answer = facts.answer(paths.question)
        if answer is None or answer.counts is None:
            yield unanswered(facts, paths.question, paths.table, *columns)
            continue
        largest = _largest_share(paths)
        if largest is None:
            if answer.counts.rows_examined >= LEAST_BY_CHANCE:
                yield NotChecked("ANALYZE of the tables, and pg_read_all_data", (table_ref(paths.table, *columns),))
            continue
        by_chance = answer.counts.rows_examined * (1 - largest)
        if by_chance < LEAST_BY_CHANCE or answer.counts.rows > MOST_OF_CHANCE * by_chance:
            continue
        yield _finding(paths, answer, answer.counts)


def _paths(facts: Facts) -> Iterator[_Paths]:
    for table in facts.catalog.base_tables:
        single = [key for key in table.foreign_keys if len(key.columns) == 1]
        for direct in single:
            parent = facts.catalog.table(direct.referenced or 0)
            for reference in single:
                between = facts.catalog.table(reference.referenced or 0)
                if parent is None or between is None or parent is between or reference.columns == direct.columns:
                    continue
                for onward in between.foreign_keys:
                    if onward.referenced != parent.oid or onward.referenced_columns != direct.referenced_columns:
                        continue
                    paths = _Paths(table, direct, reference, between, onward, parent)
                    if not _held_together(paths):
                        yield paths


def _held_together(paths: _Paths) -> bool:
    """Tell whether a composite foreign key demands that both ways agree."""
    wanted = {
        (paths.direct.columns[0], paths.onward.columns[0]),
        (paths.reference.columns[0], paths.reference.referenced_columns[0]),
    }
    return any(
        key.referenced == paths.between.oid and wanted <= set(zip(key.columns, key.referenced_columns, strict=True))
        for key in paths.table.foreign_keys
    )


def _largest_share(paths: _Paths) -> float | None:
    """Return the share of the rows that the most frequent parent has, on the way where it is less.

    Two columns that are independent agree in no larger a share of the rows.
    """
    shares = []
    for table, key in ((paths.table, paths.direct), (paths.between, paths.onward)):
        statistics = table.column(key.columns[0]).statistics
        if statistics is not None:
            shares.append(max(statistics.common_frequencies, default=0.0) / max(1 - statistics.null_fraction, 1e-6))
    return min(shares, default=None)


def _finding(paths: _Paths, answer: Answer, counts: Counts) -> Finding:
    direct, reference, onward = paths.direct.columns[0], paths.reference.columns[0], paths.onward.columns[0]
    through = f"{paths.between.name}.{onward}"
    if counts.rows:
        least = "" if counts.exact else "at least "
        consequence = (
            f"{least}{counts.rows:,} of {counts.rows_examined:,} rows name another row of"
            f" {paths.parent.qualified_name} in"
            f" {direct} than through {reference}; they belong to both."
        )
    else:
        consequence = f"All {counts.rows_examined:,} rows agree, and nothing refuses the first that does not."
    return METADATA.finding(
        objects=(table_ref(paths.table, direct, reference),),
        message=f"{paths.table.qualified_name} leads to {paths.parent.qualified_name} by {direct} and by {reference}"
        f" through {through}, and nothing keeps the two agreeing",
        consequence=consequence,
        severity="high" if counts.rows else None,
        confidence="exact" if counts.exact else "sample",
        evidence=(
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
                f" AND conrelid IN ({regclass(paths.table)}, {regclass(paths.between)})"
                f" AND conname IN ({literal(paths.direct.name)}, {literal(paths.reference.name)},"
                f" {literal(paths.onward.name)})",
                "three foreign keys of one column each",
            ),
            counted(answer, f"{counts.rows:,} of {counts.rows_examined:,} rows disagree"),
        ),
        # No operations: whether the column goes or a composite key comes is a decision.
        remedy=Remedy(f"{'Correct the rows that disagree. ' if counts.rows else ''}{_remedy(paths)}"),
        related=(table_ref(paths.between, onward), table_ref(paths.parent)),
        counter_example=DisagreeingReferences(
            paths.table.qualified_name,
            direct,
            reference,
            paths.between.qualified_name,
            paths.reference.referenced_columns[0],
            onward,
        ),
    )


def _remedy(paths: _Paths) -> str:
    direct, reference, onward = paths.direct.columns[0], paths.reference.columns[0], paths.onward.columns[0]
    together = (
        f"a unique key ({paths.reference.referenced_columns[0]}, {onward}) on {paths.between.qualified_name} and a"
        " foreign"
        f" key ({reference}, {direct}) to it"
    )
    # A row without the reference has its parent from the direct column alone.
    if paths.table.column(reference).not_null and paths.between.column(onward).not_null:
        return f"Drop {direct} and join, or hold both together: {together}."
    return f"Hold both together: {together}."


def _example(rows: str, *, extra: str = "") -> str:
    """A schema of eight companies, eighty employers, and jobs that the SELECT in `rows` makes."""
    return f"""
        CREATE TABLE companies (id int PRIMARY KEY);
        CREATE TABLE employers (id int PRIMARY KEY, company_id int REFERENCES companies, UNIQUE (id, company_id));
        CREATE TABLE jobs (id int PRIMARY KEY, company_id int REFERENCES companies,
        employer_id int REFERENCES employers);
        INSERT INTO companies SELECT generate_series(0, 7);
        INSERT INTO employers SELECT n, n % 8 FROM generate_series(0, 79) n;
        INSERT INTO jobs {rows};
        {extra}
        ANALYZE companies; ANALYZE employers; ANALYZE jobs;
    """


_AGREEING = "SELECT n, n % 8, n % 80 FROM generate_series(1, 160) n"

BAD = (
    Example(
        "two ways that always agree",
        sql=_example(_AGREEING),
        severity="medium",
        says=("All 160 rows agree", "Hold both together"),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways that disagree in a few rows: as many as one in twenty of chance",
        sql=_example(
            "SELECT n, CASE WHEN n <= 7 THEN (n + 1) % 8 ELSE n % 8 END, n % 80 FROM generate_series(1, 160) n"
        ),
        severity="high",
        says=("7 of 160 rows",),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "two ways that every row has, so that one of them could go",
        sql=_example(
            _AGREEING,
            extra="ALTER TABLE jobs ALTER employer_id SET NOT NULL; ALTER TABLE employers ALTER company_id SET NOT"
            " NULL;",
        ),
        says=("Drop company_id",),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "just enough rows",
        sql=_example("SELECT n, n % 8, n % 80 FROM generate_series(1, 23) n"),
        objects=("jobs", "company_id"),
    ),
    Example(
        "a reply that names its post, and so does what it replies to",
        sql="""
            CREATE TABLE posts (id int PRIMARY KEY);
            CREATE TABLE comments (id int PRIMARY KEY, post_id int REFERENCES posts, parent_id int REFERENCES comments);
            INSERT INTO posts SELECT generate_series(0, 9);
            INSERT INTO comments SELECT n, n % 10, CASE WHEN n > 10 THEN n - 10 END FROM generate_series(1, 100) n;
            ANALYZE posts; ANALYZE comments;
        """,
        objects=("comments", "post_id", "parent_id"),
    ),
    Example(
        "a composite foreign key that holds other columns together",
        sql=_example(
            _AGREEING,
            extra="""
                ALTER TABLE jobs ADD COLUMN old_id int, ADD COLUMN year int;
                ALTER TABLE jobs ADD FOREIGN KEY (employer_id, old_id) REFERENCES employers (id, company_id);
                CREATE TABLE years (id int, company_id int, year int, PRIMARY KEY (id, company_id, year));
                ALTER TABLE jobs ADD FOREIGN KEY (employer_id, company_id, year) REFERENCES years;
            """,
        ),
        objects=("jobs", "company_id", "employer_id"),
    ),
    Example(
        "a direct way of which a part is NULL",
        sql=_example("SELECT n, CASE WHEN n % 2 = 0 THEN n % 8 END, n % 80 FROM generate_series(1, 160) n"),
        objects=("jobs", "company_id", "employer_id"),
    ),
)
GOOD = (
    Example(
        "a composite foreign key holds both together",
        sql=_example(
            _AGREEING,
            extra="ALTER TABLE jobs ADD FOREIGN KEY (employer_id, company_id) REFERENCES employers (id, company_id);",
        ),
    ),
    Example(
        "the author of a comment and the author of the post are two people",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users);
            CREATE TABLE comments (id int PRIMARY KEY, user_id int REFERENCES users, post_id int REFERENCES posts);
            INSERT INTO users SELECT generate_series(0, 9);
            INSERT INTO posts SELECT n, n % 10 FROM generate_series(0, 99) n;
            INSERT INTO comments SELECT n, (n * 7) % 10, n % 100 FROM generate_series(1, 500) n;
            ANALYZE users; ANALYZE posts; ANALYZE comments;
        """,
    ),
    Example(
        "more disagreeing rows than a slip explains",
        sql=_example(
            "SELECT n, CASE WHEN n <= 8 THEN (n + 1) % 8 ELSE n % 8 END, n % 80 FROM generate_series(1, 160) n"
        ),
    ),
    Example(
        "so few rows that agreement may be chance",
        sql=_example("SELECT n, n % 8, n % 80 FROM generate_series(1, 22) n"),
    ),
    Example(
        "rows that nearly all have one company agree by chance",
        sql=_example(
            "SELECT n, 1, n % 80 FROM generate_series(1, 160) n",
            extra="UPDATE employers SET company_id = 1;",
        ),
    ),
    Example(
        "tables that ANALYZE has not seen",
        sql=_example(_AGREEING).replace("ANALYZE", "--"),
    ),
    Example(
        "a reference to the parent itself is no second way",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, boss_id int REFERENCES people);
            CREATE TABLE tasks (id int PRIMARY KEY, owner_id int REFERENCES people, chief_id int REFERENCES people);
            INSERT INTO people SELECT n, n / 10 FROM generate_series(0, 99) n;
            INSERT INTO tasks SELECT n, n, n / 10 FROM generate_series(0, 99) n;
            ANALYZE people; ANALYZE tasks;
        """,
    ),
    Example(
        "one column that refers to a person and to the staff of the same number",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY);
            CREATE TABLE staff (id int PRIMARY KEY, person_id int REFERENCES people);
            CREATE TABLE shifts (id int PRIMARY KEY, who int REFERENCES people REFERENCES staff);
            INSERT INTO people SELECT generate_series(0, 99);
            INSERT INTO staff SELECT n, n FROM generate_series(0, 99) n;
            INSERT INTO shifts SELECT n, n FROM generate_series(0, 99) n;
            ANALYZE people; ANALYZE staff; ANALYZE shifts;
        """,
    ),
    Example(
        "ways to two parents, and to two keys of one",
        sql="""
            CREATE TABLE a (id int PRIMARY KEY, code int UNIQUE); CREATE TABLE b (id int PRIMARY KEY);
            CREATE TABLE v (id int PRIMARY KEY, a_code int REFERENCES a (code), b_id int REFERENCES b);
            CREATE TABLE t (id int PRIMARY KEY, a_id int REFERENCES a, v_id int REFERENCES v);
            INSERT INTO a SELECT n, n FROM generate_series(0, 99) n; INSERT INTO b SELECT generate_series(0, 99);
            INSERT INTO v SELECT n, n, n FROM generate_series(0, 99) n;
            INSERT INTO t SELECT n, n, n FROM generate_series(0, 99) n;
            ANALYZE a; ANALYZE b; ANALYZE v; ANALYZE t;
        """,
    ),
    Example(
        "a table that cannot be counted",
        sql=_example(_AGREEING),
        given=(given.table("jobs", calls_user_code=True),),
        renamed=False,
    ),
)
