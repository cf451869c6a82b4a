"""How long statements take, side by side: calls are interleaved, so what disturbs one side disturbs all.

A call is timed by the client: execute and fetch of every row, without BEGIN and ROLLBACK around it. Each call
is rolled back, so a statement that changes rows is measured too, without its commit, and leaves no row but
dead ones.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter_ns

import psycopg

from pgproof.errors import PgproofError
from pgproof.proof.measuring import TIMING, Session, first_line, nearest_rank, open_session

Progress = Callable[[str, int, int], None]

_PERMUTATIONS = 400
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, SUMMARY OFF, FORMAT JSON) "


@dataclass(frozen=True)
class TimedStatement:
    """A request to the database: one statement, or several that are timed as a sum.

    Attributes:
        name: what reports and errors call it.
        sql: the statement or statements, in psycopg's style: `%(name)s`, and `%%` for a literal per cent
            sign.
        parameters: the drawn parameter sets; one iteration is one call with each of them.
    """

    name: str
    sql: str | tuple[str, ...]
    parameters: Sequence[Mapping[str, object]] = ({},)

    @property
    def statements(self) -> tuple[str, ...]:
        """The statements of one call, in order."""
        return (self.sql,) if isinstance(self.sql, str) else self.sql


@dataclass(frozen=True)
class Sample:
    """What one side took.

    Attributes:
        median_ms: median of the calls (mean of the two middle ones for an even number).
        p95_ms: 95th percentile of the calls by the nearest rank.
        buffers: shared blocks hit and read by one call, averaged over the parameter sets, planning left out.
    """

    median_ms: float
    p95_ms: float
    buffers: float


@dataclass(frozen=True)
class Variant:
    """One of the ways to answer a request: a statement on a database."""

    label: str
    url: str
    statement: TimedStatement


@dataclass(frozen=True)
class VariantTiming:
    """The timing of one variant, with every call in the order of the calls."""

    label: str
    name: str
    sample: Sample
    calls_ms: tuple[float, ...]


@dataclass(frozen=True)
class PairedTiming:
    """A statement before and after a change.

    Attributes:
        calls: timed calls on each side.
        speedup: median before divided by median after; above 1 the change helps.
        noise: relative difference of medians that two measurements of the same side show; a speedup between
            1 - noise and 1 + noise says nothing. See `noise_band`.
    """

    name: str
    calls: int
    before: Sample
    after: Sample
    speedup: float
    noise: float


def time_pairs(
    before_url: str,
    after_url: str,
    statements: Sequence[tuple[TimedStatement, TimedStatement]],
    *,
    iterations: int,
    warmup: int = 1,
    progress: Progress | None = None,
) -> tuple[PairedTiming, ...]:
    """Time each statement before and after a change, with the noise of the same measurement without a change.

    The before side is measured on two connections at once; their difference is the noise.

    Args:
        before_url: the database as it was.
        after_url: the database with the change.
        statements: what asks the same on each side; the two may differ in their SQL.
        iterations: timed passes over all parameter sets.
        warmup: passes before them that are not timed.
        progress: is told the statement's name, the passes done and all passes.

    Raises:
        PgproofError: a statement fails or exceeds a timeout, or the two sides differ in their number of
            parameter sets.
    """
    timings = []
    for before, after in statements:
        first, again, changed = time_variants(
            (
                Variant("before", before_url, before),
                Variant("before again", before_url, before),
                Variant("after", after_url, after),
            ),
            iterations=iterations,
            warmup=warmup,
            progress=progress,
        )
        timings.append(
            PairedTiming(
                name=before.name,
                calls=len(first.calls_ms),
                before=first.sample,
                after=changed.sample,
                speedup=first.sample.median_ms / changed.sample.median_ms,
                noise=noise_band(first.calls_ms, again.calls_ms),
            )
        )
    return tuple(timings)


def time_variants(
    variants: Sequence[Variant], *, iterations: int, warmup: int = 1, progress: Progress | None = None
) -> tuple[VariantTiming, ...]:
    """Time any number of variants of a request in one run, each on a connection of its own.

    Every parameter set goes to all variants, in an order that is shuffled anew, before the next set.

    Args:
        variants: with the same number of parameter sets each.
        iterations: timed passes over all parameter sets.
        warmup: passes before them that are not timed.
        progress: is told the statement's name, the passes done and all passes.

    Raises:
        PgproofError: a statement fails or exceeds a timeout, or the variants differ in their number of
            parameter sets.
    """
    with ExitStack() as stack:
        sides = [(stack.enter_context(open_session(variant.url, TIMING)), variant.statement) for variant in variants]
        calls = _interleave(sides, iterations=iterations, warmup=warmup, progress=progress)
        return tuple(
            VariantTiming(variant.label, statement.name, _sample(connection, statement, calls_ms), calls_ms)
            for variant, (connection, statement), calls_ms in zip(variants, sides, calls, strict=True)
        )


def time_statement(connection: Session, statement: TimedStatement, *, iterations: int, warmup: int = 1) -> Sample:
    """Time one statement alone on a given connection, which should be idle and prepare no statements.

    Raises:
        PgproofError: the statement fails or exceeds a timeout.
    """
    (calls_ms,) = _interleave([(connection, statement)], iterations=iterations, warmup=warmup, progress=None)
    return _sample(connection, statement, calls_ms)


def noise_band(first: Sequence[float], again: Sequence[float]) -> float:
    """Return the relative difference of medians that chance alone gives two measurements of the same thing.

    The larger of two numbers: the difference that was observed, and the one that 95 % of the random exchanges
    between the two measurements stay within. Call i of both has the same parameters at the same time, so the
    exchange swaps within pairs (a paired permutation test; Good, "Permutation, Parametric and Bootstrap Tests
    of Hypotheses", 2005).

    Args:
        first: calls of one connection, in any unit.
        again: as many calls of the other one, in the same order.
    """
    chance = random.Random(0)

    def difference(left: Sequence[float], right: Sequence[float]) -> float:
        medians = statistics.median(left), statistics.median(right)
        return max(medians) / min(medians) - 1

    def exchanged() -> float:
        pairs = [(a, b) if chance.random() < 0.5 else (b, a) for a, b in zip(first, again, strict=True)]
        return difference(*zip(*pairs, strict=True))

    return max(difference(first, again), nearest_rank(sorted(exchanged() for _ in range(_PERMUTATIONS)), 0.95))


def _interleave(
    sides: Sequence[tuple[Session, TimedStatement]],
    *,
    iterations: int,
    warmup: int,
    progress: Progress | None,
) -> list[tuple[float, ...]]:
    """Return the milliseconds of each side's calls; call i of every side has the same parameter set."""
    name = sides[0][1].name
    sets = len(sides[0][1].parameters)
    if any(len(statement.parameters) != sets for _, statement in sides):
        raise PgproofError(f"{name} cannot be compared: draw the same number of parameter sets for every side")
    if not sets or iterations < 1:
        raise PgproofError(f"{name} cannot be timed: it needs at least one parameter set and one iteration")
    calls: list[list[float]] = [[] for _ in sides]
    order = list(range(len(sides)))
    shuffle = random.Random(0).shuffle
    for done in range(-warmup, iterations):
        for i in range(sets):
            shuffle(order)
            for side in order:
                connection, statement = sides[side]
                elapsed_ms = _call(connection, statement, statement.parameters[i])
                if done >= 0:
                    calls[side].append(elapsed_ms)
        if progress is not None:
            progress(name, done + warmup + 1, iterations + warmup)
    return [tuple(side) for side in calls]


def _call(connection: Session, statement: TimedStatement, parameters: Mapping[str, object]) -> float:
    """Run a request once, take its milliseconds and roll it back."""
    try:
        with connection.transaction(force_rollback=True), connection.cursor() as cursor:
            start = perf_counter_ns()
            for query in statement.statements:
                cursor.execute(query, parameters)
                if cursor.description is not None:
                    cursor.fetchall()
            return (perf_counter_ns() - start) / 1e6
    except psycopg.Error as error:
        raise _failure(statement, connection, error) from error


def _sample(connection: Session, statement: TimedStatement, calls_ms: tuple[float, ...]) -> Sample:
    return Sample(
        median_ms=statistics.median(calls_ms),
        p95_ms=nearest_rank(sorted(calls_ms), 0.95),
        buffers=statistics.mean(_buffers(connection, statement, drawn) for drawn in statement.parameters),
    )


def _buffers(connection: Session, statement: TimedStatement, parameters: Mapping[str, object]) -> int:
    """Return the shared blocks that one call hits and reads.

    The numbers of a plan's top node include those of all nodes below it (PostgreSQL documentation, EXPLAIN,
    BUFFERS).
    """
    blocks = 0
    try:
        with connection.transaction(force_rollback=True):
            for query in statement.statements:
                row = connection.execute(_EXPLAIN + query, parameters).fetchone()
                assert row is not None
                top = row[0][0]["Plan"]
                blocks += top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    except psycopg.Error as error:
        raise _failure(statement, connection, error) from error
    return blocks


def _failure(statement: TimedStatement, connection: Session, error: psycopg.Error) -> PgproofError:
    where = f"{statement.name} cannot be timed on {connection.info.dbname}: {first_line(error)}"
    if isinstance(error, psycopg.errors.QueryCanceled):
        return PgproofError(f"{where}; raise the timeout or leave the statement out")
    return PgproofError(f"{where}; correct the statement or its parameters")
