"""A column of a few choices that the models alone know.

What it finds:
    An `Enum(..., native_enum=False)` or `Mapped[Literal[...]]` of the models, stored as a text that neither a type, a
    check of the column nor a foreign key limits. SQLAlchemy adds a check only with `create_constraint=True`.

Why it matters:
    The database takes any text, and so does SQLAlchemy where the choices are strings and `validate_strings` is not
    set. The first row with another one makes each query that loads it raise LookupError.

Evidence:
    The models, pg_constraint, and a count of the rows that hold something else.

Remedy:
    `create_constraint=True` with a name on the Enum, in Alembic `op.create_check_constraint(...,
    postgresql_not_valid=True)`, then validated; or a native enum.

When to ignore:
    Labels are added often and rows of older ones stay; then keep them in a table and refer to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelEnum
from pgproof.facts.questions import RowsWhere
from pgproof.remedy.constraints import AddCheck
from pgproof.remedy.names import literal, object_name, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, none_there, sentence, told
from pgproof.rules.integrity._labels import accepted_other, holding_others
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT17", slug="choices-without-check", severity="low", needs=("models", "catalog"))

_TEXT = ("varchar", "text", "bpchar")


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows hold none of the choices."""
    for modelled in modelled_tables(facts):
        for column, choices in _unchecked(facts, modelled):
            yield holding_others(modelled.table, column, *choices.labels)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column of choices that the database does not know."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        for column, choices in _unchecked(facts, modelled):
            yield _finding(facts, modelled, column, choices)


def _unchecked(facts: Facts, modelled: Modelled) -> Iterator[tuple[Column, ModelEnum]]:
    table = modelled.table
    own = {column.name for column in own_columns(facts.catalog, table)}
    for model, column in modelled.columns():
        choices = model.enum
        if choices is None or choices.native or not choices.labels or column.name not in own:
            continue
        if column.type_kind != "b" or column.base_type not in _TEXT:
            continue
        limited = any(column.name in each.columns for each in (*table.checks, *table.foreign_keys))
        if not limited:
            yield column, choices


def _finding(facts: Facts, modelled: Modelled, column: Column, choices: ModelEnum) -> Finding:
    table = modelled.table
    question = holding_others(table, column, *choices.labels)
    found = told(facts, question)
    consequence = "The database takes any other text, and a row that holds one cannot be loaded (LookupError)."
    others = "no row holds one"
    severity: Severity | None = None
    if found is not None and found[1].rows:
        others = f"{at_least(found[1], found[1].rows)} of {found[1].rows_examined:,} rows hold one"
        consequence += f" {sentence(others)}."
        severity = "high" if choices.strict else None
    mended = f"a check on {column.name}, and create_constraint=True to its Enum in the models."
    remedy = Remedy(f"Mend the rows that hold something else, then add {mended}")
    if none_there(facts, question):
        listed = ", ".join(literal(label).strip() for label in choices.labels)
        name = object_name("ck", table.name, (column.name,))
        condition = f"{quoted(column.name)} IN ({listed})"
        remedy = Remedy(f"Add {mended}", (AddCheck(table.schema, table.name, name, condition),))
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"Only the models know the {len(choices.labels)} choices of {table.qualified_name}.{column.name}",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            written(modelled.model, f"Enum of {', '.join(choices.labels)}, native_enum=False", column.name),
            Evidence(
                "catalog",
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype IN ('c', 'f') AND conrelid ="
                f" {regclass(table)}",
                f"no check and no foreign key over {column.name}, which is {column.type}",
            ),
            *evidence_of(found, others),
        ),
        remedy=remedy,
        counter_example=accepted_other(facts, table, column, *choices.labels),
        location=modelled.model.location_of(column.name),
    )


_MODELS = """
class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[{}] = mapped_column({})
"""
_LITERAL = _MODELS.format('Literal["new", "it\'s", "do\\\\ne"] | None', "")
_STRINGS = _MODELS.format("str | None", 'Enum("new", "done", native_enum=False)')

BAD = (
    Example(
        "a literal type, and rows that keep to it",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9));
            INSERT INTO jobs VALUES (1, 'new'), (2, 'it''s'), (3, 'do\\ne'), (4, NULL);
        """,
        models=_LITERAL,
        severity="low",
        says=("the 3 choices", "Add a check"),
        objects=("jobs", "state"),
    ),
    Example(
        "an enum that is not native, and a row that holds something else",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text); INSERT INTO jobs VALUES (1, 'gone'), (2, 'new')",
        models=_STRINGS,
        severity="high",
        says=("1 of 2 rows hold one", "Mend"),
        objects=("jobs", "state"),
    ),
    Example(
        "a type of the project's own, which may know what to do with other texts",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text); INSERT INTO jobs VALUES (1, 'gone'), (2, 'new')",
        models="""
class Choice(TypeDecorator):
    impl = Enum("new", "done", native_enum=False)
    cache_ok = True
"""
        + _MODELS.format("str | None", "Choice"),
        severity="low",
        objects=("jobs", "state"),
    ),
    Example(
        "a check and a foreign key of other columns, in a table that cannot be counted",
        sql="CREATE TABLE numbers (id int PRIMARY KEY);"
        + "CREATE TABLE jobs (id int PRIMARY KEY CHECK (id > 0) REFERENCES numbers, state char(4))",
        models=_STRINGS,
        given=(given.table("jobs", calls_user_code=True),),
        severity="low",
        objects=("jobs", "state"),
    ),
    Example(
        "a partitioned table, of which a part takes less than the whole",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state text) PARTITION BY RANGE (id);
            CREATE TABLE jobs_1 PARTITION OF jobs (CHECK (state <> '')) DEFAULT;
        """,
        models=_STRINGS,
        severity="low",
        objects=("jobs", "state"),
    ),
)
GOOD = (
    Example(
        "a check",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text CHECK (state IN ('new', 'done')))",
        models=_STRINGS,
    ),
    Example(
        "a type of PostgreSQL, or a domain",
        sql="""
            CREATE TYPE state AS ENUM ('new', 'done'); CREATE DOMAIN kind AS text CHECK (VALUE IN ('new', 'done'));
            CREATE TABLE jobs (id int PRIMARY KEY, state state, kind kind);
        """,
        models=_STRINGS + '    kind: Mapped[str | None] = mapped_column(Enum("new", "done", native_enum=False))\n',
    ),
    Example(
        "a table of the choices",
        sql="""
            CREATE TABLE states (name text PRIMARY KEY);
            CREATE TABLE jobs (id int PRIMARY KEY, state text REFERENCES states);
        """,
        models=_STRINGS,
    ),
    Example(
        "an enum that the models call native, and one without labels",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text, kind text)",
        models=_MODELS.format("str | None", 'Enum("new", name="states")')
        + "    kind: Mapped[str | None] = mapped_column(Enum(native_enum=False))\n",
    ),
    Example(
        "numbers and plain texts",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state int, name text)",
        models=_STRINGS + "    name: Mapped[str | None]\n",
    ),
    Example(
        "what a child inherits is its parent's matter",
        sql="CREATE TABLE all_jobs (id int, state text); CREATE TABLE jobs (PRIMARY KEY (id)) INHERITS (all_jobs)",
        models=_STRINGS,
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql="CREATE TABLE jobs (id int PRIMARY KEY, state text)",
        models=_STRINGS,
        given=(given.table("jobs", locked=True),),
    ),
)
