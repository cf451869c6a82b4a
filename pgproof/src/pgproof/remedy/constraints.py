"""Operations on constraints: added without a long lock, and validated apart from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pgproof.facts.catalog import Action
from pgproof.remedy.names import literal, quoted
from pgproof.remedy.operation import Operation

_MOMENT = "everybody for a moment, once it has the lock; rows are checked under a lock that lets reads and writes pass"
_FOREIGN_KEY_MOMENT = (
    "writes to both tables for a moment; rows are checked under a lock that lets reads and writes pass"
)

_CAST_LIST, _LIST = r"(ANY|ALL) \(\((ARRAY\[(?:[^]']|'[^']*')*\])\)::text\[\]\)", r"\1 (\2)"
"""As regexp_replace has them: a list of varchar in the text of a check, and the list without its cast."""


def _alter(schema: str, table: str, change: str) -> str:
    return f"ALTER TABLE {quoted(schema, table)} {change}"


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(quoted(column) for column in columns)


@dataclass(frozen=True)
class _KeyFromIndex(Operation):
    """A key that takes over an index which is built concurrently before it."""

    schema: str
    table: str
    name: str
    columns: tuple[str, ...]

    key: ClassVar[str]
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "everybody for a moment, to attach an index that was built without blocking"
    concurrent: ClassVar[bool] = True

    def forward(self) -> tuple[str, ...]:
        """Return the build and the key that takes the index over."""
        name = quoted(self.name)
        return (
            f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {quoted(self.schema, self.table)} ({_listed(self.columns)})",
            _alter(self.schema, self.table, f"ADD CONSTRAINT {name} {self.key} USING INDEX {name}"),
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the drop of key and index."""
        return (_alter(self.schema, self.table, f"DROP CONSTRAINT {quoted(self.name)}"),)


@dataclass(frozen=True)
class AddUnique(_KeyFromIndex):
    """A unique constraint made from an index that is built concurrently."""

    kind: ClassVar[str] = "add unique constraint"
    key: ClassVar[str] = "UNIQUE"


@dataclass(frozen=True)
class AddPrimaryKey(_KeyFromIndex):
    """A primary key on columns that are unique and not null, from an index that is built concurrently."""

    kind: ClassVar[str] = "add primary key"
    key: ClassVar[str] = "PRIMARY KEY"


@dataclass(frozen=True)
class AddForeignKey(Operation):
    """A foreign key, NOT VALID at first, then validated."""

    schema: str
    table: str
    name: str
    columns: tuple[str, ...]
    referenced_schema: str
    referenced_table: str
    referenced_columns: tuple[str, ...]
    on_delete: Action = "no action"
    on_update: Action = "no action"

    kind: ClassVar[str] = "add foreign key"
    lock: ClassVar[str] = "SHARE ROW EXCLUSIVE"
    blocks: ClassVar[str] = _FOREIGN_KEY_MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the constraint and its validation."""
        return (
            _alter(self.schema, self.table, f"ADD CONSTRAINT {quoted(self.name)} {self.clause()} NOT VALID"),
            _alter(self.schema, self.table, f"VALIDATE CONSTRAINT {quoted(self.name)}"),
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the drop."""
        return (_alter(self.schema, self.table, f"DROP CONSTRAINT {quoted(self.name)}"),)

    def clause(self) -> str:
        """Return the constraint as SQL, without its name."""
        actions = "".join(
            f" ON {event} {action.upper()}"
            for event, action in (("UPDATE", self.on_update), ("DELETE", self.on_delete))
            if action != "no action"
        )
        return (
            f"FOREIGN KEY ({_listed(self.columns)}) REFERENCES {quoted(self.referenced_schema, self.referenced_table)}"
            f" ({_listed(self.referenced_columns)}){actions}"
        )


