"""How a fault of integrity can be shown happening; `pgproof reproduce` turns each into a script and replays it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pgproof.facts.catalog import QualifiedName


@dataclass(frozen=True)
class EqualRows:
    """Two sessions insert a row with the same values of some columns, and both commit.

    Attributes:
        differ_in_case: text columns whose two values differ in case alone.
    """

    table: QualifiedName
    columns: tuple[str, ...]
    differ_in_case: tuple[str, ...] = ()


@dataclass(frozen=True)
class AcceptedRow:
    """A row with these values is accepted although they contradict each other.

    Attributes:
        values: SQL of the value of each column named.
    """

    table: QualifiedName
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class UndeletableParent:
    """A row that others refer to cannot be deleted.

    Attributes:
        table: the referencing table.
        constraint: name of its foreign key.
    """

    table: QualifiedName
    constraint: str


@dataclass(frozen=True)
class OrphanAccepted:
    """A row that refers to nothing is accepted, or stays when what it refers to goes."""

    table: QualifiedName
    columns: tuple[str, ...]
    referenced: QualifiedName
    referenced_columns: tuple[str, ...]


@dataclass(frozen=True)
class DisagreeingReferences:
    """A row names one parent directly and another through a second reference, and is accepted."""

    table: QualifiedName
    direct: str
    reference: str
    via_table: QualifiedName
    via_key: str
    via_direct: str


CounterExample: TypeAlias = EqualRows | AcceptedRow | UndeletableParent | OrphanAccepted | DisagreeingReferences


@dataclass(frozen=True)
class FullPool:
    """A pool of which every connection is in use makes the next request wait, and then fail.

    Attributes:
        timeout: seconds that it waits.
    """

    size: int
    overflow: int
    timeout: float


@dataclass(frozen=True)
class RefusedClients:
    """Pools ask a server for more connections than it has, and it refuses them.

    Attributes:
        processes: that have such a pool each.
        most: connections of one pool.
        maximum: max_connections.
        reserved: of them, kept from ordinary roles.
        database: ALTER DATABASE ... CONNECTION LIMIT; None for none.
        role: ALTER ROLE ... CONNECTION LIMIT; None for none.
    """

    processes: int
    most: int
    maximum: int
    reserved: int
    database: int | None
    role: int | None


Saturation: TypeAlias = FullPool | RefusedClients
"""What needs no schema: a pool or a server that is full, shown on a server of our own."""
