"""Rights, policies, triggers, functions, statistics objects, domains and extensions, each beside what it reads as."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import pytest

from pgproof.facts.catalog import Catalog, Grant, QualifiedName, Table
from pgproof.facts.read import read_facts

from .conftest import Connection

AsRole = Callable[..., Connection]


def catalog_of(connection: Connection, schema: str) -> Catalog:
    connection.execute(schema.encode())
    return read_facts(connection).catalog


def named(catalog: Catalog, name: str, schema: str = "public") -> Table:
    table = catalog.named(QualifiedName(schema, name))
    assert table is not None, name
    return table


@pytest.fixture
def role(as_role: AsRole) -> str:
    """The name of a role without any right of its own."""
    return as_role().info.user


def test_grants_on_a_relation_and_on_columns(connection: Connection, role: str) -> None:
    catalog = catalog_of(
        connection,
        f"""
        CREATE TABLE untouched (a int);
        CREATE TABLE t (a int, b int, gone int);
        CREATE VIEW v AS SELECT a FROM t;
        GRANT SELECT, INSERT ON t TO {role} WITH GRANT OPTION;
        GRANT SELECT ON t TO PUBLIC;
        GRANT UPDATE (b), REFERENCES (gone) ON t TO {role};
        GRANT SELECT (a) ON t TO PUBLIC;
        GRANT TRIGGER ON v TO {role};
        ALTER TABLE t DROP COLUMN gone;
        REVOKE DELETE ON untouched FROM CURRENT_USER;
        """,
    )
    assert set(named(catalog, "t").grants) == {
        Grant(role, "SELECT", None),
        Grant(role, "INSERT", None),
        Grant(None, "SELECT", None),
        Grant(role, "UPDATE", "b"),
        Grant(None, "SELECT", "a"),
    }
    assert named(catalog, "v").grants == (Grant(role, "TRIGGER", None),)
    assert named(catalog, "untouched").grants == ()


def test_default_privileges_are_grants_of_what_was_created_under_them(connection: Connection, role: str) -> None:
    catalog = catalog_of(
        connection,
        f"""
        CREATE TABLE before (a int);
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role};
        ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
        ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO PUBLIC;
        CREATE SCHEMA s;
        CREATE TABLE s.after (a int);
        CREATE FUNCTION s.f() RETURNS int LANGUAGE sql RETURN 1;
        """,
    )
    assert named(catalog, "before").grants == ()
    assert named(catalog, "after", "s").grants == (Grant(role, "SELECT", None),)
    assert [function.public_execute for function in catalog.functions] == [False]
    assert {schema.name: schema.public_usage for schema in catalog.schemas} == {"public": True, "s": True}


def test_what_everybody_may_do_in_a_schema(connection: Connection) -> None:
    catalog = catalog_of(
        connection,
        """
        CREATE SCHEMA closed; CREATE SCHEMA seen; CREATE SCHEMA open; CREATE SCHEMA brought;
        GRANT USAGE ON SCHEMA seen TO PUBLIC; GRANT USAGE, CREATE ON SCHEMA open TO PUBLIC;
        ALTER EXTENSION plpgsql ADD SCHEMA brought
        """,
    )
    assert {each.name: (each.public_usage, each.public_create, each.extension) for each in catalog.schemas} == {
        "brought": (False, False, "plpgsql"),
        "closed": (False, False, None),
        "open": (True, True, None),
        # Since PostgreSQL 15 nobody but the owner of the database may create in it.
        "public": (True, False, None),
        "seen": (True, False, None),
    }


def test_policies(connection: Connection, role: str) -> None:
    table = named(
        catalog_of(
            connection,
            f"""
            CREATE TABLE t (a int, owner text);
            ALTER TABLE t ENABLE ROW LEVEL SECURITY;
            ALTER TABLE t FORCE ROW LEVEL SECURITY;
            CREATE POLICY all_rows ON t USING (true);
            CREATE POLICY added ON t FOR INSERT TO {role} WITH CHECK (a > 0);
            CREATE POLICY narrow ON t AS RESTRICTIVE FOR UPDATE TO {role}, PUBLIC
                USING (owner = CURRENT_USER) WITH CHECK (a < 9);
            CREATE POLICY reading ON t FOR SELECT TO {role}, pg_monitor USING (a = 1);
            CREATE POLICY removing ON t FOR DELETE USING (a = 2);
            """,
        ),
        "t",
    )
    assert (table.row_security, table.force_row_security) == (True, True)
    assert [
        (each.name, each.command, each.permissive, each.roles, each.using, each.check) for each in table.policies
    ] == [
        ("added", "INSERT", True, (role,), None, "(a > 0)"),
        ("all_rows", "ALL", True, ("public",), "true", None),
        ("narrow", "UPDATE", False, ("public",), "(owner = CURRENT_USER)", "(a < 9)"),
        ("reading", "SELECT", True, tuple(sorted((role, "pg_monitor"))), "(a = 1)", None),
        ("removing", "DELETE", True, ("public",), "(a = 2)", None),
    ]


def test_triggers(connection: Connection) -> None:
    catalog = catalog_of(
        connection,
        """
        CREATE SCHEMA code;
        CREATE FUNCTION code.audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TABLE p (id int PRIMARY KEY);
        CREATE TABLE t (a int REFERENCES p);
        CREATE VIEW v AS SELECT a FROM t;
        CREATE TRIGGER rows_before BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION code.audit();
        CREATE TRIGGER emptied AFTER TRUNCATE ON t EXECUTE FUNCTION code.audit();
        CREATE CONSTRAINT TRIGGER late AFTER DELETE ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION code.audit();
        CREATE TRIGGER instead INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION code.audit();
        ALTER TABLE t DISABLE TRIGGER emptied;
        ALTER TABLE t ENABLE ALWAYS TRIGGER late;
        """,
    )
    function = QualifiedName("code", "audit")
    found = [each for name in ("t", "v") for each in named(catalog, name).triggers]
    assert {each.function for each in found} == {function}
    assert [(each.name, each.enabled, each.before, each.for_each_row, each.events) for each in found] == [
        ("emptied", "D", False, False, ("TRUNCATE",)),
        ("late", "A", False, True, ("DELETE",)),
        ("rows_before", "O", True, True, ("INSERT", "UPDATE")),
        ("instead", "O", False, True, ("DELETE",)),
    ]


def test_functions(connection: Connection, role: str) -> None:
    catalog = catalog_of(
        connection,
        f"""
        CREATE FUNCTION plain(a int, OUT b text, VARIADIC c text[] DEFAULT NULL) LANGUAGE sql AS 'SELECT $1::text';
        CREATE FUNCTION safe(int) RETURNS int LANGUAGE sql IMMUTABLE SECURITY DEFINER
            SET search_path = pg_catalog, pg_temp SET app.key = 'canary' AS 'SELECT $1';
        CREATE FUNCTION stable_one() RETURNS trigger LANGUAGE plpgsql STABLE AS 'BEGIN RETURN NEW; END';
        CREATE PROCEDURE done(INOUT a int) LANGUAGE plpgsql AS 'BEGIN END';
        REVOKE EXECUTE ON FUNCTION safe(int) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION safe(int) TO {role};
        CREATE EXTENSION pg_trgm;
        """,
    )
    own = {each.name: each for each in catalog.functions if each.extension is None}
    assert {name: (each.arguments, each.language, each.volatility) for name, each in own.items()} == {
        "plain": ("a integer, OUT b text, VARIADIC c text[]", "sql", "volatile"),
        "safe": ("integer", "sql", "immutable"),
        "stable_one": ("", "plpgsql", "stable"),
        "done": ("INOUT a integer", "plpgsql", "volatile"),
    }
    assert [name for name, each in own.items() if each.security_definer] == ["safe"]
    assert own["safe"].configuration == ("search_path=pg_catalog, pg_temp", "app.key=(set)")
    assert [name for name, each in own.items() if not each.public_execute] == ["safe"]
    assert [name for name, each in own.items() if each.is_trigger] == ["stable_one"]
    assert {each.owner for each in own.values()} == {"postgres"}
    assert {each.extension for each in catalog.functions if each.name == "similarity"} == {"pg_trgm"}


def test_extended_statistics(connection: Connection) -> None:
    table = named(
        catalog_of(
            connection,
            """
            CREATE SCHEMA elsewhere;
            CREATE TABLE t (a int, b int, c text);
            CREATE STATISTICS elsewhere.some (dependencies, ndistinct) ON b, a FROM t;
            CREATE STATISTICS every ON a, (lower(c)), c FROM t;
            CREATE STATISTICS one_expression ON (a + b) FROM t;
            """,
        ),
        "t",
    )
    assert [
        (each.schema, each.name, each.columns, set(each.kinds), each.has_expressions)
        for each in table.extended_statistics
    ] == [
        ("public", "every", ("a", "c"), {"d", "f", "m", "e"}, True),
        ("public", "one_expression", (), {"e"}, True),
        ("elsewhere", "some", ("a", "b"), {"d", "f"}, False),
    ]


def test_enums_and_domains(connection: Connection) -> None:
    catalog = catalog_of(
        connection,
        """
        CREATE TYPE mood AS ENUM ('sad', 'ok'); ALTER TYPE mood ADD VALUE 'bored' BEFORE 'ok';
        CREATE DOMAIN email AS varchar(80) NOT NULL CHECK (VALUE LIKE '%@%');
        CREATE DOMAIN plain AS email;
        CREATE TYPE pair AS (a int, b int);
        CREATE EXTENSION citext; CREATE DOMAIN brought AS citext; ALTER EXTENSION citext ADD DOMAIN brought
        """,
    )
    assert [
        (each.name, each.kind, each.labels, each.base_type, each.not_null, each.has_check, each.extension)
        for each in catalog.types
    ] == [
        ("brought", "domain", (), "public.citext", False, False, "citext"),
        ("email", "domain", (), "character varying(80)", True, True, None),
        ("mood", "enum", ("sad", "bored", "ok"), None, False, False, None),
        ("plain", "domain", (), "public.email", False, False, None),
    ]


def test_what_belongs_to_an_extension(connection: Connection) -> None:
    catalog = catalog_of(
        connection,
        """
        CREATE SCHEMA statistics;
        CREATE EXTENSION pg_stat_statements SCHEMA statistics VERSION '1.9';
        CREATE TABLE kept (id serial PRIMARY KEY); CREATE TABLE own (id serial PRIMARY KEY);
        ALTER EXTENSION pg_stat_statements ADD TABLE kept; ALTER EXTENSION pg_stat_statements ADD SEQUENCE kept_id_seq
        """,
    )
    assert {each.name: (each.schema, each.version) for each in catalog.extensions} == {
        "plpgsql": ("pg_catalog", "1.0"),
        "pg_stat_statements": ("statistics", "1.9"),
    }
    assert [each.name for each in catalog.extensions if each.version != each.default_version] == ["pg_stat_statements"]
    assert {table.name: table.extension for table in catalog.tables} == {
        "kept": "pg_stat_statements", "own": None, "pg_stat_statements": "pg_stat_statements",
        "pg_stat_statements_info": "pg_stat_statements",
    }  # fmt: skip
    assert {each.name: each.extension for each in catalog.sequences} == {
        "kept_id_seq": "pg_stat_statements",
        "own_id_seq": None,
    }
    assert [table.name for table in catalog.base_tables] == ["own"]


def test_a_statement_of_several_roles_is_one_with_their_sums(connection: Connection, as_role: AsRole) -> None:
    connection.execute("CREATE EXTENSION pg_stat_statements; CREATE TABLE t (a int)")
    connection.execute("INSERT INTO t SELECT generate_series(1, 100)")
    three_roles = connection, as_role("pg_read_all_data"), as_role("pg_read_all_data")
    for number, session in enumerate(three_roles, start=1):
        for limit in range(10 * number):
            session.execute(f"SELECT a FROM t WHERE a <= {limit}".encode())
    three_roles[1].execute("SELECT max(a) FROM t")
    apart = connection.execute(
        "SELECT /* pgproof */ calls, rows, total_exec_time, max_exec_time, mean_exec_time, stddev_exec_time,"
        " shared_blks_hit FROM pg_stat_statements WHERE query = 'SELECT a FROM t WHERE a <= $1'"
        " AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchall()
    statements = {each.query: each for each in read_facts(connection).server.statements or ()}
    found, single = statements["SELECT a FROM t WHERE a <= $1"], statements["SELECT max(a) FROM t"]
    assert (len(apart), found.role, single.role) == (3, None, three_roles[1].info.user)
    # 0 + 1 + ... + 9 rows, then to 19, then to 29.
    assert (found.calls, found.rows) == (10 + 20 + 30, 45 + 190 + 435)
    calls, _, total, most, means, spreads, hit = zip(*apart, strict=True)
    assert found.blocks_hit == sum(hit)
    assert found.max_ms == max(most)
    assert found.total_ms == pytest.approx(sum(total))
    assert found.mean_ms == pytest.approx(sum(total) / 60)
    squares = sum(count * (spread**2 + mean**2) for count, spread, mean in zip(calls, spreads, means, strict=True))
    assert found.stddev_ms == pytest.approx(sqrt(squares / 60 - (sum(total) / 60) ** 2))
