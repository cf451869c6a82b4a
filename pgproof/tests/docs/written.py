"""What the written pages show: blocks, the commands in them, and how shown output is held against the real one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = tuple(sorted(page.relative_to(DOCS).as_posix() for page in DOCS.glob("*.md")))

_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=fence)$", re.MULTILINE | re.DOTALL)
CHANGING = (
    (re.compile(r"\bPostgreSQL \d+(\.\d+)?"), "PostgreSQL VERSION"),
    (re.compile(r"\b\d+(\.\d+)? (bytes|kB|MB|GB)\b"), "SIZE"),
    (re.compile(r"\b\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "DURATION"),
)
"""What differs from run to run or from server to server, and is compared as a word."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        line: of its fence, from 1.
    """

    page: str
    line: int
    language: str
    text: str


@dataclass(frozen=True)
class Step:
    """A command that a page shows, and what it shows of its output."""

    page: str
    line: int
    command: str
    shown: str


def blocks(page: str, language: str) -> Iterator[Block]:
    """Yield the blocks of a language on a page, in order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        if found["language"] == language:
            yield Block(page, text.count("\n", 0, found.start()) + 1, language, found["text"])


def steps(page: str) -> tuple[Step, ...]:
    """Return the commands of a page's console blocks, in order, each with the output below it."""
    found: list[Step] = []
    for block in blocks(page, "console"):
        starts_with_command = block.text.startswith("$ ")
        assert starts_with_command, f"{page}:{block.line} shows output without its command"
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, *lines = part.splitlines()
            while lines and lines[0].startswith(">"):
                command += "\n" + lines.pop(0).removeprefix(">").removeprefix(" ")
            found.append(Step(page, block.line, command, "\n".join(lines)))
    return tuple(found)


def comparable(output: str) -> str:
    """Return output with what changes as words, without trailing spaces and empty lines at its ends."""
    for pattern, word in CHANGING:
        output = pattern.sub(word, output)
    return "\n".join(line.rstrip() for line in output.strip("\n").splitlines())


def not_shown(shown: str, real: str) -> str | None:
    """Return the first line of a page that did not come, or came otherwise; None where the page shows what came.

    Args:
        shown: `...` as a line stands for any lines, at the end of one for the rest of it.
        real: what came.
    """
    came = f"{comparable(real)}\n" if real.strip() else ""
    pattern = ""
    for line in comparable(shown).splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        elif line.endswith("..."):
            pattern += re.escape(line.removesuffix("...")) + r".*\n"
        else:
            pattern += re.escape(line) + r"\n"
        if not re.match(pattern, came):
            return line
    return None if re.fullmatch(pattern, came) else "the end"
