"""What a database holds beside its relations: schemas, sequences, types, extensions, roles and functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schema:
    """A schema and what every role may do in it (`public_create`: CREATE is granted to PUBLIC)."""

    oid: int
    name: str
    owner: str
    public_create: bool
    public_usage: bool
    extension: str | None


@dataclass(frozen=True)
class Sequence:
    """A sequence.

    Attributes:
        owner: table and column that own it (serial, identity).
        feeds: table and column of each default that calls it.
        last_value: None if never used, or not visible to the role (see `readable`).
        extension: name of the extension it belongs to.
        readable: False where the value could not be read, so that None says nothing.
    """

    oid: int
    schema: str
    name: str
    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cycle: bool
    owner: tuple[int, str] | None
    feeds: tuple[tuple[int, str], ...]
    last_value: int | None
    extension: str | None = None
    readable: bool = True


@dataclass(frozen=True)
class UserType:
    """An enum with its labels in order, or a domain with its base type."""

    oid: int
    schema: str
    name: str
    kind: Literal["enum", "domain"]
    labels: tuple[str, ...]
    base_type: str | None
    not_null: bool
    has_check: bool
    extension: str | None = None


@dataclass(frozen=True)
class Extension:
    """An extension; `default_version` is what the server would install today."""

    name: str
    schema: str
    version: str
    default_version: str | None


@dataclass(frozen=True)
class Role:
    """A role and its attributes; `predefined` for PostgreSQL's own pg_* roles."""

    oid: int
    name: str
    superuser: bool
    login: bool
    bypass_row_security: bool
    create_role: bool
    create_database: bool
    replication: bool
    connection_limit: int
    member_of: tuple[str, ...]
    predefined: bool


@dataclass(frozen=True)
class Function:
    """A function or procedure of a user, without its body.

    Attributes:
        sql_body: its body is in the SQL standard's form (BEGIN ATOMIC, RETURN): names were looked up at its creation.
    """

    oid: int
    schema: str
    name: str
    arguments: str
    language: str
    owner: str
    security_definer: bool
    configuration: tuple[str, ...]
    volatility: Literal["immutable", "stable", "volatile"]
    is_trigger: bool
    public_execute: bool
    extension: str | None
    sql_body: bool = False
