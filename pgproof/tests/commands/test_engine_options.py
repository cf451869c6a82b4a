"""`--engine` and `--processes`: an audit with the application's engine, and its findings reproduced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Run

PROJECT = """
import os
from sqlalchemy import create_engine, make_url
URL = make_url(os.environ["APP_URL"]).set(drivername="postgresql+psycopg")
plain = create_engine(URL)
limited = create_engine(URL, connect_args={"options": "-c statement_timeout=30s"}, pool_size=20, max_overflow=80)
lost = create_engine("postgresql+psycopg://app@127.0.0.1:1/shop")
"""


@pytest.fixture
def engine_run(run: Run, bad_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command where a project is."""
    (tmp_path / "shop.py").write_text(PROJECT, encoding="utf-8")
    monkeypatch.setenv("APP_URL", bad_database)
    return run


def codes(out: str, key: str = "findings") -> set[str]:
    return {each["rule"] for each in json.loads(out)[key]}


def test_an_audit_looks_at_the_engine(engine_run: Run, bad_database: str) -> None:
    ran = engine_run("audit", bad_database, "--engine", "shop:plain", "--select", "CFG", "--format", "json")
    assert {"CFG01", "CFG03", "CFG06", "CFG07", "CFG09"} <= codes(ran.out)
    assert codes(ran.out, "not_checked") & {"CFG01", "CFG06", "CFG07", "CFG09", "CFG12"} == set()
    assert "CFG02" in codes(ran.out, "not_checked")
    located = {each["location"]["file"] for each in json.loads(ran.out)["findings"] if each["rule"] == "CFG01"}
    assert located == {"shop.py"}


def test_a_timeout_of_the_engine_counts(engine_run: Run, bad_database: str) -> None:
    ran = engine_run(
        *("audit", bad_database, "--engine", "shop:limited", "--processes", "2"),
        *("--select", "CFG01,CFG02,CFG03", "--format", "json"),
    )
    assert codes(ran.out) == {"CFG02"}


def test_without_an_engine_its_rules_are_not_checked(engine_run: Run, bad_database: str) -> None:
    ran = engine_run("audit", bad_database, "--select", "CFG", "--format", "json")
    assert {"CFG01", "CFG02", "CFG06", "CFG07", "CFG09", "CFG12"} <= codes(ran.out, "not_checked")
    assert {"CFG03"} <= codes(ran.out)


def test_an_engine_that_cannot_connect_is_a_line_and_the_rest_is_checked(engine_run: Run, bad_database: str) -> None:
    ran = engine_run("audit", bad_database, "--engine", "shop:lost", "--format", "json")
    assert "engine: shop:lost: it cannot connect: no server listens there: correct host and port" in ran.err
    assert {"CFG01", "CFG03", "INT01"} <= codes(ran.out)
    assert "CFG12" in codes(ran.out, "not_checked")


def test_an_engine_that_is_not_there_is_a_line_and_the_rest_is_checked(engine_run: Run, bad_database: str) -> None:
    ran = engine_run("audit", bad_database, "--engine", "shop:nothing", "--format", "json")
    assert "engine: --engine shop:nothing: shop has no nothing" in ran.err
    assert "INT01" in codes(ran.out)
    assert "CFG01" in codes(ran.out, "not_checked")


@pytest.mark.parametrize(
    ("rule", "engine", "says"),
    [
        ("CFG01", "shop:plain", "TimeoutError: QueuePool limit of size 5 overflow 10 reached"),
        ("CFG02", "shop:limited", "# number 101: FATAL:  sorry, too many clients already"),
    ],
)
def test_saturation_is_shown(rule: str, engine: str, says: str, engine_run: Run, bad_database: str) -> None:
    given = (bad_database, "--engine", engine, "--processes", "2")
    document = json.loads(engine_run("audit", *given, "--select", rule, "--format", "json").out)
    ran = engine_run("reproduce", given[0], document["findings"][0]["fingerprint"], *given[1:])
    assert (ran.code, ran.err) == (0, "")
    assert says in ran.out
