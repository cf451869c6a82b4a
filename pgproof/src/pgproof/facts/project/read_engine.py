"""Reads the application's engine: what it was made with, and what one connection of it has set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from psycopg.conninfo import make_conninfo

from pgproof.facts.engine import Engine
from pgproof.facts.project.engine_made import HARMLESS, LIBPQ_DRIVERS, arguments_of, described, parameters_of
from pgproof.facts.project.engine_named import engine_named, location_of
from pgproof.facts.project.guard import DEFAULT_PORT, Target, guard, targets_of
from pgproof.facts.project.live_connection import Connected, connect_once

CONNECT_SECONDS = 10

_TIMEOUTS = {"psycopg": "connect_timeout", "psycopg2": "connect_timeout", "asyncpg": "timeout", "pg8000": "timeout"}
"""What each driver calls the time it may take to connect."""


def collect(name: str, processes: str) -> Engine:
    """Return what an engine of the project is.

    Args:
        name: as `engine_named` takes it.
        processes: of the application that have such an engine; empty if nobody said.

    Raises:
        PgproofError: the name leads to no engine of PostgreSQL.
    """
    made = engine_named(name)
    engine = described(name, made)
    # What the project tried at its import, in vain, is no target of the engine.
    guard.refused.clear()
    parameters = parameters_of(made)
    targets = _targets(engine.driver, parameters)
    connected = _connect(made, engine, targets)
    told = _told(parameters, connected)
    prepares = engine.prepares
    if engine.driver == "psycopg" and connected.live is not None:
        prepares = connected.prepare_threshold is not None
    return replace(
        engine,
        target=", ".join(map(str, targets)) or None,
        local=all(_is_local(target.host) for target in targets) if targets else None,
        arguments=None if told is None else arguments_of(told),
        prepares=prepares,
        processes=int(processes) if processes else None,
        location=location_of(name),
        live=connected.live,
        live_missing=connected.missing,
    )


def _targets(driver: str, parameters: Mapping[str, Any] | None) -> tuple[Target, ...]:
    """The databases that the driver would try; none where the parameters are not known."""
    if parameters is None:
        # The attempt to read the parameters was an attempt to connect, which the guard refused.
        return tuple(sorted(guard.refused, key=str)) if driver in LIBPQ_DRIVERS else ()
    if driver in LIBPQ_DRIVERS:
        known = {
            name: parameters[name]
            for name in ("host", "hostaddr", "port", "dbname", "user", "service")
            if parameters.get(name) is not None
        }
        return targets_of(make_conninfo("", **known))
    hosts, ports = _listed(parameters.get("host")), _listed(parameters.get("port"))
    database = str(parameters.get("database") or parameters.get("user") or "")
    ports = ports or [DEFAULT_PORT]
    return tuple(
        Target(host, ports[number] if number < len(ports) else ports[0], database)
        for number, host in enumerate(hosts or [os.environ.get("PGHOST", "localhost")])
    )


def _listed(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return [str(each) for each in values]


def _connect(made: Any, engine: Engine, targets: tuple[Target, ...]) -> Connected:
    """One connection, to the engine's own target and nothing else."""
    from sqlalchemy import event

    if not targets:
        return Connected(
            missing="a function of the project opens its connections, which pgproof follows with psycopg alone"
        )
    for target in targets:
        guard.allow(target)

    def bound(dialect: Any, record: Any, arguments: list[Any], parameters: dict[str, Any]) -> None:
        if engine.driver in _TIMEOUTS and "PGCONNECT_TIMEOUT" not in os.environ:
            parameters.setdefault(_TIMEOUTS[engine.driver], CONNECT_SECONDS)

    event.listen(made, "do_connect", bound)
    try:
        return connect_once(made, engine.driver, most=engine.pool.most)
    finally:
        event.remove(made, "do_connect", bound)


def _told(parameters: Mapping[str, Any] | None, connected: Connected) -> dict[str, Any] | None:
    """What the driver was told, by the environment and service files too where libpq says so."""
    if connected.parameters is None:
        return None if parameters is None else dict(parameters)
    seen = {name: value for name, value in connected.parameters.items() if name in HARMLESS or name == "options"}
    if parameters is not None and "connect_timeout" not in parameters and "PGCONNECT_TIMEOUT" not in os.environ:
        # The bound of this one connection.
        seen.pop("connect_timeout", None)
    return seen | dict(parameters or {})


def _is_local(host: str) -> bool:
    return host in ("", "localhost", "::1") or host.startswith(("/", "@", "127."))
