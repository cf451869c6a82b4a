"""Candidates and their profile: CVs, experiences, educations and skills."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from intowork.models.base import Base, CreatedAt, LongText, PrimaryKey, Timestamp, UpdatedAt, Varchar, labels
from intowork.models.enums import SkillCategory

if TYPE_CHECKING:
    from intowork.models.users import User


class Candidate(Base):
    """A user who looks for work."""

    __tablename__ = "candidates"

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    phone: Mapped[Varchar | None]
    location: Mapped[Varchar | None]
    linkedin_url: Mapped[Varchar | None]
    website_url: Mapped[Varchar | None]
    profile_picture_url: Mapped[Varchar | None]
    title: Mapped[Varchar | None]
    summary: Mapped[LongText | None]
    years_experience: Mapped[int | None]
    salary_expectation_min: Mapped[int | None]
    salary_expectation_max: Mapped[int | None]
    cv_url: Mapped[Varchar | None]
    cv_filename: Mapped[Varchar | None]
    cv_uploaded_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = relationship(back_populates="candidate")
    cvs: Mapped[list[CandidateCV]] = relationship(back_populates="candidate", cascade="all, delete-orphan")
    experiences: Mapped[list[Experience]] = relationship(back_populates="candidate", cascade="all, delete-orphan")
    educations: Mapped[list[Education]] = relationship(back_populates="candidate", cascade="all, delete-orphan")
    skills: Mapped[list[Skill]] = relationship(back_populates="candidate", cascade="all, delete-orphan")


class CandidateCV(Base):
    """A CV file that a candidate uploaded."""

    __tablename__ = "candidate_cvs"
    __table_args__ = (Index("idx_candidate_cvs_candidate_id", "candidate_id"),)

    id: Mapped[PrimaryKey]
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    filename: Mapped[Varchar]
    file_path: Mapped[Varchar]
    file_size: Mapped[int | None]
    is_active: Mapped[bool | None] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    candidate: Mapped[Candidate] = relationship(back_populates="cvs")


class Experience(Base):
    """A position that a candidate holds or held; dates are "YYYY-MM"."""

    __tablename__ = "experiences"
    __table_args__ = (Index("idx_experiences_candidate_id_current", "candidate_id", "is_current"),)

    id: Mapped[PrimaryKey]
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    title: Mapped[Varchar]
    company: Mapped[Varchar]
    location: Mapped[Varchar | None]
    start_date: Mapped[Varchar]
    end_date: Mapped[Varchar | None]
    is_current: Mapped[bool | None] = mapped_column(default=False)
    description: Mapped[LongText | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    candidate: Mapped[Candidate] = relationship(back_populates="experiences")


class Education(Base):
    """A degree of a candidate; dates are "YYYY-MM"."""

    __tablename__ = "educations"
    __table_args__ = (Index("idx_educations_candidate_id", "candidate_id"),)

    id: Mapped[PrimaryKey]
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    degree: Mapped[Varchar]
    school: Mapped[Varchar]
    location: Mapped[Varchar | None]
    start_date: Mapped[Varchar]
    end_date: Mapped[Varchar]
    description: Mapped[LongText | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    candidate: Mapped[Candidate] = relationship(back_populates="educations")


class Skill(Base):
    """A skill of a candidate with a level from 1 to 5; a name counts once whatever its case."""

    __tablename__ = "skills"
    __table_args__ = (Index("unique_candidate_skill", "candidate_id", text("lower(name)"), unique=True),)

    id: Mapped[PrimaryKey]
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"))
    name: Mapped[Varchar]
    level: Mapped[int]
    category: Mapped[SkillCategory] = mapped_column(labels(SkillCategory, "skillcategory"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    candidate: Mapped[Candidate] = relationship(back_populates="skills")
