"""Rows that a rule would refuse, moved aside with all their values, and brought back by the way back.

They go to tables of the schema `quarantine`. Each move is one statement, so that it happens as a whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.facts.catalog import QUARANTINE_SCHEMA as SCHEMA
from pgproof.remedy.names import object_name, quoted
from pgproof.remedy.operation import Operation

_KEPT = "quarantine_kept"
_ROW_LOCKS = "writes to the rows that are moved, until their move is committed"

_DROP_SCHEMA_IF_EMPTY = (
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_namespace'::regclass"
    f" AND refobjid = '{SCHEMA}'::regnamespace) THEN DROP SCHEMA {SCHEMA}; END IF; END $$"
)


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
class _Move(Operation):
    """What the two kinds of quarantine share.

    Attributes:
        key: the single column of the primary key.
        columns: every column that can be written, in order; generated ones are computed again.
    """

    schema: str
    table: str
    key: str
    columns: tuple[str, ...]

    lock: ClassVar[str] = "ROW EXCLUSIVE"
    blocks: ClassVar[str] = _ROW_LOCKS

    @property
    def aside(self) -> str:
        """The quarantine table, quoted."""
        return quoted(SCHEMA, object_name(self.schema, self.table, ()))

    @property
    def source(self) -> str:
        """The table, quoted."""
        return quoted(self.schema, self.table)

    def listed(self, alias: str = "") -> str:
        """The columns, quoted."""
        return ", ".join(f"{alias}{quoted(column)}" for column in self.columns)

    def make_aside(self, extra: str) -> tuple[str, ...]:
        """The statements that make the quarantine table."""
        return (
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
            f"CREATE TABLE {self.aside} AS SELECT {self.listed('t.')}{extra} FROM {self.source} AS t WITH NO DATA",
            f"ALTER TABLE {self.aside} ADD PRIMARY KEY ({quoted(self.key)})",
        )

    def bring_back(self) -> str:
        """The INSERT that brings the rows back."""
        return (
            f"INSERT INTO {self.source} ({self.listed()}) OVERRIDING SYSTEM VALUE"
            f" SELECT {self.listed()} FROM {self.aside}"
        )


@dataclass(frozen=True)
class QuarantineDuplicates(_Move):
    """Of rows with the same values of some columns one stays; rows that refer to the others refer to it from then on.

    Attributes:
        same: the columns whose values must not repeat, as SQL (a quoted name, or lower() of one).
        keep: ORDER BY as SQL: of equal rows the first stays.
        references: every foreign key to the table; one that is left out would make the move fail, or take rows along.
    """

    same: tuple[str, ...] = ()
    keep: str = ""
    references: tuple[Reference, ...] = ()

    kind: ClassVar[str] = "quarantine duplicates"

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's tables and the move."""
        key = quoted(self.key)
        tables = self.make_aside(f", t.{key} AS {_KEPT}")
        for reference in self.references:
            own, column = quoted(reference.key), quoted(reference.column)
            tables += (
                f"CREATE TABLE {self._log(reference)} AS SELECT {own}, {column}"
                f" FROM {quoted(reference.schema, reference.table)} WITH NO DATA",
                f"ALTER TABLE {self._log(reference)} ADD PRIMARY KEY ({own})",
            )
        window = f"(PARTITION BY {', '.join(self.same)} ORDER BY {self.keep or key})"
        given = " AND ".join(f"{same} IS NOT NULL" for same in self.same)
        steps = [
            f"ranked AS (SELECT {key}, first_value({key}) OVER w AS kept, row_number() OVER w AS n"
            f" FROM {self.source} WHERE {given} WINDOW w AS {window})",
            f"moved AS (INSERT INTO {self.aside} SELECT {self.listed('t.')}, r.kept FROM {self.source} AS t"
            f" JOIN ranked AS r ON r.{key} = t.{key} WHERE r.n > 1 RETURNING {key}, {_KEPT})",
        ]
        for number, reference in enumerate(self.references):
            child = quoted(reference.schema, reference.table)
            own, column = quoted(reference.key), quoted(reference.column)
            steps += [
                f"logged_{number} AS (INSERT INTO {self._log(reference)} SELECT c.{own}, c.{column} FROM {child} AS c"
                f" JOIN moved AS m ON m.{key} = c.{column})",
                f"pointed_{number} AS (UPDATE {child} AS c SET {column} = m.{_KEPT} FROM moved AS m"
                f" WHERE c.{column} = m.{key})",
            ]
        return (
            *tables,
            f"WITH {', '.join(steps)} DELETE FROM {self.source} AS t USING moved AS m WHERE t.{key} = m.{key}",
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the way back: rows and references as they were, and the quarantine's tables gone."""
        steps = [f"back AS ({self.bring_back()})"]
        for number, reference in enumerate(self.references):
            own, column = quoted(reference.key), quoted(reference.column)
            child = quoted(reference.schema, reference.table)
            steps.append(
                f"pointed_{number} AS (UPDATE {child} AS c SET {column} = g.{column}"
                f" FROM {self._log(reference)} AS g WHERE c.{own} = g.{own})"
            )
        drops = [f"DROP TABLE {self._log(reference)}" for reference in self.references]
        return (f"WITH {', '.join(steps)} SELECT", *drops, f"DROP TABLE {self.aside}", _DROP_SCHEMA_IF_EMPTY)

    def _log(self, reference: Reference) -> str:
        return quoted(
            SCHEMA, object_name(self.schema, self.table, (reference.schema, reference.table, reference.column))
        )


@dataclass(frozen=True)
class QuarantineOrphans(_Move):
    """Rows that refer to a row that does not exist are moved aside.

    Attributes:
        refers: columns that refer.
        referenced_schema: schema of the table they refer to.
        referenced_table: the table they refer to.
        referenced_columns: its columns.
    """

    refers: tuple[str, ...] = ()
    referenced_schema: str = ""
    referenced_table: str = ""
    referenced_columns: tuple[str, ...] = ()

    kind: ClassVar[str] = "quarantine orphans"

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's table and the move."""
        key = quoted(self.key)
        given = " AND ".join(f"t.{quoted(column)} IS NOT NULL" for column in self.refers)
        match = " AND ".join(
            f"p.{quoted(parent)} = t.{quoted(column)}"
            for column, parent in zip(self.refers, self.referenced_columns, strict=True)
        )
        parents = quoted(self.referenced_schema, self.referenced_table)
        return (
            *self.make_aside(""),
            f"WITH moved AS (INSERT INTO {self.aside} SELECT {self.listed('t.')} FROM {self.source} AS t WHERE {given}"
            f" AND NOT EXISTS (SELECT FROM {parents} AS p WHERE {match}) RETURNING {key})"
            f" DELETE FROM {self.source} AS t USING moved AS m WHERE t.{key} = m.{key}",
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the way back; a constraint that would refuse the rows must be gone first."""
        return (self.bring_back(), f"DROP TABLE {self.aside}", _DROP_SCHEMA_IF_EMPTY)
