"""Generic plans: of reading statements alone, with nobody's code run and nothing left behind."""

from __future__ import annotations

import psycopg
import pytest

from pgproof.facts.collect import collect_answers
from pgproof.facts.questions import Answer, PlanNode, PlanOf
from pgproof.facts.read import read_facts

from .conftest import Connection

TABLE = (
    "CREATE TABLE t (id int PRIMARY KEY, a int, b text); CREATE INDEX t_a ON t (a);"
    "INSERT INTO t SELECT n, n % 100, 'x' FROM generate_series(1, 5000) n; ANALYZE t;"
)


def ask(connection: Connection, statement: str, *, seqscan: bool = True) -> Answer:
    question = PlanOf(statement, without_sequential_scans=not seqscan)
    (answer,) = collect_answers(connection, read_facts(connection), (question,))
    return answer


def plan(connection: Connection, statement: str, *, seqscan: bool = True) -> PlanNode:
    answer = ask(connection, statement, seqscan=seqscan)
    assert answer.plan is not None, answer.refused
    return answer.plan


def refused(connection: Connection, statement: str) -> str:
    answer = ask(connection, statement)
    assert answer.plan is None
    assert answer.refused is not None
    return answer.refused


def flat(node: PlanNode) -> list[PlanNode]:
    return [node, *(each for child in node.children for each in flat(child))]


def left_over(connection: Connection) -> tuple[object, ...] | None:
    return connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()


def test_the_plan_of_a_statement_with_parameters(connection: Connection) -> None:
    connection.execute(TABLE)
    (node,) = [each for each in flat(plan(connection, "SELECT * FROM t WHERE id = $1")) if each.index]
    assert (node.node_type, node.index, node.index_condition) == ("Index Scan", "t_pkey", "(t.id = $1)")
    assert node.relation is not None
    assert str(node.relation) == "public.t"
    scan = next(
        each for each in flat(plan(connection, "SELECT * FROM t WHERE b LIKE $2 AND a + 0 > $1")) if each.filter
    )
    assert (scan.node_type, scan.index) == ("Seq Scan", None)
    assert left_over(connection) == (0,)


def test_whether_any_index_could_serve(connection: Connection) -> None:
    connection.execute(TABLE + "CREATE INDEX t_b ON t (b)")
    assert "Seq Scan" in {node.node_type for node in flat(plan(connection, "SELECT * FROM t WHERE b = $1"))}
    without = {node.index for node in flat(plan(connection, "SELECT * FROM t WHERE b = $1", seqscan=False))}
    assert "t_b" in without
    assert connection.execute("SHOW enable_seqscan").fetchone() == ("on",)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "  /* a; comment */ -- and; another\n (SELECT a FROM t) UNION SELECT id FROM t WHERE b LIKE '50%'",
        "WITH x AS (SELECT * FROM t) SELECT count(*) FROM x WHERE a = $1 LIMIT $2;",
        "VALUES (1), ($1::int)",
        "TABLE t",
        "SELECT deleted_at FROM (SELECT now() AS deleted_at) AS updates",
    ],
)
def test_what_reads_is_planned(connection: Connection, statement: str) -> None:
    connection.execute(TABLE)
    assert plan(connection, statement).node_type


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1; DROP TABLE t", "more than one statement"),
        ("SELECT 1; COMMIT; DROP TABLE t", "more than one statement"),
        ("SELECT '; '", "more than one statement"),
        ("DROP TABLE t", "not a SELECT"),
        ("EXPLAIN ANALYZE SELECT 1", "not a SELECT"),
        ("COPY t TO STDOUT", "not a SELECT"),
        ("", "not a SELECT"),
        ("/* SELECT", "not a SELECT"),
        ("INSERT INTO t VALUES (1)", "not a SELECT"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "as a writer does"),
        ("SELECT * FROM t FOR UPDATE", "as a writer does"),
        ("SELECT * FROM t FOR NO KEY UPDATE", "as a writer does"),
        ("SELECT * FROM t FOR\nKEY SHARE", "as a writer does"),
        ("SELECT * INTO copied FROM t", "as a writer does"),
        ("SELECT * FROM missing", 'relation "missing" does not exist'),
        ("SELECT * FROM t WHERE a = $1 AND b LIK...", "syntax error"),
        ('SELECT U&"\\0069d" FROM t', "behind escapes"),
    ],
)
def test_what_is_not_one_reading_statement_is_refused(connection: Connection, statement: str, said: str) -> None:
    connection.execute(TABLE)
    assert said in refused(connection, statement)
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (5000,)
    assert left_over(connection) == (0,)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


