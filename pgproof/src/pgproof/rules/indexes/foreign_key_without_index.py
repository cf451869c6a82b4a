"""A foreign key whose referencing columns no index finds.

What it finds:
    A foreign key for which nothing but a scan of the whole referencing table finds the rows that refer to a given
    one. What counts as an index: any index, key or constraint that begins with the key's columns in any order; a
    partial one whose predicate only says that they are not NULL; for a composite key one that begins with a column
    that is unique in either table, or has few rows per value. Of a partitioned table, one on each partition.
    Keys over the same columns, and keys that one index would serve together, are one finding.

Why it matters:
    A DELETE of a referenced row, or an UPDATE of its key, reads all of the referencing table before it can commit,
    and holds the row's lock meanwhile. So does each query that goes from the one to the many.

Evidence:
    pg_constraint and pg_index; pg_stat_user_tables for the rows and deletions so far.

Remedy:
    `op.create_index(..., postgresql_concurrently=True)` in an autocommit block, `index=True` on the model's column, or
    an `Index` of several. Where most rows have NULL, the index needs only the others. A partitioned table gets the
    index on ONLY the parent, then concurrently on each partition, then ALTER INDEX ... ATTACH PARTITION.

When to ignore:
    Rows of the referenced table are never deleted, its key never changes, and no query starts from it: a table of
    currencies or countries.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pgproof.facts.catalog import QUARANTINE_SCHEMA, Catalog, Constraint, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.table_statistics import TableStatistics
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, constraint_ref, table_ref
from pgproof.rules.indexes._shared import A_MONTH, MOSTLY_NULL, Names, counted_for, counted_since, leading_columns
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size, lowered

METADATA = Metadata(code="IDX01", slug="foreign-key-without-index", severity="medium")

FEW_ROWS_PER_VALUE = 100
"""As many rows as a page or two hold: a lookup that reads no more is as good as one by the whole key."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each missing index of foreign keys."""
    names = Names(facts.catalog)
    for table in facts.catalog.tables:
        if table.extension is not None or table.schema == QUARANTINE_SCHEMA:
            continue
        uncovered = []
        for key in table.foreign_keys:
            if key.from_parent or not key.enforced:
                # A partition's copy is its parent's matter, and a key that is switched off looks nothing up.
                continue
            covered = _is_covered(facts.catalog, table, key)
            if covered is None:
                yield NotChecked(
                    "column statistics (ANALYZE, and the right to see them), and the predicates of indexes, which "
                    "cannot be read while the table is locked",
                    (constraint_ref(table, key),),
                )
            elif not covered:
                uncovered.append(key)
        for keys in _served_together(uncovered):
            yield _finding(facts, names, table, keys)


def _is_covered(catalog: Catalog, table: Table, key: Constraint) -> bool | None:
    """Tell whether indexes of a table, or of each of its partitions, find the rows of a key; None if unknown."""
    answers = [_serves(catalog, table, index, key) for index in table.indexes]
    parts = catalog.partitions(table) if table.kind == "partitioned table" else ()
    if parts:
        answers.append(_all([_is_covered(catalog, part, key) for part in parts]))
    return _any(answers)


def _serves(catalog: Catalog, table: Table, index: Index, key: Constraint) -> bool | None:
    """Tell whether an index finds the rows of a key; None where that depends on what is unknown."""
    columns = _looked_up(key)
    if index.usable and index.partial and index.predicate is None:
        return None if index.columns[0] in columns else False
    leading = leading_columns(table, index, columns)
    if set(leading) == set(columns) or _are_unique(catalog, table, key, leading):
        return True
    return _any([_has_few_rows_per_value(table, column) for column in leading])


def _any(answers: list[bool | None]) -> bool | None:
    return True if True in answers else None if None in answers else False


def _all(answers: list[bool | None]) -> bool | None:
    return False if False in answers else None if None in answers else True


def _looked_up(key: Constraint) -> tuple[str, ...]:
    """Return the columns that are compared for equality: a period is compared by overlap."""
    return key.columns[:-1] if key.period else key.columns


