"""The statement that makes rows of a table: drawn, joined to the rows they name, and kept where every rule holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pgproof.facts.catalog import Column
from pgproof.synthetic.expressions import ALONG, PLACE, ROW, hashed, name, names, qualified, some, uniform
from pgproof.synthetic.plan import Condition, Derived, Part, Reference, Surplus, Swapped, Target, Unique
from pgproof.synthetic.references import Choosing, Parent, ordinal_of, turns
from pgproof.synthetic.shapes import ColumnShape
from pgproof.synthetic.values import Wanted, base_type, draw_of, value_of


@dataclass(frozen=True)
class Recipe:
    """Everything that makes the rows of one part of a table.

    Attributes:
        wanted: the columns that are made by value, by name.
        shapes: of all columns of the part, by name.
        parents: of the references that are drawn now, in their order.
        conditions: that rows have to meet; those that nothing meets were taken out.
        empty: columns that stay NULL.
        repeats: rows that repeat others, instead of drawn ones.
    """

    target: Target
    part: Part
    wanted: Mapping[str, Wanted]
    shapes: Mapping[str, ColumnShape]
    parents: tuple[tuple[Reference, Parent], ...]
    conditions: tuple[Condition, ...]
    uniques: tuple[Unique, ...]
    empty: frozenset[str] = frozenset()
    repeats: Repeats | None = None

    @property
    def filtered(self) -> bool:
        """Whether some of the drawn rows may not be kept."""
        return bool(self.conditions or self.uniques)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Those that an INSERT names."""
        return tuple(column for column in self.part.table.columns if column.generated is None)

    def without(self, conditions: Sequence[Condition]) -> Recipe:
        """Return the same without some conditions."""
        return replace(self, conditions=tuple(one for one in self.conditions if one not in conditions))


@dataclass(frozen=True)
class Repeats:
    """Rows whose values of some columns are those of other rows.

    Attributes:
        of: what is repeated.
        keys: a table with the columns of the rows to repeat beside a number from 1.
        groups: how many there are in it.
        where: what the rows meet as well.
    """

    of: Surplus
    keys: str
    groups: int
    where: str | None


def made_rows(recipe: Recipe, first: int, last: int, *, existing: bool, step: int = 1) -> str:
    """Return the SELECT of rows with some numbers, those alone that every rule lets in.

    Its columns are the number and the columns of the table, generated ones included.

    Args:
        recipe: of the rows.
        first: number.
        last: number.
        existing: the table holds rows, whose keys must not come again.
        step: between two numbers.
    """
    statement = _values(recipe, first, last, step)
    for pair in recipe.target.swapped:
        if {pair.low, pair.high} <= {column.name for column in recipe.columns}:
            statement = _ordered(statement, recipe, pair)
    if recipe.part.generated:
        more = ", ".join(f"({expression}) AS {name(column)}" for column, expression in recipe.part.generated)
        statement = f"SELECT v.*, {more} FROM ({statement}) v"
    if recipe.conditions or _where_repeated(recipe):
        kept = " AND ".join(
            [f"({condition.expression}) IS NOT FALSE" for condition in recipe.conditions] + _where_repeated(recipe)
        )
        statement = f"SELECT v.* FROM ({statement}) v WHERE {kept}"
    for place, unique in enumerate(recipe.uniques):
        statement = _once(statement, recipe, unique, place, existing)
    return statement


def insert(recipe: Recipe, first: int, last: int, most: int, base: int, *, existing: bool, again: bool) -> str:
    """Return the INSERT of at most so many rows.

    Args:
        recipe: of the rows.
        first: number to draw.
        last: number to draw.
        most: rows to keep.
        base: rows that the table holds, from which its counters go on where rows are left out.
        existing: it holds rows.
        again: an attempt to draw the same rows left some out.
    """
    table = recipe.part.table
    if not recipe.columns:
        # Without columns, or with generated ones alone, a row says nothing but that it is there.
        return f"INSERT INTO {qualified(table.schema, table.name)} SELECT FROM generate_series(1, {most})"
    numbered = recipe.filtered or first != base + 1
    # What comes after a first attempt belongs anywhere on the way.
    order = hashed(ROW, 1) if again else ROW
    chosen = [_chosen(recipe, column, base if numbered else None, order) for column in recipe.columns]
    ordered = f" ORDER BY {order} LIMIT {most}" if recipe.filtered or recipe.repeats else ""
    rows = made_rows(recipe, first, last, existing=existing)
    return (
        f"INSERT INTO {qualified(table.schema, table.name)} ({names(column.name for column in recipe.columns)})"
        f" OVERRIDING SYSTEM VALUE SELECT {', '.join(chosen)} FROM ({rows}) made{ordered}"
    )


