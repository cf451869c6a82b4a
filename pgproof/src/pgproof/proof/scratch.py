"""A scratch copy of a database with rows in it: the source's own, or rows made from its statistics.

It lies on a server of our own, belongs to a role without any special right, plans with the source's planner settings
and is dropped at the end.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from pgproof.errors import PgproofError
from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.proof.copy import (
    dump,
    lacking_extensions,
    prepare_database,
    refuse_same_server,
    restore,
    seeing_every_row,
)
from pgproof.server import ScratchServer
from pgproof.synthetic.fill import fill

Mode: TypeAlias = Literal["synthetic", "copy"]
Progress: TypeAlias = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and how many there are."""

Connection = psycopg.Connection[Any]

_JOBS = 2
_ROOM = 2
"""Times the source's space: a restored database needs about as much, its archive less, its write-ahead log the rest."""

_PLANNER_SETTINGS = (
    "constraint_exclusion",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "cursor_tuple_fraction",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "enable_partitionwise_aggregate",
    "enable_partitionwise_join",
    "from_collapse_limit",
    "hash_mem_multiplier",
    "jit",
    "join_collapse_limit",
    "max_parallel_workers_per_gather",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "random_page_cost",
    "search_path",
    "seq_page_cost",
    "TimeZone",
    "work_mem",
)
"""What decides about plans, and what a session of the source begins with: any role may set each of them."""


@dataclass(frozen=True)
class ScratchCopy:
    """A scratch database with rows.

    Attributes:
        url: for a role without special rights that owns everything in it.
        admin_url: of the same database, for the superuser of the scratch server.
        server_version: of the scratch server, such as `18.6`.
        mode: `copy` for the source's rows, `synthetic` for rows made from its statistics.
        scale: times as many rows as the source has.
        rows: of all tables, as counted after the load.
        seconds: that it took.
        left_out: what of the source is not in it, or is there in another way; each a line that says why.
        holds: what rows it holds, in one line for people.
    """

    url: str
    admin_url: str
    server_version: str
    mode: Mode
    scale: float
    rows: int
    seconds: float
    left_out: tuple[str, ...]
    holds: str


@contextmanager
def scratch_copy(
    source: str,
    server: ScratchServer,
    data: Mode,
    scale: float = 1.0,
    progress: Progress = lambda part, done, total: None,
    facts: Facts | None = None,
) -> Iterator[ScratchCopy]:
    """Yield a scratch database with the schema of another and rows, dropped at the end.

    Args:
        source: conninfo of the database, which is only read.
        server: of our own, of the same major version or a newer one.
        data: which rows; a copy has them as they are, with all they say about people.
        scale: times as many rows as the source has; a copy has as many.
        progress: told at the beginning of each part.
        facts: of the source, with answers about rows that break rules, so that synthetic rows break them as often; read
            without such answers where there are none.

    Raises:
        PgproofError: the source could not be read in full, the disk has no room, or the scratch server is the source.
    """
    if data == "copy" and scale != 1:
        raise PgproofError("a copy has as many rows as its source: leave out --scale, or take --data synthetic")
    started = time.monotonic()
    with server.scratch_database() as url, tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        refuse_same_server(source, url)
        size, planner = _size_and_settings(source)
        _require_room(server, Path(folder), size * scale)
        archive = Path(folder, "source.dump")
        admin_url = server.socket_url(_database_of(url))
        own_url = prepare_database(admin_url, source)
        left_out = [*lacking_extensions(admin_url, source), *_adopt(admin_url, planner)]
        progress("reading the source", 0, 4)
        dump(source, server, archive, data=data == "copy")
        progress("making its tables", 1, 4)
        left_out += restore(own_url, server, archive, section="pre-data")
        progress("filling them", 2, 4)
        if data == "copy":
            holds = "every row of the source as it is, with all that it says about people"
            left_out += restore(own_url, server, archive, section="data", jobs=_JOBS)
        else:
            holds = "rows made from the source's statistics; no value of a row was copied"
            left_out += _fill(source, own_url, facts, scale, progress)
        progress("making indexes and constraints", 3, 4)
        with seeing_every_row(admin_url):
            left_out += restore(own_url, server, archive, section="post-data", jobs=_JOBS)
            archive.unlink()
            rows = _finish(own_url, source)
        progress("done", 4, 4)
        yield ScratchCopy(
            url=own_url,
            admin_url=admin_url,
            server_version=server.version,
            mode=data,
            scale=scale,
            rows=rows,
            seconds=time.monotonic() - started,
            left_out=tuple(dict.fromkeys(left_out)),
            holds=holds,
        )


