"""An insert behind a check that the row is not there yet, where no unique rule stands behind both.

What it finds:
    In a recording (pgproof record): a SELECT that compares columns with values and returned no row (or a count or
    EXISTS), and behind it in the same transaction an INSERT into the same table that gives these columns the same
    values, while no unique index covers them. Where the SELECT had returned rows and the INSERT followed all the same,
    where it asks for an order, where the transaction had locked a row or taken an advisory lock, and where the INSERT
    has ON CONFLICT, it is no such check, or a safe one.

Why it matters:
    Two sessions that check at the same moment both find nothing, and both insert: under READ COMMITTED neither sees
    what the other has not committed (PostgreSQL documentation, Transaction Isolation). It happens to a double click.

Evidence:
    The recording, in which values are compared by a keyed digest, and pg_index. `pgproof reproduce` shows two sessions
    that insert the same values.

Remedy:
    A unique rule (`UniqueConstraint`, or a unique `Index` with the condition), and in the application
    `insert(Model).on_conflict_do_nothing()`, or IntegrityError taken for "it is there". The check may stay for its
    message.

When to ignore:
    Transactions are SERIALIZABLE and retried, or one process alone ever inserts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sqlglot import exp

from pgproof.advise.syntax import syntax_tree
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.recording import Handed
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Evidence, Finding, Remedy, table_ref
from pgproof.rules.rule import Metadata
from pgproof.rules.workload._inserted import inserted
from pgproof.rules.workload._recorded import Run, on
from pgproof.rules.workload._seen import understood

METADATA = Metadata(code="WRK08", slug="check-then-insert", severity="medium", needs=("catalog", "recording"))


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each set of columns that is checked before an insert and that nothing keeps unique."""
    assert facts.recording is not None
    appended = {(each.read, each.insert) for each in facts.recording.handed if _goes_on_after_rows(each) or each.locked}
    found: dict[tuple[int, tuple[str, ...]], list[tuple[Table, Handed]]] = defaultdict(list)
    for each in facts.recording.handed:
        checked = _checked(facts, each) if (each.read, each.insert) not in appended else None
        if checked is not None and not checked[0].is_unique(checked[1]):
            found[checked[0].oid, checked[1]].append((checked[0], each))
    for (_, columns), cases in found.items():
        yield _finding(cases[0][0], columns, [each for _, each in cases])


def _goes_on_after_rows(each: Handed) -> bool:
    return each.several > 0 or (each.one > 0 and not _is_count(each.read))


def _is_count(text: str) -> bool:
    """Whether a read returns one row whatever it finds."""
    tree = syntax_tree(text)
    if not isinstance(tree, exp.Select) or tree.args.get("group") is not None:
        return False
    return all(each.find(exp.Exists, exp.AggFunc) is not None for each in tree.expressions)


def _checked(facts: Facts, each: Handed) -> tuple[Table, tuple[str, ...]] | None:
    """Return the table and the columns that the read compares with what the insert gives them."""
    target, read = inserted(facts, each.insert), understood(facts, each.read)
    if target is None or target.on_conflict or read is None:
        return None
    given = {(read_number, target.columns.get(number)) for read_number, number in each.parameters}
    for use in read[0].uses:
        same = {one.column for one in use.equalities if (one.parameter, one.column) in given}
        fixed = {one.column for one in use.equalities}
        if use.table == target.table.qualified_name and same and same == fixed and not (use.ranges or use.order):
            return target.table, tuple(sorted(same))
    return None


def _finding(table: Table, columns: tuple[str, ...], cases: list[Handed]) -> Finding:
    times = sum(each.empty + each.one for each in cases)
    first = max(cases, key=lambda each: (each.empty + each.one, str(each.site)))
    listed = ", ".join(columns)
    return METADATA.finding(
        objects=(table_ref(table, *columns),),
        message=f"{first.site} looks whether {table.qualified_name} has a row with the same {listed} before it inserts "
        "one, and no unique index covers them",
        consequence=f"Two sessions that look at the same moment both insert; that was recorded {times:,} times.",
        confidence="measured",
        evidence=(
            Evidence("recording", first.read, f"returned nothing, at {first.site}"),
            Evidence("recording", first.insert, f"followed in the same transaction, at {first.insert_site}"),
        ),
        remedy=Remedy(
            f"Make {listed} unique, then insert with on_conflict_do_nothing() or take IntegrityError for an answer; "
            "the check alone cannot keep two sessions apart"
        ),
        counter_example=EqualRows(table.qualified_name, columns),
        location=first.site.line,
    )


