"""The command `pgproof`: runs what was asked for; a failure is one line on standard error and an exit code."""

from __future__ import annotations

import os
import signal
import sys

from pgproof.errors import PgproofError

WRONG_USAGE, COULD_NOT_RUN, INTERRUPTED = 2, 3, 130


def main() -> None:
    """Run the command and end the process with its exit code."""
    try:
        # Whoever ends the command ends its question on the server too, and keeps what was found so far.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _tolerate_any_encoding()
        # Imported here, so that an interrupt while Python still loads is one line too.
        from pgproof.commands.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(_fail("interrupted", INTERRUPTED))
    except PgproofError as error:
        sys.exit(_fail(str(error), _code_of(error)))
    except Exception as error:
        if "PGPROOF_TRACEBACK" in os.environ:
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        advice = (
            "this is a fault of pgproof: please report it with what PGPROOF_TRACEBACK=1 prints, and a snapshot "
            "(pgproof snapshot) where one can be made"
        )
        sys.exit(_fail(f"{what}; {advice}", COULD_NOT_RUN))


def _code_of(error: PgproofError) -> int:
    from pgproof.settings import ConfigurationError

    return WRONG_USAGE if isinstance(error, ConfigurationError) else COULD_NOT_RUN


def _fail(message: str, code: int) -> int:
    from pgproof.report.text import printable

    sys.stderr.write(f"pgproof: {printable(message)}\n")
    return code


def _tolerate_any_encoding() -> None:
    """A terminal of another encoding shows the escape of what it cannot show, rather than ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
