"""The ORM and the database do different things to the rows of a parent that is deleted.

What it finds:
    A relationship from a parent to its children whose `cascade` and `passive_deletes` do not fit the ON DELETE of the
    foreign key. High: session.delete(parent) fails, since it leaves the children to a database that refuses
    (`passive_deletes=True` without ON DELETE CASCADE) or sets a NOT NULL reference to NULL before ON DELETE CASCADE
    could act (no `cascade="all, delete"`). Medium: the children are deleted one way and kept the other, or it depends
    on whether they happened to be loaded. Low: the ORM loads the children and deletes them one by one where the
    database would do it, or its cascade is the only one there is. A relationship that never deletes along, of a key
    without an action, is as SQLAlchemy and PostgreSQL are by default, and is left alone.

Why it matters:
    What a deletion does depends on who runs it: the application, a bulk `delete()`, a clean-up job or psql. Where the
    ORM does what the database could, deleting a parent with 10,000 children reads and deletes 10,000 rows through the
    session.

Evidence:
    The relationship of the models and pg_constraint. What each combination does was found out by running it.

Remedy:
    Say the same on both sides: `cascade="all, delete-orphan", passive_deletes=True` on the relationship with
    `ForeignKey(..., ondelete="CASCADE")`; or `passive_deletes=True` with `ondelete="SET NULL"` for children that
    stay; or `passive_deletes="all"` for a parent that its children hold.

When to ignore:
    Low ones, where parents are deleted through the ORM alone and have few children.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import cast

from pgproof.facts.catalog import Action
from pgproof.facts.model import Facts
from pgproof.remedy.constraints import AddForeignKey, ReplaceForeignKey
from pgproof.remedy.names import object_name
from pgproof.rules.counter_examples import UndeletableParent
from pgproof.rules.finding import Evidence, Finding, Remedy, Severity, constraint_ref, table_ref
from pgproof.rules.integrity import _cascade_examples
from pgproof.rules.integrity._cascades import Along, relationships_along, severity_of
from pgproof.rules.integrity._foreign_keys import declared_keys
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Metadata

METADATA = Metadata(code="INT10", slug="cascade-disagreement", severity="medium", needs=("models", "catalog"))

_PASSIVE = {"no": "False", "yes": "True", "all": '"all"'}


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each disagreement that changes what becomes of rows, and one for each parent with the others."""
    judged = [(each, severity) for each in relationships_along(facts) if (severity := severity_of(each)) is not None]
    for each, severity in judged:
        if severity != "low":
            yield _finding(facts, each, severity)
    mild = sorted((each for each, severity in judged if severity == "low"), key=_parent)
    for _, together in groupby(mild, key=_parent):
        yield _alone(tuple(together))


def _parent(along: Along) -> tuple[str, str]:
    return along.owner.module, along.owner.name


def _finding(facts: Facts, along: Along, severity: Severity) -> Finding:
    table, key, name = along.table, along.key, _name(along)
    return METADATA.finding(
        objects=(constraint_ref(table, key),),
        message=f"{name} and {key.name} do different things when a {along.owner.name} is deleted",
        consequence=_consequence(along),
        severity=severity,
        evidence=_evidence((along,)),
        remedy=_remedy(facts, along),
        related=(table_ref(table, *key.columns),),
        counter_example=(
            UndeletableParent(table.qualified_name, key.name) if key.on_delete in ("no action", "restrict") else None
        ),
        location=along.relationship.location,
    )


def _consequence(along: Along) -> str:
    unloaded, loaded, sql = along.by_orm(loaded=False), along.by_orm(loaded=True), along.in_sql()
    words = {
        "deleted": f"deletes its rows of {along.table.qualified_name}",
        "kept": f"keeps its rows of {along.table.qualified_name} with {', '.join(along.key.columns)} NULL",
        "refused": "fails",
    }
    orm = words[unloaded]
    if loaded != unloaded:
        orm += f" as long as they are not loaded, and {words[loaded]} if they are"
    return f"session.delete() {orm}{_why(along)}; DELETE in SQL {words[sql]} (ON DELETE {_action(along)})."


def _why(along: Along) -> str:
    if not along.deletes and along.required and along.relationship.passive_deletes != "all":
        return ", since SQLAlchemy sets the reference to NULL first, which is NOT NULL"
    if along.relationship.passive_deletes == "yes":
        return ", since passive_deletes=True leaves them to the database"
    return ""


