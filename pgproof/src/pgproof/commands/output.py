"""An audit in the format that was asked for, to standard output or to a file that its owner alone can read."""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pgproof.errors import PgproofError
from pgproof.report.document import Document, to_json
from pgproof.report.github import to_github
from pgproof.report.markdown import to_markdown
from pgproof.report.sarif import to_sarif
from pgproof.report.tty import WIDTH, print_audit
from pgproof.rules.rule import Rule
from pgproof.settings import ConfigurationError


def render(document: Document, rules: Sequence[Rule], form: str, *, show_sql: bool, verbose: bool) -> str:
    """Return an audit as text in any format but the terminal's own colours.

    Args:
        document: the audit.
        rules: that ran.
        form: tty, json, markdown, sarif or github.
        show_sql: in the terminal's form, with the SQL of remedies.
        verbose: in the terminal's form, every finding in full.
    """
    if form == "json":
        return to_json(document)
    if form == "markdown":
        return to_markdown(document)
    if form == "sarif":
        return to_sarif(document, rules)
    if form == "github":
        return to_github(document)
    plain = io.StringIO()
    print_audit(document, Console(file=plain, width=WIDTH, highlight=False), show_sql=show_sql, verbose=verbose)
    return "".join(f"{line.rstrip()}\n" for line in plain.getvalue().splitlines())


def refuse_unwritable(file: Path | None) -> None:
    """Refuse an --output that could not be written, before a server is asked for anything.

    Raises:
        ConfigurationError: its folder is not there, or it is a folder itself.
    """
    if file is not None and not file.resolve().parent.is_dir():
        raise ConfigurationError(f"--output {file}: there is no folder {file.parent}: make it, or choose another")
    if file is not None and file.is_dir():
        raise ConfigurationError(f"--output {file} is a folder: name a file in it")


def write(text: str, file: Path | None = None) -> None:
    """Write UTF-8 to a file with mode 0600, whole or not at all, or to standard output.

    Raises:
        PgproofError: it cannot be written.
    """
    if file is None:
        _write_out(text.encode())
        return
    try:
        if file.exists() and not stat.S_ISREG(file.stat().st_mode):
            # A device or a pipe, such as /dev/stdout, is not ours to replace or to close to others.
            file.write_bytes(text.encode())
        else:
            _replace(file.resolve(), text.encode())
    except OSError as error:
        raise PgproofError(f"{file} cannot be written: {error.strerror}; choose another --output") from None


def _write_out(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # Whoever read has seen enough; the exit code still says what was found.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise PgproofError(f"standard output cannot be written: {error.strerror}") from None


def _replace(file: Path, data: bytes) -> None:
    """Put a new file, which mkstemp makes with mode 0600, in the place of what was there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name[:50]}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
