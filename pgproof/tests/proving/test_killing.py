"""Kills at each statement that changes something: what can be run again, and what cannot."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgproof.proof.kills import KillMode
from pgproof.proving.copies import OwnedCopies
from pgproof.proving.killing import Expected, Killed, Round, both_modes, kill_everywhere, places_of, problem_of
from pgproof.proving.round_trip import read_state
from pgproof.proving.watched import watch

from .conftest import VERSION_TABLE, Project

BOTH = (KillMode.client, KillMode.backend)
Kill = Callable[..., tuple[Killed, ...]]


@pytest.fixture
def kill(project: Project, copies: OwnedCopies, template: str) -> Kill:
    def run(modes: tuple[KillMode, ...] = BOTH) -> tuple[Killed, ...]:
        client = project.client("upgrade", "a2")
        with copies.fresh(template) as copy:
            before = read_state(copy.admin_url, VERSION_TABLE)
            undisturbed = watch(copy.url, copy.admin_url, client, 60)
            assert undisturbed.problem is None
            expected = Expected(before, read_state(copy.admin_url, VERSION_TABLE), VERSION_TABLE)
        places = places_of(undisturbed.statements)

        def who(number: int) -> KillMode:
            return modes[number % len(modes)]

        return kill_everywhere(copies, template, client, expected, who, 60, places=places).kills

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


def test_the_second_way_to_kill_is_tried_where_there_is_time() -> None:
    rounds: list[list[KillMode]] = []

    def one_round(modes: Callable[[int], KillMode], budget: float) -> Round:
        rounds.append([modes(number) for number in range(2)])
        return Round(tuple(Killed(f"statement {number}", modes(number), None) for number in range(2)), 0)

    killed, left_out = both_modes(one_round, budget=60)
    assert rounds == [[KillMode.client, KillMode.backend], [KillMode.backend, KillMode.client]]
    assert len({(each.statement, each.mode) for each in killed}) == 4
    assert left_out is None
    killed, left_out = both_modes(one_round, budget=0)
    assert len(killed) == 2
    assert left_out is not None


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
    client = project.client("upgrade", "a2")
    with copies.fresh(template) as copy:
        before = read_state(copy.admin_url, VERSION_TABLE)
        run = watch(copy.url, copy.admin_url, client, 60)
        expected = Expected(before, read_state(copy.admin_url, VERSION_TABLE), VERSION_TABLE)
    places = places_of(run.statements)
    assert len(places) == 22
    done = kill_everywhere(
        copies, template, client, expected, lambda number: KillMode.client, 60, places=places, budget=0.1
    )
    # Five tell how long one takes; of the others there is time for one more.
    assert 5 < len(done.kills) < 10
    assert len(done.kills) + done.left_out == len(places)
    assert problem_of(done.kills) is None
