"""A unique rule that the models declare and the database does not enforce.

What it finds:
    A `unique=True`, a `UniqueConstraint` or a unique `Index` of the models, and no valid unique index of the table
    that holds for at least the same rows: none over these columns or some of them, only a partial one, or one over
    the column where the models say `lower(column)`. Two conditions or expressions that are written differently and
    might mean the same are left to `pgproof drift`.

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
from dataclasses import dataclass

from pgproof.advise.deparsed import columns_in, folded_column
from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelIndexKey
from pgproof.facts.questions import Duplicates
from pgproof.remedy.operation import Operation
from pgproof.rules import given
from pgproof.rules.counter_examples import EqualRows
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, counted, table_ref
from pgproof.rules.indexes._sql_text import columns_required
from pgproof.rules.integrity._keys import at_least, certainty, enforcing, repeats, sentence, surplus
from pgproof.rules.integrity._letter_case import unique_in_lower_case
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.same_sql import same_sql

METADATA = Metadata(code="INT03", slug="orm-unique-not-in-database", severity="high", needs=("models", "catalog"))


@dataclass(frozen=True)
class _Promise:
    """A unique rule of the models.

    Attributes:
        columns: that it is over, in order; those in expressions as well.
        lower: those that it compares in lower case.
        where: condition of its rows; None for all.
    """

    columns: tuple[str, ...]
    lower: tuple[str, ...]
    where: str | None


def questions(facts: Facts) -> Iterator[Duplicates]:
    """Ask how many rows break each rule that is not enforced, where it holds for all rows."""
    for modelled in modelled_tables(facts):
        for promise in _broken_promises(modelled):
            if promise.where is None:
                yield _question(modelled, promise)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each unique rule of the models that the database does not have."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        for promise in _broken_promises(modelled):
            yield _finding(facts, modelled, promise)


def _broken_promises(modelled: Modelled) -> Iterator[_Promise]:
    own = {column.name for column in modelled.table.columns}
    for promise in dict.fromkeys(_promises(modelled)):
        # A column that is not there is the matter of another rule.
        if set(promise.columns) <= own and not any(
            _keeps(modelled.table, index, promise) for index in modelled.table.indexes
        ):
            yield promise


def _promises(modelled: Modelled) -> Iterator[_Promise]:
    for constraint in modelled.model.constraints:
        if constraint.kind == "unique":
            yield _Promise(constraint.columns, (), None)
    for index in modelled.model.indexes:
        if index.unique and (promise := _of_keys(index.keys, index.where)) is not None:
            yield promise


def _of_keys(keys: tuple[ModelIndexKey, ...], where: str | None) -> _Promise | None:
    """Return the rule of a unique index; None for one over anything but columns and lower(column)."""
    columns, lower = [], []
    for key in keys:
        folded = folded_column(key.expression) if key.expression is not None else None
        if folded is not None and folded[0] == "lower":
            lower.append(folded[1])
        elif key.column is None:
            return None
        columns.append(key.column or lower[-1])
    return _Promise(tuple(columns), tuple(lower), where)


def _keeps(table: Table, index: Index, promise: _Promise) -> bool:
    """Tell whether an index keeps a promise; one over an expression that is not understood may."""
    if not (index.unique or index.exclusion) or not index.valid:
        return False
    for key in index.keys:
        folded = folded_column(key.expression) if key.expression is not None else None
        if key.column is not None:
            if key.column not in promise.columns or key.column in promise.lower:
                return False
        elif folded is None or folded[0] != "lower":
            return columns_in(key.expression or "") <= set(promise.columns)
        elif folded[1] not in promise.columns:
            return False
    if not index.partial:
        return True
    required = columns_required(table, index.predicate)
    if required is not None and required <= set(promise.columns):
        # Rows that it leaves out have a NULL in the key, which no unique rule takes for equal.
        return True
    return promise.where is not None and same_sql(promise.where, index.predicate) is not False


def _question(modelled: Modelled, promise: _Promise) -> Duplicates:
    return Duplicates(modelled.table.qualified_name, promise.columns, promise.lower)


def _finding(facts: Facts, modelled: Modelled, promise: _Promise) -> Finding:
    table = modelled.table
    listed = ", ".join(f"lower({name})" if name in promise.lower else name for name in promise.columns)
    rows = f" for rows where {promise.where}" if promise.where else ""
    answer = facts.answer(_question(modelled, promise)) if promise.where is None else None
    counts = answer.counts if answer is not None else None
    consequence = "Nothing but the application's own look for an earlier row keeps two rows from having the same."
    operations: tuple[Operation, ...] = ()
    summary = f"Make ({listed}) unique{rows} in the database, as the models say."
    if counts is not None and surplus(counts):
        consequence += (
            f" {sentence(at_least(counts, surplus(counts)))} of {counts.rows_examined:,} rows are surplus already."
        )
        summary = f"Merge the {counts.rows:,} rows that share their ({listed}) with another; then make it unique."
    elif counts is not None and counts.exact:
        operations = _operations(facts, table, promise)
    return METADATA.finding(
        objects=(table_ref(table, *promise.columns),),
        message=f"The models say that ({listed}) of {table.qualified_name} is unique{rows}, but the database does not",
        consequence=consequence,
        severity="critical" if counts is not None and surplus(counts) else None,
        confidence=certainty(counts),
        evidence=(
            written(modelled.model, f"({listed}) is declared unique{rows}", *promise.columns),
            Evidence(
                "catalog",
                f"SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indisunique AND indrelid = {regclass(table)}",
                _unique_rules(table),
            ),
            *((counted(answer, repeats(answer, counts)),) if answer is not None and counts is not None else ()),
        ),
        remedy=Remedy(summary, operations),
        counter_example=_counter_example(table, promise),
        location=modelled.model.location_of(*promise.columns),
    )


def _unique_rules(table: Table) -> str:
    found = [index.definition or index.name for index in table.indexes if index.unique and not index.primary]
    return "; ".join(found) if found else "no unique rule beside the primary key"


def _counter_example(table: Table, promise: _Promise) -> EqualRows | None:
    if promise.where is not None or len(promise.columns) > len(promise.lower) > 0 or _narrower(table, promise):
        return None
    return EqualRows(table.qualified_name, promise.columns, differ_in_case=promise.lower)


def _narrower(table: Table, promise: _Promise) -> bool:
    """Tell whether the database has the rule for some rows."""
    return any(index.unique and index.partial and set(index.columns) == set(promise.columns) for index in table.indexes)


def _operations(facts: Facts, table: Table, promise: _Promise) -> tuple[Operation, ...]:
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
    email: Mapped[str] = mapped_column({})
    name: Mapped[str | None]
    closed_at: Mapped[datetime.datetime | None]
"""
_TABLE = "CREATE TABLE users (id int PRIMARY KEY, email text NOT NULL, name text, closed_at timestamptz);"


