from __future__ import annotations

import os

import pytest

from intowork.errors import IntoWorkError
from intowork.settings import Settings

REMOTE = "postgresql://me:hunter2@db.example.com/app"
LOCAL = "postgresql://me:hunter2@localhost/app"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": LOCAL,
        "PGBOUNCER": "1",
        "STATEMENT_TIMEOUT": "1500",
        "POOL_SIZE": "7",
        "NOT_PRODUCTION_HOSTS": "db, Staging.example.com ,",
        "MAX_OVERFLOW": "",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.web_url().host == "localhost"
    assert settings.pgbouncer
    assert settings.statement_timeout == 1500
    assert settings.pool_size == 7
    assert settings.not_production_hosts == ("db", "staging.example.com")
    assert settings.max_overflow == 10


def test_development_has_small_pools_and_more_patience() -> None:
    settings = Settings(database_url=LOCAL)
    assert (settings.pool_size, settings.max_overflow, settings.statement_timeout) == (5, 10, 60_000)


@pytest.mark.parametrize(
    "values",
    [
        {"environment": "production"},
        {"environment": "production", "database_url": LOCAL},
        {"database_url": REMOTE},
        {"database_url": LOCAL, "direct_database_url": REMOTE},
        {"database_url": LOCAL, "replica_urls": f"{LOCAL},{REMOTE}"},
    ],
)
def test_production_has_large_pools_and_less_patience(values: dict[str, str]) -> None:
    settings = Settings(**values)
    assert (settings.pool_size, settings.max_overflow, settings.statement_timeout) == (20, 40, 30_000)
    assert (settings.pool_timeout, settings.pool_recycle, settings.database_timeout) == (30, 3600, 10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pool_size": "many"}, "POOL_SIZE is wrong: input should be a valid integer"),
        ({"pool_size": "0"}, "POOL_SIZE is wrong: input should be greater than 0"),
        ({"max_overflow": "-1"}, "MAX_OVERFLOW is wrong: input should be greater than or equal to 0"),
        ({"statement_timeout": "0"}, "STATEMENT_TIMEOUT is wrong: input should be greater than 0"),
        ({"environment": "prod"}, "ENVIRONMENT is wrong: input should be 'development' or 'production'"),
        ({"database_url": "hunter2"}, "DATABASE_URL is not a URL of PostgreSQL"),
        ({"direct_database_url": "hunter2"}, "DIRECT_DATABASE_URL is not a URL of PostgreSQL"),
        ({"database_url": REMOTE + "?sslmode=prefer"}, "DATABASE_URL allows connections without TLS"),
        ({"replica_urls": f"{LOCAL},hunter2"}, "a URL of REPLICA_URLS is not a URL of PostgreSQL"),
        ({"replica_urls": "postgresql://me:hunter2@one,two/app"}, "a URL of REPLICA_URLS is not a URL of PostgreSQL"),
        ({"replica_urls": "postgresql:///app?host=one&host=two"}, "a URL of REPLICA_URLS names 2 hosts"),
        ({"replica_urls": f"{LOCAL}, {REMOTE}?sslmode=prefer"}, "a URL of REPLICA_URLS allows connections without TLS"),
        ({"replica_max_lag": "0"}, "REPLICA_MAX_LAG is wrong: input should be greater than or equal to 1"),
        ({"poolsize": 5}, "POOLSIZE is wrong: extra inputs are not permitted"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(values: dict[str, object], message: str) -> None:
    with pytest.raises(IntoWorkError) as wrong:
        Settings(**values)
    assert str(wrong.value).startswith(message)
    assert "\n" not in str(wrong.value)
    assert "hunter2" not in str(wrong.value)


def test_a_wrong_environment_does_not_hide_behind_the_defaults_that_depend_on_it() -> None:
    with pytest.raises(IntoWorkError) as wrong:
        Settings(environment="prod", pool_timeout="soon")
    assert str(wrong.value).count("is wrong") == 2


def test_a_missing_url_says_which_and_how() -> None:
    with pytest.raises(IntoWorkError, match=r"^DATABASE_URL is not set: give it the database, such as postgresql://"):
        Settings().web_url()
    with pytest.raises(IntoWorkError, match=r"^DATABASE_URL is not set"):
        Settings().direct_url()


def test_standbys_are_separated_by_commas_and_encrypted_like_the_primary(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().replicas() == ()
    monkeypatch.setenv("REPLICA_URLS", "postgresql://me:hunter%2C2@one.example.com/app, postgresql:///app?host=/run ,")
    remote, local = Settings().replicas()
    assert (remote.host, remote.password, remote.query["sslmode"]) == ("one.example.com", "hunter,2", "require")
    assert "sslmode" not in local.query
    named = Settings(not_production_hosts="one.example.com")
    assert not named.is_production()
    assert "sslmode" not in named.replicas()[0].query


def test_no_representation_shows_the_password() -> None:
    settings = Settings(database_url=REMOTE, direct_database_url=REMOTE, replica_urls=REMOTE)
    for shown in (
        repr(settings),
        str(settings),
        repr(settings.replicas()),
        repr(settings.web_url()),
        str(settings.direct_url()),
    ):
        assert "hunter2" not in shown
    assert settings.web_url().password == "hunter2"


def test_the_direct_url_is_the_database_url_unless_that_is_pgbouncer() -> None:
    assert Settings(database_url=LOCAL).direct_url().host == "localhost"
    both = Settings(database_url=LOCAL, direct_database_url="postgresql://127.0.0.1/app", pgbouncer=True)
    assert both.direct_url().host == "127.0.0.1"
    with pytest.raises(IntoWorkError, match="set DIRECT_DATABASE_URL to the server itself"):
        Settings(database_url=LOCAL, pgbouncer=True).direct_url()


def test_a_remote_host_is_production_until_it_is_named() -> None:
    assert Settings(database_url=REMOTE).is_production()
    assert Settings(database_url=LOCAL, direct_database_url=REMOTE).is_production()
    assert Settings(database_url=LOCAL, replica_urls=REMOTE).is_production()
    assert not Settings(database_url=REMOTE, not_production_hosts="DB.example.com").is_production()
    assert not Settings(database_url=LOCAL).is_production()
    assert not Settings().is_production()
    assert Settings().is_production(REMOTE)
    assert Settings(environment="production").is_production(LOCAL)


def test_production_encrypts_and_a_named_host_may_not() -> None:
    assert Settings(database_url=REMOTE).web_url().query["sslmode"] == "require"
    assert Settings(environment="production", database_url=LOCAL).direct_url().query["sslmode"] == "require"
    assert "sslmode" not in Settings(database_url=REMOTE, not_production_hosts="db.example.com").web_url().query


def test_what_would_ruin_production_is_refused_there() -> None:
    with pytest.raises(IntoWorkError, match=r"^the demo never runs on production.*NOT_PRODUCTION_HOSTS"):
        Settings(database_url=REMOTE).refuse_production("the demo")
    with pytest.raises(IntoWorkError, match=r"^seed never runs on production.*ENVIRONMENT"):
        Settings(environment="production", database_url=LOCAL).refuse_production("seed")
    with pytest.raises(IntoWorkError, match="never runs on production"):
        Settings(database_url=LOCAL).refuse_production("seed", REMOTE)
    with pytest.raises(IntoWorkError, match="never runs on production"):
        Settings(database_url=LOCAL, replica_urls=REMOTE).refuse_production("seed")
    Settings(database_url=LOCAL).refuse_production("seed")
