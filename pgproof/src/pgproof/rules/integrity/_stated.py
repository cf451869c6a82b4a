"""What examples of integrity state about what was read."""

from __future__ import annotations

from dataclasses import replace

from pgproof.facts.catalog import Constraint
from pgproof.facts.model import Facts
from pgproof.rules.given import Given


def unread(name: str) -> Given:
    """State that a table was not read, as where it lies in a schema that was not asked for."""

    def given(facts: Facts) -> Facts:
        return facts.with_tables(tuple(table for table in facts.catalog.tables if table.name != name))

    return given


def unreadable_checks(name: str) -> Given:
    """State that the checks of a table could not be deparsed, as where a session locks it."""

    def unread(constraint: Constraint) -> Constraint:
        return replace(constraint, expression=None) if constraint.kind == "check" else constraint

    def given(facts: Facts) -> Facts:
        return facts.with_tables(
            tuple(
                replace(each, locked=True, constraints=tuple(unread(one) for one in each.constraints))
                if each.name == name
                else each
                for each in facts.catalog.tables
            )
        )

    return given
