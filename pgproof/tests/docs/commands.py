"""Command lines that a text shows, held against the commands that there are."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from intowork.cli import app as intowork
from pgproof.commands.app import app as pgproof

from .written import ROOT

APPLICATIONS = {"pgproof": pgproof, "intowork": intowork}
_LINE = re.compile(
    r"^(?: {4,}|\s*- (?:run: )?|\s*(?:run|entry): )(?:\.venv/bin/)?((?:pgproof|intowork|make) [a-z].*)$", re.MULTILINE
)
_INLINE = re.compile(r"`(?:\.venv/bin/)?((?:pgproof|intowork|make) [a-z][^`]*)`")
_END = re.compile(r"\s+(?:#|\||>|&&|;)\s*.*$")


def shown_commands(text: str) -> Iterator[str]:
    """Yield each command line of a text: by itself in a line, or as code in a sentence."""
    for pattern in (_LINE, _INLINE):
        for found in pattern.finditer(text):
            yield _END.sub("", " ".join(found[1].split()))


def refuse_unknown(command: str) -> None:
    """Parse a command line as the command would; nothing runs.

    Raises:
        Exception: the command, or an option of it, is not there.
    """
    program, *arguments = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert arguments[0] in targets, f"there is no target {arguments[0]}"
        return
    group: Any = typer.main.get_group(APPLICATIONS[program])
    name, *rest = arguments
    assert name in group.commands, f"{program} has no command {name}"
    if rest:
        # Where it is not there, it is asked for at the terminal.
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("INTOWORK_INIT_PASSWORD", "given")
            group.commands[name].make_context(name, rest)
