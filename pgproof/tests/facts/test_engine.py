"""Reading the application's engine: every driver and way to name one, in a process that may reach nothing else."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pgproof.errors import PgproofError
from pgproof.facts.engine import Engine, Pooler
from pgproof.facts.model import Facts
from pgproof.facts.project.child import Project, ask_project
from pgproof.facts.project.gather import ProjectOptions, with_project
from pgproof.facts.read import read_facts
from pgproof.facts.snapshot import from_json, to_json
from pgproof.rules.checking import check
from pgproof.rules.discovery import all_rules
from pgproof.server import Server, running_server
from pgproof.testing import running_pgbouncer

Read = Callable[..., Engine]
SECRET = "s3cret-word"

HEAD = """
import os
from sqlalchemy import create_engine, event, make_url, text, NullPool, StaticPool
from sqlalchemy.ext.asyncio import async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
URL = make_url(os.environ["APP_URL"])
def url(driver):
    return URL.set(drivername="postgresql+" + driver)
"""


@pytest.fixture(scope="module")
def app_url() -> Iterator[str]:
    """The URL of a database on a server with a password, for a role without special rights."""
    with running_server(settings={"fsync": "off"}, tcp=True) as server, server.scratch_database() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE app LOGIN PASSWORD '{SECRET}'".encode())
        parts = urlsplit(url)
        yield parts._replace(netloc=f"app:{SECRET}@{parts.hostname}:{parts.port}").geturl()


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app_url: str) -> Read:
    """Reads an engine of a project that is one module."""

    def reading(source: str, name: str = "shop:engine", url: str = app_url, processes: str = "") -> Engine:
        (tmp_path / "shop.py").write_text(HEAD + source, encoding="utf-8")
        monkeypatch.setenv("APP_URL", url)
        return ask_project(Project(tmp_path), "engine", (name, processes), Engine)

    return reading


def facts_with(url: str, engine: Engine) -> Facts:
    with psycopg.connect(url, autocommit=True) as connection:
        return replace(read_facts(connection), engine=engine)


@pytest.mark.parametrize(
    ("driver", "call", "given"),
    [
        ("psycopg", "create_engine", {"options": "-c statement_timeout=3s", "application_name": "web"}),
        ("psycopg2", "create_engine", {"options": "-c statement_timeout=3s", "application_name": "web"}),
        ("psycopg", "create_async_engine", {"options": "-c statement_timeout=3s", "application_name": "web"}),
        (
            "asyncpg",
            "create_async_engine",
            {"server_settings": {"statement_timeout": "3s", "application_name": "web"}},
        ),
    ],
)
def test_a_connection_shows_what_it_has_whatever_the_driver(
    driver: str, call: str, given: dict[str, object], read: Read
) -> None:
    engine = read(f"engine = {call}(url({driver!r}), connect_args={given!r}, pool_size=7, pool_timeout=2)")
    assert (engine.driver, engine.is_async) == (driver, "async" in call)
    assert engine.live is not None, engine.live_missing
    assert engine.live.setting("statement_timeout") == "3s"
    assert engine.live.setting("application_name") == "web"
    assert (engine.live.role, engine.live.superuser, engine.live.tls, engine.live.pooler) == ("app", False, False, None)
    assert (engine.pool.kind, engine.pool.size, engine.pool.max_overflow, engine.pool.timeout) == ("queue", 7, 10, 2.0)
    told = {argument.name: argument.value for argument in engine.arguments or ()}
    assert told == {"application_name": "web", "options statement_timeout": "3s"}


def test_pg8000_connects_too(read: Read) -> None:
    engine = read("engine = create_engine(url('pg8000'), connect_args={'application_name': 'web'})")
    assert engine.live is not None, engine.live_missing
    assert (engine.live.setting("application_name"), engine.prepares) == ("web", False)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("thing = sessionmaker(create_engine(url('psycopg'), pool_size=3))", "shop:thing"),
        ("thing = scoped_session(sessionmaker(create_engine(url('psycopg'), pool_size=3)))", "shop:thing"),
        ("thing = async_sessionmaker(create_async_engine(url('asyncpg'), pool_size=3))", "shop:thing"),
        (
            "thing = async_scoped_session(async_sessionmaker(create_async_engine(url('psycopg'), pool_size=3)), id)",
            "shop:thing",
        ),
        ("def make(echo=False): return create_engine(url('psycopg'), pool_size=3, echo=echo)", "shop:make()"),
        ("async def make(): return create_async_engine(url('asyncpg'), pool_size=3)", "shop:make()"),
        ("def make(): return sessionmaker(create_engine(url('psycopg'), pool_size=3))", "shop:make()"),
        ("class Database:\n    engine = create_engine(url('psycopg'), pool_size=3)\nthing = Database()", "shop:thing"),
        (
            "class Database:\n    async def engine(self): return create_async_engine(url('asyncpg'), pool_size=3)\n"
            "def make(): return Database()",
            "shop:make()",
        ),
        ("class db:\n    class main:\n        e = create_engine(url('psycopg'), pool_size=3)", "shop:db.main.e"),
        ("def make(): return Session(create_engine(url('psycopg'), pool_size=3))", "shop:make()"),
    ],
)
def test_an_engine_is_found_behind_what_a_project_has(source: str, name: str, read: Read) -> None:
    engine = read(source, name)
    assert (engine.pool.size, engine.name) == (3, name)
    assert engine.live is not None, engine.live_missing


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("def make(url, echo): ...", "shop:make()", "needs arguments (url, echo): write a function without any"),
        ("def make(): ...", "shop:make", "is a function: write shop:make() to have it called"),
        ("def make(): ...", "shop:make()", "is None: write a function without arguments"),
        ("engine = 3", "shop:engine()", "is no function: leave out the ()"),
        ("", "shop:engin", "shop has no engin"),
        ("", "shop", "names no object: write package.module:attribute"),
        ("", "shopp:engine", "there is no module shopp"),
        ("import no_such_thing", "shop:engine", "needs no_such_thing, which is not installed here"),
        ("engine = create_engine('sqlite://')", "shop:engine", "is an engine of sqlite: pgproof reads those of Post"),
        ("engine = sessionmaker()", "shop:engine", "makes sessions that are bound to no one engine"),
        ("def make(): raise KeyError('DATABASE_URL')", "shop:make()", "failed (shop.py line 9): KeyError: 'DATABASE"),
        (
            "engine = create_engine(url('psycopg'))\nengine.connect()",
            "shop:engine",
            "importing shop opens a connection (shop.py line 10)",
        ),
    ],
)
def test_what_is_no_engine_is_one_line_with_the_way_out(source: str, name: str, says: str, read: Read) -> None:
    with pytest.raises(PgproofError) as raised:
        read(source, name)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_an_engine_that_cannot_connect_is_described_all_the_same(driver: str, read: Read, app_url: str) -> None:
    call = "create_async_engine" if driver == "asyncpg" else "create_engine"
    engine = read(f"engine = {call}(url({driver!r}))", url=app_url.replace(SECRET, "wrong"))
    assert engine.live is None
    assert engine.live_missing == "it cannot connect: the password or user is wrong"
    assert engine.pool.size == 5


def test_no_secret_is_in_what_is_read(read: Read) -> None:
    engine = read(
        "args = {'application_name': 'web', 'options': '-c app.key=hidden-1 -c search_path=public', "
        "'sslpassword': 'hidden-2'}\nengine = create_engine(url('psycopg'), connect_args=args)"
    )
    assert SECRET not in repr(engine)
    assert "hidden" not in repr(engine)
    assert "app:" not in str(engine.target)
    assert engine.argument("options search_path") is not None
    assert engine.argument("options app.key") is not None


def test_what_the_environment_tells_libpq_counts(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "from-environment")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    engine = read("engine = create_engine(url('psycopg'), connect_args={'keepalives_idle': 30})")
    told = {argument.name: argument.value for argument in engine.arguments or ()}
    assert told == {"application_name": "from-environment", "connect_timeout": "7", "keepalives_idle": "30"}


def test_listeners_of_the_project_run_as_in_the_application(read: Read) -> None:
    engine = read(
        """
