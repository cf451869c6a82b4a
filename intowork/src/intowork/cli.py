"""The command `intowork`: parses, calls, renders."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from intowork.console import (
    counting_progress,
    errors,
    loading_progress,
    log_to_standard_error,
    migration_progress,
    progress_bars,
)
from intowork.performance.form import Format
from pgproof.errors import PgproofError

if TYPE_CHECKING:
    from intowork.settings import Settings

FOUND_WRONG = 1
COULD_NOT_RUN = 3
INTERRUPTED = 130
PIPED_WIDTH = 120

app = typer.Typer(
    help="IntoWork, a recruitment platform on PostgreSQL. The database is that of DATABASE_URL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
output = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


class SeedScale(StrEnum):
    """How much `seed` loads, by the number of jobs."""

    SMALL = "small"
    HUNDRED_THOUSAND = "100k"
    MILLION = "1m"


class DemoScale(StrEnum):
    """How much the demo loads."""

    SMALL = "small"
    HUNDRED_THOUSAND = "100k"
    FULL = "full"


@app.command()
def migrate(
    to: Annotated[str, typer.Option(help="The revision to bring the database up to.")] = "head",
    down_to: Annotated[str | None, typer.Option(help="Take the database back down to this revision instead.")] = None,
    backup_taken: Annotated[
        bool, typer.Option("--backup-taken", help="In production: a backup exists, though not in BACKUP_DIRECTORY.")
    ] = False,
) -> None:
    """Bring the database to a revision, beside traffic; a run that was interrupted goes on when run again."""
    from intowork.database.engine import direct_engine
    from intowork.database.failures import connect_or_explain
    from intowork.database.url import libpq_url
    from intowork.operations import migrate as migration

    settings = _settings()
    url = settings.direct_url()
    errors.print(f"backup first: {migration.backup_command(url)}", soft_wrap=True)
    if settings.is_production() and not backup_taken:
        migration.require_fresh_backup(settings.backup_directory, dt.datetime.now(dt.UTC))
    engine = direct_engine(settings)
    with connect_or_explain(engine):
        pass
    with migration_progress(libpq_url(url)) as watch:
        if down_to is None:
            migration.upgrade(engine, to, watch=watch)
        else:
            migration.downgrade(engine, down_to, watch=watch)
    output.print(f"the database is at {migration.current_revision(engine) or 'no revision'}")


@app.command()
def init(
    email: Annotated[str, typer.Option(prompt="E-mail", help="Whose account it is.")],
    password: Annotated[
        str,
        typer.Option(
            prompt="Password", hide_input=True, confirmation_prompt=True, envvar="INTOWORK_INIT_PASSWORD",
            help="Asked for, or in the environment; not as an option, which others see.",
        ),
    ],
    first_name: Annotated[str, typer.Option(help="The person's first name.")] = "First",
    last_name: Annotated[str, typer.Option(help="The person's last name.")] = "Administrator",
) -> None:  # fmt: skip
    """Make the first administrator of a platform that has none."""
    from intowork.database.engine import direct_engine
    from intowork.database.failures import connect_or_explain
    from intowork.operations.first_administrator import make_first_administrator

    engine = direct_engine(_settings())
    with connect_or_explain(engine):
        pass
    address = make_first_administrator(engine, email, password, first_name, last_name)
    output.print(f"{address} can sign in as administrator", soft_wrap=True)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    demo: Annotated[
        bool, typer.Option("--demo", help="On a PostgreSQL of its own with made-up data, all gone afterwards.")
    ] = False,
) -> None:
    """Answer requests with WEB_PROCESSES processes until SIGINT or SIGTERM; what is being answered is finished."""
    from intowork import serving

    with _made_up_platform() if demo else nullcontext():
        settings = _settings()
        errors.print(f"http://{host}:{port}/api/docs describes the API; Ctrl-C stops", soft_wrap=True)
        serving.serve(settings, host, port, said=lambda line: errors.print(f"note: {line}", soft_wrap=True))


@contextmanager
def _made_up_platform() -> Iterator[None]:
    """Point the environment, which the processes that serve read, to a platform of our own."""
    from intowork.demo.served import made_up_platform

    _settings().refuse_production("serve --demo")
    for elsewhere in ("DIRECT_DATABASE_URL", "REPLICA_URLS", "PGBOUNCER"):
        os.environ.pop(elsewhere, None)
    with loading_progress() as progress, made_up_platform(progress) as url:
        os.environ["DATABASE_URL"] = url
        errors.print(_accounts(), soft_wrap=True)
        yield


@app.command()
def seed(
    scale: Annotated[SeedScale, typer.Option(help="How much to load, by the number of jobs.")] = SeedScale.SMALL,
    seed: Annotated[int, typer.Option(help="The same seed loads the same rows.")] = 42,
    replace: Annotated[bool, typer.Option("--replace", help="Delete the rows that are there first.")] = False,
) -> None:
    """Load made-up, realistic and skewed data into an empty database that has its tables."""
    from intowork import seed as seeding
    from intowork.database.url import libpq_url

    settings = _settings()
    settings.refuse_production("seed")
    with loading_progress() as progress:
        report = seeding.load(
            libpq_url(settings.direct_url()),
            seeding.scale(scale.value),
            seed=seed,
            allow_non_empty=replace,
            progress=progress,
        )
    rows = sum(table.rows for table in report.tables)
    output.print(f"{rows:,} rows in {report.seconds:.1f} s, with {report.peak_memory_bytes / 2**20:,.0f} MiB of memory")
    output.print(_accounts(), soft_wrap=True)
    if report.faults != seeding.NO_FAULTS:
        output.print("this database has no unique rules yet, so duplicates and contradictions were planted as well")


def _accounts() -> str:
    from intowork.seed import ADMINISTRATOR_EMAIL, CANDIDATE_EMAIL, DEMO_PASSWORD, EMPLOYER_EMAIL

    emails = ", ".join((ADMINISTRATOR_EMAIL, EMPLOYER_EMAIL, CANDIDATE_EMAIL))
    return f"accounts that can sign in, with {DEMO_PASSWORD}: {emails}"


@app.command()
def cleanup() -> None:
    """Delete expired sessions and tokens in small transactions; meant to run daily, one runner at a time."""
    from intowork.database.engine import direct_engine
    from intowork.operations.cleanup import CleanupPolicy, CleanupRunning, run_cleanup

    settings = _settings()
    with progress_bars("rows") as bars:
        task = bars.add_task("cleanup", total=None)

        def progress(rule: str, rows: int) -> None:
            bars.update(task, description=rule, completed=rows)

        try:
            run = run_cleanup(direct_engine(settings), CleanupPolicy.from_settings(settings), progress=progress)
        except CleanupRunning as elsewhere:
            output.print(str(elsewhere), soft_wrap=True)
            return
    for cleaned in run.cleaned:
        output.print(f"{cleaned.rule}: {cleaned.rows:,} rows in {cleaned.batches} transactions")


@app.command("performance-test")
def performance_test(
    against: Annotated[str | None, typer.Option(help="The URL of another database to measure, interleaved.")] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Timed passes over the drawn parameters.")] = 10,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Users at a time through the real pool.")] = None,
    documents: Annotated[Path | None, typer.Option("--output", help="A folder for JSON, Markdown and chart.")] = None,
    form: Annotated[Format, typer.Option("--format", help="What goes to standard output.")] = Format.TTY,
) -> None:
    """Measure the hot statements, ours beside the analysed platform's, and verify indexes and unique rules."""
    from intowork.database.url import libpq_url, parse_url
    from intowork.performance import command

    settings = _settings()
    with counting_progress("cases") as progress:
        report = command.performance_test(
            libpq_url(settings.direct_url()),
            against=None if against is None else libpq_url(parse_url("--against", against)),
            iterations=iterations,
            concurrency=concurrency,
            output=documents,
            progress=progress,
        )
    text = command.document(report, form)
    if text is None:
        for part in command.tables(report):
            output.print(part)
    else:
        typer.echo(text, nl=False)
    raise typer.Exit(command.exit_code(report))


