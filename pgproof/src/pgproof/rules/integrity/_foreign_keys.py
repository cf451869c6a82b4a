"""Foreign keys as a statement makes them, and where they lead."""

from __future__ import annotations

from collections.abc import Collection

from pgproof.facts.catalog import Catalog, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelConstraint, TableName
from pgproof.remedy.names import quoted
from pgproof.rules.finding import ObjectRef, table_ref


def parent_of(catalog: Catalog, key: Constraint) -> Table | None:
    """Return the table that a foreign key refers to; None where it is outside what was read."""
    return catalog.table(key.referenced) if key.referenced is not None else None


def parent_ref(catalog: Catalog, key: Constraint) -> tuple[ObjectRef, ...]:
    """Return the table that a constraint refers to, for `related`; nothing where it refers to none that was read."""
    parent = parent_of(catalog, key)
    return (table_ref(parent),) if parent is not None else ()


def declared_keys(facts: Facts, table: TableName, columns: Collection[str]) -> tuple[ModelConstraint, ...]:
    """Return the foreign keys that the models declare over columns of one of their tables."""
    model = facts.models.table(table) if facts.models is not None else None
    return tuple(
        each
        for each in (model.constraints if model is not None else ())
        if each.kind == "foreign key" and set(each.columns) == set(columns)
    )


def behaviour(key: Constraint) -> str:
    """Return all that a foreign key says but its columns, as SQL."""
    match = "MATCH FULL " if key.match_full else ""
    changed = f" ({', '.join(quoted(each) for each in sorted(key.on_delete_columns))})" if key.on_delete_columns else ""
    actions = f"ON UPDATE {str(key.on_update).upper()} ON DELETE {str(key.on_delete).upper()}{changed}"
    deferral = f" DEFERRABLE INITIALLY {'DEFERRED' if key.deferred else 'IMMEDIATE'}" if key.deferrable else ""
    return f"{match}{actions}{deferral}"


def definition(key: Constraint, parent: Table) -> str:
    """Return a foreign key as SQL after ADD CONSTRAINT name.

    Args:
        key: that is in force and refers to no period: neither can be written so.
        parent: the table it refers to.
    """
    columns, referenced = (", ".join(quoted(each) for each in names) for names in (key.columns, key.referenced_columns))
    valid = "" if key.validated else " NOT VALID"
    return (
        f"FOREIGN KEY ({columns}) REFERENCES {quoted(parent.schema, parent.name)} ({referenced})"
        f" {behaviour(key)}{valid}"
    )
