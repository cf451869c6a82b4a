"""`pgproof reproduce`: a finding shown happening on a scratch copy, its source only dumped."""

from __future__ import annotations

import json

import psycopg
import pytest

from .conftest import Run


@pytest.fixture
def fingerprints(run: Run, bad_database: str) -> dict[str, str]:
    """The fingerprint of the first finding of each rule."""
    document = json.loads(run("audit", bad_database, "--format", "json").out)
    return {each["rule"]: each["fingerprint"] for each in reversed(document["findings"])}


def test_a_finding_is_shown_by_a_script(run: Run, bad_database: str, fingerprints: dict[str, str]) -> None:
    ran = run("reproduce", bad_database, fingerprints["INT01"][:12].upper())
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count('INSERT INTO "public"."enrolments"') >= 2


def test_the_source_is_left_as_it_is(run: Run, bad_database: str, fingerprints: dict[str, str]) -> None:
    counted = "SELECT count(*), max(id) FROM enrolments"
    with psycopg.connect(bad_database) as connection:
        before = connection.execute(counted).fetchone()
        run("reproduce", bad_database, fingerprints["INT01"])
        connection.rollback()
        assert connection.execute(counted).fetchone() == before


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ("0" * 64, 2, f"no finding has the fingerprint {'0' * 64}: pgproof audit shows them"),
        ("", 2, "findings have fingerprints that begin with : give more of it"),
        ("IDX02", 3, "IDX02 has no counter-example: its evidence is all there is to show"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    given: str, code: int, says: str, run: Run, bad_database: str, fingerprints: dict[str, str]
) -> None:
    ran = run("reproduce", bad_database, fingerprints.get(given, given))
    assert (ran.code, ran.out, ran.err.count("\n")) == (code, "", 1)
    assert says in ran.err
