"""Faults of scripts become findings: one for each revision that is still to come, one for all that are history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.migrations import Operation, Revision
from pgproof.facts.model import Facts
from pgproof.rules.chain import Chain, chain_ref, revision_ref, table_named, table_of_index
from pgproof.rules.finding import SEVERITIES, Evidence, Finding, NotChecked, Remedy, Severity, table_ref
from pgproof.rules.rule import Metadata

_SHOWN = 5


@dataclass(frozen=True)
class Step:
    """An operation of an upgrade on tables that were there before it.

    Attributes:
        table: that it is about.
        before: operations of the same upgrade that came earlier.
    """

    revision: Revision
    operation: Operation
    table: Table
    before: tuple[Operation, ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong with an operation.

    Attributes:
        what: the revision does, for a message after its name.
        seen: by a proof, on a scratch copy.
    """

    revision: Revision
    operation: Operation
    what: str
    severity: Severity
    consequence: str
    remedy: str
    tables: tuple[Table, ...] = ()
    seen: tuple[Evidence, ...] = ()


def steps(facts: Facts, chain: Chain) -> Iterator[Step]:
    """Yield the operations of upgrades on tables that the database has and the same script did not make."""
    for revision in chain.migrations.revisions:
        operations = revision.upgrade.operations
        for number, operation in enumerate(operations):
            table = table_named(facts, operation.table)
            if table is None and operation.name is not None:
                table = table_of_index(facts, operation.name)
            if table is not None and not operation.new_table:
                yield Step(revision, operation, table, operations[:number])


def report(metadata: Metadata, chain: Chain, faults: Iterable[Fault], habit: str) -> Iterator[Finding]:
    """Yield the findings of a rule.

    Args:
        metadata: of the rule.
        chain: which revisions are history.
        faults: in the order of the operations of each revision.
        habit: what applied revisions did, for a message after their number.
    """
    history: list[Fault] = []
    coming: dict[str, list[Fault]] = {}
    for fault in faults:
        if chain.is_applied(fault.revision):
            history.append(fault)
        else:
            coming.setdefault(fault.revision.id, []).append(fault)
    for together in coming.values():
        yield _coming(metadata, chain, together)
    if history:
        yield _history(metadata, chain, history, habit)


def _coming(metadata: Metadata, chain: Chain, faults: list[Fault]) -> Finding:
    worst = min(faults, key=lambda fault: SEVERITIES.index(fault.severity))
    more = f", and {len(faults) - 1} more of this kind" if len(faults) > 1 else ""
    seen = tuple(dict.fromkeys(each for fault in faults for each in fault.seen))[:_SHOWN]
    pending = " (pending)" if chain.is_pending(worst.revision) else ""
    return metadata.finding(
        objects=(revision_ref(worst.revision),),
        related=tuple(dict.fromkeys(table_ref(table) for fault in faults for table in fault.tables)),
        message=f"Revision {worst.revision.id}{pending} {worst.what}{more}",
        consequence=worst.consequence,
        severity=worst.severity,
        confidence="measured" if seen else "catalog",
        evidence=(*seen, *map(_evidence, faults[:_SHOWN])),
        remedy=Remedy(worst.remedy),
        location=worst.operation.line,
    )


def _history(metadata: Metadata, chain: Chain, faults: list[Fault], habit: str) -> Finding:
    revisions = {fault.revision.id: fault for fault in faults}
    last = max(revisions.values(), key=lambda fault: len(chain.migrations.lineage(fault.revision.id)))
    number = f"{len(revisions)} applied revision{'s' if len(revisions) > 1 else ''}"
    return metadata.finding(
        objects=(chain_ref(chain.migrations),),
        related=tuple(revision_ref(fault.revision) for fault in revisions.values()),
        message=f"{number} {habit}, last {last.revision.id}",
        consequence="This database has them behind it; the next one written like them meets its traffic.",
        severity="low",
        evidence=tuple(_evidence(fault) for fault in (last, *(each for each in faults if each is not last))[:_SHOWN]),
        remedy=Remedy(last.remedy),
        location=last.operation.line,
    )


def _evidence(fault: Fault) -> Evidence:
    return Evidence(
        "script", fault.operation.sql, f"{fault.operation.line or fault.revision.line}, {fault.revision.id}"
    )


def unread(chain: Chain, direction: Literal["upgrade", "downgrade"] = "upgrade") -> Iterator[NotChecked]:
    """Yield the revisions, history aside, that could not be read to their end without a database."""
    for revision in chain.migrations.revisions:
        stop = (revision.upgrade if direction == "upgrade" else revision.downgrade).unread
        if stop is not None and not chain.is_applied(revision):
            where = stop.line or revision.line
            yield NotChecked(
                f"a run of {direction}() on a scratch database: at {where} {stop.reason}", (revision_ref(revision),)
            )


def index_name(operation: Operation) -> str:
    """Return the name of an operation's index, for a message."""
    return operation.name or "an index"


def sized(table: Table) -> str:
    """Return a table's name with its rows, for a message."""
    rows = table.estimated_rows
    return f"{table.qualified_name} (about {amount(rows, 'row')})" if rows is not None else str(table.qualified_name)
