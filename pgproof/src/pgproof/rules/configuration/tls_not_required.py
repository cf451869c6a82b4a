"""Connections over the network without encryption.

What it finds:
    A server that other machines can reach and that has ssl off, unless pg_hba.conf lets nobody in from there; and
    with ssl on, lines of pg_hba.conf that let other machines in without it (`host`, `hostnossl`, `hostnogssenc`)
    and that no earlier refusal of everybody leaves unused.

Why it matters:
    Who can watch the network reads every row that passes, and who can change packets acts as the application. A client
    that asks for TLS with sslmode=prefer, the default, silently goes on without it.

Evidence:
    pg_settings and pg_hba_file_rules; where --engine is given, whether a connection of it over the network is encrypted
    now, which makes it high, or that it insists on TLS, which makes it low.

Remedy:
    `ssl = on` with a certificate, `hostssl` instead of `host` in pg_hba.conf, a reload, and in the application
    `create_engine("postgresql+psycopg://...?sslmode=verify-full")`.

When to ignore:
    A network that is encrypted below (WireGuard, a service mesh), or between containers of one machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from pgproof.facts.amounts import amount
from pgproof.facts.model import Facts
from pgproof.rules import authentication
from pgproof.rules.authentication import accepting, is_loopback, listens_beyond_loopback, rule_ref, value_of
from pgproof.rules.configuration._sessions import evidence, is_off, setting_ref
from pgproof.rules.finding import Evidence, Finding, NotChecked, Remedy, Severity
from pgproof.rules.given import server, setting
from pgproof.rules.given_access import authentication as hba
from pgproof.rules.given_engine import engine, live
from pgproof.rules.rule import Example, Metadata

_INSISTING = frozenset(("require", "verify-ca", "verify-full", "True"))
"""Values of libpq's sslmode and asyncpg's ssl with which the client never goes on in plain text."""
METADATA = Metadata(code="CFG08", slug="tls-not-required", severity="medium", needs=("settings",), server_wide=True)


def check(facts: Facts) -> Iterator[Finding | NotChecked]:
    """Yield that TLS is off, or which lines of pg_hba.conf do not ask for it."""
    if not listens_beyond_loopback(facts):
        return
    rules = facts.server.authentication
    open_rules = tuple(
        rule for rule in accepting(rules or (), without_tls=True) if not is_loopback(rule.address, rule.netmask)
    )
    if rules is not None and not open_rules:
        return
    seen = authentication.evidence(open_rules)
    severity, of_engine, shown = _of_engine(facts)
    if is_off(value_of(facts, "ssl")):
        yield METADATA.finding(
            objects=(setting_ref("ssl"),),
            related=tuple(rule_ref(rule) for rule in open_rules),
            severity=severity,
            message="the server listens to other machines and has no TLS",
            consequence="Rows and statements cross the network in plain text, whatever the clients ask for."
            + of_engine,
            evidence=(*evidence(facts, "ssl", "listen_addresses"), *seen, *shown),
            remedy=Remedy("Set ssl = on with a certificate, and make the lines of pg_hba.conf hostssl."),
        )
        return
    if rules is None:
        yield authentication.UNREADABLE
        return
    yield METADATA.finding(
        objects=tuple(rule_ref(rule) for rule in open_rules),
        severity=severity,
        message=f"pg_hba.conf lets other machines in without TLS ({amount(len(open_rules), 'line')})",
        consequence="A client that does not insist on TLS can be made to speak in plain text." + of_engine,
        evidence=(*seen, *shown),
        remedy=Remedy("Make these lines hostssl, reload, and let the clients connect with sslmode=verify-full."),
    )


def _of_engine(facts: Facts) -> tuple[Severity | None, str, tuple[Evidence, ...]]:
    """What the application's engine makes of it: a severity, a sentence and its evidence; nothing on this machine."""
    engine = facts.engine
    if engine is None or engine.live is None or engine.local is not False or engine.live.tls is None:
        return None, "", ()
    shown = Evidence(
        "engine",
        f"SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid() -- on a connection of {engine.name}",
        str(engine.live.tls).lower(),
    )
    if not engine.live.tls:
        return "high", f" A connection of {engine.name} crosses the network without encryption now.", (shown,)
    asked = engine.argument("sslmode") or engine.argument("ssl")
    if asked is not None and asked.value in _INSISTING:
        return "low", f" {engine.name} insists on TLS ({asked.name}={asked.value}); other clients need not.", (shown,)
    return None, f" Connections of {engine.name} are encrypted now, without insisting on it.", (shown,)


_LISTENS = setting("listen_addresses", "*")
_TLS, _NO_TLS = setting("ssl", "on"), setting("ssl", "off")
_CREATE = (
    "from sqlalchemy import create_engine\nengine = create_engine('postgresql+psycopg://app@db.example.org/app{}')"
)
_ASYNC = (
    "from sqlalchemy.ext.asyncio import create_async_engine\n"
    "engine = create_async_engine('postgresql+asyncpg://app@db.example.org/app', connect_args={'ssl': True})"
)
_ANYBODY = "host all all 10.0.0.0/8 scram-sha-256"

