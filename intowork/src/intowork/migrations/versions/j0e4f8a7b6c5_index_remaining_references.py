"""Index the references and orders that the critical migration left out, since no hot query needs them.

Revision ID: j0e4f8a7b6c5
Revises: i9d3e7f6a5b4
Create Date: 2026-01-13

Deleting a job looks its notifications up, deleting a company its employers, deleting a candidate its CVs;
the clean-ups look expired tokens up; the administrator's list shows the newest jobs first.
"""

from __future__ import annotations

from intowork.migrations.lock_safe import Index, steps

revision = "j0e4f8a7b6c5"
down_revision = "i9d3e7f6a5b4"
branch_labels = None
depends_on = None

INDEXES = (
    Index("idx_notifications_related_job_id", "notifications", "related_job_id"),
    Index("idx_employers_company_id", "employers", "company_id"),
    Index("idx_candidate_cvs_candidate_id", "candidate_cvs", "candidate_id"),
    Index("idx_password_reset_tokens_expires", "password_reset_tokens", "expires_at"),
    Index("idx_verification_tokens_expires", "verification_tokens", "expires"),
    Index("idx_jobs_created_at", "jobs", "created_at, id"),
)


def upgrade() -> None:
    """Build them without blocking writes."""
    with steps() as do:
        for index in INDEXES:
            do.build_index(index)


def downgrade() -> None:
    """Drop them without blocking writes."""
    with steps() as do:
        for index in reversed(INDEXES):
            do.drop_index(index)
