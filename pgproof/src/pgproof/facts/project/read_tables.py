"""Reads the tables of a MetaData: columns, constraints and indexes, as PostgreSQL's dialect would write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    Constraint,
    Enum,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import NoReferenceError, SQLAlchemyError
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.types import TypeEngine

from pgproof.facts.catalog import Action
from pgproof.facts.models import (
    ModelColumn,
    ModelConstraint,
    ModelDefault,
    ModelEnum,
    ModelIndex,
    ModelIndexKey,
    ModelTable,
    TableName,
)
from pgproof.facts.project.source_lines import Sources
from pgproof.facts.source_line import SourceLine

_DIALECT: Any = postgresql.dialect()  # type: ignore[no-untyped-call]
_ACTIONS: dict[str, Action] = {
    "no action": "no action",
    "restrict": "restrict",
    "cascade": "cascade",
    "set null": "set null",
    "set default": "set default",
}


def table_name(table: Table) -> TableName:
    """Return a table's name as the models give it."""
    return TableName(table.schema, table.name)


def model_table(table: Table, mappers: Sequence[Mapper[Any]], sources: Sources) -> ModelTable:
    """Return a table of a MetaData.

    Args:
        table: to read.
        mappers: among which are those of its classes, if it has any.
        sources: to find the lines in.
    """
    own = [mapper for mapper in mappers if mapper.local_table is table]
    lines, columns = sources.table_lines(table.schema, table.name)
    of_class = next((line for mapper in own if (line := sources.class_line(mapper.class_)) is not None), None)
    return ModelTable(
        table_name(table),
        tuple(
            _column(table, each, _column_line(each, own, sources) or columns.get(each.name)) for each in table.columns
        ),
        tuple(sorted(_constraints(table), key=lambda each: (each.kind, each.name or "", each.columns))),
        tuple(sorted(map(_index, table.indexes), key=lambda each: each.name or "")),
        lines or of_class,
    )


def _column_line(column: Column[Any], mappers: Sequence[Mapper[Any]], sources: Sources) -> SourceLine | None:
    for mapper in mappers:
        if column in mapper.columns.values() and mapper.has_property(mapper.get_property_by_column(column).key):
            line = sources.attribute_line(mapper.class_, mapper.get_property_by_column(column).key)
            if line is not None:
                return line
    return None


def _column(table: Table, column: Column[Any], line: SourceLine | None) -> ModelColumn:
    plain = _plain(column.type)
    return ModelColumn(
        name=column.name,
        type=_type(column.type),
        nullable=bool(column.nullable),
        primary_key=column.primary_key,
        length=plain.length if isinstance(plain, String) and not isinstance(plain, Enum) else None,
        text=isinstance(plain, String) and not isinstance(plain, Enum),
        enum=_enum(column.type),
        default=_default(column),
        server_default=_server_default(column),
        onupdate=column.onupdate is not None,
        generated=(column.identity is not None or column.computed is not None or column is _autoincremented(table)),
        location=line,
    )


def _autoincremented(table: Table) -> Column[Any] | None:
    # SQLAlchemy 2.0.4 gave it a public name.
    public = hasattr(table, "autoincrement_column")
    return table.autoincrement_column if public else table._autoincrement_column


