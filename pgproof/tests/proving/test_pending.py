"""Which revisions are proven, and chains and databases of which nobody can say that."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.project.read_migrations import read_chain
from pgproof.facts.source import ServerSource
from pgproof.proving.pending import Pending, pending

from .conftest import Project


def asked(project: Project, url: str, revision: str = "head") -> Pending:
    return pending(ServerSource(url), read_chain(project.root, "alembic.ini"), revision)


def refused(project: Project, url: str, revision: str = "head") -> str:
    with pytest.raises(PgproofError) as error:
        asked(project, url, revision)
    return str(error.value)


def test_what_follows_the_database_is_pending(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass", "b2")
    project.revision("pass", "pass", "a3", "b2")
    found = asked(project, embedded_source)
    assert (found.start, found.target, found.version_table) == ("a1", "a3", "public.alembic_version")
    assert found.revisions == ("b2", "a3")
    assert found.from_empty == ("a1", "b2", "a3")
    assert asked(project, embedded_source, "b").revisions == ("b2",)


def test_an_empty_database_is_at_the_base(project: Project, embedded_database: str) -> None:
    found = asked(project, embedded_database)
    assert (found.start, found.revisions) == ("base", ("a1",))


def test_nothing_is_pending(project: Project, embedded_source: str) -> None:
    assert refused(project, embedded_source).startswith("nothing is pending: the database is at a1")


def test_several_heads(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass", "a2")
    project.revision("pass", "pass", "b2")
    assert refused(project, embedded_source).startswith("the chain has several heads (a2, b2)")
    assert asked(project, embedded_source, "b2").revisions == ("b2",)


def test_a_broken_chain(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass", "a3", "a2")
    assert refused(project, embedded_source) == "the chain is broken: a3 follows a2, and no file is that revision"


def test_a_script_that_cannot_be_loaded(project: Project, embedded_source: str) -> None:
    (project.root / "migrations" / "versions" / "a2.py").write_text("import no_such_module\n")
    assert "the chain is broken" in refused(project, embedded_source)


def test_two_files_are_one_revision(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass", "a2")
    versions = project.root / "migrations" / "versions"
    (versions / "again.py").write_text((versions / "a2.py").read_text())
    assert "are both a2" in refused(project, embedded_source)


def test_revisions_in_a_circle(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass", "a1", "a2")
    project.revision("pass", "pass", "a2", "a1")
    assert "in a circle" in refused(project, embedded_source)


def test_no_such_revision(project: Project, embedded_source: str) -> None:
    assert refused(project, embedded_source, "zz").startswith("there is no revision zz in migrations")


def test_a_database_of_another_chain(project: Project, embedded_source: str) -> None:
    with psycopg.connect(embedded_source) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'theirs'")
    assert refused(project, embedded_source).startswith("the database is at theirs, which is no revision in migrations")


def test_a_database_without_a_version_table(project: Project, embedded_source: str) -> None:
    with psycopg.connect(embedded_source) as connection:
        connection.execute("DROP TABLE alembic_version")
    assert "has tables and no table alembic_version" in refused(project, embedded_source)


def test_a_database_at_two_revisions(project: Project, embedded_source: str) -> None:
    with psycopg.connect(embedded_source) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('b1')")
    assert "is at several revisions (a1, b1)" in refused(project, embedded_source)


def test_a_version_table_elsewhere(project: Project, embedded_source: str) -> None:
    env: Path = project.root / "migrations" / "env.py"
    env.write_text(
        env.read_text().replace(
            "target_metadata=None", 'target_metadata=None, version_table="versions", version_table_schema="ops"'
        )
    )
    with psycopg.connect(embedded_source) as connection:
        connection.execute("CREATE SCHEMA ops; ALTER TABLE alembic_version SET SCHEMA ops")
        connection.execute("ALTER TABLE ops.alembic_version RENAME TO versions")
    project.revision("pass", "pass", "a2")
    assert asked(project, embedded_source).version_table == "ops.versions"
