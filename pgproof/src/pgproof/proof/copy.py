"""A database dumped and restored, with or without its rows, into a scratch database on a server of our own.

The source is only dumped. What could reach outside of the scratch server is left out: foreign servers and their
tables, subscriptions, publications, event triggers, and extensions that are not known to stay within the database.
The copy belongs to a role without any special right, so that the project's own functions run without any either.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import PgproofError
from pgproof.server import ScratchServer

_ROLE = "pgproof_replay"
_SUPERUSER = "postgresql://postgres@"
"""What the URLs of a server of our own begin with; over its socket its superuser needs no password."""
_LOCK_WAIT_MS = 5_000
_TOO_LONG_SECONDS = 600
_COMMAND_SHOWN = 160
"""Characters of a command that name what it makes."""

Section: TypeAlias = Literal["pre-data", "data", "post-data"]

_REMEDIES = (
    ("permission denied", "the role needs to read every table: GRANT pg_read_all_data TO it"),
    ("row-level security", "the role needs BYPASSRLS, or would copy a part of the rows without a word"),
    ("server version mismatch", "the source is newer than the scratch server: take one of its version or newer"),
    ("canceling statement due to", "a session keeps a table locked; try again when it is done"),
    ("No space left on device", "the disk of the temporary directory is full; free some space or set TMPDIR"),
)
"""What helps, by the words of pg_dump's message."""

_CONTAINED_EXTENSIONS = frozenset(
    (
        "btree_gin",
        "btree_gist",
        "citext",
        "cube",
        "earthdistance",
        "fuzzystrmatch",
        "hstore",
        "intarray",
        "isn",
        "ltree",
        "pg_trgm",
        "pgcrypto",
        "seg",
        "tablefunc",
        "tcn",
        "tsm_system_rows",
        "tsm_system_time",
        "unaccent",
        "uuid-ossp",
    )
)
"""Extensions of PostgreSQL itself whose functions stay within the database."""

_LEFT_OUT = (
    ("FOREIGN", "DATA", "WRAPPER"),
    ("FOREIGN", "SERVER"),
    ("FOREIGN", "TABLE"),
    ("SERVER",),
    ("USER", "MAPPING"),
    ("SUBSCRIPTION",),
    ("PUBLICATION",),
    ("EVENT", "TRIGGER"),
    ("EXTENSION",),
    ("PROCEDURAL", "LANGUAGE"),
)
"""Kinds of entries of `pg_restore --list` that are not restored."""

_REFUSED = re.compile(r"could not execute query: ERROR:\s+(.*)\n(?:(?!pg_restore:).*\n)*?Command was: (.*\n.*)")
_OURS_ALREADY = re.compile(r'schema "[^"]*" already exists')


@contextmanager
def schema_copy(source: str, server: ScratchServer) -> Iterator[str]:
    """Yield the URL of a scratch database with the schema of another, for a role without special rights.

    Args:
        source: conninfo of the database to copy the schema of; it is read by pg_dump alone.
        server: a server of our own, of the same major version or a newer one.

    Raises:
        PgproofError: the schema could not be dumped, or the scratch server is the source.
    """
    with server.scratch_database() as url, tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        refuse_same_server(source, url)
        archive = Path(folder, "schema.dump")
        dump(source, server, archive, comments=False)
        own_url = prepare_database(url, source)
        restore(own_url, server, archive)
        yield own_url


def refuse_same_server(source: str, url: str) -> None:
    """A scratch database never lies on the server that is examined: what is run there could reach production.

    Args:
        source: conninfo of the database that is examined.
        url: of the scratch database, for its superuser.

    Raises:
        PgproofError: both lie in one cluster, or the source cannot be reached.
    """
    try:
        with psycopg.connect(source, autocommit=True) as connection:
            theirs = _identities(connection)
    except psycopg.OperationalError as error:
        raise PgproofError(f"The schema could not be copied: {_first_line(str(error))}") from None
    with psycopg.connect(url, autocommit=True) as connection:
        ours = _identities(connection)
    if any(one == other for one, other in zip(theirs, ours, strict=True) if one is not None):
        raise PgproofError("The schema was not copied: the scratch server is the one that is examined")


