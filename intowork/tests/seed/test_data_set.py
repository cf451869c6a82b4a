"""What a loaded data set claims about itself, counted by the server."""

from __future__ import annotations

import psycopg
import pytest
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError

from intowork.seed import ADMINISTRATOR_EMAIL, CANDIDATE_EMAIL, DEMO_PASSWORD, EMPLOYER_EMAIL, NO_FAULTS
from intowork.seed.tables import tables
from intowork.seed.world import draw_world

from .conftest import REFERENCE, SMALL, Loaded

NOW = "timestamptz '2026-01-01 00:00:00+00'"


def test_the_report_counts_the_rows_that_are_there(loaded_head: Loaded) -> None:
    assert len(loaded_head.report.tables) == 15
    for loaded in loaded_head.report.tables:
        assert loaded_head.value(f"SELECT count(*) FROM {loaded.table}") == loaded.rows, loaded.table
    rows = {loaded.table: loaded.rows for loaded in loaded_head.report.tables}
    assert rows["users"] == SMALL.users
    assert rows["notifications"] == SMALL.notifications
    assert rows["sessions"] == SMALL.live_sessions + SMALL.expired_sessions


@pytest.mark.parametrize("data_set", ["loaded_head", "loaded_phase_2"])
def test_the_server_holds_exactly_the_rows_that_were_drawn(
    loaded_head: Loaded, loaded_phase_2: Loaded, data_set: str
) -> None:
    loaded, faults = (loaded_head, False) if data_set == "loaded_head" else (loaded_phase_2, True)
    drawn = draw_world(SMALL, seed=42, faults=faults, reference=REFERENCE)
    with psycopg.connect(loaded.url, options="-c timezone=UTC") as connection:
        for table in tables(drawn):
            statement = f"COPY (SELECT {', '.join(table.columns)} FROM {table.name} ORDER BY id) TO STDOUT"
            with connection.cursor().copy(statement.encode()) as copy:
                held = b"".join(bytes(data) for data in copy).decode()
            assert held == "".join(table.lines), table.name


@pytest.mark.parametrize(
    ("share", "statement"),
    [
        (0.70, "SELECT avg((status = 'published')::int) FROM jobs"),
        (0.15, "SELECT avg((status = 'closed')::int) FROM jobs"),
        (0.10, "SELECT avg((status = 'draft')::int) FROM jobs"),
        (0.05, "SELECT avg((status = 'archived')::int) FROM jobs"),
        (0.45, "SELECT avg((status = 'applied')::int) FROM job_applications"),
        (0.12, "SELECT avg((status = 'rejected')::int) FROM job_applications"),
        (0.30, "SELECT avg((cover_letter IS NOT NULL)::int) FROM job_applications"),
        (0.30, "SELECT avg((NOT is_read)::int) FROM notifications"),
        (0.97, f"SELECT avg((expires < {NOW} - interval '30 days')::int) FROM sessions WHERE expires < {NOW}"),
    ],
)
def test_shares_are_as_announced(loaded_head: Loaded, share: float, statement: str) -> None:
    assert loaded_head.number(statement) == pytest.approx(share, abs=0.02)


def test_published_jobs_are_expired_open_until_a_date_or_open_ended(loaded_head: Loaded) -> None:
    of_published = "SELECT avg((expires_at {})::int) FROM jobs WHERE status = 'published'"
    assert loaded_head.number(of_published.format("IS NULL")) == pytest.approx(0.30, abs=0.05)
    expired = "SELECT count(*) / 700.0 FROM jobs WHERE status = 'published' AND expires_at < " + NOW
    assert loaded_head.number(expired) == pytest.approx(0.10, abs=0.04)


