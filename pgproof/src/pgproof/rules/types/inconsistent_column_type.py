"""A column whose type differs from that of the same column elsewhere.

What it finds:
    A column named as foreign keys of other tables are, all of which refer to one and the same key, but of another
    type: a text or a narrower integer where the key is a bigint, for example. And a whole number in one table where
    the table that it refers to has an amount of the same name with decimals. Foreign keys themselves are INT07's.

Why it matters:
    A join between the two needs a cast, which keeps the index of the cast side from being used; a narrower integer
    does not hold every key. Cents in one table and euros in the next are added up sooner or later.

Evidence:
    pg_attribute and pg_constraint.

Remedy:
    Give the column the type of the key, which rewrites the table: `op.alter_column(..., type_=sa.BigInteger(),
    postgresql_using="user_id::bigint")`, or a new column that is filled in batches. In the model, `mapped_column(
    BigInteger)`, and a ForeignKey if it is a reference.

When to ignore:
    The column holds something else that only has the same name, such as the identifier of another system.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Catalog, Column, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.remedy.names import literal
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, constraint_ref, table_ref
from pgproof.rules.reading import own_columns, regclass, words
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="TYP05", slug="inconsistent-column-type", severity="low")

ENOUGH_REFERENCES = 2
"""Foreign keys of one name from which the name stands for the key: of one alone, another type may be another thing."""

_INTEGERS = {"int2": 2, "int4": 4, "int8": 8}
_TEXTS = ("text", "varchar", "bpchar", "citext")
_AMOUNTS = frozenset(("amount", "price", "cost", "fee", "salary", "balance", "total", "subtotal", "tax"))
_WHOLE = re.compile(r"numeric\(\d+,0\)")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each column that has another type than the key it is named after, or than the same amount elsewhere."""
    references = _references(facts.catalog)
    for table in facts.catalog.base_tables:
        referring = {name for key in table.foreign_keys for name in key.columns}
        for column in own_columns(facts.catalog, table):
            named = references.get(column.name)
            if named is None or column.name in referring or _is_half_of_a_pair(table, column):
                continue
            if table.oid == named[0].referenced.oid or not _cannot_hold(column, named[0].target, len(named)):
                continue
            yield _misnamed(table, column, named)
    yield from _amounts(facts.catalog)


@dataclass(frozen=True)
class _Reference:
    """A foreign key of one column, and the column that it refers to."""

    table: Table
    key: Constraint
    referenced: Table
    target: Column


def _references(catalog: Catalog) -> dict[str, list[_Reference]]:
    """Return the references by the name of their column, where it stands for one key alone."""
    found: dict[str, list[_Reference]] = defaultdict(list)
    for referenced in catalog.tables:
        for table, key in catalog.referencing(referenced):
            if len(key.columns) == 1 and key.columns[0].lower().endswith("id"):
                target = referenced.column(key.referenced_columns[0])
                found[key.columns[0]].append(_Reference(table, key, referenced, target))
    return {
        name: named
        for name, named in found.items()
        if len({(each.referenced.oid, each.target.name) for each in named}) == 1
    }


def _is_half_of_a_pair(table: Table, column: Column) -> bool:
    """Whether another column says what kind of thing it identifies: `item_id` beside `item_type`."""
    stem = re.sub(r"_?id$", "", column.name, flags=re.IGNORECASE)
    return any(other.name.lower() in (f"{stem.lower()}_type", f"{stem.lower()}type") for other in table.columns)


def _cannot_hold(column: Column, target: Column, references: int) -> bool:
    ours, theirs = column.base_type, target.base_type
    if ours in _INTEGERS and theirs in _INTEGERS:
        return _INTEGERS[ours] < _INTEGERS[theirs]
    if ours == theirs or (ours in _TEXTS and theirs in _TEXTS):
        return False
    return references >= ENOUGH_REFERENCES


def _misnamed(table: Table, column: Column, named: list[_Reference]) -> Finding:
    referenced, target = named[0].referenced, named[0].target
    key = f"{referenced.qualified_name}.{target.name}"
    if column.base_type in _INTEGERS and target.base_type in _INTEGERS:
        consequence = f"It cannot hold every value of {key}, which is {target.type}."
    else:
        consequence = f"A join with {key} needs a cast, and no index of the side that is cast can be used."
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        related=tuple(constraint_ref(each.table, each.key) for each in named),
        message=f"{table.qualified_name}.{column.name} is {column.type}, while {column.name} refers to {key} "
        f"({target.type}) in {_tables(len(named))}",
        consequence=consequence,
        evidence=(_types((table, column), (referenced, target)),),
        remedy=Remedy(f"Make it {target.type}, and a foreign key if it refers to {key}; or name it after what it is."),
    )


