import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proof.rows import TableRows, hash_rows

Rows = tuple[TableRows, ...]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY, a text, b text)")
        connection.execute("INSERT INTO t VALUES (1, 'x', 'y'), (2, 'u', 'v'), (3, NULL, NULL)")
        yield connection


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET a = CASE id WHEN 1 THEN 'u' ELSE 'x' END WHERE id IN (1, 2)",
        "UPDATE t SET a = b, b = a WHERE id = 1",
        "UPDATE t SET a = '' WHERE id = 3",
        "UPDATE t SET a = 'NULL' WHERE id = 3",
        "UPDATE t SET a = 'x,y', b = NULL WHERE id = 1",
        "UPDATE t SET a = 'x ' WHERE id = 1",
        "UPDATE t SET a = '\"x\"' WHERE id = 1",
        "UPDATE t SET id = 4 WHERE id = 3",
        "DELETE FROM t WHERE id = 3",
        "INSERT INTO t VALUES (4, NULL, NULL)",
        "TRUNCATE t",
        "ALTER TABLE t RENAME a TO c",
        "ALTER TABLE t ADD c text",
    ],
)
def test_a_change_of_the_rows_changes_the_digest(connection: psycopg.Connection, change: str) -> None:
    [before] = hash_rows(connection)
    connection.execute(change.encode())
    [after] = hash_rows(connection)
    assert after.digest != before.digest
    assert (after.schema, after.table) == ("public", "t")


