"""The tables of the platform as they are at the head of the migrations."""

from intowork.models.applications import JobApplication
from intowork.models.base import Base
from intowork.models.candidates import Candidate, CandidateCV, Education, Experience, Skill
from intowork.models.companies import Company, Employer
from intowork.models.enums import (
    ApplicationStatus,
    JobLocation,
    JobStatus,
    JobType,
    NotificationType,
    SkillCategory,
    UserRole,
)
from intowork.models.jobs import Job
from intowork.models.notifications import Notification
from intowork.models.users import Account, PasswordResetToken, Session, User, VerificationToken

__all__ = [
    "Account",
    "ApplicationStatus",
    "Base",
    "Candidate",
    "CandidateCV",
    "Company",
    "Education",
    "Employer",
    "Experience",
    "Job",
    "JobApplication",
    "JobLocation",
    "JobStatus",
    "JobType",
    "Notification",
    "NotificationType",
    "PasswordResetToken",
    "Session",
    "Skill",
    "SkillCategory",
    "User",
    "UserRole",
    "VerificationToken",
]