def _tables(count: int) -> str:
    return amount(count, "table")


def _amounts(catalog: Catalog) -> Iterator[Finding]:
    for parent in catalog.tables:
        theirs = {column.name: column for column in parent.columns}
        # A table that refers to the parent twice is one table.
        for table in {each.oid: each for each, _ in catalog.referencing(parent)}.values():
            for column in table.columns:
                other = theirs.get(column.name)
                if other is None or not _AMOUNTS & set(words(column.name)):
                    continue
                if {_counts_whole(column), _counts_whole(other)} == {True, False}:
                    yield _scaled(table, column, parent, other)


def _counts_whole(column: Column) -> bool | None:
    """Whether a number has no decimals; None for what is no exact number."""
    if column.base_type in _INTEGERS or _WHOLE.fullmatch(column.type):
        return True
    return False if column.base_type == "numeric" else None


def _scaled(table: Table, column: Column, parent: Table, other: Column) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table, column.name),),
        related=(table_ref(parent, other.name),),
        message=f"{table.qualified_name}.{column.name} is {column.type}, and {parent.qualified_name}.{other.name}, "
        f"which it refers to, is {other.type}",
        consequence="One of them has decimals and the other not: they are in different units, or one loses cents.",
        evidence=(_types((table, column), (parent, other)),),
        remedy=Remedy(
            f"Keep both in one unit and type, numeric with a scale; or name the unit, as {column.name}_cents."
        ),
    )


def _types(*columns: tuple[Table, Column]) -> Evidence:
    conditions = " OR ".join(
        f"(attrelid = {regclass(table)} AND attname = {literal(column.name)})" for table, column in columns
    )
    return Evidence(
        "catalog",
        f"SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE {conditions}",
        "; ".join(f"{table.name}.{column.name}: {column.type}" for table, column in columns),
    )


