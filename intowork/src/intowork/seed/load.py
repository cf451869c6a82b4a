"""Loads a data set in one transaction: all of it is there with keys, indexes and statistics, or nothing changed."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from time import perf_counter

import psycopg
from psycopg import sql

from intowork.database.failures import explain_connection_failure, require_supported_server
from intowork.database.url import parse_url
from intowork.seed.errors import LoadError
from intowork.seed.faults import PlantedFaults
from intowork.seed.keys import Keys, faults_possible, query, read_keys
from intowork.seed.scales import Scale
from intowork.seed.table import Table
from intowork.seed.tables import TABLE_NAMES, tables
from intowork.seed.world import draw_world

_LINES_PER_WRITE = 512
"""About 100 kB: what a socket buffers, so that the server parses one write while the next one is made."""

_WRITES_PER_STEP = 32

_SETTINGS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    # Longer than deadlock_timeout, after which an autovacuum that is in the way is cancelled.
    "SET LOCAL lock_timeout = '3s'",
    # The memory of an index build, and of the join that checks a foreign key.
    "SET LOCAL maintenance_work_mem = '256MB'",
    "SET LOCAL jit = off",
)


Progress = Callable[[str, int, int], None]
"""Is told a step, what of it is done, and how much there is; the step is the name of a table while its rows are sent.

