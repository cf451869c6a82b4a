"""The schema of a database, without its rows, in a scratch database on a server of our own.

The source is only dumped. What could reach outside of the scratch server is left out: foreign servers and their
tables, subscriptions, publications, event triggers, and extensions that are not known to stay within the database.
The copy belongs to a role without any special right, so that the project's own functions run without any either.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.errors import PgproofError
from pgproof.server import Server

_ROLE = "pgproof_replay"
_LOCK_WAIT_MS = 5_000
_TOO_LONG_SECONDS = 600

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


@contextmanager
def schema_copy(source: str, server: Server) -> Iterator[str]:
    """Yield the URL of a scratch database with the schema of another, for a role without special rights.

    Args:
        source: conninfo of the database to copy the schema of; it is read by pg_dump alone.
        server: a server of our own, of the same major version or a newer one.

    Raises:
        PgproofError: the schema could not be dumped, or the scratch server is the source.
    """
    with server.scratch_database() as url, tempfile.TemporaryDirectory(prefix="pgproof-") as folder:
        _refuse_same_server(source, url)
        archive = Path(folder, "schema.dump")
        _dump(source, server, archive)
        own_url = prepare_database(url, source)
        _restore(own_url, server, archive)
        yield own_url


def _refuse_same_server(source: str, url: str) -> None:
    """A scratch database never lies on the server that is examined: what is run there could reach production."""
    identifier = "SELECT system_identifier FROM pg_control_system()"
    try:
        with psycopg.connect(source) as connection:
            theirs = connection.execute(identifier).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return
    except psycopg.OperationalError as error:
        raise PgproofError(f"The schema could not be copied: {_first_line(str(error))}") from None
    with psycopg.connect(url) as connection:
        ours = connection.execute(identifier).fetchone()
    if theirs == ours:
        raise PgproofError("The schema was not copied: the scratch server is the one that is examined")


def _dump(source: str, server: Server, archive: Path) -> None:
    options = ["--format=custom", "--schema-only", "--no-owner", "--no-privileges", "--no-publications"]
    options += ["--no-subscriptions", "--no-comments", f"--lock-wait-timeout={_LOCK_WAIT_MS}"]
    parameters = {name: str(value) for name, value in conninfo_to_dict(source).items() if value is not None}
    password = parameters.pop("password", None)
    # A password on the command line could be read by every user of the machine.
    environment = {**os.environ, **({"PGPASSWORD": password} if password else {})}
    conninfo = psycopg.conninfo.make_conninfo("", **parameters)
    program = server.binaries.directory / "pg_dump"
    result = _run([program, *options, f"--file={archive}", f"--dbname={conninfo}"], environment)
    if result.returncode:
        raise PgproofError(f"The schema could not be dumped: {_first_line(result.stderr)}")


def prepare_database(url: str, source: str) -> str:
    """Give a scratch database to a role of its own, with the source's extensions that are known to stay within.

    Args:
        url: of the scratch database, for its superuser.
        source: conninfo of the database whose extensions are wanted.

    Returns:
        The URL for the role, which has no special right.
    """
    with psycopg.connect(source) as connection:
        wanted = connection.execute(
            "SELECT x.extname, n.nspname FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace"
            " WHERE x.extname = ANY (%s)",
            (sorted(_CONTAINED_EXTENSIONS),),
        ).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (_ROLE,)).rowcount:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(_ROLE)))
        database = connection.info.dbname
        connection.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), sql.Identifier(_ROLE))
        )
        available = {row[0] for row in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
        for extension, schema in wanted:
            if extension not in available:
                continue
            if schema != "public":
                connection.execute(
                    sql.SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(
                        sql.Identifier(schema), sql.Identifier(_ROLE)
                    )
                )
            connection.execute(
                sql.SQL("CREATE EXTENSION {} SCHEMA {}").format(sql.Identifier(extension), sql.Identifier(schema))
            )
    return url.replace("postgresql://postgres@", f"postgresql://{_ROLE}@", 1)


def _restore(url: str, server: Server, archive: Path) -> None:
    """Restore what can be: an object that needs what was left out is missing then, and whoever needs it will see."""
    program = server.binaries.directory / "pg_restore"
    listing = _run([program, "--list", str(archive)], dict(os.environ)).stdout
    chosen = archive.with_suffix(".list")
    chosen.write_text("\n".join(line for line in listing.splitlines() if not _is_left_out(line)), encoding="utf-8")
    _run(
        [program, f"--use-list={chosen}", "--no-owner", "--no-privileges", f"--dbname={url}", str(archive)],
        dict(os.environ),
    )


def _is_left_out(line: str) -> bool:
    # `123; 1259 16385 FOREIGN TABLE public name owner`; comments begin with a semicolon.
    words = tuple(line.partition(";")[2].split()[2:])
    return any(words[: len(kind)] == kind for kind in _LEFT_OUT)


def _run(command: list[str | Path], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TOO_LONG_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PgproofError(f"{Path(command[0]).name} took longer than {_TOO_LONG_SECONDS} s and was stopped") from None


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
