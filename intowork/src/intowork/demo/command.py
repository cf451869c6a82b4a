"""What `intowork demo` does between its options and its output."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from intowork.console import counting_progress
from intowork.demo.journey import SERVER_SETTINGS, Journey, Plan, travel
from intowork.demo.report import heading, mark, marks, number, write
from intowork.seed import scale
from intowork.settings import Settings
from pgproof.server import running_server

PLANS = {
    "small": Plan("small", scale("small"), rate=150.0, calls=24),
    "100k": Plan("100k", scale("100k"), rate=100.0, calls=24),
    "full": Plan("full", scale("100k"), rate=100.0, calls=96, grows_to=scale("1m"), calm_seconds=30.0),
}


def run_demo(plan: Plan, output: Path, console: Console, *, binaries: str = "embedded") -> Journey:
    """Make the journey on a server of our own, which is gone afterwards, and write its report.

    Args:
        plan: how much is loaded.
        output: where the report goes; written at the end, so that an interrupted journey leaves none.
        console: where progress is shown.
        binaries: whose server, as `pgproof.server.find_binaries` takes it.

    Raises:
        IntoWorkError: the environment speaks of production.
    """
    Settings().refuse_production("the demo")

    @contextmanager
    def stage(title: str) -> Iterator[Callable[[str, int, int], None]]:
        start = time.perf_counter()
        with counting_progress("") as progress:
            progress(title, 0, 0)
            yield lambda what, done, total: progress(f"{title}: {what}", done, total)
        console.print(f"{title} ({time.perf_counter() - start:.0f} s)", style="dim", soft_wrap=True)

    def tell(line: str) -> None:
        console.print(f"  {line}", soft_wrap=True)

    console.print(f"A PostgreSQL of our own starts; {plan.scale.jobs:,} jobs will be loaded.")
    with running_server(binaries=binaries, settings=SERVER_SETTINGS) as server:
        journey = travel(server, plan, stage, tell)
    write(journey, output)
    return journey


def table(journey: Journey) -> Table:
    """Return the measured table for a terminal."""
    shown = Table(title=heading(journey), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    shown.add_column("claim", no_wrap=True)
    for title in ("phase 2", "after h8c2", "head"):
        shown.add_column(title, justify="right")
    shown.add_column("factor", justify="right")
    shown.add_column("verdict")
    for row in journey.rows:
        unit = " ms" if row.unit.startswith("ms") else ""
        values = [number(value) + (unit if value is not None else "") for value in (row.before, row.after, row.head)]
        marked = f" ({marks(row.head_marks)})" if row.head_marks else ""
        factor = f"{row.factor:.1f}" if row.factor else ""
        shown.add_row(row.claim, *values, factor, mark(row, journey.evidence.jobs) + marked)
    return shown
