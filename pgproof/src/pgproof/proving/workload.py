"""The statements an application sends, each with values drawn from the scratch copy, ready to be run there.

A parameter that is compared with a column gets values of that column, all of one row where several are of one table;
one of LIMIT, OFFSET or of a type that needs no row gets a plain value. A statement whose values cannot be drawn, or
that the copy refuses, is listed with the reason: what was not measured must not look as if it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlglot import exp

from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Catalog, QualifiedName, Table
from pgproof.facts.model import Facts
from pgproof.facts.statement_text import without_comments

_MOST = 40
"""Statements that are measured, those with most time first."""
_SETS = 8
_SAMPLED_ROWS = 200
_TIMEOUT_MS = 10_000
_READS_OR_CHANGES = re.compile(r"\s*\(*\s*(select|with|values|table|update|delete)\b", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<kept>[eE]?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag))|\$(?P<number>\d+)|(?P<percent>%)",
    re.DOTALL,
)
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
_TIMES = ("date", "timestamp with time zone", "timestamp without time zone")
_PLAIN_VALUES = {
    "boolean": "true",
    "interval": "1 day",
    **dict.fromkeys(_TIMES, "now"),
    **dict.fromkeys(_NUMBERS, "1"),
}
_ALIKE = (_NUMBERS, _TIMES)
"""Types of which a value of one is a value of the others."""

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Asked:
    """A statement of the application.

    Attributes:
        text: with parameters as $1, $2 ...
        calls: that were seen.
        total_ms: that they took.
    """

    text: str
    calls: int
    total_ms: float


@dataclass(frozen=True)
class Drawn:
    """A statement that the copy can run.

    Attributes:
        name: short, for people.
        text: as the application sends it.
        sql: in psycopg's style.
        parameters: drawn sets, by the names in `sql`.
        writes: it changes rows.
        tables: that it names.
    """

    name: str
    text: str
    sql: str
    parameters: tuple[Mapping[str, object], ...]
    calls: int
    writes: bool
    tables: tuple[QualifiedName, ...]


@dataclass(frozen=True)
class Undrawn:
    """A statement that is not measured, and why."""

    text: str
    why: str


def asked(facts: Facts) -> tuple[Asked, ...]:
    """Return what the application was seen to send: of a recording where there is one, else of pg_stat_statements."""
    if facts.recording is not None:
        found = [Asked(each.text, each.calls, each.total_ms) for each in facts.recording.statements]
    else:
        found = [Asked(each.query, each.calls, each.total_ms) for each in facts.server.statements or ()]
    wanted = (each for each in found if _READS_OR_CHANGES.match(without_comments(each.text)))
    together: dict[str, Asked] = {}
    for each in wanted:
        known = together.get(each.text)
        calls, total = (known.calls, known.total_ms) if known else (0, 0.0)
        together[each.text] = Asked(each.text, each.calls + calls, each.total_ms + total)
    return tuple(sorted(together.values(), key=lambda each: -each.total_ms))


def draw(url: str, catalog: Catalog, statements: Sequence[Asked]) -> tuple[tuple[Drawn, ...], tuple[Undrawn, ...]]:
    """Return the statements that the copy can run, with their values, and the others.

    Args:
        url: of the scratch copy, for the role that the project's code runs as.
        catalog: of it.
        statements: of the application, those with most time first.
    """
    drawn: list[Drawn] = []
    undrawn: list[Undrawn] = [Undrawn(each.text, f"beyond the {_MOST} with most time") for each in statements[_MOST:]]
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(f"SET statement_timeout = {_TIMEOUT_MS}")
        dealer = _Dealer(connection, catalog)
        for number, each in enumerate(statements[:_MOST], 1):
            try:
                drawn.append(dealer.deal(number, each))
            except _UndrawnError as error:
                undrawn.append(Undrawn(each.text, str(error)))
    return tuple(drawn), tuple(undrawn)


class _UndrawnError(Exception):
    """A statement cannot be run on the copy; the message says why."""


class _Dealer:
    """Draws values for statements from one database."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._samples: dict[QualifiedName, list[Mapping[str, str | None]]] = {}
        row = connection.execute("SELECT current_schemas(false)").fetchone()
        assert row is not None
        self._path: list[str] = row[0]

    def deal(self, number: int, each: Asked) -> Drawn:
        text = without_comments(each.text).removesuffix(";")
        types = self._parameter_types(text)
        tree = syntax_tree(text)
        if tree is None:
            raise _UndrawnError("it does not parse")
        tables = dict(self._tables(tree))
        places = _places(tree)
        values = [self._values(tree, tables, places, position, kind) for position, kind in enumerate(types, 1)]
        sets = tuple(
            {f"p{position}": column[each_set] for position, column in enumerate(values, 1)} for each_set in range(_SETS)
        )
        writes = tree.find(exp.Insert, exp.Update, exp.Delete, exp.Merge) is not None
        found = Drawn(
            _name(number, text, tables),
            text,
            to_psycopg(text),
            sets if types else ({},),
            each.calls,
            writes,
            tuple(dict.fromkeys(table.qualified_name for table in tables.values())),
        )
        self._try(found)
        return found

    def _parameter_types(self, text: str) -> list[str]:
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(b"PREPARE pgproof_asked AS " + text.encode())
                row = self._connection.execute(
                    "SELECT parameter_types::text[] FROM pg_prepared_statements WHERE name = 'pgproof_asked'"
                ).fetchone()
        except psycopg.Error as error:
            raise _UndrawnError(f"the copy refuses it: {error.diag.message_primary or error}") from None
        finally:
            self._connection.execute("DEALLOCATE ALL")
        return list(row[0]) if row else []

    def _try(self, found: Drawn) -> None:
        """Run it once: what fails or takes too long is not measured."""
        try:
            with self._connection.transaction(force_rollback=True):
                self._connection.execute(found.sql.encode(), found.parameters[0])
        except psycopg.Error as error:
            raise _UndrawnError(f"with drawn values the copy refuses it: {_without_values(error)}") from None

    def _tables(self, tree: exp.Expr) -> Iterator[tuple[str, Table]]:
        """Yield each table that the statement names with the name that its columns go by."""
        for node in tree.find_all(exp.Table):
            name, schema = identifier(node.this), identifier(node.args.get("db"))
            for candidate in [schema] if schema else self._path:
                table = self._catalog.named(QualifiedName(candidate or "", name or ""))
                if table is not None:
                    yield node.alias or table.name, table
                    break

    def _values(
        self,
        tree: exp.Expr,
        tables: Mapping[str, Table],
        places: Mapping[int, exp.Expr],
        number: int,
        kind: str,
    ) -> list[str]:
        place = places.get(number)
        if place is None:
            raise _UndrawnError(f"nobody knows where ${number} stands in it")
        if place.find_ancestor(exp.Offset):
            return ["0"] * _SETS
        if place.find_ancestor(exp.Limit, exp.Fetch):
            return ["20"] * _SETS
        array = kind.endswith("[]")
        column = self._compared(place, tables)
        if column is not None and _takes(kind, column[0].column(column[1]).type):
            table, name = column
            rows = self._sample(table)
            drawn = [row[name] for row in rows if row[name] is not None]
            if not drawn:
                raise _UndrawnError(f"{table.qualified_name}.{name}, which ${number} is compared with, holds no value")
            # Values of one set are of one row, so that they occur together.
            picked = [str(rows[at % len(rows)][name] or drawn[at % len(drawn)]) for at in range(_SETS)]
            return [_array((each,)) for each in picked] if array else picked
        if kind in _PLAIN_VALUES:
            return [_PLAIN_VALUES[kind]] * _SETS
        if kind in ("text", "character varying") and _shown_only(place):
            return ["x"] * _SETS
        raise _UndrawnError(f"nothing says which values ${number} ({kind}) takes")

    def _compared(self, place: exp.Expr, tables: Mapping[str, Table]) -> tuple[Table, str] | None:
        """Return the column on the other side of the comparison, or of the assignment, that a parameter stands in."""
        node: exp.Expr | None = place
        while node is not None and not isinstance(node, exp.Predicate | exp.EQ | exp.Select):
            node = node.parent
        if node is None or isinstance(node, exp.Select):
            return None
        for column in node.find_all(exp.Column):
            name, of = identifier(column.this), identifier(column.args.get("table"))
            candidates = list(tables.values()) if of is None else [tables[of]] if of in tables else []
            for table in candidates:
                if name is not None and any(each.name == name for each in table.columns):
                    return table, name
        return None

    def _sample(self, table: Table) -> list[Mapping[str, str | None]]:
        """Return rows of a table as text, the same at each run."""
        if table.qualified_name not in self._samples:
            share = min(100.0, 100.0 * _SAMPLED_ROWS / max(table.estimated_rows or 1, 1) * 2)
            columns = [column.name for column in table.columns]
            # A partitioned table has no pages of its own to sample; a view has none at all.
            sampled = sql.SQL("TABLESAMPLE BERNOULLI ({}) REPEATABLE (1)").format(sql.Literal(share))
            statement = sql.SQL("SELECT {} FROM {} t {} LIMIT {}").format(
                sql.SQL(", ").join(sql.SQL("t.{}::text").format(sql.Identifier(name)) for name in columns),
                sql.Identifier(table.schema, table.name),
                sampled if table.kind in ("table", "partitioned table", "materialized view") else sql.SQL(""),
                sql.Literal(_SAMPLED_ROWS),
            )
            try:
                with self._connection.transaction(force_rollback=True):
                    rows = self._connection.execute(statement).fetchall()
            except psycopg.Error as error:
                raise _UndrawnError(f"{table.qualified_name}: {error.diag.message_primary or error}") from None
            self._samples[table.qualified_name] = [dict(zip(columns, row, strict=True)) for row in rows]
        return self._samples[table.qualified_name]


