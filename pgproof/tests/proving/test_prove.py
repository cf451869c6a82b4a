"""Whole proofs of small revisions: what helps, what blocks, and what is kept where something stops the proof."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import jsonschema
import psutil
import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proving.document import MovedDocument, from_json, json_schema, to_json
from pgproof.proving.run import prove
from pgproof.report.proof_markdown import proof_as_markdown
from pgproof.report.proof_text import proof_as_text
from pgproof.rules.checking import check
from pgproof.rules.discovery import all_rules
from pgproof.server import running_server

from .conftest import Project, add_orders, wanted

HOLDS = """
    with op.get_context().autocommit_block():
        # Of a killed run the backend may still be at work; what it leaves is known by its name alone, and made anew.
        while not op.get_bind().exec_driver_sql("SELECT pg_try_advisory_lock(1)").scalar():
            time.sleep(0.05)
        for name, columns, unique in (
            ("orders_placed", ["placed"], False), ("orders_customer", ["customer_id"], False),
            ("orders_state", ["state"], False), ("customers_email", ["email"], True),
        ):
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
            op.create_index(
                name, name.split("_")[0], columns, unique=unique, postgresql_concurrently=True
            )
"""
BACK = """
    with op.get_context().autocommit_block():
        for name in ("orders_placed", "orders_customer", "orders_state", "customers_email"):
            op.drop_index(name, postgresql_concurrently=True, if_exists=True)
