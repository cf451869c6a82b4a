"""What mends a finding beyond its rule's operations: types that change safely, and what only people may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pgproof.facts.catalog import Catalog, Column, QualifiedName, Table
from pgproof.facts.models import Models, ModelTable
from pgproof.remedy.column_types import ChangeType, why_not_changed
from pgproof.remedy.expired import QuarantineExpired
from pgproof.remedy.operation import Operation
from pgproof.rules.finding import Finding

_INTEGERS = ("int2", "int4", "int8")
_EXPIRED_DAYS = 30
_TIME_ZONE = (
    "no revision does it: only people know which zone the values are of, and unless the session's TimeZone is UTC the"
    " change writes every row anew while everybody waits"
)
_DECIDE = "or say so in the file of --decisions"
_LOST = (
    "spaces, the order of keys and repeated keys would be lost, and no downgrade brings them back: change it by hand,"
    f" {_DECIDE}"
)


@dataclass(frozen=True)
class Further:
    """What more there is to do about a finding.

    Attributes:
        operations: that a revision does.
        optional: that it does only where people decide so.
        left: why something is left to people, a line each.
    """

    operations: tuple[Operation, ...] = ()
    optional: tuple[Operation, ...] = ()
    left: tuple[str, ...] = ()


def further(finding: Finding, catalog: Catalog, models: Models | None, default_schema: str = "public") -> Further:
    """Return what mends a finding beside what its rule says.

    Args:
        finding: of an audit.
        catalog: of the same facts.
        models: of the same facts; None where none were given.
        default_schema: where tables of the models without a schema are.
    """
    subject = finding.objects[0] if finding.objects else None
    if subject is None or finding.slug not in _OF:
        return Further()
    table = catalog.named(QualifiedName(subject.schema or "", subject.table or ""))
    if table is None:
        return Further()
    name = (table.schema, table.name)
    model = next(
        (
            each
            for each in (models.tables if models else ())
            if (each.name.schema or default_schema, each.name.name) == name
        ),
        None,
    )
    return _OF[finding.slug](finding, catalog, table, model)


def _lengths(finding: Finding, catalog: Catalog, table: Table, model: ModelTable | None) -> Further:
    """A varchar becomes as long as the models say; one that is longer already is for people."""
    found = Further()
    for name in finding.objects[0].columns:
        column, stated = table.column(name), model.column(name) if model is not None else None
        if stated is None or column.length is None or (stated.length is not None and stated.length < column.length):
            return found
        if stated.length is not None:
            wanted = f"character varying({stated.length})"
        else:
            wanted = "text" if (stated.type or "").upper() == "TEXT" else "character varying"
        found = _changed(found, catalog, table, column, wanted)
    return found


def _references(finding: Finding, catalog: Catalog, table: Table, model: ModelTable | None) -> Further:
    """A column becomes as wide as the key it refers to, where both are text or both integers."""
    column = table.column(finding.objects[0].columns[0])
    parent = finding.related[0]
    referred = catalog.named(QualifiedName(parent.schema or "", parent.table or ""))
    if referred is None:
        return Further()
    key = referred.column(parent.columns[0])
    if column.base_type in _INTEGERS and key.base_type in _INTEGERS and key.type_kind == "b":
        referred_to = any(column.name in each.referenced_columns for _, each in catalog.referencing(table))
        if column.identity is not None or referred_to:
            return Further(left=(f"what counts {column.name} up, or refers to it, has to become wider with it",))
        return _changed(Further(), catalog, table, column, key.type, rewrites=True)
    if key.base_type in ("varchar", "text") and key.type_kind == "b":
        return _changed(Further(), catalog, table, column, key.type)
    return Further()


def _changed(
    found: Further, catalog: Catalog, table: Table, column: Column, wanted: str, *, rewrites: bool = False
) -> Further:
    if not rewrites and column.base_type != "varchar":
        return found
    why = why_not_changed(catalog, table, column, rewrites=rewrites)
    if why is not None:
        return Further(found.operations, found.optional, (*found.left, f"{column.name}: {why}"))
    change = ChangeType(table.schema, table.name, column.name, wanted, column.type, rewrites)
    return Further((*found.operations, change), found.optional, found.left)


def _json(finding: Finding, catalog: Catalog, table: Table, model: ModelTable | None) -> Further:
    """A small table's json may become jsonb, which no longer has the text as it came."""
    optional, left = [], []
    for name in finding.objects[0].columns:
        column = table.column(name)
        why = why_not_changed(catalog, table, column, rewrites=True)
        if why is None and (column.base_type != "json" or column.has_default):
            why = "it is an array or has a default, which would change as well: write the change by hand"
        if why is None:
            optional.append(ChangeType(table.schema, table.name, name, "jsonb", column.type, rewrites=True))
        left.append(f"{name}: {why or _LOST}")
    return Further(optional=tuple(optional), left=tuple(left))


def _expired(finding: Finding, catalog: Catalog, table: Table, model: ModelTable | None) -> Further:
    """Ended rows may move aside, where nothing else happens with a row that goes."""
    key = table.primary_key.columns if table.primary_key is not None else ()
    alone = table.kind == "table" and not (
        catalog.partitions(table) or table.parents or table.triggers or table.policies
    )
    if len(key) != 1 or not alone or catalog.referencing(table):
        return Further()
    columns = tuple(column.name for column in table.columns if column.generated is None)
    moved = QuarantineExpired(
        table.schema, table.name, columns, key=key[0], column=finding.objects[0].columns[0], days=_EXPIRED_DAYS
    )
    return Further(
        optional=(moved,), left=(f"a job deletes them again and again; to move those of today aside, {_DECIDE[3:]}",)
    )


def _zones(finding: Finding, catalog: Catalog, table: Table, model: ModelTable | None) -> Further:
    return Further(left=(_TIME_ZONE,))


_OF: dict[str, Callable[[Finding, Catalog, Table, ModelTable | None], Further]] = {
    "length-mismatch": _lengths,
    "foreign-key-type-mismatch": _references,
    "json-instead-of-jsonb": _json,
    "expired-rows-kept": _expired,
    "timestamp-without-zone": _zones,
}
MENDED = frozenset(_OF) - {"timestamp-without-zone"}
"""Slugs of the rules whose findings it may mend."""
