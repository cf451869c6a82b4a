"""Rows that a rule would refuse, moved aside with all their values, and brought back by the way back.

They go to tables of the schema `quarantine`. A move happens as a whole or not at all, and what is written meanwhile is
not lost: rows are locked before they are read for the last time, so that what refers to them cannot change any more.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pgproof.facts.catalog import QUARANTINE_SCHEMA as SCHEMA
from pgproof.remedy.moved_rows import Equal as Equal
from pgproof.remedy.moved_rows import Parent as Parent
from pgproof.remedy.moved_rows import Reference as Reference
from pgproof.remedy.names import literal, object_name, quoted
from pgproof.remedy.operation import Operation

_KEPT = "quarantine_kept"
_NUMBER = "quarantine_number"
_ROW_LOCKS = "writes to the rows that are moved, until their move is committed"

CREATE_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"
DROP_SCHEMA_IF_EMPTY = (
    f"DO $$ BEGIN IF to_regnamespace('{SCHEMA}') IS NOT NULL AND NOT EXISTS (SELECT FROM pg_depend"
    f" WHERE refclassid = 'pg_namespace'::regclass AND refobjid = to_regnamespace('{SCHEMA}'))"
    f" THEN DROP SCHEMA {SCHEMA}; END IF; END $$"
)


@dataclass(frozen=True)
class Aside(Operation):
    """A table of the quarantine, and what every way there and back needs.

    Attributes:
        columns: every column that can be written, in order; generated ones are computed again.
        parents: tables that rows refer to by foreign keys that are there now.
    """

    schema: str
    table: str
    columns: tuple[str, ...]
    parents: tuple[Parent, ...] = ()

    lock: ClassVar[str] = "ROW EXCLUSIVE"
    blocks: ClassVar[str] = _ROW_LOCKS

    @property
    @abstractmethod
    def why(self) -> tuple[str, ...]:
        """What rows move for, as parts of a name: two moves of one table's rows are kept apart by it."""

    @abstractmethod
    def tables(self) -> tuple[str, ...]:
        """Return the statements that make the quarantine's tables, in one transaction."""

    @abstractmethod
    def moves(self, limit: int | None = None) -> tuple[str, ...]:
        """Return the statements of one move, in one transaction; the first says by its rows how many moved.

        Args:
            limit: rows of one move; None for all.
        """

    @abstractmethod
    def brings_back(self) -> str:
        """Return the statement that brings back the rows that can come back; the others stay where they are."""

    @property
    def name(self) -> str:
        """The quarantine table's name in its schema."""
        return object_name(self.schema, self.table, self.why)

    @property
    def aside(self) -> str:
        """The quarantine table, quoted."""
        return quoted(SCHEMA, self.name)

    @property
    def others(self) -> tuple[str, ...]:
        """Names of further tables of the quarantine that go with it."""
        return ()

    @property
    def source(self) -> str:
        """The table, quoted."""
        return quoted(self.schema, self.table)

    def forward(self) -> tuple[str, ...]:
        """Return the quarantine's tables and the move of all rows."""
        moves = self.moves()
        return (*self.tables(), moves[0] if len(moves) == 1 else _together(moves))

    def reverse(self) -> tuple[str, ...]:
        """Return the way back; the rule that would refuse the rows must be gone first."""
        return (self.brings_back(), self.drops_if_empty(), DROP_SCHEMA_IF_EMPTY)

    def drops_if_empty(self) -> str:
        """Return the drop of the quarantine's tables, which leaves them where rows could not come back."""
        every = ", ".join(quoted(SCHEMA, name) for name in (self.name, *self.others))
        body = f"BEGIN IF NOT EXISTS (SELECT FROM {self.aside}) THEN DROP TABLE {every}; END IF; END"
        return f"DO {literal(body).strip()}"

    def listed(self, alias: str = "") -> str:
        """The columns, quoted."""
        return ", ".join(f"{alias}{quoted(column)}" for column in self.columns)

    def make_aside(self, extra: str = "") -> tuple[str, ...]:
        """The statements that make the quarantine table, as yet without a key."""
        return (
            CREATE_SCHEMA,
            f"CREATE TABLE {self.aside} AS SELECT {self.listed('t.')}{extra} FROM {self.source} AS t WITH NO DATA",
        )

    def can_return(self, alias: str) -> str:
        """The condition that every parent of a row is still there."""
        conditions = []
        for parent in self.parents:
            pairs = tuple(zip(parent.columns, parent.referenced, strict=True))
            null = " OR ".join(f"{alias}.{quoted(column)} IS NULL" for column, _ in pairs)
            same = " AND ".join(f"p.{quoted(theirs)} = {alias}.{quoted(column)}" for column, theirs in pairs)
            there = f"EXISTS (SELECT FROM {quoted(parent.schema, parent.table)} AS p WHERE {same})"
            conditions.append(f"({null} OR {there})")
        return " AND ".join(conditions) or "true"

    def brings_back_by(self, key: str, *steps: str) -> str:
        """The statement that brings rows back which a key tells apart, with further steps over `returned`."""
        return (
            f"WITH returned AS (INSERT INTO {self.source} ({self.listed()}) OVERRIDING SYSTEM VALUE"
            f" SELECT {self.listed('q.')} FROM {self.aside} AS q WHERE {self.can_return('q')}"
            f" ON CONFLICT DO NOTHING RETURNING {key}){''.join(f', {step}' for step in steps)}"
            f" DELETE FROM {self.aside} AS q USING returned AS r WHERE q.{key} = r.{key}"
        )


