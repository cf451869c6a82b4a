"""The models of the analysed platform, whose tables are those of revision g7b1c5d4e3f2.

Kept in the style they had: `index=True` beside every primary key, single-column indexes alone, foreign keys without
action and without index, cascades that exist only in the ORM.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, DateTime, Enum, ForeignKey, Integer, String, Text, func
from sqlalchemy.orm import DeclarativeBase, relationship

_OWNED = "all, delete-orphan"


class Base(DeclarativeBase):
    """The registry of the analysed platform's tables."""


class User(Base):
    """A person who can sign in."""

    __tablename__ = "users"

    id = Column(Integer, primary_key=True, index=True)
    email = Column(String, unique=True, index=True, nullable=False)
    email_verified = Column(DateTime(timezone=True))
    password_hash = Column(String)
    name = Column(String)
    image = Column(String)
    clerk_id = Column(String, unique=True, index=True)
    role: Column[str] = Column(Enum("candidate", "employer", "admin", name="userrole"), nullable=False)
    first_name = Column(String, nullable=False)
    last_name = Column(String, nullable=False)
    is_active = Column(Boolean, default=True)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    candidate = relationship("Candidate", back_populates="user", uselist=False, cascade=_OWNED)
    employer = relationship("Employer", back_populates="user", uselist=False, cascade=_OWNED)
    accounts = relationship("Account", back_populates="user", cascade=_OWNED)
    sessions = relationship("Session", back_populates="user", cascade=_OWNED)


class Candidate(Base):
    """A user who looks for work."""

    __tablename__ = "candidates"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), unique=True, nullable=False)
    phone = Column(String)
    location = Column(String)
    linkedin_url = Column(String)
    website_url = Column(String)
    profile_picture_url = Column(String)
    title = Column(String)
    summary = Column(Text)
    years_experience = Column(Integer)
    salary_expectation_min = Column(Integer)
    salary_expectation_max = Column(Integer)
    cv_url = Column(String)
    cv_filename = Column(String)
    cv_uploaded_at = Column(DateTime(timezone=True))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    user = relationship("User", back_populates="candidate")
    experiences = relationship("Experience", back_populates="candidate", cascade=_OWNED)
    educations = relationship("Education", back_populates="candidate", cascade=_OWNED)
    skills = relationship("Skill", back_populates="candidate", cascade=_OWNED)
    cvs = relationship("CandidateCV", back_populates="candidate", cascade=_OWNED)


class CandidateCV(Base):
    """A CV file."""

    __tablename__ = "candidate_cvs"

    id = Column(Integer, primary_key=True, index=True)
    candidate_id = Column(Integer, ForeignKey("candidates.id"), nullable=False)
    filename = Column(String, nullable=False)
    file_path = Column(String, nullable=False)
    file_size = Column(Integer)
    is_active = Column(Boolean, default=True)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    candidate = relationship("Candidate", back_populates="cvs")


class Experience(Base):
    """A position that a candidate holds or held."""

    __tablename__ = "experiences"

    id = Column(Integer, primary_key=True, index=True)
    candidate_id = Column(Integer, ForeignKey("candidates.id"), nullable=False)
    title = Column(String, nullable=False)
    company = Column(String, nullable=False)
    location = Column(String)
    start_date = Column(String, nullable=False)
    end_date = Column(String)
    is_current = Column(Boolean, default=False)
    description = Column(Text)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    candidate = relationship("Candidate", back_populates="experiences")


class Education(Base):
    """A degree."""

    __tablename__ = "educations"

    id = Column(Integer, primary_key=True, index=True)
    candidate_id = Column(Integer, ForeignKey("candidates.id"), nullable=False)
    degree = Column(String, nullable=False)
    school = Column(String, nullable=False)
    location = Column(String)
    start_date = Column(String, nullable=False)
    end_date = Column(String, nullable=False)
    description = Column(Text)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    candidate = relationship("Candidate", back_populates="educations")


class Skill(Base):
    """A skill of a candidate."""

    __tablename__ = "skills"

    id = Column(Integer, primary_key=True, index=True)
    candidate_id = Column(Integer, ForeignKey("candidates.id"), nullable=False)
    name = Column(String, nullable=False)
    level = Column(Integer, nullable=False)
    category: Column[str] = Column(Enum("technical", "soft", "language", name="skillcategory"), nullable=False)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    candidate = relationship("Candidate", back_populates="skills")


class Company(Base):
    """A company that offers jobs."""

    __tablename__ = "companies"

    id = Column(Integer, primary_key=True, index=True)
    name = Column(String, nullable=False)
    description = Column(Text)
    industry = Column(String)
    size = Column(String)
    website_url = Column(String)
    linkedin_url = Column(String)
    address = Column(String)
    city = Column(String)
    country = Column(String)
    logo_url = Column(String)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    employers = relationship("Employer", back_populates="company")
    jobs = relationship("Job", back_populates="company")


class Employer(Base):
    """A user who recruits."""

    __tablename__ = "employers"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), unique=True, nullable=False)
    company_id = Column(Integer, ForeignKey("companies.id"))
    position = Column(String)
    department = Column(String)
    phone = Column(String)
    can_create_jobs = Column(Boolean, default=True)
    can_manage_candidates = Column(Boolean, default=True)
    is_admin = Column(Boolean, default=False)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    user = relationship("User", back_populates="employer")
    company = relationship("Company", back_populates="employers")
    jobs = relationship("Job", back_populates="employer")


