"""Rows that are past their own end, moved aside in batches: nothing is lost until people drop what was set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.remedy.names import quoted
from pgproof.remedy.quarantine import Aside


@dataclass(frozen=True)
class QuarantineExpired(Aside):
    """Rows whose expiry lies further back than some days are moved aside; nothing may refer to them.

    Attributes:
        key: the single column of the primary key.
        column: a date or a time, after which a row has ended.
        days: for which an ended row is kept.
    """

    key: str = ""
    column: str = ""
    days: int = 30

    kind: ClassVar[str] = "quarantine expired rows"

    @property
    def why(self) -> tuple[str, ...]:
        """The column that says when rows end."""
        return "expired", self.column

    def tables(self) -> tuple[str, ...]:
        """Return the table of the rows."""
        return (*self.make_aside(), f"ALTER TABLE {self.aside} ADD PRIMARY KEY ({quoted(self.key)})")

    def moves(self, limit: int | None = None) -> tuple[str, ...]:
        """Return the move; a row that is prolonged meanwhile stays."""
        key = quoted(self.key)
        ended = f"t.{quoted(self.column)} < now() - interval '{self.days} days'"
        limited = "" if limit is None else f" LIMIT {limit}"
        return (
            f"WITH expired AS (SELECT t.{key} FROM {self.source} AS t WHERE {ended}{limited}),"
            f" moved AS (DELETE FROM {self.source} AS t USING expired AS e WHERE t.{key} = e.{key} AND {ended}"
            f" RETURNING {self.listed('t.')})"
            f" INSERT INTO {self.aside} ({self.listed()}) SELECT {self.listed()} FROM moved",
        )

    def brings_back(self) -> str:
        """Return the statement that brings rows back."""
        return self.brings_back_by(quoted(self.key))
