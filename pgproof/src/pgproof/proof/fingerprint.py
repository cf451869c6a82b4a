"""The catalog as names and definitions: what a migration may change, and what its downgrade must restore."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psycopg

from pgproof.facts.sql import load
from pgproof.proof.reading import pinned_reading

_OBJECTS = (
    "schemas",
    "relations",
    "columns",
    "constraints",
    "indexes",
    "sequences",
    "functions",
    "triggers",
    "rules",
    "types",
    "policies",
    "statistics_objects",
    "text_search",
    "collations",
    "extensions",
    "default_privileges",
    "database_objects",
)
_ANNOTATIONS = ("comments", "rights")

# Catalog, object and part of an object (a column's number), as in pg_depend and pg_description.
_Address = tuple[int, int, int]


@dataclass(frozen=True)
class CatalogObject:
    """One object of a database.

    Attributes:
        kind: what PostgreSQL calls it: `table`, `table column`, `table constraint`, `index`, `function` ...
        name: its qualified name, quoted where needed, such as `public.users.email`; never an object id.
        definition: one `property: value` per line, the lines of a longer value indented below its first.
    """

    kind: str
    name: str
    definition: str


@dataclass(frozen=True)
class Difference:
    """An object that two fingerprints do not share.

    Attributes:
        kind: as in `CatalogObject`.
        name: as in `CatalogObject`.
        before: the properties that differ, as they were; None where the object did not exist.
        after: the properties that differ, as they are; None where the object no longer exists.
    """

    kind: str
    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class CatalogFingerprint:
    """The objects of a database, ordered by kind and name; equal fingerprints mean equal catalogs."""

    objects: tuple[CatalogObject, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the objects, the same on every machine."""
        text = json.dumps([(o.kind, o.name, o.definition) for o in self.objects])
        return hashlib.sha256(text.encode()).hexdigest()

    def difference(self, other: CatalogFingerprint) -> tuple[Difference, ...]:
        """Return what changed from this fingerprint to the other one, ordered by kind and name."""
        before = {(o.kind, o.name): o.definition for o in self.objects}
        after = {(o.kind, o.name): o.definition for o in other.objects}
        return tuple(
            Difference(kind, name, *_differing(before.get((kind, name)), after.get((kind, name))))
            for kind, name in sorted(before.keys() | after.keys())
            if before.get((kind, name)) != after.get((kind, name))
        )


def read_fingerprint(
    connection: psycopg.Connection[Any],
    *,
    schemas: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
) -> CatalogFingerprint:
    """Read the catalog by name, with owners, rights, comments and options.

    Covers what `pg_dump` without `--create` would restore, except large objects, foreign servers,
    procedural languages, operators and their classes, and subscriptions. Not part of it: rows and the
    current values of sequences, the database's own name and settings, and what belongs to an extension,
    which its version stands for. The number of statements does not depend on the number of objects.

    Args:
        connection: an open connection; an open transaction is read from within and left open.
        schemas: schemas to read; None reads all but the system's, and what lives in no schema
            (publications, event triggers, casts, default privileges).
        exclude: qualified table names, unquoted, such as `public.alembic_version`; each is left out with
            its columns, indexes, constraints, triggers, partitions and the sequences it owns.
    """
    parameters = {"schemas": None if schemas is None else list(schemas), "exclude": list(exclude)}
    with pinned_reading(connection) as cursor:
        names = cursor.execute(load("fingerprint/schema_names"), parameters).fetchall()
        excluded = set(cursor.execute(load("fingerprint/excluded"), parameters).fetchall())
        scope = {"schemas": [name for (name,) in names], "whole_database": schemas is None}

        properties: dict[_Address, dict[str, object]] = {}
        for part in _OBJECTS:
            for address, found in _read(cursor, part, scope):
                if address[:2] not in excluded:
                    properties[address] = found
        for part in _ANNOTATIONS:
            for address, found in _read(cursor, part, scope):
                if address in properties:
                    properties[address] |= found

        named = cursor.execute(
            load("fingerprint/names"),
            {
                "classids": [classid for classid, _, _ in properties],
                "objids": [objid for _, objid, _ in properties],
                "objsubids": [objsubid for _, _, objsubid in properties],
            },
        ).fetchall()
    objects = [
        CatalogObject(kind, name, _definition(found))
        for (kind, name), found in zip(named, properties.values(), strict=True)
    ]
    return CatalogFingerprint(tuple(sorted(objects, key=lambda o: (o.kind, o.name))))


def _read(
    cursor: psycopg.Cursor[tuple[Any, ...]], part: str, scope: Mapping[str, object]
) -> Iterator[tuple[_Address, dict[str, object]]]:
    """Yield the address and the properties of each object of one kind."""
    for classid, objid, objsubid, found in cursor.execute(load(f"fingerprint/{part}"), scope):
        yield (classid, objid, objsubid), found


def _definition(properties: Mapping[str, object]) -> str:
    """Return the properties that are set, one per line; two different sets never give the same text."""
    return "\n".join(f"{name}: {_text(value)}" for name, value in sorted(properties.items()) if value is not None)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.replace("\n", "\n  ")
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _differing(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """Return the properties of each definition that the other does not have; all where there is no other."""
    if before is None or after is None:
        return before, after
    first, second = _properties(before), _properties(after)
    return (
        "\n".join(line for line in first if line not in second),
        "\n".join(line for line in second if line not in first),
    )


def _properties(definition: str) -> list[str]:
    return re.split(r"\n(?! )", definition)
