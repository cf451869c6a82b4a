"""What ANALYZE and the server's counters say about tables and columns: shapes and counts, never values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What ANALYZE found in a column (pg_stats), without any of its values.

    Attributes:
        null_fraction: of the rows, between 0 and 1.
        average_bytes: width of a value.
        n_distinct: number of distinct values; negative for the share of the rows (-1: all differ).
        common_frequencies: share of the rows of each most common value, most frequent first.
        correlation: between physical and logical order, -1 to 1; None where there is no order.
    """

    null_fraction: float
    average_bytes: int
    n_distinct: float
    common_frequencies: tuple[float, ...]
    correlation: float | None


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What the server counted about a table since its statistics were reset (pg_stat_user_tables).

    Attributes:
        last_sequential_scan: when the last of them ended; None for none, and before PostgreSQL 16, which keeps no date.
        last_index_scan: of any of its indexes, in the same way.
    """

    sequential_scans: int
    sequential_rows_read: int
    index_scans: int
    index_rows_fetched: int
    inserted: int
    updated: int
    hot_updated: int
    deleted: int
    live_rows: int
    dead_rows: int
    changed_since_analyze: int
    inserted_since_vacuum: int
    vacuumed_at: datetime | None
    analyzed_at: datetime | None
    heap_reads: int
    heap_hits: int
    last_sequential_scan: datetime | None = None
    last_index_scan: datetime | None = None
