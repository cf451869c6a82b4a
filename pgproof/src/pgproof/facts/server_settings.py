"""The settings that a session of the application would have, from those of the session that asks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pgproof.facts.server_state import RoleSetting, Setting

_SECRET = frozenset(
    (
        "primary_conninfo",
        "archive_command",
        "restore_command",
        "archive_cleanup_command",
        "recovery_end_command",
        "ssl_passphrase_command",
    )
)
"""Connection strings and commands, which may hold passwords: of those only whether they are set."""

_OF_THIS_SESSION = frozenset(("user", "database user", "client", "override", "session", "interactive"))
"""Sources that say something about the role or the client that reads the facts, not about others."""

_SIZES = {"B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4}
_TIMES = {"us": 1, "ms": 1000, "s": 1_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_NUMBER = re.compile(r"\s*([-+]?\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
_UNIT = re.compile(r"(\d*)([A-Za-z]+)")
_WORDS = {"true": "on", "yes": "on", "1": "on", "on": "on", "false": "off", "no": "off", "0": "off", "off": "off"}


def settings_of(rows: Iterable[Mapping[str, Any]], stored: Iterable[RoleSetting], database: str) -> tuple[Setting, ...]:
    """Return the settings as a new session of the database would have them, whoever's it is.

    Args:
        rows: of `server/settings.sql`, read before the session set anything.
        stored: what ALTER DATABASE and ALTER ROLE set.
        database: its name.
    """
    shared = {
        setting.name: setting
        for scope in (None, database)
        for setting in stored
        if setting.role is None and setting.database == scope
    }
    return tuple(_setting(row, shared.get(row["name"])) for row in rows)


def _setting(row: Mapping[str, Any], stored: RoleSetting | None) -> Setting:
    name, source, value = row["name"], row["source"], row["value"]
    if stored is not None:
        # Also where this session began before ALTER DATABASE, and shows what was before.
        value = in_unit(stored.value, row["unit"], row["type"])
        source = "database" if stored.database else "global"
    elif source in _OF_THIS_SESSION:
        value = None
    if value is not None and (name in _SECRET or ("." in name and row["type"] == "string")):
        value = "" if value in ("", "(disabled)") else "(set)"
    return Setting(name, value, row["unit"], source, row["context"], row["default_value"], row["pending_restart"])


def in_unit(text: str, unit: str | None, kind: str) -> str:
    """Return the value of a setting as the server prints it in its unit, such as 5000 for `5s` in ms.

    Source: PostgreSQL documentation, 20.1.1 (Parameter Names and Values).

    Args:
        text: as ALTER DATABASE or ALTER ROLE stored it.
        unit: of the setting, such as `ms`, `kB` or `8kB`; None for a setting without.
        kind: pg_settings.vartype: `bool`, `integer`, `real`, `string` or `enum`.
    """
    if kind == "bool":
        return _WORDS.get(text.lower(), text)
    number, base = _NUMBER.fullmatch(text), _UNIT.fullmatch(unit or "")
    if kind not in ("integer", "real") or number is None or base is None or not number[2]:
        return text
    for factors in (_SIZES, _TIMES):
        if number[2] in factors and base[2] in factors:
            scaled = float(number[1]) * factors[number[2]] / (factors[base[2]] * int(base[1] or 1))
            return str(round(scaled)) if kind == "integer" else f"{scaled:g}"
    return text