def _database_of(url: str) -> str:
    return unquote(urlsplit(url).path.removeprefix("/"))


def _size_and_settings(source: str) -> tuple[int, dict[str, str]]:
    with psycopg.connect(source) as connection:
        connection.execute("SET TRANSACTION READ ONLY")
        row = connection.execute(
            "SELECT /* pgproof */ CASE WHEN has_database_privilege(current_database(), 'CONNECT')"
            " THEN pg_database_size(current_database()) ELSE 0 END"
        ).fetchone()
        found = connection.execute(
            "SELECT /* pgproof */ name, current_setting(name) FROM pg_settings"
            " WHERE name = ANY (%s) AND source NOT IN ('default', 'client', 'session')",
            (list(_PLANNER_SETTINGS),),
        ).fetchall()
    assert row is not None
    return int(row[0]), dict(found)


def _require_room(server: ScratchServer, folder: Path, size: float) -> None:
    """Refuse what the disk cannot hold, before anything is written."""
    needed = size * _ROOM
    for place in (server.data_directory.resolve().parent, folder):
        free = shutil.disk_usage(place).free
        if free < needed:
            raise PgproofError(
                f"the scratch copy needs about {needed / 2**30:.1f} GB and the disk of {place} has "
                f"{free / 2**30:.1f} GB: free some space, set TMPDIR to another disk, or take a smaller --scale"
            )


def _adopt(admin_url: str, settings: dict[str, str]) -> list[str]:
    """Let sessions of the scratch database plan as those of the source do."""
    refused = []
    with psycopg.connect(admin_url, autocommit=True) as connection:
        for name, value in settings.items():
            statement = sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                sql.Identifier(connection.info.dbname),
                sql.Identifier(name),
                # A search path is a list, of which a quoted whole would be one name.
                sql.SQL(value) if name == "search_path" else sql.Literal(value),
            )
            try:
                connection.execute(statement)
            except psycopg.DatabaseError as error:
                refused.append(f"setting {name}: {error.diag.message_primary}")
    return refused


def _fill(source: str, url: str, facts: Facts | None, scale: float, progress: Progress) -> tuple[str, ...]:
    with psycopg.connect(source, autocommit=True) as connection:
        return fill(connection, facts or read_facts(connection), url, scale, progress).unmet


def _finish(url: str, source: str) -> int:
    """Let the planner know the rows, as a server that has been up for a while does; return how many there are."""
    with psycopg.connect(source) as connection:
        populated = connection.execute(
            "SELECT /* pgproof */ schemaname, matviewname FROM pg_matviews WHERE ispopulated"
        ).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        _refresh(connection, populated)
        connection.execute("VACUUM (ANALYZE)")
        row = connection.execute(
            "SELECT coalesce(sum(reltuples), 0)::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE relkind = 'r' AND reltuples > 0 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _refresh(connection: Connection, views: list[tuple[str, str]]) -> None:
    """Fill materialized views, of which some read others: as long as one more can be filled."""
    waiting, before = views, -1
    while waiting and len(waiting) != before:
        before, left = len(waiting), []
        for view in waiting:
            try:
                connection.execute(sql.SQL("REFRESH MATERIALIZED VIEW {}").format(sql.Identifier(*view)))
            except psycopg.DatabaseError:
                left.append(view)
        waiting = left