def selected(recipe: Recipe, most: int, column: Column | None) -> str:
    """Return the SELECT of the values of some rows, as an INSERT would have them.

    Args:
        recipe: of the rows.
        most: rows.
        column: to select alone, so that the others are not computed; None for all.
    """
    columns = recipe.columns if column is None else (column,)
    chosen = ", ".join(_chosen(recipe, each, None, ROW) for each in columns)
    return f"SELECT {chosen} FROM ({made_rows(recipe, 1, most, existing=False)}) made"


def _chosen(recipe: Recipe, column: Column, base: int | None, order: str) -> str:
    """A column as it is inserted; a counter goes on from `base`, unless a rule was asked about its number."""
    value = name(column.name)
    if base is not None and recipe.wanted[column.name].counter and not _named(recipe, column):
        low = recipe.wanted[column.name].limits[0]
        start = base + (int(low) - 1 if low is not None and low > 1 else 0)
        value = f"({start} + row_number() OVER (ORDER BY {order}))"
    return f"{value}::{column.type}" if column.type_kind == "d" or value.startswith("(") else value


def keeps_numbers(recipe: Recipe, column: Column) -> bool:
    """Tell whether a counter of the table ends up without holes."""
    return recipe.wanted[column.name].counter and not (recipe.filtered and _named(recipe, column))


def _named(recipe: Recipe, column: Column) -> bool:
    """A rule looks at the counter, so that it cannot be given another number once the rule was asked."""
    return any(name(column.name).strip('"') in condition.expression for condition in recipe.conditions)


def _where_repeated(recipe: Recipe) -> list[str]:
    if recipe.repeats is None or recipe.repeats.where is None:
        return []
    return [f"({recipe.repeats.where})"]


def _values(recipe: Recipe, first: int, last: int, step: int) -> str:
    along = f"((n - {first} + 0.5) / {last - first + 1}.0::float8)"
    joins = _Joins(recipe, along)
    for place, (reference, parent) in enumerate(recipe.parents):
        joins.add(place, reference, parent)
    if recipe.repeats is not None:
        joins.repeat(recipe.repeats)
    made = joins.made
    draws = list(joins.draws)
    for column in recipe.columns:
        if column.name in recipe.empty:
            made[column.name] = f"NULL::{base_type(column)}"
        elif column.name not in made:
            wanted = recipe.wanted[column.name]
            made[column.name] = value_of(wanted)
            if draw_of(column) in made[column.name]:
                draws.append(f"{uniform('n', wanted.salt('draw'))} AS {draw_of(column)}")
    for derived in recipe.target.derived:
        joins.derive(derived)
    listed = ", ".join([ROW, *(f"{made[column.name]} AS {name(column.name)}" for column in recipe.columns)])
    drawn = "".join(f", {draw}" for draw in (f"{along} AS {ALONG}", *draws))
    numbers = f"generate_series({first}::bigint, {last}::bigint, {step}::bigint)"
    return f"SELECT {listed} FROM (SELECT n AS {ROW}{drawn} FROM {numbers} n OFFSET 0) drawn{''.join(joins.joined)}"


