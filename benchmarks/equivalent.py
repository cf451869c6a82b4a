"""Mutants that no test can notice, since the rule does the same with them; they are not counted."""

from __future__ import annotations

EQUIVALENT = {
    (
        "MIG14",
        'tables[shown] = table_named(facts, Relation(schema, name or ""))',
        "operand 1 deleted",
    ): "what has no name is not found, whether it is called nothing or the empty text, which the type asks for",
}
"""Why, by the rule, the line as it is written, and the change."""
