"""What makes the rows of one part of a table: a value for each column, and the rules that rows have to meet."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.facts.catalog import Catalog, Column
from pgproof.facts.question_sql import condition_sql
from pgproof.synthetic import special
from pgproof.synthetic.expressions import literal, name
from pgproof.synthetic.hints import words_of
from pgproof.synthetic.plan import Condition, Part, Reference, Target, Unique
from pgproof.synthetic.references import Parent
from pgproof.synthetic.rows import Recipe
from pgproof.synthetic.shapes import ColumnShape, Shapes
from pgproof.synthetic.values import NUMBERS, SECONDS, Wanted

MOST_DRAWN = 20
"""Times the rows that are wanted: more are not drawn to find those that every rule lets in."""
_LARGEST = {"int2": 2.0**15 - 1, "int4": 2.0**31 - 1, "int8": 2.0**62}


@dataclass(frozen=True)
class Recipes:
    """Makes recipes for one scratch database.

    Attributes:
        catalog: of the source.
        shapes: of its columns.
        connection: to the scratch database, which reads the constants of conditions.
        now: seconds since 1970.
    """

    catalog: Catalog
    shapes: Shapes
    connection: psycopg.Connection[Any]
    now: float

    def recipe(self, target: Target, part: Part, parents: Sequence[tuple[Reference, Parent]]) -> Recipe:
        """Return what makes the rows of one part of a table.

        Args:
            target: the table.
            part: of it.
            parents: of the references that are drawn now.
        """
        shapes = {
            column.name: shape
            for column in part.table.columns
            if (shape := self.shapes.get((part.table.oid, column.name))) is not None
        }
        now = [one for one, _ in parents]
        referring = {column for one in now for column in one.columns}
        wanted = {
            column.name: self._wanted(target, part, column, shapes.get(column.name))
            for column in part.table.columns
            if column.generated is None
        }
        late = {
            column
            for one in target.references
            if one.late
            for column in one.columns
            if column not in referring and not part.table.column(column).not_null
        }
        injective = {each.column.name for each in wanted.values() if self._injective(each)} - referring - late
        missing = tuple(
            Condition(f"{one.called}", f"{name(column)} IS NOT NULL")
            for one, _ in parents
            for column in one.columns
            if part.table.column(column).not_null and self._shares(one, now)
        )
        wished = tuple(
            Unique(
                f"the wished rule on {', '.join(surplus.columns)}",
                tuple(f"lower({name(c)}::text)" if c in surplus.lower else name(c) for c in surplus.columns),
                (),
                condition_sql(surplus.question.where).as_string(self.connection) if surplus.question.where else None,
            )
            for surplus in target.surplus
        )
        return Recipe(
            target=target,
            part=part,
            wanted=wanted,
            shapes=shapes,
            parents=tuple(parents),
            conditions=(*part.conditions, *missing),
            uniques=tuple(unique for unique in (*target.uniques, *wished) if not self._always_meets(unique, injective)),
            empty=frozenset(late),
        )

    def _shares(self, reference: Reference, among: list[Reference]) -> bool:
        return any(set(reference.columns) & set(one.columns) for one in among if one is not reference)

    def _always_meets(self, unique: Unique, injective: set[str]) -> bool:
        if any(column in injective for column in unique.columns):
            return True
        # Texts are made in lower case, so that they differ in lower case as well.
        lowered = [re.fullmatch(r"\(?lower\(+\"?(\w+)\"?\)?(?:::text)?\)+", key) for key in unique.keys]
        return any(found is not None and found[1] in injective for found in lowered)

    def _injective(self, wanted: Wanted) -> bool:
        if wanted.hints.choices(wanted.column.name) is not None or wanted.column.base_type == "bool":
            return False
        if wanted.counter or (wanted.unique and wanted.column.base_type not in special.TEXTS):
            return True
        ranked = wanted.column.base_type in special.TEXTS or wanted.column.base_type == "uuid"
        wide = wanted.column.length is None or 16**wanted.column.length > wanted.highest
        differs = wanted.unique or (wanted.shape is not None and wanted.shape.all_differ)
        return ranked and wide and differs and not wanted.labels

    def _wanted(self, target: Target, part: Part, column: Column, shape: ColumnShape | None) -> Wanted:
        alone = any(unique.keys == (name(column.name),) for unique in target.uniques if unique.predicate is None)
        counter = column.name in target.counters and (alone or shape is None or shape.all_differ)
        return Wanted(
            table=str(part.table.qualified_name),
            column=column,
            shape=shape,
            labels=_labels(self.catalog, column),
            hints=part.hints,
            limits=self.limits(part, column),
            unique=alone,
            counter=counter,
            rows=part.rows,
            highest=highest_number(target.rows),
            now=self.now,
        )

    def limits(self, part: Part, column: Column) -> tuple[float | None, float | None]:
        """Return the lowest and the highest place on its scale that a column may have; None for any."""
        low: float | None = None
        high = _LARGEST.get(column.base_type)
        whole = column.base_type in _LARGEST or column.base_type == "date"
        for limit in part.hints.limits(column.name):
            place = self._place(column, limit.constant)
            if place is None:
                continue
            step = (86_400.0 if column.base_type == "date" else 1.0) if whole else max(abs(place), 1.0) * 1e-6
            if limit.operator in (">", ">="):
                place += step if limit.operator == ">" else 0.0
                low = place if low is None else max(low, place)
            elif limit.operator in ("<", "<="):
                place -= step if limit.operator == "<" else 0.0
                high = place if high is None else min(high, place)
        return low, high

    def _place(self, column: Column, constant: str) -> float | None:
        try:
            if column.base_type in NUMBERS:
                found = float(constant)
            elif column.base_type in SECONDS - {"timetz"}:
                kind = column.base_type
                asked = f"SELECT extract(epoch FROM {literal(constant)}::{kind})"
                row = self.connection.execute(asked.encode()).fetchone()
                found = float(row[0]) if row else math.nan
            else:
                return None
        except (ValueError, psycopg.DatabaseError):
            return None
        return found if math.isfinite(found) else None


def highest_number(rows: int) -> int:
    """Return the highest number that is drawn to fill a table with so many rows."""
    return MOST_DRAWN * (rows + 1_000) * 2


def _labels(catalog: Catalog, column: Column) -> tuple[str, ...]:
    """The labels of a column's enum, or of the enum that its array holds."""
    if column.type_kind != "e" and column.type_category != "A" and column.type_kind != "d":
        return ()
    wanted = column.element_type if column.type_category == "A" else column.base_type
    return next((each.labels for each in catalog.types if each.kind == "enum" and each.name == wanted), ())


def schema_words(catalog: Catalog) -> frozenset[str]:
    """Return the texts that a schema itself names: labels, and constants of checks, predicates and defaults."""
    expressions = [
        text
        for table in catalog.tables
        for text in (
            *(check.expression for check in table.checks),
            *(index.predicate for index in table.indexes),
            *(column.default for column in table.columns if column.generated is None),
        )
        if text
    ]
    labels = {label for each in catalog.types for label in each.labels}
    return words_of(tuple(expressions)) | labels | {"t", "f"}
