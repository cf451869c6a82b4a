"""The catalog as values: what the database consists of, by name, as one transaction saw it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from pgproof.facts.objects import Extension, Function, Role, Schema, Sequence, UserType
from pgproof.facts.table_statistics import ColumnStatistics, TableStatistics

RelationKind: TypeAlias = Literal["table", "partitioned table", "view", "materialized view", "foreign table"]
ConstraintKind: TypeAlias = Literal["primary key", "unique", "foreign key", "check", "exclusion", "not null"]
Action: TypeAlias = Literal["no action", "restrict", "cascade", "set null", "set default"]

QUARANTINE_SCHEMA = "quarantine"
"""Where remedies move rows that a rule would refuse; what is kept there is meant to break rules."""


@dataclass(frozen=True, order=True)
class QualifiedName:
    """A relation by schema and name, unquoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        """The two names with a point between, for messages; not quoted."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the catalog describes it.

    Attributes:
        type: as SQL writes it, with its modifier, such as `character varying(20)`.
        type_schema: schema of the type; `pg_catalog` for a built-in one.
        type_name: internal name, such as `int4`, `varchar`, `_text`; a domain's own name for a domain.
        type_kind: pg_type.typtype: b base, c composite, d domain, e enum, r range, m multirange.
        type_category: pg_type.typcategory, such as N numeric, S string, B boolean, D date and time, A array.
        element_type: internal name of an array's elements.
        base_type: internal name of the type below a domain, however deep; `type_name` for any other.
        length: characters that a varchar or char may hold; None without a limit.
        bytes: fixed size in bytes, or negative for a variable one.
        alignment: pg_type.typalign: c, s, i or d (1, 2, 4 or 8 bytes).
        not_null: by the column itself or by its domain; not by a NOT NULL that was never validated (18).
        default: the deparsed default; None where there is none, or where it could not be read.
        collation: name of a collation other than the type's own.
        deterministic: whether equal strings are the same bytes; None for what has no collation.
        statistics: what ANALYZE found; None if never analysed or not visible to the role.
        built_in_operators: comparing its values runs PostgreSQL's own code alone: its type, or the one below its
            domain, is built in, or an enum without casts or operator classes of its own.
    """

    number: int
    name: str
    type: str
    type_schema: str
    type_name: str
    type_kind: str
    type_category: str
    element_type: str | None
    base_type: str
    length: int | None
    bytes: int
    alignment: str
    not_null: bool
    has_default: bool
    default: str | None
    identity: Literal["always", "by default"] | None
    generated: Literal["stored", "virtual"] | None
    collation: str | None
    deterministic: bool | None
    statistics: ColumnStatistics | None
    built_in_operators: bool = True


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint of a table.

    Attributes:
        columns: names in the order of the constraint; empty for a check of no column.
        referenced: oid of the table a foreign key refers to.
        index: oid of the index behind a key, or of the referenced key's index for a foreign key.
        local: declared on this table, rather than only inherited.
        from_parent: a partition's copy of its parent's constraint.
        enforced: False for NOT ENFORCED (18), and for a foreign key whose triggers were switched off.
        expression: of a check; definition of an exclusion; None where it could not be read.
        calls_unstable_user_function: a check calls a function of a user that is not immutable.
        on_delete_columns: those that ON DELETE SET NULL or SET DEFAULT changes, where it names them; empty for all.
        period: the last column is a range compared by overlap: WITHOUT OVERLAPS, or PERIOD of a foreign key (18).
    """

    oid: int
    name: str
    kind: ConstraintKind
    columns: tuple[str, ...]
    referenced: int | None
    referenced_columns: tuple[str, ...]
    on_update: Action | None
    on_delete: Action | None
    match_full: bool
    deferrable: bool
    deferred: bool
    validated: bool
    index: int | None
    local: bool
    from_parent: bool
    enforced: bool
    calls_unstable_user_function: bool
    expression: str | None
    on_delete_columns: tuple[str, ...] = ()
    period: bool = False


@dataclass(frozen=True, slots=True)
class IndexKey:
    """One key column of an index: a column, or an expression over several.

    Attributes:
        column: None for an expression.
        expression: None for a column, and where it could not be read.
        operator_class: None for the type's default.
        collation: name; None for a type without.
    """

    column: str | None
    expression: str | None
    operator_class: str | None
    collation: str | None
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        include: columns carried along without being part of the key.
        predicate: of a partial index; None where there is none or it could not be read (see `partial`).
        constraint: oid of the primary key, unique or exclusion constraint that it carries.
        parent: oid of the partitioned index that it is a part of.
        bytes: size on disk; None where it could not be read.
        scans: how often it was scanned since the statistics were reset, on this server; None if unknown.
        definition: as pg_get_indexdef prints it; None where it could not be read.
        building: a session is building, rebuilding or dropping it concurrently right now; of the builds of other roles
            only pg_read_all_stats tells.
    """

    oid: int
    name: str
    method: str
    unique: bool
    primary: bool
    exclusion: bool
    immediate: bool
    nulls_not_distinct: bool
    valid: bool
    ready: bool
    live: bool
    clustered: bool
    replica_identity: bool
    keys: tuple[IndexKey, ...]
    include: tuple[str, ...]
    partial: bool
    predicate: str | None
    constraint: int | None
    parent: int | None
    storage_options: tuple[str, ...]
    pages: int
    reltuples: float
    bytes: int | None
    scans: int | None
    definition: str | None
    building: bool = False

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The key columns in order; None where the key is an expression."""
        return tuple(key.column for key in self.keys)

    @property
    def usable(self) -> bool:
        """Whether queries can use it: an interrupted concurrent build leaves one that they cannot."""
        return self.valid and self.live


@dataclass(frozen=True)
class Policy:
    """A row security policy; an expression is None where there is none or it could not be read."""

    oid: int
    name: str
    command: str
    permissive: bool
    roles: tuple[str, ...]
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Trigger:
    """A user's trigger; `enabled` is pg_trigger.tgenabled (O, D, R or A)."""

    oid: int
    name: str
    function: QualifiedName
    enabled: str
    before: bool
    for_each_row: bool
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grant:
    """A right granted to a role (None: PUBLIC) beyond the owner's own, on the relation or one column."""

    grantee: str | None
    privilege: str
    column: str | None


