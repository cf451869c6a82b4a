"""A pool and a server are really filled, and what fits is really let in."""

from __future__ import annotations

import pytest

from pgproof.errors import PgproofError
from pgproof.reproduce.saturation import MOST_CONNECTIONS, saturate
from pgproof.rules.counter_examples import FullPool, RefusedClients


def test_the_request_beyond_a_full_pool_fails_after_its_timeout() -> None:
    found = saturate(FullPool(size=2, overflow=1, timeout=0.5))
    assert found.shown
    assert found.verdict == "request 4 at a time waits 0.5 s for a connection, and then fails"
    assert "TimeoutError: QueuePool limit of size 2 overflow 1 reached" in found.script()
    assert "as the engine has it" in found.script()


def test_a_long_timeout_is_shortened_and_said_so() -> None:
    assert "its timeout is 1 s, shortened from 30 s." in saturate(FullPool(1, 0, 30.0)).script()


@pytest.mark.parametrize(
    ("maximum", "reserved", "database", "role", "admitted", "says"),
    [
        (20, 3, None, None, 17, "FATAL:  remaining connection slots are reserved"),
        (20, 0, None, None, 20, "FATAL:  sorry, too many clients already"),
        (20, 3, 5, None, 5, 'FATAL:  too many connections for database "postgres"'),
        (20, 3, None, 6, 6, 'FATAL:  too many connections for role "pgproof_application"'),
    ],
)
def test_the_connection_beyond_the_limit_is_refused(
    maximum: int, reserved: int, database: int | None, role: int | None, admitted: int, says: str
) -> None:
    found = saturate(RefusedClients(2, 12, maximum, reserved, database, role))
    assert found.shown
    assert found.verdict == f"{admitted} of 24 connections got in, and the next was refused"
    assert f"# number {admitted + 1}: {says}" in found.script()


def test_what_fits_is_let_in_and_shows_nothing() -> None:
    found = saturate(RefusedClients(1, 17, 20, 3, None, None))
    assert (found.shown, found.verdict) == (False, "all 17 connections got in")


def test_a_server_too_large_for_this_machine_is_left_alone() -> None:
    with pytest.raises(PgproofError, match=rf"would take 1,998 connections .* opens {MOST_CONNECTIONS} at most"):
        saturate(RefusedClients(100, 100, 2_000, 3, None, None))
