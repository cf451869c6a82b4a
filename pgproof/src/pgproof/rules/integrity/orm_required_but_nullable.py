"""A column that is required on one side, models or database, and may be NULL on the other.

What it finds:
    A column that the models require (`Mapped[str]`, `nullable=False`) and the database lets be NULL; and the reverse,
    a column that is NOT NULL without a default, which the models call optional and give no default either. Left alone
    are discriminators (INT27), and columns of one class in the table of several, whose other rows cannot have it.

Why it matters:
    Code that is typed against the models never looks for None: one row with NULL, written by a script or left from
    before the migration, breaks it where nobody expects it. In the reverse case an object that leaves the attribute
    out is accepted by Python and fails when it is flushed.

Evidence:
    The models, pg_attribute, and a count of the rows that are NULL.

Remedy:
    Where the models are right, NOT NULL by a validated CHECK and `op.alter_column(..., nullable=False)`, once no row
    is NULL. Where the database is right, `Mapped[str]` in place of `Mapped[str | None]`, or a default.

When to ignore:
    The application always sets the attribute; then the model should say so.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column
from pgproof.facts.model import Facts
from pgproof.facts.models import ColumnName, ModelColumn
from pgproof.facts.questions import Answer, Counts, IsNull, RowsWhere
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, counted, table_ref
from pgproof.rules.integrity._keys import at_least, known_from, none_there, told
from pgproof.rules.integrity._nullability import accepted_nulls, may_be_null, set_not_null
from pgproof.rules.modelled import Modelled, classes_of, classes_without, modelled_tables, written
from pgproof.rules.reading import locked, own_columns, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT13", slug="orm-required-but-nullable", severity="low", needs=("models", "catalog"))


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows are NULL in each column that the models require."""
    for modelled in modelled_tables(facts):
        for _, column in _nullable(facts, modelled):
            yield _question(modelled, column)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with columns of either kind."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        nullable = tuple(column for _, column in _nullable(facts, modelled))
        if nullable:
            yield _accepts_null(facts, modelled, nullable)
        required = tuple(column for model, column in modelled.columns() if _is_optional(modelled, model, column))
        if required:
            yield _refuses_null(modelled, required)


def _nullable(facts: Facts, modelled: Modelled) -> Iterator[tuple[ModelColumn, Column]]:
    own = {column.name for column in own_columns(facts.catalog, modelled.table)}
    discriminators = {each.discriminator for each in classes_of(facts, modelled.model)}
    for model, column in modelled.columns():
        if model.nullable or column.generated is not None or column.name not in own:
            continue
        if ColumnName(modelled.model.name, model.name) in discriminators:
            continue
        # Rows of the classes that do not have it have to leave it NULL.
        shared = not classes_without(facts, modelled.model, model.name)
        if shared and may_be_null(modelled.table, column):
            yield model, column


def _is_optional(modelled: Modelled, model: ModelColumn, column: Column) -> bool:
    """Tell whether an INSERT of the ORM that leaves a column out fails."""
    if not model.nullable or model.default is not None or model.generated or not column.not_null:
        return False
    if column.has_default or column.identity is not None or column.generated is not None:
        return False
    # It may fill the column in.
    return not any(trigger.before and "INSERT" in trigger.events for trigger in modelled.table.triggers)


def _question(modelled: Modelled, column: Column) -> RowsWhere:
    return RowsWhere(modelled.table.qualified_name, IsNull(column.name))


def _accepts_null(facts: Facts, modelled: Modelled, columns: tuple[Column, ...]) -> Finding:
    table = modelled.table
    names = tuple(column.name for column in columns)
    asked = tuple(_question(modelled, column) for column in columns)
    known = [said for question in asked if (said := told(facts, question)) is not None]
    nulls = [_nulls(*said) for said in known if said[1].rows]
    consequence = "The first row with NULL there breaks code that is typed against the models."
    severity: Severity | None = None
    if nulls:
        consequence = f"{'; '.join(nulls)}: code that is typed against the models does not expect any."
        severity = "medium"
    required = f"{', '.join(names)} NOT NULL in the database, or optional in the models."
    remedy = Remedy(f"Fill in the rows that are NULL, then make {required}")
    if none_there(facts, *asked):
        remedy = Remedy(f"Make {required}", set_not_null(facts, table, *columns))
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"The models require {', '.join(names)} of {table.qualified_name}, which may be NULL in the database",
        consequence=consequence,
        severity=severity,
        confidence=known_from(told(facts, *asked)),
        evidence=(
            written(modelled.model, f"{', '.join(names)}: nullable=False", *names),
            _not_null_of(modelled, "attnotnull false for " + ", ".join(names)),
            *(counted(answer, _nulls(answer, counts)) for answer, counts in known),
        ),
        remedy=remedy,
        counter_example=accepted_nulls(facts, table, *columns),
        location=modelled.model.location_of(*names),
    )


