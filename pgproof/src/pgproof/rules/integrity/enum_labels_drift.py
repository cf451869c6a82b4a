"""An enum of the models whose labels are not those of the database.

What it finds:
    A label that the models have and the PostgreSQL type or the check of the column has not, or one that the database
    has beyond the models. The order of labels, which only sorting sees, is left alone, and so is a check that says
    more than a list.

Why it matters:
    SQLAlchemy writes a label that the database does not know, and the INSERT fails. A row with a label that the
    models do not know cannot be loaded: every query that meets it raises LookupError.

Evidence:
    The models, pg_enum or pg_constraint, and a count of the rows that hold a label beyond the models.

Remedy:
    `ALTER TYPE ... ADD VALUE` in an autocommit block of Alembic for a label that is missing; a new check, NOT VALID
    and then validated, in place of the old one. A label that is too many cannot be dropped from a type: take it up in
    the models, or change the rows.

When to ignore:
    Never for long: during a release the database knows a label before the code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.catalog import Column, Constraint
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelEnum
from pgproof.facts.objects import UserType
from pgproof.facts.questions import RowsWhere
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import (
    Evidence,
    Finding,
    NotChecked,
    ObjectRef,
    Remedy,
    Severity,
    constraint_ref,
    counted,
    table_ref,
)
from pgproof.rules.integrity._keys import at_least, known_from, sentence, told
from pgproof.rules.integrity._labels import enum_type, holding, list_of
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT19", slug="enum-labels-drift", severity="medium", needs=("models", "catalog"))


@dataclass(frozen=True)
class _Drift:
    """A column whose labels differ, and what holds those of the database.

    Attributes:
        lacking: labels of the models alone.
        surplus: labels of the database alone.
    """

    modelled: Modelled
    column: Column
    choices: ModelEnum
    holder: UserType | Constraint
    lacking: tuple[str, ...]
    surplus: tuple[str, ...]

    @property
    def asked(self) -> tuple[RowsWhere, ...]:
        """How many rows hold each label beyond the models; nothing of an array, whose items no question compares."""
        if self.column.element_type is not None:
            return ()
        return tuple(holding(self.modelled.table, self.column, label) for label in self.surplus)


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows hold a label that the models do not know."""
    for modelled in modelled_tables(facts):
        for drift in _drifts(facts, modelled):
            yield from drift.asked


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column whose labels differ."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        for drift in _drifts(facts, modelled):
            yield _finding(facts, drift)


def _drifts(facts: Facts, modelled: Modelled) -> Iterator[_Drift]:
    for model, column in modelled.columns():
        if model.enum is None:
            continue
        for holder, labels in _holders(facts, modelled, column):
            lacking = tuple(label for label in model.enum.labels if label not in labels)
            surplus = tuple(label for label in labels if label not in model.enum.labels)
            if lacking or surplus:
                yield _Drift(modelled, column, model.enum, holder, lacking, surplus)


def _holders(
    facts: Facts, modelled: Modelled, column: Column
) -> Iterator[tuple[UserType | Constraint, tuple[str, ...]]]:
    kind = enum_type(facts, column)
    if kind is not None:
        yield kind, kind.labels
    for each in modelled.table.checks:
        labels = list_of(each, column.name) if each.enforced else None
        if labels is not None:
            yield each, labels


def _finding(facts: Facts, drift: _Drift) -> Finding:
    table, column = drift.modelled.table, drift.column
    labels = dict(zip(drift.asked, drift.surplus, strict=False))
    known = [(label, *said) for question, label in labels.items() if (said := told(facts, question)) is not None]
    held = [
        f"{at_least(counts, counts.rows)} of {counts.rows_examined:,} rows hold {label}"
        for label, _, counts in known
        if counts.rows
    ]
    severity: Severity | None = None
    effects, steps = [], []
    if held:
        effects.append(f"{sentence('; '.join(held))}.")
        severity = "high" if drift.choices.strict else None
    if drift.lacking:
        effects.append(f"Writing {', '.join(drift.lacking)} fails: {_holder(drift)} does not know it.")
        steps.append(f"add {', '.join(drift.lacking)} to {_holder(drift)}{_adding(drift)}")
        severity = "high"
    if drift.surplus:
        listed = ", ".join(drift.surplus)
        effects.append(f"A row with {listed} cannot be loaded: the models do not know it.")
        steps.append(f"take {listed} up in the models, or change the rows that hold it")
    return METADATA.finding(
        objects=(_subject(drift),),
        message=f"The labels of {table.qualified_name}.{column.name} are others in the models than in {_holder(drift)}",
        consequence=" ".join(effects),
        severity=severity,
        confidence=known_from(told(facts, *drift.asked)),
        evidence=(
            written(drift.modelled.model, f"{column.name}: {', '.join(drift.choices.labels)}", column.name),
            _labels_evidence(drift),
            *(counted(answer, f"{counts.rows:,} rows hold {label}") for label, answer, counts in known),
        ),
        remedy=Remedy(f"{sentence('; '.join(steps))}."),
        related=(table_ref(table, column.name),),
        location=drift.modelled.model.location_of(column.name),
    )


def _subject(drift: _Drift) -> ObjectRef:
    if isinstance(drift.holder, UserType):
        return table_ref(drift.modelled.table, drift.column.name)
    return constraint_ref(drift.modelled.table, drift.holder)


def _holder(drift: _Drift) -> str:
    if isinstance(drift.holder, UserType):
        return f"the type {drift.holder.schema}.{drift.holder.name}"
    return f"the check {drift.holder.name}"


