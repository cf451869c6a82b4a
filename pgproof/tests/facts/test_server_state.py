"""What the server says about who may connect, and about when tables were used; with what it must not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproof.facts.catalog import QualifiedName
from pgproof.facts.read import read_facts
from pgproof.facts.server_state import AuthenticationRule
from pgproof.facts.snapshot import to_json
from pgproof.facts.table_statistics import TableStatistics
from pgproof.server import ServerError, find_binaries, running_server

from .conftest import Connection

SECRET = "canary-4711"
HBA = f"""
local all,app +staff peer map=people
host all all 127.0.0.1/32 md5
host all all 10.1.2.3 255.0.0.0 radius radiusservers=127.0.0.1 radiussecrets={SECRET}
host all all ::/0 ident map="a map"
host all all .example.org reject
hostssl all all all trust clientcert=verify-full
host all all ::1/128 ldap ldapserver=nowhere ldapbinddn="cn=x" ldapbasedn="dc=x" ldapbindpasswd="{SECRET}=,"
nonsense
"""


@pytest.fixture(scope="module", params=["embedded", "system"])
def guarded(request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A server that says what is in a pg_hba.conf, and never loads it."""
    try:
        find_binaries(request.param)
    except ServerError as error:
        pytest.skip(str(error))
    with (
        running_server(binaries=request.param, settings={"fsync": "off"}) as server,
        psycopg.connect(server.url(), autocommit=True) as connection,
    ):
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        Path(row[0]).write_text(HBA, encoding="utf-8")
        yield connection


def test_lines_of_pg_hba_conf_with_their_netmasks_and_options(guarded: Connection) -> None:
    found = {rule.line_number: rule for rule in read_facts(guarded).server.authentication or ()}
    everybody = ("all",)
    all_bits = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    expected = (
        AuthenticationRule(2, "local", ("all", "app"), ("+staff",), None, "peer", False, None, ("map=people",)),
        AuthenticationRule(3, "host", everybody, everybody, "127.0.0.1", "md5", False, "255.255.255.255"),
        AuthenticationRule(5, "host", everybody, everybody, "::", "ident", False, "::", ("map=a map",)),
        AuthenticationRule(6, "host", everybody, everybody, ".example.org", "reject", False),
    )
    assert tuple(found[rule.line_number] for rule in expected) == expected
    radius = found[4]
    assert (radius.address, radius.netmask) == ("10.1.2.3", "255.0.0.0")
    assert radius.options == ("radiusservers", "radiussecrets")
    assert found[7].options == ("clientcert=verify-full",)
    # The embedded server knows no LDAP, and reports the line as an error.
    assert found[8].broken or {"ldapbinddn", "ldapbindpasswd"} < set(found[8].options)
    assert not found[8].broken or found[8].options == ()
    assert found[8].broken or found[8].netmask == all_bits
    assert found[9].broken


def test_no_password_of_pg_hba_conf_is_in_a_snapshot(guarded: Connection) -> None:
    (shown,) = guarded.execute("SELECT string_agg(options::text, ' ') FROM pg_hba_file_rules()").fetchone() or ("",)
    assert SECRET in shown
    assert SECRET.encode() not in to_json(read_facts(guarded))


def test_when_a_table_was_scanned_is_known_from_16_on(connection: Connection) -> None:
    connection.execute("CREATE TABLE t (id int)")
    connection.execute("INSERT INTO t SELECT n FROM generate_series(1, 10) n")
    unread = _statistics(connection)
    assert (unread.sequential_scans, unread.last_sequential_scan, unread.last_index_scan) == (0, None, None)
    connection.execute("SELECT FROM t")
    scanned = _statistics(connection)
    connection.execute("CREATE INDEX ON t (id); SET enable_seqscan = off; SET enable_bitmapscan = off")
    connection.execute("SELECT FROM t WHERE id = 1")
    found = _statistics(connection)
    dated = connection.info.server_version >= 160_000
    assert (scanned.last_sequential_scan is not None, scanned.last_index_scan) == (dated, None)
    assert (found.index_scans, found.last_index_scan is not None) == (1, dated)
    if dated:
        started = connection.execute("SELECT pg_postmaster_start_time(), now()").fetchone()
        assert started is not None
        assert scanned.last_sequential_scan is not None
        assert found.last_index_scan is not None
        assert started[0] < scanned.last_sequential_scan <= found.last_index_scan <= started[1]


def _statistics(connection: Connection) -> TableStatistics:
    connection.execute("SELECT pg_stat_force_next_flush()")
    table = read_facts(connection).catalog.named(QualifiedName("public", "t"))
    assert table is not None
    assert table.statistics is not None
    return table.statistics


def test_functions_whose_names_were_looked_up_at_their_creation(connection: Connection) -> None:
    connection.execute("CREATE FUNCTION atomic(n int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT n + 1; END")
    connection.execute("CREATE FUNCTION returned(n int) RETURNS int LANGUAGE sql RETURN n + 1")
    connection.execute("CREATE FUNCTION text_body(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1'")
    connection.execute("CREATE PROCEDURE block() LANGUAGE plpgsql AS 'BEGIN END'")
    found = {function.name: function.sql_body for function in read_facts(connection).catalog.functions}
    assert found == {"atomic": True, "returned": True, "text_body": False, "block": False}