def _are_unique(catalog: Catalog, table: Table, key: Constraint, leading: tuple[str, ...]) -> bool:
    """Tell whether some columns are unique on either side: then the rest of the key narrows nothing down."""
    referenced = catalog.table(key.referenced or 0)
    pairs = dict(zip(key.columns, key.referenced_columns, strict=True))
    return table.is_unique(leading) or (
        referenced is not None and referenced.is_unique(tuple(pairs[column] for column in leading))
    )


def _has_few_rows_per_value(table: Table, column: str) -> bool | None:
    statistics, rows = table.column(column).statistics, table.estimated_rows or 0
    if statistics is None:
        return None
    distinct = statistics.n_distinct if statistics.n_distinct > 0 else -statistics.n_distinct * rows
    return rows <= distinct * FEW_ROWS_PER_VALUE


def _served_together(keys: list[Constraint]) -> list[list[Constraint]]:
    """Group keys of a table that one index can serve: the columns of each are among those of the one before."""
    groups: list[list[Constraint]] = []
    for key in sorted(keys, key=lambda key: -len(_looked_up(key))):
        for group in groups:
            if set(_looked_up(key)) <= set(_looked_up(group[-1])):
                group.append(key)
                break
        else:
            groups.append([key])
    return groups


def _columns(table: Table, keys: list[Constraint]) -> tuple[str, ...]:
    """Return the columns of the index, so that those of each key lead; what leads another index comes last."""
    led = {index.columns[0] for index in table.indexes}
    ordered = [column for key in reversed(keys) for column in sorted(_looked_up(key), key=led.__contains__)]
    return tuple(dict.fromkeys(ordered))


def _finding(facts: Facts, names: Names, table: Table, keys: list[Constraint]) -> Finding:
    columns = _columns(table, keys)
    listed = ", ".join(columns)
    parents = [parent for key in keys if (parent := facts.catalog.table(key.referenced or 0)) is not None]
    rows = table.estimated_rows
    reads = f"all {rows} rows" if rows else "every row"
    where = _where(table, columns)
    create = CreateIndex(
        table.schema,
        table.name,
        names.free(table, columns),
        tuple(quoted(column) for column in columns),
        where=where,
    )
    steps = (
        f"Create an index on {listed}{' where it is not NULL' if where else ''}."
        if table.kind == "table"
        else f"Create an index on {listed}: on ONLY {table.name}, then concurrently on each partition, and attach them."
    )
    return METADATA.finding(
        objects=tuple(constraint_ref(table, key) for key in keys),
        related=tuple(table_ref(parent) for parent in dict.fromkeys(parents)),
        message=f"no index finds the rows of {table.qualified_name} by ({listed}), the columns of "
        f"{' and '.join(key.name for key in keys)}",
        consequence=f"Each deletion of a referenced row reads {reads} of {table.name}.{_deletions(facts, parents)}",
        severity=_severity(facts, table, keys, parents),
        evidence=(
            Evidence(
                "catalog",
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = "
                f"{literal(quoted(table.schema, table.name))}::regclass",
                f"{len(table.indexes)} indexes, none that begins with ({listed})",
            ),
        ),
        remedy=Remedy(steps, (create,) if table.kind == "table" else ()),
    )


def _where(table: Table, columns: tuple[str, ...]) -> str | None:
    """Return the predicate of an index that leaves out what no reference is looked up by."""
    statistics = table.column(columns[0]).statistics
    if len(columns) > 1 or statistics is None or statistics.null_fraction < MOSTLY_NULL:
        return None
    return f"{quoted(columns[0])} IS NOT NULL"


def _deletions(facts: Facts, parents: list[Table]) -> str:
    since = counted_since(facts)
    if since is None or not parents:
        return ""
    counted = [f"{_counted(facts.catalog, parent)[0]} of {parent.name}" for parent in dict.fromkeys(parents)]
    return f" Deleted since {since:%Y-%m-%d}: {', '.join(counted)}."