def _plain(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type below decorators, as it is for PostgreSQL."""
    for _ in range(5):
        if not isinstance(type_, TypeDecorator):
            break
        type_ = type_.load_dialect_impl(_DIALECT)
    return type_


def _type(type_: TypeEngine[Any]) -> str | None:
    try:
        return str(type_.compile(dialect=_DIALECT))
    except (SQLAlchemyError, AttributeError, NotImplementedError):
        return None


def _enum(type_: TypeEngine[Any]) -> ModelEnum | None:
    plain = _plain(type_)
    if isinstance(plain, ARRAY):
        plain = _plain(plain.item_type)
    if not isinstance(plain, Enum):
        return None
    decorated = isinstance(type_, TypeDecorator)
    return ModelEnum(
        name=plain.name if isinstance(plain.name, str) else None,
        schema=plain.schema,
        labels=tuple(plain.enums),
        native=bool(plain.native_enum),
        constrained=bool(plain.create_constraint),
        # A decorator may well take care of texts that are none of the labels.
        strict=not decorated,
    )


def _default(column: Column[Any]) -> ModelDefault | None:
    default: Any = column.default
    if default is None:
        return None
    if default.is_sequence:
        return ModelDefault("sequence", None)
    if default.is_callable:
        return ModelDefault("function", None)
    if default.is_clause_element:
        return ModelDefault("expression", _sql(default.arg))
    return ModelDefault("constant", _constant(column, default.arg))


def _constant(column: Column[Any], value: Any) -> str | None:
    try:
        process: Any = column.type.dialect_impl(_DIALECT).literal_processor(_DIALECT)
        # What SQLAlchemy makes of an empty list, ARRAY[], has no type, and PostgreSQL refuses it.
        empty = isinstance(_plain(column.type), ARRAY) and _is_empty(value)
        return "'{}'" if empty else None if process is None else str(process(value))
    except Exception:
        # What a constant's own type makes of it is the project's code; that it has no SQL is all this says.
        return None


def _is_empty(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(_is_empty(each) for each in value)


def _server_default(column: Column[Any]) -> str | None:
    if column.server_default is None or column.computed is not None or column.identity is not None:
        return None
    try:
        return _compiler().get_column_default_string(column)
    except SQLAlchemyError:
        return None


def _compiler() -> DDLCompiler:
    compiler: DDLCompiler = _DIALECT.ddl_compiler(_DIALECT, None)
    return compiler


def _sql(clause: Any) -> str | None:
    try:
        return str(_compiler().sql_compiler.process(clause, include_table=False, literal_binds=True))
    except SQLAlchemyError:
        return None


def _constraints(table: Table) -> Iterator[ModelConstraint]:
    for constraint in table.constraints:
        name = constraint.name if isinstance(constraint.name, str) else None
        columns = tuple(column.name for column in getattr(constraint, "columns", ()))
        match constraint:
            case PrimaryKeyConstraint():
                if columns:
                    yield ModelConstraint("primary key", name, columns)
            case UniqueConstraint():
                yield ModelConstraint("unique", name, columns, deferrable=bool(constraint.deferrable))
            case ForeignKeyConstraint():
                yield _foreign_key(constraint, name)
            case CheckConstraint():
                if _is_written(constraint):
                    yield ModelConstraint("check", name, columns, _sql(constraint.sqltext))
            case postgresql.ExcludeConstraint():
                yield ModelConstraint("exclusion", name, columns)


def _is_written(constraint: Constraint) -> bool:
    """Whether PostgreSQL's dialect writes a constraint at all: that of a native enum or boolean is not."""
    rule: Any = getattr(constraint, "_create_rule", None)
    return rule is None or bool(rule(_compiler()))


def _foreign_key(constraint: ForeignKeyConstraint, name: str | None) -> ModelConstraint:
    first = constraint.elements[0]
    try:
        referenced = table_name(first.column.table)
        columns = tuple(element.column.name for element in constraint.elements)
    except NoReferenceError:
        # Its table is not among the models that were imported; the key says its name all the same.
        *path, _ = first.target_fullname.split(".")
        referenced = TableName(".".join(path[:-1]) or None, path[-1])
        columns = tuple(element.target_fullname.rpartition(".")[2] for element in constraint.elements)
    return ModelConstraint(
        "foreign key",
        name,
        tuple(element.parent.name for element in constraint.elements),
        referenced=referenced,
        referenced_columns=columns,
        on_delete=_ACTIONS.get((constraint.ondelete or "no action").lower()),
        on_update=_ACTIONS.get((constraint.onupdate or "no action").lower()),
        deferrable=bool(constraint.deferrable),
        use_alter=bool(constraint.use_alter),
    )


def _index(index: Index) -> ModelIndex:
    options = index.dialect_options["postgresql"]
    where, method = options["where"], options["using"]
    classes: dict[str, str] = options["ops"] or {}
    return ModelIndex(
        name=index.name if isinstance(index.name, str) else None,
        keys=tuple(_key(each, classes) for each in index.expressions),
        unique=bool(index.unique),
        # The dialect takes a text for SQL here, which a clause says of itself only.
        where=where if where is None or isinstance(where, str) else _sql(where),
        include=tuple(each if isinstance(each, str) else each.name for each in options["include"] or ()),
        method=str(method or "btree").lower(),
    )


def _key(expression: Any, classes: dict[str, str]) -> ModelIndexKey:
    if isinstance(expression, Column):
        return ModelIndexKey(expression.name, None, classes.get(expression.key))
    return ModelIndexKey(None, _sql(expression), classes.get(getattr(expression, "key", "")))
