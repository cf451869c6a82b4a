"""Operations on columns' defaults, storage options, and settings of a database or a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import literal, quoted
from pgproof.remedy.operation import Operation


@dataclass(frozen=True)
class SetDefault(Operation):
    """A column's default, as SQL; rows that are there keep what they have.

    Attributes:
        previous: the default so far; None for none.
    """

    schema: str
    table: str
    column: str
    default: str
    previous: str | None = None

    kind: ClassVar[str] = "set default"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "everybody for a moment"

    def forward(self) -> tuple[str, ...]:
        """Return the new default."""
        return (self._change(f"SET DEFAULT {self.default}"),)

    def reverse(self) -> tuple[str, ...]:
        """Return the default as it was."""
        return (self._change("DROP DEFAULT" if self.previous is None else f"SET DEFAULT {self.previous}"),)

    def _change(self, change: str) -> str:
        return f"ALTER TABLE {quoted(self.schema, self.table)} ALTER COLUMN {quoted(self.column)} {change}"


@dataclass(frozen=True)
class SetTableOption(Operation):
    """A storage parameter of a table, such as autovacuum_enabled.

    Attributes:
        value: the new one; None to reset it.
        previous: the one so far; None for none.
    """

    schema: str
    table: str
    option: str
    value: str | None
    previous: str | None = None

    kind: ClassVar[str] = "set table option"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = "nobody but other changes of the schema"

    def forward(self) -> tuple[str, ...]:
        """Return the new value."""
        return (self._change(self.value),)

    def reverse(self) -> tuple[str, ...]:
        """Return the value as it was."""
        return (self._change(self.previous),)

    def _change(self, value: str | None) -> str:
        change = f"RESET ({self.option})" if value is None else f"SET ({self.option} = {literal(value)})"
        return f"ALTER TABLE {quoted(self.schema, self.table)} {change}"


@dataclass(frozen=True)
class SetDatabaseSetting(Operation):
    """A setting for every new session of a database, by ALTER DATABASE; sessions that are open keep theirs.

    Attributes:
        previous: what ALTER DATABASE had set so far; None for nothing.
    """

    database: str
    setting: str
    value: str
    previous: str | None = None

    kind: ClassVar[str] = "set database setting"
    lock: ClassVar[str] = "none"
    blocks: ClassVar[str] = "nobody"

    def forward(self) -> tuple[str, ...]:
        """Return the new value."""
        return (f"ALTER DATABASE {quoted(self.database)} SET {self.setting} = {literal(self.value)}",)

    def reverse(self) -> tuple[str, ...]:
        """Return the value as it was."""
        if self.previous is None:
            return (f"ALTER DATABASE {quoted(self.database)} RESET {self.setting}",)
        return (f"ALTER DATABASE {quoted(self.database)} SET {self.setting} = {literal(self.previous)}",)
