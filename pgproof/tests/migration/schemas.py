"""Schemas with what a generated revision meets: odd names, several schemas, duplicates, orphans, partitions."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.remedy import (
    column_types,
    constraints,
    deferral,
    expired,
    indexes,
    invalid_indexes,
    quarantine,
    security,
    sequences,
    settings,
)
from pgproof.remedy.operation import Operation

S, T = 'odd "schema"; %s :x', "ta'ble é%(a)s:b"
QS, QT = '"odd ""schema""; %s :x"', '"ta\'ble é%(a)s:b"'


@dataclass(frozen=True)
class Case:
    """A schema and operations on it.

    Attributes:
        back: the operations can be taken back as a whole.
    """

    sql: str
    operations: tuple[Operation, ...]
    back: bool = True


_ODD = f"""
    CREATE SCHEMA {QS};
    CREATE TABLE {QS}.parents (id int PRIMARY KEY, code text);
    CREATE TABLE {QS}.{QT} (
        id int NOT NULL, "pa""rent:y" int CONSTRAINT "old:key" REFERENCES {QS}.parents, n int DEFAULT 3, name text,
        CONSTRAINT "twice %s" UNIQUE (n, id), CONSTRAINT again FOREIGN KEY ("pa""rent:y") REFERENCES {QS}.parents,
        CONSTRAINT late UNIQUE (id, n) DEFERRABLE INITIALLY DEFERRED
    );
    CREATE INDEX "old:index %s" ON {QS}.{QT} (lower(name) DESC) WHERE name <> 'a:b %s';
    INSERT INTO {QS}.parents VALUES (1, 'a'), (2, 'b');
    INSERT INTO {QS}.{QT} VALUES (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, NULL, 3, NULL);
    CREATE FUNCTION {QS}."f:x %s"(a int) RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
    CREATE SEQUENCE {QS}."se:q" AS integer;
    GRANT SELECT ON {QS}.{QT} TO PUBLIC;
"""
_KEY = constraints.AddForeignKey(
    S, T, "new:key %s", ('pa"rent:y',), S, "parents", ("id",), on_delete="cascade", on_update="set null"
)
_OLD = constraints.AddForeignKey(S, T, "old:key", ('pa"rent:y',), S, "parents", ("id",))

ODD = Case(
    _ODD,
    (
        indexes.CreateIndex(
            S,
            T,
            "idx:x %s",
            ('"pa""rent:y" DESC', "lower(name)", '"n"'),
            include=("id",),
            where="name <> 'a :b %s' AND n::text <> '\\:c'",
        ),
        indexes.CreateIndex(S, T, "hashed", ('"name"',), method="hash"),
        indexes.CreateIndex(S, T, "one", ('"id"', '"name"'), unique=True),
        constraints.AddUnique(S, T, "uq:x %s", ('pa"rent:y', "id")),
        settings.SetDefault(S, T, "name", "'a :b %s'::text"),
        settings.SetDefault(S, T, "n", "7", previous="3"),
        constraints.SetNotNull(S, T, "n", "n:given %s"),
        constraints.AddPrimaryKey(S, T, "pk:x", ("id",)),
        constraints.ReplaceForeignKey(_KEY, _OLD),
        deferral.MakeDeferrable(S, T, "again"),
        constraints.AddCheck(S, T, "ck:x %s", "n >= id - 100 AND name <> ':c %s'"),
        indexes.CreateStatistics(S, T, "stat:x %s", ("n", 'pa"rent:y')),
        settings.SetTableOption(S, T, "autovacuum_enabled", "false"),
        sequences.WidenSequence(S, "se:q", "integer"),
        security.RevokeSelect(S, T, whole=True),
        security.SetFunctionSearchPath(S, "f:x %s", "a integer", (S, "pg_temp")),
        security.EnableRowSecurity(S, T),
    ),
)
ODD_DROPS = Case(
    _ODD,
    (
        indexes.DropIndex(
            S,
            "old:index %s",
            f"CREATE INDEX \"old:index %s\" ON {QS}.{QT} USING btree (lower(name) DESC) WHERE (name <> 'a:b %s'::text)",
        ),
        constraints.DropConstraint(
            S, T, "twice %s", "UNIQUE (n, id)", f'CREATE UNIQUE INDEX "twice %s" ON {QS}.{QT} USING btree (n, id)'
        ),
        constraints.DropConstraint(
            S,
            T,
            "late",
            "UNIQUE (id, n) DEFERRABLE INITIALLY DEFERRED",
            f"CREATE UNIQUE INDEX late ON {QS}.{QT} USING btree (id, n)",
        ),
        constraints.DropForeignKey(
            constraints.AddForeignKey(S, T, "again", ('pa"rent:y',), S, "parents", ("id",)),
        ),
    ),
)
_JOBS = """
    CREATE SCHEMA sales;
    CREATE TABLE people (id int PRIMARY KEY, email text);
    CREATE TABLE sales.applications (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, job int NOT NULL, person int REFERENCES people,
        sent date DEFAULT '2020-01-01', twice int GENERATED ALWAYS AS (job * 2) STORED
    );
    CREATE TABLE messages (id int PRIMARY KEY, application int REFERENCES sales.applications ON DELETE CASCADE);
    CREATE TABLE calls (id int PRIMARY KEY, application int NOT NULL, note text);
    CREATE TABLE tags (post int, tag text);
    CREATE INDEX left_over ON people (email);
    INSERT INTO people SELECT n, CASE WHEN n < 3 THEN 'A@x' ELSE n || 'a@x' END FROM generate_series(1, 5) AS n;
    INSERT INTO sales.applications (job, person, sent) VALUES
        (1, 1, '2020-01-01'), (1, 1, '2022-01-01'), (1, 1, '2021-01-01'), (1, 2, NULL), (2, NULL, NULL),
        (2, NULL, NULL);
    INSERT INTO messages VALUES (1, 1), (2, 2), (3, 3), (4, 4), (50, NULL);
    INSERT INTO calls VALUES (1, 1, 'a'), (2, 99, 'gone'), (3, 98, 'gone');
    INSERT INTO tags VALUES (1, 'a'), (1, 'a'), (1, 'b'), (NULL, 'b'), (NULL, 'b');
    ALTER TABLE messages ADD CONSTRAINT later FOREIGN KEY (id) REFERENCES people NOT VALID;
