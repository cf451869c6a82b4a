"""What is read of SQLAlchemy models, in a process of its own, from projects as people lay them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pgproof.facts.models import ColumnName, ModelDefault, Models, TableName
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.source_line import SourceLine

Read = Callable[..., Models]

SHOP = """\
import enum
from typing import Annotated, Literal
from sqlalchemy import (CheckConstraint, Column, Computed, Enum, ForeignKey, Identity, Index, Integer, MetaData,
                        String, Table, TypeDecorator, UniqueConstraint, func, text)
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship, validates

class Base(DeclarativeBase):
    metadata = MetaData(naming_convention={"fk": "%(table_name)s_%(column_0_name)s_fkey"})

class Timed:
    created: Mapped[str] = mapped_column(server_default=func.now())

    @declared_attr
    def owner_id(cls) -> Mapped[int | None]:
        return mapped_column(ForeignKey("hr.people.id", ondelete="SET NULL", onupdate="CASCADE"))

class Mood(enum.Enum):
    FINE = "fine"
    BAD = "bad"

class Person(Base):
    __tablename__ = "people"
    __table_args__ = {"schema": "hr"}
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), default="worker")
    mood: Mapped[Mood | None] = mapped_column(Enum(Mood, values_callable=lambda e: [m.value for m in e], name="mood"))
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}

class Manager(Person):
    budget: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "manager"}

tags = Table(
    "tags", Base.metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("tag", String, primary_key=True),
)

class Order(Timed, Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[Literal["new", "paid"]] = mapped_column(default="new", server_default="new")
    number: Mapped[str] = mapped_column("no", String(8), default=lambda: "x", onupdate="y", unique=True)
    total: Mapped[int] = mapped_column(Computed("id * 2"))
    seen: Mapped[int | None] = mapped_column(default=func.random())
    items: Mapped[list["Item"]] = relationship(
        back_populates="order", cascade="all, delete-orphan", passive_deletes=True
    )
    big: Mapped[list["Item"]] = relationship(
        primaryjoin="and_(Order.id == Item.order_id, Item.price > 9)", viewonly=True
    )
    __table_args__ = (
        CheckConstraint("length(no) > 1", name="long"),
        Index("recent", text("lower(no)"), "id", postgresql_where=text("no <> ''"), postgresql_include=["seen"]),
        Index("searched", "no", postgresql_using="GIN", postgresql_ops={"no": "gin_trgm_ops"}),
    )

    @validates("number")
    def short(self, key, value):
        return value

class Item(Base):
    __tablename__ = "items"
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id", deferrable=True, use_alter=True), primary_key=True)
    price: Mapped[int] = mapped_column(primary_key=True)
    order: Mapped[Order] = relationship(back_populates="items")
"""

SMALL = """\
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): pass
class {0}(Base):
    __tablename__ = "{0}"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a project's files and reads what some names of it lead to."""

    def read_models(*names: str, **files: str) -> Models:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return ask_project(Project(tmp_path), "models", names, Models)

    return read_models


def line_of(text: str, source: str = SHOP) -> int:
    return next(number for number, line in enumerate(source.splitlines(), 1) if text in line)


def test_columns_are_read_with_their_types_defaults_and_lines(read: Read) -> None:
    models = read("shop:Base", shop=SHOP)
    orders = models.table(TableName(None, "orders"))
    assert orders is not None
    assert orders.location == SourceLine("shop.py", line_of("class Order"))
    said = {
        column.name: (column.type, column.nullable, column.default, column.server_default, column.generated)
        for column in orders.columns
    }
    assert said == {
        "id": ("INTEGER", False, None, None, True),
        "state": ("VARCHAR(4)", False, ModelDefault("constant", "'new'"), "'new'", False),
        "no": ("VARCHAR(8)", False, ModelDefault("function", None), None, False),
        "total": ("INTEGER", False, None, None, True),
        "seen": ("INTEGER", True, ModelDefault("expression", "random()"), None, False),
        "created": ("VARCHAR", False, None, "now()", False),
        "owner_id": ("INTEGER", True, None, None, False),
    }
    number, created, owner = (orders.column(name) for name in ("no", "created", "owner_id"))
    assert number is not None
    assert created is not None
    assert owner is not None
    assert (number.length, number.text, number.onupdate) == (8, True, True)
    assert number.location == SourceLine("shop.py", line_of('"no", String(8)'))
    # What a mixin gives is written there.
    assert created.location == SourceLine("shop.py", line_of("created: Mapped"))
    assert owner.location == SourceLine("shop.py", line_of("def owner_id"))