BOOM = " LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE EXCEPTION 'code of a user ran'; END $$;"


@pytest.mark.parametrize(
    ("schema", "statement", "said"),
    [
        (f"CREATE FUNCTION boom() RETURNS int{BOOM}", "SELECT boom()", "calls boom()"),
        (f"CREATE FUNCTION boom() RETURNS int{BOOM}", "SELECT public . boom ( )", "calls boom()"),
        (f"CREATE FUNCTION boom() RETURNS int{BOOM}", "SELECT 'a''b', BOOM()", "calls boom()"),
        (f"CREATE FUNCTION boom() RETURNS int{BOOM}", "SELECT E'\\' ', boom(), ' '", "calls boom()"),
        (f"CREATE FUNCTION boom() RETURNS int{BOOM}", "SELECT boom/* ( */()", "calls boom()"),
        (f'CREATE FUNCTION "B ""1"() RETURNS int{BOOM}', 'SELECT "B ""1"()', 'calls B "1()'),
        (f"CREATE FUNCTION shout(t) RETURNS text{BOOM}", "SELECT t.shout FROM t", "calls shout()"),
        (
            f"CREATE FUNCTION boom(int, int) RETURNS int{BOOM}"
            "CREATE OPERATOR @@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = boom);",
            "SELECT 1 @@@ 2",
            "may use @@@",
        ),
        (
            f"CREATE TYPE kind AS ENUM ('x'); CREATE FUNCTION boom(kind) RETURNS int{BOOM}"
            "CREATE CAST (kind AS int) WITH FUNCTION boom(kind) AS IMPLICIT;",
            "SELECT 'x'::kind + 1",
            "may use a cast of a user from public.kind to integer",
        ),
        (
            f"CREATE FUNCTION boom() RETURNS int{BOOM} CREATE VIEW v AS SELECT boom() AS x",
            "SELECT * FROM v",
            "names v, which is a view",
        ),
        (
            "CREATE FUNCTION boom(int) RETURNS int LANGUAGE sql IMMUTABLE RETURN 1;"
            "CREATE INDEX ON t (boom(a)); CREATE INDEX ON t (id) WHERE boom(1) = 1;"
            f"CREATE OR REPLACE FUNCTION boom(int) RETURNS int{BOOM}",
            "SELECT * FROM t WHERE id = $1",
            "public.t has an index or a check",
        ),
    ],
)
def test_a_statement_that_could_run_the_code_of_a_user_is_refused(
    connection: Connection, schema: str, statement: str, said: str
) -> None:
    connection.execute(TABLE)
    connection.execute(schema.encode())
    assert said in refused(connection, statement)


def test_a_user_function_would_run_when_the_statement_is_planned(connection: Connection) -> None:
    connection.execute(f"CREATE FUNCTION boom() RETURNS int{BOOM}".encode())
    with pytest.raises(psycopg.errors.RaiseException, match="code of a user ran"):
        connection.execute("EXPLAIN SELECT boom()")


def test_row_security_is_not_evaluated_for_a_plan(connection: Connection, as_role: object) -> None:
    assert callable(as_role)
    connection.execute(TABLE)
    connection.execute(
        f"CREATE FUNCTION boom() RETURNS boolean{BOOM} ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY p ON t USING (boom()); GRANT SELECT ON t TO public".encode()
    )
    reader = as_role("pg_read_all_data")
    assert "row-level security" in refused(reader, "SELECT * FROM t WHERE id = $1")


def test_a_failed_explanation_leaves_no_prepared_statement(connection: Connection, as_role: object) -> None:
    assert callable(as_role)
    connection.execute(TABLE)
    reader = as_role()
    assert "permission denied for table t" in refused(reader, "SELECT * FROM t WHERE id = $1")
    assert left_over(reader) == (0,)


def test_tables_are_found_on_the_search_path_of_a_role_of_the_application(
    connection: Connection, as_role: object
) -> None:
    assert callable(as_role)
    name = as_role().info.user
    connection.execute("CREATE SCHEMA app; CREATE TABLE app.only_here (a int)")
    connection.execute(f"ALTER ROLE {name} IN DATABASE {connection.info.dbname} SET search_path = app, public".encode())
    assert plan(connection, "SELECT * FROM only_here WHERE a = $1").node_type == "Seq Scan"
