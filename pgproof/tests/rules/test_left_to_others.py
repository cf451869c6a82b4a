"""What a rule leaves to another it says itself where the other does not run (--select, --ignore)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from pgproof.audit import AuditOptions, examine, gather
from pgproof.examples import Connection, Placed, examined, facts_of, placed_examples
from pgproof.facts.model import Facts
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

RULES = {rule.code: rule for rule in all_rules()}


LEFT = (
    ("INT03", "a pair that its table shows to be meant", "INT01"),
    ("INT03", "a natural key, which another rule reports", "INT02"),
    ("INT20", "orphans are found by the rule about orphans", "INT06"),
    ("INT22", "a link whose pairs ought to be unique", "INT01"),
    ("IDX05", "one that takes over from a repeat", "IDX02"),
    ("IDX05", "a partial index that statements would use", "IDX11"),
    ("IDX08", "an index that begins another", "IDX03"),
    ("IDX08", "an index that nothing has used", "IDX05"),
    ("IDX12", "the columns of a foreign key, which needs an index", "IDX01"),
    ("IDX15", "an index that repeats another", "IDX02"),
    ("IDX19", "an index that repeats another", "IDX02"),
    ("MIG09", "an empty downgrade, which the script shows", "MIG08"),
    ("OPS13", "a statement that lacks an index read half of the rows", "IDX12"),
)
"""What a rule finds good, by the beginning of the example's name, and the other rule that it leaves it to."""


@pytest.fixture(scope="module")
def examples(embedded_server: Server) -> Iterator[tuple[Connection, dict[tuple[str, str], Placed], Facts]]:
    """A database with all of them."""
    chosen = {}
    for rule, beginning, _ in LEFT:
        (chosen[rule, beginning],) = (each for each in RULES[rule].good if each.name.startswith(beginning))
    assert not any(each.alone for each in chosen.values())
    good = tuple(replace(each, renamed=False) for each in chosen.values())
    with placed_examples(embedded_server, good) as (connection, placed):
        plain = (each for each in placed if not each.odd)
        yield connection, dict(zip(chosen, plain, strict=True)), facts_of(connection)


@pytest.mark.parametrize(("rule", "example", "other"), LEFT)
def test_a_rule_that_does_not_run_hides_nothing(
    examples: tuple[Connection, dict[tuple[str, str], Placed], Facts], rule: str, example: str, other: str
) -> None:
    connection, placed, facts = examples
    found = {}
    for running in (frozenset(RULES), frozenset(RULES) - {other}):
        checked = examined(connection, placed[rule, example], (RULES[rule],), replace(facts, running=running))
        found[other in running] = [finding.rule for finding in checked.findings]
    assert found == {True: [], False: [rule]}


def test_a_unique_rule_of_the_models_is_told_once(embedded_server: Server) -> None:
    """By the rule that counts the pairs, with the line of the models beside."""
    (bad,) = (each for each in RULES["INT01"].bad if each.models)
    with placed_examples(embedded_server, (bad,)) as (connection, (placed, *_)):
        checked = examined(connection, placed, tuple(RULES.values()), facts_of(connection))
    (finding,) = (each for each in checked.findings if each.rule in ("INT01", "INT02", "INT03", "INT22"))
    assert finding.rule == "INT01"
    assert finding.location is not None
    assert [each.kind for each in finding.evidence].count("models") == 1


def test_an_audit_says_which_rules_run(embedded_server: Server) -> None:
    (link,) = (each for each in RULES["INT22"].good if each.name.startswith("a link whose pairs"))
    with placed_examples(embedded_server, (link,)) as (connection, (placed, *_)):
        facts = gather(connection, tuple(RULES.values()))
    found = {
        ignored: {
            each.rule
            for each in examine(
                facts, tuple(RULES.values()), AuditOptions(date.today(), ignore=ignored, schemas=(placed.schema,))
            ).findings
        }
        for ignored in ((), ("INT01",))
    }
    assert "INT01" in found[()]
    assert "INT22" not in found[()]
    assert "INT22" in found["INT01",]
