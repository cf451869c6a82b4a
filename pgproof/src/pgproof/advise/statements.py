"""What a statement asks of each table: the columns it compares, joins, searches and orders by.

A statement that does not parse is not read at all, and a column that cannot be placed in one table is left out:
nothing is guessed. Names are resolved as PostgreSQL resolves them, through the search path of who runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

from pgproof.advise.conditions import Comparison, comparisons
from pgproof.advise.syntax import identifier, syntax_tree
from pgproof.facts.catalog import Catalog, QualifiedName, Table

StatementKind: TypeAlias = Literal["select", "insert", "update", "delete", "merge"]

_LEVELS = (exp.Select, exp.Update, exp.Delete, exp.Merge)
_WRITING = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Lock)
_GROUPING = ("group", "distinct", "having", "windows")


@dataclass(frozen=True)
class Equality:
    """A column that must equal a value.

    Attributes:
        parameter: number of the parameter that alone is the value.
        several: any of several values will do (IN, = ANY).
    """

    column: str
    parameter: int | None = None
    several: bool = False


@dataclass(frozen=True)
class Search:
    """A column compared otherwise than in order: by a pattern, a containment, or through a function.

    Attributes:
        operator: LIKE, ILIKE, ~, ~*, @@, @>, &&, ?, ?|, ?& or =.
        function: that the column goes through: lower, upper or to_tsvector.
    """

    column: str
    operator: str
    function: str | None = None


@dataclass(frozen=True)
class Join:
    """A column that must equal a column of another table of the statement."""

    column: str
    table: QualifiedName
    other_column: str


@dataclass(frozen=True)
class OrderColumn:
    """A column that rows are ordered by; `nulls_first` as written, or as it follows from the direction."""

    column: str
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class TableUse:
    """One mention of a table in one query level, and what the level asks of it.

    Only conditions that every row must meet count: those under OR or NOT, and those of an outer join on the side
    that it keeps, are left out.

    Attributes:
        table: as the catalog names it.
        equalities: columns compared with a value.
        ranges: columns compared with a bound.
        joins: columns compared with a column of another table, of this level or of one around it.
        searches: columns searched.
        order: what the level's rows are ordered by, if that is columns of this table alone.
        limited: the level takes its first rows only, and neither groups nor counts them.
        qualified: the statement names the table's schema.
    """

    table: QualifiedName
    equalities: tuple[Equality, ...] = ()
    ranges: tuple[str, ...] = ()
    joins: tuple[Join, ...] = ()
    searches: tuple[Search, ...] = ()
    order: tuple[OrderColumn, ...] = ()
    limited: bool = False
    qualified: bool = False


@dataclass(frozen=True)
class ParsedStatement:
    """A statement as far as it concerns tables of the catalog.

    Attributes:
        plain: it returns or changes each row of one table that meets its conditions: there is no second table, no
            grouping, no limit, and nothing but columns is selected.
        reads_only: it changes and locks no row anywhere.
    """

    kind: StatementKind
    uses: tuple[TableUse, ...]
    plain: bool
    reads_only: bool


def parse(text: str, catalog: Catalog, search_path: Sequence[str]) -> ParsedStatement | None:
    """Return what a statement asks of the tables of a catalog; None if it does not parse.

    Args:
        text: one statement with parameters as $1, $2 ..., as pg_stat_statements shows it.
        catalog: relations it does not have are left out.
        search_path: schemas in which names without one are looked for, in order.
    """
    tree = syntax_tree(text)
    kind = _kind(tree)
    if tree is None or kind is None:
        return None
    ctes = frozenset(name for cte in tree.find_all(exp.CTE) if (name := identifier(cte.args["alias"].this)))
    scopes: dict[int, _Scope] = {}
    for node in tree.find_all(*_LEVELS):
        outer = node.find_ancestor(*_LEVELS)
        around = scopes.get(id(outer)) if outer is not None else None
        scopes[id(node)] = _Scope(node, around, _Names(catalog, tuple(search_path), ctes))
    uses = tuple(use for scope in scopes.values() for use in scope.uses())
    return ParsedStatement(
        kind,
        uses,
        plain=len(scopes) == 1 and _is_plain(tree, next(iter(scopes.values()))),
        reads_only=tree.find(*_WRITING) is None,
    )


def _kind(tree: exp.Expr | None) -> StatementKind | None:
    kinds: dict[type[exp.Expr], StatementKind] = {
        exp.Query: "select",
        exp.Insert: "insert",
        exp.Update: "update",
        exp.Delete: "delete",
        exp.Merge: "merge",
    }
    return next((kind for type_, kind in kinds.items() if isinstance(tree, type_)), None)


def _parameter(value: exp.Expr | None) -> int | None:
    if isinstance(value, exp.Parameter) and isinstance(value.this, exp.Literal) and not value.this.is_string:
        return int(value.this.name)
    return None


def _is_plain(tree: exp.Expr, scope: _Scope) -> bool:
    if scope.node is not tree or len(scope.sources) != 1 or None in scope.sources.values():
        return False
    if not isinstance(tree, exp.Select):
        return isinstance(tree, (exp.Update, exp.Delete))
    if scope.grouped or any(tree.args.get(name) for name in ("limit", "offset")):
        return False
    return all(isinstance(each, exp.Star) or isinstance(each.unalias(), exp.Column) for each in tree.expressions)


@dataclass(frozen=True)
class _Names:
    """How a name without a schema finds its table."""

    catalog: Catalog
    search_path: tuple[str, ...]
    ctes: frozenset[str]

    def table(self, node: exp.Expr) -> Table | None:
        name = identifier(node.this) if isinstance(node, exp.Table) else None
        if name is None or node.args.get("catalog"):
            return None
        schema = identifier(node.args.get("db"))
        if schema is not None:
            return self.catalog.named(QualifiedName(schema, name))
        if name in self.ctes:
            return None
        found = (self.catalog.named(QualifiedName(schema, name)) for schema in self.search_path)
        return next((table for table in found if table is not None), None)


@dataclass(frozen=True)
class _Place:
    """A column in one source of one scope."""

    scope: _Scope
    alias: str
    table: Table
    column: str


class _Scope:
    """One query level: its tables, and the level around it, whose columns it sees as well."""

    def __init__(self, node: exp.Expr, around: _Scope | None, names: _Names) -> None:
        self.node = node
        self.around = around
        self.sources: dict[str, Table | None] = {}
        self._qualified: set[str | None] = set()
        self._joins: list[exp.Join] = []
        for number, source in enumerate(self._source_nodes()):
            alias = source.args.get("alias")
            name = identifier(alias.this) if isinstance(alias, exp.TableAlias) else identifier(source.this)
            self.sources[name or f"?{number}"] = names.table(source)
            if source.args.get("db") is not None:
                self._qualified.add(name)
        self._columns = {
            alias: frozenset(column.name for column in table.columns) if table else frozenset()
            for alias, table in self.sources.items()
        }

    @property
    def grouped(self) -> bool:
        """Whether a row that comes out is not a row that went in."""
        return any(self.node.args.get(name) for name in _GROUPING) or any(
            each.find(exp.AggFunc, exp.Window) for each in self.node.expressions
        )

    def uses(self) -> Iterator[TableUse]:
        found: dict[str, list[Equality | str | Search | Join]] = {alias: [] for alias in self.sources}
        for join in self._joins:
            self._merged_columns(join, found)
        for condition, optional in self._conditions():
            for each in comparisons(condition):
                self._record(each, optional, found)
        ordered_by, order = self._order()
        limited = self.node.args.get("limit") is not None and not self.grouped
        for alias, table in self.sources.items():
            if table is not None:
                parts = list(dict.fromkeys(found[alias]))
                yield TableUse(
                    table.qualified_name,
                    equalities=tuple(part for part in parts if isinstance(part, Equality)),
                    ranges=tuple(part for part in parts if isinstance(part, str)),
                    joins=tuple(part for part in parts if isinstance(part, Join)),
                    searches=tuple(part for part in parts if isinstance(part, Search)),
                    order=order if alias == ordered_by else (),
                    limited=limited,
                    qualified=alias in self._qualified,
                )

    def _record(
        self, each: Comparison, optional: frozenset[str], found: dict[str, list[Equality | str | Search | Join]]
    ) -> None:
        place = self._place(each.column)
        if place is None:
            return
        if each.other is not None:
            other = self._place(each.other)
            if other is not None and (place.scope, place.alias) != (other.scope, other.alias):
                for one, two in ((place, other), (other, place)):
                    if one.scope is self:
                        found[one.alias].append(Join(one.column, two.table.qualified_name, two.column))
        elif place.scope is self and place.alias not in optional:
            match each.kind:
                case "range":
                    found[place.alias].append(place.column)
                case "search":
                    found[place.alias].append(Search(place.column, each.operator, each.function))
                case _:
                    found[place.alias].append(Equality(place.column, _parameter(each.value), each.kind == "one of"))

    def _conditions(self) -> Iterator[tuple[exp.Expr, frozenset[str]]]:
        """Yield each condition, with the sources whose rows it does not choose."""
        where = self.node.args.get("where")
        if where is not None:
            yield where.this, frozenset()
        on = self.node.args.get("on") if isinstance(self.node, exp.Merge) else None
        if on is not None:
            yield on, frozenset()
        for join in self._joins:
            if join.args.get("on") is not None:
                yield join.args["on"], self._kept(join)

    def _kept(self, join: exp.Join) -> frozenset[str]:
        """The sources whose rows an outer join keeps whatever its condition says."""
        joined = frozenset({self._alias(join.this)})
        match join.side:
            case "LEFT":
                return frozenset(self.sources) - joined
            case "RIGHT":
                return joined
            case "FULL":
                return frozenset(self.sources)
            case _:
                return frozenset()

    def _merged_columns(self, join: exp.Join, found: dict[str, list[Equality | str | Search | Join]]) -> None:
        """Record the joins of USING, where exactly two tables of the level have the column."""
        for node in join.args.get("using") or ():
            name = identifier(node)
            owners = [(alias, table) for alias, table in self.sources.items() if table and name in self._columns[alias]]
            if name is not None and len(owners) == 2:
                (first, one), (second, other) = owners
                found[first].append(Join(name, other.qualified_name, name))
                found[second].append(Join(name, one.qualified_name, name))

    def _order(self) -> tuple[str | None, tuple[OrderColumn, ...]]:
        """Return the one source that the level orders by, and its columns."""
        order = self.node.args.get("order")
        if order is None or self.grouped:
            return None, ()
        places = []
        columns = []
        for each in order.expressions:
            column = self._output(each.this)
            place = self._place(column) if isinstance(column, exp.Column) else None
            if place is None or place.scope is not self:
                return None, ()
            places.append(place.alias)
            columns.append(OrderColumn(place.column, bool(each.args.get("desc")), bool(each.args.get("nulls_first"))))
        return (places[0], tuple(columns)) if len(set(places)) == 1 else (None, ())

    def _output(self, node: exp.Expr) -> exp.Expr:
        """Return what an ORDER BY item means: a position or a name of the output stands for what is selected."""
        selected = self.node.expressions
        if isinstance(node, exp.Literal) and not node.is_string:
            position = int(node.name) if node.name.isdigit() else 0
            return selected[position - 1].unalias() if 0 < position <= len(selected) else node
        if isinstance(node, exp.Column) and node.args.get("table") is None:
            named = (each for each in selected if isinstance(each, exp.Alias))
            return next(
                (one.unalias() for one in named if identifier(one.args["alias"]) == identifier(node.this)), node
            )
        return node

    def _place(self, column: exp.Column) -> _Place | None:
        """Return where a column lies; None where that is not certain."""
        name, qualifier = identifier(column.this), identifier(column.args.get("table"))
        scope: _Scope | None = self
        while scope is not None and name is not None:
            owners = [alias for alias, columns in scope._columns.items() if name in columns]
            if qualifier is not None:
                if qualifier in scope.sources:
                    return scope._own(qualifier, name) if qualifier in owners else None
            elif owners:
                return scope._own(owners[0], name) if len(owners) == 1 else None
            elif None in scope.sources.values():
                return None
            scope = scope.around
        return None

    def _own(self, alias: str, name: str) -> _Place | None:
        table = self.sources[alias]
        return _Place(self, alias, table, name) if table is not None else None

    def _source_nodes(self) -> Iterator[exp.Expr]:
        """Yield each relation of the level, and note the joins between them."""
        args = self.node.args
        first = args.get("from_")
        listed = [] if isinstance(self.node, exp.Select) else [self.node.this]
        listed += [first.this] if first is not None else []
        using = args.get("using") or []
        listed += using if isinstance(using, list) else [using]
        joins = list(args.get("joins") or ())
        for source in listed:
            yield source
            joins += source.args.get("joins") or ()
        for join in joins:
            self._joins.append(join)
            yield join.this

    def _alias(self, source: exp.Expr) -> str:
        alias = source.args.get("alias")
        return (identifier(alias.this) if isinstance(alias, exp.TableAlias) else identifier(source.this)) or ""
