"""Writes the files of a report into a folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgproof.commands.output import write
from pgproof.errors import PgproofError
from pgproof.report.dossier.checks import headline
from pgproof.report.dossier.files import report_files
from pgproof.report.dossier.material import Material
from pgproof.settings import ConfigurationError


def refuse_unusable(folder: Path) -> None:
    """Refuse an --output that is no folder, before a server is asked for anything.

    Raises:
        ConfigurationError: it is a file, or its parent is not there.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"--output {folder} is a file: name a folder")
    if not folder.resolve().parent.is_dir():
        raise ConfigurationError(f"--output {folder}: there is no folder {folder.parent}: make it, or choose another")


def told_of_proof(material: Material) -> Iterator[str]:
    """Yield what a person should know of a proof at once: that it fails, or is of something else."""
    if material.proof is None:
        return
    if material.proof.verdict != "holds":
        yield headline(material.proof)
    yield from material.doubts


def write_report(material: Material, folder: Path) -> Iterator[Path]:
    """Write each file of a report, with mode 0600, and yield its path.

    Args:
        material: to show.
        folder: made where it is not there, for its owner alone.

    Raises:
        PgproofError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise PgproofError(f"{folder} cannot be made: {error.strerror}") from None
    for name, text in report_files(material):
        write(text, folder / name)
        yield folder / name
