"""Which schemas a role's statements look into, and what share of the time a statement takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from pgproof.advise.workload import read_workload, search_path
from pgproof.facts.model import Facts
from pgproof.facts.read import read_facts
from pgproof.facts.server_state import RoleSetting
from pgproof.rules import given
from pgproof.server import Server


@pytest.fixture(scope="module")
def facts(embedded_server: Server) -> Iterator[Facts]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (a int); CREATE SCHEMA app; CREATE TABLE app.t (a int)")
        yield read_facts(connection)


def with_path(facts: Facts, *settings: tuple[str | None, str | None, str]) -> Facts:
    rows = tuple(RoleSetting(database, role, "search_path", value) for database, role, value in settings)
    return replace(facts, server=replace(facts.server, role_settings=rows))


def test_the_default_path_is_the_role_s_schema_and_public(facts: Facts) -> None:
    assert search_path(facts, "ann") == ("ann", "public")
    assert search_path(facts, None) == ("$user", "public")


def test_names_are_folded_and_quoted_ones_are_not(facts: Facts) -> None:
    odd = given.setting("search_path", 'App, "My ""own"", schema" , "$user"')(facts)
    assert search_path(odd, "ann") == ("app", 'My "own", schema', "ann")


def test_an_unknown_path_resolves_nothing(facts: Facts) -> None:
    hidden = replace(facts, server=replace(facts.server, settings=()))
    assert search_path(hidden, "ann") == ()
    assert search_path(with_path(hidden, (None, "ann", "app")), "ann") == ("app",)


def test_the_narrower_setting_goes_before_the_wider(facts: Facts) -> None:
    name = facts.database.name
    settings = [(name, "ann", "both"), (None, "ann", "role"), (name, None, "database"), (None, None, "all")]
    for number, (_, _, value) in enumerate(settings):
        assert search_path(with_path(facts, *settings[number:]), "ann") == (value,)
    assert search_path(with_path(facts, *settings), "bob") == ("database",)
    assert search_path(with_path(facts, *settings), None) == ("database",)
    assert search_path(with_path(facts, ("elsewhere", "ann", "x"), ("elsewhere", None, "y")), "ann") == (
        "ann",
        "public",
    )


def test_statements_are_read_for_the_role_that_ran_them(facts: Facts) -> None:
    stated = with_path(facts, (None, "ann", "app"))
    stated = given.workload(("SELECT a FROM t", 1, 3.0), ("SELECT (", 1, 1.0), role="ann")(stated)
    (read,) = read_workload(stated)
    assert [str(use.table) for use in read.parsed.uses] == ["app.t"]
    assert read.share == 0.75


def test_no_statements_are_no_workload(facts: Facts) -> None:
    assert read_workload(replace(facts, server=replace(facts.server, statements=None))) == ()
    idle = given.workload(("SELECT a FROM t", 0, 0.0))(facts)
    assert [read.share for read in read_workload(idle)] == [0.0]
