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
    """

    schema: str
    name: str
    definition: str

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
