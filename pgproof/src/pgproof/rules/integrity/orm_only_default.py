"""A default that SQLAlchemy fills in and the database does not know.

What it finds:
    A column that may be NULL, with a `default=` in the models and no default in the database. Left alone are columns
    that are NOT NULL, since a writer without SQLAlchemy is told; and dates and times, where NULL often says "never",
    unless the rows show that some got in without the default.

Why it matters:
    Rows that are written by SQL, COPY, a migration or another program get NULL where the application never sees one:
    `is_active = true` and `is_active = false` both leave them out.

Evidence:
    The models, pg_attribute, and a count of the rows that are NULL.

Remedy:
    `server_default=` beside `default=`, in Alembic `op.alter_column(..., server_default=...)`, which touches no row;
    fill in the rows that are NULL, then make the column NOT NULL.

When to ignore:
    Nothing but the application writes the table, and NULL has a meaning of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelDefault
from pgproof.facts.questions import IsNull, RowsWhere
from pgproof.remedy.defaults import SetDefault
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import at_least, known_from, told
from pgproof.rules.integrity._nullability import may_be_null
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT23", slug="orm-only-default", severity="low", needs=("models", "catalog"))


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are NULL in each such column."""
    for modelled in modelled_tables(facts):
        for _, column in _columns(modelled):
            yield _question(modelled, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with columns that only SQLAlchemy fills in."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        pairs = tuple(
            (default, column)
            for default, column in _columns(modelled)
            if column.type_category != "D" or _nulls(facts, modelled, column)
        )
        if pairs:
            yield _finding(facts, modelled, pairs)


def _columns(modelled: Modelled) -> Iterator[tuple[ModelDefault, Column]]:
    for model, column in modelled.columns():
        default = model.default
        if default is None or default.kind == "sequence" or column.has_default or column.generated is not None:
            continue
        if may_be_null(modelled.table, column):
            yield default, column


def _question(modelled: Modelled, column: Column) -> RowsWhere:
    return RowsWhere(modelled.table.qualified_name, IsNull(column.name))


def _nulls(facts: Facts, modelled: Modelled, column: Column) -> int:
    counts = facts.counts(_question(modelled, column))
    return counts.rows if counts is not None else 0


def _finding(facts: Facts, modelled: Modelled, pairs: tuple[tuple[ModelDefault, Column], ...]) -> Finding:
    table = modelled.table
    names = tuple(column.name for _, column in pairs)
    asked = {column.name: _question(modelled, column) for _, column in pairs}
    known = [(name, *said) for name, question in asked.items() if (said := told(facts, question)) is not None]
    nulls = [
        f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} in {name}"
        for name, _, counts in known
        if counts.rows
    ]
    consequence = f"Rows that are written without SQLAlchemy get NULL in {', '.join(names)}."
    severity: Severity | None = None
    if nulls:
        consequence += f" Rows that did: {'; '.join(nulls)}."
        severity = "medium"
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"Only SQLAlchemy fills in {', '.join(names)} of {table.qualified_name}",
        consequence=consequence,
        severity=severity,
        confidence=known_from(told(facts, *asked.values())),
        evidence=(
            written(
                modelled.model,
                "; ".join(f"{column.name}: a default= of kind {default.kind}" for default, column in pairs),
                *names,
            ),
            Evidence(
                "catalog",
                f"SELECT attname, attnotnull, atthasdef FROM pg_attribute WHERE attrelid = {regclass(table)}"
                " AND attnum > 0",
                f"no default and not NOT NULL: {', '.join(names)}",
            ),
            *(counted(answer, f"{counts.rows:,} rows are NULL in {name}") for name, answer, counts in known),
        ),
        remedy=_remedy(facts, modelled, pairs),
        location=modelled.model.location_of(*names),
    )


