"""Decisions: written with their defaults, read again, and carried out; those about nothing are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.catalog import Catalog
from pgproof.facts.read import read_facts
from pgproof.remedy.constraints import AddForeignKey, AddUnique, ReplaceForeignKey
from pgproof.remedy.decision_file import Decisions, decisions_as_text, read_decisions
from pgproof.remedy.decisions import decided, default_decisions
from pgproof.remedy.names import quoted
from pgproof.remedy.plan_values import Reason, Wanted
from pgproof.remedy.quarantine import QuarantineDuplicates
from pgproof.server import Server

ODD = 'odd "name" é\\ # [x] %s'
REASON = Reason("INT09", "slug", "low", "message", (), "0")
MOVE = QuarantineDuplicates("public", ODD, ("id", "a", "b"), same=("a", "b"), keep=("id",), key="id")
NEW = AddForeignKey("public", ODD, "new", ("a",), "public", "parents", ("id",))
THERE = AddForeignKey("public", ODD, "there", ("b",), "public", "parents", ("id",))
WANTED = (
    Wanted(REASON, (MOVE, AddUnique("public", ODD, "u", ("a", "b")))),
    Wanted(REASON, (NEW,)),
    Wanted(REASON, (), "decide", undecided=(THERE,)),
)


@pytest.fixture(scope="module")
def catalog(embedded_server: Server) -> Iterator[Catalog]:
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE parents (id int PRIMARY KEY)")
        connection.execute(f"CREATE TABLE {quoted(ODD)} (id int PRIMARY KEY, a int NOT NULL, b int)".encode())
        yield read_facts(connection).catalog


@pytest.mark.parametrize("form", ["toml", "json"])
def test_what_is_written_is_read_again_and_changes_nothing(catalog: Catalog, tmp_path: Path, form: str) -> None:
    defaults = default_decisions(WANTED)
    file = tmp_path / f"decisions.{form}"
    file.write_text(decisions_as_text(defaults, as_json=form == "json"), encoding="utf-8")
    read = read_decisions(file)
    assert read == defaults
    assert decided(WANTED, read, catalog) == WANTED
    assert decided(WANTED, Decisions(), catalog) == WANTED


def test_with_nothing_to_decide_the_file_says_so(tmp_path: Path) -> None:
    file = tmp_path / "decisions.toml"
    file.write_text(decisions_as_text(default_decisions(()), as_json=False), encoding="utf-8")
    assert "Nothing of the plan is for people to decide." in file.read_text()
    assert read_decisions(file) == Decisions()


def test_people_choose_the_row_that_stays(catalog: Catalog) -> None:
    default = default_decisions(WANTED)
    row = default.duplicates[0].model_copy(update={"keep": ("b",), "descending": ("b",), "same": ("b", "a")})
    first, *others = decided(WANTED, default.model_copy(update={"duplicates": (row,)}), catalog)
    (move, _) = first.operations
    assert isinstance(move, QuarantineDuplicates)
    # The key comes last, so that two runs keep the same row.
    assert (move.keep, move.descending, move.same) == (("b", "id"), ("b",), ("a", "b"))
    assert move.window == '(PARTITION BY "a", "b" ORDER BY "b" DESC NULLS LAST, "id")'
    assert tuple(others) == WANTED[1:]


def test_people_choose_the_action_of_a_key(catalog: Catalog) -> None:
    default = default_decisions(WANTED)
    keys = tuple(key.model_copy(update={"on_delete": "cascade"}) for key in default.foreign_keys)
    _, new, there = decided(WANTED, default.model_copy(update={"foreign_keys": keys}), catalog)
    (added,) = new.operations
    assert isinstance(added, AddForeignKey)
    assert added.on_delete == "cascade"
    (replaced,) = there.operations
    assert isinstance(replaced, ReplaceForeignKey)
    assert (replaced.old, replaced.new.on_delete, replaced.new.columns) == (THERE, "cascade", ("b",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[duplicates]]\nschema = 1\ntable = 'x'\nsame = []\nkeep = []", "duplicates.1.schema: Input should be"),
        ("[[foreign_keys]]\nschema = 'x'", "foreign_keys.1.table: Field required"),
        ("[[foreign_keys]]\nnope = 1", "Field required"),
        ("duplicates = 3", "duplicates: Input should be a valid"),
        ("[[duplicates", "is no TOML"),
        ("x = 1", "x: Extra inputs are not permitted"),
    ],
)
def test_a_file_of_something_else_is_refused_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "decisions.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PgproofError) as refused:
        read_decisions(file)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"table": "gone"}, "is about nothing that is planned"),
        ({"columns": ("b", "a")}, "is about nothing that is planned"),
        ({"on_delete": "set null"}, "sets a of public."),
    ],
)
def test_a_decision_about_a_key_that_cannot_be_is_refused(
    catalog: Catalog, change: dict[str, object], said: str
) -> None:
    keys = (default_decisions(WANTED).foreign_keys[0].model_copy(update=change),)
    with pytest.raises(PgproofError) as refused:
        decided(WANTED, Decisions(foreign_keys=keys), catalog)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("change", "times", "said"),
    [
        ({"same": ("a",)}, 1, "is about nothing that is planned"),
        ({"keep": ("when",)}, 1, "by when, which it lacks"),
        ({"descending": ("a",)}, 1, "has columns in descending alone"),
        ({}, 2, "is there twice"),
    ],
)
def test_a_decision_about_rows_that_cannot_be_is_refused(
    catalog: Catalog, change: dict[str, object], times: int, said: str
) -> None:
    rows = (default_decisions(WANTED).duplicates[0].model_copy(update=change),) * times
    with pytest.raises(PgproofError) as refused:
        decided(WANTED, Decisions(duplicates=rows), catalog)
    assert said in str(refused.value)
