"""Answers questions to the data: each in a short read-only transaction of its own, bounded in time and locks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.plans import explain_generic
from pgproof.facts.question_sql import statement, tables_of
from pgproof.facts.questions import Answer, Counts, PlanOf, Question
from pgproof.facts.sql import load

Connection = psycopg.Connection[Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CollectOptions:
    """How far a question may go.

    Attributes:
        timeout: milliseconds a question may take.
        largest_bytes: tables above it are not counted; None to count every table.
    """

    timeout: int = 5_000
    largest_bytes: int | None = 1 << 30


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
        psycopg.OperationalError: the connection was lost.
    """
    distinct = tuple(dict.fromkeys(questions))
    answers = []
    for done, question in enumerate(distinct, 1):
        answers.append(_answer(connection, facts, question, options or CollectOptions()))
        progress(done, len(distinct))
    return tuple(answers)


def _answer(connection: Connection, facts: Facts, question: Question, options: CollectOptions) -> Answer:
    started = time.perf_counter()
    query = sql.SQL("") if isinstance(question, PlanOf) else statement(question)
    text = question.statement if isinstance(question, PlanOf) else query.as_string(connection)
    refusal = _refusal(facts, question, options)
    if refusal is not None:
        return Answer(question, text, refused=refusal)
    try:
        with connection.transaction(force_rollback=True), connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(load("safe_reading"), {"statement_timeout": f"{options.timeout}ms"})
            if isinstance(question, PlanOf):
                plan = explain_generic(cursor, facts, question)
                return Answer(question, text, plan=plan, milliseconds=_since(started))
            row = cursor.execute(sql.SQL("/* pgproof */ ") + query).fetchone()
    except psycopg.OperationalError as error:
        if error.sqlstate is None or connection.broken:
            raise
        return Answer(question, text, refused=_reason(error), milliseconds=_since(started))
    except psycopg.Error as error:
        return Answer(question, text, refused=_reason(error), milliseconds=_since(started))
    assert row is not None
    return Answer(
        question, text, counts=Counts(**row, rows_total=row["rows_examined"], exact=True), milliseconds=_since(started)
    )


def _refusal(facts: Facts, question: Question, options: CollectOptions) -> str | None:
    for name in tables_of(question):
        table = facts.catalog.named(name)
        if table is None:
            return f"{name} is not in the catalog"
        if table.kind not in ("table", "partitioned table"):
            return f"{name} is a {table.kind}, whose code could do anything"
        if table.locked:
            return f"{name} is locked by another session"
        if table.row_security and not facts.rights.superuser:
            return f"{name} has row security, which would hide rows"
        size = total_bytes(facts, table)
        if options.largest_bytes is not None and size is not None and size > options.largest_bytes:
            return f"{name} is larger than {options.largest_bytes} bytes"
    return None


def total_bytes(facts: Facts, table: Table) -> int | None:
    """Return the size of a table's rows with those of its partitions; None where any of it is unknown."""
    sizes = [table.bytes if table.kind == "table" else 0]
    sizes += [total_bytes(facts, part) for part in facts.catalog.partitions(table)]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _reason(error: psycopg.Error) -> str:
    message = error.diag.message_primary or type(error).__name__
    return f"{message} (SQLSTATE {error.sqlstate})"


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
