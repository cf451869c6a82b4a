"""Databases and models that INT10 must report, and that it must not."""

from __future__ import annotations

from pgproof.rules.rule import Example

_MODELS = """
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship({relationship})
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[{type}] = mapped_column(ForeignKey("parents.id"{key}))
"""


def _models(relationship: str = "", type_: str = "int", key: str = "") -> str:
    return _MODELS.format(relationship=relationship, type=type_, key=key)


def _tables(action: str, null: str = "NOT NULL") -> str:
    return f"""
        CREATE TABLE parents (id int PRIMARY KEY);
        CREATE TABLE children (id int PRIMARY KEY, parent_id int {null} CONSTRAINT refers REFERENCES parents {action});
        CREATE INDEX ON children (parent_id);
    """


_DELETES = 'cascade="all, delete-orphan"'
_PASSIVE_DELETES = _DELETES + ", passive_deletes=True"

BAD = (
    Example(
        "children left to a database that refuses",
        sql=_tables(""),
        models=_models(_PASSIVE_DELETES, key=', ondelete="CASCADE"'),
        severity="high",
        says=(
            "session.delete() fails as long as they are not loaded",
            "if they are, since passive_deletes=True leaves them to the database; DELETE in SQL fails",
            "ON DELETE NO ACTION",
        ),
        objects=("refers",),
    ),
    Example(
        "the same where the models' key says nothing either",
        sql=_tables(""),
        models=_models(_PASSIVE_DELETES),
        severity="high",
        objects=("refers",),
    ),
    Example(
        "the same of a key that says more, so that people have to change it",
        sql=_tables("DEFERRABLE"),
        models=_models(_PASSIVE_DELETES, key=', ondelete="CASCADE"'),
        severity="high",
        objects=("refers",),
    ),
    Example(
        "a required reference that SQLAlchemy sets to NULL before the database could delete the row",
        sql=_tables("ON DELETE CASCADE"),
        models=_models(),
        severity="high",
        says=("session.delete() fails, since SQLAlchemy sets the reference to NULL first", 'cascade="all, delete'),
        objects=("refers",),
    ),
    Example(
        "an action that a NOT NULL column can never take",
        sql=_tables("ON DELETE SET NULL"),
        models=_models('passive_deletes="all"'),
        severity="high",
        says=("Make parent_id NULL", "session.delete() fails; DELETE in SQL fails"),
        objects=("refers",),
    ),
    Example(
        "children that are kept by the ORM and deleted in SQL",
        sql=_tables("ON DELETE CASCADE", "NULL"),
        models=_models(type_="int | None"),
        severity="medium",
        says=(
            "session.delete() keeps its rows",
            "with parent_id NULL; DELETE in SQL deletes",
            "Give Parent.children cascade",
        ),
        objects=("refers",),
    ),
    Example(
        "children whose fate depends on whether they were loaded",
        sql=_tables("ON DELETE SET NULL", "NULL"),
        models=_models(_PASSIVE_DELETES, "int | None", ', ondelete="CASCADE"'),
        severity="medium",
        says=("not loaded, and deletes", "ON DELETE CASCADE, as passive_deletes=True"),
        objects=("refers",),
    ),
    Example(
        "children that the database is told to protect and the ORM deletes",
        sql=_tables("ON DELETE RESTRICT"),
        models=_models(_DELETES),
        severity="medium",
        says=("take delete out",),
        objects=("refers",),
    ),
    Example(
        "references that the database protects and the ORM lets go of",
        sql=_tables("ON DELETE RESTRICT", "NULL"),
        models=_models(type_="int | None"),
        severity="medium",
        says=('Let both hold the parent (passive_deletes="all"', "with parent_id NULL; DELETE in SQL fails"),
        objects=("refers",),
    ),
    Example(
        "a cascade that the ORM has alone, for two tables, inherited by another class",
        sql=_tables("")
        + "CREATE TABLE others (id int PRIMARY KEY, parent_id int REFERENCES parents ON DELETE CASCADE);"
        + "ALTER TABLE parents ADD kind text",
        models="""
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    children: Mapped[list[Child]] = relationship(cascade="all, delete-orphan")
    others: Mapped[list[Other]] = relationship(cascade="all, delete-orphan")
    some: Mapped[list[Child]] = relationship(viewonly=True)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "a"}
class Special(Parent):
    __mapper_args__ = {"polymorphic_identity": "b"}
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
class Other(Base):
    __tablename__ = "others"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))
""",
        severity="low",
        says=("Parent.children, Parent.others", "refused by refers."),
        objects=("refers", "others_parent_id_fkey"),
    ),
    Example(
        "references that the ORM sets to NULL one by one before the database would",
        sql=_tables("ON DELETE SET NULL", "NULL"),
        models=_models(type_="int | None"),
        severity="low",
        says=("Deleting a Parent is work of the ORM alone: Parent.children", "in addition to what the database"),
        objects=("refers",),
    ),
)
GOOD = (
    Example(
        "a cascade on both sides, left to the database",
        sql=_tables("ON DELETE CASCADE"),
        models=_models(_PASSIVE_DELETES),
    ),
    Example("a parent that its children hold, in both", sql=_tables(""), models=_models()),
    Example(
        "a parent that its children hold, and the ORM asks nothing",
        sql=_tables("ON DELETE RESTRICT", "NULL"),
        models=_models('passive_deletes="all"', "int | None"),
    ),
    Example("the defaults of both", sql=_tables("", "NULL"), models=_models(type_="int | None")),
    Example(
        "references that the database sets to NULL",
        sql=_tables("ON DELETE SET NULL", "NULL"),
        models=_models("passive_deletes=True", "int | None"),
    ),
    Example(
        "relationships that only read, that have a condition of their own, or two that write",
        sql=_tables("ON DELETE CASCADE")
        + "CREATE TABLE others (id int PRIMARY KEY, parent_id int REFERENCES parents ON DELETE CASCADE);"
        + "CREATE TABLE more (id int PRIMARY KEY, parent_id int REFERENCES parents ON DELETE CASCADE);",
        models="""
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship(viewonly=True)
    others: Mapped[list[Other]] = relationship(primaryjoin="and_(Parent.id == Other.parent_id, Other.id > 9)")
    more: Mapped[list[More]] = relationship(overlaps="again")
    again: Mapped[list[More]] = relationship(overlaps="more")
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
class Other(Base):
    __tablename__ = "others"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))
class More(Base):
    __tablename__ = "more"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))
""",
    ),
    Example(
        "relationships that write by an UPDATE of their own, or never load the children",
        sql=_tables("ON DELETE CASCADE")
        + "CREATE TABLE others (id int PRIMARY KEY, parent_id int REFERENCES parents ON DELETE CASCADE);",
        models="""
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship(post_update=True)
    others: DynamicMapped[Other] = relationship()
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
class Other(Base):
    __tablename__ = "others"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("parents.id"))
""",
    ),
    Example(
        "a relationship of the children alone",
        sql=_tables("ON DELETE CASCADE"),
        models="""
class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
    parent: Mapped[Parent] = relationship()
""",
    ),
    Example(
        "keys that are there twice, or not at all, or set a default",
        sql=_tables("ON DELETE CASCADE")
        + "ALTER TABLE children ADD FOREIGN KEY (parent_id) REFERENCES parents ON DELETE CASCADE;",
        models=_models(),
    ),
    Example("no key", sql=_tables("").replace("CONSTRAINT refers REFERENCES parents", ""), models=_models(_DELETES)),
    Example("a key that sets a default", sql=_tables("ON DELETE SET DEFAULT"), models=_models(_DELETES)),
    Example(
        "a key that sets some of its columns to NULL",
        sql="""
            CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b));
            CREATE TABLE children (id int PRIMARY KEY, a int NOT NULL, b int,
                                   FOREIGN KEY (a, b) REFERENCES parents ON DELETE SET NULL (b));
        """,
        models="""
class Parent(Base):
    __tablename__ = "parents"
    a: Mapped[int] = mapped_column(primary_key=True)
    b: Mapped[int] = mapped_column(primary_key=True)
    children: Mapped[list[Child]] = relationship()
class Child(Base):
    __tablename__ = "children"
    __table_args__ = (ForeignKeyConstraint(["a", "b"], ["parents.a", "parents.b"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    a: Mapped[int]
    b: Mapped[int | None]
""",
    ),
)
