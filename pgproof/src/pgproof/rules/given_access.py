"""What an example states about who may connect: roles, their settings and the lines of pg_hba.conf.

They belong to the server, which other examples and tests use at the same time, so SQL must not make them.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from pgproof.facts.model import Facts
from pgproof.facts.objects import Role
from pgproof.facts.server_state import AuthenticationRule, RoleSetting
from pgproof.rules.given import Given

FIRST_OID = 16384
"""Oids below it are those that initdb gave."""


def role(
    name: str,
    *,
    oid: int = FIRST_OID,
    login: bool = True,
    superuser: bool = False,
    bypass_row_security: bool = False,
    replication: bool = False,
    member_of: tuple[str, ...] = (),
    connection_limit: int = -1,
) -> Role:
    """Return a role that an example may state; an ordinary one that can log in, unless said otherwise."""
    return Role(
        oid,
        name,
        superuser,
        login,
        bypass_row_security,
        False,
        False,
        replication,
        connection_limit,
        member_of,
        name[:3] == "pg_",
    )


def roles(*stated: Role) -> Given:
    """State that the server has these roles and no others."""
    return lambda facts: replace(facts, catalog=replace(facts.catalog, roles=stated))


def role_setting(name: str, value: str, *, role: str | None = None, here: bool = False) -> Given:
    """State a setting of ALTER ROLE, or ALTER DATABASE of the example's own database (`here`).

    Args:
        name: of the setting.
        value: as it was written, with or without a unit.
        role: None for every role.
        here: in the example's database alone.
    """

    def given(facts: Facts) -> Facts:
        stated = RoleSetting(facts.database.name if here else None, role, name, value)
        return replace(facts, server=replace(facts.server, role_settings=(*facts.server.role_settings, stated)))

    return given


def hidden(name: str) -> Given:
    """State that the server's value of a setting is not known: the auditing role has one of its own."""

    def given(facts: Facts) -> Facts:
        settings = tuple(
            replace(setting, value=None) if setting.name == name else setting for setting in facts.server.settings
        )
        return replace(facts, server=replace(facts.server, settings=settings))

    return given


def without_settings(prefix: str) -> Given:
    """State that the server lacks the settings whose names begin so: another version, or a library not loaded."""

    def given(facts: Facts) -> Facts:
        kept = tuple(setting for setting in facts.server.settings if not setting.name.startswith(prefix))
        return replace(facts, server=replace(facts.server, settings=kept))

    return given


def authentication(*lines: str) -> Given:
    """State the lines of pg_hba.conf as it writes them; one that ends in `!` is one that the server cannot use."""

    def rule(number: int, line: str) -> AuthenticationRule:
        kind, database, name, *rest = line.removesuffix("!").split()
        address = None if kind == "local" else rest.pop(0)
        netmask = None
        if address is not None and "/" in address:
            stated = ip_interface(address)
            address, netmask = str(stated.ip), str(stated.netmask)
        method, *options = rest
        return AuthenticationRule(
            number, kind, (database,), (name,), address, method, line[-1] == "!", netmask, tuple(options)
        )

    stated = tuple(rule(number, line) for number, line in enumerate(lines, 1))
    return lambda facts: replace(facts, server=replace(facts.server, authentication=stated))
