"""References that are filled in once the rows are there that they name: of a table to itself, and within circles."""

from __future__ import annotations

from pgproof.synthetic.expressions import PLACE, hashed, name, names, qualified
from pgproof.synthetic.plan import Reference, Target
from pgproof.synthetic.references import Choosing, Parent, ordinal_of, turns


def late_update(target: Target, reference: Reference, parent: Parent, keys: str, choosing: Choosing) -> str | None:
    """Return the UPDATE that fills a reference in; None where other rules have settled all of its columns.

    Args:
        target: the table with the reference.
        reference: of it.
        parent: whose rows are named.
        keys: a table with the referenced columns beside a number from 1.
        choosing: how; its number is `r.n`.
    """
    settled = {column for one in target.references if not one.late for column in one.columns} | target.counters
    settled |= set(target.table.primary_key.columns if target.table.primary_key else ())
    pairs = list(zip(reference.columns, reference.referenced_columns, strict=True))
    free = [(column, referenced) for column, referenced in pairs if column not in settled]
    shared = [(column, referenced) for column, referenced in pairs if column in settled]
    if not free or not parent.rows:
        return None
    where = qualified(target.table.schema, target.table.name)
    changes = ", ".join(f"{name(column)} = p.{name(referenced)}" for column, referenced in free)
    kept = "".join(f", {name(column)}" for column, _ in shared)
    rows = f"(SELECT tableoid AS rel, ctid AS tid, row_number() OVER () AS n{kept} FROM {where}) r"
    if not shared:
        chosen = f"(SELECT r.rel, r.tid, {ordinal_of(parent, choosing)} AS place FROM {rows} OFFSET 0) r"
        joined = f"JOIN {keys} p ON p.{PLACE} = r.place"
    else:
        place = f"CASE WHEN {choosing.draw} >= {choosing.nulls!r} THEN {hashed('r.n', choosing.salt)} END"
        chosen = f"(SELECT r.*, {place} AS place FROM {rows} OFFSET 0) r"
        by = names(referenced for _, referenced in shared)
        counted = f"(SELECT {by}, count(*) AS many FROM {keys} GROUP BY {by}) c"
        turned = f"(SELECT *, row_number() OVER (PARTITION BY {by}) AS pgproof_turn FROM {keys}) p"
        same = " AND ".join(f"{{0}}.{name(referenced)} = r.{name(column)}" for column, referenced in shared)
        joined = (
            f"JOIN {counted} ON {same.format('c')} JOIN {turned} ON {same.format('p')}"
            f" AND p.pgproof_turn = 1 + r.place % {turns(parent, choosing.shape, choosing.rows).format('c')}"
        )
    return f"UPDATE {where} t SET {changes} FROM {chosen} {joined} WHERE t.tableoid = r.rel AND t.ctid = r.tid"
