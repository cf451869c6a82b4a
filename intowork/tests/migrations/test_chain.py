from __future__ import annotations

import subprocess
import sys
import threading
import time

import psycopg
import pytest
from alembic import command
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPICursor

from intowork.errors import IntoWorkError
from intowork.migrations import lock_safe
from intowork.migrations.lock_safe import Note, Step
from intowork.models import Base
from intowork.operations.migrate import CRITICAL, PHASE_2, alembic_config, current_revision, downgrade, upgrade
from pgproof.proof.fingerprint import CatalogFingerprint, read_fingerprint
from pgproof.proof.rows import TableRows, hash_rows
from pgproof.server import Server

from .conftest import engine_of

CHAIN = (PHASE_2, CRITICAL, "i9d3e7f6a5b4", "j0e4f8a7b6c5")
VERSION = "public.alembic_version"
MOVED_AT = tuple(f"quarantine.{table}.moved_at" for table in ("job_applications", "accounts", "skills"))


def catalog(url: str, schemas: tuple[str, ...] | None = None) -> CatalogFingerprint:
    with psycopg.connect(url) as connection:
        return read_fingerprint(connection, schemas=schemas, exclude=(VERSION,))


def rows(url: str) -> tuple[TableRows, ...]:
    with psycopg.connect(url, autocommit=True) as connection:
        schemas = [
            name
            for (name,) in connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname IN ('public', 'quarantine')"
            ).fetchall()
        ]
        return hash_rows(connection, schemas=schemas, exclude=(VERSION,), exclude_columns=MOVED_AT)


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()


def test_the_chain_builds_the_catalog_that_the_models_describe(server: Server, database: str) -> None:
    upgrade(engine_of(database))
    with server.scratch_database() as other:
        Base.metadata.create_all(engine_of(other))
        assert catalog(database, ("public",)).difference(catalog(other, ("public",))) == ()


def test_alembic_finds_no_difference_between_models_and_head(database: str) -> None:
    engine = engine_of(database)
    upgrade(engine)
    with engine.connect() as connection:
        command.check(alembic_config(connection))


@pytest.mark.parametrize("lower", range(3), ids=CHAIN[1:])
def test_a_revision_goes_up_down_and_up_with_equal_catalog_and_rows(phase_2: str, lower: int) -> None:
    engine = engine_of(phase_2)
    upgrade(engine, CHAIN[lower])
    below = catalog(phase_2), rows(phase_2)
    upgrade(engine, CHAIN[lower + 1])
    above = catalog(phase_2), rows(phase_2)
    assert above[0].difference(below[0])
    downgrade(engine, CHAIN[lower])
    assert catalog(phase_2).difference(below[0]) == ()
    assert rows(phase_2) == below[1]
    upgrade(engine, CHAIN[lower + 1])
    assert catalog(phase_2).difference(above[0]) == ()
    assert rows(phase_2) == above[1]


def test_head_holds_three_uniqueness_rules_and_fifteen_indexes_more_than_phase_2(phase_2: str) -> None:
    indexes = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    before = {name for (name,) in ask(phase_2, indexes)}
    upgrade(engine_of(phase_2), CRITICAL)
    after = {name for (name,) in ask(phase_2, indexes)}
    assert before < after
    unique = {"unique_candidate_job_application", "unique_user_provider_account", "unique_candidate_skill"}
    assert unique < after - before
    assert len(after - before - unique) == 15
    assert len(before) == 44


def test_of_duplicate_applications_the_furthest_along_stays_then_the_oldest(phase_2: str) -> None:
    best = (
        "SELECT DISTINCT ON (candidate_id, job_id) id FROM job_applications "
        "ORDER BY candidate_id, job_id, status DESC, applied_at NULLS LAST, id"
    )
    expected = sorted(ask(phase_2, best))
    total = ask(phase_2, "SELECT count(*) FROM job_applications")
    upgrade(engine_of(phase_2))
    assert sorted(ask(phase_2, "SELECT id FROM job_applications")) == expected
    assert (
        ask(
            phase_2,
            "SELECT (SELECT count(*) FROM job_applications) + (SELECT count(*) FROM quarantine.job_applications)",
        )
        == total
    )