@app.command()
def check() -> None:
    """Tell whether the platform could start here: servers, revision, pool arithmetic, indexes, unique rules."""
    from intowork.operations.check import run_checks

    checks = run_checks(_settings())
    for each in checks:
        output.print(f"{'ok    ' if each.ok else 'WRONG '} {each.subject}: {each.finding}", soft_wrap=True)
    raise typer.Exit(0 if all(each.ok for each in checks) else FOUND_WRONG)


@app.command()
def demo(
    scale: Annotated[
        DemoScale, typer.Option(help="20 000 jobs, 100 000, or 100 000 measured at length and grown to a million.")
    ] = (DemoScale.SMALL),
    report: Annotated[Path, typer.Option("--output", help="Where the report goes.")] = Path("demo-report"),
    binaries: Annotated[str, typer.Option(help="Whose PostgreSQL: embedded, system, system:15, or a folder.")] = (
        "embedded"
    ),
) -> None:
    """Replay the journey from phase 2 to head on a PostgreSQL of its own, and print the measured table."""
    from intowork.demo.command import PLANS, run_demo, table

    log_to_standard_error()
    journey = run_demo(PLANS[scale.value], report, errors, binaries=binaries)
    output.print(table(journey))
    output.print(f"everything in {report}/: journey.md, fix-against-h8c2.md, charts, reports", soft_wrap=True)


def _settings() -> Settings:
    """Read the settings; what the platform logs from here on goes to standard error."""
    # Here, as most imports, so that help is there at once.
    from intowork.settings import Settings

    log_to_standard_error()
    return Settings()


def main() -> None:
    """Run the command; a failure is one line on standard error and an exit code, never a traceback."""
    # A termination unwinds as an interrupt does, so that a server of our own is stopped on the way.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    except PgproofError as failure:
        errors.print(f"error: {failure}", style="red", soft_wrap=True, markup=False)
        sys.exit(COULD_NOT_RUN)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            errors.print("interrupted; what was done so far holds, and running again goes on", style="yellow")
        raise
