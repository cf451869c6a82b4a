"""Engines for the web, for tools and for long work, all with the same settings on psycopg.

One driver, psycopg, for sync and async: libpq's parameters hold for both, which asyncpg does not know.
Statements are never prepared (`prepare_threshold=None`): the planner then sees the values of every execution,
so partial indexes and skewed values are planned for what they are, and behind PgBouncer in transaction mode
nothing changes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool

from intowork.database.capacity import LOOK_CONNECTIONS
from intowork.database.pool import ObservedQueuePool
from intowork.database.url import connect_parameters
from intowork.errors import IntoWorkError
from intowork.settings import Settings

# A peer that vanished without a word is noticed within 30 + 3 x 10 s; libpq ignores these on sockets.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

_PROBE_SECONDS = 2


def web_engine(settings: Settings) -> AsyncEngine:
    """Return the pooled async engine that serves requests.

    Args:
        settings: sizes, timeouts and DATABASE_URL.

    Raises:
        IntoWorkError: DATABASE_URL is missing or cannot be used.
    """
    return _async_engine(settings, settings.web_url(), "intowork-web", _pool_arguments(settings))


def engine_from_environment() -> AsyncEngine:
    """Return the engine of web requests as the settings in the environment make it.

    For tools that look at an engine rather than use it: `pgproof audit --engine`.
    """
    return web_engine(Settings())


def replica_engine(settings: Settings, url: URL) -> AsyncEngine:
    """Return the pooled async engine of a standby: the web's, READ ONLY, with one connection more, for looks.

    Args:
        settings: sizes and timeouts.
        url: one of `settings.replicas()`.

    Raises:
        IntoWorkError: the URL carries options, and PgBouncer would refuse them.
    """
    pool = _pool_arguments(settings) | {"max_overflow": settings.max_overflow + LOOK_CONNECTIONS}
    engine = _async_engine(settings, url, "intowork-replica", pool)
    # Of all its transactions, since SQLAlchemy leaves READ WRITE behind on a connection that was READ ONLY, which a
    # standby refuses. BEGIN says it, so it costs no round trip; a standby just promoted needs it.
    return engine.execution_options(postgresql_readonly=True)


def replica_tool_engine(settings: Settings, url: URL) -> Engine:
    """Return the engine with which a tool looks at a standby, without a pool.

    Args:
        settings: timeouts.
        url: one of `settings.replicas()`.

    Raises:
        IntoWorkError: the URL carries options, and PgBouncer would refuse them.
    """
    engine = create_engine(
        url,
        connect_args=_connect_args(settings, url, "intowork-check", settings.statement_timeout),
        poolclass=NullPool,
        hide_parameters=True,
    )
    _set_timeouts_per_transaction(engine, settings, settings.statement_timeout)
    return engine


def sync_engine(settings: Settings) -> Engine:
    """Return the pooled engine for tools, the same in every setting as the web's.

    Args:
        settings: sizes, timeouts and DATABASE_URL.

    Raises:
        IntoWorkError: DATABASE_URL is missing or cannot be used.
    """
    engine = create_engine(
        settings.web_url(),
        connect_args=_connect_args(settings, settings.web_url(), "intowork", settings.statement_timeout),
        poolclass=ObservedQueuePool,
        **_pool_arguments(settings),
    )
    _set_timeouts_per_transaction(engine, settings, settings.statement_timeout)
    return engine


def direct_engine(settings: Settings) -> Engine:
    """Return the engine for migrations and workers: the server itself, and statements as long as they take.

    Without a pool: such work holds one connection from its beginning to its end, and session locks must end
    with it.

    Args:
        settings: timeouts and DIRECT_DATABASE_URL, or DATABASE_URL where that is the server.

    Raises:
        IntoWorkError: there is no URL of the server itself.
    """
    url = settings.direct_url()
    return create_engine(
        url,
        connect_args=_connect_args(settings, url, "intowork-direct", 0, startup_options=True),
        poolclass=NullPool,
        hide_parameters=True,
    )


def probe_engine(settings: Settings) -> AsyncEngine:
    """Return the engine of the readiness check: a connection of its own that gives up after 2 s.

    It stands apart from the pool, so that a pool that is merely full does not look like a server that is gone.

    Args:
        settings: DATABASE_URL, and whether it is PgBouncer's.

    Raises:
        IntoWorkError: DATABASE_URL is missing or cannot be used.
    """
    impatient = settings.model_copy(update={"database_timeout": _PROBE_SECONDS})
    engine = create_async_engine(
        settings.web_url(),
        connect_args=_connect_args(impatient, settings.web_url(), "intowork-probe", _PROBE_SECONDS * 1000),
        poolclass=NullPool,
    )
    _set_timeouts_per_transaction(engine.sync_engine, settings, _PROBE_SECONDS * 1000)
    return engine


def _async_engine(settings: Settings, url: URL, application_name: str, pool: dict[str, Any]) -> AsyncEngine:
    engine = create_async_engine(
        url,
        connect_args=_connect_args(settings, url, application_name, settings.statement_timeout),
        poolclass=AsyncAdaptedQueuePool,
        **pool,
    )
    _set_timeouts_per_transaction(engine.sync_engine, settings, settings.statement_timeout)
    return engine


def _pool_arguments(settings: Settings) -> dict[str, Any]:
    return {
        "pool_size": settings.pool_size,
        "max_overflow": settings.max_overflow,
        "pool_timeout": settings.pool_timeout,
        "pool_recycle": settings.pool_recycle,
        "pool_pre_ping": True,
        # A statement that fails is logged with its text; its values are people's data.
        "hide_parameters": True,
        # The look for hstore costs every new engine a round trip, and no column uses it.
        "use_native_hstore": False,
    }


def _session_settings(settings: Settings, statement_timeout: int) -> dict[str, str]:
    """Return PostgreSQL's own settings for a session; timeouts in milliseconds."""
    return {
        "statement_timeout": str(statement_timeout),
        "lock_timeout": str(settings.lock_timeout),
        "idle_in_transaction_session_timeout": str(settings.idle_in_transaction_timeout),
        "TimeZone": "UTC",
    }