_T = "CREATE TABLE bids (id serial PRIMARY KEY, buyer int, lot int, made timestamptz);"
_case = on(_T)
_CHECK = "SELECT bids.id FROM bids WHERE bids.buyer = $1::INTEGER AND bids.lot = $2::INTEGER"
_INSERT = "INSERT INTO bids (buyer, lot) VALUES ($1::INTEGER, $2::INTEGER) RETURNING bids.id"
_SITE = "shop/bids.py:20 bid"


def _check(text: str = _CHECK, keys: str = "b l", rows: int | None = 0, unit: str = "1") -> Run:
    return Run(text, keys, rows=rows, site=_SITE, unit=unit)


def _insert(text: str = _INSERT, keys: str = "b l", unit: str = "1", sets: int = 1) -> Run:
    return Run(text, keys, site="shop/bids.py:24 bid", unit=unit, sets=sets)


BAD = (
    _case(
        "a row that is looked for and then inserted",
        _check(),
        _insert(),
        objects="bids buyer lot",
        says="shop/bids.py:20 in bid|buyer, lot|recorded 1 times",
    ),
    _case(
        "EXISTS, twice",
        *(
            run
            for unit in "12"
            for run in (
                _check("SELECT EXISTS (SELECT 1 FROM bids WHERE buyer = $1 AND lot = $2) AS a", rows=1, unit=unit),
                _insert(unit=unit),
            )
        ),
        says="recorded 2 times",
    ),
    _case("a count", _check("SELECT count(*) FROM bids WHERE buyer = $1 AND lot = $2", rows=1), _insert()),
    _case(
        "a check that did find its row another time",
        _check(),
        _insert(),
        _check(rows=1, unit="2"),
    ),
    on(f"{_T} CREATE UNIQUE INDEX ON bids (buyer, lot, made)")("a wider unique index", _check(), _insert()),
    on(f"{_T} CREATE UNIQUE INDEX ON bids (buyer, lot) WHERE made > '2020-01-01'")(
        "a partial unique index", _check(), _insert()
    ),
)
GOOD = (
    on(f"{_T} CREATE UNIQUE INDEX ON bids (lot, buyer)")("a unique index", _check(), _insert()),
    on(f"{_T} CREATE UNIQUE INDEX ON bids (lot)")("a narrower unique index", _check(), _insert()),
    _case("rows that are there, and one more", _check(rows=1), _insert(), _check(unit="2"), _insert(unit="2")),
    _case(
        "groups that are there, and one more",
        _check("SELECT count(*) FROM bids WHERE buyer = $1 AND lot = $2 GROUP BY made", rows=1),
        _insert(),
    ),
    _case(
        "rows that are there with their number, and one more",
        _check("SELECT id, count(*) OVER () FROM bids WHERE buyer = $1 AND lot = $2", rows=1),
        _insert(),
    ),
    _case(
        "rows of two tables that are there, and one more",
        _check("SELECT id FROM bids WHERE buyer = $1 AND lot = $2 UNION ALL SELECT id FROM old WHERE lot = $2", rows=1),
        _insert(),
    ),
    _case("several rows that are there, and one more", _check(rows=3), _insert()),
    _case("one of the columns is enough", _check("SELECT id FROM bids WHERE buyer = $1 OR lot = $2"), _insert()),
    _case("a list of what is there", _check(f"{_CHECK} ORDER BY bids.made"), _insert()),
    _case("other values", _check(keys="c l"), _insert()),
    _case("the values of other columns", _check(keys="l b"), _insert()),
    _case(
        "one of the columns has another value", _check("SELECT id FROM bids WHERE buyer = $1 AND id = $2"), _insert()
    ),
    _case("another transaction", _check(), _insert(unit="2")),
    _case("ON CONFLICT", _check(), _insert(f"{_INSERT} ON CONFLICT DO NOTHING".replace(" RETURNING bids.id", ""))),
    _case("a lock before it", Run("SELECT id FROM bids WHERE id = $1 FOR UPDATE", "x"), _check(), _insert()),
    _case("an advisory lock", Run("SELECT pg_advisory_xact_lock($1)", "x"), _check(), _insert()),
    _case("what is in a range", _check(f"{_CHECK} AND made > $3", "b l m"), _insert()),
    _case("a row of another table", _check("SELECT id FROM elsewhere WHERE buyer = $1 AND lot = $2"), _insert()),
    _case("an insert elsewhere", _check(), _insert("INSERT INTO elsewhere (buyer, lot) VALUES ($1, $2)")),
    _case("a batch", _check(), _insert(sets=2)),
    on(f"{_T} CREATE TABLE lots (id int PRIMARY KEY, buyer int, lot int)")(
        "a row of another table of the project",
        _check("SELECT id FROM lots WHERE buyer = $1 AND lot = $2"),
        _insert(),
    ),
)
