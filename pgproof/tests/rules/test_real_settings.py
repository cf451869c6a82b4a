"""Servers of our own, really misconfigured or really configured well, judged by what they report themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.examples import facts_of
from pgproof.facts.collect import collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.remedy.security import SetFunctionSearchPath
from pgproof.rules import given
from pgproof.rules.checking import Checked, check, questions_of
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding, Remedy
from pgproof.server import Server, ServerError, find_binaries, running_server

Connection = psycopg.Connection[Any]
CODES = (
    *("CFG03", "CFG04", "CFG05", "CFG08", "CFG10", "CFG11", "CFG13", "CFG14", "CFG15", "CFG16"),
    *("SEC01", "SEC02", "SEC03", "SEC04", "SEC05", "SEC06", "SEC07", "SEC08", "SEC09"),
)
RULES = tuple(rule for rule in all_rules() if rule.code in CODES)

MISCONFIGURED = {
    "autovacuum": "off",
    "default_statistics_target": "10",
    "effective_cache_size": "1GB",
    "enable_hashjoin": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "random_page_cost": "4",
    "shared_preload_libraries": "",
    "synchronous_commit": "off",
    "work_mem": "1GB",
}
CONFIGURED = {
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "5s",
    "log_min_duration_statement": "1s",
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements",
    "statement_timeout": "30s",
    "track_io_timing": "on",
}
OPEN_HBA = "local all all trust\nhost all all 0.0.0.0/0 trust\nhost all all 10.0.0.0/8 md5\n"
CLOSED_HBA = "local all all peer\nhost all all 127.0.0.1/32 scram-sha-256\nhost all all 10.0.0.0/8 reject\n"

FAULTY_SCHEMA = """
    GRANT CREATE ON SCHEMA public TO PUBLIC;
    CREATE TABLE people (
        id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, password text, access_token text, job regproc, tenant int
    ) WITH (autovacuum_enabled = off);
    CREATE POLICY own ON people USING (tenant = current_setting('app.tenant')::int);
    INSERT INTO people (password, access_token) VALUES ('sesame', 'Zm9vYmFyYmF6cXV4-0123456789');
    GRANT SELECT ON people TO PUBLIC;
    CREATE FUNCTION secrets() RETURNS SETOF people LANGUAGE sql SECURITY DEFINER AS 'SELECT * FROM people';
    CREATE EXTENSION pg_trgm VERSION '1.5';
"""
SOUND_SCHEMA = """
    CREATE EXTENSION pg_stat_statements;
    CREATE EXTENSION pg_trgm;
    CREATE ROLE app LOGIN;
    CREATE TABLE people (
        id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, password text, access_token_hash text, tenant int
    );
    ALTER TABLE people ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON people USING (tenant = (SELECT current_setting('app.tenant')::int));
    INSERT INTO people (password) VALUES ('$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW');
    GRANT SELECT ON people TO app;
    CREATE FUNCTION secrets() RETURNS SETOF people LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp
        AS 'SELECT * FROM people';
