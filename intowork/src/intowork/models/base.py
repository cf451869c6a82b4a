"""What every model shares: metadata, naming, and the columns that repeat."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated

from sqlalchemy import DateTime, Enum, MetaData, String, Text, func
from sqlalchemy.orm import DeclarativeBase, mapped_column

# PostgreSQL's own default names, written out so that models, migrations and catalog cannot drift apart.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}


class Base(DeclarativeBase):
    """The registry of all tables of the platform."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


PrimaryKey = Annotated[int, mapped_column(primary_key=True)]
Varchar = Annotated[str, mapped_column(String)]
LongText = Annotated[str, mapped_column(Text)]
Timestamp = Annotated[dt.datetime, mapped_column(DateTime(timezone=True))]
CreatedAt = Annotated[
    dt.datetime | None, mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=True)
]
UpdatedAt = Annotated[
    dt.datetime | None,
    mapped_column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), nullable=True),
]


def labels(enumeration: type[enum.StrEnum], name: str) -> Enum:
    """Return the PostgreSQL enum type that stores the lower-case values, never the Python names.

    Args:
        enumeration: the vocabulary.
        name: the type's name in PostgreSQL.
    """
    return Enum(enumeration, name=name, values_callable=lambda members: [member.value for member in members])
