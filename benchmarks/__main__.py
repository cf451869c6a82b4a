"""Measures the numbers of the README on a PostgreSQL of its own, and writes them to benchmarks/results/."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.writes import Writes, measure_writes
from intowork.console import log_to_standard_error
from intowork.demo.journey import SERVER_SETTINGS, bring_to, cases_of, settle
from intowork.demo.measure import Growth, grow
from intowork.demo.report import machine, number, versions
from intowork.demo.rollout import Rollout, build_plainly, migrate_as_a_user_does, under_traffic
from intowork.operations.migrate import CRITICAL, HEAD, PHASE_2
from intowork.performance.necessity import Necessity, necessities
from intowork.seed import LoadReport, Scale, load, scale
from pgproof.errors import PgproofError
from pgproof.proof.measuring import open_session
from pgproof.server import Server, running_server

RESULTS = Path(__file__).parent / "results"
CALLS = 120
TRAFFIC_RATE = 150.0
CALM_SECONDS = 30.0


@dataclass(frozen=True)
class Results:
    """Everything measured at one scale; None where the run leaves it out.

    Attributes:
        scale: its name.
        machine: what it ran on.
        versions: of what was measured.
        loads: one load at phase 2 and one at head.
        growth: the platform's statements on a tenth of the data and on all of it.
        rollouts: the traffic beside nothing, the migration, and the plain way of building.
        writes: writes on phase 2 and on head.
        necessities: each index of the critical migration and the statement that needs it.
    """

    scale: str
    machine: str
    versions: dict[str, str]
    loads: dict[str, LoadReport]
    growth: tuple[Growth, ...]
    rollouts: tuple[Rollout, ...]
    writes: Writes | None
    necessities: tuple[Necessity, ...]


def measure(server: Server, name: str) -> Results:
    """Measure everything at one scale.

    At a million jobs only loading and the statements, beside a tenth of them: the rest is judged at 100k.
    """
    whole = scale(name)
    loads: dict[str, LoadReport] = {}
    rollouts: list[Rollout] = []
    writes = None
    if name != "1m":
        with stage("load phase 2"):
            phase_2 = server.create_database("phase2")
            bring_to(phase_2, PHASE_2)
            loads["phase 2"] = load(phase_2, whole, faults=True)
        with stage("migrate under traffic"):
            live, plain = (server.create_database(copy, template="phase2") for copy in ("live", "plain"))
            for what, url, action in (
                ("nothing", plain, lambda: time.sleep(CALM_SECONDS)),
                ("nothing, again", plain, lambda: time.sleep(CALM_SECONDS)),
                ("intowork migrate", live, lambda: migrate_as_a_user_does(live, CRITICAL)),
                ("plain CREATE INDEX in one transaction", plain, lambda: build_plainly(plain)),
            ):
                rollouts.append(under_traffic(what, url, action, rate=TRAFFIC_RATE))
            server.drop_database("live")
            server.drop_database("plain")
        with stage("write to phase 2 and to head"):
            migrated = server.create_database("migrated", template="phase2")
            bring_to(migrated, HEAD)
            settle(phase_2)
            settle(migrated)
            writes = measure_writes(phase_2, migrated)
            server.drop_database("migrated")
            server.drop_database("phase2")
    with stage("load head"):
        head = _load_head(server, "head", whole, loads)
    with stage("load a tenth at head"):
        tenth = _load_head(server, "tenth", Scale.of_jobs(whole.jobs // 10), {})
    with stage("time the platform's statements on both"):
        cases = cases_of(head)
        growth = grow(cases_of(tenth), tenth, cases, head, calls=CALLS, progress=lambda *_: None)
    found: tuple[Necessity, ...] = ()
    if name != "1m":
        with stage("drop each index alone"), open_session(head, "benchmarks") as session:
            found = tuple(necessities(session, cases))
    return Results(name, machine(), versions(server.version), loads, growth, tuple(rollouts), writes, found)


def _load_head(server: Server, name: str, size: Scale, loads: dict[str, LoadReport]) -> str:
    url = server.create_database(name)
    bring_to(url, HEAD)
    loads["head"] = load(url, size, faults=False)
    settle(url)
    return url


@contextmanager
def stage(title: str) -> Iterator[None]:
    """Tell what is being measured, and how long it took."""
    start = time.perf_counter()
    print(f"{title} ...", file=sys.stderr, flush=True)
    yield
    print(f"{title}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)


def to_json(results: Results) -> str:
    """Return the results as JSON, without the single waits and statements of the traffic."""
    document = {
        "scale": results.scale,
        "machine": results.machine,
        "versions": results.versions,
        "loads": {name: dataclasses.asdict(report) for name, report in results.loads.items()},
        "statements": [
            {
                "suite": each.case.suite,
                "name": each.case.name,
                "target_ms": each.case.target_ms,
                "tenth": dataclasses.asdict(each.tenth),
                "whole": dataclasses.asdict(each.whole),
                "ratio": each.ratio,
            }
            for each in results.growth
        ],
        "rollouts": [
            {
                "beside": rollout.name,
                "seconds": rollout.seconds,
                "longest_wait_ms": rollout.longest_wait_ms,
                "sampler_max_gap_ms": rollout.locks.max_gap_ms,
                "traffic": dataclasses.asdict(rollout.traffic),
            }
            for rollout in results.rollouts
        ],
        "writes": dataclasses.asdict(results.writes) if results.writes else None,
        "necessities": [dataclasses.asdict(each) for each in results.necessities],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_markdown(results: Results) -> str:
    """Return the results as a document; a number that was missed says by how much."""
    jobs = scale(results.scale).jobs
    lines = [
        f"# Measured at {jobs:,} jobs",
        "",
        f"{results.machine}; " + ", ".join(f"{name} {of}" for name, of in results.versions.items()) + ".",
        "",
        "## Loading",
        "",
    ]
    lines += _table(
        ("revision", "rows", "seconds", "memory (MiB)", "phases"),
        (
            (
                name,
                f"{sum(table.rows for table in report.tables):,}",
                f"{report.seconds:.1f}",
                f"{report.peak_memory_bytes / 2**20:.0f}",
                ", ".join(f"{phase.name} {phase.seconds:.1f}" for phase in report.phases),
            )
            for name, report in results.loads.items()
        ),
    )
    lines += ["", f"## The platform's statements, on {jobs // 10:,} jobs and on {jobs:,}", ""]
    lines += ["Database time in ms, planning included, over the published draw of parameters.", ""]
    lines += _table(
        ("statement", "median, tenth", "median", "growth", "p95, tenth", "p95", "buffers", "target p95", "verdict"),
        (_statement(each) for each in results.growth),
    )
    if results.rollouts:
        lines += ["", "## The critical migration under traffic", ""]
        lines += _table(
            ("beside", "s", "requests/s", "writes", "longest wait on a lock (ms)", "p99.9 (ms)", "max (ms)", "errors"),
            (
                (
                    rollout.name,
                    f"{rollout.seconds:.1f}",
                    f"{rollout.traffic.rate:.0f}",
                    f"{rollout.traffic.write_share:.0%}",
                    f"{rollout.longest_wait_ms:.0f}",
                    f"{rollout.traffic.p999_ms:.0f}",
                    f"{rollout.traffic.max_ms:.0f}",
                    "; ".join(rollout.traffic.errors) or "none",
                )
                for rollout in results.rollouts
            ),
        )
        gap = max(rollout.locks.max_gap_ms for rollout in results.rollouts)
        lines += ["", f"Locks were sampled every 5 ms; the longest gap between two samples was {gap:.0f} ms."]
    if results.writes:
        lines += ["", "## Writes, phase 2 and head", ""]
        lines += _table(
            ("database", "insert and commit, median (ms)", "p95 (ms)", "COPY (rows/s)"),
            (
                (side.name, number(side.insert_median_ms), number(side.insert_p95_ms), number(side.copy_rows_per_s))
                for side in results.writes.sides
            ),
        )
        lines += [
            "",
            f"A single insert takes {results.writes.insert_ratio:.2f} times as long on head (target 1.3; two "
            f"measurements of phase 2 differ by {results.writes.insert_noise:.0%}), a row of COPY "
            f"{results.writes.copy_ratio:.2f} times (target 2).",
        ]
    if results.necessities:
        lines += ["", "## What dropping one index alone costs", ""]
        lines += _table(
            ("index", "statement", "scans", "ms with", "ms without", "buffers with", "buffers without"),
            (
                (
                    each.index,
                    each.statement,
                    f"{each.scans}",
                    number(each.present.ms),
                    number(each.absent.ms),
                    number(each.present.buffers),
                    number(each.absent.buffers),
                )
                for each in results.necessities
            ),
        )
    return "\n".join([*lines, ""])


def _statement(each: Growth) -> Sequence[str]:
    target = each.case.target_ms or math.inf
    missed = []
    if each.whole.p95_ms >= target:
        missed.append(f"p95 missed by {each.whole.p95_ms - target:.1f} ms")
    if each.ratio > 1.2:
        missed.append(f"growth missed by {each.ratio - 1.2:.2f}")
    return (
        f"{each.case.suite}: {each.case.name}",
        number(each.tenth.median_ms),
        number(each.whole.median_ms),
        f"{each.ratio:.2f}",
        number(each.tenth.p95_ms),
        number(each.whole.p95_ms),
        number(each.whole.buffers),
        f"{each.case.target_ms:g}" if each.case.target_ms else "",
        "; ".join(missed) or "held",
    )


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (titles, ["---"] * len(titles), *rows)]


def main() -> None:
    """Measure one scale and write results/<scale>.json and .md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--scale", choices=("small", "100k", "1m"), default="100k")
    name: str = parser.parse_args().scale
    log_to_standard_error()
    try:
        with running_server(settings=SERVER_SETTINGS) as server:
            results = measure(server, name)
    except PgproofError as failure:
        sys.exit(f"error: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(to_json(results), encoding="utf-8")
    (RESULTS / f"{name}.md").write_text(to_markdown(results), encoding="utf-8")
    print(to_markdown(results))


if __name__ == "__main__":
    main()
