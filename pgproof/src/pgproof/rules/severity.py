"""How size and use move a severity: they never hide what the catalog shows."""

from __future__ import annotations

from pgproof.facts.catalog import Table
from pgproof.rules.finding import SEVERITIES, Severity

FEW_ROWS = 1_000
"""Below it a table fits a few pages, and reading all of it costs little."""
MANY_ROWS = 1_000_000


def raised(severity: Severity) -> Severity:
    """Return the next worse severity; the worst stays."""
    return SEVERITIES[max(SEVERITIES.index(severity) - 1, 0)]


def lowered(severity: Severity) -> Severity:
    """Return the next milder severity; the mildest stays."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def by_size(severity: Severity, table: Table) -> Severity:
    """Return the severity of what costs time in proportion to a table's rows.

    Args:
        severity: for a table of ordinary size.
        table: milder below `FEW_ROWS` estimated rows, worse from `MANY_ROWS` on; unchanged where nobody has counted.
    """
    rows = table.estimated_rows
    if rows is None:
        return severity
    if rows >= MANY_ROWS:
        return raised(severity)
    return lowered(severity) if rows < FEW_ROWS else severity
