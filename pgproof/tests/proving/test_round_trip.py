"""Up, down and up again: a revision that holds, and those that do not, each caught by its name."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.proving.copies import Copy
from pgproof.proving.round_trip import RoundTrip, travel

from .conftest import VERSION_TABLE, Project

Travel = Callable[[], RoundTrip]
INDEX = """
    with op.get_context().autocommit_block():
        op.create_index("orders_customer", "orders", ["customer_id"], postgresql_concurrently=True, if_not_exists=True)
"""
DROP_INDEX = """
    with op.get_context().autocommit_block():
        op.drop_index("orders_customer", postgresql_concurrently=True, if_exists=True)
"""


@pytest.fixture
def go(project: Project, shop: Copy) -> Callable[..., RoundTrip]:
    def run(limit: float = 60.0) -> RoundTrip:
        clients = (project.client("upgrade", "a2"), project.client("downgrade", "a1"))
        return travel(shop, VERSION_TABLE, clients, limit)

    return run


def names(trip: RoundTrip) -> list[str]:
    return [each.name for each in trip.problems]


def test_a_revision_that_holds(project: Project, go: Callable[..., RoundTrip], shop: Copy) -> None:
    project.revision(INDEX, DROP_INDEX)
    trip = go()
    assert (trip.catalog_equal, trip.rows_equal, trip.problems) == (True, True, ())
    assert [(each.kind, each.name) for each in trip.changes] == [("index", "public.orders_customer")]
    (built,) = [each for each in trip.runs[0].statements if each.sql.startswith("CREATE INDEX CONCURRENTLY")]
    assert built.seconds > 0
    with psycopg.connect(shop.url) as connection:
        assert connection.execute("SELECT to_regclass('orders_customer') IS NOT NULL").fetchone() == (True,)


def test_a_downgrade_that_does_nothing(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(INDEX, "pass")
    trip = go()
    assert names(trip) == ["no-op downgrade"]
    assert "index public.orders_customer is left over" in trip.problems[0].what
    assert trip.catalog_equal is False
    assert trip.rows_equal is True


def test_a_downgrade_to_something_else(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(
        'op.drop_column("orders", "state")',
        'op.add_column("orders", sa.Column("state", sa.Text(), server_default="old", nullable=False))',
    )
    trip = go()
    assert names(trip) == ["downgrade to something else", "rows lost"]
    assert "table column public.orders.state differs" in trip.problems[0].what


def test_rows_that_are_lost(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision('op.drop_column("customers", "nick")', 'op.add_column("customers", sa.Column("nick", sa.Text()))')
    trip = go()
    assert names(trip) == ["rows lost"]
    assert "public.customers has as many rows, and other values" in trip.problems[0].what
    assert (trip.catalog_equal, trip.rows_equal) == (True, False)


def test_json_that_became_jsonb_has_lost_its_text(project: Project, go: Callable[..., RoundTrip], shop: Copy) -> None:
    with psycopg.connect(shop.url) as connection:
        connection.execute("ALTER TABLE orders ADD data json")
        connection.execute("""UPDATE orders SET data = '{"b":1,  "a":2}' WHERE id = 1""")
    project.revision(
        'op.execute("ALTER TABLE orders ALTER data TYPE jsonb")',
        'op.execute("ALTER TABLE orders ALTER data TYPE json")',
    )
    trip = go()
    assert names(trip) == ["rows lost"]
    assert "public.orders has as many rows, and other values" in trip.problems[0].what
    assert trip.catalog_equal is True


def test_rows_that_are_deleted(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision('op.execute("DELETE FROM orders WHERE id <= 100")', "pass")
    trip = go()
    assert names(trip) == ["rows lost"]
    assert "public.orders had 500 rows and has 400" in trip.problems[0].what


def test_a_concurrent_build_in_a_transaction(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(
        'op.create_index("orders_customer", "orders", ["customer_id"], postgresql_concurrently=True)', DROP_INDEX
    )
    trip = go()
    assert names(trip) == ["concurrently in a transaction"]
    assert "autocommit_block" in trip.problems[0].remedy
    assert trip.upgraded is None


def test_a_concurrent_drop_in_a_transaction_of_the_downgrade(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(INDEX, 'op.drop_index("orders_customer", postgresql_concurrently=True)')
    trip = go()
    assert names(trip) == ["concurrently in a transaction"]
    assert "downgrade failed" in trip.problems[0].what
    assert trip.upgraded is not None


def test_an_upgrade_that_fails(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision("op.execute(\"ALTER TABLE orders ADD CHECK (state <> 'new')\")", "pass")
    trip = go()
    assert names(trip) == ["upgrade fails"]
    assert "violated by some row" in trip.problems[0].what


def test_an_upgrade_that_waits_for_a_lock(project: Project, go: Callable[..., RoundTrip], shop: Copy) -> None:
    project.revision('op.add_column("orders", sa.Column("note", sa.Text()))', 'op.drop_column("orders", "note")')
    with psycopg.connect(shop.url, application_name="nightly report") as reader:
        reader.execute("SELECT FROM orders LIMIT 1")
        trip = go(limit=3.0)
    assert names(trip) == ["upgrade hangs"]
    assert "ALTER TABLE orders ADD COLUMN note" in trip.problems[0].what
    assert "waiting for Lock relation held by nightly report" in trip.problems[0].what
    with psycopg.connect(shop.admin_url) as connection:
        left = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.execute(left).fetchone() == (0,)


def test_a_script_that_hangs_without_the_database(project: Project, go: Callable[..., RoundTrip]) -> None:
    started = project.root / "started"
    project.revision(
        f"""
        import subprocess
        with subprocess.Popen(["sleep", "600"]) as program:
            open({str(started)!r}, "w").write(str(program.pid))
        """,
        "pass",
    )
    trip = go(limit=3.0)
    assert names(trip) == ["upgrade hangs"]
    program = int(started.read_text())
    assert not psutil.pid_exists(program) or psutil.Process(program).status() == psutil.STATUS_ZOMBIE
    assert "the script itself hangs" in trip.problems[0].what or "waiting for Client" in trip.problems[0].what


def test_a_revision_without_a_way_back(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(INDEX, 'raise NotImplementedError("there is no way back")')
    assert names(go()) == ["no downgrade"]


def test_a_downgrade_that_fails(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision(INDEX, 'op.drop_index("orders_customers")')
    trip = go()
    assert names(trip) == ["downgrade fails"]
    assert 'index "orders_customers" does not exist' in trip.problems[0].what


def test_an_extension_that_the_scratch_server_lacks(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision('op.execute("CREATE EXTENSION made_up")', 'op.execute("DROP EXTENSION made_up")')
    trip = go()
    assert names(trip) == ["extension missing"]
    assert "made_up" in trip.problems[0].what


def test_an_extension_that_can_reach_outside(project: Project, go: Callable[..., RoundTrip]) -> None:
    project.revision('op.execute("CREATE EXTENSION dblink")', 'op.execute("DROP EXTENSION dblink")')
    assert names(go()) == ["extension refused"]


def test_a_full_disk_says_nothing_of_the_revision(project: Project, go: Callable[..., RoundTrip]) -> None:
    message = "could not extend file: No space left on device"
    project.revision(
        f"""op.execute("DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = '{message}'; END $$")""", "pass"
    )
    with pytest.raises(PgproofError, match="the disk of the scratch server is full"):
        go()


def test_a_second_upgrade_may_leave_other_times_in_what_it_makes(
    project: Project, go: Callable[..., RoundTrip]
) -> None:
    project.revision(
        'op.execute("CREATE TABLE moved AS SELECT id, clock_timestamp() AS at FROM orders")',
        'op.execute("DROP TABLE moved")',
    )
    trip = go()
    assert (trip.problems, trip.rows_equal) == ((), True)


def test_a_second_upgrade_that_leaves_other_rows(project: Project, go: Callable[..., RoundTrip], shop: Copy) -> None:
    with psycopg.connect(shop.url) as connection:
        connection.execute("CREATE SEQUENCE tick; SELECT nextval('tick')")
    project.revision(
        """
        op.execute("CREATE TABLE seen (at timestamptz)")
        op.execute("INSERT INTO seen SELECT now() FROM generate_series(1, pg_sequence_last_value('tick'))")
        """,
        "op.execute(\"SELECT nextval('tick')\")\nop.execute('DROP TABLE seen')",
    )
    trip = go()
    assert names(trip) == ["second upgrade differs"]
    assert "public.seen had 1 rows and has 2" in trip.problems[0].what
