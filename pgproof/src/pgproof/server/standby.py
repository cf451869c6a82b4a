"""A hot standby of a server of our own: a copy that replays what the primary writes, and answers reads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pgproof.server.errors import ServerError
from pgproof.server.folders import run_folder
from pgproof.server.running import Server, require_free
from pgproof.server.scratch import connected

_POLL_SECONDS = 0.02


@contextlib.contextmanager
def running_standby(primary: Server, *, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A hot standby that streams from the primary's socket, stopped and removed at the end.

    It is owned, and swept after a crash, as every server of `running_server`. It listens on a socket alone. The
    primary keeps no slot for it: a standby that was stopped for longer than `wal_keep_size` lasts is made anew.

    Args:
        primary: a running server with `wal_level` replica or logical and two free `max_wal_senders`, as by default.
        settings: PostgreSQL settings by name, beside and before those that the primary was started with.

    Raises:
        ServerError: a setting that is not free, a primary that cannot be copied, a full disk, or a standby that
            does not start.
    """
    chosen = settings or {}
    require_free(chosen)
    with run_folder(primary.account, None) as folder:
        data = folder / "data"
        _copy(primary, data)
        # Hot standby needs limits such as max_connections to be at least the primary's.
        standby = Server(primary.binaries, primary.account, data, folder, primary.settings | dict(chosen), tcp=False)
        try:
            standby.start()
            yield standby
        finally:
            standby.stop("immediate")


def wait_until_replayed(primary: Server, standby: Server, *, seconds: float = 60.0) -> None:
    """Returns when the standby shows everything that the primary had written when this was called.

    Args:
        primary: where the rows were written.
        standby: a standby of it.
        seconds: how long to wait at most.

    Raises:
        ServerError: no answer from one of them, or the standby was not so far in time.
    """
    with connected(primary.url()) as connection:
        # What was committed without waiting for its flush is not sent yet; a record flushed after it brings it along.
        connection.execute("SET synchronous_commit = local")
        connection.execute("SELECT pg_logical_emit_message(true, 'pgproof', 'sent up to here')")
        row = connection.execute("SELECT pg_current_wal_flush_lsn()::text").fetchone()
    assert row is not None
    (written,) = row
    deadline = time.monotonic() + seconds
    with connected(standby.url()) as connection:
        while True:
            row = connection.execute(
                "SELECT pg_last_wal_replay_lsn()::text, pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]
            ).fetchone()
            assert row is not None
            replayed, caught_up = row
            if caught_up:
                return
            if time.monotonic() > deadline:
                raise ServerError(
                    f"the standby on {standby.data_directory} has replayed up to {replayed} and not {written} "
                    f"after {seconds:g} s: check that its replay is not paused and that the primary runs"
                )
            time.sleep(_POLL_SECONDS)


def _copy(primary: Server, data: Path) -> None:
    """Copies the primary's data directory while it is in use, with the WAL written meanwhile.

    Raises:
        ServerError: pg_basebackup is missing or failed.
    """
    program = primary.binaries.directory / "pg_basebackup"
    try:
        answer = primary.account.run(
            [
                program,
                # The socket needs no password, which every user could read among a program's arguments.
                f"--dbname={primary.socket_url('postgres')}",
                f"--pgdata={data}",
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
            ]
        )
    except FileNotFoundError as error:
        raise ServerError(
            f"no standby was made, as there is no program {program}: install the client programs of PostgreSQL, "
            "or use the embedded one"
        ) from error
    if answer.returncode == 0:
        return
    if "No space left on device" in answer.stderr:
        raise ServerError(
            f"the disk of {data} is full, so no standby was made there: "
            "free as much as the primary's data take, or set TMPDIR to another disk"
        )
    marks = ("FATAL:  ", "error: ")
    causes = [line.partition(mark)[2] for line in answer.stderr.splitlines() for mark in marks if mark in line]
    cause = causes[0] if causes else " ".join(answer.stderr.split()[-20:])
    raise ServerError(f"no standby of the server on {primary.data_directory} was made: {cause}")