NOTHING = {
    "a draft with a date or a job in another status without one": (
        "SELECT count(*) FROM jobs WHERE (status = 'draft') <> (posted_at IS NULL)"
    ),
    "an application that is older than the job": (
        "SELECT count(*) FROM job_applications a JOIN jobs j ON j.id = a.job_id WHERE a.applied_at < j.posted_at"
    ),
    "an application seen before it was made, or seen but still new": (
        "SELECT count(*) FROM job_applications"
        " WHERE viewed_at < applied_at OR (status = 'applied') <> (viewed_at IS NULL)"
    ),
    "a notification for somebody else": (
        "SELECT count(*) FROM notifications n JOIN job_applications a ON a.id = n.related_application_id"
        " JOIN jobs j ON j.id = a.job_id JOIN employers e ON e.id = j.employer_id"
        " JOIN candidates c ON c.id = a.candidate_id WHERE n.related_job_id <> a.job_id"
        " OR n.user_id <> CASE n.type WHEN 'new_application' THEN e.user_id WHEN 'status_change' THEN c.user_id END"
    ),
    "a notification of an application without one": (
        "SELECT count(*) FROM notifications"
        " WHERE (type IN ('new_application', 'status_change')) <> (related_application_id IS NOT NULL)"
    ),
    "a notification read but without a date": (
        "SELECT count(*) FROM notifications WHERE is_read <> (read_at IS NOT NULL)"
    ),
    "a counter that is wrong": (
        "SELECT count(*) FROM jobs j WHERE applications_count <>"
        " (SELECT count(*) FROM job_applications a WHERE a.job_id = j.id)"
    ),
    "a job of another company": (
        "SELECT count(*) FROM jobs j JOIN employers e ON e.id = j.employer_id"
        " WHERE j.company_id IS DISTINCT FROM e.company_id"
    ),
    "an impossible salary, date, counter or level": (
        "SELECT (SELECT count(*) FROM jobs WHERE salary_min > salary_max OR posted_at > expires_at"
        " OR views_count < 0 OR posted_at < created_at)"
        " + (SELECT count(*) FROM skills WHERE level NOT BETWEEN 1 AND 5)"
    ),
    "anything from the future": (
        f"SELECT (SELECT count(*) FROM jobs WHERE greatest(created_at, updated_at, posted_at) > {NOW})"
        f" + (SELECT count(*) FROM job_applications WHERE greatest(applied_at, viewed_at, updated_at) > {NOW})"
        f" + (SELECT count(*) FROM notifications WHERE greatest(created_at, read_at) > {NOW})"
    ),
    "a role without its profile": (
        "SELECT count(*) FROM users u LEFT JOIN candidates c ON c.user_id = u.id"
        " LEFT JOIN employers e ON e.user_id = u.id"
        " WHERE (role = 'candidate') <> (c.id IS NOT NULL) OR (role = 'employer') <> (e.id IS NOT NULL)"
    ),
    "two skills of one name": (
        "SELECT count(*) - count(DISTINCT (candidate_id, lower(name))) FROM skills"
    ),
    "a user who cannot sign in at all": (
        "SELECT count(*) FROM users u WHERE password_hash IS NULL"
        " AND NOT EXISTS (SELECT FROM accounts a WHERE a.user_id = u.id)"
    ),
    "a career that runs backwards": (
        "SELECT count(*) FROM experiences"
        " WHERE end_date < start_date OR start_date !~ '^[12]\\d{3}-(0[1-9]|1[0-2])$'"
    ),
    "an address with a capital letter": (
        "SELECT count(*) FROM users WHERE email <> lower(email) OR email !~ '^[a-z0-9.]+@'"
    ),
    "a description of another length": "SELECT count(*) FROM jobs WHERE length(description) NOT BETWEEN 300 AND 900",
    "a user without date or activity": "SELECT count(*) FROM users WHERE created_at IS NULL OR is_active IS NULL",
}  # fmt: skip


@pytest.mark.parametrize("fault", NOTHING)
def test_at_head_there_is_not(loaded_head: Loaded, fault: str) -> None:
    assert loaded_head.value(NOTHING[fault]) == 0


def test_titles_and_places_come_in_both_languages_and_places_in_several_spellings(loaded_head: Loaded) -> None:
    # At this scale each wording of a title is rare, so whole families are looked for.
    assert loaded_head.value("SELECT count(*) > 50 FROM jobs WHERE title ~ '(Développeur|Ingénieur|Chargé)'") is True
    assert loaded_head.value("SELECT count(*) > 50 FROM jobs WHERE title ~ '(Developer|Engineer|Officer)'") is True
    assert loaded_head.value("SELECT count(DISTINCT location) > count(DISTINCT lower(location)) FROM jobs") is True
    assert loaded_head.value("SELECT array_agg(DISTINCT currency ORDER BY currency) FROM jobs") == ["EUR", "GBP"]


def test_a_senior_earns_more_than_a_junior(loaded_head: Loaded) -> None:
    of_title = "SELECT avg(salary_min) FROM jobs WHERE job_type <> 'internship' AND title ILIKE '%{}%'"
    assert loaded_head.number(of_title.format("senior")) > 1.2 * loaded_head.number(of_title.format("junior"))


def test_constraints_are_validated_and_every_key_holds(loaded_head: Loaded) -> None:
    assert loaded_head.value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated") == 0
    assert loaded_head.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
    assert loaded_head.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f'") == 17


