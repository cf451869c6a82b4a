from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event, select
from sqlalchemy.orm import Session

from intowork.applications import queries as applications
from intowork.demo.phase2 import models
from intowork.demo.phase2 import statements as phase2
from intowork.demo.phase2.statements import ShownApplication
from intowork.jobs.queries import JobFilters, open_jobs
from intowork.models import ApplicationStatus, JobLocation, JobType
from intowork.notifications.queries import notifications
from intowork.testing import Factory, ago


def answers(session: Session, request: phase2.Request) -> list[list[Any]]:
    return [list(session.execute(statement).all()) for statement in request]


@pytest.mark.parametrize(
    ("analysed", "filters"),
    [
        ({}, JobFilters()),
        ({"location": "lyon"}, JobFilters(location="lyon")),
        ({"job_type": "contract"}, JobFilters(job_type=JobType.CONTRACT)),
        ({"location_type": "remote"}, JobFilters(location_type=JobLocation.REMOTE)),
        ({"salary_min": 30_000}, JobFilters(salary_min=30_000)),
    ],
)
def test_the_analysed_list_counts_and_shows_what_ours_shows(
    platform: Session, factory: Factory, analysed: dict[str, Any], filters: JobFilters
) -> None:
    employer = factory.employer()
    for number in range(24):
        factory.job(
            employer,
            posted_at=ago(minutes=number),
            location=("Lyon", "Paris")[number % 2],
            job_type=(JobType.CONTRACT, JobType.FULL_TIME)[number % 3 > 0],
            location_type=(JobLocation.REMOTE, JobLocation.ON_SITE)[number % 4 > 0],
            salary_min=number * 2_000,
        )
    ours = [row.id for row in platform.execute(open_jobs(filters, size=100))]
    counted, first = answers(platform, phase2.job_list(**analysed))
    _, second = answers(platform, phase2.job_list(**analysed, page=2))
    assert counted == [(len(ours),)]
    assert [job.id for job, _ in (*first, *second)] == ours[:20]
    assert all(company.id == job.company_id for job, company in first)


def test_the_analysed_search_looks_into_title_description_and_company(platform: Session, factory: Factory) -> None:
    employer = factory.employer()
    assert employer.company is not None
    employer.company.name = "Needle & Sons"
    by_company = factory.job(employer)
    by_title = factory.job(factory.employer(), title="A NEEDLE")
    by_description = factory.job(factory.employer(), description="needles")
    factory.job(factory.employer())
    counted, page = answers(platform, phase2.job_list(search="needle"))
    assert counted == [(3,)]
    assert {job.id for job, _ in page} == {by_company.id, by_title.id, by_description.id}


def test_the_analysed_applications_load_what_the_orm_loads_row_by_row(platform: Session, factory: Factory) -> None:
    candidate, employers = factory.candidate(), [factory.employer(), factory.employer()]
    made = [
        factory.application(candidate, factory.job(employers[number % 2]), applied_at=ago(minutes=number))
        for number in range(5)
    ]
    shown = [ShownApplication(row.job_id, row.job.company_id, candidate.id, candidate.user_id) for row in made]
    sent = sent_by_the_orm(platform.connection(), candidate.id)
    counted, page, *lazy = answers(platform, phase2.my_applications(candidate.id, shown))
    assert counted == [(5,)]
    assert [row.id for (row,) in page] == [
        row.id for row in platform.execute(applications.my_applications(candidate.id))
    ]
    assert len(lazy) == 5 + 2 == len(sent) - 1
    assert all(len(rows) == 1 for rows in lazy)


def sent_by_the_orm(connection: Connection, candidate_id: int) -> list[str]:
    """Return what the analysed models send when a page of applications is loaded and written."""
    sent: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *call: sent.append(call[2]))
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        page = select(models.JobApplication).where(models.JobApplication.candidate_id == candidate_id)
        applications_on_page = session.scalars(page).all()
        assert all(application.job.company.name for application in applications_on_page)
    return [statement for statement in sent if statement.startswith("SELECT")]


@pytest.mark.parametrize("status", [None, ApplicationStatus.APPLIED])
def test_the_analysed_applications_of_an_employer_are_ours(
    platform: Session, factory: Factory, status: ApplicationStatus | None
) -> None:
    employer = factory.employer()
    for number in range(8):
        factory.application(
            factory.candidate(),
            factory.job(employer),
            applied_at=ago(minutes=number),
            status=(ApplicationStatus.APPLIED, ApplicationStatus.REJECTED)[number % 2],
        )
    ours = [row.id for row in platform.execute(applications.employer_applications(employer.id, status=status))]
    counted, page = answers(platform, phase2.employer_applications(employer.id, (), status=status))
    assert counted == [(len(ours),)]
    assert [row.id for (row,) in page] == ours


def test_the_analysed_dashboard_is_eight_statements() -> None:
    request = phase2.employer_dashboard(1)
    assert len(request) == 8
    assert str(request[1]) == str(request[2])


def test_the_analysed_notifications_are_ours_but_for_the_never_marked(platform: Session, factory: Factory) -> None:
    user = factory.user()
    for number, is_read in enumerate((False, True, None)):
        factory.notification(user, is_read=is_read, created_at=ago(minutes=number))
    counted, unread, page = answers(platform, phase2.notifications(user.id))
    assert (counted, unread) == ([(3,)], [(1,)])
    assert [row.id for (row,) in page] == [row.id for row in platform.execute(notifications(user.id))]
