"""A unique rule that the models declare and the database does not enforce.

What it finds:
    A `unique=True`, a `UniqueConstraint` or a unique `Index` of the models, and no valid unique index of the table
    that holds for at least the same rows: none over these columns or some of them, only a partial one, or one over
    the column where the models say `lower(column)`. Two conditions or expressions that are written differently and
    might mean the same are left to `pgproof drift`. What the rows show without the models is said once: a pair by
    INT01 and a natural key by INT02, with the line of the models, wherever these rules run.

Why it matters:
    SQLAlchemy never checks uniqueness itself, it only writes the DDL. Code that relies on IntegrityError, or on one
    row per key, meets a second row.

Evidence:
    The models, pg_index, and a count of the rows that have the same key.

Remedy:
    `op.create_index(..., unique=True, postgresql_concurrently=True)` in an autocommit block, then the constraint with
    USING INDEX. Rows that repeat have to be merged first.

When to ignore:
    The rule was dropped from the database on purpose: take it out of the models, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.facts.questions import Duplicates
from pgproof.remedy.operation import Operation
from pgproof.rules import given
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.integrity import association_without_unique, natural_key_without_unique
from pgproof.rules.integrity._association_examples import DECLARED, REFERENCES, joining
from pgproof.rules.integrity._keys import (
    at_least,
    enforcing,
    evidence_of,
    known_from,
    repeats,
    sentence,
    surplus,
    told,
)
from pgproof.rules.integrity._letter_case import unique_in_lower_case
from pgproof.rules.integrity._promises import Promise, broken_promises
from pgproof.rules.integrity._subjects import Subject, found_by
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT03", slug="orm-unique-not-in-database", severity="high", needs=("models", "catalog"))


def questions(facts: Facts) -> Iterator[Duplicates]:
    """Ask how many rows break each rule that is not enforced, where it holds for all rows."""
    for modelled in modelled_tables(facts):
        for promise in broken_promises(modelled):
            yield from _questions(modelled, promise)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each unique rule of the models that the database does not have, unless its rows told of it already."""
    found = found_by(facts, association_without_unique, natural_key_without_unique)
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        for promise in broken_promises(modelled):
            if promise.where is None and Subject(modelled.table.qualified_name, frozenset(promise.columns)) in found:
                continue
            yield _finding(facts, modelled, promise)


def _questions(modelled: Modelled, promise: Promise) -> tuple[Duplicates, ...]:
    """Return what is asked of the rows; nothing where the rule holds for some of them."""
    if promise.where is not None:
        return ()
    return (Duplicates(modelled.table.qualified_name, promise.columns, promise.lower),)


def _finding(facts: Facts, modelled: Modelled, promise: Promise) -> Finding:
    table = modelled.table
    listed = ", ".join(f"lower({name})" if name in promise.lower else name for name in promise.columns)
    rows = f" for rows where {promise.where}" if promise.where else ""
    severity: Severity = METADATA.severity
    consequence = "Nothing but the application's own look for an earlier row keeps two rows from having the same."
    operations: tuple[Operation, ...] = ()
    summary = f"Make ({listed}) unique{rows} in the database, as the models say."
    said = ""
    found = told(facts, *_questions(modelled, promise))
    if found is not None:
        counts = found[1]
        said = repeats(*found)
        if surplus(counts):
            severity = "critical"
            consequence += (
                f" {sentence(at_least(counts, surplus(counts)))} of {counts.rows_examined:,} rows are surplus already."
            )
            summary = f"Merge the {counts.rows:,} rows that share their ({listed}) with another; then make it unique."
        else:
            operations = _operations(facts, table, promise)
    return METADATA.finding(
        objects=(table_ref(table, *promise.columns),),
        message=f"The models say that ({listed}) of {table.qualified_name} is unique{rows}, but the database does not",
        consequence=consequence,
        severity=severity,
        confidence=known_from(found),
        evidence=(
            written(modelled.model, f"({listed}) is declared unique{rows}", *promise.columns),
            Evidence(
                "catalog",
                f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indisunique AND indrelid = {regclass(table)}",
                _unique_rules(table),
            ),
            *evidence_of(found, said),
        ),
        remedy=Remedy(summary, operations),
        counter_example=_counter_example(table, promise),
        location=modelled.model.location_of(*promise.columns),
    )