def test_a_duplicate_row_changes_the_digest(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE d (a integer); INSERT INTO d VALUES (1)")
    digests = set()
    for rows in (1, 2, 3):
        found = next(r for r in hash_rows(connection) if r.table == "d")
        assert found.rows == rows
        digests.add(found.digest)
        connection.execute("INSERT INTO d VALUES (1)")
    assert len(digests) == 3


def test_the_order_of_rows_and_of_columns_does_not_count(connection: psycopg.Connection) -> None:
    before = hash_rows(connection)
    connection.execute("""
        CREATE TABLE other (b text, gone integer, id integer, a text);
        ALTER TABLE other DROP gone;
        INSERT INTO other (id, a, b) SELECT id, a, b FROM t ORDER BY id DESC;
        DROP TABLE t;
        ALTER TABLE other RENAME TO t;
    """)
    assert hash_rows(connection) == before


def test_a_row_written_again_has_the_same_digest(connection: psycopg.Connection) -> None:
    before = hash_rows(connection)
    connection.execute("UPDATE t SET a = a; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (1, 'x', 'y')")
    connection.execute("VACUUM FULL t")
    assert hash_rows(connection) == before


def test_values_that_compare_equal_but_print_differently_differ(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE n (a numeric, f float8, j json)")
    digests = set()
    for row in ("1.0, 0, '{}'", "1.00, 0, '{}'", "1.0, '-0', '{}'", "1.0, 0, '{ }'"):
        connection.execute(f"TRUNCATE n; INSERT INTO n VALUES ({row})".encode())
        digests.add(next(r.digest for r in hash_rows(connection) if r.table == "n"))
    assert len(digests) == 4


def test_settings_of_the_session_do_not_count(connection: psycopg.Connection, database: str) -> None:
    connection.execute("""
        CREATE TABLE v (at timestamptz, span interval, f float4, raw bytea, price money, r regclass);
        INSERT INTO v VALUES ('2025-01-02 03:04:05.6+00', '1 day 02:03:04', 0.1, '\\x00ff', 12.5, 'public.t');
    """)
    before = hash_rows(connection)
    with psycopg.connect(database, autocommit=True) as other:
        other.execute("""
            SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
            SET extra_float_digits = -3; SET bytea_output = 'escape'; SET search_path = public;
        """)
        assert hash_rows(other) == before
        assert other.execute("SELECT '\\xff'::bytea::text").fetchone() == ("\\377",)


def test_sums_do_not_overflow(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE many AS SELECT 5 AS same FROM generate_series(1, 10000)")
    found = next(r for r in hash_rows(connection) if r.table == "many")
    assert found.rows == 10_000


def test_a_row_of_a_partitioned_table_counts_once_in_any_partition(connection: psycopg.Connection) -> None:
    connection.execute("""
        CREATE TABLE p (id integer, k text) PARTITION BY LIST (k);
        CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a');
        CREATE TABLE p_rest PARTITION OF p DEFAULT PARTITION BY LIST (k);
        CREATE TABLE p_b PARTITION OF p_rest FOR VALUES IN ('b');
        INSERT INTO p VALUES (1, 'a'), (2, 'b');
        CREATE TABLE plain AS SELECT * FROM p;
    """)
    found = {r.table: (r.rows, r.digest) for r in hash_rows(connection)}
    assert found.keys() == {"p", "plain", "t"}
    assert found["p"] == found["plain"]


def test_an_inheriting_table_has_rows_of_its_own(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TABLE child (extra integer) INHERITS (t); INSERT INTO child VALUES (9, 'c', 'd', 1)")
    assert [(r.table, r.rows) for r in hash_rows(connection)] == [("child", 1), ("t", 3)]


def test_schemas_tables_and_columns_are_chosen_by_name(connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE SCHEMA quarantine; CREATE TABLE quarantine.t (id integer); CREATE TABLE skipped (id integer)"
    )
    chosen = hash_rows(connection, schemas=["quarantine", "public"], exclude=["public.skipped"])
    assert [(r.schema, r.table) for r in chosen] == [("public", "t"), ("quarantine", "t")]

    def without_b() -> Rows:
        return hash_rows(connection, exclude=["public.skipped"], exclude_columns=["public.t.b"])

    before = without_b()
    connection.execute("UPDATE t SET b = 'other'")
    assert without_b() == before
    connection.execute("UPDATE t SET a = 'other'")
    assert without_b() != before


def test_all_tables_are_read_in_one_snapshot(
    connection: psycopg.Connection, database: str, wait_until_blocked: Callable[[psycopg.Connection], None]
) -> None:
    connection.execute("CREATE TABLE z (id integer)")
    found: list[Rows] = []
    with psycopg.connect(database) as writer, psycopg.connect(database) as reader:
        writer.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=lambda: found.append(hash_rows(reader)))
        thread.start()
        wait_until_blocked(connection)
        writer.execute("INSERT INTO z VALUES (1)")
        writer.commit()
        thread.join()
    assert [[(r.table, r.rows) for r in rows] for rows in found] == [[("t", 3), ("z", 0)]]


def test_names_that_need_quotes_and_tables_without_columns_are_hashed(connection: psycopg.Connection) -> None:
    connection.execute('CREATE TABLE "a ""b" ("%s {x}" integer, "T" integer, none text)')
    connection.execute("CREATE TABLE empty (); INSERT INTO empty DEFAULT VALUES")
    assert [(r.table, r.rows) for r in hash_rows(connection)] == [('a "b', 0), ("empty", 1), ("t", 3)]


def test_only_tables_of_users_are_hashed(connection: psycopg.Connection) -> None:
    connection.execute("""
        CREATE TABLE member (id integer);
        ALTER EXTENSION plpgsql ADD TABLE member;
        CREATE VIEW v AS SELECT * FROM t;
        CREATE MATERIALIZED VIEW m AS SELECT * FROM t;
        CREATE TEMPORARY TABLE gone (id integer);
    """)
    assert [r.table for r in hash_rows(connection)] == ["t"]


def test_a_connection_inside_a_transaction_is_refused(connection: psycopg.Connection) -> None:
    with connection.transaction(), pytest.raises(PgproofError, match="inside a transaction"):
        hash_rows(connection)


def test_rows_that_a_policy_hides_are_an_error_and_not_left_out(connection: psycopg.Connection, database: str) -> None:
    connection.execute("""
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY first_only ON t USING (id = 1);
        GRANT SELECT ON t TO pg_monitor;
    """)
    with psycopg.connect(database, autocommit=True) as limited:
        limited.execute("SET ROLE pg_monitor")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            hash_rows(limited)
