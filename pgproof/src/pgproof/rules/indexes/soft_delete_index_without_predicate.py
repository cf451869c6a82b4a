"""An index that holds mostly rows which count as deleted.

What it finds:
    An index over all rows of a table most of whose rows are marked as deleted (`deleted_at` and the like), where
    something shows that live rows are what is looked for: another index of the table is for live rows alone, a
    relationship of the models has the mark in its join, or a statement of the workload asks for it. Left alone are
    unique rules (INT24), indexes with the mark among their columns, tables of fewer than a thousand rows, boolean
    marks, whose shares nobody keeps, and indexes of a foreign key, which the deletion of a parent needs for all rows.

Why it matters:
    More than half of the index is read past by every lookup, kept in memory, and written with each row.

Evidence:
    pg_index, the share of NULL in pg_stats, and the models or the statements.

Remedy:
    `Index("ix_orders_state", "state", postgresql_where=text("deleted_at IS NULL"))`, built concurrently; then drop the
    old one. The queries have to say `deleted_at IS NULL` themselves.

When to ignore:
    Deleted rows are looked up by it, too, such as by a restore or an export.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column, Index, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal, quoted
from pgproof.rules import given
from pgproof.rules.deletion_marks import MARKS
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, index_ref, table_ref
from pgproof.rules.index_keys import leading_columns
from pgproof.rules.indexes._shared import definitions, size
from pgproof.rules.modelled import mapped_classes, table_of
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import FEW_ROWS
from pgproof.rules.sql_text import columns_fixed, columns_named, tokens

METADATA = Metadata(
    code="IDX10", slug="soft-delete-index-without-predicate", severity="low", needs=("catalog", "statistics")
)

MOSTLY = 0.5
"""Share of deleted rows from which an index of the live ones is at most half as large."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each index most of whose rows are deleted, of a table whose live rows are what is looked for."""
    for table in facts.catalog.base_tables:
        mark = next((column for column in table.columns if column.name in MARKS and column.type_category == "D"), None)
        if mark is None or table.locked or (table.estimated_rows or 0) < FEW_ROWS:
            continue
        sign = _sign(facts, table, mark)
        if sign is None:
            continue
        for index in table.indexes:
            if not _holds_all_rows(table, index, mark):
                continue
            if mark.statistics is None:
                yield NotChecked("column statistics (ANALYZE, and the right to see them)", (index_ref(table, index),))
            elif 1 - mark.statistics.null_fraction > MOSTLY:
                yield _finding(table, index, mark, 1 - mark.statistics.null_fraction, sign)


def _holds_all_rows(table: Table, index: Index, mark: Column) -> bool:
    if index.unique or index.partial or not index.usable or mark.name in index.columns:
        return False
    if any(mark.name in columns_named(table, key.expression) for key in index.keys):
        return False
    return not any(leading_columns(table, index, key.columns) for key in table.foreign_keys)


def _sign(facts: Facts, table: Table, mark: Column) -> Evidence | None:
    """Return what shows that live rows are looked for; None where nothing does."""
    for index in table.indexes:
        if mark.name in columns_fixed(table, index.predicate):
            return definitions(table, index)
    for owner in mapped_classes(facts):
        for relationship in owner.relationships:
            for name in relationship.conditions:
                if name.name == mark.name and table_of(facts, name.table) is table:
                    return Evidence("models", f"{owner.name}.{relationship.name}", f"its join asks for {mark.name}")
    for statement in facts.server.statements or ():
        words = [part.strip('"').lower() for part in tokens(statement.query)]
        asked = any(words[at : at + 3] == [mark.name, "is", "null"] for at in range(len(words)))
        if asked and table.name in words:
            return Evidence("statistics", statement.query, f"{statement.calls:,} calls")
    return None


def _finding(table: Table, index: Index, mark: Column, share: float, sign: Evidence) -> Finding:
    return METADATA.finding(
        objects=(index_ref(table, index),),
        message=f"{index.name} of {table.qualified_name} holds deleted rows, {share:.0%} of all",
        consequence=f"An index of the live rows would be {1 - share:.0%} of its {_size(index)}.",
        confidence="sample",
        evidence=(
            definitions(table, index),
            Evidence(
                "statistics",
                f"SELECT null_frac FROM pg_stats WHERE schemaname = {literal(table.schema)} AND tablename ="
                f" {literal(table.name)} AND attname = {literal(mark.name)}",
                f"{1 - share:.2f}: {mark.name} is NULL in live rows",
            ),
            sign,
        ),
        # No operations: a query that does not ask for live rows alone could no longer use it.
        remedy=Remedy(
            f"Build {index.name} anew WHERE {quoted(mark.name)} IS NULL where every query that uses it says so, and"
            " drop the old one."
        ),
        related=(table_ref(table, mark.name),),
    )


