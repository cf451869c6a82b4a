"""Fills a scratch database with rows that look like the source's, and says what could not be met."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import psycopg
from psycopg.rows import dict_row, tuple_row

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.question_sql import condition_sql
from pgproof.facts.sql import load
from pgproof.synthetic.expressions import PLACE, literal, name, names, qualified, salt_of
from pgproof.synthetic.late import late_update
from pgproof.synthetic.plan import Extra, Part, Reference, Surplus, Target, holds_versions, plan_targets
from pgproof.synthetic.recipes import MOST_DRAWN, Recipes, schema_words
from pgproof.synthetic.references import Choosing, Parent
from pgproof.synthetic.rows import Recipe, Repeats, insert, keeps_numbers
from pgproof.synthetic.shapes import Shapes, read_shapes
from pgproof.synthetic.trying import try_rows

Progress: TypeAlias = Callable[[str, int, int], None]
Connection = psycopg.Connection[Any]

_NEARLY_ALL = 0.97
_LEAST_KEPT = 0.005
"""Share of drawn rows that have to be kept: with fewer, the rules leave hardly any room."""
_WHOLE = ("int2", "int4", "int8")


@dataclass(frozen=True)
class Filled:
    """What a scratch database was filled with.

    Attributes:
        rows: of all tables.
        seconds: that the tables took.
        unmet: what is otherwise than in the source; each a line.
    """

    rows: int
    seconds: float
    unmet: tuple[str, ...]


def fill(source: Connection, facts: Facts, url: str, scale: float, progress: Progress) -> Filled:
    """Make rows in every table of a scratch database that has tables and checks, and neither keys nor triggers yet.

    Args:
        source: to read the shape of its columns from.
        facts: of the source.
        url: of the scratch database.
        scale: times as many rows as the source has.
        progress: told the name of each table.

    Raises:
        PgproofError: the disk of the scratch server is full.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        try:
            return _Filling(source, facts, connection, scale).run(progress)
        except psycopg.errors.DiskFull:
            raise PgproofError(
                "The synthetic copy was not made: the disk of the scratch server is full: free some space, set TMPDIR "
                "to another disk, or take a smaller --scale"
            ) from None


