"""What a proof saw of a revision becomes evidence of findings, and what it did not come to is not checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.catalog import Table
from pgproof.facts.experiments import Experiments
from pgproof.facts.migrations import Operation, Revision
from pgproof.facts.model import Facts
from pgproof.rules.chain import Chain
from pgproof.rules.finding import Evidence, NotChecked
from pgproof.rules.migrations._faults import Fault

_MOST = 3


def experiments_of(facts: Facts) -> Experiments:
    """Return the experiments of a rule that needs them."""
    assert facts.experiments is not None, "the rule needs them"
    return facts.experiments


def locks_seen(facts: Facts, fault: Fault) -> tuple[Evidence, ...]:
    """Return the locks that a proof saw the fault's revision hold on its tables, the longest first."""
    tables = {str(table.qualified_name) for table in fault.tables}
    held = [
        each
        for each in (facts.experiments.held if facts.experiments else None) or ()
        if each.revision == fault.revision.id and each.relation in tables
    ]
    return tuple(
        seen(
            facts,
            each.statement or fault.operation.sql,
            f"held {each.mode} on {each.relation} for {each.held_ms:.0f} ms"
            + (f", and a request waited {each.waited_ms:.0f} ms for it" if each.waited_ms else ""),
        )
        for each in sorted(held, key=lambda each: -each.held_ms)[:_MOST]
    )


def seen(facts: Facts, statement: str, what: str) -> Evidence:
    """Return the evidence of a run on a scratch copy.

    Args:
        facts: with experiments.
        statement: that ran.
        what: it was seen to do.
    """
    tried = experiments_of(facts)
    where = f"on a scratch copy of {amount(tried.rows, 'row')} (PostgreSQL {tried.server_version})"
    return Evidence("experiment", statement, f"{where} it {what}")


def sent(revision: Revision, statement: str | None) -> Operation:
    """Return what a revision sent in a run, which its script does not show."""
    return Operation("other", statement or revision.id, line=revision.upgrade.line or revision.line)


def proven(facts: Facts, chain: Chain) -> Iterator[Revision]:
    """Yield the revisions of a proof, those of another chain left out."""
    for name in experiments_of(facts).revisions:
        if (revision := chain.migrations.revision(name)) is not None:
            yield revision


def table_called(facts: Facts, name: str) -> Table | None:
    """Return the table of a schema and a name, as a proof writes them."""
    return next((each for each in facts.catalog.tables if str(each.qualified_name) == name), None)


def unfinished(facts: Facts, what: str) -> NotChecked:
    """Return that a proof did not come to what a rule needs of it."""
    why = experiments_of(facts).stopped or "the upgrade or the downgrade failed before"
    return NotChecked(f"a proof that comes to {what}: {why}")


def listed(texts: Iterable[str]) -> str:
    """Return the first few of some texts, and how many there are more."""
    every = tuple(texts)
    more = f" and {len(every) - _MOST} more" if len(every) > _MOST else ""
    return "; ".join(every[:_MOST]) + more