def _size(index: Index) -> str:
    return size(index.bytes) if index.bytes is not None else "size"


_ORDERS = """
    CREATE TABLE customers (id int PRIMARY KEY);
    CREATE TABLE orders (id int PRIMARY KEY, state text, placed date, customer int, deleted_at timestamptz);
    INSERT INTO orders SELECT n, 's' || n, now(), NULL, CASE WHEN n % 10 > {live} THEN now() END
        FROM generate_series(1, {rows}) n;
    {more};
    ANALYZE orders;
"""
_PLAIN = "CREATE INDEX plain ON orders (state)"
_LIVE = "CREATE INDEX live ON orders (placed) WHERE deleted_at IS NULL"


def _orders(more: str = f"{_PLAIN}; {_LIVE}", live: int = 1, rows: int = 1000) -> str:
    return _ORDERS.format(more=more, live=live, rows=rows)


_MODELS = """
class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    orders: Mapped[list[Order]] = relationship(
        primaryjoin="and_(Customer.id == foreign(Order.customer), Order.{} == None)", viewonly=True
    )
class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str | None]
    placed: Mapped[datetime.date | None]
    customer: Mapped[int | None]
    deleted_at: Mapped[datetime.datetime | None]
"""

_NOTES = """
class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[int | None]
    deleted_at: Mapped[datetime.datetime | None]
    owner: Mapped[Customer | None] = relationship(
        primaryjoin="and_(Customer.id == foreign(Note.customer), Note.deleted_at == None)", viewonly=True
    )
"""

BAD = (
    Example(
        "an index of all rows beside one of the live rows",
        sql=_orders(),
        given=(given.index("plain", bytes=1 << 20),),
        renamed=False,
        objects=("plain", "state"),
        says=("80% of all", "would be 20% of its 1 MB"),
    ),
    Example(
        "a relationship of the models that reads live rows alone, and an index whose size could not be read",
        sql=_orders(_PLAIN),
        models=_MODELS.format("deleted_at"),
        given=(given.index("plain", bytes=None),),
        says=("of its size",),
        objects=("plain", "state"),
    ),
    Example(
        "statements that ask for live rows alone, and an expression",
        sql=_orders("CREATE INDEX expression ON orders (lower(state), placed)"),
        given=(given.workload(('SELECT * FROM "orders" WHERE state = $1 AND orders.deleted_at IS NULL', 10, 1.0)),),
        renamed=False,
        objects=("expression",),
    ),
)
GOOD = (
    Example(
        "nothing shows that live rows are looked for",
        sql=_orders(_PLAIN + "; CREATE INDEX ON orders (placed) WHERE id > 9"),
    ),
    Example("hardly half of the rows are deleted", sql=_orders(live=4)),
    Example("few rows", sql=_orders(rows=999)),
    Example(
        "indexes that are unique, partial, or have the mark",
        sql=_orders(
            _LIVE + "; CREATE UNIQUE INDEX ON orders (state); CREATE INDEX ON orders (state) WHERE id > 9;"
            "CREATE INDEX ON orders (state, deleted_at); CREATE INDEX ON orders ((deleted_at IS NULL), state)"
        ),
    ),
    Example(
        "the index of a foreign key, which the deletion of a parent needs for all rows",
        sql=_orders(
            _LIVE + "; CREATE INDEX ON orders (customer);"
            "ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers"
        ),
    ),
    Example(
        "an index that was never finished",
        sql=_orders(),
        given=(given.index("plain", valid=False),),
        renamed=False,
    ),
    Example(
        "a mark of another type",
        sql=_orders("ALTER TABLE orders ALTER deleted_at TYPE text;" + f"{_PLAIN}; {_LIVE}"),
    ),
    Example(
        "relationships with a condition on another column or table, and a statement about another, large one",
        sql=_orders(_PLAIN),
        models=_MODELS.format("placed") + _NOTES,
        given=(
            given.table("customers", live_rows=5000),
            given.workload(
                ("SELECT * FROM customers WHERE deleted_at IS NULL", 10, 1.0),
                ("SELECT deleted_at FROM orders WHERE state IS NULL", 10, 1.0),
            ),
        ),
    ),
    Example(
        "tables that were never analysed cannot be judged, be their rows counted or not",
        sql=_orders().replace("ANALYZE orders", "CREATE TABLE returns (id int, deleted_at date)"),
        given=(given.table("orders", live_rows=5000), given.table("returns", heap_bytes=8192)),
        renamed=False,
    ),
    Example(
        "a table that another session locks is not judged: its indexes could not be read",
        sql=_orders(),
        given=(given.table("orders", locked=True),),
        renamed=False,
    ),
)
