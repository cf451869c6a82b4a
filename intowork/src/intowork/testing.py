"""Fixtures for tests of the platform: its head schema on each PostgreSQL, and rows made in one line."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from sqlalchemy import Engine, NullPool, create_engine, null
from sqlalchemy.orm import Session

from intowork.database.url import parse_url
from intowork.models import (
    Base,
    Candidate,
    Company,
    Employer,
    Job,
    JobApplication,
    JobStatus,
    Notification,
    NotificationType,
    User,
    UserRole,
)
from pgproof.server import Server

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)

Row = TypeVar("Row", bound=Base)


def ago(**duration: float) -> dt.datetime:
    """Return a moment before now; the keywords are those of timedelta."""
    return NOW - dt.timedelta(**duration)


class Factory:
    """Makes rows that are complete and flushed; a keyword overrides any column, None makes it null."""

    def __init__(self, session: Session) -> None:
        """Use a session, which the test commits where others must see the rows."""
        self.session = session
        self._numbers = itertools.count(1)

    def user(self, role: UserRole = UserRole.CANDIDATE, **columns: Any) -> User:
        """Return a user."""
        number = next(self._numbers)
        given = {"email": f"user{number}@example.com", "first_name": "Ada", "last_name": f"Number {number}"}
        return self._add(User(role=role, **_values(given | columns)))

    def candidate(self, **columns: Any) -> Candidate:
        """Return a candidate with a user of its own."""
        return self._add(Candidate(**_values({"user": self.user()} | columns)))

    def employer(self, **columns: Any) -> Employer:
        """Return an employer with a user and a company of its own."""
        number = next(self._numbers)
        company = Company(name=f"Company {number}")
        return self._add(Employer(**_values({"user": self.user(UserRole.EMPLOYER), "company": company} | columns)))

    def job(self, employer: Employer, **columns: Any) -> Job:
        """Return a published job, posted a day ago, that does not expire."""
        given = {
            "title": "Software Engineer",
            "description": "Work.",
            "status": JobStatus.PUBLISHED,
            "posted_at": ago(days=1),
            "company_id": employer.company_id,
        }
        return self._add(Job(employer=employer, **_values(given | columns)))

    def application(self, candidate: Candidate, job: Job, **columns: Any) -> JobApplication:
        """Return an application sent an hour ago."""
        given = {"applied_at": ago(hours=1)}
        return self._add(JobApplication(candidate=candidate, job=job, **_values(given | columns)))

    def notification(self, user: User, **columns: Any) -> Notification:
        """Return a notification."""
        given = {"type": NotificationType.SYSTEM, "title": "News", "message": "Something happened."}
        return self._add(Notification(user_id=user.id, **_values(given | columns)))

    def _add(self, row: Row) -> Row:
        self.session.add(row)
        self.session.flush()
        return row


def _values(columns: dict[str, Any]) -> dict[str, Any]:
    """Return columns with null written out: the ORM takes None for "not given" and applies the default."""
    return {name: null() if value is None else value for name, value in columns.items()}


@pytest.fixture(scope="session")
def head_template(server: Server) -> Iterator[str]:
    """The name of a database with the head schema and no rows, to be copied."""
    with server.scratch_database() as url:
        parsed = parse_url("the test's URL", url)
        Base.metadata.create_all(create_engine(parsed, poolclass=NullPool))
        assert parsed.database is not None
        yield parsed.database


@pytest.fixture
def head_database(server: Server, head_template: str) -> Iterator[str]:
    """The URL of a database of the test's own with the head schema and no rows, on each server."""
    with server.scratch_database(template=head_template) as url:
        yield url


@pytest.fixture(scope="session")
def _shared_engine(server: Server, head_template: str) -> Iterator[Engine]:
    with server.scratch_database(template=head_template) as url:
        engine = create_engine(parse_url("the test's URL", url))
        yield engine
        engine.dispose()


@pytest.fixture
def platform(_shared_engine: Engine) -> Iterator[Session]:
    """A session on the head schema whose every row is gone after the test, also after a commit."""
    with _shared_engine.connect() as connection, connection.begin() as transaction:
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture
def factory(platform: Session) -> Factory:
    """Makes rows in the session `platform`."""
    return Factory(platform)
