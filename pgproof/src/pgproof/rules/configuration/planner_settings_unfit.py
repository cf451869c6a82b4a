"""Planner settings that make it choose badly.

What it finds:
    enable_* settings switched off for the whole database, random_page_cost below seq_page_cost,
    default_statistics_target below 50 or above 1000; and, as a hint, random_page_cost left at 4, since what the
    disk is cannot be read over SQL.

Why it matters:
    A plan that is forbidden everywhere because one query once needed it makes others slow. At random_page_cost 4,
    made for disks that turn, the planner reads a whole table where an index would answer sooner on a solid-state
    disk.

Evidence:
    pg_settings and pg_db_role_setting.

Remedy:
    `op.execute("ALTER DATABASE app RESET enable_seqscan")`, and `SET LOCAL` around the one query; random_page_cost
    1.1 on solid-state disks or storage over a network.

When to ignore:
    random_page_cost on disks that turn; a large default_statistics_target on a warehouse.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.rules.configuration._sessions import evidence, is_off, of_database, set_here, setting_ref
from pgproof.rules.finding import Finding, NotChecked, Remedy
from pgproof.rules.given import setting
from pgproof.rules.given_access import hidden, role_setting
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="CFG16", slug="planner-settings-unfit", severity="low", needs=("settings",), server_wide=True)
TURNING_DISKS = 4.0
"""PostgreSQL's default (Query Planning, section 19.7.2): disks that turn, nine of ten random reads cached."""
FEWEST, MOST = 50, 1_000
"""default_statistics_target: half of the default of 100, which ANALYZE samples 30 000 rows for, and ten times it."""
_RANDOM, _SEQUENTIAL, _TARGET = "random_page_cost", "seq_page_cost", "default_statistics_target"


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield each setting that is unfit for the whole database."""
    for each in facts.server.settings:
        if each.name.startswith("enable_") and each.default_value == "on":
            yield from _switched_off(facts, each.name)
    yield from _page_costs(facts)
    yield from _statistics_target(facts)


def _switched_off(facts: Facts, name: str) -> Iterator[Finding]:
    if not is_off(of_database(facts, name)):
        return
    yield METADATA.finding(
        objects=(setting_ref(name),),
        severity="medium",
        message=f"{name} is off for every statement of the database",
        consequence="Where that way would be the best one, the planner takes a worse one.",
        evidence=evidence(facts, name),
        remedy=Remedy(
            f"Set {name} = on, and SET LOCAL {name} = off around the statement that needs it.",
            (set_here(facts, name, "on"),),
        ),
    )


def _page_costs(facts: Facts) -> Iterator[Finding]:
    random, sequential = _number(facts, _RANDOM), _number(facts, _SEQUENTIAL)
    if random is None or sequential is None:
        return
    if random < sequential:
        yield METADATA.finding(
            objects=(setting_ref(_RANDOM),),
            message=f"{_RANDOM} is {random:g}, below {_SEQUENTIAL} {sequential:g}",
            consequence="The planner takes a random read for cheaper than the next one in order, which no disk offers.",
            evidence=evidence(facts, _RANDOM, _SEQUENTIAL),
            remedy=Remedy(f"Set {_RANDOM} to at least {_SEQUENTIAL}."),
        )
    elif random >= TURNING_DISKS * sequential:
        yield METADATA.finding(
            objects=(setting_ref(_RANDOM),),
            message=f"{_RANDOM} is {random:g}, made for disks that turn",
            consequence="On a solid-state disk the planner reads whole tables where an index would answer sooner.",
            evidence=evidence(facts, _RANDOM, _SEQUENTIAL),
            remedy=Remedy(f"If the disk is a solid-state one, set {_RANDOM} = 1.1 and compare the plans."),
        )


def _statistics_target(facts: Facts) -> Iterator[Finding]:
    target = _number(facts, _TARGET)
    if target is None:
        return
    if target < FEWEST:
        yield _target(facts, target, "Rows of uneven columns are misjudged, since ANALYZE keeps too few values.")
    if target > MOST:
        yield _target(
            facts, target, "Every statement is planned with long lists of values, for which ANALYZE reads more."
        )


def _target(facts: Facts, target: float, consequence: str) -> Finding:
    return METADATA.finding(
        objects=(setting_ref(_TARGET),),
        message=f"{_TARGET} is {target:.0f}",
        consequence=consequence,
        evidence=evidence(facts, _TARGET),
        remedy=Remedy(f"Set {_TARGET} = 100, and ALTER COLUMN ... SET STATISTICS where a column needs more."),
    )


def _number(facts: Facts, name: str) -> float | None:
    value = of_database(facts, name)
    return None if value is None else float(value)


_FIT = (setting(_RANDOM, "1.1"), setting(_SEQUENTIAL, "1"), setting(_TARGET, "100"))

BAD = (
    Example(
        "a way is forbidden here",
        sql="DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET enable_seqscan = off', current_database()); END $$",
        given=_FIT,
        objects=("enable_seqscan",),
        alone=True,
    ),
    Example(
        "a way is forbidden everywhere", given=(*_FIT, setting("enable_nestloop", "off")), objects=("enable_nestloop",)
    ),
    Example("costs of disks that turn", given=(*_FIT, setting(_RANDOM, "4")), objects=(_RANDOM,)),
    Example(
        "costs of disks that turn, in another unit", given=(*_FIT, setting(_RANDOM, "0.8"), setting(_SEQUENTIAL, "0.2"))
    ),
    Example("random reads cheaper than others", given=(*_FIT, setting(_RANDOM, "0.9")), objects=(_RANDOM,)),
    Example("few statistics", given=(*_FIT, setting(_TARGET, "49")), objects=(_TARGET,)),
    Example("very many statistics", given=(*_FIT, setting(_TARGET, "1001")), objects=(_TARGET,)),
)
GOOD = (
    Example("costs of a solid-state disk", given=_FIT),
    Example("costs below those of disks that turn", given=(*_FIT, setting(_RANDOM, "3.9"))),
    Example("random reads as cheap as others, all of them cached", given=(*_FIT, setting(_RANDOM, "1"))),
    Example("statistics at the lower bound", given=(*_FIT, setting(_TARGET, "50"))),
    Example("statistics at the upper bound", given=(*_FIT, setting(_TARGET, "1000"))),
    Example("what PostgreSQL itself leaves off", given=(*_FIT, setting("enable_partitionwise_join", "off"))),
    Example("a role that forbids itself a way", given=(*_FIT, role_setting("enable_seqscan", "off", role="app"))),
    Example(
        "a way that is forbidden on the server and allowed here",
        given=(*_FIT, setting("enable_sort", "off"), role_setting("enable_sort", "on", here=True)),
    ),
    Example("a sequential cost that is not known", given=(*_FIT, setting(_RANDOM, "4"), hidden(_SEQUENTIAL))),
    Example("a target that is not known", given=(*_FIT, hidden(_TARGET))),
    Example(
        "costs that the auditing role has of its own",
        given=(*_FIT, setting(_RANDOM, "4"), hidden(_RANDOM)),
    ),
)
