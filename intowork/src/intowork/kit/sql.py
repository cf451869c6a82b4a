"""SQLAlchemy statements as psycopg runs them, for measuring and explaining them outside a session."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Delete, Dialect, Integer, Select, literal
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.orm import InstrumentedAttribute

Rows = Select[*tuple[Any, ...]]
"""A select of any columns."""

_DIALECT: Dialect = psycopg.PGDialect_psycopg()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class RenderedStatement:
    """A statement as the driver receives it.

    Attributes:
        text: SQL in psycopg's style, `%(name)s` for a parameter.
        parameters: the value of each parameter, already as the driver takes it.
    """

    text: str
    parameters: Mapping[str, object]


def render(statement: Rows | Delete) -> RenderedStatement:
    """Return the text and the parameters that SQLAlchemy hands to psycopg for a statement.

    Literals that are rendered on execution are in the text, as they are when a session runs the statement.

    Args:
        statement: a select with all its values.
    """
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    parameters = {}
    for name, value in compiled.params.items():
        bind = compiled.binds.get(name)
        processor = bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT) if bind is not None else None
        parameters[name] = value if processor is None else processor(value)
    return RenderedStatement(str(compiled), parameters)


def constant(column: InstrumentedAttribute[Any], value: enum.StrEnum) -> ColumnElement[Any]:
    """Return a label of an enum column that is rendered into the text of the statement.

    The planner proves the predicate of a partial index from a constant only: a bound parameter has no value in
    a generic plan (PostgreSQL documentation, Partial Indexes).
    """
    return literal(value, column.type, literal_execute=True)


def row_limit(rows: int) -> ColumnElement[int]:
    """Return a LIMIT that is rendered into the text: a generic plan guesses a bound one as a tenth of all rows."""
    return literal(rows, Integer, literal_execute=True)
