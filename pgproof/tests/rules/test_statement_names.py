"""A statement is called by its first words and its place; its name, and so its fingerprint, is its number or digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from pgproof.examples import examined, facts_of, placed_examples
from pgproof.report.tty import object_label
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

(RULE,) = (rule for rule in all_rules() if rule.code == "WRK04")


def test_what_people_read_is_no_number(embedded_server: Server) -> None:
    with placed_examples(embedded_server, RULE.bad) as (connection, placed):
        facts = facts_of(connection)
        found = {
            each.example.name: examined(connection, each, (RULE,), facts).findings[0] for each in placed if not each.odd
        }
    recorded = found["a thousand rows in one call of several"]
    counted = found["a thousand rows in each call"].objects[0]
    (subject,) = recorded.objects
    assert object_label(subject) == (
        "SELECT id, kind FROM events WHERE made > $1 ORDER BY made (shop/orders.py:10 in list_orders)"
    )
    assert subject.name == hashlib.sha256(b"SELECT id, kind FROM events WHERE made > $1 ORDER BY made").hexdigest()[:12]
    assert object_label(counted) == "SELECT id, kind FROM events WHERE made > $1 ORDER BY made"
    assert counted.name.isdecimal()
    moved = replace(recorded, objects=(replace(subject, label="elsewhere"),))
    assert moved.fingerprint == recorded.fingerprint
