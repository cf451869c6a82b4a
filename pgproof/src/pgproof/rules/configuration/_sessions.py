"""What a session of an application would have a setting at: its role's, the database's or the server's value."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from pgproof.facts.model import Facts
from pgproof.facts.objects import Role
from pgproof.remedy.names import literal
from pgproof.remedy.settings import SetDatabaseSetting
from pgproof.rules.configuration._engine import shown
from pgproof.rules.finding import Evidence, Finding, NotChecked, ObjectRef, Remedy, Severity
from pgproof.rules.rule import Metadata

_DURATION = re.compile(r"([-+0-9.eE]+) *(us|ms|s|min|h|d)?")
_MILLISECONDS = {"us": 0.001, None: 1, "ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZE = re.compile(r"([-+0-9.eE]+) *(B|kB|MB|GB|TB)?")
_KILOBYTES = {"B": 1 / 1024, None: 1, "kB": 1, "MB": 1 << 10, "GB": 1 << 20, "TB": 1 << 30}
_OFF = frozenset(("off", "false", "no", "0", "f", "n"))
_WATCHING = "pg_monitor"
_NAMED = 5


def setting_ref(name: str) -> ObjectRef:
    """Return the reference to a setting."""
    return ObjectRef("setting", None, name)


def of_database(facts: Facts, name: str) -> str | None:
    """Return what a role without a setting of its own has here; None where that is not known.

    The order is that of PostgreSQL (ALTER ROLE ... SET, Notes): the database's, every role's, the server's.
    """
    for database in (facts.database.name, None):
        stated = _stated(facts, name, database, None)
        if stated is not None:
            return stated
    setting = facts.server.setting(name)
    return None if setting is None else setting.value


def of_role(facts: Facts, name: str, role: str) -> str | None:
    """Return what a session of a role has here; None where that is not known.

    Of the role that the application's engine signs in with, it is what a connection of the engine showed.
    """
    seen = of_engine(facts, name, role)
    return _of_role_itself(facts, name, role) if seen is None else seen


def of_engine(facts: Facts, name: str, role: str) -> str | None:
    """Return what a connection of the application's engine showed; None for another role, or without one."""
    live = facts.engine.live if facts.engine else None
    return live.setting(name) if live is not None and live.role == role else None


def _of_role_itself(facts: Facts, name: str, role: str) -> str | None:
    stated = own(facts, name, role)
    return of_database(facts, name) if stated is None else stated


def own(facts: Facts, name: str, role: str) -> str | None:
    """Return what ALTER ROLE set for a role, in this database first; None for nothing."""
    here = _stated(facts, name, facts.database.name, role)
    return _stated(facts, name, None, role) if here is None else here


def _stated(facts: Facts, name: str, database: str | None, role: str | None) -> str | None:
    return next(
        (
            each.value
            for each in facts.server.role_settings
            if (each.database, each.role, each.name) == (database, role, name)
        ),
        None,
    )


def milliseconds(value: str | None) -> float | None:
    """Return a duration as a setting's value writes it; None for an unknown one."""
    found = _DURATION.fullmatch(value.strip()) if value is not None else None
    return float(found[1]) * _MILLISECONDS[found[2]] if found else None


def kilobytes(value: str | None) -> int | None:
    """Return a size as the value of a setting in kB writes it; None for an unknown one."""
    found = _SIZE.fullmatch(value.strip()) if value is not None else None
    return int(float(found[1]) * _KILOBYTES[found[2]]) if found else None


def is_off(value: str | None) -> bool:
    """Tell whether the value of a setting that is on or off means off."""
    return value is not None and value.lower() in _OFF


def set_here(facts: Facts, name: str, value: str) -> SetDatabaseSetting:
    """Return the operation that gives a setting to every new session of this database."""
    return SetDatabaseSetting(facts.database.name, name, value, _stated(facts, name, facts.database.name, None))


def application_roles(facts: Facts) -> tuple[Role, ...]:
    """Return the roles that an application could have sessions of: all that log in, where only administrators do.

    The one that the application's engine signs in with is always among them.
    """
    live = facts.engine.live if facts.engine else None
    known = live.role if live is not None else None
    login = tuple(role for role in facts.catalog.roles if role.login)
    ordinary = tuple(
        role
        for role in login
        if role.name == known or (not role.superuser and not role.replication and _WATCHING not in role.member_of)
    )
    return ordinary or login


@dataclass(frozen=True)
class _Coverage:
    """Which application roles a timeout limits.

    Attributes:
        limited: names of roles that have it.
        unlimited: names of roles that have none; where others are limited, not those that ALTER ROLE freed on purpose.
        freed: of `unlimited`, those that ALTER ROLE freed, which a setting of the database would not change.
        freed_by_engine: the engine's role, where the engine itself sets a limit of its role to 0.
        unknown: names of roles for which it could not be told.
    """

    limited: tuple[str, ...]
    unlimited: tuple[str, ...]
    freed: tuple[str, ...]
    freed_by_engine: str | None
    unknown: tuple[str, ...]


