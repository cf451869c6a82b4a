"""Runs the examples that every rule carries: on a real database, in a plain schema and in one with odd names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from pgproof.examples_project import with_example_project
from pgproof.facts.amounts import amount
from pgproof.facts.collect import collect_answers
from pgproof.facts.model import Facts
from pgproof.facts.read import ReadOptions, read_facts
from pgproof.proof.fingerprint import read_fingerprint
from pgproof.remedy.operation import Operation
from pgproof.rules.checking import Checked, check, questions_of
from pgproof.rules.finding import Finding
from pgproof.rules.rule import Example, Rule
from pgproof.server import Server

ODD = """ "né"'; %s"""
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Placed:
    """An example in the schema it was made in.

    Attributes:
        names: maps the names in its SQL to those it has there.
        odd: the schema's name is an odd one.
    """

    example: Example
    schema: str
    names: Mapping[str, str]
    odd: bool = False


@contextmanager
def placed_examples(server: Server, examples: tuple[Example, ...]) -> Iterator[tuple[Connection, tuple[Placed, ...]]]:
    """A database with each example twice: in a schema of its own, and in an oddly named one with odd table names."""
    with server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        placed = []
        for number, example in enumerate(examples):
            placed.append(_place(connection, example, f"example_{number}", odd=False))
            if not example.alone:
                placed.append(_place(connection, example, f"Example {number}{ODD}", odd=True))
        connection.execute("SET search_path = public")
        connection.execute("SELECT pg_stat_force_next_flush()")
        yield connection, tuple(placed)


def examined(connection: Connection, placed: Placed, rules: tuple[Rule, ...], facts: Facts) -> Checked:
    """What rules find in one example, its questions answered by the server."""
    stated = given(placed, facts)
    answers = collect_answers(connection, stated, questions_of(rules, stated))
    return check(rules, stated.with_answers(answers))


def given(placed: Placed, facts: Facts) -> Facts:
    """The facts of one example alone, with what it states about the server."""
    stated = facts.only_schemas({placed.schema})
    path = '"' + placed.schema.replace('"', '""') + '"'
    settings = tuple(
        replace(setting, value=path) if setting.name == "search_path" else setting for setting in stated.server.settings
    )
    stated = replace(stated, server=replace(stated.server, settings=settings))
    stated = with_example_project(stated, placed.example)
    for state in placed.example.given:
        stated = state(stated)
    return stated


def facts_of(connection: Connection) -> Facts:
    """What the database says now; as a server of somebody else's, so that server-wide rules count."""
    return read_facts(connection, ReadOptions(ours=False))


def _place(connection: Connection, example: Example, schema: str, *, odd: bool) -> Placed:
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(schema)))
    if example.sql:
        connection.execute(example.sql.encode())
    names = _rename(connection, schema) if odd and not example.names_tables else {}
    return Placed(example, schema, names, odd)


def _rename(connection: Connection, schema: str) -> dict[str, str]:
    """Give every table and index of a schema an odd name; return the new names by the old ones."""
    names = {}
    rows = connection.execute(
        "SELECT c.relname, c.relkind FROM pg_class c WHERE c.relnamespace ="
        " (SELECT oid FROM pg_namespace WHERE nspname = %s) AND c.relkind IN ('r', 'p', 'i', 'I')",
        (schema,),
    ).fetchall()
    for name, kind in rows:
        names[name] = name[: 60 - len(ODD.encode())] + ODD
        what = "INDEX" if kind in (b"i", b"I", "i", "I") else "TABLE"
        connection.execute(
            sql.SQL("ALTER {} {} RENAME TO {}").format(
                sql.SQL(what), sql.Identifier(schema, name), sql.Identifier(names[name])
            )
        )
    return names


def judge(rule: Rule, server: Server, every: tuple[Rule, ...]) -> None:
    """Hold a rule against its own examples on a server: found, not found, mended, and brought back.

    Args:
        rule: to judge.
        server: a server of our own; each call makes databases and drops them.
        every: rules that must not report anything new after a remedy.

    Raises:
        AssertionError: an example is judged otherwise than it says.
    """
    together = tuple(example for example in (*rule.bad, *rule.good) if not example.alone)
    groups = (together, *((example,) for example in (*rule.bad, *rule.good) if example.alone))
    for group in groups:
        with placed_examples(server, group) as (connection, placed):
            facts = facts_of(connection)
            mendable = []
            for each in placed:
                bad = each.example in rule.bad
                found = examined(connection, each, (rule,), facts).findings
                check_findings(each, bad, found)
                operations = _operations(found)
                if bad and operations:
                    mendable.append((each, operations))
            if mendable:
                _check_remedies(connection, rule, mendable, facts, every)


