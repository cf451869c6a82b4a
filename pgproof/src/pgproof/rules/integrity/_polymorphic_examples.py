"""Databases and models that INT27 must report, and that it must not."""

from __future__ import annotations

from pgproof.rules import given
from pgproof.rules.rule import Example

_STAFF = """
class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {{"polymorphic_on": "kind", {}}}
class Manager(Person):
    budget: Mapped[int] = mapped_column({})
    __mapper_args__ = {{"polymorphic_identity": "manager"}}
"""
_PEOPLE = "CREATE TABLE people (id int PRIMARY KEY, kind text NOT NULL, budget int {});"
_WORKER = '"polymorphic_identity": "worker"'

_COMMENTS = """
class Post(Base):
    __tablename__ = "posts"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str | None]
    comments: Mapped[list[Comment]] = relationship(
        primaryjoin="and_(Post.id == foreign(Comment.target_id), {})", viewonly=True
    )
class Comment(Base):
    __tablename__ = "comments"
    id: Mapped[int] = mapped_column(primary_key=True)
    target_type: Mapped[str | None]
    target_id: Mapped[int | None]
    hidden: Mapped[bool | None]
"""
_OF_POSTS = _COMMENTS.format("Comment.target_type == 'post'")
_OF_PAGES = (
    _OF_POSTS.replace("Post", "Page").replace("post", "page").replace("Comment", "Note").replace("comment", "note")
)
_TARGETS = """
    CREATE TABLE posts (id int PRIMARY KEY, title text);
    CREATE TABLE comments (id int PRIMARY KEY, target_type text {}, target_id int {}, hidden bool {});
"""
_NOTES = "CREATE TABLE notes (id int PRIMARY KEY, {});"

