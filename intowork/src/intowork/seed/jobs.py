"""Which employer published which job, when, and what became of it."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass
from itertools import repeat

from intowork.seed.clock import DAY, HOUR, NOW
from intowork.seed.people import People
from intowork.seed.scales import Scale
from intowork.seed.sizes import BoundedZipf, adjust_to_total, harmonic_shares

JOBS_SINCE = NOW - 730 * DAY
"""When the first job was written."""

ARCHIVED, CLOSED, DRAFT, PUBLISHED = range(4)
STATUS_LABELS = ("archived", "closed", "draft", "published")
_ARCHIVED_SHARE = 0.05
_CLOSED_SHARE = 0.15
_DRAFT_SHARE = 0.10
_EXPIRED_SHARE = 0.10
_OPEN_ENDED_SHARE = 0.30

_JOBS_PER_COMPANY_CAP = 2000
_JOBS_PER_EMPLOYER_CAP = 200


@dataclass(frozen=True)
class Jobs:
    """Jobs in the order of their creation; a column is indexed by identifier and its entry 0 is unused.

    Attributes:
        employer: The employer of each job.
        created: When it was written.
        status: An index into STATUS_LABELS.
        posted: When it was published, 0 for a draft.
        expires: When it expires, 0 for never.
        closes: When it stops to take applications, at the latest now.
    """

    employer: array[int]
    created: array[int]
    status: bytes
    posted: array[int]
    expires: array[int]
    closes: array[int]


def draw_jobs(scale: Scale, people: People, rng: random.Random) -> Jobs:
    """Gives companies jobs by a skewed law, spreads them over their employers and over two years."""
    # Employer and moment travel in one integer: a million pairs would take several times the memory.
    base = len(people.employer_user)
    written = []
    for employer, count in enumerate(_jobs_per_employer(scale, people, rng)):
        since = min(max(JOBS_SINCE, people.joined(people.employer_user[employer]) + HOUR), NOW - 3 * HOUR)
        span = NOW - 2 * HOUR - since
        for _ in repeat(None, count):
            written.append((since + int(span * rng.random())) * base + employer)
    written.sort()

    employers, created = array("i", [0]), array("q", [0])
    for entry in written:
        moment, employer = divmod(entry, base)
        employers.append(employer)
        created.append(moment)
    status = _statuses(scale.jobs, rng)
    posted, expires, closes = array("q", [0]), array("q", [0]), array("q", [0])
    for job in range(1, scale.jobs + 1):
        dates = _dates(status[job], created[job], rng)
        posted.append(dates[0])
        expires.append(dates[1])
        closes.append(dates[2])
    return Jobs(employers, created, status, posted, expires, closes)


def _jobs_per_employer(scale: Scale, people: People, rng: random.Random) -> list[int]:
    """Counts by employer; the companies with the most employers have the most jobs."""
    companies = people.companies_by_size
    room = [_JOBS_PER_EMPLOYER_CAP * len(people.company_employers[company]) for company in companies]
    cap = min(_JOBS_PER_COMPANY_CAP, scale.jobs // 4)
    law = BoundedZipf(mean=scale.jobs / scale.companies, cap=cap, least=1)
    most = [min(cap, r) for r in room]
    sizes = [min(size, limit) for size, limit in zip(law.sizes(len(companies)), most, strict=True)]
    adjust_to_total(sizes, scale.jobs, least=[1] * len(sizes), most=most, rng=rng)
    counts = [0] * len(people.employer_user)
    for company, size in zip(companies, sizes, strict=True):
        employers = people.company_employers[company]
        shares = harmonic_shares(size, len(employers), cap=_JOBS_PER_EMPLOYER_CAP)
        for employer, share in zip(employers, shares, strict=True):
            counts[employer] = share
    return counts


def _statuses(jobs: int, rng: random.Random) -> bytes:
    """The status of each job in exact shares: the archived and the closed ones are mostly old."""
    status = bytearray([PUBLISHED]) * (jobs + 1)
    by_age = sorted(range(1, jobs + 1), key=[0.0, *(i / jobs + rng.random() for i in range(jobs))].__getitem__)
    archived = round(jobs * _ARCHIVED_SHARE)
    ended = archived + round(jobs * _CLOSED_SHARE)
    for job in by_age[:archived]:
        status[job] = ARCHIVED
    for job in by_age[archived:ended]:
        status[job] = CLOSED
    for job in rng.sample(by_age[ended:], round(jobs * _DRAFT_SHARE)):
        status[job] = DRAFT
    return bytes(status)


def _dates(status: int, created: int, rng: random.Random) -> tuple[int, int, int]:
    """When a job was posted, expires and stops to take applications."""
    if status == DRAFT:
        return 0, 0, 0
    posted = created + int((min(NOW - HOUR, created + 2 * DAY) - created) * rng.random())
    age = NOW - HOUR - posted
    share = rng.random()
    if status != PUBLISHED:
        ended = posted + int(min(age, 120 * DAY) * (0.2 + 0.8 * rng.random()))
        return posted, ended if share < 1 - _OPEN_ENDED_SHARE else 0, ended
    # Who is expired was posted long enough ago; their share among those makes up for the young.
    if share < _EXPIRED_SHARE * 1.1 and age > 31 * DAY:
        expired = posted + 30 * DAY + int(min(age - 30 * DAY, 60 * DAY) * rng.random())
        return posted, expired, expired
    expires = 0 if share > 1 - _OPEN_ENDED_SHARE else NOW + int((1 + 89 * rng.random()) * DAY)
    return posted, expires, min(NOW - HOUR, posted + 90 * DAY)
