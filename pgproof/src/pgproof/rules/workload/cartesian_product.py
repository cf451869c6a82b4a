"""Tables side by side in FROM with nothing that relates them.

What it finds:
    A SELECT whose FROM lists two tables with a comma, as SQLAlchemy writes what no join() relates, while no condition
    compares a column of one with a column of the other, directly or through a third. CROSS JOIN and JOIN ... ON true
    say what they mean and are not meant, nor is a table of which a unique rule leaves one row.

Why it matters:
    Every row of one is paired with every row of the other: two tables of a thousand rows make a million, usually with
    DISTINCT on top to hide it. With one of them empty nothing comes at all.

Evidence:
    The text, from pg_stat_statements or a recording.

Remedy:
    `.join(Model.relationship)`, or the condition that is missing: often a column of an alias where its table was meant.
    SQLAlchemy warns of it when it compiles ("cartesian product"), so let warnings fail the tests.

When to ignore:
    Every pair is meant: write it as CROSS JOIN (`join(b, true())`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp

from pgproof.advise.conditions import is_value
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.rules import given
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import Seen, seen, unseen

METADATA = Metadata(code="WRK13", slug="cartesian-product", severity="medium", needs=("statements",))


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each statement with tables that nothing relates."""
    yield from unseen(facts)
    for each in seen(facts):
        tree = syntax_tree(each.text)
        assert tree is not None, "it was parsed"
        for level in tree.find_all(exp.Select):
            apart = _apart(level, {table.name: table for table in each.tables})
            if apart is not None:
                yield _finding(each, *apart)
                break


def _apart(level: exp.Select, tables: Mapping[str | None, Table]) -> tuple[Table, Table] | None:
    """Return two tables of a level that no condition relates, each the first of its group."""
    sources = _sources(level, tables)
    if sources is None:
        return None
    groups = [{alias} for alias in sources]
    for condition in _conditions(level):
        named = {identifier(column.args.get("table")) for column in condition.find_all(exp.Column)}
        # A column without its table may be anybody's.
        groups = _joined(groups, set(sources) if None in named else named & set(sources))
    many = [group for group in groups if not all(_is_one_row(level, alias, sources[alias]) for alias in group)]
    if len(many) < 2:
        return None
    first, second = (min(group, key=list(sources).index) for group in many[:2])
    return sources[first], sources[second]


def _sources(level: exp.Select, tables: Mapping[str | None, Table]) -> Mapping[str | None, Table] | None:
    """The tables of FROM by their names there; None where one is joined otherwise, or is no table of the project."""
    first = level.args.get("from_")
    joins = level.args.get("joins") or []
    if first is None or any(
        join.args.get("kind") or join.side or join.method or join.args.get("using") for join in joins
    ):
        return None
    found: dict[str | None, Table] = {}
    for node in (first.this, *(join.this for join in joins)):
        table = tables.get(identifier(node.this))
        if table is None:
            return None
        found[identifier((node.args.get("alias") or node).this)] = table
    return found


def _conditions(level: exp.Select) -> Iterator[exp.Expr]:
    where = level.args.get("where")
    conditions = [where.this] if where is not None else []
    conditions += [join.args["on"] for join in level.args.get("joins") or () if join.args.get("on") is not None]
    for condition in conditions:
        whole = condition.unnest()
        yield from whole.flatten() if isinstance(whole, exp.And) else (whole,)


def _joined(groups: list[set[str | None]], related: set[str | None]) -> list[set[str | None]]:
    apart = [group for group in groups if not group & related]
    together = set().union(*(group for group in groups if group & related))
    return [*apart, together]


def _is_one_row(level: exp.Select, alias: str | None, table: Table) -> bool:
    """Whether values for the columns of a unique rule leave one row of a table."""
    fixed = {
        (identifier(one.args.get("table")), identifier(one.this))
        for condition in _conditions(level)
        if isinstance(condition, exp.EQ)
        for one, other in ((condition.this, condition.expression), (condition.expression, condition.this))
        if is_value(other)
    }
    return table.is_unique(tuple(column.name for column in table.columns if (alias, column.name) in fixed))


def _rows(table: Table) -> str:
    rows = table.estimated_rows
    return f"about {rows:,} rows" if rows is not None else "an unknown number of rows"


