"""The commands that write what mends, and prove it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pgproof.commands.group import EXIT_CODES, app
from pgproof.commands.parameters import (
    AlembicOption,
    Config,
    DataOption,
    EngineOption,
    Ignore,
    ModelsOption,
    Output,
    Processes,
    ProofFormat,
    ProofOption,
    Quiet,
    Rows,
    Schemas,
    Select,
    Source,
    Timeout,
    Workload,
)
from pgproof.commands.running import errors_console, here, options_of, warn


@app.command(epilog=EXIT_CODES)
def fix(
    context: typer.Context,
    source: Source,
    alembic: AlembicOption = None,
    sql: Annotated[
        Path | None,
        typer.Option(help="Plain SQL instead of a revision; its way back goes beside it.", metavar="FILE"),
    ] = None,
    models: ModelsOption = None,
    patch: Annotated[
        Path | None, typer.Option(help="A file for the patch of the models, instead of showing it.", metavar="FILE")
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(help="Decisions that people take; --dry-run writes it with their defaults.", metavar="FILE"),
    ] = None,
    proof: ProofOption = None,
    message: Annotated[str | None, typer.Option(help="Of the revision.", metavar="TEXT")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and write no revision.")] = False,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    schema: Schemas = None,
    select: Select = None,
    ignore: Ignore = None,
    config: Config = None,
) -> None:
    """Write what mends the findings: an Alembic revision that runs beside traffic, and the patch of the models.

    The database is only read. With --proof, what the proof of the same plan found to harm is left out, and indexes that
    it found to be of no effect. Exit code 1 means that some of the selected findings are left to people.
    """
    from pgproof.audit import examine
    from pgproof.commands.choices import audit_options, rules_of
    from pgproof.commands.facts import gather_from, source_of
    from pgproof.commands.fix import LEFT, FixOptions, fix_findings, fixed_as_text, refuse_unusable
    from pgproof.commands.output import write
    from pgproof.facts.project.child import Project
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    fixing = FixOptions(None if sql else options.alembic, sql, patch, decisions, message, dry_run, options.proof)
    refuse_unusable(fixing, options, here())
    looking = replace(audit_options(options, date.today()), baseline=None)
    parsed = source_of(source)
    gathered = gather_from(parsed, rules_of(looking), options, errors_console())
    warn(gathered.warnings, quiet=False)
    fixed = fix_findings(examine(gathered.facts, all_rules(), looking), parsed, Project(here()), fixing)
    write(fixed_as_text(fixed, patched=patch is not None))
    if fixed.plan.left:
        raise typer.Exit(LEFT)


@app.command(epilog=EXIT_CODES)
def prove(
    context: typer.Context,
    source: Source,
    alembic: AlembicOption = None,
    revision: Annotated[
        str, typer.Option(help="To prove, with all that are pending before it; head by default.", metavar="REV")
    ] = "head",
    rows: Annotated[
        Rows, typer.Option("--data", help="The scratch copy's rows: made from statistics, or the source's own.")
    ] = Rows.SYNTHETIC,
    scale: Annotated[
        float | None, typer.Option(help="Times as many rows as the source has; 10 by default.", metavar="N", min=0.001)
    ] = None,
    workload: Workload = None,
    engine: EngineOption = None,
    processes: Processes = None,
    traffic: Annotated[bool, typer.Option("--traffic", help="Run the migration beside traffic as well.")] = False,
    scratch_url: Annotated[
        str | None,
        typer.Option(help="A PostgreSQL to prove on, instead of one of our own.", metavar="URL"),
    ] = None,
    trust_project: Annotated[
        bool,
        typer.Option("--trust-project", help="Let the project's code connect to anything; it is guarded otherwise."),
    ] = False,
    time_limit: Annotated[
        float, typer.Option(help="Seconds that one run of the migration may take.", metavar="SECONDS", min=1)
    ] = 600.0,
    changed: Annotated[
        str | None,
        typer.Option(help="Prove the revisions that a branch adds, such as since origin/main.", metavar="REF"),
    ] = None,
    output_format: Annotated[ProofFormat, typer.Option("--format", help="How to write it.")] = ProofFormat.TTY,
    output: Output = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Prove pending revisions on a scratch copy: up, down and up, killed, measured, and beside traffic if asked.

    The database is only dumped; everything runs on a server of our own, which is gone afterwards. With --engine a pool
    that runs dry is shown, beside one with the sizes that pgproof report writes. Exit code 1 means that the migration
    does not hold, 3 that the proof did not come to its end.
    """
    from rich.console import Console

    from pgproof.commands.output import refuse_unwritable, write
    from pgproof.commands.prove import ProveOptions, exit_code, prove_pending
    from pgproof.proving.document import to_json
    from pgproof.report.proof_markdown import proof_as_markdown
    from pgproof.report.proof_text import print_proof, proof_as_text

    options = options_of(context)
    refuse_unwritable(output)
    proving = ProveOptions(revision, rows.value, scale, traffic, trust_project, scratch_url, time_limit, changed)
    proof = prove_pending(source, options, proving, here(), errors_console(quiet))
    if output_format is ProofFormat.JSON:
        write(to_json(proof), output)
    elif output_format is ProofFormat.MARKDOWN:
        write(proof_as_markdown(proof), output)
    elif output is None and sys.stdout.isatty():
        print_proof(proof, Console(highlight=False))
    else:
        write(proof_as_text(proof), output)
    raise typer.Exit(exit_code(proof))
