"""What examples of index rules state about a column: a number on the very limit, which no sample of ANALYZE hits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgproof.facts.catalog import Column
from pgproof.rules import given


def analysed(table: str, column: str, **fields: Any) -> given.Given:
    """State what ANALYZE found about a column that it has looked at (fields of `ColumnStatistics`)."""

    def changed(each: Column) -> Column:
        assert each.statistics is not None, f"the example analyses {table}"
        return replace(each, statistics=replace(each.statistics, **fields))

    return lambda facts: facts.with_tables(
        tuple(
            replace(each, columns=tuple(changed(one) if one.name == column else one for one in each.columns))
            if each.name == table
            else each
            for each in facts.catalog.tables
        )
    )