def _identities(connection: psycopg.Connection[Any]) -> tuple[object, object]:
    """The cluster's identifier, which not every role may read, and when the server started, which every role may."""
    started = connection.execute("SELECT pg_postmaster_start_time()").fetchone()
    try:
        cluster = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
    except psycopg.errors.InsufficientPrivilege:
        cluster = None
    return cluster, started


def dump(source: str, server: ScratchServer, archive: Path, *, data: bool = False, comments: bool = True) -> None:
    """Write an archive of a database: one snapshot, no owner, no right, no subscription, no publication.

    Source: PostgreSQL documentation, pg_dump.

    Args:
        source: conninfo of the database.
        server: whose pg_dump is run; it reads servers that are not newer than itself.
        archive: to write, in a folder nobody else may enter.
        data: with the rows, which pg_dump reads in a REPEATABLE READ snapshot.
        comments: with COMMENT ON.

    Raises:
        PgproofError: it could not be read in full; in one line with what is needed.
    """
    what = "data" if data else "schema"
    options = ["--format=custom", "--no-owner", "--no-privileges", "--no-publications", "--no-subscriptions"]
    options += [] if data else ["--schema-only"]
    options += [] if comments else ["--no-comments"]
    options += [f"--lock-wait-timeout={_LOCK_WAIT_MS}"]
    conninfo, environment = _without_password(source)
    program = server.binaries.directory / "pg_dump"
    result = _run([program, *options, f"--file={archive}", f"--dbname={conninfo}"], environment, limited=not data)
    if result.returncode:
        reason = _first_line(result.stderr)
        remedy = next((advice for words, advice in _REMEDIES if words in result.stderr), None)
        raise PgproofError(f"The {what} could not be dumped: {reason}{f': {remedy}' if remedy else ''}")


def prepare_database(url: str, source: str) -> str:
    """Give a scratch database to a role of its own, with the source's extensions that are known to stay within.

    On a server that somebody gave, the role that made the database keeps it: it has no special right there.

    Args:
        url: of the scratch database, for the role that made it.
        source: conninfo of the database whose extensions are wanted.

    Returns:
        The URL for the role that owns it, which has no special right.
    """
    own_url = url.replace(_SUPERUSER, f"postgresql://{_ROLE}@", 1) if url.startswith(_SUPERUSER) else url
    with psycopg.connect(source) as connection:
        wanted = connection.execute(
            "SELECT x.extname, n.nspname FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace"
            " WHERE x.extname = ANY (%s)",
            (sorted(_CONTAINED_EXTENSIONS),),
        ).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        if own_url != url:
            if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (_ROLE,)).rowcount:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(_ROLE)))
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                    sql.Identifier(connection.info.dbname), sql.Identifier(_ROLE)
                )
            )
        owner = str(conninfo_to_dict(own_url).get("user") or connection.info.user)
        available = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
        for extension, schema in wanted:
            if extension not in available:
                continue
            if schema != "public":
                connection.execute(
                    sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
                        sql.Identifier(schema), sql.Identifier(owner)
                    )
                )
            # What the role may not make is missing then, and `lacking_extensions` says so.
            with suppress(psycopg.errors.InsufficientPrivilege):
                connection.execute(
                    sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(extension), sql.Identifier(schema))
                )
    return own_url


def restore(
    url: str, server: ScratchServer, archive: Path, *, section: Section | None = None, jobs: int = 1
) -> tuple[str, ...]:
    """Restore what can be, and return what is missing then: each a line that says why.

    Args:
        url: of a scratch database for the role that shall own everything.
        server: whose pg_restore is run.
        archive: as `dump` wrote it.
        section: the part of it to restore; None for all.
        jobs: tables and indexes to restore at once.
    """
    program = server.binaries.directory / "pg_restore"
    sections = [f"--section={section}"] if section else []
    listing = _run([program, "--list", *sections, str(archive)], dict(os.environ)).stdout
    chosen = archive.with_suffix(".list")
    lines = listing.splitlines()
    chosen.write_text("\n".join(line for line in lines if not _is_left_out(line)), encoding="utf-8")
    options = [f"--use-list={chosen}", f"--jobs={jobs}", "--no-owner", "--no-privileges", *sections]
    conninfo, environment = _without_password(url)
    command: list[str | Path] = [program, *options, f"--dbname={conninfo}", archive]
    result = _run(command, environment, limited=section in (None, "pre-data"))
    if "No space left on device" in result.stderr:
        raise PgproofError("The copy was not made: the disk of the scratch server is full: free some space")
    return (*filter(None, map(_reaching_outside, lines)), *_failures(result.stderr))


