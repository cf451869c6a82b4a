"""Reads mapped classes: how each inherits, which columns its attributes are, and what its relationships do along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from sqlalchemy import Column, Table
from sqlalchemy.orm import ColumnProperty, Mapper, RelationshipDirection, RelationshipProperty
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, ClauseElement, Grouping

from pgproof.facts.models import (
    ColumnName,
    Direction,
    MappedClass,
    ModelAttribute,
    PassiveDeletes,
    Reference,
    Relationship,
    TableName,
)
from pgproof.facts.project.source_lines import Sources

_DIRECTIONS: dict[RelationshipDirection, Direction] = {
    RelationshipDirection.ONETOMANY: "one to many",
    RelationshipDirection.MANYTOONE: "many to one",
    RelationshipDirection.MANYTOMANY: "many to many",
}


def mapped_class(mapper: Mapper[Any], sources: Sources) -> MappedClass:
    """Return what a configured mapper says.

    Args:
        mapper: of the class.
        sources: to find the lines in.
    """
    discriminator = mapper.polymorphic_on
    identity = mapper.polymorphic_identity
    return MappedClass(
        name=mapper.class_.__name__,
        module=mapper.class_.__module__,
        table=_table(mapper.local_table),
        base=mapper.inherits.class_.__name__ if mapper.inherits is not None else None,
        inheritance=_inheritance(mapper),
        discriminator=_column(discriminator) if isinstance(discriminator, Column) else None,
        identity=None if identity is None else str(getattr(identity, "name", identity)),
        abstract=bool(mapper.polymorphic_abstract),
        bases=tuple(each.class_.__name__ for each in mapper.iterate_to_root()),
        attributes=tuple(_attributes(mapper, sources)),
        relationships=tuple(
            _relationship(mapper, each, sources) for each in sorted(mapper.relationships, key=lambda each: each.key)
        ),
        location=sources.class_line(mapper.class_),
    )


def _inheritance(mapper: Mapper[Any]) -> Literal["single", "joined", "concrete"] | None:
    if mapper.concrete:
        return "concrete"
    if mapper.inherits is None:
        return None
    return "single" if mapper.single else "joined"


def _attributes(mapper: Mapper[Any], sources: Sources) -> Iterator[ModelAttribute]:
    for each in mapper.column_attrs:
        columns = tuple(_column(column) for column in each.columns if _is_column(column))
        if columns and isinstance(each, ColumnProperty):
            yield ModelAttribute(
                each.key, columns, each.key in mapper.validators, sources.attribute_line(mapper.class_, each.key)
            )


def _relationship(mapper: Mapper[Any], each: RelationshipProperty[Any], sources: Sources) -> Relationship:
    references = tuple(
        Reference(_column(foreign), _column(source))
        for source, foreign in (*each.synchronize_pairs, *(each.secondary_synchronize_pairs or ()))
        if _is_column(source) and _is_column(foreign)
    )
    joined = {column for reference in references for column in (reference.column, reference.referenced)}
    joins = [join for join in (each.primaryjoin, each.secondaryjoin) if join is not None]
    named = {
        _column(column)
        for join in joins
        for column in visitors.iterate(join)
        if isinstance(column, Column) and _is_column(column)
    }
    passive: dict[Any, PassiveDeletes] = {False: "no", True: "yes", "all": "all"}
    return Relationship(
        name=each.key,
        target=each.mapper.class_.__name__,
        direction=_DIRECTIONS[each.direction],
        references=references,
        secondary=_table(each.secondary),
        conditions=tuple(sorted(named - joined)),
        constants=tuple(sorted({name for join in joins for part in _parts(join) for name in _fixed(part)})),
        plain=all(_is_equality(part) for join in joins for part in _parts(join)),
        cascade=tuple(sorted(each.cascade)),
        passive_deletes=passive[each.passive_deletes],
        passive_updates=bool(each.passive_updates),
        viewonly=bool(each.viewonly),
        uselist=bool(each.uselist),
        post_update=bool(each.post_update),
        lazy=str(each.lazy),
        back_populates=each.back_populates or next((str(other) for other in _reverse(each)), None),
        location=sources.attribute_line(mapper.class_, each.key),
    )


def _reverse(each: RelationshipProperty[Any]) -> Iterator[str]:
    backref: Any = each.backref
    if backref is not None:
        yield backref if isinstance(backref, str) else backref[0]


def _parts(join: Any) -> Iterator[Any]:
    """The parts that AND joins."""
    if isinstance(join, Grouping):
        yield from _parts(join.element)
    elif isinstance(join, BooleanClauseList) and join.operator is operators.and_:
        for part in join.clauses:
            yield from _parts(part)
    else:
        yield join


def _fixed(part: ClauseElement) -> Iterator[ColumnName]:
    """The column that a part of a join compares with a constant."""
    if isinstance(part, BinaryExpression) and part.operator is operators.eq:
        for one, other in ((part.left, part.right), (part.right, part.left)):
            if _is_column(one) and not any(isinstance(each, Column) for each in visitors.iterate(other)):
                yield _column(one)


def _is_equality(part: ClauseElement) -> bool:
    return (
        isinstance(part, BinaryExpression)
        and part.operator is operators.eq
        and isinstance(part.left, Column)
        and isinstance(part.right, Column)
    )


def _is_column(column: Any) -> bool:
    return isinstance(column, Column) and isinstance(column.table, Table)


def _column(column: Any) -> ColumnName:
    return ColumnName(TableName(column.table.schema, column.table.name), column.name)


def _table(selectable: Any) -> TableName | None:
    return TableName(selectable.schema, selectable.name) if isinstance(selectable, Table) else None