engine = create_engine(url("psycopg"))
@event.listens_for(engine, "connect")
def settings(connection, record):
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '4s'")
    connection.commit()
@event.listens_for(engine, "begin")
def more(connection):
    connection.execute(text("SET LOCAL statement_timeout = '6s'"))
@event.listens_for(engine, "do_connect")
def name(dialect, record, arguments, parameters):
    parameters["application_name"] = "late"
"""
    )
    assert engine.live is not None, engine.live_missing
    seen = [engine.live.setting(name) for name in ("lock_timeout", "statement_timeout", "application_name")]
    assert seen == ["4s", "6s", "late"]


def test_the_connection_is_read_only(read: Read) -> None:
    engine = read(
        """
engine = create_engine(url("psycopg"))
@event.listens_for(engine, "begin")
def write(connection):
    connection.execute(text("CREATE TABLE public.traces (id int)"))
"""
    )
    assert engine.live is None
    assert "read-only transaction" in str(engine.live_missing)


@pytest.mark.parametrize(
    ("arguments", "pool"),
    [
        ("poolclass=NullPool", ("none", None, None, None)),
        ("poolclass=StaticPool", ("single", 1, 0, None)),
        ("pool_size=0", ("queue", 0, None, 30.0)),
        ("max_overflow=-1", ("queue", 5, None, 30.0)),
    ],
)
def test_kinds_of_pools(arguments: str, pool: tuple[object, ...], read: Read) -> None:
    found = read(f"engine = create_engine(url('psycopg'), {arguments})").pool
    assert (found.kind, found.size, found.max_overflow, found.timeout) == pool


def test_how_a_pool_keeps_its_connections(read: Read) -> None:
    kept = read(
        "engine = create_engine(url('psycopg'), pool_recycle=60, pool_pre_ping=True, pool_use_lifo=True, "
        "pool_reset_on_return=None, echo=True, isolation_level='AUTOCOMMIT')"
    )
    assert (kept.pool.recycle, kept.pool.pre_ping, kept.pool.use_lifo, kept.pool.reset_on_return) == (
        60,
        True,
        True,
        None,
    )
    assert (kept.echo, kept.isolation_level) == (True, "AUTOCOMMIT")
    plain = read("engine = create_engine(url('psycopg'), execution_options={'isolation_level': 'SERIALIZABLE'})")
    assert (plain.pool.recycle, plain.pool.pre_ping, plain.pool.use_lifo) == (None, False, False)
    assert (plain.pool.reset_on_return, plain.echo, plain.isolation_level) == ("rollback", False, "SERIALIZABLE")
    assert plain.live is not None
    assert plain.live.setting("transaction_isolation") == "serializable"


@pytest.mark.parametrize("creator", ["pool.getconn", "lambda: pool.getconn()"])
def test_the_drivers_own_pool_behind_the_engine(creator: str, read: Read) -> None:
    engine = read(
        f"""
