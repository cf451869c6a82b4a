"""Kills at each statement that changes something: what can be run again, and what cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgproof.proof.clients import Function
from pgproof.proof.fingerprint import CatalogFingerprint
from pgproof.proof.kills import KillMode
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.killing import FEWEST, Killed, Round, Way, kill_each, kill_everywhere, problem_of
from pgproof.proving.round_trip import State, read_state
from pgproof.proving.watched import Watched, watch

from .conftest import VERSION_TABLE, Project

BOTH = (KillMode.client, KillMode.backend)
Kill = Callable[..., tuple[Killed, ...]]


def upward(project: Project, copies: OwnedCopies, template: str) -> Way:
    client = project.client("upgrade", "a2")
    with copies.fresh(template) as copy:
        before = read_state(copy.admin_url, VERSION_TABLE)
        run = watch(copy.url, copy.admin_url, client, 60)
        assert run.problem is None
        left = read_state(copy.admin_url, VERSION_TABLE)
    return Way("upgrade", template, client, run, before, left, VERSION_TABLE, 60)


@pytest.fixture
def kill(project: Project, copies: OwnedCopies, template: str) -> Kill:
    def run(modes: tuple[KillMode, ...] = BOTH) -> tuple[Killed, ...]:
        way = upward(project, copies, template)
        return kill_everywhere(copies, way, lambda number: modes[number % len(modes)]).kills

    return run


def test_a_transaction_is_rolled_back_and_comes_again(project: Project, kill: Kill) -> None:
    project.revision(
        """
        op.add_column("orders", sa.Column("note", sa.Text()))
        op.execute("SELECT count(*) FROM orders")
        op.execute("UPDATE orders SET note = 'x' WHERE id = 1")
        """,
        'op.drop_column("orders", "note")',
    )
    killed = kill()
    version = "UPDATE alembic_version SET version_num=? WHERE alembic_version.version_num = ?"
    assert [each.statement for each in killed] == [
        "ALTER TABLE orders ADD COLUMN note TEXT",
        "UPDATE orders SET note = ? WHERE id = ?",
        version,
        f"COMMIT after {version}",
    ]
    assert {each.mode for each in killed} == set(KillMode)
    assert problem_of(killed) is None


def test_an_invalid_index_that_nobody_looks_for(project: Project, kill: Kill) -> None:
    project.revision(
        """
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY orders_state ON orders (state)")
            op.execute("CREATE INDEX CONCURRENTLY orders_customer ON orders (customer_id)")
        """,
        "pass",
    )
    killed = kill()
    problem = problem_of(killed)
    assert problem is not None
    assert problem.name == "not re-runnable"
    assert 'relation "orders_state" already exists' in problem.what


def test_an_invalid_index_that_is_taken_for_a_valid_one(project: Project, kill: Kill) -> None:
    # IF NOT EXISTS sees the name alone. The build is slow, so that it is certain to be killed half-way; a client that
    # is killed leaves a backend at work, with which the next run deadlocks.
    project.revision(
        """
        op.execute(
            "CREATE OR REPLACE FUNCTION slowly(id int) RETURNS int IMMUTABLE LANGUAGE plpgsql"
            " AS 'BEGIN PERFORM pg_sleep(0.002); RETURN id; END'"
        )
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_slow ON orders (slowly(id))")
        """,
        "pass",
    )
    problem = problem_of(kill((KillMode.backend,)))
    assert problem is not None
    assert "index public.orders_slow differs" in problem.what


def test_rows_that_are_written_twice(project: Project, kill: Kill) -> None:
    project.revision(
        """
        with op.get_context().autocommit_block():
            op.execute("INSERT INTO customers (email) VALUES ('somebody@example.org')")
            op.execute("CREATE INDEX IF NOT EXISTS orders_state ON orders (state)")
        """,
        "pass",
    )
    problem = problem_of(kill())
    assert problem is not None
    assert "public.customers had 301 rows and has" in problem.what


def test_a_downgrade_that_cannot_be_run_again(project: Project, copies: OwnedCopies, template: str) -> None:
    made = """
    with op.get_context().autocommit_block():
        op.execute("CREATE TABLE IF NOT EXISTS one (id int)")
        op.execute("CREATE TABLE IF NOT EXISTS two (id int)")
    """
    client = project.client("downgrade", "a1")
    found = []
    for drop in ("DROP TABLE", "DROP TABLE IF EXISTS"):
        project.revision(made, made.replace("CREATE TABLE IF NOT EXISTS", drop).replace(" (id int)", ""))
        with copies.fresh(template) as upgraded, copies.fresh(template) as copy:
            before = read_state(copy.admin_url, VERSION_TABLE)
            for each in (upgraded, copy):
                assert watch(each.url, each.admin_url, project.client("upgrade", "a2"), 60).problem is None
            run = watch(copy.url, copy.admin_url, client, 60)
            way = Way("downgrade", upgraded.name, client, run, before, before, VERSION_TABLE, 60)
            found.append(kill_everywhere(copies, way, lambda number: BOTH[number % 2]).kills)
    stuck, holding = map(problem_of, found)
    assert stuck is not None
    assert stuck.what.startswith("the downgrade was killed (client) at DROP TABLE one: the run after it failed")
    assert holding is None
    assert [each.statement.split()[0] for each in found[1]] == ["DROP", "DROP", "UPDATE", "COMMIT"]
    assert {each.command for each in found[1]} == {"downgrade"}


def test_the_upgrade_comes_first_and_a_round_that_does_not_fit_is_left_out() -> None:
    nothing = State(CatalogFingerprint(()), ())
    run = Watched((), 0.0, 1.0, 0, "", None)
    client = Function(print)
    up, down = (
        Way(command, "", client, run, nothing, nothing, VERSION_TABLE, 60) for command in ("upgrade", "downgrade")
    )
    rounds: list[tuple[str, float, list[KillMode]]] = []

    def one_round(way: Way, modes: Callable[[int], KillMode], budget: float, fewest: int) -> Round:
        rounds.append((way.command, round(budget), [modes(number) for number in range(2)]))
        kills = tuple(Killed(f"statement {number}", modes(number), None, way.command) for number in range(2))
        return Round(kills, 3 if budget < 0.1 else 0)

    client_first, backend_first = list(BOTH), [KillMode.backend, KillMode.client]
    killed, left_out = kill_each((up, down), one_round, budget=60)
    assert rounds == [
        ("upgrade", 45, client_first),
        ("upgrade", 45, backend_first),
        ("downgrade", 60, client_first),
        ("downgrade", 60, backend_first),
    ]
    assert len({(each.command, each.statement, each.mode) for each in killed}) == 8
    assert left_out is None
    killed, left_out = kill_each((up, down), one_round, budget=0)
    assert [(each.command, each.mode) for each in killed] == [("upgrade", mode) for mode in BOTH]
    assert left_out is not None
    assert "3 of the upgrade's 5 statements were not killed at" in left_out
    assert "the downgrade was not killed" in left_out


def test_statements_are_left_out_evenly_where_the_time_is_short(
    project: Project, copies: OwnedCopies, template: str
) -> None:
    project.revision(
        """
        with op.get_context().autocommit_block():
            for number in range(20):
                op.execute(f"CREATE TABLE IF NOT EXISTS made_{number} (id int)")
        """,
        "pass",
    )
    way = upward(project, copies, template)
    assert len(way.places) == 22
    done = kill_everywhere(copies, way, lambda number: KillMode.client, budget=0.1)
    places = list(way.places)
    killed = [places.index(each.statement) for each in done.kills]
    assert killed == [3, 7, 11, 15, 18, 21]
    assert len(killed) == FEWEST
    assert done.left_out == len(places) - FEWEST
    assert problem_of(done.kills) is None
