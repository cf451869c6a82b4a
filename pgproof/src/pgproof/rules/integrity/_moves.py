"""Which rows a remedy can move to the quarantine and bring back, and which of equal rows stays."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.catalog import Catalog, Constraint, Table
from pgproof.remedy.operation import Operation
from pgproof.remedy.quarantine import QuarantineAndValidate, QuarantineCopies, QuarantineDuplicates, Reference
from pgproof.rules.integrity._foreign_keys import definition
from pgproof.rules.integrity._keys import has_rule_over

_WRITTEN = re.compile(r"(date|time)?_?(creat|insert|add)ed(_.*)?", re.IGNORECASE)
_NUMBERS = ("int2", "int4", "int8")


def surplus_moved(
    catalog: Catalog, table: Table, columns: tuple[str, ...], lower: tuple[str, ...] = ()
) -> tuple[QuarantineDuplicates | QuarantineCopies, ...]:
    """Return the move of all but the oldest of equal rows; nothing where it could not be taken back, or not be told.

    Args:
        catalog: which tells what refers to the table.
        table: a plain table.
        columns: whose values must not repeat.
        lower: those of them that compare in lower case.
    """
    if not _moves_alone(catalog, table):
        return ()
    written = tuple(column.name for column in table.columns if _says_when_written(table, column.name))[:1]
    referring = tuple(_referring(catalog, table))
    key = _row_key(table)
    if key is None:
        if table.primary_key is not None or referring or not (written or _are_all(table, columns, lower)):
            return ()
        return (
            QuarantineCopies(
                table.schema, table.name, _writable(table), same=columns, lower=lower, keep=(*written, *columns)
            ),
        )
    references = tuple(_reference(catalog, table, child, each, key) for child, each in referring)
    known = tuple(each for each in references if each is not None)
    if len(known) < len(references) or not (written or table.column(key).base_type in _NUMBERS):
        return ()
    return (
        QuarantineDuplicates(
            table.schema,
            table.name,
            _writable(table),
            same=columns,
            lower=lower,
            keep=(*written, key),
            key=key,
            references=known,
        ),
    )


def which_stays(moves: tuple[QuarantineDuplicates | QuarantineCopies, ...]) -> str:
    """Return what moves do, as a sentence before what is built on them; what people do where there are none."""
    if not moves:
        return "Move the others aside with what refers to them"
    (move,) = moves
    if isinstance(move, QuarantineCopies) and set(move.keep) == set(move.same):
        return "They are equal in every column, so any may stay: move the others to the schema quarantine"
    pointing = " and point what refers to them to it" if isinstance(move, QuarantineDuplicates) else ""
    return (
        f"Unless you decide otherwise the oldest stays, by ({', '.join(move.keep)}): move the others to the schema"
        f" quarantine{pointing}"
    )


def moving_first(moves: tuple[Operation, ...], unique: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Return moves and what is built once they are done; nothing where nothing moves, for then it would fail."""
    return (*moves, *unique) if moves else ()


def orphans_moved(catalog: Catalog, table: Table, key: Constraint, parent: Table) -> tuple[QuarantineAndValidate, ...]:
    """Return the move of rows that refer to nothing, their key validated; nothing where others refer to them.

    Args:
        catalog: which tells what refers to the table.
        table: of any kind.
        key: a foreign key that was never validated.
        parent: the table it refers to.
    """
    row_key = _row_key(table)
    if row_key is None or not _moves_alone(catalog, table) or any(True for _ in _referring(catalog, table)):
        return ()
    # MATCH FULL also refuses rows that give only some of the columns, which no move of orphans finds.
    if not key.enforced or (key.match_full and len(key.columns) > 1):
        return ()
    return (
        QuarantineAndValidate(
            table.schema,
            table.name,
            _writable(table),
            key=row_key,
            refers=key.columns,
            referenced_schema=parent.schema,
            referenced_table=parent.name,
            referenced_columns=key.referenced_columns,
            constraint=key.name,
            definition=definition(key, parent),
        ),
    )


def _moves_alone(catalog: Catalog, table: Table) -> bool:
    """Tell whether rows come and go without further effect: no other table's, no trigger's, no policy's."""
    plain = table.kind == "table" and not catalog.partitions(table) and not table.locked
    return plain and not table.triggers and not table.force_row_security


def _row_key(table: Table) -> str | None:
    """Return the column that tells rows apart; None where it takes several, or there is none."""
    columns = table.primary_key.columns if table.primary_key is not None else ()
    return columns[0] if len(columns) == 1 else None


def _writable(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.generated is None)


def _are_all(table: Table, columns: tuple[str, ...], lower: tuple[str, ...]) -> bool:
    """Tell whether rows with the same values of these columns are the same in every one."""
    return set(columns) == set(_writable(table)) and not lower


def _says_when_written(table: Table, name: str) -> bool:
    column = table.column(name)
    return column.type_category == "D" and column.not_null and _WRITTEN.fullmatch(name) is not None


def _referring(catalog: Catalog, table: Table) -> Iterator[tuple[Table, Constraint]]:
    """Yield each foreign key to a table, with the one it belongs to; without the copies PostgreSQL makes of it."""
    for child in catalog.tables:
        for key in child.foreign_keys:
            if key.referenced == table.oid and not key.from_parent:
                yield child, key


def _reference(catalog: Catalog, table: Table, child: Table, key: Constraint, row_key: str) -> Reference | None:
    """Return what must be pointed elsewhere; None where that needs more than an UPDATE of one column."""
    child_key = _row_key(child)
    if child_key is None or child.oid == table.oid or key.referenced_columns != (row_key,):
        return None
    # Pointed to one row, rows that were apart could be equal.
    if not _moves_alone(catalog, child) or has_rule_over(child, *key.columns):
        return None
    return Reference(child.schema, child.name, child_key, key.columns[0])
