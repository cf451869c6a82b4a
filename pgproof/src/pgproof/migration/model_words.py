"""Operations as people would write them into models, and as a patch does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgproof.facts.models import TableName
from pgproof.migration.python_text import literal
from pgproof.remedy import defaults, settings
from pgproof.remedy.column_types import ChangeType
from pgproof.remedy.constraints import (
    AddCheck,
    AddForeignKey,
    AddPrimaryKey,
    AddUnique,
    DropConstraint,
    DropForeignKey,
    ReplaceForeignKey,
    SetNotNull,
)
from pgproof.remedy.deferral import MakeDeferrable
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, DropIndex
from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class SqlText:
    """SQL inside of a `text()`."""

    sql: str


def object_parts(
    operation: Operation, reference: Callable[[AddForeignKey], list[str]]
) -> tuple[str, list[object], dict[str, object]] | None:
    """Return the class of an index or a constraint with its arguments; None for what is neither.

    Args:
        operation: that makes it.
        reference: says what a foreign key refers to, as the models name it.
    """
    if isinstance(operation, CreateIndex | CreatePartitionedIndex):
        keywords: dict[str, object] = {}
        if isinstance(operation, CreateIndex):
            if operation.unique:
                keywords["unique"] = True
            if operation.method != "btree":
                keywords["postgresql_using"] = operation.method
            if operation.include:
                keywords["postgresql_include"] = list(operation.include)
        if operation.where:
            keywords["postgresql_where"] = SqlText(operation.where)
        return "Index", [operation.name, *(key_of(key) for key in operation.keys)], keywords
    if isinstance(operation, AddUnique):
        return "UniqueConstraint", list(operation.columns), {"name": operation.name}
    if isinstance(operation, AddCheck):
        return "CheckConstraint", [_Condition(operation.condition).sql], {"name": operation.name}
    if isinstance(operation, AddForeignKey):
        named: dict[str, object] = {"name": operation.name}
        if operation.on_delete != "no action":
            named["ondelete"] = operation.on_delete.upper()
        if operation.on_update != "no action":
            named["onupdate"] = operation.on_update.upper()
        return "ForeignKeyConstraint", [list(operation.columns), reference(operation)], named
    return None


@dataclass(frozen=True)
class _Condition:
    """A check's condition, which SQLAlchemy reads as it reads `text()`."""

    condition: str

    @property
    def sql(self) -> str:
        plain = self.condition.replace("::", "")
        return self.condition.replace(":", "\\:") if ":" in plain else self.condition


def key_of(sql: str) -> object:
    """Return a key of an index: a column by its name, or SQL."""
    name = sql[1:-1].replace('""', '"')
    return name if sql.startswith('"') and quoted(name) == sql else SqlText(sql)


def in_words(operation: Operation) -> Iterator[str]:
    """What people have to write, as near to Python as it can be said without their file."""
    if isinstance(operation, SetNotNull):
        yield f"{operation.column} with nullable=False"
    elif isinstance(operation, defaults.SetDefault | settings.SetDefault):
        yield f"{operation.column} with server_default=text({literal(operation.default)})"
    elif isinstance(operation, AddPrimaryKey):
        yield f"{', '.join(operation.columns)} with primary_key=True"
    elif isinstance(operation, ReplaceForeignKey):
        action = literal(operation.new.on_delete.upper())
        yield f"{', '.join(operation.new.columns)} with ForeignKey(..., ondelete={action})"
    elif isinstance(operation, MakeDeferrable):
        yield f'the foreign key {operation.name} with deferrable=True, initially="IMMEDIATE"'
    elif isinstance(operation, ChangeType):
        yield f"{operation.column} with the type {operation.type}"
    elif isinstance(operation, DropIndex | DropConstraint):
        yield f"without {operation.name}"
    elif isinstance(operation, DropForeignKey):
        yield f"without the foreign key {operation.key.name}"
    else:
        parts = object_parts(operation, _named)
        if parts is not None:
            name, positional, keywords = parts
            plain = [_plain(each) for each in positional]
            plain += [f"{key}={_plain(value)}" for key, value in keywords.items()]
            yield f"{name}({', '.join(plain)})"


def _named(key: AddForeignKey) -> list[str]:
    table = TableName(None if key.referenced_schema == "public" else key.referenced_schema, key.referenced_table)
    return [f"{table}.{column}" for column in key.referenced_columns]


def _plain(value: object) -> str:
    return f"text({literal(value.sql)})" if isinstance(value, SqlText) else literal(value)
