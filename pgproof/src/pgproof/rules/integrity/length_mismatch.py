"""A text whose length the models and the database limit differently.

What it finds:
    A `String(n)` and a varchar or char of another length: shorter in the database, or with a limit there that the
    models do not know; and longer or without a limit in the database, where the models say one. A column whose check
    lists its values is left out where all of them fit.

Why it matters:
    SQLAlchemy checks no length. Where the database allows less than the models say, an INSERT that validation lets
    through fails with "value too long". Where it allows more, the length of the models limits nothing at all.

Evidence:
    The models and pg_attribute.

Remedy:
    Make both the same: `op.alter_column(..., type_=sa.String(n))`. A longer varchar, or text, takes no rewrite; a
    shorter one scans and may rewrite the table, so prefer a CHECK on char_length that is validated apart.

When to ignore:
    The length of the models is for another database.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Column
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelColumn
from pgproof.rules import given
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.integrity._labels import list_of
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.reading import locked, regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT18", slug="length-mismatch", severity="low", needs=("models", "catalog"))

_TEXT = ("varchar", "text", "bpchar", "citext")


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each table with columns that are shorter in the database, and each with columns that are longer."""
    for modelled in modelled_tables(facts):
        if modelled.table.locked:
            yield locked(modelled.table)
            continue
        differing = [
            (model, column)
            for model, column in modelled.columns()
            if _differ(model, column) and not _is_listed(modelled, model, column)
        ]
        shorter = tuple(pair for pair in differing if _is_shorter(*pair))
        longer = tuple(pair for pair in differing if not _is_shorter(*pair) and not _is_checked(modelled, pair[1]))
        if shorter:
            yield _finding(modelled, shorter, "shorter", _SHORTER, "medium")
        if longer:
            yield _finding(modelled, longer, "longer", _LONGER, "low")


_SHORTER = 'An INSERT that the models take for possible fails with "value too long".'
_LONGER = "SQLAlchemy checks no length, so the one in the models limits nothing: longer values are stored."


def _differ(model: ModelColumn, column: Column) -> bool:
    return model.text and column.base_type in _TEXT and model.length != column.length


def _is_shorter(model: ModelColumn, column: Column) -> bool:
    return column.length == _shortest(model, column)


def _shortest(model: ModelColumn, column: Column) -> int:
    """Return the lower of two limits that differ; the only one where the other side has none."""
    return min(length for length in (model.length, column.length) if length is not None)


def _is_listed(modelled: Modelled, model: ModelColumn, column: Column) -> bool:
    """Tell whether a check lists the values of a column, each of which both lengths let through."""
    lists = (list_of(check, column.name) for check in modelled.table.checks)
    longest = _shortest(model, column)
    return any(texts is not None and all(len(text) <= longest for text in texts) for texts in lists)


def _is_checked(modelled: Modelled, column: Column) -> bool:
    """Tell whether a check of the column limits its length in its own way."""
    return any(
        check.columns == (column.name,) and "length(" in str(check.expression) for check in modelled.table.checks
    )


def _finding(
    modelled: Modelled,
    pairs: tuple[tuple[ModelColumn, Column], ...],
    how: str,
    consequence: str,
    severity: Severity,
) -> Finding:
    table = modelled.table
    names = tuple(column.name for _, column in pairs)
    listed = ", ".join(
        f"{column.name} ({_length(column.length)} against {_length(model.length)})" for model, column in pairs
    )
    return METADATA.finding(
        objects=(table_ref(table, *names),),
        message=f"{table.qualified_name} allows {how} texts than the models: {listed}",
        consequence=consequence,
        severity=severity,
        evidence=(
            written(modelled.model, ", ".join(f"{model.name} {model.type}" for model, _ in pairs), *names),
            Evidence(
                "catalog",
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid ="
                f" {regclass(table)} AND attnum > 0",
                ", ".join(f"{column.name} {column.type}" for _, column in pairs),
            ),
        ),
        remedy=Remedy(f"Give {', '.join(names)} the same length in the database and in the models."),
        location=modelled.model.location_of(*names),
    )


def _length(length: int | None) -> str:
    return "any length" if length is None else f"{length:,}"


_MODELS = """
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column({})
    mail: Mapped[str | None] = mapped_column({})
"""

BAD = (
    Example(
        "shorter in the database, and with a limit that the models do not know",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(20), mail char(5))",
        models=_MODELS.format("String(40)", "String"),
        severity="medium",
        says=("name (20 against 40), mail (5 against any length)",),
        objects=("users", "name", "mail"),
    ),
    Example(
        "longer in the database, and without a limit, beside a check of something else",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(20), mail text CHECK (mail <> ''),"
        + " CHECK (length(name) > id))",
        models=_MODELS.format("String(10)", "String(30)"),
        severity="low",
        says=("name (20 against 10), mail (any length against 30)",),
        objects=("users", "name", "mail"),
    ),
    Example(
        "a check that lists a value longer than the models allow",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text, mail varchar(9) CHECK (mail IN ('new', 'cancelled')))",
        models=_MODELS.format("Text", "String(3)"),
        says=("mail (9 against 3)",),
        objects=("users", "mail"),
    ),
    Example(
        "one of each is two findings",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(20), mail text)",
        models=_MODELS.format("Text", "String(30)"),
        findings=2,
        objects=("users", "name", "mail"),
    ),
)
GOOD = (
    Example(
        "the same length, and none on both sides",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(20), mail text)",
        models=_MODELS.format("String(20)", "String"),
    ),
    Example(
        "a check that limits the length in its own way",
        sql="CREATE TABLE users (id int PRIMARY KEY, name text CHECK (char_length(name) <= 20), mail varchar)",
        models=_MODELS.format("String(20)", "Text"),
    ),
    Example(
        "checks that list the values, which fit in both lengths",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(9) CHECK (name IN ('SCHEDULED', 'FAILED')),"
        " mail text CHECK (mail = 'a'))",
        models=_MODELS.format("String(20)", "String(1)"),
    ),
    Example(
        "an enum, whose length is that of its longest label, and a type of another kind",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(50), mail bytea)",
        models=_MODELS.format('Enum("a", "bb", native_enum=False)', "String(20)"),
    ),
    Example(
        "a number that is sent as a text",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(50), mail text)",
        models=_MODELS.format("Integer", "Text"),
    ),
    Example(
        "a table that another session locks is not judged: its checks could not be read",
        sql="CREATE TABLE users (id int PRIMARY KEY, name varchar(50), mail text)",
        models=_MODELS.format("String(20)", "Text"),
        given=(given.table("users", locked=True),),
    ),
)
