"""Counter-examples on a scratch copy: the fault is seen where there is one, and refused where the schema holds."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.facts.read import read_facts
from pgproof.proof.copy import schema_copy
from pgproof.reproduce.replay import Reproduction, replay
from pgproof.reproduce.rows import NotReproducedError
from pgproof.rules import counter_examples
from pgproof.rules.counter_examples import CounterExample
from pgproof.server import Server, running_server

SCHEMA = """
    CREATE TYPE level AS ENUM ('low', 'high');
    CREATE DOMAIN short AS varchar(3) CHECK (VALUE ~ '^[a-z]+$');
    CREATE TABLE companies (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, code short NOT NULL,
        founded date NOT NULL CHECK (founded < '2021-01-01'), size level NOT NULL
    );
    CREATE TABLE employers (id serial PRIMARY KEY, company_id int NOT NULL REFERENCES companies);
    CREATE TABLE jobs (
        id serial PRIMARY KEY, company_id int NOT NULL REFERENCES companies,
        employer_id int NOT NULL REFERENCES employers, salary_min int, salary_max int, title text NOT NULL
    );
    CREATE TABLE people (id bigserial PRIMARY KEY, email text NOT NULL UNIQUE);
    CREATE TABLE applications (
        id serial PRIMARY KEY, job_id int NOT NULL REFERENCES jobs, person_id bigint NOT NULL REFERENCES people,
        sent_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE kept (
        job_id int NOT NULL REFERENCES jobs ON DELETE CASCADE,
        person_id bigint NOT NULL REFERENCES people ON DELETE CASCADE,
        low int, high int, CHECK (low <= high), UNIQUE (job_id, person_id)
    );
"""


def named(table: str) -> QualifiedName:
    return QualifiedName("public", table)


@pytest.fixture(scope="session")
def scratch() -> Iterator[Server]:
    with running_server(settings={"fsync": "off"}) as server:
        yield server


def replayed(database: str, scratch: Server, example: CounterExample, schema: str = SCHEMA) -> Reproduction:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(schema.encode())
        catalog = read_facts(connection).catalog
    with schema_copy(database, scratch) as url:
        reproduction = replay(url, catalog, example)
        if reproduction.shown:
            assert_script_replays(url, catalog, reproduction)
    with psycopg.connect(database) as connection:
        for table in catalog.base_tables:
            count = connection.execute(f'SELECT count(*) FROM "{table.name}"'.encode()).fetchone()
            assert count == (0,), "nothing is written to the source"
    return reproduction


def assert_script_replays(url: str, catalog: Catalog, reproduction: Reproduction) -> None:
    """The script can be pasted: after emptying the copy each of its statements ends as it says."""
    with psycopg.connect(url, autocommit=True) as one, psycopg.connect(url, autocommit=True) as two:
        tables = ", ".join(f'"{table.name}"' for table in catalog.base_tables)
        one.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
        outcomes = []
        for statement in reproduction.prepared:
            one.execute(statement.encode())
        for step in reproduction.steps:
            try:
                {"A": one, "B": two}[step.session].execute(step.statement.encode())
                outcomes.append("accepted")
            except psycopg.Error:
                outcomes.append("refused")
        said = [step.outcome.split(":")[0].replace("1", "accepted") for step in reproduction.steps]
        assert outcomes == said


def test_two_sessions_insert_the_same_pair(database: str, scratch: Server) -> None:
    result = replayed(database, scratch, counter_examples.EqualRows(named("applications"), ("job_id", "person_id")))
    assert result.shown
    assert [step.session for step in result.steps if step.statement.startswith("INSERT")] == ["A", "B"]
    assert "session B" in result.script()


def test_a_unique_rule_refuses_the_pair(database: str, scratch: Server) -> None:
    result = replayed(database, scratch, counter_examples.EqualRows(named("kept"), ("job_id", "person_id")))
    assert not result.shown
    assert "refused" in result.verdict


def test_e_mail_addresses_that_differ_in_case(database: str, scratch: Server) -> None:
    example = counter_examples.EqualRows(named("people"), ("email",), differ_in_case=("email",))
    assert replayed(database, scratch, example).shown


def test_a_range_the_wrong_way_round(database: str, scratch: Server) -> None:
    values = (("salary_min", "10"), ("salary_max", "5"))
    assert replayed(database, scratch, counter_examples.AcceptedRow(named("jobs"), values)).shown


def test_a_check_refuses_the_range(database: str, scratch: Server) -> None:
    values = (("low", "10"), ("high", "5"))
    result = replayed(database, scratch, counter_examples.AcceptedRow(named("kept"), values))
    assert not result.shown
    assert "kept_check" in result.verdict


def test_a_parent_that_cannot_be_deleted(database: str, scratch: Server) -> None:
    example = counter_examples.UndeletableParent(named("applications"), "applications_job_id_fkey")
    result = replayed(database, scratch, example)
    assert result.shown
    assert "applications_job_id_fkey" in result.steps[-1].outcome


def test_a_parent_whose_rows_go_along(database: str, scratch: Server) -> None:
    example = counter_examples.UndeletableParent(named("kept"), "kept_job_id_fkey")
    assert not replayed(database, scratch, example).shown


def test_an_orphan_is_left(database: str, scratch: Server) -> None:
    schema = "CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int PRIMARY KEY, parent_id int)"
    example = counter_examples.OrphanAccepted(named("children"), ("parent_id",), named("parents"), ("id",))
    assert replayed(database, scratch, example, schema).shown


def test_a_foreign_key_leaves_no_orphan(database: str, scratch: Server) -> None:
    example = counter_examples.OrphanAccepted(named("applications"), ("job_id",), named("jobs"), ("id",))
    assert not replayed(database, scratch, example).shown


def test_references_that_contradict_each_other(database: str, scratch: Server) -> None:
    example = counter_examples.DisagreeingReferences(
        named("jobs"), "company_id", "employer_id", named("employers"), "id", "company_id"
    )
    result = replayed(database, scratch, example)
    assert result.shown
    assert "company_id is '2'" in result.verdict


def test_a_row_that_cannot_be_made_says_why(database: str, scratch: Server) -> None:
    schema = "CREATE TABLE never (a int CHECK (a > 1 AND a < 1), b int)"
    with pytest.raises(NotReproducedError, match=r"never accepts no row that was tried: .*never_a_check"):
        replayed(database, scratch, counter_examples.EqualRows(named("never"), ("a",)), schema)


def test_what_reaches_outside_is_not_copied(embedded_database: str, scratch: Server) -> None:
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(
            b"""CREATE EXTENSION postgres_fdw;
            CREATE EXTENSION citext;
            CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'other.example.org');
            CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (user 'u', password 'secret');
            CREATE FOREIGN TABLE far (id int) SERVER elsewhere;
            CREATE TABLE near (id int, name citext);
            CREATE PUBLICATION everything FOR ALL TABLES"""
        )
    with schema_copy(embedded_database, scratch) as url, psycopg.connect(url) as copy:
        found = copy.execute(
            "SELECT (SELECT count(*) FROM pg_foreign_server), (SELECT count(*) FROM pg_user_mappings),"
            " (SELECT count(*) FROM pg_publication), to_regclass('far') IS NULL, to_regclass('near') IS NOT NULL,"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
        ).fetchone()
    assert found == (0, 0, 0, True, True, False)


def test_the_server_that_is_examined_is_refused(embedded_server: Server, embedded_database: str) -> None:
    with (
        pytest.raises(PgproofError, match="scratch server is the one that is examined"),
        schema_copy(embedded_database, embedded_server),
    ):
        pass


def test_a_source_that_is_gone_is_one_line(scratch: Server, tmp_path: object) -> None:
    with (
        pytest.raises(PgproofError, match="could not be copied"),
        schema_copy(f"host={tmp_path} dbname=x", scratch),
    ):
        pass
