"""Rows that a rule would refuse, moved aside with all their values, and brought back by the way back.

They go to tables of the schema `quarantine`. Each move is one statement, so that it happens as a whole or not at all.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pgproof.facts.catalog import QUARANTINE_SCHEMA as SCHEMA
from pgproof.remedy.names import object_name, quoted
from pgproof.remedy.operation import Operation

_KEPT = "quarantine_kept"
_NUMBER = "quarantine_number"
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
class _Aside(Operation):
    """A table of the quarantine, and what every way there and back needs.

    Attributes:
        columns: every column that can be written, in order; generated ones are computed again.
    """

    schema: str
    table: str
    columns: tuple[str, ...]

    lock: ClassVar[str] = "ROW EXCLUSIVE"
    blocks: ClassVar[str] = _ROW_LOCKS

    @property
    @abstractmethod
    def why(self) -> tuple[str, ...]:
        """What rows move for, as parts of a name: two moves of one table's rows are kept apart by it."""

    @property
    def aside(self) -> str:
        """The quarantine table, quoted."""
        return quoted(SCHEMA, object_name(self.schema, self.table, self.why))

    @property
    def source(self) -> str:
        """The table, quoted."""
        return quoted(self.schema, self.table)

    def listed(self, alias: str = "") -> str:
        """The columns, quoted."""
        return ", ".join(f"{alias}{quoted(column)}" for column in self.columns)

    def bring_back(self) -> str:
        """The INSERT that brings the rows back."""
        return (
            f"INSERT INTO {self.source} ({self.listed()}) OVERRIDING SYSTEM VALUE"
            f" SELECT {self.listed()} FROM {self.aside}"
        )

    def make_aside(self, extra: str = "") -> tuple[str, ...]:
        """The statements that make the quarantine table, as yet without a key."""
        return (
            f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
            f"CREATE TABLE {self.aside} AS SELECT {self.listed('t.')}{extra} FROM {self.source} AS t WITH NO DATA",
        )