"""
DUPLICATES = quarantine.QuarantineDuplicates(
    "sales",
    "applications",
    ("id", "job", "person", "sent"),
    parents=(quarantine.Parent("public", "people", ("person",), ("id",)),),
    same=("job", "person"),
    keep=("sent", "id"),
    descending=("sent",),
    key="id",
    references=(quarantine.Reference("public", "messages", "id", "application"),),
)
ORPHANS = quarantine.QuarantineOrphans(
    "public",
    "calls",
    ("id", "application", "note"),
    key="id",
    refers=("application",),
    referenced_schema="sales",
    referenced_table="applications",
    referenced_columns=("id",),
)
MOVES = Case(
    _JOBS,
    (
        DUPLICATES,
        constraints.AddUnique("sales", "applications", "one_application", ("job", "person")),
        quarantine.QuarantineCopies("public", "tags", ("post", "tag"), same=("post", "tag"), keep=("post", "tag")),
        indexes.CreateIndex("public", "tags", "one_tag", ('"post"', '"tag"'), unique=True),
        ORPHANS,
        constraints.AddForeignKey(
            "public", "calls", "refers", ("application",), "sales", "applications", ("id",), on_delete="cascade"
        ),
        quarantine.QuarantineAndValidate(
            "public",
            "messages",
            ("id", "application"),
            parents=(quarantine.Parent("sales", "applications", ("application",), ("id",)),),
            key="id",
            refers=("id",),
            referenced_schema="public",
            referenced_table="people",
            referenced_columns=("id",),
            constraint="later",
            definition="FOREIGN KEY (id) REFERENCES people (id) NOT VALID",
        ),
    ),
)
COMPOSITE = Case(
    """
    CREATE SCHEMA tenants;
    CREATE TABLE tenants.users (tenant int NOT NULL, id int NOT NULL, name text);
    CREATE TABLE notes (id bigint PRIMARY KEY, tenant int, author int, text text);
    CREATE TABLE tenants.labels (label text PRIMARY KEY);
    INSERT INTO tenants.labels VALUES ('a');
    INSERT INTO tenants.users SELECT n % 3, n, 'u' FROM generate_series(1, 20) AS n;
    INSERT INTO notes SELECT n, n % 3, n, 't' FROM generate_series(1, 20) AS n;
    CREATE TABLE tenants.sessions (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note int DEFAULT 7, "ends:at" timestamptz, data json,
        label varchar(9) DEFAULT 'a:b' REFERENCES tenants.labels, short varchar(5) DEFAULT 'x' NOT NULL UNIQUE
    );
    INSERT INTO tenants.sessions ("ends:at", data, label, short)
        SELECT now() - n * interval '5 days', '{"a": 1}', 'a', n FROM generate_series(1, 20) AS n;
    """,
    (
        column_types.ChangeType("tenants", "sessions", "label", "text", "character varying(9)"),
        column_types.ChangeType("tenants", "sessions", "short", "character varying(50)", "character varying(5)"),
        column_types.ChangeType("tenants", "sessions", "note", "bigint", "integer", rewrites=True),
        column_types.ChangeType("tenants", "sessions", "data", "jsonb", "json", rewrites=True),
        expired.QuarantineExpired(
            "tenants",
            "sessions",
            ("id", "note", "ends:at", "data", "label", "short"),
            key="id",
            column="ends:at",
            days=30,
        ),
        indexes.CreateIndex("public", "notes", "idx_notes_tenant_author", ('"tenant"', '"author"')),
        constraints.AddPrimaryKey("tenants", "users", "pk_users", ("tenant", "id")),
        constraints.AddForeignKey(
            "public", "notes", "fk_author", ("tenant", "author"), "tenants", "users", ("tenant", "id"), "set null"
        ),
        constraints.SetNotNull("public", "notes", "text", "text_given"),
    ),
)
PARTITIONED = Case(
    """
    CREATE TABLE days (id bigint NOT NULL, day date NOT NULL, n int) PARTITION BY RANGE (day);
    CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE TABLE days_2 PARTITION OF days DEFAULT PARTITION BY LIST (n);
    CREATE TABLE days_2_a PARTITION OF days_2 DEFAULT;
    INSERT INTO days SELECT n, date '2020-06-01' + n, n FROM generate_series(1, 400) AS n;
    """,
    (
        indexes.CreatePartitionedIndex(
            "public",
            "days",
            "idx_days_n",
            ('"n"', "(id + 1)"),
            where="n > 0",
            partitions=(
                indexes.PartitionIndex("public", "days_1", "days_1_n_idx", ("public", "idx_days_n")),
                indexes.PartitionIndex("public", "days_2", "days_2_n_idx", ("public", "idx_days_n"), partitioned=True),
                indexes.PartitionIndex("public", "days_2_a", "days_2_a_n_idx", ("public", "days_2_n_idx")),
            ),
        ),
        constraints.AddCheck("public", "days", "ck_days_n", "n >= 0"),
    ),
)
UNCHECKED = Case(
    """
    CREATE SCHEMA sales; CREATE TABLE sales.codes (id int, code text, PRIMARY KEY (id, code));
    CREATE TABLE "no:tes %s" (id int PRIMARY KEY, code_id int, code text, n int, state varchar(9) DEFAULT 'new');
    CREATE TABLE days (id int, n int) PARTITION BY RANGE (id); CREATE TABLE days_1 PARTITION OF days DEFAULT;
    INSERT INTO sales.codes SELECT n, n FROM generate_series(1, 9) AS n;
    INSERT INTO "no:tes %s" SELECT n, n, n FROM generate_series(1, 9) AS n; INSERT INTO days VALUES (1, 1);
    ALTER TABLE "no:tes %s"
        ADD CONSTRAINT "re:fers %s" FOREIGN KEY (code_id, code) REFERENCES sales.codes MATCH FULL
            ON UPDATE CASCADE ON DELETE SET NULL (code_id) DEFERRABLE INITIALLY DEFERRED NOT VALID,
        ADD CONSTRAINT "che:cked %s" CHECK (n > 0 AND code <> 'a:b %s' AND state NOT IN ('a:b', ']')
            AND state IN ('a:b %s', 'new')) NO INHERIT NOT VALID;
    ALTER TABLE days ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
    COMMENT ON CONSTRAINT "re:fers %s" ON "no:tes %s" IS 'since :May, it''s %s';
    """,
    (
        constraints.ValidateConstraint("public", "no:tes %s", "re:fers %s"),
        constraints.ValidateConstraint("public", "no:tes %s", "che:cked %s"),
        constraints.ValidateConstraint("public", "days", "positive"),
    ),
)
LEFT_OVERS = Case(
    """
    CREATE TABLE t (a int, b int); INSERT INTO t SELECT n, n FROM generate_series(1, 20) AS n;
    CREATE INDEX i ON t (a); CREATE INDEX i_ccnew ON t (a); CREATE INDEX j ON t (b);
    ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID;
    UPDATE pg_index SET indisvalid = false WHERE indexrelid IN ('i'::regclass, 'i_ccnew'::regclass, 'j'::regclass);
    """,
    (
        invalid_indexes.RebuildInvalidIndex("public", "i"),
        invalid_indexes.DropInvalidIndex("public", "j", "CREATE INDEX j ON public.t USING btree (b)"),
        constraints.ValidateConstraint("public", "t", "c"),
    ),
    back=False,
)
CASES = {
    "odd names": ODD,
    "odd names dropped": ODD_DROPS,
    "rows that move": MOVES,
    "composite keys": COMPOSITE,
    "partitions": PARTITIONED,
    "not valid": UNCHECKED,
    "left-overs": LEFT_OVERS,
}
