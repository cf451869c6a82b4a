"""Patches of models in all the ways they are written: after patch and operations neither Alembic nor drift sees any."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, NullPool, create_engine
from sqlalchemy.orm import configure_mappers

from pgproof.facts.models import Models
from pgproof.facts.project.child import Project, ask_project
from pgproof.migration.model_patch import ModelPatch, model_patch
from pgproof.migration.name_objects import Around
from pgproof.proof.drift import compare
from pgproof.proof.fingerprint import read_fingerprint
from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddUnique, DropConstraint, ReplaceForeignKey, SetNotNull
from pgproof.remedy.indexes import CreateIndex, DropIndex
from pgproof.remedy.operation import Operation
from pgproof.remedy.plan_values import Step
from pgproof.remedy.settings import SetDefault
from pgproof.server import Server

from .projects import REASON

COLUMNS = '''
"""Models in the older style."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, relationship


class Base(DeclarativeBase):
    pass


class Person(Base):
    """Somebody."""

    __tablename__ = "people"
    __table_args__ = (UniqueConstraint("code", name="one_code"), UniqueConstraint("email", name="one_email"))
    id = Column(Integer, primary_key=True, index=True)
    code = Column(String)
    email = Column("e-mail".replace("-", ""), String)


class Note(Base):
    __tablename__ = "notes"
    __table_args__ = (
        # What somebody wrote here stays.
        UniqueConstraint("id", "body", name="both"),  # and here
        {"comment": "é"},
    )

    id = Column(Integer, primary_key=True)
    body: Column[str] = Column(String, default="é")
    n = Column(
        Integer,
        server_default="3",  # three
    )
    person = Column(Integer, ForeignKey("people.id"))
    author = Column(Integer)
    team = Column(Integer)
    who = relationship(Person)


class Team(Base):
    __tablename__ = "teams"
    id = Column(Integer, primary_key=True)
