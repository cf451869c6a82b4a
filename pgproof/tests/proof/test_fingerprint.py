from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from pgproof.proof.fingerprint import CatalogFingerprint, CatalogObject, Difference, read_fingerprint
from pgproof.server import Server

from .catalog_changes import BASE, CHANGES, Change


@pytest.fixture(scope="module")
def base(server: Server) -> Iterator[str]:
    with server.scratch_database() as url:
        with psycopg.connect(url) as connection:
            connection.execute(BASE)
        yield url


@pytest.fixture(scope="module")
def shared_connection(base: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(base) as connection:
        yield connection


@pytest.fixture(scope="module")
def original(shared_connection: psycopg.Connection) -> CatalogFingerprint:
    return read_fingerprint(shared_connection)


@pytest.fixture
def connection(shared_connection: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A connection in a transaction, which takes back what a test changes."""
    with shared_connection.transaction(force_rollback=True):
        shared_connection.execute("CREATE ROLE other")
        yield shared_connection


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.do)
def test_a_change_is_seen_and_its_reverse_restores_the_fingerprint(
    connection: psycopg.Connection, original: CatalogFingerprint, change: Change
) -> None:
    if connection.info.server_version < change.since * 10000:
        pytest.skip(f"PostgreSQL has it from {change.since} on")
    connection.execute(change.do)
    changed = read_fingerprint(connection)
    assert changed.digest != original.digest
    assert (change.kind, change.name) in {(d.kind, d.name) for d in original.difference(changed)}
    connection.execute(change.undo)
    restored = read_fingerprint(connection)
    assert original.difference(restored) == ()
    assert restored == original
    assert restored.digest == original.digest


def test_the_order_of_labels_and_of_columns_counts(connection: psycopg.Connection) -> None:
    connection.execute("CREATE TYPE e AS ENUM ('a', 'b'); CREATE TABLE t (a int, b int)")
    before = read_fingerprint(connection)
    connection.execute("DROP TYPE e; CREATE TYPE e AS ENUM ('b', 'a'); ALTER TABLE t DROP a, ADD a int")
    assert before.difference(read_fingerprint(connection)) == (
        Difference("table", "public.t", 'columns: ["a", "b"]', 'columns: ["b", "a"]'),
        Difference("type", "public.e", 'labels: ["a", "b"]', 'labels: ["b", "a"]'),
    )


def test_the_same_schema_built_in_another_order_in_another_database_is_equal(server: Server) -> None:
    tables = [
        "CREATE TABLE a (id serial PRIMARY KEY, s text)",
        "CREATE TABLE b (id serial PRIMARY KEY, a_id int)",
        "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id)",
    ]
    parts = [
        "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)",
        "ALTER TABLE b ADD FOREIGN KEY (a_id) REFERENCES p",
        "CREATE INDEX a_s ON a (s)",
        "GRANT SELECT, INSERT ON a TO pg_monitor",
        "COMMENT ON TABLE a IS 'x'",
    ]
    fingerprints = []
    for statements in (
        tables + parts,
        ["CREATE TABLE gone (id int)", *reversed(tables), *reversed(parts), "DROP TABLE gone"],
    ):
        with server.scratch_database() as url, psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement)
            fingerprints.append(read_fingerprint(connection))
    assert fingerprints[0].difference(fingerprints[1]) == ()
    assert fingerprints[0] == fingerprints[1]


def test_rows_and_the_current_value_of_a_sequence_do_not_count(connection: psycopg.Connection) -> None:
    before = read_fingerprint(connection)
    connection.execute("INSERT INTO parent (name) VALUES ('x'); SELECT nextval('counter'); ANALYZE")
    assert read_fingerprint(connection) == before


def test_rights_given_in_another_order_are_equal(connection: psycopg.Connection) -> None:
    connection.execute("CREATE ROLE third; GRANT SELECT, DELETE ON child TO other; GRANT SELECT ON child TO third")
    before = read_fingerprint(connection)
    connection.execute("REVOKE ALL ON child FROM other, third")
    connection.execute("GRANT SELECT ON child TO third; GRANT DELETE, SELECT ON child TO other")
    assert read_fingerprint(connection) == before


def test_settings_of_the_session_neither_count_nor_change(base: str) -> None:
    with psycopg.connect(base) as connection:
        plain = read_fingerprint(connection)
    settings = {
        "search_path": "public, pg_catalog",
        "TimeZone": "Asia/Tokyo",
        "DateStyle": "German",
        "quote_all_identifiers": "on",
    }
    with psycopg.connect(base) as connection:
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        assert read_fingerprint(connection) == plain
        for name, value in settings.items():
            shown = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
            assert shown is not None
            assert shown[0].startswith(value)


def test_reading_leaves_the_connection_as_it_was(base: str) -> None:
    with psycopg.connect(base, row_factory=psycopg.rows.dict_row) as connection:
        statuses = []
        for _ in range(2):
            read_fingerprint(connection)
            statuses.append(connection.info.transaction_status)
            connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        assert statuses == [TransactionStatus.IDLE, TransactionStatus.INTRANS]
        assert connection.execute("SELECT count(*) AS n FROM kept").fetchone() == {"n": 0}
        connection.rollback()


def test_only_the_schemas_asked_for_are_read(connection: psycopg.Connection) -> None:
    connection.execute("CREATE SCHEMA extra CREATE TABLE t (id int); CREATE EXTENSION citext SCHEMA extra")
    connection.execute("COMMENT ON TABLE extra.t IS 'x'; CREATE PUBLICATION p")
    public = read_fingerprint(connection, schemas=["public"])
    extra = read_fingerprint(connection, schemas=["extra"])
    assert {o.name for o in extra.objects} == {"extra", "extra.t", "extra.t.id", "citext"}
    whole = {(o.kind, o.name) for o in read_fingerprint(connection).objects}
    both = {(o.kind, o.name) for o in public.objects + extra.objects}
    assert both | {("publication", "p"), ("extension", "plpgsql")} == whole
    assert read_fingerprint(connection, schemas=["missing"]).objects == ()


def test_an_excluded_table_is_left_out_with_all_that_belongs_to_it(connection: psycopg.Connection) -> None:
    before = read_fingerprint(connection)
    connection.execute("""
        CREATE TABLE version (id serial PRIMARY KEY, n int CHECK (n > 0), p int REFERENCES parent);
        CREATE INDEX ON version (n);
        CREATE TRIGGER touched BEFORE UPDATE ON version FOR EACH ROW EXECUTE FUNCTION touch();
        CREATE POLICY own ON version USING (true);
        CREATE RULE kept AS ON DELETE TO version DO INSTEAD NOTHING;
        CREATE STATISTICS version_stats ON n, p FROM version;
        COMMENT ON COLUMN version.n IS 'x';
        GRANT SELECT ON version TO other;
        CREATE TABLE log (id int PRIMARY KEY) PARTITION BY LIST (id);
        CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1);
    """)
    assert read_fingerprint(connection, exclude=["public.version", "public.log"]) == before
    assert read_fingerprint(connection, exclude=["public.version"]) != before


def test_temporary_tables_and_members_of_extensions_are_left_out(
    connection: psycopg.Connection, original: CatalogFingerprint
) -> None:
    connection.execute("CREATE TEMPORARY TABLE t (id int); CREATE EXTENSION pg_stat_statements")
    connection.execute("CREATE TABLE member (id serial PRIMARY KEY); ALTER EXTENSION plpgsql ADD TABLE member")
    assert [(d.kind, d.name) for d in original.difference(read_fingerprint(connection))] == [
        ("extension", "pg_stat_statements")
    ]


def test_a_role_without_rights_reads_the_same_fingerprint(
    connection: psycopg.Connection, original: CatalogFingerprint
) -> None:
    connection.execute("SET ROLE other")
    assert read_fingerprint(connection) == original


def test_hostile_names_are_told_apart(connection: psycopg.Connection) -> None:
    connection.execute('CREATE TABLE "a.b" (c int); CREATE SCHEMA a; CREATE TABLE a."b.c" (d int)')
    connection.execute('CREATE TABLE "x\ny: z" ("q\'""%s" int)')
    names = {o.name for o in read_fingerprint(connection).objects}
    assert {'public."a.b".c', 'a."b.c".d', 'public."x\ny: z"."q\'""%s"'} <= names


def test_the_number_of_statements_does_not_grow_with_the_schema(connection: psycopg.Connection) -> None:
    def statements() -> int:
        seen = connection.execute(
            "SELECT sum(calls) FROM public.pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE d.datname = current_database() AND toplevel"
        ).fetchone()
        assert seen is not None
        return int(seen[0])

    connection.execute("CREATE EXTENSION pg_stat_statements SCHEMA public")
    # A full pg_stat_statements forgets statements, and with them calls that were counted before.
    connection.execute("SELECT public.pg_stat_statements_reset()")
    counts = []
    for prefix in ("a", "b"):
        before = statements()
        read_fingerprint(connection)
        counts.append(statements() - before)
        for number in range(20):
            connection.execute(f"CREATE TABLE {prefix}{number} (id serial PRIMARY KEY, t text)".encode())
    assert counts[0] == counts[1] <= 30


def test_a_difference_shows_the_changed_properties_alone() -> None:
    before = CatalogFingerprint(
        (
            CatalogObject("index", "i", "definition: CREATE INDEX i\nvalid: true"),
            CatalogObject("function", "f()", "definition: line\n  more\nowner: a"),
            CatalogObject("table", "gone", "owner: a"),
        )
    )
    after = CatalogFingerprint(
        (
            CatalogObject("function", "f()", "definition: line\n  less\nowner: a"),
            CatalogObject("index", "i", "definition: CREATE INDEX i\ncomment: new\nvalid: true"),
            CatalogObject("table", "new", "owner: a"),
        )
    )
    assert before.difference(after) == (
        Difference("function", "f()", "definition: line\n  more", "definition: line\n  less"),
        Difference("index", "i", "", "comment: new"),
        Difference("table", "gone", "owner: a", None),
        Difference("table", "new", None, "owner: a"),
    )
