"""Which findings a migration mends: told by the objects it makes and drops, and by what a proof of it showed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pgproof.audit import Audit
from pgproof.facts.catalog import QUARANTINE_SCHEMA
from pgproof.facts.migrations import Operation as Scripted
from pgproof.proving.document import Document as ProofDocument
from pgproof.proving.document import OperationDocument
from pgproof.remedy import settings
from pgproof.remedy.constraints import (
    AddCheck,
    AddForeignKey,
    AddPrimaryKey,
    AddUnique,
    DropConstraint,
    DropForeignKey,
    ReplaceForeignKey,
    SetNotNull,
    ValidateConstraint,
)
from pgproof.remedy.defaults import SetDefault
from pgproof.remedy.indexes import CreateIndex, CreatePartitionedIndex, DropIndex
from pgproof.remedy.maintenance import Analyze, Vacuum
from pgproof.remedy.operation import Operation
from pgproof.remedy.quarantine import Aside
from pgproof.report.dossier.doubts import Status, chain_of_audit
from pgproof.rules.chain import table_named, table_of_index
from pgproof.rules.finding import Finding

_PLAIN_KEY = re.compile(r'"(?P<name>(?:[^"]|"")+)"')
_PLAIN_INDEX = re.compile(r"\((?P<keys>[^()]*)\)(?:\s+INCLUDE\s*\([^()]*\))?[\s;]*\Z", re.IGNORECASE)
_OTHER_METHOD = re.compile(r"\bUSING\s+(?!btree\b)", re.IGNORECASE)
_CONSTRAINTS = ("primary key", "unique", "foreign key", "check", "exclusion")
_KEEPS = ("helps", "integrity")
"""Verdicts of operations that do what they are for."""


@dataclass(frozen=True)
class Mending:
    """What is known of a finding's way out.

    Attributes:
        status: `proven` where an operation of a proof that holds mends it, `in migration` where one mends it that was
            not proven to, `open` where none is known.
        operations: of the proof, that mend it; none where nobody measured them.
    """

    status: Status
    operations: tuple[OperationDocument, ...] = ()


OPEN = Mending("open")


@dataclass(frozen=True)
class _Made:
    """A rule over plain columns that an operation makes.

    Attributes:
        title: of the operation, as a proof names it.
        columns: of the key, in order.
    """

    title: str
    schema: str
    table: str
    columns: tuple[str, ...]
    unique: bool = False
    foreign_key: bool = False


def mendings(audit: Audit, proof: ProofDocument | None, at_most: Status) -> dict[str, Mending]:
    """Return what is known of each finding's way out, by fingerprint; those of which nothing is are left out.

    Args:
        audit: with the migrations of the project, where they were given.
        proof: of revisions that are to mend the findings.
        at_most: what a finding may be called on the word of this proof.
    """
    pending = tuple(_pending(audit))
    waiting = {title for title, _ in pending}, [made for _, made in pending if made is not None]
    found = {}
    for finding in audit.findings:
        mending = OPEN if proof is None or at_most == "open" else _by_proof(finding, audit, proof, at_most)
        if mending.status == "open" and _titles(finding, *waiting):
            mending = Mending("in migration")
        if mending.status != "open":
            found[finding.fingerprint] = mending
    return found


def _by_proof(finding: Finding, audit: Audit, proof: ProofDocument, at_most: Status) -> Mending:
    by_title = {each.name: each for each in proof.operations}
    made = [each for each in _made(audit, proof.revisions) if each.title in by_title]
    titles = _titles(finding, set(by_title), made) or _supporting(finding, proof)
    operations = tuple(by_title[title] for title in titles)
    shown = (
        finding.fingerprint in proof.settled
        or any(
            each.fingerprint == finding.fingerprint and each.mended_by == "migration" for each in proof.demonstrations
        )
        or _scan_ended(finding, proof)
    )
    if not operations and not shown:
        return OPEN
    kept = all(each.verdict in _KEEPS for each in operations)
    proven = proof.verdict == "holds" and kept and at_most == "proven"
    return Mending("proven" if proven else "in migration", operations)


def _titles(finding: Finding, titles: set[str], made: Sequence[_Made]) -> tuple[str, ...]:
    """The operations that together do what a finding's remedy does; none where one of them is missing."""
    found: list[str] = []
    for operation in finding.remedy.operations if finding.remedy else ():
        if isinstance(operation, Analyze | Vacuum):
            continue
        if isinstance(operation, Aside):
            tables = (f"create table {QUARANTINE_SCHEMA}.{name}" for name in (operation.name, *operation.others))
            found += [title for title in tables if title in titles]
            continue
        title = next((each for each in sorted(titles) if _does(operation, each)), None) or _alike(
            finding, operation, made
        )
        if title is None:
            return ()
        found.append(title)
    return tuple(dict.fromkeys(found))


