"""Experiments that show whether a finding is true, by what the server then does; none reads the rule's own reasoning.

Each runs in a transaction that is rolled back. What it takes for rows is made up, from the catalog alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.facts.catalog import Catalog, Column, Constraint, Index, QualifiedName, Table
from pgproof.remedy.names import literal, quoted
from pgproof.reproduce.rows import NotReproducedError, RowMaker, insert_statement
from pgproof.rules.counter_examples import AcceptedRow, EqualRows
from pgproof.rules.finding import Finding, ObjectRef

ROWS = 10_000
"""Rows of a made-up table: enough pages that reading all of them is seen."""
FEWER = 5
"""Times fewer pages from which on an index counts as one that was missing."""
_MOMENT = "timestamptz '2026-01-01 12:00:00+00'"
_BY_TYPE = {
    "bool": "{n} % 2 = 0",
    "int2": "{n} % 30000",
    "uuid": "lpad(to_hex({n}), 32, '0')",
    "date": "date '2026-01-01' + {n}",
    "timestamp": "timestamp '2026-01-01' + {n} * interval '1 minute'",
    "timestamptz": "timestamptz '2026-01-01+00' + {n} * interval '1 minute'",
    "interval": "{n} * interval '1 minute'",
    "json": "'{{}}'",
    "jsonb": "'{{}}'",
    "tsvector": "''",
}


class UndecidedError(Exception):
    """No experiment could be made; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """What an experiment came to.

    Attributes:
        shown: the server did what the finding says it does.
        seen: that, in words.
    """

    shown: bool
    seen: str