def _without_values(error: psycopg.Error) -> str:
    """What the server said; of a value that it could not read only that, since the value is of a row."""
    if isinstance(error, psycopg.DataError):
        return f"a value is not of the type it wants ({type(error).__name__})"
    return error.diag.message_primary or type(error).__name__


def _takes(kind: str, column: str) -> bool:
    """Whether a parameter of a type can have a column's values: a length or an age compared with it cannot."""
    if kind not in _PLAIN_VALUES:
        return True
    plain = column.partition("(")[0]
    return kind == plain or any(kind in alike and plain in alike for alike in _ALIKE)


def _name(number: int, text: str, tables: Mapping[str, Table]) -> str:
    """What a statement does to which tables: short enough for a table, where the text stands elsewhere."""
    named = ", ".join(dict.fromkeys(table.name for table in tables.values()))
    return f"{number} {text.split(maxsplit=1)[0].lower()} {named}" if named else f"{number} {text[:60]}"


def to_psycopg(text: str) -> str:
    """Return a statement with parameters in psycopg's style, p1, p2 and so on, and its per cent signs doubled."""

    def replaced(match: re.Match[str]) -> str:
        if match["number"]:
            return f"%(p{match['number']})s"
        return match[0].replace("%", "%%")

    return _TOKEN.sub(replaced, text)


def _places(tree: exp.Expr) -> dict[int, exp.Expr]:
    """Where each parameter stands; of several places the first that is a comparison."""
    found: dict[int, exp.Expr] = {}
    for node in tree.find_all(exp.Parameter):
        number = int(node.this.name)
        if number not in found or (
            node.find_ancestor(exp.Predicate) and not found[number].find_ancestor(exp.Predicate)
        ):
            found[number] = node
    return found


def _shown_only(place: exp.Expr) -> bool:
    """Whether a parameter is no part of a condition, so that any value will do."""
    return place.find_ancestor(exp.Where, exp.Having, exp.Join) is None


def _array(values: Sequence[str]) -> str:
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return "{" + ",".join(f'"{value}"' for value in escaped) + "}"
