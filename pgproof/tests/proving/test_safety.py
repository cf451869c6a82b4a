"""The project's code knows the scratch copy and nothing else, whatever its env.py says."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgproof.proving.alembic_child import environment_for
from pgproof.proving.copies import Copy
from pgproof.proving.round_trip import failure
from pgproof.proving.watched import Watched, watch

from .conftest import ENV, Project

ASYNC_ENV = """
    import asyncio
    from alembic import context
    from sqlalchemy import pool
    from sqlalchemy.ext.asyncio import async_engine_from_config

    def run(connection):
        context.configure(connection=connection, target_metadata=None)
        with context.begin_transaction():
            context.run_migrations()

    async def main():
        section = context.config.get_section(context.config.config_ini_section, {})
        engine = async_engine_from_config(section, prefix="sqlalchemy.", poolclass=pool.NullPool)
        async with engine.connect() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(main())
"""


@pytest.fixture
def other_server() -> Iterator[tuple[Path, socket.socket]]:
    """A folder with a socket where a second server could be; whoever connects is waiting to be accepted."""
    with tempfile.TemporaryDirectory(prefix="pgo") as folder, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{folder}/.s.PGSQL.5432")
        listening.listen()
        listening.setblocking(False)
        yield Path(folder), listening


def up(project: Project, shop: Copy, *, guarded: bool = True) -> Watched:
    project.revision('op.add_column("orders", sa.Column("note", sa.Text()))', 'op.drop_column("orders", "note")')
    return watch(shop.url, shop.admin_url, project.client("upgrade", "a2", guarded=guarded), 30)


def revision_of(shop: Copy) -> str:
    with psycopg.connect(shop.url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("driver", ["psycopg", "asyncpg"])
def test_a_second_server_that_env_py_names_gets_no_connection(
    driver: str, project: Project, shop: Copy, other_server: tuple[Path, socket.socket]
) -> None:
    folder, listening = other_server
    url = f"postgresql+{driver}://app@/shop?host={folder}"
    if driver == "asyncpg":
        pytest.importorskip("asyncpg", reason="asyncpg is not installed; pip install asyncpg adds it")
        project.env(
            ASYNC_ENV.replace(
                "async_engine_from_config(section,", f'async_engine_from_config({{"sqlalchemy.url": "{url}"}},'
            )
        )
    else:
        project.env(ENV.replace("{url}", repr(url)))
    ran = up(project, shop)
    with pytest.raises(BlockingIOError):
        listening.accept()
    assert failure("upgrade", ran).name == "reaches elsewhere"
    assert str(folder) in failure("upgrade", ran).what
    assert revision_of(shop) == "a1"


def test_any_other_service_gets_no_connection(
    project: Project, shop: Copy, other_server: tuple[Path, socket.socket]
) -> None:
    folder, listening = other_server
    connect = f"import socket; socket.socket(socket.AF_UNIX).connect('{folder}/.s.PGSQL.5432')\n"
    env = ENV.replace("{url}", 'config.get_main_option("sqlalchemy.url")')
    project.env(f"    {connect}{env}")
    assert failure("upgrade", up(project, shop)).name == "reaches elsewhere"
    with pytest.raises(BlockingIOError):
        listening.accept()
    assert revision_of(shop) == "a1"
    # Whoever trusts the project's code lets it do that.
    assert up(project, shop, guarded=False).problem is None
    listening.accept()[0].close()
    assert revision_of(shop) == "a2"


def test_the_server_runs_no_program_and_reads_no_file(project: Project, shop: Copy, tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for statement in (f"COPY orders TO PROGRAM 'touch {marker}'", "CREATE TABLE t (x text); COPY t FROM '/etc/passwd'"):
        project.revision(f'op.execute("{statement}")', "pass")
        ran = watch(shop.url, shop.admin_url, project.client("upgrade", "a2"), 30)
        assert "permission denied" in (ran.problem or "")
    assert not marker.exists()


def test_an_async_env_py_migrates_the_copy(project: Project, shop: Copy) -> None:
    project.env(ASYNC_ENV)
    assert up(project, shop).problem is None
    assert revision_of(shop) == "a2"


@pytest.mark.parametrize("variable", ["SHOP_DB", "SQLALCHEMY_DATABASE_URI"])
def test_env_py_that_reads_a_variable_gets_the_copy(
    variable: str, project: Project, shop: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "postgresql+psycopg://prod:secret@db.example/shop")
    project.env("    import os\n" + ENV.replace("{url}", f'os.environ["{variable}"]'))
    assert up(project, shop).problem is None
    assert revision_of(shop) == "a2"


def test_a_variable_of_the_env_file_is_the_copy_too(project: Project, shop: Copy) -> None:
    (project.root / ".env").write_text("# settings\nexport SHOP_DB='postgresql+psycopg://prod@db.example/shop'\n")
    project.env("    import os\n" + ENV.replace("{url}", 'os.environ["SHOP_DB"]'))
    assert up(project, shop).problem is None


def test_env_py_that_relies_on_libpq_gets_the_copy(project: Project, shop: Copy) -> None:
    project.env(ENV.replace("{url}", '"postgresql+psycopg://"'))
    assert up(project, shop).problem is None
    assert revision_of(shop) == "a2"


def test_the_environment_knows_no_other_database(tmp_path: Path) -> None:
    given = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": "postgres://prod:secret@db.example/shop",
        "REPLICAS": "postgresql+asyncpg://prod:secret@one.example/shop,postgresql://prod:secret@two.example/shop",
        "PGPASSWORD": "secret",
        "PGSERVICE": "production",
        "PGHOSTADDR": "10.0.0.1",
    }
    known = environment_for("postgresql://role@/copy?host=%2Ftmp%2Fs&port=5433", given, tmp_path)
    assert known["DATABASE_URL"] == "postgres://role@/copy?host=%2Ftmp%2Fs&port=5433"
    assert known["REPLICAS"] == "postgresql+asyncpg://role@/copy?host=%2Ftmp%2Fs&port=5433"
    assert {name: known[name] for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE")} == {
        "PGHOST": "/tmp/s",
        "PGPORT": "5433",
        "PGUSER": "role",
        "PGDATABASE": "copy",
    }
    assert known["PATH"] == given["PATH"]
    assert not {"PGPASSWORD", "PGSERVICE", "PGHOSTADDR"} & known.keys()
    assert not any("secret" in value or "example" in value for value in known.values())
