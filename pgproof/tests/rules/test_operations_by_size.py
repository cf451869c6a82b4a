"""What the examples of operations do not tell: how size and traffic move a severity, and who is named beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from pgproof.examples import examined, facts_of, placed_examples
from pgproof.facts.server_state import ReplicationSlot
from pgproof.rules import given
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Finding, Severity
from pgproof.rules.rule import Example
from pgproof.server import Server

MONTH = given.database(statistics_since=datetime(2026, 1, 1, tzinfo=UTC), taken_at=datetime(2026, 2, 1, tzinfo=UTC))
PARTS = """
    CREATE TABLE t (id int, at date NOT NULL) PARTITION BY RANGE (id);
    CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (10);
    CREATE TABLE t_2 PARTITION OF t DEFAULT;
"""
PLAIN = "CREATE TABLE t (id int, at timestamptz NOT NULL)"


@dataclass(frozen=True)
class Case:
    """A situation and what is said of it: severity, and the names beside its subject."""

    code: str
    name: str
    sql: str
    given: tuple[given.Given, ...]
    severity: Severity
    related: tuple[str, ...] = ()
    says: str = ""


def slot(retained: int, limit: str, status: str = "extended") -> tuple[given.Given, ...]:
    return (
        given.server(replication_slots=(ReplicationSlot("s", "physical", False, status, retained),)),
        given.setting("max_slot_wal_keep_size", limit),
    )


def limits(connections: int) -> tuple[given.Given, ...]:
    return (
        given.setting("max_connections", "103"),
        given.setting("superuser_reserved_connections", "3"),
        given.setting("reserved_connections", "0"),
        given.activity(connections=connections),
    )


def unused(name: str, size: int) -> tuple[given.Given, ...]:
    counters = {"inserted": 0, "updated": 0, "deleted": 0, "sequential_scans": 0, "index_scans": 0}
    used = given.table("used", **(counters | {"index_scans": 1}))
    return (MONTH, given.activity(standbys=0), used, given.table(name, **counters, heap_bytes=size))


def scanned(name: str, read: int) -> given.Given:
    return given.table(name, reltuples=200_000.0, live_rows=0, sequential_scans=1_000, sequential_rows_read=read)


def dead(name: str) -> given.Given:
    return given.table(name, live_rows=0, dead_rows=20_000, heap_bytes=12_345)


def grown(rows: float) -> given.Given:
    return given.table("t", reltuples=rows, live_rows=0, inserted=310, updated=0, deleted=0)


def aged(*ages: int) -> tuple[given.Given, ...]:
    named = [given.table(f"t_{number}", frozen_xid_age=age) for number, age in enumerate(ages, 1)]
    return (*named, given.database(frozen_xid_age=max(ages)))


TABLES = "; ".join(f"CREATE TABLE t_{number} (id int)" for number in range(1, 8))
YESTERDAY = (
    given.table("t", live_rows=2_000, changed_since_analyze=2_000, analyzed_at=datetime(2026, 1, 31, tzinfo=UTC)),
    MONTH,
)
CASES = (
    Case("OPS02", "dead rows of a plain table", PLAIN, (dead("t"),), "medium", says="100% of the rows in 12,345 bytes"),
    Case("OPS02", "dead rows of a partition", PARTS, (dead("t_2"),), "medium", ("t_2",), says="12,345 bytes"),
    Case("OPS03", "analysed exactly a day ago", PLAIN, YESTERDAY, "medium", says="2,000 rows changed in"),
    Case(
        "OPS03",
        "a partition changed since a day",
        PARTS,
        (
            given.table(
                "t_1", live_rows=9_000, changed_since_analyze=5_000, analyzed_at=datetime(2026, 1, 2, tzinfo=UTC)
            ),
            given.table("t", analyzed_at=datetime(2026, 1, 2, tzinfo=UTC)),
            MONTH,
        ),
        "medium",
        ("t_1",),
        says="about 9,000 rows",
    ),
    Case(
        "OPS03",
        "of many partitions the first five are named in the sentence",
        "CREATE TABLE t (id int) PARTITION BY LIST (id);"
        + ";".join(f"CREATE TABLE t_{number} PARTITION OF t FOR VALUES IN ({number})" for number in range(1, 7)),
        tuple(given.table(f"t_{number}", inserted=0, heap_bytes=100_000) for number in range(1, 7)),
        "medium",
        ("t_1", "t_2", "t_3", "t_4", "t_5", "t_6"),
        says=".t_4 and 2 more never analysed: plans",
    ),
    Case("OPS04", "at the age of the failsafe", TABLES, (given.database(frozen_xid_age=1_600_000_000),), "critical"),
    Case("OPS04", "before it", TABLES, (given.database(frozen_xid_age=1_599_999_999),), "high", says="75%"),
    Case(
        "OPS04",
        "only tables that are overdue are named, five at most and oldest first",
        TABLES,
        aged(300_000_001, 300_000_000, 300_000_003, 300_000_004, 300_000_005, 300_000_006, 300_000_007),
        "high",
        ("t_7", "t_6", "t_5", "t_4", "t_3"),
    ),
    Case(
        "OPS04",
        "a table at the limit is not overdue",
        TABLES,
        aged(300_000_001, 300_000_000),
        "high",
        ("t_1",),
    ),
    Case("OPS06", "a gigabyte without limit", "", slot(1 << 30, "-1"), "high", says="without limit"),
    Case("OPS06", "less than a gigabyte", "", slot((1 << 30) - 1, "-1"), "medium", says="without limit"),
    Case("OPS06", "a gigabyte with a limit", "", slot(1 << 30, "4096"), "medium", says="up to max_slot_wal_keep_size"),
    Case("OPS06", "given up", "", slot(0, "4096", "lost"), "medium", says="Its WAL is gone"),
    Case("OPS07", "too large already", PLAIN, (MONTH, grown(100_000_000.0)), "medium", says="10 more each day"),
    Case(
        "OPS07",
        "not yet, and next year",
        PLAIN,
        (MONTH, grown(99_999_999.0), given.table("t", inserted=31_000)),
        "low",
        says="100,364,999 in a year",
    ),
    Case("OPS08", "worth asking", f"{PLAIN}; CREATE TABLE used ()", unused("t", 100 << 20), "medium"),
    Case("OPS08", "smaller", f"{PLAIN}; CREATE TABLE used ()", unused("t", (100 << 20) - 1), "low"),
    Case(
        "OPS08",
        "whoever refers to it is named",
        "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE used (t_id int CONSTRAINT used_t REFERENCES t)",
        unused("t", 8192),
        "low",
        ("used_t",),
        says="Foreign keys refer to it: used_t",
    ),
    Case("OPS12", "95 of 100", "", limits(95), "high", says="5 more can be opened"),
    Case("OPS12", "94 of 100", "", limits(94), "medium", says="6 more can be opened"),
    Case("OPS12", "a superuser beyond the limit", "", limits(101), "high", says="0 more can be opened"),
    Case("OPS13", "a thousand million rows read", PLAIN, (scanned("t", 1_000_000_000),), "medium"),
    Case("OPS13", "fewer", PLAIN, (scanned("t", 999_999_999),), "low", says="1,000,000 each"),
    Case("OPS13", "a partition", PARTS, (scanned("t_1", 100_000_000),), "low", ("t_1",)),
    Case(
        "OPS11",
        "the three tables that read most, and none that reads nothing",
        TABLES,
        (
            given.activity(blocks_read=2_000_000, blocks_hit=0),
            *(given.table(f"t_{number}", heap_reads=number) for number in range(1, 6)),
        ),
        "low",
        ("t_5", "t_4", "t_3"),
    ),
    Case(
        "OPS11",
        "one table that reads",
        TABLES,
        (given.activity(blocks_read=2_000_000, blocks_hit=0), given.table("t_2", heap_reads=1)),
        "low",
        ("t_2",),
    ),
)


@pytest.fixture(scope="module")
def said(embedded_server: Server) -> dict[str, tuple[Finding, ...]]:
    """What the rule of each case says, by the name of the case."""
    examples = tuple(Example(case.name, sql=case.sql, given=case.given, renamed=False) for case in CASES)
    rules = {rule.code: rule for rule in all_rules()}
    found = {}
    with placed_examples(embedded_server, examples) as (connection, placed):
        facts = facts_of(connection)
        for each in placed:
            if each.schema.startswith("example_"):
                case = next(case for case in CASES if case.name == each.example.name)
                found[case.name] = examined(connection, each, (rules[case.code],), facts).findings
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code} {case.name}")
def test_size_and_traffic_move_the_severity(case: Case, said: dict[str, tuple[Finding, ...]]) -> None:
    (finding,) = said[case.name]
    assert finding.severity == case.severity
    assert tuple(subject.name for subject in finding.related) == case.related
    assert case.says in finding.consequence
