from __future__ import annotations

import shutil
import sys
from pathlib import Path

import psycopg
import pytest

from pgproof.server import ServerError, find_binaries, running_server

from .conftest import require_root


@pytest.fixture
def package(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The embedded package installed where root alone may enter."""
    closed = place / "home"
    closed.mkdir(mode=0o700)
    return install(closed / "site-packages", monkeypatch)


def install(site_packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs the embedded package once more, in front of the one of the test environment."""
    original = find_binaries().directory.parents[1]
    for name in (original.name, f"{original.name}.libs"):
        if original.with_name(name).exists():
            headers = shutil.ignore_patterns("include", "*.a")
            shutil.copytree(original.with_name(name), site_packages / name, symlinks=True, ignore=headers)
    monkeypatch.syspath_prepend(str(site_packages))
    assert original.name not in sys.modules
    return site_packages / original.name


def answers() -> Path:
    """Runs a server on the embedded binaries and says where they were."""
    with running_server() as server, psycopg.connect(server.url()) as connection:
        connection.execute("SELECT 1")
        return server.binaries.directory


def test_root_runs_binaries_that_are_closed_to_others_from_one_copy(place: Path, package: Path) -> None:
    require_root()
    before = [
        (path, path.stat().st_mode, path.stat().st_uid) for path in [place / "home", *package.parents[0].rglob("*")]
    ]
    first = answers()
    assert first.is_relative_to(place / "pgproof-0")
    made = (first / "postgres").stat()
    assert answers() == first
    assert (first / "postgres").stat().st_ino == made.st_ino
    assert [(path, path.stat().st_mode, path.stat().st_uid) for path, *_ in before] == before


def test_a_copy_that_lost_a_file_is_made_anew(place: Path, package: Path) -> None:
    require_root()
    directory = answers()
    (directory / "initdb").unlink()
    (directory.parent / "share" / "postgres.bki").unlink()
    assert answers() == directory


def test_a_copy_is_not_shared_with_other_files(place: Path, package: Path) -> None:
    require_root()
    first = answers()
    with (package / "pginstall" / "share" / "errcodes.txt").open("a") as file:
        file.write("# another build of the same version\n")
    assert answers() != first


def test_files_without_rights_for_others_are_opened_in_the_copy_alone(place: Path, package: Path) -> None:
    require_root()
    for path in package.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & 0o700)
    assert answers().is_relative_to(place / "pgproof-0")
    assert package.joinpath("pginstall").stat().st_mode & 0o077 == 0


def test_an_environment_whose_path_a_shell_leaves_alone_is_used_in_place(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = install(place / "it's my venv", monkeypatch)
    assert answers().is_relative_to(package)


def test_an_environment_whose_path_a_shell_would_change_works(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = install(place / 'my "venv" in $HOME', monkeypatch)
    assert not answers().is_relative_to(package)


def test_other_binaries_that_are_closed_to_others_are_refused(package: Path) -> None:
    require_root()
    with (
        pytest.raises(ServerError, match=r"nobody cannot run the programs in .*: move them to a folder open to"),
        running_server(binaries=str(package / "pginstall" / "bin")),
    ):
        pass