def _unique_rules(table: Table) -> str:
    found = [str(index.definition) for index in table.indexes if index.unique]
    return "; ".join((amount(len(found), "unique index", "unique indexes"), *found))


def _counter_example(table: Table, promise: Promise) -> EqualRows | None:
    if promise.where is not None or len(promise.columns) > len(promise.lower) > 0 or _narrower(table, promise):
        return None
    return EqualRows(table.qualified_name, promise.columns, differ_in_case=promise.lower)


def _narrower(table: Table, promise: Promise) -> bool:
    """Tell whether the database has the rule for some rows."""
    return any(index.unique and index.partial and set(index.columns) == set(promise.columns) for index in table.indexes)


def _operations(facts: Facts, table: Table, promise: Promise) -> tuple[Operation, ...]:
    if _narrower(table, promise):
        # Somebody has chosen its rows: which of the two is meant, only people know.
        return ()
    if not promise.lower:
        return enforcing(facts.catalog, table, promise.columns)
    if len(promise.columns) > 1:
        return ()
    return unique_in_lower_case(facts, table, promise.columns[0])


_USERS = """
class User(Base):
    __tablename__ = "users"
    __table_args__ = ({})
    id: Mapped[int] = mapped_column(primary_key=True)
    nick: Mapped[str] = mapped_column({})
    name: Mapped[str | None]
    closed_at: Mapped[datetime.datetime | None]
"""
_TABLE = "CREATE TABLE users (id int PRIMARY KEY, nick text NOT NULL, name text, closed_at timestamptz);"


def _user(rule: str = "", column: str = "") -> str:
    return _USERS.format(rule, column)


