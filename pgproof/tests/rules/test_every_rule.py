"""What holds for every rule by its own examples: bad ones are found, good ones not, a remedy mends and is undone."""

from __future__ import annotations

import pytest

from pgproof.examples import Placed, examined, facts_of, judge, placed_examples
from pgproof.proof.copy import schema_copy
from pgproof.reproduce.replay import replay
from pgproof.rules.counter_examples import Saturation
from pgproof.rules.discovery import all_rules
from pgproof.rules.rule import Example, Rule
from pgproof.server import Server

RULES = all_rules()
every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])
SECTIONS = ("What it finds:", "Why it matters:", "Evidence:", "Remedy:", "When to ignore:")


@every_rule
def test_its_examples_are_judged_rightly(rule: Rule, server: Server) -> None:
    # Whether a remedy brings a finding of another rule does not depend on the server, and takes most of the time.
    embedded = server.binaries.source == "embedded"
    judge(rule, server, tuple(each for each in RULES if not each.metadata.opinion) if embedded else ())


@every_rule
def test_its_counter_examples_show_the_fault(rule: Rule, embedded_server: Server, replay_server: Server) -> None:
    if rule.metadata.family != "integrity":
        return
    with placed_examples(embedded_server, tuple(each for each in rule.bad if not each.alone)) as (connection, placed):
        facts = facts_of(connection)
        found = [finding for each in placed for finding in examined(connection, each, (rule,), facts).findings]
        examples = [
            finding.counter_example
            for finding in found
            if finding.counter_example is not None and not isinstance(finding.counter_example, Saturation)
        ]
        if not examples:
            return
        source = connection.info.dsn + f" dbname={connection.info.dbname}"
        # Each example has a schema of its own, so one copy serves them all.
        with schema_copy(source, replay_server) as url:
            for example in examples:
                reproduction = replay(url, facts.catalog, example)
                assert reproduction.shown, (example, reproduction.verdict, reproduction.script())


@every_rule
def test_it_is_documented_and_has_look_alikes(rule: Rule) -> None:
    assert [section for section in SECTIONS if section not in rule.doc] == []
    assert len(rule.bad) >= 1
    assert len(rule.good) >= 3
    names = [example.name for example in (*rule.bad, *rule.good)]
    assert len(set(names)) == len(names)


def test_they_say_nothing_about_an_empty_database_that_is_not_about_the_server(server: Server) -> None:
    rules = tuple(rule for rule in RULES if not rule.metadata.server_wide and rule.metadata.family != "configuration")
    with placed_examples(server, ()) as (connection, _):
        found = examined(connection, Placed(Example("nothing"), "public", {}), rules, facts_of(connection)).findings
    assert [f"{finding.rule} {finding.message}" for finding in found] == []
