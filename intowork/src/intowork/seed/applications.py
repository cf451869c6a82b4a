"""Who applied where, when, and how far it went."""

from __future__ import annotations

import random
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from intowork.seed.clock import DAY, HOUR, NOW
from intowork.seed.jobs import DRAFT, JOBS_SINCE, Jobs
from intowork.seed.people import People
from intowork.seed.scales import Scale
from intowork.seed.sizes import GOLDEN_RATIO, BoundedZipf, adjust_to_total

APPLIED, VIEWED, SHORTLISTED, INTERVIEW, REJECTED, ACCEPTED = range(6)
STATUS_LABELS = ("applied", "viewed", "shortlisted", "interview", "rejected", "accepted")
_STATUS_WHEEL = bytes(
    [APPLIED] * 45 + [VIEWED] * 25 + [SHORTLISTED] * 10 + [INTERVIEW] * 6 + [REJECTED] * 12 + [ACCEPTED] * 2
)

_PER_JOB_CAP = 1000
_PER_JOB_SHIFT = 8.0
_PER_CANDIDATE_CAP = 300
_PER_CANDIDATE_SHIFT = 8.0
# More intents than applications: the newest candidates have not had the time for all of theirs.
_INTENTS_PER_APPLICATION = 1.3
_FULL_WINDOW = 20 * DAY
_DRAWS_BEFORE_GIVING_UP = 60
_DUPLICATES_OF_DUPLICATES = 0.1


@dataclass(frozen=True)
class Applications:
    """Applications in the order of their dates; a column is indexed by identifier, its entry 0 is unused.

    Attributes:
        job: The job of each application.
        candidate: Who applied.
        status: An index into STATUS_LABELS.
        applied: When.
    """

    job: array[int]
    candidate: array[int]
    status: bytes
    applied: array[int]

    def __len__(self) -> int:
        return len(self.job) - 1

    def reviewed(self, application: int) -> int:
        """When the employer looked at it and gave it its status: within ten days, 0 if not yet."""
        if self.status[application] == APPLIED:
            return 0
        applied = self.applied[application]
        # A multiplicative hash (Knuth, The Art of Computer Programming 6.4) instead of one more column.
        spread = (application * 2654435761 & 0xFFFFFFFF) / 0x1_0000_0000
        return applied + int(min(10 * DAY, NOW - applied) * spread)


def draw_applications(scale: Scale, people: People, jobs: Jobs, *, duplicates: int, rng: random.Random) -> Applications:
    """Pairs candidates with jobs, each pair once, and plants so many surplus rows of pairs there are.

    Jobs are served in the order of their creation from a pool of intents: a candidate brings theirs with them when
    they sign up, so that nobody applies before they exist, and nobody applies more often than a skewed law says.
    """
    job, candidate, status, applied = array("i"), array("i"), bytearray(), array("q")
    intents = _intents_per_candidate(scale, rng)
    joined = [people.joined(user) for user in people.candidate_user]
    pool = array("i")
    newest = 0
    owed = 0
    random_share = rng.random
    for j, size in enumerate(_sizes_per_job(scale, jobs, rng)):
        if not size and not owed:
            continue
        if jobs.status[j] == DRAFT:
            continue
        arrived = bisect_left(joined, jobs.created[j], newest + 1) - 1
        while newest < arrived or (newest < scale.candidates and not pool):
            newest += 1
            pool.extend([newest] * intents[newest])
        posted, window = jobs.posted[j], jobs.closes[j] - jobs.posted[j]
        chosen: set[int] = set()
        wanted = min(size + owed, _PER_JOB_CAP)
        misses = 0
        while len(chosen) < wanted and misses < _DRAWS_BEFORE_GIVING_UP and pool:
            drawn = int(random_share() * len(pool))
            c = pool[drawn]
            if c in chosen:
                misses += 1
                continue
            misses = 0
            pool[drawn] = pool[-1]
            pool.pop()
            chosen.add(c)
            share = random_share()
            job.append(j)
            candidate.append(c)
            status.append(_STATUS_WHEEL[int(random_share() * 100)])
            applied.append(posted + int(window * share * share))
        owed += size - len(chosen)
    _plant_duplicates(duplicates, job, candidate, status, applied, rng)
    return _in_order_of_dates(job, candidate, status, applied)


def _sizes_per_job(scale: Scale, jobs: Jobs, rng: random.Random) -> list[int]:
    """The number of applications of each job, indexed by identifier.

    Quantiles are dealt to the jobs of one employer after the other by the golden ratio: each employer then has its
    fair part of popular jobs, and what the busiest employers see does not grow with the scale.
    """
    open_share = [0.0] * (scale.jobs + 1)
    for j in range(1, scale.jobs + 1):
        if jobs.status[j] != DRAFT:
            open_share[j] = min(1.0, (jobs.closes[j] - jobs.posted[j]) / _FULL_WINDOW)
    cap = min(_PER_JOB_CAP, scale.candidates // 2)
    law = BoundedZipf(mean=scale.applications / sum(open_share), cap=cap, shift=_PER_JOB_SHIFT)
    sizes = [0] * (scale.jobs + 1)
    by_employer = sorted((j for j in range(1, scale.jobs + 1) if open_share[j]), key=jobs.employer.__getitem__)
    position = rng.random()
    for j in by_employer:
        position = (position + GOLDEN_RATIO) % 1.0
        sizes[j] = int(law.quantile(position) * open_share[j])
    most = [int(cap * share) for share in open_share]
    adjust_to_total(sizes, scale.applications, least=[0] * len(sizes), most=most, rng=rng)
    return sizes


def _intents_per_candidate(scale: Scale, rng: random.Random) -> list[int]:
    cap = min(_PER_CANDIDATE_CAP, scale.jobs // 3)
    mean = scale.applications * _INTENTS_PER_APPLICATION / scale.candidates
    sizes = BoundedZipf(mean=mean, cap=cap, least=1, shift=_PER_CANDIDATE_SHIFT).sizes(scale.candidates)
    rng.shuffle(sizes)
    return [0, *sizes]


def _plant_duplicates(
    count: int,
    job: array[int],
    candidate: array[int],
    status: bytearray,
    applied: array[int],
    rng: random.Random,
) -> None:
    """Appends surplus applications, of other statuses and later dates; one in ten is a third one."""
    pairs = len(job)
    original = 0
    for i in range(count):
        if i == 0 or rng.random() >= _DUPLICATES_OF_DUPLICATES:
            original = int(rng.random() * pairs)
        job.append(job[original])
        candidate.append(candidate[original])
        status.append((status[original] + 1 + int(rng.random() * 5)) % 6)
        later = int(min(5 * DAY, NOW - HOUR // 2 - applied[original]) * rng.random())
        applied.append(applied[original] + later)


def _in_order_of_dates(
    job: array[int], candidate: array[int], status: Sequence[int], applied: array[int]
) -> Applications:
    """Sorts by day and then within each day: sorting all at once takes several times the memory."""
    days = [array("i") for _ in range((NOW - JOBS_SINCE) // DAY + 1)]
    for i, moment in enumerate(applied):
        days[(moment - JOBS_SINCE) // DAY].append(i)
    columns = Applications(array("i", [0]), array("i", [0]), b"", array("q", [0]))
    statuses = bytearray(1)
    for day in days:
        for i in sorted(day, key=applied.__getitem__):
            columns.job.append(job[i])
            columns.candidate.append(candidate[i])
            columns.applied.append(applied[i])
            statuses.append(status[i])
    return Applications(columns.job, columns.candidate, bytes(statuses), columns.applied)
