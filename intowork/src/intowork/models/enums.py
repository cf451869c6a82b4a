"""The vocabularies stored as PostgreSQL enum types; labels are lower case everywhere."""

from __future__ import annotations

import enum


class UserRole(enum.StrEnum):
    """What a user may be."""

    CANDIDATE = "candidate"
    EMPLOYER = "employer"
    ADMIN = "admin"


class SkillCategory(enum.StrEnum):
    """The kind of a skill."""

    TECHNICAL = "technical"
    SOFT = "soft"
    LANGUAGE = "language"


class JobType(enum.StrEnum):
    """The contract of a job."""

    FULL_TIME = "full_time"
    PART_TIME = "part_time"
    CONTRACT = "contract"
    TEMPORARY = "temporary"
    INTERNSHIP = "internship"


class JobLocation(enum.StrEnum):
    """Where a job is done."""

    ON_SITE = "on_site"
    REMOTE = "remote"
    HYBRID = "hybrid"


class JobStatus(enum.StrEnum):
    """The life of a job."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CLOSED = "closed"
    ARCHIVED = "archived"


class NotificationType(enum.StrEnum):
    """The occasion of a notification."""

    NEW_APPLICATION = "new_application"
    STATUS_CHANGE = "status_change"
    NEW_JOB = "new_job"
    MESSAGE = "message"
    SYSTEM = "system"


class ApplicationStatus(enum.StrEnum):
    """The life of an application."""

    APPLIED = "applied"
    VIEWED = "viewed"
    SHORTLISTED = "shortlisted"
    INTERVIEW = "interview"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
