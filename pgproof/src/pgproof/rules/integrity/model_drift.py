"""A table of the models that the database has not, or has otherwise.

What it finds:
    By name, what the models take for granted and the database lacks: a table, a column, a foreign key, its ON
    DELETE, a check, an index; a column whose type is of another kind (text against number); and a column that is NOT
    NULL without a default of which the models know nothing. Left to other rules: NULL (INT13), unique rules (INT03),
    lengths (INT18), enum labels (INT19), the keys of relationships (INT05, INT10). An index counts as there if
    another begins with its columns. `pgproof drift` compares everything, to the predicate.

Why it matters:
    Every SELECT of a class names all of its columns, so one that is missing fails each query of the class. A
    required column that the models do not know fails each INSERT.

Evidence:
    The models, pg_class, pg_attribute, pg_constraint and pg_index.

Remedy:
    `pgproof drift` shows each difference; `alembic revision --autogenerate` writes most of them down. Upgrade the
    database to the code's head first: an audit with models of another version says nothing else.

When to ignore:
    The models are those of the next release, or the table belongs to another application.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.advise.deparsed import columns_in
from pgproof.facts.catalog import Column, Constraint
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelColumn, Models, ModelTable
from pgproof.remedy.names import literal
from pgproof.rules.finding import (
    SEVERITIES,
    Evidence,
    Finding,
    NotChecked,
    ObjectRef,
    Remedy,
    Severity,
    table_ref,
)
from pgproof.rules.integrity import _drift_examples
from pgproof.rules.integrity._cascades import relationships_along, severity_of
from pgproof.rules.modelled import Modelled, mapped_classes, modelled_tables, search_path, table_of, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT21", slug="model-drift", severity="medium", needs=("models", "catalog"))

_KINDS = {
    "number": ("SMALLINT", "INTEGER", "BIGINT", "NUMERIC", "REAL", "DOUBLE PRECISION", "FLOAT", "DECIMAL", "SERIAL"),
    "text": ("VARCHAR", "TEXT", "CHAR", "CHARACTER"),
    "boolean": ("BOOLEAN",),
    "time": ("DATE", "TIMESTAMP", "TIME"),
    "JSON": ("JSON", "JSONB"),
    "uuid": ("UUID",),
    "bytes": ("BYTEA",),
}
"""Kinds of types: within one, the driver reads what the other was meant for, and across them it mostly does not."""

_CATALOG_KINDS = {
    "number": ("int2", "int4", "int8", "numeric", "float4", "float8"),
    "text": ("varchar", "text", "bpchar", "citext", "name"),
    "boolean": ("bool",),
    "time": ("date", "timestamp", "timestamptz", "time", "timetz"),
    "JSON": ("json", "jsonb"),
    "uuid": ("uuid",),
    "bytes": ("bytea",),
}


@dataclass(frozen=True)
class _Difference:
    """Something that the two sides say otherwise; `column` if it is about one, else empty."""

    severity: Severity
    text: str
    column: str = ""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table of the models that the database lacks or has otherwise."""
    models = facts.models
    if models is not None:
        missing = tuple(model for model in models.tables if _is_missing(facts, model))
        if missing:
            yield _missing(models, missing)
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        differences = tuple(_differences(facts, modelled))
        if differences:
            yield _finding(modelled, differences)


def _is_missing(facts: Facts, model: ModelTable) -> bool:
    """Tell whether no relation has the name; not told where a schema it may be in was left out of the audit."""
    if table_of(facts, model.name) is not None:
        return False
    known = {schema.name for schema in facts.catalog.schemas}
    wanted = search_path(facts) if model.name.schema is None else (model.name.schema,)
    return set(wanted) <= known


def _differences(facts: Facts, modelled: Modelled) -> Iterator[_Difference]:
    own = {column.name for column in modelled.table.columns}
    for column in modelled.model.columns:
        if column.name not in own:
            yield _Difference("high", f"the column {column.name} is missing", column.name)
    yield from _unknown_columns(modelled)
    for model, there in modelled.columns():
        expected, found = _kind(model), _catalog_kind(there)
        if None not in (expected, found) and expected != found:
            yield _Difference("medium", f"{there.name} is {there.type}, where the models say {model.type}", there.name)
    yield from _foreign_keys(facts, modelled)
    yield from _checks(modelled, own)
    yield from _indexes(modelled, own)


def _unknown_columns(modelled: Modelled) -> Iterator[_Difference]:
    table = modelled.table
    if any(trigger.before and "INSERT" in trigger.events for trigger in table.triggers):
        # It may fill the column in.
        return
    for column in table.columns:
        given_by_database = column.has_default or column.identity is not None or column.generated is not None
        if column.not_null and not given_by_database and modelled.model.column(column.name) is None:
            yield _Difference("high", f"the models do not know the required column {column.name}", column.name)


def _kind(model: ModelColumn) -> str | None:
    written_type = model.type or ""
    bare = written_type.partition("(")[0].partition(" ")[0]
    return next((kind for kind, names in _KINDS.items() if bare in names), None)


