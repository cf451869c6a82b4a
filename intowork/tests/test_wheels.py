"""Both wheels, built and installed into an empty environment: a file that is missing from one is found there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the two wheels and what they ask for, and nothing else."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels = folder / "wheels"
    for name in ("pgproof", "intowork"):
        _pip("wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT / name))
    environment = folder / "environment"
    venv.create(environment)
    constraints = ("--constraint", str(ROOT / "constraints.txt"))
    # Python compiles what is imported; to compile all that is installed takes longer.
    _pip("--python", str(environment), "install", "--no-compile", *constraints, *map(str, wheels.iterdir()))
    return environment / "bin"


def _pip(*arguments: str) -> None:
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _run(command: Path, *arguments: str, url: str, folder: Path) -> str:
    done = subprocess.run(
        (command, *arguments),
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_installed_command_migrates_checks_and_cleans_up(
    installed: Path, embedded_database: str, tmp_path: Path
) -> None:
    intowork = installed / "intowork"
    _run(intowork, "migrate", url=embedded_database, folder=tmp_path)
    assert "ok     indexes and unique rules" in _run(intowork, "check", url=embedded_database, folder=tmp_path)
    _run(intowork, "cleanup", url=embedded_database, folder=tmp_path)


def test_every_sql_file_template_and_schema_is_in_the_wheels(installed: Path) -> None:
    program = (
        "import importlib.resources as r, pathlib\n"
        "for package in ('pgproof', 'intowork'):\n"
        "    root = pathlib.Path(str(r.files(package)))\n"
        "    print(*sorted(f'{package}/{p.relative_to(root)}' for p in root.rglob('*') "
        "if p.suffix in ('.sql', '.mako', '.json')), sep='\\n')"
    )
    listed = subprocess.run((installed / "python", "-c", program), capture_output=True, text=True, check=True).stdout
    sources = {
        f"{name}/{path.relative_to(ROOT / name / 'src' / name)}"
        for name in ("pgproof", "intowork")
        for path in (ROOT / name / "src" / name).rglob("*")
        if path.suffix in (".sql", ".mako", ".json")
    }
    assert set(listed.split()) == sources
    assert sources


def test_the_installed_server_starts_and_is_measured(installed: Path) -> None:
    program = (
        "import psycopg\n"
        "from pgproof.server import running_server\n"
        "from pgproof.proof.fingerprint import read_fingerprint\n"
        "with running_server() as server, psycopg.connect(server.url()) as connection:\n"
        "    connection.execute('CREATE TABLE t (id int PRIMARY KEY)')\n"
        "    print(len(read_fingerprint(connection).objects))"
    )
    told = subprocess.run((installed / "python", "-c", program), capture_output=True, text=True, check=True).stdout
    assert int(told) > 1


def test_the_installed_audit_finds_what_is_wrong(installed: Path, embedded_database: str, tmp_path: Path) -> None:
    intowork, pgproof = installed / "intowork", installed / "pgproof"
    _run(intowork, "migrate", "--to", "g7b1c5d4e3f2", url=embedded_database, folder=tmp_path)
    told = _run(
        pgproof, "audit", "env:DATABASE_URL", "--fail-on=never", "--format=json", url=embedded_database, folder=tmp_path
    )
    assert {"IDX01", "IDX02"} <= {finding["rule"] for finding in json.loads(told)["findings"]}
