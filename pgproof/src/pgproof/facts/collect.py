"""Answers questions to the data: each in a short read-only transaction of its own, bounded in time and locks.

Questions about the rows of one table share a scan. What is too large, or does not end in time, is answered from a
sample, which proves that something is there, never that it is not; where exact counts are asked for, range by range.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, TypeAlias

import psycopg

from pgproof.facts import questions as asked
from pgproof.facts.catalog import QualifiedName, Table
from pgproof.facts.failures import explained, lost, reason
from pgproof.facts.model import Facts
from pgproof.facts.plans import Refused, explain_generic
from pgproof.facts.question_sql import WHOLE, CountQuestion, Part, column_of, statement, together
from pgproof.facts.questions import Answer, Counts, PlanOf, Question
from pgproof.facts.read import bounded_reading
from pgproof.facts.sql import TAG
from pgproof.facts.touchable import leaves, refusal

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]
Data: TypeAlias = Literal["none", "default", "exact"]

_TOGETHER = 20
"""Conditions that share a scan at most, so that the statement stays readable in the server's log."""

_SAMPLE_BYTES = 64 << 20
_LARGEST_SAMPLE = 10.0
"""Per cent of the blocks: a table that could not be counted in time is not sampled almost whole."""

_FIRST_RANGE = 32_768
_LEAST_RANGE = 128
"""Blocks: 256 MB and 1 MB of the usual 8 kB. Below the least, a range that does not end in time is given up."""


@dataclass(frozen=True)
class CollectOptions:
    """How far a question may go.

    Attributes:
        timeout: milliseconds a statement may take.
        largest_bytes: tables above it are sampled rather than counted.
        data: `none` asks the data nothing and only plans; `exact` counts tables of any size, range by range.
    """

    timeout: int = 5_000
    largest_bytes: int = 1 << 30
    data: Data = "default"


