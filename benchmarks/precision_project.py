"""What SQLAlchemy, PostgreSQL and the engine do, beside what INT10, CFG07 and CFG09 say they do.

Run it in the project's own environment and folder, with the snapshot that was made there, the URL of its database and
a file for the outcomes:

    python .../benchmarks/precision_project.py prefect.snapshot postgresql://user@host:5432/prefect prefect.outcomes

Each parent has one row made up for it and one that refers to that; it is then deleted by session.delete() and by SQL,
in transactions that are rolled back. Of the engine, one connection is looked at from another and by its socket.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, event, make_url, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, configure_mappers, lazyload, load_only

from pgproof.facts.catalog import Constraint, Table
from pgproof.facts.model import Facts
from pgproof.facts.project.engine_named import engine_named
from pgproof.facts.project.inside import named_object
from pgproof.facts.snapshot import from_json
from pgproof.remedy.names import quoted
from pgproof.reproduce.rows import Row, RowMaker
from pgproof.rules.integrity import cascade_disagreement
from pgproof.rules.integrity._cascades import Along, Outcome, relationships_along, severity_of

_LOADABLE = {"deployment_schedule": {"schedule": """'{"cron": "0 0 * * *"}'"""}}
"""Values without which a type of the project's own refuses to load a row."""


def main() -> None:
    """Try every relationship that INT10 reports, and write what became of the rows."""
    snapshot, url, outcomes = sys.argv[1:]
    sys.path[:0] = [str(Path.cwd()), str(Path.cwd() / "src")]
    facts = from_json(Path(snapshot).read_bytes(), snapshot)
    assert facts.models is not None
    for name in facts.models.names:
        named_object(name, "--models")
    configure_mappers()
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    reported = {name: finding.severity for finding in cascade_disagreement.check(facts) for name in _names(finding)}
    tried = []
    for along in relationships_along(facts):
        name = f"{along.owner.name}.{along.relationship.name}"
        if name in reported and severity_of(along) is not None:
            with engine.connect() as connection:
                tried.append({"name": name, **_tried(connection, facts, along)})
    if facts.engine is not None:
        tried += asyncio.run(_connected(facts.engine.name, url))
    Path(outcomes).write_text(json.dumps(tried, indent=1), encoding="utf-8")


async def _connected(name: str, url: str) -> list[dict[str, Any]]:
    found = await asyncio.to_thread(engine_named, name)
    if found.dialect.is_async:
        from sqlalchemy.ext.asyncio import AsyncEngine

        async with AsyncEngine(found).connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            return _seen(raw.get_server_pid(), raw._transport.get_extra_info("socket").fileno(), url)
    with found.connect() as connection:
        driver = connection.connection.driver_connection
        pid = driver.info.backend_pid
        return _seen(pid, driver.fileno(), url)


def _seen(pid: int, descriptor: int, url: str) -> list[dict[str, Any]]:
    statement = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"
    with psycopg.connect(url) as other:
        ((name,),) = other.execute(statement, (pid,)).fetchall()
    with socket.socket(fileno=os.dup(descriptor)) as connection:
        idle = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
    retries = Path("/proc/sys/net/ipv4/tcp_syn_retries").read_text(encoding="ascii").strip()
    seen = f"its socket asks after {idle} s whether the other side is there; to connect is tried {retries} times more"
    return [
        {
            "name": "CFG09",
            "shown": name == "",
            "seen": f"pg_stat_activity names it {name!r}",
            "statements": [statement],
        },
        {"name": "CFG07", "shown": idle >= 7_200, "seen": seen, "statements": []},
    ]


def _names(finding: Any) -> Iterator[str]:
    for part in finding.evidence[0].result.split("; "):
        yield part.partition(":")[0]


def _tried(connection: Connection, facts: Facts, along: Along) -> dict[str, Any]:
    expected = (along.by_orm(loaded=False), along.by_orm(loaded=True), along.in_sql())
    try:
        by_orm, statements = _outcome(connection, facts, along, _by_orm(connection, along, loaded=False))
        loaded, more = _outcome(connection, facts, along, _by_orm(connection, along, loaded=True))
        in_sql, deletion = _outcome(connection, facts, along, lambda row: _delete_in_sql(connection, along, row))
    except Exception as error:  # Made-up rows may hold what the project's own types cannot load.
        return {"shown": None, "seen": " ".join(str(error).split())[:300], "statements": []}
    touched = [each for each in statements if along.table.name in each]
    alone = severity_of(along) != "low" or bool(touched)
    return {
        "shown": (by_orm, loaded, in_sql) == expected and alone,
        "seen": f"session.delete(): {by_orm}, once loaded {loaded}; DELETE: {in_sql}; {len(touched)} statements about "
        f"{along.table.name}",
        "statements": [*statements, *(more if loaded != by_orm else ()), *deletion],
    }


