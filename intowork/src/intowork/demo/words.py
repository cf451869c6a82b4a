"""Why what `pgproof fix` proposes for phase 2 and what the platform migrated differ, object by object, in words.

Where both made the same thing no word is needed. Words hold for the counterpart that they name; where `pgproof fix`
proposes another one, only what can be computed is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "better", "other", "missing", "more"]
VERDICTS: dict[Verdict, str] = {
    "same": "both made it",
    "better": "fix alone proposes it, and the proof says that it helps or that integrity needs it",
    "other": "both made something for it, and it differs",
    "missing": "fix proposes nothing for it",
    "more": "fix alone proposes it, and the proof does not say what for",
}


@dataclass(frozen=True)
class Words:
    """What a person says of an object of the platform's revisions.

    Attributes:
        beside: what `pgproof fix` proposes in its place, by its keys; empty for nothing.
        why: in a sentence.
    """

    beside: str
    why: str


_PARTIAL = (
    "ours holds published jobs alone, and a page or a count finds everything in the index; fix's serves every status, "
    "and reads the table for what the analysed statement selects"
)
_UNSEEN = "was in no workload that pgproof saw, and no foreign key asks for it"

ABOUT: dict[str, Words] = {
    "idx_jobs_published_posted_at": Words("status, posted_at", _PARTIAL),
    "idx_jobs_status_job_type": Words("job_type, status, posted_at", _PARTIAL),
    "idx_jobs_published_location": Words(
        "",
        "the analysed statement searches places by ILIKE '%...%', which only an extension's index serves: fix leaves "
        "that to people (IDX13); ours serves the platform's own statement, which compares whole places",
    ),
    "idx_jobs_published_salary_min": Words(
        "",
        "fix's (job_type, status, location_type, salary_min) serves requests that name a contract and a kind of place "
        "as well; ours serves a salary alone",
    ),
    "idx_jobs_company_id_status": Words(
        "company_id",
        "fix saw the foreign key alone: no statement of the analysed platform lists the jobs of a company",
    ),
    "idx_jobs_employer_id_status": Words(
        "employer_id, status, posted_at",
        "fix's gives an employer's jobs of a status in the order of the page; ours finds them, and counts them without "
        "the table",
    ),
    "idx_job_applications_job_id_status": Words(
        "",
        "fix's unique rule begins with job_id and serves the foreign key; a job's applications of a status in the "
        "order of the page are still sorted",
    ),
    "idx_job_applications_candidate_id_applied_at": Words(
        "candidate_id, applied_at",
        "the analysed statement is served by either; ours ends with id, which pages by key need",
    ),
    "idx_notifications_user_id_created_at": Words(
        "",
        "ix_notifications_user_id finds a user's rows, so that no statement reads the whole table and no rule speaks; "
        "ours saves the sort as well",
    ),
    "idx_notifications_user_is_read": Words(
        "",
        "ix_notifications_user_id finds a user's rows, so that no rule speaks; ours counts the unread ones in "
        "the index",
    ),
    "idx_sessions_expires": Words("", f"the clean-up that needs it {_UNSEEN}"),
    "idx_password_reset_tokens_expires": Words("", f"the clean-up that needs it {_UNSEEN}"),
    "idx_verification_tokens_expires": Words("", f"the clean-up that needs it {_UNSEEN}"),
    "idx_experiences_candidate_id_current": Words(
        "candidate_id",
        "fix saw the foreign key alone; ours goes on with what the platform's profile asks for",
    ),
    "idx_users_created_at": Words("", f"the administrator's list of users {_UNSEEN}"),
    "idx_jobs_created_at": Words("", f"the administrator's list of jobs {_UNSEEN}"),
    "unique_candidate_job_application": Words(
        "job_id, candidate_id",
        "the same rule; fix's begins with job_id, so that the foreign key to jobs needs no index of its own, and ours "
        "with candidate_id",
    ),
    "ix_notifications_user_id": Words(
        "", "it can go only where another index begins with user_id, and fix proposes none"
    ),
    "ix_notifications_is_read": Words(
        "", "a finding (IDX09) that fix leaves to people: what takes its place is theirs to say"
    ),
    "ix_jobs_title": Words(
        "", "that nothing reads an index is said only after a month of counters, and these are minutes old"
    ),
}

MORE: dict[str, str] = {
    "IDX01": "a foreign key that no index supports",
    "IDX12": "statements of the analysed platform read a whole table without it",
    "INT14": "no row has it empty; h8c2 adds only what the analysis named",
    "INT15": "a boolean that may be NULL as well, and no row is",
    "INT16": "what the columns mean refuses other values, and no row has any",
    "INT23": "the default stands in the models alone: SQL by hand leaves the column empty",
}
"""Why `pgproof fix` proposes what the platform has not, by the rule that found it."""
