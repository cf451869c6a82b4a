"""A row that is nothing without its parent keeps the parent from being deleted.

What it finds:
    A required foreign key with NO ACTION, the default, whose column is unique in its table: the row is the rest of
    its parent's row (the profile of a user) rather than something that the parent is used by. Reported once for each
    parent. Refusing the deletion is right for most references, so no other is reported: a parent that has orders or
    employees ought to stay. RESTRICT says that the refusal is meant, and so does a key that can be deferred; a
    trigger before the parent's deletion may do the work itself. Where the models delete the row along, INT10 looks at
    what they and the key say.

Why it matters:
    DELETE of the parent fails as long as its other half is there. Code that deletes through the ORM, which may take
    the other half along, works; code that deletes in SQL, a clean-up or an erasure on request, does not.

Evidence:
    pg_constraint, and the cascades of the models where they are given.

Remedy:
    Decide. `ForeignKey("users.id", ondelete="CASCADE")`, with `passive_deletes=True` on the relationship, deletes the
    other half along; `ondelete="RESTRICT"` says that it shall not be. In Alembic drop the key and create it again
    with `op.create_foreign_key(..., ondelete=..., postgresql_not_valid=True)`, then validate it.

When to ignore:
    Parents are never deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pgproof.facts.catalog import Catalog, Constraint, Table
from pgproof.facts.model import Facts
from pgproof.rules.counter_examples import UndeletableParent
from pgproof.rules.finding import Evidence, Finding, Remedy, constraint_ref, table_ref
from pgproof.rules.integrity._cascades import relationships_along
from pgproof.rules.integrity._keys import required
from pgproof.rules.reading import regclass
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(code="INT09", slug="foreign-key-without-action", severity="low")


def check(facts: Facts) -> Iterator[Finding]:
    """Yield each parent that rows of its own keep from being deleted."""
    by_orm = {along.key.oid for along in relationships_along(facts) if along.deletes}
    for parent in facts.catalog.base_tables:
        if any(trigger.before and "DELETE" in trigger.events and trigger.enabled != "D" for trigger in parent.triggers):
            continue
        halves = tuple(_other_halves(facts.catalog, parent, by_orm))
        if halves:
            yield _finding(parent, halves)


def _other_halves(catalog: Catalog, parent: Table, by_orm: Collection[int]) -> Iterator[tuple[Table, Constraint]]:
    for table, key in catalog.referencing(parent):
        if key.oid in by_orm:
            continue
        if key.on_delete != "no action" or key.deferrable or table.oid == parent.oid:
            continue
        if required(table, key.columns) and table.is_unique(key.columns):
            yield table, key


def _finding(parent: Table, halves: tuple[tuple[Table, Constraint], ...]) -> Finding:
    tables = ", ".join(str(table.qualified_name) for table, _ in halves)
    counted = ", ".join(
        f"{table.estimated_rows:,} in {table.qualified_name}" for table, _ in halves if table.estimated_rows
    )
    known = f" About {counted} do." if counted else ""
    table, key = halves[0]
    return METADATA.finding(
        objects=tuple(constraint_ref(table, key) for table, key in halves),
        message=f"A row of {parent.qualified_name} cannot be deleted while its other half is in {tables}",
        consequence=f"DELETE FROM {parent.qualified_name} fails for each row that has one.{known}",
        evidence=(
            Evidence(
                "catalog",
                "SELECT conrelid::regclass, conname, confdeltype FROM pg_constraint WHERE contype = 'f' AND confrelid ="
                f" {regclass(parent)}",
                f"confdeltype a (NO ACTION) for {', '.join(key.name for _, key in halves)}",
            ),
        ),
        # No operations: what was refused so far would delete rows from then on, which nobody but the owners decide.
        remedy=Remedy(
            "Decide whether these rows go with their parent (ON DELETE CASCADE) or hold it (ON DELETE RESTRICT, which"
            " says so), and give the relationship of the ORM the same answer."
        ),
        related=(table_ref(parent),),
        counter_example=UndeletableParent(table.qualified_name, key.name),
    )


def _profile(action: str = "", column: str = "NOT NULL UNIQUE", more: str = "") -> str:
    return f"""
        CREATE TABLE users (id int PRIMARY KEY);
        CREATE TABLE profiles (id int PRIMARY KEY, user_id int {column} CONSTRAINT refers REFERENCES users {action});
        {more}
    """


_TRIGGER = """
    CREATE FUNCTION tidy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END';
    CREATE TRIGGER tidies {} ON users FOR EACH ROW EXECUTE FUNCTION tidy();
"""

_MODELS = """
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    profile: Mapped[Profile | None] = relationship({})
class Profile(Base):
    __tablename__ = "profiles"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
"""

BAD = (
    Example(
        "a profile that the models do not delete along", sql=_profile(), models=_MODELS.format(""), objects=("refers",)
    ),
    Example(
        "the profile of a user",
        sql=_profile(),
        objects=("refers",),
        says=("for each row that has one. Decide whether",),
    ),
    Example(
        "two kinds of users, with rows",
        sql=_profile(more="CREATE TABLE staff (id int PRIMARY KEY CONSTRAINT is_a REFERENCES users)")
        + "; INSERT INTO users VALUES (1); INSERT INTO staff VALUES (1); ANALYZE staff",
        objects=("refers", "is_a"),
        says=("one. About 1 in ",),
    ),
    Example(
        "a parent with a trigger on other changes",
        sql=_profile(more=_TRIGGER.format("BEFORE UPDATE")),
        objects=("refers",),
    ),
    Example(
        "a parent whose deletions are written down afterwards",
        sql=_profile(more=_TRIGGER.format("AFTER DELETE")),
        objects=("refers",),
    ),
    Example(
        "a parent whose trigger is disabled",
        sql=_profile(more=_TRIGGER.format("BEFORE DELETE") + "ALTER TABLE users DISABLE TRIGGER tidies"),
        objects=("refers",),
    ),
)
GOOD = (
    Example(
        "a profile that the models delete along",
        sql=_profile(),
        models=_MODELS.format('cascade="all, delete-orphan"'),
    ),
    Example("a profile that goes along", sql=_profile("ON DELETE CASCADE")),
    Example("a refusal that is meant", sql=_profile("ON DELETE RESTRICT")),
    Example("a check that can wait until the profile is gone", sql=_profile("DEFERRABLE")),
    Example("an optional reference", sql=_profile(column="UNIQUE")),
    Example("the orders of a customer", sql=_profile(column="NOT NULL")),
    Example("a parent whose trigger deletes the profile", sql=_profile(more=_TRIGGER.format("BEFORE DELETE"))),
    Example(
        "a successor in the same table",
        sql="CREATE TABLE steps (id int PRIMARY KEY, after int NOT NULL UNIQUE REFERENCES steps)",
    ),
)