def test_an_enum_says_what_is_stored_and_who_keeps_it(read: Read) -> None:
    models = read("shop:Base", shop=SHOP)
    people, orders = models.table(TableName("hr", "people")), models.table(TableName(None, "orders"))
    assert people is not None
    assert orders is not None
    mood, state = people.column("mood"), orders.column("state")
    assert mood is not None
    assert mood.enum is not None
    assert (mood.enum.name, mood.enum.labels, mood.enum.native) == ("mood", ("fine", "bad"), True)
    assert state is not None
    assert state.enum is not None
    assert (state.enum.labels, state.enum.native, state.enum.constrained) == (("new", "paid"), False, False)


def test_constraints_and_indexes_are_read(read: Read) -> None:
    models = read("shop:Base", shop=SHOP)
    orders, items = models.table(TableName(None, "orders")), models.table(TableName(None, "items"))
    assert orders is not None
    assert items is not None
    keys = {each.kind: each for each in orders.constraints}
    assert keys["check"].expression == "length(no) > 1"
    assert keys["unique"].columns == ("no",)
    assert keys["primary key"].columns == ("id",)
    owner = keys["foreign key"]
    assert (owner.name, owner.referenced, owner.referenced_columns) == (
        "orders_owner_id_fkey",
        TableName("hr", "people"),
        ("id",),
    )
    assert (owner.on_delete, owner.on_update, owner.deferrable) == ("set null", "cascade", False)
    order = next(each for each in items.constraints if each.kind == "foreign key")
    assert (order.on_delete, order.deferrable, order.use_alter) == ("no action", True, True)
    recent, searched = orders.indexes
    assert [(key.column, key.expression) for key in recent.keys] == [(None, "lower(no)"), ("id", None)]
    assert (recent.where, recent.include, recent.method, recent.unique) == ("no <> ''", ("seen",), "btree", False)
    assert (searched.method, searched.keys[0].operator_class) == ("gin", "gin_trgm_ops")


def test_a_table_without_a_class_has_the_line_of_its_call(read: Read) -> None:
    tags = read("shop:Base", shop=SHOP).table(TableName(None, "tags"))
    assert tags is not None
    assert tags.location == SourceLine("shop.py", line_of("tags = Table("))
    assert tags.location_of("tag") == SourceLine("shop.py", line_of('Column("tag"'))


def test_classes_are_read_with_their_inheritance(read: Read) -> None:
    classes = {each.name: each for each in read("shop:Base", shop=SHOP).classes}
    assert sorted(classes) == ["Item", "Manager", "Order", "Person"]
    manager = classes["Manager"]
    people = TableName("hr", "people")
    assert (manager.inheritance, manager.base, manager.bases) == ("single", "Person", ("Manager", "Person"))
    assert (manager.table, manager.discriminator, manager.identity) == (people, ColumnName(people, "kind"), "manager")
    assert manager.location == SourceLine("shop.py", line_of("class Manager"))
    number = next(each for each in classes["Order"].attributes if each.name == "number")
    assert (number.columns, number.validated) == ((ColumnName(TableName(None, "orders"), "no"),), True)


def test_relationships_say_what_they_do_along(read: Read) -> None:
    classes = {each.name: each for each in read("shop:Base", shop=SHOP).classes}
    big, items = classes["Order"].relationships
    assert (items.name, items.target, items.direction, items.uselist) == ("items", "Item", "one to many", True)
    (reference,) = items.references
    assert reference.column == ColumnName(TableName(None, "items"), "order_id")
    assert reference.referenced == ColumnName(TableName(None, "orders"), "id")
    assert {"delete", "delete-orphan"} <= set(items.cascade)
    assert (items.passive_deletes, items.viewonly, items.plain, items.back_populates) == ("yes", False, True, "order")
    assert items.location == SourceLine("shop.py", line_of("items: Mapped"))
    assert (big.viewonly, big.plain) == (True, False)
    assert big.conditions == (ColumnName(TableName(None, "items"), "price"),)
    (order,) = classes["Item"].relationships
    assert (order.direction, order.passive_deletes, order.cascade) == ("many to one", "no", ("merge", "save-update"))


def test_a_src_layout_and_several_bases_are_read_together(read: Read) -> None:
    models = read(
        "app.a:Base",
        "app.b:Base.metadata",
        "app.c:registry",
        src__app__a=SMALL.format("A"),
        src__app__b=SMALL.format("B"),
        src__app__c=SMALL.format("C") + "registry = Base.registry\n",
    )
    assert [str(table.name) for table in models.tables] == ["A", "B", "C"]
    assert [each.name for each in models.classes] == ["A", "B", "C"]
    assert models.tables[1].location == SourceLine("src/app/b.py", 3)


def test_a_metadata_leads_to_the_classes_that_are_mapped_to_its_tables(read: Read) -> None:
    models = read("shop:Base.metadata", shop=SHOP)
    assert [each.name for each in models.classes] == ["Item", "Manager", "Order", "Person"]


