"""Turns rows of the catalog into values that refer to each other by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from pgproof.facts import catalog, objects
from pgproof.facts.table_statistics import ColumnStatistics, TableStatistics

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = dict[str, list[Row]]

_DESCENDING, _NULLS_FIRST = 1, 2


def assemble_catalog(rows: Mapping[str, list[Row]], locked: frozenset[int]) -> catalog.Catalog:
    """Return the catalog that the rows of `queries/catalog/*.sql` describe.

    Args:
        rows: by name of the statement.
        locked: oids of relations whose definitions and sizes were left out.
    """
    names = {(row["relation"], row["number"]): row["name"] for row in rows["columns"]}
    definitions = {(row["kind"], row["oid"], row["part"]): row["definition"] for row in rows["definitions"]}
    return catalog.Catalog(
        schemas=tuple(objects.Schema(**row) for row in rows["schemas"]),
        tables=tuple(_tables(rows, names, definitions, locked)),
        sequences=tuple(_sequences(rows, names)),
        types=tuple(objects.UserType(**_with_tuples(row, "labels")) for row in rows["types"]),
        extensions=tuple(objects.Extension(**row) for row in rows["extensions"]),
        roles=tuple(objects.Role(**_with_tuples(row, "member_of")) for row in rows["roles"]),
        functions=tuple(objects.Function(**_with_tuples(row, "configuration")) for row in rows["functions"]),
    )


def _tables(
    rows: Mapping[str, list[Row]],
    names: Mapping[tuple[int, int], str],
    definitions: Mapping[tuple[str, int, int], str],
    locked: frozenset[int],
) -> Iterable[catalog.Table]:
    sizes = {row["oid"]: row for row in rows["sizes"]}
    counted = {row.pop("relation"): TableStatistics(**row) for row in _copies(rows["table_statistics"])}
    statistics = {
        (row.pop("relation"), row.pop("column")): _column_statistics(row) for row in _copies(rows["column_statistics"])
    }
    parts = {name: _by_relation(rows[name]) for name in _PARTS}

    def named(oid: int, numbers: Iterable[int] | None) -> tuple[str, ...]:
        return tuple(names[oid, number] for number in numbers or () if number > 0)

    for row in _copies(rows["relations"]):
        oid = row["oid"]
        row["parents"] = tuple(row["parents"] or ())
        row["options"] = tuple(row["options"] or ())
        row["partition_key"] = tuple(names.get((oid, number)) for number in row["partition_key"] or ())
        size = sizes.get(oid)
        yield catalog.Table(
            **row,
            heap_bytes=size["heap_bytes"] if size else None,
            bytes=size["bytes"] if size else None,
            locked=oid in locked,
            statistics=counted.get(oid),
            columns=tuple(
                catalog.Column(
                    **column,
                    default=definitions.get(("default", oid, column["number"])) if column["has_default"] else None,
                    statistics=statistics.get((oid, column["name"])),
                )
                for column in parts["columns"][oid]
            ),
            constraints=tuple(_constraint(part, oid, named, definitions) for part in parts["constraints"][oid]),
            indexes=tuple(_index(part, oid, names, sizes, definitions) for part in parts["indexes"][oid]),
            policies=tuple(
                catalog.Policy(
                    **_with_tuples(part, "roles"),
                    using=definitions.get(("policy using", part["oid"], 0)),
                    check=definitions.get(("policy check", part["oid"], 0)),
                )
                for part in parts["policies"][oid]
            ),
            triggers=tuple(_trigger(part) for part in parts["triggers"][oid]),
            grants=tuple(
                catalog.Grant(
                    part["grantee"], part["privilege"], names[oid, part["number"]] if part["number"] else None
                )
                for part in parts["grants"][oid]
            ),
            extended_statistics=tuple(
                catalog.ExtendedStatistics(
                    **{**part, "columns": named(oid, part["columns"]), "kinds": tuple(part["kinds"])}
                )
                for part in parts["extended_statistics"][oid]
            ),
        )


_PARTS = ("columns", "constraints", "indexes", "policies", "triggers", "grants", "extended_statistics")


def _constraint(row: Row, oid: int, named: Any, definitions: Mapping[tuple[str, int, int], str]) -> catalog.Constraint:
    row["columns"] = named(oid, row["columns"])
    row["referenced_columns"] = named(row["referenced"], row["referenced_columns"])
    row["on_delete_columns"] = named(oid, row["on_delete_columns"])
    kind = "check" if row["kind"] == "check" else "exclusion"
    return catalog.Constraint(**row, expression=definitions.get((kind, row["oid"], 0)))


def _index(
    row: Row,
    table: int,
    names: Mapping[tuple[int, int], str],
    sizes: Mapping[int, Row],
    definitions: Mapping[tuple[str, int, int], str],
) -> catalog.Index:
    oid = row["oid"]
    key_columns, attributes = row.pop("key_columns"), row.pop("attributes")
    options, classes, collations = row.pop("options"), row.pop("operator_classes"), row.pop("collations")
    keys = tuple(
        catalog.IndexKey(
            column=names[table, attribute] if attribute else None,
            expression=None if attribute else definitions.get(("expression", oid, position + 1)),
            operator_class=classes[position],
            collation=collations[position],
            descending=bool(options[position] & _DESCENDING),
            nulls_first=bool(options[position] & _NULLS_FIRST),
        )
        for position, attribute in enumerate(attributes[:key_columns])
    )
    row["storage_options"] = tuple(row["storage_options"] or ())
    size = sizes.get(oid)
    return catalog.Index(
        **row,
        keys=keys,
        include=tuple(names[table, attribute] for attribute in attributes[key_columns:]),
        predicate=definitions.get(("predicate", oid, 0)),
        bytes=size["bytes"] if size else None,
        definition=definitions.get(("index", oid, 0)),
    )


def _trigger(row: Row) -> catalog.Trigger:
    function = catalog.QualifiedName(row.pop("function_schema"), row.pop("function_name"))
    return catalog.Trigger(**_with_tuples(row, "events"), function=function)


def _sequences(rows: Mapping[str, list[Row]], names: Mapping[tuple[int, int], str]) -> Iterable[objects.Sequence]:
    values = {row["oid"]: row["last_value"] for row in rows["sequence_values"]}
    for row in _copies(rows["sequences"]):
        table, number = row.pop("owner_table"), row.pop("owner_column")
        row.pop("readable")
        feeds = [(packed >> 16, packed & 0xFFFF) for packed in row.pop("feeds") or ()]
        yield objects.Sequence(
            **row,
            owner=(table, names[table, number]) if (table, number) in names else None,
            feeds=tuple(
                (relation, names[relation, column]) for relation, column in feeds if (relation, column) in names
            ),
            last_value=values.get(row["oid"]),
            readable=row["oid"] in values,
        )


def _column_statistics(row: Row) -> ColumnStatistics:
    row.pop("inherited")
    row["common_frequencies"] = tuple(row["common_frequencies"] or ())
    return ColumnStatistics(**row)


def _by_relation(rows: Iterable[Row]) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in _copies(rows):
        grouped[row.pop("relation")].append(row)
    return grouped


def _with_tuples(row: Row, *fields: str) -> Row:
    return {**row, **{field: tuple(row[field] or ()) for field in fields}}


def _copies(rows: Iterable[Row]) -> Iterable[Row]:
    return (dict(row) for row in rows)