_USERS = """
    CREATE TABLE users (id bigint PRIMARY KEY);
    CREATE TABLE posts (id int PRIMARY KEY, user_id bigint REFERENCES users);
    CREATE TABLE likes (id int PRIMARY KEY, user_id bigint REFERENCES users);
"""
_ORDERS = "CREATE TABLE orders (id int PRIMARY KEY, total_price numeric(12,2)); "
BAD = (
    Example(
        "a text where the key is a number",
        sql=_USERS + "CREATE TABLE visits (id int PRIMARY KEY, user_id text)",
        objects=("visits", "user_id"),
        says=("in 2 tables A join with",),
    ),
    Example(
        "an integer where the key is a bigint, though one foreign key alone has the name",
        sql="""
            CREATE TABLE users (id bigint PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id bigint REFERENCES users);
            CREATE TABLE visits (id int PRIMARY KEY, user_id int);
        """,
        objects=("visits", "user_id"),
        says=("in 1 table It cannot hold",),
    ),
    Example(
        "a uuid kept as text",
        sql="""
            CREATE TABLE users (id uuid PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, "userId" uuid REFERENCES users);
            CREATE TABLE likes (id int PRIMARY KEY, "userId" uuid REFERENCES users);
            CREATE TABLE visits (id int PRIMARY KEY, "userId" varchar(36));
        """,
        objects=("visits", "userId"),
    ),
    Example(
        "a number where the key is text, and one where it is a uuid",
        sql="""
            CREATE TABLE users (id uuid PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id uuid REFERENCES users);
            CREATE TABLE likes (id int PRIMARY KEY, user_id uuid REFERENCES users);
            CREATE TABLE shops (id text PRIMARY KEY);
            CREATE TABLE goods (id int PRIMARY KEY, shop_id text REFERENCES shops);
            CREATE TABLE sales (id int PRIMARY KEY, shop_id text REFERENCES shops);
            CREATE TABLE visits (id int PRIMARY KEY, user_id int, shop_id int);
        """,
        findings=2,
        objects=("visits", "user_id", "shop_id"),
        says=("needs a cast",),
    ),
    Example(
        "cents in one table and units in the one it refers to",
        sql=_ORDERS
        + "CREATE TABLE pays (id int PRIMARY KEY, order_id int REFERENCES orders, total_price bigint, tax int)",
        objects=("pays", "total_price"),
    ),
)
GOOD = (
    Example(
        "the same type without a foreign key",
        sql=_USERS + "CREATE TABLE visits (id int PRIMARY KEY, user_id bigint)",
    ),
    Example(
        "a uuid as the key is, and columns of composite keys",
        sql="""
            CREATE TABLE users (id uuid PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id uuid REFERENCES users);
            CREATE TABLE likes (id int PRIMARY KEY, user_id uuid REFERENCES users);
            CREATE TABLE seats (row_id bigint, id bigint, PRIMARY KEY (row_id, id));
            CREATE TABLE sold (row_id bigint, seat_id bigint, FOREIGN KEY (row_id, seat_id) REFERENCES seats);
            CREATE TABLE held (row_id bigint, seat_id bigint, FOREIGN KEY (row_id, seat_id) REFERENCES seats);
            CREATE TABLE visits (id int PRIMARY KEY, user_id uuid, row_id text);
        """,
    ),
    Example(
        "a wider integer holds every key",
        sql="""
            CREATE TABLE users (id int PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id int REFERENCES users);
            CREATE TABLE likes (id int PRIMARY KEY, user_id int REFERENCES users);
            CREATE TABLE visits (id int PRIMARY KEY, user_id bigint);
        """,
    ),
    Example(
        "varchar and text hold the same keys",
        sql="""
            CREATE TABLE users (id text PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id text REFERENCES users);
            CREATE TABLE likes (id int PRIMARY KEY, user_id text REFERENCES users);
            CREATE TABLE visits (id int PRIMARY KEY, user_id varchar(40));
        """,
    ),
    Example(
        "one reference does not make a name: the text may be another system's identifier",
        sql="""
            CREATE TABLE users (id bigint PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id bigint REFERENCES users);
            CREATE TABLE logins (id int PRIMARY KEY, user_id text);
        """,
    ),
    Example(
        "a foreign key of another type is a matter of foreign keys",
        sql=_USERS + "CREATE TABLE visits (id int PRIMARY KEY, user_id int REFERENCES users)",
    ),
    Example(
        "a name that stands for several keys stands for none",
        sql="""
            CREATE TABLE a (id bigint PRIMARY KEY, parent_id bigint REFERENCES a);
            CREATE TABLE b (id bigint PRIMARY KEY, parent_id bigint REFERENCES b);
            CREATE TABLE c (id bigint PRIMARY KEY, parent_id text);
        """,
    ),
    Example(
        "a name that is no identifier's may be a word of its own",
        sql="""
            CREATE TABLE roles (id bigint PRIMARY KEY);
            CREATE TABLE users (id int PRIMARY KEY, role bigint REFERENCES roles);
            CREATE TABLE teams (id int PRIMARY KEY, role bigint REFERENCES roles);
            CREATE TABLE films (id int PRIMARY KEY, role text);
        """,
    ),
    Example(
        "half of a pair that says of what kind the other is",
        sql=_USERS + "CREATE TABLE audits (id int PRIMARY KEY, user_id text, user_type text)",
    ),
    Example(
        "a column of the referenced table itself",
        sql=_USERS + "ALTER TABLE users ADD user_id text",
    ),
    Example(
        "a child of inheritance repeats its parent's column, which is reported there",
        sql="""
            CREATE TABLE users (id bigint PRIMARY KEY);
            CREATE TABLE posts (id int PRIMARY KEY, user_id bigint REFERENCES users);
            CREATE TABLE old_posts () INHERITS (posts);
        """,
    ),
    Example(
        "whole amounts on both sides",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY, total_price numeric(12,0));
            CREATE TABLE payments (id int PRIMARY KEY, order_id int REFERENCES orders, total_price bigint);
        """,
    ),
    Example(
        "amounts with decimals on both sides",
        sql=_ORDERS + "CREATE TABLE payments (id int PRIMARY KEY, order_id int REFERENCES orders, total_price numeric)",
    ),
    Example(
        "amounts of tables that do not refer to each other",
        sql=_ORDERS + "CREATE TABLE payments (id int PRIMARY KEY, total_price bigint)",
    ),
    Example(
        "another word in common is not an amount: an average beside a count",
        sql="""
            CREATE TABLE films (id int PRIMARY KEY, rating numeric(3,2));
            CREATE TABLE reviews (id int PRIMARY KEY, film_id int REFERENCES films, rating int);
        """,
    ),
    Example(
        "a price list as text is no number in another unit",
        sql="""
            CREATE TABLE orders (id int PRIMARY KEY, total_price bigint);
            CREATE TABLE payments (id int PRIMARY KEY, order_id int REFERENCES orders, total_price text);
        """,
    ),
)
