"""The journey from phase 2 to head: what happens, in order, and what is measured on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg
from sqlalchemy import Engine, NullPool, create_engine

from intowork.database.engine import sync_engine
from intowork.database.sessions import Database
from intowork.demo.against import Compared, compare
from intowork.demo.audits import RevisionAudit, audit_revision, work
from intowork.demo.claims import Evidence, Row, judge
from intowork.demo.comparison import to_lines
from intowork.demo.measure import Growth, columns_of, every_other_draw, grow
from intowork.demo.mending import Mending, mend
from intowork.demo.phase2.engine import driver_url, phase2_engine
from intowork.demo.phase2.statements import Request
from intowork.demo.pools import Crowd, crowd_on_database, crowd_on_engine
from intowork.demo.race import Race, apply_as_analysed, apply_once, race
from intowork.demo.rollout import Rollout, build_plainly, migrate_as_a_user_does, under_traffic
from intowork.demo.runaway import Runaway, run_away
from intowork.demo.scans import full_scans
from intowork.demo.stage import Stage
from intowork.operations.migrate import CRITICAL, HEAD, PHASE_2, downgrade, upgrade
from intowork.performance.draws import draw
from intowork.performance.suites import Case, suites
from intowork.seed import LoadReport, Scale, load
from intowork.settings import Environment, Settings
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.measuring import open_session
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.proof.timing import Sample
from pgproof.server import Server

VERSION_TABLE = "public.alembic_version"
SEED = 42
SERVER_SETTINGS = {
    "shared_buffers": "1GB",
    "max_connections": "150",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
    # WAL of a load into tables that the same transaction emptied is not needed for recovery.
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Plan:
    """How much the journey loads, and for how long it shows each fault.

    Attributes:
        name: of the scale.
        scale: what is loaded.
        rate: requests per second of the traffic.
        calls: timed calls of each case on each database, at least.
        grows_to: ten times the scale, where growth is judged up from it; otherwise up to it, from a tenth.
        crowd_seconds: for how long users ask the default pool; longer than its 30 s of patience.
        platform_seconds: for how long they ask the platform's.
        calm_seconds: for how long the traffic runs beside nothing.
        proof_jobs: of the database that `pgproof prove` proves on, where the scale has more.
        kill_seconds: for the kills of that proof; None for no proof.
        patience_seconds: for how long the runaway statement may run; longer than the timeout of 30 s.
    """

    name: str
    scale: Scale
    rate: float
    calls: int
    grows_to: Scale | None = None
    crowd_seconds: float = 32.0
    platform_seconds: float = 5.0
    patience_seconds: float = 31.5
    calm_seconds: float = 6.0
    proof_jobs: int = 5_000
    kill_seconds: float | None = 10.0


@dataclass(frozen=True)
class Journey:
    """Everything that came of it.

    Attributes:
        plan: what was asked for.
        server_version: PostgreSQL's.
        loaded: what the loader says of the data set.
        rollouts: the same traffic without anything, with the critical migration, and with the plain one.
        evidence: what was measured.
        rows: the summary's claims, judged.
        audits: what pgproof says of phase 2, of the critical migration and of head.
        mending: what pgproof itself wrote for phase 2, its proof, and its audit.
        compared: that beside the platform's revisions, object by object.
    """

    plan: Plan
    server_version: str
    loaded: LoadReport
    rollouts: tuple[Rollout, ...]
    evidence: Evidence
    rows: tuple[Row, ...]
    audits: tuple[RevisionAudit, ...]
    mending: Mending
    compared: tuple[Compared, ...]


def travel(server: Server, plan: Plan, stage: Stage, tell: Callable[[str], None]) -> Journey:
    """Make the whole journey on a server of our own.

    Args:
        server: a server made with `SERVER_SETTINGS`; the databases are made here.
        plan: how much.
        stage: shows the stage and its progress.
        tell: is told each result in a line.
    """
    with stage("build phase 2 and load it") as progress:
        phase_2 = server.create_database("phase2")
        bring_to(phase_2, PHASE_2)
        loaded = load(phase_2, plan.scale, faults=True, progress=progress)
    tell(f"{sum(table.rows for table in loaded.tables):,} rows in {loaded.seconds:.1f} s, faults included")
    cases = cases_of(phase_2)
    asked = [request for case in cases for request in case.analysed]
    audits = [_audit(phase_2, PHASE_2, asked, stage, tell)]
    smaller = _smaller(server, phase_2, plan, stage)
    mending = mend(server, phase_2, smaller, asked, plan.kill_seconds, stage, tell)
    with stage("copy it for what follows"):
        live, plain, critical = (
            server.create_database(name, template="phase2") for name in ("live", "plain", "critical")
        )
    race_before, defaults, runaway = _show_faults(live, asked, plan, stage, tell)
    rollouts = _roll_out(live, plain, plan, stage, tell)
    server.drop_database("plain")
    quiet_seconds, additions_only, round_trip_equal = _round_trip(phase_2, critical, stage)
    tell(
        f"catalog and rows {'equal' if round_trip_equal else 'DIFFER'} after up and down; "
        f"the migration took {quiet_seconds:.1f} s without traffic"
    )
    with stage("bring a copy to head"):
        head = server.create_database("head", template="critical")
        bring_to(head, HEAD)
        for url in (phase_2, critical, head, live):
            settle(url)
    race_after, race_head = race(live, apply_as_analysed), _race_on_head(server)
    tell(f"applying at once after the migration: {_raced(race_after)}; on head: {_raced(race_head)}")
    defaults_after = _ask_defaults(live, asked, plan, stage, tell, "after the migration")
    ours = [request for case in cases for request in case.ours]
    fifty, hundred = (_ask_platform(head, ours, users, plan.platform_seconds, stage, tell) for users in (50, 100))
    with stage("time the analysed statements on four databases, and ours on head") as progress:
        columns = columns_of(
            [every_other_draw(case) for case in cases],
            phase_2=phase_2,
            critical=critical,
            fixed=mending.url,
            head=head,
            calls=plan.calls,
            progress=progress,
        )
    growth, ours_on_head = _grow(server, plan, cases, head, stage)
    evidence = Evidence(
        jobs=plan.scale.jobs,
        users=plan.scale.users,
        columns=columns,
        ours=ours_on_head,
        growth=growth,
        race_before=race_before,
        race_after=race_after,
        race_head=race_head,
        defaults=defaults,
        defaults_after=defaults_after,
        fifty=fifty,
        hundred=hundred,
        runaway=runaway,
        rollout=rollouts[1],
        quiet_seconds=quiet_seconds,
        round_trip_equal=round_trip_equal,
        additions_only=additions_only,
        full_scans=full_scans(cases, head),
    )
    audits += [_audit(critical, CRITICAL, asked, stage, tell), _audit(head, HEAD, ours, stage, tell)]
    with stage("compare what pgproof fix wrote with the platform's revisions"):
        compared = compare(
            phase_2=phase_2,
            fixed=mending.url,
            critical=critical,
            head=head,
            told=mending.told,
            proof=mending.proof,
        )
    for line in to_lines(compared, columns):
        tell(line)
    return Journey(plan, server.version, loaded, rollouts, evidence, judge(evidence), tuple(audits), mending, compared)


def _audit(
    url: str, revision: str, requests: Sequence[Request], stage: Stage, tell: Callable[[str], None]
) -> RevisionAudit:
    with stage(f"send requests and audit {revision}"):
        work(url, requests)
        audit = audit_revision(url, revision)
    tell(f"pgproof audit of {revision}: {audit.summary}")
    for line in audit.worst:
        tell(f"  {line}")
    return audit


def _smaller(server: Server, phase_2: str, plan: Plan, stage: Stage) -> str:
    """Return a database like phase 2 that is small enough to be proven on while somebody waits."""
    if plan.kill_seconds is None or plan.scale.jobs <= plan.proof_jobs:
        return phase_2
    with stage(f"load {plan.proof_jobs:,} jobs at phase 2, to prove on") as progress:
        url = server.create_database("smaller")
        bring_to(url, PHASE_2)
        load(url, Scale.of_jobs(plan.proof_jobs), faults=True, progress=progress)
        work(url, [request for case in cases_of(url) for request in case.analysed])
    return url


def _show_faults(
    live: str, asked: Sequence[Request], plan: Plan, stage: Stage, tell: Callable[[str], None]
) -> tuple[Race, Crowd, Runaway]:
    with stage("let four sessions apply at once"):
        raced = race(live, apply_as_analysed)
    tell(f"applying at once on phase 2: {_raced(raced)}")
    defaults = _ask_defaults(live, asked, plan, stage, tell, "on phase 2")
    unprotected, protected = phase2_engine(live), sync_engine(_production(live))
    with stage(f"let a cross join run for {plan.patience_seconds:.0f} s, with and without a timeout"):
        runaway = run_away(unprotected, protected, admin_url=live, patience_seconds=plan.patience_seconds)
    unprotected.dispose()
    protected.dispose()
    stopped = (
        "was not cancelled" if runaway.protected_seconds is None else f"cancelled at {runaway.protected_seconds:.1f} s"
    )
    tell(
        f"runaway statement: on phase 2 nothing stopped it in {runaway.unprotected_seconds:.0f} s, "
        f"on our engine {stopped}"
    )
    return raced, defaults, runaway


def _roll_out(
    live: str, plain: str, plan: Plan, stage: Stage, tell: Callable[[str], None]
) -> tuple[Rollout, Rollout, Rollout]:
    """Run the same traffic three times: beside nothing, beside the migration, beside the plain way of building."""
    rollouts = []
    for name, url, action in (
        ("nothing", plain, lambda: time.sleep(plan.calm_seconds)),
        ("intowork migrate", live, lambda: migrate_as_a_user_does(live)),
        ("plain CREATE INDEX in one transaction", plain, lambda: build_plainly(plain)),
    ):
        with stage(f"traffic beside {name}"):
            rollout = under_traffic(name, url, action, rate=plan.rate)
        rollouts.append(rollout)
        traffic = rollout.traffic
        tell(
            f"traffic beside {name} ({rollout.seconds:.1f} s): {traffic.rate:.0f} requests/s, "
            f"{traffic.write_share:.0%} writes, longest wait on a lock {rollout.longest_wait_ms:.0f} ms, "
            f"p99.9 {traffic.p999_ms:.0f} ms, longest {traffic.max_ms:.0f} ms, {len(traffic.errors)} kinds of errors"
        )
    return rollouts[0], rollouts[1], rollouts[2]


def _round_trip(phase_2: str, critical: str, stage: Stage) -> tuple[float, bool, bool]:
    """Migrate a copy up, down and up; return the seconds of the first and whether everything came back."""
    with stage("fingerprint catalog and rows"):
        catalog, rows = _state(phase_2)
    engine = _engine(critical)
    with stage("migrate a copy up, down and up without traffic"):
        start = time.perf_counter()
        upgrade(engine, CRITICAL)
        seconds = time.perf_counter() - start
        above = _state(critical)[0]
        downgrade(engine, PHASE_2)
        returned = _state(critical) == (catalog, rows)
        upgrade(engine, CRITICAL)
        again = _state(critical)[0].difference(above) == ()
    additions_only = all(change.before is None for change in catalog.difference(above))
    return seconds, additions_only, returned and again


def _race_on_head(server: Server) -> Race:
    with server.scratch_database(template="head") as url:
        return race(url, apply_once)


def _ask_defaults(
    url: str, asked: Sequence[Request], plan: Plan, stage: Stage, tell: Callable[[str], None], where: str
) -> Crowd:
    engine = phase2_engine(url)
    with stage(f"50 users on the library's default pool, {where}"):
        crowd = crowd_on_engine(engine, asked, users=50, seconds=plan.crowd_seconds)
    engine.dispose()
    tell(f"50 users on create_engine(url), {where}: {_crowded(crowd)}")
    return crowd


def _ask_platform(
    url: str, asked: Sequence[Request], users: int, seconds: float, stage: Stage, tell: Callable[[str], None]
) -> Crowd:
    async def ask() -> Crowd:
        database = Database(_production(url))
        try:
            return await crowd_on_database(database, asked, users=users, seconds=seconds)
        finally:
            await database.dispose()

    with stage(f"{users} users on the platform's pool, on head"):
        crowd = asyncio.run(ask())
    tell(f"{users} users on the platform's pool, on head: {_crowded(crowd)}")
    return crowd


def _grow(
    server: Server, plan: Plan, cases: Sequence[Case], head: str, stage: Stage
) -> tuple[tuple[Growth, ...], dict[str, Sample]]:
    """Time the platform's statements on ten times the data; return that, and what they take on the head database."""
    larger = plan.grows_to is not None
    scale = plan.grows_to or Scale.of_jobs(plan.scale.jobs // 10)
    with stage(f"load {scale.jobs:,} jobs at head, to see the statements grow") as progress:
        other = server.create_database("grown")
        bring_to(other, HEAD)
        load(other, scale, faults=False, progress=progress)
        settle(other)
    both = ((cases, head), (cases_of(other), other))
    (small_cases, small), (large_cases, large) = both if larger else reversed(both)
    with stage("time our statements on both") as progress:
        growth = grow(small_cases, small, large_cases, large, calls=plan.calls, progress=progress)
    return growth, {each.case.name: each.tenth if larger else each.whole for each in growth}


def bring_to(url: str, revision: str) -> None:
    """Bring a database up to a revision."""
    upgrade(_engine(url), revision)


def cases_of(url: str) -> tuple[Case, ...]:
    """Return every case with what is drawn from a loaded database."""
    with open_session(url, "intowork-demo") as session:
        return suites(draw(session, SEED))


def _state(url: str) -> tuple[CatalogFingerprint, tuple[TableRows, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return (
            read_fingerprint(connection, schemas=("public",), exclude=(VERSION_TABLE,)),
            hash_rows(connection, exclude=(VERSION_TABLE,)),
        )


def settle(url: str) -> None:
    """Give a database the visibility map and the statistics that autovacuum would give it in time."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")


def _engine(url: str) -> Engine:
    return create_engine(driver_url(url), poolclass=NullPool)


def _production(url: str) -> Settings:
    """Return the settings of production on the demo's own database, whatever the environment says."""
    return Settings(
        environment=Environment.PRODUCTION,
        database_url=url,
        direct_database_url=url,
        replica_urls=(),
        pgbouncer=False,
        pool_size=20,
        max_overflow=40,
        statement_timeout=30_000,
    )


def _raced(raced: Race) -> str:
    errors = f", unhandled {', '.join(raced.errors)}" if raced.errors else ""
    return f"{raced.surplus_rows} duplicates in {raced.rounds} races, {raced.refused} told so{errors}"


def _crowded(crowd: Crowd) -> str:
    return (
        f"{crowd.served} requests served in {crowd.seconds:.0f} s, {crowd.timeouts} got no connection in 30 s, longest "
        f"{crowd.longest_ms / 1000:.1f} s, up to {crowd.pool_peak} of {crowd.pool_limit} connections"
    )