@dataclass(frozen=True)
class QuarantineDuplicates(Equal, Aside):
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

    @property
    def others(self) -> tuple[str, ...]:
        """The tables that remember what pointed where."""
        return tuple(self._log_name(reference) for reference in self.references)

    def tables(self) -> tuple[str, ...]:
        """Return the table of the rows, and one for each reference."""
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
        return tables

    def moves(self, limit: int | None = None) -> tuple[str, ...]:
        """Return the copy of rows that are locked for it, and the statement that points away from them and deletes.

        The second sees what came to refer to them before they were locked; after that nothing can.
        """
        key = quoted(self.key)
        still = " AND ".join(f"{self.compared(name, 'b.')} = {self.compared(name, 't.')}" for name in self.same)
        copied = (
            f"WITH ranked AS (SELECT {key} AS k, first_value({key}) OVER w AS kept, row_number() OVER w AS n"
            f" FROM {self.source} WHERE {self.given} WINDOW w AS {self.window}),"
            f" surplus AS (SELECT k, kept FROM ranked WHERE n > 1{_limited(limit)}),"
            f" locked AS MATERIALIZED (SELECT {self.listed('l.')} FROM {self.source} AS l"
            f" WHERE l.{key} IN (SELECT k FROM surplus UNION SELECT kept FROM surplus) FOR UPDATE)"
            f" INSERT INTO {self.aside} ({self.listed()}, {_KEPT}) SELECT {self.listed('t.')}, s.kept FROM surplus AS s"
            f" JOIN locked AS t ON t.{key} = s.k JOIN locked AS b ON b.{key} = s.kept AND {still}"
        )
        steps = [f"moved AS (SELECT {key}, {_KEPT} FROM {self.aside} WHERE xmin = pg_current_xact_id()::xid)"]
        for number, reference in enumerate(self.references):
            child = quoted(reference.schema, reference.table)
            own, column = quoted(reference.key), quoted(reference.column)
            steps += [
                f"logged_{number} AS (INSERT INTO {self._log(reference)} SELECT c.{own}, c.{column} FROM {child} AS c"
                f" JOIN moved AS m ON m.{key} = c.{column} ON CONFLICT ({own}) DO UPDATE"
                f" SET {column} = EXCLUDED.{column})",
                f"pointed_{number} AS (UPDATE {child} AS c SET {column} = m.{_KEPT} FROM moved AS m"
                f" WHERE c.{column} = m.{key})",
            ]
        deleted = f"WITH {', '.join(steps)} DELETE FROM {self.source} AS t USING moved AS m WHERE t.{key} = m.{key}"
        return copied, deleted

    def brings_back(self) -> str:
        """Return the statement that brings rows back, and points back what still points to the row that stayed."""
        key = quoted(self.key)
        steps = []
        for number, reference in enumerate(self.references):
            own, column = quoted(reference.key), quoted(reference.column)
            child = quoted(reference.schema, reference.table)
            steps += [
                f"pointed_{number} AS (UPDATE {child} AS c SET {column} = g.{column} FROM {self._log(reference)} AS g"
                f" JOIN {self.aside} AS q ON q.{key} = g.{column} JOIN returned AS r ON r.{key} = q.{key}"
                f" WHERE c.{own} = g.{own} AND c.{column} = q.{_KEPT})",
            ]
        return self.brings_back_by(key, *steps)

    def _log(self, reference: Reference) -> str:
        return quoted(SCHEMA, self._log_name(reference))

    def _log_name(self, reference: Reference) -> str:
        parts = (*self.why, reference.schema, reference.table, reference.column)
        return object_name(self.schema, self.table, parts)


