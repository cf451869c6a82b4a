"""What is read from a statement, and that nothing is read where a name or a condition is not certain."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pgproof.advise.statements import (
    Equality,
    Join,
    OrderColumn,
    ParsedStatement,
    Search,
    TableUse,
    parse,
)
from pgproof.facts.catalog import Catalog, QualifiedName
from pgproof.facts.read import read_facts
from pgproof.server import Server

SCHEMA = """
    CREATE TABLE jobs (id int, company_id int, title text, code varchar(9), state text, tags text[], extra jsonb,
                       words tsvector, created_at timestamptz, "Odd Name" int);
    CREATE TABLE applications (id int, job_id int, user_id int, state text, sent_at timestamptz);
    CREATE TABLE users (id int, email text);
    CREATE VIEW open_jobs AS SELECT id, title FROM jobs;
    CREATE SCHEMA other;
    CREATE TABLE other.jobs (id int, elsewhere int);
"""


@pytest.fixture(scope="module")
def catalog(embedded_server: Server) -> Iterator[Catalog]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        yield read_facts(connection).catalog


def read(catalog: Catalog, text: str, path: tuple[str, ...] = ("public",)) -> ParsedStatement:
    parsed = parse(text, catalog, path)
    assert parsed is not None, text
    return parsed


def uses(catalog: Catalog, text: str, path: tuple[str, ...] = ("public",)) -> list[TableUse]:
    return sorted(read(catalog, text, path).uses, key=lambda use: use.table)


def only(catalog: Catalog, condition: str, table: str = "jobs") -> TableUse:
    (use,) = uses(catalog, f"SELECT id FROM {table} WHERE {condition}")
    return use


JOBS = QualifiedName("public", "jobs")
APPLICATIONS = QualifiedName("public", "applications")
USERS = QualifiedName("public", "users")


@pytest.mark.parametrize(
    ("condition", "equalities"),
    [
        ("state = $1", (Equality("state", 1),)),
        ("$2 = state", (Equality("state", 2),)),
        ("((state = $1))", (Equality("state", 1),)),
        ("state = $1::text AND company_id = ($2)", (Equality("state", 1), Equality("company_id", 2))),
        ("(state = $1 AND (company_id = $2))", (Equality("state", 1), Equality("company_id", 2))),
        ("state = 'open'", (Equality("state"),)),
        ("created_at = now() - $1 * $2", (Equality("created_at"),)),
        ("state IS NOT DISTINCT FROM $1", (Equality("state", 1),)),
        ("state IN ($1,$2)", (Equality("state", several=True),)),
        ("state IN ($1 /*, ... */)", (Equality("state", several=True),)),
        ("state = ANY($1)", (Equality("state", several=True),)),
        ("state = ANY(ARRAY[$1,$2])", (Equality("state", several=True),)),
        ("(state, company_id) = ($1, $2)", (Equality("state", 1), Equality("company_id", 2))),
        ('"Odd Name" = $1', (Equality("Odd Name", 1),)),
        ("STATE = $1", (Equality("state", 1),)),
        ("JOBS.State = $1", (Equality("state", 1),)),
        ("state = $1 AND state = $1", (Equality("state", 1),)),
    ],
)
def test_a_column_that_must_equal_a_value(catalog: Catalog, condition: str, equalities: tuple[Equality, ...]) -> None:
    assert only(catalog, condition) == TableUse(JOBS, equalities=equalities)


@pytest.mark.parametrize(
    "condition",
    [
        "state = $1 OR company_id = $2",
        "NOT (state = $1)",
        "state <> $1",
        "state NOT IN ($1, $2)",
        "state <> ALL($1)",
        "state NOT LIKE $1",
        "created_at NOT BETWEEN $1 AND $2",
        "coalesce(state, $1) = $2",
        "state || $1 = $2",
        "created_at::date = $1",
        "state::text = $1",
        "extra ->> $1 = $2",
        "state = title",
        "state IS NULL",
        "missing = $1",
        '"STATE" = $1',
        "$1 = ANY(tags)",
        "id IN (SELECT 1)",
        "id = (SELECT max(1))",
        "title LIKE state",
        "lower(title) = lower(state)",
        "to_tsvector($1, title || state) @@ to_tsquery($2)",
        "to_tsvector(title, state) @@ to_tsquery($2)",
        "created_at > title",
        "CASE WHEN state = $1 THEN true ELSE false END",
    ],
)
def test_nothing_is_read_from_what_no_index_on_the_column_answers(catalog: Catalog, condition: str) -> None:
    assert only(catalog, condition) == TableUse(JOBS)


@pytest.mark.parametrize(
    ("condition", "ranges"),
    [
        ("created_at > $1", ("created_at",)),
        ("$1 >= created_at", ("created_at",)),
        ("created_at > $1 AND created_at <= $2", ("created_at",)),
        ("created_at BETWEEN $1 AND $2", ("created_at",)),
        ("created_at < now() - $1::interval AND id > $2", ("created_at", "id")),
        ("(created_at, id) < ($1, $2)", ("created_at",)),
    ],
)
def test_a_column_that_must_lie_beyond_a_bound(catalog: Catalog, condition: str, ranges: tuple[str, ...]) -> None:
    assert only(catalog, condition) == TableUse(JOBS, ranges=ranges)


@pytest.mark.parametrize(
    ("condition", "search"),
    [
        ("title LIKE $1", Search("title", "LIKE")),
        ("title LIKE $1 || $2 || $3", Search("title", "LIKE")),
        ("code::text ILIKE $1", Search("code", "ILIKE")),
        ("title ~ $1", Search("title", "~")),
        ("title ~* $1", Search("title", "~*")),
        ("lower(title) LIKE lower($1)", Search("title", "LIKE", "lower")),
        ("lower(title) = $1", Search("title", "=", "lower")),
        ("$1 = upper(title)", Search("title", "=", "upper")),
        ("lower(title) IN ($1, $2)", Search("title", "=", "lower")),
        ("tags @> $1", Search("tags", "@>")),
        ("tags && $1", Search("tags", "&&")),
        ("extra ? $1", Search("extra", "?")),
        ("extra ?| $1", Search("extra", "?|")),
        ("extra ?& $1", Search("extra", "?&")),
        ("words @@ to_tsquery($1)", Search("words", "@@")),
        ("to_tsvector($1, title) @@ plainto_tsquery($2)", Search("title", "@@", "to_tsvector")),
        ("to_tsvector(title) @@ plainto_tsquery($2)", Search("title", "@@", "to_tsvector")),
    ],
)
def test_a_column_that_is_searched(catalog: Catalog, condition: str, search: Search) -> None:
    assert only(catalog, condition) == TableUse(JOBS, searches=(search,))


def test_columns_of_joined_tables_are_placed_by_alias_and_by_the_catalog(catalog: Catalog) -> None:
    found = uses(
        catalog,
        "SELECT a.id FROM applications AS a JOIN jobs J ON j.id = a.job_id, users u"
        " WHERE u.id = user_id AND company_id = $1 AND a.state = $2 AND email = $3",
    )
    assert found == [
        TableUse(
            APPLICATIONS,
            equalities=(Equality("state", 2),),
            joins=(Join("user_id", USERS, "id"), Join("job_id", JOBS, "id")),
        ),
        TableUse(JOBS, equalities=(Equality("company_id", 1),), joins=(Join("id", APPLICATIONS, "job_id"),)),
        TableUse(USERS, equalities=(Equality("email", 3),), joins=(Join("id", APPLICATIONS, "user_id"),)),
    ]


def test_a_column_of_two_tables_is_not_placed(catalog: Catalog) -> None:
    found = uses(catalog, "SELECT 1 FROM applications a JOIN jobs j USING (state) WHERE state = $1")
    assert found == [
        TableUse(APPLICATIONS, joins=(Join("state", JOBS, "state"),)),
        TableUse(JOBS, joins=(Join("state", APPLICATIONS, "state"),)),
    ]


@pytest.mark.parametrize(
    ("join", "chosen"),
    [
        ("JOIN", {APPLICATIONS, JOBS}),
        ("LEFT JOIN", {JOBS}),
        ("RIGHT JOIN", {APPLICATIONS}),
        ("FULL JOIN", set()),
    ],
)
def test_an_outer_join_chooses_rows_on_its_optional_side_alone(
    catalog: Catalog, join: str, chosen: set[QualifiedName]
) -> None:
    found = uses(
        catalog, f"SELECT 1 FROM applications a {join} jobs j ON j.id = a.job_id AND a.state = $1 AND j.state = $2"
    )
    assert {use.table for use in found if use.equalities} == chosen
    assert all(use.joins for use in found)


def test_the_same_table_twice_is_two_uses(catalog: Catalog) -> None:
    found = uses(catalog, "SELECT 1 FROM jobs a JOIN jobs b ON a.id = b.company_id WHERE a.state = $1 AND b.title = $2")
    assert found == [
        TableUse(JOBS, equalities=(Equality("state", 1),), joins=(Join("id", JOBS, "company_id"),)),
        TableUse(JOBS, equalities=(Equality("title", 2),), joins=(Join("company_id", JOBS, "id"),)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM jobs WHERE state = $1 AND EXISTS (SELECT 1 FROM users u WHERE u.id = company_id AND email = $2)",
        "SELECT 1 FROM jobs, (SELECT id FROM users WHERE email = $2 AND id = $3) s WHERE state = $1 AND s.id = $4",
        "WITH s AS (SELECT id FROM users WHERE email = $2) SELECT 1 FROM jobs WHERE state = $1",
        "SELECT 1 FROM jobs WHERE state = $1 UNION ALL SELECT 2 FROM users WHERE email = $2 ORDER BY 1 LIMIT $3",
        "SELECT 1 FROM jobs WHERE state = $1 AND company_id IN (SELECT id FROM users WHERE email = $2)",
        "SELECT 1 FROM jobs CROSS JOIN LATERAL (SELECT 1 FROM users WHERE id = company_id AND email = $2) l"
        " WHERE state = $1",
    ],
)
def test_each_query_level_is_read_with_its_own_conditions(catalog: Catalog, text: str) -> None:
    jobs, users = uses(catalog, text)
    assert (jobs.table, jobs.equalities) == (JOBS, (Equality("state", 1),))
    assert users.table == USERS
    assert users.equalities[0] == Equality("email", 2)


def test_a_subquery_joins_the_level_around_it(catalog: Catalog) -> None:
    jobs, users = uses(catalog, "SELECT 1 FROM jobs j WHERE EXISTS (SELECT 1 FROM users WHERE id = j.company_id)")
    assert jobs.joins == ()
    assert users.joins == (Join("id", JOBS, "company_id"),)


def test_a_common_table_expression_hides_the_table_of_its_name(catalog: Catalog) -> None:
    assert uses(catalog, "WITH users AS (SELECT 1 AS id) SELECT 1 FROM users WHERE id = $1") == []
    (use,) = uses(catalog, "WITH users AS (SELECT 1 AS id) SELECT 1 FROM public.users WHERE id = $1")
    assert use.equalities == (Equality("id", 1),)


def test_a_column_that_may_be_another_source_s_is_not_taken_from_around(catalog: Catalog) -> None:
    jobs, *_ = uses(
        catalog, "SELECT 1 FROM jobs WHERE id IN (SELECT x FROM unnest($1::int[]) AS x WHERE company_id = $2)"
    )
    assert jobs.equalities == ()


def test_names_without_a_schema_are_looked_for_along_the_search_path(catalog: Catalog) -> None:
    statement = "SELECT 1 FROM jobs WHERE id = $1"
    other = QualifiedName("other", "jobs")
    assert [use.table for use in uses(catalog, statement, ("nowhere", "other", "public"))] == [other]
    assert uses(catalog, statement, ("nowhere",)) == []
    assert [(use.table, use.qualified) for use in uses(catalog, "SELECT 1 FROM other.jobs j WHERE id = $1")] == [
        (other, True)
    ]
    assert not any(use.qualified for use in uses(catalog, statement))
    assert uses(catalog, "SELECT 1 FROM nowhere.jobs WHERE id = $1") == []
    assert uses(catalog, 'SELECT 1 FROM "Jobs" WHERE id = $1') == []


def test_a_view_is_a_relation_like_any_other(catalog: Catalog) -> None:
    assert uses(catalog, "SELECT 1 FROM open_jobs WHERE title = $1") == [
        TableUse(QualifiedName("public", "open_jobs"), equalities=(Equality("title", 1),))
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("UPDATE jobs AS j SET title = $1 WHERE j.state = $2", "update"),
        ("UPDATE jobs SET title = email FROM users WHERE users.id = company_id AND state = $2", "update"),
        ("DELETE FROM jobs WHERE state = $2", "delete"),
        ("DELETE FROM ONLY jobs USING users u WHERE u.id = company_id AND state = $2 RETURNING jobs.id", "delete"),
        ("INSERT INTO users SELECT id, title FROM jobs WHERE state = $2 ON CONFLICT DO NOTHING", "insert"),
        ("MERGE INTO users u USING jobs j ON u.id = j.company_id AND j.state = $2 WHEN MATCHED THEN DELETE", "merge"),
        ("WITH done AS (DELETE FROM jobs WHERE state = $2 RETURNING id) SELECT count(*) FROM done", "select"),
    ],
)
def test_changes_read_tables_as_well(catalog: Catalog, text: str, kind: str) -> None:
    assert read(catalog, text).kind == kind
    (jobs,) = [use for use in uses(catalog, text) if use.table == JOBS]
    assert jobs.equalities == (Equality("state", 2),)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("SELECT id FROM jobs ORDER BY created_at", (OrderColumn("created_at"),)),
        (
            "SELECT id FROM jobs ORDER BY created_at DESC, id",
            (OrderColumn("created_at", True, True), OrderColumn("id")),
        ),
        ("SELECT id FROM jobs ORDER BY created_at DESC NULLS LAST", (OrderColumn("created_at", True),)),
        ("SELECT id FROM jobs ORDER BY created_at NULLS FIRST", (OrderColumn("created_at", False, True),)),
        ("SELECT id, created_at AS at FROM jobs ORDER BY at", (OrderColumn("created_at"),)),
        ("SELECT id, title FROM jobs ORDER BY 2", (OrderColumn("title"),)),
        ("SELECT id AS title, title AS id FROM jobs ORDER BY id", (OrderColumn("title"),)),
        ("SELECT j.id FROM jobs j JOIN users u ON u.id = j.company_id ORDER BY j.id, title", None),
        ("SELECT 1 FROM jobs ORDER BY lower(title)", ()),
        ("SELECT 1 FROM jobs ORDER BY 7", ()),
        ("SELECT state FROM jobs GROUP BY state ORDER BY state", ()),
        ("SELECT DISTINCT state FROM jobs ORDER BY state", ()),
        ("SELECT count(*) FROM jobs ORDER BY 1", ()),
        ("SELECT id, rank() OVER (ORDER BY id) FROM jobs ORDER BY id", ()),
        ("SELECT title || $1 AS t FROM jobs ORDER BY t", ()),
        ("SELECT j.id FROM jobs j JOIN users u ON u.id = j.company_id ORDER BY j.id, u.id", ()),
    ],
)
def test_an_order_by_columns_of_one_table(catalog: Catalog, text: str, order: tuple[OrderColumn, ...] | None) -> None:
    jobs = next(use for use in uses(catalog, text) if use.table == JOBS)
    assert jobs.order == ((OrderColumn("id"), OrderColumn("title")) if order is None else order)
    assert all(use.order == () for use in uses(catalog, text) if use.table != JOBS)


@pytest.mark.parametrize(
    ("text", "limited"),
    [
        ("SELECT id FROM jobs LIMIT $1", True),
        ("SELECT id FROM jobs FETCH FIRST $1 ROWS ONLY", True),
        ("SELECT id FROM jobs OFFSET $1", False),
        ("SELECT count(*) FROM jobs LIMIT $1", False),
        ("SELECT id FROM (SELECT id FROM jobs) s LIMIT $1", False),
    ],
)
def test_a_limit_belongs_to_the_level_that_has_it(catalog: Catalog, text: str, limited: bool) -> None:
    assert [use.limited for use in uses(catalog, text)] == [limited]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("SELECT * FROM jobs WHERE state = $1", True),
        ("SELECT j.*, title AS t FROM jobs j WHERE state = $1 ORDER BY id FOR UPDATE", True),
        ("UPDATE jobs SET title = $1 WHERE state = $2", True),
        ("DELETE FROM jobs WHERE state = $2 RETURNING id", True),
        ("SELECT id FROM jobs LIMIT $1", False),
        ("SELECT id FROM jobs OFFSET $1", False),
        ("SELECT count(*) FROM jobs", False),
        ("SELECT unnest(tags) FROM jobs", False),
        ("SELECT DISTINCT id FROM jobs", False),
        ("SELECT state FROM jobs GROUP BY state", False),
        ("SELECT j.id FROM jobs j, users u", False),
        ("SELECT id FROM jobs WHERE id IN (SELECT id FROM users)", False),
        ("SELECT id FROM jobs UNION SELECT id FROM jobs", False),
        ("INSERT INTO jobs (id) SELECT id FROM users", False),
        ("UPDATE jobs SET title = email FROM users WHERE users.id = company_id", False),
        ("SELECT x FROM unnest($1::int[]) AS x", False),
        ("(SELECT id FROM jobs LIMIT 1)", False),
    ],
)
def test_a_plain_statement_has_one_row_for_each_row_of_its_table(catalog: Catalog, text: str, plain: bool) -> None:
    assert read(catalog, text).plain is plain


@pytest.mark.parametrize(
    ("text", "reads_only"),
    [
        ("SELECT id FROM jobs", True),
        ("SELECT id FROM jobs FOR UPDATE SKIP LOCKED", False),
        ("SELECT 1 WHERE EXISTS (SELECT id FROM jobs FOR SHARE)", False),
        ("WITH gone AS (DELETE FROM jobs RETURNING id) SELECT id FROM gone", False),
        ("DELETE FROM jobs", False),
        ("INSERT INTO jobs (id) SELECT id FROM users", False),
    ],
)
def test_a_statement_that_changes_or_locks_rows_does_not_only_read(
    catalog: Catalog, text: str, reads_only: bool
) -> None:
    assert read(catalog, text).reads_only is reads_only


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM jobs WHERE (state = $1",
        "SELECT 1; SELECT 2",
        "",
        "SET search_path = public",
        "CREATE TABLE x (y int)",
        "SELECT id FROM jobs WHERE title = 'never closed",
        "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    ],
)
def test_what_does_not_parse_is_not_read(catalog: Catalog, text: str) -> None:
    assert parse(text, catalog, ("public",)) is None


def test_a_dollar_in_a_name_is_no_parameter(catalog: Catalog) -> None:
    (use,) = uses(catalog, "SELECT 1 FROM jobs AS j$1 WHERE j$1.state = $1")
    assert use.equalities == (Equality("state", 1),)