def _connect_args(
    settings: Settings, url: URL, application_name: str, statement_timeout: int, *, startup_options: bool = False
) -> dict[str, Any]:
    """Return what libpq and psycopg get beside the URL.

    Args:
        settings: the connect timeout and the session's timeouts.
        url: where a given application_name or options come from; given options stay, ours come after them.
        application_name: how the connection shows in pg_stat_activity.
        statement_timeout: milliseconds, 0 for none.
        startup_options: send the session's settings at connect even with PGBOUNCER, for the server itself.

    Raises:
        IntoWorkError: the URL carries options, and PgBouncer would refuse them.
    """
    given = connect_parameters(url)
    arguments: dict[str, Any] = {
        "prepare_threshold": None,
        "connect_timeout": settings.database_timeout,
        "application_name": given.get("application_name", application_name),
        "client_encoding": "utf8",
        **_KEEPALIVES,
    }
    if settings.pgbouncer and not startup_options:
        if "options" in given:
            raise IntoWorkError(
                "a database URL carries options, which PgBouncer refuses: set them by ALTER ROLE instead"
            )
        return arguments
    ours = " ".join(f"-c {name}={value}" for name, value in _session_settings(settings, statement_timeout).items())
    arguments["options"] = f"{given.get('options', '')} {ours}".strip()
    return arguments


def _set_timeouts_per_transaction(engine: Engine, settings: Settings, statement_timeout: int) -> None:
    """Behind PgBouncer, set the session's settings at the beginning of each transaction, in one round trip.

    PgBouncer lends a server connection for a transaction only, and refuses startup options (1.18 does), so
    what must hold is set with the transaction and ends with it. A connection in autocommit has no transaction
    to set it for: there the timeouts of ALTER ROLE hold.
    """
    if not settings.pgbouncer:
        return
    session_settings = _session_settings(settings, statement_timeout)
    statement = select(*(func.set_config(name, value, True) for name, value in session_settings.items()))

    @event.listens_for(engine, "begin")
    def set_timeouts(connection: Connection) -> None:
        connection.execute(statement)
