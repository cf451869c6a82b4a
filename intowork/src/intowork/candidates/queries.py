"""Every statement about candidates and their profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sqlalchemy import JSON, ColumnElement, Select, String, delete, func, insert, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningDelete, ReturningInsert

from intowork.kit.sql import Rows
from intowork.models import Candidate, Education, Experience, Job, JobApplication, Skill, User

MOST_ENTRIES = 50
"""Of each list of a profile, which is answered whole."""

EntryModel = type[Experience] | type[Education] | type[Skill]
Entry = TypeVar("Entry", Experience, Education, Skill)

_SHOWN: Mapping[EntryModel, tuple[InstrumentedAttribute[Any], ...]] = {
    Experience: (
        Experience.id, Experience.title, Experience.company, Experience.location,
        Experience.start_date, Experience.end_date, Experience.is_current, Experience.description,
    ),
    Education: (
        Education.id, Education.degree, Education.school, Education.location,
        Education.start_date, Education.end_date, Education.description,
    ),
    Skill: (Skill.id, Skill.name, Skill.level, Skill.category),
}  # fmt: skip


def own_profile(candidate_id: int) -> Rows:
    """Return a candidate's own profile with all that belongs to it."""
    return _profile(Candidate.id == candidate_id)


def applicant_profile(employer_id: int, application_id: int) -> Rows:
    """Return the profile of who sent an application, where the application is to a job of the employer."""
    applicant = (
        select(JobApplication.candidate_id)
        .join(Job, Job.id == JobApplication.job_id)
        .where(JobApplication.id == application_id, Job.employer_id == employer_id)
    )
    return _profile(Candidate.id == applicant.scalar_subquery())


def _profile(condition: ColumnElement[bool]) -> Rows:
    """Return a candidate with its user and its lists, each list a JSON array: null where it is empty.

    One statement however many rows: one join of all lists would multiply their rows, and a statement for each would
    wait for the network four times.
    """
    return (
        select(
            Candidate.id, User.first_name, User.last_name, User.email,
            Candidate.phone, Candidate.location, Candidate.linkedin_url, Candidate.website_url,
            Candidate.profile_picture_url, Candidate.title, Candidate.summary, Candidate.years_experience,
            Candidate.salary_expectation_min, Candidate.salary_expectation_max,
            _list(Experience, Experience.start_date.desc(), Experience.id.desc()).label("experiences"),
            _list(Education, Education.start_date.desc(), Education.id.desc()).label("educations"),
            _list(Skill, Skill.level.desc(), func.lower(Skill.name)).label("skills"),
        )
        .join(User, User.id == Candidate.user_id)
        .where(condition)
    )  # fmt: skip


def _list(model: EntryModel, *order: ColumnElement[Any]) -> ColumnElement[Any]:
    pairs = [part for column in _SHOWN[model] for part in (_name(column), column)]
    entry = aggregate_order_by(func.json_build_object(*pairs), *order)
    return select(func.json_agg(entry, type_=JSON)).where(model.candidate_id == Candidate.id).scalar_subquery()


def _name(column: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    return literal(column.key, String, literal_execute=True)


def candidate_to_change(candidate_id: int) -> Select[Candidate]:
    """Return a candidate, locked until the transaction ends: two changes at once happen one by one."""
    return select(Candidate).where(Candidate.id == candidate_id).with_for_update()


def add_entry(model: EntryModel, candidate_id: int, columns: Mapping[str, Any]) -> ReturningInsert[*tuple[Any, ...]]:
    """Insert an entry of a profile, or nothing where its list has `MOST_ENTRIES` already.

    Requests at once may each find room for the last one: the bound keeps profiles readable, and nothing relies on it.

    Args:
        model: which list.
        candidate_id: whose.
        columns: the entry.
    """
    there = select(func.count()).where(model.candidate_id == candidate_id).scalar_subquery()
    given = {"candidate_id": candidate_id, **columns}
    values = [literal(value, getattr(model, name).type) for name, value in given.items()]
    row = select(*values).where(there < MOST_ENTRIES)
    return insert(model).from_select(list(given), row).returning(*_SHOWN[model])


def entry_to_change(model: type[Entry], candidate_id: int, key: int) -> Select[Entry]:
    """Return an entry of a candidate's own profile, locked until the transaction ends."""
    return select(model).where(model.id == key, model.candidate_id == candidate_id).with_for_update()


def remove_entry(model: EntryModel, candidate_id: int, key: int) -> ReturningDelete[int]:
    """Delete an entry of a candidate's own profile, and return its key if there was one."""
    return delete(model).where(model.id == key, model.candidate_id == candidate_id).returning(model.id)