"""


def our_postmasters() -> set[int]:
    """Process ids of the servers that this process runs."""
    me = psutil.Process()
    return {each.pid for each in me.children() if each.name() == "postgres"}


@pytest.fixture
def larger(source: str) -> str:
    """The shop with rows enough for an index to matter, and a duplicate-free e-mail that nothing keeps so."""
    add_orders(source)
    return source


def test_a_revision_that_holds(project: Project, larger: str) -> None:
    project.revision(HOLDS, BACK)
    running = our_postmasters()
    asked = wanted(project, larger)
    proof = prove(asked)
    assert our_postmasters() == running
    assert (proof.verdict, proof.problems, proof.stopped) == ("holds", (), None)
    assert proof.revisions == ("a2",)
    assert (proof.round_trip.catalog_equal, proof.round_trip.rows_equal, len(proof.round_trip.seconds)) == (
        True,
        True,
        3,
    )
    assert proof.from_empty is not None
    assert (proof.from_empty.built, proof.from_empty.differs) == (True, None)
    verdicts = {each.name: each for each in proof.operations}
    assert {name.split(" on ")[0]: each.verdict for name, each in verdicts.items()} == {
        "create index public.orders_placed": "helps",
        "create index public.orders_customer": "integrity",
        "create index public.orders_state": "no-effect",
        "create index public.customers_email": "integrity",
    }
    assert all(each.seconds and each.bytes > 0 for each in verdicts.values())
    assert "reads 0" in verdicts["create index public.orders_customer on public.orders"].why
    # Known by the fingerprints of the source's findings, under whatever name somebody made the index.
    lacking = check([rule for rule in all_rules() if rule.code == "IDX01"], asked.facts).findings
    assert [each.fingerprint in proof.settled for each in lacking] == [True]
    (scan,) = proof.scans
    assert (scan.before, scan.after, scan.mended) == (1, 0, True)
    by_text = {each.sql: each for each in proof.statements}
    placed = by_text["SELECT * FROM orders WHERE placed = $1"]
    assert placed.after.buffers < placed.before.buffers / 5
    assert "Seq Scan" in placed.before_plan
    assert "orders_placed" in placed.after_plan
    assert by_text["SELECT count(*) FROM orders WHERE placed > now() - $1::interval"].calls >= 2
    (unmeasured,) = proof.not_measured
    assert 'relation "gone" does not exist' in unmeasured.why
    # A copy of a customer would be refused by the new rule, so there is no rate to compare.
    (inserts,) = proof.writes
    assert inserts.table == "public.orders"
    assert 0 < inserts.after_rows_per_s < 1_000_000
    assert all(each.rerun == "completes" for each in proof.kills)
    assert len(proof.kills) >= 6
    jsonschema.validate(json.loads(to_json(proof)), json.loads(json_schema()), cls=jsonschema.Draft202012Validator)
    assert from_json(to_json(proof)) == proof
    assert "The migration holds: a2" in proof_as_text(proof)
    with psycopg.connect(larger) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("a1",)
        assert connection.execute("SELECT to_regclass('orders_placed')").fetchone() == (None,)


@pytest.fixture
def auditor(embedded_source: str) -> Iterator[str]:
    """A role of the source's server that is no superuser's."""
    with psycopg.connect(embedded_source, autocommit=True) as connection:
        connection.execute("CREATE ROLE auditor")
        yield "auditor"
        connection.execute("DROP ROLE auditor")


def test_a_race_that_is_over_is_shown(project: Project, embedded_source: str, auditor: str) -> None:
    with psycopg.connect(embedded_source) as connection:
        connection.execute(
            "CREATE TABLE watched (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,"
            " customer_id int NOT NULL REFERENCES customers, order_id int NOT NULL REFERENCES orders)"
        )
    project.revision(
        """
        op.create_unique_constraint("one_watch", "watched", ["customer_id", "order_id"])
        op.execute("GRANT SELECT ON customers TO auditor")
        op.execute("CREATE SCHEMA quarantine")
        op.execute("CREATE TABLE quarantine.orders AS SELECT * FROM orders WHERE id <= 3")
        op.execute("DELETE FROM orders WHERE id <= 3")
        op.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 900', current_database()); END $$"
        )
        """,
        """
        op.drop_constraint("one_watch", "watched")
        op.execute("REVOKE SELECT ON customers FROM auditor")
        op.execute("INSERT INTO orders SELECT * FROM quarantine.orders")
        op.execute("DROP SCHEMA quarantine CASCADE")
        """,
    )
    proof = prove(wanted(project, embedded_source))
    assert proof.moved == (
        MovedDocument("public.orders", 500, 497, 500),
        MovedDocument("quarantine.orders", None, 3, None),
    )
    assert re.search(r"after the downgrade\n +500 +497 +500  public.orders\n +- +3 +-  quar", proof_as_text(proof))
    assert "| public.orders | 500 | 497 | 500 |\n| quarantine.orders |  | 3 |  |" in proof_as_markdown(proof)
    # The race is over, and no rule finds it any more.
    assert proof.demonstrations[0].fingerprint in proof.settled
    shown, endless = proof.demonstrations
    assert (endless.rule, "a query that never ends still ran" in endless.before) == ("CFG03", True)
    assert "a statement_timeout of 0.9 s ended it" in endless.after
    assert "holds two rows with the same (customer_id, order_id)" in shown.before
    assert "was refused" in shown.after
    assert (proof.verdict, proof.problems) == ("holds", ())
    operation = next(each for each in proof.operations if "one_watch" in each.name)
    assert (operation.name, operation.verdict) == ("create unique one_watch on public.watched", "integrity")
    assert proof.from_empty is not None
    assert "watched" in (proof.from_empty.why or "")


def test_a_blocking_index_and_a_column_that_goes_under_traffic(project: Project, embedded_source: str) -> None:
    # 500 rows take a second, whatever the machine.
    slowly = (
        "CREATE OR REPLACE FUNCTION slowly(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
        " AS 'BEGIN PERFORM pg_sleep(0.002); RETURN id; END'"
    )
    with psycopg.connect(embedded_source) as connection:
        connection.execute(slowly.encode())
    project.revision(
        """
        op.execute("CREATE INDEX orders_slow ON orders (slowly(id))")
        op.execute("ALTER TABLE customers RENAME nick TO nickname")
        """,
        """
        op.drop_index("orders_slow")
        op.execute("ALTER TABLE customers RENAME nickname TO nick")
        """,
    )
    proof = prove(replace(wanted(project, embedded_source), traffic=True))
    assert proof.verdict == "fails"
    wrong = {each.name: each for each in proof.problems}
    assert {"blocks traffic", "blocking lock", "breaks the workload", "breaks traffic"} <= wrong.keys()
    assert 'column "nick" does not exist' in wrong["breaks the workload"].what
    assert 'column "nick" does not exist' in wrong["breaks traffic"].what
    (operation,) = [each for each in proof.operations if "orders_slow" in each.name]
    (lock,) = [each for each in operation.locks if each.mode == "ShareLock"]
    assert lock.relation == "public.orders"
    assert lock.held_ms > 500
    assert lock.waited_ms > 500
    assert proof.traffic is not None
    assert proof.traffic.longest_wait_ms > 500
    assert proof.traffic.calm.errors == ()
    assert proof.traffic.calm.write_share > 0
    assert {each.kind for each in proof.traffic.timeline} == {"held", "waited"}
    assert "blocking lock (MIG03)" in proof_as_text(proof)
    built = next(each for each in proof.findings if each.rule == "MIG03")
    assert (built.confidence, built.evidence[0].kind) == ("measured", "experiment")
    assert "held ShareLock on public.orders for" in built.evidence[0].result
    assert "a request waited" in built.evidence[0].result
    (unlimited,) = (each for each in proof.findings if each.rule == "MIG07")
    assert "made a request wait" in unlimited.evidence[0].result


def test_what_was_proven_is_kept_when_the_scratch_server_dies(project: Project, embedded_source: str) -> None:
    project.revision(HOLDS, BACK)
    running = our_postmasters()

    def crash(stage: str, done: int, total: int) -> None:
        if stage == "kills" and done == 1:
            for pid in our_postmasters() - running:
                psutil.Process(pid).kill()

    proof = prove(wanted(project, embedded_source), crash)
    assert proof.stopped is not None
    assert proof.stopped.startswith("kills: ")
    assert proof.verdict == "incomplete"
    assert (proof.round_trip.catalog_equal, proof.round_trip.rows_equal) == (True, True)
    assert len(proof.operations) == 4
    assert "demonstrations" not in {each.name for each in proof.stages}
    assert our_postmasters() == running


def test_a_given_scratch_server(project: Project, embedded_source: str) -> None:
    project.revision('op.execute("CREATE INDEX orders_state ON orders (state)")', 'op.drop_index("orders_state")')
    with running_server(settings={"fsync": "off"}, tcp=True) as given:
        with psycopg.connect(given.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE prover LOGIN CREATEDB PASSWORD 'a:secret'")
        url = given.url().replace("postgres:" + given.url().split(":")[2].split("@")[0], "prover:a%3Asecret")
        wanted_there = replace(wanted(project, embedded_source), scratch_url=url, kill_budget=300)
        proof = prove(wanted_there)
        assert (proof.verdict, proof.problems) == ("holds", ())
        ways = {(each.command, each.mode) for each in proof.kills or ()}
        assert len(ways) == 4  # up and down, client and backend
        assert proof.kills_left_out is None
        with psycopg.connect(given.url()) as connection:
            left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'pgproof%'").fetchall()
        assert left == []
        with pytest.raises(PgproofError, match="postgres is a superuser of the scratch server"):
            prove(replace(wanted_there, scratch_url=given.url()))
        with psycopg.connect(given.url(), autocommit=True) as connection:
            connection.execute("ALTER ROLE prover NOCREATEDB")
        with pytest.raises(PgproofError, match="ALTER ROLE prover CREATEDB"):
            prove(wanted_there)


def test_the_examined_server_is_no_scratch_server(project: Project, embedded_source: str) -> None:
    project.revision("pass", "pass")
    with psycopg.connect(embedded_source, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS prover")
        connection.execute("CREATE ROLE prover LOGIN CREATEDB")
    url = embedded_source.replace("postgres@", "prover@")
    try:
        with pytest.raises(PgproofError, match="the scratch server is the one that is examined"):
            prove(replace(wanted(project, embedded_source), scratch_url=url))
    finally:
        with psycopg.connect(embedded_source, autocommit=True) as connection:
            connection.execute("DROP ROLE prover")