@dataclass(frozen=True)
class _Equal:
    """Which rows are equal, and which of them stays.

    Attributes:
        same: the columns whose values must not repeat; a row with a NULL among them repeats none.
        lower: those of them that compare in lower case.
        keep: columns to order by: of equal rows the first stays.
    """

    same: tuple[str, ...] = ()
    lower: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The window of equal rows."""
        same = ", ".join(f"lower({quoted(name)})" if name in self.lower else quoted(name) for name in self.same)
        return f"(PARTITION BY {same} ORDER BY {', '.join(quoted(name) for name in self.keep)})"

    @property
    def given(self) -> str:
        """The condition that none of the columns is NULL."""
        return " AND ".join(f"{quoted(name)} IS NOT NULL" for name in self.same)


@dataclass(frozen=True)
class QuarantineDuplicates(_Equal, _Aside):
    """Of rows with the same values of some columns one stays; rows that refer to the others refer to it from then on.

    Attributes:
        key: the single column of the primary key.
        references: every foreign key to the table; one that is left out would make the move fail, or take rows along.
    """

    key: str = ""
    references: tuple[Reference, ...] = ()

    kind: ClassVar[str] = "quarantine duplicates"

    @property
    def why(self) -> tuple[str, ...]:
        """The columns that repeat."""
        return self.same

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's tables and the move."""
        key = quoted(self.key)
        tables = (
            *self.make_aside(f", t.{key} AS {_KEPT}"),
            f"ALTER TABLE {self.aside} ADD PRIMARY KEY ({key})",
        )
        for reference in self.references:
            own, column = quoted(reference.key), quoted(reference.column)
            tables += (
                f"CREATE TABLE {self._log(reference)} AS SELECT {own}, {column}"
                f" FROM {quoted(reference.schema, reference.table)} WITH NO DATA",
                f"ALTER TABLE {self._log(reference)} ADD PRIMARY KEY ({own})",
            )
        steps = [
            f"ranked AS (SELECT {key}, first_value({key}) OVER w AS kept, row_number() OVER w AS n"
            f" FROM {self.source} WHERE {self.given} WINDOW w AS {self.window})",
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
        parts = (*self.why, reference.schema, reference.table, reference.column)
        return quoted(SCHEMA, object_name(self.schema, self.table, parts))


@dataclass(frozen=True)
class QuarantineCopies(_Equal, _Aside):
    """Of rows with the same values of some columns one stays, in a table whose rows no key tells apart.

    Nothing can refer to them, and what they lack the quarantine gives them: a number as their key.
    """

    kind: ClassVar[str] = "quarantine copies"

    @property
    def why(self) -> tuple[str, ...]:
        """The columns that repeat."""
        return self.same

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's table and the move."""
        return (
            *self.make_aside(),
            f"ALTER TABLE {self.aside} ADD COLUMN {_NUMBER} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            f"WITH ranked AS (SELECT ctid AS place, row_number() OVER {self.window} AS n FROM {self.source}"
            f" WHERE {self.given}), moved AS (DELETE FROM {self.source} AS t USING ranked AS r"
            f" WHERE t.ctid = r.place AND r.n > 1 RETURNING {self.listed('t.')})"
            f" INSERT INTO {self.aside} ({self.listed()}) SELECT {self.listed()} FROM moved",
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the way back; the rule that would refuse the rows must be gone first."""
        return (self.bring_back(), f"DROP TABLE {self.aside}", _DROP_SCHEMA_IF_EMPTY)


@dataclass(frozen=True)
class QuarantineOrphans(_Aside):
    """Rows that refer to a row that does not exist are moved aside.

    Attributes:
        key: the single column of the primary key.
        refers: columns that refer.
        referenced_schema: schema of the table they refer to.
        referenced_table: the table they refer to.
        referenced_columns: its columns.
    """

    key: str = ""
    refers: tuple[str, ...] = ()
    referenced_schema: str = ""
    referenced_table: str = ""
    referenced_columns: tuple[str, ...] = ()

    kind: ClassVar[str] = "quarantine orphans"

    @property
    def why(self) -> tuple[str, ...]:
        """The columns that refer to nothing."""
        return "orphans", *self.refers

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
            *self.make_aside(),
            f"ALTER TABLE {self.aside} ADD PRIMARY KEY ({key})",
            f"WITH moved AS (INSERT INTO {self.aside} SELECT {self.listed('t.')} FROM {self.source} AS t WHERE {given}"
            f" AND NOT EXISTS (SELECT FROM {parents} AS p WHERE {match}) RETURNING {key})"
            f" DELETE FROM {self.source} AS t USING moved AS m WHERE t.{key} = m.{key}",
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the way back; a constraint that would refuse the rows must be gone first."""
        return (self.bring_back(), f"DROP TABLE {self.aside}", _DROP_SCHEMA_IF_EMPTY)


@dataclass(frozen=True)
class QuarantineAndValidate(QuarantineOrphans):
    """Rows that a foreign key would refuse are moved aside, and the key, which was NOT VALID, is validated.

    Apart the two could not be taken back: only without the key do the rows come back.

    Attributes:
        constraint: name of the foreign key.
        definition: as SQL after ADD CONSTRAINT name, with NOT VALID.
    """

    constraint: str = ""
    definition: str = ""

    kind: ClassVar[str] = "quarantine orphans and validate"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's table, the move and the validation."""
        return (*super().forward(), f"ALTER TABLE {self.source} VALIDATE CONSTRAINT {quoted(self.constraint)}")

    def reverse(self) -> tuple[str, ...]:
        """Return the way back; the key is away while the rows come back, and holds new rows from then on."""
        altered, name = f"ALTER TABLE {self.source}", quoted(self.constraint)
        return (
            f"{altered} DROP CONSTRAINT {name}",
            *super().reverse(),
            f"{altered} ADD CONSTRAINT {name} {self.definition}",
        )
