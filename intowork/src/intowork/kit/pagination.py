"""Pages by keyset: a page starts after the last row of the one before, however deep it lies.

Rows are ordered newest first by a timestamp and the primary key, which makes the order total. The timestamp may be
null; PostgreSQL sorts nulls first when the order descends, and so do the pages.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, DateTime, Integer, Row, Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from intowork.kit.sql import Rows, row_limit
from pgproof.errors import PgproofError

PAGE_SIZE = 20
COUNT_LIMIT = 1000

_LARGEST_KEY = 2**31 - 1

Ts = TypeVarTuple("Ts")


class CursorError(PgproofError):
    """A cursor that no page gave out."""


@dataclass(frozen=True)
class Position:
    """The last row of a page.

    Attributes:
        at: the timestamp that orders the rows, with its zone.
        id: the primary key.
    """

    at: dt.datetime | None
    id: int

    def cursor(self) -> str:
        """Return the position as text for a URL, which promises nothing about its content."""
        at = "" if self.at is None else self.at.isoformat()
        return base64.urlsafe_b64encode(f"{self.id} {at}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, cursor: str) -> Position:
        """Return the position that a cursor stands for.

        Raises:
            CursorError: the text is not a cursor.
        """
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            key, _, at = text.partition(" ")
            moment = dt.datetime.fromisoformat(at) if at else None
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a moment without zone")
            if not 0 < int(key) <= _LARGEST_KEY:
                raise ValueError("a key that no row has")
            return cls(moment, int(key))
        except (binascii.Error, ValueError) as error:
            raise CursorError(f"No page starts at {cursor!r}; start again without a cursor") from error


@dataclass(frozen=True)
class NewestFirst:
    """The order of a list by a timestamp and the primary key, both descending."""

    at: InstrumentedAttribute[Any] | ColumnElement[Any]
    id: InstrumentedAttribute[Any] | ColumnElement[Any]

    def order(self) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
        """Return what ORDER BY takes."""
        return self.at.desc(), self.id.desc()

    def after(self, position: Position) -> ColumnElement[bool]:
        """Return the condition that a row comes after a position.

        A comparison of rows, since PostgreSQL makes it one condition on an index of both columns, which
        `at < x OR (at = x AND id < y)` is not.
        """
        key = literal(position.id, Integer)
        if position.at is None:
            return or_(self.at.is_not(None), self.id < key)
        return tuple_(self.at, self.id) < tuple_(literal(position.at, DateTime(timezone=True)), key)

    def page(self, statement: Select[*Ts], after: Position | None, size: int) -> Select[*Ts]:
        """Return the statement limited to the page after a position, or to the first one."""
        if after is not None:
            statement = statement.where(self.after(after))
        return statement.order_by(*self.order()).limit(row_limit(size))


def capped_count(rows: Rows) -> Select[int]:
    """Return a statement that counts rows exactly up to `COUNT_LIMIT` and answers one more beyond it.

    It stops reading there: a person does not care whether 31 207 or 31 208 jobs match, and counting them costs more
    than the page.

    Args:
        rows: the rows to count, unordered.
    """
    return select(func.count()).select_from(rows.limit(row_limit(COUNT_LIMIT + 1)).subquery())


def cut(rows: Sequence[Row[*Ts]], size: int, at: str) -> tuple[Sequence[Row[*Ts]], str | None]:
    """Return the rows of a page, and the cursor of the page after it, if there is one.

    Args:
        rows: of the page and the first of the next one: `size + 1` were asked for.
        size: of the page.
        at: the column that orders the rows, beside `id`.
    """
    if len(rows) <= size:
        return rows, None
    last = rows[size - 1]
    return rows[:size], Position(getattr(last, at), last.id).cursor()
