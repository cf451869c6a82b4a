"""Whatever is wrong with what was given or with the server: one line that says so, and the right exit code."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from pgproof.server import Server

from .conftest import Ran, Run
from .processes import COMMAND


def only_line(ran: Ran, code: int) -> str:
    """The one line that a failure is."""
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("pgproof: ")
    assert ran.err.count("\n") == 1
    return ran.err.removeprefix("pgproof: ").removesuffix("\n")


@pytest.mark.parametrize(
    "source", ["", "nothing", "mysql://root@localhost/db", "sqlite:///x.db", "postgresql://u:a@secret@h/db", "/"]
)
def test_what_is_no_source_is_wrong_usage_and_not_repeated(source: str, run: Run) -> None:
    line = only_line(run("audit", source), 2)
    assert line.startswith("SOURCE is neither a URL of PostgreSQL nor a file: write postgresql://")
    assert "secret" not in line


def test_a_variable_that_is_not_set_is_wrong_usage(run: Run) -> None:
    line = only_line(run("snapshot", "env:NO_SUCH_VARIABLE", "--output", "x"), 2)
    assert line == "the environment has no variable NO_SUCH_VARIABLE: set it to the URL of the database"


def test_a_host_that_nobody_knows_cannot_be_reached(run: Run) -> None:
    line = only_line(run("audit", "postgresql://app:secret@no-such-host.invalid:5433/shop"), 3)
    assert line.startswith("database shop at no-such-host.invalid:5433 cannot be reached: ")
    assert "secret" not in line


def test_a_port_where_nobody_listens_cannot_be_reached(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    line = only_line(run("baseline", f"postgresql://127.0.0.1:{port}/shop", "--output", "x"), 3)
    assert (
        line == f"database shop at 127.0.0.1:{port} cannot be reached: no server listens there: correct host and port"
    )


def test_a_database_that_is_not_there(run: Run, embedded_server: Server) -> None:
    line = only_line(run("audit", embedded_server.url("no_such_database")), 3)
    assert line.endswith("cannot be reached: that database does not exist: correct the URL")


@contextmanager
def role(server: Server, name: str, rights: str) -> Iterator[str]:
    """A role of the server for as long as it is needed."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN {rights}".encode())
        try:
            yield name
        finally:
            connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def as_role(url: str, name: str, password: str = "") -> str:
    account = f"{name}:{password}" if password else name
    return url.replace("//postgres@", f"//{account}@")


