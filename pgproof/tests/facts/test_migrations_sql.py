"""What a text of SQL does is read as PostgreSQL's grammar has it, and no text is too odd to be read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgproof.facts.migrations import Operation, Relation
from pgproof.facts.project.ddl import operations_of, statements


def only(sql: str) -> Operation:
    (operation,) = operations_of(sql)
    return operation


def test_statements_end_at_semicolons_of_their_own() -> None:
    text = "a; b -- c;\n; /* ; */ 'x;' ; $$ ; $$; $t$ $$ ; $t$; CREATE RULE r AS (x; y); \"q;\""
    assert statements(text) == ("a", "b", "'x;'", "$$ ; $$", "$t$ $$ ; $t$", "CREATE RULE r AS (x; y)", '"q;"')
    assert statements(" ; -- nothing") == ()


@pytest.mark.parametrize(
    ("sql", "kind", "table"),
    [
        ("CREATE TABLE s.t (id int)", "create_table", "s.t"),
        ("create temporary table if not exists t as select 1", "create_table", "t"),
        ("CREATE UNLOGGED TABLE t ()", "create_table", "t"),
        ("DROP TABLE IF EXISTS s.t CASCADE", "drop_table", "s.t"),
        ("DROP VIEW v", "other", None),
        ("CREATE VIEW v AS SELECT 1", "other", None),
        ("CREATE TYPE t AS ENUM ('a')", "other", None),
        ("ALTER TYPE t ADD VALUE 'b'", "other", None),
        ("ALTER TABLE IF EXISTS ONLY s.t * DROP COLUMN IF EXISTS a CASCADE", "drop_column", "s.t"),
        ("ALTER TABLE t DROP a", "drop_column", "t"),
        ("ALTER TABLE t DROP CONSTRAINT c", "drop_constraint", "t"),
        ("ALTER TABLE t RENAME TO u", "rename_table", "t"),
        ("ALTER TABLE t SET SCHEMA s", "rename_table", "t"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "rename_column", "t"),
        ("ALTER TABLE t RENAME a TO b", "rename_column", "t"),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", "alter_table", "t"),
        ("ALTER TABLE t ALTER COLUMN a TYPE int USING a::int", "alter_type", "t"),
        ("ALTER TABLE t ALTER a SET DATA TYPE text COLLATE \"C\"", "alter_type", "t"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "set_not_null", "t"),
        ("ALTER TABLE t ALTER a DROP NOT NULL", "alter_table", "t"),
        ("ALTER TABLE t ALTER a SET DEFAULT 1", "set_default", "t"),
        ("ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE", "alter_table", "t"),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", "validate_constraint", "t"),
        ("ALTER TABLE t SET (fillfactor = 70)", "alter_table", "t"),
        ("ALTER TABLE t SET UNLOGGED", "rewrite", "t"),
        ("ALTER TABLE t SET TABLESPACE x", "rewrite", "t"),
        ("ALTER TABLE t SET ACCESS METHOD heap", "rewrite", "t"),
        ("ALTER TABLE t ATTACH PARTITION p DEFAULT", "alter_table", "t"),
        ("ALTER TABLE t DETACH PARTITION s.p CONCURRENTLY", "detach_partition", "t"),
        ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "alter_table", "t"),
        ("CREATE INDEX ON t (a)", "create_index", "t"),
        ("REINDEX (CONCURRENTLY, VERBOSE) TABLE s.t", "reindex", "s.t"),
        ("REINDEX DATABASE d", "other", None),
        ("TRUNCATE TABLE ONLY t RESTART IDENTITY", "truncate", "t"),
        ("VACUUM (FULL, ANALYZE) t", "rewrite", "t"),
        ("VACUUM FULL VERBOSE s.t", "rewrite", "s.t"),
        ("VACUUM ANALYZE t", "other", "t"),
        ("CLUSTER t USING i", "rewrite", "t"),
        ("INSERT INTO s.t VALUES (1)", "insert", "s.t"),
        ("UPDATE ONLY t SET a = 1", "update", "t"),
        ("DELETE FROM ONLY t", "delete", "t"),
        ("WITH a AS (SELECT 1), b AS (DELETE FROM x) UPDATE t SET a = 1", "update", "t"),
        ("WITH a AS (DELETE FROM x RETURNING *) SELECT * FROM a", "other", None),
        ("WITH a", "other", None),
        ("BEGIN", "begin", None),
        ("START TRANSACTION", "begin", None),
        ("END", "commit", None),
        ("ROLLBACK TO SAVEPOINT s", "other", None),
        ("ABORT", "rollback", None),
        ("SET TRANSACTION READ ONLY", "other", None),
        ("SET CONSTRAINTS ALL DEFERRED", "other", None),
        ("SELECT 1", "other", None),
        ("DO $$ BEGIN DROP TABLE t; END $$", "other", None),
        ("", "other", None),
        ("ALTER TABLE", "alter_table", None),
    ],
)  # fmt: skip
def test_the_kind_and_the_table(sql: str, kind: str, table: str | None) -> None:
    operation = only(sql)
    assert (operation.kind, str(operation.table) if operation.table else None) == (kind, table)


def test_an_index() -> None:
    sql = 'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "I x" ON ONLY s."T" USING btree (a DESC, lower(b), "C" x_ops)'
    operation = only(sql)
    assert (operation.name, operation.table, operation.columns) == ("I x", Relation("s", "T"), ("a", "C"))
    assert operation.concurrently
    assert operation.only
    drops = operations_of("DROP INDEX CONCURRENTLY IF EXISTS s.a, b")
    assert [(each.kind, each.name, each.concurrently) for each in drops] == [
        ("drop_index", "s.a", True), ("drop_index", "b", True)
    ]  # fmt: skip
    assert not only("DROP INDEX a").concurrently
    assert only("REINDEX INDEX CONCURRENTLY s.i").name == "s.i"


@pytest.mark.parametrize(
    ("column", "type_", "default", "not_null", "generated", "identity"),
    [
        ("varchar(20) DEFAULT 'a, b' NOT NULL", "varchar(20)", "'a, b'", True, None, False),
        ("timestamp with time zone DEFAULT now() - interval '1 day'", "timestamp with time zone",
         "now() - interval '1 day'", False, None, False),
        ("numeric(10, 2) NULL DEFAULT NULL", "numeric(10, 2)", "NULL", False, None, False),
        ("bigserial PRIMARY KEY", "bigserial", "nextval()", True, None, False),
        ("int GENERATED ALWAYS AS (a + 1) STORED", "int", None, False, "stored", False),
        ("int GENERATED ALWAYS AS (a + 1) VIRTUAL", "int", None, False, "virtual", False),
        ("int GENERATED ALWAYS AS (a + 1)", "int", None, False, "computed", False),
        ("int GENERATED BY DEFAULT AS IDENTITY (START 5)", "int", None, True, None, True),
        ("text COLLATE \"C\" DEFAULT f(1, 2)", "text", "f(1, 2)", False, None, False),
    ],
)  # fmt: skip
def test_a_column(
    column: str, type_: str, default: str | None, not_null: bool, generated: str | None, identity: bool
) -> None:
    added = operations_of(f"ALTER TABLE t ADD COLUMN IF NOT EXISTS n {column}")[0].column
    assert added is not None
    assert (added.name, added.type, added.default) == ("n", type_, default)
    assert (added.not_null, added.generated, added.identity) == (not_null, generated, identity)


@pytest.mark.parametrize(
    ("text", "kind", "columns", "not_valid", "using_index"),
    [
        ("ADD CONSTRAINT c CHECK (a > 0)", "check", (), False, False),
        ("ADD CHECK (a > 0) NOT VALID", "check", (), True, False),
        ("ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES s.u (x, y) ON DELETE CASCADE NOT  VALID", "foreign key",
         ("a", "b"), True, False),
        ("ADD UNIQUE NULLS NOT DISTINCT (a)", "unique", ("a",), False, False),
        ("ADD CONSTRAINT c UNIQUE USING INDEX i", "unique", (), False, True),
        ("ADD PRIMARY KEY (a)", "primary key", ("a",), False, False),
        ("ADD EXCLUDE USING gist (a WITH &&)", "exclusion", (), False, False),
        ("ADD CONSTRAINT c NOT NULL a NOT VALID", "not null", ("a",), True, False),
    ],
)  # fmt: skip
def test_a_constraint(text: str, kind: str, columns: tuple[str, ...], not_valid: bool, using_index: bool) -> None:
    operation = only(f"ALTER TABLE t {text}")
    assert operation.constraint is not None
    assert operation.constraint.kind == kind
    assert operation.columns == columns
    assert (operation.constraint.not_valid, operation.constraint.using_index) == (not_valid, using_index)
    assert operation.constraint.expression == ("a > 0" if kind == "check" else None)
    assert operation.references == ((Relation("s", "u"),) if kind == "foreign key" else ())
    assert not operation.constraint.inline


def test_the_actions_of_one_alter_table() -> None:
    several = operations_of(
        "ALTER TABLE t ADD a int CONSTRAINT r REFERENCES u (id) ON DELETE SET NULL CHECK (a > 0) NOT NULL, "
        "ADD CONSTRAINT c CHECK (b IN (1, 2)) NOT VALID, ALTER b SET DEFAULT f(1, 2), DROP c"
    )
    assert [(each.kind, each.columns, each.table) for each in several] == [
        ("add_column", ("a",), Relation(None, "t")),
        ("add_constraint", ("a",), Relation(None, "t")),
        ("add_constraint", ("a",), Relation(None, "t")),
        ("add_constraint", (), Relation(None, "t")),
        ("set_default", ("b",), Relation(None, "t")),
        ("drop_column", ("c",), Relation(None, "t")),
    ]
    column, reference, check, table_check, *_ = several
    assert column.column is not None
    assert column.column.not_null
    assert reference.references == (Relation(None, "u"),)
    assert reference.constraint is not None
    assert (reference.constraint.inline, reference.constraint.name) == (True, "r")
    assert check.constraint is not None
    assert (check.constraint.inline, check.constraint.expression) == (True, "a > 0")
    assert table_check.constraint is not None
    assert (table_check.constraint.not_valid, table_check.constraint.expression) == (True, "b IN (1, 2)")


def test_the_tables_that_a_new_one_refers_to() -> None:
    operation = only(
        "CREATE TABLE t (a int REFERENCES u, b int, FOREIGN KEY (b) REFERENCES s.v (id), c int REFERENCES u)"
    )
    assert operation.references == (Relation(None, "u"), Relation("s", "v"))


@pytest.mark.parametrize(
    ("sql", "name", "value", "local"),
    [
        ("SET lock_timeout = '5s'", "lock_timeout", "5s", False),
        ("SET SESSION lock_timeout TO 0", "lock_timeout", "0", False),
        ("SET LOCAL app.user = 'x'", "app.user", "x", True),
        ("RESET lock_timeout", "lock_timeout", "default", False),
        ("SELECT set_config('lock_timeout', '2s', true)", "lock_timeout", "2s", True),
        ("SELECT pg_catalog.set_config('lock_timeout', '2s', false)", "lock_timeout", "2s", False),
    ],
)
def test_a_setting(sql: str, name: str, value: str, local: bool) -> None:
    operation = only(sql)
    assert operation.kind == "set"
    assert (operation.name, operation.new_name, "local" in operation.columns) == (name, value, local)


def test_settings_by_their_names_in_the_catalog() -> None:
    sql = "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('lock_timeout', 'statement_timeout')"
    assert [(each.name, each.new_name) for each in operations_of(sql)] == [
        ("lock_timeout", "0"), ("statement_timeout", "0")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "kept"),
    [
        ("UPDATE t SET a = 'x', b = E'\\'y' WHERE c = $$z$$", "UPDATE t SET a = '...', b = '...' WHERE c = '...'"),
        ("CREATE USER u PASSWORD 'x'", "CREATE USER u PASSWORD '...'"),
        ("ALTER TABLE t ALTER a SET DEFAULT 'x'", "ALTER TABLE t ALTER a SET DEFAULT 'x'"),
        ("ALTER TABLE t ADD CHECK (a = 'x')", "ALTER TABLE t ADD CHECK (a = 'x')"),
    ],
)
def test_constants_are_kept_where_they_are_the_schema(sql: str, kept: str) -> None:
    assert only(sql).sql == kept


_WORDS = st.sampled_from(
    ["ALTER TABLE", "CREATE INDEX", "t", '"T"', "ADD", "COLUMN", "CONSTRAINT", "CHECK", "(", ")", ",", ";", "DEFAULT",
     "NOT", "NULL", "REFERENCES", "FOREIGN KEY", "UNIQUE", "GENERATED", "AS", "USING", "TYPE", "SET", "DROP", "ON",
     "CONCURRENTLY", "'x'", "$$", "'", '"', ".", "WITH", "UPDATE", "SELECT set_config", "--", "/*", "RENAME", "TO", "="]
)  # fmt: skip


# By default hypothesis first tries to encode every character there is, which takes seconds.
_ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(st.lists(_WORDS, max_size=12).map(" ".join) | _ANY)
@settings(max_examples=1_000)
def test_no_text_is_too_odd(text: str) -> None:
    for statement in statements(text):
        assert operations_of(statement)
