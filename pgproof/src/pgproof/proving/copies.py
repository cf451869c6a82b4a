"""Copies of the scratch copy: each as it was at first, owned by the role that runs the project's code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgproof.proof import kills

_SETTINGS = """
SELECT split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
FROM pg_catalog.pg_db_role_setting s JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) setting
WHERE d.datname = %s AND s.setrole = 0
"""
_LISTS = ("search_path", "temp_tablespaces")


@dataclass(frozen=True)
class Copy:
    """A scratch database.

    Attributes:
        url: for the role without special rights that owns everything in it.
        admin_url: for the role that made it.
    """

    url: str
    admin_url: str

    @property
    def name(self) -> str:
        """The database's name."""
        return str(conninfo_to_dict(self.url)["dbname"])


@dataclass(frozen=True)
class OwnedCopies:
    """Makes copies of one database.

    Attributes:
        server: where they are made and dropped.
        role: that owns what is in the database.
    """

    server: kills.Copies
    role: str

    @contextmanager
    def fresh(self, template: str | None = None) -> Iterator[Copy]:
        """Yield a copy of a template, to which nobody is connected; of nothing, an empty database."""
        with self.server.scratch_database(template=template) as admin_url:
            with psycopg.connect(admin_url, autocommit=True) as connection:
                self._complete(connection, template)
            yield Copy(as_role(admin_url, self.role), admin_url)

    def _complete(self, connection: psycopg.Connection[Any], template: str | None) -> None:
        """CREATE DATABASE copies what is in a database, and neither whose it is nor its settings."""
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(database, sql.Identifier(self.role)))
        for name, value in connection.execute(_SETTINGS, (template,)).fetchall():
            # A list, such as a search path, stands there as it is written; quoted as a whole it would be one name.
            written = sql.SQL(value) if name in _LISTS else sql.Literal(value)
            connection.execute(sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.Identifier(name), written))

    @contextmanager
    def scratch_database(self, *, template: str | None = None) -> Iterator[str]:
        """Yield the URL of a copy for the role, as the kill driver asks for copies."""
        with self.fresh(template) as copy:
            yield copy.url


def as_role(url: str, role: str) -> str:
    """Return a URL for a role; another one than its own needs no password."""
    if conninfo_to_dict(url).get("user") == role:
        return url
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(role, safe='')}@{place}").geturl()
