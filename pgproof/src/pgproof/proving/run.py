"""The whole proof, stage by stage; what was proven before something stopped it is kept."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import PgproofError
from pgproof.facts.experiments import TakenBack
from pgproof.facts.migrations import Migrations
from pgproof.facts.model import Facts
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.facts.source import ServerSource, connect
from pgproof.proof.clients import Client, Function
from pgproof.proof.drift import binaries_like
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.locks import LockReport, LockSampler
from pgproof.proof.scratch import Mode, ScratchCopy, scratch_copy
from pgproof.proving.alembic_child import PRELOAD, AlembicRun
from pgproof.proving.branch import branch_since, only_added
from pgproof.proving.changes import changes
from pgproof.proving.copies import Copy, OwnedCopies
from pgproof.proving.demonstrations import demonstrate, endless_query, replayable, scans_of_children, statement_limit
from pgproof.proving.document import Document, FromEmptyDocument, StageDocument
from pgproof.proving.evidence import Evidence
from pgproof.proving.experiments import by_revision, from_empty, one_by_one, table_files, taken_back
from pgproof.proving.findings import audit_of_copy, with_questions_answered
from pgproof.proving.killing import Direction, Way, kill_each, kill_everywhere
from pgproof.proving.load import held_by_migration, mix, under_traffic
from pgproof.proving.measuring import first_times, measure
from pgproof.proving.pending import BASE, HEAD, Pending, pending
from pgproof.proving.pools import filled_pools
from pgproof.proving.round_trip import Problem, RoundTrip, State, described, failure, travel
from pgproof.proving.verdicts import Shown
from pgproof.proving.watched import Watched, watch
from pgproof.proving.workload import Drawn, asked, draw
from pgproof.proving.writes import measure_writes
from pgproof.server import GivenServer, ScratchServer, find_binaries, running_server

_SERVER = {"fsync": "off", "autovacuum": "off", "max_connections": "60", "maintenance_work_mem": "256MB"}
"""Of a server whose data live as long as the proof; nothing may start to work beside what is measured."""

Progress = Callable[[str, int, int], None]
"""Told a stage, how many of its parts are done, and how many there are; 0 of 0 where nobody knows."""


@dataclass(frozen=True)
class Wanted:
    """What is to be proven, and how far.

    Attributes:
        source: that is only read.
        facts: of it, with the workload; a recording takes precedence over pg_stat_statements.
        directory: the project's root.
        alembic: its alembic.ini or pyproject.toml, relative to the root.
        revision: to prove, with all that are pending before it.
        scale: times as many rows as the source has.
        traffic: run the migration beside traffic as well.
        guarded: the project's code reaches nothing but the scratch server.
        time_limit: seconds for one run of the migration.
        kill_budget: seconds for the kills: statements are left out where it does not last for all, and the second way
            to kill is tried where it does for both.
        scratch_url: of a server to prove on; None for one of our own.
        changed: a git reference: only the revisions added since then are proven.
    """

    source: ServerSource
    facts: Facts
    directory: Path
    alembic: Path
    revision: str = HEAD
    data: Mode = "synthetic"
    scale: float = 10.0
    traffic: bool = False
    guarded: bool = True
    time_limit: float = 600.0
    kill_budget: float = 50.0
    scratch_url: str | None = None
    changed: str | None = None


def prove(wanted: Wanted, progress: Progress = lambda stage, done, total: None) -> Document:
    """Return the proof of a project's pending revisions on a scratch copy, which is gone afterwards.

    Args:
        wanted: what to prove.
        progress: told what is going on.

    Raises:
        PgproofError: nothing could be proven: the chain is broken, nothing is pending, or no copy could be made.
    """
    progress("reading the chain", 0, 0)
    project = Project(wanted.directory)
    migrations = ask_project(project, "migrations", (str(wanted.alembic),), Migrations)
    chain = pending(wanted.source, migrations, wanted.revision)
    edited: tuple[Problem, ...] = ()
    if wanted.changed is not None:
        branch = branch_since(wanted.directory, migrations, wanted.changed)
        chain, edited = only_added(chain, branch), branch.problems
    evidence = Evidence(str(wanted.source), chain.revisions, problems=[*edited])
    with connect(wanted.source) as connection:
        binaries = binaries_like(connection)
    try:
        with (
            _server(wanted.scratch_url, binaries) as server,
            scratch_copy(wanted.source.conninfo, server, wanted.data, wanted.scale, progress, wanted.facts) as scratch,
        ):
            evidence.scratch = scratch
            _Proof(wanted, chain, scratch, server, evidence, progress).go()
    except (PgproofError, psycopg.Error) as error:
        if evidence.scratch is None:
            raise
        evidence.stopped = evidence.stopped or _stopped(error)
    return evidence.document()


class _Proof:
    """The stages, each of which adds to the evidence."""

    def __init__(
        self,
        wanted: Wanted,
        chain: Pending,
        scratch: ScratchCopy,
        server: ScratchServer,
        evidence: Evidence,
        progress: Progress,
    ) -> None:
        self._wanted = wanted
        self._chain = chain
        self._evidence = evidence
        self._progress = progress
        self._copies = OwnedCopies(server, str(conninfo_to_dict(scratch.url).get("user", "")))
        self._scratch = Copy(scratch.url, scratch.admin_url)
        self._environment = tuple(os.environ.items())
        self._drawn: tuple[Drawn, ...] = ()
        evidence.stages.append(StageDocument("scratch copy", scratch.seconds))
        if wanted.scratch_url is None:
            _make_roles(scratch.admin_url, [role.name for role in wanted.facts.catalog.roles])

    def go(self) -> None:
        """Run every stage; one that fails ends what rests on it."""
        template = self._scratch.name
        if self._chain.first is not None:
            with self._stage("revisions before"):
                self._prepare(self._chain.first)
        with self._stage("catalog"):
            self._examine()
        if self._chain.start != BASE:
            with self._stage("from empty"), self._copies.fresh() as empty:
                built = watch(empty.url, empty.admin_url, self._client("upgrade"), self._wanted.time_limit)
                catalog = None if built.problem else self._catalog_of(empty)
            self._evidence.built = from_empty(built, self._chain.from_empty)
        with self._copies.fresh(template) as upgraded:
            with self._stage("round trip"):
                trip = self._travel(upgraded)
                self._evidence.taken_back = self._taken_back(template, trip)
            if self._chain.start != BASE:
                self._evidence.from_empty = _from_empty(built, catalog, trip)
            else:
                self._evidence.built = from_empty(trip.runs[0], self._chain.from_empty)
            if trip.upgraded is None or any(each.problem for each in trip.runs):
                return
            with self._stage("workload"):
                self._read_both(upgraded, trip)
            if self._wanted.traffic:
                with self._stage("traffic"):
                    self._load(template)
            with self._stage("kills"):
                self._kill(template, upgraded, trip)
            with self._stage("measuring"):
                self._measure(upgraded)
            with self._stage("demonstrations"):
                self._demonstrate(template, upgraded)

    def _prepare(self, revision: str) -> None:
        """Bring the copy to where the proof begins."""
        run = self._run_to(self._scratch, "upgrade", revision)
        if run.problem:
            raise PgproofError(f"the copy could not be brought to {revision}: {run.problem}")
        with psycopg.connect(self._scratch.admin_url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    def _examine(self) -> None:
        """Read what the copy holds, which is also what rules of migrations look at."""
        facts = _facts_of(self._scratch)
        # What the application was seen to send is known of the source alone.
        facts = replace(facts, recording=self._wanted.facts.recording, migrations=self._chain.migrations)
        self._limit = statement_limit(self._scratch.url)
        self._before = self._evidence.before = with_questions_answered(self._scratch.admin_url, facts)

    def _client(self, command: Literal["upgrade", "downgrade"], to: str | None = None) -> Client:
        revision = to or (self._chain.target if command == "upgrade" else self._chain.start)
        run = AlembicRun(
            str(self._wanted.directory),
            str(self._wanted.alembic),
            command,
            revision,
            self._environment,
            self._wanted.guarded,
        )
        return Function(run, PRELOAD)

    def _travel(self, copy: Copy) -> RoundTrip:
        reports: list[LockReport] = []

        files = []

        def first() -> Watched:
            files.append(table_files(copy.admin_url, self._chain.version_table))
            sampler = LockSampler(copy.admin_url)
            with sampler:
                run = watch(copy.url, copy.admin_url, self._client("upgrade"), self._wanted.time_limit)
            reports.append(sampler.report())
            files.append(table_files(copy.admin_url, self._chain.version_table))
            return run

        steps = iter(range(3))
        trip = travel(
            copy,
            self._chain.version_table,
            (self._client("upgrade"), self._client("downgrade")),
            self._wanted.time_limit,
            first=first,
            told=lambda step: self._progress(step, next(steps), 3),
        )
        self._evidence.round_trip = trip
        self._evidence.held = held_by_migration(reports[0])
        self._evidence.sent = by_revision(trip.runs[0], self._chain.revisions)
        self._evidence.files = (files[0], files[1])
        return trip

    def _taken_back(self, template: str, trip: RoundTrip) -> tuple[TakenBack, ...] | None:
        """Say what the downgrade left otherwise, of which revision where that can be told."""
        if trip.back is None:
            return None
        whole = tuple(taken_back(self._chain.revisions, trip.before, trip.back))
        return tuple(one_by_one(self._copies, template, self._chain, self._run_to)) or whole if whole else ()

    def _run_to(self, copy: Copy, command: Literal["upgrade", "downgrade"], to: str) -> Watched:
        return watch(copy.url, copy.admin_url, self._client(command, to), self._wanted.time_limit)

    def _read_both(self, upgraded: Copy, trip: RoundTrip) -> None:
        """Read both catalogs, and draw what the workload asks."""
        with psycopg.connect(upgraded.admin_url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
        before, after = self._before, _facts_of(upgraded)
        self._after = replace(after, recording=before.recording)
        self._evidence.changes = changes(before.catalog, after.catalog, trip.changes)
        self._evidence.shown = Shown(before.catalog, after.catalog, (), ())
        self._drawn, self._evidence.undrawn = draw(self._scratch.url, before.catalog, asked(self._wanted.facts))

    def _load(self, template: str) -> None:
        shown = self._shown
        touched = {each.table for each in self._evidence.changes}
        changed = [table for table in shown.before.base_tables if table.qualified_name in touched]
        with self._copies.fresh(template) as copy:
            reads = first_times(copy.url, self._drawn)
            statements, idle = mix(copy.url, shown.before, shown.after, changed, reads)
            if not statements:
                return
            up, limit = self._client("upgrade"), self._wanted.time_limit
            loaded = under_traffic(copy.url, statements, idle, lambda: watch(copy.url, copy.admin_url, up, limit))
            if loaded.run.problem:
                problem = failure("upgrade", loaded.run)
                self._evidence.problems.append(replace(problem, name=f"under traffic: {problem.name}"))
            self._evidence.loaded = loaded

    def _kill(self, template: str, upgraded: Copy, trip: RoundTrip) -> None:
        assert trip.upgraded is not None
        ways = [self._way("upgrade", template, trip.runs[0], trip.before, trip.upgraded)]
        if not trip.problems:
            ways.append(self._way("downgrade", upgraded.name, trip.runs[1], trip.before, trip.before))
        places = sum(len(way.places) for way in ways)
        killed = itertools.count(1)
        self._evidence.kills, self._evidence.kills_left_out = kill_each(
            ways,
            lambda way, modes, budget, fewest: kill_everywhere(
                self._copies,
                way,
                modes,
                budget=budget,
                fewest=fewest,
                told=lambda number: self._progress("kills", next(killed), places),
            ),
            self._wanted.kill_budget,
        )
        if trip.problems:
            said = "the downgrade was not killed, since it does not hold without that"
            left_out = self._evidence.kills_left_out
            self._evidence.kills_left_out = f"{left_out}; {said}" if left_out else said

    def _way(self, command: Direction, template: str, run: Watched, before: State, left: State) -> Way:
        limit = min(self._wanted.time_limit, max(60.0, 10 * run.seconds))
        return Way(command, template, self._client(command), run, before, left, self._chain.version_table, limit)

    def _measure(self, upgraded: Copy) -> None:
        shown = self._shown
        measured = measure(
            self._scratch.url,
            upgraded.url,
            self._drawn,
            lambda done, total: self._progress("measuring statements", done, total),
        )
        touched = dict.fromkeys(each.table for each in self._evidence.changes if each.table is not None)
        pairs = [
            (one, other)
            for name in touched
            if (one := shown.before.named(name)) is not None and (other := shown.after.named(name)) is not None
        ]
        self._progress("measuring writes", 0, 0)
        self._evidence.writes = measure_writes(self._scratch.url, upgraded.url, pairs)
        scans = scans_of_children(self._scratch.url, upgraded.url, shown.before, [*touched])
        self._evidence.shown = Shown(shown.before, shown.after, measured, scans)

    def _demonstrate(self, template: str, upgraded: Copy) -> None:
        shown = self._shown
        statements = self._wanted.facts.server.statements
        one, other = (
            replace(each, server=replace(each.server, statements=statements)) for each in (self._before, self._after)
        )
        self._progress("findings before and after", 0, 0)
        before = audit_of_copy(self._scratch.admin_url, one)
        after = audit_of_copy(upgraded.admin_url, other, before)
        self._evidence.settled = tuple(each.fingerprint for each in after.fixed)
        shown_happening = tuple(
            demonstrate(
                replayable(before),
                self._copies,
                (template, upgraded.name),
                (shown.before, shown.after),
                lambda done, total: self._progress("demonstrations", done, total),
            )
        )
        endless = endless_query(self._wanted.facts, self._limit, self._scratch.url, upgraded.url)
        pools = filled_pools(self._wanted.facts)
        self._evidence.demonstrations = (*shown_happening, *((endless,) if endless else ()), *pools)

    @property
    def _shown(self) -> Shown:
        assert self._evidence.shown is not None
        return self._evidence.shown

    def _catalog_of(self, copy: Copy) -> CatalogFingerprint:
        with psycopg.connect(copy.admin_url, autocommit=True) as connection:
            return read_fingerprint(connection, exclude=[self._chain.version_table])

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self._progress(name, 0, 0)
        started = time.perf_counter()
        try:
            yield
        except (PgproofError, psycopg.Error) as error:
            self._evidence.stopped = f"{name}: {' '.join(str(error).split())}; what was proven until then stands"
            raise
        self._evidence.stages.append(StageDocument(name, time.perf_counter() - started))


@contextmanager
def _server(scratch_url: str | None, binaries: str) -> Iterator[ScratchServer]:
    """Yield the server that copies are made on."""
    if scratch_url is not None:
        yield GivenServer(scratch_url, find_binaries(binaries))
        return
    with running_server(binaries=binaries, settings=_SERVER) as server:
        yield server


def _make_roles(admin_url: str, names: Sequence[str]) -> None:
    """Make the source's roles without any right, so that a migration can grant them something."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        there = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for name in names:
            if name not in there and not name.startswith("pg_"):
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(name)))


def _facts_of(copy: Copy) -> Facts:
    with psycopg.connect(copy.admin_url, autocommit=True, prepare_threshold=None) as connection:
        return read_facts(connection, ReadOptions(ours=True))


def _from_empty(built: Watched, catalog: CatalogFingerprint | None, trip: RoundTrip) -> FromEmptyDocument:
    """Say whether the chain builds on an empty database what the migrated copy has."""
    if built.problem or catalog is None:
        return FromEmptyDocument(False, built.problem, None)
    differences = trip.upgraded.catalog.difference(catalog) if trip.upgraded else ()
    return FromEmptyDocument(True, None, described(differences) if differences else None)


def _stopped(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{text}; what was proven until then stands"
