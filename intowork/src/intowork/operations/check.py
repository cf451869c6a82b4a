"""Whether the platform could start on this database, point by point."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection

from intowork.database.capacity import LOOK_CONNECTIONS, read_connection_limits, require_capacity
from intowork.database.engine import direct_engine, replica_tool_engine
from intowork.database.failures import connect_or_explain
from intowork.database.health import readiness_sync
from intowork.database.replicas import ReplicaState, read_replica_state, why_unfit
from intowork.database.url import describe_target, libpq_url
from intowork.errors import IntoWorkError
from intowork.models import Base
from intowork.operations.migrate import alembic_config, current_revision
from intowork.performance.verify import RuleState, verify_rules
from intowork.settings import Settings
from pgproof.proof.measuring import open_session


@dataclass(frozen=True)
class Check:
    """One point.

    Attributes:
        subject: what was looked at.
        ok: whether it is as it should be.
        finding: what was found, with the remedy where something is wrong.
    """

    subject: str
    ok: bool
    finding: str


def run_checks(settings: Settings) -> tuple[Check, ...]:
    """Look at server, pool arithmetic, revision, indexes, unique rules and each standby.

    Args:
        settings: whose DATABASE_URL, REPLICA_URLS and pool sizes are checked.

    Raises:
        DatabaseUnavailable: there is no server to look at.
    """
    engine = direct_engine(settings)
    with connect_or_explain(engine) as connection:
        capacity = _capacity(connection, settings)
        primary = read_replica_state(connection)
    health = readiness_sync(engine)
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    revision = current_revision(engine)
    return (
        Check("server", health.ok, health.reason),
        capacity,
        Check(
            "revision",
            revision == head,
            f"at {revision}"
            if revision == head
            else f"at {revision}, and this version needs {head}: run intowork migrate",
        ),
        _rules(settings),
        *(_replica(url, primary, settings) for url in settings.replicas()),
    )


def _replica(url: URL, primary: ReplicaState, settings: Settings) -> Check:
    try:
        with connect_or_explain(replica_tool_engine(settings, url)) as connection:
            state = read_replica_state(connection)
            wrong = why_unfit(url, state, settings)
            if wrong is None and (state.cluster, state.database) != (primary.cluster, primary.database):
                wrong = f"{describe_target(url)} is a standby, but not of this database: correct REPLICA_URLS"
            if wrong is None:
                require_capacity(read_connection_limits(connection), settings, looks=LOOK_CONNECTIONS)
    except IntoWorkError as failed:
        wrong = str(failed)
    if wrong is not None:
        return Check("standby", False, wrong)
    return Check("standby", True, f"{describe_target(url)} replays what the primary writes, {state.lag:.1f} s behind")


def _capacity(connection: Connection, settings: Settings) -> Check:
    limits = read_connection_limits(connection)
    try:
        require_capacity(limits, settings)
    except IntoWorkError as exceeded:
        return Check("connections", False, str(exceeded))
    pools = (settings.pool_size + settings.max_overflow) * settings.web_processes
    return Check("connections", True, f"the pools may open {pools}, and the server has {limits.for_pools} for them")


def _rules(settings: Settings) -> Check:
    with open_session(libpq_url(settings.direct_url()), "intowork-check") as session:
        verified = verify_rules(session, Base.metadata)
    broken = [f"{each.rule.name} is {each.state.value}" for each in verified if each.state is not RuleState.PRESENT]
    counted = Counter(each.rule.is_unique for each in verified)
    return Check(
        "indexes and unique rules",
        not broken,
        "; ".join(broken) + ": run intowork migrate"
        if broken
        else f"all {counted[False]} indexes and {counted[True]} unique rules are there and valid",
    )
