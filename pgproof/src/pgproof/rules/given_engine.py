"""What an example states about the connection of its engine, which no example opens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pgproof.facts.engine import Engine, Live, LiveSetting, Pooler
from pgproof.facts.model import Facts
from pgproof.rules.given import Given


def engine(**fields: Any) -> Given:
    """State fields of `Engine`, such as processes or where it leads."""
    return lambda facts: replace(facts, engine=replace(_engine(facts), **fields))


def live(
    *,
    role: str = "app",
    superuser: bool = False,
    tls: bool | None = True,
    pooler: Pooler | None = None,
    **settings: str,
) -> Given:
    """State a connection of the engine to the example's database, which has these settings.

    Args:
        role: that it signed in with.
        superuser: whether that is one.
        tls: whether it is encrypted.
        pooler: what is in between.
        settings: as `current_setting()` prints them; of those left out its role has what the server says.
    """

    def given(facts: Facts) -> Facts:
        connection = Live(
            database=facts.database.name,
            database_oid=facts.database.oid or 0,
            system_identifier=facts.database.system_identifier,
            started_at=facts.database.started_at,
            role=role,
            current_role=role,
            superuser=superuser,
            tls=tls,
            settings=tuple(LiveSetting(name, value) for name, value in ({"application_name": ""} | settings).items()),
            pooler=pooler,
        )
        return replace(facts, engine=replace(_engine(facts), live=connection))

    return given


def not_connected(why: str) -> Given:
    """State that no connection of the engine came about."""
    return engine(live=None, live_missing=why)


def _engine(facts: Facts) -> Engine:
    assert facts.engine is not None, "the example has the source of an engine"
    return facts.engine