def _user(rule: str = "", column: str = "") -> str:
    return _USERS.format(rule, column)


BAD = (
    Example(
        "a unique column that the database knows nothing of",
        sql=_TABLE + "INSERT INTO users VALUES (1, 'a'), (2, 'b')",
        models=_user(column="unique=True"),
        severity="high",
        objects=("users", "email"),
    ),
    Example(
        "rows that repeat already, beside an index that is not unique",
        sql=_TABLE + "CREATE INDEX ON users (email); INSERT INTO users VALUES (1, 'a'), (2, 'a'), (3, 'b')",
        models=_user(column="unique=True, index=True"),
        severity="critical",
        says=("1 of 3 rows", "Merge the 2 rows"),
        objects=("users", "email"),
    ),
    Example(
        "a constraint over two columns, of which the database has a wider one, and one whose build failed",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (email, name, id); CREATE UNIQUE INDEX broken ON users (email, name);"
        + "SET allow_system_table_mods = on;"
        + "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broken'::regclass; RESET allow_system_table_mods",
        models=_user('UniqueConstraint("email", "name"),'),
        says=("(email, name)",),
        objects=("users", "email", "name"),
    ),
    Example(
        "a rule over all rows where the database has one over some, and one over another column",
        sql=_TABLE
        + "CREATE UNIQUE INDEX ON users (email) WHERE closed_at IS NULL; CREATE UNIQUE INDEX ON users (lower(name))",
        models=_user(column="unique=True"),
        says=("Nothing but",),
        objects=("users", "email"),
    ),
    Example(
        "a rule whatever the case, where the database has one that tells A from a",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (email); INSERT INTO users VALUES (1, 'a'), (2, 'A')",
        models=_user('Index("one_account", text("lower(email)"), unique=True),'),
        says=("lower(email)", "1 of 2 rows"),
        severity="critical",
        objects=("users", "email"),
    ),
    Example(
        "a rule whatever the case that the rows keep to",
        sql=_TABLE + "INSERT INTO users VALUES (1, 'a'), (2, 'b')",
        models=_user('Index("one_account", text("lower(email)"), unique=True),'),
        severity="high",
        objects=("users", "email"),
    ),
    Example(
        "a rule whatever the case among others",
        sql=_TABLE + "INSERT INTO users VALUES (1, 'a', 'x')",
        models=_user('Index("one_account", text("lower(email)"), "name", unique=True),'),
        severity="high",
        says=("(lower(email), name)",),
        objects=("users", "email", "name"),
    ),
    Example(
        "a rule for some rows, where the database has one for others",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (email) WHERE name IS NULL",
        models=_user('Index("one", "email", unique=True, postgresql_where=text("closed_at IS NULL")),'),
        severity="high",
        says=("for rows where closed_at IS NULL",),
        objects=("users", "email"),
    ),
)
GOOD = (
    Example(
        "a rule that the database has, one as a constraint and one as an index",
        sql=_TABLE + "ALTER TABLE users ADD UNIQUE (email); CREATE UNIQUE INDEX ON users (name, email)",
        models=_user('UniqueConstraint("email", "name"),', "unique=True, index=True"),
    ),
    Example(
        "a rule over fewer columns binds more rows",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (email)",
        models=_user('UniqueConstraint("email", "name"),'),
    ),
    Example(
        "a rule whatever the case, which PostgreSQL deparses with a cast",
        sql=_TABLE + "ALTER TABLE users ALTER email TYPE varchar; CREATE UNIQUE INDEX ON users (lower(email))",
        models=_user('Index("one_account", func.lower(text("email")), unique=True),', "unique=True"),
    ),
    Example(
        "a rule for some rows that both write in their own way",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (email) WHERE closed_at IS NULL AND name = 'x'",
        models=_user(
            """Index("one", "email", unique=True, postgresql_where=text("name = 'x' AND (closed_at IS NULL)")),"""
        ),
    ),
    Example(
        "a rule for some rows, where the database has it for all",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (email)",
        models=_user('Index("one", "email", unique=True, postgresql_where=text("closed_at IS NULL")),'),
    ),
    Example(
        "rows without a value, which no unique rule binds",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (name) WHERE name IS NOT NULL",
        models=_user('UniqueConstraint("name"),'),
    ),
    Example(
        "an expression that nobody but PostgreSQL can compare",
        sql=_TABLE + "CREATE UNIQUE INDEX ON users (md5(email))",
        models=_user('Index("one", func.md5(text("email")), unique=True),', "unique=True"),
    ),
    Example(
        "an exclusion of equal values",
        sql=_TABLE + "ALTER TABLE users ADD EXCLUDE (email WITH =)",
        models=_user(column="unique=True"),
    ),
    Example(
        "a table or a column that is not there", sql="CREATE TABLE users (id int)", models=_user(column="unique=True")
    ),
    Example("an index that is not meant to be unique", sql=_TABLE, models=_user(column="index=True")),
    Example(
        "a table that another session locks is not judged: its indexes could not be read",
        sql=_TABLE,
        models=_user(column="unique=True"),
        given=(given.table("users", locked=True),),
    ),
)
