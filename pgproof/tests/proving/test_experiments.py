"""What a proof sees of each of several revisions, and what rules say of it, in the proof and in an audit with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.experiments import Experiments, experiments_of, read_experiments
from pgproof.facts.project.child import Project as Code
from pgproof.facts.project.gather import ProjectOptions, with_project
from pgproof.facts.snapshot import from_json, to_json
from pgproof.proving.copies import Copy, OwnedCopies
from pgproof.proving.document import Document
from pgproof.proving.document import to_json as proof_to_json
from pgproof.proving.experiments import by_revision, failed, from_empty
from pgproof.proving.run import Wanted, prove
from pgproof.proving.watched import watch
from pgproof.report.proof_markdown import proof_as_markdown
from pgproof.report.proof_text import proof_as_text
from pgproof.rules.checking import check
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

from .conftest import Project, add_orders, fill, make_project, wanted


@pytest.fixture(scope="module")
def asked(embedded_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wanted]:
    """Four revisions: each does one thing that only a run can show."""
    project = make_project(tmp_path_factory.mktemp("chain") / "shop")
    # The first place to be killed at, and no run after it comes any further.
    project.revision(
        "with op.get_context().autocommit_block():\n"
        '    op.execute("CREATE INDEX CONCURRENTLY orders_placed ON orders (placed)")',
        'op.drop_index("orders_placed")',
    )
    project.revision(
        # Long enough for the sampler to see the lock on any machine.
        'op.execute("ALTER TABLE orders ALTER customer_id TYPE bigint")\nop.execute("SELECT pg_sleep(0.3)")',
        'op.execute("ALTER TABLE orders ALTER customer_id TYPE int")',
        "a3",
        "a2",
    )
    project.revision(
        "with op.get_context().autocommit_block():\n"
        '    op.execute("CREATE INDEX IF NOT EXISTS orders_state ON orders (state)")',
        'op.execute("SELECT 1")\nop.execute("COMMENT ON TABLE orders IS NULL")',
        "a4",
        "a3",
    )
    project.revision(
        """
        if op.get_bind().scalar(sa.text("SELECT count(*) FROM orders")):
            op.execute("UPDATE orders SET state = 'old'")
        op.drop_column("customers", "nick")
        """,
        """
        op.execute("UPDATE orders SET state = 'new'")
        op.add_column("customers", sa.Column("nick", sa.Text()))
        """,
        "a5",
        "a4",
    )
    with embedded_server.scratch_database() as url:
        fill(Copy(url, url))
        add_orders(url)
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE watched (id int PRIMARY KEY)")
        yield wanted(project, url)


@pytest.fixture(scope="module")
def proof(asked: Wanted) -> Document:
    # Time for a kill at each statement, however slow the machine is.
    return prove(replace(asked, kill_budget=600))


@pytest.fixture(scope="module")
def experiments(proof: Document) -> Experiments:
    assert proof.experiments is not None
    return proof.experiments


def test_each_revision_has_what_was_seen_of_it(experiments: Experiments) -> None:
    assert experiments.upgraded == ("a2", "a3", "a4", "a5")
    assert experiments.downgraded == ("a5", "a4", "a3", "a2")
    assert experiments.failed == ()
    assert experiments.from_empty is not None
    assert experiments.from_empty.built
    (anew,) = experiments.rewritten or ()
    assert (anew.revision, anew.table) == ("a3", "public.orders")
    assert anew.statement == "ALTER TABLE orders ALTER customer_id TYPE bigint"
    assert anew.bytes > 20_500 * 28
    assert anew.seconds
    (changed,) = experiments.written or ()
    assert (changed.revisions, changed.table, changed.rows, changed.statements) == (("a5",), "public.orders", 20_500, 1)
    assert changed.statement == "UPDATE orders SET state = ?"
    # Which of its locks a sample sees is a matter of the moment.
    assert ("a3", "public.orders") in {(each.revision, each.relation) for each in experiments.held or ()}
    assert all(each.waited_ms is None for each in experiments.held or ())
    stayed, lost = experiments.taken_back or ()
    assert (stayed.revisions, stayed.objects, stayed.rows) == (
        ("a4",),
        ("index public.orders_state is left over",),
        (),
    )
    assert (lost.revisions, lost.objects) == (("a5",), ())
    assert lost.rows == ("public.customers has as many rows, and other values or columns in them",)
    assert experiments.kills
    (killed,) = experiments.not_rerun
    assert (killed.revision, killed.statement) == ("a2", "CREATE INDEX CONCURRENTLY orders_placed ON orders (placed)")
    assert "already exists" in killed.problem


def test_the_rules_find_it_under_their_codes(proof: Document) -> None:
    found = {(each.rule, *(one.name for one in each.objects)): each for each in proof.findings}
    for rule, name in (
        ("MIG03", "a4"),
        ("MIG06", "a3"),
        ("MIG09", "a4"),
        ("MIG10", "a5"),
        ("MIG11", "a5"),
        ("MIG13", "a2"),
    ):
        each = found[rule, name]
        assert (each.confidence, each.evidence[0].kind) == ("measured", "experiment"), rule
        assert each.location is not None
        assert each.location.file.endswith(f"{name}.py")
    assert "MIG02" not in {each.rule for each in proof.findings}
    assert "wrote public.orders anew in" in found["MIG06", "a3"].evidence[0].result
    assert "changed 20,500 rows of public.orders in one statement of" in found["MIG11", "a5"].evidence[0].result
    # What was there before the proof is no business of it.
    assert not any(one.name == "a1" for each in proof.findings for one in each.objects)
    problems = {each.name: each.rule for each in proof.problems}
    assert {"rows lost": "MIG10", "not re-runnable": "MIG13", "downgrade to something else": "MIG09"}.items() <= (
        problems.items()
    )
    assert proof.verdict == "fails"
    text = proof_as_text(proof)
    assert "Findings" in text
    assert "MIG13 not-re-runnable, measured" in text
    assert "| high | MIG09 | Revision a4" in proof_as_markdown(proof)


def test_an_audit_with_the_proof_says_the_same(proof: Document, asked: Wanted, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    file.write_text(proof_to_json(proof))
    facts = with_project(asked.facts, Code(asked.directory), ProjectOptions(alembic=asked.alembic))
    rules = tuple(each for each in all_rules() if "experiments" in each.metadata.needs)
    assert {each.code for each in rules} == {"MIG02", "MIG09", "MIG10", "MIG13"}
    unproven = check(rules, facts)
    assert unproven.findings == ()
    assert {each.detail.needs for each in unproven.not_checked} == {
        "a proof: run pgproof prove, then --proof proof.json"
    }
    told = check(rules, replace(facts, experiments=read_experiments(file)))
    assert told.not_checked == ()
    known = {each.fingerprint for each in proof.findings}
    assert {each.rule for each in told.findings} == {"MIG09", "MIG10", "MIG13"}
    assert {each.fingerprint for each in told.findings} <= known
    kept = from_json(to_json(replace(facts, experiments=proof.experiments)), "facts.json")
    assert kept.experiments == proof.experiments


def test_a_proof_that_was_stopped_leaves_the_rest_unchecked(proof: Document, asked: Wanted) -> None:
    facts = with_project(asked.facts, Code(asked.directory), ProjectOptions(alembic=asked.alembic))
    stopped = Experiments("18.6", 10, ("a2",), upgraded=("a2",), stopped="kills: the server went away")
    rules = tuple(each for each in all_rules() if "experiments" in each.metadata.needs)
    told = check(rules, replace(facts, experiments=stopped))
    assert told.findings == ()
    assert {each.rule for each in told.not_checked} == {"MIG02", "MIG09", "MIG10", "MIG13"}
    assert all("the server went away" in each.detail.needs for each in told.not_checked)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "was made by a newer pgproof (version 2): update pgproof"),
        ({"version": True}, "is not a proof"),
        ({"round_trip": ...}, "is not a proof: make one with pgproof prove"),
        ({"experiments": ...}, "was made by an older pgproof"),
        ({"experiments": {"rows": "many"}}, "is a damaged proof at experiments.server_version"),
    ],
)
def test_a_file_that_is_no_proof(change: dict[str, object], said: str, proof: Document) -> None:
    document = json.loads(proof_to_json(proof)) | change
    text = json.dumps({key: value for key, value in document.items() if value is not ...})
    with pytest.raises(PgproofError) as refused:
        experiments_of(text.encode(), "proof.json")
    assert said in str(refused.value)


def test_a_proof_that_ran_nothing_says_nothing(proof: Document) -> None:
    assert experiments_of(proof_to_json(replace(proof, experiments=None)).encode(), "proof.json") is None


def test_a_proof_of_another_project(experiments: Experiments, asked: Wanted, tmp_path: Path) -> None:
    other = make_project(tmp_path / "other")
    chains = [
        with_project(asked.facts, Code(root), ProjectOptions(alembic=asked.alembic)).migrations
        for root in (asked.directory, other.root)
    ]
    assert [experiments.belongs_to(each) for each in (*chains, None)] == [True, False, True]


def test_a_run_that_fails_has_the_revision_it_was_at(project: Project, shop: Copy, copies: OwnedCopies) -> None:
    project.revision("op.execute(\"COMMENT ON TABLE orders IS 'x'\")", "pass")
    build = "CREATE INDEX CONCURRENTLY orders_state ON orders (state)"
    project.revision(f'op.execute("{build}")', "pass", "a3", "a2")
    client = project.client("upgrade", "a3")
    run = watch(shop.url, shop.admin_url, client, 60)
    found = failed(run, "upgrade", ("a2", "a3"))
    assert found is not None
    assert (found.revision, found.direction, found.statement) == ("a3", "upgrade", build)
    assert found.kind == "concurrently in a transaction"
    assert [revision for each, revision in by_revision(run, ("a2", "a3")) if each.sql == build] == ["a3"]
    with copies.fresh() as empty:
        built = from_empty(watch(empty.url, empty.admin_url, client, 60), ("a1", "a2", "a3"))
    assert (built.built, built.revision) == (False, "a3")
    assert "cannot run inside a transaction block" in (built.why or "")


def test_a_chain_that_needs_what_the_scratch_server_lacks_is_not_blamed(project: Project, shop: Copy) -> None:
    project.revision('op.execute("CREATE EXTENSION made_up")', "pass")
    built = from_empty(watch(shop.url, shop.admin_url, project.client("upgrade", "a2"), 60), ("a2",))
    assert built.built is None
    assert "made_up" in (built.why or "")
