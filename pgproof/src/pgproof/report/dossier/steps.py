"""The steps of a deployment and of the routine after it; what rules or a proof can check is ticked by them alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.report.dossier.checks import checks
from pgproof.report.dossier.material import Material


@dataclass(frozen=True)
class Step:
    """A line with a box.

    Attributes:
        codes: rules of which all must have run and found nothing; without any, only people can tick it.
    """

    text: str
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Box:
    """A step as it stands."""

    text: str
    box: str


_VALIDATION = (
    Step("audit again with the baseline of today: pgproof audit SOURCE --baseline pgproof-baseline.json"),
    Step("performance_test.py before and after shows no statement slower beyond its spread"),
    Step("no critical or high finding is left"),
)

_PROCEDURES = (
    (
        "Days 1 to 5",
        (
            Step("day 1: read analysis.md, decide what is an opinion and suppress it with a reason"),
            Step("day 2: review the SQL of each remedy in findings.json, forward and back"),
            Step("day 3: restore last night's backup on another server, apply the remedies there, audit it"),
            Step("day 3: run performance_test.py on the restored copy before and after"),
            Step("day 4: deploy as below"),
            Step("day 5: audit production again, compare with the baseline"),
        ),
    ),
    (
        "Deployment",
        (
            Step("a backup not older than a day, restored once"),
            Step("WAL is archived, so that any moment can be restored", ("OPS09",)),
            Step("statements are bounded, so that none can hang behind the change", ("CFG03",)),
            Step("waiting for locks is bounded", ("CFG04",)),
            Step("no session sits idle in a transaction", ("CFG05", "OPS05")),
            Step("a maintenance window is announced: concurrent builds let reads and writes in, and take the disks"),
            Step("the remedies in the order of the phases, each step with lock_timeout 50 ms and retries"),
            Step("the new configuration on one process first, then on a tenth, then on all"),
        ),
    ),
    (
        "The first two hours",
        (
            Step("after 5 minutes: errors of the application, connections in use, waiting sessions"),
            Step("no index is invalid", ("IDX06",)),
            Step("no constraint is unvalidated", ("INT20",)),
            Step("after 30 minutes: performance_test.py, compare with the run before"),
            Step("after 2 hours: statements by time, dead rows, replication lag"),
        ),
    ),
    (
        "Rollback",
        (
            Step("the reverse SQL of each remedy, last first; findings.json holds it beside the forward SQL"),
            Step("rows that were moved come back from the schema quarantine with the reverse of their remedy"),
            Step("the old configuration again, one process after the other"),
            Step("audit: the findings of before are back, and nothing else"),
        ),
    ),
    (
        "Success",
        (
            Step("no duplicate can be inserted any more", ("INT01", "INT02", "INT04")),
            Step("no reference is without its index", ("IDX01",)),
            Step("no row refers to nothing", ("INT06",)),
            Step("the pool fits the server", ("CFG02",)),
            Step("expired rows are gone", ("OPS01",)),
        ),
    ),
    (
        "Every week",
        (
            Step("pgproof audit with the baseline; new findings are looked at the same day"),
            Step("statistics are up to date", ("OPS03",)),
            Step("dead rows are within bounds", ("OPS02",)),
            Step("the slowest statements are those of last week"),
        ),
    ),
    (
        "Every month",
        (
            Step("a backup is restored and audited"),
            Step("no index is unused", ("IDX05",)),
            Step("no index is bloated", ("IDX07",)),
            Step("keys have room left", ("TYP01",)),
        ),
    ),
    (
        "Every quarter",
        (
            Step("suppressions are read again: does each reason still hold"),
            Step("rights: no role can do more than it needs", ("SEC03", "SEC04")),
            Step("extensions are up to date", ("SEC08",)),
            Step("the capacity table of analysis.md, with a quarter's growth"),
        ),
    ),
)


def validation(material: Material) -> tuple[Box, ...]:
    """Return the steps that end the plan."""
    return tuple(_boxes(_VALIDATION, material))


def proven(material: Material) -> tuple[Box, ...]:
    """Return what a migration has to show before it is deployed; a proof of something else ticks nothing."""
    found = [
        Box(f"{each.text} (proof: {each.outcome}{f', {each.detail}' if each.detail else ''})", "[x]" if held else "[ ]")
        if material.proof is not None
        else Box(each.text, "[ ]")
        for each in checks(material.proof)
        for held in (each.held is True and material.trusted,)
    ]
    whole = material.trusted and material.proof is not None and material.proof.verdict == "holds"
    told = "" if material.proof is None else f" (proof: {material.proof.verdict})"
    command = "pgproof prove SOURCE --alembic alembic.ini --traffic holds for what is pending"
    return (*found, Box(f"{command}{told}", "[x]" if whole else "[ ]"))


def procedures(material: Material) -> tuple[tuple[str, tuple[Box, ...]], ...]:
    """Return the lists of a deployment and of the routine, each step ticked or not."""
    return tuple((title, tuple(_boxes(steps, material))) for title, steps in _PROCEDURES)


def _boxes(steps: tuple[Step, ...], material: Material) -> Iterator[Box]:
    for step in steps:
        done = bool(step.codes) and all(material.passed(code) for code in step.codes)
        codes = f" ({', '.join(step.codes)})" if step.codes else ""
        yield Box(f"{step.text}{codes}", "[x]" if done else "[ ]")
