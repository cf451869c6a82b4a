"""A search of the workload that no index serves.

What it finds:
    Statements that search a column otherwise than by its order and read every row of the table to do so: LIKE, ILIKE
    and regular expressions without a trigram index; @@ without a full-text index; @>, && and ? on JSON, arrays and
    ranges without a GIN or GiST index; lower(column) = ... without an index on the expression. Tables of fewer than
    1,000 rows and statements with fewer than 10 calls are left alone.

Why it matters:
    A B-tree on the column does not help: the value is looked for inside it, or the function's result is in no index.
    Each call tests every row, and full-text search without an index parses every text anew.

Evidence:
    pg_stat_statements, pg_index, and the generic plan of each statement.

Remedy:
    `Index("...", column, postgresql_using="gin", postgresql_ops={"column": "gin_trgm_ops"})` with the extension pg_trgm
    for patterns, a plain GIN index for JSON, arrays and tsvector columns, a GiST index for ranges, and
    `Index("...", func.lower(column))` for the expression. For full-text search over text: a generated tsvector column
    with a GIN index, or an index on the very expression that the statement has, its configuration written out.

When to ignore:
    Patterns of one or two characters, which a trigram index does not narrow down; a table that is written much more
    often than it is searched, since GIN indexes are costly to write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from pgproof.advise.statements import Search, TableUse
from pgproof.advise.workload import WorkloadStatement
from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import PlanOf, Question
from pgproof.remedy.indexes import CreateIndex
from pgproof.remedy.names import quoted
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy, table_ref
from pgproof.rules.indexes._searching import is_searchable, kind_of, method_of, serves
from pgproof.rules.indexes._shared import Names
from pgproof.rules.reading import locked
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.statement_examples import HAZARD, reading
from pgproof.rules.statements import (
    by_share,
    explained,
    frequent,
    large_table,
    most_time_first,
    plan_of,
    planned,
    rows_of,
    shortened,
    statement_ref,
    tested_by,
    time_taken,
    unproven,
    unrecorded,
    whole_reads,
)

METADATA = Metadata(
    code="IDX13", slug="search-without-index", severity="medium", needs=("catalog", "statements", "plan")
)


@dataclass(frozen=True)
class _Searched:
    """A search of one statement.

    Attributes:
        planned: the statement whose plan shows it.
        method: of the index that would serve: gin, gist or btree; None where only another column or text would.
    """

    statement: WorkloadStatement
    table: Table
    search: Search
    planned: str
    method: str | None


def questions(facts: Facts) -> Iterator[Question]:
    """Ask how the server runs each statement that searches a column without an index for it."""
    for searched in _searches(facts):
        yield PlanOf(searched.planned)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each search that reads all of a table, merged over the statements that do it."""
    yield from unrecorded(facts)
    found: dict[tuple[int, str, str | None, str], list[_Searched]] = defaultdict(list)
    not_checked: dict[NotChecked, None] = {}
    for searched in _searches(facts):
        plan = plan_of(facts, searched.planned, searched.table)
        search = searched.search
        if searched.table.locked:
            not_checked[locked(searched.table)] = None
        elif isinstance(plan, NotChecked):
            not_checked[plan] = None
        elif any(search.column in tested_by(node) for node in whole_reads(facts.catalog, plan, searched.table)):
            found[searched.table.oid, search.column, search.function, kind_of(search)].append(searched)
    yield from not_checked
    names = Names(facts.catalog)
    for searches in found.values():
        yield _finding(facts, most_time_first(searches), names)


def _searches(facts: Facts) -> Iterator[_Searched]:
    for statement in frequent(facts):
        for use in statement.parsed.uses:
            table = large_table(facts.catalog, use.table)
            if table is not None:
                yield from _of_use(facts, statement, table, use)


