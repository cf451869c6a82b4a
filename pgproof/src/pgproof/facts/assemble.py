"""Turns rows of the catalog into values that refer to each other by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from pgproof.facts import catalog, objects
from pgproof.facts.fetched import Fetched, Row
from pgproof.facts.table_statistics import ColumnStatistics, TableStatistics

Part = TypeVar("Part")
_DESCENDING, _NULLS_FIRST = 1, 2


def assemble_catalog(rows: Mapping[str, Fetched], locked: frozenset[int]) -> catalog.Catalog:
    """Return the catalog that the rows of `queries/catalog/*.sql` describe.

    Args:
        rows: by name of the statement; each is used up.
        locked: oids of relations whose definitions and sizes were left out.
    """
    parts = _Parts(rows)
    return catalog.Catalog(
        schemas=tuple(objects.Schema(**row) for row in rows["schemas"]),
        tables=tuple(parts.tables(locked)),
        sequences=tuple(_sequences(rows, parts.names)),
        types=tuple(objects.UserType(**_with_tuples(row, "labels")) for row in rows["types"]),
        extensions=tuple(objects.Extension(**row) for row in rows["extensions"]),
        roles=tuple(objects.Role(**_with_tuples(row, "member_of")) for row in rows["roles"]),
        functions=tuple(objects.Function(**_with_tuples(row, "configuration")) for row in rows["functions"]),
    )


class _Parts:
    """What tables are made of, by their oid; each statement's rows are let go as soon as they are values."""

    def __init__(self, rows: Mapping[str, Fetched]) -> None:
        self._rows = rows
        self._shared: dict[str, str] = {}
        self._names: dict[int, dict[int, str]] = defaultdict(dict)
        for row in rows["columns"]:
            self._names[row["relation"]][row["number"]] = self._shared.setdefault(row["name"], row["name"])
        self._definitions = {
            (row["kind"], row["oid"], row["part"]): row["definition"]
            for row in rows["definitions"].consumed(self._shared)
        }
        self._sizes = {row["oid"]: row for row in rows["sizes"]}
        self._statistics = {
            (row.pop("relation"), row.pop("column")): _column_statistics(row)
            for row in rows["column_statistics"].consumed(self._shared)
        }

    def names(self, oid: int, numbers: Iterable[int] | None) -> tuple[str, ...]:
        """Return the names of columns of a relation by their numbers."""
        names = self._names[oid]
        return tuple(names[number] for number in numbers or () if number > 0)

    def tables(self, locked: frozenset[int]) -> Iterable[catalog.Table]:
        """Yield each relation with its parts."""
        counted = {row.pop("relation"): TableStatistics(**row) for row in self._rows["table_statistics"]}
        columns = self._grouped("columns", self._column)
        constraints = self._grouped("constraints", self._constraint)
        indexes = self._grouped("indexes", self._index)
        policies = self._grouped("policies", self._policy)
        triggers = self._grouped("triggers", _trigger)
        grants = self._grouped("grants", self._grant)
        extended = self._grouped("extended_statistics", self._extended_statistics)
        for row in self._rows["relations"].consumed(self._shared):
            oid = row["oid"]
            numbers = row["partition_key"] or ()
            row["partition_key"] = tuple(self._names[oid].get(number) for number in numbers)
            size = self._sizes.get(oid)
            yield catalog.Table(
                **_with_tuples(row, "parents", "options"),
                heap_bytes=size["heap_bytes"] if size else None,
                bytes=size["bytes"] if size else None,
                locked=oid in locked,
                statistics=counted.get(oid),
                columns=tuple(columns[oid]),
                constraints=tuple(constraints[oid]),
                indexes=tuple(indexes[oid]),
                policies=tuple(policies[oid]),
                triggers=tuple(triggers[oid]),
                grants=tuple(grants[oid]),
                extended_statistics=tuple(extended[oid]),
            )

    def _grouped(self, name: str, make: Callable[[Row, int], Part]) -> dict[int, list[Part]]:
        grouped: dict[int, list[Part]] = defaultdict(list)
        for row in self._rows[name].consumed(self._shared):
            oid = row.pop("relation")
            grouped[oid].append(make(row, oid))
        return grouped

    def _column(self, row: Row, table: int) -> catalog.Column:
        default = self._definitions.get(("default", table, row["number"])) if row["has_default"] else None
        return catalog.Column(**row, default=default, statistics=self._statistics.get((table, row["name"])))

    def _constraint(self, row: Row, table: int) -> catalog.Constraint:
        row["columns"] = self.names(table, row["columns"])
        row["referenced_columns"] = self.names(row["referenced"], row["referenced_columns"])
        row["on_delete_columns"] = self.names(table, row["on_delete_columns"])
        kind = "check" if row["kind"] == "check" else "exclusion"
        return catalog.Constraint(**row, expression=self._definitions.get((kind, row["oid"], 0)))

    def _index(self, row: Row, table: int) -> catalog.Index:
        oid, names, definitions = row["oid"], self._names[table], self._definitions
        key_columns, attributes = row.pop("key_columns"), row.pop("attributes")
        options, classes, collations = row.pop("options"), row.pop("operator_classes"), row.pop("collations")
        keys = tuple(
            catalog.IndexKey(
                column=names[attribute] if attribute else None,
                expression=None if attribute else definitions.get(("expression", oid, position + 1)),
                operator_class=self._same(classes[position]),
                collation=self._same(collations[position]),
                descending=bool(options[position] & _DESCENDING),
                nulls_first=bool(options[position] & _NULLS_FIRST),
            )
            for position, attribute in enumerate(attributes[:key_columns])
        )
        size = self._sizes.get(oid)
        return catalog.Index(
            **_with_tuples(row, "storage_options"),
            keys=keys,
            include=tuple(names[attribute] for attribute in attributes[key_columns:]),
            predicate=definitions.get(("predicate", oid, 0)),
            bytes=size["bytes"] if size else None,
            definition=definitions.get(("index", oid, 0)),
        )

    def _same(self, text: str | None) -> str | None:
        return text if text is None else self._shared.setdefault(text, text)

    def _policy(self, row: Row, _table: int) -> catalog.Policy:
        return catalog.Policy(
            **_with_tuples(row, "roles"),
            using=self._definitions.get(("policy using", row["oid"], 0)),
            check=self._definitions.get(("policy check", row["oid"], 0)),
        )

    def _grant(self, row: Row, table: int) -> catalog.Grant:
        column = self._names[table][row["number"]] if row["number"] else None
        return catalog.Grant(row["grantee"], row["privilege"], column)

    def _extended_statistics(self, row: Row, table: int) -> catalog.ExtendedStatistics:
        columns = self.names(table, row["columns"])
        return catalog.ExtendedStatistics(**{**row, "columns": columns, "kinds": tuple(row["kinds"])})


