"""Which lines of pg_hba.conf a session from elsewhere can meet: read by rules of two families."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from pgproof.facts.model import Facts
from pgproof.facts.server_state import AuthenticationRule
from pgproof.rules.finding import Evidence, NotChecked, ObjectRef

WITHOUT_TLS = frozenset(("host", "hostnossl", "hostnogssenc"))
"""Types of lines that let in a connection without encryption."""
_REFUSING = frozenset(("host", "hostnossl"))
_ALL = ("all",)
_OWN_NAMES = frozenset(("localhost", "samehost"))
_EVERY_ADDRESS = frozenset(("0.0.0.0", "::"))  # noqa: S104
"""Netmasks that take in every address of a family, whichever stands before them."""

UNREADABLE = NotChecked("EXECUTE on pg_hba_file_rules(), to see pg_hba.conf")
STATEMENT = (
    "SELECT line_number, type, database, user_name, address, netmask, auth_method, options FROM pg_hba_file_rules"
)


def is_loopback(address: str | None, netmask: str | None = None) -> bool:
    """Tell whether an address with all that its netmask takes in, or the name for it, is this machine's own.

    Args:
        address: IP address, name or word; a socket has none.
        netmask: of an IP address; None for that one alone.
    """
    taken = _ends(address, netmask)
    return all(end.is_loopback for end in taken) if taken else address in _OWN_NAMES


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
    refused: set[int] = set()
    for rule in rules:
        if rule.broken:
            continue
        refusing = _REFUSING if without_tls else {"host"}
        if rule.method == "reject":
            if rule.type in refusing and rule.databases == _ALL and rule.roles == _ALL:
                refused |= _everybody(rule)
            continue
        if without_tls and rule.type not in WITHOUT_TLS:
            continue
        if rule.type == "local" or not _families(rule.address) <= refused:
            yield rule


def rule_ref(rule: AuthenticationRule) -> ObjectRef:
    """Return the reference to a line, by what it says: its number moves with every edit."""
    parts = (rule.type, ",".join(rule.databases), ",".join(rule.roles), rule.address, rule.method)
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
            "; ".join(f"line {rule.line_number}: {_written(rule)}" for rule in rules),
        ),
    )


def _written(rule: AuthenticationRule) -> str:
    """Return a line as pg_hba.conf may write it, with the netmask in a column of its own."""
    parts = (rule.type, ",".join(rule.databases), ",".join(rule.roles), rule.address, rule.netmask, rule.method)
    return " ".join((*(part for part in parts if part), *rule.options))


def _families(address: str | None) -> set[int]:
    """The versions of IP whose addresses a line takes."""
    return {end.version for end in _ends(address, None)} or {4, 6}


def _everybody(rule: AuthenticationRule) -> set[int]:
    """The versions of IP of which a line refuses every address."""
    return _families(rule.address) if rule.address == "all" or rule.netmask in _EVERY_ADDRESS else set()


def _ends(address: str | None, netmask: str | None) -> tuple[IPv4Address | IPv6Address, ...]:
    """The first and the last address that a line takes; nothing for a socket, a name or a word such as `all`."""
    try:
        own = ip_address(address or "")
    except ValueError:
        return ()
    every = 2**own.max_prefixlen - 1
    mask = every if netmask is None else int(ip_address(netmask))
    return type(own)(int(own) & mask), type(own)(int(own) | every ^ mask)
