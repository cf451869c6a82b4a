"""The endpoints about candidates: one's own profile and its lists, and the profile of an applicant."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from intowork.accounts.signed_in import Applicant, Recruiter
from intowork.candidates import queries
from intowork.candidates.queries import MOST_ENTRIES, Entry, EntryModel
from intowork.candidates.rules import completion, end_fault, expectation_fault
from intowork.candidates.schemas import (
    EducationToCreate,
    EducationToUpdate,
    ExperienceToCreate,
    ExperienceToUpdate,
    MyProfile,
    Profile,
    ProfileCompletion,
    ProfileEducation,
    ProfileExperience,
    ProfileSkill,
    ProfileToUpdate,
    SkillToCreate,
    SkillToUpdate,
)
from intowork.kit.problems import (
    FORBIDDEN,
    INVALID,
    LIST_FULL,
    NOT_FOUND,
    NOT_SIGNED_IN,
    SKILL_LISTED,
    Problem,
    documented,
    invalid,
)
from intowork.kit.schemas import Body, Key
from intowork.kit.sessions import Session
from intowork.models import Education, Experience, Skill

router = APIRouter(prefix="/api", tags=["candidates"])

# Rows of before the rules may break them; who changes something else is not asked about that.
_PERIOD = {"start_date", "end_date", "is_current"}
_EXPECTATION = {"salary_expectation_min", "salary_expectation_max"}
_OWN = documented(NOT_SIGNED_IN, FORBIDDEN, INVALID)
_NEW = documented(NOT_SIGNED_IN, FORBIDDEN, LIST_FULL, INVALID)
_ONE = documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND, INVALID)


@router.get("/candidates/me", responses=documented(NOT_SIGNED_IN, FORBIDDEN))
async def get_my_profile(user: Applicant, session: Session) -> MyProfile:
    """Return one's own profile, and how complete it is."""
    return await _mine(user, session)


@router.patch("/candidates/me", responses=_OWN)
async def update_my_profile(body: ProfileToUpdate, user: Applicant, session: Session) -> MyProfile:
    """Change what the body names of one's own profile."""
    candidate = (await session.scalars(queries.candidate_to_change(user.candidate_id))).one()
    _set(candidate, body)
    fault = expectation_fault(candidate.salary_expectation_min, candidate.salary_expectation_max)
    if fault and body.model_fields_set & _EXPECTATION:
        raise invalid("body.salary_expectation_min", fault)
    await session.flush()
    return await _mine(user, session)


@router.post("/candidates/me/experiences", status_code=201, responses=_NEW)
async def add_experience(body: ExperienceToCreate, user: Applicant, session: Session) -> ProfileExperience:
    """Add a position to one's own profile."""
    _require_end(body, body)
    return ProfileExperience.model_validate(await _added(Experience, body, user, session))


@router.patch("/candidates/me/experiences/{experience_id}", responses=_ONE)
async def update_experience(
    experience_id: Key, body: ExperienceToUpdate, user: Applicant, session: Session
) -> ProfileExperience:
    """Change what the body names of a position of one's own profile."""
    experience = await _own(Experience, experience_id, user, session)
    _set(experience, body)
    _require_end(body, experience)
    await session.flush()
    return ProfileExperience.model_validate(experience)


@router.delete("/candidates/me/experiences/{experience_id}", status_code=204, responses=_ONE)
async def remove_experience(experience_id: Key, user: Applicant, session: Session) -> None:
    """Remove a position from one's own profile."""
    await _remove(Experience, experience_id, user, session)


@router.post("/candidates/me/educations", status_code=201, responses=_NEW)
async def add_education(body: EducationToCreate, user: Applicant, session: Session) -> ProfileEducation:
    """Add a degree to one's own profile."""
    _require_end(body, body)
    return ProfileEducation.model_validate(await _added(Education, body, user, session))


@router.patch("/candidates/me/educations/{education_id}", responses=_ONE)
async def update_education(
    education_id: Key, body: EducationToUpdate, user: Applicant, session: Session
) -> ProfileEducation:
    """Change what the body names of a degree of one's own profile."""
    education = await _own(Education, education_id, user, session)
    _set(education, body)
    _require_end(body, education)
    await session.flush()
    return ProfileEducation.model_validate(education)


