"""Every operation: its statements run, change the catalog, and its way back restores catalog and rows."""

from __future__ import annotations

import psycopg
import pytest

from pgproof.proof.fingerprint import read_fingerprint
from pgproof.proof.rows import hash_rows
from pgproof.remedy import constraints, indexes, settings
from pgproof.remedy.names import object_name
from pgproof.remedy.operation import Operation

S, T, P = 'odd "schema"; %s', "ta'ble é", "parents"
SCHEMA = """
    CREATE SCHEMA "odd ""schema""; %s";
    SET search_path = "odd ""schema""; %s";
    CREATE TABLE parents (id int PRIMARY KEY);
    CREATE TABLE "ta'ble é" (
        id int NOT NULL, "pa""rent" int CONSTRAINT old_key REFERENCES parents, n int DEFAULT 3, name text,
        state varchar(9), CONSTRAINT late CHECK (n < 100)
    );
    ALTER TABLE "ta'ble é" ADD CONSTRAINT unchecked
        CHECK (n > 0 AND state IN ('a', ']''')) NOT VALID,
        ADD CONSTRAINT "unchecked'k" FOREIGN KEY (n) REFERENCES parents MATCH FULL ON DELETE SET NULL (n)
        DEFERRABLE NOT VALID;
    COMMENT ON CONSTRAINT "unchecked'k" ON "ta'ble é" IS 'old; it''s \\ %s';
    CREATE INDEX "old index" ON "ta'ble é" (lower(name) DESC) WHERE n > 1;
    INSERT INTO parents VALUES (1), (2), (3);
    INSERT INTO "ta'ble é" VALUES (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, NULL, 3, NULL);
"""
KEY = constraints.AddForeignKey(S, T, "new_key", ('pa"rent',), S, P, ("id",), on_delete="cascade")
OLD_KEY = constraints.AddForeignKey(S, T, "old_key", ('pa"rent',), S, P, ("id",))

OPERATIONS: dict[str, Operation] = {
    "create index": indexes.CreateIndex(S, T, "idx", ('"pa""rent" DESC', "lower(name)"), include=("n",), where="n > 0"),
    "create unique index": indexes.CreateIndex(S, T, "idx", ("id",), unique=True),
    "create index of another method": indexes.CreateIndex(S, T, "idx", ("id",), method="hash"),
    "drop index": indexes.DropIndex(
        S,
        "old index",
        f"""CREATE INDEX "old index" ON "odd ""schema""; %s"."{T}" USING btree (lower(name) DESC) WHERE n > 1""",
    ),
    "rebuild index": indexes.RebuildIndex(S, "old index"),
    "create statistics": indexes.CreateStatistics(S, T, "stat", ("n", 'pa"rent')),
    "add unique": constraints.AddUnique(S, T, "uq", ("id",)),
    "add primary key": constraints.AddPrimaryKey(S, T, "pk", ("id",)),
    "add foreign key": KEY,
    "replace foreign key": constraints.ReplaceForeignKey(KEY, OLD_KEY),
    "add check": constraints.AddCheck(S, T, "ck", "n >= id - 100"),
    "validate constraint": constraints.ValidateConstraint(S, T, "unchecked"),
    "validate foreign key": constraints.ValidateConstraint(S, T, "unchecked'k"),
    "drop constraint": constraints.DropConstraint(S, T, "late", "CHECK (n < 100)"),
    "set not null": constraints.SetNotNull(S, T, "n", "n_given"),
    "set default": settings.SetDefault(S, T, "n", "7", previous="3"),
    "set first default": settings.SetDefault(S, T, "name", "'x'"),
    "set table option": settings.SetTableOption(S, T, "autovacuum_enabled", "false"),
}
UNCHANGED = {"rebuild index"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_changes_the_catalog_and_its_way_back_restores_it(name: str, database: str) -> None:
    operation = OPERATIONS[name]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(SCHEMA.encode())
        connection.execute("RESET search_path")
        before, rows = read_fingerprint(connection), hash_rows(connection, schemas=(S,))
        for statement in operation.forward():
            connection.execute(statement.encode())
        changed = read_fingerprint(connection)
        assert bool(before.difference(changed)) == (name not in UNCHANGED)
        assert hash_rows(connection, schemas=(S,)) == rows
        assert not connection.execute("SELECT FROM pg_index WHERE NOT indisvalid").fetchall()
        assert not connection.execute(
            "SELECT FROM pg_constraint WHERE NOT convalidated AND conname !~ '^unchecked'"
        ).fetchall()
        if not operation.reversible:
            assert operation.reverse() == ()
            return
        for statement in operation.reverse():
            connection.execute(statement.encode())
        assert before.difference(read_fingerprint(connection)) == ()
        assert hash_rows(connection, schemas=(S,)) == rows


def test_a_setting_of_a_database_is_set_and_taken_back(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        name = connection.info.dbname
        query = (
            "SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE datname = %s"
        )
        for operation, after in (
            (settings.SetDatabaseSetting(name, "statement_timeout", "30s"), ["statement_timeout=30s"]),
            (settings.SetDatabaseSetting(name, "statement_timeout", "60s", previous="30s"), ["statement_timeout=60s"]),
        ):
            before = connection.execute(query, (name,)).fetchone()
            for statement in operation.forward():
                connection.execute(statement.encode())
            assert connection.execute(query, (name,)).fetchone() == (after,)
            for statement in operation.reverse():
                connection.execute(statement.encode())
            assert connection.execute(query, (name,)).fetchone() == before
            for statement in operation.forward():
                connection.execute(statement.encode())


def test_names_fit_63_bytes_and_differ() -> None:
    names = {object_name("idx", "é" * 40, (column,)) for column in ("a", "b", "a" * 80)}
    assert len(names) == 3
    assert all(len(name.encode()) <= 63 for name in names)
    assert object_name("idx", "jobs", ("company_id", "status")) == "idx_jobs_company_id_status"
