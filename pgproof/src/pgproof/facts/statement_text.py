"""The text of a statement without its comments, in which applications put request ids, users and traces."""

from __future__ import annotations

import re

_PART = re.compile(
    r"""(?P<kept>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<dollar>\$(?:[^\W\d]\w*)?\$).*?(?P=dollar))"""
    r"""|(?P<line>--[^\n]*)|(?P<open>/\*)""",
    re.DOTALL,
)
_EDGE = re.compile(r"/\*|\*/")


def without_comments(text: str) -> str:
    """Return a statement with a space for each comment; one that does not end takes the rest with it."""
    kept, position = [], 0
    while (part := _PART.search(text, position)) is not None:
        if part["kept"] is not None:
            kept.append(text[position : part.end()])
            position = part.end()
            continue
        kept += [text[position : part.start()], " "]
        position = part.end() if part["line"] is not None else _end_of_comment(text, part.end())
    return "".join([*kept, text[position:]]).strip()


def _end_of_comment(text: str, position: int) -> int:
    """The comments of PostgreSQL nest."""
    depth = 1
    while depth:
        edge = _EDGE.search(text, position)
        if edge is None:
            return len(text)
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return position