def collect_answers(
    connection: Connection,
    facts: Facts,
    questions: Iterable[Question],
    options: CollectOptions | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[Answer, ...]:
    """Answer each question once, in the order asked; a refusal says why.

    Args:
        connection: outside a transaction.
        facts: of the same database, which say what may be touched.
        questions: duplicates are answered once.
        options: bounds of a question.
        progress: told after each question how many of how many are done.

    Raises:
        PgproofError: the connection was lost.
    """
    distinct = tuple(dict.fromkeys(questions))
    collector = _Collector(connection, facts, options or CollectOptions())
    answers: dict[Question, Answer] = {}
    with explained("The questions to the data could not be answered"):
        for batch in _batches(distinct):
            for answer in collector.answers(batch):
                answers[answer.question] = answer
                progress(len(answers), len(distinct))
    return tuple(answers[question] for question in distinct)


def _batches(questions: Sequence[Question]) -> Iterator[tuple[Question, ...]]:
    """Conditions on one table together, every other question by itself."""
    by_table: dict[QualifiedName, list[asked.RowsWhere]] = {}
    for question in questions:
        if isinstance(question, asked.RowsWhere):
            by_table.setdefault(question.table, []).append(question)
        else:
            yield (question,)
    for several in by_table.values():
        remaining = iter(several)
        while batch := tuple(islice(remaining, _TOGETHER)):
            yield batch


class _Collector:
    def __init__(self, connection: Connection, facts: Facts, options: CollectOptions) -> None:
        self.connection = connection
        self.facts = facts
        self.options = options

    def answers(self, batch: tuple[Question, ...]) -> Iterator[Answer]:
        if isinstance(batch[0], PlanOf):
            yield self._plan(batch[0])
            return
        counts = tuple(question for question in batch if not isinstance(question, PlanOf))
        refused = {question: why for question in counts if (why := self._refusal(question)) is not None}
        for question, why in refused.items():
            yield Answer(question, self._text(question, WHOLE), refused=why)
        allowed = tuple(question for question in counts if question not in refused)
        if allowed:
            yield from self._counted(allowed)

    def _refusal(self, question: CountQuestion) -> str | None:
        if self.options.data == "none":
            return "questions to the data were switched off"
        return refusal(self.facts, question)

    def _plan(self, question: PlanOf) -> Answer:
        started = time.perf_counter()
        try:
            with bounded_reading(self.connection, self.options.timeout) as cursor:
                plan = explain_generic(cursor, self.facts, question)
        except Refused as error:
            return Answer(question, question.statement, refused=str(error), milliseconds=_since(started))
        except psycopg.Error as error:
            return self._refused(question, question.statement, error, started)
        return Answer(question, question.statement, plan=plan, milliseconds=_since(started))

    def _counted(self, batch: tuple[CountQuestion, ...]) -> Iterator[Answer]:
        started = time.perf_counter()
        table = self.facts.catalog.named(batch[0].table)
        assert table is not None
        part = self._first_part(batch[0], table)
        try:
            yield from self._answered(batch, part, self._run(batch, part), started)
        except psycopg.errors.QueryCanceled as error:
            if part.percent is not None:
                yield from (self._refused(question, self._text(question, part), error, started) for question in batch)
            elif self.options.data == "exact" and _by_ranges(batch[0]):
                yield from self._in_ranges(batch, table, started)
            else:
                yield from self._sampled(batch, table, started)
        except psycopg.Error as error:
            if len(batch) > 1 and not lost(self.connection, error):
                for question in batch:
                    yield from self._counted((question,))
                return
            yield from (self._refused(question, self._text(question, part), error, started) for question in batch)

    def _first_part(self, question: CountQuestion, table: Table) -> Part:
        if self.options.data == "exact" or self._bytes(table) <= self.options.largest_bytes:
            return WHOLE
        if isinstance(question, asked.HighestValue) and _leads_an_index(table, question.column):
            return WHOLE
        return self._sample(table)

    def _sampled(self, batch: tuple[CountQuestion, ...], table: Table, started: float) -> Iterator[Answer]:
        part = self._sample(table)
        try:
            yield from self._answered(batch, part, self._run(batch, part), started)
        except psycopg.Error as error:
            yield from (self._refused(question, self._text(question, part), error, started) for question in batch)

    def _in_ranges(self, batch: tuple[CountQuestion, ...], table: Table, started: float) -> Iterator[Answer]:
        """Count range by range, each in a transaction: what is changed meanwhile is seen as it was or as it is."""
        total: dict[str, int] = {}
        try:
            for leaf in leaves(self.facts, table):
                for row in self._ranges(batch, leaf):
                    total = {name: total.get(name, 0) + count for name, count in row.items()}
        except psycopg.Error as error:
            yield from (self._refused(question, self._text(question, WHOLE), error, started) for question in batch)
            return
        yield from self._answered(batch, WHOLE, total, started)

    def _ranges(self, batch: tuple[CountQuestion, ...], leaf: Table) -> Iterator[Mapping[str, int]]:
        setting = self.facts.server.setting("block_size")
        size = int(setting.value) if setting is not None and setting.value else 8192
        blocks, first, step = (leaf.heap_bytes or 0) // size, 0, _FIRST_RANGE
        while True:
            last = first + step if first + step < blocks else None
            started = time.perf_counter()
            try:
                row = self._run(batch, Part(leaf.qualified_name, first, last))
            except psycopg.errors.QueryCanceled:
                if step <= _LEAST_RANGE:
                    raise
                step //= 2
                continue
            yield row
            if last is None:
                return
            first = last
            if _since(started) < self.options.timeout / 4:
                step *= 2

    def _run(self, batch: tuple[CountQuestion, ...], part: Part) -> Mapping[str, int]:
        conditions = tuple(question for question in batch if isinstance(question, asked.RowsWhere))
        query = together(conditions, part) if conditions else statement(batch[0], part)
        text = query.as_string(self.connection).replace("SELECT", f"SELECT {TAG}", 1)
        with bounded_reading(self.connection, self.options.timeout) as cursor:
            # Binary results make psycopg use the extended protocol, which takes one statement and no more.
            row = cursor.execute(text.encode(), binary=True).fetchone()
        assert row is not None
        return row

    def _answered(
        self, batch: tuple[CountQuestion, ...], part: Part, row: Mapping[str, int], started: float
    ) -> Iterator[Answer]:
        exact = part.percent is None
        for number, question in enumerate(batch):
            whole = exact and isinstance(question, asked.RowsWhere | asked.Orphans)
            counts = Counts(
                rows=row[column_of(number)],
                rows_examined=row["rows_examined"],
                rows_total=row["rows_examined"] if whole else None,
                exact=exact,
                groups=row.get("groups"),
                surplus_rows=row.get("surplus_rows"),
            )
            yield Answer(question, self._text(question, part), counts=counts, milliseconds=_since(started))

    def _refused(self, question: Question, text: str, error: psycopg.Error, started: float) -> Answer:
        if lost(self.connection, error):
            raise error
        return Answer(question, text, refused=reason(error), milliseconds=_since(started))

    def _text(self, question: CountQuestion, part: Part) -> str:
        return statement(question, replace(part, relation=None)).as_string(self.connection)

    def _bytes(self, table: Table) -> int:
        return sum(leaf.bytes or 0 for leaf in leaves(self.facts, table))

    def _sample(self, table: Table) -> Part:
        return Part(percent=min(_LARGEST_SAMPLE, 100.0 * _SAMPLE_BYTES / max(self._bytes(table), 1)))


def _by_ranges(question: CountQuestion) -> bool:
    """Whether the counts of ranges add up; equal rows and the highest are found only among all."""
    return isinstance(question, asked.RowsWhere | asked.Orphans | asked.Disagreements)


def _leads_an_index(table: Table, column: str) -> bool:
    return any(
        index.method == "btree" and index.usable and not index.partial and index.columns[0] == column
        for index in table.indexes
    )


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
