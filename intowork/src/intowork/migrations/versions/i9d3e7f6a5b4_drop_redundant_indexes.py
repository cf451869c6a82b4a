"""Drop the indexes that another one serves, or that no statement can use.

Revision ID: i9d3e7f6a5b4
Revises: h8c2d6e5f4g3
Create Date: 2026-01-12

The fifteen ix_<table>_id repeat primary keys. ix_notifications_user_id is the prefix of
idx_notifications_user_id_created_at, ix_notifications_is_read has two values and is replaced by the partial
idx_notifications_user_is_read, and ix_jobs_title cannot serve a search for a word inside a title.
"""

from __future__ import annotations

from intowork.migrations.lock_safe import Index, steps

revision = "i9d3e7f6a5b4"
down_revision = "h8c2d6e5f4g3"
branch_labels = None
depends_on = None

TABLES = (
    "accounts", "candidate_cvs", "candidates", "companies", "educations", "employers", "experiences",
    "job_applications", "jobs", "notifications", "password_reset_tokens", "sessions", "skills", "users",
    "verification_tokens",
)  # fmt: skip

REDUNDANT = (
    *(Index(f"ix_{table}_id", table, "id") for table in TABLES),
    Index("ix_notifications_user_id", "notifications", "user_id"),
    Index("ix_notifications_is_read", "notifications", "is_read"),
    Index("ix_jobs_title", "jobs", "title"),
)


def upgrade() -> None:
    """Drop them without blocking writes."""
    with steps() as do:
        for index in REDUNDANT:
            do.drop_index(index)


def downgrade() -> None:
    """Build them again without blocking writes."""
    with steps() as do:
        for index in reversed(REDUNDANT):
            do.build_index(index)
