"""The statement that answers a question: composed of quoted names, bound constants and built-in operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from psycopg import sql

from pgproof.facts import questions
from pgproof.facts.catalog import QualifiedName
from pgproof.facts.questions import Condition, Question

CountQuestion: TypeAlias = (
    questions.RowsWhere | questions.Duplicates | questions.Orphans | questions.Disagreements | questions.HighestValue
)


@dataclass(frozen=True)
class Part:
    """Some of a table's rows: those of some blocks of one relation, or of a sample.

    Attributes:
        relation: the partition or inheritance child to read alone; None for the table with all of them.
        first_block: of the relation, to begin with.
        last_block: to end before; None for all the rest, rows that were added meanwhile included.
        percent: of the blocks to sample; None for all.
    """

    relation: QualifiedName | None = None
    first_block: int = 0
    last_block: int | None = None
    percent: float | None = None


WHOLE = Part()


def statement(question: CountQuestion, part: Part = WHOLE) -> sql.Composed:
    """Return the SQL of a question; its columns are those of `Counts` that the question fills.

    Args:
        question: any but `PlanOf`, which is not a count.
        part: of the table that is asked about; what it refers to is always looked up in full.
    """
    match question:
        case questions.RowsWhere():
            return together((question,), part)
        case questions.Duplicates():
            return _duplicates(question, part)
        case questions.Orphans():
            return _orphans(question, part)
        case questions.Disagreements():
            return _disagreements(question, part)
        case questions.HighestValue():
            return sql.SQL(
                "SELECT coalesce(max(c.{column}), 0)::bigint AS rows, 0 AS rows_examined FROM {table}"
            ).format(column=sql.Identifier(question.column), table=_source(question.table, part))
        case _:
            assert_never(question)


def together(asked: Sequence[questions.RowsWhere], part: Part = WHOLE) -> sql.Composed:
    """Return the SQL of several conditions on one table: one scan counts them as rows, rows_1, rows_2 ...

    Args:
        asked: about one table.
        part: of the table.
    """
    counts = sql.SQL(", ").join(
        sql.SQL("count(*) FILTER (WHERE {}) AS {}").format(
            condition_sql(question.condition), sql.Identifier(column_of(number))
        )
        for number, question in enumerate(asked)
    )
    return sql.SQL("SELECT {counts}, count(*) AS rows_examined FROM {table}{where}").format(
        counts=counts, table=_source(asked[0].table, part), where=_where(part)
    )


def column_of(number: int) -> str:
    """Return the column of `together` that counts a question, by its place among those asked."""
    return f"rows_{number}" if number else "rows"


def tables_of(question: Question) -> tuple[QualifiedName, ...]:
    """Return the relations that a question reads; none for a plan, whose statement names its own."""
    match question:
        case questions.Orphans():
            return (question.table, question.referenced)
        case questions.Disagreements():
            return (question.table, question.via_table)
        case questions.PlanOf():
            return ()
        case _:
            return (question.table,)


def condition_sql(condition: Condition) -> sql.Composed:
    """Return a condition as SQL over the columns of one table."""
    match condition:
        case questions.Compare():
            right: sql.Composable = (
                sql.Literal(condition.constant)
                if condition.other_column is None
                else sql.Identifier(condition.other_column)
            )
            return sql.SQL("{} {} {}").format(sql.Identifier(condition.column), sql.SQL(condition.operator), right)
        case questions.Past():
            return sql.SQL("{} < now() - make_interval(days => {})").format(
                sql.Identifier(condition.column), sql.Literal(condition.days)
            )
        case questions.Matches():
            return sql.SQL("{}::text ~ {}").format(sql.Identifier(condition.column), sql.Literal(condition.pattern))
        case questions.IsNull():
            return sql.SQL("{} IS NULL").format(sql.Identifier(condition.column))
        case questions.Not():
            return sql.SQL("({}) IS NOT TRUE").format(condition_sql(condition.condition))
        case questions.AllOf():
            return _joined(" AND ", condition.conditions)
        case questions.AnyOf():
            return _joined(" OR ", condition.conditions)
        case _:
            assert_never(condition)


def _joined(word: str, conditions: tuple[Condition, ...]) -> sql.Composed:
    return sql.SQL("({})").format(sql.SQL(word).join(condition_sql(condition) for condition in conditions))


def _duplicates(question: questions.Duplicates, part: Part) -> sql.Composed:
    keys = sql.SQL(", ").join(
        sql.SQL("lower({})").format(sql.Identifier(column)) if column in question.lower else sql.Identifier(column)
        for column in question.columns
    )
    conditions = [sql.SQL("{} IS NOT NULL").format(sql.Identifier(column)) for column in question.columns]
    if question.where is not None:
        conditions.append(condition_sql(question.where))
    return sql.SQL(
        "SELECT coalesce(sum(n) FILTER (WHERE n > 1), 0)::bigint AS rows, coalesce(sum(n), 0)::bigint AS rows_examined,"
        " count(*) FILTER (WHERE n > 1) AS groups, coalesce(sum(n - 1), 0)::bigint AS surplus_rows"
        " FROM (SELECT count(*) AS n FROM {table} WHERE {where} GROUP BY {keys}) AS counted"
    ).format(table=_source(question.table, part), where=sql.SQL(" AND ").join(conditions), keys=keys)


def _orphans(question: questions.Orphans, part: Part) -> sql.Composed:
    given = sql.SQL(" AND ").join(
        sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(column)) for column in question.columns
    )
    match = sql.SQL(" AND ").join(
        sql.SQL("p.{} = c.{}").format(sql.Identifier(parent), sql.Identifier(child))
        for child, parent in zip(question.columns, question.referenced_columns, strict=True)
    )
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE {given} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {match})) AS rows,"
        " count(*) AS rows_examined FROM {child}{where}"
    ).format(
        given=given,
        match=match,
        parent=_relation(question.referenced),
        child=_source(question.table, part),
        where=_where(part),
    )


def _disagreements(question: questions.Disagreements, part: Part) -> sql.Composed:
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE c.{direct} <> v.{via_direct}) AS rows, count(*) AS rows_examined"
        " FROM {table} JOIN {via} AS v ON v.{key} = c.{reference}{where}"
    ).format(
        direct=sql.Identifier(question.direct),
        via_direct=sql.Identifier(question.via_direct),
        table=_source(question.table, part),
        via=_relation(question.via_table),
        key=sql.Identifier(question.via_key),
        reference=sql.Identifier(question.reference),
        where=_where(part),
    )


def _source(table: QualifiedName, part: Part) -> sql.Composed:
    only = sql.SQL("") if part.relation is None else sql.SQL("ONLY ")
    # REPEATABLE, so that who runs the statement again reads the same blocks.
    sample = (
        sql.SQL("") if part.percent is None else sql.SQL(f" TABLESAMPLE SYSTEM ({part.percent:.6f}) REPEATABLE (1)")
    )
    return sql.SQL("{}{} AS c{}").format(only, _relation(part.relation or table), sample)


def _where(part: Part) -> sql.Composed:
    if part.relation is None:
        return sql.Composed([])
    conditions = [sql.SQL("c.ctid >= {}::tid").format(sql.Literal(f"({part.first_block},0)"))]
    if part.last_block is not None:
        conditions.append(sql.SQL("c.ctid < {}::tid").format(sql.Literal(f"({part.last_block},0)")))
    return sql.SQL(" WHERE {}").format(sql.SQL(" AND ").join(conditions))


def _relation(name: QualifiedName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
