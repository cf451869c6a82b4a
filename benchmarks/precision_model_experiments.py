"""Experiments about findings that rest on a project's models or its engine, and need nothing but the database.

As in `precision_experiments`, each runs in a transaction that is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from benchmarks.precision_experiments import (
    Experiment,
    Outcome,
    Trial,
    row_accepted,
    table_sql,
    value_sql,
)
from pgproof.facts.catalog import QualifiedName
from pgproof.remedy.constraints import AddForeignKey
from pgproof.remedy.names import literal, quoted
from pgproof.rules.finding import Remedy


def orphan_accepted(trial: Trial) -> Outcome:
    """INT05: a row that refers to nothing is inserted."""
    table = trial.table()
    key = next(each for each in (trial.finding.remedy or Remedy("")).operations if isinstance(each, AddForeignKey))
    parent = trial.named(QualifiedName(key.referenced_schema, key.referenced_table))
    given = {name: value_sql(trial.catalog, table.column(name), "987654") for name in key.columns}
    row = trial.rows.draft(table.qualified_name, given)
    trial.statements.append(row.statement)
    where = " AND ".join(
        f"{quoted(theirs)} = {row.values[ours]}"
        for ours, theirs in zip(key.columns, key.referenced_columns, strict=True)
    )
    ((parents,),) = trial.run(f"SELECT count(*) FROM {table_sql(parent)} WHERE {where}")
    return Outcome(parents == 0, f"a row was accepted that refers to {parents} rows of {parent.name}")


def length_differs(trial: Trial) -> Outcome:
    """INT18: a text as long as the models allow is refused, or one longer than they allow is taken."""
    table, names = trial.table(), trial.finding.objects[0].columns
    lengths = re.findall(r"(\w+) \((any length|[\d,]+) against (any length|[\d,]+)\)", trial.finding.message)
    trial.rows.insert(table.qualified_name)
    outcomes = []
    for name, ours, theirs in lengths:
        shorter = "allows shorter" in trial.finding.message
        count = _characters(theirs, ours) if shorter else _characters(theirs, ours) + 1
        refused = trial.refusal(f"UPDATE {table_sql(table)} SET {quoted(name)} = repeat('x', {count})")
        outcomes.append(("too long" in (refused or "")) if shorter else refused is None)
    said = "refused as too long" if "allows shorter" in trial.finding.message else "taken"
    return Outcome(all(outcomes) and len(outcomes) == len(names), f"{', '.join(names)}: {said}")


def _characters(theirs: str, ours: str) -> int:
    """Characters that the models let through and the database does not, of two lengths as a message writes them."""
    return int((ours if theirs == "any length" else theirs).replace(",", "")) + (theirs == "any length")


def drifted(trial: Trial) -> Outcome:
    """INT21: the server lists neither a key nor an index over the columns that the models name."""
    table = trial.table()
    (what,) = re.findall(r"the (foreign key|index)[^(]*\(([^)]*)\)", trial.finding.message)
    columns = [each.strip() for each in what[1].split(",")]
    found = trial.run(
        "SELECT (SELECT array_agg(attname::text ORDER BY ord) FROM unnest(c.conkey) WITH ORDINALITY k(num, ord) JOIN"
        " pg_attribute a ON (a.attrelid, a.attnum) = (c.conrelid, num)) FROM pg_constraint c"
        f" WHERE contype = 'f' AND conrelid = {literal(table_sql(table))}::regclass"
        if what[0] == "foreign key"
        else "SELECT (SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute a WHERE a.attrelid ="
        f" i.indexrelid) FROM pg_index i WHERE indrelid = {literal(table_sql(table))}::regclass"
    )
    lists = [", ".join(each) for (each,) in found]
    return Outcome(", ".join(columns) not in lists, f"there is one over {'; '.join(lists) or 'no column'}")


def left_out_is_null(trial: Trial) -> Outcome:
    """INT23: a row is inserted by SQL that leaves the columns out."""
    table, names = trial.table(), trial.finding.objects[0].columns
    # A default of a reference may be the key of no row.
    given: dict[str, str] = {}
    for key in table.foreign_keys:
        parent = trial.catalog.table(key.referenced or 0)
        if parent is not None and any(table.column(name).has_default for name in key.columns):
            values = trial.rows.insert(parent.qualified_name).values
            given |= {own: values[other] for own, other in zip(key.columns, key.referenced_columns, strict=True)}
    row = trial.rows.draft(table.qualified_name, given | dict.fromkeys(names, "DEFAULT"))
    trial.statements.append(row.statement)
    null = [name for name in names if row.values[name] == "NULL"]
    return Outcome(len(null) == len(names), f"NULL in {', '.join(null) or 'none'}")


def setting_is_off(trial: Trial) -> Outcome:
    """CFG03, CFG04, CFG05: what a session of this database has set."""
    name = trial.finding.objects[0].name
    ((value,),) = trial.run(f"SELECT current_setting({literal(name)})")
    return Outcome(value == "0", f"{name} = {value}")


EXPERIMENTS: Mapping[str, Experiment] = {
    "CFG03": setting_is_off,
    "CFG04": setting_is_off,
    "CFG05": setting_is_off,
    "INT05": orphan_accepted,
    "INT17": row_accepted,
    "INT18": length_differs,
    "INT21": drifted,
    "INT23": left_out_is_null,
}