BAD = (
    Example(
        "a discriminator that may be NULL, and is not",
        sql="CREATE TABLE people (id int PRIMARY KEY, kind text, budget int); INSERT INTO people VALUES (1, 'worker')",
        models=_STAFF.format(_WORKER, ""),
        severity="low",
        says=("the classes of Person", "Make kind NOT NULL"),
        objects=("people", "kind"),
    ),
    Example(
        "a discriminator that is NULL",
        sql="CREATE TABLE people (id int PRIMARY KEY, kind text, budget int); INSERT INTO people VALUES (1), (2)",
        models=_STAFF.format(_WORKER, ""),
        severity="medium",
        says=("2 of 2 rows have none", "Fill in"),
        objects=("people", "kind"),
    ),
    Example(
        "a discriminator in a table that cannot be counted",
        sql="CREATE TABLE people (id int PRIMARY KEY, kind text, budget int)",
        models=_STAFF.format(_WORKER, ""),
        given=(given.table("people", calls_user_code=True),),
        severity="low",
        objects=("people", "kind"),
    ),
    Example(
        "a required column that only managers have, beside a trigger on updates",
        sql=_PEOPLE.format("NOT NULL")
        + """
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
            CREATE TRIGGER fills BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_STAFF.format(_WORKER, "")
        + """
class Clerk(Person):
    __mapper_args__ = {"polymorphic_identity": "clerk"}
""",
        severity="high",
        says=("No Clerk can be written", "budget of Manager is NOT NULL"),
        objects=("people", "budget"),
    ),
    Example(
        "a type and an id that may both be NULL, told once for two relationships, and of rows that cannot be counted",
        sql=_TARGETS.format("", "", "") + _NOTES.format("target_type text, target_id int"),
        models=_OF_POSTS
        + _OF_PAGES
        + """
class Photo(Base):
    __tablename__ = "photos"
    id: Mapped[int] = mapped_column(primary_key=True)
    comments: Mapped[list[Comment]] = relationship(
        primaryjoin="and_('photo' == Comment.target_type, Photo.id == foreign(Comment.target_id))", viewonly=True
    )
""",
        given=(given.table("notes", calls_user_code=True),),
        findings=2,
        severity="low",
        says=("target_type and target_id may be NULL",),
        objects=("comments", "notes", "target_type", "target_id"),
    ),
    Example(
        "half of a reference",
        sql=_TARGETS.format("NOT NULL", "", "CHECK (hidden OR target_id > 0)")
        + "INSERT INTO comments VALUES (1, 'post')",
        models=_OF_POSTS,
        severity="medium",
        says=("but target_id may be NULL", "1 of 1 rows have one alone"),
        objects=("comments", "target_type", "target_id"),
    ),
    Example(
        "half of a reference the other way round",
        sql=_TARGETS.format("", "NOT NULL", "") + "INSERT INTO comments VALUES (1, NULL, 2)",
        models=_OF_POSTS,
        severity="medium",
        says=("but target_type may be NULL", "1 of 1 rows have one alone"),
        objects=("comments", "target_type", "target_id"),
    ),
)
GOOD = (
    Example(
        "a discriminator that is required, and columns of a class that are not",
        sql=_PEOPLE.format(""),
        models=_STAFF.format(_WORKER, ""),
    ),
    Example(
        "a base class that has no rows of its own",
        sql=_PEOPLE.format("NOT NULL"),
        models=_STAFF.format('"polymorphic_abstract": True', ""),
    ),
    Example(
        "a base class without an identity",
        sql=_PEOPLE.format("NOT NULL"),
        models=_STAFF.format('"with_polymorphic": "*"', ""),
    ),
    Example(
        "a required column that the database or SQLAlchemy fills in",
        sql=_PEOPLE.format("NOT NULL") + "ALTER TABLE people ADD rank int NOT NULL DEFAULT 0",
        models=_STAFF.format(_WORKER, "default=0") + "    rank: Mapped[int]\n",
    ),
    Example(
        "required columns that the database numbers or computes",
        sql="""
            CREATE TABLE people (id int PRIMARY KEY, kind text NOT NULL, budget int GENERATED ALWAYS AS IDENTITY,
                                 twice int NOT NULL GENERATED ALWAYS AS (id * 2) STORED);
        """,
        models=_STAFF.format(_WORKER, "") + "    twice: Mapped[int]\n",
    ),
    Example(
        "a required column that a trigger fills in",
        sql=_PEOPLE.format("NOT NULL")
        + """
            CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.budget := 0; RETURN NEW; END';
            CREATE TRIGGER fills BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION fill();
            CREATE TRIGGER notes AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION fill();
        """,
        models=_STAFF.format(_WORKER, ""),
    ),
    Example(
        "a required column of a class with a table of its own",
        sql=_PEOPLE.format("")
        + "CREATE TABLE managers (id int PRIMARY KEY REFERENCES people ON DELETE CASCADE, budget int NOT NULL)",
        models="""
class Person(Base):
    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "worker"}
class Manager(Person):
    __tablename__ = "managers"
    id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    budget: Mapped[int]
    __mapper_args__ = {"polymorphic_identity": "manager"}
""",
    ),
    Example("a type and an id that are required", sql=_TARGETS.format("NOT NULL", "NOT NULL", ""), models=_OF_POSTS),
    Example(
        "a type and an id that a check holds together",
        sql=_TARGETS.format("", "", "CHECK (num_nonnulls(target_type, target_id) IN (0, 2))"),
        models=_OF_POSTS,
    ),
    Example(
        "a reference with a foreign key, and a condition beside it",
        sql=_TARGETS.format("", "REFERENCES posts", ""),
        models=_OF_POSTS,
    ),
    Example(
        "conditions that are no type",
        sql=_TARGETS.format("", "", ""),
        models=_COMMENTS.format(
            "Comment.hidden == False, Comment.target_type > 'a', Comment.id == Post.id, Post.title == 'a'"
        ),
    ),
    Example(
        "a reference by more than a type and an id",
        sql=_TARGETS.format("", "", ""),
        models=_COMMENTS.format("Comment.target_type == 'post', Post.title == foreign(Comment.language)")
        + "    language: Mapped[str | None]\n",
    ),
    Example(
        "columns and tables that the database lacks",
        sql="CREATE TABLE comments (id int PRIMARY KEY, target_type text);" + _NOTES.format("target_id int"),
        models=_OF_POSTS + _OF_PAGES + _STAFF.format(_WORKER, ""),
    ),
    Example(
        "no tables, a view, and what a child inherits",
        sql="CREATE TABLE all_people (id int, kind text); CREATE TABLE people (budget int) INHERITS (all_people);"
        + "CREATE VIEW comments AS SELECT id, kind AS target_type, id AS target_id FROM people",
        models=_STAFF.format(_WORKER, "") + _OF_POSTS,
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql=_TARGETS.format("", "", "") + "CREATE TABLE people (id int PRIMARY KEY, kind text, budget int)",
        models=_OF_POSTS + _STAFF.format(_WORKER, ""),
        given=(given.table("comments", locked=True), given.table("people", locked=True)),
    ),
)
