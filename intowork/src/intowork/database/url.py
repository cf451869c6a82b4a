"""Database URLs: any driver's spelling becomes psycopg's, and where a URL leads is known before connecting."""

from __future__ import annotations

import os
from ipaddress import ip_address

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from intowork.errors import IntoWorkError

_SCHEMES = frozenset({"postgres", "postgresql"})
_ENCRYPTING_SSLMODES = frozenset({"require", "verify-ca", "verify-full"})


def parse_url(setting: str, text: str) -> URL:
    """Return the URL for psycopg, the one driver of IntoWork, sync and async.

    A message never repeats the text: where a password holds an unescaped `@` or `:`, the parts a parser finds
    are pieces of the password.

    Args:
        setting: name of the setting that holds the URL, for the message.
        text: a URL of PostgreSQL in libpq's or SQLAlchemy's spelling, with any driver.

    Raises:
        IntoWorkError: the text is not such a URL, or leaves the host to a service file.
    """
    try:
        given = make_url(text)
        url = given.set(drivername="postgresql+psycopg")
        parameters = connect_parameters(url)
    except (ArgumentError, ValueError):
        raise IntoWorkError(_not_a_url(setting)) from None
    scheme, _, driver = given.drivername.partition("+")
    if scheme not in _SCHEMES or "@" in (url.host or ""):
        raise IntoWorkError(_not_a_url(setting))
    if "host" not in parameters and ("service" in parameters or "PGSERVICE" in os.environ):
        raise IntoWorkError(f"{setting} leaves the host to a service file: write the host into the URL")
    if driver == "asyncpg":
        return _with_libpq_sslmode(url)
    return url


def connect_parameters(url: URL) -> dict[str, object]:
    """Return the libpq parameters that SQLAlchemy makes of a URL, hosts in the query included."""
    _, parameters = url.get_dialect()().create_connect_args(url)
    return dict(parameters)


def libpq_url(url: URL) -> str:
    """Return a URL as libpq takes it, with its password: for psycopg, never for a message.

    SQLAlchemy writes a space as `+` in the query and as itself before it; libpq reads neither as a space.
    """
    place, mark, query = url.set(drivername="postgresql").render_as_string(hide_password=False).partition("?")
    return place.replace(" ", "%20") + mark + query.replace("+", "%20")


def hosts(url: URL) -> tuple[str, ...]:
    """Return every host that libpq would try for a URL; the empty string is the default socket.

    PGHOST and PGHOSTADDR count where the URL is silent, as they do for libpq, and an address given beside a
    name counts as well, because libpq connects to the address (PostgreSQL documentation, section 34.1.2).
    """
    parameters = connect_parameters(url)
    names = str(parameters.get("host") or os.environ.get("PGHOST", ""))
    addresses = str(parameters.get("hostaddr") or os.environ.get("PGHOSTADDR", ""))
    return tuple(names.split(",")) + (tuple(addresses.split(",")) if addresses else ())


def is_socket(host: str) -> bool:
    """Tell whether a host of libpq is a Unix-domain socket: none, a directory, or an abstract name."""
    return host == "" or host.startswith(("/", "@"))


def is_local(host: str) -> bool:
    """Tell whether a host is a socket or a loopback address; a name is resolved by nobody but libpq."""
    if is_socket(host) or host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def require_encryption(setting: str, url: URL) -> URL:
    """Return the URL with TLS required, unless every host is a socket, where libpq ignores it.

    `sslmode=prefer`, libpq's default, silently falls back to plain text (PostgreSQL documentation, table 34.1).

    Args:
        setting: name of the setting that holds the URL, for the message.
        url: the URL, which may already ask for `require` or something stronger.

    Raises:
        IntoWorkError: the URL, or PGSSLMODE, asks for something weaker.
    """
    if all(is_socket(host) for host in hosts(url)):
        return url
    sslmode = connect_parameters(url).get("sslmode") or os.environ.get("PGSSLMODE")
    if sslmode is None:
        return url.update_query_dict({"sslmode": "require"})
    if sslmode not in _ENCRYPTING_SSLMODES:
        raise IntoWorkError(
            f"{setting} allows connections without TLS (sslmode={sslmode}), which production must not: "
            "use sslmode=require, verify-ca or verify-full"
        )
    return url


def describe_target(url: URL) -> str:
    """Return database and place of a URL for a message: never the password."""
    parameters = connect_parameters(url)
    host = ",".join(dict.fromkeys(hosts(url)))
    port = parameters.get("port") or os.environ.get("PGPORT", "5432")
    place = f"socket {host or 'of the default directory'}, port {port}" if is_socket(host) else f"{host}:{port}"
    return f'database "{parameters.get("dbname") or parameters.get("user") or ""}" at {place}'


def _with_libpq_sslmode(url: URL) -> URL:
    """Rename asyncpg's `ssl` to libpq's `sslmode`; asyncpg's `true` means what libpq calls require."""
    mode = url.query.get("ssl")
    if mode is None:
        return url
    return url.difference_update_query(["ssl"]).update_query_dict(
        {"sslmode": "require" if mode == "true" else str(mode)}
    )


def _not_a_url(setting: str) -> str:
    return (
        f"{setting} is not a URL of PostgreSQL: write postgresql://user:password@host:5432/database, "
        "with @ : / in the password percent-encoded (%40 %3A %2F)"
    )