def _severity(facts: Facts, table: Table, keys: list[Constraint], parents: list[Table]) -> Severity:
    """Return the severity by size, milder where a month has seen no referenced row deleted or its key changed."""
    severity = by_size(METADATA.severity, table)
    counts = [_counted(facts.catalog, parent) for parent in parents]
    cascades = any(key.on_update == "cascade" for key in keys)
    untouched = len(parents) == len(keys) and not any(deleted or (updated and cascades) for deleted, updated in counts)
    return lowered(severity) if untouched and counted_for(facts) >= A_MONTH else severity


def _counted(catalog: Catalog, table: Table) -> tuple[int, int]:
    """Return how many rows of a table and its partitions were deleted and updated."""
    own: TableStatistics | None = table.statistics
    parts = [_counted(catalog, part) for part in catalog.partitions(table)]
    return (
        (own.deleted if own else 0) + sum(deleted for deleted, _ in parts),
        (own.updated if own else 0) + sum(updated for _, updated in parts),
    )


_P = "CREATE TABLE p (id int PRIMARY KEY);"
_PAIR = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b));"
_CHILD_OF_P = "CREATE TABLE c (p_id int REFERENCES p);"
_CHILD = f"{_P} {_CHILD_OF_P}"
_TENANTS = "INSERT INTO p SELECT n % 2, n FROM generate_series(1, 400) n; INSERT INTO c SELECT * FROM p; ANALYZE p, c;"


def _sized(rows: int) -> given.Given:
    return given.table("c", reltuples=rows, heap_bytes=8192)


def _counting(days: int) -> given.Given:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return given.database(statistics_since=began, taken_at=began + timedelta(days=days))


def _without_parent(facts: Facts) -> Facts:
    return facts.with_tables(tuple(table for table in facts.catalog.tables if table.name != "p"))