def _does(operation: Operation, title: str) -> bool:
    """Whether a title is that of an operation on the very object."""
    match operation:
        case CreateIndex() | CreatePartitionedIndex():
            return title == _index_title(operation.schema, operation.table, operation.name)
        case AddUnique() | AddPrimaryKey():
            return title == _title("create", operation.key.lower(), operation.schema, operation.table, operation.name)
        case AddForeignKey():
            return title == _title("create", "foreign key", operation.schema, operation.table, operation.name)
        case ReplaceForeignKey(new, old):
            return title in (
                _title("change", "foreign key", old.schema, old.table, old.name),
                _title("create", "foreign key", new.schema, new.table, new.name),
            )
        case AddCheck():
            return title == _title("create", "check", operation.schema, operation.table, operation.name)
        case ValidateConstraint() | DropConstraint():
            how = "change" if isinstance(operation, ValidateConstraint) else "drop"
            where = operation.schema, operation.table, operation.name
            return any(title == _title(how, kind, *where) for kind in _CONSTRAINTS)
        case DropForeignKey(key):
            return title == _title("drop", "foreign key", key.schema, key.table, key.name)
        case DropIndex():
            return title.startswith(f"drop index {operation.schema}.{operation.name} on ")
        case SetNotNull():
            return "not null" in _column_change(title, operation.schema, operation.table, operation.column)
        case SetDefault() | settings.SetDefault():
            return "default " in _column_change(title, operation.schema, operation.table, operation.column)
    return False


def _column_change(title: str, schema: str, table: str, column: str) -> str:
    """What a title says to change of a column; nothing where it is about another one."""
    beginning = f"change column {schema}.{table}.{column} ("
    return title.removeprefix(beginning) if title.startswith(beginning) else ""


def _title(how: str, kind: str, schema: str, table: str, name: str) -> str:
    return f"{how} {kind} {name} on {schema}.{table}"


def _index_title(schema: str, table: str, name: str) -> str:
    return f"create index {schema}.{name} on {schema}.{table}"


def _alike(finding: Finding, operation: Operation, made: Sequence[_Made]) -> str | None:
    """An operation under another name that makes the same hold: of the same columns, or of more after them."""
    wanted = _of_remedy(operation)
    if wanted is None:
        return None
    many = len(wanted.columns)
    for each in made:
        if (each.schema, each.table) != (wanted.schema, wanted.table) or each.foreign_key != wanted.foreign_key:
            continue
        if wanted.unique or wanted.foreign_key:
            fits = each.unique >= wanted.unique and set(each.columns) == set(wanted.columns)
        elif finding.rule == "IDX01":
            # Rows are looked up by equality of all columns, whatever their order.
            fits = set(each.columns[:many]) == set(wanted.columns)
        else:
            fits = each.columns[:many] == wanted.columns
        if fits:
            return each.title
    return None


def _made(audit: Audit, revisions: Iterable[str]) -> Iterator[_Made]:
    """What remedies under their own names make, and what the scripts of some revisions make by their text."""
    for finding in audit.findings:
        for operation in finding.remedy.operations if finding.remedy else ():
            if (made := _of_remedy(operation)) is not None:
                yield made
    migrations = audit.facts.migrations
    for name in revisions if migrations is not None else ():
        assert migrations is not None
        revision = migrations.revision(name)
        for scripted in revision.upgrade.operations if revision is not None else ():
            if (read := _of_script(scripted, audit)) is not None:
                yield read


