"""The command `pgproof`: parses, calls, renders."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pgproof.errors import PgproofError

FOUND, WRONG_USAGE, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    help="Says what is wrong with a PostgreSQL database, with evidence, and proves that what mends it works.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """How an audit is written."""

    TTY = "tty"
    JSON = "json"


@app.command()
def audit(
    source: Annotated[str, typer.Argument(help="A libpq or SQLAlchemy URL, or a snapshot file.")],
    output_format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TTY,
) -> None:
    """Say what is wrong with a database: ranked, with evidence and a score."""
    import psycopg
    from rich.console import Console

    from pgproof.audit import AuditOptions, examine
    from pgproof.facts.collect import collect_answers
    from pgproof.facts.read import read_facts
    from pgproof.facts.snapshot import from_json
    from pgproof.report.document import adapter, document
    from pgproof.report.tty import WIDTH, print_audit
    from pgproof.rules.checking import questions_of
    from pgproof.rules.discovery import all_rules

    rules = all_rules()
    if Path(source).is_file():
        facts = from_json(Path(source).read_bytes(), source)
    else:
        with psycopg.connect(source, autocommit=True) as connection:
            facts = read_facts(connection)
            facts = facts.with_answers(collect_answers(connection, facts, questions_of(rules, facts)))
    examined = examine(facts, rules, AuditOptions(today=date.today()))
    made = document(examined, options={}, timing={}, versions={})
    if output_format is Format.JSON:
        sys.stdout.buffer.write(adapter().dump_json(made, indent=2) + b"\n")
        return
    print_audit(
        made, Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH), show_sql=False, verbose=False
    )


@app.command()
def rules() -> None:
    """List the rules."""
    from pgproof.rules.discovery import all_rules

    for rule in all_rules():
        typer.echo(f"{rule.code:6} {rule.metadata.severity:9} {rule.metadata.slug}")


def main() -> None:
    """Run the command; a failure is one line on standard error and an exit code."""
    try:
        app(standalone_mode=True)
    except PgproofError as error:
        typer.echo(f"pgproof: {error}", err=True)
        sys.exit(COULD_NOT_RUN)
    except KeyboardInterrupt:
        typer.echo("pgproof: interrupted", err=True)
        sys.exit(INTERRUPTED)
