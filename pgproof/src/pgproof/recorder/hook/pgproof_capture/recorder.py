"""Appends a line to the recording for each statement, and one for what is seen for the first time.

Every line is written at once and whole, with O_APPEND, so that processes share the file and a kill loses nothing that
was executed. Of values only a digest under a key is written that nobody keeps, and of an OFFSET how many rows it skips.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import threading
import weakref
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from .shapes import Shape, Source, shape
from .sites import Site, Sites

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.engine import ExecutionContext
    from sqlalchemy.orm import ORMExecuteState, Session, SessionTransaction

_MOST_SHAPES = 5_000
"""Remembered at a time: a program that writes values into its statements has no end of them."""
_MOST_DIGESTS = 40
"""Parameters of a statement that get a digest; a row has rarely more columns."""
_LOADER = "pgproof_loader"


class Recorder:
    """Listens to SQLAlchemy in this process.

    Args:
        file: that is there, to append to.
        secret: key of the digests.
        root: the project's folder.
    """

    def __init__(self, file: str, secret: bytes, root: Path) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._digest = blake2b(key=secret, digest_size=4)
        self._sites = Sites(root)
        self._shapes: dict[str, tuple[str, Shape]] = {}
        self._known: set[str] = set()
        self._site_names: dict[Site, str] = {}
        self._loaders: dict[Any, str] = {}
        self._forked()
        os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        """Number units and tasks of this process; what the file knows of statements it knows from the parent, too."""
        self._process = os.getpid()
        self._numbers = itertools.count(1)
        self._tasks: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def listen_to_engines(self) -> None:
        """Record what every engine of the process executes, those of the future included.

        The dialect's events and not the engine's: where an engine has any, SQLAlchemy prepares and calls many more.
        """
        from sqlalchemy import Engine, event

        event.listen(Engine, "do_execute", self._execute)
        event.listen(Engine, "do_executemany", self._execute_many)
        event.listen(Engine, "do_execute_no_params", self._execute_without)

    def listen_to_sessions(self) -> None:
        """Record which statements the ORM sends on its own, and where a session's transaction begins."""
        from sqlalchemy import event
        from sqlalchemy.orm import Session

        event.listen(Session, "after_begin", self._session_began)
        event.listen(Session, "do_orm_execute", self._orm_executes)

    def _number(self) -> str:
        return f"{self._process}-{next(self._numbers)}"

    def _session_began(self, session: Session, transaction: SessionTransaction, connection: Connection) -> None:
        # A session that joins an outer transaction, as in tests, is a unit of its own; a savepoint is none.
        if not transaction.nested:
            self._new_unit(connection, connection.get_transaction())

    def _new_unit(self, connection: Connection, transaction: Any) -> tuple[Any, str]:
        # Weakly: a connection that nobody closes goes with its last reference, as it does unrecorded.
        unit = (weakref.ref(transaction), self._number())
        connection.pgproof_unit = unit  # type: ignore[attr-defined]
        return unit

    def _unit(self, connection: Connection, transaction: Any) -> str:
        """The transaction that a statement belongs to: a number that is its own."""
        unit = getattr(connection, "pgproof_unit", None)
        if unit is None or unit[0]() is not transaction:
            unit = self._new_unit(connection, transaction)
        number: str = unit[1]
        return number

    def _orm_executes(self, state: ORMExecuteState) -> None:
        try:
            self._name_loader(state)
        except Exception as error:
            self._fault(error)

    def _name_loader(self, state: ORMExecuteState) -> None:
        if not state.is_select:
            return
        lazy = state.lazy_loaded_from
        if lazy is not None:
            path = state.loader_strategy_path
            loaded = getattr(path, "prop", None)
            key = loaded if loaded is not None else lazy.mapper
        elif state.is_column_load:
            loaded, key = None, state.bind_mapper
        else:
            return
        name = self._loaders.get(key)
        if name is None:
            name = self._loaders[key] = self._loader(loaded, lazy.mapper if lazy is not None else key)
        state.update_execution_options(**{_LOADER: name})

    def _loader(self, prop: Any, mapper: Any) -> str:
        owner = mapper.class_.__name__ if mapper is not None else ""
        attribute = prop.key if prop is not None else ""
        name = json.dumps(f"{owner}.{attribute}")
        self._write(
            {
                "loader": json.loads(name),
                "class": owner,
                "attribute": attribute,
                "collection": bool(prop is not None and prop.uselist),
            }
        )
        return name

    def _execute(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        return self._timed(context.dialect.do_execute, cursor, statement, parameters, context, (parameters,))

    def _execute_many(self, cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
        return self._timed(context.dialect.do_executemany, cursor, statement, parameters, context, (parameters,), True)

    def _execute_without(self, cursor: Any, statement: str, context: Any) -> bool:
        return self._timed(context.dialect.do_execute_no_params, cursor, statement, (), context, ())

    def _timed(
        self,
        execute: Callable[..., None],
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        given: tuple[Any, ...],
        many: bool = False,
    ) -> bool:
        """Execute in the dialect's place, which returning True says."""
        started = perf_counter_ns()
        try:
            execute(cursor, statement, *given, context)
        except Exception as error:
            took = perf_counter_ns() - started
            state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or ""
            self._executed(statement, parameters, context, many, took, f',"error":{json.dumps(str(state))}')
            raise
        took = perf_counter_ns() - started
        # Of a server-side cursor nobody knows yet how many rows it has.
        rows = getattr(cursor, "rowcount", -1)
        more = f',"rows":{rows}' if isinstance(rows, int) and rows >= 0 else ""
        self._executed(statement, parameters, context, many, took, more)
        return True

    def _executed(
        self, statement: str, parameters: Any, context: ExecutionContext, many: bool, took: int, more: str
    ) -> None:
        connection = context.root_connection
        transaction = connection.get_transaction()
        if transaction is None:
            # Nothing of the application's is outside a transaction: SQLAlchemy asks a new server who it is.
            return
        try:
            head, form = self._shape(statement, parameters, context, many)
            unit = self._unit(connection, transaction)
            line = f'{head}"unit":"{unit}","task":"{self._task()}","ms":{took / 1e6:.3f}{more}{self._site()}'
            sets = len(parameters) if many else form.sets
            if sets > 1:
                line += f',"sets":{sets}'
            elif form.sources and len(form.sources) <= _MOST_DIGESTS:
                line += f',"keys":"{self._digests(form, parameters)}"'
            if form.offset is not None and not many:
                line += f',"skipped":{self._skipped(form.offset, parameters)}'
            loader = context.execution_options.get(_LOADER)
            if loader is not None:
                line += f',"loader":{loader}'
            os.write(self._file, f"{line}}}\n".encode())
        except Exception as error:
            self._fault(error)

    def _fault(self, error: Exception) -> None:
        """Say that an execution is missing, and no value of it: the program goes on, whatever it was."""
        self._write({"fault": type(error).__name__})

    def _shape(self, statement: str, parameters: Any, context: ExecutionContext, many: bool) -> tuple[str, Shape]:
        known = self._shapes.get(statement)
        if known is None:
            if len(self._shapes) >= _MOST_SHAPES:
                self._shapes.clear()
            form = shape(statement, percent=context.dialect.paramstyle in ("format", "pyformat"))
            name = blake2b(form.text.encode(), digest_size=8).hexdigest()
            known = self._shapes[statement] = (f'{{"run":"{name}",', form)
            if name not in self._known:
                self._known.add(name)
                first = parameters[0] if many and parameters else parameters
                types = [type(_values(first, sources)[0]).__name__ for sources in form.sources] if first else []
                self._write({"statement": name, "text": form.text, "types": types})
        return known

    def _site(self) -> str:
        site = self._sites.here()
        if site is None:
            return ""
        name = self._site_names.get(site)
        if name is None:
            digest = blake2b(repr(tuple(site)).encode(), digest_size=5).hexdigest()
            name = self._site_names[site] = f',"site":"{digest}"'
            self._write({"site": digest, "file": site.file, "line": site.line, "function": site.function})
        return name

    def _task(self) -> str:
        """The thread, or the asyncio task, that executes: a number that is its own."""
        asyncio = sys.modules.get("asyncio")
        looping = asyncio is not None and asyncio._get_running_loop() is not None
        # The thread itself and not its identifier, which the system gives again as soon as a thread has ended.
        running = (asyncio.current_task() if asyncio and looping else None) or threading.current_thread()
        task = self._tasks.get(running)
        if task is None:
            task = self._tasks[running] = self._number()
        return task

    def _digests(self, form: Shape, parameters: Any) -> str:
        return " ".join([self._of_value(parameters, sources) for sources in form.sources])

    def _of_value(self, parameters: Any, sources: tuple[Source, ...]) -> str:
        told = repr(parameters[sources[0]] if len(sources) == 1 else _values(parameters, sources))
        if " at 0x" in told:
            # An address says which object it is, not which value.
            return "?"
        digest = self._digest.copy()
        digest.update(told.encode(errors="replace"))
        return digest.hexdigest()

    def _skipped(self, offset: tuple[Source | None, int], parameters: Any) -> int:
        source, written = offset
        value = parameters[source] if source is not None else written
        return value if isinstance(value, int) else 0

    def _write(self, document: dict[str, object]) -> None:
        try:
            os.write(self._file, f"{json.dumps(document)}\n".encode())
        except OSError:
            # The disk is full, for example: the recording ends, the program does not.
            return


def _values(parameters: Any, sources: tuple[Source, ...]) -> tuple[Any, ...]:
    return tuple(parameters[source] for source in sources)