class _Joins:
    """The tables that rows are joined to, and what each column gets from them."""

    def __init__(self, recipe: Recipe, along: str) -> None:
        self._recipe = recipe
        self._along = along
        self.draws: list[str] = []
        self.joined: list[str] = []
        self.made: dict[str, str] = {}

    def add(self, place: int, reference: Reference, parent: Parent) -> None:
        shared = [column for column in reference.columns if column in self.made]
        if len(shared) == len(reference.columns):
            return
        number = f'"pgproof_number_{place}"'
        lead = self._lead(reference)
        shape = self._recipe.shapes.get(lead.name)
        salt = self._recipe.wanted[lead.name].salt("reference")
        nulls = self._nulls(reference, shape)
        if shared:
            draw = uniform("n", salt + 1)
            self.draws.append(f"CASE WHEN {draw} >= {nulls!r} THEN {hashed('n', salt)} END AS {number}")
            self._agree(place, reference, parent, shared, number, turns(parent, shape, self._recipe.target.rows))
            return
        alone = self._alone(reference)
        choosing = Choosing(shape, self._recipe.target.rows, nulls, alone, "n", self._along, salt)
        self.draws.append(f"{ordinal_of(parent, choosing)} AS {number}")
        kinds = {column.name: base_type(column) for column in self._recipe.columns}
        if parent.first is not None:
            (column,) = reference.columns
            self.made[column] = f"({number} + {parent.first - 1})::{kinds[column]}"
        else:
            self.joined.append(f" LEFT JOIN {parent.keys} p{place} ON p{place}.{PLACE} = {number}")
            for column, referenced in zip(reference.columns, reference.referenced_columns, strict=True):
                self.made[column] = f"p{place}.{name(referenced)}::{kinds[column]}"
        if reference.orphans:
            self._lose(reference)

    def _agree(
        self, place: int, reference: Reference, parent: Parent, shared: list[str], number: str, many: str
    ) -> None:
        """Some columns are drawn already: one of the rows that agree with them is taken."""
        pairs = list(zip(reference.columns, reference.referenced_columns, strict=True))
        same = " AND ".join(
            f"{{0}}.{name(referenced)} = {self.made[column]}" for column, referenced in pairs if column in shared
        )
        keys = names(referenced for column, referenced in pairs if column in shared)
        every = f"(SELECT *, row_number() OVER (PARTITION BY {keys}) AS pgproof_turn FROM {parent.keys})"
        counts = f"(SELECT {keys}, count(*) AS many FROM {parent.keys} GROUP BY {keys})"
        self.joined.append(f" LEFT JOIN {counts} c{place} ON {same.format(f'c{place}')}")
        self.joined.append(
            f" LEFT JOIN {every} p{place} ON {same.format(f'p{place}')} "
            f" AND p{place}.pgproof_turn = 1 + {number} % {many.format(f'c{place}')}"
        )
        kinds = {column.name: base_type(column) for column in self._recipe.columns}
        for column, referenced in pairs:
            if column not in shared:
                self.made[column] = f"p{place}.{name(referenced)}::{kinds[column]}"

    def derive(self, derived: Derived) -> None:
        """A reference that says what another table says as well."""
        if derived.by not in self.made or derived.column not in self.made:
            return
        via = next((parent for one, parent in self._recipe.parents if one.referenced == derived.via), None)
        repeats = self._recipe.repeats
        if via is None or via.keys is None or (repeats is not None and derived.column in repeats.of.columns):
            return
        alias = f'"by_{len(self.joined)}"'
        self.joined.append(
            f" LEFT JOIN {via.keys} {alias} ON {alias}.{name(derived.via_key)} = {self.made[derived.by]}"
        )
        own, other = self.made[derived.column], f"{alias}.{name(derived.via_column)}"
        differs = some(ROW, derived.rows, self._recipe.target.rows)
        self.made[derived.column] = f"CASE WHEN {differs} OR {other} IS NULL THEN {own} ELSE {other} END"

    def repeat(self, repeats: Repeats) -> None:
        """The columns of another row, in another case where the source's differ by case."""
        self.joined.append(f" JOIN {repeats.keys} again ON again.{PLACE} = 1 + drawn.{ROW} % {repeats.groups}")
        turn = f"((drawn.{ROW} / {repeats.groups}) % 2 = 0)"
        for column in repeats.of.columns:
            value = f"again.{name(column)}"
            if column in repeats.of.lower:
                kind = base_type(self._recipe.part.table.column(column))
                value = f"(CASE WHEN {turn} THEN upper({value}::text) ELSE initcap({value}::text) END)::{kind}"
            self.made[column] = value

    def _lead(self, reference: Reference) -> Column:
        """The column that differs most from row to row."""
        columns = [self._recipe.part.table.column(column) for column in reference.columns]
        rows = self._recipe.part.rows

        def differing(column: Column) -> int:
            shape = self._recipe.shapes.get(column.name)
            return shape.distinct(rows) if shape else 0

        return max(columns, key=differing)

    def _nulls(self, reference: Reference, shape: ColumnShape | None) -> float:
        columns = [self._recipe.part.table.column(column) for column in reference.columns]
        return 0.0 if shape is None or all(column.not_null for column in columns) else shape.null_fraction

    def _alone(self, reference: Reference) -> bool:
        """Whether no two rows name the same."""
        return any(
            len(unique.keys) == len(unique.columns) and set(unique.columns) <= set(reference.columns)
            for unique in self._recipe.target.uniques
            if unique.predicate is None
        )

    def _lose(self, reference: Reference) -> None:
        """Some rows name a row that is not there: one beyond all that are."""
        (lead, *_) = reference.columns
        wanted = self._recipe.wanted[lead]
        if wanted.column.base_type in ("int2", "int4", "int8"):
            beyond = f"({wanted.limits[1] or 2_000_000_000:.0f} - {ROW})::{base_type(wanted.column)}"
        else:
            beyond = value_of(replace(wanted, unique=True, shape=None))
        # Rows that name none by chance are not lost.
        lost = round(reference.orphans / max(1 - self._nulls(reference, self._recipe.shapes.get(lead)), 0.01))
        self.made[lead] = (
            f"CASE WHEN {some(ROW, lost, self._recipe.target.rows)} THEN {beyond} ELSE {self.made[lead]} END"
        )


