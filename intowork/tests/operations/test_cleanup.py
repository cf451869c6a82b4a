from __future__ import annotations

import datetime as dt

import psycopg
import pytest
from sqlalchemy import Engine, func, insert, select, text, update
from sqlalchemy.orm import InstrumentedAttribute
from structlog.testing import capture_logs

from intowork.database.engine import direct_engine, sync_engine
from intowork.errors import DatabaseUnavailable, IntoWorkError
from intowork.models import Base, PasswordResetToken, Session, User, UserRole, VerificationToken
from intowork.operations.cleanup import CleanupPolicy, CleanupRun, CleanupRunning, run_cleanup
from intowork.settings import Settings

NOW = dt.datetime(2026, 3, 29, 2, 0, tzinfo=dt.UTC)
MOMENT = dt.timedelta(microseconds=1)


def days(number: int) -> dt.timedelta:
    return dt.timedelta(days=number)


@pytest.fixture
def engine(database: str) -> Engine:
    """An empty schema with one user."""
    engine = direct_engine(Settings(database_url=database))
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        connection.execute(
            insert(User).values(id=1, email="a@example.com", role=UserRole.CANDIDATE, first_name="A", last_name="B")
        )
    return engine


def add_sessions(engine: Engine, *expires: dt.datetime) -> None:
    with engine.begin() as connection:
        rows = [{"user_id": 1, "session_token": f"s{n}", "expires": when} for n, when in enumerate(expires)]
        connection.execute(insert(Session), rows)


def left(engine: Engine, column: InstrumentedAttribute[str]) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(column)))


def deleted(run: CleanupRun) -> dict[str, tuple[int, int]]:
    return {each.rule: (each.rows, each.batches) for each in run.cleaned}


def test_a_session_goes_thirty_days_after_it_expired_and_not_before(engine: Engine) -> None:
    add_sessions(engine, NOW - days(30) - MOMENT, NOW - days(30), NOW - days(1), NOW + days(1))
    run = run_cleanup(engine, CleanupPolicy(), now=NOW)
    assert left(engine, Session.session_token) == {"s1", "s2", "s3"}
    assert deleted(run)["expired sessions"] == (1, 1)
    assert (run.rows, run.started_at) == (1, NOW)


def test_a_reset_token_goes_when_it_expired_or_a_week_after_it_was_used(engine: Engine) -> None:
    tokens = {
        "fresh": (NOW + days(1), None),
        "expires now": (NOW, None),
        "expired": (NOW - MOMENT, None),
        "used a week ago": (NOW + days(1), NOW - days(7)),
        "used before that": (NOW + days(1), NOW - days(7) - MOMENT),
        "expired and used": (NOW - days(9), NOW - days(9)),
    }
    with engine.begin() as connection:
        rows = [
            {"user_id": 1, "token": token, "expires_at": expires, "used_at": used}
            for token, (expires, used) in tokens.items()
        ]
        connection.execute(insert(PasswordResetToken), rows)
    run = run_cleanup(engine, CleanupPolicy(), now=NOW)
    assert left(engine, PasswordResetToken.token) == {"fresh", "expires now", "used a week ago"}
    assert deleted(run)["expired password reset tokens"] == (2, 1)
    assert deleted(run)["used password reset tokens"] == (1, 1)


def test_a_verification_token_goes_when_it_expired(engine: Engine) -> None:
    with engine.begin() as connection:
        rows = [
            {"identifier": "a@example.com", "token": token, "expires": expires}
            for token, expires in (("fresh", NOW + MOMENT), ("now", NOW), ("expired", NOW - MOMENT))
        ]
        connection.execute(insert(VerificationToken), rows)
    run_cleanup(engine, CleanupPolicy(), now=NOW)
    assert left(engine, VerificationToken.token) == {"fresh", "now"}


def test_the_days_are_those_of_the_settings(engine: Engine) -> None:
    add_sessions(engine, NOW - days(2), NOW - days(4))
    settings = Settings(cleanup_session_days=3, cleanup_used_token_days=9, cleanup_batch_size=11)
    policy = CleanupPolicy.from_settings(settings)
    assert policy == CleanupPolicy(session_days=3, used_token_days=9, batch_size=11)
    run_cleanup(engine, policy, now=NOW)
    assert left(engine, Session.session_token) == {"s0"}


def test_the_time_is_the_servers_unless_given(engine: Engine) -> None:
    with engine.connect() as connection:
        now = connection.scalar(select(func.now()))
    assert now is not None
    add_sessions(engine, now - days(31), now - days(29))
    assert run_cleanup(engine, CleanupPolicy()).started_at >= now
    assert left(engine, Session.session_token) == {"s1"}


