"""What tells rows that move aside: which are equal, what refers to them, and what they refer to."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.remedy.names import quoted


@dataclass(frozen=True)
class Reference:
    """A foreign key of one column to the table whose rows move.

    Attributes:
        key: column of the referencing table's own primary key.
        column: that refers.
    """

    schema: str
    table: str
    key: str
    column: str


@dataclass(frozen=True)
class Parent:
    """A table that rows refer to: one whose parent has gone meanwhile cannot come back.

    Attributes:
        columns: that refer.
        referenced: the parent's columns, in the same order.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    referenced: tuple[str, ...]


@dataclass(frozen=True)
class Equal:
    """Which rows are equal, and which of them stays.

    Attributes:
        same: the columns whose values must not repeat; a row with a NULL among them repeats none.
        lower: those of them that compare in lower case.
        keep: columns to order by: of equal rows the first stays.
        descending: those of them whose largest value comes first; a NULL comes last either way.
    """

    same: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    descending: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The window of equal rows."""
        same = ", ".join(self.compared(name) for name in self.same)
        order = ", ".join(
            f"{quoted(name)}{' DESC NULLS LAST' if name in self.descending else ''}" for name in self.keep
        )
        return f"(PARTITION BY {same} ORDER BY {order})"

    @property
    def given(self) -> str:
        """The condition that none of the columns is NULL."""
        return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self.same)

    def compared(self, name: str, alias: str = "") -> str:
        """A column as it is compared."""
        return f"lower({alias}{quoted(name)})" if name in self.lower else f"{alias}{quoted(name)}"
