"""The cases timed: the platform's statements and the analysed ones, on one database or on two, interleaved."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from intowork.demo.phase2.statements import Request
from intowork.kit.sql import render
from intowork.performance.report import CaseResult
from intowork.performance.session import APPLICATION
from intowork.performance.suites import Case
from pgproof.proof.measuring import nearest_rank, open_session
from pgproof.proof.timing import Sample, TimedStatement, Variant, time_variants

Progress = Callable[[str, int, int], None]

ANALYSED_ITERATIONS = 1
HIGHEST_COST = 100_000.0
"""Planner cost above which a statement of the platform is not run: it stands for an index that is missing."""


@dataclass(frozen=True)
class _Rendered:
    """A request as psycopg takes it; the statements share one set of parameters."""

    sql: tuple[str, ...]
    parameters: Mapping[str, object]


def time_case(case: Case, url: str, against: str | None, *, iterations: int, warmup: int, analysed: bool) -> CaseResult:
    """Time the platform's statements and the analysed ones.

    The analysed ones take hundreds of milliseconds each at scale, so they are called once with each parameter set,
    after `warmup` calls at most once; the platform's get all iterations. What runs on two databases is interleaved.

    Args:
        case: what is timed.
        url: the database.
        against: the other database, or None.
        iterations: timed passes of the platform's statements.
        warmup: passes before them.
        analysed: whether to time the analysed statements too.

    Raises:
        PgproofError: a statement fails.
    """
    urls = [url] if against is None else [url, against]
    ours = [rendered(request) for request in case.ours]
    before = [rendered(request) for request in case.analysed] if analysed else []
    affordable = [each for each in urls if _is_affordable(each, ours)]
    timed = _timed(case.name, ours, affordable, iterations=iterations, warmup=warmup)
    timed_before = _timed(case.name, before, urls, iterations=ANALYSED_ITERATIONS, warmup=min(warmup, 1))
    return CaseResult(
        suite=case.suite,
        name=case.name,
        calls=iterations * len(ours),
        ours=timed.get(url),
        analysed=timed_before.get(url),
        ours_against=timed.get(against or ""),
        analysed_against=timed_before.get(against or ""),
        target_ms=case.target_ms,
        claim=case.claim,
    )


def _timed(
    name: str, requests: Sequence[_Rendered], urls: Sequence[str], *, iterations: int, warmup: int
) -> dict[str, Sample]:
    """Return a sample for each database; requests whose text is the same are timed as one statement.

    A request that loads row by row has as many statements as its page has rows, so its text depends on the draw.
    """
    by_text: dict[tuple[str, ...], list[Mapping[str, object]]] = defaultdict(list)
    for request in requests:
        by_text[request.sql].append(request.parameters)
    calls: dict[str, list[float]] = defaultdict(list)
    buffers: dict[str, list[float]] = defaultdict(list)
    for sql, parameters in by_text.items():
        statement = TimedStatement(name, sql, parameters)
        variants = [Variant(url, url, statement) for url in urls]
        for timing in time_variants(variants, iterations=iterations, warmup=warmup) if variants else ():
            calls[timing.label].extend(timing.calls_ms)
            buffers[timing.label].extend([timing.sample.buffers] * len(parameters))
    return {
        url: Sample(
            median_ms=statistics.median(calls[url]),
            p95_ms=nearest_rank(sorted(calls[url]), 0.95),
            buffers=statistics.mean(buffers[url]),
        )
        for url in calls
    }


def rendered(request: Request) -> _Rendered:
    """Return a request with the parameters of its statements kept apart by a prefix."""
    texts: list[str] = []
    parameters: dict[str, object] = {}
    for number, statement in enumerate(request):
        rendered = render(statement)
        text = rendered.text
        for name, value in rendered.parameters.items():
            text = text.replace(f"%({name})s", f"%(s{number}_{name})s")
            parameters[f"s{number}_{name}"] = value
        texts.append(text)
    return _Rendered(tuple(texts), parameters)


def _is_affordable(url: str, requests: Sequence[_Rendered]) -> bool:
    """Tell whether the planner finds every request cheap.

    On a database without the indexes some would read whole tables once for each job of an employer and run for
    minutes, and the time would say nothing that the plan does not.
    """
    with open_session(url, APPLICATION) as session:
        for request in requests:
            for sql in request.sql:
                row = session.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode(), request.parameters).fetchone()
                assert row is not None
                if row[0][0]["Plan"]["Total Cost"] > HIGHEST_COST:
                    return False
    return bool(requests)
