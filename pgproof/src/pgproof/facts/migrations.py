"""What the Alembic scripts do: revisions, and the operations each emits up and down."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from pgproof.facts.catalog import ConstraintKind
from pgproof.facts.source_line import SourceLine

OperationKind: TypeAlias = Literal[
    "create_table",
    "drop_table",
    "rename_table",
    "add_column",
    "drop_column",
    "rename_column",
    "alter_type",
    "set_not_null",
    "set_default",
    "add_constraint",
    "drop_constraint",
    "validate_constraint",
    "alter_table",
    "rewrite",
    "detach_partition",
    "create_index",
    "drop_index",
    "reindex",
    "insert",
    "update",
    "delete",
    "truncate",
    "set",
    "begin",
    "commit",
    "rollback",
    "other",
]
"""`alter_table` is any other ALTER TABLE; `rewrite` what writes a table anew by its nature, such as VACUUM FULL."""


@dataclass(frozen=True)
class Relation:
    """A relation as a statement names it; without a schema it is found along the search path."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        """The name, with a point after the schema if it has one."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class ColumnChange:
    """A column that is added, or changes its type.

    Attributes:
        type: as the statement writes it.
        old_type: as the script states it (`existing_type`); None where it does not.
        using: the expression of USING.
        not_null: of an added column.
        default: of an added column, as the statement writes it.
        generated: from other columns; `computed` leaves it to the server whether it is stored.
        identity: numbered by the database.
    """

    name: str
    type: str = ""
    old_type: str | None = None
    using: str | None = None
    not_null: bool = False
    default: str | None = None
    generated: Literal["stored", "virtual", "computed"] | None = None
    identity: bool = False


@dataclass(frozen=True)
class ConstraintChange:
    """A constraint that is added.

    Attributes:
        name: None where PostgreSQL chooses one.
        expression: of a check.
        not_valid: existing rows are not checked.
        using_index: it takes over an index that is there.
        inline: a part of the column that the same statement adds.
    """

    kind: ConstraintKind
    name: str | None
    columns: tuple[str, ...] = ()
    expression: str | None = None
    not_valid: bool = False
    using_index: bool = False
    inline: bool = False


@dataclass(frozen=True)
class SettingBefore:
    """A setting that the script itself gave the session before; `local` ends with the transaction."""

    name: str
    value: str
    local: bool = False


@dataclass(frozen=True)
class Operation:
    """One thing that a statement does; an ALTER TABLE with several actions is as many operations.

    Attributes:
        sql: the whole statement as PostgreSQL would get it, without its comments, the bodies of functions, and the
            string constants of what is no DDL of tables.
        line: of the script, where it is sent.
        table: that it is about; of a table that is renamed, the old name.
        name: of an index, a constraint or a setting.
        columns: that it names: those of an index, the one that is added, dropped or changed.
        column: of `add_column` and `alter_type`.
        constraint: of `add_constraint`.
        references: tables that foreign keys of it refer to.
        concurrently: without locking writers out.
        only: of a partitioned table itself, not of its partitions.
        new_name: of what is renamed; the value of a setting.
        transaction: number of the transaction it runs in, from 0; None outside of any.
        new_table: the table was made by the same script before.
        settings: in force by statements of the same script.
    """

    kind: OperationKind
    sql: str
    line: SourceLine | None = None
    table: Relation | None = None
    name: str | None = None
    columns: tuple[str, ...] = ()
    column: ColumnChange | None = None
    constraint: ConstraintChange | None = None
    references: tuple[Relation, ...] = ()
    concurrently: bool = False
    only: bool = False
    new_name: str | None = None
    transaction: int | None = 0
    new_table: bool = False
    settings: tuple[SettingBefore, ...] = ()

    def setting(self, name: str) -> str | None:
        """Return what the script set a setting to before; None where it did not."""
        return next((each.value for each in reversed(self.settings) if each.name == name), None)


@dataclass(frozen=True)
class Unread:
    """Why a script could not be read to its end, and the line at which it stopped."""

    reason: str
    line: SourceLine | None


@dataclass(frozen=True)
class Direction:
    """What upgrade() or downgrade() does.

    Attributes:
        line: of the function; None where there is none.
        operations: in order; those before the stop where it was not read to its end.
        unread: None where it was.
        empty: its source says nothing but pass.
        calls: names of the functions of `op` that its source calls, whether or not they were reached.
    """

    line: SourceLine | None
    operations: tuple[Operation, ...] = ()
    unread: Unread | None = None
    empty: bool = False
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revision:
    """A script.

    Attributes:
        id: what other scripts and the version table call it.
        message: first line of its docstring.
        line: of its beginning.
    """

    id: str
    down_revisions: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    message: str
    line: SourceLine
    upgrade: Direction
    downgrade: Direction


@dataclass(frozen=True)
class Environment:
    """What env.py says by its text: it is not run, since it would connect.

    Attributes:
        file: relative to the project.
        autocommit: it speaks of AUTOCOMMIT or transactional_ddl, so scripts may run outside a transaction.
        limits_locks: it, the ini file or what lies beside them speaks of lock_timeout.
        version_table: None where env.py computes it.
        version_table_schema: None for the search path.
    """

    file: str
    autocommit: bool
    limits_locks: bool
    version_table: str | None = "alembic_version"
    version_table_schema: str | None = None


@dataclass(frozen=True)
class Migrations:
    """A chain of revisions.

    Attributes:
        file: the alembic.ini, relative to the project.
        location: the folder of env.py.
        revisions: each file one, ordered by file; two may have the same id.
        unreadable: files in the folders of revisions that Alembic could not load: why, a line each.
    """

    file: str
    location: str
    environment: Environment
    revisions: tuple[Revision, ...]
    unreadable: tuple[Unread, ...] = ()

    def revision(self, name: str) -> Revision | None:
        """Return a revision by its id, or by a branch label that is its own."""
        return self._by_name.get(name)

    @cached_property
    def heads(self) -> tuple[Revision, ...]:
        """The revisions that no other one follows."""
        followed = {down for each in self.revisions for down in each.down_revisions}
        return tuple({each.id: each for each in self.revisions if each.id not in followed}.values())

    def lineage(self, *names: str, dependencies: bool = True) -> frozenset[str]:
        """Return the ids of revisions and of all that comes before them.

        Args:
            names: ids or branch labels.
            dependencies: what they depend on comes before them as well.
        """
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            revision = self.revision(waiting.pop())
            if revision is not None and revision.id not in found:
                found.add(revision.id)
                waiting += revision.down_revisions
                if dependencies:
                    waiting += revision.depends_on
        return frozenset(found)

    @cached_property
    def _by_name(self) -> dict[str, Revision]:
        labels = {label: each for each in self.revisions for label in each.branch_labels}
        return labels | {each.id: each for each in self.revisions}
