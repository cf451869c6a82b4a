"""Steps of a migration that run beside traffic and can be run again after a kill at any statement.

What a step leaves behind when it is killed is recognised by definition and validity, never by name alone: an
invalid index of the wanted definition is dropped and built again, anything else under its name is refused.
Strong locks are asked for in transactions of their own that give up after 50 ms, since a lock request that
waits makes everybody wait who comes after it; they are tried again later. Concurrent builds have no
lock_timeout: they wait for old transactions without blocking anybody, and a timeout would leave an invalid
index (PostgreSQL documentation, CREATE INDEX, "Building Indexes Concurrently").
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic import op
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

LOCK_TIMEOUT_MS = 50
ATTEMPTS = 400
LONGEST_PAUSE_SECONDS = 1.0
MIGRATION_LOCK = 7_215_830_442_116_530_001
"""Key of the session advisory lock that one migration of this database holds."""

LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED, FOREIGN_KEY_VIOLATION = "55P03", "40P01", "23503"
RETRIED = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED, FOREIGN_KEY_VIOLATION})

NO_TIMEOUTS = """
SELECT set_config(name, '0', false) FROM pg_catalog.pg_settings
WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
               'transaction_timeout', 'idle_session_timeout')
"""

INDEX_STATE = """
SELECT pg_catalog.pg_get_indexdef(i.indexrelid) AS definition, i.indisvalid AND i.indisready AS valid
FROM pg_catalog.pg_index i
WHERE i.indexrelid = pg_catalog.to_regclass(:name)
"""


@dataclass(frozen=True)
class Index:
    """An index as `pg_get_indexdef` writes it, so that what is found can be compared with what is wanted.

    Args:
        name: the index's name; it lies in the schema public.
        table: the table's name, in the schema public.
        keys: the key columns as PostgreSQL deparses them, without the parentheses.
        where: the predicate as PostgreSQL deparses it, with its parentheses.
        include: further columns that an index-only scan can answer from, without the parentheses.
        unique: whether it enforces uniqueness.
    """

    name: str
    table: str
    keys: str
    where: str = ""
    unique: bool = False
    include: str = ""

    @property
    def definition(self) -> str:
        """What `pg_get_indexdef` answers for this index."""
        return self._sql(concurrently=False)

    @property
    def build(self) -> str:
        """The statement that builds it without blocking writes."""
        return self._sql(concurrently=True)

    def _sql(self, *, concurrently: bool) -> str:
        unique = "UNIQUE " if self.unique else ""
        how = "CONCURRENTLY " if concurrently else ""
        columns = f"({self.keys})" + (f" INCLUDE ({self.include})" if self.include else "")
        where = f" WHERE {self.where}" if self.where else ""
        return f"CREATE {unique}INDEX {how}{self.name} ON public.{self.table} USING btree {columns}{where}"


@dataclass(frozen=True)
class Step:
    """What a migration is about to do, for whoever watches it."""

    title: str
    index: str | None = None


@dataclass(frozen=True)
class Note:
    """Something a person has to know or to decide after the migration."""

    text: str


Watcher = Callable[[Step | Note], None]


def sqlstate(error: DBAPIError) -> str | None:
    """Return the SQLSTATE that PostgreSQL gave for an error, whatever the driver calls it."""
    return getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)


@contextmanager
def only_migration(connection: Connection) -> Iterator[None]:
    """Hold the session advisory lock that keeps migrations of one database apart.

    A migration whose client was killed goes on in its backend until the statement ends; who runs again waits
    for that. The wait polls, since a session that waits inside a statement holds a snapshot, for which the
    other's concurrent build would wait in turn.

    Args:
        connection: the connection that migrates; it must not come through a transaction-pooling PgBouncer.
    """
    deadline = time.monotonic() + 3600
    while not connection.scalar(text(f"SELECT pg_try_advisory_lock({MIGRATION_LOCK})")):
        connection.rollback()
        if time.monotonic() > deadline:
            raise CommandError(
                "another migration of this database has been running for an hour, so nothing was done; "
                f"find it in pg_locks (advisory lock {MIGRATION_LOCK}) and run again when it has ended"
            )
        time.sleep(0.1)
    connection.commit()
    try:
        yield
    finally:
        if not connection.invalidated and not connection.closed:
            connection.rollback()
            connection.execute(text(f"SELECT pg_advisory_unlock({MIGRATION_LOCK})"))
            connection.commit()


class Steps:
    """The lock-safe operations, outside of Alembic's own transaction."""

    def __init__(self, connection: Connection, watch: Watcher) -> None:
        self.connection = connection
        self.watch = watch

    def build_index(self, index: Index, *, before_build: Callable[[], None] | None = None) -> None:
        """Build an index without blocking writes, unless it is there and valid.

        Args:
            index: the index.
            before_build: run before each attempt to build; what it settles (duplicates, say) may come back
                while the build waits, so that a build which finds a duplicate starts over, ten times at most.

        Raises:
            CommandError: something else has the index's name, or duplicates keep arriving.
        """
        for _ in range(10):
            if self._is_built(index):
                return
            if before_build is not None:
                before_build()
            self.watch(Step(f"build {index.name}", index=index.name))
            try:
                self.connection.exec_driver_sql(index.build)
            except DBAPIError as error:
                if before_build is None or sqlstate(error) != "23505":
                    raise
        raise CommandError(
            f"duplicates arrive in {index.table} faster than they can be set aside, so {index.name} could not be "
            "built; stop the writer that inserts them and run the migration again"
        )

    def _is_built(self, index: Index) -> bool:
        """Tell whether the index is there and valid; remove what a killed build left of it."""
        found = self.connection.execute(text(INDEX_STATE), {"name": f"public.{index.name}"}).one_or_none()
        if found is None:
            return False
        if found.definition != index.definition:
            raise CommandError(
                f"{index.name} exists with another definition ({found.definition}), so it was left alone; "
                "rename or drop it and run the migration again"
            )
        if found.valid:
            return True
        self.drop_index(index)
        return False

    def drop_index(self, index: Index) -> None:
        """Drop an index without blocking writes, unless it is gone."""
        self.watch(Step(f"drop {index.name}"))
        self.connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS public.{index.name}")

    def add_unique_constraint(self, index: Index) -> None:
        """Turn a valid unique index into the constraint of its name, unless it is one."""
        if not self._has_constraint(index):
            self.watch(Step(f"add constraint {index.name}"))
            self.short_transaction(
                f"ALTER TABLE public.{index.table} ADD CONSTRAINT {index.name} UNIQUE USING INDEX {index.name}"
            )

    def drop_constraint(self, index: Index) -> None:
        """Drop the constraint of an index's name with its index, unless it is gone."""
        if self._has_constraint(index):
            self.watch(Step(f"drop constraint {index.name}"))
            self.short_transaction(f"ALTER TABLE public.{index.table} DROP CONSTRAINT {index.name}")

    def _has_constraint(self, index: Index) -> bool:
        return bool(
            self.connection.scalar(
                text(
                    "SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint "
                    "WHERE conrelid = pg_catalog.to_regclass(:table) AND conname = :name AND contype = 'u')"
                ),
                {"table": f"public.{index.table}", "name": index.name},
            )
        )

    def short_transaction(self, *statements: str, parameters: dict[str, object] | None = None) -> int:
        """Run statements in one transaction that gives up after 50 ms of waiting, until it goes through.

        Args:
            statements: SQL with SQLAlchemy's named parameters.
            parameters: the values of those parameters.

        Returns:
            The number of rows that the last statement touched.

        Raises:
            CommandError: the lock could not be had in 400 attempts, which take some minutes.
        """
        pause = 0.01
        for _ in range(ATTEMPTS):
            self.connection.exec_driver_sql("BEGIN")
            try:
                self.connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
                rows = 0
                for statement in statements:
                    rows = self.connection.execute(text(statement), parameters or {}).rowcount
                self.connection.exec_driver_sql("COMMIT")
            except DBAPIError as error:
                if error.connection_invalidated:
                    raise
                self.connection.exec_driver_sql("ROLLBACK")
                if sqlstate(error) not in RETRIED:
                    raise
                # Jitter, so that two migrations or a periodic writer do not meet again at each attempt.
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
            else:
                return rows
        raise CommandError(
            f"a lock could not be had in {ATTEMPTS} attempts ({statements[-1].strip().splitlines()[0]}), so the "
            "migration stopped; end the long transactions on that table (pg_stat_activity) and run it again"
        )


@contextmanager
def steps() -> Iterator[Steps]:
    """Give the lock-safe operations to a revision, in autocommit and without timeouts."""
    migration = op.get_context()
    assert migration.config is not None
    with migration.autocommit_block():
        connection = op.get_bind()
        connection.exec_driver_sql(NO_TIMEOUTS)
        yield Steps(connection, migration.config.attributes.get("watch", lambda _: None))
