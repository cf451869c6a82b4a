"""A relationship of the models that no foreign key of the database stands behind.

What it finds:
    A `relationship()` with a plain join over columns that have no foreign key in the database: the models join them
    by `foreign()` alone, or declare a ForeignKey that no migration has made. Left alone are relationships that only
    read, those with a condition beside the keys (a type column, a date), which no foreign key could express, and
    references to columns that are not unique, to views, and to other schemas than are audited.

Why it matters:
    SQLAlchemy joins and writes these columns but checks nothing: a row may refer to one that was deleted, and an
    attribute that the code takes for granted is None.

Evidence:
    The relationship of the models, pg_constraint, and a count of the rows that refer to nothing.

Remedy:
    `ForeignKey("parents.id")` in the model and `op.create_foreign_key(..., postgresql_not_valid=True)`, validated in
    a step of its own. Rows that refer to nothing have to be mended first.

When to ignore:
    What is referred to is deleted or archived while the reference has to stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Action, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ColumnName, MappedClass, Reference, Relationship
from pgproof.facts.questions import Orphans
from pgproof.remedy.constraints import AddForeignKey
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import object_name, quoted
from pgproof.remedy.operation import Operation
from pgproof.rules import given
from pgproof.rules.counter_examples import OrphanAccepted
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.integrity._foreign_keys import declared_keys
from pgproof.rules.integrity._keys import at_least, evidence_of, known_from, sentence, told
from pgproof.rules.modelled import mapped_classes, table_of
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="INT05", slug="relationship-without-foreign-key", severity="medium", needs=("models", "catalog")
)


@dataclass(frozen=True)
class _Bare:
    """A reference that nothing checks, and the first relationship that goes along it."""

    owner: MappedClass
    relationship: Relationship
    table: Table
    columns: tuple[str, ...]
    parent: Table
    parent_columns: tuple[str, ...]

    @property
    def question(self) -> Orphans:
        """How many rows refer to nothing."""
        return Orphans(self.table.qualified_name, self.columns, self.parent.qualified_name, self.parent_columns)


def questions(facts: Facts) -> Iterator[Orphans]:
    """Ask how many rows of each such reference refer to nothing."""
    for bare in _bare_references(facts):
        yield bare.question


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each reference of a relationship that no foreign key checks."""
    for bare in _bare_references(facts):
        if bare.table.locked:
            yield locked(bare.table)
        else:
            yield _finding(facts, bare)


def _bare_references(facts: Facts) -> tuple[_Bare, ...]:
    found: dict[Orphans, _Bare] = {}
    for owner in mapped_classes(facts):
        for relationship in owner.relationships:
            if relationship.viewonly or not relationship.plain:
                continue
            for references in _by_table(relationship):
                bare = _bare(facts, owner, relationship, references)
                if bare is not None:
                    found.setdefault(bare.question, bare)
    return tuple(found.values())


def _by_table(relationship: Relationship) -> tuple[tuple[Reference, ...], ...]:
    """Return the references to each side: through an association table there are two, maybe to the same table."""
    sides: dict[tuple[object, ...], list[Reference]] = {}
    before: Counter[ColumnName] = Counter()
    for each in relationship.references:
        # What is referred to once more is referred to by another side.
        before[each.referenced] += 1
        side = (each.column.table, each.referenced.table, before[each.referenced])
        sides.setdefault(side, []).append(each)
    return tuple(tuple(side) for side in sides.values())


def _bare(
    facts: Facts, owner: MappedClass, relationship: Relationship, references: tuple[Reference, ...]
) -> _Bare | None:
    table, parent = (table_of(facts, name) for name in (references[0].column.table, references[0].referenced.table))
    if table is None or parent is None or table.kind != "table" or parent.kind != "table":
        return None
    ordered = sorted((each.column.name, each.referenced.name) for each in references)
    columns, parent_columns = tuple(zip(*ordered, strict=True))
    own = {column.name for column in table.columns}
    if not (own.issuperset(columns) and frozenset(parent_columns) in parent.unique_column_sets):
        return None
    if any(set(columns) & set(key.columns) for key in table.foreign_keys):
        return None
    return _Bare(owner, relationship, table, columns, parent, parent_columns)