"""


@pytest.fixture(scope="module", params=["embedded", "system"])
def binaries(request: pytest.FixtureRequest) -> str:
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    return str(request.param)


@contextmanager
def prepared(binaries: str, settings: dict[str, str], schema: str, hba: str) -> Iterator[tuple[Server, Connection]]:
    """A server with a schema and lines of pg_hba.conf, which it reports from then on and never loads."""
    with (
        running_server(binaries=binaries, settings=settings, tcp=True) as server,
        server.scratch_database() as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(schema.encode())
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        Path(row[0]).write_text(hba, encoding="utf-8")
        yield server, connection


def judged(connection: Connection, facts: Facts) -> Checked:
    return check(RULES, facts.with_answers(collect_answers(connection, facts, questions_of(RULES, facts))))


def named(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(finding.rule, finding.objects[0].name) for finding in found}


def test_a_misconfigured_server_and_schema_yield_each_finding(binaries: str) -> None:
    with prepared(binaries, MISCONFIGURED, FAULTY_SCHEMA, OPEN_HBA) as (server, connection):
        checked = judged(connection, facts_of(connection))
        assert checked.not_checked == ()
        without_checksums = {("CFG14", "data_checksums")} if server.major < 18 else set()
        assert named(checked.findings) == without_checksums | {
            ("CFG03", "statement_timeout"),
            ("CFG04", "lock_timeout"),
            ("CFG05", "idle_in_transaction_session_timeout"),
            ("CFG10", "shared_preload_libraries"),
            ("CFG10", "track_io_timing"),
            ("CFG11", "work_mem"),
            ("CFG13", "log_min_duration_statement"),
            ("CFG14", "fsync"),
            ("CFG14", "full_page_writes"),
            ("CFG14", "synchronous_commit"),
            ("CFG15", "autovacuum"),
            ("CFG15", "people"),
            ("CFG16", "default_statistics_target"),
            ("CFG16", "enable_hashjoin"),
            ("CFG16", "random_page_cost"),
            ("SEC01", "people"),
            ("SEC02", "people"),
            ("SEC03", "postgres"),
            ("SEC04", "public"),
            ("SEC05", "secrets()"),
            ("SEC06", "own"),
            ("SEC06", "people"),
            ("SEC07", "host all all 0.0.0.0 trust"),
            ("SEC07", "host all all 10.0.0.0 md5"),
            ("SEC07", "local all all trust"),
            ("SEC08", "people"),
            ("SEC08", "pg_trgm"),
            ("SEC09", "people"),
        }


def test_no_value_of_a_secret_is_in_a_finding(binaries: str) -> None:
    with prepared(binaries, MISCONFIGURED, FAULTY_SCHEMA, OPEN_HBA) as (_, connection):
        text = repr(judged(connection, facts_of(connection)))
        assert "SEC01" in text
        assert "sesame" not in text
        assert "Zm9v" not in text


def test_what_the_numbers_of_findings_come_from(binaries: str) -> None:
    with prepared(binaries, MISCONFIGURED, FAULTY_SCHEMA, OPEN_HBA) as (_, connection):
        facts = given.workload(("SELECT 1", 1, 500.0))(facts_of(connection))
        said = {(each.rule, each.objects[0].name): each for each in judged(connection, facts).findings}
        assert said["CFG11", "work_mem"].consequence.startswith("One sort in each comes to 100 GB")
        assert "of a machine of 2 GB" in said["CFG11", "work_mem"].consequence
        assert said["CFG14", "synchronous_commit"].consequence.startswith("Commits of the last 600 ms")
        assert "took 1.5 s" in said["CFG03", "statement_timeout"].consequence
        assert said["SEC01", "people"].consequence.endswith("can use the secrets of 1 row (exact count).")
        assert said["SEC01", "people"].confidence == "exact"
        assert said["SEC02", "people"].evidence[0].counts is not None
        assert said["SEC02", "people"].evidence[0].counts.rows == 1


def test_a_server_that_others_reach_without_tls_is_found(binaries: str) -> None:
    # A server of our own listens on this machine alone, so that it listens elsewhere is all that is stated.
    elsewhere = given.setting("listen_addresses", "*")
    with prepared(binaries, {}, "", OPEN_HBA) as (_, connection):
        found = judged(connection, elsewhere(facts_of(connection))).findings
        (tls,) = (finding for finding in found if finding.rule == "CFG08")
        assert tls.objects[0].name == "ssl"
        assert [each.name for each in tls.related] == ["host all all 0.0.0.0 trust", "host all all 10.0.0.0 md5"]
        assert {each.severity for each in found if each.rule == "SEC07"} == {"critical", "low"}


def test_a_server_and_schema_configured_well_yield_none(binaries: str) -> None:
    with prepared(binaries, CONFIGURED, SOUND_SCHEMA, CLOSED_HBA) as (server, connection):
        checked = judged(connection, facts_of(connection))
        # Our clusters of 15 are made without checksums, which became the default with 18.
        expected = {("CFG14", "data_checksums")} if server.major < 18 else set()
        assert named(checked.findings) == expected, [finding.message for finding in checked.findings]
        assert checked.not_checked == ()


def test_what_a_role_has_of_its_own_decides(binaries: str) -> None:
    roles = "CREATE ROLE app LOGIN PASSWORD 'app'; CREATE ROLE reports LOGIN"
    with prepared(binaries, {}, roles, CLOSED_HBA) as (_, connection):

        def timeout() -> Finding | None:
            found = [each for each in judged(connection, facts_of(connection)).findings if each.rule == "CFG03"]
            return found[0] if found else None

        nobody = timeout()
        assert nobody is not None
        assert nobody.severity == "medium"
        assert nobody.message == "statement_timeout is 0 for app, reports: a statement may run for ever"
        assert nobody.evidence[0].result == "statement_timeout = 0"
        assert nobody.evidence[1].result == "no row about statement_timeout"

        connection.execute("ALTER ROLE app SET statement_timeout = '5s'")
        some = timeout()
        assert some is not None
        assert some.severity == "low"
        assert [each.name for each in some.related] == ["reports"]
        assert some.message == "statement_timeout is 0 for reports (app covered): a statement may run for ever"
        assert some.evidence[1].result == "app in every database: statement_timeout=5s"

        connection.execute("ALTER ROLE reports SET statement_timeout = 0")
        assert timeout() is None

        connection.execute("ALTER ROLE app RESET statement_timeout")
        freed = timeout()
        assert freed is not None
        assert freed.remedy is not None
        assert freed.remedy.summary.endswith("ALTER ROLE set it to 0 for reports, which comes first.")
        assert len(freed.remedy.operations) == 1

        connection.execute("ALTER ROLE app SET statement_timeout = 0")
        all_freed = timeout()
        assert all_freed is not None
        assert all_freed.remedy is not None
        assert all_freed.remedy.operations == ()


def test_of_many_roles_the_first_are_named(binaries: str) -> None:
    roles = "; ".join(f"CREATE ROLE app_{number} LOGIN" for number in range(1, 8))
    with prepared(binaries, {}, roles, CLOSED_HBA) as (_, connection):
        (found,) = (each for each in judged(connection, facts_of(connection)).findings if each.rule == "CFG03")
        assert "for app_1, app_2, app_3, app_4, app_5 and 2 more:" in found.message
        connection.execute("DROP ROLE app_6, app_7")
        (found,) = (each for each in judged(connection, facts_of(connection)).findings if each.rule == "CFG03")
        assert "for app_1, app_2, app_3, app_4, app_5:" in found.message


def test_what_the_auditing_role_has_of_its_own_is_not_taken_for_the_servers(binaries: str) -> None:
    roles = "CREATE ROLE app LOGIN; CREATE ROLE jobs LOGIN; ALTER ROLE jobs SET statement_timeout = 0;"
    with prepared(binaries, {}, roles, CLOSED_HBA) as (_, connection):
        connection.execute("ALTER ROLE postgres SET statement_timeout = '7s'")
        with psycopg.connect(connection.info.dsn, password=connection.info.password, autocommit=True) as session:
            checked = judged(session, facts_of(session))
        (unchecked,) = (each.detail for each in checked.not_checked if each.rule == "CFG03")
        assert [each.name for each in unchecked.objects] == ["app"]
        (found,) = (each for each in checked.findings if each.rule == "CFG03")
        assert [each.name for each in found.related] == ["jobs"]


def test_a_function_gets_a_path_only_once_nobody_else_can_write_to_it(binaries: str) -> None:
    with prepared(binaries, {}, FAULTY_SCHEMA, CLOSED_HBA) as (_, connection):

        def remedy(code: str) -> Remedy | None:
            found = judged(connection, facts_of(connection)).findings
            return next((each.remedy for each in found if each.rule == code), None)

        writable = remedy("SEC05")
        assert writable is not None
        assert writable.operations == ()
        assert writable.summary.endswith("First revoke CREATE on those that everybody may write to.")

        closing = remedy("SEC04")
        assert closing is not None
        for statement in closing.operations[0].forward():
            connection.execute(statement.encode())
        safe = remedy("SEC05")
        assert safe is not None
        assert safe.operations == (SetFunctionSearchPath("public", "secrets", "", ("public", "pg_temp")),)
        for statement in safe.operations[0].forward():
            connection.execute(statement.encode())
        assert remedy("SEC05") is None


def test_the_remedy_reaches_the_sessions_of_the_application(binaries: str) -> None:
    with prepared(binaries, {}, "CREATE ROLE app LOGIN PASSWORD 'app'", "") as (_, connection):
        found = judged(connection, facts_of(connection)).findings
        for finding in found:
            if finding.rule in ("CFG03", "CFG04", "CFG05") and finding.remedy is not None:
                for operation in finding.remedy.operations:
                    connection.execute(operation.forward()[0].encode())
        with psycopg.connect(connection.info.dsn, user="app", password="app") as session:
            values = [
                session.execute(f"SHOW {name}".encode()).fetchone()
                for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
            ]
        assert values == [("30s",), ("5s",), ("1min",)]


def test_what_a_role_may_not_see_is_not_checked(binaries: str) -> None:
    schema = FAULTY_SCHEMA + "REVOKE SELECT ON people FROM PUBLIC; CREATE ROLE app LOGIN PASSWORD 'app'"
    with (
        prepared(binaries, MISCONFIGURED, schema, OPEN_HBA) as (_, connection),
        psycopg.connect(connection.info.dsn, user="app", password="app", autocommit=True) as session,
    ):
        checked = judged(session, read_facts(session, ReadOptions(ours=False)))
        assert {each.rule for each in checked.not_checked} == {"SEC01", "SEC02", "SEC07"}
        assert not {"SEC01", "SEC02", "SEC07"} & {each.rule for each in checked.findings}
        assert ("CFG14", "fsync") in named(checked.findings)
        # The superuser that runs nothing of an application is no longer the only one who can log in.
        assert "SEC03" not in {each.rule for each in checked.findings}