def _of_use(facts: Facts, statement: WorkloadStatement, table: Table, use: TableUse) -> Iterator[_Searched]:
    for search in use.searches:
        column = table.column(search.column)
        if not is_searchable(column, search):
            continue
        if any(serves(facts, index, search) and _may_use(table, index, use) for index in table.indexes):
            continue
        yield _Searched(statement, table, search, planned(statement, use), method_of(column, search))


def _may_use(table: Table, index: Index, use: TableUse) -> bool:
    """Tell whether an index may be used: a value that the statement has lost may be a partial one's (see IDX11)."""
    return index.usable and (not index.partial or bool(unproven(table, index, use)))


def _finding(facts: Facts, searches: tuple[_Searched, ...], names: Names) -> Finding:
    table, search = searches[0].table, searches[0].search
    operators = ", ".join(dict.fromkeys(each.search.operator for each in searches))
    searched = search.column if search.function is None else f"{search.function}({search.column})"
    many = "1 statement searches" if len(searches) == 1 else f"{len(searches)} statements search"
    return METADATA.finding(
        objects=(table_ref(table, search.column),),
        related=tuple(statement_ref(each.statement.statement) for each in searches),
        message=f"{many} {searched} of {table.qualified_name} by {operators}, which no index serves",
        consequence=f"{time_taken(searches)}; each call tests about {amount(rows_of(facts.catalog, table), 'row')}.",
        severity=by_share(METADATA.severity, searches),
        confidence="plan",
        evidence=(explained(facts, searches[0].planned, f"Seq Scan on {table.qualified_name}"),),
        remedy=_remedy(facts.catalog, searches[0], names),
    )


def _remedy(catalog: Catalog, searched: _Searched, names: Names) -> Remedy:
    table, search = searched.table, searched.search
    for_what = f", which serves: {shortened(searched.statement.statement.query)}"
    if searched.method is None:
        return Remedy(
            f"Keep to_tsvector of {search.column} in a generated column with a GIN index, or index that expression, "
            f"its configuration written out in the statement as in the index{for_what}"
        )
    key = quoted(search.column) if search.function is None else f"{search.function}({quoted(search.column)})"
    what = f"Create a {searched.method} index on {key}"
    if kind_of(search) == "pattern":
        trigrams = next((each for each in catalog.extensions if each.name == "pg_trgm"), None)
        if trigrams is None:
            return Remedy(f"Create the extension pg_trgm, then a GIN index on {key} with gin_trgm_ops{for_what}")
        key = f"{key} {quoted(trigrams.schema)}.gin_trgm_ops"
        what = f"Create a GIN index on {key}"
    if catalog.partitions(table):
        return Remedy(f"{what} of each partition or inheriting table{for_what}")
    name = names.free(table, (search.column, search.function or searched.method))
    return Remedy(f"{what}{for_what}", (CreateIndex(table.schema, table.name, name, (key,), method=searched.method),))


_T = """
    CREATE TABLE t (id int PRIMARY KEY, title varchar(99), body text, tags int[], extra jsonb, words tsvector,
                    span int4range, kind int);
    INSERT INTO t SELECT n, md5(n::text), md5(n::text), ARRAY[n, n % 7], jsonb_build_object('n', n),
                         to_tsvector('simple', md5(n::text)), int4range(n, n + 5), n % 500
    FROM generate_series(1, 6000) n;
"""


_case = partial(reading, table=_T)


