"""What an engine was made with: its pool, and what its driver is told; nothing is connected to."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from pgproof.facts.engine import Argument, Engine, Pool

LIBPQ_DRIVERS = frozenset(("psycopg", "psycopg2"))

_TARGET = frozenset(("host", "hostaddr", "port", "dbname", "database", "user", "password", "dsn", "service", "context"))

HARMLESS = frozenset(
    (
        *("application_name", "fallback_application_name", "target_session_attrs", "sslmode", "gssencmode"),
        *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "prepare_threshold", "statement_cache_size", "prepared_statement_cache_size"),
        *("timeout", "command_timeout", "tcp_keepalive", "client_encoding", "autocommit"),
    )
)
"""Names whose values are no secrets; `ssl` of asyncpg may be an object, and is read as a word where it is one."""

_GUC = re.compile(r"-c\s*([\w.]+)\s*=\s*((?:\\.|\S)*)|--([\w.-]+)=((?:\\.|\S)*)")


class _Captured(Exception):
    """The driver's parameters are known; no connection was made for them."""


def described(name: str, engine: Any) -> Engine:
    """Return what an engine was made with.

    Args:
        name: by which it was given.
        engine: SQLAlchemy's, sync.
    """
    parameters = parameters_of(engine)
    driver = driver_of(engine)
    return Engine(
        name=name,
        driver=driver,
        is_async=engine.dialect.is_async,
        target=None,
        local=None,
        pool=_pool(engine),
        arguments=None if parameters is None else arguments_of(parameters),
        prepares=_prepares(driver, parameters),
        processes=None,
        echo=bool(engine.echo),
        isolation_level=_isolation_level(engine),
    )


def driver_of(engine: Any) -> str:
    """Return the driver's name, the same for sync and async."""
    return str(engine.dialect.driver).removesuffix("_async")


def parameters_of(engine: Any) -> dict[str, Any] | None:
    """Return what the driver would be told, after the project's own listeners; None where a function of it connects."""
    from sqlalchemy import event

    inner = _pool_of_driver(engine.pool)
    if inner is not None:
        return (_of_dsn(inner.conninfo) if isinstance(inner.conninfo, str) else {}) | dict(inner.kwargs or {})
    captured: dict[str, Any] = {}

    def capture(dialect: Any, record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        if arguments and isinstance(arguments[0], str):
            captured.update(_of_dsn(arguments[0]))
        captured.update(parameters)
        raise _Captured

    event.listen(engine, "do_connect", capture)
    try:
        engine.raw_connection()
    except _Captured:
        return captured
    except Exception:
        return None
    finally:
        event.remove(engine, "do_connect", capture)
    return None


def _of_dsn(dsn: str) -> dict[str, Any]:
    return {name: value for name, value in conninfo_to_dict(dsn).items() if value is not None}


def arguments_of(parameters: Mapping[str, Any]) -> tuple[Argument, ...]:
    """Return what a driver is told beside the target; values only of what is no secret."""
    return tuple(_arguments(parameters))


def _arguments(parameters: Mapping[str, Any]) -> Iterator[Argument]:
    for name, value in sorted(parameters.items()):
        if name in _TARGET:
            continue
        if name == "options":
            yield from _settings_of_options(str(value))
        elif name == "server_settings" and isinstance(value, Mapping):
            for setting, given in sorted(value.items()):
                yield _setting(str(setting), str(given))
        else:
            shown = name in HARMLESS or (name == "ssl" and isinstance(value, str | bool))
            yield Argument(name, str(value) if shown else None)


def _settings_of_options(options: str) -> Iterator[Argument]:
    for short, value, long, other in _GUC.findall(options):
        yield _setting(short or long.replace("-", "_"), value or other)


def _setting(name: str, value: str) -> Argument:
    """A setting of PostgreSQL; one with a dot in its name is the application's own, and may be a secret."""
    if name == "application_name":
        return Argument(name, value)
    return Argument(f"options {name}", None if "." in name else value)


def _prepares(driver: str, parameters: Mapping[str, Any] | None) -> bool | None:
    """Whether the driver gives statements names at the server.

    psycopg: after prepare_threshold executions, 5 by default; asyncpg under SQLAlchemy: always, unless its names are
    the project's own and nothing is cached (SQLAlchemy documentation, asyncpg with PgBouncer); the others never.
    """
    if driver in ("psycopg2", "pg8000"):
        return False
    if parameters is None:
        return None
    if driver == "psycopg":
        return parameters.get("prepare_threshold", 5) is not None
    if driver == "asyncpg":
        own_names = "prepared_statement_name_func" in parameters
        return not (own_names and str(parameters.get("prepared_statement_cache_size")) == "0")
    return None


def _pool(engine: Any) -> Pool:
    from sqlalchemy import pool as pools

    pool = engine.pool
    inner = _pool_of_driver(pool)
    if inner is not None:
        return Pool(
            kind="driver",
            class_name=f"{type(inner).__name__} behind {type(pool).__name__}",
            size=inner.min_size,
            max_overflow=inner.max_size - inner.min_size,
            timeout=float(inner.timeout),
            recycle=float(inner.max_lifetime),
            pre_ping=getattr(inner, "_check", None) is not None,
        )
    recycle = getattr(pool, "_recycle", -1)
    reset = getattr(getattr(pool, "_reset_on_return", None), "name", None)
    common: dict[str, Any] = {
        "class_name": type(pool).__name__,
        "recycle": None if recycle in (-1, None) else float(recycle),
        "pre_ping": bool(getattr(pool, "_pre_ping", False)),
        "reset_on_return": reset.removeprefix("reset_") if reset and reset != "reset_none" else None,
        "checked": bool(pool.dispatch.checkout or engine.dispatch.engine_connect),
    }
    if isinstance(pool, pools.QueuePool):
        size, overflow = pool.size(), getattr(pool, "_max_overflow", -1)
        return Pool(
            kind="queue",
            size=size,
            max_overflow=None if overflow == -1 or size == 0 else overflow,
            timeout=float(pool.timeout()),
            use_lifo=bool(getattr(getattr(pool, "_pool", None), "use_lifo", False)),
            **common,
        )
    if isinstance(pool, pools.NullPool):
        return Pool(kind="none", **common)
    if isinstance(pool, pools.StaticPool):
        return Pool(kind="single", size=1, max_overflow=0, **common)
    return Pool(kind="other", **common)


def _pool_of_driver(pool: Any) -> Any:
    """The pool of psycopg that a creator takes its connections from; None for any other creator."""
    creator = getattr(pool, "_creator", None)
    held = [creator]
    if inspect.isfunction(creator):
        variables = inspect.getclosurevars(creator)
        held += [*variables.nonlocals.values(), *variables.globals.values()]
    held += [getattr(each, "__self__", None) for each in held]
    return next(
        (each for each in held if any(base.__module__.startswith("psycopg_pool.") for base in type(each).__mro__)), None
    )


def _isolation_level(engine: Any) -> str | None:
    level = engine.get_execution_options().get("isolation_level") or getattr(
        engine.dialect, "_on_connect_isolation_level", None
    )
    return None if level is None else str(level)
