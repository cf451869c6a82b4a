"""Alembic on a project's own chain, in a process that knows one database: the scratch copy.

Started through `pgproof.proof.clients.Function`, whose processes are forked with Alembic loaded, since a proof starts
hundreds of them; nothing of the project is loaded before the fork, so its settings are read anew in each.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from pgproof.facts.project.guard import guard, targets_of

PRELOAD = (
    "alembic.autogenerate",
    "alembic.command",
    "alembic.context",
    "alembic.ddl.postgresql",
    "alembic.operations",
    "pgproof.facts.project.read_migrations",
    "pgproof.proof.clients",
    "pydantic_settings",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
)
"""Of no project: what most of them need, imported once."""

_URL = re.compile(r"(?P<scheme>postgres(?:ql)?(?:\+\w+)?)://", re.IGNORECASE)
_NAMED_IN_FILE = re.compile(r"\s*(?:export\s+)?(?P<name>\w+)\s*=\s*['\"]?(?P<value>[^'\"\n]*)")
_INI_URL = "sqlalchemy.url"


@dataclass(frozen=True)
class AlembicRun:
    """One command of Alembic on a project; called with the URL of the database to run it on.

    Attributes:
        directory: the project's root: the working directory, on the path together with its `src`.
        file: its alembic.ini or pyproject.toml, relative to the root.
        command: what to run.
        revision: where to.
        environment: the caller's, of which each URL of PostgreSQL is replaced by that of the scratch database.
        guarded: connections to anything else are refused.
    """

    directory: str
    file: str
    command: Literal["upgrade", "downgrade"]
    revision: str
    environment: tuple[tuple[str, str], ...]
    guarded: bool = True

    def __call__(self, url: str) -> None:
        """Run the command; what goes wrong leaves as an exception."""
        # Whoever kills this process ends with it the programs that the project's code started.
        os.setsid()
        known = environment_for(url, dict(self.environment), Path(self.directory))
        os.environ.clear()
        os.environ.update(known)
        os.chdir(self.directory)
        sys.argv = ["alembic", self.command, self.revision]
        for folder in (str(Path(self.directory, "src")), self.directory):
            if folder not in sys.path:
                sys.path.insert(0, folder)
        if self.guarded:
            for target in targets_of(url):
                guard.allow(target)
            guard.install()
        self._run(url)

    def _run(self, url: str) -> None:
        from alembic import command

        from pgproof.facts.project.read_migrations import read_config

        config = read_config(Path(self.directory, self.file))
        # What env.py may look for: the options of Alembic's own command line, as if none was given.
        config.cmd_opts = argparse.Namespace(
            x=None, name=config.config_ini_section, cmd=(getattr(command, self.command),)
        )
        _point_to(config, url)
        getattr(command, self.command)(config, self.revision)


def environment_for(url: str, given: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the environment of a process that is to know one database and no other.

    A variable that holds a URL of PostgreSQL, here or in the project's .env, holds this database's URL afterwards, with
    the driver that it named; libpq's own variables lead to it as well.

    Args:
        url: of the database.
        given: the caller's environment.
        directory: of the project.
    """
    libpq = {option.envvar.decode() for option in psycopg.pq.Conninfo.get_defaults() if option.envvar}
    known = {name: value for name, value in given.items() if name not in libpq | {"PGSERVICEFILE", "PGSYSCONFDIR"}}
    for name, value in {**_env_file(directory / ".env"), **known}.items():
        match = _URL.search(value)
        if match is not None:
            known[name] = with_scheme(url, match["scheme"])
    known.setdefault("DATABASE_URL", url)
    place = conninfo_to_dict(url)
    known |= {
        "PGHOST": str(place.get("host", "")),
        "PGPORT": str(place.get("port", 5432)),
        "PGUSER": str(place.get("user", "")),
        "PGDATABASE": str(place.get("dbname", "")),
        "PGPASSFILE": os.devnull,
        "PGSERVICEFILE": os.devnull,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return known | ({"PGPASSWORD": str(place["password"])} if place.get("password") else {})


def with_scheme(url: str, scheme: str) -> str:
    """Return a URL with the scheme that another one had, and so with its driver."""
    return urlsplit(url)._replace(scheme=scheme).geturl()


def _env_file(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {match["name"]: match["value"] for line in lines if (match := _NAMED_IN_FILE.match(line))}


def _point_to(config: Any, url: str) -> None:
    """Make each URL of the configuration lead to the scratch database, with the driver that it names."""
    sections = [config.config_ini_section, *config.file_config.sections()]
    for section in dict.fromkeys(sections):
        named = config.get_section_option(section, _INI_URL) if config.file_config.has_section(section) else None
        if named is None and section != config.config_ini_section:
            continue
        match = _URL.match(named or "")
        pointed = with_scheme(url, match["scheme"]) if match else url
        config.set_section_option(section, _INI_URL, pointed.replace("%", "%%"))
