"""The critical migration under traffic, beside the same traffic without it and the plain way of building."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from intowork.demo.traffic import IDLE_SESSION, key_ranges, platform_traffic
from intowork.errors import IntoWorkError
from intowork.operations.migrate import CRITICAL
from pgproof.proof.locks import LockReport, LockSampler
from pgproof.proof.measuring import TRAFFIC
from pgproof.proof.traffic import Traffic, TrafficReport

SETTLING_SECONDS = 2.0
"""Traffic before and after what is measured, so that the report holds ordinary requests too."""


@dataclass(frozen=True)
class Rollout:
    """One run of the traffic.

    Attributes:
        name: what happened meanwhile.
        seconds: for how long that took.
        traffic: what the requests met.
        longest_wait_ms: the longest that any request waited on a lock.
        locks: what the sampler saw.
    """

    name: str
    seconds: float
    traffic: TrafficReport
    longest_wait_ms: float
    locks: LockReport


def under_traffic(name: str, url: str, action: Callable[[], object], *, rate: float) -> Rollout:
    """Run an action while the platform's traffic runs, and report what its requests met.

    Args:
        name: what the action is.
        url: libpq URL of the database.
        action: what happens meanwhile.
        rate: requests per second, over eight connections.
    """
    statements = platform_traffic(key_ranges(url))
    sampler = LockSampler(url)
    traffic = Traffic(url, statements, connections=8, rate=rate, idle=IDLE_SESSION)
    with sampler, traffic:
        time.sleep(SETTLING_SECONDS)
        start = time.perf_counter()
        action()
        seconds = time.perf_counter() - start
        time.sleep(SETTLING_SECONDS)
    locks = sampler.report()
    return Rollout(name, seconds, traffic.report(), locks.longest_wait_ms(TRAFFIC), locks)


def migrate_as_a_user_does(url: str, revision: str = CRITICAL) -> None:
    """Run `intowork migrate` in a process of its own.

    Raises:
        IntoWorkError: it failed; its message is passed on.
    """
    command = (sys.executable, "-m", "intowork", "migrate", "--to", revision)
    ran = subprocess.run(
        command,
        env={**os.environ, "DATABASE_URL": url, "DIRECT_DATABASE_URL": url, "ENVIRONMENT": "development"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise IntoWorkError(f"the migration failed: {ran.stderr.strip() or ran.stdout.strip()}")


def build_plainly(url: str) -> None:
    """Build the fifteen indexes as a migration does that nobody thought about: without CONCURRENTLY, in one go."""
    critical = importlib.import_module(f"intowork.migrations.versions.{CRITICAL}_critical_indexes_and_constraints")
    with psycopg.connect(url) as connection:
        for index in critical.INDEXES:
            connection.execute(index.definition)
