"""Ways in that ask for too little.

What it finds:
    Lines of pg_hba.conf that somebody can meet and whose method is trust (from other machines, from this machine over
    TCP, over the socket), ident or an unencrypted password from other machines, or md5. Lines for addresses that the
    server does not listen on, lines with errors, lines after a refusal of everybody and lines that ask for the
    certificate of the role itself (clientcert=verify-full) are left out.

Why it matters:
    trust lets anybody in who reaches the server, as any role, superusers included. ident believes what the client's
    machine says, and a map only says as which roles. md5 still takes the old hashes, which can be used without the
    password and tried fast.

Evidence:
    pg_hba_file_rules, listen_addresses and password_encryption.

Remedy:
    scram-sha-256 in pg_hba.conf (peer on the socket), password_encryption = 'scram-sha-256', new passwords for roles
    that still have an md5 one, and a reload. Nothing in SQLAlchemy changes.

When to ignore:
    A socket in a directory that only the application can enter; a server of tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pgproof.facts.model import Facts
from pgproof.facts.server_state import AuthenticationRule
from pgproof.rules import authentication
from pgproof.rules.authentication import (
    WITHOUT_TLS,
    accepting,
    is_loopback,
    listens_beyond_loopback,
    rule_ref,
    value_of,
)
from pgproof.rules.finding import Finding, NotChecked, Remedy, Severity
from pgproof.rules.given import server, setting
from pgproof.rules.given_access import authentication as hba
from pgproof.rules.given_access import hidden
from pgproof.rules.rule import Example, Metadata

METADATA = Metadata(
    code="SEC07", slug="trust-or-md5-authentication", severity="critical", needs=("settings",), server_wide=True
)

_NETWORK, _LOOPBACK, _SOCKET = "from other machines", "from this machine over TCP", "over the socket"
_TRUST: dict[str, Severity] = {_NETWORK: "critical", _LOOPBACK: "medium", _SOCKET: "low"}
_ANYBODY = "Anybody who gets that far is any role, superusers included, without a password."
_EVERYBODY_WRITES = 0o002
"""Bit of unix_socket_permissions that lets every user of the machine connect; 0777 is the default."""
_OWN_CERTIFICATE = "clientcert=verify-full"
"""The certificate must bear the role's name (pg_hba.conf, section 21.1); verify-ca takes that of any other role."""


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield the lines that ask for too little, together by method and by where they let in from."""
    if facts.server.authentication is None:
        yield authentication.UNREADABLE
        return
    weak: dict[tuple[str, str], list[AuthenticationRule]] = defaultdict(list)
    for rule in accepting(facts.server.authentication):
        where = _where(facts, rule)
        if where is not None and _is_weak(rule, where):
            weak[str(rule.method), where].append(rule)
    for (method, where), rules in weak.items():
        yield _finding(facts, method, where, tuple(rules))


def _where(facts: Facts, rule: AuthenticationRule) -> str | None:
    """Return from where a line lets in; None where nobody can meet it."""
    if rule.type == "local":
        # A socket that is not open to every user of the machine is guarded by its permissions.
        permissions = int(value_of(facts, "unix_socket_permissions") or 0)
        return _SOCKET if permissions & _EVERYBODY_WRITES else None
    if value_of(facts, "listen_addresses") == "":
        return None
    if is_loopback(rule.address, rule.netmask):
        return _LOOPBACK
    # A line for every address also takes those of this machine.
    return _NETWORK if listens_beyond_loopback(facts) else _LOOPBACK


def _is_weak(rule: AuthenticationRule, where: str) -> bool:
    if _OWN_CERTIFICATE in rule.options:
        return False
    if rule.method in ("trust", "md5"):
        return True
    if where != _NETWORK:
        return False
    return rule.method == "ident" or (rule.method == "password" and rule.type in WITHOUT_TLS)


def _finding(facts: Facts, method: str, where: str, rules: tuple[AuthenticationRule, ...]) -> Finding:
    return METADATA.finding(
        objects=tuple(rule_ref(rule) for rule in rules),
        severity=_severity(facts, method, where),
        message=f"pg_hba.conf lets in with {method} {where}",
        consequence={
            "trust": _ANYBODY,
            "ident": "The machine that connects says itself who its user is.",
            "password": "A client that does not ask for TLS sends its password in plain text.",
        }.get(method, "A role with an md5 password is let in by its hash, which a backup of the cluster holds."),
        evidence=authentication.evidence(rules),
        remedy=Remedy(
            f"Write scram-sha-256 (on the socket peer) instead of {method}, give roles a password where"
            " they have none or an md5 one, and reload."
        ),
    )


def _severity(facts: Facts, method: str, where: str) -> Severity:
    if method == "trust":
        return _TRUST[where]
    if method != "md5":
        return "high"
    return "medium" if value_of(facts, "password_encryption") == "md5" else "low"


_LISTENS, _HERE = setting("listen_addresses", "*"), setting("listen_addresses", "localhost")
# In decimal digits, as reset_val of pg_settings has them.
_SHARED, _PRIVATE = (setting("unix_socket_permissions", str(mode)) for mode in (0o777, 0o770))
_SCRAM = setting("password_encryption", "scram-sha-256")

BAD = (
    Example(
        "trust from anywhere",
        given=(_LISTENS, hba("host all all 0.0.0.0/0 trust")),
        objects=("host all all 0.0.0.0 trust",),
        severity="critical",
    ),
    Example("trust with TLS", given=(_LISTENS, hba("hostssl all all all trust"))),
    Example(
        "trust with any certificate of the authority",
        given=(_LISTENS, hba("hostssl all all all trust clientcert=verify-ca")),
        severity="critical",
    ),
    Example(
        "trust on this machine",
        given=(_LISTENS, hba("host all all 127.0.0.1/32 trust", "host all all ::1/128 trust")),
        severity="medium",
    ),
    Example(
        "trust on the addresses of this machine, however they are written",
        given=(
            _LISTENS,
            hba("host all all 127.0.0.0/8 trust", "host all all localhost trust", "host all all samehost trust"),
        ),
        severity="medium",
    ),
    Example(
        "addresses of this machine with a netmask that takes in others",
        given=(_LISTENS, hba("host all all 127.0.0.1/7 trust", "host all all ::1/127 trust")),
        severity="critical",
    ),
    Example(
        "trust for everybody on a server of this machine",
        given=(_HERE, hba("host all all all trust")),
        severity="medium",
    ),
    Example(
        "trust on the socket",
        given=(_LISTENS, _SHARED, hba("local all all trust", "local replication all trust")),
        objects=("local all all trust", "local replication all trust"),
        severity="low",
    ),
    Example(
        "md5 where new passwords are md5",
        given=(_LISTENS, setting("password_encryption", "md5"), hba("hostssl all all 10.0.0.0/8 md5")),
        severity="medium",
    ),
    Example(
        "md5 where new passwords are not",
        given=(_LISTENS, _SCRAM, hba("host all all 127.0.0.1/32 md5")),
        severity="low",
    ),
    Example(
        "ident from other machines, whatever the map makes of it",
        given=(_LISTENS, hba("host all all 10.0.0.0/8 ident", "host all all 10.0.0.0/8 ident map=staff")),
        severity="high",
        says=("says itself who its user is",),
    ),
    Example("a password in plain text", given=(_LISTENS, hba("host all all 10.0.0.0/8 password"))),
    Example(
        "trust after a refusal of some",
        given=(_LISTENS, hba("host all all 0.0.0.0/0 reject", "hostssl all all all reject", "host all all ::/0 trust")),
    ),
    Example(
        "trust on the socket after a refusal of everybody over TCP",
        given=(_LISTENS, _SHARED, hba("host all all all reject", "local all all trust")),
        severity="low",
    ),
    Example(
        "trust with TLS after a refusal of everybody without",
        given=(_LISTENS, hba("hostnossl all all all reject", "hostssl all all all trust")),
    ),
    Example(
        "one finding for each way in",
        given=(_LISTENS, _SHARED, hba("local all all trust", "host all all ::1/128 trust", "host all all all trust")),
        findings=3,
    ),
)
GOOD = (
    Example(
        "scram and peer",
        given=(
            _LISTENS,
            _SHARED,
            hba("local all all peer", "host all all 127.0.0.1/32 scram-sha-256", "hostssl all all all cert"),
        ),
    ),
    Example("trust on a socket of one group", given=(_LISTENS, _PRIVATE, hba("local all all trust"))),
    Example(
        "trust for TCP on a server without it",
        given=(setting("listen_addresses", ""), hba("host all all 127.0.0.1/32 trust")),
    ),
    Example(
        "the certificate of the role itself, whatever else is asked for",
        given=(
            _LISTENS,
            hba("hostssl all all all trust clientcert=verify-full", "hostssl all all all md5 clientcert=verify-full"),
        ),
    ),
    Example(
        "a socket whose permissions are not known",
        given=(_LISTENS, _SHARED, hidden("unix_socket_permissions"), hba("local all all trust")),
    ),
    Example("a line that the server cannot use", given=(_LISTENS, hba("host all all all trust!"))),
    Example("a refusal", given=(_LISTENS, hba("host all all all reject"))),
    Example(
        "trust after a refusal of everybody", given=(_LISTENS, hba("host all all all reject", "host all all all trust"))
    ),
    Example(
        "ident of this machine", given=(_LISTENS, _SHARED, hba("local all all peer", "host all all 127.0.0.1/32 ident"))
    ),
    Example("scram without TLS is another rule's", given=(_LISTENS, hba("host all all 10.0.0.0/8 scram-sha-256"))),
    Example("a password inside TLS", given=(_LISTENS, hba("hostssl all all 10.0.0.0/8 password"))),
    Example("a file that cannot be read", given=(_LISTENS, server(authentication=None))),
)