def _coverage(facts: Facts, setting: str, limited: Callable[[str], bool | None]) -> _Coverage:
    """Return which application roles are limited.

    Args:
        facts: of the database.
        setting: whose own value of a role tells that somebody decided about that role.
        limited: whether a role, by name, is; None where that is not known.
    """
    names = {role.name: limited(role.name) for role in application_roles(facts)}
    free = tuple(name for name, is_limited in names.items() if is_limited is False)
    freed = tuple(name for name in free if own(facts, setting, name) is not None)
    covered = tuple(name for name, is_limited in names.items() if is_limited)
    seen = tuple(name for name in free if of_engine(facts, setting, name) is not None)
    by_engine = next((name for name in seen if milliseconds(_of_role_itself(facts, setting, name))), None)
    return _Coverage(
        limited=covered,
        unlimited=tuple(name for name in free if not covered or name not in freed or name in seen),
        freed=freed,
        freed_by_engine=by_engine,
        unknown=tuple(name for name, is_limited in names.items() if is_limited is None),
    )


def is_limited(facts: Facts, role: str, *settings: str) -> bool | None:
    """Tell whether one of several timeouts is on for a role; None where one that may be is not known.

    A timeout that this version of PostgreSQL does not have limits nobody.
    """
    values = [milliseconds(of_role(facts, name, role)) for name in settings if facts.server.setting(name)]
    if any(values):
        return True
    return None if None in values else False


def driver_limit(facts: Facts, role: str) -> float | None:
    """Return the milliseconds after which the driver of the engine cancels a statement of its role; None for never.

    Only asyncpg has such a limit, command_timeout: it then asks the server to cancel the statement.
    """
    engine = facts.engine
    if engine is None or engine.live is None or (engine.driver, engine.live.role) != ("asyncpg", role):
        return None
    told = {argument.name: argument.value for argument in engine.arguments or ()}
    seconds = told.get("command_timeout")
    return float(seconds) * 1_000 if seconds is not None and _DURATION.fullmatch(seconds) else None


def statement_limited(facts: Facts, role: str) -> bool | None:
    """Tell whether the server or the engine's driver ends the statements of a role; None where it is not known."""
    return True if driver_limit(facts, role) else is_limited(facts, role, "statement_timeout")


def evidence(facts: Facts, *settings: str) -> tuple[Evidence, ...]:
    """Return what the server says of some settings, and what databases and roles have of their own."""
    names = ", ".join(literal(name) for name in settings)
    stated = [each for each in facts.server.role_settings if each.name in settings]
    rows = "; ".join(
        f"{each.role or 'every role'} in {each.database or 'every database'}: {each.name}={each.value}"
        for each in stated
    )
    values = ", ".join(
        f"{name} = {setting.value}" for name in settings if (setting := facts.server.setting(name)) is not None
    )
    return (
        Evidence("settings", f"SELECT name, reset_val, unit FROM pg_settings WHERE name IN ({names})", values),
        Evidence(
            "settings",
            "SELECT d.datname, r.rolname, x.setconfig FROM pg_db_role_setting x"
            " LEFT JOIN pg_database d ON d.oid = x.setdatabase LEFT JOIN pg_roles r ON r.oid = x.setrole",
            rows or f"no row about {' or '.join(settings)}",
        ),
        *shown(facts.engine, *settings),
    )


def _listed(names: tuple[str, ...]) -> str:
    """Return names for a message, the first few of many."""
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


@dataclass(frozen=True)
class Timeout:
    """A timeout of sessions, and what is said where it is missing.

    Attributes:
        name: of the setting.
        proposed: value for the database.
        others: settings that also limit, for the evidence.
        missing: what follows at once from its being 0.
        advice: what to do, after which the value is proposed.
    """

    name: str
    proposed: str
    others: tuple[str, ...]
    missing: str
    advice: str


def missing_timeout(
    facts: Facts,
    metadata: Metadata,
    timeout: Timeout,
    limited: Callable[[str], bool | None],
    consequence: str,
    severity: Severity,
) -> Iterator[Finding | NotChecked]:
    """Yield one finding about the application roles that nothing limits, milder where it limits others.

    Args:
        facts: of the database.
        metadata: of the rule.
        timeout: that is missing.
        limited: whether a role, by name, is limited; None where that is not known.
        consequence: of its missing.
        severity: where nobody is limited.
    """
    found = _coverage(facts, timeout.name, limited)
    if found.unknown:
        yield NotChecked(
            f"an audit by a role without a {timeout.name} of its own, which hides the server's",
            _role_refs(found.unknown),
        )
    if not found.unlimited:
        return
    covered = f" ({_listed(found.limited)} covered)" if found.limited else ""
    first = f" ALTER ROLE set it to 0 for {_listed(found.freed)}, which comes first." if found.freed else ""
    if found.freed_by_engine is not None:
        first += f" The engine sets it to 0 for {found.freed_by_engine}, which comes first."
    mendable = set(found.unlimited) - {*found.freed, found.freed_by_engine}
    yield metadata.finding(
        objects=(setting_ref(timeout.name),),
        related=_role_refs(found.unlimited),
        severity="low" if found.limited else severity,
        message=f"{timeout.name} is 0 for {_listed(found.unlimited)}{covered}{_looked_at(facts)}: {timeout.missing}",
        consequence=consequence,
        evidence=evidence(facts, timeout.name, *timeout.others),
        remedy=Remedy(
            f"Give the database a limit such as {timeout.proposed}; {timeout.advice}.{first}",
            (set_here(facts, timeout.name, timeout.proposed),) if mendable else (),
        ),
    )


def _looked_at(facts: Facts) -> str:
    engine = facts.engine
    if engine is None or engine.live is None:
        return ""
    return f", as a connection of {engine.name} shows for {engine.live.role}"


def _role_refs(names: Iterable[str]) -> tuple[ObjectRef, ...]:
    return tuple(ObjectRef("role", None, name) for name in names)
