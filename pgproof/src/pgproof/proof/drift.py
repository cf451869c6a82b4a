"""What the models would create against what is there, by the fingerprints of two databases.

Compared are tables, columns, constraints, indexes, enums and domains, and sequences that belong to no column; of them
what a model can say. Left out are owners, rights, comments, storage, the order of columns, partitions of a table, and
Alembic's own table. A constraint or an index that differs in its name alone is no drift: SQLAlchemy, a naming
convention and PostgreSQL name what nobody named each in its own way, and nothing but its name depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.errors import PgproofError
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.project.create_tables import Created
from pgproof.facts.source import ServerSource, connect
from pgproof.proof.copy import prepare_database
from pgproof.proof.fingerprint import CatalogFingerprint, CatalogObject, read_fingerprint
from pgproof.server import ServerError, find_binaries, running_server

ALEMBIC = "alembic_version"
_SAID = {
    "table": ("persistence", "partition key"),
    "table column": ("type", "collation", "not null", "default", "generated stored", "generated virtual", "identity"),
    "table constraint": ("definition",),
    "domain constraint": ("definition",),
    "index": ("definition", "valid"),
    "sequence": ("type", "start", "increment", "minimum", "maximum", "cycle"),
    "type": ("kind", "labels", "base type", "not null", "default"),
}
"""What is compared: kinds of objects, and of each the properties that a model can say."""
_IDENTIFIER = r'(?:"(?:[^"]|"")*"|[^".\s]+)'
_INDEX_NAME = re.compile(rf"^(CREATE (?:UNIQUE )?INDEX) {_IDENTIFIER} ON ")
_INDEX_TABLE = re.compile(rf"CREATE (?:UNIQUE )?INDEX {_IDENTIFIER} ON (?:ONLY )?({_IDENTIFIER}\.{_IDENTIFIER}) ")
_SCHEMA = re.compile(rf"({_IDENTIFIER})\.")
# PostgreSQL prints the list of an IN with other casts once the constraint went through a dump, and means the same.
_CAST_ITEM = re.compile(r"\(('(?:[^']|'')*'::[a-z ]+)\)::text\b(?!\[)")
_CAST_LIST = re.compile(r"\((ARRAY\[[^\]]*\])\)::text\[\]")


@dataclass(frozen=True)
class Different:
    """An object that both have, and differently.

    Attributes:
        models: property and value, where they differ; None for no value.
        database: the same of the database.
    """

    kind: str
    name: str
    models: tuple[tuple[str, str | None], ...]
    database: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class NamedOtherwise:
    """A constraint or an index that has another name in the database."""

    kind: str
    models: str
    database: str


@dataclass(frozen=True)
class Drift:
    """What models and database do not share.

    Attributes:
        schemas: that were compared.
        tables: how many the models have.
        missing: what the models would create and the database lacks; of a table, the table alone.
        extra: what the database has of the models' tables, and the models do not.
        unknown_tables: tables of these schemas that no model has.
        different: what both have differently.
        named_otherwise: no drift.
    """

    schemas: tuple[str, ...]
    tables: int
    missing: tuple[CatalogObject, ...]
    extra: tuple[CatalogObject, ...]
    unknown_tables: tuple[str, ...]
    different: tuple[Different, ...]
    named_otherwise: tuple[NamedOtherwise, ...]

    @property
    def count(self) -> int:
        """How many objects drifted."""
        return len(self.missing) + len(self.extra) + len(self.unknown_tables) + len(self.different)


def drift(source: ServerSource, project: Project, models: tuple[str, ...], schemas: tuple[str, ...] = ()) -> Drift:
    """Return what the models would create against what is there.

    Args:
        source: that is only read.
        project: whose models are imported, in a process of their own.
        models: by name.
        schemas: to compare; none for those of the models' tables.

    Raises:
        PgproofError: no connection, models that cannot be imported or created, or a schema that is not there.
    """
    with connect(source) as connection:
        row = connection.execute("SELECT /* pgproof */ coalesce(current_schema(), 'public')").fetchone()
        assert row is not None
        default_schema = str(row[0])
        with (
            running_server(binaries=binaries_like(connection), settings={"fsync": "off"}) as server,
            server.scratch_database() as scratch,
        ):
            own = prepare_database(scratch, source.conninfo)
            created = ask_project(project, "create", (own, default_schema, *models), Created)
            compared = schemas or created.schemas
            with psycopg.connect(scratch) as ours:
                wanted = read_fingerprint(ours, schemas=compared)
        exclude = [f"{schema}.{ALEMBIC}" for schema in compared]
        there = read_fingerprint(connection, schemas=compared, exclude=exclude)
        _refuse_unknown_schemas(connection, compared if schemas else ())
    return compare(wanted, there, compared, created.tables)


def compare(wanted: CatalogFingerprint, there: CatalogFingerprint, schemas: tuple[str, ...], tables: int) -> Drift:
    """Return what two fingerprints do not share, of what a model can say.

    Args:
        wanted: of a database with nothing but what the models create.
        there: of the database.
        schemas: both were read of.
        tables: that the models have.
    """
    ours, theirs = _View(wanted), _View(there)
    lacking = {key: each for key, each in ours.objects.items() if key not in theirs.objects}
    more = {key: each for key, each in theirs.objects.items() if key not in ours.objects}
    pairs = tuple(_same_but_name(ours, lacking, theirs, more))
    for one, other in pairs:
        del lacking[one], more[other]
    unknown = tuple(name for kind, name in more if kind == "table")
    return Drift(
        schemas=schemas,
        tables=tables,
        missing=tuple(_topmost(ours, lacking)),
        extra=tuple(each for each in _topmost(theirs, more) if each.kind != "table"),
        unknown_tables=unknown,
        different=tuple(_different(ours, theirs)),
        named_otherwise=tuple(NamedOtherwise(one[0], one[1], other[1]) for one, other in pairs),
    )


_Key = tuple[str, str]


class _View:
    """Objects of a fingerprint with what is compared of them."""

    def __init__(self, fingerprint: CatalogFingerprint) -> None:
        raw = {(each.kind, each.name): dict(_properties(each.definition)) for each in fingerprint.objects}
        partitions = {name for (kind, name), said in raw.items() if kind == "table" and "partition bound" in said}
        self.tables = tuple(name for kind, name in raw if kind == "table" and name not in partitions)
        self._owned = {name: said["owned by"] for (_, name), said in raw.items() if "owned by" in said}
        backing = set(_backing_indexes(raw))
        self.objects: dict[_Key, CatalogObject] = {}
        self.said: dict[_Key, dict[str, str]] = {}
        for (kind, name), said in raw.items():
            if kind not in _SAID or ("owned by" in said and kind == "sequence") or (kind, name) in backing:
                continue
            # PostgreSQL 18 has a constraint for each NOT NULL, which the column says as well.
            if kind == "table constraint" and said["definition"].startswith("NOT NULL"):
                continue
            kept = {key: self._value(name, key, value) for key, value in said.items() if key in _SAID[kind]}
            table = _table_of(kind, name, said)
            if table in partitions or name in partitions:
                continue
            definition = "\n".join(f"{key}: {value}" for key, value in kept.items())
            self.objects[kind, name] = CatalogObject(kind, name, definition)
            self.said[kind, name] = kept

    def table_of(self, key: _Key) -> str | None:
        """The table that an object is part of; None for one that stands for itself."""
        return _table_of(*key, self.said[key])

    def _value(self, name: str, key: str, value: str) -> str:
        if key == "default":
            for sequence, column in self._owned.items():
                literal = sequence.replace("'", "''")
                if column == name and value == f"nextval('{literal}'::regclass)":
                    return "the next number of its own sequence"
        return _CAST_LIST.sub(r"\1", _CAST_ITEM.sub(r"\1", value)) if key in ("definition", "default") else value


def _properties(definition: str) -> Iterator[tuple[str, str]]:
    for line in re.split(r"\n(?! )", definition):
        key, _, value = line.partition(": ")
        yield key, value


def _table_of(kind: str, name: str, said: dict[str, str]) -> str | None:
    if kind == "table column":
        return re.sub(rf"\.{_IDENTIFIER}$", "", name)
    if kind == "table constraint":
        return re.sub(rf"^{_IDENTIFIER} on ", "", name)
    if kind == "index":
        found = _INDEX_TABLE.match(said["definition"])
        return found[1] if found else None
    return None


def _backing_indexes(raw: dict[_Key, dict[str, str]]) -> Iterator[_Key]:
    """The indexes that constraints have, which the constraints say all about."""
    for (kind, name), said in raw.items():
        if kind == "table constraint" and "index" in said:
            schema = _SCHEMA.match(_table_of(kind, name, said) or "")
            for index in (said["index"], '"' + said["index"].replace('"', '""') + '"'):
                yield "index", f"{schema[1] if schema else ''}.{index}"


def _same_but_name(
    ours: _View, lacking: dict[_Key, CatalogObject], theirs: _View, more: dict[_Key, CatalogObject]
) -> Iterator[tuple[_Key, _Key]]:
    """Constraints and indexes of one table whose definitions are the same, one of each side at most."""
    free = {key: _nameless(theirs, key) for key in more if key[0] in ("table constraint", "index")}
    for key in lacking:
        if key[0] not in ("table constraint", "index"):
            continue
        same = next((other for other, text in free.items() if text == _nameless(ours, key)), None)
        if same is not None:
            del free[same]
            yield key, same


def _nameless(view: _View, key: _Key) -> tuple[object, ...]:
    said = view.said[key]
    definition = _INDEX_NAME.sub(r"\1 ON ", said["definition"])
    return key[0], view.table_of(key), definition, said.get("valid")


def _topmost(view: _View, objects: dict[_Key, CatalogObject]) -> Iterator[CatalogObject]:
    """Objects without those that are part of a table among them."""
    tables = {name for kind, name in objects if kind == "table"}
    for key, each in objects.items():
        if view.table_of(key) not in tables:
            yield each


def _different(ours: _View, theirs: _View) -> Iterator[Different]:
    for key, one in ours.said.items():
        other = theirs.said.get(key)
        if other is None or one == other:
            continue
        names = [name for name in _SAID[key[0]] if one.get(name) != other.get(name)]
        yield Different(
            *key, tuple((name, one.get(name)) for name in names), tuple((name, other.get(name)) for name in names)
        )


def binaries_like(connection: psycopg.Connection[Any]) -> str:
    """Programs of the source's own major version where the system has them, so that it has the same extensions."""
    wanted = f"system:{connection.info.server_version // 10_000}"
    try:
        find_binaries(wanted)
    except ServerError:
        return "embedded"
    return wanted


def _refuse_unknown_schemas(connection: psycopg.Connection[Any], names: Iterable[str]) -> None:
    for name in names:
        if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", (name,)).fetchone() is None:
            raise PgproofError(f"there is no schema {name} in {connection.info.dbname}")
