"""A generated revision under the env.py of all kinds of projects, by Alembic's own command line."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

import alembic
import psycopg
import pytest

from pgproof.remedy.constraints import AddCheck, AddForeignKey, AddUnique, SetNotNull
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.operation import Operation
from pgproof.remedy.settings import SetDefault

from .projects import BASE, GENERIC, catalog, make_project, run_alembic, upgrade, write_steps

SCHEMA = """
    CREATE TABLE people (id int PRIMARY KEY, name text);
    CREATE TABLE notes (id int PRIMARY KEY, person int, body text);
    INSERT INTO people SELECT n, 'p' || n FROM generate_series(1, 20) AS n;
    INSERT INTO notes SELECT n, n, 'b' FROM generate_series(1, 20) AS n;
"""
OPERATIONS: tuple[Operation, ...] = (
    CreateIndex("public", "notes", "idx_notes_person", ('"person"',), where="body <> 'a:b %'"),
    AddUnique("public", "people", "uq_people_name", ("name",)),
    SetDefault("public", "notes", "body", "''"),
    SetNotNull("public", "notes", "body", "body_given"),
    AddForeignKey("public", "notes", "fk_notes_person", ("person",), "public", "people", ("id",)),
    AddCheck("public", "notes", "ck_notes_id", "id > 0"),
)
_TEMPLATES = Path(alembic.__file__).parent / "templates"
_URL = '\nimport os\n{name} = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+{driver}:", 1)\n'
_GIVEN = 'config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))\n'


def standard(name: str, driver: str) -> str:
    """Alembic's own env.py, told the URL by the environment."""
    text = (_TEMPLATES / name / "env.py").read_text(encoding="utf-8")
    marker = "config = context.config\n"
    assert marker in text
    return text.replace(marker, marker + _URL.format(name="url", driver=driver) + _GIVEN)


ENVIRONMENTS = {
    "generic": standard("generic", "psycopg"),
    "psycopg2": standard("generic", "psycopg2"),
    "pg8000": standard("generic", "pg8000"),
    "async": standard("async", "psycopg"),
    "asyncpg": standard("async", "asyncpg"),
    "a transaction each": GENERIC.replace(
        "configure(connection=connection)", "configure(connection=connection, transaction_per_migration=True)"
    ),
    "its own transaction": GENERIC.replace(".connect() as connection", ".begin() as connection"),
    "a statement before": GENERIC.replace(
        "        context.configure(connection=connection)",
        '        connection.exec_driver_sql("SET lock_timeout = 4000")\n'
        "        context.configure(connection=connection)",
    ).replace(
        "            context.run_migrations()\n", "            context.run_migrations()\n        connection.commit()\n"
    ),
    "its own lock": GENERIC.replace(
        "        context.configure(connection=connection)",
        '        connection.exec_driver_sql("SELECT pg_advisory_lock(1)")\n        connection.commit()\n'
        "        context.configure(connection=connection)",
    ),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_it_runs(embedded_database: str, tmp_path: Path, name: str) -> None:
    url = _reachable(embedded_database, name)
    folder = make_project(tmp_path, ENVIRONMENTS[name])
    write_steps(folder, OPERATIONS)
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    before = catalog(embedded_database)
    for direction, revision in (("upgrade", "head"), ("downgrade", BASE), ("upgrade", "head")):
        ended = run_alembic(folder, url, direction, revision)
        assert ended.code == 0, ended.text
        changed = before.difference(catalog(embedded_database))
        assert bool(changed) == (direction == "upgrade"), changed
    with psycopg.connect(embedded_database) as connection:
        assert connection.execute("SELECT version_num <> 'a1' FROM alembic_version").fetchone() == (True,)
        assert connection.execute("SELECT count(*) FROM pg_constraint WHERE NOT convalidated").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


def _reachable(url: str, name: str) -> str:
    """The URL in the form of drivers that are not built on libpq."""
    if name not in ("asyncpg", "pg8000"):
        return url
    with psycopg.connect(url) as connection:
        info = connection.info
        place = (
            f"host={info.host}&port={info.port}" if name == "asyncpg" else f"unix_sock={info.host}/.s.PGSQL.{info.port}"
        )
        return f"postgresql://{info.user}@/{info.dbname}?{place}"


def test_written_as_sql_it_is_refused_in_a_line(embedded_database: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    write_steps(folder, OPERATIONS)
    ended = run_alembic(folder, embedded_database, "upgrade", f"{BASE}:head", "--sql")
    assert ended.code != 0
    assert "FAILED: this revision looks at what it finds in the database, so it cannot be written as SQL" in ended.text
    assert "Traceback" not in ended.text


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("CREATE INDEX idx_notes_person ON notes (person)", "index public.idx_notes_person has another definition"),
        ("CREATE TABLE idx_notes_person ()", "public.idx_notes_person is something else than the index of notes"),
        (
            "ALTER TABLE notes ADD CONSTRAINT ck_notes_id CHECK (id > -1)",
            "constraint ck_notes_id of public.notes is another one",
        ),
        (
            "ALTER TABLE notes ADD CONSTRAINT fk_notes_person FOREIGN KEY (person) REFERENCES people ON DELETE CASCADE",
            "constraint fk_notes_person of public.notes is another one",
        ),
        (
            "ALTER TABLE people ADD CONSTRAINT uq_people_name UNIQUE (id)",
            "constraint uq_people_name of public.people is",
        ),
    ],
)
def test_what_bears_a_name_and_is_something_else_is_left_alone(
    embedded_database: str, tmp_path: Path, there: str, said: str
) -> None:
    folder = make_project(tmp_path)
    write_steps(folder, OPERATIONS)
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute(there.encode())
    ended = run_alembic(folder, embedded_database, "upgrade", "head")
    assert ended.code != 0
    assert f"FAILED: {said}" in ended.text


def test_it_asks_again_for_a_lock_that_somebody_holds_for_a_while(embedded_database: str, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    write_steps(folder, OPERATIONS[2:])
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(SCHEMA)
    with psycopg.connect(embedded_database) as holder, psycopg.connect(embedded_database, autocommit=True) as watcher:
        holder.execute("LOCK TABLE notes IN ACCESS SHARE MODE")
        running = Thread(target=upgrade, args=(folder, embedded_database))
        running.start()
        waited = 0
        while waited < 3:
            if watcher.execute("SELECT FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass").rowcount:
                waited += 1
            time.sleep(0.01)
        holder.rollback()
        running.join(60)
    assert not running.is_alive()
    with psycopg.connect(embedded_database) as connection:
        assert connection.execute("SELECT count(*) FROM pg_constraint WHERE conname = 'ck_notes_id'").fetchone() == (1,)