def _catalog_kind(column: Column) -> str | None:
    return next((kind for kind, names in _CATALOG_KINDS.items() if column.base_type in names), None)


def _foreign_keys(facts: Facts, modelled: Modelled) -> Iterator[_Difference]:
    for key in modelled.model.constraints:
        parent = table_of(facts, key.referenced) if key.referenced is not None else None
        if parent is None:
            continue
        same = [
            each
            for each in modelled.table.foreign_keys
            if each.referenced == parent.oid
            and sorted(zip(each.columns, each.referenced_columns, strict=True))
            == sorted(zip(key.columns, key.referenced_columns, strict=True))
        ]
        listed = ", ".join(key.columns)
        if not same and not _is_of_relationship(facts, modelled, key.columns):
            yield _Difference("medium", f"the foreign key ({listed}) to {parent.qualified_name} is missing")
        elif same and all(each.on_delete != key.on_delete and not _is_judged(facts, each) for each in same):
            found, said = (str(action).upper() for action in (same[0].on_delete, key.on_delete))
            yield _Difference("medium", f"the foreign key ({listed}) is ON DELETE {found}, where the models say {said}")


def _is_judged(facts: Facts, key: Constraint) -> bool:
    """Tell whether INT10 says what the other action leads to."""
    return any(along.key.oid == key.oid and severity_of(along) is not None for along in relationships_along(facts))


def _is_of_relationship(facts: Facts, modelled: Modelled, columns: tuple[str, ...]) -> bool:
    """Tell whether a relationship goes along the columns, so that INT05 looks at the missing key."""
    name = modelled.model.name
    return any(
        reference.column.table == name and reference.column.name in columns
        for each in mapped_classes(facts)
        for relationship in each.relationships
        for reference in relationship.references
    )


def _checks(modelled: Modelled, own: set[str]) -> Iterator[_Difference]:
    for check in modelled.model.constraints:
        # Nothing for a key, which has no expression.
        named = columns_in(check.expression or "")
        enums = [{column.name} for column in modelled.model.columns if column.enum is not None]
        if not named or not named <= own or named in enums:
            continue
        if not any(each.name == check.name or set(each.columns) == named for each in modelled.table.checks):
            yield _Difference(
                "medium", f"the check {check.name or ''} ({check.expression}) is missing".replace("  ", " ")
            )


def _indexes(modelled: Modelled, own: set[str]) -> Iterator[_Difference]:
    for index in modelled.model.indexes:
        columns = tuple(key.column for key in index.keys)
        if index.unique or not set(columns) <= own:
            continue
        if not any(
            each.usable and each.columns[: len(columns)] == columns and (index.where is not None or not each.partial)
            for each in modelled.table.indexes
        ):
            yield _Difference("low", f"the index {index.name} ({', '.join(map(str, columns))}) is missing")


def _missing(models: Models, missing: tuple[ModelTable, ...]) -> Finding:
    names = ", ".join(str(model.name) for model in missing)
    first = missing[0]
    return METADATA.finding(
        objects=tuple(ObjectRef("table", model.name.schema, model.name.name, model.name.name) for model in missing),
        message=f"The database has no table {names}, which the models have",
        consequence=f"Each statement of {len(missing)} of {len(models.tables)} tables of the models fails.",
        severity="high",
        evidence=(
            written(first, f"the table {first.name} is declared"),
            Evidence(
                "catalog",
                f"SELECT oid FROM pg_class WHERE relname IN ({', '.join(literal(each.name.name) for each in missing)})",
                "no such relation along the search path",
            ),
        ),
        remedy=Remedy("Run the migrations that make it, or write them: pgproof drift shows what is missing."),
        location=first.location,
    )


def _finding(modelled: Modelled, differences: tuple[_Difference, ...]) -> Finding:
    table = modelled.table
    columns = tuple(each.column for each in differences)
    worst = min((each.severity for each in differences), key=SEVERITIES.index)
    effects = {
        "high": "Statements of the ORM on this table fail: it names all columns it knows, and no others.",
        "medium": "Rows and values are accepted or refused otherwise than the models say.",
        "low": "Statements that the models mean to be quick read the whole table.",
    }
    return METADATA.finding(
        objects=(table_ref(table),),
        message=f"{table.qualified_name} is not as the models say: {'; '.join(each.text for each in differences)}",
        consequence=effects[worst],
        severity=worst,
        evidence=(
            written(modelled.model, f"the table {modelled.model.name} is declared", *columns),
            Evidence(
                "catalog",
                f"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = {regclass(table)}"
                " AND attnum > 0 AND NOT attisdropped",
                ", ".join(f"{column.name} {column.type}" for column in table.columns),
            ),
        ),
        remedy=Remedy(
            "Bring the database to the version of the code (alembic upgrade head), or write the difference as a"
            " migration: pgproof drift shows it to the predicate."
        ),
        location=modelled.model.location_of(*columns),
    )


BAD, GOOD = _drift_examples.BAD, _drift_examples.GOOD
