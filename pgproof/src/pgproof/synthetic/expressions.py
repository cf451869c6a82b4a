"""Pieces of SQL that turn the number of a row into something that looks drawn, and is the same every time.

Everything is a function of the row's number, so a statement makes any part of a table by itself and PostgreSQL makes it
without asking anybody.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from random import Random

from psycopg import sql

ROW = '"pgproof_row"'
"""The number of a row within its table, from 1."""

PLACE = '"pgproof_place"'
"""The number of a row among those that may be referred to, from 1."""

ALONG = '"pgproof_along"'
"""How far a row is on the way through its table, from 0 to 1."""

_IN_ORDER = 0.1
"""Of the correlation from which rows are made in the order of a column."""
_ALL_IN_ORDER = 0.99999
_SPREAD = 2_654_435_761
"""An odd number (Knuth, The Art of Computer Programming, 6.4): multiplied by it, numbers below a power of two change
places and none is lost."""

_WORDS = (  # noqa: SIM905
    "amber anchor arch autumn basket beacon bench birch blanket bottle branch brass bridge brook bucket button cabin "
    "candle canvas carpet cedar chalk chimney circle clay clock cloud coast cobalt copper corner cotton crane cup "
    "current curtain desert door drum dune echo ember engine fabric feather fence field fjord flint floor forest "
    "fountain frame gate glacier glass granite gravel grove hammer harbour hedge hill hinge horizon island ivory "
    "jar kettle ladder lake lamp lantern leaf ledge lens lever linen loom maple marble marsh meadow mirror mosaic "
    "mountain needle oak oat ocean orchard oven paper path pebble pier pillow pine plain planet plate pond prism "
    "quarry quill rail rain reed ridge river road roof rope saddle salt sand shelf shore signal silver slope smoke "
    "snow spoon spring square staircase stone storm stream summit table thread tide timber tower track tunnel valley "
    "vessel village wagon wall water wave wheat wheel willow window winter wire wood wool yard"
).split()

FILLER_LENGTH = 8_192


def _filler() -> str:
    draw = Random(8)
    text = ""
    while len(text) < FILLER_LENGTH:
        text += draw.choice(_WORDS) + " "
    return text[:FILLER_LENGTH]


FILLER = _filler()
"""Plain words, none of which is a name, to cut texts from."""


def name(identifier: str) -> str:
    """Quote an identifier."""
    return sql.Identifier(identifier).as_string(None)


def names(identifiers: Iterable[str]) -> str:
    """Quote identifiers, with commas between."""
    return ", ".join(map(name, identifiers))


def qualified(schema: str, relation: str) -> str:
    """Quote the name of a relation."""
    return sql.Identifier(schema, relation).as_string(None)


def literal(value: str) -> str:
    """Quote a text as SQL writes one."""
    return sql.Literal(value).as_string(None)


def salt_of(*parts: object) -> int:
    """Return a number that depends on the parts alone: what is drawn for one purpose says nothing of another."""
    return zlib.crc32("\0".join(map(str, parts)).encode())


def hashed(number: str, salt: int) -> str:
    """Return a bigint from 0 to 2^53 that depends on a number and a salt."""
    return f"(hashint8extended({number}, {salt}) & 9007199254740991)"


def uniform(number: str, salt: int) -> str:
    """Return a number from 0 to 1, without 1."""
    return f"({hashed(number, salt)} / 9007199254740992.0::float8)"


def in_order(draw: str, along: str, correlation: float, number: str, salt: int) -> str:
    """Return a number from 0 to 1, each as likely, that grows from row to row as a correlation says.

    In k blocks of rows, each with a draw within its own k-th part, numbers correlate with rows by 1 - 1/k^2.

    Args:
        draw: a number from 0 to 1.
        along: how far the row is on its way, from 0 to 1.
        correlation: wanted, from -1 to 1.
        number: of the row.
        salt: of the rows that are in no order.
    """
    wanted = abs(correlation)
    if wanted < _IN_ORDER:
        return draw
    forward = along if correlation > 0 else f"(1 - {along})"
    if wanted > _ALL_IN_ORDER:
        return forward
    blocks = max(math.ceil(1 / math.sqrt(1 - wanted)), 2)
    ordered = f"((LEAST(floor({forward} * {blocks}), {blocks - 1}) + {draw}) / {blocks})"
    share = wanted / (1 - 1 / blocks**2)
    if share > 0.999:
        return ordered
    return f"CASE WHEN {uniform(number, salt)} < {share!r} THEN {ordered} ELSE {draw} END"


def spread(number: str, over: int, salt: int) -> str:
    """Return a bigint from 0 to `over`, without it: each as often as any other, in an order of its own.

    Each run of `over` numbers has every result once; from run to run they are turned, so that two columns with as many
    different values do not always meet in the same pairs.
    """
    if over <= 1:
        return "0::bigint"
    step = next(step for step in (_SPREAD, _SPREAD + 2, 40_503, 69_069, 1) if _coprime(step, over))
    turn = f"(hashint8extended(({number}) / {over}, {salt}) & 2147483647)"
    return f"((({number}) % {over} * {step} + {turn}) % {over})"


def some(number: str, count: int, of: int) -> str:
    """Return a condition that so many of the numbers from 1 to `of` meet, evenly spread and exactly so many."""
    if count <= 0:
        return "false"
    many = min(count, of)
    return f"(({number}) * {many} / {of} <> (({number}) - 1) * {many} / {of})"


def numbers(values: Sequence[float]) -> str:
    """Return an array of float8."""
    return "'{" + ",".join(repr(float(value)) for value in values) + "}'::float8[]"


def letters(rank: str, digits: int, salt: int) -> str:
    """Return so many letters from a to p, different for different ranks below 16^digits, in no order."""
    mixed = f"((({rank}) * {_SPREAD} + {salt}) & {16**digits - 1})"
    return f"translate(lpad(to_hex({mixed}), {digits}, '0'), '0123456789', 'ghijklmnop')"


def digits_for(distinct: int, at_least: int = 3) -> int:
    """Return how many letters tell so many values apart."""
    digits = at_least
    while 16**digits < distinct:
        digits += 1
    return digits


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1
