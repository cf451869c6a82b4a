"""What the commands show while they work: steps of a migration, rows being loaded."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from intowork.migrations.lock_safe import Note, Step, Watcher

errors = Console(stderr=True, highlight=False)
"""Progress and messages go to standard error; standard output holds results alone."""

POLL_SECONDS = 0.5


def log_to_standard_error() -> None:
    """Send what the platform logs to standard error, errors alone: a command says the rest itself."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def progress_bars(unit: str) -> Progress:
    """Return bars with the done and total number of a unit, and the time left."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )


@contextmanager
def loading_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each step of a load, with the rows and the time left."""
    with progress_bars("") as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield progress


@contextmanager
def counting_progress(unit: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar whose description says what is being done.

    Args:
        unit: of what is counted.
    """
    with progress_bars(unit) as bars:
        task = bars.add_task("", total=None)

        def progress(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield progress


@contextmanager
def migration_progress(url: str) -> Iterator[Watcher]:
    """Show each step of a migration as it runs, and how far the server is with the index it builds.

    Args:
        url: libpq URL of the database, for a second connection that asks pg_stat_progress_create_index.
    """
    from intowork.migrations.lock_safe import Note

    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    stopped = threading.Event()
    notes: list[str] = []
    with bars:
        task = bars.add_task("looking at the database", total=None)

        def watch(event: Step | Note) -> None:
            if isinstance(event, Note):
                notes.append(event.text)
                return
            errors.print(f"  {event.title}")
            bars.reset(task, description=event.title, total=None)

        poller = threading.Thread(target=_poll, args=(url, bars, task, stopped), daemon=True)
        poller.start()
        try:
            yield watch
        finally:
            stopped.set()
            poller.join()
    for note in notes:
        errors.print(f"note: {note}", style="yellow")


def _poll(url: str, bars: Progress, task: TaskID, stopped: threading.Event) -> None:
    """Ask the server for the progress of the build until told to stop; without an answer the bar just spins."""
    import psycopg

    from pgproof.facts.statistics import index_build_progress

    try:
        with psycopg.connect(url, autocommit=True, application_name="intowork-progress") as connection:
            while not stopped.wait(POLL_SECONDS):
                for build in index_build_progress(connection):
                    bars.update(
                        task,
                        description=f"{build.index or build.table}: {build.phase}",
                        total=build.blocks_total or None,
                        completed=build.blocks_done,
                    )
    except psycopg.Error:
        return
