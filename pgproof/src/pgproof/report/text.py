"""Names and texts from a database are hostile: what is done to each before it reaches a person or a program."""

from __future__ import annotations

import unicodedata

_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories that change how a terminal or a reader sees the text around them (control, bidi and others)."""


def printable(text: str) -> str:
    """Return text without anything that could act on a terminal: each such character as its escape.

    Args:
        text: any; line breaks are escaped too.
    """
    return "".join(
        _escaped(character) if unicodedata.category(character) in _INVISIBLE else character for character in text
    )


def printable_lines(text: str) -> str:
    """Return text of several lines, each printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
