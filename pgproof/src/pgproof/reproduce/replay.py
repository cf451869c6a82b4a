"""Replays a counter-example on a scratch copy: the script it came to, and whether the fault was seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import psycopg

from pgproof.facts.catalog import Catalog, QualifiedName, Table
from pgproof.remedy.names import quoted
from pgproof.reproduce.row_values import candidates
from pgproof.reproduce.rows import NotReproducedError, Row, RowMaker, insert_statement
from pgproof.rules import counter_examples
from pgproof.rules.counter_examples import CounterExample

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Step:
    """A statement of the script.

    Attributes:
        session: `A` or `B`.
        statement: that was run.
        outcome: what the server said.
    """

    session: str
    statement: str
    outcome: str


@dataclass(frozen=True)
class Reproduction:
    """What a replay came to.

    Attributes:
        prepared: the rows that had to be there first.
        steps: what the sessions then did.
        shown: the fault was seen.
        verdict: what was seen, in a sentence.
    """

    prepared: tuple[str, ...]
    steps: tuple[Step, ...]
    shown: bool
    verdict: str

    def script(self) -> str:
        """Return it as SQL one can paste, with a comment on each step."""
        lines = ["-- Rows that have to be there first", *(f"{each};" for each in self.prepared), ""]
        for step in self.steps:
            lines += [f"-- session {step.session}: {step.outcome}", f"{step.statement};"]
        return "\n".join((*lines, "", f"-- {self.verdict}"))


def replay(url: str, catalog: Catalog, example: CounterExample) -> Reproduction:
    """Replay a counter-example on a copy of the schema, which it writes to.

    Args:
        url: of the scratch copy.
        catalog: of the source, which the copy has the schema of.
        example: what to show.

    Raises:
        NotReproducedError: the rows it needs could not be made.
    """
    with psycopg.connect(url, autocommit=True) as first, psycopg.connect(url, autocommit=True) as second:
        for session in (first, second):
            session.execute("SET statement_timeout = '30s'")
        player = _Player(first, second, catalog)
        match example:
            case counter_examples.EqualRows():
                return player.equal_rows(example)
            case counter_examples.AcceptedRow():
                return player.accepted_row(example)
            case counter_examples.UndeletableParent():
                return player.undeletable_parent(example)
            case counter_examples.OrphanAccepted():
                return player.orphan_accepted(example)
            case counter_examples.DisagreeingReferences():
                return player.disagreeing_references(example)
            case _:
                assert_never(example)


class _Player:
    def __init__(self, first: Connection, second: Connection, catalog: Catalog) -> None:
        self._sessions = {"A": first, "B": second}
        self._catalog = catalog
        self._rows = RowMaker(first, catalog)
        self._steps: list[Step] = []

    def equal_rows(self, example: counter_examples.EqualRows) -> Reproduction:
        """Two sessions that see nothing of each other insert the same values, and commit."""
        table = self._table(example.table)
        draft = self._rows.draft(example.table, {}, keep=False)
        given = {column: draft.values[column] for column in example.columns}
        missing = [column for column, value in given.items() if value == "NULL"]
        given |= {column: self._value(table, column) for column in missing}
        again = {
            column: f"upper({value})" if column in example.differ_in_case else value for column, value in given.items()
        }
        one = self._rows.draft(example.table, given, keep=False)
        two = self._rows.draft(example.table, again, keep=False)
        self._do("A", "BEGIN")
        self._do("B", "BEGIN")
        accepted = self._do("A", _again(table, one, given))
        # A unique rule would make B wait for A, so the wait is cut short and counts as the rule holding.
        self._sessions["B"].execute("SET LOCAL lock_timeout = '2s'")
        accepted = self._do("B", _again(table, two, again)) and accepted
        self._do("A", "COMMIT")
        self._do("B", "COMMIT" if accepted else "ROLLBACK")
        columns = ", ".join(example.columns)
        return self._seen(
            accepted,
            f"{example.table} holds two rows with the same ({columns})",
            f"the second row with the same ({columns}) was refused",
        )

    def accepted_row(self, example: counter_examples.AcceptedRow) -> Reproduction:
        """A row that contradicts itself is inserted."""
        table = self._table(example.table)
        given = dict(example.values)
        try:
            row = self._rows.draft(example.table, given, keep=False)
        except NotReproducedError as refused:
            return self._seen(False, "", f"the row was refused: {refused}")
        accepted = self._do("A", _again(table, row, given))
        listed = ", ".join(f"{column} = {value}" for column, value in example.values)
        return self._seen(accepted, f"{example.table} accepted a row with {listed}", "the row was refused")

    def undeletable_parent(self, example: counter_examples.UndeletableParent) -> Reproduction:
        """The row that another refers to is deleted, or rather is not."""
        table = self._table(example.table)
        key = next((each for each in table.foreign_keys if each.name == example.constraint), None)
        parent = self._catalog.table(key.referenced) if key and key.referenced else None
        if key is None or parent is None:
            raise NotReproducedError(f"{example.constraint} is not a foreign key of {example.table}")
        row = self._rows.insert(parent.qualified_name)
        named = dict(zip(key.columns, key.referenced_columns, strict=True))
        self._rows.insert(example.table, {column: row.values[name] for column, name in named.items()})
        where = " AND ".join(f"{quoted(name)} = {row.values[name]}" for name in key.referenced_columns)
        deleted = self._do("A", f"DELETE FROM {quoted(parent.schema, parent.name)} WHERE {where}")
        return self._seen(
            not deleted,
            f"the row of {parent.qualified_name} cannot be deleted while {example.table} refers to it",
            f"the row of {parent.qualified_name} was deleted",
        )

    def orphan_accepted(self, example: counter_examples.OrphanAccepted) -> Reproduction:
        """A row that refers to a parent is inserted, then the parent goes, and the row stays."""
        parent = self._rows.insert(example.referenced)
        named = dict(zip(example.columns, example.referenced_columns, strict=True))
        child = self._rows.insert(example.table, {column: parent.values[name] for column, name in named.items()})
        where = " AND ".join(f"{quoted(name)} = {parent.values[name]}" for name in example.referenced_columns)
        deleted = self._do(
            "A", f"DELETE FROM {quoted(example.referenced.schema, example.referenced.name)} WHERE {where}"
        )
        still = " AND ".join(f"{quoted(column)} = {child.values[column]}" for column in example.columns)
        left = self._count(example.table, still) if deleted else 0
        return self._seen(
            left > 0,
            f"{example.table} holds a row that refers to nothing",
            "the reference held: the parent stayed, or its rows went along",
        )

    def disagreeing_references(self, example: counter_examples.DisagreeingReferences) -> Reproduction:
        """A row names one parent directly, and another through its second reference."""
        table = self._table(example.table)
        direct = next((key for key in table.foreign_keys if key.columns == (example.direct,)), None)
        parent = self._catalog.table(direct.referenced) if direct and direct.referenced else None
        if direct is None or parent is None:
            raise NotReproducedError(f"{example.table}.{example.direct} is not a foreign key")
        target = direct.referenced_columns[0]
        one, other = self._rows.insert(parent.qualified_name), self._rows.insert(parent.qualified_name)
        via = self._rows.insert(example.via_table, {example.via_direct: one.values[target]})
        given = {example.direct: other.values[target], example.reference: via.values[example.via_key]}
        row = self._rows.draft(example.table, given, keep=False)
        accepted = self._do("A", _again(table, row, given))
        return self._seen(
            accepted,
            f"{example.table} accepted a row whose {example.direct} is {other.values[target]} and whose"
            f" {example.reference} leads to {one.values[target]}",
            "the contradiction was refused",
        )

    def _do(self, session: str, statement: str) -> bool:
        try:
            self._sessions[session].execute(statement.encode())
        except psycopg.Error as error:
            reason = error.diag.message_primary or type(error).__name__
            self._steps.append(Step(session, statement, f"refused: {reason}"))
            return False
        self._steps.append(Step(session, statement, "accepted"))
        return True

    def _count(self, name: QualifiedName, where: str) -> int:
        statement = f"SELECT count(*) FROM {quoted(name.schema, name.name)} WHERE {where}"
        row = self._sessions["A"].execute(statement.encode()).fetchone()
        assert row is not None
        self._steps.append(Step("A", statement, f"{row[0]}"))
        return int(row[0])

    def _seen(self, shown: bool, seen: str, otherwise: str) -> Reproduction:
        prepared = tuple(row.statement for row in self._rows.made)
        return Reproduction(prepared, tuple(self._steps), shown, seen if shown else otherwise)

    def _table(self, name: QualifiedName) -> Table:
        table = self._catalog.named(name)
        if table is None:
            raise NotReproducedError(f"{name} is not in the catalog")
        return table

    def _value(self, table: Table, column: str) -> str:
        """A value for a column that may be NULL: of a parent's row where it refers to one."""
        for key in table.foreign_keys:
            if key.columns == (column,) and key.referenced is not None:
                parent = self._catalog.table(key.referenced)
                if parent is not None:
                    return self._rows.insert(parent.qualified_name).values[key.referenced_columns[0]]
        found = candidates(self._catalog, table.column(column), 1)
        if not found:
            raise NotReproducedError(f"nobody knows a value for {table.qualified_name}.{column}")
        return found[0]


def _again(table: Table, row: Row, given: Mapping[str, str]) -> str:
    """The INSERT of a row that was found by trial, without the values that the table fills in itself."""
    values = {
        column.name: given.get(column.name, row.values[column.name])
        for column in table.columns
        if column.name in given
        or (
            not column.has_default
            and column.identity is None
            and column.generated is None
            and row.values[column.name] != "NULL"
        )
    }
    return insert_statement(table, values)