Called at the start of a step, while it runs, and at its end, where done equals all there is.
"""


@dataclass(frozen=True)
class LoadedTable:
    """How many rows a table received."""

    table: str
    rows: int


@dataclass(frozen=True)
class Phase:
    """How long a part of the load took, in seconds."""

    name: str
    seconds: float


@dataclass(frozen=True)
class LoadReport:
    """What was loaded and what it took.

    Attributes:
        scale: The name of the scale.
        tables: The rows of each table.
        faults: The faults planted, none where the schema rules them out.
        seconds: From the first statement to the commit.
        phases: The parts of that time, in order.
        peak_memory_bytes: The largest resident size of this process so far.
    """

    scale: str
    tables: tuple[LoadedTable, ...]
    faults: PlantedFaults
    seconds: float
    phases: tuple[Phase, ...]
    peak_memory_bytes: int


def _silent(step: str, done: int, total: int) -> None:
    """Tells nobody."""


def load(
    url: str,
    scale: Scale,
    *,
    faults: bool | None = None,
    seed: int = 42,
    reference: date | None = None,
    allow_non_empty: bool = False,
    progress: Progress = _silent,
) -> LoadReport:
    """Fills the platform's tables with made-up rows.

    Keys and indexes are dropped, the rows arrive by COPY already frozen, then everything is built again as the
    catalog had it and analysed. That is one transaction: a kill, a full disk or an interrupt at any moment leaves the
    database as it was.

    Args:
        url: A database at any revision of the platform, in libpq's or SQLAlchemy's spelling; not behind a pooler.
        scale: How many rows.
        faults: Whether to plant the duplicates and contradictions that the schema of phase 2 lets in; by default where
            the schema lets them in.
        seed: The same seed, scale and reference give the same rows.
        reference: The day at whose start (UTC) the data set ends, today by default.
        allow_non_empty: Whether rows that the tables hold may be replaced.
        progress: Is told how far the load is.

    Raises:
        LoadError: The load was refused or failed; the message says why and what to do.
        DatabaseUnavailable: No connection, or the server is too old.
    """
    target = parse_url("the database URL", url)
    database = target.database or "the database"
    try:
        connection = psycopg.connect(
            target.set(drivername="postgresql").render_as_string(hide_password=False),
            application_name="intowork seed",
            client_encoding="utf8",
        )
    except psycopg.OperationalError as error:
        raise explain_connection_failure(target, error) from None
    try:
        with connection:
            require_supported_server(connection.info.server_version)
            return _Loader(connection, progress).run(
                scale,
                faults=faults,
                seed=seed,
                reference=reference or datetime.now(UTC).date(),
                replace=allow_non_empty,
            )
    except psycopg.errors.DiskFull as error:
        raise LoadError(
            f"the disk of the server is full, so {database} stays as it was: "
            "make room or choose a smaller scale, then load again"
        ) from error
    except psycopg.errors.LockNotAvailable as error:
        raise LoadError(
            f"other sessions use the tables of {database}, so nothing was loaded: stop them, then load again"
        ) from error
    except psycopg.Error as error:
        raise LoadError(
            f"the load failed, so {database} stays as it was: {_one_line(error)}; mend that, then load again"
        ) from error


def _one_line(error: psycopg.Error) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


class _Loader:
    """One load on one connection; times its phases and tells how far it is."""

    def __init__(self, connection: psycopg.Connection, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress
        self._phases: list[Phase] = []

    def run(self, scale: Scale, *, faults: bool | None, seed: int, reference: date, replace: bool) -> LoadReport:
        started = perf_counter()
        with self._phase("prepare"):
            for setting in _SETTINGS:
                self._connection.execute(setting.encode())
            emptied = self._claim_tables(faults=faults, replace=replace)
            planted = faults_possible(self._connection) if faults is None else faults
            keys = read_keys(self._connection, emptied)
            for statement in keys.drop_statements():
                self._connection.execute(statement.encode())
            self._connection.execute(f"TRUNCATE {', '.join(emptied)}".encode())
        with self._phase("draw"):
            self._progress("drawing the relations", 0, 1)
            world = draw_world(scale, seed=seed, faults=planted, reference=reference)
            self._progress("drawing the relations", 1, 1)
        with self._phase("copy"):
            loaded = tuple(self._copy(table) for table in tables(world))
        self._rebuild(keys, emptied)
        with self._phase("analyze"):
            self._run_all("analysing", [f"ANALYZE {table}" for table in emptied])
        with self._phase("commit"):
            self._connection.commit()
        return LoadReport(
            scale=scale.name,
            tables=loaded,
            faults=world.faults,
            seconds=perf_counter() - started,
            phases=tuple(self._phases),
            peak_memory_bytes=_peak_memory_bytes(),
        )

    def _claim_tables(self, *, faults: bool | None, replace: bool) -> tuple[str, ...]:
        """Locks the tables, so that nothing changes between the checks and the load, and returns all to be emptied.

        Raises:
            LoadError: Tables are missing, hold rows that may not be replaced, or cannot hold faults.
        """
        database = self._connection.info.dbname
        names = [f"public.{table}" for table in TABLE_NAMES]
        missing = [name for name in names if not self._answer(b"SELECT to_regclass(%s)", name)]
        if missing:
            raise LoadError(f"{database} lacks {missing[0]} and cannot be loaded: run `intowork migrate` first")
        # Rows that a migration moved to quarantine would come back beside the new ones.
        names += [name for (name,) in self._connection.execute(query("quarantine_tables"))]
        self._connection.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE".encode())
        if not replace:
            for name in names:
                if self._connection.execute(f"TABLE {name} LIMIT 1".encode()).fetchone():
                    raise LoadError(
                        f"{database} already holds rows in {name}, so nothing was loaded: "
                        "use an empty database, or say --replace to lose what the platform's tables hold"
                    )
        if faults and not faults_possible(self._connection):
            raise LoadError(
                f"the unique rules of {database} keep faults out, so nothing was loaded: "
                "load without faults, or at revision g7b1c5d4e3f2"
            )
        return tuple(names)

    def _answer(self, statement: bytes, *parameters: str) -> object:
        row = self._connection.execute(statement, parameters).fetchone()
        return row[0] if row else None

    def _copy(self, table: Table) -> LoadedTable:
        """Sends the rows of one table.

        Frozen rows need no second visit by VACUUM; PostgreSQL allows that for a table truncated in the same
        transaction (PostgreSQL documentation, COPY, option FREEZE).
        """
        statement = sql.SQL("COPY public.{} ({}) FROM STDIN WITH (FREEZE)").format(
            sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, table.columns))
        )
        sent = 0
        self._progress(table.name, 0, table.rows)
        with self._connection.cursor() as cursor:
            with cursor.copy(statement) as copy:
                for number, lines in enumerate(_batches(table.lines), 1):
                    copy.write("".join(lines).encode())
                    sent += len(lines)
                    if number % _WRITES_PER_STEP == 0:
                        self._progress(table.name, sent, table.rows)
            received = cursor.rowcount
        self._progress(table.name, received, received)
        # ALTER SEQUENCE ... RESTART is undone by a rollback, which setval() is not.
        sequence = self._answer(b"SELECT pg_get_serial_sequence(%s, 'id')", f"public.{table.name}")
        self._connection.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {received + 1}".encode())
        return LoadedTable(table.name, received)

    def _rebuild(self, keys: Keys, tables: tuple[str, ...]) -> None:
        """Builds keys and indexes again and compares the catalog with what it was.

        Raises:
            LoadError: Something in the catalog has no statement that builds it again.
        """
        with self._phase("indexes"):
            self._run_all("building indexes", keys.index_statements())
        with self._phase("foreign keys"):
            self._run_all("checking foreign keys", keys.foreign_key_statements())
        if read_keys(self._connection, tables) != keys:
            raise LoadError(
                "a key or an index would not be the same after the load, so nothing was loaded: "
                "load into a database that `intowork migrate` alone has built"
            )

    def _run_all(self, step: str, statements: Iterable[str]) -> None:
        todo = tuple(statements)
        self._progress(step, 0, len(todo))
        for done, statement in enumerate(todo, 1):
            self._connection.execute(statement.encode())
            self._progress(step, done, len(todo))

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        started = perf_counter()
        yield
        self._phases.append(Phase(name, perf_counter() - started))


def _batches(lines: Iterator[str]) -> Iterator[list[str]]:
    while batch := list(islice(lines, _LINES_PER_WRITE)):
        yield batch


def _peak_memory_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in kilobytes, macOS in bytes (getrusage(2) of either).
    return peak if sys.platform == "darwin" else peak * 1024
