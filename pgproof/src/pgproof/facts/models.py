"""What the SQLAlchemy models say: tables, columns, mappers and relationships, each with its file and line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from pgproof.facts.catalog import Action, ConstraintKind
from pgproof.facts.source_line import SourceLine

PassiveDeletes: TypeAlias = Literal["no", "yes", "all"]
Direction: TypeAlias = Literal["one to many", "many to one", "many to many"]


@dataclass(frozen=True, order=True)
class TableName:
    """A table as the models name it; without a schema it is found along the search path."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        """The name, with a point after the schema if it has one."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, order=True)
class ColumnName:
    """A column of a table of the models."""

    table: TableName
    name: str


@dataclass(frozen=True)
class ModelEnum:
    """An `Enum` type.

    Attributes:
        name: of the type in PostgreSQL, and of the check where it is not native; None for a check without a name.
        schema: of the type, None for the search path.
        labels: as they are stored, in order.
        native: a type of PostgreSQL; else text, with a check only if `constrained`.
        constrained: `create_constraint=True`.
        strict: a stored text that is none of the labels makes SQLAlchemy raise LookupError when the row is loaded.
    """

    name: str | None
    schema: str | None
    labels: tuple[str, ...]
    native: bool
    constrained: bool
    strict: bool


@dataclass(frozen=True)
class ModelDefault:
    """What SQLAlchemy itself puts into a column that an INSERT leaves out; the database knows nothing of it.

    Attributes:
        kind: a constant, a Python function, an SQL expression, or a sequence.
        sql: of a constant or an expression, as PostgreSQL reads it; None where it has none.
    """

    kind: Literal["constant", "function", "expression", "sequence"]
    sql: str | None


@dataclass(frozen=True)
class ModelColumn:
    """A column of a table of the models.

    Attributes:
        type: as PostgreSQL's DDL writes it, such as `VARCHAR(20)`; None for one that SQLAlchemy cannot write.
        length: characters of a text type; None without a limit, and for what is no text.
        text: a text type of SQLAlchemy that is no enum.
        enum: of an enum, or of the items of an array of one.
        default: what SQLAlchemy puts in; None for nothing.
        server_default: SQL of the database's default; None for none.
        onupdate: SQLAlchemy changes it with each UPDATE that does not.
        generated: identity, computed, or an integer key that the database numbers.
    """

    name: str
    type: str | None
    nullable: bool
    primary_key: bool
    length: int | None
    text: bool
    enum: ModelEnum | None
    default: ModelDefault | None
    server_default: str | None
    onupdate: bool
    generated: bool
    location: SourceLine | None


@dataclass(frozen=True)
class ModelConstraint:
    """A constraint of a table of the models.

    Attributes:
        name: None where PostgreSQL would choose one.
        expression: SQL of a check.
        referenced: the table of a foreign key.
        use_alter: added after the tables, by a statement of its own.
    """

    kind: ConstraintKind
    name: str | None
    columns: tuple[str, ...]
    expression: str | None = None
    referenced: TableName | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action | None = None
    on_update: Action | None = None
    deferrable: bool = False
    use_alter: bool = False


@dataclass(frozen=True)
class ModelIndexKey:
    """A key of an index: a column, or the SQL of an expression (a direction counts as one)."""

    column: str | None
    expression: str | None
    operator_class: str | None


@dataclass(frozen=True)
class ModelIndex:
    """An index of a table of the models; `where` and `include` as PostgreSQL's dialect has them."""

    name: str | None
    keys: tuple[ModelIndexKey, ...]
    unique: bool
    where: str | None
    include: tuple[str, ...]
    method: str


@dataclass(frozen=True)
class ModelTable:
    """A table of the models' metadata."""

    name: TableName
    columns: tuple[ModelColumn, ...]
    constraints: tuple[ModelConstraint, ...]
    indexes: tuple[ModelIndex, ...]
    location: SourceLine | None

    def column(self, name: str) -> ModelColumn | None:
        """Return a column by name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)

    def location_of(self, *columns: str) -> SourceLine | None:
        """Return where the first of these columns is written, else where the table is."""
        found = (column.location for column in self.columns if column.name in columns and column.location is not None)
        return next(found, self.location)


@dataclass(frozen=True)
class Reference:
    """A column of a relationship's join and the column whose value it holds."""

    column: ColumnName
    referenced: ColumnName


@dataclass(frozen=True)
class Relationship:
    """A `relationship()` of a mapped class.

    Attributes:
        name: of the attribute.
        target: name of the class on the other side.
        references: the columns that hold a key of the other side; through `secondary` those of both sides.
        conditions: columns that its join compares with anything else, such as a constant; none for a plain join.
        constants: those of them that it compares with a constant by `=`.
        plain: the join says nothing but that the references are equal.
        cascade: what the ORM does along, such as `delete` and `delete-orphan`.
        passive_deletes: `yes` leaves rows that are not loaded to the database, `all` the loaded ones, too.
        post_update: its key is written by an UPDATE of its own.
        dynamic: never loaded as a whole (`lazy` of dynamic or write_only).
        back_populates: the relationship on the other side that is kept the same (`backref` as well).
    """

    name: str
    target: str
    direction: Direction
    references: tuple[Reference, ...]
    secondary: TableName | None
    conditions: tuple[ColumnName, ...]
    constants: tuple[ColumnName, ...]
    plain: bool
    cascade: tuple[str, ...]
    passive_deletes: PassiveDeletes
    passive_updates: bool
    viewonly: bool
    uselist: bool
    post_update: bool
    lazy: str
    back_populates: str | None
    location: SourceLine | None


@dataclass(frozen=True)
class ModelAttribute:
    """An attribute of a mapped class and the columns it reads; `validated` by a function of `@validates`."""

    name: str
    columns: tuple[ColumnName, ...]
    validated: bool
    location: SourceLine | None


@dataclass(frozen=True)
class MappedClass:
    """A class that is mapped to a table, or to several by joined inheritance.

    Attributes:
        name: of the class.
        table: it is mapped to; None for a query or a join.
        base: name of the class that it inherits its mapping from.
        inheritance: how: `single` in the base's table, `joined` with a table of its own, `concrete` in another.
        discriminator: column that tells the classes of a hierarchy apart (`polymorphic_on`).
        identity: its value for this class, as text; None where it has none.
        abstract: `polymorphic_abstract=True`: no row is of this class itself.
        bases: names of all mapped classes it inherits from, itself first.
        attributes: all, inherited ones as well.
        relationships: all, inherited ones as well.
    """

    name: str
    module: str
    table: TableName | None
    base: str | None
    inheritance: Literal["single", "joined", "concrete"] | None
    discriminator: ColumnName | None
    identity: str | None
    abstract: bool
    bases: tuple[str, ...]
    attributes: tuple[ModelAttribute, ...]
    relationships: tuple[Relationship, ...]
    location: SourceLine | None


@dataclass(frozen=True)
class Models:
    """Everything the models declare.

    Attributes:
        names: by which they were given, `package.module:Base`.
        tables: of the metadata, mapped or not.
        classes: that are mapped.
    """

    names: tuple[str, ...]
    tables: tuple[ModelTable, ...]
    classes: tuple[MappedClass, ...]

    def table(self, name: TableName) -> ModelTable | None:
        """Return a table by name, if the models have it."""
        return self._tables.get(name)

    @cached_property
    def _tables(self) -> dict[TableName, ModelTable]:
        return {table.name: table for table in self.tables}