def test_no_transaction_deletes_more_than_a_batch_and_the_oldest_go_first(engine: Engine) -> None:
    add_sessions(engine, *(NOW - days(31 + n) for n in range(10)))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE deleted (at xid8 DEFAULT pg_current_xact_id(), expires timestamptz)"))
        connection.execute(
            text(
                "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN INSERT INTO deleted (expires) VALUES (OLD.expires); RETURN OLD; END $$"
            )
        )
        connection.execute(text("CREATE TRIGGER note BEFORE DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION note()"))
    told: list[tuple[str, int]] = []
    run = run_cleanup(
        engine, CleanupPolicy(batch_size=4), now=NOW, progress=lambda rule, rows: told.append((rule, rows))
    )
    assert deleted(run)["expired sessions"] == (10, 3)
    assert told == [("expired sessions", 4), ("expired sessions", 8), ("expired sessions", 10)]
    with engine.connect() as connection:
        batches = connection.execute(
            text("SELECT count(*) AS rows, min(expires), max(expires) FROM deleted GROUP BY at ORDER BY at")
        ).all()
    assert [batch.rows for batch in batches] == [4, 4, 2]
    assert batches[0].max < batches[1].min
    assert batches[1].max < batches[2].min


def test_a_row_that_somebody_holds_is_left_for_the_next_run(engine: Engine) -> None:
    add_sessions(engine, NOW - days(40), NOW - days(41))
    with engine.connect() as holder:
        holder.execute(update(Session).where(Session.session_token == "s0").values(updated_at=NOW))
        assert run_cleanup(engine, CleanupPolicy(), now=NOW).rows == 1
        holder.rollback()
    assert left(engine, Session.session_token) == {"s0"}
    assert run_cleanup(engine, CleanupPolicy(), now=NOW).rows == 1


def test_a_second_runner_says_so_and_deletes_nothing(engine: Engine) -> None:
    add_sessions(engine, *(NOW - days(31 + n) for n in range(3)))
    refusals: list[str] = []

    def second_runner(rule: str, rows: int) -> None:
        with pytest.raises(CleanupRunning) as refused:
            run_cleanup(engine, CleanupPolicy(), now=NOW)
        refusals.append(f"{rows}: {refused.value}")

    run = run_cleanup(engine, CleanupPolicy(batch_size=2), now=NOW, progress=second_runner)
    refusal = "a cleanup of this database is running already: nothing was done"
    assert refusals == [f"2: {refusal}", f"3: {refusal}"]
    assert run.rows == 3
    # The lock is free again as soon as the run has ended.
    assert run_cleanup(engine, CleanupPolicy(), now=NOW).rows == 0


def test_the_lock_is_given_back_even_where_the_connection_lives_on(engine: Engine, database: str) -> None:
    add_sessions(engine, NOW - days(31))
    pooled = sync_engine(Settings(database_url=database))
    try:
        assert run_cleanup(pooled, CleanupPolicy(), now=NOW).rows == 1
        assert run_cleanup(engine, CleanupPolicy(), now=NOW).rows == 0
    finally:
        pooled.dispose()


def test_an_interrupted_run_keeps_its_batches_and_the_next_one_finishes(engine: Engine) -> None:
    add_sessions(engine, *(NOW - days(31 + n) for n in range(5)))

    def interrupt(rule: str, rows: int) -> None:
        raise KeyboardInterrupt

    with capture_logs() as logs, pytest.raises(KeyboardInterrupt):
        run_cleanup(engine, CleanupPolicy(batch_size=2), now=NOW, progress=interrupt)
    assert [log["event"] for log in logs] == ["cleanup interrupted"]
    assert len(left(engine, Session.session_token)) == 3
    assert run_cleanup(engine, CleanupPolicy(batch_size=2), now=NOW).rows == 3


def test_a_run_whose_backend_is_killed_says_so_and_frees_the_lock(engine: Engine, database: str) -> None:
    add_sessions(engine, *(NOW - days(31 + n) for n in range(5)))

    def kill(rule: str, rows: int) -> None:
        with psycopg.connect(database, autocommit=True) as administrator:
            administrator.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'intowork-direct' AND datname = current_database()"
            )

    with pytest.raises(DatabaseUnavailable, match="was lost: try again"):
        run_cleanup(engine, CleanupPolicy(batch_size=2), now=NOW, progress=kill)
    assert run_cleanup(engine, CleanupPolicy(), now=NOW).rows == 3


def test_every_run_is_recorded_with_what_it_deleted(engine: Engine) -> None:
    add_sessions(engine, NOW - days(31))
    with capture_logs() as logs:
        run_cleanup(engine, CleanupPolicy(), now=NOW)
    assert len(logs) == 1
    assert logs[0]["event"] == "cleanup finished"
    assert (logs[0]["expired_sessions"], logs[0]["used_password_reset_tokens"]) == (1, 0)
    assert logs[0]["started_at"] == NOW.isoformat()


def test_a_database_without_the_tables_is_told_to_migrate(database: str) -> None:
    with pytest.raises(IntoWorkError, match=r"run intowork migrate$"):
        run_cleanup(direct_engine(Settings(database_url=database)), CleanupPolicy(), now=NOW)
