"""Texts of the code as MyST writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_ACTS = re.compile(r"([\\*_<>\[\]{}|#$~^])")
"""Characters that would be markup; inside of `code` none is."""


def prose(text: str) -> str:
    """Return a text of which only `code` is markup."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else _ACTS.sub(r"\\\1", part) for part in parts)


def cell(text: str) -> str:
    """Return a text for a cell of a table: in one line, and with no end of the cell inside of code either."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(prose(text).split()))


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what is in its cells is Markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fenced(text: str, language: str) -> str:
    """Return a block of code, with a fence longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}\n"
