from __future__ import annotations

import pytest
from psycopg.conninfo import conninfo_to_dict

from intowork.database.url import describe_target, hosts, is_local, libpq_url, parse_url, require_encryption
from intowork.errors import IntoWorkError


@pytest.mark.parametrize(
    "text",
    [
        "postgres://me:pw@db/app",
        "postgresql://me:pw@db/app",
        "postgresql+psycopg://me:pw@db/app",
        "postgresql+psycopg2://me:pw@db/app",
        "postgresql+asyncpg://me:pw@db/app",
    ],
)
def test_every_spelling_becomes_psycopgs(text: str) -> None:
    url = parse_url("DATABASE_URL", text)
    assert url.render_as_string(hide_password=False) == "postgresql+psycopg://me:pw@db/app"


def test_the_ssl_of_asyncpg_becomes_libpqs_sslmode() -> None:
    url = parse_url("DATABASE_URL", "postgresql+asyncpg://db/app?ssl=verify-full")
    assert dict(url.query) == {"sslmode": "verify-full"}


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hunt@er2@db/app",
        "postgresql://me:hunt@er2:x@db/app",
        "mysql://me:hunter2@db/app",
        "sqlite:///hunter2",
        "host=db password=hunter2",
        "postgresql://me:hunter2@db:port/app",
        "",
    ],
)
def test_what_is_no_url_of_postgresql_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(IntoWorkError, match=r"^DATABASE_URL is not a URL of PostgreSQL: write ") as refused:
        parse_url("DATABASE_URL", text)
    message = str(refused.value)
    assert "er2" not in message
    assert "\n" not in message


def test_a_service_file_may_not_choose_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IntoWorkError, match="write the host"):
        parse_url("DATABASE_URL", "postgresql:///app?service=live")
    monkeypatch.setenv("PGSERVICE", "live")
    with pytest.raises(IntoWorkError, match="write the host"):
        parse_url("DATABASE_URL", "postgresql:///app")
    assert hosts(parse_url("DATABASE_URL", "postgresql://localhost/app")) == ("localhost",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://db/app", ("db",)),
        ("postgresql:///app", ("",)),
        ("postgresql:///app?host=/run/pg%20x&port=5433", ("/run/pg x",)),
        ("postgresql://localhost/app?host=db", ("db",)),
        ("postgresql:///app?host=a:1&host=b:2", ("a", "b")),
        ("postgresql://localhost/app?hostaddr=10.0.0.1", ("localhost", "10.0.0.1")),
    ],
)
def test_every_host_that_libpq_would_try_is_found(text: str, expected: tuple[str, ...]) -> None:
    assert hosts(parse_url("DATABASE_URL", text)) == expected


def test_the_host_of_the_environment_counts_where_the_url_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example.com")
    assert hosts(parse_url("DATABASE_URL", "postgresql:///app")) == ("db.example.com",)
    assert hosts(parse_url("DATABASE_URL", "postgresql://localhost/app")) == ("localhost",)


@pytest.mark.parametrize("host", ["", "/run/postgresql", "@abstract", "localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_sockets_and_loopback_are_local(host: str) -> None:
    assert is_local(host)


@pytest.mark.parametrize("host", ["db", "10.0.0.1", "localhost.example.com", "0.0.0.0", "fe80::1"])
def test_everything_else_is_remote(host: str) -> None:
    assert not is_local(host)


def test_encryption_is_required_where_the_url_says_nothing() -> None:
    url = require_encryption("DATABASE_URL", parse_url("DATABASE_URL", "postgresql://db/app"))
    assert url.query["sslmode"] == "require"


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_stronger_mode_stays(mode: str) -> None:
    given = parse_url("DATABASE_URL", f"postgresql://db/app?sslmode={mode}")
    assert require_encryption("DATABASE_URL", given).query["sslmode"] == mode


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_a_weaker_mode_is_refused(mode: str) -> None:
    with pytest.raises(IntoWorkError, match=f"sslmode={mode}.*use sslmode=require"):
        require_encryption("DATABASE_URL", parse_url("DATABASE_URL", f"postgresql://db/app?sslmode={mode}"))


def test_the_mode_of_the_environment_is_neither_weakened_nor_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    given = parse_url("DATABASE_URL", "postgresql://db/app")
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    assert "sslmode" not in require_encryption("DATABASE_URL", given).query
    monkeypatch.setenv("PGSSLMODE", "disable")
    with pytest.raises(IntoWorkError, match="sslmode=disable"):
        require_encryption("DATABASE_URL", given)


def test_a_socket_needs_no_encryption_but_a_remote_host_beside_it_does() -> None:
    socket = parse_url("DATABASE_URL", "postgresql:///app?host=/run/postgresql&sslmode=disable")
    assert require_encryption("DATABASE_URL", socket) == socket
    both = parse_url("DATABASE_URL", "postgresql:///app?host=/run/postgresql,db&sslmode=disable")
    with pytest.raises(IntoWorkError, match="sslmode=disable"):
        require_encryption("DATABASE_URL", both)


def test_libpq_gets_the_url_back_with_its_password() -> None:
    url = parse_url("U", "postgres://me:p%40+s%20s%3F@/my%20app?host=/run/pg%20%2Bx&port=1")
    assert conninfo_to_dict(libpq_url(url)) == {
        "user": "me",
        "password": "p@+s s?",
        "dbname": "my app",
        "host": "/run/pg +x",
        "port": "1",
    }


def test_a_target_is_described_without_its_password() -> None:
    assert describe_target(parse_url("U", "postgresql://me:pw@db:6432/app")) == 'database "app" at db:6432'
    socket = parse_url("U", "postgresql://me:pw@/app?host=/run/pg&port=1")
    assert describe_target(socket) == 'database "app" at socket /run/pg, port 1'