from psycopg_pool import ConnectionPool
dsn = URL.render_as_string(hide_password=False)
pool = ConnectionPool(dsn, min_size=2, max_size=9, timeout=11, close_returns=True, kwargs={{"application_name": "web"}})
engine = create_engine("postgresql+psycopg://", creator={creator}, poolclass=NullPool)
"""
    )
    assert (engine.pool.kind, engine.pool.size, engine.pool.most, engine.pool.timeout) == ("driver", 2, 9, 11.0)
    assert engine.live is not None, engine.live_missing
    assert engine.live.setting("application_name") == "web"
    assert engine.argument("application_name") is not None


def test_a_function_that_connects_is_followed_with_psycopg(read: Read) -> None:
    source = """
import psycopg
def connect(): return psycopg.connect(URL.render_as_string(hide_password=False), connect_timeout=3)
engine = create_engine("postgresql+psycopg://", creator=connect)
"""
    engine = read(source)
    assert engine.live is not None, engine.live_missing
    timeout = engine.argument("connect_timeout")
    assert timeout is not None
    assert timeout.value == "3"
    assert engine.target is not None


@pytest.mark.skipif(
    [int(part) for part in version("sqlalchemy").split(".")] < [2, 0, 16],
    reason="SQLAlchemy takes an async_creator from 2.0.16 on",
)
def test_a_function_that_connects_is_not_followed_elsewhere(read: Read) -> None:
    engine = read(
        """
import asyncpg
async def connect(): return await asyncpg.connect(URL.render_as_string(hide_password=False))
engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
"""
    )
    assert (engine.live, engine.arguments, engine.target) == (None, None, None)
    assert "pgproof follows with psycopg alone" in str(engine.live_missing)


def test_nothing_but_the_engines_own_server_is_reached(read: Read, app_url: str) -> None:
    reached = []
    with closing(socket.create_server(("127.0.0.1", 0))) as other:

        def accept() -> None:
            try:
                reached.append(other.accept())
            except OSError:
                return

        listener = threading.Thread(target=accept, daemon=True)
        listener.start()
        port = other.getsockname()[1]
        engine = read(
            f"""
import psycopg, socket
engine = create_engine(url("psycopg"))
refused = []
@event.listens_for(engine, "connect")
def wander(connection, record):
    for reach in (
        lambda: psycopg.connect("host=127.0.0.1 port={port} dbname=elsewhere connect_timeout=2"),
        lambda: psycopg.connect(URL.set(database="postgres").render_as_string(hide_password=False)),
        lambda: socket.create_connection(("127.0.0.1", {port})),
    ):
        try:
            reach()
        except Exception as error:
            refused.append(type(error).__name__)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('application_name', %s, false)", [",".join(refused)])
    connection.commit()
