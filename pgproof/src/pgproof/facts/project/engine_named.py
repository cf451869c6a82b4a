"""Finds the engine that a name of the project's code leads to."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pgproof.errors import PgproofError
from pgproof.facts.project.guard import guard
from pgproof.facts.project.inside import named_object, place_of, said_by
from pgproof.facts.source_line import SourceLine

OPTION = "--engine"


def engine_named(name: str) -> Any:
    """Return the SQLAlchemy Engine that a name leads to; of an AsyncEngine the sync one inside.

    Args:
        name: `package.module:engine`, also of an AsyncEngine, a session factory or an object with an `engine`, which
            may be a method; with `()` at the end of a function, sync or async, that returns one of those.

    Raises:
        PgproofError: it leads to none; one line with the way out.
    """
    called = name.endswith("()")
    try:
        found = named_object(name.removesuffix("()"), OPTION)
        if called:
            found = _call(name, found)
        elif inspect.isroutine(found):
            raise PgproofError(f"{OPTION} {name} is a function: write {name}() to have it called")
        return _engine_of(name, found)
    except PgproofError:
        raise
    except Exception as error:
        raise PgproofError(f"{OPTION} {name} failed ({place_of(error)}): {said_by(error)}{_refused()}") from None


def location_of(name: str) -> SourceLine | None:
    """Return where the named object is made or its factory begins; None where the module only imports it."""
    module_name, _, attribute = name.removesuffix("()").partition(":")
    file = getattr(importlib.import_module(module_name), "__file__", None)
    if file is None:
        return None
    path = Path(file)
    line = _line_of(ast.parse(path.read_bytes()).body, attribute.partition(".")[0])
    if line is None:
        return None
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return SourceLine(str(shown), line)


def _line_of(body: list[ast.stmt], name: str) -> int | None:
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if statement.name == name:
                return statement.lineno
            case ast.Assign(targets=targets) if any(isinstance(each, ast.Name) and each.id == name for each in targets):
                return statement.lineno
            case ast.AnnAssign(target=ast.Name(id=target)) if target == name:
                return statement.lineno
    return None


def _call(name: str, factory: Any) -> Any:
    if not callable(factory):
        raise PgproofError(f"{OPTION} {name} is no function: leave out the ()")
    required = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if required:
        raise PgproofError(
            f"{OPTION} {name} needs arguments ({', '.join(required)}): write a function without any that returns the "
            "engine, and name that"
        )
    made = factory()
    return asyncio.run(_awaited(made)) if inspect.isawaitable(made) else made


async def _awaited(made: Any) -> Any:
    return await made


@dataclass(frozen=True)
class _Asynchronous:
    """SQLAlchemy's classes for asyncio; none without greenlet, and then nothing of the project is of them."""

    engines: tuple[Any, ...] = ()
    sessions: tuple[Any, ...] = ()
    makers: tuple[Any, ...] = ()
    scoped: tuple[Any, ...] = ()


def _refused() -> str:
    if not guard.refused:
        return ""
    targets = ", ".join(sorted(map(str, guard.refused)))
    return f"; pgproof let it reach no database ({targets}): return the engine before anything connects"


def _asynchronous() -> _Asynchronous:
    try:
        from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_scoped_session, async_sessionmaker
    except ImportError:
        return _Asynchronous()
    return _Asynchronous((AsyncEngine,), (AsyncSession,), (async_sessionmaker,), (async_scoped_session,))


def _engine_of(name: str, found: Any) -> Any:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.exc import UnboundExecutionError
    from sqlalchemy.orm import Session, scoped_session, sessionmaker

    asynchronous = _asynchronous()
    scoped = (scoped_session, *asynchronous.scoped)
    if isinstance(found, (sessionmaker, *asynchronous.makers, *scoped)):
        found = found.session_factory if isinstance(found, scoped) else found
        found = found()
    if isinstance(found, (Session, *asynchronous.sessions)):
        session: Any = found
        try:
            found = session.get_bind()
        except UnboundExecutionError:
            raise PgproofError(
                f"{OPTION} {name} makes sessions that are bound to no one engine: name the engine itself"
            ) from None
    if not isinstance(found, (Engine, *asynchronous.engines)):
        found = getattr(found, "engine", found)
        found = _call(f"{name}.engine()", found) if inspect.ismethod(found) else found
    if isinstance(found, asynchronous.engines):
        found = found.sync_engine
    if found is None:
        raise PgproofError(
            f"{OPTION} {name} is None: write a function without arguments that starts what is needed and returns the "
            "engine, and name that with ()"
        )
    if isinstance(found, Connection) or not isinstance(found, Engine):
        raise PgproofError(
            f"{OPTION} {name} is a {type(found).__name__}: name an Engine, an AsyncEngine, a session factory, or an "
            "object with an engine"
        )
    if found.dialect.name != "postgresql":
        raise PgproofError(
            f"{OPTION} {name} is an engine of {found.dialect.name}: pgproof reads those of PostgreSQL; if settings "
            "choose it, give them as environment variables"
        )
    return found
