"""The settings, all of them, read from the environment in one place."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy import URL

from intowork.database.url import connect_parameters, hosts, is_local, parse_url, require_encryption
from intowork.errors import IntoWorkError

_REPLICA_URL = "a URL of REPLICA_URLS"


class Environment(StrEnum):
    """What the process is for."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


def _in_production(production: int, development: int) -> Callable[[dict[str, Any]], int]:
    """Return a default that depends on the settings before it: larger pools and shorter patience in production."""

    def default(settings: dict[str, Any]) -> int:
        urls = _parsed(settings["database_url"], settings["direct_database_url"], *settings["replica_urls"])
        leads_there = any(_is_remote(url, settings["not_production_hosts"]) for url in urls)
        return production if leads_there or settings["environment"] is Environment.PRODUCTION else development

    return default


def _parsed(*secrets: SecretStr | None) -> list[URL]:
    return [parse_url("the database URL", secret.get_secret_value()) for secret in secrets if secret is not None]


def _is_remote(url: URL, not_production_hosts: tuple[str, ...]) -> bool:
    return any(not is_local(host) and host.lower() not in not_production_hosts for host in hosts(url))


class Settings(BaseSettings):
    """The environment as typed values; the name of each field in capitals is the variable's.

    Passwords are kept as secrets: neither `repr()` nor a message shows them.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    # The defaults further down depend on these five, so they come first.
    environment: Environment = Field(
        Environment.DEVELOPMENT,
        description="development or production; a remote host means production either way",
    )
    not_production_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="remote hosts that are not production after all, separated by commas"
    )
    database_url: SecretStr | None = Field(None, description="the database, or PgBouncer in front of it")
    direct_database_url: SecretStr | None = Field(
        None, description="the server itself, for migrations and workers; DATABASE_URL where absent"
    )
    replica_urls: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="hot standbys for reads, one host each, separated by commas"
    )
    replica_max_lag: float = Field(5.0, ge=1, description="seconds a standby that is read may be behind the primary")
    pgbouncer: bool = Field(False, description="DATABASE_URL leads to PgBouncer in transaction mode")
    web_processes: int = Field(1, gt=0, description="processes that share the server, each with its own pool")
    pool_size: int = Field(default_factory=_in_production(20, 5), gt=0, description="connections kept open")
    max_overflow: int = Field(
        default_factory=_in_production(40, 10), ge=0, description="connections beyond pool_size, closed after use"
    )
    pool_timeout: float = Field(30.0, gt=0, description="seconds a request waits for a connection")
    pool_recycle: int = Field(3600, gt=0, description="seconds after which a connection is replaced")
    max_waiting: int = Field(1000, ge=0, description="requests that may wait for a connection at a time")
    database_timeout: int = Field(10, gt=1, description="seconds for a connection to be made; libpq's least is 2")
    statement_timeout: int = Field(
        default_factory=_in_production(30_000, 60_000), gt=0, description="milliseconds a statement may run"
    )
    lock_timeout: int = Field(5_000, gt=0, description="milliseconds a statement may wait for a lock")
    idle_in_transaction_timeout: int = Field(
        60_000, gt=0, description="milliseconds a transaction may idle before the server ends its connection"
    )
    slow_statement_ms: int = Field(500, gt=0, description="milliseconds from which on a statement is logged")
    metrics_token: SecretStr | None = Field(None, description="who reads /metrics sends it; needed in production")
    session_days: int = Field(30, gt=0, description="days a sign-in lasts")
    backup_directory: Path | None = Field(None, description="where pg_dump archives are written, as <name>.dump")
    cleanup_session_days: int = Field(30, ge=0, description="days an expired session is kept")
    cleanup_used_token_days: int = Field(7, ge=0, description="days a used password reset token is kept")
    cleanup_batch_size: int = Field(5_000, gt=0, description="rows a cleanup deletes in one transaction")

    def __init__(self, **values: Any) -> None:
        """Read the environment; a value given here goes before it.

        Raises:
            IntoWorkError: a setting is wrong; the message names it and says what it must be.
        """
        try:
            super().__init__(**values)
        except ValidationError as invalid:
            raise IntoWorkError(_one_line(invalid)) from None
        self._secured("DATABASE_URL", self.database_url)
        self._secured("DIRECT_DATABASE_URL", self.direct_database_url)
        self.replicas()

    @field_validator("not_production_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("database_url", "direct_database_url", mode="after")
    @classmethod
    def _check_url(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None:
            parse_url(str(info.field_name).upper(), value.get_secret_value())
        return value

    @field_validator("replica_urls", mode="before")
    @classmethod
    def _split_urls(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(url.strip() for url in value.split(",") if url.strip())
        return value

    @field_validator("replica_urls", mode="after")
    @classmethod
    def _check_urls(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for each in value:
            url = parse_url(_REPLICA_URL, each.get_secret_value())
            if len(names := str(connect_parameters(url).get("host", "")).split(",")) > 1:
                raise IntoWorkError(
                    f"{_REPLICA_URL} names {len(names)} hosts, and the lag of one says nothing about the other: "
                    "give each standby a URL of its own"
                )
        return value

    def web_url(self) -> URL:
        """Return DATABASE_URL for psycopg, with TLS required in production.

        Raises:
            IntoWorkError: it is not set.
        """
        url = self._secured("DATABASE_URL", self.database_url)
        if url is None:
            raise IntoWorkError(
                "DATABASE_URL is not set: give it the database, such as postgresql://user:password@host/intowork"
            )
        return url

    def direct_url(self) -> URL:
        """Return the URL of the server itself, which session locks, long statements and LISTEN need.

        Raises:
            IntoWorkError: neither URL is set, or DATABASE_URL is PgBouncer's and there is no other.
        """
        url = self._secured("DIRECT_DATABASE_URL", self.direct_database_url)
        if url is None and self.pgbouncer:
            raise IntoWorkError(
                "DATABASE_URL leads to PgBouncer, which takes no migrations and no session locks: "
                "set DIRECT_DATABASE_URL to the server itself"
            )
        return url or self.web_url()

    def replicas(self) -> tuple[URL, ...]:
        """Return the URLs of the hot standbys for psycopg, with TLS required in production."""
        return tuple(url for each in self.replica_urls if (url := self._secured(_REPLICA_URL, each)) is not None)

    def is_production(self, url: URL | str | None = None) -> bool:
        """Tell whether a URL leads to production: by ENVIRONMENT, or by a remote host that nobody allowed.

        A remote host counts until NOT_PRODUCTION_HOSTS names it: to take a real server for a toy is the
        mistake that cannot be undone.

        Args:
            url: the URL to judge; DATABASE_URL, DIRECT_DATABASE_URL and REPLICA_URLS where absent.
        """
        if self.environment is Environment.PRODUCTION:
            return True
        if url is None:
            judged = _parsed(self.database_url, self.direct_database_url, *self.replica_urls)
        else:
            judged = [url if isinstance(url, URL) else parse_url("the database URL", url)]
        return any(_is_remote(each, self.not_production_hosts) for each in judged)

    def refuse_production(self, action: str, url: URL | str | None = None) -> None:
        """Stop an action that would ruin a database of real people.

        Args:
            action: what was about to happen, as the subject of a sentence: "the demo".
            url: the URL it would happen to; DATABASE_URL, DIRECT_DATABASE_URL and REPLICA_URLS where absent.

        Raises:
            IntoWorkError: the URL leads to production.
        """
        if not self.is_production(url):
            return
        if self.environment is Environment.PRODUCTION:
            raise IntoWorkError(f"{action} never runs on production: unset ENVIRONMENT=production first")
        raise IntoWorkError(
            f"{action} never runs on production, and a remote host counts as such: "
            "use a local database, or name the host in NOT_PRODUCTION_HOSTS"
        )

    def _secured(self, setting: str, secret: SecretStr | None) -> URL | None:
        if secret is None:
            return None
        url = parse_url(setting, secret.get_secret_value())
        return require_encryption(setting, url) if self.is_production(url) else url


def _one_line(invalid: ValidationError) -> str:
    """Return what is wrong with which variables, without the values: some of them are secrets."""
    return "; ".join(
        f"{str(error['loc'][0]).upper()} is wrong: {error['msg'][0].lower()}{error['msg'][1:]}"
        for error in invalid.errors(include_url=False, include_input=False, include_context=False)
        if error["type"] != "default_factory_not_called"
    )
