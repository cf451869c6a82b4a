"""The tables of a data set."""

from __future__ import annotations

from intowork.seed import rows_applications, rows_companies, rows_people, rows_sessions
from intowork.seed.table import Table
from intowork.seed.world import World

TABLE_NAMES = (
    "users",
    "companies",
    "employers",
    "candidates",
    "candidate_cvs",
    "experiences",
    "educations",
    "skills",
    "jobs",
    "job_applications",
    "notifications",
    "accounts",
    "sessions",
    "verification_tokens",
    "password_reset_tokens",
)


def tables(world: World) -> tuple[Table, ...]:
    """Every table of the data set in the order of TABLE_NAMES; its lines are made while they are read."""
    return (
        rows_people.users(world),
        rows_companies.companies(world),
        rows_companies.employers(world),
        rows_people.candidates(world),
        rows_people.candidate_cvs(world),
        rows_people.experiences(world),
        rows_people.educations(world),
        rows_people.skills(world),
        rows_companies.jobs(world),
        rows_applications.job_applications(world),
        rows_applications.notifications(world),
        rows_sessions.accounts(world),
        rows_sessions.sessions(world),
        rows_sessions.verification_tokens(world),
        rows_sessions.password_reset_tokens(world),
    )