def _finding(facts: Facts, bare: _Bare) -> Finding:
    severity: Severity = METADATA.severity
    listed, name = ", ".join(bare.columns), f"{bare.owner.name}.{bare.relationship.name}"
    consequence = f"A row may refer to a row of {bare.parent.qualified_name} that does not exist: nothing checks it."
    operations: tuple[Operation, ...] = ()
    mend, said = "Add", ""
    found = told(facts, bare.question)
    if found is not None:
        counts = found[1]
        said = f"{amount(counts.rows, 'row refers', 'rows refer')} to nothing"
        if counts.rows:
            severity, mend = "high", "Mend the rows that refer to nothing, then add"
            consequence += f" {sentence(at_least(counts, counts.rows))} of {counts.rows_examined:,} rows do."
        else:
            operations = _operations(facts, bare)
    return METADATA.finding(
        objects=(table_ref(bare.table, *bare.columns),),
        message=f"{name} joins {bare.table.qualified_name} ({listed}) to {bare.parent.qualified_name}, which no foreign"
        " key does",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            Evidence("models", name, f"{name} goes along ({listed})"),
            Evidence(
                "catalog",
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid ="
                f" {regclass(bare.table)}",
                f"no foreign key over ({listed})",
            ),
            *evidence_of(found, said),
        ),
        remedy=Remedy(f"{mend} a foreign key, here and in the model.", operations),
        related=(table_ref(bare.parent),),
        counter_example=_counter_example(bare),
        location=bare.relationship.location,
    )


def _counter_example(bare: _Bare) -> OrphanAccepted | None:
    if any(key.referenced == bare.parent.oid for key in bare.table.foreign_keys):
        # Another reference of the same row would keep the parent.
        return None
    return OrphanAccepted(bare.table.qualified_name, bare.columns, bare.parent.qualified_name, bare.parent_columns)


def _operations(facts: Facts, bare: _Bare) -> tuple[Operation, ...]:
    """Return the key as the models declare it, else without an action, and an index if it has none.

    Nothing where no key can be: between types, over the rows of heirs, or with an action on some of its columns.
    """
    table, parent = bare.table, bare.parent
    own, theirs = (
        [each.column(name).base_type for name in names]
        for each, names in ((table, bare.columns), (parent, bare.parent_columns))
    )
    declared = declared_keys(facts, bare.relationship.references[0].column.table, bare.columns)
    nothing: tuple[Action | None, Action | None] = ("no action", "no action")
    on_delete, on_update = next(((each.on_delete, each.on_update) for each in declared), nothing)
    if own != theirs or facts.catalog.partitions(table) or on_delete is None:
        return ()
    key = AddForeignKey(
        table.schema,
        table.name,
        object_name("fk", table.name, bare.columns),
        bare.columns,
        parent.schema,
        parent.name,
        bare.parent_columns,
        on_delete,
        cast(Action, on_update),
    )
    if any(leading_columns(table, index, bare.columns) for index in table.indexes):
        return (key,)
    index = object_name("idx", table.name, bare.columns)
    return (CreateIndex(table.schema, table.name, index, tuple(map(quoted, bare.columns))), key)


_MODELS = """
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str | None]
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column({key})
    parent: Mapped[Parent | None] = relationship({join})
"""
_PAIR = """
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
class Child(Base):
    __tablename__ = "children"
    __table_args__ = (
        ForeignKeyConstraint(["parent_id", "code"], ["parents.id", "parents.code"], onupdate="CASCADE"),
        postgresql.ExcludeConstraint(("parent_id", "="), ("code", "=")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str]
    parent_id: Mapped[int]
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("children.id", ondelete="CASCADE"))
    parent: Mapped[Parent] = relationship()
"""
_BARE = 'primaryjoin="foreign(Child.parent_id) == Parent.id"'
_TABLES = """
    CREATE TABLE parents (id int PRIMARY KEY, code text);
    CREATE TABLE children (id int PRIMARY KEY, code text, parent_id int);
    INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1, NULL, 1), (2, NULL, NULL);
"""


def _models(join: str = _BARE, key: str = "") -> str:
    return _MODELS.format(join=join, key=key)


_ASSOCIATION = """
tags = Table("tags", Base.metadata, Column("a_id", ForeignKey("parents.id")), Column("b_id", ForeignKey({other})))
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str | None]
    others: Mapped[list[{target}]] = relationship(secondary=tags, {join})
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
"""