class Job(Base):
    """A job."""

    __tablename__ = "jobs"

    id = Column(Integer, primary_key=True, index=True)
    employer_id = Column(Integer, ForeignKey("employers.id"), nullable=False)
    company_id = Column(Integer, ForeignKey("companies.id"), nullable=False)
    title = Column(String, nullable=False, index=True)
    description = Column(Text, nullable=False)
    requirements = Column(Text)
    responsibilities = Column(Text)
    benefits = Column(Text)
    job_type: Column[str] = Column(
        Enum("full_time", "part_time", "contract", "temporary", "internship", name="jobtype"),
        nullable=False,
        default="full_time",
    )
    location_type: Column[str] = Column(
        Enum("on_site", "remote", "hybrid", name="joblocation"), nullable=False, default="on_site"
    )
    location = Column(String)
    salary_min = Column(Integer)
    salary_max = Column(Integer)
    currency = Column(String, default="EUR")
    status: Column[str] = Column(
        Enum("draft", "published", "closed", "archived", name="jobstatus"), nullable=False, default="draft"
    )
    is_featured = Column(Boolean, default=False)
    views_count = Column(Integer, default=0)
    applications_count = Column(Integer, default=0)
    posted_at = Column(DateTime(timezone=True))
    expires_at = Column(DateTime(timezone=True))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    employer = relationship("Employer", back_populates="jobs")
    company = relationship("Company", back_populates="jobs")
    applications = relationship("JobApplication", back_populates="job")


class JobApplication(Base):
    """An application; nothing stops a second one for the same job."""

    __tablename__ = "job_applications"

    id = Column(Integer, primary_key=True, index=True)
    job_id = Column(Integer, ForeignKey("jobs.id"), nullable=False)
    candidate_id = Column(Integer, ForeignKey("candidates.id"), nullable=False)
    status: Column[str] = Column(
        Enum("applied", "viewed", "shortlisted", "interview", "rejected", "accepted", name="applicationstatus"),
        nullable=False,
        default="applied",
    )
    cover_letter = Column(Text)
    cover_letter_url = Column(String)
    cv_url = Column(String)
    notes = Column(Text)
    applied_at = Column(DateTime(timezone=True), server_default=func.now())
    viewed_at = Column(DateTime(timezone=True))
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    job = relationship("Job", back_populates="applications")
    candidate = relationship("Candidate")


class Notification(Base):
    """A message to a user."""

    __tablename__ = "notifications"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), nullable=False, index=True)
    type: Column[str] = Column(
        Enum("new_application", "status_change", "new_job", "message", "system", name="notificationtype"),
        nullable=False,
    )
    title = Column(String, nullable=False)
    message = Column(Text, nullable=False)
    related_job_id = Column(Integer, ForeignKey("jobs.id"))
    related_application_id = Column(Integer, ForeignKey("job_applications.id"))
    is_read = Column(Boolean, default=False, index=True)
    read_at = Column(DateTime(timezone=True))
    created_at = Column(DateTime(timezone=True), server_default=func.now(), index=True)


class Account(Base):
    """A link to a provider; nothing stops a second one."""

    __tablename__ = "accounts"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), nullable=False, index=True)
    type = Column(String, nullable=False)
    provider = Column(String, nullable=False)
    provider_account_id = Column(String, nullable=False)
    refresh_token = Column(Text)
    access_token = Column(Text)
    id_token = Column(Text)
    expires_at = Column(Integer)
    token_type = Column(String)
    scope = Column(String)
    session_state = Column(String)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    user = relationship("User", back_populates="accounts")


class Session(Base):
    """A signed-in browser."""

    __tablename__ = "sessions"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), nullable=False, index=True)
    session_token = Column(String, unique=True, nullable=False, index=True)
    expires = Column(DateTime(timezone=True), nullable=False)
    created_at = Column(DateTime(timezone=True), server_default=func.now())
    updated_at = Column(DateTime(timezone=True), server_default=func.now(), onupdate=func.now())

    user = relationship("User", back_populates="sessions")


class VerificationToken(Base):
    """A token sent to an e-mail address."""

    __tablename__ = "verification_tokens"

    id = Column(Integer, primary_key=True, index=True)
    identifier = Column(String, nullable=False)
    token = Column(String, unique=True, nullable=False, index=True)
    expires = Column(DateTime(timezone=True), nullable=False)
    created_at = Column(DateTime(timezone=True), server_default=func.now())


class PasswordResetToken(Base):
    """A token that lets its holder set a new password."""

    __tablename__ = "password_reset_tokens"

    id = Column(Integer, primary_key=True, index=True)
    user_id = Column(Integer, ForeignKey("users.id"), nullable=False, index=True)
    token = Column(String, unique=True, nullable=False, index=True)
    expires_at = Column(DateTime(timezone=True), nullable=False)
    used_at = Column(DateTime(timezone=True))
    created_at = Column(DateTime(timezone=True), server_default=func.now())