@contextmanager
def seeing_every_row(admin_url: str) -> Iterator[None]:
    """Let the role of a scratch database see all rows for a while: forced row security would hide them from its own.

    Args:
        admin_url: of the scratch database, for its superuser.
    """
    if not admin_url.startswith(_SUPERUSER):
        # The role of a given server may not say that of itself: what it cannot see is missing, and is named.
        yield
        return
    with psycopg.connect(admin_url, autocommit=True) as connection:
        role = sql.Identifier(_ROLE)
        connection.execute(sql.SQL("ALTER ROLE {} BYPASSRLS").format(role))
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER ROLE {} NOBYPASSRLS").format(role))


def lacking_extensions(url: str, source: str) -> tuple[str, ...]:
    """Return the source's extensions that a scratch database does not have, each with the reason.

    Args:
        url: of the scratch database.
        source: conninfo of the database it was copied from.
    """
    with psycopg.connect(source) as connection:
        theirs = [row[0] for row in connection.execute("SELECT extname FROM pg_extension ORDER BY extname").fetchall()]
    with psycopg.connect(url) as connection:
        ours = {row[0] for row in connection.execute("SELECT extname FROM pg_extension").fetchall()}
        available = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
    return tuple(
        f"extension {name}: "
        + (
            "the scratch server does not have it; install it there, or give --scratch-url of a server that has it"
            if name not in available
            else "not known to stay within the database"
        )
        for name in theirs
        if name not in ours
    )


def _entry(line: str) -> tuple[str, ...]:
    # `123; 1259 16385 FOREIGN TABLE public name owner`; comments begin with a semicolon.
    return tuple(line.partition(";")[2].split()[2:]) if not line.startswith(";") else ()


def _is_left_out(line: str) -> bool:
    words = _entry(line)
    if words[:3] == ("COMMENT", "-", "EXTENSION"):
        return True
    return any(words[: len(kind)] == kind for kind in _LEFT_OUT)


def _reaching_outside(line: str) -> str | None:
    words = _entry(line)
    kind = next((kind for kind in _LEFT_OUT if words[: len(kind)] == kind), None)
    if kind is None or kind in (("EXTENSION",), ("PROCEDURAL", "LANGUAGE")):
        return None
    # The last word is the owner; schema and name stand before it, with - for no schema.
    name = " ".join(word for word in words[len(kind) : -1] if word != "-")
    return f"{' '.join(kind).lower()} {name}: it could reach outside of the scratch server"


def _failures(messages: str) -> Iterator[str]:
    """Yield the commands that the scratch server refused, with its reason; never the values it names beside it."""
    for failed in _REFUSED.finditer(messages):
        if not _OURS_ALREADY.search(failed[1]):
            yield f"{' '.join(failed[2].split())[:_COMMAND_SHOWN]}: {failed[1]}"
    for failed in re.finditer(r"COPY failed for table (.*)", messages):
        yield f"rows of {failed[1]}"


def _without_password(conninfo: str) -> tuple[str, dict[str, str]]:
    """Return a conninfo for the command line, where every user of the machine could read a password, and the rest."""
    parameters = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    password = parameters.pop("password", None)
    return (
        psycopg.conninfo.make_conninfo("", **parameters),
        {**os.environ, **({"PGPASSWORD": password} if password else {})},
    )


def _run(
    command: list[str | Path], environment: dict[str, str], *, limited: bool = True
) -> subprocess.CompletedProcess[str]:
    # pgproof reads messages by their words, so they are in PostgreSQL's own language.
    environment |= {"LC_MESSAGES": "C", "LC_ALL": "C"}
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TOO_LONG_SECONDS if limited else None,
        )
    except subprocess.TimeoutExpired:
        raise PgproofError(f"{Path(command[0]).name} took longer than {_TOO_LONG_SECONDS} s and was stopped") from None


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
