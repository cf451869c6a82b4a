"""The web server: what is checked before the first request, and the processes that answer them."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from intowork.app import create_app
from intowork.errors import IntoWorkError
from intowork.operations.check import run_checks
from intowork.settings import Settings

GRACE_SECONDS = 30
"""What requests that are being answered get when the server is told to stop."""
_NEEDED = ("server", "connections", "revision")
"""Checks without which nothing can be answered; what else is wrong makes the platform slower or older, not wrong."""


def serve(settings: Settings, host: str, port: int, *, said: Callable[[str], None]) -> None:
    """Answer requests until told to stop by SIGINT or SIGTERM; requests that are being answered are finished.

    Args:
        settings: of the environment, which each of WEB_PROCESSES reads again.
        host: to listen on.
        port: to listen on.
        said: told what is wrong and does not stop the start.

    Raises:
        IntoWorkError: the platform cannot start with this database: it is not reached, not at this version's revision,
            grants fewer connections than the pools may ask for, or the port is taken.
    """
    wrong = [check for check in run_checks(settings) if not check.ok]
    if needed := [f"{check.subject}: {check.finding}" for check in wrong if check.subject in _NEEDED]:
        raise IntoWorkError("; ".join(needed))
    for check in wrong:
        said(f"{check.subject}: {check.finding}")
    _require_free(host, port)
    with _shared_metrics(settings.web_processes):
        uvicorn.run(
            "intowork.serving:application",
            factory=True,
            workers=settings.web_processes,
            host=host,
            port=port,
            timeout_graceful_shutdown=GRACE_SECONDS,
            # One line for each request comes from us, with its id.
            access_log=False,
            log_level="warning",
            server_header=False,
        )


@contextmanager
def _shared_metrics(processes: int) -> Iterator[None]:
    """Let processes count in files that each of them can add up; one process counts in its memory."""
    if processes == 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="intowork-metrics-") as folder:
        # Read by prometheus_client when a process imports it.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        try:
            yield
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]


def _require_free(host: str, port: int) -> None:
    """Say in one line what the server would fail of, in several processes each for itself."""
    try:
        with socket.create_server((host, port)):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise IntoWorkError(
            f"nothing can listen on {host}:{port} ({reason}): choose another --port or --host"
        ) from None


def application() -> FastAPI:
    """Return the application of one process, whose log is lines of JSON on standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    return create_app()
