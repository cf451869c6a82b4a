"""Rows of applications and of the notifications that they and everything else cause."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from intowork.seed.applications import APPLIED, STATUS_LABELS
from intowork.seed.clock import NOW
from intowork.seed.jobs import PUBLISHED
from intowork.seed.postings import LETTERS, MESSAGES, NOTES, SYSTEM_NOTICES
from intowork.seed.rows_people import cv_counts
from intowork.seed.table import NULL, Table, columns
from intowork.seed.world import World

_PER_USER_CAP = 500
_UNREAD_SHARE = 0.3
_STATUS_TEXTS = (
    "Votre candidature a été reçue.",
    "Your application has been viewed.",
    "Vous êtes présélectionné.",
    "You are invited to an interview.",
    "Your application was not retained.",
    "Félicitations, votre candidature est acceptée.",
)


def job_applications(world: World) -> Table:
    """Applications in the order of their dates."""
    applications, stamp, share = world.applications, world.clock.stamp, world.random("letters").random
    cvs = cv_counts(world)

    def lines() -> Iterator[str]:
        job, candidate, status, applied = (
            applications.job,
            applications.candidate,
            applications.status,
            applications.applied,
        )
        reviewed_at = applications.reviewed
        for i in range(1, len(applications) + 1):
            made = stamp(applied[i])
            reviewed = reviewed_at(i)
            viewed = stamp(reviewed) if reviewed else NULL
            letter = share()
            text = LETTERS[int(letter / 0.3 * len(LETTERS))] if letter < 0.3 else NULL
            note = NOTES[int(letter * 999) % len(NOTES)] if reviewed and letter > 0.85 else NULL
            cv = f"/files/cvs/{candidate[i]}/1.pdf" if letter < 0.8 and cvs[candidate[i]] else NULL
            yield (
                f"{i}\t{job[i]}\t{candidate[i]}\t{STATUS_LABELS[status[i]]}\t{text}\t{NULL}\t{cv}\t{note}\t{made}"
                f"\t{viewed}\t{viewed if reviewed else made}\n"
            )

    return Table(
        "job_applications",
        columns(
            "id job_id candidate_id status cover_letter cover_letter_url cv_url notes applied_at viewed_at updated_at"
        ),
        len(applications),
        lines(),
    )


def _announced(world: World) -> tuple[bytes, int]:
    """Which applications the employer was told of, and how many: the newest 500 of each employer.

    A cap that does not grow with the scale, as if employers deleted what is older.
    """
    applications, employer = world.applications, world.jobs.employer
    told = array("i", bytes(4 * (world.scale.employers + 1)))
    announced = bytearray(len(applications) + 1)
    total = 0
    for i in range(len(applications), 0, -1):
        e = employer[applications.job[i]]
        if told[e] < _PER_USER_CAP:
            told[e] += 1
            announced[i] = 1
            total += 1
    return bytes(announced), total


def notifications(world: World) -> Table:
    """Notifications, about in the order of their dates; three in ten unread.

    Each application brings one to the employer, and one to the candidate when its status changes. New jobs,
    messages and notices of the system, spread evenly between them, make up the number that the scale asks for.
    """
    applications, people, board = world.applications, world.people, world.jobs
    stamp, share = world.clock.stamp, world.random("notifications").random
    announced, announcements = _announced(world)
    decided = len(applications) - applications.status[1:].count(APPLIED)
    others = world.scale.notifications - announcements - decided
    published = array("i", (j for j in range(1, world.scale.jobs + 1) if board.status[j] == PUBLISHED))

    def read(moment: int) -> str:
        if share() < _UNREAD_SHARE:
            return f"f\t{NULL}\t{stamp(moment)}"
        return f"t\t{stamp(moment + int((NOW - moment) * 0.05 * share()))}\t{stamp(moment)}"

    def other(moment: int) -> str:
        kind = share()
        if kind < 0.6:
            user = people.candidate_user[1 + int(share() * world.scale.candidates)]
            job = published[int(share() * len(published))]
            return f"{user}\tnew_job\tNew job for you\tA job that matches your profile was published.\t{job}\t{NULL}"
        user = 1 + int(share() * world.scale.users)
        if kind < 0.8:
            return f"{user}\tmessage\tNew message\t{MESSAGES[int(share() * len(MESSAGES))]}\t{NULL}\t{NULL}"
        notice = SYSTEM_NOTICES[int(share() * len(SYSTEM_NOTICES))]
        return f"{user}\tsystem\tIntoWork\t{notice}\t{NULL}\t{NULL}"

    def lines() -> Iterator[str]:
        notification = written = 0
        for i in range(1, len(applications) + 1):
            job = applications.job[i]
            moment = applications.applied[i]
            if announced[i]:
                notification += 1
                user = people.employer_user[board.employer[job]]
                yield (
                    f"{notification}\t{user}\tnew_application\tNouvelle candidature"
                    f"\tA candidate applied to one of your jobs.\t{job}\t{i}\t{read(moment)}\n"
                )
            status = applications.status[i]
            if status:
                notification += 1
                user = people.candidate_user[applications.candidate[i]]
                yield (
                    f"{notification}\t{user}\tstatus_change\tApplication: {STATUS_LABELS[status]}"
                    f"\t{_STATUS_TEXTS[status]}\t{job}\t{i}\t{read(applications.reviewed(i))}\n"
                )
            while written < others * i // len(applications):
                written += 1
                notification += 1
                yield f"{notification}\t{other(moment)}\t{read(moment)}\n"

    return Table(
        "notifications",
        columns("id user_id type title message related_job_id related_application_id is_read read_at created_at"),
        world.scale.notifications,
        lines(),
    )
