"""Critical indexes and constraints: 3 uniqueness rules and 15 indexes, added beside traffic.

Revision ID: h8c2d6e5f4g3
Revises: g7b1c5d4e3f2
Create Date: 2025-12-31

Additions only. What breaks a uniqueness rule is moved to the schema quarantine and brought back by the
downgrade. Every step can be killed and the migration run again.

Each index and the statement that becomes worse when it alone is gone (`make bench` shows by how much):

- idx_jobs_published_posted_at: the job list, newest first, and its next pages
- idx_jobs_status_job_type: the job list by contract, and its number
- idx_jobs_published_location: the job list by place, and its number
- idx_jobs_published_salary_min: the job list by a salary that few jobs reach, and its number
- idx_jobs_company_id_status: the job list of a company; the foreign key to companies
- idx_jobs_employer_id_status: an employer's jobs; the foreign key to employers
- idx_job_applications_job_id_status: an employer's dashboard and applications; the foreign key to jobs
- idx_job_applications_candidate_id_applied_at: a candidate's applications, newest first
- idx_notifications_user_id_created_at: a user's notifications, newest first
- idx_notifications_user_is_read: the number of unread notifications
- idx_notifications_related_application_id: the foreign-key check of an application that is deleted or moved
- idx_sessions_expires: the cleanup of expired sessions
- idx_experiences_candidate_id_current, idx_educations_candidate_id: a candidate's profile and dashboard
- idx_users_created_at: the administrator's newest users
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import text

from intowork.migrations.lock_safe import Index, Note, Steps, steps
from intowork.migrations.quarantine import Quarantine

revision = "h8c2d6e5f4g3"
down_revision = "g7b1c5d4e3f2"
branch_labels = None
depends_on = None

PUBLISHED = "(status = 'published'::jobstatus)"

INDEXES = (
    # What the filters and the expiry look at is included, so that a page or a count reads the index alone.
    Index(
        "idx_jobs_published_posted_at",
        "jobs",
        "posted_at DESC, id DESC",
        PUBLISHED,
        include="expires_at, salary_min, location_type, job_type",
    ),
    Index(
        "idx_jobs_status_job_type",
        "jobs",
        "job_type, posted_at DESC, id DESC",
        PUBLISHED,
        include="expires_at, salary_min, location_type",
    ),
    Index(
        "idx_jobs_published_location",
        "jobs",
        "lower((location)::text), posted_at DESC, id DESC",
        PUBLISHED,
        include="expires_at, salary_min, location_type, job_type, location",
    ),
    Index(
        "idx_jobs_published_salary_min",
        "jobs",
        "salary_min",
        PUBLISHED,
        include="expires_at, location_type, job_type, posted_at, id",
    ),
    Index("idx_jobs_company_id_status", "jobs", "company_id, status, posted_at DESC, id DESC"),
    Index("idx_jobs_employer_id_status", "jobs", "employer_id, status", include="id"),
    Index("idx_job_applications_job_id_status", "job_applications", "job_id, status, applied_at DESC, id DESC"),
    Index(
        "idx_job_applications_candidate_id_applied_at",
        "job_applications",
        "candidate_id, applied_at DESC, id DESC",
    ),
    Index("idx_notifications_user_id_created_at", "notifications", "user_id, created_at DESC, id DESC"),
    Index("idx_notifications_user_is_read", "notifications", "user_id", "(is_read IS NOT TRUE)"),
    # Before the duplicates are moved: each row that leaves job_applications is looked up here by its key.
    Index("idx_notifications_related_application_id", "notifications", "related_application_id"),
    Index("idx_sessions_expires", "sessions", "expires"),
    Index("idx_experiences_candidate_id_current", "experiences", "candidate_id, is_current"),
    Index("idx_educations_candidate_id", "educations", "candidate_id"),
    Index("idx_users_created_at", "users", "created_at, id"),
)

UNIQUE_APPLICATION = Index("unique_candidate_job_application", "job_applications", "candidate_id, job_id", unique=True)
UNIQUE_ACCOUNT = Index("unique_user_provider_account", "accounts", "provider, provider_account_id", unique=True)
UNIQUE_SKILL = Index("unique_candidate_skill", "skills", "candidate_id, lower((name)::text)", unique=True)

APPLICATIONS = Quarantine(
    table="job_applications",
    columns=(
        "id", "job_id", "candidate_id", "status", "cover_letter", "cover_letter_url", "cv_url", "notes",
        "applied_at", "viewed_at", "updated_at",
    ),
    key="candidate_id, job_id",
    # The labels of applicationstatus are declared in the order of the process.
    best_first="status DESC, applied_at NULLS LAST, id",
    reason="'second application of one candidate to one job'",
    reference=("notifications", "related_application_id"),
)  # fmt: skip
SHARED = "one provider account linked to two users"
ACCOUNTS = Quarantine(
    table="accounts",
    columns=(
        "id", "user_id", "type", "provider", "provider_account_id", "refresh_token", "access_token", "id_token",
        "expires_at", "token_type", "scope", "session_state", "created_at", "updated_at",
    ),
    key="provider, provider_account_id",
    best_first="created_at NULLS LAST, id",
    reason=f"CASE WHEN r.user_id = kept.user_id THEN 'linked twice by one user' ELSE '{SHARED}' END",
)  # fmt: skip
SKILLS = Quarantine(
    table="skills",
    columns=("id", "candidate_id", "name", "level", "category", "created_at", "updated_at"),
    key="candidate_id, lower(name)",
    best_first="level DESC, id",
    reason="'one skill twice'",
)
UNIQUE_RULES = ((APPLICATIONS, UNIQUE_APPLICATION), (ACCOUNTS, UNIQUE_ACCOUNT), (SKILLS, UNIQUE_SKILL))


def upgrade() -> None:
    """Build the indexes, set duplicates aside, and make the three rules hold."""
    with steps() as do:
        for index in INDEXES:
            do.build_index(index)
        for quarantine, unique in UNIQUE_RULES:
            quarantine.create(do)
            do.build_index(unique, before_build=partial(quarantine.set_aside, do))
        do.add_unique_constraint(UNIQUE_APPLICATION)
        do.add_unique_constraint(UNIQUE_ACCOUNT)
        tell_shared_accounts(do)


def downgrade() -> None:
    """Drop the rules, bring the duplicates back, and drop the indexes."""
    with steps() as do:
        do.drop_constraint(UNIQUE_ACCOUNT)
        do.drop_constraint(UNIQUE_APPLICATION)
        for quarantine, unique in reversed(UNIQUE_RULES):
            do.drop_index(unique)
            quarantine.bring_back(do)
        for index in reversed(INDEXES):
            do.drop_index(index)


def tell_shared_accounts(do: Steps) -> None:
    """List the provider accounts that two users hold: who of them is right is for a person to say."""
    shared = do.connection.execute(
        text(
            "SELECT q.id, q.user_id, q.provider, a.user_id AS kept_user_id FROM quarantine.accounts q "
            "JOIN public.accounts a ON a.id = q.kept_id WHERE q.reason = :reason ORDER BY q.id"
        ),
        {"reason": SHARED},
    ).all()
    for row in shared:
        do.watch(
            Note(
                f"one {row.provider} account was linked to users {row.kept_user_id} and {row.user_id}; the link of "
                f"user {row.user_id} is in quarantine.accounts (id {row.id}): decide whose it is"
            )
        )
