"""Files and references that a command cannot do without, looked at before a server is asked for anything."""

from __future__ import annotations

from pathlib import Path

from pgproof.commands.facts import STATEMENTS
from pgproof.errors import PgproofError
from pgproof.facts.recording_file import recording_of
from pgproof.proving.branch import base_of
from pgproof.settings import ConfigurationError, Options


def refuse_unusable(options: Options, directory: Path, changed: str | None = None) -> None:
    """Refuse what the options name and a proof could not be made of.

    Args:
        options: of the run.
        directory: of the project.
        changed: a git reference.

    Raises:
        ConfigurationError: the workload is no recording.
        PgproofError: there is no such alembic.ini, or git does not know the reference.
    """
    if options.alembic is not None:
        refuse_no_chain(options.alembic, directory)
    if options.workload not in (None, STATEMENTS):
        _refuse_no_recording(Path(str(options.workload)))
    if changed is not None:
        base_of(directory, changed)


def refuse_no_chain(alembic: Path, directory: Path) -> None:
    """Refuse an alembic.ini, or a pyproject.toml in its place, that is not there.

    Raises:
        PgproofError: it is no file.
    """
    if not (directory / alembic).is_file():
        raise PgproofError(f"--alembic {alembic}: there is no such file in {directory}")


def _refuse_no_recording(path: Path) -> None:
    """Refuse a file whose first line does not say that it is a recording; the rest is read when it is needed."""
    try:
        with path.open("rb") as file:
            recording_of([file.readline()], str(path))
    except OSError as error:
        raise ConfigurationError(f"--workload {path} cannot be read: {error.strerror}") from None
    except PgproofError as error:
        raise ConfigurationError(f"--workload {error}") from None
