"""The endpoints about companies and who recruits for them."""

from __future__ import annotations

from fastapi import APIRouter, Response

from intowork.accounts.signed_in import Recruiter
from intowork.companies import queries
from intowork.companies.schemas import (
    Colleague,
    CompanyDetail,
    CompanyNumbers,
    CompanyToCreate,
    CompanyToUpdate,
    Permissions,
    PermissionsToUpdate,
    PublicCompany,
)
from intowork.kit.pagination import Position, cut
from intowork.kit.problems import (
    ALREADY_IN_COMPANY,
    BAD_CURSOR,
    FORBIDDEN,
    INVALID,
    NOT_FOUND,
    NOT_SIGNED_IN,
    ON_ONESELF,
    Problem,
    documented,
)
from intowork.kit.schemas import DEFAULT_PAGE_SIZE, Count, Cursor, Key, Page, PageSize
from intowork.kit.sessions import Reading, Session
from intowork.models import Company

router = APIRouter(prefix="/api/companies", tags=["companies"])

_OWN = documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND)
_OWN_TO_CHANGE = documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND, INVALID)


@router.post("", status_code=201, responses=documented(NOT_SIGNED_IN, FORBIDDEN, ALREADY_IN_COMPANY, INVALID))
async def create_company(body: CompanyToCreate, user: Recruiter, session: Session, response: Response) -> CompanyDetail:
    """Create a company and join it as its admin; an employer recruits for one company."""
    company = Company(**body.model_dump())
    session.add(company)
    await session.flush()
    if await session.scalar(queries.join_as_admin(user.employer_id, company.id)) is None:
        # The company goes with the transaction.
        raise Problem(ALREADY_IN_COMPANY)
    response.headers["Location"] = f"/api/companies/{company.id}"
    return CompanyDetail.model_validate(company)


@router.get("/mine", responses=_OWN)
async def get_my_company(user: Recruiter, session: Session) -> CompanyDetail:
    """Return one's own company."""
    return CompanyDetail.model_validate((await session.execute(queries.company(_company_of(user)))).one())


@router.patch("/mine", responses=_OWN_TO_CHANGE)
async def update_my_company(body: CompanyToUpdate, user: Recruiter, session: Session) -> CompanyDetail:
    """Change what the body names of one's own company, as its admin."""
    _company_of(user)
    columns = body.model_dump(exclude_unset=True)
    changed = (await session.execute(queries.change_company(user.employer_id, columns))).one_or_none()
    if changed is None:
        raise _not_admin()
    return CompanyDetail.model_validate(changed)


@router.get("/mine/stats", responses=_OWN)
async def get_my_company_numbers(user: Recruiter, session: Session) -> CompanyNumbers:
    """Return the numbers of one's own company."""
    return CompanyNumbers.model_validate((await session.execute(queries.numbers(_company_of(user)))).one())


@router.get("/mine/employers", responses=documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND, BAD_CURSOR, INVALID))
async def list_colleagues(
    user: Recruiter, session: Session, cursor: Cursor = None, size: PageSize = DEFAULT_PAGE_SIZE
) -> Page[Colleague]:
    """List the employers of one's own company, oneself among them, newest first."""
    after = None if cursor is None else Position.parse(cursor)
    statement = queries.colleagues(_company_of(user), after=after, size=size + 1)
    rows, following = cut((await session.execute(statement)).all(), size, "created_at")
    return Page(items=[Colleague.model_validate(row) for row in rows], next=following)


@router.patch("/mine/employers/{employer_id}", responses=_OWN_TO_CHANGE | documented(ON_ONESELF))
async def change_permissions(
    employer_id: Key, body: PermissionsToUpdate, user: Recruiter, session: Session
) -> Permissions:
    """Change what a colleague may do, as the company's admin; nobody changes his own permissions."""
    _company_of(user)
    if employer_id == user.employer_id:
        raise Problem(ON_ONESELF, "Nobody changes his own permissions")
    columns = body.model_dump(exclude_unset=True)
    changed = (await session.execute(queries.change_permissions(user.employer_id, employer_id, columns))).one_or_none()
    if changed is None:
        raise Problem(NOT_FOUND) if await session.scalar(queries.is_admin(user.employer_id)) else _not_admin()
    return Permissions.model_validate(changed)


@router.get("/{company_id}", responses=documented(NOT_FOUND))
async def get_company(company_id: Key, session: Reading) -> PublicCompany:
    """Return a company with the number of its open jobs."""
    row = (await session.execute(queries.company_with_open_jobs(company_id))).one_or_none()
    if row is None:
        raise Problem(NOT_FOUND)
    return PublicCompany(**row._asdict() | {"open_jobs": Count.of(row.open_jobs)})


def _company_of(user: Recruiter) -> int:
    if user.company_id is None:
        raise Problem(NOT_FOUND, "You recruit for no company yet: create one")
    return user.company_id


def _not_admin() -> Problem:
    return Problem(FORBIDDEN, "This is for the company's admins")
