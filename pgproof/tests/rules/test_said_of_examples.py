"""What rules say of their own examples beside findings and their words: what they ask, could not check and propose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgproof.examples import Connection, Placed, examined, facts_of, given, placed_examples
from pgproof.facts.model import Facts
from pgproof.remedy.indexes import CreateIndex
from pgproof.rules.checking import Checked, questions_of
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

RULES = {rule.code: rule for rule in all_rules()}
ENOUGH = ("CFG02", "five processes have just enough")
ENOUGH_FOR_ONE = ("CFG02", "one process has enough, and nobody said how many there are")
ONE_CONNECTION = ("CFG12", "a pool of one connection")
SEARCHED = ("IDX13", "an index on the column does not serve its function")
KEYED = ("INT01", "an empty link with a key of its own and a time of writing")
KEYLESS = ("INT01", "a link without a key whose equal rows are equal in every column")
DROPPED = ("MIG14", "what is used is not known")
SIGNED_IN = ("SEC03", "the application signs in with a superuser that owns nothing")
EXAMPLES = (ENOUGH, ENOUGH_FOR_ONE, ONE_CONNECTION, SEARCHED, KEYED, KEYLESS, DROPPED, SIGNED_IN)


@pytest.fixture(scope="module")
def database(embedded_server: Server) -> Iterator[tuple[Connection, dict[str, Placed], Facts]]:
    """A database with the examples, by name; those of plain schemas."""
    chosen = tuple(
        each for code, name in EXAMPLES for each in (*RULES[code].bad, *RULES[code].good) if each.name == name
    )
    with placed_examples(embedded_server, chosen) as (connection, placed):
        yield connection, {each.example.name: each for each in placed if not each.odd}, facts_of(connection)


def said(database: tuple[Connection, dict[str, Placed], Facts], code: str, name: str) -> Checked:
    connection, placed, facts = database
    return examined(connection, placed[name], (RULES[code],), facts)


@pytest.mark.parametrize(
    ("example", "needs"),
    [
        (ENOUGH, []),
        (ENOUGH_FOR_ONE, ["how many processes have such an engine: --processes N"]),
        (ONE_CONNECTION, ["a pool of at least two connections, to see whether a pooler shares them"]),
        (DROPPED, ["the SQLAlchemy models (--models) or pg_stat_statements, to see what is still used"]),
    ],
)
def test_what_could_not_be_checked(
    database: tuple[Connection, dict[str, Placed], Facts], example: tuple[str, str], needs: list[str]
) -> None:
    checked = said(database, *example)
    assert checked.findings == ()
    assert [each.detail.needs for each in checked.not_checked] == needs


def test_who_signs_in_is_shown_by_the_engines_connection(
    database: tuple[Connection, dict[str, Placed], Facts],
) -> None:
    (finding,) = said(database, *SIGNED_IN).findings
    assert [each.result for each in finding.evidence if each.kind == "engine"] == ["app"]


def test_an_index_is_named_after_the_function_that_it_serves(
    database: tuple[Connection, dict[str, Placed], Facts],
) -> None:
    (finding,) = said(database, *SEARCHED).findings
    assert finding.remedy is not None
    (create,) = finding.remedy.operations
    assert isinstance(create, CreateIndex)
    assert create.name == "idx_t_title_lower"


def test_only_tables_without_a_key_are_asked_about_for_want_of_one(
    database: tuple[Connection, dict[str, Placed], Facts],
) -> None:
    _, placed, facts = database
    asked = {
        (code, name): bool(questions_of((RULES[code],), given(placed[name], facts)))
        for code in ("INT01", "INT22")
        for _, name in (KEYED, KEYLESS)
    }
    assert [each for each, any_asked in asked.items() if not any_asked] == [("INT22", KEYED[1])]
