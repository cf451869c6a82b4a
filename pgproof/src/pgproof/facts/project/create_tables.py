"""Makes the tables of the project's models in a scratch database, which alone the project's code may reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import PgproofError
from pgproof.facts.project.guard import guard, targets_of
from pgproof.facts.project.inside import named_object, said_by

if TYPE_CHECKING:
    pass

OPTION = "--models"


@dataclass(frozen=True)
class Created:
    """What was made.

    Attributes:
        schemas: that its tables are in.
        tables: how many.
    """

    schemas: tuple[str, ...]
    tables: int


def collect(url: str, default_schema: str, *names: str) -> Created:
    """Make the tables and say where they are.

    Args:
        url: of the scratch database, for libpq.
        default_schema: where tables without a schema belong.
        names: of a declarative base, a registry or a MetaData each.

    Raises:
        PgproofError: a name leads to none of these, or PostgreSQL refused a table.
    """
    from sqlalchemy import NullPool, create_engine, make_url
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.schema import CreateSchema

    from pgproof.facts.project.read_models import configure, metadata_of

    every = [metadata_of(named_object(name, OPTION), name) for name in names]
    # A project may import the rest of its models when SQLAlchemy asks for them.
    configure(names)
    tables = [table for metadata in every for table in metadata.tables.values()]
    if not tables:
        raise PgproofError(f"{OPTION} {', '.join(names)} has no tables: import the modules of the models with it")
    schemas = tuple(sorted({table.schema or default_schema for table in tables}))
    for target in targets_of(url):
        guard.allow(target)
    path = '"' + default_schema.replace('"', '""') + '"'
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        # libpq wants spaces and backslashes of a value escaped.
        connect_args={"options": "-c search_path=" + path.replace("\\", "\\\\").replace(" ", "\\ ")},
    )
    try:
        with engine.begin() as connection:
            for schema in schemas:
                connection.execute(CreateSchema(schema, if_not_exists=True))
            for metadata in every:
                metadata.create_all(connection)
    except SQLAlchemyError as error:
        said = said_by(getattr(error, "orig", None) or error).partition(": ")[2]
        raise PgproofError(
            f"{OPTION} {', '.join(names)}: PostgreSQL does not make these tables ({said}): drift needs models that"
            " metadata.create_all() can make on an empty database"
        ) from None
    return Created(schemas, len(tables))
