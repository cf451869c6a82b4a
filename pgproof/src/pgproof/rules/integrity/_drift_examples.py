"""Databases and models that INT21 must report, and that it must not."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

_MODELS = """
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
class Child(Base):
    __tablename__ = "children"
    __table_args__ = ({})
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    parent_id: Mapped[int | None] = mapped_column({})
"""
_PARENTS = "CREATE TABLE parents (id int PRIMARY KEY);"
_CHILDREN = _PARENTS + "CREATE TABLE children (id int PRIMARY KEY, name varchar, parent_id int);"
_PETS = "CREATE TABLE pets (id int PRIMARY KEY, parent_id int REFERENCES parents)"
_WITH_PETS = """
class Pet(Base):
    __tablename__ = "pets"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))
    parent: Mapped[Parent | None] = relationship(back_populates="pets")
Parent.pets = relationship(Pet, back_populates="parent")
"""


def _models(arguments: str = "", parent: str = "") -> str:
    return _MODELS.format(arguments, parent)


BAD = (
    Example(
        "a table that no migration has made",
        sql=_PARENTS,
        models=_models(),
        severity="high",
        says=("1 of 2 tables",),
        objects=("children",),
    ),
    Example(
        "a column that no migration has added, and one of another type",
        sql=_PARENTS + "CREATE TABLE children (id int PRIMARY KEY, name int)",
        models=_models('CheckConstraint("parent_id > 0"),', "index=True"),
        severity="high",
        # Neither the check of the missing column nor its index is told on top.
        says=(": the column parent_id is missing; name is integer, where the models say VARCHAR Statements",),
        objects=("children",),
    ),
    Example(
        "a text where the models say a number",
        sql=_PARENTS + "CREATE TABLE children (id int PRIMARY KEY, name varchar, parent_id text)",
        models=_models(),
        severity="medium",
        objects=("children",),
    ),
    Example(
        "a required column that the models do not know, beside a trigger on updates",
        sql=_CHILDREN
        + """
            ALTER TABLE children ADD code text NOT NULL;
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER fills BEFORE UPDATE ON children FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON children FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_models(),
        severity="high",
        says=("the required column code",),
        objects=("children",),
    ),
    Example(
        "a foreign key that is not there, beside relationships along others, and two checks",
        sql=_CHILDREN + "ALTER TABLE children ADD CHECK (parent_id > 0);" + _PETS,
        models=_models(
            'CheckConstraint("length(name) > id + parent_id"), CheckConstraint("id > 1", name="few"),',
            'ForeignKey("parents.id")',
        )
        + "    twin: Mapped[Parent | None] = relationship(primaryjoin='Parent.id == foreign(Child.id)', viewonly=True)"
        + _WITH_PETS,
        severity="medium",
        says=("the foreign key (parent_id)", "the check (length(name) > id + parent_id)", "the check few (id > 1)"),
        objects=("children",),
    ),
    Example(
        "a foreign key that does something else, and others that do not count or are the matter of INT10",
        sql=_CHILDREN
        + "CREATE TABLE others (id int PRIMARY KEY);"
        + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES others ON DELETE CASCADE;"
        + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents ON DELETE SET NULL,"
        + "ADD FOREIGN KEY (id) REFERENCES parents ON DELETE CASCADE",
        models=_models(parent='ForeignKey("parents.id", ondelete="CASCADE")')
        + """
Parent.children = relationship(Child, passive_deletes="all")
Parent.twins = relationship(Child, primaryjoin="Parent.id == foreign(Child.id)")
""",
        severity="medium",
        says=("ON DELETE SET NULL, where the models say CASCADE",),
        objects=("children",),
    ),
    Example(
        "an index that is not there: one begins with another column, one is for some rows, one was never finished",
        sql=_CHILDREN
        + "CREATE INDEX ON children (name, parent_id); CREATE INDEX ON children (parent_id) WHERE id > 0;"
        + "CREATE INDEX broken ON children (parent_id)",
        models=_models('Index("all", "id", "name", "parent_id"),', "index=True"),
        given=(given.index("broken", valid=False),),
        severity="low",
        says=("ix_children_parent_id (parent_id)", "the index all (id, name, parent_id)"),
        objects=("children",),
    ),
)
GOOD = (
    Example(
        "the same on both sides, and a foreign key once more",
        sql=_CHILDREN
        + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents ON DELETE CASCADE, ADD CHECK (id > 0),"
        + " ADD FOREIGN KEY (parent_id) REFERENCES parents ON DELETE SET NULL;"
        + "CREATE INDEX ON children (parent_id)",
        models=_models('CheckConstraint("id > 0"),', 'ForeignKey("parents.id", ondelete="CASCADE"), index=True'),
    ),
    Example(
        "what the database has beyond the models and fills in by itself",
        sql=_CHILDREN
        + """
            CREATE TABLE others (id int);
            ALTER TABLE children ADD a int, ADD b int NOT NULL DEFAULT 0, ADD c int GENERATED ALWAYS AS IDENTITY,
                ADD d int NOT NULL GENERATED ALWAYS AS (id * 2) STORED, ADD CHECK (a > 0);
            CREATE INDEX ON children (a);
        """,
        models=_models(),
    ),
    Example(
        "a required column that a trigger fills in",
        sql=_CHILDREN
        + """
            ALTER TABLE children ADD code text NOT NULL;
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.code := 1; RETURN NEW; END';
            CREATE TRIGGER fills BEFORE INSERT ON children FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON children FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_models(),
    ),
    Example(
        "types of one kind, and types that only people can compare",
        sql=_PARENTS
        + """
            CREATE TYPE mood AS ENUM ('fine');
            CREATE TABLE children (id bigint PRIMARY KEY, name text, parent_id numeric, mood mood, tags text[],
                                   was text, none point);
        """,
        models=_models()
        + """
    mood: Mapped[str | None] = mapped_column(Enum("fine", name="mood"))
    tags: Mapped[list[str] | None] = mapped_column(ARRAY(String))
    was: Mapped[str | None] = mapped_column(Enum("fine", name="mood"))
    none = Column(types.NullType)
""",
    ),
    Example(
        "indexes that another one serves for, one that is written otherwise, and a unique rule",
        sql=_CHILDREN + "CREATE INDEX ON children (parent_id, name); CREATE INDEX ON children (name) WHERE id > 0",
        models=_models(
            """Index("a", "id"), Index("b", "name", postgresql_where=text("id > 0")), Index("c", text("name DESC")),
            Index("d", "name", "id", unique=True),""",
            "index=True",
        ),
    ),
    Example(
        "a check in other words, one by its name, and one of a list that another rule compares",
        sql=_PARENTS
        + """
            CREATE TABLE children (id int PRIMARY KEY, name varchar, parent_id int, kind text,
                                   CHECK (id BETWEEN 1 AND 9), CONSTRAINT named CHECK (parent_id + id > 0));
        """,
        models=_models('CheckConstraint("id > 0 AND id < 10"), CheckConstraint("parent_id > 0", name="named"),')
        + """
    kind: Mapped[str | None] = mapped_column(Enum("a", "b", native_enum=False, create_constraint=True, name="kind"))
""",
    ),
    Example(
        "a foreign key that a relationship goes along is the matter of another rule",
        sql=_CHILDREN + _PETS,
        models=_models(parent='ForeignKey("parents.id")')
        + "    parent: Mapped[Parent | None] = relationship()"
        + _WITH_PETS,
    ),
    Example(
        "what a foreign key does to the children of a relationship is the matter of another rule",
        sql=_CHILDREN
        + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents ON DELETE SET NULL;"
        + _PETS,
        models=_models(parent='ForeignKey("parents.id", ondelete="CASCADE")')
        + _WITH_PETS
        + "Parent.children = relationship(Child)\n",
    ),
    Example("no models", sql=_CHILDREN),
    Example(
        "a table of a schema that was left out of the audit",
        sql=_CHILDREN,
        models=_models()
        + """
class Elsewhere(Base):
    __tablename__ = "elsewhere"
    __table_args__ = {"schema": "another"}
    id: Mapped[int] = mapped_column(primary_key=True)
""",
    ),
    Example("a view", sql=_PARENTS + "CREATE VIEW children AS SELECT id FROM parents", models=_models()),
    Example(
        "a table that another session locks is not judged: its indexes could not be read",
        sql=_CHILDREN,
        models=_models(parent="index=True"),
        given=(given.table("children", locked=True),),
    ),
)
