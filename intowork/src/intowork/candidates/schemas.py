"""Bodies and answers of the endpoints about candidates and their profiles."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from intowork.candidates.rules import LEAST_LEVEL, MONTH_PATTERN, MOST_LEVEL, MOST_YEARS, month_fault
from intowork.kit.schemas import KEPT, Amount, Answer, Body, Line, LongText, WebAddress
from intowork.models import SkillCategory


def _month(text: str) -> str:
    if fault := month_fault(text):
        raise ValueError(fault)
    return text


Month = Annotated[
    str,
    AfterValidator(_month),
    Field(max_length=7, json_schema_extra={"pattern": MONTH_PATTERN}, examples=["2021-09"]),
]
"""A month, YYYY-MM."""
Level = Annotated[int, Field(ge=LEAST_LEVEL, le=MOST_LEVEL, description="1 has heard of it, 5 teaches it")]
Years = Annotated[int, Field(ge=0, le=MOST_YEARS)]


class ExperienceToCreate(Body):
    """A position that the candidate holds or held."""

    title: Line = Field(examples=["Data Engineer"])
    company: Line = Field(examples=["Acme"])
    location: Line | None = Field(None, examples=["Lyon"])
    start_date: Month
    end_date: Month | None = Field(None, description="not before start_date; null while is_current")
    is_current: bool = False
    description: LongText | None = None


class ExperienceToUpdate(Body):
    """What changes of a position; what is not named stays."""

    title: Line = KEPT
    company: Line = KEPT
    location: Line | None = None
    start_date: Month = KEPT
    end_date: Month | None = None
    is_current: bool = KEPT
    description: LongText | None = None


class ProfileExperience(Answer):
    """A position of a profile."""

    id: int
    title: str
    company: str
    location: str | None
    start_date: str
    end_date: str | None
    is_current: bool | None
    description: str | None


class EducationToCreate(Body):
    """A degree of the candidate."""

    degree: Line = Field(examples=["MSc Computer Science"])
    school: Line = Field(examples=["Université de Lyon"])
    location: Line | None = Field(None, examples=["Lyon"])
    start_date: Month
    end_date: Month = Field(description="not before start_date; in the future for a degree that is expected")
    description: LongText | None = None


class EducationToUpdate(Body):
    """What changes of a degree; what is not named stays."""

    degree: Line = KEPT
    school: Line = KEPT
    location: Line | None = None
    start_date: Month = KEPT
    end_date: Month = KEPT
    description: LongText | None = None


class ProfileEducation(Answer):
    """A degree of a profile."""

    id: int
    degree: str
    school: str
    location: str | None
    start_date: str
    end_date: str
    description: str | None


class SkillToCreate(Body):
    """A skill of the candidate; a name counts once whatever its case."""

    name: Line = Field(examples=["PostgreSQL"])
    level: Level = Field(examples=[4])
    category: SkillCategory


class SkillToUpdate(Body):
    """What changes of a skill; what is not named stays."""

    name: Line = KEPT
    level: Level = KEPT
    category: SkillCategory = KEPT


class ProfileSkill(Answer):
    """A skill of a profile."""

    id: int
    name: str
    level: int
    category: SkillCategory


class ProfileToUpdate(Body):
    """What changes of a profile; what is not named stays."""

    phone: Line | None = Field(None, examples=["+33 4 72 00 00 00"])
    location: Line | None = Field(None, examples=["Lyon"])
    linkedin_url: WebAddress | None = Field(None, examples=["https://www.linkedin.com/in/ada"])
    website_url: WebAddress | None = None
    profile_picture_url: WebAddress | None = None
    title: Line | None = Field(None, examples=["Data Engineer"])
    summary: LongText | None = None
    years_experience: Years | None = None
    salary_expectation_min: Amount | None = Field(None, examples=[42_000])
    salary_expectation_max: Amount | None = Field(None, examples=[55_000])


class Profile(Answer):
    """A candidate's profile with its lists: positions and degrees newest first, skills by level."""

    id: int
    first_name: str
    last_name: str
    email: str
    phone: str | None
    location: str | None
    linkedin_url: str | None
    website_url: str | None
    profile_picture_url: str | None
    title: str | None
    summary: str | None
    years_experience: int | None
    salary_expectation_min: int | None
    salary_expectation_max: int | None
    experiences: list[ProfileExperience]
    educations: list[ProfileEducation]
    skills: list[ProfileSkill]


class ProfileCompletion(Answer):
    """How complete a profile is."""

    percent: int = Field(ge=0, le=100, examples=[71])
    missing: list[str] = Field(examples=[["phone", "skills"]])


class MyProfile(Profile):
    """One's own profile."""

    completion: ProfileCompletion
