"""An audit of a database whose names and texts attack whatever shows them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import psycopg
import pytest
from psycopg import sql

from pgproof.audit import Audit, AuditOptions, Known, Suppression, examine, gather
from pgproof.report.document import Document, document
from pgproof.rules.discovery import all_rules
from pgproof.server import Server

HOSTILE = {
    "quotes": """a"b'c;--""",
    "lines": "one\r\ntwo\n::error::three",
    "escape": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "carriage": "shown\rhidden",
    "markup": "[red]x[/red][link=http://e.example]y[/link]",
    "link": "[x](http://e.example)![i](http://e.example/i.png)",
    "table": "a|b|c",
    "backticks": "a```b\n```\nc",
    "html": "<script>alert(1)</script>&amp;<!--",
    "bidi": "user\u202eresu\u2066x\u200b",
    "percent": "%0A::error::x%25,title=y",
    "braces": "{0} {1:>99} %s $1 ${x}",
    "emphasis": "*a* _b_ #c ~d~",
    "emoji": "\U0001f600 \ufeff\x9b31m",
    "long": "l" * 63,
}
"""Names by what is wrong with them; each is a table, a column, a constraint and an index."""


@pytest.fixture(scope="session")
def hostile_audit(embedded_server: Server) -> Audit:
    """The audit of tables that each have findings about the table, a column, an index and a foreign key."""
    with embedded_server.scratch_database() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE target (id int PRIMARY KEY)")
        for name in HOSTILE.values():
            table = sql.Identifier(f"s {name}"[:15], name)
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(f"s {name}"[:15])))
            connection.execute(
                sql.SQL("CREATE TABLE {} ({} int CONSTRAINT {} REFERENCES target, flag boolean)").format(
                    table, sql.Identifier(name), sql.Identifier(f"c {name}"[:40])
                )
            )
            for prefix in ("i", "j"):
                connection.execute(
                    sql.SQL("CREATE INDEX {} ON {} (flag)").format(sql.Identifier(f"{prefix} {name}"[:40]), table)
                )
            connection.execute(sql.SQL("INSERT INTO {} SELECT NULL, true FROM generate_series(1, 30)").format(table))
            connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(table, sql.Literal(name)))
        connection.execute("ANALYZE")
        facts = gather(connection, all_rules())
    first = examine(facts, all_rules(), AuditOptions(today=date(2026, 1, 1)))
    suppressed = Suppression("INT22", f"*{HOSTILE['html']}", HOSTILE["html"] + HOSTILE["escape"])
    known = [Known(each.fingerprint, each.rule, each.message, each.objects) for each in first.findings[:3]]
    fixed = replace(known[0], fingerprint="0" * 64, message="".join(HOSTILE.values()))
    options = AuditOptions(
        today=date(2026, 1, 1),
        suppressions=(suppressed, Suppression(HOSTILE["escape"], HOSTILE["lines"], "r")),
        baseline=(*known, fixed),
    )
    return examine(facts, all_rules(), options)


@pytest.fixture(scope="session")
def hostile(hostile_audit: Audit) -> Document:
    """The document of that audit."""
    return document(hostile_audit, options={"baseline": "known.json"}, timing={}, versions={"pgproof": "0.1"})
