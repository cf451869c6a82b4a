from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from intowork.errors import DatabaseUnavailable
from intowork.seed import LoadError, Progress, Scale, faults_possible, load
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows

from .conftest import TINY, execute

CLIENT = Path(__file__).parent / "load_and_report.py"


@dataclass(frozen=True)
class State:
    """Everything in a database that a load could change."""

    rows: tuple[TableRows, ...]
    catalog: CatalogFingerprint
    sequences: tuple[tuple[str, int | None], ...]


def state_of(url: str) -> State:
    with psycopg.connect(url, autocommit=True) as connection:
        # Reading the rows waits for a session that still holds the tables.
        rows = hash_rows(connection)
        catalog = read_fingerprint(connection)
        sequences = connection.execute("SELECT sequencename, last_value FROM pg_sequences ORDER BY 1").fetchall()
    return State(rows, catalog, tuple((str(name), value) for name, value in sequences))


# What no migration creates but an administrator may: all of it must come back.
ADDITIONS = """
    COMMENT ON CONSTRAINT users_pkey ON users IS 'it''s the key';
    COMMENT ON INDEX users_pkey IS 'and its index';
    CREATE INDEX "odd ""name" ON jobs (lower(title) DESC NULLS LAST) INCLUDE (status) WITH (fillfactor = 70)
     WHERE status = 'published';
    COMMENT ON INDEX "odd ""name" IS '100% partial';
    ALTER TABLE companies ADD CONSTRAINT "never twice" UNIQUE NULLS NOT DISTINCT (name, id)
     INCLUDE (city) DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE jobs ADD CONSTRAINT not_yet FOREIGN KEY (company_id) REFERENCES companies
     ON DELETE CASCADE NOT VALID;
    CREATE TABLE favourites (job_id integer PRIMARY KEY REFERENCES jobs ON DELETE SET NULL);
"""


def test_the_catalog_of_head_is_the_same_after_a_load(head: str) -> None:
    execute(head, ADDITIONS)
    before = state_of(head).catalog
    load(head, TINY, faults=False)
    assert before.difference(state_of(head).catalog) == ()


def test_the_catalog_of_phase_2_is_the_same_after_a_load(phase_2: str) -> None:
    execute(phase_2, ADDITIONS)
    before = state_of(phase_2).catalog
    load(phase_2, TINY, faults=True)
    assert before.difference(state_of(phase_2).catalog) == ()


def test_a_database_that_holds_rows_is_refused_and_stays_as_it_was(head: str) -> None:
    execute(head, "INSERT INTO companies (name) VALUES ('Real')")
    before = state_of(head)
    with pytest.raises(LoadError, match=r"already holds rows in public\.companies, so nothing was loaded: .*--replace"):
        load(head, TINY, faults=False)
    assert state_of(head) == before


def test_rows_are_replaced_when_that_is_allowed_those_in_quarantine_too(head: str) -> None:
    execute(
        head,
        """
        INSERT INTO companies (id, name) VALUES (1000000, 'Real');
        CREATE SCHEMA IF NOT EXISTS quarantine;
        CREATE TABLE quarantine.moved (id integer PRIMARY KEY);
        INSERT INTO quarantine.moved VALUES (1);
        """,
    )
    load(head, TINY, faults=False, allow_non_empty=True)
    with psycopg.connect(head) as connection:
        assert connection.execute("SELECT count(*), max(id) FROM companies").fetchone() == (10, 10)
        assert connection.execute("SELECT count(*) FROM quarantine.moved").fetchone() == (0,)


def test_rows_in_quarantine_count_as_rows(head: str) -> None:
    execute(
        head,
        """
        CREATE SCHEMA IF NOT EXISTS quarantine;
        CREATE TABLE quarantine.moved (id integer PRIMARY KEY);
        INSERT INTO quarantine.moved VALUES (1);
        """,
    )
    with pytest.raises(LoadError, match=r"holds rows in quarantine\.moved"):
        load(head, TINY, faults=False)


def test_a_database_without_the_tables_is_sent_to_the_migration(database: str) -> None:
    with pytest.raises(LoadError, match="run `intowork migrate` first"):
        load(database, TINY, faults=False)