BAD = (
    Example(
        "a unique column that the database knows nothing of",
        sql=_TABLE + "INSERT INTO users VALUES (1, 'a'), (2, 'b')",
        models=_user(column="unique=True"),
        severity="high",
        says=("is unique, but", "Make (nick) unique in the database"),
        shows=("1 unique index; CREATE", "no two of 2 rows", "1 operation", "UNIQUE USING INDEX", "EqualRows("),
        objects=("users", "nick"),
    ),
    Example(
        "rows that repeat already, beside indexes that are not unique",
        sql=_TABLE
        + "CREATE INDEX ON users (nick); CREATE INDEX ON users (nick) WHERE closed_at IS NULL;"
        + "INSERT INTO users VALUES (1, 'a'), (2, 'a'), (3, 'b')",
        models=_user(column="unique=True, index=True"),
        severity="critical",
        says=("1 of 3 rows", "Merge the 2 rows"),
        shows=("1 unique index;", "0 operations", "EqualRows("),
        objects=("users", "nick"),
    ),
    Example(
        "a constraint over two columns, of which the database has a wider one, and one whose build failed",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (nick, name, id); CREATE UNIQUE INDEX broken ON users (nick, name);"
        + "SET allow_system_table_mods = on;"
        + "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass; RESET allow_system_table_mods",
        models=_user('UniqueConstraint("nick", "name"),'),
        says=("(nick, name)",),
        objects=("users", "nick", "name"),
    ),
    Example(
        "a rule over all rows where the database has one over some, and one over another column and more",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (nick) WHERE closed_at IS NOT NULL;"
        + "CREATE UNIQUE INDEX ON users (md5(nick), lower(name))",
        models=_user(column="unique=True"),
        says=("Nothing but",),
        shows=("3 unique indexes;", "0 operations", "no counter-example"),
        objects=("users", "nick"),
    ),
    Example(
        "a rule whatever the case, where the database has one that tells A from a",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (nick); INSERT INTO users VALUES (1, 'a'), (2, 'A')",
        models=_user('Index("one_account", text("lower(nick)"), unique=True),'),
        says=("lower(nick)", "1 of 2 rows"),
        shows=("EqualRows(",),
        severity="critical",
        objects=("users", "nick"),
    ),
    Example(
        "a rule whatever the case that the rows keep to, beside one of some rows over another column",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (name) WHERE closed_at IS NULL; INSERT INTO users VALUES (1, 'a'), (2, 'b')",
        models=_user('Index("one_account", text("lower(nick)"), unique=True),'),
        severity="high",
        shows=("1 operation", '(lower("nick"))', "EqualRows("),
        objects=("users", "nick"),
    ),
    Example(
        "a rule whatever the case among others",
        sql=_TABLE + "INSERT INTO users VALUES (1, 'a', 'x')",
        models=_user('Index("one_account", text("lower(nick)"), "name", unique=True),'),
        severity="high",
        says=("(lower(nick), name)",),
        shows=("no two of 1 rows", "0 operations", "no counter-example"),
        objects=("users", "nick", "name"),
    ),
    Example(
        "a rule for some rows that others do not keep to, where the database has one for others",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (nick) WHERE name IS NULL;"
        + "INSERT INTO users VALUES (1, 'a', 'x', now()), (2, 'a', 'y', now())",
        models=_user('Index("one", "nick", unique=True, postgresql_where=text("closed_at IS NULL")),'),
        severity="high",
        says=("for rows where closed_at IS NULL",),
        shows=("0 operations", "no counter-example"),
        objects=("users", "nick"),
    ),
    Example(
        "a pair for some rows, which another rule reports for all",
        sql=joining(REFERENCES),
        models=DECLARED.replace(
            'UniqueConstraint("b_id", "a_id")',
            'Index("one", "b_id", "a_id", unique=True, postgresql_where=text("id > 9"))',
        ),
        shows=("no counter-example",),
        objects=("joined", "a_id", "b_id"),
    ),
)
GOOD = (
    Example(
        "a rule that the database has, one as a constraint and one as an index",
        sql=_TABLE + "ALTER TABLE users ADD UNIQUE (nick); CREATE UNIQUE INDEX ON users (name, nick)",
        models=_user('UniqueConstraint("nick", "name"),', "unique=True, index=True"),
    ),
    Example(
        "a rule over fewer columns binds more rows",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (nick)",
        models=_user('UniqueConstraint("nick", "name"),'),
    ),
    Example(
        "a rule whatever the case, which PostgreSQL deparses with a cast",
        sql=_TABLE + "ALTER TABLE users ALTER nick TYPE varchar; CREATE UNIQUE INDEX ON users (lower(nick))",
        models=_user('Index("one_account", func.lower(text("nick")), unique=True),', "unique=True"),
    ),
    Example(
        "a rule for some rows that both write in their own way",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (nick) WHERE closed_at IS NULL AND name = 'x'",
        models=_user(
            """Index("one", "nick", unique=True, postgresql_where=text("name = 'x' AND (closed_at IS NULL)")),"""
        ),
    ),
    Example(
        "a rule for some rows, where the database has it for all",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (nick)",
        models=_user('Index("one", "nick", unique=True, postgresql_where=text("closed_at IS NULL")),'),
    ),
    Example(
        "rows without a value, which no unique rule binds",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (name) WHERE name IS NOT NULL",
        models=_user('UniqueConstraint("name"),'),
    ),
    Example(
        "an expression that nobody but PostgreSQL can compare",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (md5(nick))",
        models=_user('Index("one", func.md5(text("nick")), unique=True),', "unique=True"),
    ),
    Example(
        "an exclusion of equal values",
        sql=_TABLE + "ALTER TABLE users ADD EXCLUDE (nick WITH =)",
        models=_user(column="unique=True"),
    ),
    Example(
        "a table or a column that is not there", sql="CREATE TABLE users (id int)", models=_user(column="unique=True")
    ),
    Example(
        "a pair that its table shows to be meant, which another rule reports with the line of the models",
        sql=joining(REFERENCES),
        models=DECLARED,
    ),
    Example(
        "a natural key, which another rule reports with the line of the models",
        sql=_TABLE.replace("nick", "email"),
        models=_user(column="unique=True").replace("nick", "email"),
    ),
    Example(
        "an index that is not meant to be unique, and one over an expression",
        sql=_TABLE,
        models=_user('Index("one", func.upper(text("nick")), unique=True),', "index=True"),
    ),
    Example(
        "a table that another session locks is not judged: its indexes could not be read",
        sql=_TABLE,
        models=_user(column="unique=True"),
        given=(given.table("users", locked=True),),
    ),
)