@dataclass(frozen=True)
class ReplaceForeignKey(Operation):
    """A foreign key with another action: the new one is added and validated before the old one goes.

    Attributes:
        new: the key as it shall be, under a name of its own until it takes over the old one's.
        old: the key as it is.
    """

    new: AddForeignKey
    old: AddForeignKey

    kind: ClassVar[str] = "replace foreign key"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the exchange; the old name stays in use."""
        return self._exchange(self.new)

    def reverse(self) -> tuple[str, ...]:
        """Return the exchange back."""
        return self._exchange(self.old)

    def _exchange(self, key: AddForeignKey) -> tuple[str, ...]:
        passing = quoted(self.new.name)
        lasting = quoted(self.old.name)
        schema, table = key.schema, key.table
        return (
            _alter(schema, table, f"ADD CONSTRAINT {passing} {key.clause()} NOT VALID"),
            _alter(schema, table, f"VALIDATE CONSTRAINT {passing}"),
            _alter(schema, table, f"DROP CONSTRAINT {lasting}"),
            _alter(schema, table, f"RENAME CONSTRAINT {passing} TO {lasting}"),
        )


@dataclass(frozen=True)
class AddCheck(Operation):
    """A check constraint, NOT VALID at first, then validated.

    Attributes:
        condition: SQL that must not be false for any row.
    """

    schema: str
    table: str
    name: str
    condition: str

    kind: ClassVar[str] = "add check constraint"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the constraint and its validation."""
        return (
            _alter(self.schema, self.table, f"ADD CONSTRAINT {quoted(self.name)} CHECK ({self.condition}) NOT VALID"),
            _alter(self.schema, self.table, f"VALIDATE CONSTRAINT {quoted(self.name)}"),
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the drop."""
        return (_alter(self.schema, self.table, f"DROP CONSTRAINT {quoted(self.name)}"),)


@dataclass(frozen=True)
class ValidateConstraint(Operation):
    """VALIDATE CONSTRAINT of one that was added NOT VALID; its way back puts the same one, NOT VALID, in its place."""

    schema: str
    table: str
    name: str

    kind: ClassVar[str] = "validate constraint"
    lock: ClassVar[str] = "SHARE UPDATE EXCLUSIVE"
    blocks: ClassVar[str] = (
        "nobody but other changes of the schema; its reverse locks everybody out for a moment and reads no row"
    )

    def forward(self) -> tuple[str, ...]:
        """Return the validation."""
        return (_alter(self.schema, self.table, f"VALIDATE CONSTRAINT {quoted(self.name)}"),)

    def reverse(self) -> tuple[str, ...]:
        """Return the exchange for the constraint as it is then, NOT VALID, in one statement: no row gets past it.

        A list of varchar, such as `state IN ('a', 'b')`, reads itself differently from the text that PostgreSQL gives
        of it (`ANY ((ARRAY[...])::text[])`), but the same without the cast of the whole list.
        """
        name, table = quoted(self.name), quoted(self.schema, self.table)
        exchange = literal(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} ")
        commented = literal(f"COMMENT ON CONSTRAINT {name} ON {table} IS ")
        this = f"conrelid = {literal(table)}::regclass AND conname = {literal(self.name)}"
        uncast = f"regexp_replace(was, {literal(_CAST_LIST)}, {literal(_LIST)}, 'g')"
        body = (
            "DECLARE was text; said text; written text; BEGIN"
            " SELECT pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') INTO was, said"
            f" FROM pg_constraint WHERE {this} AND convalidated;"
            " IF NOT FOUND THEN RETURN; END IF;"
            f" FOREACH written IN ARRAY ARRAY[{uncast}, was] LOOP"
            f" EXECUTE {exchange} || written || ' NOT VALID';"
            f" EXIT WHEN was || ' NOT VALID' = (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE {this});"
            " END LOOP;"
            f" IF said IS NOT NULL THEN EXECUTE {commented} || quote_literal(said); END IF; END"
        )
        return (f"DO {literal(body).strip()}",)


@dataclass(frozen=True)
class DropConstraint(Operation):
    """A constraint that goes.

    Attributes:
        definition: as SQL after ADD CONSTRAINT name, for the way back.
        index_definition: of a unique constraint, its index as pg_get_indexdef prints it; None where nobody looked.
    """

    schema: str
    table: str
    name: str
    definition: str
    index_definition: str | None = None

    kind: ClassVar[str] = "drop constraint"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = "everybody for a moment; its reverse checks every row under the same lock"

    def forward(self) -> tuple[str, ...]:
        """Return the drop."""
        return (_alter(self.schema, self.table, f"DROP CONSTRAINT {quoted(self.name)}"),)

    def reverse(self) -> tuple[str, ...]:
        """Return the constraint as it was."""
        return (_alter(self.schema, self.table, f"ADD CONSTRAINT {quoted(self.name)} {self.definition}"),)


@dataclass(frozen=True)
class DropForeignKey(Operation):
    """A foreign key that goes; its way back checks rows under a lock that lets reads and writes pass.

    Attributes:
        key: as it is.
    """

    key: AddForeignKey

    kind: ClassVar[str] = "drop foreign key"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the drop."""
        return self.key.reverse()

    def reverse(self) -> tuple[str, ...]:
        """Return the key as it was."""
        return self.key.forward()


@dataclass(frozen=True)
class SetNotNull(Operation):
    """NOT NULL without a scan under lock: a check is validated first, which SET NOT NULL then takes as proof.

    Source: PostgreSQL documentation, ALTER TABLE, SET NOT NULL.
    """

    schema: str
    table: str
    column: str
    check_name: str

    kind: ClassVar[str] = "set not null"
    lock: ClassVar[str] = "ACCESS EXCLUSIVE"
    blocks: ClassVar[str] = _MOMENT

    def forward(self) -> tuple[str, ...]:
        """Return the proof, the change, and the end of the proof."""
        check, column = quoted(self.check_name), quoted(self.column)
        return (
            _alter(self.schema, self.table, f"ADD CONSTRAINT {check} CHECK ({column} IS NOT NULL) NOT VALID"),
            _alter(self.schema, self.table, f"VALIDATE CONSTRAINT {check}"),
            _alter(self.schema, self.table, f"ALTER COLUMN {column} SET NOT NULL"),
            _alter(self.schema, self.table, f"DROP CONSTRAINT {check}"),
        )

    def reverse(self) -> tuple[str, ...]:
        """Return the column as it was."""
        return (_alter(self.schema, self.table, f"ALTER COLUMN {quoted(self.column)} DROP NOT NULL"),)