def test_faults_are_possible_at_phase_2_alone_and_refused_at_head(empty_head: str, empty_phase_2: str) -> None:
    with psycopg.connect(empty_phase_2) as connection:
        assert faults_possible(connection) is True
    with psycopg.connect(empty_head) as connection:
        assert faults_possible(connection) is False
    with pytest.raises(LoadError, match="load without faults"):
        load(empty_head, TINY, faults=True)


def test_an_invalid_index_is_refused_since_rebuilding_would_hide_it(head: str) -> None:
    execute(
        head,
        "CREATE INDEX half_built ON users (name);"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half_built'::regclass",
    )
    before = state_of(head)
    with pytest.raises(LoadError, match="half_built is invalid"):
        load(head, TINY, faults=False)
    assert state_of(head) == before


def test_a_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable) as refusal:
        load(f"postgresql://postgres@/db?host={tmp_path}", TINY, faults=False)
    assert "\n" not in str(refusal.value)


def acting_during(wanted: str, action: Callable[[], None]) -> Progress:
    """Progress that acts once the first part of a step is done."""

    def progress(step: str, done: int, total: int) -> None:
        if step == wanted and done:
            action()

    return progress


STEPS = ("users", "building indexes", "checking foreign keys", "analysing")


def test_an_interrupt_during_any_step_leaves_the_database_as_it_was(filled: str) -> None:
    before = state_of(filled)

    def interrupt() -> None:
        raise KeyboardInterrupt

    for step in STEPS:
        with pytest.raises(KeyboardInterrupt):
            load(filled, TINY, faults=False, allow_non_empty=True, progress=acting_during(step, interrupt))
        assert state_of(filled) == before, step


def test_a_terminated_backend_leaves_the_database_as_it_was(filled: str) -> None:
    before = state_of(filled)

    def terminate() -> None:
        execute(
            filled,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'intowork seed' AND datname = current_database()",
        )

    for step in STEPS:
        with pytest.raises(LoadError, match="stays as it was") as failure:
            load(filled, TINY, faults=False, allow_non_empty=True, progress=acting_during(step, terminate))
        assert "\n" not in str(failure.value)
        assert state_of(filled) == before, step


def test_a_killed_load_leaves_the_database_as_it_was(filled: str) -> None:
    before = state_of(filled)
    for moment in ("jobs 0", "building indexes 20", "analysing 15"):
        arguments = [sys.executable, str(CLIENT), filled, moment]
        with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            assert moment in (line.strip() for line in client.stdout)
            client.kill()
        assert state_of(filled) == before, moment


def test_a_full_disk_is_one_line_and_leaves_the_database_as_it_was(head: str) -> None:
    execute(
        head,
        """
        CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.id > 1000 THEN
                RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER fill BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION fill();
        """,
    )
    before = state_of(head)
    with pytest.raises(LoadError, match=r"disk of the server is full.*stays as it was") as failure:
        load(head, TINY, faults=False)
    assert "\n" not in str(failure.value)
    assert state_of(head) == before


def test_tables_in_use_are_not_waited_for_without_end(head: str) -> None:
    with psycopg.connect(head) as other:
        other.execute("SELECT count(*) FROM users")
        with pytest.raises(LoadError, match="other sessions use the tables"):
            load(head, TINY, faults=False)


def test_progress_counts_every_row_and_ends_at_the_total(head: str) -> None:
    told: dict[str, list[tuple[int, int]]] = {}

    def progress(step: str, done: int, total: int) -> None:
        told.setdefault(step, []).append((done, total))

    report = load(head, Scale.of_jobs(1000), faults=False, progress=progress)
    for loaded in report.tables:
        calls = told[loaded.table]
        assert calls[0] == (0, loaded.rows)
        assert calls[-1] == (loaded.rows, loaded.rows)
        assert calls == sorted(calls)
    assert len(told["notifications"]) > 2
    assert {"building indexes", "checking foreign keys", "analysing"} < set(told)


def test_the_report_says_where_the_time_went(head: str) -> None:
    report = load(head, TINY, faults=False)
    assert [phase.name for phase in report.phases] == [
        "prepare", "draw", "copy", "indexes", "foreign keys", "analyze", "commit",
    ]  # fmt: skip
    assert sum(phase.seconds for phase in report.phases) <= report.seconds
    assert report.peak_memory_bytes > 1_000_000