def _labels_evidence(drift: _Drift) -> Evidence:
    if isinstance(drift.holder, UserType):
        name = literal(quoted(drift.holder.schema, drift.holder.name)).strip()
        return Evidence(
            "catalog",
            f"SELECT enumlabel FROM pg_enum WHERE enumtypid = {name}::regtype ORDER BY enumsortorder",
            ", ".join(drift.holder.labels),
        )
    return Evidence(
        "catalog",
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'c' AND conrelid ="
        f" {regclass(drift.modelled.table)}",
        f"{drift.holder.name}: CHECK ({drift.holder.expression})",
    )


def _adding(drift: _Drift) -> str:
    if isinstance(drift.holder, UserType):
        return " (ALTER TYPE ... ADD VALUE, which cannot be undone)"
    return ""


_MODELS = """
class Job(Base):
    __tablename__ = "jobs"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[{}] = mapped_column({})
"""
_NATIVE = _MODELS.format("str | None", 'Enum("new", "done", name="states")')
_TEXT = _MODELS.format("str | None", 'Enum("new", "done", native_enum=False)')


def _typed(labels: str, rows: str = "") -> str:
    return f"""
        CREATE TYPE states AS ENUM ({labels});
        CREATE TABLE jobs (id int PRIMARY KEY, state states);
        {rows}
    """


def _checked(check: str, rows: str = "") -> str:
    return f"CREATE TABLE jobs (id int PRIMARY KEY, state varchar(9) CONSTRAINT known CHECK ({check})); {rows}"


BAD = (
    Example(
        "a label that no migration has added",
        sql=_typed("'new'"),
        models=_NATIVE,
        severity="high",
        says=("in the type", "Writing done fails", "does not know it. Add done to the type", "ADD VALUE"),
        objects=("jobs", "state"),
    ),
    Example(
        "a label that the models no longer have, in no row",
        sql=_typed("'new', 'done', 'gone'", "INSERT INTO jobs VALUES (1, 'new')"),
        models=_NATIVE,
        severity="medium",
        says=("A row with gone", "Take gone up"),
        objects=("jobs", "state"),
    ),
    Example(
        "a label that the models no longer have, in a row",
        sql=_typed("'new', 'done', 'gone'", "INSERT INTO jobs VALUES (1, 'gone'), (2, 'new')"),
        models=_NATIVE,
        severity="high",
        says=("1 of 2 rows hold gone",),
        objects=("jobs", "state"),
    ),
    Example(
        "a type of the project's own, which may know what to do with other labels",
        sql=_typed("'new', 'done', 'gone'", "INSERT INTO jobs VALUES (1, 'gone')"),
        models="""
class Choice(TypeDecorator):
    impl = Enum("new", "done", name="states")
    cache_ok = True
"""
        + _MODELS.format("str | None", "Choice"),
        severity="medium",
        objects=("jobs", "state"),
    ),
    Example(
        "the labels of an array",
        sql="CREATE TYPE states AS ENUM ('new', 'gone'); CREATE TABLE jobs (id int PRIMARY KEY, state states[])",
        models=_MODELS.format("list[str] | None", 'ARRAY(Enum("new", name="states"))'),
        severity="medium",
        says=("A row with gone",),
        objects=("jobs", "state"),
    ),
    Example(
        "a check that has another list",
        sql=_checked("state IN ('new', 'it''s')"),
        models=_TEXT,
        severity="high",
        says=("Writing done fails: the check known", "with it's cannot be loaded", "Add done to the check known; take"),
        objects=("known",),
    ),
    Example(
        "a check of a single label, and one in other words",
        sql=_checked("state = 'new'", "ALTER TABLE jobs ADD CHECK (state = 'new' OR (state = 'done' OR state = 'x'))"),
        models=_TEXT,
        findings=2,
        objects=("known", "jobs_state_check"),
    ),
)
GOOD = (
    Example("the same labels in another order", sql=_typed("'done', 'new'"), models=_NATIVE),
    Example("the same labels in a check", sql=_checked("state IN ('done', 'new')"), models=_TEXT),
    Example(
        "checks that say more than a list, or something else",
        sql=_checked("state IN ('new') AND id > 0 OR state IS NULL")
        + "; ALTER TABLE jobs ADD CHECK (state > 'a'), ADD CHECK (state <> 'b'), ADD CHECK (lower(state) = 'new'),"
        + " ADD CHECK (state = 'new' OR state > 'b'), ADD CHECK (state = ANY (ARRAY['new', lower('X')])),"
        + " ADD CHECK (state = upper('x')), ADD CHECK (state = ANY (string_to_array('a,b', ',')))",
        models=_TEXT,
    ),
    Example(
        "a check of another column, and one that is not enforced (PostgreSQL 18)",
        sql="""
            CREATE TABLE jobs (id int PRIMARY KEY, state text, kind text CHECK (kind IN ('a')));
            DO $$ BEGIN
                IF current_setting('server_version_num')::int >= 180000
                THEN EXECUTE 'ALTER TABLE jobs ADD CHECK (state IN (''new'')) NOT ENFORCED'; END IF;
            END $$;
        """,
        models=_TEXT,
    ),
    Example(
        "a plain text of the models",
        sql=_typed("'new'"),
        models=_MODELS.format("str | None", ""),
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql=_typed("'new'"),
        models=_NATIVE,
        given=(given.table("jobs", locked=True),),
    ),
)
