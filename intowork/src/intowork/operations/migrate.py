"""Bring a database to a revision, and back, beside traffic."""

from __future__ import annotations

import datetime as dt
import shlex
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, InvalidRequestError

from intowork.database.url import connect_parameters
from intowork.errors import IntoWorkError
from intowork.migrations.lock_safe import Watcher

PHASE_2 = "g7b1c5d4e3f2"
CRITICAL = "h8c2d6e5f4g3"
HEAD = "head"

BACKUP_AGE = dt.timedelta(hours=24)
PG_DUMP_MAGIC = b"PGDMP"


def alembic_config(connection: Connection | None = None, watch: Watcher | None = None) -> Config:
    """Return Alembic's configuration for the chain that ships with the package.

    Args:
        connection: the connection to migrate; without one env.py opens its own from the settings.
        watch: told of each step and note.
    """
    config = Config()
    config.set_main_option("script_location", "intowork:migrations")
    if connection is not None:
        config.attributes["connection"] = connection
    if watch is not None:
        config.attributes["watch"] = watch
    return config


def current_revision(engine: Engine) -> str | None:
    """Return the revision a database is at, None for a database that no migration has touched."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = HEAD, *, watch: Watcher | None = None) -> None:
    """Bring a database up to a revision.

    Args:
        engine: a direct engine, not one behind a transaction-pooling PgBouncer.
        revision: the revision, or "head".
        watch: told of each step and note.

    Raises:
        IntoWorkError: the revision is unknown, or a step refused; what was done so far stays, and running again
            goes on from there.
    """
    _run(engine, revision, down=False, watch=watch)


def downgrade(engine: Engine, revision: str, *, watch: Watcher | None = None) -> None:
    """Take a database back to a revision; the arguments and errors are those of `upgrade`."""
    _run(engine, revision, down=True, watch=watch)


def _run(engine: Engine, revision: str, *, down: bool, watch: Watcher | None) -> None:
    with engine.connect() as connection:
        config = alembic_config(connection, watch)
        try:
            (command.downgrade if down else command.upgrade)(config, revision)
        except CommandError as error:
            raise IntoWorkError(_explained(error, revision)) from error
        except DBAPIError as error:
            raise _stopped(error) from error
        except InvalidRequestError as error:
            # An interrupt or a lost connection leaves the connection invalid, on which Alembic's own clean-up fails and
            # hides what happened; it stands in the chain of contexts.
            cause = _cause(error)
            if isinstance(cause, DBAPIError):
                raise _stopped(cause) from error
            raise cause from error


def _cause(error: BaseException) -> BaseException:
    """Return the interrupt or the failure of the database that an error came from, or the error itself."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, KeyboardInterrupt | DBAPIError):
            return link
        link = link.__context__
    return error


def _stopped(error: DBAPIError) -> IntoWorkError:
    if error.connection_invalidated:
        return IntoWorkError(
            "the connection was lost during the migration; nothing is half done: run intowork migrate again "
            "and it goes on where it stopped"
        )
    reason = str(error.orig).strip().splitlines()[0]
    return IntoWorkError(
        f"the migration stopped ({reason}); mend that and run intowork migrate again: it goes on where it stopped"
    )


def _explained(error: CommandError, revision: str) -> str:
    message = str(error)
    if "Can't locate revision" in message:
        known = ", ".join(
            reversed([script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()])
        )
        return f"there is no revision {revision!r}, so nothing was migrated; the chain is {known}"
    return message


def backup_command(url: URL) -> str:
    """Return the pg_dump command that backs a database up, without its password."""
    place = connect_parameters(url)
    name = place.get("dbname", "intowork")
    words = ["pg_dump", "--format=custom", f"--file={shlex.quote(str(name))}-$(date +%Y%m%d-%H%M%S).dump"]
    options = (("--host", "host"), ("--port", "port"), ("--username", "user"), ("--dbname", "dbname"))
    words += [f"{option}={shlex.quote(str(place[key]))}" for option, key in options if place.get(key)]
    return " ".join(words)


def require_fresh_backup(directory: Path | None, now: dt.datetime) -> Path:
    """Return the newest pg_dump archive of the last 24 hours in a directory.

    A file counts only if it begins as pg_dump's custom format does: an empty file is not a backup.

    Args:
        directory: where backups are written, BACKUP_DIRECTORY.
        now: the present, with its time zone.

    Raises:
        IntoWorkError: there is none.
    """
    found = [] if directory is None or not directory.is_dir() else directory.glob("*.dump")
    fresh = [path for path in found if _is_fresh(path, now)]
    if not fresh:
        raise IntoWorkError(
            "production is not migrated without a backup of the last 24 hours: take one with the command above into "
            "BACKUP_DIRECTORY, or say --backup-taken if there is one elsewhere"
        )
    return max(fresh, key=lambda path: path.stat().st_mtime)


def _is_fresh(path: Path, now: dt.datetime) -> bool:
    written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
    with path.open("rb") as file:
        return now - written < BACKUP_AGE and file.read(len(PG_DUMP_MAGIC)) == PG_DUMP_MAGIC