@dataclass(frozen=True)
class ExtendedStatistics:
    """A CREATE STATISTICS object; kinds as in pg_statistic_ext (d n-distinct, f dependencies, m MCV, e expression)."""

    oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    has_expressions: bool


@dataclass(frozen=True)
class Table:
    """A relation with all that belongs to it.

    Attributes:
        parents: oids of the tables it inherits from or is a partition of.
        partition_key: its columns, None for a key part that is an expression; empty if not partitioned.
        extension: name of the extension it belongs to.
        reltuples: rows as last estimated by VACUUM or ANALYZE; negative if never.
        heap_bytes: of the rows alone; None where it could not be read, or for what has no storage.
        bytes: with TOAST, without indexes.
        statistics: what the server counted since its statistics were reset; None for views.
        locked: a session kept readers out while the facts were read, so definitions and sizes are missing.
        calls_user_code: an index, a check, extended statistics or the partition key call a function or an operator
            of a user (not of an extension), which the planner might run for whoever reads the table.
    """

    oid: int
    schema: str
    name: str
    kind: RelationKind
    owner: str
    unlogged: bool
    is_partition: bool
    parents: tuple[int, ...]
    partition_key: tuple[str | None, ...]
    partition_strategy: Literal["hash", "list", "range"] | None
    options: tuple[str, ...]
    row_security: bool
    force_row_security: bool
    extension: str | None
    reltuples: float
    pages: int
    frozen_xid_age: int
    heap_bytes: int | None
    bytes: int | None
    locked: bool
    statistics: TableStatistics | None
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    policies: tuple[Policy, ...]
    triggers: tuple[Trigger, ...]
    grants: tuple[Grant, ...]
    extended_statistics: tuple[ExtendedStatistics, ...]
    calls_user_code: bool = False

    @property
    def qualified_name(self) -> QualifiedName:
        """Schema and name."""
        return QualifiedName(self.schema, self.name)

    @property
    def estimated_rows(self) -> int | None:
        """Rows as the server estimates them, 0 where nobody counted but no page holds any; None if nobody knows."""
        live = self.statistics.live_rows if self.statistics else 0
        if self.reltuples < 0 and not live:
            return 0 if self.heap_bytes == 0 and self.kind == "table" else None
        return max(int(self.reltuples), live)

    @property
    def primary_key(self) -> Constraint | None:
        """The primary key, if there is one."""
        return next(iter(self.constraints_of_kind("primary key")), None)

    @cached_property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        """The foreign keys."""
        return self.constraints_of_kind("foreign key")

    @cached_property
    def checks(self) -> tuple[Constraint, ...]:
        """The check constraints."""
        return self.constraints_of_kind("check")

    def constraints_of_kind(self, kind: ConstraintKind) -> tuple[Constraint, ...]:
        """Return the constraints of one kind."""
        return tuple(constraint for constraint in self.constraints if constraint.kind == kind)

    def column(self, name: str) -> Column:
        """Return a column by name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @cached_property
    def unique_column_sets(self) -> frozenset[frozenset[str]]:
        """Each set of columns that a valid, complete unique index makes unique: a deferrable one at commit."""
        binding = (index.columns for index in self.indexes if index.unique and index.valid and not index.partial)
        return frozenset(
            frozenset(name for name in columns if name is not None) for columns in binding if None not in columns
        )

    def is_unique(self, columns: tuple[str, ...]) -> bool:
        """Tell whether these columns, or some of them, are unique over all rows."""
        return any(unique <= set(columns) for unique in self.unique_column_sets)


@dataclass(frozen=True)
class Catalog:
    """Everything in the database but PostgreSQL's own schemas and temporary relations."""

    schemas: tuple[Schema, ...]
    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    types: tuple[UserType, ...]
    extensions: tuple[Extension, ...]
    roles: tuple[Role, ...]
    functions: tuple[Function, ...]

    @cached_property
    def base_tables(self) -> tuple[Table, ...]:
        """Plain and partitioned tables of the project; not quarantine, nor partitions, whose parent stands for them."""
        return tuple(
            table
            for table in self.tables
            if table.kind in ("table", "partitioned table")
            and not table.is_partition
            and table.extension is None
            and table.schema != QUARANTINE_SCHEMA
        )

    def table(self, oid: int) -> Table | None:
        """Return the relation with an oid, if it is in the catalog."""
        return self._tables_by_oid.get(oid)

    def named(self, name: QualifiedName) -> Table | None:
        """Return the relation with a name, if it is in the catalog."""
        return self._tables_by_name.get(name)

    def referencing(self, table: Table) -> tuple[tuple[Table, Constraint], ...]:
        """Return the foreign keys of base tables that refer to a table, each with the table it belongs to."""
        return self._references.get(table.oid, ())

    def partitions(self, table: Table) -> tuple[Table, ...]:
        """Return the direct partitions and inheritance children of a table."""
        return self._children.get(table.oid, ())

    @cached_property
    def _tables_by_oid(self) -> dict[int, Table]:
        return {table.oid: table for table in self.tables}

    @cached_property
    def _tables_by_name(self) -> dict[QualifiedName, Table]:
        return {table.qualified_name: table for table in self.tables}

    @cached_property
    def _references(self) -> dict[int, tuple[tuple[Table, Constraint], ...]]:
        found: dict[int, tuple[tuple[Table, Constraint], ...]] = {}
        for table in self.base_tables:
            for key in table.foreign_keys:
                if key.referenced is not None:
                    found[key.referenced] = (*found.get(key.referenced, ()), (table, key))
        return found

    @cached_property
    def _children(self) -> dict[int, tuple[Table, ...]]:
        found: dict[int, tuple[Table, ...]] = {}
        for table in self.tables:
            for parent in table.parents:
                found[parent] = (*found.get(parent, ()), table)
        return found