class Trial:
    """A transaction that is rolled back, in a database with a finding; keeps the statements that were run."""

    def __init__(self, connection: psycopg.Connection[Any], catalog: Catalog, finding: Finding) -> None:
        self._connection = connection
        self.catalog = catalog
        self.finding = finding
        self.rows = RowMaker(connection, catalog)
        self.statements: list[str] = []

    def run(self, statement: str) -> list[Any]:
        """Run a statement and return its rows."""
        self.statements.append(statement)
        cursor = self._connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []

    def refusal(self, statement: str) -> str | None:
        """Run a statement and return what the server refused it with; None where it accepted it."""
        try:
            with self._connection.transaction():
                self.run(statement)
        except psycopg.Error as error:
            return error.diag.message_primary or type(error).__name__
        return None

    def plan(self, statement: str) -> Mapping[str, Any]:
        """Return the root of the plan of a statement, whose parameters may stay open."""
        explain = "EXPLAIN (GENERIC_PLAN, COSTS OFF, FORMAT JSON)" if "$1" in statement else "EXPLAIN (FORMAT JSON)"
        return self._plan(f"{explain} {statement}")

    def pages_read(self, statement: str) -> int:
        """Run a statement over a temporary table and return the pages that it read."""
        plan = self._plan(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")
        return int(plan["Local Hit Blocks"]) + int(plan["Local Read Blocks"])

    def table(self) -> Table:
        """Return the table of the finding's first object."""
        first = self.finding.objects[0]
        return self.named(QualifiedName(first.schema or "", first.table or first.name))

    def named(self, name: QualifiedName) -> Table:
        """Return a table by name."""
        table = self.catalog.named(name)
        if table is None:
            raise UndecidedError(f"{name} is no table")
        return table

    def _plan(self, statement: str) -> Mapping[str, Any]:
        ((document,),) = self.run(statement)
        root: Mapping[str, Any] = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
        return root


Experiment = Callable[[Trial], Outcome]


def foreign_key_check_reads_all(trial: Trial) -> Outcome:
    """IDX01: the statement with which PostgreSQL looks for rows of a deleted parent, with and without an index."""
    table, columns = trial.table(), trial.finding.objects[0].columns
    made_up = [column for column in table.columns if column.generated is None]
    trial.run(
        f"CREATE TEMP TABLE look (LIKE {table_sql(table)} INCLUDING INDEXES INCLUDING STORAGE INCLUDING GENERATED)"
        " ON COMMIT DROP"
    )
    trial.run(
        f"INSERT INTO look ({', '.join(quoted(column.name) for column in made_up)})"
        f" SELECT {', '.join(value_sql(trial.catalog, column, 'n') for column in made_up)}"
        f" FROM generate_series(1, {ROWS}) n"
    )
    wanted = [f"x.{quoted(name)} = {value_sql(trial.catalog, table.column(name), str(ROWS // 2))}" for name in columns]
    check = f"SELECT 1 FROM ONLY look x WHERE {' AND '.join(wanted)} FOR KEY SHARE OF x"
    trial.run("ANALYZE look")
    without = trial.pages_read(check)
    trial.run(f"CREATE INDEX ON look ({', '.join(quoted(name) for name in columns)})")
    trial.run("ANALYZE look")
    with_index = trial.pages_read(check)
    seen = f"the check of a deleted parent reads {without} pages, and {with_index} with an index"
    return Outcome(without >= FEWER * with_index, seen)


def other_index_serves(trial: Trial) -> Outcome:
    """IDX02, IDX03: with every index hidden but the other one, the lookup and the order are still an index's."""
    table, other = trial.table(), trial.finding.related[0]
    index = _index(table, trial.finding.objects[0])
    if index.method != "btree":
        raise UndecidedError(f"no lookup is known for {index.method}")
    for setting in ("enable_seqscan", "enable_bitmapscan", "enable_sort", "enable_incremental_sort"):
        trial.run(f"SET LOCAL {setting} = off")
    trial.run(
        f"UPDATE pg_index SET indisvalid = false WHERE indrelid = {literal(table_sql(table))}::regclass"
        f" AND indexrelid <> {literal(quoted(other.schema or '', other.name))}::regclass"
    )
    keys = [key.expression or f"{quoted(key.column or '')}" for key in index.keys]
    predicate = [f"({index.predicate})"] if index.predicate else []
    equal = [f"({key}) = ${number}" for number, key in enumerate(keys, 1)]
    lookup = list(_nodes(trial.plan(f"SELECT * FROM {table_sql(table)} WHERE {' AND '.join((*equal, *predicate))}")))
    found = _only_index(lookup) == other.name and _conditions(lookup) >= len(keys)
    order = ", ".join(
        _ordered(key, each.descending, each.nulls_first) for key, each in zip(keys, index.keys, strict=True)
    )
    where = f" WHERE {predicate[0]}" if predicate else ""
    sorted_ = list(_nodes(trial.plan(f"SELECT * FROM {table_sql(table)}{where} ORDER BY {order}")))
    ordered = _only_index(sorted_) == other.name
    return Outcome(
        found and ordered,
        f"without {index.name}, {other.name} {'serves' if found else 'does not serve'} the lookup by all its keys and "
        f"{'gives' if ordered else 'does not give'} its order",
    )


def key_is_constant(trial: Trial) -> Outcome:
    """IDX18: PostgreSQL itself derives that no row of the index has another value."""
    table, index = trial.table(), _index(trial.table(), trial.finding.objects[0])
    trial.run("SET LOCAL constraint_exclusion = on")
    for name in (name for name in index.columns if name is not None):
        constant = re.search(rf"\b{re.escape(name)}\b\)?(?:::\w+)? = ('[^']*'|\d+)", index.predicate or "")
        if constant is None:
            continue
        plan = trial.plan(
            f"SELECT FROM {table_sql(table)} WHERE ({index.predicate}) AND {quoted(name)} <> {constant.group(1)}"
        )
        if plan.get("One-Time Filter") == "false":
            return Outcome(True, f"no entry can have another {name} than {constant.group(1)}: One-Time Filter: false")
    return Outcome(False, "every key can take several values")


def equal_rows_accepted(trial: Trial) -> Outcome:
    """INT01, INT02: two rows with the same values are inserted."""
    example = trial.finding.counter_example
    assert isinstance(example, EqualRows)
    table = trial.named(example.table)
    given = {column: stored_value(trial, table, column) for column in example.columns}
    for _ in range(2):
        row = trial.rows.draft(example.table, given)
        trial.statements.append(row.statement)
    return Outcome(True, f"two rows with the same ({', '.join(example.columns)}) were accepted")


def row_accepted(trial: Trial) -> Outcome:
    """INT15, INT16, INT17: a row with NULL, a reversed range, a negative count or none of the choices is inserted."""
    example = trial.finding.counter_example
    assert isinstance(example, AcceptedRow)
    given = dict(example.values)
    row = trial.rows.draft(example.table, given)
    trial.statements.append(row.statement)
    kept = all(value != "NULL" or row.values[column] == "NULL" for column, value in given.items())
    listed = ", ".join(f"{column} = {row.values[column]}" for column in given)
    return Outcome(kept, f"a row with {listed} was accepted")


def parent_key_does_not_fit(trial: Trial) -> Outcome:
    """INT07: the parent takes a key that the column which refers to it refuses."""
    table, (name,) = trial.table(), trial.finding.objects[0].columns
    key = next(each for each in table.foreign_keys if each.columns == (name,))
    parent = trial.catalog.table(key.referenced or 0)
    length = table.column(name).length
    if parent is None or length is None:
        raise UndecidedError(f"no key is known that {table.column(name).type} refuses")
    row = trial.rows.insert(parent.qualified_name, {key.referenced_columns[0]: f"repeat('k', {length + 1})"})
    trial.statements.append(row.statement)
    refused = trial.refusal(insert_statement(table, {name: row.values[key.referenced_columns[0]]}))
    return Outcome("too long" in (refused or ""), f"{parent.qualified_name} took the key; {table.name}: {refused}")


def references_go_round(trial: Trial) -> Outcome:
    """INT12: every table of the cycle is referred to by the next, by keys that are checked at once."""
    names = ", ".join(literal(each.name) for each in trial.finding.objects)
    rows = trial.run(
        "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
        f" AND NOT condeferrable AND conname IN ({names})"
    )
    pairs = dict(rows)
    start = next(iter(pairs), "")
    path = [start]
    while path[-1] in pairs and len(path) <= len(pairs):
        path.append(pairs[path[-1]])
    return Outcome(len(path) > 1 and path[-1] == start, " -> ".join(path))


def equal_rows_cannot_be_told_apart(trial: Trial) -> Outcome:
    """INT22: the same row twice, and an UPDATE of a published table."""
    table = trial.table()
    row = trial.rows.insert(table.qualified_name)
    second = trial.refusal(insert_statement(table, row.values))
    trial.run(f"CREATE PUBLICATION precision FOR TABLE {table_sql(table)}")
    column = quoted(table.columns[0].name)
    update = trial.refusal(f"UPDATE {table_sql(table)} SET {column} = {column}")
    replica = "replica identity" in (update or "")
    return Outcome(
        second is None and replica, f"same row again: {second or 'accepted'}; UPDATE: {update or 'accepted'}"
    )


def moment_depends_on_zone(trial: Trial) -> Outcome:
    """TYP02: two sessions write one moment, and the values differ."""
    table, names = trial.table(), trial.finding.objects[0].columns
    listed = ", ".join(quoted(name) for name in names)
    trial.run(f"CREATE TEMP TABLE look ON COMMIT DROP AS SELECT {listed} FROM {table_sql(table)} WITH NO DATA")
    for zone in ("UTC", "Asia/Tokyo"):
        trial.run(f"SET LOCAL TimeZone = '{zone}'")
        trial.run(f"INSERT INTO look VALUES ({', '.join([_MOMENT] * len(names))})")
    ((*distinct,),) = trial.run(f"SELECT {', '.join(f'count(DISTINCT {quoted(name)})' for name in names)} FROM look")
    return Outcome(
        all(number == len(("UTC", "Asia/Tokyo")) for number in distinct),
        f"one moment, written by sessions in UTC and in Tokyo, became {min(distinct)} values",
    )


def json_cannot_be_compared(trial: Trial) -> Outcome:
    """TYP03: DISTINCT over each column is refused."""
    table = trial.table()
    refused = [
        trial.refusal(f"SELECT DISTINCT {quoted(name)} FROM {table_sql(table)}")
        for name in trial.finding.objects[0].columns
    ]
    return Outcome(all("equality operator" in (each or "") for each in refused), refused[0] or "accepted")


def owner_reads_files(trial: Trial) -> Outcome:
    """SEC03: the role that owns the tables reads a file of the server."""
    trial.run(f"SET LOCAL ROLE {quoted(trial.finding.objects[0].name)}")
    refused = trial.refusal("SELECT pg_read_file('PG_VERSION')")
    return Outcome(refused is None, refused or "the role read a file of the server")


def trust_is_configured(trial: Trial) -> Outcome:
    """SEC07: the server's own reading of pg_hba.conf."""
    rows = trial.run("SELECT type, auth_method FROM pg_hba_file_rules WHERE auth_method IN ('trust', 'md5')")
    return Outcome(bool(rows), "; ".join(" ".join(row) for row in rows) or "no such line")


def nothing_is_archived(trial: Trial) -> Outcome:
    """OPS09: no archive, no standby."""
    ((mode, standbys),) = trial.run(
        "SELECT current_setting('archive_mode'), (SELECT count(*) FROM pg_stat_replication)"
    )
    return Outcome(mode == "off" and standbys == 0, f"archive_mode = {mode}, {standbys} standbys")


EXPERIMENTS: Mapping[str, Experiment] = {
    "IDX01": foreign_key_check_reads_all,
    "IDX02": other_index_serves,
    "IDX03": other_index_serves,
    "IDX18": key_is_constant,
    "INT01": equal_rows_accepted,
    "INT02": equal_rows_accepted,
    "INT07": parent_key_does_not_fit,
    "INT12": references_go_round,
    "INT15": row_accepted,
    "INT16": row_accepted,
    "INT22": equal_rows_cannot_be_told_apart,
    "OPS09": nothing_is_archived,
    "SEC03": owner_reads_files,
    "SEC07": trust_is_configured,
    "TYP02": moment_depends_on_zone,
    "TYP03": json_cannot_be_compared,
}


def mended(trial: Trial) -> bool:
    """Apply the finding's own remedy, and tell whether there was one."""
    operations = trial.finding.remedy.operations if trial.finding.remedy else ()
    for operation in operations:
        for statement in operation.forward():
            trial.run(statement.replace(" CONCURRENTLY", ""))
    return bool(operations)


def table_sql(table: Table) -> str:
    """Return a table's name as SQL."""
    return quoted(table.schema, table.name)


def _index(table: Table, subject: ObjectRef) -> Index:
    return next(index for index in table.indexes if index.name == subject.name)


def stored_value(trial: Trial, table: Table, column: str) -> str:
    """Return a value of a column that its table accepts: of a parent's row where it refers to one."""
    key: Constraint | None = next((each for each in table.foreign_keys if each.columns == (column,)), None)
    parent = trial.catalog.table(key.referenced or 0) if key else None
    if key is None or parent is None:
        return value_sql(trial.catalog, table.column(column), "1")
    return trial.rows.insert(parent.qualified_name).values[key.referenced_columns[0]]


def value_sql(catalog: Catalog, column: Column, number: str) -> str:
    """Return SQL of a column's value in a row of a number, different from row to row where the type allows."""
    if column.type_kind == "e":
        labels = next(
            each.labels for each in catalog.types if (each.schema, each.name) == (column.type_schema, column.type_name)
        )
        return f"{literal(labels[0])}::{column.type}"
    if column.type_category == "A":
        return f"'{{}}'::{column.type}"
    plain = _BY_TYPE.get(column.base_type, "{n}").format(n=number)
    return f"({plain})::text::{column.type}"


def _ordered(key: str, descending: bool, nulls_first: bool) -> str:
    return f"({key}) {'DESC' if descending else 'ASC'} NULLS {'FIRST' if nulls_first else 'LAST'}"


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _only_index(nodes: Sequence[Mapping[str, Any]]) -> str | None:
    """The one index that a plan reads; None where it also sorts, or reads a table whole."""
    if any(not str(node["Node Type"]).startswith("Index") for node in nodes):
        return None
    return next((str(node["Index Name"]) for node in nodes), None)


def _conditions(nodes: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(re.findall(r"\$\d+", str(node.get("Index Cond", "")))) for node in nodes)


def decide(trial: Trial, experiments: Mapping[str, Experiment] = EXPERIMENTS) -> Outcome:
    """Run the experiment of the finding's rule.

    Args:
        trial: of the finding.
        experiments: by rule.

    Raises:
        UndecidedError: there is none, or its rows could not be made.
    """
    experiment = experiments.get(trial.finding.rule)
    if experiment is None:
        raise UndecidedError("no experiment is known for this rule")
    try:
        trial.run("SET CONSTRAINTS ALL IMMEDIATE")
        return experiment(trial)
    except NotReproducedError as refused:
        return Outcome(False, f"the row was refused: {refused}")
    except psycopg.Error as error:
        raise UndecidedError(error.diag.message_primary or str(error)) from error