"""
        )
        other.shutdown(socket.SHUT_RDWR)
        listener.join()
    assert engine.live is not None, engine.live_missing
    assert engine.live.setting("application_name") == ",".join(["ConnectionRefusedByGuard"] * 3)[:63]
    assert reached == []


def test_where_it_is_made_is_known(read: Read, tmp_path: Path) -> None:
    engine = read("\nengine = create_engine(url('psycopg'))", processes="4")
    assert str(engine.location) == "shop.py:10"
    assert engine.processes == 4
    (tmp_path / "more.py").write_text("from shop import engine", encoding="utf-8")
    assert read("engine = create_engine(url('psycopg'))", "more:engine").location is None


@pytest.mark.system
@pytest.mark.parametrize(
    ("driver", "arguments", "conflict"),
    [
        ("psycopg", {}, True),
        ("psycopg", {"prepare_threshold": None}, False),
        ("psycopg2", {}, False),
    ],
)
def test_a_pooler_that_mixes_prepared_statements_up_is_found_out(
    driver: str, arguments: dict[str, object], conflict: bool, read: Read, embedded_server: Server
) -> None:
    with running_pgbouncer(embedded_server, connections=2) as bouncer, embedded_server.scratch_database() as database:
        url = bouncer.url(urlsplit(database).path[1:])
        engine = read(f"engine = create_engine(url({driver!r}), connect_args={arguments!r})", url=url)
        assert engine.live is not None, engine.live_missing
        assert engine.live.pooler == Pooler(shares=True, renames=False if driver == "psycopg" else None)
        assert engine.live.tls is None
        with psycopg.connect(database, autocommit=True) as connection:
            left = "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pgproof_[0-9a-f]{16}' AND state = 'active'"
            assert connection.execute(left).fetchone() == (0,)
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            named = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'pgproof%'"
            assert connection.execute(named).fetchone() == (0,)
        found = check([rule for rule in all_rules() if rule.code == "CFG12"], facts_with(database, engine))
    assert [finding.rule for finding in found.findings] == (["CFG12"] if conflict else [])


@pytest.mark.system
def test_a_pool_of_one_cannot_tell_whether_a_pooler_shares(read: Read, embedded_server: Server) -> None:
    with running_pgbouncer(embedded_server, connections=2) as bouncer, embedded_server.scratch_database() as database:
        url = bouncer.url(urlsplit(database).path[1:])
        engine = read("engine = create_engine(url('psycopg'), pool_size=1, max_overflow=0)", url=url)
        assert engine.live is not None, engine.live_missing
        assert engine.live.pooler == Pooler(shares=None, renames=False)
        found = check([rule for rule in all_rules() if rule.code == "CFG12"], facts_with(database, engine))
    assert [each.detail.needs.partition(",")[0] for each in found.not_checked] == ["a pool of at least two connections"]


def test_an_engine_of_another_database_is_a_line_and_its_settings_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, app_url: str, database: str
) -> None:
    (tmp_path / "shop.py").write_text(HEAD + "engine = create_engine(url('psycopg'))", encoding="utf-8")
    monkeypatch.setenv("APP_URL", app_url)
    options = ProjectOptions(engine="shop:engine", processes=2)
    with psycopg.connect(database, autocommit=True) as connection:
        facts = with_project(read_facts(connection), Project(tmp_path), options)
    assert facts.engine is not None
    assert (facts.engine.live, facts.engine.processes) == (None, 2)
    assert [line for line in facts.missing if line.startswith("engine: ")] == [
        f"engine: shop:engine: it leads to database {urlsplit(app_url).path[1:]} of another server, not to the one "
        "examined, so its settings are not used"
    ]
    with psycopg.connect(app_url, autocommit=True) as connection:
        facts = with_project(read_facts(connection), Project(tmp_path), options)
    assert facts.engine is not None
    assert facts.engine.live is not None
    assert [line for line in facts.missing if line.startswith("engine: ")] == []
    assert from_json(to_json(facts), "snapshot") == facts
    assert os.environ["APP_URL"] not in repr(facts)


def test_another_database_of_the_same_server_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server, database: str
) -> None:
    (tmp_path / "shop.py").write_text(HEAD + "engine = create_engine(url('psycopg'))", encoding="utf-8")
    monkeypatch.setenv("APP_URL", server.url())
    with psycopg.connect(database, autocommit=True) as connection:
        facts = with_project(read_facts(connection), Project(tmp_path), ProjectOptions(engine="shop:engine"))
    assert [line for line in facts.missing if line.startswith("engine: ")] == [
        "engine: shop:engine: it leads to database postgres of this server, not to the one examined, so its settings "
        "are not used"
    ]