BAD = (
    Example(
        "no index at all",
        sql=f"{_P} CREATE TABLE c (p_id int CONSTRAINT c_p REFERENCES p)",
        objects=("c_p", "p_id"),
        severity="low",
        says=("reads every row of", "Create an index on p_id."),
    ),
    Example(
        "a table that refers to itself",
        sql="CREATE TABLE t (id int PRIMARY KEY, parent int REFERENCES t)",
        objects=("parent",),
    ),
    Example(
        "a deferrable key is checked as well, only later",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p DEFERRABLE INITIALLY DEFERRED)",
        objects=("p_id",),
    ),
    Example(
        "the column comes second in an index, and is carried along by another",
        sql=f"""
            {_P} CREATE TABLE c (a int, p_id int REFERENCES p);
            CREATE INDEX ON c (a, p_id); CREATE INDEX ON c (a DESC) INCLUDE (p_id);
        """,
        objects=("p_id",),
    ),
    Example(
        "an index of some rows, and one of an expression",
        sql=f"""
            {_P} CREATE TABLE c (a int, p_id int REFERENCES p);
            CREATE INDEX ON c (p_id) WHERE a > 0; CREATE INDEX ON c ((p_id + 1));
        """,
        objects=("p_id",),
    ),
    Example(
        "an index of the rows where another column is not NULL",
        sql=f"""
            {_P} CREATE TABLE c (a int, p_id int REFERENCES p);
            CREATE INDEX ON c (p_id) WHERE a IS NOT NULL AND p_id IS NOT NULL;
        """,
        objects=("p_id",),
    ),
    Example(
        "an index that finds ranges of pages",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX ON c USING brin (p_id)",
        objects=("p_id",),
    ),
    Example(
        "an index sorted by another collation than the column",
        sql="""
            CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE c (p_id text REFERENCES p);
            CREATE INDEX ON c (p_id COLLATE "C");
        """,
        objects=("p_id",),
    ),
    Example(
        "an invalid index serves nobody",
        sql=f"""
            {_P} CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX i ON c (p_id);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass;
        """,
        objects=("p_id",),
    ),
    Example(
        "a composite key",
        sql=f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p)",
        objects=("a", "b"),
        says=("Create an index on a, b.",),
    ),
    Example(
        "a composite key with an index on a column of many rows per value",
        sql=f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (a);"
        + _TENANTS,
        objects=("a", "b"),
        says=("Create an index on b, a.",),
    ),
    Example(
        "just over the rows per value that are few",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (a);
            INSERT INTO p SELECT n % 3, n FROM generate_series(1, 303) n; INSERT INTO c SELECT * FROM p; ANALYZE p, c;
        """,
        objects=("a", "b"),
    ),
    Example(
        "most rows refer to nothing, so the index leaves them out",
        sql=f"""
            {_P} INSERT INTO p VALUES (1);
            CREATE TABLE c (p_id int REFERENCES p);
            INSERT INTO c SELECT CASE WHEN n = 1 THEN 1 END FROM generate_series(1, 100) n; ANALYZE c;
        """,
        objects=("p_id",),
        says=("Create an index on p_id where it is not NULL.",),
    ),
    Example(
        "two keys over one column need one index",
        sql=f"""
            {_P} CREATE TABLE q (id int PRIMARY KEY);
            CREATE TABLE c (a int CONSTRAINT c_p REFERENCES p CONSTRAINT c_q REFERENCES q);
        """,
        objects=("c_p", "c_q"),
    ),
    Example(
        "two keys of which one's columns are among the other's need one index",
        sql=f"""
            {_PAIR} CREATE TABLE q (id int PRIMARY KEY);
            CREATE TABLE c (a int, b int CONSTRAINT c_q REFERENCES q, CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p);
        """,
        objects=("c_p", "c_q"),
        says=("Create an index on b, a.",),
    ),
    Example(
        "two keys over different columns need two",
        sql=f"{_P} CREATE TABLE c (a int REFERENCES p, b int REFERENCES p)",
        findings=2,
        objects=("a", "b"),
    ),
    Example(
        "a partitioned table is reported once",
        sql=f"""
            {_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1);
            CREATE TABLE c_2 PARTITION OF c DEFAULT;
        """,
        objects=("c",),
        says=("on ONLY",),
    ),
    Example(
        "one partition has no index",
        sql=f"""
            {_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1);
            CREATE TABLE c_2 PARTITION OF c DEFAULT;
            CREATE INDEX ON c_1 (p_id);
        """,
        objects=("c",),
    ),
    Example(
        "a partitioned table without partitions",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id)",
        objects=("c",),
    ),
    Example(
        "a key of one partition alone",
        sql=f"""
            {_P} CREATE TABLE c (p_id int) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c (p_id REFERENCES p) DEFAULT;
        """,
        objects=("c_1",),
    ),
    Example(
        "a key to a partitioned table is one key",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id);
            CREATE TABLE p_1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p_2 PARTITION OF p DEFAULT;
            CREATE TABLE c (p_id int REFERENCES p);
        """,
        objects=("p_id",),
    ),
    Example(
        "the name that the index would have is taken",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); CREATE TABLE idx_c_p_id (id int PRIMARY KEY)",
        objects=("p_id",),
    ),
    Example(
        "a table of ordinary size",
        sql=_CHILD,
        given=(_sized(1_000),),
        renamed=False,
        objects=("p_id",),
        severity="medium",
        says=("reads all 1000 rows of c.",),
    ),
    Example(
        "a large table",
        sql=_CHILD,
        given=(_sized(1_000_000),),
        renamed=False,
        objects=("p_id",),
        severity="high",
    ),
    Example(
        "five weeks have seen no referenced row deleted",
        sql=_CHILD,
        given=(_sized(1_000), _counting(35), given.table("p", updated=7)),
        renamed=False,
        objects=("p_id",),
        severity="low",
        says=("Deleted since 2026-01-01: 0 of p.",),
    ),
    Example(
        "less than five weeks say nothing yet",
        sql=_CHILD,
        given=(_sized(1_000), _counting(34)),
        renamed=False,
        objects=("p_id",),
        severity="medium",
    ),
    Example(
        "referenced rows are deleted",
        sql=_CHILD,
        given=(_sized(1_000), _counting(35), given.table("p", deleted=1)),
        renamed=False,
        objects=("p_id",),
        severity="medium",
        says=("Deleted since 2026-01-01: 1 of p.",),
    ),
    Example(
        "referenced rows of a partition are deleted",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE p_1 PARTITION OF p DEFAULT;
            CREATE TABLE c (p_id int REFERENCES p);
        """,
        given=(_sized(1_000), _counting(35), given.table("p_1", deleted=3)),
        renamed=False,
        objects=("p_id",),
        severity="medium",
        says=("3 of p.",),
    ),
    Example(
        "keys are declared to change, and rows do",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p ON UPDATE CASCADE)",
        given=(_sized(1_000), _counting(35), given.table("p", updated=1)),
        renamed=False,
        objects=("p_id",),
        severity="medium",
    ),
    Example(
        "keys are declared to change, but no row does",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p ON UPDATE CASCADE)",
        given=(_sized(1_000), _counting(35)),
        renamed=False,
        objects=("p_id",),
        severity="low",
    ),
    Example(
        "nothing is known of the referenced table",
        sql=_CHILD,
        given=(_sized(1_000), _counting(35), _without_parent),
        renamed=False,
        objects=("p_id",),
        severity="medium",
        says=("reads all 1000 rows of c. ",),
    ),
    Example(
        "most rows refer to nothing, but of a composite key each column may be looked up",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p);
            INSERT INTO c SELECT NULL, n FROM generate_series(1, 100) n; ANALYZE c;
        """,
        objects=("a", "b"),
        says=("Create an index on a, b.",),
    ),
    Example(
        "few rows refer to nothing",
        sql=f"{_P} INSERT INTO p VALUES (1); {_CHILD_OF_P} INSERT INTO c VALUES (1), (NULL), (NULL); ANALYZE c",
        objects=("p_id",),
        says=("Create an index on p_id.",),
    ),
    Example(
        "predicates that could not be read, of indexes that would not serve in any case",
        sql=f"""
            {_P} CREATE TABLE c (a int, p_id int REFERENCES p);
            CREATE INDEX i1 ON c (a) WHERE p_id IS NOT NULL; CREATE INDEX i2 ON c (p_id) WHERE a > 0;
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i2'::regclass;
        """,
        given=(given.index("i1", predicate=None), given.index("i2", predicate=None)),
        renamed=False,
        objects=("p_id",),
    ),
    Example(
        "another column's index is known not to serve, whatever is known of one partition",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p) PARTITION BY LIST (a);
            CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c DEFAULT;
            CREATE INDEX ON c_1 (a);
        """,
        objects=("c",),
    ),
)
GOOD = (
    Example("a plain index", sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX ON c (p_id)"),
    Example("the primary key", sql=f"{_P} CREATE TABLE c (p_id int PRIMARY KEY REFERENCES p)"),
    Example(
        "the first column of the primary key",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p, n int, PRIMARY KEY (p_id, n))",
    ),
    Example("a unique constraint", sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p UNIQUE)"),
    Example(
        "an index that carries more",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p, a int); CREATE INDEX ON c (p_id DESC) INCLUDE (a)",
    ),
    Example(
        "an index without the NULLs",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX ON c (p_id) WHERE p_id IS NOT NULL",
    ),
    Example(
        "an index without the NULLs of a column whose name needs quotes",
        sql=f"""
            {_P} CREATE TABLE c ("p ""id" int REFERENCES p);
            CREATE INDEX ON c ("p ""id") WHERE "p ""id" IS NOT NULL;
        """,
    ),
    Example(
        "a composite key with an index without the NULLs of both",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p);
            CREATE INDEX ON c (a, b) WHERE a IS NOT NULL AND b IS NOT NULL;
        """,
    ),
    Example("a hash index", sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX ON c USING hash (p_id)"),
    Example(
        "a column with a collation of its own, and its index",
        sql="""
            CREATE TABLE p (id text COLLATE "C" PRIMARY KEY); CREATE TABLE c (p_id text COLLATE "C" REFERENCES p);
            CREATE INDEX ON c (p_id);
        """,
    ),
    Example(
        "a text column, its domain, and its patterns",
        sql="""
            CREATE DOMAIN code AS text COLLATE "C";
            CREATE TABLE p (id text PRIMARY KEY); CREATE TABLE q (id code PRIMARY KEY);
            CREATE TABLE c (p_id text REFERENCES p, q_id code REFERENCES q, n name);
            CREATE INDEX ON c (p_id text_pattern_ops); CREATE INDEX ON c (q_id);
        """,
    ),
    Example(
        "a composite key in another order",
        sql=f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (b, a)",
    ),
    Example(
        "a composite key whose leading column is itself a key of the referencing table",
        sql=f"{_PAIR} CREATE TABLE c (a int PRIMARY KEY, b int, FOREIGN KEY (a, b) REFERENCES p)",
    ),
    Example(
        "a composite key of which an indexed column is itself a key of the referenced table",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY, tenant int, UNIQUE (tenant, id));
            CREATE TABLE c (tenant int, p_id int, FOREIGN KEY (tenant, p_id) REFERENCES p (tenant, id));
            CREATE INDEX ON c (p_id);
        """,
    ),
    Example(
        "a composite key of which an indexed column has few rows per value",
        sql=f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (b);"
        + _TENANTS,
    ),
    Example(
        "as many rows per value as are few, where the number of values is known",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (a);
            INSERT INTO p SELECT n % 3, n FROM generate_series(1, 300) n; INSERT INTO c SELECT * FROM p; ANALYZE p, c;
        """,
    ),
    Example(
        "how many rows there are per value is not known yet",
        sql=f"{_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p); CREATE INDEX ON c (a)",
    ),
    Example(
        "a predicate that could not be read",
        sql=f"{_P} CREATE TABLE c (a int, p_id int REFERENCES p); CREATE INDEX i ON c (p_id) WHERE a > 0",
        given=(given.index("i", predicate=None),),
        renamed=False,
    ),
    Example(
        "a partitioned table with its index",
        sql=f"""
            {_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c DEFAULT; CREATE INDEX ON c (p_id);
        """,
    ),
    Example(
        "each partition has an index of its own",
        sql=f"""
            {_P} CREATE TABLE c (p_id int REFERENCES p) PARTITION BY LIST (p_id);
            CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c DEFAULT;
            CREATE INDEX ON c_1 (p_id); CREATE INDEX ON c_2 (p_id);
        """,
    ),
    Example(
        "what is known of one of the partitions is not enough",
        sql=f"""
            {_PAIR} CREATE TABLE c (a int, b int, FOREIGN KEY (a, b) REFERENCES p) PARTITION BY LIST (a);
            CREATE TABLE c_1 PARTITION OF c FOR VALUES IN (1); CREATE TABLE c_2 PARTITION OF c DEFAULT;
            CREATE INDEX ON c_1 (a); CREATE INDEX ON c_2 (a, b);
        """,
    ),
    Example(
        "a key that is switched off",
        sql=f"{_P} CREATE TABLE c (p_id int REFERENCES p); ALTER TABLE c DISABLE TRIGGER ALL",
    ),
    Example("a column that is named like a reference", sql=f"{_P} CREATE TABLE c (p_id int, user_id int)"),
    Example(
        "a column of many rows per value",
        sql=f"""
            {_P} INSERT INTO p VALUES (1); CREATE TABLE c (p_id int REFERENCES p); CREATE INDEX ON c (p_id);
            INSERT INTO c SELECT 1 FROM generate_series(1, 300); ANALYZE c;
        """,
    ),
    Example(
        "an indexed column that is itself a key of the referenced table, with many rows per value",
        sql="""
            CREATE TABLE p (id int PRIMARY KEY, tenant int, UNIQUE (tenant, id)); INSERT INTO p VALUES (1, 1);
            CREATE TABLE c (tenant int, p_id int, FOREIGN KEY (tenant, p_id) REFERENCES p (tenant, id));
            CREATE INDEX ON c (p_id); INSERT INTO c SELECT 1, 1 FROM generate_series(1, 300); ANALYZE c;
        """,
    ),
    Example(
        "an extension's table",
        sql=_CHILD,
        given=(given.table("c", extension="postgis"),),
        renamed=False,
    ),
    Example(
        "the quarantine",
        sql=_CHILD,
        given=(given.table("c", schema="quarantine"),),
        renamed=False,
    ),
)
