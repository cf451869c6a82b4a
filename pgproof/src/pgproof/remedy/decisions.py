"""Decisions that belong to people, carried out: which of equal rows stays, what becomes of rows whose parent is deleted
or whose time has ended, which types change, and what is done although a proof speaks against it.

What a file says about something that is not planned (any more) is an error: somebody decided, and would believe that it
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.remedy.column_types import ChangeType
from pgproof.remedy.constraints import AddForeignKey, ReplaceForeignKey
from pgproof.remedy.decision_file import ColumnType, Decisions, Duplicates, Expired, ForeignKey, LeftOut
from pgproof.remedy.expired import QuarantineExpired
from pgproof.remedy.names import object_name
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Wanted
from pgproof.remedy.proven import Verdict
from pgproof.remedy.quarantine import Equal, QuarantineCopies, QuarantineDuplicates


def default_decisions(wanted: Iterable[Wanted], against: Iterable[Verdict] = ()) -> Decisions:
    """Return what is decided where nobody decides otherwise, for all that people may decide.

    Args:
        wanted: what findings want.
        against: what a proof speaks against, of the plan.
    """
    duplicates: dict[tuple[object, ...], Duplicates] = {}
    keys: dict[tuple[object, ...], ForeignKey] = {}
    expired: dict[tuple[object, ...], Expired] = {}
    types: dict[tuple[object, ...], ColumnType] = {}
    for each in wanted:
        for operation in each.operations:
            if isinstance(operation, QuarantineDuplicates | QuarantineCopies):
                found = _duplicates(operation)
                duplicates.setdefault(found.about, found)
        for key in _keys(each):
            entry = _foreign_key(key)
            keys.setdefault(entry.about, entry)
        for operation in each.optional:
            if isinstance(operation, QuarantineExpired):
                ended = _expired(operation)
                expired.setdefault(ended.about, ended)
            elif isinstance(operation, ChangeType):
                changed = _type(operation)
                types.setdefault(changed.about, changed)
    return Decisions(
        duplicates=tuple(duplicates.values()),
        foreign_keys=tuple(keys.values()),
        expired=tuple(expired.values()),
        types=tuple(types.values()),
        left_out=tuple(LeftOut(operation=each.operation, verdict=each.word, why=each.why) for each in against),
    )


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
    expired = _known("expired", decisions.expired, default.expired)
    types = _known("types", decisions.types, default.types)
    for row in rows.values():
        _refuse_unknown_columns(row, catalog)
    for key in keys.values():
        _refuse_impossible_action(key, catalog)
    chosen = [
        *(entry.about for entry in types.values() if entry.change),
        *(entry.about for entry in expired.values() if entry.move),
    ]
    days = {entry.about: entry.days for entry in expired.values()}
    return tuple(_with_options(_decided(each, rows, keys), chosen, days) for each in wanted)


def refuse_unknown_verdicts(decisions: Decisions, against: Iterable[Verdict]) -> None:
    """Refuse decisions to keep what no proof speaks against.

    Args:
        decisions: of people.
        against: what the proof speaks against, of the plan without these decisions.

    Raises:
        PgproofError: there is one, in one line.
    """
    known = {each.operation for each in against}
    for number, entry in enumerate(decisions.left_out, 1):
        if entry.operation not in known:
            raise PgproofError(
                f"the decision left_out {number} ({entry.operation}) is about nothing that the proof leaves out of this"
                " plan: take it out, or give the --proof that it was written with"
            )


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


def _expired(move: QuarantineExpired) -> Expired:
    return Expired(schema_name=move.schema, table=move.table, column=move.column, days=move.days)


def _type(change: ChangeType) -> ColumnType:
    return ColumnType(schema_name=change.schema, table=change.table, column=change.column, type=change.type)


def _known(kind: str, entries: Sequence[Any], defaults: Sequence[Any]) -> dict[tuple[object, ...], Any]:
    planned = {each.about for each in defaults}
    found: dict[tuple[object, ...], Any] = {}
    for number, entry in enumerate(entries, 1):
        what = f"{kind} {number} ({entry.schema_name}.{entry.table}: {', '.join(entry.named)})"
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


def _with_options(wanted: Wanted, chosen: Sequence[tuple[object, ...]], days: dict[tuple[object, ...], int]) -> Wanted:
    """What a finding wants with the options that people chose; what else was to be said of it holds for the others."""
    operations, optional = list(wanted.operations), []
    for option in wanted.optional:
        about = _expired(option).about if isinstance(option, QuarantineExpired) else None
        if about is not None and about in chosen:
            operations.append(replace(option, days=days[about]))  # type: ignore[call-arg]
        elif isinstance(option, ChangeType) and _type(option).about in chosen:
            operations.append(option)
        else:
            optional.append(option)
    if len(operations) == len(wanted.operations):
        return wanted
    left = wanted.left if not optional else (*wanted.left, wanted.why_not)
    return replace(wanted, operations=tuple(operations), optional=tuple(optional), left=left)


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