'''
MAPPED = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={"ck": "ck_%(table_name)s_%(constraint_name)s", "ix": "ix_%(column_0_label)s"}
    )


class Person(Base):
    __tablename__ = "people"
    __table_args__ = {"comment": "somebody"}

    id: Mapped[int] = mapped_column(primary_key=True, index=True)
    code: Mapped[str | None] = mapped_column(sa.String, unique=True)
    email: Mapped[str | None] = mapped_column()


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str | None] = mapped_column()
    n: Mapped[int | None] = mapped_column(server_default=sa.text("3"))
    person: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id", name="notes_person_fkey"))
    author: Mapped[int | None] = mapped_column()
    team: Mapped[int | None] = mapped_column()


class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
TABLES = """
from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()
text = "a name that is taken"
people = Table(
    "people", metadata, Column("id", Integer, primary_key=True, index=True), Column("code", String),
    Column("email", String),
)
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", String),
    Column("n", Integer, server_default=text and "3"),
    Column("person", Integer, ForeignKey("people.id")),
    Column("author", Integer),
    Column("team", Integer),
    Index("ix_of_body", "body"),
    comment="é",
)
teams = Table("teams", metadata, Column("id", Integer, primary_key=True))
"""
OPERATIONS: tuple[Operation, ...] = (
    CreateIndex("public", "notes", "idx_person", ('"person"', '"id" DESC'), where="body <> 'a:b'::text"),
    CreateIndex("public", "people", "lower_email", ("lower(email)",), unique=True),
    AddUnique("public", "notes", "uq_author", ("author", "id")),
    SetDefault("public", "notes", "n", "7", previous="3"),
    SetDefault("public", "notes", "body", "'x:y'::text"),
    SetNotNull("public", "notes", "body", "given"),
    SetNotNull("public", "notes", "n", "given"),
    AddForeignKey("public", "notes", "fk_team", ("team",), "public", "teams", ("id",), on_delete="set null"),
    AddCheck("public", "notes", "ck_notes_n", "n > 0 AND body <> ':z'"),
    ReplaceForeignKey(
        AddForeignKey("public", "notes", "passing", ("person",), "public", "people", ("id",), on_delete="cascade"),
        AddForeignKey("public", "notes", "notes_person_fkey", ("person",), "public", "people", ("id",)),
    ),
    DropIndex("public", "ix_people_id", "CREATE INDEX ix_people_id ON public.people USING btree (id)", "people"),
)
ONE_CODE = DropConstraint("public", "people", "one_code", "UNIQUE (code)")
STYLES = {
    "columns": (COLUMNS, "Base", (*OPERATIONS, ONE_CODE)),
    "mapped columns": (MAPPED, "Base", OPERATIONS),
    "tables": (
        TABLES,
        "metadata",
        (*OPERATIONS, DropIndex("public", "ix_of_body", "CREATE INDEX ix_of_body ON public.notes (body)", "notes")),
    ),
}


def patched(folder: Path, source: str, name: str, operations: tuple[Operation, ...]) -> ModelPatch:
    """The patch of models that are the only file of a project, applied as people would."""
    (folder / "app").mkdir()
    file = folder / "app/models.py"
    file.write_text(source, encoding="utf-8")
    models = ask_project(Project(folder), "models", (f"app.models:{name}",), Models)
    around = [Around("ck", "public", "notes", "ck_notes_", "")] if source == MAPPED else []
    patch = model_patch([Step(operation, (REASON,)) for operation in operations], models, folder, around=around)
    (folder / "models.patch").write_text(patch.diff, encoding="utf-8")
    if patch.diff:
        subprocess.run(["patch", "-p1", "--input", "models.patch"], cwd=folder, check=True, capture_output=True)
    return patch


def metadata_of(source: str, name: str) -> MetaData:
    """What a source declares."""
    # Annotations that are text are looked up in the module of their class.
    module = ModuleType("models_of_a_test")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, "models.py", "exec", dont_inherit=True), vars(module))
        found: Any = vars(module)[name]
        configure_mappers()
    finally:
        del sys.modules[module.__name__]
    return found if isinstance(found, MetaData) else found.metadata


def create(url: str, metadata: MetaData) -> None:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    with engine.begin() as connection:
        metadata.create_all(connection)


@pytest.mark.skipif(shutil.which("patch") is None, reason="needs the program patch")
@pytest.mark.parametrize("style", STYLES)
def test_models_say_what_the_operations_made(embedded_server: Server, tmp_path: Path, style: str) -> None:
    source, name, operations = STYLES[style]
    patch = patched(tmp_path, source, name, operations)
    assert patch.by_hand == ()
    after = metadata_of((tmp_path / "app/models.py").read_text(encoding="utf-8"), name)
    with embedded_server.scratch_database() as there, embedded_server.scratch_database() as wanted:
        create(there, metadata_of(source, name))
        with psycopg.connect(there, autocommit=True) as connection:
            for operation in operations:
                for statement in operation.forward():
                    connection.execute(statement.encode())
        create(wanted, after)
        with psycopg.connect(there) as theirs, psycopg.connect(wanted) as ours:
            found = compare(
                read_fingerprint(ours, schemas=["public"]), read_fingerprint(theirs, schemas=["public"]), ("public",), 2
            )
        assert (found.missing, found.extra, found.different) == ((), (), ())
        with psycopg.connect(wanted) as ours:
            # A naming convention adds to the name that a check is given.
            named = "SELECT conname FROM pg_constraint WHERE conrelid = 'notes'::regclass AND contype = 'c'"
            assert ours.execute(named).fetchall() == [("ck_notes_n",)]
        engine = create_engine(there.replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
        with engine.connect() as connected:
            context = MigrationContext.configure(connected, opts={"compare_server_default": True})
            assert compare_metadata(context, after) == []


def test_what_stands_beside_stays(tmp_path: Path) -> None:
    patched(tmp_path, COLUMNS, "Base", (*OPERATIONS, ONE_CODE))
    text = (tmp_path / "app/models.py").read_text(encoding="utf-8")
    for kept in (
        "# What somebody wrote here stays.",
        "# and here",
        "# three",
        '{"comment": "é"}',
        "who = relationship(Person)",
    ):
        assert kept in text
    removed = [line for line in (tmp_path / "models.patch").read_text().splitlines() if line.startswith("-")]
    assert len(removed) < 12


INHERITED = """
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

class Base(DeclarativeBase):
    metadata = MetaData(schema="sales")

class Common:
    @declared_attr.directive
    def __table_args__(cls):
        return {"comment": "of a base"}

class Note(Common, Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int | None]
    m: Mapped[int | None] = mapped_column(**{"index": True})
"""


def test_what_cannot_be_edited_surely_is_said_in_words(tmp_path: Path) -> None:
    operations: tuple[Operation, ...] = (
        CreateIndex("sales", "notes", "i", ('"n"', "lower(n)"), where="n > 0"),
        SetNotNull("sales", "notes", "n", "given"),
        SetNotNull("sales", "notes", "m", "given"),
        AddCheck("sales", "others", "c", "n > 0"),
    )
    patch = patched(tmp_path, INHERITED, "Base", operations)
    assert patch.diff == ""
    assert patch.by_hand == (
        'sales.notes: Index("i", "n", text("lower(n)"), postgresql_where=text("n > 0")) (its source cannot be edited'
        " safely)",
        "sales.notes: n with nullable=False (its source cannot be edited safely)",
        "sales.notes: m with nullable=False (its source cannot be edited safely)",
        'sales.others: CheckConstraint("n > 0", name="c") (no model has this table)',
    )


def test_a_name_that_a_convention_cannot_make_is_for_people(tmp_path: Path) -> None:
    patch = patched(tmp_path, MAPPED, "Base", (AddCheck("public", "notes", "positive", "n > 0"),))
    assert patch.diff == ""
    (said,) = patch.by_hand
    assert said.startswith('public.notes: CheckConstraint("n > 0", name="positive") (its name inside of conv()')


def test_a_second_way_to_join_two_tables_is_for_people(tmp_path: Path) -> None:
    second = AddForeignKey("public", "notes", "fk_author", ("author",), "public", "people", ("id",))
    patch = patched(tmp_path, COLUMNS, "Base", (second,))
    assert patch.diff == ""
    (said,) = patch.by_hand
    assert said.startswith('public.notes: ForeignKeyConstraint(["author"], ["people.id"], name="fk_author")')


def test_without_models_everything_is_said_in_words(tmp_path: Path) -> None:
    patch = model_patch([Step(operation, (REASON,)) for operation in OPERATIONS], None, tmp_path)
    assert patch.diff == ""
    assert len(patch.by_hand) == len(OPERATIONS)
    assert 'public.notes: ForeignKeyConstraint(["team"], ["teams.id"], name="fk_team", ondelete="SET NULL")' in (
        patch.by_hand
    )
