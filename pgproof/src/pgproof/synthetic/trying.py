"""Tries a recipe on a few rows: which conditions they meet, and what can be done about those that none meets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from pgproof.facts.catalog import Column
from pgproof.synthetic import special
from pgproof.synthetic.expressions import name
from pgproof.synthetic.plan import Condition
from pgproof.synthetic.rows import Recipe, made_rows, selected

Connection = psycopg.Connection[Any]

_ROWS = 400
_SHOWN = 20
_ENOUGH = 0.05
"""Share of the rows that pass, below which another form of values is tried."""


@dataclass(frozen=True)
class Tried:
    """What a trial showed.

    Attributes:
        recipe: changed so that rows pass, where that was possible.
        share: of the rows that pass; 0 where the table stays empty.
        unmet: what is otherwise than in the source.
    """

    recipe: Recipe
    share: float
    unmet: tuple[str, ...] = ()


def try_rows(connection: Connection, recipe: Recipe) -> Tried:
    """Return a recipe of which enough rows pass, or a share of 0 where no way was found.

    Args:
        connection: to the scratch database, in autocommit.
        recipe: to try.
    """
    where = recipe.part.table.qualified_name
    unmet: list[str] = []
    for column, reason in _faults(connection, recipe):
        if column.not_null:
            return Tried(recipe, 0.0, (f"{where}: no rows, since {column.name} could not be made: {reason}",))
        unmet.append(f"{where}: {column.name} is NULL in every row, since it could not be made: {reason}")
        recipe = replace(recipe, empty=recipe.empty | {column.name})
    for condition in recipe.conditions:
        if condition.wished:
            if _met(connection, recipe, condition) < _ENOUGH:
                recipe = next(_formed(connection, recipe, condition), recipe)
            recipe = recipe.without((condition,))
            continue
        if _met(connection, recipe, condition) >= _ENOUGH:
            continue
        mended = next(_mended(connection, recipe, condition), None)
        if mended is None:
            # What is refused with values may be let in with a NULL here and there.
            if _share(connection, recipe, (condition,)) >= _ENOUGH:
                continue
            unmet.append(f"{where}: no rows, since none was found that {condition.called} lets in")
            return Tried(recipe, 0.0, tuple(unmet))
        if mended.empty != recipe.empty:
            names = ", ".join(sorted(mended.empty - recipe.empty))
            unmet.append(f"{where}: {names} is NULL in every row, since {condition.called} lets in nothing else tried")
        recipe = mended
    if not recipe.conditions:
        return Tried(recipe, 1.0, tuple(unmet))
    share = _share(connection, recipe, recipe.conditions)
    if not share:
        called = ", ".join(condition.called for condition in recipe.conditions)
        unmet.append(f"{where}: no rows, since none was found that all of {called} let in")
    return Tried(recipe, share, tuple(unmet))


def _faults(connection: Connection, recipe: Recipe) -> Iterator[tuple[Column, str]]:
    """Yield the columns whose values the server refuses to compute, with its reason."""
    plain = replace(recipe, conditions=(), uniques=())
    if _refused(connection, plain, None) is None:
        return
    for column in recipe.columns:
        reason = _refused(connection, plain, column)
        if reason is not None:
            yield column, reason


def _refused(connection: Connection, recipe: Recipe, column: Column | None) -> str | None:
    try:
        connection.execute(selected(recipe, _SHOWN, column).encode())
    except psycopg.errors.DiskFull:
        raise
    except psycopg.DatabaseError as error:
        # A check of a domain is a condition, which is tried by itself.
        if isinstance(error, psycopg.errors.CheckViolation):
            return None
        return error.diag.message_primary or type(error).__name__
    return None


def _met(connection: Connection, recipe: Recipe, condition: Condition) -> float:
    """The share of the rows that meet a condition, of those without a NULL in its columns: a NULL meets most."""
    given = " AND ".join(f"{name(each.name)} IS NOT NULL" for each in recipe.columns if _names(condition, each))
    if not given:
        return _share(connection, recipe, (condition,))
    all_given = _share(connection, recipe, (Condition("", given),))
    both = _share(connection, recipe, (condition, Condition("", given)))
    return both / all_given if all_given else _share(connection, recipe, (condition,))


def _share(connection: Connection, recipe: Recipe, conditions: tuple[Condition, ...]) -> float:
    kept = replace(recipe, conditions=conditions, uniques=())
    step = max(recipe.part.rows // _ROWS, 1)
    rows = min(recipe.part.rows, _ROWS) if recipe.part.rows > 0 else 1
    # A table of few rows is still tried with many: its first rows may all be those that fail.
    rows = max(rows, 100)
    statement = made_rows(kept, 1, rows * step, existing=False, step=step)
    try:
        row = connection.execute(f"SELECT count(*) FROM ({statement}) tried".encode()).fetchone()
    except psycopg.errors.DiskFull:
        raise
    except psycopg.DatabaseError:
        return 0.0
    assert row is not None
    return int(row[0]) / rows


def _mended(connection: Connection, recipe: Recipe, condition: Condition) -> Iterator[Recipe]:
    """Yield recipes of which enough rows meet a condition: texts in another form, then NULL."""
    yield from _formed(connection, recipe, condition)
    if _share(connection, recipe, (condition,)) >= _ENOUGH:
        return
    for column in recipe.columns:
        if not column.not_null and _names(condition, column):
            changed = replace(recipe, empty=recipe.empty | {column.name})
            if _share(connection, changed, (condition,)) >= _ENOUGH:
                yield changed


def _formed(connection: Connection, recipe: Recipe, condition: Condition) -> Iterator[Recipe]:
    for column in recipe.columns:
        if not _names(condition, column):
            continue
        wanted = recipe.wanted[column.name]
        if column.base_type in special.TEXTS and wanted.hints.choices(column.name) is None:
            for form in special.FORMS:
                changed = replace(recipe, wanted={**recipe.wanted, column.name: replace(wanted, form=form)})
                if _met(connection, changed, condition) >= _ENOUGH:
                    yield changed


def _names(condition: Condition, column: Column) -> bool:
    return re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", condition.expression) is not None
