"""The statement that answers a question: composed of quoted names, bound constants and built-in operators."""

from __future__ import annotations

from typing import assert_never

from psycopg import sql

from pgproof.facts import questions
from pgproof.facts.catalog import QualifiedName
from pgproof.facts.questions import Condition, Question


def statement(question: Question) -> sql.Composed:
    """Return the SQL of a question; its columns are those of `Counts` that the question fills.

    Args:
        question: any but `PlanOf`, which is not a count.

    Raises:
        TypeError: a `PlanOf`.
    """
    match question:
        case questions.RowsWhere():
            return sql.SQL(
                "SELECT count(*) FILTER (WHERE {condition}) AS rows, count(*) AS rows_examined FROM {table}"
            ).format(condition=condition_sql(question.condition), table=_relation(question.table))
        case questions.Duplicates():
            return _duplicates(question)
        case questions.Orphans():
            return _orphans(question)
        case questions.Disagreements():
            return _disagreements(question)
        case questions.HighestValue():
            return sql.SQL("SELECT coalesce(max({column}), 0)::bigint AS rows, 0 AS rows_examined FROM {table}").format(
                column=sql.Identifier(question.column), table=_relation(question.table)
            )
        case questions.PlanOf():
            raise TypeError("a plan is not a count")
        case _:
            assert_never(question)


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


def _duplicates(question: questions.Duplicates) -> sql.Composed:
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
    ).format(table=_relation(question.table), where=sql.SQL(" AND ").join(conditions), keys=keys)


def _orphans(question: questions.Orphans) -> sql.Composed:
    given = sql.SQL(" AND ").join(
        sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(column)) for column in question.columns
    )
    match = sql.SQL(" AND ").join(
        sql.SQL("p.{} = c.{}").format(sql.Identifier(parent), sql.Identifier(child))
        for child, parent in zip(question.columns, question.referenced_columns, strict=True)
    )
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE {given} AND NOT EXISTS (SELECT FROM {parent} AS p WHERE {match})) AS rows,"
        " count(*) AS rows_examined FROM {child} AS c"
    ).format(given=given, match=match, parent=_relation(question.referenced), child=_relation(question.table))


def _disagreements(question: questions.Disagreements) -> sql.Composed:
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE c.{direct} <> v.{via_direct}) AS rows, count(*) AS rows_examined"
        " FROM {table} AS c JOIN {via} AS v ON v.{key} = c.{reference}"
    ).format(
        direct=sql.Identifier(question.direct),
        via_direct=sql.Identifier(question.via_direct),
        table=_relation(question.table),
        via=_relation(question.via_table),
        key=sql.Identifier(question.via_key),
        reference=sql.Identifier(question.reference),
    )


def _relation(name: QualifiedName) -> sql.Identifier:
    return sql.Identifier(name.schema, name.name)
