"""Statements before and after a migration: interleaved on two copies, with the noise of the same measurement.

What is slower, faster or the same is decided against that noise, and against the blocks that a call touches, which no
neighbour disturbs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from pgproof.errors import PgproofError
from pgproof.proof.measuring import TIMING, first_line, open_session
from pgproof.proof.timing import PairedTiming, TimedStatement, time_pairs
from pgproof.proving.workload import Drawn

_BUDGET_SECONDS = 40.0
"""For all calls of all statements on all sides."""
_MOST_SECONDS = 1.5
"""For those of one statement."""
_SLOW_SECONDS = 0.1
"""What takes longer is not warmed up by a call more: it has run twice by then, and time is short."""
_MOST_ITERATIONS = 10
_FEWER_BLOCKS = 0.9
"""Of the blocks before; fewer than that is a gain that no noise explains."""
_WORTH_SAYING_MS = 0.1
_SHAPES = 3
"""Parameter sets whose plans are read: values may be planned for differently."""


@dataclass(frozen=True)
class Plan:
    """How the server answers a statement.

    Attributes:
        shape: the nodes from the top, each with what it reads.
        indexes: schema and name of each index it reads.
        scanned: tables that it reads in full.
    """

    shape: str
    indexes: frozenset[str]
    scanned: frozenset[str]


@dataclass(frozen=True)
class Measured:
    """A statement before and after.

    Attributes:
        timing: of both sides; `calls` are those timed on each.
        error: why the statement no longer runs after the migration; None where it does.
    """

    statement: Drawn
    timing: PairedTiming | None
    before: tuple[Plan, ...]
    after: tuple[Plan, ...]
    error: str | None = None

    @property
    def faster(self) -> bool:
        """Whether its time or its blocks fell beyond noise."""
        if self.timing is None:
            return False
        quicker = self.timing.speedup > 1 + self.timing.noise and self._gap_ms > _WORTH_SAYING_MS
        return quicker or self.timing.after.buffers < _FEWER_BLOCKS * self.timing.before.buffers

    @property
    def slower(self) -> bool:
        """Whether it takes longer beyond noise, and touches more blocks or is answered otherwise."""
        if self.timing is None:
            return self.error is not None
        lag = self.timing.speedup * (1 + self.timing.noise) < _FEWER_BLOCKS and -self._gap_ms > _WORTH_SAYING_MS
        more = self.timing.before.buffers < _FEWER_BLOCKS * self.timing.after.buffers
        return lag and more

    @property
    def _gap_ms(self) -> float:
        assert self.timing is not None
        return self.timing.before.median_ms - self.timing.after.median_ms

    def uses(self, index: str) -> bool:
        """Whether it reads an index, named with its schema, after the migration."""
        return any(index in plan.indexes for plan in self.after)

    def used(self, index: str) -> bool:
        """Whether it read an index before it."""
        return any(index in plan.indexes for plan in self.before)


def measure(
    before_url: str, after_url: str, statements: Sequence[Drawn], told: Callable[[int, int], None]
) -> tuple[Measured, ...]:
    """Return each statement before and after.

    Args:
        before_url: a copy as it was.
        after_url: a copy that was migrated and analyzed.
        statements: that run on the first.
        told: how many of how many are done.
    """
    found = []
    budget = min(_MOST_SECONDS, _BUDGET_SECONDS / max(len(statements), 1))
    for done, each in enumerate(statements):
        told(done, len(statements))
        found.append(_measure(before_url, after_url, each, budget))
    told(len(statements), len(statements))
    return tuple(found)


def first_times(url: str, statements: Sequence[Drawn]) -> tuple[tuple[Drawn, float], ...]:
    """Return each statement with the milliseconds of one call."""
    return tuple((each, _once(url, each) * 1000) for each in statements)


def _measure(before_url: str, after_url: str, drawn: Drawn, budget: float) -> Measured:
    before = _plans(before_url, drawn)
    try:
        after = _plans(after_url, drawn)
        round_seconds = 2 * _once(before_url, drawn) + _once(after_url, drawn) + 1e-4
        warmup = 0 if round_seconds > _SLOW_SECONDS else 1
        # Each set is also explained once on every side, which takes as long as a call.
        sets = max(2, min(len(drawn.parameters), int(budget / ((2 + warmup) * round_seconds))))
        parameters = drawn.parameters[:sets]
        iterations = int(budget / (round_seconds * len(parameters))) - warmup - 1
        timed = TimedStatement(drawn.name, drawn.sql, parameters)
        (timing,) = time_pairs(
            before_url,
            after_url,
            [(timed, timed)],
            iterations=max(1, min(iterations, _MOST_ITERATIONS)),
            warmup=warmup,
        )
    except (psycopg.Error, PgproofError) as error:
        return Measured(drawn, None, before, (), first_line(error))
    return Measured(drawn, timing, before, after)


def _once(url: str, drawn: Drawn) -> float:
    with open_session(url, TIMING) as session:
        started = time.perf_counter()
        with session.transaction(force_rollback=True):
            session.execute(drawn.sql.encode(), drawn.parameters[0])
        return time.perf_counter() - started


def _plans(url: str, drawn: Drawn) -> tuple[Plan, ...]:
    with open_session(url, TIMING) as session:
        found = []
        for parameters in drawn.parameters[:_SHAPES]:
            with session.transaction(force_rollback=True):
                row = session.execute(b"EXPLAIN (FORMAT JSON, VERBOSE) " + drawn.sql.encode(), parameters).fetchone()
            assert row is not None
            found.append(_plan(row[0][0]["Plan"]))
        return tuple(found)


def _plan(top: dict[str, Any]) -> Plan:
    indexes: set[str] = set()
    scanned: set[str] = set()

    def shape(node: dict[str, Any], schema: str) -> str:
        own = str(node.get("Schema", schema))
        words = [str(node["Node Type"])]
        if "Index Name" in node:
            # A bitmap's index is of the table that the node above it reads.
            indexes.add(f"{own}.{node['Index Name']}")
            words.append(f"using {node['Index Name']}")
        if "Relation Name" in node:
            words.append(f"on {node['Relation Name']}")
            if node["Node Type"] == "Seq Scan":
                scanned.add(f"{own}.{node['Relation Name']}")
        children = ", ".join(shape(child, own) for child in node.get("Plans", ()))
        return " ".join(words) + (f" ({children})" if children else "")

    return Plan(shape(top, "public"), frozenset(indexes), frozenset(scanned))