@router.delete("/candidates/me/educations/{education_id}", status_code=204, responses=_ONE)
async def remove_education(education_id: Key, user: Applicant, session: Session) -> None:
    """Remove a degree from one's own profile."""
    await _remove(Education, education_id, user, session)


@router.post(
    "/candidates/me/skills",
    status_code=201,
    responses=documented(NOT_SIGNED_IN, FORBIDDEN, SKILL_LISTED, LIST_FULL, INVALID),
)
async def add_skill(body: SkillToCreate, user: Applicant, session: Session) -> ProfileSkill:
    """Add a skill to one's own profile, once whatever the case of its name, also when two requests race."""
    try:
        return ProfileSkill.model_validate(await _added(Skill, body, user, session))
    except IntegrityError:
        raise _listed(body.name) from None


@router.patch(
    "/candidates/me/skills/{skill_id}",
    responses=documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND, SKILL_LISTED, INVALID),
)
async def update_skill(skill_id: Key, body: SkillToUpdate, user: Applicant, session: Session) -> ProfileSkill:
    """Change what the body names of a skill of one's own profile."""
    skill = await _own(Skill, skill_id, user, session)
    _set(skill, body)
    try:
        await session.flush()
    except IntegrityError:
        raise _listed(body.name) from None
    return ProfileSkill.model_validate(skill)


@router.delete("/candidates/me/skills/{skill_id}", status_code=204, responses=_ONE)
async def remove_skill(skill_id: Key, user: Applicant, session: Session) -> None:
    """Remove a skill from one's own profile."""
    await _remove(Skill, skill_id, user, session)


@router.get(
    "/received-applications/{application_id}/candidate", responses=documented(NOT_SIGNED_IN, FORBIDDEN, NOT_FOUND)
)
async def get_applicant(application_id: Key, user: Recruiter, session: Session) -> Profile:
    """Return the profile of a candidate who applied to one's own job."""
    if not user.can_manage_candidates:
        raise Problem(FORBIDDEN, "Your company does not let you manage candidates")
    row = (await session.execute(queries.applicant_profile(user.employer_id, application_id))).one_or_none()
    if row is None:
        raise Problem(NOT_FOUND)
    return Profile(**_columns(row))


async def _mine(user: Applicant, session: Session) -> MyProfile:
    row = (await session.execute(queries.own_profile(user.candidate_id))).one()
    complete = completion(
        title=row.title,
        summary=row.summary,
        phone=row.phone,
        location=row.location,
        has_experience=bool(row.experiences),
        has_education=bool(row.educations),
        has_skills=bool(row.skills),
    )
    return MyProfile(**_columns(row), completion=ProfileCompletion.model_validate(complete))


def _columns(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    lists = {name: getattr(row, name) or [] for name in ("experiences", "educations", "skills")}
    return row._asdict() | lists


def _require_end(body: Body, entry: ExperienceToCreate | EducationToCreate | Experience | Education) -> None:
    is_current = isinstance(entry, ExperienceToCreate | Experience) and bool(entry.is_current)
    if body.model_fields_set & _PERIOD and (
        fault := end_fault(entry.start_date, entry.end_date, is_current=is_current)
    ):
        raise invalid("body.end_date", fault)


def _set(row: object, body: Body) -> None:
    for name in body.model_fields_set:
        setattr(row, name, getattr(body, name))


async def _added(model: EntryModel, body: Body, user: Applicant, session: Session) -> Row[*tuple[Any, ...]]:
    added = (await session.execute(queries.add_entry(model, user.candidate_id, dict(body)))).one_or_none()
    if added is None:
        raise Problem(LIST_FULL, f"Remove one of the {MOST_ENTRIES} first")
    return added


async def _own(model: type[Entry], key: int, user: Applicant, session: Session) -> Entry:
    entry = await session.scalar(queries.entry_to_change(model, user.candidate_id, key))
    if entry is None:
        raise Problem(NOT_FOUND)
    return entry


async def _remove(model: EntryModel, key: int, user: Applicant, session: Session) -> None:
    if await session.scalar(queries.remove_entry(model, user.candidate_id, key)) is None:
        raise Problem(NOT_FOUND)


def _listed(name: str) -> Problem:
    return Problem(SKILL_LISTED, f"Change the level of {name!r} instead")
