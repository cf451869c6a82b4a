"""Decisions that belong to people: which of equal rows stays, and what becomes of rows whose parent is deleted.

A file holds them, TOML or JSON, written with the defaults and read afterwards. What it says about something that is not
planned (any more) is an error: somebody decided, and would believe that it counts.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Action, Catalog, QualifiedName
from pgproof.remedy.constraints import AddForeignKey, ReplaceForeignKey
from pgproof.remedy.names import object_name
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Wanted
from pgproof.remedy.quarantine import Equal, QuarantineCopies, QuarantineDuplicates

_HEADER = """\
# What people decide about the plan of `pgproof fix`; the values are those that it takes by itself.
# An entry may go: then its default counts again.
"""
_DUPLICATES = """
# Of rows with the same values the first stays, by the columns of `keep` in their order; those of `descending` with
# their largest value first. The others go to the schema quarantine, and the downgrade brings them back.
"""
_FOREIGN_KEYS = f"""
# What becomes of a row when the one that it refers to is deleted: {", ".join(get_args(Action))}.
"""
E = TypeVar("E", bound="_Entry")


class _Entry(BaseModel):
    """What an entry is about; every one is refused that says more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_name: str
    table: str


class Duplicates(_Entry):
    """Which row stays of those with the same values of some columns."""

    same: tuple[str, ...]
    keep: tuple[str, ...]
    descending: tuple[str, ...] = ()

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, frozenset(self.same)


class ForeignKey(_Entry):
    """The action of a foreign key."""

    columns: tuple[str, ...]
    references: str
    on_delete: Action

    @property
    def about(self) -> tuple[object, ...]:
        """What it is about."""
        return self.schema_name, self.table, self.columns, self.references