def _ordered(statement: str, recipe: Recipe, pair: Swapped) -> str:
    """Put two columns in order, but for as many rows as the source has the other way round."""
    low, high = pair.low, pair.high
    kinds = {column.name: base_type(column) for column in recipe.columns}
    one, other = name(low), name(high)
    # Of rows with a NULL neither order is wrong.
    both = (1 - recipe.wanted[low].nulls) * (1 - recipe.wanted[high].nulls)
    wrong = some(ROW, round(pair.rows / max(both, 0.01)), recipe.target.rows)
    swap = f"({one} > {other}) <> {wrong}"
    columns = [
        f"CASE WHEN {swap} THEN {other}::{kinds[low]} ELSE {one} END AS {one}"
        if column.name == low
        else f"CASE WHEN {swap} THEN {one}::{kinds[high]} ELSE {other} END AS {other}"
        if column.name == high
        else name(column.name)
        for column in recipe.columns
    ]
    return f"SELECT {ROW}, {', '.join(columns)} FROM ({statement}) v"


def _once(statement: str, recipe: Recipe, unique: Unique, place: int, existing: bool) -> str:
    """Keep the first of the rows that share a key, unless the table holds the key already."""
    keys = [f'"pgproof_key_{place}_{number}"' for number in range(len(unique.keys))]
    computed = ", ".join(f"({key}) AS {alias}" for key, alias in zip(unique.keys, keys, strict=True))
    applies = f"({unique.predicate}) IS TRUE" if unique.predicate else "true"
    counted = f'row_number() OVER (PARTITION BY {", ".join(keys)}, "pgproof_in_{place}" ORDER BY {ROW})'
    inner = f'SELECT v.*, {computed}, {applies} AS "pgproof_in_{place}" FROM ({statement}) v'
    numbered = f'SELECT k.*, {counted} AS "pgproof_first_{place}" FROM ({inner}) k'
    free = [f'NOT "pgproof_in_{place}"']
    if unique.nulls_differ:
        free += [f"{key} IS NULL" for key in keys]
    rule = f'"pgproof_first_{place}" = 1'
    if existing:
        table = recipe.target.table
        taken = ", ".join(f"({key}) AS k{number}" for number, key in enumerate(unique.keys))
        where = f" WHERE {unique.predicate}" if unique.predicate else ""
        equal = "=" if unique.nulls_differ else "IS NOT DISTINCT FROM"
        same = " AND ".join(f"e.k{number} {equal} u.{key}" for number, key in enumerate(keys))
        rule += (
            f" AND NOT EXISTS (SELECT FROM (SELECT {taken} FROM {qualified(table.schema, table.name)}{where}) e"
            f" WHERE {same})"
        )
    return f"SELECT u.* FROM ({numbered}) u WHERE ({' OR '.join(free)} OR ({rule}))"
