"""A statement without its values: comments and constants go, parameters are numbered, lists and rows become one.

It reads like pg_stat_statements: parameters are $1, $2 ... by their first place, and constants go on from there.
"""

from __future__ import annotations

import re
from typing import NamedTuple, TypeAlias

Source: TypeAlias = "str | int"
"""Where the value of a parameter is: its name in a mapping, or its place in a sequence."""

_TOKEN = re.compile(
    r"""(?P<kept>"(?:[^"]|"")*"|::\s*[a-z_][\w.]*\s*\(\s*\d+\s*(?:,\s*\d+\s*)?\)"""
    r"""|\b(?:(?:var)?char|character|varying|bpchar|numeric|decimal|bit|time|timestamp|interval|float)\s*"""
    r"""\(\s*\d+\s*(?:,\s*\d+\s*)?\))"""
    r"""|(?P<text>\be'(?:[^'\\]|\\.|'')*'|(?:\b[bxn]|\bu&)?'(?:[^']|'')*'|(?P<dollar>\$(?:[^\W\d]\w*)?\$).*?(?P=dollar))"""
    # What a quotation mark opens and nothing ends: nothing behind it may be kept.
    r"""|(?P<open>'.*\Z)"""
    r"""|(?P<comment>--[^\n]*|/\*.*?\*/)"""
    r"""|%\((?P<name>(?:[^()]|\([^()]*\))+)\)s|(?P<format>%s)|(?P<percent>%%)|\$(?P<number>\d+)"""
    r"""|(?P<numeral>(?<![\w$.])\d+(?:\.\d*)?(?:e[+-]?\d+)?\b|(?<![\w$.)\]])\.\d+)""",
    re.DOTALL | re.IGNORECASE,
)
_MARK = r"\x00\d+\x00"
_CAST = r"(?:\s*::\s*[\w. ]+?(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))?(?:\[\])*)?"
_LIST = re.compile(rf"(\bIN\s*\()\s*({_MARK}{_CAST})(?:\s*,\s*{_MARK}{_CAST})+\s*\)", re.IGNORECASE)
_ROW = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
_ROWS = re.compile(rf"(\bVALUES\s*)({_ROW})((?:\s*,\s*{_ROW})+)", re.IGNORECASE)
_ONE_ROW = re.compile(_ROW)
_MARKS = re.compile(r"\x00(\d+)\x00")
_OFFSET = re.compile(r"\bOFFSET\s+\(?\s*\x00(\d+)\x00", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class Shape(NamedTuple):
    """What is left of a statement.

    Attributes:
        text: on one line, with parameters $1, $2 ..., and constants behind them in number.
        sources: of each parameter's value; several where a list became one parameter.
        sets: rows of VALUES that became one.
        offset: where the number of rows that OFFSET skips is, or that number itself if it is written out (as text).
    """

    text: str
    sources: tuple[tuple[Source, ...], ...]
    sets: int
    offset: tuple[Source | None, int] | None


def shape(statement: str, *, percent: bool) -> Shape:
    """Return a statement without values.

    Args:
        statement: as SQLAlchemy gives it to the driver.
        percent: the driver's parameters are %s or %(name)s, so that %% stands for a percent sign.
    """
    found: list[tuple[Source | None, str]] = []
    places: dict[Source, int] = {}
    format_places = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal format_places
        kind, matched = match.lastgroup, match[0]
        if match["kept"] is not None:
            return matched
        if match["comment"] is not None or match["open"] is not None:
            return " "
        if match["percent"] is not None:
            return "%" if percent else matched
        source: Source | None = None
        if match["name"] is not None:
            source = match["name"]
        elif match["format"] is not None and percent:
            source, format_places = format_places, format_places + 1
        elif match["number"] is not None:
            source = int(match["number"]) - 1
        elif match["format"] is not None:
            return matched
        if source is not None and source in places:
            return f"\x00{places[source]}\x00"
        found.append((source, matched if kind == "numeral" else ""))
        if source is not None:
            places[source] = len(found) - 1
        return f"\x00{len(found) - 1}\x00"

    text = _SPACE.sub(" ", _TOKEN.sub(mark, statement)).strip().removesuffix(";")
    text, sets = _one_row(text)
    lists: dict[int, tuple[int, ...]] = {}

    def one(match: re.Match[str]) -> str:
        marks = tuple(map(int, _MARKS.findall(match[0])))
        if all(found[each][0] is not None for each in marks):
            lists[marks[0]] = marks
        return f"{match[1]}{match[2]})"

    text = _LIST.sub(one, text)
    offset = _OFFSET.search(text)
    skipped = None
    if offset is not None:
        source, written = found[int(offset[1])]
        skipped = (source, int(written) if written.isdecimal() else 0)
    order = list(dict.fromkeys(map(int, _MARKS.findall(text))))
    parameters = [each for each in order if found[each][0] is not None]
    numbers = {each: number for number, each in enumerate(parameters, 1)}
    constants = len(parameters)

    def numbered(match: re.Match[str]) -> str:
        nonlocal constants
        each = int(match[1])
        if each not in numbers:
            constants += 1
            numbers[each] = constants
        return f"${numbers[each]}"

    sources = tuple(
        tuple(source for each in lists.get(first, (first,)) if (source := found[each][0]) is not None)
        for first in parameters
    )
    return Shape(_MARKS.sub(numbered, text), sources, sets, skipped)


def _one_row(text: str) -> tuple[str, int]:
    """Keep the first of several rows of VALUES; return how many there were."""
    rows = _ROWS.search(text)
    if rows is None:
        return text, 1
    return text[: rows.end(2)] + text[rows.end(3) :], 1 + len(_ONE_ROW.findall(rows[3]))
