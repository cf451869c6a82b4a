"""What commands share when they run: options, the console for people, and what a report says of the run."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgproof.errors import PgproofError
from pgproof.report.text import printable

if TYPE_CHECKING:
    import typer
    from rich.console import Console

    from pgproof.settings import Options


def say(text: str) -> None:
    """Write a line to standard error, where people look and programs do not."""
    sys.stderr.write(f"pgproof: {printable(text)}\n")


def warn(warnings: Iterable[str], quiet: bool) -> None:
    """Say what a person should know before the result is used; nothing where nobody wants it."""
    for warning in () if quiet else warnings:
        say(warning)


def errors_console(quiet: bool = False) -> Console:
    """Return the console of progress bars."""
    from rich.console import Console

    return Console(stderr=True, quiet=quiet)


def here() -> Path:
    """Return the current directory.

    Raises:
        PgproofError: somebody removed it.
    """
    try:
        return Path.cwd()
    except OSError:
        raise PgproofError("the current directory is gone: change to one that is there") from None


def options_of(context: typer.Context) -> Options:
    """Return the options of the run: those of the command line, of the environment and of the configuration.

    Args:
        context: of the command, whose options bear the names of the configuration's; the others are its own.
    """
    from pgproof.settings import Options, load_options

    names = [field.alias or name for name, field in Options.model_fields.items()]
    given: dict[str, Any] = {name: context.params.get(name) for name in names}
    for name in ("select", "ignore"):
        # Of what the command line says, several selections are one list; typer has an empty one where nothing is said.
        given[name] = ",".join(given[name]) if given[name] else None
    for name in ("schema", "models"):
        given[name] = tuple(given[name] or ())
    # Older versions of typer have text here, of which the command alone gets a path.
    config = context.params.get("config")
    return load_options(None if config is None else Path(config), here(), given)


def described(options: Options) -> dict[str, str]:
    """Return the options of a run as a report names them."""
    return {
        name: ", ".join(value) if isinstance(value, list) else str(value)
        for name, value in options.model_dump(mode="json", exclude={"suppress"}, by_alias=True).items()
        if value not in (None, [])
    }


def versions() -> dict[str, str]:
    """Return the versions of pgproof and Python."""
    import platform
    from importlib.metadata import version

    return {"pgproof": version("pgproof"), "python": platform.python_version()}
