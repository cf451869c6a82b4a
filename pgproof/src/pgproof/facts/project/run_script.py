"""Runs upgrade() and downgrade() of a revision without a database, and records what they would send to one."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from alembic.config import Config
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspection, text
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import SQLAlchemyError

from pgproof.facts.migrations import Operation, Relation, SettingBefore, Unread
from pgproof.facts.project.ddl import operations_of, statements
from pgproof.facts.project.script_text import first_line
from pgproof.facts.project.side_effects import SideEffectError, running_scripts
from pgproof.facts.source_line import SourceLine

_LONGEST = 4_000
"""Characters of a statement that are kept: enough to recognise it."""
_NO_TABLE = "no_table"
"""What Alembic calls the table of an index that is dropped without naming one."""


class NeedsDatabaseError(BaseException):
    """The script asked for what only a database can say; no `except Exception` of the script may hide that."""


class Recorder:
    """What one direction of one revision was seen to send, in order.

    Attributes:
        operations: so far.
        stopped: why it can be read no further; None while it can.
    """

    def __init__(self, file: Path, source: Callable[[int], SourceLine], *, autocommit: bool) -> None:
        self.operations: list[Operation] = []
        self.stopped: Unread | None = None
        self._file = str(file)
        self._source = source
        self._transactions = 0
        self._transaction: int | None = None if autocommit else 0
        self._settings: tuple[SettingBefore, ...] = ()
        self._made: set[Relation] = set()

    def begin(self) -> None:
        """A transaction begins."""
        if self._transaction is None:
            self._transactions += 1
            self._transaction = self._transactions

    def end(self) -> None:
        """The transaction ends, and with it what was set for it alone."""
        self._transaction = None
        self._settings = tuple(each for each in self._settings if not each.local)

    def send(self, sql: str, *, table: Relation | None = None, old_type: str | None = None) -> None:
        """Record a text that is sent, statement by statement.

        Args:
            sql: one statement or several; several make one transaction where there is none.
            table: what the statement is about, where its text does not say so.
            old_type: of the column that changes its type.
        """
        several = statements(sql)
        together = len(several) > 1 and self._transaction is None
        if together:
            self.begin()
        for statement in several:
            for operation in operations_of(statement):
                self._record(operation, table, old_type)
        if together:
            self.end()

    def needs(self, what: str) -> NeedsDatabaseError:
        """Return the error that ends the reading, since the script asks for what only a database can say."""
        self._stop(what)
        return NeedsDatabaseError(what)

    def failed(self, error: BaseException) -> None:
        """Note that the script ended with an error."""
        if isinstance(error, NeedsDatabaseError):
            return
        if isinstance(error, SideEffectError):
            self._stop(str(error), error)
        else:
            self._stop(f"it ended with {first_line(error)}", error)

    def _stop(self, reason: str, error: BaseException | None = None) -> None:
        if self.stopped is None:
            self.stopped = Unread(reason, self._line_of(error) if error else self._line())

    def _record(self, operation: Operation, table: Relation | None, old_type: str | None) -> None:
        about = operation.table or table
        column = operation.column
        if column is not None and old_type is not None and operation.kind == "alter_type":
            column = replace(column, old_type=old_type)
        self.operations.append(
            replace(
                operation,
                sql=operation.sql[:_LONGEST],
                line=self._line(),
                table=about,
                column=column,
                transaction=self._transaction,
                new_table=about in self._made and operation.kind != "create_table",
                settings=self._settings,
            )
        )
        self._follow(operation)

    def _follow(self, operation: Operation) -> None:
        match operation.kind:
            case "create_table" if operation.table is not None:
                self._made.add(operation.table)
            case "rename_table" if operation.table in self._made:
                self._made |= _renamed(operation)
            case "begin":
                self.begin()
            case "commit" | "rollback":
                self.end()
            case "set":
                local = "local" in operation.columns
                setting = SettingBefore(operation.name or "", operation.new_name or "", local)
                kept = tuple(each for each in self._settings if local or each.name != setting.name)
                self._settings = (*kept, setting)

    def _line(self) -> SourceLine | None:
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename == self._file:
                return self._source(frame.f_lineno)
            frame = frame.f_back
        return None

    def _line_of(self, error: BaseException) -> SourceLine | None:
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self._file:
                line = trace.tb_lineno
            trace = trace.tb_next
        return self._source(line) if line is not None else None


def _renamed(operation: Operation) -> set[Relation]:
    table, new = operation.table, operation.new_name
    assert table is not None
    assert new is not None
    return {Relation(table.schema, new), Relation(new, table.name)}


class _Answer:
    """What a statement would have come back with; whoever looks at it needs a database."""

    def __init__(self, recorder: Recorder, statement: str) -> None:
        self._recorder = recorder
        self._statement = statement

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._recorder.needs(f"it reads the answer to {self._statement}")

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __bool__(self) -> bool:
        return bool(self.rowcount)

    def close(self) -> None:
        """Nothing was opened."""


class _Connection(MockConnection):
    """What `op.get_bind()` gives: it takes statements and knows no answers."""

    def __init__(self, recorder: Recorder, implementation: _Implementation) -> None:
        super().__init__(implementation.dialect, self._send)
        self._recorder = recorder
        self._implementation = implementation

    def _send(self, construct: Any, *_: Any, **__: Any) -> _Answer:
        """Take a statement; its parameters are data."""
        return self._implementation.send(construct)

    def exec_driver_sql(self, statement: str, *args: Any, **kwargs: Any) -> Any:
        """Take a text as the driver would get it."""
        return self._implementation.send_text(statement)

    def scalar(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse: who asks for a value wants it."""
        return self._implementation.send(statement).scalar()

    def scalars(self, statement: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse: who asks for values wants them."""
        return self._implementation.send(statement).scalars()

    def in_transaction(self) -> bool:
        """As in a real run, where Alembic began one."""
        return True

    def in_nested_transaction(self) -> bool:
        """Never: Alembic begins none."""
        return False

    @contextlib.contextmanager
    def begin(self) -> Iterator[_Connection]:
        """Begin what Alembic has begun already."""
        yield self

    begin_nested = begin

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise self._recorder.needs(f"it asks the connection for {name}")

    def inspector(self) -> _Inspector:
        """Return what `inspect()` of this connection gives."""
        return _Inspector(self, self._recorder)


class _Inspector:
    """What tells which database it would be, and nothing of its tables: scripts for several databases ask that first.

    Attributes:
        bind: the connection, also called engine.
        dialect: that of PostgreSQL.
    """

    def __init__(self, bind: _Connection, recorder: Recorder) -> None:
        self.bind = self.engine = bind
        self.dialect = bind.dialect
        self._recorder = recorder

    def __getattr__(self, name: str) -> Any:
        raise self._recorder.needs("it inspects the tables of the database")


# SQLAlchemy's own way to say what inspect() gives for a class; it looks nowhere else.
inspection._inspects(_Connection)(_Connection.inspector)


class _Implementation(PostgresqlImpl):
    """Alembic's own for PostgreSQL, which writes statements down instead of sending them.

    It has no `__dialect__` of its own, so it does not take the place of the one that it inherits from.
    """

    recorder: Recorder

    def send(self, construct: Any) -> _Answer:
        """Record a statement as the dialect writes it."""
        if isinstance(construct, str):
            construct = text(construct)
        try:
            compiled = str(construct.compile(dialect=self.dialect))
        except SQLAlchemyError:
            compiled = str(construct)
        old = getattr(construct, "existing_type", None)
        self.recorder.send(
            compiled,
            table=_table_of(construct),
            old_type=None if old is None else old.compile(dialect=self.dialect),
        )
        return _Answer(self.recorder, _first_words(compiled))

    def send_text(self, sql: str) -> _Answer:
        """Record a text that no dialect writes."""
        self.recorder.send(sql)
        return _Answer(self.recorder, _first_words(sql))

    def _exec(self, construct: Any, *args: Any, **kwargs: Any) -> Any:
        return self.send(construct)

    def bulk_insert(self, table: Any, rows: Any, multiinsert: bool = True) -> None:
        """Record the statement once, without the rows, which are data."""
        self.send(table.insert())

    def emit_begin(self) -> None:
        """After an autocommit block."""
        self.recorder.begin()

    def emit_commit(self) -> None:
        """Before an autocommit block."""
        self.recorder.end()


def _table_of(construct: Any) -> Relation | None:
    """The table of an index that is dropped, which the statement does not name."""
    table = getattr(getattr(construct, "element", None), "table", None)
    name = getattr(table, "name", None)
    return Relation(getattr(table, "schema", None), str(name)) if name not in (None, _NO_TABLE) else None


def _first_words(sql: str) -> str:
    words = operations_of(statements(sql)[0])[0].sql.split() if statements(sql) else []
    return " ".join(words[:6])


def record(function: Callable[[], object], recorder: Recorder, config: Config, scripts: ScriptDirectory) -> None:
    """Run one direction of a revision; what stops it is noted in the recorder.

    Args:
        function: its upgrade() or downgrade().
        recorder: to fill.
        config: that its scripts may look into.
        scripts: of the same chain.
    """
    with EnvironmentContext(config, scripts, as_sql=True) as environment:
        # A named style, since the drivers' own doubles every percent sign.
        environment.configure(
            dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, output_buffer=io.StringIO()
        )
        context: MigrationContext = environment.get_context()
        implementation = _Implementation(context.dialect, None, True, None, io.StringIO(), context.opts)
        implementation.recorder = recorder
        implementation.connection = context.connection = _Connection(recorder, implementation)  # type: ignore[assignment]
        context.impl = implementation
        with Operations.context(context):
            try:
                with running_scripts():
                    function()
            except (Exception, SystemExit, NeedsDatabaseError, SideEffectError) as error:
                recorder.failed(error)
