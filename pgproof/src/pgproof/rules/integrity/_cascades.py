"""What becomes of the rows that refer to a parent when it is deleted: through the ORM, and in SQL.

Every outcome here is compared with what SQLAlchemy and PostgreSQL really do, in tests/rules/test_cascades.py.
Source: SQLAlchemy documentation, "Cascades" and "Using foreign key ON DELETE cascade with ORM relationships".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pgproof.facts.catalog import Action, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import MappedClass, Relationship
from pgproof.rules.finding import Severity
from pgproof.rules.modelled import mapped_classes, table_of

Outcome: TypeAlias = Literal["deleted", "kept", "refused"]
"""The children go along, stay with a reference of NULL, or stop the deletion."""


@dataclass(frozen=True)
class Along:
    """A relationship from a parent to the rows that refer to it, and the foreign key it goes along.

    Attributes:
        owner: the class that has the relationship.
        table: of the rows that refer to it.
        parent: the table that the class is in.
    """

    owner: MappedClass
    relationship: Relationship
    table: Table
    parent: Table
    key: Constraint

    @property
    def deletes(self) -> bool:
        """Whether the ORM deletes the children along."""
        return "delete" in self.relationship.cascade

    @property
    def required(self) -> bool:
        """Whether some column of the reference is NOT NULL, so that it cannot be set to NULL as a whole."""
        return any(self.table.column(name).not_null for name in self.key.columns)

    def in_sql(self) -> Outcome:
        """Return what a DELETE of the parent in SQL does."""
        return by_database(self.key.on_delete, self.required)

    def by_orm(self, *, loaded: bool) -> Outcome:
        """Return what session.delete(parent) does, with the children loaded before or not."""
        passive = self.relationship.passive_deletes
        if passive == "all" or (passive == "yes" and not loaded):
            return self.in_sql()
        if self.deletes:
            return "deleted"
        return "refused" if self.required else "kept"


def by_database(action: Action | None, required: bool) -> Outcome:
    """Return what the database does with rows that refer to one that is deleted."""
    if action == "cascade":
        return "deleted"
    return "kept" if action == "set null" and not required else "refused"


def severity_of(along: Along) -> Severity | None:
    """Return how bad it is that a relationship and its foreign key say different things; None if they do not."""
    loaded, unloaded, sql = along.by_orm(loaded=True), along.by_orm(loaded=False), along.in_sql()
    action = along.key.on_delete
    if {loaded, unloaded, sql} == {"refused"}:
        # Nobody can delete the parent: meant, unless the key says what it cannot do.
        return "high" if action == "set null" else None
    if "refused" in (loaded, unloaded):
        return "high"
    if loaded == unloaded == sql:
        return "low" if along.relationship.passive_deletes == "no" else None
    if action == "no action":
        return "low" if along.deletes else None
    return "medium"


def relationships_along(facts: Facts) -> Iterator[Along]:
    """Yield each relationship that alone decides about the children of a class.

    Left out are those that only read, that have a condition of their own or a writer beside them, and that never
    load the children as a whole.
    """
    found: dict[tuple[int, int], list[Along]] = {}
    for owner in sorted(mapped_classes(facts), key=lambda each: len(each.bases)):
        for relationship in owner.relationships:
            for table, parent, key in _keys(facts, relationship):
                along = Along(owner, relationship, table, parent, key)
                others = found.setdefault((table.oid, key.oid), [])
                if not any(_inherits(along, other) for other in others):
                    others.append(along)
    for together in found.values():
        writers = [along for along in together if not along.relationship.viewonly]
        if len(writers) == 1 and _is_simple(writers[0].relationship):
            yield writers[0]


def _inherits(along: Along, above: Along) -> bool:
    return above.owner.name in along.owner.bases and above.relationship.name == along.relationship.name


def _is_simple(each: Relationship) -> bool:
    return each.plain and not each.post_update and each.lazy not in ("dynamic", "write_only", "noload")


def _keys(facts: Facts, relationship: Relationship) -> Iterator[tuple[Table, Table, Constraint]]:
    """Yield the foreign key that a relationship from a parent goes along; none if several would do."""
    if relationship.direction != "one to many":
        return
    pairs = sorted((each.column.name, each.referenced.name) for each in relationship.references)
    for names in {(each.column.table, each.referenced.table) for each in relationship.references}:
        child, parent = (table_of(facts, name) for name in names)
        if child is None or parent is None:
            continue
        keys = [
            key
            for key in child.foreign_keys
            if key.referenced == parent.oid
            and sorted(zip(key.columns, key.referenced_columns, strict=True)) == pairs
            and not key.on_delete_columns
            and key.on_delete != "set default"
        ]
        if len(keys) == 1:
            yield child, parent, keys[0]