def test_a_moved_application_names_the_row_that_stayed_and_its_notifications_follow(phase_2: str) -> None:
    upgrade(engine_of(phase_2))
    wrong = (
        "SELECT q.id FROM quarantine.job_applications q LEFT JOIN job_applications a ON a.id = q.kept_id "
        "WHERE (a.candidate_id, a.job_id) IS DISTINCT FROM (q.candidate_id, q.job_id)"
    )
    assert ask(phase_2, wrong) == []
    assert ask(
        phase_2,
        "SELECT count(*) FROM quarantine.job_applications q JOIN quarantine.job_applications_repointed r "
        "ON r.from_id = q.id JOIN notifications n ON n.id = r.id AND n.related_application_id = q.kept_id",
    ) == ask(phase_2, "SELECT count(*) FROM quarantine.job_applications")


def test_a_provider_account_shared_by_two_users_stays_with_the_older_link_and_is_told(phase_2: str) -> None:
    heard: list[Step | Note] = []
    upgrade(engine_of(phase_2), watch=heard.append)
    assert ask(phase_2, "SELECT user_id, kept_id, reason FROM quarantine.accounts ORDER BY id") == [
        (7, 22, "one provider account linked to two users"),
        (3, 3, "linked twice by one user"),
        (12, 11, "one provider account linked to two users"),
    ]
    notes = [event.text for event in heard if isinstance(event, Note)]
    assert len(notes) == 2
    assert "users 9 and 7" in notes[0]
    assert "users 11 and 12" in notes[1]


def test_of_a_skill_named_twice_the_higher_level_stays(phase_2: str) -> None:
    upgrade(engine_of(phase_2))
    assert ask(
        phase_2,
        "SELECT count(*) FROM quarantine.skills q JOIN skills s ON s.id = q.kept_id "
        "WHERE s.level < q.level OR lower(s.name) <> lower(q.name) OR s.candidate_id <> q.candidate_id",
    ) == [(0,)]
    assert ask(phase_2, "SELECT count(*) FROM quarantine.skills") == [(10,)]


def test_a_row_whose_job_is_gone_stays_in_quarantine_and_is_told(phase_2: str) -> None:
    engine = engine_of(phase_2)
    upgrade(engine, CRITICAL)
    [(moved, job)] = ask(phase_2, "SELECT id, job_id FROM quarantine.job_applications ORDER BY id LIMIT 1")
    with psycopg.connect(phase_2) as connection:
        connection.execute("DELETE FROM notifications WHERE related_job_id = %s", (job,))
        connection.execute("DELETE FROM job_applications WHERE job_id = %s", (job,))
        connection.execute("DELETE FROM jobs WHERE id = %s", (job,))
    held = ask(phase_2, f"SELECT count(*) FROM quarantine.job_applications WHERE job_id = {job}")
    heard: list[Step | Note] = []
    downgrade(engine, PHASE_2, watch=heard.append)
    assert ask(phase_2, "SELECT count(*) FROM quarantine.job_applications") == held
    assert (moved,) in ask(phase_2, "SELECT id FROM quarantine.job_applications")
    [note] = [event.text for event in heard if isinstance(event, Note)]
    assert "stay in quarantine.job_applications" in note
    upgrade(engine, CRITICAL)
    assert (moved,) in ask(phase_2, "SELECT id FROM quarantine.job_applications")


def test_an_index_of_the_same_name_and_another_definition_is_refused(phase_2: str) -> None:
    with psycopg.connect(phase_2) as connection:
        connection.execute("CREATE INDEX idx_sessions_expires ON sessions (expires DESC)")
    with pytest.raises(IntoWorkError, match="idx_sessions_expires exists with another definition"):
        upgrade(engine_of(phase_2), CRITICAL)
    assert current_revision(engine_of(phase_2)) == PHASE_2
    assert ask(phase_2, "SELECT pg_get_indexdef('idx_sessions_expires'::regclass)") == [
        ("CREATE INDEX idx_sessions_expires ON public.sessions USING btree (expires DESC)",)
    ]


