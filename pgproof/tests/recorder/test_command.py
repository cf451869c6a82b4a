"""`pgproof record` itself: exit codes, signals, kills, and what it says when there is nothing to record."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from pgproof.errors import PgproofError
from pgproof.facts.recording_file import is_test, read_recording

Record = Callable[..., Any]
PGPROOF = (sys.executable, "-c", "from pgproof.cli import main; main()")
DEADLINE = 60

WAITING = """
    import signal, sys, time
    from models import *

    def stop(number, frame):
        print("got", number, flush=True)
        time.sleep(0.3)
        sys.exit(7)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    engine = filled()
    with Session(engine) as session:
        for number in range(50):
            session.scalars(select(Author).where(Author.id == number)).all()
    print("ready", flush=True)
    time.sleep(60)
"""

SERVING = """
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from models import *

    engine = filled()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            with Session(engine) as session:
                books = session.scalars(select(Book.title).where(Book.author_id == int(self.path[1:]))).all()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(len(books)).encode())

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    print("ready", flush=True)
    print(server.server_port, flush=True)
    server.serve_forever()
"""


def start(programs: Any, source: str, **options: Any) -> tuple[subprocess.Popen[str], Path]:
    programs.write(source)
    file = programs.folder / "workload.jsonl"
    command = [*PGPROOF, "record", "--output", str(file), "--", sys.executable, "program.py"]
    process = subprocess.Popen(
        command,
        cwd=programs.folder,
        env=programs.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process, file


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_programs(record: Record, code: int) -> None:
    ran = record(f"from models import *; filled(); raise SystemExit({code})")
    assert ran.code == code
    assert json.loads(ran.file.read_text().splitlines()[-1])["code"] == code


def test_a_program_that_a_signal_ends(record: Record) -> None:
    ran = record("import os, signal; from models import *; filled(); os.kill(os.getpid(), signal.SIGKILL)")
    assert ran.code == 128 + signal.SIGKILL
    assert ran.recording.incomplete is None
    assert ran.calls("INSERT INTO author") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on_once(programs: Any, number: signal.Signals) -> None:
    process, file = start(programs, WAITING, start_new_session=True)
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE)
    assert (out, err) == (f"got {int(number)}\n", "")
    assert process.returncode == 7
    assert read_recording(file).incomplete is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_leaves_a_whole_recording_of_every_request(
    programs: Any, number: signal.Signals
) -> None:
    process, file = start(programs, SERVING, start_new_session=True)
    assert process.stdout is not None
    port = int(process.stdout.readline())

    def page(author: int) -> bytes:
        with urlopen(f"http://127.0.0.1:{port}/{author}", timeout=DEADLINE) as answer:
            return bytes(answer.read())

    with ThreadPoolExecutor(8) as visitors:
        assert set(visitors.map(page, [1, 2, 3, 4] * 10)) == {b"3"}
    process.send_signal(number)
    process.communicate(timeout=DEADLINE)
    recording = read_recording(file)
    (asked,) = [each for each in recording.statements if "SELECT book.title" in each.text]
    assert (process.returncode, recording.incomplete, asked.calls) == (128 + number, None, 40)
    assert [(site.line.file, site.function) for site in asked.sites] == [("program.py", "do_GET")]


def test_ctrl_c_in_a_terminal_reaches_the_program_once(programs: Any) -> None:
    programs.write(WAITING)
    command = [*PGPROOF, "record", "--output", "w.jsonl", "--", sys.executable, "program.py"]
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(programs.folder)
        os.execve(command[0], command, programs.environment())
    said = b""
    until = time.monotonic() + DEADLINE
    while b"ready" not in said and time.monotonic() < until:
        said += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    try:
        while time.monotonic() < until:
            said += os.read(terminal, 1024)
    except OSError:
        pass  # The terminal is gone with the last process that had it.
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert said.count(b"got 2") == 1, said
    assert os.waitstatus_to_exitcode(status) == 7


def test_a_recording_that_is_killed_is_read_up_to_there(programs: Any) -> None:
    process, file = start(programs, WAITING, start_new_session=True)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=DEADLINE)
    whole = read_recording(file)
    assert whole.incomplete is not None
    assert "has no end, so pgproof record was killed or still runs" in whole.incomplete
    reads = [each.calls for each in whole.statements if "WHERE author.id = $1" in each.text]
    assert reads == [50]
    lines = file.read_bytes()
    file.write_bytes(lines[:-20])
    cut = read_recording(file)
    assert [each.calls for each in cut.statements if "WHERE author.id = $1" in each.text] == [49]
    assert cut.incomplete is not None


def test_a_program_without_python_or_without_statements(record: Record) -> None:
    ran = record("", "true")
    assert ran.code == 0
    assert ran.err.startswith("pgproof: true sent no statement through SQLAlchemy from a Python that reads PYTHONPATH")
    assert ran.err.count("\n") == 1
    assert ran.recording.statements == ()
    isolated = record("from models import *; filled()", sys.executable, "-I", "-c", "pass")
    assert "python -I, -E and -S do not" in isolated.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--output", "w.jsonl", "--", "no-such-program"), 3, "no-such-program cannot be run: No such file"),
        (("--output", "no/folder/w.jsonl", "--", "true"), 2, "there is no folder"),
        (("--output", ".", "--", "true"), 2, "is a folder"),
        (("--output", "w.jsonl"), 2, "Missing argument"),
        (("--", "true"), 2, "Missing option '--output'"),
    ],
)
def test_what_cannot_be_recorded(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = subprocess.run([*PGPROOF, "record", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert said in " ".join(ended.stderr.split())
    assert "Traceback" not in ended.stderr


def test_options_of_the_program_are_its_own(record: Record) -> None:
    ran = record("import sys; print(sys.argv[1:])", sys.executable, "program.py", "--output", "x", "--help")
    assert ran.out == "['--output', 'x', '--help']\n"


def test_a_sitecustomize_of_the_project_still_runs(programs: Any) -> None:
    (programs.folder / "site").mkdir()
    (programs.folder / "site" / "sitecustomize.py").write_text("import sys; sys.customized = __file__")
    program = programs.write("import sys; from models import *; filled(); print(sys.customized, *sys.path)")
    ended = subprocess.run(
        [*PGPROOF, "record", "--output", "w.jsonl", "--", sys.executable, program.name],
        cwd=programs.folder,
        env={
            **programs.environment(),
            "PYTHONPATH": os.pathsep.join(
                [str(programs.folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
            ),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    customized, *path = ended.stdout.split()
    assert customized == str(programs.folder / "site" / "sitecustomize.py")
    assert [folder for folder in path if folder.endswith("hook")] == [], "the hook leaves no folder on the path"
    assert len(read_recording(programs.folder / "w.jsonl").statements) > 0


def test_a_program_goes_on_where_the_file_is_full(programs: Any) -> None:
    programs.write("from models import *; filled(); print('done')")
    ended = subprocess.run(
        [*PGPROOF, "record", "--output", "/dev/full", "--", sys.executable, "program.py"],
        cwd=programs.folder,
        env=programs.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert ended.stderr.startswith("pgproof: /dev/full cannot be written")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is not a recording: make one with pgproof record"),
        (b"SELECT 1;\n", "is not a recording"),
        (b'{"version": 5}\n', "is not a recording"),
        (b"[1, 2]\n", "is not a recording"),
        (b'{"pgproof": "recording"}\n', "is not a recording"),
        (b'{"pgproof": "recording", "version": 2}\n', "was recorded by a newer pgproof (version 2): update pgproof"),
        (b"\xff\xfe\n", "is not a recording"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "w.jsonl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PgproofError) as refused:
        read_recording(file)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_damaged_lines_are_counted_and_left_out(record: Record) -> None:
    ran = record("from models import *; filled()")
    lines = ran.file.read_bytes().splitlines(keepends=True)
    runs = [number for number, line in enumerate(lines) if b'"run"' in line]
    lines[runs[-1]] = b"damaged\n"
    lines[runs[-2]] = b'{"run": "unknown", "unit": "1", "task": "1", "ms": 1}\n'
    lines.insert(-1, b'{"fault": "ValueError"}\n')
    ran.file.write_bytes(b"".join(lines))
    recording = ran.recording
    assert recording.incomplete == f"3 executions could not be recorded in {ran.file}: the others count"
    verbs = {each.text.split()[0] for each in recording.statements}
    assert verbs == {"SELECT"}, "the two inserts are gone, tables are no statement"


def test_only_tests_in_a_recording(programs: Any) -> None:
    programs.write("from conftest import *\n\ndef test_it():\n    filled()", "test_it.py")
    (programs.folder / "models.py").rename(programs.folder / "conftest.py")
    file = programs.folder / "w.jsonl"
    subprocess.run(
        [*PGPROOF, "record", "--output", file, "--", sys.executable, "-m", "pytest", "-q", "test_it.py"],
        cwd=programs.folder,
        env=programs.environment(),
        capture_output=True,
        check=False,
    )
    recording = read_recording(file)
    assert recording.incomplete is not None
    assert f"all {recording.from_tests} executions in {file} were sent by test code itself" in recording.incomplete


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("shop/orders.py", False),
        ("shop/contest.py", False),
        ("latest/testimony.py", False),
        ("tests/orders.py", True),
        ("shop/test/orders.py", True),
        ("shop/testing/orders.py", True),
        ("shop/test_orders.py", True),
        ("shop/orders_test.py", True),
        ("conftest.py", True),
        ("shop/testing.py", True),
    ],
)
def test_what_is_test_code(file: str, test: bool) -> None:
    assert is_test(file) is test