def _remedy(facts: Facts, modelled: Modelled, pairs: tuple[tuple[ModelDefault, Column], ...]) -> Remedy:
    """Return the same defaults for the database, with operations if each is a constant that SQL can write.

    A child table may have a default of its own, which the way back would not restore.
    """
    table = modelled.table
    operations = tuple(
        SetDefault(table.schema, table.name, column.name, default.sql)
        for default, column in pairs
        if default.kind == "constant" and default.sql is not None
    )
    names = ", ".join(column.name for _, column in pairs)
    rest = "fill in the rows that are NULL, and make it NOT NULL if NULL means nothing."
    if len(operations) < len(pairs) or facts.catalog.partitions(table):
        return Remedy(f"Write {names} a server_default that comes to the same, {rest}")
    listed = ", ".join(f"{each.column} {each.default}" for each in operations)
    return Remedy(f"Give the columns the same default in the database (server_default): {listed}; {rest}", operations)


_MODELS = """
class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str | None] = mapped_column({})
    since: Mapped[datetime.datetime | None] = mapped_column({})
"""
_NEW = "CREATE TABLE jobs (id int PRIMARY KEY, state text, since timestamptz);"
_TIME = "default=func.now()"

BAD = (
    Example(
        "a constant",
        sql=_NEW,
        models=_MODELS.format('default="it\'s"', ""),
        severity="low",
        says=("state 'it''s'",),
        objects=("jobs", "state"),
    ),
    Example(
        "constants of several types, and a time that nobody has left out",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9), since timestamptz, done bool, price numeric,"
        + " kind text);"
        + "INSERT INTO jobs VALUES (1, 'a', now(), true, 1, 'b')",
        models=_MODELS.format('default="new"', _TIME)
        + """
    done: Mapped[bool | None] = mapped_column(default=False)
    price: Mapped[float | None] = mapped_column(default=1.5)
    kind: Mapped[str | None] = mapped_column(Enum("a", "b", native_enum=False), default="a")
""",
        severity="low",
        objects=("jobs", "state", "done", "price", "kind"),
    ),
    Example(
        "a function and an expression, and rows that did not get them",
        sql=_NEW + "INSERT INTO jobs VALUES (1, NULL, NULL), (2, 'a', now())",
        models=_MODELS.format("default=lambda: 'x'", _TIME),
        severity="medium",
        says=("1 of 2 in state; 1 of 2 in since", "Write state, since a server_default"),
        objects=("jobs", "state", "since"),
    ),
    Example(
        "a partitioned table, of which a part has a default of its own",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state text, since timestamptz) PARTITION BY RANGE (id);
            CREATE TABLE jobs_1 PARTITION OF jobs DEFAULT; ALTER TABLE jobs_1 ALTER state SET DEFAULT 'old';
        """,
        models=_MODELS.format('default="new"', ""),
        severity="low",
        says=("Write state a server_default",),
        objects=("jobs", "state"),
    ),
    Example(
        "a constant that SQLAlchemy writes no SQL for",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state json)",
        models=_MODELS.format("JSON, default={}", ""),
        says=("Write state a server_default",),
        objects=("jobs", "state"),
    ),
    Example(
        "an expression, in a table whose rows cannot be counted",
        sql=_NEW,
        models=_MODELS.format("default=func.current_user()", _TIME),
        given=(given.table("jobs", calls_user_code=True),),
        severity="low",
        says=("Write state a server_default",),
        objects=("jobs", "state"),
    ),
)
GOOD = (
    Example(
        "a default on both sides",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text DEFAULT 'new', since timestamptz DEFAULT now())",
        models=_MODELS.format('default="new"', _TIME),
    ),
    Example(
        "columns that are NOT NULL, by themselves or by a check",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text NOT NULL, since timestamptz CHECK (since IS NOT NULL))",
        models=_MODELS.format('default="new"', _TIME),
    ),
    Example("a time that nobody has left out", sql=_NEW, models=_MODELS.format("", _TIME)),
    Example(
        "what the database numbers or computes, and a sequence of its own",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state text GENERATED ALWAYS AS ('x') STORED, since timestamptz,
                               n int);
        """,
        models=_MODELS.format('default="x"', "") + '    n: Mapped[int | None] = mapped_column(Sequence("numbers"))\n',
    ),
    Example("no default", sql=_NEW, models=_MODELS.format("", "")),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql=_NEW,
        models=_MODELS.format('default="a"', ""),
        given=(given.table("jobs", locked=True),),
    ),
)
