"""What the traffic, the lock sampler and the timing share: their sessions and their percentiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import psycopg

from pgproof.errors import PgproofError

Session = psycopg.Connection[tuple[Any, ...]]

TRAFFIC = "pgproof-traffic"
IDLE = "pgproof-idle"
SAMPLER = "pgproof-sampler"
TIMING = "pgproof-timing"


def open_session(url: str, application_name: str) -> Session:
    """Open an autocommit session that other measurements recognise by its application name.

    It prepares no statement, so that every call is planned with its own parameters, also behind PgBouncer.

    Raises:
        PgproofError: the server does not accept the connection.
    """
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            prepare_threshold=None,
            application_name=application_name,
            connect_timeout=10,
        )
    except psycopg.OperationalError as error:
        raise PgproofError(
            f"Nothing can be measured: the server refused {application_name} ({first_line(error)}); "
            "check the URL and that the server runs"
        ) from error


def first_line(error: Exception) -> str:
    """Return what PostgreSQL said without its detail, hint and position, for messages of one line."""
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or (str(error).splitlines() or [type(error).__name__])[0]


def nearest_rank(ordered: Sequence[float], fraction: float) -> float:
    """Return the percentile of ascending values by the nearest rank, always one of the measured values.

    The value at rank ceil(fraction * n), the inverse of the empirical distribution: definition 1 in Hyndman
    and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50 (1996).

    Args:
        ordered: at least one value, ascending.
        fraction: above 0, at most 1.
    """
    return ordered[math.ceil(fraction * len(ordered)) - 1]
