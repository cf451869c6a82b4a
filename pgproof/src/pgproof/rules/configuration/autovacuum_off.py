"""Tables that nothing cleans up.

What it finds:
    autovacuum off, or track_counts off, without which it does nothing; and tables and materialized views whose storage
    parameter autovacuum_enabled is off.

Why it matters:
    Dead row versions stay, so that tables and indexes grow; the planner keeps old statistics; and the transaction
    counter runs towards the forced vacuum that comes at the worst moment.

Evidence:
    pg_settings and pg_class.reloptions.

Remedy:
    autovacuum = on and track_counts = on, and a reload; `op.execute("ALTER TABLE t RESET (autovacuum_enabled)")`;
    in the model leave the storage parameter out. For a table that needs less or more of it, set its scale factors.

When to ignore:
    A table that is loaded, vacuumed and analysed by a job, and read only otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.catalog import Table
from pgproof.facts.model import Facts
from pgproof.remedy.settings import SetTableOption
from pgproof.rules.configuration._sessions import evidence, is_off, of_database, setting_ref
from pgproof.rules.configuration._words import dead_rows
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, table_ref
from pgproof.rules.given import server, setting
from pgproof.rules.given import table as given_table
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata
from pgproof.rules.severity import by_size

METADATA = Metadata(code="CFG15", slug="autovacuum-off", severity="high", needs=("catalog",))
OPTION = "autovacuum_enabled"


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield that autovacuum is off, and each table that it leaves out."""
    if not facts.server.ours:
        yield from _of_server(facts)
    for table in facts.catalog.tables:
        value = _option(table)
        # A partition has storage parameters of its own; its parent has none.
        if table.extension is not None or not is_off(value):
            continue
        yield _of_table(table, value)


def _of_server(facts: Facts) -> Iterator[Finding]:
    for name in ("autovacuum", "track_counts"):
        if is_off(of_database(facts, name)):
            yield METADATA.finding(
                objects=(setting_ref(name),),
                message=f"{name} is off, so nothing cleans up after updates and deletes",
                consequence="Tables and indexes grow, plans are made from old statistics, and the vacuum against"
                " wraparound comes unasked.",
                evidence=evidence(facts, name),
                remedy=Remedy(f"Set {name} = on and reload."),
            )


def _of_table(table: Table, value: str | None) -> Finding:
    return METADATA.finding(
        objects=(table_ref(table),),
        severity=by_size("medium", table),
        message=f"autovacuum leaves {table.qualified_name} out",
        consequence="Its dead rows stay until somebody vacuums it by hand." + dead_rows(table),
        evidence=(
            Evidence(
                "catalog", f"SELECT reloptions FROM pg_class WHERE oid = {regclass(table)}", ", ".join(table.options)
            ),
        ),
        remedy=Remedy(
            f"RESET ({OPTION}), and tune its scale factors if it was vacuumed too often.",
            (SetTableOption(table.schema, table.name, OPTION, None, value),),
        ),
    )


def _option(table: Table) -> str | None:
    options = dict(option.split("=", 1) for option in table.options)
    return options.get(OPTION)


_ON = (setting("autovacuum", "on"), setting("track_counts", "on"))

BAD = (
    Example("autovacuum is off", given=(*_ON, setting("autovacuum", "off")), objects=("autovacuum",)),
    Example("nothing counts what it needs", given=(*_ON, setting("track_counts", "off")), objects=("track_counts",)),
    Example(
        "a table is left out",
        sql="CREATE TABLE t (id int PRIMARY KEY) WITH (fillfactor = 90, autovacuum_enabled = false)",
        given=_ON,
        objects=("t",),
    ),
    Example(
        "another word for false, on a materialized view",
        sql="CREATE MATERIALIZED VIEW m WITH (autovacuum_enabled = off) AS SELECT 1 AS id",
        given=_ON,
        objects=("m",),
    ),
    Example(
        "a partition is left out",
        sql="""
            CREATE TABLE t (at date, PRIMARY KEY (at)) PARTITION BY RANGE (at);
            CREATE TABLE t_1 PARTITION OF t DEFAULT WITH (autovacuum_enabled = false);
        """,
        given=_ON,
        objects=("t_1",),
    ),
    Example(
        "a table of a server of our own",
        sql="CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_enabled = 0)",
        given=(setting("autovacuum", "off"), server(ours=True)),
        objects=("t",),
        says=("There are 0 of them now.",),
    ),
)
GOOD = (
    Example("everything is on", sql="CREATE TABLE t (id int PRIMARY KEY)", given=_ON),
    Example(
        "a table with other parameters",
        sql="CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_enabled = on)",
        given=_ON,
    ),
    Example("a server of our own, for a test", given=(setting("autovacuum", "off"), server(ours=True))),
    Example(
        "a table of an extension",
        sql="CREATE TABLE t (id int PRIMARY KEY) WITH (autovacuum_enabled = false)",
        given=(*_ON, given_table("t", extension="some")),
        renamed=False,
    ),
    Example(
        "a view's options",
        sql="CREATE VIEW v WITH (security_barrier = false) AS SELECT 1 AS id",
        given=_ON,
    ),
)
