"""Reads SQLAlchemy models in the process that imported them; see `pgproof.facts.models` for what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, Table, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper, configure_mappers, registry

from pgproof.errors import PgproofError
from pgproof.facts.models import Models
from pgproof.facts.project.inside import named_object
from pgproof.facts.project.read_mappers import mapped_class
from pgproof.facts.project.read_tables import model_table, table_name
from pgproof.facts.project.source_lines import Sources

_OPTION = "--models"


def collect(*names: str) -> Models:
    """Return what the models behind some names declare.

    Args:
        names: `package.module:attribute` of declarative bases, mapped classes, registries or MetaData.

    Raises:
        PgproofError: a name leads to no models, or the mappers do not fit together; one line with the way out.
    """
    with noted_mappers() as mappers:
        found = [(name, metadata_of(named_object(name, _OPTION), name)) for name in names]
        # A project may import the rest of its models when SQLAlchemy asks for them.
        configure(names)
    for name, metadata in found:
        if not metadata.tables:
            raise PgproofError(
                f"{_OPTION} {name} has no tables yet: name it in a module that imports all models, such as the "
                "package that Alembic's env.py imports"
            )
    return models_of(names, [metadata for _, metadata in found], mappers, Path.cwd())


def configure(names: tuple[str, ...]) -> None:
    """Have SQLAlchemy put the mappers together.

    Args:
        names: by which the models were given, for messages.

    Raises:
        PgproofError: they do not fit together.
    """
    try:
        configure_mappers()
    except SQLAlchemyError as error:
        said = " ".join(str(error).split())[:300]
        raise PgproofError(
            f"{_OPTION} {' '.join(names)}: the mappers do not fit together: {said}; name a module that imports every "
            "model, or mend the relationship"
        ) from None


@contextmanager
def noted_mappers() -> Iterator[list[Mapper[Any]]]:
    """Note every mapper that is made meanwhile: a MetaData does not know the classes that are mapped to its tables."""
    mappers: list[Mapper[Any]] = []

    def note(mapper: Mapper[Any], cls: type) -> None:
        mappers.append(mapper)

    event.listen(Mapper, "instrument_class", note)
    try:
        yield mappers
    finally:
        event.remove(Mapper, "instrument_class", note)


def models_of(
    names: tuple[str, ...], metadata: Iterable[MetaData], mappers: Iterable[Mapper[Any]], root: Path
) -> Models:
    """Return what tables and mappers declare.

    Args:
        names: by which they were given.
        metadata: whose tables are read.
        mappers: configured; those of other tables are left out.
        root: of the project, to which source files are relative.
    """
    tables = {table_name(table): table for each in metadata for table in each.tables.values()}
    chosen = sorted(
        (mapper for mapper in mappers if _is_of(mapper, tables.values())),
        key=lambda mapper: (mapper.class_.__module__, mapper.class_.__qualname__),
    )
    sources = Sources(root)
    return Models(
        names,
        tuple(model_table(tables[name], chosen, sources) for name in sorted(tables, key=str)),
        tuple(mapped_class(mapper, sources) for mapper in chosen),
    )


def _is_of(mapper: Mapper[Any], tables: Iterable[Table]) -> bool:
    known = set(tables)
    return any(table in known for table in mapper.tables)


def metadata_of(given: Any, name: str) -> MetaData:
    """Return the MetaData of a declarative base, a registry, or what was given itself.

    Raises:
        PgproofError: it is none of these.
    """
    if isinstance(given, MetaData):
        return given
    if isinstance(given, registry):
        return given.metadata
    metadata = getattr(given, "metadata", None)
    if isinstance(metadata, MetaData):
        return metadata
    raise PgproofError(
        f"{_OPTION} {name} is a {type(given).__name__}: name a declarative base, a registry or a MetaData"
    )