def _outcome(
    connection: Connection, facts: Facts, along: Along, delete: Callable[[Row], None]
) -> tuple[Outcome, list[str]]:
    """What becomes of a row that refers to a parent which is deleted, and the statements of the deletion."""
    transaction = connection.begin()
    try:
        # It begins with the first statement; what the driver itself begins before that, it would commit.
        connection.execute(text("SELECT 1"))
        driver: Any = connection.connection.driver_connection
        rows = RowMaker(driver, facts.catalog)
        parent = rows.insert(along.parent.qualified_name)
        pairs = zip(along.key.columns, along.key.referenced_columns, strict=True)
        given = {own: parent.values[other] for own, other in pairs}
        # Its other parents are those that are there already: a second one like the first might not be unique.
        for key in along.table.foreign_keys:
            other = next((row for row in rows.made if facts.catalog.named(row.table) == _parent(facts, key)), None)
            if other is not None:
                for own, theirs in zip(key.columns, key.referenced_columns, strict=True):
                    given.setdefault(own, other.values[theirs])
        child = rows.insert(along.table.qualified_name, given | _LOADABLE.get(along.table.name, {}))
        statements: list[str] = []
        with _noted(connection, statements):
            try:
                delete(parent)
            except SQLAlchemyError as error:
                return "refused", [*statements, f"-- {str(error).splitlines()[0]}"]
            except AssertionError as error:
                # SQLAlchemy's own refusal to set a part of a primary key to NULL.
                if not str(error).startswith("Dependency rule"):
                    raise
                return "refused", [*statements, f"-- {error}"]
        return _became(connection, along, child), statements
    finally:
        transaction.rollback()


def _parent(facts: Facts, key: Constraint) -> Table | None:
    return facts.catalog.table(key.referenced or 0)


def _became(connection: Connection, along: Along, child: Row) -> Outcome:
    key = along.table.primary_key
    assert key is not None, "a mapped table has a key"
    null = " OR ".join(f"{quoted(name)} IS NULL" for name in along.key.columns)
    where = " AND ".join(f"{quoted(name)} = {child.values[name]}" for name in key.columns)
    found = connection.execute(text(f"SELECT {null} FROM {_table(along.table)} WHERE {where}".replace(":", r"\:")))
    is_null = found.scalar_one_or_none()
    if is_null is None:
        return "deleted"
    assert is_null, "the parent is gone"
    return "kept"


def _by_orm(connection: Connection, along: Along, *, loaded: bool) -> Callable[[Row], None]:
    return lambda row: _delete_by_orm(connection, along, row, loaded=loaded)


def _delete_by_orm(connection: Connection, along: Along, row: Row, *, loaded: bool) -> None:
    cls = getattr(importlib.import_module(along.owner.module), along.owner.name)
    keys = cls.__mapper__.primary_key
    attributes = [getattr(cls, cls.__mapper__.get_property_by_column(key).key) for key in keys]
    where = " AND ".join(f"{quoted(along.parent.name, key.name)} = {row.values[key.name]}" for key in keys)
    with Session(bind=connection, join_transaction_mode="create_savepoint") as session:
        statement = select(cls).options(load_only(*attributes), lazyload("*")).where(text(where.replace(":", r"\:")))
        found = session.scalars(statement).one()
        if loaded:
            session.refresh(found, [along.relationship.name])
        session.delete(found)
        session.flush()
        session.commit()


def _delete_in_sql(connection: Connection, along: Along, row: Row) -> None:
    where = " AND ".join(f"{quoted(name)} = {row.values[name]}" for name in along.key.referenced_columns)
    with connection.begin_nested():
        connection.execute(text(f"DELETE FROM {_table(along.parent)} WHERE {where}".replace(":", r"\:")))


@contextmanager
def _noted(connection: Connection, statements: list[str]) -> Iterator[None]:
    def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
        statements.append(" ".join(statement.split())[:500])

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", note)


def _table(table: Table) -> str:
    return quoted(table.schema, table.name)


if __name__ == "__main__":
    main()
