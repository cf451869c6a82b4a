"""A hierarchy of classes, or a reference by type and id, that rows of the table cannot be trusted to keep.

What it finds:
    Three shapes. A discriminator column (`polymorphic_on`) that may be NULL. A column that only some classes of a
    single table have, and that is NOT NULL without a default, so that no row of the others can be written. And a
    reference by two columns, a type and an id, which a relationship joins with a constant (`and_(Comment.target_id ==
    Post.id, Comment.target_type == "post")`), of which one may be NULL without the other.

Why it matters:
    A row without discriminator is loaded as the base class, or as nothing: queries of the subclasses miss it. An
    object of a class that does not have the required column fails at the flush. Half of a reference leads nowhere.

Evidence:
    The mappers and relationships of the models, pg_attribute, pg_constraint, and a count of such rows.

Remedy:
    NOT NULL on the discriminator. `nullable=True` on a column of one subclass, with a CHECK that its class requires
    it (`kind <> 'manager' OR budget IS NOT NULL`). For a type and an id, NOT NULL on both, or a CHECK
    `(target_type IS NULL) = (target_id IS NULL)`, `num_nonnulls(...) IN (0, 2)`.

When to ignore:
    The table is written by the ORM alone, which fills in the discriminator.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.advise.deparsed import columns_in
from pgproof.facts.catalog import Column, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ColumnName, MappedClass, Relationship
from pgproof.facts.questions import AllOf, AnyOf, IsNull, Not, RowsWhere
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.integrity import _polymorphic_examples
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, none_there, sentence, told
from pgproof.rules.integrity._nullability import may_be_null, set_not_null
from pgproof.rules.modelled import (
    Modelled,
    classes_of,
    classes_without,
    mapped_classes,
    modelled_tables,
    table_of,
    written,
)
from pgproof.rules.reading import locked, own_columns, regclass
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT27", slug="polymorphic-pair-nullability", severity="low", needs=("models", "catalog"))


def questions(facts: Facts) -> Iterator[RowsWhere]:
    """Ask how many rows have no discriminator, and how many have half of a reference."""
    for _, table, column in _nullable_discriminators(facts):
        yield _without(table, column)
    for _, _, table, kind, key in _halves(facts):
        yield _half(table, kind, key)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each of the three."""
    for owner, table, column in _nullable_discriminators(facts):
        yield locked(table) if table.locked else _discriminator(facts, owner, table, column)
    for owner, other, modelled, column in _refusing_others(facts):
        yield _refused(owner, other, modelled, column)
    for owner, relationship, table, kind, key in _halves(facts):
        yield locked(table) if table.locked else _halved(facts, owner, relationship, table, kind, key)


def _nullable_discriminators(facts: Facts) -> Iterator[tuple[MappedClass, Table, Column]]:
    for owner in mapped_classes(facts):
        if owner.base is not None or owner.discriminator is None:
            continue
        found = _column(facts, owner.discriminator)
        if found is not None and may_be_null(*found):
            yield owner, *found


def _column(facts: Facts, name: ColumnName) -> tuple[Table, Column] | None:
    """Return a column of the models in the database, if its table has it of its own."""
    table = table_of(facts, name.table)
    if table is None or table.kind not in ("table", "partitioned table"):
        return None
    return next(((table, each) for each in own_columns(facts.catalog, table) if each.name == name.name), None)


def _refusing_others(facts: Facts) -> Iterator[tuple[MappedClass, MappedClass, Modelled, Column]]:
    """Yield each required column of one class with another class of its table that does not have it."""
    for modelled in modelled_tables(facts):
        model, table = modelled.model, modelled.table
        if any(trigger.before and "INSERT" in trigger.events for trigger in table.triggers):
            # It may fill the column in.
            continue
        for declared, column in modelled.columns():
            filled_in = column.has_default or column.identity is not None or column.generated is not None
            if declared.default is not None or filled_in or not column.not_null:
                continue
            others = classes_without(facts, model, column.name)
            if others:
                owners = (each for each in classes_of(facts, model) if _has(each, ColumnName(model.name, column.name)))
                yield next(owners), others[0], modelled, column


def _has(each: MappedClass, column: ColumnName) -> bool:
    return any(column in attribute.columns for attribute in each.attributes)


def _halves(facts: Facts) -> Iterator[tuple[MappedClass, Relationship, Table, Column, Column]]:
    """Yield each reference by a type and an id of which one may be NULL without the other, once."""
    seen: set[tuple[int, str, str]] = set()
    for owner in mapped_classes(facts):
        for relationship in owner.relationships:
            for kind_name in relationship.constants:
                if len(relationship.references) != 1 or kind_name.table != relationship.references[0].column.table:
                    continue
                kind, key = (_column(facts, name) for name in (kind_name, relationship.references[0].column))
                if kind is None or key is None or not _is_pair(kind[0], kind[1], key[1]):
                    continue
                table = kind[0]
                if (table.oid, kind[1].name, key[1].name) not in seen:
                    seen.add((table.oid, kind[1].name, key[1].name))
                    yield owner, relationship, table, kind[1], key[1]


