"""An outside judge of the SQL that generated revisions send: squawk says nothing but opinions."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgproof.proof.clients import Function
from pgproof.proof.kills import record_statements

from .projects import BASE, make_project, upgrade, write_steps
from .schemas import CASES

OPINIONS = {
    "ban-drop-constraint": "what clients rely on is for the finding to weigh, and a way back drops what it added",
    "ban-drop-not-null": "a way back",
    "ban-drop-default": "a way back",
    "renaming-object": "a key takes the name of the one that it replaces",
    "changing-column-type": "of types that PostgreSQL changes without reading a row, and of tables that are small",
    "prefer-text-field": "the models say a length, and a longer varchar is no rewrite",
    "prefer-bigint-over-int": "a way back",
    "prefer-robust-stmts": "the revision looks for what is there before each statement, which squawk does not see",
}
_PARTITIONED = ("require-concurrent-index-creation", "require-concurrent-index-deletion")
"""PostgreSQL refuses both on a partitioned table: the parent has no rows, and its parts are built concurrently."""
_CHANGE = re.compile(r"\s*(BEGIN|COMMIT|ROLLBACK|SET|CREATE|ALTER|DROP|REINDEX|WITH|GRANT|REVOKE|ANALYZE|DO)\b")


def judged(statements: list[str]) -> list[dict[str, Any]]:
    program = shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")
    if program is None:
        pytest.skip("squawk is not installed: pip install -c constraints.txt squawk-cli")
    ended = subprocess.run(
        [program, "--reporter", "json", "--pg-version", "15.0", "--stdin-filepath", "revision.sql"],
        input="".join(f"{statement};\n" for statement in statements),
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


def test_it_is_a_judge() -> None:
    (said,) = judged(["SET lock_timeout = 1", "SET statement_timeout = 1", "CREATE INDEX IF NOT EXISTS i ON t (a)"])
    assert said["rule_name"] == "require-concurrent-index-creation"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_it_says_nothing_but_opinions(
    embedded_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, direction: str
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    clients = importlib.import_module("revision_clients")
    folder = make_project(tmp_path)
    write_steps(folder, CASES[name].operations)
    with psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(CASES[name].sql.encode())
    upgrade(folder, embedded_database, BASE if direction == "up" else "head")
    client = Function(partial(getattr(clients, direction), str(folder)), preload=("revision_clients",))
    ran = record_statements(embedded_database, client)
    assert ran.returncode == 0, ran.output
    # What comes before is Alembic's and the driver's own.
    started = next(n for n, sql in enumerate(ran.statements) if sql.startswith("SELECT name, setting FROM pg_settings"))
    sent = [
        sql.strip()
        for sql in ran.statements[started:]
        if _CHANGE.match(sql) and "pgproof_empty_copy" not in sql and 'ALTER TABLE "quarantine"' not in sql
    ]
    assert len(sent) > 4
    allowed = set(OPINIONS) | (set(_PARTITIONED) if name == "partitions" else set())
    said = [(each["rule_name"], each["line"], each["message"]) for each in judged(sent)]
    assert [each for each in said if each[0] not in allowed] == []
