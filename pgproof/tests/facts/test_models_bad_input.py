"""Projects whose models cannot be read: one clear line each, with the way out, and no harm done."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgproof.errors import PgproofError
from pgproof.facts.models import Models
from pgproof.facts.project.child import Project, ask_project

Say = Callable[..., str]

MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
class Base(DeclarativeBase): pass
class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


@pytest.fixture
def said(tmp_path: Path) -> Say:
    """What is said of a module `app` with a source, of which a name is asked."""

    def refusal(source: str, name: str = "app:Base", *, seconds: float = 30) -> str:
        (tmp_path / "app.py").write_text(source)
        with pytest.raises(PgproofError) as refused:
            ask_project(Project(tmp_path, seconds), "models", [name], Models)
        assert "\n" not in str(refused.value)
        return str(refused.value)

    return refusal


def read(folder: Path, source: str) -> Models:
    (folder / "app.py").write_text(source)
    return ask_project(Project(folder, 30), "models", ["app:Base"], Models)


def test_names_that_lead_to_nothing(said: Say, tmp_path: Path) -> None:
    assert said(MODELS, "app") == "--models app names no object: write package.module:attribute"
    assert said(MODELS, "app:Bases") == "--models app:Bases: app has no Bases"
    assert said(MODELS, "apps:Base") == (
        f"--models: there is no module apps in {tmp_path} or its src: run pgproof in the project's folder"
    )
    assert said(MODELS, "app:User.id") == (
        "--models app:User.id is a InstrumentedAttribute: name a declarative base, a registry or a MetaData"
    )


def test_a_base_whose_models_nobody_imported(said: Say) -> None:
    assert said("from sqlalchemy.orm import DeclarativeBase\nclass Base(DeclarativeBase): pass") == (
        "--models app:Base has no tables yet: name it in a module that imports all models, such as the package that "
        "Alembic's env.py imports"
    )


def test_an_import_that_needs_what_is_not_installed(said: Say) -> None:
    assert said("import surely_not_installed\n" + MODELS) == (
        "--models: importing app needs surely_not_installed, which is not installed here: run pgproof in the "
        "project's own environment"
    )


def test_a_setting_that_is_wanted_at_import(said: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import os\nurl = os.environ['SHOP_URL']\n" + MODELS
    monkeypatch.delenv("SHOP_URL", raising=False)
    assert said(source) == (
        "--models: importing app failed (app.py line 2): KeyError: 'SHOP_URL'; settings it wants at import can be "
        "given as environment variables"
    )
    monkeypatch.setenv("SHOP_URL", "x")
    assert len(read(tmp_path, source).tables) == 1


def test_settings_that_are_missing_are_named_and_others_keep_their_secrets(
    said: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "hunter2")
    source = """
from pydantic_settings import BaseSettings
class Settings(BaseSettings, env_prefix="SHOP_"):
    key: str
    url: str
    pool: int = 1
Settings()
"""
    text = said(source + MODELS)
    assert "ValidationError of Settings: url: Field required" in text
    assert "app.py line 7" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import sys\nsys.exit('no config')", "(app.py line 2): SystemExit: no config"),
        ("def f(:", "SyntaxError"),
        ("raise KeyboardInterrupt", "(app.py line 1): KeyboardInterrupt"),
    ],
    ids=["ends itself", "is not Python", "is interrupted"],
)
def test_an_import_that_fails(said: Say, source: str, expected: str) -> None:
    text = said(source + "\n")
    assert text.startswith("--models: importing app failed")
    assert expected in text


def test_a_sqlalchemy_before_2_is_said(said: Say, tmp_path: Path) -> None:
    folder = tmp_path / "sqlalchemy-1.4.54.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: SQLAlchemy\nVersion: 1.4.54\n", encoding="utf-8")
    assert said(MODELS) == (
        "this environment has SQLAlchemy 1.4.54, and pgproof reads models and engines of 2.0 or newer: leave them out, "
        "or move the project first"
    )


def test_an_import_that_kills_its_process(said: Say) -> None:
    assert said("import os\nos._exit(7)") == (
        "app:Base ended the process that read it (code 7): it said nothing; its import must end nothing"
    )
    assert "last words" in said("import os, sys\nprint('last words', file=sys.stderr, flush=True)\nos.abort()")


def test_an_import_without_end_is_stopped_with_all_it_started(said: Say, tmp_path: Path) -> None:
    source = f"""
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
while True:
    time.sleep(0.1)
"""
    text = said(source, seconds=3)
    assert text == "app:Base did not end within 3 s, so it was stopped: its import must not wait for anything"
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_what_an_import_leaves_running_neither_holds_the_audit_up_nor_stays(tmp_path: Path) -> None:
    source = f"""
import atexit, subprocess, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
atexit.register(time.sleep, 600)
child = subprocess.Popen(["sleep", "600"])
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
"""
    assert len(read(tmp_path, source + MODELS).tables) == 1
    assert _is_gone(int((tmp_path / "pid").read_text()))


def test_what_an_import_prints_reads_and_closes_does_not_matter(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = """
import sys
print("hello" * 100_000)
print("careful" * 100_000, file=sys.stderr)
assert sys.stdin.read() == ""
sys.stdout.close()
"""
    assert len(read(tmp_path, source + MODELS).tables) == 1
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """A server on this machine that nobody may reach."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_an_import_that_connects_is_refused_before_it_reaches_the_server(
    said: Say, listening: socket.socket, driver: str
) -> None:
    port = listening.getsockname()[1]
    url = f"postgresql+{driver}://u:hunter2@127.0.0.1:{port}/shop"
    opening = f"from sqlalchemy import create_engine\ncreate_engine({url!r}).connect()"
    if driver == "asyncpg":
        opening = (
            f"import asyncio, asyncpg\nasyncio.run(asyncpg.connect('postgresql://u:hunter2@127.0.0.1:{port}/shop'))"
        )
    text = said(opening)
    assert text.startswith("--models: importing app opens a connection (app.py line 2): ")
    assert text.endswith("; connect in a function instead")
    assert "hunter2" not in text
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_mappers_that_do_not_fit_together(said: Say) -> None:
    source = MODELS + "    posts: Mapped[list['Post']] = relationship()\nPost = None\n"
    text = said("from sqlalchemy.orm import relationship\n" + source)
    assert text.startswith("--models app:Base: the mappers do not fit together: ")
    assert "Post" in text
    assert text.endswith("; name a module that imports every model, or mend the relationship")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PgproofError, match="cannot be the working directory: No such file"):
        ask_project(Project(tmp_path / "gone"), "models", ["app:Base"], Models)


def test_the_project_is_left_as_it_was(tmp_path: Path) -> None:
    read(tmp_path, MODELS)
    assert [each.name for each in tmp_path.iterdir()] == ["app.py"]


def _is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
