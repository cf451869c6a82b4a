"""What each role sees, so that nothing is under-counted; and what nobody's snapshot ever holds."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.catalog import QualifiedName
from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.questions import Answer, Compare, Duplicates, HighestValue, IsNull, Matches, PlanOf, RowsWhere
from pgproof.facts.read import read_facts
from pgproof.facts.snapshot import from_json, to_json
from pgproof.server import running_server

from .conftest import Connection

T = QualifiedName("public", "t")
AsRole = Callable[..., Connection]


def ask(connection: Connection) -> Answer:
    (answer,) = collect_answers(connection, read_facts(connection), (RowsWhere(T, Compare("a", "=", constant=1)),))
    return answer


@pytest.fixture
def table(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION pg_stat_statements; CREATE TABLE t (id serial PRIMARY KEY, a int)")
    connection.execute("INSERT INTO t (a) SELECT n % 3 FROM generate_series(1, 300) n")
    connection.execute("ANALYZE t")


@pytest.mark.usefixtures("table")
def test_any_role_reads_the_catalog_and_is_told_what_it_does_not_see(as_role: AsRole) -> None:
    reader = as_role()
    facts = read_facts(reader)
    found = facts.catalog.named(T)
    assert found is not None
    assert [(column.name, column.default is not None, column.statistics) for column in found.columns] == [
        ("id", True, None),
        ("a", False, None),
    ]
    assert found.heap_bytes == 16384
    (sequence,) = facts.catalog.sequences
    assert (sequence.last_value, sequence.readable) == (None, False)
    assert (facts.server.authentication, facts.server.statements) == (None, None)
    assert [line.partition(":")[0] for line in facts.missing] == [
        "pg_hba.conf",
        "sessions of other roles",
        "statements",
    ]
    assert (facts.rights.superuser, facts.rights.monitor, facts.rights.read_all_data) == (False, False, False)
    assert ask(reader).refused == "permission denied for table t (SQLSTATE 42501)"


@pytest.mark.usefixtures("table")
def test_pg_monitor_sees_the_statistics_of_the_server_and_no_data(as_role: AsRole) -> None:
    reader = as_role("pg_monitor")
    facts = read_facts(reader)
    assert facts.rights.monitor
    assert facts.server.statements is not None
    assert [line.partition(":")[0] for line in facts.missing] == ["pg_hba.conf"]
    assert "permission denied" in (ask(reader).refused or "")


@pytest.mark.usefixtures("table")
def test_pg_read_all_data_sees_data_column_statistics_and_sequences(as_role: AsRole) -> None:
    reader = as_role("pg_read_all_data")
    facts = read_facts(reader)
    found = facts.catalog.named(T)
    assert found is not None
    statistics = found.column("a").statistics
    assert statistics is not None
    assert (statistics.n_distinct, len(statistics.common_frequencies)) == (3.0, 3)
    assert [(sequence.last_value, sequence.readable) for sequence in facts.catalog.sequences] == [(300, True)]
    answer = ask(reader)
    assert answer.counts is not None
    assert (answer.counts.rows, answer.counts.exact) == (100, True)


@pytest.mark.usefixtures("table")
def test_a_superuser_sees_everything(connection: Connection) -> None:
    facts = read_facts(connection)
    assert facts.rights.superuser
    assert facts.missing == ()
    assert facts.server.authentication is not None
    assert [rule.method for rule in facts.server.authentication] == ["trust", "trust"]


@pytest.mark.usefixtures("table")
def test_rows_that_row_security_would_hide_are_refused_rather_than_counted(
    connection: Connection, as_role: AsRole
) -> None:
    connection.execute(
        "CREATE FUNCTION boom() RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'a policy was evaluated'; END $$;"
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (boom()); GRANT SELECT ON t TO public"
    )
    reader = as_role("pg_read_all_data")
    assert "row-level security policy" in (ask(reader).refused or "")
    statistics = read_facts(reader).catalog.named(T)
    assert statistics is not None
    assert [column.statistics for column in statistics.columns] == [None, None]
    exempt = ask(as_role("pg_read_all_data", attributes="BYPASSRLS")).counts
    assert exempt is not None
    assert exempt.rows == 100


@pytest.mark.usefixtures("table")
def test_sessions_of_other_roles_are_listed_without_what_is_hidden(
    connection: Connection, as_role: AsRole, database: str
) -> None:
    reader = as_role()
    with psycopg.connect(database, application_name="busy") as other:
        other.execute("SELECT 1")
        (seen,) = [each for each in read_facts(connection).server.sessions if each.pid == other.info.backend_pid]
        (hidden,) = [each for each in read_facts(reader).server.sessions if each.pid == other.info.backend_pid]
    assert (seen.state, seen.application_name) == ("idle in transaction", "busy")
    assert hidden.state is None


@pytest.mark.parametrize(
    ("closed", "named"),
    [
        ("TABLE pg_settings", "view pg_settings"),
        ("TABLE pg_stats", "view pg_stats"),
        ("TABLE pg_policy", "table pg_policy"),
        ("FUNCTION set_config(text, text, boolean)", "function set_config"),
        ("FUNCTION pg_get_expr(pg_node_tree, oid)", "function pg_get_expr"),
        ("FUNCTION pg_relation_size(regclass, text)", "function pg_relation_size"),
    ],
)
@pytest.mark.usefixtures("table")
def test_a_part_of_the_catalog_that_is_closed_to_the_role_is_named(
    closed: str, named: str, connection: Connection, as_role: AsRole
) -> None:
    connection.execute(f"REVOKE ALL ON {closed} FROM PUBLIC".encode())
    with pytest.raises(PgproofError) as caught:
        read_facts(as_role("pg_monitor"))
    assert str(caught.value) == f"The catalog could not be read: permission denied for {named} (SQLSTATE 42501)"


@pytest.mark.parametrize(
    ("closed", "named"),
    [
        ("SCHEMA counted", "schema counted"),
        ("TABLE counted.pg_stat_statements", "view pg_stat_statements"),
        ("FUNCTION counted.pg_stat_statements(boolean)", "function pg_stat_statements"),
    ],
)
def test_statements_that_are_closed_to_the_role_are_missing(
    closed: str, named: str, connection: Connection, as_role: AsRole
) -> None:
    connection.execute("CREATE SCHEMA counted; GRANT USAGE ON SCHEMA counted TO PUBLIC")
    connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA counted")
    connection.execute(f"REVOKE ALL ON {closed} FROM PUBLIC".encode())
    facts = read_facts(as_role("pg_monitor"))
    assert facts.server.statements is None
    assert f"statements: permission denied for {named} (SQLSTATE 42501)" in facts.missing


def test_a_sequence_in_a_closed_schema_hides_nothing_but_its_value(connection: Connection, as_role: AsRole) -> None:
    connection.execute(
        "CREATE SCHEMA closed; CREATE SEQUENCE closed.s; GRANT SELECT ON SEQUENCE closed.s TO PUBLIC;"
        "CREATE TABLE t (a int DEFAULT 5)"
    )
    facts = read_facts(as_role())
    assert [(sequence.name, sequence.readable) for sequence in facts.catalog.sequences] == [("s", False)]
    assert [(table.locked, table.column("a").default) for table in facts.catalog.tables] == [(False, "5")]


SECRET = "canary-4711"


def test_no_value_reaches_a_snapshot_or_an_answer() -> None:
    settings = {
        "archive_command": f"cp %p /nowhere/{SECRET}",
        "primary_conninfo": f"host=nowhere password={SECRET}",
        "restore_command": f"cp {SECRET} %p",
        "wal_level": "logical",
    }
    with (
        running_server(settings=settings) as server,
        psycopg.connect(server.url(), autocommit=True, prepare_threshold=None) as connection,
    ):
        for statement in (
            "CREATE EXTENSION pg_stat_statements",
            "CREATE EXTENSION postgres_fdw",
            "CREATE TABLE t (id int PRIMARY KEY, a text)",
            f"INSERT INTO t SELECT n, '{SECRET}' FROM generate_series(1, 500) n",
            "ANALYZE t",
            f"CREATE FUNCTION f() RETURNS text LANGUAGE sql SET app.key = '{SECRET}' AS $$ SELECT '{SECRET}'::text $$",
            f"CREATE VIEW v AS SELECT '{SECRET}' AS secret",
            f"CREATE ROLE owner LOGIN PASSWORD '{SECRET}'",
            f"ALTER ROLE owner SET app.key = '{SECRET}'",
            f"ALTER DATABASE postgres SET app.token = '{SECRET}'",
            "CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere')",
            f"CREATE USER MAPPING FOR owner SERVER far OPTIONS (user 'x', password '{SECRET}')",
            f"CREATE FOREIGN TABLE far_t (a int) SERVER far OPTIONS (table_name '{SECRET}')",
            f"CREATE SUBSCRIPTION s CONNECTION 'host=nowhere password={SECRET}' PUBLICATION p"
            " WITH (connect = false, slot_name = NONE)",
            f"COMMENT ON TABLE t IS '{SECRET}'",
            f"SELECT count(*) FROM t WHERE a = '{SECRET}' /* user {SECRET} */",
            f"/* {SECRET} */ SELECT max(id) FROM t -- {SECRET}",
        ):
            connection.execute(statement.encode())
        facts = read_facts(connection)
        questions = (
            RowsWhere(T, IsNull("a")),
            RowsWhere(T, Matches("a", "(")),
            Duplicates(T, ("a",)),
            HighestValue(T, "id"),
            HighestValue(T, "a"),
            PlanOf("SELECT * FROM t WHERE a = $1 ORDER BY a"),
        )
        for options in (CollectOptions(), CollectOptions(largest_bytes=0)):
            facts = facts.with_answers(collect_answers(connection, facts, questions, options))
    assert facts.server.statements is not None
    assert [each.query for each in facts.server.statements if "FROM t" in each.query] != []
    assert SECRET.encode() not in to_json(facts)
    archive = facts.server.setting("archive_command")
    assert archive is not None
    assert archive.value == "(set)"


def test_a_snapshot_is_read_back_as_it_was(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION pg_stat_statements")
    connection.execute("""CREATE TABLE "od""d '%s" (a int PRIMARY KEY, b text DEFAULT '{"x": 1}' CHECK (b <> ''))""")
    odd = QualifiedName("public", "od\"d '%s")
    facts = read_facts(connection)
    questions = (RowsWhere(odd, Compare("a", "=", constant=True)), Duplicates(odd, ("a", "b")), PlanOf("SELECT 1"))
    facts = facts.with_answers(collect_answers(connection, facts, questions))
    again = from_json(to_json(facts), "x")
    assert again == facts
    assert again.answer(questions[0]) == facts.answer(questions[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[1]", "has no version"),
        (b'{"version": "1"}', "has no version"),
        (b'{"version": true}', "has no version"),
        (b'{"version": 2}', "newer pgproof"),
        (b'{"version": 1}', "damaged snapshot at database"),
    ],
)
def test_what_is_no_snapshot_is_one_line(text: bytes, said: str) -> None:
    with pytest.raises(PgproofError, match=said) as caught:
        from_json(text, "file.json")
    assert str(caught.value).startswith("file.json ")
    assert "\n" not in str(caught.value)


def test_a_damaged_snapshot_is_one_line_without_its_content(connection: Connection) -> None:
    text = to_json(read_facts(connection))
    for broken in (text[: len(text) // 2], text.replace(b'"superuser":true', b'"superuser":"canary"')):
        assert broken != text
        with pytest.raises(PgproofError) as caught:
            from_json(broken, "file.json")
        assert "\n" not in str(caught.value)
        assert "canary" not in str(caught.value)