class _Filling:
    def __init__(self, source: Connection, facts: Facts, connection: Connection, scale: float) -> None:
        self._facts = facts
        self._connection = connection
        self._scale = scale
        self._unmet: list[str] = []
        self._shapes: Shapes = read_shapes(source, schema_words(facts.catalog))
        self._recipes = Recipes(facts.catalog, self._shapes, connection, time.time())
        self._versions = {
            table.oid: self._source_rows(source, table) for table in facts.catalog.tables if holds_versions(table)
        }
        self._filled: dict[int, int] = {}
        self._drawn: dict[int, int] = {}
        self._whole: dict[int, frozenset[str]] = {}
        self._starts: dict[tuple[int, str], int] = {}
        self._keys: dict[tuple[int, tuple[str, ...]], str] = {}
        self._counts: dict[str, int] = {}

    def run(self, progress: Progress) -> Filled:
        started = time.monotonic()
        self._prepare()
        targets = plan_targets(self._facts, self._extra(), self._scale)
        for done, target in enumerate(targets):
            progress(str(target.table.qualified_name), done, len(targets))
            self._note_unknown(target)
            repeated = sum(surplus.rows for surplus in target.surplus)
            for part in target.parts:
                # Those that repeat others are made from them, in proportion of the parts.
                rows = part.rows - round(repeated * part.rows / max(target.rows, 1))
                self._fill_part(target, replace(part, rows=max(rows, 0)))
            for surplus in target.surplus:
                self._repeat(target, surplus)
            self._remember(target)
        for target in targets:
            self._fill_late(target)
        for oid, versions in self._versions.items():
            self._keep_versions(oid, versions)
        self._set_sequences(targets)
        return Filled(sum(self._filled.values()), time.monotonic() - started, tuple(dict.fromkeys(self._unmet)))

    def _prepare(self) -> None:
        for name_, value in (
            ("search_path", ", ".join(dict.fromkeys(["pg_catalog", *self._extension_schemas()]))),
            ("work_mem", "256MB"),
            ("temp_buffers", "64MB"),
            ("jit", "off"),
            ("synchronous_commit", "off"),
            ("statement_timeout", "0"),
            ("TimeZone", "UTC"),
            ("max_parallel_workers_per_gather", "0"),
        ):
            self._connection.execute("SELECT set_config(%s, %s, false)", (name_, value))

    def _extension_schemas(self) -> list[str]:
        return [name(extension.schema) for extension in self._facts.catalog.extensions]

    def _extra(self) -> Extra:
        partitions: dict[tuple[str, str], str] = {}
        domains: dict[tuple[str, str], tuple[str, ...]] = {}
        generated: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        below: dict[tuple[str, str], tuple[str, str]] = {}
        with self._connection.cursor(row_factory=dict_row) as cursor:
            for row in cursor.execute(load("synthetic/conditions")).fetchall():
                key = (row["schema"], row["name"])
                if row["kind"] == "partition":
                    partitions[key] = row["condition"]
                    continue
                if row["kind"] == "generated":
                    generated[key] = (*generated.get(key, ()), (row["below"], row["condition"]))
                    continue
                below[key] = (row["below_schema"], row["below"])
                domains[key] = (*domains.get(key, ()), *([row["condition"]] if row["condition"] else []))
        for key in domains:
            under = below.get(key)
            while under in domains:
                domains[key] += domains[under]
                under = below.get(under)
        return Extra(partitions, domains, generated)

    def _note_unknown(self, target: Target) -> None:
        for part in target.parts:
            known = any((part.table.oid, column.name) in self._shapes for column in part.table.columns)
            if not part.rows or not part.table.columns or known:
                continue
            where = part.table.qualified_name
            if part.table.reltuples < 0:
                self._unmet.append(f"{where}: values spread evenly, since ANALYZE never ran on it: run it, try again")
            else:
                self._unmet.append(
                    f"{where}: values spread evenly, since the role cannot read its statistics: GRANT pg_read_all_data,"
                    " and ALTER ROLE ... BYPASSRLS where row security is on"
                )

    def _fill_part(self, target: Target, part: Part) -> None:
        room = self._room(target, part)
        if room < part.rows:
            where = part.table.qualified_name
            self._unmet.append(f"{where}: {max(room, 0)} of {part.rows} rows, since its key has no more numbers")
            part = replace(part, rows=max(room, 0))
        if not part.rows:
            return
        parents = [(one, self._parent(one, target)) for one in target.references if not one.late]
        recipe = self._recipes.recipe(target, part, parents)
        where = part.table.qualified_name
        for one, parent in recipe.parents:
            if not parent.rows and self._needed(part, one):
                self._unmet.append(f"{where}: no rows, since those that {one.called} refers to are missing")
                return
        tried = try_rows(self._connection, recipe)
        self._unmet += tried.unmet
        if not tried.share:
            return
        recipe = tried.recipe
        made = self._insert(recipe, part.rows, tried.share)
        if made < part.rows:
            called = [*(one.called for one in recipe.conditions), *(one.called for one in recipe.uniques)]
            rules = ", ".join(called) or "its rules"
            self._unmet.append(f"{where}: {made} of {part.rows} rows, the others broke {rules}")

    def _room(self, target: Target, part: Part) -> int:
        """How many more numbers the counters of a table have."""
        ends = [self._recipes.limits(part, part.table.column(column))[1] for column in target.counters]
        last = int(min((end for end in ends if end is not None), default=2.0**62))
        return last - self._filled.get(target.table.oid, 0)

    def _needed(self, part: Part, reference: Reference) -> bool:
        return any(part.table.column(column).not_null for column in reference.columns)

    def _insert(self, recipe: Recipe, rows: int, share: float) -> int:
        """Draw rows until there are as many as wanted, or no more are let in; return how many came in."""
        oid = recipe.target.table.oid
        made = drawn = 0
        while made < rows:
            more = rows - made
            if recipe.filtered:
                # Not too few at once: each round looks at all that is there.
                more = max(math.ceil(more / share) + 20, rows // 4)
            first, base = self._drawn.get(oid, 0) + 1, self._filled.get(oid, 0)
            statement = insert(recipe, first, first + more - 1, rows - made, base, existing=base > 0, again=made > 0)
            came = self._run(statement, f"{recipe.part.table.qualified_name}: rows were refused")
            if came is None:
                break
            self._drawn[oid] = first + more - 1
            few = drawn == 0 and came < rows * _NEARLY_ALL
            drawn += more
            share = max(came / more, _LEAST_KEPT)
            if few and came > rows * _LEAST_KEPT and recipe.repeats is None:
                # Rows that come later are out of order: all are drawn again, as many as it takes.
                part = recipe.part.table
                self._connection.execute(f"TRUNCATE {qualified(part.schema, part.name)}".encode())
                continue
            self._filled[oid] = base + came
            made += came
            if came < more * _LEAST_KEPT or drawn > MOST_DRAWN * rows + 1_000:
                break
        self._whole[oid] = frozenset(
            column.name for column in recipe.columns if keeps_numbers(recipe, column)
        ) & self._whole.get(oid, recipe.target.counters)
        return made

    def _run(self, statement: str, otherwise: str) -> int | None:
        """Run a statement and return how many rows it met; None where the server refused it, which is noted."""
        try:
            return self._connection.execute(statement.encode()).rowcount
        except psycopg.errors.DiskFull:
            raise
        except psycopg.DatabaseError as error:
            reason = error.diag.message_primary or str(error).partition("\n")[0]
            self._unmet.append(f"{otherwise}: {reason}")
            return None

    def _repeat(self, target: Target, surplus: Surplus) -> None:
        """Rows that repeat the values of others, as many as the source has."""
        table = target.table
        if not self._filled.get(table.oid) or not target.parts:
            return
        part = max(target.parts, key=lambda one: one.rows)
        where = condition_sql(surplus.question.where).as_string(self._connection) if surplus.question.where else None
        given = " AND ".join([*(f"{name(c)} IS NOT NULL" for c in surplus.columns), *([f"({where})"] if where else [])])
        keys = f"pgproof_again_{len(self._keys)}"
        self._keys[table.oid, (keys,)] = keys
        groups = self._connection.execute(
            (
                f"CREATE TEMP TABLE {keys} AS SELECT row_number() OVER () AS {PLACE}, {names(surplus.columns)} FROM ("
                f"SELECT {names(surplus.columns)} FROM {qualified(table.schema, table.name)} WHERE {given}"
                f" ORDER BY hashint8extended(row_number() OVER (), 5) LIMIT {surplus.groups}) chosen"
            ).encode()
        ).rowcount
        if not groups:
            return
        parents = [(one, self._parent(one, target)) for one in target.references if not one.late]
        recipe = self._recipes.recipe(target, part, parents)
        wished = [one for one in recipe.uniques if not one.columns and one.called.startswith("the wished")]
        recipe = replace(
            recipe,
            repeats=Repeats(surplus, keys, groups, where),
            uniques=tuple(one for one in recipe.uniques if one not in wished),
        )
        made = self._insert(recipe, surplus.rows, 1.0)
        if made < surplus.rows:
            self._unmet.append(
                f"{table.qualified_name}: {made} of {surplus.rows} rows that repeat {', '.join(surplus.columns)}"
            )

    def _parent(self, reference: Reference, child: Target) -> Parent:
        """The rows that a reference may name, looked up once for all that name them."""
        catalog, oid = self._facts.catalog, reference.referenced
        rows = self._filled.get(oid, 0)
        (first, *others) = reference.referenced_columns
        derived = [one for one in child.derived if one.via == oid]
        if not others and not derived and first in self._whole.get(oid, frozenset()):
            return Parent(rows, self._starts[oid, first], None, self._scale)
        columns = tuple(dict.fromkeys((*reference.referenced_columns, *(one.via_column for one in derived))))
        if (oid, columns) not in self._keys:
            table = catalog.table(oid)
            assert table is not None
            keys = f"pgproof_keys_{len(self._keys)}"
            given = " AND ".join(f"{name(column)} IS NOT NULL" for column in reference.referenced_columns)
            rows = self._connection.execute(
                (
                    f"CREATE TEMP TABLE {keys} AS SELECT row_number() OVER () AS {PLACE}, {names(columns)}"
                    f" FROM {qualified(table.schema, table.name)} WHERE {given}"
                ).encode()
            ).rowcount
            self._connection.execute(f"ANALYZE {keys}".encode())
            self._keys[oid, columns] = keys
            self._counts[keys] = rows
        keys = self._keys[oid, columns]
        return Parent(self._counts[keys], None, keys, self._scale)

    def _remember(self, target: Target) -> None:
        """Counters that begin later than at 1 shift what refers to them."""
        for column in self._whole.get(target.table.oid, frozenset()):
            low = self._recipes.limits(target.parts[0], target.table.column(column))[0]
            self._starts[target.table.oid, column] = int(low) if low is not None and low > 1 else 1

    def _fill_late(self, target: Target) -> None:
        """References within the table itself or in a circle of tables, once all rows are there."""
        late = [one for one in target.references if one.late]
        rows = self._filled.get(target.table.oid, 0)
        if not late or not rows:
            return
        where = qualified(target.table.schema, target.table.name)
        for reference in late:
            parent = self._parent(reference, target)
            keys = parent.keys or self._listed(reference)
            column = target.parts[0].table.column(reference.columns[-1])
            shape = self._shapes.get((target.parts[0].table.oid, column.name))
            nulls = 0.0 if column.not_null or shape is None else shape.null_fraction
            choosing = Choosing(
                shape,
                rows,
                nulls,
                False,
                "r.n",
                f"((r.n - 0.5) / {rows}.0::float8)",
                salt_of(where, *reference.columns),
            )
            statement = late_update(target, reference, parent, keys, choosing)
            if statement is not None:
                called = ", ".join(reference.columns)
                self._run(statement, f"{target.table.qualified_name}: {called} was not filled in")
        # Every row was written twice; what is left of the first time would count as bloat.
        self._connection.execute(f"VACUUM FULL {where}".encode())

    def _listed(self, reference: Reference) -> str:
        keys = f"pgproof_keys_{len(self._keys)}"
        table = self._facts.catalog.table(reference.referenced)
        assert table is not None
        self._keys[reference.referenced, (keys,)] = keys
        self._connection.execute(
            (
                f"CREATE TEMP TABLE {keys} AS SELECT row_number() OVER () AS {PLACE},"
                f" {names(reference.referenced_columns)} FROM {qualified(table.schema, table.name)}"
            ).encode()
        )
        self._connection.execute(f"ANALYZE {keys}".encode())
        return keys

    def _source_rows(self, source: Connection, table: Table) -> list[str]:
        """The revisions that the schema is at, which belong to the schema."""
        try:
            with source.transaction(force_rollback=True), source.cursor(row_factory=tuple_row) as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
                read = f"SELECT /* pgproof */ version_num FROM {qualified(table.schema, table.name)}"
                return [row[0] for row in cursor.execute(read.encode()).fetchall()]
        except psycopg.errors.InsufficientPrivilege:
            self._unmet.append(f"{table.qualified_name}: empty, since the role may not read it: GRANT SELECT on it")
            return []

    def _keep_versions(self, oid: int, rows: list[str]) -> None:
        table = self._facts.catalog.table(oid)
        assert table is not None
        where = qualified(table.schema, table.name)
        for row in rows:
            self._run(f"INSERT INTO {where} VALUES ({literal(row)})", f"{table.qualified_name}: a revision was refused")

    def _set_sequences(self, targets: tuple[Target, ...]) -> None:
        """No sequence gives a number that is taken, and each stands at least where the source's stands."""
        tables = {target.table.oid: target.table for target in targets}
        for sequence in self._facts.catalog.sequences:
            if sequence.extension is not None:
                continue
            highest = [
                f"(SELECT max({name(column)})::bigint FROM {qualified(tables[oid].schema, tables[oid].name)})"
                for oid, column in dict.fromkeys((*sequence.feeds, *([sequence.owner] if sequence.owner else [])))
                if oid in tables and tables[oid].column(column).base_type in _WHOLE
            ]
            known = [str(sequence.last_value)] if sequence.last_value is not None else []
            if not highest and not known:
                continue
            value = f"GREATEST({', '.join([*highest, *known])})"
            called = qualified(sequence.schema, sequence.name)
            setting = (
                f"SELECT setval({literal(called)}::regclass, LEAST(v, {sequence.maximum})) FROM"
                f" (SELECT {value} AS v) s WHERE v >= {sequence.minimum}"
            )
            self._run(setting, f"sequence {sequence.schema}.{sequence.name} was not set")