class Decisions(BaseModel):
    """All of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicates: tuple[Duplicates, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


def default_decisions(wanted: Iterable[Wanted]) -> Decisions:
    """Return what is decided where nobody decides otherwise, for all that people may decide."""
    duplicates: dict[tuple[object, ...], Duplicates] = {}
    keys: dict[tuple[object, ...], ForeignKey] = {}
    for each in wanted:
        for operation in each.operations:
            if isinstance(operation, QuarantineDuplicates | QuarantineCopies):
                found = _duplicates(operation)
                duplicates.setdefault(found.about, found)
        for key in _keys(each):
            entry = _foreign_key(key)
            keys.setdefault(entry.about, entry)
    return Decisions(duplicates=tuple(duplicates.values()), foreign_keys=tuple(keys.values()))


def decided(wanted: Sequence[Wanted], decisions: Decisions, catalog: Catalog) -> tuple[Wanted, ...]:
    """Return what findings want, as people decided.

    Args:
        wanted: with the defaults.
        decisions: of people.
        catalog: for the columns that they name.

    Raises:
        PgproofError: a decision is about something that is not planned, or cannot be carried out; in one line.
    """
    default = default_decisions(wanted)
    rows = _known("duplicates", decisions.duplicates, default.duplicates)
    keys = _known("foreign_keys", decisions.foreign_keys, default.foreign_keys)
    for row in rows.values():
        _refuse_unknown_columns(row, catalog)
    for key in keys.values():
        _refuse_impossible_action(key, catalog)
    return tuple(_decided(each, rows, keys) for each in wanted)


def read_decisions(file: Path) -> Decisions:
    """Return the decisions of a file.

    Raises:
        PgproofError: it cannot be read, or says what is no decision; in one line.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PgproofError(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from None
    try:
        document = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
        return Decisions.model_validate(_renamed(document))
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise PgproofError(f"{file} is no {'JSON' if file.suffix == '.json' else 'TOML'}: {error}") from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise PgproofError(f"{file}: {where.replace('schema_name', 'schema')}: {first['msg']}") from None


def decisions_as_text(decisions: Decisions, *, as_json: bool) -> str:
    """Return decisions as a file holds them: TOML with what they mean, or JSON."""
    document = {
        "duplicates": [_written(each) for each in decisions.duplicates],
        "foreign_keys": [_written(each) for each in decisions.foreign_keys],
    }
    if as_json:
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    parts = [_HEADER]
    for name, said in (("duplicates", _DUPLICATES), ("foreign_keys", _FOREIGN_KEYS)):
        if document[name]:
            parts.append(said)
        for entry in document[name]:
            parts.append(f"[[{name}]]\n" + "".join(f"{key} = {_toml(value)}\n" for key, value in entry.items()))
    if not any(document.values()):
        parts.append("\n# Nothing of the plan is for people to decide.\n")
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _written(entry: _Entry) -> dict[str, Any]:
    return {"schema" if name == "schema_name" else name: value for name, value in entry.model_dump(mode="json").items()}


def _renamed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the name that pydantic has for `schema`, which is a method of its own."""
    return {
        name: [
            {"schema_name" if key == "schema" else key: value for key, value in entry.items()}
            if isinstance(entry, dict)
            else entry
            for entry in entries
        ]
        if isinstance(entries, list)
        else entries
        for name, entries in document.items()
    }


def _toml(value: object) -> str:
    # A string of JSON is one of TOML, once DEL is escaped as well.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _duplicates(move: QuarantineDuplicates | QuarantineCopies) -> Duplicates:
    return Duplicates(
        schema_name=move.schema, table=move.table, same=move.same, keep=move.keep, descending=move.descending
    )


def _keys(wanted: Wanted) -> Iterator[AddForeignKey]:
    """Foreign keys whose action people may choose: new ones, and those of a finding that is about nothing else."""
    for operation in wanted.operations:
        if isinstance(operation, AddForeignKey):
            yield operation
        elif isinstance(operation, ReplaceForeignKey):
            yield operation.new
    yield from wanted.undecided


def _foreign_key(key: AddForeignKey) -> ForeignKey:
    return ForeignKey(
        schema_name=key.schema,
        table=key.table,
        columns=key.columns,
        references=f"{key.referenced_schema}.{key.referenced_table}",
        on_delete=key.on_delete,
    )


def _known(kind: str, entries: Sequence[Any], defaults: Sequence[Any]) -> dict[tuple[object, ...], Any]:
    planned = {each.about for each in defaults}
    found: dict[tuple[object, ...], Any] = {}
    for number, entry in enumerate(entries, 1):
        columns = ", ".join(entry.same if isinstance(entry, Duplicates) else entry.columns)
        what = f"{kind} {number} ({entry.schema_name}.{entry.table}: {columns})"
        if entry.about not in planned:
            raise PgproofError(
                f"the decision {what} is about nothing that is planned: take it out, or write the file anew with"
                " --dry-run"
            )
        if entry.about in found:
            raise PgproofError(f"the decision {what} is there twice: take one out")
        found[entry.about] = entry
    return found


def _refuse_unknown_columns(entry: Duplicates, catalog: Catalog) -> None:
    table = catalog.named(QualifiedName(entry.schema_name, entry.table))
    columns = {column.name for column in table.columns} if table is not None else set()
    for name in (*entry.keep, *entry.descending):
        if name not in columns:
            raise PgproofError(
                f"a decision orders the rows of {entry.schema_name}.{entry.table} by {name}, which it lacks"
            )
    if not set(entry.descending) <= set(entry.keep):
        raise PgproofError(
            f"a decision about {entry.schema_name}.{entry.table} has columns in descending alone: add them to keep"
        )


def _refuse_impossible_action(entry: ForeignKey, catalog: Catalog) -> None:
    table = catalog.named(QualifiedName(entry.schema_name, entry.table))
    required = [name for name in entry.columns if table is not None and table.column(name).not_null]
    if entry.on_delete == "set null" and required:
        raise PgproofError(
            f"a decision sets {', '.join(required)} of {entry.schema_name}.{entry.table} to NULL, which is NOT NULL:"
            " choose another action"
        )


def _decided(
    wanted: Wanted, rows: dict[tuple[object, ...], Duplicates], keys: dict[tuple[object, ...], ForeignKey]
) -> Wanted:
    operations = [_with(operation, rows, keys) for operation in wanted.operations]
    for key in wanted.undecided:
        entry = keys.get(_foreign_key(key).about)
        if entry is not None and entry.on_delete != key.on_delete:
            passing = object_name("fk", key.table, (*key.columns, *entry.on_delete.split()))
            operations.append(ReplaceForeignKey(replace(key, name=passing, on_delete=entry.on_delete), key))
    return replace(wanted, operations=tuple(operations))


def _with(
    operation: Operation, rows: dict[tuple[object, ...], Duplicates], keys: dict[tuple[object, ...], ForeignKey]
) -> Operation:
    if isinstance(operation, QuarantineDuplicates | QuarantineCopies):
        row = rows.get(_duplicates(operation).about)
        return operation if row is None else _keeping(operation, row)
    if isinstance(operation, AddForeignKey):
        key = keys.get(_foreign_key(operation).about)
        return operation if key is None else replace(operation, on_delete=key.on_delete)
    if isinstance(operation, ReplaceForeignKey):
        key = keys.get(_foreign_key(operation.new).about)
        return operation if key is None else replace(operation, new=replace(operation.new, on_delete=key.on_delete))
    return operation


def _keeping(move: QuarantineDuplicates | QuarantineCopies, row: Duplicates) -> Operation:
    """The move with another order; its last column tells rows apart, so that every run keeps the same ones."""
    assert isinstance(move, Equal)
    last = (move.key,) if isinstance(move, QuarantineDuplicates) and move.key not in row.keep else ()
    return replace(move, keep=(*row.keep, *last), descending=row.descending)