def test_an_invalid_left_over_of_the_same_definition_is_built_again(phase_2: str) -> None:
    with psycopg.connect(phase_2, autocommit=True) as connection, pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY unique_candidate_job_application "
            "ON job_applications (candidate_id, job_id)"
        )
    upgrade(engine_of(phase_2), CRITICAL)
    assert ask(
        phase_2, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'unique_candidate_job_application'::regclass"
    ) == [(True,)]


def test_a_duplicate_that_arrives_between_quarantine_and_build_is_set_aside_too(phase_2: str) -> None:
    engine = engine_of(phase_2)
    arrived: list[int] = []

    @event.listens_for(engine, "before_cursor_execute")
    def insert_a_duplicate(connection: object, cursor: DBAPICursor, statement: str, *_: object) -> None:
        if "unique_candidate_job_application" in statement and "CONCURRENTLY" in statement and len(arrived) < 2:
            with psycopg.connect(phase_2) as other:
                [(new,)] = other.execute(
                    "INSERT INTO job_applications (job_id, candidate_id, status) "
                    "SELECT job_id, candidate_id, 'applied' FROM job_applications ORDER BY id LIMIT 1 RETURNING id"
                ).fetchall()
                arrived.append(new)

    upgrade(engine, CRITICAL)
    assert len(arrived) == 2
    moved = {row[0] for row in ask(phase_2, "SELECT id FROM quarantine.job_applications")}
    assert set(arrived) <= moved


def test_duplicates_that_never_stop_arriving_end_the_migration_with_a_clear_line(phase_2: str) -> None:
    engine = engine_of(phase_2)

    @event.listens_for(engine, "before_cursor_execute")
    def insert_a_duplicate(connection: object, cursor: DBAPICursor, statement: str, *_: object) -> None:
        if "CREATE UNIQUE INDEX CONCURRENTLY unique_candidate_job" in statement:
            with psycopg.connect(phase_2) as other:
                other.execute(
                    "INSERT INTO job_applications (job_id, candidate_id, status) "
                    "SELECT job_id, candidate_id, 'applied' FROM job_applications ORDER BY id LIMIT 1"
                )

    with pytest.raises(IntoWorkError, match="duplicates arrive in job_applications faster"):
        upgrade(engine, CRITICAL)
    assert current_revision(engine) == PHASE_2


def test_a_lock_that_is_held_for_a_while_is_waited_for_in_short_attempts(phase_2: str) -> None:
    engine = engine_of(phase_2)
    refused: list[str] = []
    free = threading.Event()

    @event.listens_for(engine, "handle_error")
    def count(context: object) -> None:
        refused.append(type(getattr(context, "original_exception")).__name__)  # noqa: B009
        if len(refused) >= 3:
            free.set()

    with psycopg.connect(phase_2) as holder:
        # Reading is enough to keep ADD CONSTRAINT out, and does not keep the concurrent builds waiting.
        holder.execute("LOCK TABLE accounts IN ACCESS SHARE MODE")

        def let_go() -> None:
            free.wait(60)
            holder.rollback()

        thread = threading.Thread(target=let_go)
        thread.start()
        upgrade(engine, CRITICAL)
        thread.join()
    assert refused[:3] == ["LockNotAvailable"] * 3
    assert current_revision(engine) == CRITICAL


