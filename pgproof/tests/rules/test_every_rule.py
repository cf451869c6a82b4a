"""What holds for every rule, by its own examples: bad ones are found, good ones are not, a remedy mends, and is undone."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from pgproof.tests.rules.examples import Placed, examined, facts_of, placed_examples

from pgproof.facts.model import Facts
from pgproof.proof.copy import schema_copy
from pgproof.proof.fingerprint import read_fingerprint
from pgproof.reproduce.replay import replay
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding
from pgproof.rules.rule import Example, Rule
from pgproof.server import Server

RULES = all_rules()
every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])
SECTIONS = ("What it finds:", "Why it matters:", "Evidence:", "Remedy:", "When to ignore:")


@every_rule
def test_its_examples_are_judged_rightly(rule: Rule, server: Server) -> None:
    together = tuple(example for example in (*rule.bad, *rule.good) if not example.alone)
    _judge(rule, server, together)
    for example in (*rule.bad, *rule.good):
        if example.alone:
            _judge(rule, server, (example,))


def _judge(rule: Rule, server: Server, examples: tuple[Any, ...]) -> None:
    with placed_examples(server, examples) as (connection, placed):
        facts = facts_of(connection)
        for each in placed:
            found = examined(connection, each, (rule,), facts).findings
            if each.example in rule.bad:
                _is_found(each, found)
                _mends(connection, each, rule, found)
            else:
                assert not found, f"{each.example.name}: {[finding.message for finding in found]}"


def _is_found(placed: Placed, found: tuple[Finding, ...]) -> None:
    assert len(found) == placed.example.findings, (placed.example.name, [finding.message for finding in found])
    named = {
        name
        for finding in found
        for subject in finding.objects
        for name in (subject.name, subject.table, *subject.columns)
    }
    assert {placed.names.get(name, name) for name in placed.example.objects} <= named, placed.example.name
    for finding in found:
        assert all((finding.message, finding.consequence, finding.evidence, finding.objects))
        assert finding.remedy is None or finding.remedy.summary
    assert len({finding.fingerprint for finding in found}) == len(found)


def _mends(connection: psycopg.Connection[Any], placed: Placed, rule: Rule, found: tuple[Finding, ...]) -> None:
    """Its operations leave no finding of the rule and no new one of any, and their reverse restores the catalog."""
    operations = [
        operation for finding in found if finding.remedy is not None for operation in finding.remedy.operations
    ]
    if not operations or any(not finding.remedy or not finding.remedy.operations for finding in found):
        return
    catalog = read_fingerprint(connection)
    settings = facts_of(connection).server.role_settings
    before = _all_fingerprints(connection, placed, facts_of(connection))
    for operation in operations:
        for statement in operation.forward():
            connection.execute(statement.encode())
    mended = facts_of(connection)
    assert not examined(connection, placed, (rule,), mended).findings, placed.example.name
    new = {
        code: message for code, message in _all_fingerprints(connection, placed, mended).items() if code not in before
    }
    assert not new, (placed.example.name, new)
    if all(operation.reversible for operation in operations):
        for operation in reversed(operations):
            for statement in operation.reverse():
                connection.execute(statement.encode())
        assert catalog.difference(read_fingerprint(connection)) == (), placed.example.name
        assert facts_of(connection).server.role_settings == settings


def _all_fingerprints(connection: psycopg.Connection[Any], placed: Placed, facts: Facts) -> dict[str, str]:
    rules = tuple(rule for rule in RULES if not rule.metadata.opinion)
    return {
        finding.fingerprint: f"{finding.rule} {finding.message}"
        for finding in examined(connection, placed, rules, facts).findings
    }


@every_rule
def test_its_counter_examples_show_the_fault(rule: Rule, embedded_server: Server, replay_server: Server) -> None:
    if rule.metadata.family != "integrity":
        return
    with placed_examples(embedded_server, tuple(each for each in rule.bad if not each.alone)) as (connection, placed):
        facts = facts_of(connection)
        found = [finding for each in placed for finding in examined(connection, each, (rule,), facts).findings]
        examples = [finding.counter_example for finding in found if finding.counter_example is not None]
        if not examples:
            return
        source = connection.info.dsn + f" dbname={connection.info.dbname}"
        for example in examples:
            with schema_copy(source, replay_server) as url:
                reproduction = replay(url, facts.catalog, example)
            assert reproduction.shown, (example, reproduction.verdict, reproduction.script())


@every_rule
def test_it_is_documented_and_has_look_alikes(rule: Rule) -> None:
    assert [section for section in SECTIONS if section not in rule.doc] == []
    assert len(rule.bad) >= 1
    assert len(rule.good) >= 3
    names = [example.name for example in (*rule.bad, *rule.good)]
    assert len(set(names)) == len(names)


@every_rule
def test_it_says_nothing_about_an_empty_database_that_is_not_about_the_server(rule: Rule, server: Server) -> None:
    if rule.metadata.server_wide or rule.metadata.family == "configuration":
        return
    with placed_examples(server, ()) as (connection, _):
        assert (
            examined(connection, Placed(Example("nothing"), "public", {}), (rule,), facts_of(connection)).findings == ()
        )