def test_tables_without_classes_and_imperative_mappings(read: Read) -> None:
    source = """\
from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy.orm import registry
metadata = MetaData()
cats = Table("cats", metadata, Column("id", Integer, primary_key=True), Column("name", Integer))
dogs = Table("dogs", metadata, Column("id", Integer, primary_key=True))
class Cat:
    pass
registry().map_imperatively(Cat, cats)
"""
    models = read("zoo:metadata", zoo=source)
    assert [str(table.name) for table in models.tables] == ["cats", "dogs"]
    assert [(each.name, each.table) for each in models.classes] == [("Cat", TableName(None, "cats"))]
    assert models.tables[0].location == SourceLine("zoo.py", 4)
    assert models.tables[0].location_of("name") == SourceLine("zoo.py", 4)


def test_classes_of_another_base_are_left_out(read: Read) -> None:
    other = SMALL.replace("class Base", "class Other").replace("(Base)", "(Other)").format("Z")
    models = read("shop:Base", shop=SHOP + other)
    assert "Z" not in [each.name for each in models.classes]
    assert TableName(None, "Z") not in [table.name for table in models.tables]


def test_types_of_the_projects_own_are_read_as_postgresql_would_write_them(read: Read) -> None:
    source = """\
from sqlalchemy import ARRAY, Enum, String, TypeDecorator, types
from sqlalchemy.orm import *
class Base(DeclarativeBase): pass
class Short(TypeDecorator):
    impl = String(5)
    cache_ok = True
class Deep(TypeDecorator):
    impl = Enum("a", "b", native_enum=False)
    cache_ok = True
class Point(types.UserDefinedType):
    cache_ok = True
    def get_col_spec(self, **kw):
        return "POINT"
class Nameless(types.TypeEngine):
    pass
class T(Base):
    __tablename__ = "t"
    id: Mapped[int] = mapped_column(primary_key=True)
    short: Mapped[str] = mapped_column(Short, default="x")
    deep: Mapped[str] = mapped_column(Deep)
    many: Mapped[list[str]] = mapped_column(ARRAY(Enum("c", name="letter")))
    none: Mapped[list[str]] = mapped_column(ARRAY(String), default=[])
    nested: Mapped[list[str]] = mapped_column(ARRAY(String, dimensions=2), default=[[], []])
    some: Mapped[list[str]] = mapped_column(ARRAY(String), default=["it's", ""])
    point: Mapped[str] = mapped_column(Point, default=(1, 2))
    nameless: Mapped[str] = mapped_column(Nameless)
"""
    (table,) = read("t:Base", t=source).tables
    said = {
        column.name: (column.type, column.length, column.enum and (column.enum.labels, column.enum.strict))
        for column in table.columns
    }
    assert said == {
        "id": ("INTEGER", None, None),
        "short": ("VARCHAR(5)", 5, None),
        "deep": ("VARCHAR(1)", None, (("a", "b"), False)),
        "many": ("letter[]", None, (("c",), True)),
        "none": ("VARCHAR[]", None, None),
        "nested": ("VARCHAR[][]", None, None),
        "some": ("VARCHAR[]", None, None),
        "point": ("POINT", None, None),
        "nameless": (None, None, None),
    }
    point = table.column("point")
    assert point is not None
    assert point.default == ModelDefault("constant", None)
    defaults = {
        column.name: column.default and column.default.sql for column in table.columns if "[" in str(column.type)
    }
    assert defaults == {"many": None, "none": "'{}'", "nested": "'{}'", "some": "ARRAY['it''s', '']"}


def test_a_foreign_key_to_a_table_of_another_metadata_is_read_by_name(read: Read) -> None:
    source = """\
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table
metadata = MetaData()
Table("a", metadata, Column("b_id", Integer, ForeignKey("else.b.id")))
"""
    (table,) = read("t:metadata", t=source).tables
    (key,) = table.constraints
    assert (key.referenced, key.referenced_columns) == (TableName("else", "b"), ("id",))


def test_models_that_are_imported_when_sqlalchemy_asks_for_them(read: Read) -> None:
    late = (
        SMALL.format("users")
        + """
from sqlalchemy import event
from sqlalchemy.orm import Mapper
@event.listens_for(Mapper, "before_configured", once=True)
def the_rest(): import more
"""
    )
    more = "from app import Base\nfrom sqlalchemy.orm import Mapped, mapped_column\n" + "\n".join(
        SMALL.format("orders").splitlines()[2:]
    )
    models = read("app:Base", app=late, more=more)
    assert [(each.name, str(each.table)) for each in models.classes] == [("users", "users"), ("orders", "orders")]


def test_a_condition_of_an_index_may_be_a_plain_text(read: Read) -> None:
    source = SMALL.format("users") + "    __table_args__ = (Index('few', 'id', postgresql_where='id > 1'),)\n"
    (table,) = read("app:Base", app=f"from sqlalchemy import Index\n{source}").tables
    assert table.indexes[0].where == "id > 1"