BAD = (
    _case(
        "a pattern, without the extension",
        "SELECT id FROM t WHERE title LIKE $1",
        columns="title",
        says=("1 statement searches title of", 'Create the extension pg_trgm, then a GIN index on "title" with'),
    ),
    _case("a statement that ran ten times", "SELECT id FROM t WHERE tags && $1", calls=10, columns="tags"),
    Example(
        "patterns, with the extension",
        sql=f"{_T} CREATE EXTENSION pg_trgm SCHEMA public; ANALYZE t",
        given=(
            given.workload(
                ("SELECT id FROM t WHERE title ILIKE $1", 1000, 5.0),
                ("SELECT id FROM t WHERE title ~ $1 AND kind > $2", 1000, 5.0),
                ("SELECT id FROM t WHERE lower(body) LIKE $1", 1000, 5.0),
            ),
        ),
        findings=2,
        objects=("t", "title", "body"),
        says=(
            "2 statements search title of",
            "1 statement searches lower(body) of",
            'Create a GIN index on "title" "public".gin_trgm_ops, which serves',
            'Create a GIN index on lower("body") "public".gin_trgm_ops, which serves',
        ),
        alone=True,
    ),
    _case("upper case", "SELECT id FROM t WHERE upper(title) = upper($1)", columns="title"),
    _case(
        "an index on the column does not serve its function",
        "SELECT id FROM t WHERE lower(title) = $1",
        more="CREATE INDEX i ON t (title); CREATE INDEX j ON t (upper(title))",
        columns="title",
        says=("1 statement searches lower(title) of", 'Create a btree index on lower("title"), which serves'),
    ),
    _case(
        "full text in a column of its own",
        "SELECT id FROM t WHERE words @@ to_tsquery($1)",
        columns="words",
        says=('Create a gin index on "words", which serves',),
    ),
    _case(
        "full text over a text",
        "SELECT id FROM t WHERE to_tsvector($1, body) @@ plainto_tsquery($1, $2)",
        columns="body",
        says=("Keep to_tsvector of body in a generated column",),
    ),
    _case("JSON", "SELECT id FROM t WHERE extra @> $1", "SELECT id FROM t WHERE extra ? $1", columns="extra"),
    _case("an array", "SELECT id FROM t WHERE tags && $1", columns="tags"),
    _case(
        "an index of some rows",
        "SELECT id FROM t WHERE tags @> $1",
        "SELECT id FROM t WHERE tags @> $1 AND kind > $2",
        more="CREATE INDEX i ON t USING gin (tags) WHERE kind = 5",
        columns="tags",
        says=("2 statements search tags of",),
    ),
    _case(
        "an index that was never finished",
        "SELECT id FROM t WHERE tags @> $1",
        more="CREATE INDEX i ON t USING gin (tags);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'i'::regclass",
        columns="tags",
    ),
    _case("a range", "SELECT id FROM t WHERE span @> $1::int", columns="span"),
    _case(
        "a B-tree in byte order serves no ILIKE",
        "SELECT id FROM t WHERE body ILIKE $1",
        more="CREATE INDEX i ON t (body text_pattern_ops)",
        columns="body",
    ),
    Example(
        "a partitioned table",
        sql="""
            CREATE TABLE t (id int, tags int[]) PARTITION BY RANGE (id);
            CREATE TABLE t_1 PARTITION OF t DEFAULT;
            INSERT INTO t SELECT n, ARRAY[n] FROM generate_series(1, 6000) n;
            ANALYZE t;
        """,
        given=(given.workload(("SELECT * FROM t WHERE tags @> $1", 1000, 5.0)),),
        objects=("t", "tags"),
        says=('Create a gin index on "tags" of each partition',),
        renamed=False,
    ),
)
GOOD = (
    _case("a plain comparison", "SELECT id FROM t WHERE title = $1"),
    _case("a statement that ran nine times", "SELECT id FROM t WHERE words @@ to_tsquery($1)", calls=9),
    _case(
        "an index on the expression",
        "SELECT id FROM t WHERE lower(title) = $1",
        more="CREATE INDEX ON t (lower(title))",
    ),
    _case(
        "an index of some rows, and a value that the recorded statement has lost",
        "SELECT id FROM t WHERE lower(title) = $1 AND kind = $2",
        more="CREATE INDEX ON t (lower(title)) WHERE kind = 5",
    ),
    _case(
        "a GIN index", "SELECT id FROM t WHERE extra @> $1", more="CREATE INDEX ON t USING gin (extra jsonb_path_ops)"
    ),
    _case("a GIN index on an array", "SELECT id FROM t WHERE tags @> $1", more="CREATE INDEX ON t USING gin (tags)"),
    _case(
        "a full-text index",
        "SELECT id FROM t WHERE words @@ to_tsquery($1)",
        more="CREATE INDEX ON t USING gin (words)",
    ),
    _case(
        "a full-text index on the expression, whose configuration the recorded statement has lost",
        "SELECT id FROM t WHERE to_tsvector($1, body) @@ plainto_tsquery($1, $2)",
        more="CREATE INDEX ON t USING gin (to_tsvector('english', body))",
    ),
    _case(
        "a B-tree in byte order may be what LIKE asks for",
        "SELECT id FROM t WHERE body LIKE $1",
        more="CREATE INDEX ON t (body text_pattern_ops)",
    ),
    _case(
        "a B-tree in the order of C",
        "SELECT id FROM t WHERE body LIKE $1 AND lower(title) LIKE $2",
        more='CREATE INDEX ON t (body COLLATE "C"); CREATE INDEX ON t (lower(title) text_pattern_ops)',
    ),
    Example(
        "a database in the order of C",
        sql=f"{_T} CREATE INDEX ON t (body); ANALYZE t",
        given=(given.workload(("SELECT id FROM t WHERE body LIKE $1", 1000, 5.0)), given.database(collation="C")),
        renamed=False,
    ),
    Example(
        "trigram indexes",
        sql=f"""
            {_T} CREATE EXTENSION pg_trgm SCHEMA public;
            CREATE INDEX ON t USING gin (title public.gin_trgm_ops);
            CREATE INDEX ON t USING gist (lower(body) public.gist_trgm_ops);
            ANALYZE t;
        """,
        given=(
            given.workload(
                ("SELECT id FROM t WHERE title ILIKE $1", 1000, 5.0),
                ("SELECT id FROM t WHERE lower(body) LIKE $1", 1000, 5.0),
            ),
        ),
        alone=True,
    ),
    _case(
        "another condition finds the rows",
        "SELECT id FROM t WHERE kind = $1 AND body ILIKE $2",
        more="CREATE INDEX ON t (kind)",
    ),
    _case("a number is not searched by a pattern", "SELECT id FROM t WHERE kind::text LIKE $1"),
    _case("text that is parsed as a query without to_tsvector", "SELECT id FROM t WHERE body @@ to_tsquery($1)"),
    _case("a look into one member", "SELECT id FROM t WHERE extra ->> $1 = $2"),
    _case("a statement that nobody may plan", "SELECT id FROM t WHERE tags @> $1 AND probe(kind)", more=HAZARD),
    _case(
        "the table is read as a whole for another of its mentions",
        "SELECT x.id FROM t x, t y WHERE x.kind = $1 AND x.body ILIKE $2 AND y.tags = $3",
        more="CREATE INDEX ON t (kind)",
    ),
    _case("a change is not planned", "DELETE FROM t WHERE body ILIKE $1"),
    _case(
        "a search in a view's column", "SELECT id FROM v WHERE body ILIKE $1", more="CREATE VIEW v AS SELECT * FROM t"
    ),
    Example(
        "a small table",
        sql="CREATE TABLE t (a text); INSERT INTO t SELECT n::text FROM generate_series(1, 900) n; ANALYZE t",
        given=(given.workload(("SELECT * FROM t WHERE a LIKE $1", 1000, 5.0)),),
        renamed=False,
    ),
    Example(
        "a table that is locked",
        sql=f"{_T} ANALYZE t",
        given=(given.workload(("SELECT id FROM t WHERE body ILIKE $1", 1000, 5.0)), given.table("t", locked=True)),
        renamed=False,
    ),
    Example("no statements were recorded", sql=_T, given=(given.server(statements=None),)),
)
