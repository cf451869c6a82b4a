"""The endpoints about an employer's own record."""

from __future__ import annotations

from fastapi import APIRouter

from intowork.accounts.signed_in import Recruiter
from intowork.employers import queries
from intowork.employers.schemas import EmployerToUpdate, MyEmployer
from intowork.kit.problems import FORBIDDEN, INVALID, NOT_SIGNED_IN, documented
from intowork.kit.sessions import Session

router = APIRouter(prefix="/api/employers", tags=["employers"])


@router.get("/me", responses=documented(NOT_SIGNED_IN, FORBIDDEN))
async def get_my_record(user: Recruiter, session: Session) -> MyEmployer:
    """Return one's own record."""
    return MyEmployer.model_validate((await session.execute(queries.employer(user.employer_id))).one())


@router.patch("/me", responses=documented(NOT_SIGNED_IN, FORBIDDEN, INVALID))
async def update_my_record(body: EmployerToUpdate, user: Recruiter, session: Session) -> MyEmployer:
    """Change what the body names of one's own record."""
    columns = body.model_dump(exclude_unset=True)
    return MyEmployer.model_validate((await session.execute(queries.change_employer(user.employer_id, columns))).one())
