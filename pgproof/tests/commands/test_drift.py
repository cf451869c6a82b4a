"""`pgproof drift`: what the models would create against what is there, on real databases changed in known ways."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproof.commands.drift import drift_as_text
from pgproof.proof.drift import compare
from pgproof.proof.fingerprint import read_fingerprint
from pgproof.server import Server

from .conftest import Ran, Run

MODELS = """
from sqlalchemy import *
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): pass
class Team(Base):
    __tablename__ = "teams"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), server_default=text("'none'"))
class Person(Base):
    __tablename__ = "people"
    __table_args__ = (
        CheckConstraint("state IN ('new', 'old')", name="state_known"),
        UniqueConstraint("email"),
        Index("people_by_team", "team_id", postgresql_where=text("gone_at IS NULL"), postgresql_include=["email"]),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    team_id: Mapped[int | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    email: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(Enum("one", "two", name="kinds"))
    gone_at: Mapped[str | None] = mapped_column(Text)
    paid: Mapped[bool | None]
other = MetaData()
Table("lists", other, Column("id", Integer, Identity(), primary_key=True), Column("n", Integer),
      Column("twice", Integer, Computed("n * 2")), schema="extra")
loose = MetaData()
Table("loose", loose, Column("id", Integer, Sequence("loose_numbers"), primary_key=True))
broken = MetaData()
Table("broken", broken, Column("id", Integer, primary_key=True, server_default=text("no_such_function()")))
empty = MetaData()
number = 3
"""
CREATE = """
from sqlalchemy import create_engine, make_url, text
import sys, shop
with create_engine(make_url(sys.argv[1]).set(drivername="postgresql+psycopg")).begin() as connection:
    connection.execute(text("CREATE SCHEMA extra"))
    for metadata in (shop.Base.metadata, shop.other, shop.loose):
        metadata.create_all(connection)
"""
SCHEMAS = ("public", "extra")
ALL = ("--models", "shop:Base", "--models", "shop:other", "--models", "shop:loose")
Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def shop(run: Run, tmp_path: Path, embedded_database: str) -> str:
    """The URL of a database with what the models of the project `shop` create."""
    return created(tmp_path, embedded_database)


@pytest.fixture
def any_shop(run: Run, tmp_path: Path, database: str) -> str:
    """The same on each server."""
    return created(tmp_path, database)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, embedded_server: Server) -> Iterator[str]:
    """A database of the models that nothing is committed to."""
    with embedded_server.scratch_database() as url:
        yield created(tmp_path_factory.mktemp("shop"), url)


def created(folder: Path, url: str) -> str:
    (folder / "shop.py").write_text(MODELS, encoding="utf-8")
    subprocess.run([sys.executable, "-c", CREATE, url], cwd=folder, check=True)
    return url


def changed(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


def drift(run: Run, url: str, *models: str) -> Ran:
    return run("drift", url, *(models or ALL))


def test_a_database_as_the_models_say_has_none(run: Run, any_shop: str) -> None:
    changed(
        any_shop,
        """
        CREATE TABLE alembic_version (version_num text PRIMARY KEY);
        CREATE SCHEMA elsewhere CREATE TABLE elsewhere.others (id int);
        COMMENT ON TABLE people IS 'kept by hand';
        CREATE ROLE pgproof_test_owner;
        ALTER TABLE teams OWNER TO pgproof_test_owner;
        ALTER TABLE teams SET (fillfactor = 90);
        CREATE VIEW everybody AS SELECT * FROM people;
        """,
    )
    ran = drift(run, any_shop)
    changed(any_shop, "ALTER TABLE teams OWNER TO CURRENT_USER; DROP ROLE pgproof_test_owner")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "No drift: the 4 tables of the models are as they say (extra, public).\n"


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            "DROP INDEX people_by_team",
            "lacks what the models would create:\n  index public.people_by_team: CREATE INDEX",
        ),
        ("ALTER TABLE people DROP gone_at CASCADE", "column public.people.gone_at: text, NULL"),
        ("ALTER TABLE people DROP CONSTRAINT state_known", "constraint state_known on public.people: CHECK"),
        ("DROP TABLE extra.lists", "lacks what the models would create:\n  table extra.lists\n"),
        ("DROP SEQUENCE loose_numbers", "sequence public.loose_numbers\n"),
        ("CREATE TABLE legacy (id int PRIMARY KEY)", "Tables that no model has:\n  public.legacy\n"),
        ("ALTER TABLE teams ADD more int", "what the models do not say:\n  column public.teams.more: integer, NULL\n"),
        ("CREATE INDEX extra_one ON teams (name)", "index public.extra_one: CREATE INDEX extra_one ON public.teams"),
        ("CREATE TYPE colours AS ENUM ('red')", "what the models do not say:\n  type public.colours\n"),
        (
            "ALTER TABLE teams ALTER name DROP DEFAULT",
            "  column public.teams.name\n    default: 'none'::character varying in the models, none in the database\n",
        ),
        (
            "ALTER TABLE teams ALTER name TYPE text, ALTER name DROP NOT NULL",
            "    type: character varying(40) in the models, text in the database\n"
            "    not null: yes in the models, no in the database\n",
        ),
        (
            "DROP INDEX people_by_team; CREATE INDEX people_by_team ON people (team_id) INCLUDE (email)",
            "USING btree (team_id) INCLUDE (email) in the database",
        ),
        (
            "DROP INDEX people_by_team; CREATE INDEX people_by_team ON people (team_id) WHERE gone_at IS NULL",
            "INCLUDE (email) WHERE (gone_at IS NULL) in the models",
        ),
        (
            "ALTER TABLE people DROP CONSTRAINT state_known, ADD CONSTRAINT state_known CHECK (state IN ('new'))",
            "  constraint state_known on public.people\n    definition: CHECK",
        ),
        (
            "ALTER TABLE people DROP CONSTRAINT people_team_id_fkey, ADD FOREIGN KEY (team_id) REFERENCES teams",
            "REFERENCES teams(id) ON DELETE CASCADE in the models",
        ),
        ("ALTER TYPE kinds ADD VALUE 'three'", 'labels: ["one", "two"] in the models, ["one", "two", "three"] in the'),
        ("ALTER TABLE people ALTER paid SET DEFAULT false", "default: none in the models, false in the database"),
        ("ALTER TABLE extra.lists ALTER id DROP IDENTITY", "identity: by default in the models, none in the database"),
        (
            "ALTER TABLE people DROP CONSTRAINT people_email_key; CREATE UNIQUE INDEX unique_email ON people (email)",
            "constraint people_email_key on public.people: UNIQUE (email)",
        ),
    ],
)
def test_what_drifted_is_said(statements: str, says: str, made: str) -> None:
    with psycopg.connect(made) as connection:
        wanted = read_fingerprint(connection, schemas=SCHEMAS)
        connection.execute(statements.encode())
        found = compare(wanted, read_fingerprint(connection, schemas=SCHEMAS), SCHEMAS, 4)
        connection.rollback()
    text = drift_as_text(found)
    assert says in text.replace(" public.teams(id)", " teams(id)")
    assert text.splitlines()[-1].startswith("Drift: ")


def test_drift_ends_with_1_and_its_number(run: Run, shop: str) -> None:
    changed(shop, "DROP TABLE people; CREATE TABLE legacy (id int)")
    ran = drift(run, shop)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.endswith("Drift: 2 objects differ from the 4 tables of the models (extra, public).\n")


def test_other_names_of_constraints_and_indexes_are_told_and_no_drift(run: Run, shop: str) -> None:
    changed(
        shop,
        """
        ALTER TABLE people RENAME CONSTRAINT people_team_id_fkey TO fk_people_team;
        ALTER TABLE people RENAME CONSTRAINT people_email_key TO "Uq, people";
        ALTER INDEX people_by_team RENAME TO "by team";
        ALTER SEQUENCE teams_id_seq RENAME TO numbers_of_teams;
        """,
    )
    ran = drift(run, shop)
    assert ran.code == 0
    assert 'index public.people_by_team: public."by team"' in ran.out
    assert "constraint people_team_id_fkey on public.people: fk_people_team on public.people" in ran.out
    assert 'constraint people_email_key on public.people: "Uq, people" on public.people' in ran.out
    assert ran.out.count("\n  ") == 3


def test_partitions_of_a_table_are_its_own_affair(run: Run, shop: str) -> None:
    changed(
        shop,
        """
        CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (9);
        """,
    )
    assert "Tables that no model has:\n  public.parts\n\n" in drift(run, shop).out


def test_a_database_that_was_restored_from_a_dump_has_none(run: Run, any_shop: str, server: Server) -> None:
    programs = server.binaries.directory
    with server.scratch_database() as restored:
        dump = subprocess.run([programs / "pg_dump", any_shop], capture_output=True, check=True)
        # The scratch databases have the schema of PostgreSQL itself already.
        subprocess.run([programs / "psql", "-q", restored], input=dump.stdout, capture_output=True, check=True)
        with psycopg.connect(restored) as connection, psycopg.connect(any_shop) as original:
            printed = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'state_known'"
            before, after = original.execute(printed).fetchone(), connection.execute(printed).fetchone()
        ran = drift(run, restored)
    assert before != after
    assert (ran.code, ran.err) == (0, "")


def test_models_without_a_schema_are_where_the_role_finds_them(run: Run, shop: str) -> None:
    changed(
        shop,
        """
        CREATE SCHEMA "My app";
        ALTER TABLE people SET SCHEMA "My app";
        ALTER TABLE teams SET SCHEMA "My app";
        ALTER TYPE kinds SET SCHEMA "My app";
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = "My app"', current_database()); END $$;
        """,
    )
    ran = drift(run, shop, "--models", "shop:Base")
    assert (ran.code, ran.out) == (0, "No drift: the 2 tables of the models are as they say (My app).\n")


def test_one_schema_alone(run: Run, shop: str) -> None:
    changed(shop, "DROP TABLE extra.lists; DROP TABLE loose")
    assert "extra" not in drift(run, shop, *ALL, "--schema", "public").out
    assert "loose" not in drift(run, shop, *ALL, "--schema", "extra").out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "drift compares the models with the database: give --models package.module:Base"),
        (("--models", "shop:Nothing"), 3, "--models shop:Nothing: shop has no Nothing"),
        (
            ("--models", "shop:number"),
            3,
            "--models shop:number is a int: name a declarative base, a registry or a Meta",
        ),
        (("--models", "shop:empty"), 3, "--models shop:empty has no tables: import the modules of the models with it"),
        (
            ("--models", "shop:broken"),
            3,
            "--models shop:broken: PostgreSQL does not make these tables (function no_such_function() does not exist)",
        ),
        (("--models", "shop:Base", "--schema", "nowhere"), 3, "there is no schema nowhere in "),
    ],
)
def test_what_cannot_be_compared_is_one_line(
    arguments: tuple[str, ...], code: int, says: str, run: Run, shop: str
) -> None:
    ran = run("drift", shop, *arguments)
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1)
    assert says in ran.err


def test_the_source_is_only_read_by_a_role_without_rights(run: Run, shop: str) -> None:
    snapshot = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
    with psycopg.connect(shop, autocommit=True) as connection:
        connection.execute("CREATE ROLE pgproof_test_reader LOGIN")
        assigned = []
        for _ in range(3):
            before = connection.execute(snapshot).fetchone()
            ran = drift(run, shop.replace("//postgres@", "//pgproof_test_reader@"))
            assigned.append(connection.execute(snapshot).fetchone() != before)
            assert (ran.code, ran.err) == (0, "")
        connection.execute("DROP ROLE pgproof_test_reader")
    # Autovacuum takes transaction identifiers of its own now and then.
    assert not all(assigned)