@dataclass(frozen=True)
class QuarantineCopies(Equal, Aside):
    """Of rows with the same values of some columns one stays, in a table whose rows no key tells apart.

    Nothing can refer to them, and what they lack the quarantine gives them: a number as their key.
    """

    kind: ClassVar[str] = "quarantine copies"

    @property
    def why(self) -> tuple[str, ...]:
        """The columns that repeat."""
        return self.same

    def tables(self) -> tuple[str, ...]:
        """Return the table of the rows, with a number."""
        return (
            *self.make_aside(),
            f"ALTER TABLE {self.aside} ADD COLUMN {_NUMBER} bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        )

    def moves(self, limit: int | None = None) -> tuple[str, ...]:
        """Return the move."""
        return (
            f"WITH ranked AS (SELECT ctid AS place, row_number() OVER {self.window} AS n FROM {self.source}"
            f" WHERE {self.given}), surplus AS (SELECT place FROM ranked WHERE n > 1{_limited(limit)}),"
            f" moved AS (DELETE FROM {self.source} AS t USING surplus AS r WHERE t.ctid = r.place"
            f" RETURNING {self.listed('t.')})"
            f" INSERT INTO {self.aside} ({self.listed()}) SELECT {self.listed()} FROM moved",
        )

    def brings_back(self) -> str:
        """Return the statement that brings rows back."""
        return (
            f"WITH returned AS (DELETE FROM {self.aside} AS q WHERE {self.can_return('q')} RETURNING {self.listed()})"
            f" INSERT INTO {self.source} ({self.listed()}) OVERRIDING SYSTEM VALUE SELECT {self.listed()} FROM returned"
        )


@dataclass(frozen=True)
class QuarantineOrphans(Aside):
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

    def tables(self) -> tuple[str, ...]:
        """Return the table of the rows."""
        return (*self.make_aside(), f"ALTER TABLE {self.aside} ADD PRIMARY KEY ({quoted(self.key)})")

    def moves(self, limit: int | None = None) -> tuple[str, ...]:
        """Return the move."""
        key = quoted(self.key)
        given = " AND ".join(f"t.{quoted(column)} IS NOT NULL" for column in self.refers)
        match = " AND ".join(
            f"p.{quoted(parent)} = t.{quoted(column)}"
            for column, parent in zip(self.refers, self.referenced_columns, strict=True)
        )
        parents = quoted(self.referenced_schema, self.referenced_table)
        return (
            f"WITH orphans AS (SELECT t.{key} FROM {self.source} AS t WHERE {given}"
            f" AND NOT EXISTS (SELECT FROM {parents} AS p WHERE {match}){_limited(limit)}),"
            f" moved AS (DELETE FROM {self.source} AS t USING orphans AS o WHERE t.{key} = o.{key}"
            f" AND NOT EXISTS (SELECT FROM {parents} AS p WHERE {match}) RETURNING {self.listed('t.')})"
            f" INSERT INTO {self.aside} ({self.listed()}) SELECT {self.listed()} FROM moved",
        )

    def brings_back(self) -> str:
        """Return the statement that brings rows back."""
        return self.brings_back_by(quoted(self.key))


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


def _limited(limit: int | None) -> str:
    return "" if limit is None else f" LIMIT {limit}"


def _together(statements: tuple[str, ...]) -> str:
    """One statement of several, each of which sees what was committed before it."""
    return f"DO {literal('BEGIN ' + ' '.join(f'{each};' for each in statements) + ' END').strip()}"