def _is_pair(table: Table, kind: Column, key: Column) -> bool:
    """Tell whether a type and an id stand for a reference, and may be given by half."""
    if kind.type_category not in ("S", "E", "N") or any(key.name in each.columns for each in table.foreign_keys):
        return False
    if any({kind.name, key.name} <= columns_in(str(check.expression)) for check in table.checks):
        return False
    return may_be_null(table, kind) or may_be_null(table, key)


def _without(table: Table, column: Column) -> RowsWhere:
    return RowsWhere(table.qualified_name, IsNull(column.name))


def _half(table: Table, kind: Column, key: Column) -> RowsWhere:
    one, other = IsNull(kind.name), IsNull(key.name)
    return RowsWhere(table.qualified_name, AnyOf((AllOf((one, Not(other))), AllOf((other, Not(one))))))


def _discriminator(facts: Facts, owner: MappedClass, table: Table, column: Column) -> Finding:
    question = _without(table, column)
    found = told(facts, question)
    consequence = f"A row without one is no {owner.name} of any kind: queries of the subclasses miss it."
    said = "no row has none"
    severity: Severity | None = None
    if found is not None and found[1].rows:
        said = f"{at_least(found[1], found[1].rows)} of {found[1].rows_examined:,} rows have none"
        consequence += f" {sentence(said)}."
        severity = "medium"
    required = f"{column.name} NOT NULL, here and in the model."
    remedy = Remedy(f"Fill in the rows that have none, then make {required}")
    if none_there(facts, question):
        remedy = Remedy(f"Make {required}", set_not_null(facts, table, column))
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"{table.qualified_name}.{column.name}, which tells the classes of {owner.name} apart, may be NULL",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            Evidence("models", owner.name, f"polymorphic_on {column.name}"),
            _not_null(table, f"attnotnull false for {column.name}"),
            *evidence_of(found, said),
        ),
        remedy=remedy,
        location=owner.location,
    )


def _refused(owner: MappedClass, other: MappedClass, modelled: Modelled, column: Column) -> Finding:
    table = modelled.table
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        message=f"No {other.name} can be written: {table.qualified_name}.{column.name} of {owner.name} is NOT NULL",
        consequence=f"{other.name} is in the same table and has no such attribute, so its INSERT leaves the column NULL"
        " and fails.",
        severity="high",
        evidence=(
            written(modelled.model, f"{owner.name} maps {column.name}, {other.name} does not", column.name),
            _not_null(table, f"attnotnull true, no default for {column.name}"),
        ),
        remedy=Remedy(
            f"Make {column.name} nullable, and let a CHECK require it of {owner.name}; or give the class a table of its"
            " own (joined inheritance)."
        ),
        location=modelled.model.location_of(column.name),
    )


def _halved(
    facts: Facts, owner: MappedClass, relationship: Relationship, table: Table, kind: Column, key: Column
) -> Finding:
    found = told(facts, _half(table, kind, key))
    consequence = "A row with one of the two refers to nothing, or to no one knows what."
    said = "no row has one alone"
    severity: Severity | None = None
    if found is not None and found[1].rows:
        said = f"{at_least(found[1], found[1].rows)} of {found[1].rows_examined:,} rows have one alone"
        consequence += f" {sentence(said)}."
        severity = "medium"
    loose = " and ".join(column.name for column in (kind, key) if may_be_null(table, column))
    return METADATA.finding(
        objects=(table_ref(table, kind.name, key.name),),
        message=f"{kind.name} and {key.name} of {table.qualified_name} refer together, but {loose} may be NULL",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            Evidence(
                "models",
                f"{owner.name}.{relationship.name}",
                f"it joins by {key.name} where {kind.name} is a constant",
            ),
            _not_null(table, f"attnotnull false for {loose}; no check names both"),
            *evidence_of(found, said),
        ),
        remedy=Remedy(
            f"Make both NOT NULL, or add CHECK (num_nonnulls({kind.name}, {key.name}) IN (0, 2)) if a row may refer to"
            " nothing."
        ),
        location=relationship.location,
    )


def _not_null(table: Table, result: str) -> Evidence:
    return Evidence(
        "catalog",
        f"SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = {regclass(table)} AND attnum > 0",
        result,
    )


BAD, GOOD = _polymorphic_examples.BAD, _polymorphic_examples.GOOD
