"""The statements reach their indexes even when the planner knows no parameter."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import sql

from intowork.accounts import queries as accounts
from intowork.admin import queries as admin
from intowork.applications import queries as applications
from intowork.dashboard import queries as dashboard
from intowork.jobs import queries as jobs
from intowork.jobs.queries import JobFilters
from intowork.kit.pagination import Position
from intowork.kit.sql import Rows, render
from intowork.models import ApplicationStatus, JobLocation, JobStatus, JobType
from intowork.notifications import queries as notifications
from intowork.testing import ago

LARGE = {"jobs", "job_applications", "notifications", "sessions"}
DEEP = Position(ago(days=3), 1500)

STATEMENTS: dict[str, tuple[Rows, str]] = {
    "job list": (jobs.open_jobs(), "idx_jobs_published_posted_at"),
    "job list, deep": (jobs.open_jobs(after=DEEP), "idx_jobs_published_posted_at"),
    "by contract": (jobs.open_jobs(JobFilters(job_type=JobType.CONTRACT), after=DEEP), "idx_jobs_status_job_type"),
    "by place": (jobs.open_jobs(JobFilters(location="Lyon")), "idx_jobs_published_location"),
    "by company": (jobs.open_jobs(JobFilters(company_id=3), after=DEEP), "idx_jobs_company_id_status"),
    "count by place": (jobs.count_open_jobs(JobFilters(location="Lyon")), "idx_jobs_published_location"),
    "employer's jobs": (jobs.employer_jobs(3), "idx_jobs_employer_id_status"),
    "employer's jobs by status": (jobs.employer_jobs(3, status=JobStatus.DRAFT), "idx_jobs_employer_id_status"),
    "counts of employer's jobs": (jobs.employer_jobs(3), "idx_job_applications_job_id_status"),
    "which applied": (applications.applied_jobs(3, [1, 2, 3]), "unique_candidate_job_application"),
    "duplicate check": (applications.existing_application(3, 4), "unique_candidate_job_application"),
    "my applications": (applications.my_applications(3), "idx_job_applications_candidate_id_applied_at"),
    "my applications by status": (
        applications.my_applications(3, status=ApplicationStatus.VIEWED, after=DEEP),
        "idx_job_applications_candidate_id_applied_at",
    ),
    "employer's applications": (applications.employer_applications(3), "idx_job_applications_job_id_status"),
    "employer's applications by status": (
        applications.employer_applications(3, status=ApplicationStatus.VIEWED, after=DEEP),
        "idx_job_applications_job_id_status",
    ),
    "employer's dashboard": (dashboard.employer_numbers(3), "idx_job_applications_job_id_status"),
    "notifications": (notifications.notifications(3, after=DEEP), "idx_notifications_user_id_created_at"),
    "unread": (notifications.count_unread(3), "idx_notifications_user_is_read"),
    "user by address": (accounts.user_by_email("ada@example.com"), "ix_users_email"),
    "user of a session": (accounts.user_by_session_token("token"), "ix_sessions_session_token"),
    "administrator's users": (admin.users(after=DEEP), "idx_users_created_at"),
    "administrator's jobs": (admin.jobs(), "idx_jobs_created_at"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_uses_its_index_in_a_generic_plan(loaded: str, name: str) -> None:
    statement, index = STATEMENTS[name]
    nodes = list(generic_plan(loaded, statement))
    assert index in {node.get("Index Name") for node in nodes}
    assert "Seq Scan" not in {node["Node Type"] for node in nodes if node.get("Relation Name") in LARGE}


def test_a_filter_that_every_third_job_meets_is_answered_from_the_newest_jobs(loaded: str) -> None:
    statement = jobs.open_jobs(JobFilters(location_type=JobLocation.REMOTE))
    indexes = {node.get("Index Name") for node in generic_plan(loaded, statement)}
    assert "idx_jobs_published_posted_at" in indexes


def test_a_candidates_numbers_come_from_own_applications_alone(loaded: str) -> None:
    nodes = list(generic_plan(loaded, dashboard.candidate_numbers(3)))
    assert "idx_job_applications_candidate_id_applied_at" in {node.get("Index Name") for node in nodes}


@pytest.mark.parametrize(
    "statement",
    [
        applications.employer_applications(3, status=ApplicationStatus.VIEWED),
        applications.applied_jobs(3, [1, 2]),
        jobs.employer_jobs(3),
    ],
)
def test_applications_are_found_in_the_index_alone(loaded: str, statement: Rows) -> None:
    scans = {
        node["Node Type"]
        for node in generic_plan(loaded, statement)
        if node.get("Relation Name") == "job_applications" and node.get("Index Name") != "job_applications_pkey"
    }
    assert scans == {"Index Only Scan"}


def test_a_salary_that_few_jobs_reach_is_found_in_its_own_index(loaded: str) -> None:
    with psycopg.connect(loaded) as connection:
        row = connection.execute("SELECT max(salary_min) FROM jobs WHERE status = 'published'").fetchone()
        assert row is not None
        for salary in (row[0], row[0] + 1):
            rendered = render(jobs.open_jobs(JobFilters(salary_min=salary)))
            plan = connection.execute(f"EXPLAIN (FORMAT JSON) {rendered.text}".encode(), rendered.parameters).fetchone()
            assert plan is not None
            assert "idx_jobs_published_salary_min" in {node.get("Index Name") for node in walk(plan[0][0]["Plan"])}


def generic_plan(url: str, statement: Rows) -> Iterator[Mapping[str, Any]]:
    """Return every node of the plan that PostgreSQL makes without looking at the parameters.

    PREPARE and EXPLAIN EXECUTE, since EXPLAIN (GENERIC_PLAN) is not in PostgreSQL 15.
    """
    rendered = render(statement)
    numbers = itertools.count(1)
    values: list[object] = []

    def numbered(found: re.Match[str]) -> str:
        values.append(rendered.parameters[found.group(1)])
        return f"${next(numbers)}"

    text = re.sub(r"%\((\w+)\)s", numbered, rendered.text)
    arguments = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Literal, values))) if values else sql.SQL("")
    with psycopg.connect(url) as connection:
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(f"PREPARE asked AS {text}".encode())
        row = connection.execute(sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE asked{}").format(arguments)).fetchone()
    assert row is not None
    return walk(row[0][0]["Plan"])


def walk(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from walk(child)