def test_a_role_that_may_not_connect(run: Run, embedded_server: Server, embedded_database: str) -> None:
    with role(embedded_server, "stranger", ""), psycopg.connect(embedded_database, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC'.encode())
        line = only_line(run("audit", as_role(embedded_database, "stranger")), 3)
    assert line.endswith("cannot be reached: that user may not connect to it: GRANT CONNECT ON DATABASE")


def test_a_role_without_rights_is_told_what_was_not_checked(
    run: Run, embedded_server: Server, bad_database: str
) -> None:
    with role(embedded_server, "nobody_special", ""):
        ran = run("audit", as_role(bad_database, "nobody_special"), "--format", "json")
    document = json.loads(ran.out)
    assert ran.err == ""
    assert "INT22" in {finding["rule"] for finding in document["findings"]}
    assert "permission denied for table courses (SQLSTATE 42501)" in {each["needs"] for each in document["not_checked"]}
    assert {finding["rule"]: finding["confidence"] for finding in document["findings"]}["INT01"] == "catalog"


def test_what_people_can_give_is_listed_before_each_table_that_a_role_may_not_read(
    run: Run, embedded_server: Server, embedded_database: str
) -> None:
    links = ";".join(
        f"CREATE TABLE t{n} (id int PRIMARY KEY); CREATE TABLE l{n} (id int PRIMARY KEY,"
        f" a int NOT NULL REFERENCES t{n}, b int NOT NULL REFERENCES t1)"
        for n in range(1, 14)
    )
    with role(embedded_server, "sees_no_row", ""), psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute(links.encode())
        ran = run("audit", as_role(embedded_database, "sees_no_row"), "--fail-on", "never")
    listed = " ".join(ran.out.partition("Not checked, and what it needs")[2].split())
    for given in ("--models", "--engine", "(pgproof record)", "pg_hba_file_rules()"):
        assert listed.index("--alembic") < listed.index(given), "most rules wait for it"
    assert "permission denied for table" not in listed
    assert "more reasons: -v shows them" in listed


def test_a_role_that_may_not_read_the_catalog(run: Run, embedded_server: Server, embedded_database: str) -> None:
    with role(embedded_server, "blind", ""), psycopg.connect(embedded_database, autocommit=True) as connection:
        connection.execute("REVOKE SELECT ON pg_catalog.pg_roles FROM PUBLIC")
        line = only_line(run("audit", as_role(embedded_database, "blind")), 3)
    assert line == "The catalog could not be read: permission denied for view pg_roles (SQLSTATE 42501)"


def test_a_wrong_password(run: Run, system_server_with_passwords: str) -> None:
    line = only_line(run("audit", system_server_with_passwords.replace("right", "secret")), 3)
    assert line.endswith("cannot be reached: the password or user is wrong")
    assert "secret" not in line


@pytest.fixture
def system_server_with_passwords(embedded_server: Server, embedded_database: str) -> Iterator[str]:
    """The URL of a role whose password the server asks for."""
    with psycopg.connect(embedded_server.url(), autocommit=True) as connection:
        row = connection.execute("SHOW hba_file").fetchone()
        assert row is not None
        rules = Path(row[0])
        before = rules.read_text()
        rules.write_text(f"local all guarded scram-sha-256\n{before}")
        try:
            with role(embedded_server, "guarded", "PASSWORD 'right'"):
                connection.execute("SELECT pg_reload_conf()")
                yield as_role(embedded_database, "guarded", "right")
        finally:
            rules.write_text(before)
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of something that answers a client's first message."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(4096)
                client.sendall(answer)
                client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        yield f"postgresql://postgres@127.0.0.1:{port}/shop?sslmode=disable&gssencmode=disable"
        thread.join()


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def test_a_server_that_is_too_old(run: Run) -> None:
    version = message(b"S", b"server_version\x0014.9\x00")
    with answering(message(b"R", bytes(4)) + version + message(b"Z", b"I")) as url:
        line = only_line(run("audit", url), 3)
    assert line.endswith("runs PostgreSQL 14.9, and pgproof reads 15 and newer")


def test_something_that_is_no_postgresql(run: Run) -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        line = only_line(run("audit", url), 3)
    assert line.endswith("what listens there does not speak as PostgreSQL does: correct host and port")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not a snapshot: it is not JSON; make one with pgproof snapshot"),
        (b"\xff\xfe{", "is not a snapshot: it is not JSON; make one with pgproof snapshot"),
        (b"[]", "is not a snapshot: it has no version; make one with pgproof snapshot"),
        (b'{"version": 99}', "was made by a newer pgproof (version 99): update pgproof to read it"),
        (b'{"version": 1}', "is a damaged snapshot at database: Field required; make it again"),
    ],
)
def test_a_snapshot_that_cannot_be_read(content: bytes, says: str, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_bytes(content)
    assert only_line(run("audit", file), 3) == f"{file} {says}"


def test_a_snapshot_cut_short(run: Run, bad_database: str, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    run("snapshot", bad_database, "--output", file)
    file.write_bytes(file.read_bytes()[:-100])
    assert "is not a snapshot" in only_line(run("audit", file), 3)


def test_a_snapshot_has_no_schema_to_reproduce_on(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text("{}")
    assert only_line(run("reproduce", file, "abc"), 2).startswith(f"{file} is a file, and")


@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"version": 1, "findings": [{"rule": "INT22"}]}'])
def test_a_baseline_that_is_none_is_wrong_usage(content: bytes | None, run: Run, bad_database: str) -> None:
    file = Path("known.json")
    if content is not None:
        file.write_bytes(content)
    line = only_line(run("audit", bad_database, "--baseline", file), 2)
    assert line.startswith("the baseline known.json cannot be read" if content is None else "known.json is not a base")


def test_a_configuration_that_is_wrong(run: Run, bad_database: str, tmp_path: Path) -> None:
    file = tmp_path / "pgproof.toml"
    file.write_text("fail-onn = 'low'")
    line = only_line(run("audit", bad_database), 2)
    assert line == f"{file}: fail-onn is not an option of pgproof: pgproof init writes all there are"


def test_an_output_in_no_folder_is_refused_before_anything_is_asked(run: Run) -> None:
    unreachable = "postgresql://no-such-host.invalid/shop"
    assert only_line(run("audit", unreachable, "--output", "no/such/file"), 2) == (
        "--output no/such/file: there is no folder no/such: make it, or choose another"
    )
    Path("folder").mkdir()
    assert only_line(run("snapshot", unreachable, "--output", "folder"), 2).startswith("--output folder is a folder")


def test_a_full_disk_is_one_line(bad_database: str) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [*COMMAND, "audit", "-q", bad_database], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ran.returncode == 3
    assert ran.stderr == "pgproof: standard output cannot be written: No space left on device\n"


def test_a_reader_that_has_seen_enough_changes_nothing(bad_database: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        ran = subprocess.run(
            [*COMMAND, "audit", "-q", bad_database], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ran.returncode, ran.stderr) == (1, "")


def test_a_fault_of_our_own_asks_for_a_report_and_shows_a_traceback_only_when_asked(
    run: Run, bad_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "facts.json"
    run("snapshot", bad_database, "--output", file)
    facts = json.loads(file.read_text())
    for setting in facts["server"]["settings"]:
        if setting["name"] == "max_connections":
            setting["value"] = "no number, which no server says\nand no rule expects"
    file.write_text(json.dumps(facts))
    line = only_line(run("audit", file), 3)
    assert line.startswith("ValueError: ")
    assert "please report it with what PGPROOF_TRACEBACK=1 prints, and a snapshot" in line
    monkeypatch.setenv("PGPROOF_TRACEBACK", "1")
    with pytest.raises(ValueError, match="no number"):
        run("audit", file)


def test_the_current_directory_may_be_gone(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert only_line(run("init"), 3) == "the current directory is gone: change to one that is there"


def test_names_in_an_encoding_that_nobody_declared(run: Run, embedded_server: Server) -> None:
    """A database in SQL_ASCII keeps whatever bytes it is given."""
    with psycopg.connect(embedded_server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
        try:
            url = embedded_server.url("bytes")
            with psycopg.connect(url, autocommit=True, client_encoding="latin1") as inside:
                inside.execute('CREATE TABLE "café" (a int)'.encode())
            ran = run("audit", url, "--select", "INT22")
        finally:
            connection.execute("DROP DATABASE bytes WITH (FORCE)")
    assert "Traceback" not in ran.err
    assert ran.code in (0, 1, 3)


def test_urls_of_the_tests_are_those_of_the_superuser(bad_database: str) -> None:
    """`as_role` replaces the account in them."""
    assert urlsplit(bad_database).username == "postgres"
