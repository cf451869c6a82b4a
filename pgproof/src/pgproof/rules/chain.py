"""Where the examined database stands in the chain of revisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pgproof.advise.workload import search_path
from pgproof.facts.catalog import QualifiedName, Table
from pgproof.facts.migrations import Migrations, Relation, Revision
from pgproof.facts.model import Facts
from pgproof.facts.questions import Compare, RowsWhere
from pgproof.rules.finding import ObjectRef

_COLUMN = "version_num"


@dataclass(frozen=True)
class Chain:
    """The revisions, and which of them the database has.

    Attributes:
        applied: ids; None where nobody could say.
        strange: rows of the version table that name no revision of the scripts.
        version_table: None where the database has none.
    """

    migrations: Migrations
    applied: frozenset[str] | None
    strange: int = 0
    version_table: Table | None = None

    def is_applied(self, revision: Revision) -> bool:
        """Tell whether the database certainly has a revision."""
        return self.applied is not None and revision.id in self.applied

    def is_pending(self, revision: Revision) -> bool:
        """Tell whether the database certainly has a revision still before it."""
        return self.applied is not None and revision.id not in self.applied


def version_questions(facts: Facts) -> Iterator[RowsWhere]:
    """Yield one question for each revision: whether the version table names it."""
    table = _version_table(facts)
    if facts.migrations is not None and table is not None:
        for revision in facts.migrations.revisions:
            yield _stamped(table, revision)


def chain_of(facts: Facts) -> Chain:
    """Return the chain with what the answers to `version_questions` say."""
    migrations = facts.migrations
    assert migrations is not None, "rules of migrations need them"
    table = _version_table(facts)
    if table is None:
        return Chain(migrations, frozenset() if _has_no_version_table(facts, migrations) else None)
    counts = {revision.id: facts.counts(_stamped(table, revision)) for revision in migrations.revisions}
    known = [each for each in counts.values() if each is not None]
    if len(known) < len(counts) or not known:
        return Chain(migrations, None, version_table=table)
    stamped = [name for name, each in counts.items() if each is not None and each.rows]
    strange = (known[0].rows_total or 0) - len(stamped)
    applied = migrations.lineage(*stamped) if not strange else None
    return Chain(migrations, applied, strange, table)


def table_named(facts: Facts, relation: Relation | None) -> Table | None:
    """Return the table of the catalog that a statement of a script means, if it is there."""
    if relation is None:
        return None
    schemas = (relation.schema,) if relation.schema is not None else search_path(facts, None)
    found = (facts.catalog.named(QualifiedName(schema, relation.name)) for schema in schemas)
    return next((table for table in found if table is not None), None)


def table_of_index(facts: Facts, name: str) -> Table | None:
    """Return the table of an index that a statement names, with or without its schema."""
    schema, point, index = name.rpartition(".")
    schemas = (schema,) if point else search_path(facts, None)
    for table in facts.catalog.tables:
        if table.schema in schemas and any(each.name == index for each in table.indexes):
            return table
    return None


def revision_ref(revision: Revision) -> ObjectRef:
    """Return the reference to a revision."""
    return ObjectRef("revision", None, revision.id)


def chain_ref(migrations: Migrations) -> ObjectRef:
    """Return the reference to the whole chain."""
    return ObjectRef("migrations", None, migrations.location)


def _stamped(table: Table, revision: Revision) -> RowsWhere:
    return RowsWhere(table.qualified_name, Compare(_COLUMN, "=", constant=revision.id))


def _version_table(facts: Facts) -> Table | None:
    environment = facts.migrations.environment if facts.migrations is not None else None
    if environment is None or environment.version_table is None:
        return None
    table = table_named(facts, Relation(environment.version_table_schema, environment.version_table))
    return table if table is not None and any(column.name == _COLUMN for column in table.columns) else None


def _has_no_version_table(facts: Facts, migrations: Migrations) -> bool:
    """Whether it would be seen if it were there: an audit of some schemas does not see the others."""
    environment = migrations.environment
    schema = environment.version_table_schema or next(reversed(search_path(facts, None)), "public")
    seen = {each.name for each in facts.catalog.schemas}
    return environment.version_table is not None and schema in seen
