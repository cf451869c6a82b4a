"""The comparison says what differs between two indexes, and the demo's short proof proves."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine

from intowork.demo.against import Databases, compare_catalogs
from intowork.demo.mending import make_project, prove_briefly, run, summary_of
from intowork.demo.phase2.engine import driver_url
from intowork.errors import IntoWorkError
from intowork.operations.migrate import PHASE_2, upgrade
from pgproof.facts.catalog import Catalog
from pgproof.facts.read import read_facts
from pgproof.server import Server

TABLE = "CREATE TABLE {0} (a int, b int, c int, kind text, PRIMARY KEY (a, b, c))"
CASES = {
    "turned": ("(a DESC, b DESC)", "(a, b)", "same", "same definition"),
    "half_turned": ("(a, b DESC)", "(a, b)", "other", "the same keys"),
    "longer": ("(a, b)", "(a)", "other", "ours goes on with b"),
    "shorter": ("(a)", "(a, c)", "other", "fix's goes on with c"),
    "partial": ("(b, c) WHERE kind = 'x'", "(b, kind, c)", "other", "a key where ours has WHERE"),
    "covering": ("(c) INCLUDE (a)", "(c)", "other", "ours includes a"),
    "unlike": ("(b)", "(c, b)", "missing", "no finding asks for it"),
}
"""By table: ours, fix's, the verdict and what is said."""
REVISION = f"""
from alembic import op

revision, down_revision = "0123456789ab", "{PHASE_2}"


def upgrade():
    op.create_index("a_new_one", "jobs", ["company_id"], if_not_exists=True)


def downgrade():
    op.drop_index("a_new_one", "jobs", if_exists=True)
"""


def catalog(server: Server, statements: list[str]) -> Catalog:
    with server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        return read_facts(connection).catalog


def test_two_indexes_are_told_apart_by_what_they_serve(embedded_server: Server) -> None:
    tables = [TABLE.format(name) for name in CASES]
    ours = [*tables, *(f"CREATE INDEX {name}_ours ON {name} {keys[0]}" for name, keys in CASES.items())]
    theirs = [*tables, *(f"CREATE INDEX {name}_fix ON {name} {keys[1]}" for name, keys in CASES.items())]
    before, fixed, head = (catalog(embedded_server, each) for each in (tables, theirs, ours))
    steps = [("IDX12", f'CREATE INDEX CONCURRENTLY "{name}_fix" ON ...') for name in CASES]
    proven = {"create index public.unlike_fix on public.unlike": "helps: 1 of 1 statements"}
    found = list(compare_catalogs(Databases(before, fixed, head, head), steps, proven))
    assert {row.ours.removesuffix("_ours"): row.verdict for row in found if row.ours} == {
        name: verdict for name, (_, _, verdict, _) in CASES.items()
    }
    for row in found:
        if row.ours:
            assert CASES[row.ours.removesuffix("_ours")][3] in row.why
    assert [(row.fixed, row.rules, row.verdict) for row in found if not row.ours] == [("unlike_fix", "IDX12", "better")]
    unproven = list(compare_catalogs(Databases(before, fixed, head, head), steps, {}))
    assert [row.verdict for row in unproven if not row.ours] == ["more"]


def test_the_short_proof_says_what_it_proved_and_what_it_left_out(embedded_database: str, tmp_path: Path) -> None:
    upgrade(create_engine(driver_url(embedded_database), poolclass=NullPool), PHASE_2)
    make_project(tmp_path)
    (tmp_path / "alembic" / "versions" / "next.py").write_text(REVISION, encoding="utf-8")
    proof = prove_briefly(tmp_path, embedded_database, 1.0, lambda what, done, total: None)
    assert (proof.verdict, proof.revisions) == ("holds", ("0123456789ab",))
    first, second, *_ = summary_of(proof)
    assert "catalog equal and rows equal" in first
    assert second.startswith("1 operations: 1 integrity;")


def test_a_command_that_fails_is_named_with_its_last_words(tmp_path: Path) -> None:
    make_project(tmp_path)
    with pytest.raises(IntoWorkError, match="alembic upgrade head failed: Is the server running"):
        run(tmp_path, "postgresql://nobody@localhost:1/none", (sys.executable, "-m", "alembic", "upgrade", "head"))
