"""Which lines of pg_hba.conf a session from elsewhere can meet: read by rules of two families."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.server_state import AuthenticationRule
from pgproof.rules.finding import Evidence, NotChecked, ObjectRef

WITHOUT_TLS = frozenset(("host", "hostnossl", "hostnogssenc"))
"""Types of lines that let in a connection without encryption."""
_REFUSING = frozenset(("host", "hostnossl"))
_ALL = ("all",)

UNREADABLE = NotChecked("EXECUTE on pg_hba_file_rules(), to see pg_hba.conf")
STATEMENT = "SELECT line_number, type, database, user_name, address, auth_method FROM pg_hba_file_rules"


def is_loopback(address: str | None) -> bool:
    """Tell whether an address, or the name for it, is this machine's own; a socket has none."""
    return address is not None and (address in ("::1", "localhost", "samehost") or address.startswith("127."))


def listens_beyond_loopback(facts: Facts) -> bool | None:
    """Tell whether other machines can reach the server; None where its addresses are not known."""
    listened = value_of(facts, "listen_addresses")
    if listened is None:
        return None
    addresses = (address.strip() for address in listened.split(","))
    return any(address and not is_loopback(address) for address in addresses)


def accepting(rules: tuple[AuthenticationRule, ...], *, without_tls: bool = False) -> Iterator[AuthenticationRule]:
    """Yield the lines that let somebody in, less those that an earlier refusal of everybody leaves unused.

    Args:
        rules: in the order of the file, which is that of the server: the first that matches decides.
        without_tls: only those that a connection without encryption can meet.
    """
    refused: set[str] = set()
    for rule in rules:
        if rule.broken:
            continue
        refusing = _REFUSING if without_tls else {"host"}
        if rule.method == "reject":
            if rule.type in refusing and rule.databases == _ALL and rule.roles == _ALL:
                refused |= _everybody(rule.address or "")
            continue
        if without_tls and rule.type not in WITHOUT_TLS:
            continue
        if rule.type == "local" or not _families(rule.address or "") <= refused:
            yield rule


def rule_ref(rule: AuthenticationRule) -> ObjectRef:
    """Return the reference to a line, by what it says: its number moves with every edit."""
    parts = (rule.type, ",".join(rule.databases), ",".join(rule.roles), rule.address or "", rule.method or "")
    return ObjectRef("authentication rule", None, " ".join(part for part in parts if part))


def value_of(facts: Facts, name: str) -> str | None:
    """Return the value of a setting of the server; None for an unknown one."""
    setting = facts.server.setting(name)
    return None if setting is None else setting.value


def evidence(rules: tuple[AuthenticationRule, ...]) -> tuple[Evidence, ...]:
    """Return the evidence of some lines, if there are any."""
    if not rules:
        return ()
    numbers = ", ".join(str(rule.line_number) for rule in rules)
    return (
        Evidence(
            "settings",
            f"{STATEMENT} WHERE line_number IN ({numbers})",
            "; ".join(f"line {rule.line_number}: {rule_ref(rule).name}" for rule in rules),
        ),
    )


def _families(address: str) -> set[str]:
    if ":" in address:
        return {"IPv6"}
    return {"IPv4"} if re.fullmatch(r"[0-9.]+", address) else {"IPv4", "IPv6"}


def _everybody(address: str) -> set[str]:
    """The address families of which a line refuses every member."""
    return _families(address) if address in ("all", "0.0.0.0", "::") else set()  # noqa: S104
