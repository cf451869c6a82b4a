"""Operations on indexes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.operation import Operation

_CONCURRENT_BLOCKS = "nobody; a concurrent build or drop waits for transactions that are already open"


@dataclass(frozen=True)
class CreateIndex(Operation):
    """CREATE INDEX CONCURRENTLY.

    Attributes:
        keys: SQL of each key: a quoted column with an optional direction or operator class, or an expression in
            parentheses.
        include: names of columns carried along.
        where: SQL of a partial index's predicate.
    """

    schema: str
    table: str
    name: str
    keys: tuple[str, ...]
    unique: bool = False
    method: str = "btree"
    include: tuple[str, ...] = ()
    where: str | None = None

    kind: ClassVar[str] = "create index"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = _CONCURRENT_BLOCKS
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the build."""
        parts = [
            f"CREATE {'UNIQUE ' if self.unique else ''}INDEX CONCURRENTLY {quoted(self.name)}",
            f"ON {quoted(self.schema, self.table)} USING {self.method} ({', '.join(self.keys)})",
        ]
        if self.include:
            parts.append(f"INCLUDE ({', '.join(quoted(column) for column in self.include)})")
        if self.where:
            parts.append(f"WHERE {self.where}")
        return (" ".join(parts),)

    def reverse(self) -> tuple[str, ...]:
        """Return the drop."""
        return (f"DROP INDEX CONCURRENTLY {quoted(self.schema, self.name)}",)


@dataclass(frozen=True)
class DropIndex(Operation):
    """DROP INDEX CONCURRENTLY of an index that carries no constraint.

    Attributes:
        definition: as pg_get_indexdef prints it, for the way back.
        table: that it is of; empty where nobody needs it.
    """

    schema: str
    name: str
    definition: str
    table: str = ""

    kind: ClassVar[str] = "drop index"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = _CONCURRENT_BLOCKS
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the drop."""
        return (f"DROP INDEX CONCURRENTLY {quoted(self.schema, self.name)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return the build of the same index."""
        return (self.definition.replace("INDEX ", "INDEX CONCURRENTLY ", 1),)


@dataclass(frozen=True)
class RebuildIndex(Operation):
    """REINDEX INDEX CONCURRENTLY: the same index, built anew; nothing of it is left to take back."""

    schema: str
    name: str

    kind: ClassVar[str] = "rebuild index"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = _CONCURRENT_BLOCKS
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the rebuild."""
        return (f"REINDEX INDEX CONCURRENTLY {quoted(self.schema, self.name)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return nothing: the definition has not changed."""
        return ()


@dataclass(frozen=True)
class CreateStatistics(Operation):
    """CREATE STATISTICS over several columns, and the ANALYZE that fills it.

    Attributes:
        kinds: of statistics: ndistinct, dependencies, mcv.
    """

    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...] = ("ndistinct", "dependencies", "mcv")

    kind: ClassVar[str] = "create statistics"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = "nobody but other changes of the schema"

    def forward(self) -> tuple[str, ...]:
        """Return the statistics object and its first filling."""
        columns = ", ".join(quoted(column) for column in self.columns)
        return (
            f"CREATE STATISTICS {quoted(self.schema, self.name)} ({', '.join(self.kinds)}) ON {columns}"
            f" FROM {quoted(self.schema, self.table)}",
            f"ANALYZE {quoted(self.schema, self.table)}",
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the drop."""
        return (f"DROP STATISTICS {quoted(self.schema, self.name)}",)


@dataclass(frozen=True)
class PartitionIndex:
    """The part of an index on one partition.

    Attributes:
        parent: schema and name of the partitioned index that it becomes a part of.
        partitioned: it is itself of a partitioned table, so that it has no storage and is built of its own parts.
    """

    schema: str
    table: str
    name: str
    parent: tuple[str, str]
    partitioned: bool = False


@dataclass(frozen=True)
class CreatePartitionedIndex(Operation):
    """An index of a partitioned table: of ONLY the parent, concurrently on each partition, then attached.

    The parent's becomes valid with the last part (PostgreSQL documentation, 5.12.2.2, "Partition Maintenance").

    Attributes:
        keys: SQL of each key, as in `CreateIndex`.
        partitions: every one of them, a partitioned one before its own.
    """

    schema: str
    table: str
    name: str
    keys: tuple[str, ...]
    where: str | None = None
    partitions: tuple[PartitionIndex, ...] = ()

    kind: ClassVar[str] = "create index on partitions"
    lock: ClassVar[str] = "SHARE"
    blocks: ClassVar[str] = (
        "writes to the parent for a moment, which has no rows of its own; its drop blocks everybody for a moment"
    )
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the parent's index, the parts, and their attachment."""
        attached = tuple(
            f"ALTER INDEX {quoted(*part.parent)} ATTACH PARTITION {quoted(part.schema, part.name)}"
            for part in self.partitions
        )
        return (
            f"CREATE INDEX {quoted(self.name)} ON ONLY {quoted(self.schema, self.table)} {self._of}",
            *(self._part(part) for part in self.partitions),
            *attached,
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the drop, which takes the parts along."""
        return (f"DROP INDEX {quoted(self.schema, self.name)}",)

    @property
    def _of(self) -> str:
        return f"USING btree ({', '.join(self.keys)}){f' WHERE {self.where}' if self.where else ''}"

    def _part(self, part: PartitionIndex) -> str:
        how = f"INDEX {quoted(part.name)} ON ONLY" if part.partitioned else f"INDEX CONCURRENTLY {quoted(part.name)} ON"
        return f"CREATE {how} {quoted(part.schema, part.table)} {self._of}"