def _trigger(row: Row, _table: int) -> catalog.Trigger:
    function = catalog.QualifiedName(row.pop("function_schema"), row.pop("function_name"))
    return catalog.Trigger(**_with_tuples(row, "events"), function=function)


def _sequences(
    rows: Mapping[str, Fetched], names: Callable[[int, Iterable[int] | None], tuple[str, ...]]
) -> Iterable[objects.Sequence]:
    values = {row["oid"]: row["last_value"] for row in rows["sequence_values"]}

    def column(relation: int, number: int) -> tuple[tuple[int, str], ...]:
        try:
            return tuple((relation, name) for name in names(relation, (number,)))
        except KeyError:
            return ()

    for row in rows["sequences"]:
        owner = column(row.pop("owner_table") or 0, row.pop("owner_column") or 0)
        row.pop("readable")
        feeds = [(packed >> 16, packed & 0xFFFF) for packed in row.pop("feeds") or ()]
        yield objects.Sequence(
            **row,
            owner=owner[0] if owner else None,
            feeds=tuple(fed for relation, number in feeds for fed in column(relation, number)),
            last_value=values.get(row["oid"]),
            readable=row["oid"] in values,
        )


def _column_statistics(row: Row) -> ColumnStatistics:
    row.pop("inherited")
    row["common_frequencies"] = tuple(row["common_frequencies"] or ())
    return ColumnStatistics(**row)


def _with_tuples(row: Row, *fields: str) -> Row:
    return {**row, **{field: tuple(row[field] or ()) for field in fields}}