def test_a_lock_that_cannot_be_had_ends_the_migration_with_a_clear_line_and_it_goes_on_later(
    phase_2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_safe, "ATTEMPTS", 2)
    engine = engine_of(phase_2)
    with psycopg.connect(phase_2) as holder:
        holder.execute("LOCK TABLE accounts IN ACCESS SHARE MODE")
        with pytest.raises(IntoWorkError, match="a lock could not be had in 2 attempts"):
            upgrade(engine, CRITICAL)
        assert current_revision(engine) == PHASE_2
    upgrade(engine, CRITICAL)
    assert current_revision(engine) == CRITICAL


def test_two_migrations_at_once_do_the_work_once(phase_2: str) -> None:
    program = (
        "import sys; from sqlalchemy import create_engine; from intowork.operations.migrate import upgrade; "
        "upgrade(create_engine(sys.argv[1]), watch=print)"
    )
    url = phase_2.replace("postgresql:", "postgresql+psycopg:", 1)
    both = [subprocess.Popen((sys.executable, "-c", program, url), stdout=subprocess.PIPE, text=True) for _ in range(2)]
    heard = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    built = [line for text in heard for line in text.splitlines() if line.startswith("Step(title='build ")]
    assert len(built) == len(set(built)) == 24


def test_the_first_revision_refuses_to_drop_tables_with_rows(phase_2: str) -> None:
    with pytest.raises(IntoWorkError, match="holds rows that dropping it would lose"):
        downgrade(engine_of(phase_2), "base")
    assert ask(phase_2, "SELECT count(*) FROM companies") == [(5,)]


def test_the_whole_chain_comes_down_to_an_empty_database(database: str) -> None:
    engine = engine_of(database)
    empty = catalog(database)
    upgrade(engine)
    downgrade(engine, "base")
    assert catalog(database).difference(empty) == ()


def test_an_unknown_revision_is_named_with_the_chain(database: str) -> None:
    with pytest.raises(IntoWorkError, match=r"no revision 'nonsense'.*g7b1c5d4e3f2, h8c2d6e5f4g3"):
        upgrade(engine_of(database), "nonsense")


def test_the_migration_waits_for_the_backend_of_a_killed_one(phase_2: str) -> None:
    with psycopg.connect(phase_2, autocommit=True) as orphan:
        orphan.execute(f"SELECT pg_advisory_lock({lock_safe.MIGRATION_LOCK})")
        thread = threading.Thread(target=upgrade, args=(engine_of(phase_2), CRITICAL))
        thread.start()
        time.sleep(0.5)
        assert current_revision(engine_of(phase_2)) == PHASE_2
        assert thread.is_alive()
        orphan.execute("SELECT pg_advisory_unlock_all()")
        thread.join(60)
    assert current_revision(engine_of(phase_2)) == CRITICAL


@pytest.mark.parametrize("moment", ["before_cursor_execute", "after_cursor_execute"])
@pytest.mark.parametrize("statement", ["SET LOCAL", "ADD CONSTRAINT", "CREATE INDEX CONCURRENTLY"])
def test_an_interrupt_stays_an_interrupt_and_the_migration_goes_on_later(
    phase_2: str, statement: str, moment: str
) -> None:
    engine = engine_of(phase_2)

    @event.listens_for(engine, moment)
    def interrupt(connection: object, cursor: DBAPICursor, sql: str, *_: object) -> None:
        if statement in sql:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upgrade(engine, CRITICAL)
    upgrade(engine_of(phase_2), CRITICAL)
    assert current_revision(engine_of(phase_2)) == CRITICAL


def test_a_lost_connection_is_one_line_that_says_to_run_again(phase_2: str) -> None:
    engine = engine_of(phase_2)

    @event.listens_for(engine, "before_cursor_execute")
    def terminate(connection: object, cursor: DBAPICursor, sql: str, *_: object) -> None:
        if "CREATE INDEX CONCURRENTLY idx_sessions_expires" in sql:
            with psycopg.connect(phase_2, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )

    with pytest.raises(IntoWorkError, match="the connection was lost during the migration"):
        upgrade(engine, CRITICAL)
    upgrade(engine_of(phase_2), CRITICAL)
    assert current_revision(engine_of(phase_2)) == CRITICAL
