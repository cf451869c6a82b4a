"""The unique rules that the models declare, and which of them the database does not keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pgproof.advise.deparsed import columns_in, folded_column
from pgproof.facts.catalog import Index, Table
from pgproof.facts.model import Facts
from pgproof.facts.models import ModelIndexKey
from pgproof.rules.finding import SEVERITIES, Finding
from pgproof.rules.modelled import Modelled, modelled_tables, written
from pgproof.rules.same_sql import same_sql
from pgproof.rules.sql_text import columns_required


@dataclass(frozen=True)
class Promise:
    """A unique rule of the models.

    Attributes:
        columns: that it is over, in order; those in expressions as well.
        lower: those that it compares in lower case.
        where: condition of its rows; None for all.
    """

    columns: tuple[str, ...]
    lower: tuple[str, ...]
    where: str | None


def broken_promises(modelled: Modelled) -> Iterator[Promise]:
    """Yield each unique rule of a table's models that none of its indexes keeps."""
    own = {column.name for column in modelled.table.columns}
    for promise in dict.fromkeys(_promises(modelled)):
        # A column that is not there is the matter of another rule.
        if own.issuperset(promise.columns) and not any(
            _keeps(modelled.table, index, promise) for index in modelled.table.indexes
        ):
            yield promise


def _promises(modelled: Modelled) -> Iterator[Promise]:
    for constraint in modelled.model.constraints:
        if constraint.kind == "unique":
            yield Promise(constraint.columns, (), None)
    for index in modelled.model.indexes:
        if index.unique and (promise := _of_keys(index.keys, index.where)) is not None:
            yield promise


def _of_keys(keys: tuple[ModelIndexKey, ...], where: str | None) -> Promise | None:
    """Return the rule of a unique index; None for one over anything but columns and lower(column)."""
    columns, lower = [], []
    for key in keys:
        folded = folded_column(key.expression) if key.expression is not None else None
        if folded is not None and folded[0] == "lower":
            lower.append(folded[1])
        elif key.column is None:
            return None
        columns.append(key.column or lower[-1])
    return Promise(tuple(columns), tuple(lower), where)


def _keeps(table: Table, index: Index, promise: Promise) -> bool:
    """Tell whether an index keeps a promise; one over an expression that is not understood may."""
    if not (index.unique or index.exclusion) or not index.valid:
        return False
    for key in index.keys:
        named = {key.column} if key.column is not None else columns_in(key.expression or "")
        if not set(promise.columns).issuperset(named) or key.column in promise.lower:
            return False
    if not index.partial:
        return True
    required = columns_required(table, index.predicate)
    if required is not None and required <= set(promise.columns):
        # Rows that it leaves out have a NULL in the key, which no unique rule takes for equal.
        return True
    return same_sql(promise.where, index.predicate) is not False


def as_declared(facts: Facts, table: Table, finding: Finding) -> Finding:
    """Return a finding that columns may repeat with what the models say of them, which makes sure that they may not.

    Args:
        facts: with or without models.
        table: of the finding.
        finding: about columns of the table; as it is where the models do not declare them unique in all rows.
    """
    columns = finding.objects[0].columns
    for modelled in modelled_tables(facts):
        if modelled.table.oid != table.oid:
            continue
        for promise in broken_promises(modelled):
            if promise.where is None and set(promise.columns) == set(columns):
                said = written(modelled.model, f"({', '.join(promise.columns)}) is declared unique", *promise.columns)
                return replace(
                    finding,
                    severity=min(finding.severity, "high", key=SEVERITIES.index),
                    evidence=(*finding.evidence, said),
                    location=modelled.model.location_of(*promise.columns),
                )
    return finding