BAD = (
    Example("no TLS at all", given=(_LISTENS, _NO_TLS, hba(_ANYBODY)), objects=("ssl",)),
    Example(
        "one of several addresses", given=(setting("listen_addresses", "localhost, 10.0.0.1"), _NO_TLS, hba(_ANYBODY))
    ),
    Example("no TLS, and the lines cannot be read", given=(_LISTENS, _NO_TLS, server(authentication=None))),
    Example(
        "a host line takes whatever comes",
        given=(_LISTENS, _TLS, hba(_ANYBODY)),
        objects=("host all all 10.0.0.0 scram-sha-256",),
    ),
    Example("a hostnossl line refuses TLS", given=(_LISTENS, _TLS, hba("hostnossl all all all scram-sha-256"))),
    Example("a line without GSS encryption", given=(_LISTENS, _TLS, hba("hostnogssenc all all ::/0 scram-sha-256"))),
    Example(
        "an address of this machine with the netmask of all others",
        given=(_LISTENS, _TLS, hba("host all all 127.0.0.1/0 scram-sha-256")),
    ),
    Example(
        "a refusal of some people, of some databases, of TLS, or of another family leaves the rest open",
        given=(
            _LISTENS,
            _TLS,
            hba(
                "hostnossl all guest all reject",
                "hostnossl archive all all reject",
                "hostnossl all all 10.0.0.0/9 reject",
                "hostnossl all all 0.0.0.0/1 reject",
                "hostnossl all all ::/0 reject",
                "hostssl all all all reject",
                "hostnossl all all all reject!",
                _ANYBODY,
            ),
        ),
    ),
    Example(
        "a refusal of one family leaves a host name open",
        given=(_LISTENS, _TLS, hba("hostnossl all all 0.0.0.0/0 reject", "host all all .example.org scram-sha-256")),
    ),
    Example(
        "the application's own connection is not encrypted",
        engine=_CREATE.format(""),
        given=(_LISTENS, _NO_TLS, hba(_ANYBODY), engine(local=False), live(tls=False)),
        severity="high",
        says=("without encryption now",),
    ),
    Example(
        "the application takes what it gets, and others too",
        engine=_CREATE.format("?sslmode=prefer"),
        given=(_LISTENS, _TLS, hba(_ANYBODY), engine(local=False), live()),
        severity="medium",
        says=("without insisting",),
    ),
    Example(
        "the application gets it without having asked",
        engine=_CREATE.format(""),
        given=(_LISTENS, _TLS, hba(_ANYBODY), engine(local=False), live()),
        severity="medium",
    ),
    Example(
        "the application insists, and others need not",
        engine=_CREATE.format("?sslmode=verify-full"),
        given=(_LISTENS, _TLS, hba(_ANYBODY), engine(local=False), live()),
        severity="low",
        says=("sslmode=verify-full",),
    ),
    Example(
        "the application insists with asyncpg's word",
        engine=_ASYNC,
        given=(_LISTENS, _TLS, hba(_ANYBODY), engine(local=False), live()),
        severity="low",
    ),
    Example(
        "the application is on the same machine, and others are not",
        engine=_CREATE.format(""),
        given=(_LISTENS, _NO_TLS, hba(_ANYBODY), engine(local=True), live(tls=False)),
        severity="medium",
    ),
    Example(
        "what a pooler makes of the application's connections is not known",
        engine=_CREATE.format(""),
        given=(_LISTENS, _NO_TLS, hba(_ANYBODY), engine(local=False), live(tls=None)),
        severity="medium",
    ),
    Example(
        "the application's engine could not connect",
        engine=_CREATE.format(""),
        given=(_LISTENS, _NO_TLS, hba(_ANYBODY), engine(local=False)),
        severity="medium",
    ),
)

GOOD = (
    Example("every line asks for TLS", given=(_LISTENS, _TLS, hba("hostssl all all 10.0.0.0/8 scram-sha-256"))),
    Example(
        "a server on this machine alone",
        given=(setting("listen_addresses", "localhost,127.0.0.1,::1"), _NO_TLS, hba(_ANYBODY)),
    ),
    Example("a server on its socket alone", given=(setting("listen_addresses", ""), _NO_TLS, hba(_ANYBODY))),
    Example(
        "addresses that are not known", given=(setting("listen_addresses", "*"), server(settings=()), hba(_ANYBODY))
    ),
    Example(
        "nobody comes in from elsewhere",
        given=(
            _LISTENS,
            _NO_TLS,
            hba(
                "local all all peer",
                "host all all 127.0.0.0/8 scram-sha-256",
                "host all all ::1/128 scram-sha-256",
                "host all all localhost scram-sha-256",
                "host all all samehost scram-sha-256",
                "host all all 10.0.0.0/8 reject",
            ),
        ),
    ),
    Example("a line that the server cannot use", given=(_LISTENS, _TLS, hba("host all all 10.0.0.0/8 scram-sha-256!"))),
    Example(
        "everybody without TLS is refused first",
        given=(_LISTENS, _TLS, hba("hostnossl all all all reject", _ANYBODY, "host all all ::/0 scram-sha-256")),
    ),
    Example(
        "everybody of its family without TLS is refused first",
        given=(_LISTENS, _TLS, hba("hostnossl all all 0.0.0.0/0 reject", _ANYBODY)),
    ),
    Example(
        "everybody without TLS is refused first, by family",
        given=(
            _LISTENS,
            _TLS,
            hba(
                "hostnossl all all 10.0.0.0/0 reject",
                "host all all ::/0 reject",
                _ANYBODY,
                "host all all all scram-sha-256",
            ),
        ),
    ),
    Example("TLS is on, and the lines cannot be read", given=(_LISTENS, _TLS, server(authentication=None))),
)