def _finding(each: Seen, first: Table, second: Table) -> Finding:
    larger = max((first, second), key=lambda table: table.estimated_rows or 0)
    return METADATA.finding(
        objects=(each.ref,),
        message=f"a statement{each.sent_by} pairs every row of {first.qualified_name} with every row of "
        f"{second.qualified_name}",
        consequence=f"It pairs {_rows(first)} with {_rows(second)}, in {each.calls:,} calls.",
        severity=by_size(METADATA.severity, larger),
        evidence=(each.evidence("no condition relates the two"),),
        remedy=Remedy("Join them by their relationship, or write CROSS JOIN where every pair is meant"),
        location=each.location,
    )


_T = """
    CREATE TABLE users (id int PRIMARY KEY, name text, team int);
    CREATE TABLE posts (id int PRIMARY KEY, author int, team int, title text);
    CREATE TABLE notes (id int PRIMARY KEY, post int);
"""
_case = on(_T)


def _recorded(name: str, text: str, **expected: object) -> Example:
    return Example(name, sql=_T, recording=_case("", Run(text, "k")).recording, **expected)  # type: ignore[arg-type]


BAD = (
    _recorded(
        "a condition that was forgotten",
        "SELECT users.id FROM users, posts WHERE posts.title = $1 AND users.name = $2",
        objects=("users",),
        says=("shop/orders.py:10", "posts with every row of"),
    ),
    _recorded("one of three", "SELECT u.id FROM users u, posts p, notes n WHERE n.post = p.id"),
    _recorded(
        "what belongs to one row, and another table",
        "SELECT p.id FROM users u, posts p, notes n WHERE u.id = $1 AND p.author = u.id",
    ),
    _recorded("an alias where its table was meant", "SELECT a.id FROM users a, users b WHERE a.id = a.team"),
    _recorded(
        "in a subquery", "SELECT id FROM notes WHERE post IN (SELECT p.id FROM users u, posts p WHERE u.id > $1)"
    ),
    Example(
        "a large table and one that nobody analyzed, counted by the server",
        sql=_T,
        given=(
            given.workload(("SELECT users.id FROM users, posts", 10, 5.0)),
            given.table("users", reltuples=-1.0, live_rows=0, heap_bytes=8192),
            given.table("posts", reltuples=2e6, live_rows=2_000_000),
        ),
        renamed=False,
        severity="high",
        says=("an unknown number of rows with about 2,000,000 rows, in 10 calls",),
    ),
)
GOOD = (
    _recorded("a condition", "SELECT users.id FROM users, posts WHERE posts.author = users.id"),
    _recorded("through a third", "SELECT u.id FROM users u, posts p, notes n WHERE n.post = p.id AND n.id = u.team"),
    _recorded("a condition under OR", "SELECT u.id FROM users u, posts p WHERE u.id = p.author OR u.team = p.team"),
    _recorded(
        "a subquery that relates them",
        "SELECT u.id FROM users u, posts p WHERE EXISTS (SELECT 1 FROM notes n WHERE n.post = p.id AND n.id = u.id)",
    ),
    _recorded("a join", "SELECT users.id FROM users JOIN posts ON posts.author = users.id"),
    _recorded("a join beside a list", "SELECT users.id FROM users LEFT JOIN posts ON posts.author = users.id, notes"),
    _recorded("CROSS JOIN", "SELECT users.id FROM users CROSS JOIN posts"),
    _recorded("USING", "SELECT u.id FROM users u JOIN posts p USING (team) JOIN notes n ON n.post = p.id"),
    _recorded("NATURAL JOIN", "SELECT users.id FROM users NATURAL JOIN posts"),
    _recorded("one row of one of them", "SELECT posts.id FROM users, posts WHERE users.id = $1"),
    _recorded("columns without their table", "SELECT name FROM users, posts WHERE author = users.id"),
    _recorded("a function", "SELECT users.id FROM users, generate_series(1, 3) AS n"),
    _recorded("rows made in place", "SELECT users.id FROM users, (SELECT 1 AS one) AS s"),
    _recorded("one table", "SELECT users.id FROM users WHERE users.id = $1"),
    _recorded("a table that is not there", "SELECT users.id FROM users, elsewhere"),
    _recorded("no table", "SELECT $1"),
    Example("nothing is known", sql=_T, given=(given.server(statements=None),)),
)