def _nulls(answer: Answer, counts: Counts) -> str:
    assert isinstance(answer.question, RowsWhere)
    assert isinstance(answer.question.condition, IsNull)
    rows = f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows"
    return f"{answer.question.condition.column} is NULL in {rows}"


def _refuses_null(modelled: Modelled, columns: tuple[Column, ...]) -> Finding:
    table = modelled.table
    names = tuple(column.name for column in columns)
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"The models call {', '.join(names)} of {table.qualified_name} optional, which is NOT NULL in the"
        " database",
        consequence="An object that leaves it out is accepted by Python and fails with IntegrityError at the flush.",
        evidence=(
            written(modelled.model, f"{', '.join(names)}: nullable=True, no default", *names),
            _not_null_of(modelled, "attnotnull true, no default for " + ", ".join(names)),
        ),
        remedy=Remedy(f"Require {', '.join(names)} in the models (Mapped without None), or give it a default."),
        location=modelled.model.location_of(*names),
    )


def _not_null_of(modelled: Modelled, result: str) -> Evidence:
    return Evidence(
        "catalog",
        f"SELECT attname, attnotnull, atthasdef FROM pg_attribute WHERE attrelid = {regclass(modelled.table)}"
        " AND attnum > 0",
        result,
    )


_MODELS = """
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str{}] = mapped_column({})
"""
_REQUIRED = _MODELS.format("", "")
_OPTIONAL = _MODELS.format(" | None", "")

BAD = (
    Example(
        "a required attribute, and no row that is NULL",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a')",
        models=_REQUIRED,
        severity="low",
        says=("The first row with NULL", "Make name NOT NULL"),
        objects=("users", "name"),
    ),
    Example(
        "a required attribute, and rows that are NULL",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'a'), (2, NULL)",
        models=_REQUIRED,
        severity="medium",
        says=("name is NULL in 1 of 2 rows", "Fill in"),
        objects=("users", "name"),
    ),
    Example(
        "two columns of a table with rows that cannot be counted",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text, mail text)",
        models=_REQUIRED + "    mail: Mapped[str]\n",
        given=(given.table("users", calls_user_code=True),),
        severity="low",
        objects=("users", "name", "mail"),
    ),
    Example(
        "two columns, one of which has a NULL",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text, mail text); INSERT INTO users VALUES (1, 'a')",
        models=_REQUIRED + "    mail: Mapped[str]\n",
        severity="medium",
        says=("mail is NULL in 1 of 1 rows",),
        objects=("users", "name", "mail"),
    ),
    Example(
        "an optional attribute that the database requires, beside triggers that do not fill it in",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER fills BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_OPTIONAL,
        severity="low",
        says=("fails with IntegrityError",),
        objects=("users", "name"),
    ),
)
GOOD = (
    Example(
        "the same on both sides",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, mail text, more text)",
        models=_REQUIRED + "    mail: Mapped[str | None]\n",
    ),
    Example(
        "a check that demands the value",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text CHECK (name IS NOT NULL))",
        models=_REQUIRED,
    ),
    Example(
        "an optional attribute that SQLAlchemy fills in",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)",
        models=_MODELS.format(" | None", 'default="x"'),
    ),
    Example(
        "an optional attribute that the database fills in",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL DEFAULT 'x', a int GENERATED ALWAYS AS IDENTITY,
                                b int NOT NULL GENERATED ALWAYS AS (id * 2) STORED);
        """,
        models=_OPTIONAL + "    a: Mapped[int | None]\n    b: Mapped[int | None]\n",
    ),
    Example(
        "an optional attribute that a trigger fills in",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.name := 1; RETURN NEW; END';
            CREATE TRIGGER fills BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_OPTIONAL,
    ),
    Example(
        "a computed column is what it is computed from",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text GENERATED ALWAYS AS (NULL) STORED)",
        models=_REQUIRED,
    ),
    Example(
        "a column that is computed in the models alone",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL)",
        models=_MODELS.format(" | None", "Computed(\"'x'\")"),
    ),
    Example(
        "a discriminator, and a column of one class in the table of two",
        sql="CREATE TABLE users (id int PRIMARY KEY, kind text, budget int, name text NOT NULL)",
        models=_REQUIRED
        + """
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "user"}
class Manager(User):
    budget: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "manager"}
""",
    ),
    Example(
        "what a child inherits is its parent's matter",
        sql="CREATE TABLE people (id int, name text); CREATE TABLE users (PRIMARY KEY (id)) INHERITS (people)",
        models=_REQUIRED,
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text)",
        models=_REQUIRED,
        given=(given.table("users", locked=True),),
    ),
)