def test_statistics_are_there_and_the_rows_need_no_vacuum(loaded_head: Loaded) -> None:
    for loaded in loaded_head.report.tables:
        counted = f"SELECT reltuples FROM pg_class WHERE oid = 'public.{loaded.table}'::regclass"
        assert loaded_head.value(counted) == loaded.rows, loaded.table
        columns = f"SELECT count(*) FROM pg_stats WHERE tablename = '{loaded.table}' AND attname = 'id'"
        assert loaded_head.value(columns) == 1, loaded.table
    # Pages that the server added ahead of need hold no row and count as not visible.
    visible = (
        "SELECT relallvisible >= (SELECT count(DISTINCT (ctid::text::point)[0]) FROM notifications)"
        " FROM pg_class WHERE oid = 'notifications'::regclass"
    )
    assert loaded_head.value(visible) is True


def test_the_next_row_gets_the_next_identifier(loaded_head: Loaded) -> None:
    with psycopg.connect(loaded_head.url) as connection:
        for loaded in loaded_head.report.tables:
            row = connection.execute(
                b"SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [f"public.{loaded.table}"]
            ).fetchone()
            assert row == (loaded.rows + 1,), loaded.table
            connection.execute(
                b"SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [f"public.{loaded.table}", loaded.rows]
            )


@pytest.mark.parametrize(
    ("email", "role"),
    [(ADMINISTRATOR_EMAIL, "admin"), (EMPLOYER_EMAIL, "employer"), (CANDIDATE_EMAIL, "candidate")],
)
def test_a_demo_account_signs_in_with_the_documented_password(loaded_head: Loaded, email: str, role: str) -> None:
    found = loaded_head.value(
        f"SELECT password_hash FROM users WHERE email = '{email}' AND role = '{role}' AND is_active"
        " AND email_verified IS NOT NULL"
    )
    assert PasswordHasher().verify(str(found), DEMO_PASSWORD) is True


def test_nobody_else_signs_in_with_any_password(loaded_head: Loaded) -> None:
    hashes = "FROM users WHERE email NOT LIKE '%@demo.intowork.example' AND password_hash IS NOT NULL"
    assert loaded_head.value(f"SELECT count(DISTINCT password_hash) {hashes}") == 1
    with pytest.raises(InvalidHashError):
        PasswordHasher().verify(str(loaded_head.value(f"SELECT min(password_hash) {hashes}")), DEMO_PASSWORD)


PLANTED = {
    "duplicate_applications": "SELECT count(*) - count(DISTINCT (candidate_id, job_id)) FROM job_applications",
    "double_links": (
        "SELECT count(*) - count(DISTINCT (user_id, provider, provider_account_id)) FROM accounts"
    ),
    "shared_links": (
        "SELECT count(DISTINCT (user_id, provider, provider_account_id))"
        " - count(DISTINCT (provider, provider_account_id)) FROM accounts"
    ),
    "duplicate_skills": "SELECT count(*) - count(DISTINCT (candidate_id, lower(name))) FROM skills",
    "jobs_of_another_company": NOTHING["a job of another company"],
    "reversed_salaries": "SELECT count(*) FROM jobs WHERE salary_min > salary_max",
    "reversed_dates": "SELECT count(*) FROM jobs WHERE posted_at > expires_at",
    "impossible_skill_levels": "SELECT count(*) FROM skills WHERE level NOT BETWEEN 1 AND 5",
    "negative_counters": "SELECT count(*) FROM jobs WHERE views_count < 0",
    "wrong_counters": NOTHING["a counter that is wrong"],
    "missing_created_at": "SELECT count(*) FROM users WHERE created_at IS NULL",
    "missing_is_active": "SELECT count(*) FROM users WHERE is_active IS NULL",
}  # fmt: skip


def test_every_kind_of_fault_is_counted() -> None:
    assert set(PLANTED) == set(vars(NO_FAULTS))


@pytest.mark.parametrize("kind", PLANTED)
def test_the_server_counts_as_many_faults_as_were_planted(loaded_phase_2: Loaded, kind: str) -> None:
    planted: int = getattr(loaded_phase_2.report.faults, kind)
    assert planted > 0
    assert loaded_phase_2.value(PLANTED[kind]) == planted


def test_no_fault_is_reported_at_head(loaded_head: Loaded) -> None:
    assert loaded_head.report.faults == NO_FAULTS


def test_duplicates_differ_in_status_and_notifications_point_at_them(loaded_phase_2: Loaded) -> None:
    later = (
        "(SELECT a.id, a.status, b.status AS kept FROM job_applications a JOIN job_applications b"
        " ON (a.job_id, a.candidate_id) = (b.job_id, b.candidate_id) AND a.id > b.id) AS d"
    )
    assert loaded_phase_2.number(f"SELECT avg((d.status <> d.kept)::int) FROM {later}") > 0.7
    pointing = f"SELECT count(*) > 0 FROM {later} JOIN notifications n ON n.related_application_id = d.id"
    assert loaded_phase_2.value(pointing) is True
