"""The commands with their options; each imports what it needs when it runs, so that help is there at once."""

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
    FailOn,
    Format,
    Ignore,
    ModelsOption,
    NewFile,
    Output,
    Processes,
    ProofOption,
    Quiet,
    Require,
    RulesFormat,
    Schemas,
    Select,
    Source,
    Timeout,
    Workload,
)
from pgproof.commands.running import described, errors_console, here, options_of, say, versions, warn


@app.command(epilog=EXIT_CODES)
def audit(
    context: typer.Context,
    source: Source,
    models: ModelsOption = None,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    alembic: AlembicOption = None,
    proof: ProofOption = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    schema: Schemas = None,
    select: Select = None,
    ignore: Ignore = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Findings known from before; see pgproof baseline.", metavar="FILE")
    ] = None,
    config: Config = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="Exit with 1 for a new finding from this severity on; high by default.")
    ] = None,
    require: Annotated[
        Require | None,
        typer.Option(help="all: exit with 3 where a rule at or above --fail-on could not be checked."),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.TTY,
    output: Output = None,
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Show the SQL of remedies and evidence.")] = False,
    show_keys: Annotated[
        bool,
        typer.Option("--show-keys", help="Allow keys of rows in evidence. No rule needs any yet: all is counts."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Every finding in full, and every object.")] = False,
    quiet: Quiet = False,
) -> None:
    """Say what is wrong with a database: ranked, with evidence and a score. It reads and never writes.

    Ctrl-C during the questions to the data ends them: what was found so far is written, marked as partial.
    """
    from rich.console import Console

    from pgproof.audit import examine
    from pgproof.commands.choices import audit_options, exit_code, rules_of
    from pgproof.commands.facts import gather_from, source_of
    from pgproof.commands.output import refuse_unwritable, render, write
    from pgproof.report.document import document
    from pgproof.report.tty import print_audit
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    looking = audit_options(options, date.today())
    refuse_unwritable(output)
    gathered = gather_from(source_of(source), rules_of(looking), options, errors_console(quiet), keep_partial=True)
    warn(gathered.warnings, quiet)
    examined = examine(gathered.facts, all_rules(), looking)
    made = document(
        examined,
        options={**described(options), "show_keys": str(show_keys).lower()},
        timing={"facts": gathered.seconds},
        versions=versions(),
    )
    if output_format is Format.TTY and output is None and sys.stdout.isatty():
        print_audit(made, Console(highlight=False), show_sql=show_sql, verbose=verbose)
    else:
        write(render(made, examined.rules, output_format, show_sql=show_sql, verbose=verbose), output)
    if examined.partial:
        say("interrupted: what was found until then is marked as partial")
    raise typer.Exit(exit_code(examined, options))


@app.command()
def snapshot(
    context: typer.Context,
    source: Source,
    output: NewFile,
    models: ModelsOption = None,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    alembic: AlembicOption = None,
    proof: ProofOption = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Write what is known about a database to a file; an audit of the file finds the same, without a server."""
    from pgproof.commands.facts import gather_from, source_of
    from pgproof.commands.output import refuse_unwritable, write
    from pgproof.facts.snapshot import to_json
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    refuse_unwritable(output)
    everything = options.model_copy(update={"schema_names": ()})
    gathered = gather_from(source_of(source), all_rules(), everything, errors_console(quiet))
    warn(gathered.warnings, quiet)
    write(to_json(gathered.facts).decode() + "\n", output)


@app.command()
def baseline(
    context: typer.Context,
    source: Source,
    output: NewFile,
    models: ModelsOption = None,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    alembic: AlembicOption = None,
    proof: ProofOption = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    schema: Schemas = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Write down the findings of today, so that `audit --baseline` tells new ones from known and fixed ones."""
    from pgproof.audit import examine
    from pgproof.commands.baseline import to_baseline
    from pgproof.commands.choices import audit_options, rules_of
    from pgproof.commands.facts import gather_from, source_of
    from pgproof.commands.output import refuse_unwritable, write
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    # The baseline that the configuration names is what is being made: it need not be there yet.
    looking = audit_options(options.model_copy(update={"baseline": None}), date.today())
    refuse_unwritable(output)
    gathered = gather_from(source_of(source), rules_of(looking), options, errors_console(quiet))
    warn(gathered.warnings, quiet)
    write(to_baseline(examine(gathered.facts, all_rules(), looking)), output)


@app.command(epilog=EXIT_CODES)
def reproduce(
    context: typer.Context,
    source: Source,
    fingerprint: Annotated[str, typer.Argument(help="Of a finding, or its first characters.", metavar="FINGERPRINT")],
    models: ModelsOption = None,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    alembic: AlembicOption = None,
    proof: ProofOption = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    config: Config = None,
) -> None:
    """Show a fault happening as a script: of integrity on a scratch copy, of a full pool on a server of our own."""
    from pgproof.audit import examine
    from pgproof.commands.choices import FOUND, audit_options, rules_of
    from pgproof.commands.facts import gather_from, server_source
    from pgproof.commands.output import write
    from pgproof.commands.reproduce import reproduce_on_copy
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    looking = replace(audit_options(options, date.today()), baseline=None)
    server = server_source(source)
    gathered = gather_from(server, rules_of(looking), options, errors_console())
    audited = examine(gathered.facts, all_rules(), looking)
    reproduction = reproduce_on_copy(server, gathered.facts, audited, fingerprint)
    write(reproduction.script() + "\n")
    if not reproduction.shown:
        raise typer.Exit(FOUND)


@app.command()
def report(
    context: typer.Context,
    source: Source,
    output: Annotated[
        Path, typer.Option(help="The folder to write to; it is made where it is not there.", metavar="DIR")
    ],
    models: ModelsOption = None,
    engine: EngineOption = None,
    processes: Processes = None,
    workload: Workload = None,
    alembic: AlembicOption = None,
    proof: ProofOption = None,
    data: DataOption = None,
    question_timeout: Timeout = None,
    schema: Schemas = None,
    select: Select = None,
    ignore: Ignore = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Findings known from before; see pgproof baseline.", metavar="FILE")
    ] = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Write the reports people hand on: analysis.md, summary.txt, checklist.md, findings.json and more.

    With --proof they show what was proven of the migrations, and what mends each finding.
    """
    from pgproof.audit import examine
    from pgproof.commands.choices import audit_options, rules_of
    from pgproof.commands.facts import gather_from, source_of
    from pgproof.commands.proof_file import read_proof
    from pgproof.commands.report import refuse_unusable, told_of_proof, write_report
    from pgproof.facts.source import ServerSource
    from pgproof.report.document import document
    from pgproof.report.dossier.material import material
    from pgproof.rules.discovery import all_rules

    options = options_of(context)
    looking = audit_options(options, date.today())
    refuse_unusable(output)
    proven = None if options.proof is None else read_proof(options.proof)
    parsed = source_of(source)
    gathered = gather_from(parsed, rules_of(looking), options, errors_console(quiet))
    warn(gathered.warnings, quiet)
    examined = examine(gathered.facts, all_rules(), looking)
    made = document(examined, options=described(options), timing={"facts": gathered.seconds}, versions=versions())
    server = str(parsed) if isinstance(parsed, ServerSource) else None
    shown = material(examined, made, processes=options.processes, proof=proven, source=server)
    warn(told_of_proof(shown), quiet)
    for file in write_report(shown, output):
        if not quiet:
            say(f"wrote {file}")


@app.command(epilog=EXIT_CODES)
def drift(
    context: typer.Context,
    source: Source,
    models: ModelsOption = None,
    schema: Schemas = None,
    config: Config = None,
) -> None:
    """Say what the models would create and the database lacks, and the reverse, down to predicates and defaults.

    The tables of the models are made on a scratch server; the database is only read.
    """
    from pgproof.commands.choices import FOUND
    from pgproof.commands.drift import drift_as_text, drift_of
    from pgproof.commands.facts import server_source
    from pgproof.commands.output import write

    options = options_of(context)
    found = drift_of(server_source(source), here(), options)
    write(drift_as_text(found) + "\n")
    if found.count:
        raise typer.Exit(FOUND)


@app.command(context_settings={"allow_interspersed_args": False})
def record(
    command: Annotated[
        list[str], typer.Argument(help="A program and its arguments, such as pytest or uvicorn.", metavar="COMMAND...")
    ],
    output: NewFile,
) -> None:
    """Record what a program sends to its database through SQLAlchemy, for audit --workload; ends with its exit code.

    Texts of statements, rows, times and lines of the application are recorded, and no value of a parameter. Every
    Python process that the command starts is recorded, unless it ignores PYTHONPATH (python -I, -E or -S).
    """
    from pgproof.commands.output import refuse_unwritable
    from pgproof.recorder.command import record as run_recorded

    refuse_unwritable(output)
    recorded = run_recorded(command, output)
    if not recorded.statements:
        say(
            f"{command[0]} sent no statement through SQLAlchemy from a Python that reads PYTHONPATH (python -I, -E and "
            "-S do not): nothing was recorded"
        )
    raise typer.Exit(recorded.code)


@app.command()
def rules(
    output_format: Annotated[RulesFormat, typer.Option("--format", help="How to list them.")] = RulesFormat.TTY,
) -> None:
    """List every rule with its severity and what it needs."""
    from pgproof.commands.explain import rules_as_json, rules_as_markdown, rules_as_text
    from pgproof.commands.output import write
    from pgproof.rules.discovery import all_rules

    forms = {
        RulesFormat.TTY: rules_as_text,
        RulesFormat.JSON: rules_as_json,
        RulesFormat.MARKDOWN: rules_as_markdown,
    }
    write(forms[output_format](all_rules()))


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A code such as INT22, or a slug.", metavar="CODE|SLUG")],
) -> None:
    """Say what a rule finds, why it matters, what to do, and when to ignore it, with examples."""
    from pgproof.commands.explain import find_rule, page
    from pgproof.commands.output import write
    from pgproof.rules.discovery import all_rules

    write(page(find_rule(all_rules(), rule)))


@app.command()
def grants() -> None:
    """Print the SQL of a role that may read what an audit needs, and nothing else."""
    from pgproof.commands.grants import GRANTS
    from pgproof.commands.output import write

    write(GRANTS)


@app.command()
def init() -> None:
    """Write pgproof.toml to the current directory, with every option explained."""
    from pgproof.commands.init import write_template

    write_template(here())
    say("wrote pgproof.toml")
