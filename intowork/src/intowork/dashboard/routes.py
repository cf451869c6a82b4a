"""The dashboards: one statement each."""

from __future__ import annotations

from fastapi import APIRouter

from intowork.accounts.signed_in import Applicant, Recruiter
from intowork.candidates.rules import completion
from intowork.dashboard import queries
from intowork.dashboard.schemas import CandidateDashboard, EmployerDashboard
from intowork.kit.problems import FORBIDDEN, NOT_SIGNED_IN, documented
from intowork.kit.schemas import Count
from intowork.kit.sessions import Session

router = APIRouter(prefix="/api/dashboard", tags=["dashboard"])

_OWN = documented(NOT_SIGNED_IN, FORBIDDEN)


@router.get("/employer", responses=_OWN)
async def get_employer_dashboard(user: Recruiter, session: Session) -> EmployerDashboard:
    """Return the numbers of one's own jobs and their applications."""
    return EmployerDashboard.model_validate((await session.execute(queries.employer_numbers(user.employer_id))).one())


@router.get("/candidate", responses=_OWN)
async def get_candidate_dashboard(user: Applicant, session: Session) -> CandidateDashboard:
    """Return the numbers of one's own applications."""
    row = (await session.execute(queries.candidate_numbers(user.candidate_id))).one()
    complete = completion(
        title=row.title,
        summary=row.summary,
        phone=row.phone,
        location=row.location,
        has_experience=row.has_experience,
        has_education=row.has_education,
        has_skills=row.has_skills,
    )
    return CandidateDashboard(
        applications=row.applications,
        interviews=row.interviews,
        last_application_at=row.last_application_at,
        profile_percent=complete.percent,
        open_jobs=Count.of(row.open_jobs),
    )