def check_findings(placed: Placed, bad: bool, found: tuple[Finding, ...]) -> None:
    """Hold what was found in an example against what it says must be.

    Raises:
        AssertionError: it is something else.
    """
    example = placed.example
    told = [finding.message for finding in found]
    if not bad:
        assert not found, f"{example.name}: {told}"
        return
    assert len(found) == example.findings, (example.name, told)
    named = {
        name
        for finding in found
        for subject in finding.objects
        for name in (subject.name, subject.table, *subject.columns)
    }
    assert {placed.names.get(name, name) for name in example.objects} <= named, (example.name, named)
    if example.severity is not None:
        assert {finding.severity for finding in found} == {example.severity}, example.name
    text = " ".join(
        part
        for finding in found
        for part in (finding.message, finding.consequence, finding.remedy.summary if finding.remedy else "")
    )
    for words in example.says:
        assert words in text, (example.name, words, text)
    for finding in found:
        assert all((finding.message, finding.consequence, finding.evidence, finding.objects)), example.name
        assert finding.remedy is None or finding.remedy.summary, example.name
        shown = _shown(finding)
        for words in example.shows:
            assert words in shown, (example.name, words, shown)
    assert len({finding.fingerprint for finding in found}) == len(found), example.name


def _shown(finding: Finding) -> str:
    """What a finding holds beside its words: results of its evidence, operations and counter-example, as text."""
    operations = finding.remedy.operations if finding.remedy is not None else ()
    return "\n".join(
        (
            *(each.result for each in finding.evidence),
            amount(len(operations), "operation"),
            *(statement for operation in operations for statement in operation.forward()),
            str(finding.counter_example or "no counter-example"),
        )
    )


def _operations(found: tuple[Finding, ...]) -> tuple[Operation, ...]:
    """The operations that mend an example as a whole; none where people have to do something too."""
    if any(finding.remedy is None or not finding.remedy.operations for finding in found):
        return ()
    return tuple(operation for finding in found if finding.remedy for operation in finding.remedy.operations)


def _check_remedies(
    connection: Connection,
    rule: Rule,
    mendable: list[tuple[Placed, tuple[Operation, ...]]],
    facts: Facts,
    every: tuple[Rule, ...],
) -> None:
    """Operations leave no finding of the rule and no new one of any, and their reverse restores the catalog.

    Every example has a schema of its own, so all are mended before the catalog is read again: once, not once each.
    """
    catalog = read_fingerprint(connection)
    # Every rule asks its questions twice here, so one of an example's two schemas has to do.
    plain = [placed for placed, _ in mendable if not placed.odd]
    before = {placed.schema: _fingerprints(connection, placed, every, facts) for placed in plain}
    operations = [operation for _, each in mendable for operation in each]
    for operation in operations:
        for statement in operation.forward():
            connection.execute(statement.encode())
    mended = facts_of(connection)
    for placed, _ in mendable:
        left = examined(connection, placed, (rule,), mended).findings
        assert not left, (placed.example.name, [finding.message for finding in left])
    for placed in plain:
        after = _fingerprints(connection, placed, every, mended)
        new = {text for fingerprint, text in after.items() if fingerprint not in before[placed.schema]}
        assert not new, (placed.example.name, new)
    if all(operation.reversible for operation in operations):
        for operation in reversed(operations):
            for statement in operation.reverse():
                connection.execute(statement.encode())
        assert catalog.difference(read_fingerprint(connection)) == (), [placed.example.name for placed, _ in mendable]
        assert facts_of(connection).server.role_settings == facts.server.role_settings


def _fingerprints(connection: Connection, placed: Placed, rules: tuple[Rule, ...], facts: Facts) -> dict[str, str]:
    found = examined(connection, placed, rules, facts).findings
    return {finding.fingerprint: f"{finding.rule} {finding.message}" for finding in found}
