"""Questions to the data: what is counted, what is sampled, and what is refused without being asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.catalog import QualifiedName
from pgproof.facts.collect import CollectOptions, collect_answers
from pgproof.facts.questions import (
    AllOf,
    Answer,
    AnyOf,
    Compare,
    Condition,
    Counts,
    Disagreements,
    Duplicates,
    HighestValue,
    IsNull,
    Matches,
    Not,
    Orphans,
    Past,
    Question,
    RowsWhere,
)
from pgproof.facts.read import read_facts

from .conftest import Connection

T = QualifiedName("public", "t")
SMALLEST = CollectOptions(largest_bytes=0)


def answers(connection: Connection, *questions: Question, options: CollectOptions | None = None) -> tuple[Answer, ...]:
    return collect_answers(connection, read_facts(connection), questions, options)


def counts(connection: Connection, question: Question, options: CollectOptions | None = None) -> Counts:
    (answer,) = answers(connection, question, options=options)
    assert answer.refused is None, answer.refused
    assert answer.counts is not None
    return answer.counts


def refused(connection: Connection, question: Question, options: CollectOptions | None = None) -> str:
    (answer,) = answers(connection, question, options=options)
    assert answer.refused is not None, answer
    assert answer.counts is None
    return answer.refused


def rows(connection: Connection, condition: Condition) -> int:
    return counts(connection, RowsWhere(T, condition)).rows


def test_conditions_count_the_rows_that_meet_them(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE t (a int, b bigint, s text, d date, at timestamptz, ok boolean);"
        "INSERT INTO t VALUES (1, 2, 'x', current_date - 3, now() + interval '1 day', true),"
        " (5, 2, 'Y1', current_date + 3, now() - interval '1 day', false), (NULL, 2, NULL, NULL, NULL, NULL)"
    )
    assert rows(connection, Compare("a", ">", "b")) == 1
    assert rows(connection, Compare("a", "<=", constant=5)) == 2
    assert rows(connection, Compare("s", "=", constant="x")) == 1
    assert rows(connection, Compare("ok", "=", constant=True)) == 1
    assert rows(connection, IsNull("a")) == 1
    assert rows(connection, Not(Compare("a", "=", constant=1))) == 2
    assert rows(connection, Matches("s", "^[A-Z]")) == 1
    assert rows(connection, Past("d")) == 1
    assert rows(connection, Past("d", days=5)) == 0
    assert rows(connection, Past("at")) == 1
    assert rows(connection, AllOf((Compare("a", "=", constant=1), IsNull("s")))) == 0
    assert rows(connection, AnyOf((Compare("a", "=", constant=1), IsNull("s")))) == 2


def test_names_and_constants_are_quoted(connection: Connection) -> None:
    connection.execute("""CREATE TABLE "t; -- ""%s" ("a' OR true --" text)""")
    connection.execute("""INSERT INTO "t; -- ""%s" VALUES ('it''s \\ %s'), ('other')""")
    table = QualifiedName("public", 't; -- "%s')
    question = RowsWhere(table, Compare("a' OR true --", "=", constant="it's \\ %s"))
    assert counts(connection, question) == Counts(rows=1, rows_examined=2, rows_total=2, exact=True)


def test_duplicates_leave_nulls_out(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE t (a int, b text);"
        "INSERT INTO t VALUES (1, 'x'), (1, 'x'), (1, 'x'), (1, 'X'), (2, 'y'), (NULL, 'x'), (NULL, 'x')"
    )
    found = counts(connection, Duplicates(T, ("a", "b")))
    assert (found.groups, found.rows, found.surplus_rows, found.rows_examined) == (1, 3, 2, 5)
    lower = counts(connection, Duplicates(T, ("a", "b"), lower=("b",)))
    assert (lower.groups, lower.rows, lower.surplus_rows) == (1, 4, 3)
    some = counts(connection, Duplicates(T, ("a",), where=Compare("b", "=", constant="x")))
    assert (some.groups, some.rows) == (1, 3)


def test_orphans_and_disagreements(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE p (a int, b bigint); INSERT INTO p VALUES (1, 1), (2, 2);"
        "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 1), (1, 2), (NULL, 9), (3, 3);"
        "CREATE TABLE job (id int, company int); INSERT INTO job VALUES (1, 10), (2, 20);"
        "CREATE TABLE application (job int, company int);"
        "INSERT INTO application VALUES (1, 10), (2, 10), (NULL, 10), (2, NULL)"
    )
    parent = QualifiedName("public", "p")
    orphans = counts(connection, Orphans(T, ("a", "b"), parent, ("a", "b")))
    assert (orphans.rows, orphans.rows_examined, orphans.rows_total) == (2, 4, 4)
    names = [QualifiedName("public", name) for name in ("application", "job")]
    apart = counts(connection, Disagreements(names[0], "company", "job", names[1], "id", "company"))
    assert (apart.rows, apart.rows_examined, apart.rows_total) == (1, 3, None)


def test_the_highest_value_is_exact_by_an_index_however_large_the_table(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int PRIMARY KEY, plain int); INSERT INTO t VALUES (7, 7), (3, 3)")
    assert counts(connection, HighestValue(T, "id"), SMALLEST).exact
    assert counts(connection, HighestValue(T, "id"), SMALLEST).rows == 7
    assert not counts(connection, HighestValue(T, "plain"), SMALLEST).exact


def test_a_partitioned_table_counts_all_its_partitions(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE t (a int) PARTITION BY LIST (a); CREATE TABLE t_1 PARTITION OF t FOR VALUES IN (1);"
        "CREATE TABLE t_2 PARTITION OF t FOR VALUES IN (2); INSERT INTO t VALUES (1), (2), (2)"
    )
    assert rows(connection, Compare("a", "=", constant=2)) == 2
    assert counts(connection, RowsWhere(QualifiedName("public", "t_2"), IsNull("a"))).rows_examined == 2


def test_answers_come_in_the_order_asked_and_each_once(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int); CREATE TABLE u (a int); INSERT INTO t VALUES (1), (2), (NULL)")
    first, second = RowsWhere(T, IsNull("a")), RowsWhere(QualifiedName("public", "u"), IsNull("a"))
    third, bad = RowsWhere(T, Compare("a", ">", constant=0)), RowsWhere(T, IsNull("missing"))
    told: list[tuple[int, int]] = []
    facts = read_facts(connection)
    found = collect_answers(
        connection, facts, (first, second, bad, third, first), progress=lambda *each: told.append(each)
    )
    assert [answer.question for answer in found] == [first, second, bad, third]
    assert [answer.counts.rows if answer.counts else answer.refused for answer in found] == [
        1,
        0,
        "public.t has no column missing",
        2,
    ]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found[0].statement == (
        """SELECT count(*) FILTER (WHERE "a" IS NULL) AS "rows", count(*) AS rows_examined FROM "public"."t" AS c"""
    )


def test_one_condition_that_fails_leaves_the_others_of_its_scan_answered(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a text); INSERT INTO t VALUES ('x')")
    bad, good = answers(connection, RowsWhere(T, Matches("a", "(")), RowsWhere(T, Matches("a", "x")))
    assert bad.refused is not None
    assert "parentheses" in bad.refused
    assert good.counts == Counts(rows=1, rows_examined=1, rows_total=1, exact=True)


def test_a_large_table_is_sampled_and_a_sample_proves_presence_alone(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int); INSERT INTO t SELECT n % 2 FROM generate_series(1, 200000) n")
    found = counts(connection, RowsWhere(T, Compare("a", "=", constant=1)), SMALLEST)
    assert not found.exact
    assert 0 < found.rows < 100_000
    assert found.rows < found.rows_examined < 200_000
    assert found.rows_total is None
    none = counts(connection, RowsWhere(T, IsNull("a")), SMALLEST)
    assert (none.rows, none.exact) == (0, False)
    twice = counts(connection, RowsWhere(T, Compare("a", "=", constant=1)), SMALLEST)
    assert twice.rows == found.rows
    duplicates = counts(connection, Duplicates(T, ("a",)), SMALLEST)
    assert (duplicates.groups, duplicates.exact) == (2, False)


def test_what_does_not_end_in_time_is_added_up_range_by_range(connection: Connection) -> None:
    connection.execute(
        "CREATE EXTENSION pg_stat_statements; CREATE TABLE t (id int, body text) PARTITION BY RANGE (id);"
        "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (1000);"
        "CREATE TABLE t_2 PARTITION OF t FOR VALUES FROM (1000) TO (100000);"
        "ALTER TABLE t_1 ALTER body SET STORAGE PLAIN; ALTER TABLE t_2 ALTER body SET STORAGE PLAIN;"
        "INSERT INTO t SELECT n, repeat('ab', 2000) FROM generate_series(1, 8000) n; INSERT INTO t VALUES (7, 'c')"
    )
    questions = (RowsWhere(T, Not(Matches("body", "(a|b)*b(a|b){9}c"))), RowsWhere(T, Matches("body", "c")))
    (whole, _) = answers(connection, *questions, options=CollectOptions(timeout=600_000, data="exact"))
    in_ranges = answers(connection, *questions, options=CollectOptions(int(whole.milliseconds / 5), data="exact"))
    assert [answer.counts for answer in in_ranges] == [
        Counts(rows=8001, rows_examined=8001, rows_total=8001, exact=True),
        Counts(rows=1, rows_examined=8001, rows_total=8001, exact=True),
    ]
    ranges = connection.execute(
        "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%ctid%'"
        " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    assert ranges is not None
    assert ranges[0] > 4


def test_what_never_ends_in_time_is_refused_with_the_reason(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int); INSERT INTO t SELECT n FROM generate_series(1, 300000) n")
    many = Duplicates(T, ("a",))
    for data in ("default", "exact"):
        said = refused(connection, many, CollectOptions(timeout=1, data=data))
        assert "statement timeout" in said


def test_nothing_is_asked_when_data_are_switched_off(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int)")
    assert "switched off" in refused(connection, RowsWhere(T, IsNull("a")), CollectOptions(data="none"))


HARMLESS = "CREATE FUNCTION user_code(int) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true;"
BOOM = (
    "CREATE OR REPLACE FUNCTION user_code(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS"
    " $$ BEGIN RAISE EXCEPTION 'code of a user ran'; END $$;"
)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("CREATE VIEW t AS SELECT 1 AS a", "is a view"),
        ("CREATE MATERIALIZED VIEW t AS SELECT 1 AS a", "is a materialized view"),
        (
            "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;"
            "CREATE FOREIGN TABLE t (a int) SERVER f OPTIONS (filename '/dev/null')",
            "is a foreign table",
        ),
        (
            "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;"
            "CREATE TABLE t (a int) PARTITION BY LIST (a);"
            "CREATE FOREIGN TABLE far PARTITION OF t DEFAULT SERVER f OPTIONS (filename '/dev/null')",
            "public.far is a foreign table",
        ),
        (
            "CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw; CREATE TABLE t (a int);"
            "CREATE FOREIGN TABLE far () INHERITS (t) SERVER f OPTIONS (filename '/dev/null')",
            "public.far is a foreign table",
        ),
        ("CREATE EXTENSION citext; CREATE TABLE t (a citext)", "whose operators are not PostgreSQL's own"),
        ("CREATE TYPE pair AS (x int, y int); CREATE TABLE t (a pair)", "whose operators are not PostgreSQL's own"),
        ("CREATE TABLE t (a text)", "is of type text, compared with 1"),
        (HARMLESS + "CREATE TABLE t (a int); CREATE INDEX ON t (a) WHERE user_code(1)", "a function of a user"),
        (HARMLESS + "CREATE TABLE t (a int); CREATE INDEX ON t (user_code(a))", "a function of a user"),
        (
            HARMLESS + "CREATE TABLE t (a int) PARTITION BY LIST (a);"
            "CREATE TABLE t_1 PARTITION OF t DEFAULT; ALTER TABLE t_1 ADD CHECK (user_code(1))",
            "public.t_1 has an index, a check or statistics that call a function of a user",
        ),
        (HARMLESS + "CREATE TABLE t (a int); CREATE STATISTICS s ON (user_code(1)), a FROM t", "a function of a user"),
    ],
)
def test_what_could_run_the_code_of_others_is_not_asked(connection: Connection, schema: str, said: str) -> None:
    connection.execute(schema.encode())
    if HARMLESS in schema:
        connection.execute(BOOM)
    assert said in refused(connection, RowsWhere(T, Compare("a", "=", constant=1)))


def test_the_planner_would_run_the_code_of_a_user_for_whoever_reads(connection: Connection) -> None:
    connection.execute((HARMLESS + "CREATE TABLE t (a int); CREATE INDEX ON t (a) WHERE user_code(1)").encode())
    connection.execute(BOOM)
    with pytest.raises(psycopg.errors.RaiseException, match="code of a user ran"):
        connection.execute("SELECT count(*) FROM t WHERE a = 1")


def test_an_operator_of_a_user_never_runs(connection: Connection) -> None:
    connection.execute(
        "CREATE TYPE kind AS ENUM ('x', 'y'); CREATE TABLE t (a kind, b int, c text);"
        "INSERT INTO t VALUES ('x', 1, '1');"
        "CREATE FUNCTION boom(kind, kind) RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'code of a user ran'; END $$;"
        "CREATE FUNCTION boom(int, text) RETURNS boolean LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'code of a user ran'; END $$;"
        "CREATE OPERATOR public.= (LEFTARG = kind, RIGHTARG = kind, FUNCTION = boom);"
        "CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = text, FUNCTION = boom);"
        "SET search_path = public, pg_catalog"
    )
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute("SELECT a = 'x'::kind FROM t")
    assert rows(connection, Compare("a", "=", constant="x")) == 1
    assert counts(connection, Duplicates(T, ("a",))).rows == 0
    assert "no operator of PostgreSQL's own" in refused(connection, RowsWhere(T, Compare("b", "=", "c")))


def test_a_lost_connection_is_one_line(connection: Connection, database: str) -> None:
    connection.execute("CREATE TABLE t (a int)")
    facts = read_facts(connection)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    with pytest.raises(PgproofError, match="the connection was lost") as caught:
        collect_answers(connection, facts, (RowsWhere(T, IsNull("a")),))
    assert "\n" not in str(caught.value)


def test_a_table_that_was_dropped_meanwhile_is_refused(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (a int)")
    facts = read_facts(connection)
    connection.execute("DROP TABLE t")
    (answer,) = collect_answers(connection, facts, (RowsWhere(T, IsNull("a")),))
    assert answer.refused is not None
    assert "does not exist" in answer.refused


def test_a_lock_taken_after_the_reading_is_waited_for_briefly(
    connection: Connection, held: Callable[[str], Any]
) -> None:
    connection.execute("CREATE TABLE t (a int)")
    facts = read_facts(connection)
    with held("LOCK TABLE t IN ACCESS EXCLUSIVE MODE"):
        (answer,) = collect_answers(connection, facts, (RowsWhere(T, IsNull("a")),))
    assert answer.refused is not None
    assert "lock timeout" in answer.refused
