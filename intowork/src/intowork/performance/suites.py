"""What is measured: five suites of hot statements, search, and what else every page runs.

Each case keeps what the analysed platform sent beside what the platform sends now, with the same drawn parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import cycle, islice
from typing import TypeVar

from intowork.accounts import queries as accounts
from intowork.admin import queries as admin
from intowork.applications import queries as applications
from intowork.dashboard import queries as dashboard
from intowork.demo.phase2 import statements as phase2
from intowork.demo.phase2.statements import Request
from intowork.jobs import queries as jobs
from intowork.jobs.queries import JobFilters
from intowork.models import ApplicationStatus, JobStatus
from intowork.notifications import queries as notifications
from intowork.performance.draws import Draws

JOB_LIST = "Job list filtering"
DUPLICATE_CHECK = "Duplicate check"
CANDIDATE_APPLICATIONS = "Candidate applications"
EMPLOYER_APPLICATIONS = "Applications by status and employer dashboard"
EMPLOYER_JOBS = "Employer's jobs"
SEARCH = "Search"
OTHERS = "Every page"

T = TypeVar("T")

_DEEP_PAGE = 101

TABLES = (
    (JOB_LIST, ("jobs", "companies")),
    (DUPLICATE_CHECK, ("job_applications",)),
    (CANDIDATE_APPLICATIONS, ("job_applications", "candidates", "jobs", "companies")),
    (EMPLOYER_APPLICATIONS, ("job_applications", "jobs", "candidates", "users")),
    (EMPLOYER_JOBS, ("jobs", "job_applications")),
    (SEARCH, ("jobs", "companies")),
    (OTHERS, ("notifications", "sessions", "users", "jobs")),
)
"""The tables that must hold rows for a suite, or its times mean nothing."""


@dataclass(frozen=True)
class Claim:
    """What the executive summary of the analysis says of a statement, in milliseconds."""

    before_ms: float
    after_ms: float


@dataclass(frozen=True)
class Case:
    """One request, drawn many times.

    Attributes:
        suite: what it belongs to.
        name: what it answers, unique within the suite.
        ours: the platform's statements, a tuple for each draw; empty where there are none yet.
        analysed: those of the analysed platform; empty where it had none, otherwise as many as `ours`.
        target_ms: what the 95th percentile must stay below.
        claim: what the summary says.
    """

    suite: str
    name: str
    ours: tuple[Request, ...]
    analysed: tuple[Request, ...] = ()
    target_ms: float | None = None
    claim: Claim | None = None


def suites(draws: Draws) -> tuple[Case, ...]:
    """Return every case with the drawn parameters."""
    return (
        *_job_list(draws),
        *_duplicate_check(draws),
        *_candidate_applications(draws),
        *_employer_applications(draws),
        *_employer_jobs(draws),
        _search(draws),
        *_others(draws),
    )


def _job_list(draws: Draws) -> Iterable[Case]:
    yield Case(JOB_LIST, "newest first", ((jobs.open_jobs(),),), (phase2.job_list(),), 5, Claim(500, 10))
    if draws.deep is not None:
        yield Case(
            JOB_LIST,
            "a thousand jobs down",
            ((jobs.open_jobs(after=draws.deep),),),
            (phase2.job_list(page=_DEEP_PAGE),),
            5,
        )
    yield _filtered(
        "by place",
        draws.locations,
        lambda place: JobFilters(location=place),
        lambda place: phase2.job_list(location=place),
        claim=Claim(200, 5),
    )
    yield _filtered(
        "by contract",
        draws.job_types,
        lambda kind: JobFilters(job_type=kind),
        lambda kind: phase2.job_list(job_type=kind),
        claim=Claim(200, 5),
    )
    yield _filtered(
        "by kind of place",
        draws.location_types,
        lambda kind: JobFilters(location_type=kind),
        lambda kind: phase2.job_list(location_type=kind),
    )
    yield _filtered(
        "by kind of place and contract",
        draws.kinds,
        lambda kind: JobFilters(location_type=kind[0], job_type=kind[1]),
        lambda kind: phase2.job_list(location_type=kind[0], job_type=kind[1]),
    )
    yield _filtered(
        "by least salary",
        draws.salaries,
        lambda salary: JobFilters(salary_min=salary),
        lambda salary: phase2.job_list(salary_min=salary),
    )
    yield _filtered(
        "by kind of place and least salary",
        list(zip(draws.location_types, draws.salaries, strict=True)),
        lambda drawn: JobFilters(location_type=drawn[0], salary_min=drawn[1]),
        lambda drawn: phase2.job_list(location_type=drawn[0], salary_min=drawn[1]),
    )
    yield _filtered(
        "by place, kind of place, contract and least salary",
        list(zip(draws.locations, draws.kinds, draws.salaries, strict=True)),
        lambda drawn: JobFilters(
            location=drawn[0], location_type=drawn[1][0], job_type=drawn[1][1], salary_min=drawn[2]
        ),
        lambda drawn: phase2.job_list(
            location=drawn[0], location_type=drawn[1][0], job_type=drawn[1][1], salary_min=drawn[2]
        ),
    )
    yield Case(
        JOB_LIST, "by company",
        _each(draws.companies, lambda company: (jobs.open_jobs(JobFilters(company_id=company)),)),
        target_ms=5,
    )  # fmt: skip
    yield Case(JOB_LIST, "number of open jobs", ((jobs.count_open_jobs(),),), target_ms=5)
    yield Case(
        JOB_LIST,
        "number of open jobs, filtered",
        tuple(
            (jobs.count_open_jobs(filters),)
            for filters in (
                *(JobFilters(location=place) for place in draws.locations),
                *(JobFilters(location_type=where) for where in draws.location_types),
                *(JobFilters(job_type=what) for what in draws.job_types),
                *(JobFilters(location_type=where, job_type=what) for where, what in draws.kinds),
                *(JobFilters(salary_min=salary) for salary in draws.salaries),
            )
        ),
        target_ms=5,
    )


def _filtered(
    name: str,
    drawn: Iterable[T],
    filters: Callable[[T], JobFilters],
    analysed: Callable[[T], Request],
    *,
    claim: Claim | None = None,
) -> Case:
    values = tuple(drawn)
    return Case(
        JOB_LIST,
        name,
        _each(values, lambda value: (jobs.open_jobs(filters(value)),)),
        _each(values, analysed),
        5,
        claim,
    )


def _duplicate_check(draws: Draws) -> Iterable[Case]:
    yield Case(
        DUPLICATE_CHECK,
        "has this candidate applied to this job",
        _each(draws.pairs, lambda pair: (applications.existing_application(*pair),)),
        _each(draws.pairs, lambda pair: phase2.duplicate_check(*pair)),
        5,
    )
    page = [job for job, _ in draws.jobs][:20]
    yield Case(
        DUPLICATE_CHECK,
        "which of twenty jobs has this candidate applied to",
        _each(draws.candidates, lambda candidate: (applications.applied_jobs(candidate, page),)),
        _each(draws.candidates, phase2.applied_jobs),
        5,
    )


def _candidate_applications(draws: Draws) -> Iterable[Case]:
    yield Case(
        CANDIDATE_APPLICATIONS,
        "my applications",
        _each(draws.candidates, lambda candidate: (applications.my_applications(candidate),)),
        tuple(
            phase2.my_applications(candidate, shown)
            for candidate, shown in zip(draws.candidates, draws.applications_of, strict=True)
        ),
        5,
        Claim(150, 20),
    )
    yield Case(
        CANDIDATE_APPLICATIONS,
        "my applications by status",
        tuple(
            (applications.my_applications(candidate, status=status),)
            for candidate, status in _with_statuses(draws.candidates)
        ),
        target_ms=5,
    )
    yield Case(
        CANDIDATE_APPLICATIONS,
        "candidate's dashboard",
        _each(draws.candidates, lambda candidate: (dashboard.candidate_numbers(candidate),)),
        target_ms=10,
    )


def _employer_applications(draws: Draws) -> Iterable[Case]:
    yield Case(
        EMPLOYER_APPLICATIONS,
        "an employer's applications",
        _each(draws.employers, lambda employer: (applications.employer_applications(employer),)),
        tuple(
            phase2.employer_applications(employer, shown)
            for employer, shown in zip(draws.employers, draws.applications_to, strict=True)
        ),
        5,
    )
    yield Case(
        EMPLOYER_APPLICATIONS,
        "an employer's applications by status",
        tuple(
            (applications.employer_applications(employer, status=status),)
            for employer, status in _with_statuses(draws.employers)
        ),
        # What a filtered page refers to is loaded one by one as well; left out, to the analysed platform's advantage.
        tuple(
            phase2.employer_applications(employer, (), status=status)
            for employer, status in _with_statuses(draws.employers)
        ),
        5,
    )
    yield Case(
        EMPLOYER_APPLICATIONS,
        "one job's applications",
        tuple((applications.employer_applications(employer, job_id=job),) for job, employer in draws.jobs),
        target_ms=5,
    )
    yield Case(
        EMPLOYER_APPLICATIONS,
        "employer's dashboard",
        _each(draws.employers, lambda employer: (dashboard.employer_numbers(employer),)),
        _each(draws.employers, phase2.employer_dashboard),
        10,
        Claim(500, 50),
    )


def _employer_jobs(draws: Draws) -> Iterable[Case]:
    yield Case(
        EMPLOYER_JOBS,
        "an employer's jobs",
        _each(draws.recruiters, lambda employer: (jobs.employer_jobs(employer),)),
        _each(draws.recruiters, phase2.employer_jobs),
        5,
    )
    statuses = tuple(islice(cycle(JobStatus), len(draws.recruiters)))
    drawn = tuple(zip(draws.recruiters, statuses, strict=True))
    yield Case(
        EMPLOYER_JOBS,
        "an employer's jobs by status",
        _each(drawn, lambda pair: (jobs.employer_jobs(pair[0], status=pair[1]),)),
        _each(drawn, lambda pair: phase2.employer_jobs(pair[0], status=pair[1])),
        5,
    )


def _search(draws: Draws) -> Case:
    return Case(
        SEARCH, "a word in title, description or company", (),
        _each(draws.words, lambda word: phase2.job_list(search=word)), 15,
    )  # fmt: skip


def _others(draws: Draws) -> Iterable[Case]:
    yield Case(
        OTHERS,
        "notifications",
        _each(draws.users, lambda user: (notifications.notifications(user),)),
        _each(draws.users, phase2.notifications),
        5,
    )
    yield Case(
        OTHERS,
        "unread notifications",
        _each(draws.users, lambda user: (notifications.count_unread(user),)),
        _each(draws.users, phase2.unread_count),
        5,
    )
    yield Case(
        OTHERS, "user of a session",
        _each(draws.session_tokens, lambda token: (accounts.user_by_session_token(token),)), target_ms=5,
    )  # fmt: skip
    yield Case(
        OTHERS, "user by e-mail address",
        _each(draws.emails, lambda email: (accounts.user_by_email(email),)), target_ms=5,
    )  # fmt: skip
    yield Case(OTHERS, "administrator's users", ((admin.users(),),), target_ms=5)
    yield Case(OTHERS, "administrator's jobs", ((admin.jobs(),),), target_ms=5)


def _each(drawn: Iterable[T], request: Callable[[T], Request]) -> tuple[Request, ...]:
    return tuple(request(value) for value in drawn)


def _with_statuses(keys: tuple[int, ...]) -> tuple[tuple[int, ApplicationStatus], ...]:
    return tuple(zip(keys, islice(cycle(ApplicationStatus), len(keys)), strict=True))
