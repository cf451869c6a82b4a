"""What the actions of an ALTER TABLE do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, Literal

from pgproof.facts.catalog import ConstraintKind
from pgproof.facts.migrations import ColumnChange, ConstraintChange, Operation, OperationKind, Relation
from pgproof.facts.project.sql_reader import Reader, names

_END_OF_TYPE: Final = frozenset(
    ("default", "not", "null", "constraint", "check", "unique", "primary", "references", "generated", "collate",
     "compression", "storage", "using")
)  # fmt: skip


def operation(kind: OperationKind, **fields: object) -> Operation:
    """Return an operation with some of its fields; its statement is filled in later."""
    return replace(Operation(kind, ""), **fields)  # type: ignore[arg-type]


def alterations(reader: Reader) -> Iterator[Operation]:
    """Yield what a statement does after its ALTER; the reader stands behind that."""
    if not reader.takes("table"):
        yield operation("other")
        return
    reader.takes("if", "exists")
    reader.takes("only")
    table = reader.relation()
    reader.takes("*")
    while True:
        for each in _action(reader):
            yield replace(each, table=table)
        reader.until()
        if not reader.takes(","):
            return


def _action(reader: Reader) -> Iterator[Operation]:
    first = reader.takes_any("add", "drop", "alter", "validate", "rename", "set", "detach", "attach")
    match first:
        case "add":
            yield from _add(reader)
        case "drop":
            yield _drop_part(reader)
        case "alter":
            yield _alter_column(reader)
        case "validate":
            reader.takes("constraint")
            yield operation("validate_constraint", name=reader.name())
        case "rename":
            yield _rename(reader)
        case "set":
            yield _set_table(reader)
        case "detach":
            reader.takes("partition")
            reader.relation()
            yield operation("detach_partition", concurrently=reader.takes("concurrently"))
        case _:
            yield operation("alter_table")


def _add(reader: Reader) -> Iterator[Operation]:
    constraint = _constraint(reader, None)
    if constraint is not None:
        yield constraint
        return
    reader.takes("column")
    reader.takes("if", "not", "exists")
    name = reader.name()
    if name is None:
        yield operation("alter_table")
        return
    column = ColumnChange(name, type=reader.until(*_END_OF_TYPE))
    inline: list[Operation] = []
    while reader.token is not None and reader.token.text != ",":
        column = _column_part(reader, column, inline)
    if column.type.lower() in ("serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"):
        column = replace(column, default="nextval()", not_null=True)
    yield operation("add_column", column=column, columns=(name,))
    yield from inline


def _column_part(reader: Reader, column: ColumnChange, inline: list[Operation]) -> ColumnChange:
    if reader.takes("not", "null"):
        return replace(column, not_null=True)
    if reader.takes("primary", "key"):
        reader.position -= 2
        column = replace(column, not_null=True)
    if reader.takes("default"):
        value = reader.until(*_END_OF_TYPE) or reader.until(*(_END_OF_TYPE - {"null"}))
        return replace(column, default=value)
    if reader.takes("generated"):
        reader.takes_any("always") or reader.takes("by", "default")
        reader.takes("as")
        if reader.takes("identity"):
            reader.parenthesis()
            return replace(column, identity=True, not_null=True)
        reader.parenthesis()
        kind: Literal["stored", "virtual", "computed"] = "computed"
        if reader.takes("stored"):
            kind = "stored"
        elif reader.takes("virtual"):
            kind = "virtual"
        return replace(column, generated=kind)
    added = _constraint(reader, column.name)
    if added is not None:
        inline.append(added)
    else:
        reader.position += 1
    return column


_KINDS: Final[tuple[tuple[tuple[str, ...], ConstraintKind], ...]] = (
    (("foreign", "key"), "foreign key"),
    (("references",), "foreign key"),
    (("primary", "key"), "primary key"),
    (("unique",), "unique"),
    (("check",), "check"),
    (("exclude",), "exclusion"),
    (("not", "null"), "not null"),
)


def _constraint(reader: Reader, column: str | None) -> Operation | None:
    """Go past a constraint, if one comes next: of the table, or of a column that is added."""
    start = reader.position
    name = reader.name() if reader.takes("constraint") else None
    kind = next((kind for words, kind in _KINDS if reader.takes(*words)), None)
    if kind is None:
        reader.position = start
        return None
    references: tuple[Relation, ...] = ()
    if kind == "foreign key" and column is not None:
        references = tuple(each for each in (reader.relation(),) if each is not None)
        reader.parenthesis()
    elif kind == "foreign key":
        references = reader.references()
    expression = reader.parenthesis() if kind == "check" else None
    reader.takes("nulls", "not", "distinct") or reader.takes("nulls", "distinct")
    using_index = reader.takes("using", "index")
    named = reader.name() if kind == "not null" and column is None else None
    columns = (column or named,) if column or named else names(reader.parenthesis())
    rest = reader.until() if column is None else ""
    return operation(
        "add_constraint",
        name=name,
        columns=columns,
        references=references,
        constraint=ConstraintChange(
            kind=kind,
            name=name,
            columns=tuple(each for each in columns if each),
            expression=expression,
            not_valid=re.search(r"\bnot\s+valid\b", rest, re.IGNORECASE) is not None,
            using_index=using_index,
            inline=column is not None,
        ),
    )


def _drop_part(reader: Reader) -> Operation:
    constraint = reader.takes("constraint")
    if not constraint:
        reader.takes("column")
    reader.takes("if", "exists")
    name = reader.name()
    if constraint:
        return operation("drop_constraint", name=name)
    return operation("drop_column", columns=(name,))


def _alter_column(reader: Reader) -> Operation:
    if reader.takes("constraint"):
        return operation("alter_table")
    reader.takes("column")
    name = reader.name() or ""
    if reader.takes("type") or reader.takes("set", "data", "type"):
        column = ColumnChange(name, type=reader.until("using", "collate"))
        if reader.takes("collate"):
            reader.relation()
        if reader.takes("using"):
            column = replace(column, using=reader.until())
        return operation("alter_type", column=column, columns=(name,))
    if reader.takes("set", "not", "null"):
        return operation("set_not_null", columns=(name,))
    if reader.takes("set", "default"):
        return operation("set_default", columns=(name,))
    return operation("alter_table", columns=(name,))


def _rename(reader: Reader) -> Operation:
    if reader.takes("to"):
        return operation("rename_table", new_name=reader.name())
    if reader.takes("constraint"):
        return operation("alter_table")
    reader.takes("column")
    old = reader.name()
    reader.takes("to")
    return operation("rename_column", columns=(old,), new_name=reader.name())


def _set_table(reader: Reader) -> Operation:
    if reader.takes("schema"):
        return operation("rename_table", new_name=reader.name())
    rewrites = reader.takes_any("logged", "unlogged", "tablespace") or reader.takes("access", "method")
    return operation("rewrite" if rewrites else "alter_table")
