"""What migrations did when they ran, beside what the MIG rules said they would do without running them.

A database whose event triggers (`WATCH`) note every DDL statement, the locks that its transaction then holds and every
table that is written anew is made by the package's own command, revision after revision. `python -m
benchmarks.precision_migrations URL DATABASE...` makes such databases on a server, ready for that command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from pgproof.facts.migrations import Operation, Revision
from pgproof.facts.model import Facts
from pgproof.rules.chain import table_of_index
from pgproof.rules.discovery import all_rules
from pgproof.rules.finding import Evidence, Finding

WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.seen (number serial, version text, what text, statement text, locks text[]);
CREATE FUNCTION watch.note() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    version text;
BEGIN
    BEGIN
        SELECT string_agg(version_num, ',') INTO version FROM public.alembic_version;
    EXCEPTION WHEN undefined_table THEN
        version := NULL;
    END;
    INSERT INTO watch.seen (version, what, statement, locks)
    SELECT version,
           CASE tg_event WHEN 'table_rewrite'
               THEN 'rewrite of ' || (SELECT relname FROM pg_class WHERE oid = pg_event_trigger_table_rewrite_oid())
               ELSE tg_tag END,
           current_query(),
           (SELECT array_agg(DISTINCT c.relname || ' ' || l.mode) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
            WHERE l.pid = pg_backend_pid() AND c.relkind IN ('r', 'p'));
END $$;
CREATE EVENT TRIGGER watch_end ON ddl_command_end EXECUTE FUNCTION watch.note();
CREATE EVENT TRIGGER watch_rewrite ON table_rewrite EXECUTE FUNCTION watch.note();
"""
RULES = ("MIG03", "MIG05", "MIG06", "MIG07", "MIG08", "MIG12")
_BUILDS = {"create_index": ("ShareLock",), "drop_index": ("AccessExclusiveLock",), "reindex": ("ShareLock",)}
_VALIDATES = ("ShareRowExclusiveLock", "AccessExclusiveLock")


@dataclass(frozen=True)
class Noted:
    """What a statement of the package's own run was seen to do."""

    version: str | None
    what: str
    statement: str
    locks: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """A statement that a finding names, and what became of it.

    Attributes:
        shown: the run did what the rule says; None where the run did not send the statement.
        seen: in words.
    """

    database: str
    rule: str
    revision: str
    statement: str
    shown: bool | None
    seen: str


def main() -> None:
    """Make databases that note what is done to them."""
    url, *names = sys.argv[1:]
    with psycopg.connect(url, autocommit=True) as server:
        for name in names:
            server.execute(f'CREATE DATABASE "{name}"'.encode())
    for name in names:
        with psycopg.connect(urlunsplit(urlsplit(url)._replace(path=f"/{name}")), autocommit=True) as database:
            database.execute(WATCH.encode())


def steps(facts: Facts, database: str, chain: psycopg.Connection[Any] | None) -> Iterator[Step]:
    """Yield each statement that the MIG rules report, as if no revision were applied, with what it did.

    Args:
        facts: of the database at head, with its migrations.
        database: its name, for the answer.
        chain: to the database that the same migrations made under `WATCH`; None where they do not run from nothing.
    """
    pending = _unapplied(facts)
    noted = _noted(chain) if chain is not None else ()
    for rule in all_rules():
        if rule.code not in RULES:
            continue
        for finding in rule.check(pending):
            if isinstance(finding, Finding):
                for evidence in finding.evidence:
                    if evidence.kind == "script" and evidence.result.count(":"):
                        yield _step(facts, database, rule.code, evidence, noted)


def _unapplied(facts: Facts) -> Facts:
    """The facts of a database that has all tables, and no table of versions."""
    tables = tuple(each for each in facts.catalog.tables if each.name != "alembic_version")
    return replace(facts, catalog=replace(facts.catalog, tables=tables))


def _noted(chain: psycopg.Connection[Any]) -> tuple[Noted, ...]:
    rows = chain.execute("SELECT version, what, statement, locks FROM watch.seen ORDER BY number").fetchall()
    return tuple(Noted(row[0], row[1], _flat(row[2]), tuple(row[3] or ())) for row in rows)


def _step(facts: Facts, database: str, rule: str, evidence: Evidence, noted: tuple[Noted, ...]) -> Step:
    revision = _revision_of(facts, evidence)
    step = Step(database, rule, revision.id, evidence.statement, None, "the run did not send it")
    during = [each for each in noted if _is_during(each, revision)]
    if rule == "MIG08":
        return _undone(step, revision, during, ran=bool(noted))
    # With several branches the version table names another one; and a naming convention may rename a constraint.
    wanted = _unnamed(evidence.statement)
    sent = [each for each in during if wanted in _unnamed(each.statement)]
    sent = sent or [each for each in noted if wanted in _unnamed(each.statement)]
    if not sent:
        return step
    operations = [each for each in revision.upgrade.operations if each.sql == evidence.statement]
    return _did(facts, step, operations, sent)


def _did(facts: Facts, step: Step, operations: list[Operation], sent: list[Noted]) -> Step:
    if step.rule == "MIG06":
        anew = [each.what for each in sent if each.what.startswith("rewrite of")]
        return replace(step, shown=bool(anew), seen=anew[0] if anew else "no table was written anew")
    if step.rule in ("MIG03", "MIG05"):
        held = {lock for each in sent for lock in each.locks}
        wanted = {f"{_table(facts, each)} {mode}" for each in operations for mode in _modes(step.rule, each)}
        found = sorted(held & wanted)
        return replace(step, shown=bool(found), seen=", ".join(found) or f"none of {', '.join(sorted(wanted))}")
    return replace(step, shown=True, seen=f"{sent[0].what} was run")


def _modes(rule: str, operation: Operation) -> tuple[str, ...]:
    return _BUILDS.get(operation.kind, ()) if rule == "MIG03" else _VALIDATES


def _table(facts: Facts, operation: Operation) -> str:
    if operation.table is not None:
        return operation.table.name
    table = table_of_index(facts, operation.name or "")
    return table.name if table is not None else "?"


def _undone(step: Step, revision: Revision, during: list[Noted], *, ran: bool) -> Step:
    down = revision.downgrade
    if down.line is not None and not down.empty and not down.operations:
        return replace(step, seen="its downgrade() does something that is not pass")
    if ran and not during:
        return replace(step, shown=False, seen="upgrade() changed nothing")
    changed = f"upgrade() ran {len(during)} DDL statements" if ran else "upgrade() was read"
    return replace(step, shown=True if ran else None, seen=f"{changed}, downgrade() is empty")


def _revision_of(facts: Facts, evidence: Evidence) -> Revision:
    assert facts.migrations is not None
    name = evidence.result.rpartition(", ")[2]
    found = facts.migrations.revision(name)
    if found is not None:
        return found
    # What limits a whole chain names the line alone.
    file = evidence.result.partition(":")[0]
    return next(each for each in facts.migrations.revisions if each.line.file == file)


def _is_during(noted: Noted, revision: Revision) -> bool:
    """Whether the version table then named what the revision follows."""
    versions = set((noted.version or "").split(","))
    return bool(versions & set(revision.down_revisions)) or (not revision.down_revisions and versions == {""})


def _flat(statement: str) -> str:
    return " ".join(statement.split())


def _unnamed(statement: str) -> str:
    return re.sub(r"ADD CONSTRAINT \S+", "ADD CONSTRAINT", _flat(statement))


if __name__ == "__main__":
    main()
