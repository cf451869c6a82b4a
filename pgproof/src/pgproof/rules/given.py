"""What an example states about the server beyond its schema: settings, counters and statements of a workload.

Only what SQL in one database cannot make true is stated here; the rules read it as they would read a server's answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.server_state import Setting, Statement
from pgproof.facts.table_statistics import TableStatistics

Given: TypeAlias = Callable[[Facts], Facts]


def setting(name: str, value: str, source: str = "configuration file") -> Given:
    """State that the server has a setting at a value, in the setting's unit."""

    def given(facts: Facts) -> Facts:
        known = facts.server.setting(name) or Setting(name, None, None, "default", "sighup", None, False)
        others = tuple(each for each in facts.server.settings if each.name != name)
        changed = replace(known, value=value, source=source)
        return replace(facts, server=replace(facts.server, settings=(*others, changed)))

    return given


def activity(**counters: Any) -> Given:
    """State what the server and the database have counted (fields of `Activity`)."""

    def given(facts: Facts) -> Facts:
        counted = facts.server.activity
        assert counted is not None, "the role of the tests may read the counters"
        return replace(facts, server=replace(facts.server, activity=replace(counted, **counters)))

    return given


def database(**fields: Any) -> Given:
    """State fields of `Database`, such as its size or when its statistics were reset."""
    return lambda facts: replace(facts, database=replace(facts.database, **fields))


def server(**fields: Any) -> Given:
    """State fields of `Server`, such as sessions, replication slots or authentication rules."""
    return lambda facts: replace(facts, server=replace(facts.server, **fields))


def rights(**fields: Any) -> Given:
    """State fields of `Rights`: what the role that read the facts may see."""
    return lambda facts: replace(facts, rights=replace(facts.rights, **fields))


def table(name: str, **fields: Any) -> Given:
    """State fields of a table: those of `TableStatistics`, or of `Table` itself (reltuples, heap_bytes, bytes)."""

    def changed(each: Table) -> Table:
        own = {field: value for field, value in fields.items() if field in Table.__dataclass_fields__}
        counters = {field: value for field, value in fields.items() if field not in own}
        statistics = each.statistics or TableStatistics(*(0,) * 12, None, None, 0, 0)
        return replace(each, **own, statistics=replace(statistics, **counters))

    return lambda facts: facts.with_tables(
        tuple(changed(each) if each.name == name else each for each in facts.catalog.tables)
    )


def index(name: str, **fields: Any) -> Given:
    """State fields of an index, such as `scans` or `bytes`."""

    def changed(each: Index) -> Index:
        return replace(each, **fields) if each.name == name else each

    return lambda facts: facts.with_tables(
        tuple(replace(each, indexes=tuple(changed(one) for one in each.indexes)) for each in facts.catalog.tables)
    )


def sequence(name: str, **fields: Any) -> Given:
    """State fields of a sequence, such as `last_value`."""

    def given(facts: Facts) -> Facts:
        sequences = tuple(replace(each, **fields) if each.name == name else each for each in facts.catalog.sequences)
        return replace(facts, catalog=replace(facts.catalog, sequences=sequences))

    return given


def workload(*statements: tuple[str, int, float], **fields: Any) -> Given:
    """State the statements of pg_stat_statements: text, calls, mean time in milliseconds; `fields` for all of them."""

    def given(facts: Facts) -> Facts:
        rows = tuple(
            replace(
                Statement(number, "app", query, calls, mean, mean * 3, mean * calls, mean / 4, calls, calls * 10, 0, 0),
                **fields,
            )
            for number, (query, calls, mean) in enumerate(statements, 1)
        )
        return replace(facts, server=replace(facts.server, statements=rows))

    return given
