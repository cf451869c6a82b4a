"""Python source text: literals, calls and comments, none of which names from a database can leave."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from pgproof.report.text import printable

WIDTH = 110
_BOUND = re.compile(r"(?<![:\w\\]):[\w$]|\\:")
_UNQUOTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def literal(value: object) -> str:
    """Return a value as Python writes it, with double quotes as formatters want them, where that changes nothing."""
    if isinstance(value, str):
        plain = value.isascii() and value.isprintable() and not set(value) & {'"', "\\"}
        return f'"{value}"' if plain else ascii(value) if _hidden(value) else repr(value)
    if isinstance(value, Code):
        return value.text
    if isinstance(value, tuple | list):
        return f"[{', '.join(literal(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(key)}: {literal(each)}' for key, each in value.items())}}}"
    return repr(value)


class Code:
    """An expression that stands as it is."""

    def __init__(self, text: str) -> None:
        self.text = text


def text_clause(sql: str) -> Code:
    """Return `sa.text(...)` of SQL, in which no colon is taken for a parameter."""
    escaped = sql.replace(":", "\\:") if _BOUND.search(sql) else sql
    return Code(f"sa.text({literal(escaped)})")


def call(function: str, *positional: object, **keywords: object) -> list[str]:
    """Return the lines of a call, on one line if it fits, else one argument to a line."""
    arguments = [*map(literal, positional), *(f"{name}={literal(value)}" for name, value in keywords.items())]
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= WIDTH - 8:
        return [line]
    values = [*((None, each) for each in positional), *keywords.items()]
    lines = [f"{function}("]
    for name, value in values:
        lines += [f"    {each}" for each in _argument(name, value)]
    return [*lines, ")"]


def _argument(name: str | None, value: object) -> list[str]:
    start = f"{name}=" if name else ""
    text = literal(value)
    if len(start) + len(text) <= WIDTH - 16:
        return [f"{start}{text},"]
    if isinstance(value, list | tuple):
        inside = [f"    {line}" for each in value for line in _argument(None, each)]
        return [f"{start}[", *inside, "],"]
    if isinstance(value, str):
        pieces = [literal(piece) for piece in _pieces(value)]
        return [f"{start}{pieces[0]}," if len(pieces) == 1 else f"{start}(", *_inside(pieces)]
    return [f"{start}{text},"]


def _inside(pieces: list[str]) -> list[str]:
    return [*(f"    {piece}" for piece in pieces), "),"] if len(pieces) > 1 else []


def _pieces(text: str, width: int = WIDTH - 24) -> list[str]:
    """Cut a text behind spaces, so that the pieces together are the text."""
    pieces = [""]
    for word in re.findall(r"\S*\s*", text):
        if pieces[-1] and len(pieces[-1]) + len(word) > width:
            pieces.append("")
        pieces[-1] += word
    return [piece for piece in pieces if piece]


def comment(text: str, first: str = "", then: str = "  ") -> list[str]:
    """Return a text as lines of comments."""
    wrapped = textwrap.wrap(
        printable(text), WIDTH - 10, initial_indent=f"# {first}", subsequent_indent=f"# {then}", break_long_words=False
    )
    return wrapped or ["#"]


def indented(lines: Iterable[str], by: int) -> list[str]:
    """Return lines moved to the right; an empty one stays empty."""
    return [f"{' ' * by}{line}" if line else "" for line in lines]


def identifier(*parts: str) -> str:
    """Return a name of Python that says what names of a database say, as far as it can."""
    joined = "_".join("_".join(_UNQUOTED.findall(part)) for part in parts).lower()
    return re.sub(r"_+", "_", joined).strip("_") or "rows"


def _hidden(value: str) -> bool:
    return printable(value) != value
