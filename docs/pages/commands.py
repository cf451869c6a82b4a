"""The reference of the commands, from the application that runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import typer
from docs.pages.markdown import cell, code, fenced, prose, table

from pgproof.commands.app import app


def page() -> str:
    """Return the page of all commands with every argument and option."""
    group = typer.main.get_group(app)
    parts = ["# Commands\n", f"{prose(group.help or '')}\n", f"{_paragraphs(group.epilog)}\n"]
    for name, command in group.commands.items():
        parts += [f"## pgproof {name}\n", *_command(name, command)]
    return "\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    yield f"{_paragraphs(command.help)}\n"
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    usage = ["pgproof", name, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)]
    yield fenced(" ".join(usage), "text")
    if arguments:
        yield table(("argument", ""), ((cell(code(_argument(each))), cell(str(each.help))) for each in arguments))
    if options:
        yield table(("option", "", "default"), map(_option, options))


def _argument(argument: Any) -> str:
    return str(argument.metavar or argument.name).upper()


def _option(option: Any) -> tuple[str, str, str]:
    value = f" {option.metavar or _choices(option)}" if not option.is_flag else ""
    written = ", ".join(code(f"{name}{value}") for name in sorted(option.opts, key=len, reverse=True))
    default = "required" if option.required else "" if option.default in (None, False) else code(str(option.default))
    return cell(written), cell(str(option.help)), default


def _choices(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    assert issubclass(annotation, StrEnum), f"{option.name} has neither a metavar nor choices"
    return "|".join(annotation)


def _paragraphs(text: str | None) -> str:
    """Return help with its paragraphs, whose lines the source breaks where it likes."""
    found = re.split(r"\n\s*\n", (text or "").strip())
    return "\n\n".join(prose(" ".join(paragraph.split())) for paragraph in found)
