from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from intowork.kit.sql import constant, render, row_limit
from intowork.models import Job, JobStatus, JobType


def test_a_constant_and_a_limit_are_part_of_the_text() -> None:
    statement = select(Job.id).where(Job.status == constant(Job.status, JobStatus.PUBLISHED)).limit(row_limit(20))
    rendered = render(statement)
    assert "jobs.status = 'published'" in rendered.text
    assert "LIMIT 20" in rendered.text
    assert rendered.parameters == {}


def test_an_enum_value_is_bound_as_its_label() -> None:
    rendered = render(select(Job.id).where(Job.job_type == JobType.FULL_TIME))
    assert "jobs.job_type = %(job_type_1)s" in rendered.text
    assert rendered.parameters == {"job_type_1": "full_time"}


def test_the_driver_runs_what_was_rendered(platform: Session) -> None:
    statement = select(Job.id).where(Job.job_type == JobType.FULL_TIME, Job.id.in_([1, 2]), Job.title == "100 %")
    rendered = render(statement)
    driver = platform.connection().connection.driver_connection
    assert driver is not None
    assert driver.execute(rendered.text, rendered.parameters).fetchall() == []