def _of_remedy(operation: Operation) -> _Made | None:
    match operation:
        case AddUnique() | AddPrimaryKey():
            kind = operation.key.lower()
            title = _title("create", kind, operation.schema, operation.table, operation.name)
            return _Made(title, operation.schema, operation.table, operation.columns, unique=True)
        case AddForeignKey():
            title = _title("create", "foreign key", operation.schema, operation.table, operation.name)
            return _Made(title, operation.schema, operation.table, operation.columns, foreign_key=True)
        case CreateIndex(where=None, method="btree"):
            keys = [_PLAIN_KEY.fullmatch(key) for key in operation.keys]
            if all(keys):
                columns = tuple(key["name"].replace('""', '"') for key in keys if key is not None)
                title = _index_title(operation.schema, operation.table, operation.name)
                return _Made(title, operation.schema, operation.table, columns, operation.unique)
    return None


def _of_script(scripted: Scripted, audit: Audit) -> _Made | None:
    table = table_named(audit.facts, scripted.table)
    if table is None:
        return None
    if scripted.kind == "create_index" and scripted.name and not _OTHER_METHOD.search(scripted.sql):
        keys = _PLAIN_INDEX.search(scripted.sql)
        if keys is None or keys["keys"].count(",") + 1 != len(scripted.columns):
            return None
        title = _index_title(table.schema, table.name, scripted.name.rpartition(".")[2])
        unique = scripted.sql.upper().split()[:2] == ["CREATE", "UNIQUE"]
        return _Made(title, table.schema, table.name, scripted.columns, unique)
    constraint = scripted.constraint
    if scripted.kind == "add_constraint" and constraint is not None and constraint.name and constraint.columns:
        title = _title("create", constraint.kind, table.schema, table.name, constraint.name)
        unique, key = constraint.kind in ("unique", "primary key"), constraint.kind == "foreign key"
        if unique or key:
            return _Made(title, table.schema, table.name, constraint.columns, unique, key)
    return None


def _pending(audit: Audit) -> Iterator[tuple[str, _Made | None]]:
    """What the revisions do that the database has yet to get, as far as their scripts can be read."""
    chain = chain_of_audit(audit)
    for revision in chain.migrations.revisions if chain is not None else ():
        if chain is None or not chain.is_pending(revision):
            continue
        for scripted in revision.upgrade.operations:
            made = _of_script(scripted, audit)
            if made is not None:
                yield made.title, made
            elif scripted.kind == "drop_index" and scripted.name:
                table = table_of_index(audit.facts, scripted.name)
                if table is not None:
                    name = scripted.name.rpartition(".")[2]
                    yield f"drop index {table.schema}.{name} on {table.qualified_name}", None
            elif scripted.kind == "set_not_null" and scripted.columns:
                table = table_named(audit.facts, scripted.table)
                if table is not None:
                    yield f"change column {table.qualified_name}.{scripted.columns[0]} (not null)", None


def _supporting(finding: Finding, proof: ProofDocument) -> tuple[str, ...]:
    """The operation that a proof says supports the foreign key of which a finding found no index."""
    if finding.rule != "IDX01":
        return ()
    keys = _foreign_keys(finding)
    return tuple(
        each.name
        for each in proof.operations
        for table, key in keys
        if each.name.endswith(f" on {table}")
        and re.match(rf"it supports the foreign key {re.escape(key)}[:,]", each.why)
    )[:1]


def _scan_ended(finding: Finding, proof: ProofDocument) -> bool:
    """Whether deleting a parent was seen to scan the table of a finding, and no longer after the migration."""
    keys = _foreign_keys(finding) if finding.rule == "IDX01" else ()
    return any(each.mended and (each.child, each.constraint) in keys for each in proof.scans)


def _foreign_keys(finding: Finding) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{each.schema}.{each.table}", each.name)
        for each in (*finding.objects, *finding.related)
        if each.kind == "constraint"
    )
