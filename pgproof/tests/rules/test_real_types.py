"""Rules of types where the rights of a role decide what it can say."""

from __future__ import annotations

import psycopg

from pgproof.examples import facts_of
from pgproof.facts.collect import collect_answers
from pgproof.rules.checking import check, questions_of
from pgproof.rules.discovery import all_rules


def test_a_sequence_that_a_role_may_not_read_is_not_checked(database: str) -> None:
    rules = tuple(rule for rule in all_rules() if rule.code == "TYP01")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE unread (id smallserial PRIMARY KEY); CREATE TABLE unused (id smallserial PRIMARY KEY);"
            "SELECT setval('unread_id_seq', 32000); CREATE ROLE pgproof_reader;"
            "GRANT SELECT ON SEQUENCE unused_id_seq TO pgproof_reader"
        )
        try:
            connection.execute("SET ROLE pgproof_reader")
            facts = facts_of(connection)
            said = check(rules, facts.with_answers(collect_answers(connection, facts, questions_of(rules, facts))))
        finally:
            connection.execute("RESET ROLE; DROP OWNED BY pgproof_reader; DROP ROLE pgproof_reader")
    assert said.findings == ()
    assert [(subject.name, subject.columns) for each in said.not_checked for subject in each.detail.objects] == [
        ("unread", ("id",))
    ]
    assert [each.detail.needs for each in said.not_checked] == ["pg_read_all_data"]
