"""What rules about the application's engine share: its name, what shows how it is made, and what the server grants."""

from __future__ import annotations

from dataclasses import dataclass

from pgproof.facts.engine import Engine
from pgproof.facts.model import Facts
from pgproof.rules.finding import Evidence, ObjectRef

RESERVED = ("superuser_reserved_connections", "reserved_connections")
"""Settings: connections that an ordinary role does not get; the second from PostgreSQL 16 on."""


def engine_of(facts: Facts) -> Engine:
    """Return the engine, which a rule that needs one always has."""
    assert facts.engine is not None, "the rule needs the engine"
    return facts.engine


def engine_ref(engine: Engine) -> ObjectRef:
    """Return the reference to an engine."""
    return ObjectRef("engine", None, engine.name)


def made_with(engine: Engine, result: str) -> Evidence:
    """Return the evidence of how an engine is made."""
    place = f" at {engine.location}" if engine.location else ""
    return Evidence("engine", f"{engine.name}{place}, its {engine.pool.class_name}", result)


def shown(engine: Engine | None, *names: str) -> tuple[Evidence, ...]:
    """Return the evidence of what a connection of an engine has settings at; none of those it did not show."""
    live = engine.live if engine is not None else None
    if engine is None or live is None:
        return ()
    return tuple(
        Evidence("engine", f"SHOW {name} -- on a connection of {engine.name} as {live.role}", value or "''")
        for name in names
        if (value := live.setting(name)) is not None
    )


@dataclass(frozen=True)
class Limit:
    """How many connections the engine's role gets in this database, by the tightest limit.

    Attributes:
        connections: in all, for everybody who connects as that limit counts.
        maximum: max_connections.
        reserved: of them, kept from ordinary roles.
        database: ALTER DATABASE ... CONNECTION LIMIT; None for none.
        role: ALTER ROLE ... CONNECTION LIMIT of the engine's role; None for none, or an unknown role.
        why: where the number comes from, in words.
    """

    connections: int
    maximum: int
    reserved: int
    database: int | None
    role: int | None
    why: str


def limit_of(facts: Facts, engine: Engine) -> Limit | None:
    """Return what the server grants the engine; None where max_connections is not known.

    No limit but max_connections holds for superusers (CREATE ROLE, CREATE DATABASE).
    """
    maximum = _number(facts, "max_connections")
    if maximum is None:
        return None
    if engine.live is not None and engine.live.superuser:
        return Limit(maximum, maximum, 0, None, None, f"max_connections {maximum}")
    reserved = sum(_number(facts, name) or 0 for name in RESERVED)
    database = _given(facts.database.connection_limit)
    name = engine.live.role if engine.live else None
    role = next((_given(each.connection_limit) for each in facts.catalog.roles if each.name == name), None)
    reasons = [f"max_connections {maximum} less {reserved} reserved"]
    if database is not None:
        reasons.append(f"{facts.database.name} limited to {database}")
    if role is not None:
        reasons.append(f"{name} limited to {role}")
    least = min(each for each in (maximum - reserved, database, role) if each is not None)
    return Limit(least, maximum, reserved, database, role, ", ".join(reasons))


def _given(limit: int | None) -> int | None:
    return None if limit is None or limit < 0 else limit


def _number(facts: Facts, name: str) -> int | None:
    setting = facts.server.setting(name)
    return None if setting is None or setting.value is None else int(setting.value)