BAD = (
    Example(
        "a join that the models alone know, without an index",
        sql=_TABLES,
        models=_models(),
        severity="medium",
        says=("nothing checks it. Add a foreign key",),
        shows=("0 rows refer to nothing", "2 operations", "CREATE INDEX", "FOREIGN KEY (", "OrphanAccepted("),
        objects=("children", "parent_id"),
    ),
    Example(
        "a key that no migration has made, and rows that refer to nothing",
        sql=_TABLES + "CREATE INDEX ON children (parent_id); INSERT INTO children VALUES (3, NULL, 7)",
        models=_models("", 'ForeignKey("parents.id")'),
        severity="high",
        says=("1 of 3 rows do", "Mend the rows"),
        objects=("children", "parent_id"),
    ),
    Example(
        "a key that no migration has made, with its action, and an index for it",
        sql=_TABLES + "CREATE INDEX ON children (parent_id)",
        models=_models("", 'ForeignKey("parents.id", ondelete="SET NULL")'),
        severity="medium",
        shows=("1 operation", '("id") ON DELETE SET NULL'),
        objects=("children", "parent_id"),
    ),
    Example(
        "a key of two columns that no migration has made, with its action, beside another",
        sql="""
            CREATE TABLE parents (id int, code text, PRIMARY KEY (code, id));
            CREATE TABLE children (id int PRIMARY KEY, code text NOT NULL, parent_id int NOT NULL, boss_id int);
        """,
        models=_PAIR,
        shows=("2 operations", 'FOREIGN KEY ("code", "parent_id")', '("code", "id") ON UPDATE CASCADE NOT'),
        objects=("children", "code", "parent_id"),
    ),
    Example(
        "a reference to a key of another type, by a unique rule",
        sql=_TABLES + "ALTER TABLE children ALTER parent_id TYPE bigint",
        models=_models(),
        shows=("0 rows refer to nothing", "0 operations"),
        objects=("children", "parent_id"),
    ),
    Example(
        "a key that no migration has made, whose action is on one of its columns",
        sql=_TABLES,
        models=_models("", 'ForeignKey("parents.id", ondelete="SET NULL (parent_id)")'),
        shows=("0 rows refer to nothing", "0 operations"),
        objects=("children", "parent_id"),
    ),
    Example(
        "a table whose heirs have rows that its key would not check",
        sql=_TABLES + "CREATE TABLE more () INHERITS (children)",
        models=_models(),
        shows=("0 rows refer to nothing", "0 operations"),
        objects=("children", "parent_id"),
    ),
    Example(
        "one side of an association, told once",
        sql=_TABLES + "CREATE TABLE tags (a_id int REFERENCES parents, b_id int, UNIQUE (b_id, a_id))",
        models=_ASSOCIATION.format(other='"children.id"', target="Child", join='backref="back"'),
        shows=("OrphanAccepted(",),
        objects=("tags", "b_id"),
    ),
    Example(
        "an association of a table with itself that an audit may not count",
        sql=_TABLES + "CREATE TABLE tags (a_id int REFERENCES parents, b_id int, UNIQUE (b_id, a_id))",
        models=_ASSOCIATION.format(
            other='"parents.id"',
            target="Parent",
            join='primaryjoin="Parent.id == tags.c.a_id", secondaryjoin="Parent.id == tags.c.b_id"',
        ),
        given=(given.table("tags", calls_user_code=True),),
        severity="medium",
        shows=("0 operations", "no counter-example"),
        objects=("tags", "b_id"),
    ),
)
GOOD = (
    Example("no table of the child", sql="CREATE TABLE parents (id int PRIMARY KEY)", models=_models()),
    Example(
        "a relationship with its key",
        sql=_TABLES + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents",
        models=_models(),
    ),
    Example("a relationship that only reads", sql=_TABLES, models=_models(_BARE + ", viewonly=True")),
    Example(
        "a condition beside the keys, which no foreign key could express",
        sql=_TABLES,
        models=_models("""primaryjoin="and_(foreign(Child.parent_id) == Parent.id, Child.code == 'x')" """),
    ),
    Example(
        "a reference to what is not unique, or only for some rows",
        sql=_TABLES + "CREATE UNIQUE INDEX ON parents (code) WHERE id > 0; CREATE UNIQUE INDEX ON parents (code, id)",
        models=_models('primaryjoin="foreign(Child.code) == Parent.code"'),
    ),
    Example(
        "a reference to a view, whatever is unique in it",
        sql="""
            CREATE TABLE children (id int PRIMARY KEY, parent_id int);
            CREATE MATERIALIZED VIEW parents AS SELECT id FROM children; CREATE UNIQUE INDEX ON parents (id);
        """,
        models=_models(),
    ),
    Example(
        "a view that refers to a table, and a table without the column",
        sql="CREATE TABLE parents (id int PRIMARY KEY);"
        + " CREATE VIEW children AS SELECT id, id AS parent_id FROM parents",
        models=_models(),
    ),
    Example(
        "columns that are not there",
        sql="CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int PRIMARY KEY)",
        models=_models(),
    ),
    Example(
        "no table of the parent", sql="CREATE TABLE children (id int PRIMARY KEY, parent_id int)", models=_models()
    ),
    Example(
        "a table that another session locks is not judged: its keys could not be read",
        sql=_TABLES,
        models=_models(),
        given=(given.table("children", locked=True),),
    ),
)