def _remedy(facts: Facts, along: Along) -> Remedy:
    if along.deletes and along.relationship.passive_deletes == "yes":
        return Remedy(
            f"Make {along.key.name} ON DELETE CASCADE, as passive_deletes=True of {_name(along)} says, here and in the"
            ' models: ForeignKey(..., ondelete="CASCADE").',
            _cascading(facts, along),
        )
    if along.deletes:
        return Remedy(
            f"If its rows go with a {along.owner.name}, make {along.key.name} ON DELETE CASCADE and {_name(along)}"
            " passive_deletes=True; if they do not, take delete out of its cascade."
        )
    if along.key.on_delete == "cascade":
        return Remedy(
            f'Give {_name(along)} cascade="all, delete-orphan" and passive_deletes=True, as {along.key.name} deletes'
            " along; or take ON DELETE CASCADE out of the key."
        )
    if along.key.on_delete == "set null":
        # Of a reference that is required, or there would be no disagreement.
        return Remedy(f"Make {', '.join(along.key.columns)} NULL, or choose another action for {along.key.name}.")
    return Remedy(
        f'Let both hold the parent (passive_deletes="all" on {_name(along)}), or both let go of it (ON DELETE SET NULL'
        f" on {along.key.name})."
    )


def _cascading(facts: Facts, along: Along) -> tuple[ReplaceForeignKey, ...]:
    """Return the exchange of a key that is behind what its models say; nothing where it says more than one can."""
    table, key = along.table, along.key
    plain = key.validated and key.enforced and not (key.deferrable or key.match_full or key.period)
    declared = declared_keys(facts, along.relationship.references[0].column.table, key.columns)
    behind = any(each.on_delete == "cascade" for each in declared)
    if along.parent.kind != "table" or table.kind != "table" or not plain or not behind:
        return ()
    old = AddForeignKey(
        table.schema,
        table.name,
        key.name,
        key.columns,
        along.parent.schema,
        along.parent.name,
        key.referenced_columns,
        cast(Action, key.on_delete),
        cast(Action, key.on_update),
    )
    passing = object_name("fk", table.name, (*key.columns, "cascade"))
    return (ReplaceForeignKey(replace(old, name=passing, on_delete="cascade"), old),)


def _alone(together: tuple[Along, ...]) -> Finding:
    """Return the finding about what the ORM does by itself for one class."""
    first = together[0]
    names = ", ".join(_name(each) for each in together)
    children = ", ".join(str(each.table.qualified_name) for each in together)
    refused = [each for each in together if each.in_sql() == "refused"]
    consequence = (
        f"session.delete() reads the rows of {children} and changes them one by one, in addition to what the database"
        " would do by itself."
    )
    if refused:
        consequence = (
            f"session.delete() reads the rows of {children} and deletes them one by one; a deletion past the session"
            f" is refused by {', '.join(each.key.name for each in refused)}."
        )
    return METADATA.finding(
        objects=tuple(constraint_ref(each.table, each.key) for each in together),
        message=f"Deleting a {first.owner.name} is work of the ORM alone: {names}",
        consequence=consequence,
        severity="low",
        evidence=_evidence(together),
        remedy=Remedy(
            "Let the database do it: passive_deletes=True on the relationship, and on the foreign key ON DELETE"
            " CASCADE for rows that go along, or SET NULL for rows that stay."
        ),
        related=(table_ref(first.parent),),
        location=first.relationship.location,
    )


def _evidence(together: tuple[Along, ...]) -> tuple[Evidence, ...]:
    said = (
        f"{_name(each)}: cascade={', '.join(each.relationship.cascade)!r},"
        f" passive_deletes={_PASSIVE[each.relationship.passive_deletes]}"
        for each in together
    )
    return (
        Evidence("models", ", ".join(_name(each) for each in together), "; ".join(said)),
        Evidence(
            "catalog",
            "SELECT conname, confdeltype FROM pg_constraint WHERE contype = 'f' AND confrelid ="
            f" {regclass(together[0].parent)}",
            "; ".join(f"{each.key.name}: ON DELETE {_action(each)}" for each in together),
        ),
    )


def _name(along: Along) -> str:
    return f"{along.owner.name}.{along.relationship.name}"


def _action(along: Along) -> str:
    return str(along.key.on_delete).upper()


BAD, GOOD = _cascade_examples.BAD, _cascade_examples.GOOD
