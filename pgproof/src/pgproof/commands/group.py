"""The group that every command belongs to."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from pgproof.commands.running import say

EXIT_CODES = """
Exit codes: 0 clean; 1 findings at or above --fail-on, drift, or a counter-example that shows nothing; 2 wrong usage;
3 could not run, or with --require all something could not be checked; 130 interrupted.
"""


class _Commands(TyperGroup):
    """Hands an interrupt on: typer by itself would end without a word."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("interrupted")
            raise typer.Exit(130) from None


app = typer.Typer(
    help="Says what is wrong with a PostgreSQL database, with evidence, and proves that what mends it works.",
    epilog=EXIT_CODES,
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
