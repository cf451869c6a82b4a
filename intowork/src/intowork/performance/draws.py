"""The published draw of parameters: which values the statements are measured with.

Half of a draw are frequent values, a third are median ones, and the rest are rare or match nothing. Values are ranked
by the number of rows they have: the frequent ones are the first hundredth of them, the median ones the tenth around the
middle, the rare ones the last tenth. So a statement that is fast for most values only is found out, and so is one that
is fast on an empty answer alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Integer, String, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute

from intowork.demo.phase2.statements import ShownApplication
from intowork.jobs.queries import is_open
from intowork.kit.pagination import Position
from intowork.kit.sql import Rows, row_limit
from intowork.models import (
    Candidate,
    Job,
    JobApplication,
    JobLocation,
    JobStatus,
    JobType,
    Notification,
    Session,
    User,
)
from intowork.performance.session import fetch
from pgproof.errors import PgproofError
from pgproof.proof.measuring import Session as Connection

FREQUENT, MEDIAN, RARE, WITHOUT_MATCH = 12, 8, 2, 2
SIZE = FREQUENT + MEDIAN + RARE + WITHOUT_MATCH

_NOBODY = 2**31 - 1
_NO_TEXT = "nowhere, without match"
_DEEP = 1_000

T = TypeVar("T")


@dataclass(frozen=True)
class Draws:
    """The parameters of one run; each tuple holds `SIZE` values in the published proportions.

    Attributes:
        locations: places of published jobs.
        companies: companies by published jobs.
        job_types: contracts by published jobs.
        location_types: kinds of place by published jobs.
        kinds: pairs of both.
        salaries: least salaries by the share of published jobs that reach them.
        words: first words of titles of published jobs.
        deep: the position some thousand jobs below the newest, None where there are not so many.
        candidates: candidates by applications.
        employers: employers by applications to their jobs.
        recruiters: employers by jobs.
        jobs: jobs by applications, each with its employer.
        pairs: a candidate and a job, every other time one the candidate applied to.
        users: users by notifications.
        emails: addresses of users, the last of nobody.
        session_tokens: tokens of sessions, the last of none.
        applications_of: what the first page of each of `candidates` refers to.
        applications_to: what the first page of each of `employers` refers to.
    """

    locations: tuple[str, ...]
    companies: tuple[int, ...]
    job_types: tuple[JobType, ...]
    location_types: tuple[JobLocation, ...]
    kinds: tuple[tuple[JobLocation, JobType], ...]
    salaries: tuple[int, ...]
    words: tuple[str, ...]
    deep: Position | None
    candidates: tuple[int, ...]
    employers: tuple[int, ...]
    recruiters: tuple[int, ...]
    jobs: tuple[tuple[int, int], ...]
    pairs: tuple[tuple[int, int], ...]
    users: tuple[int, ...]
    emails: tuple[str, ...]
    session_tokens: tuple[str, ...]
    applications_of: tuple[tuple[ShownApplication, ...], ...]
    applications_to: tuple[tuple[ShownApplication, ...], ...]


def draw(session: Connection, seed: int) -> Draws:
    """Return the draw of a database: the same for the same data and seed.

    Args:
        session: the database that is measured.
        seed: which of the equally frequent values are taken.

    Raises:
        PgproofError: a table holds no row to draw from.
    """
    published = Job.status == JobStatus.PUBLISHED
    candidates = _drawn(session, seed, [JobApplication.candidate_id], "job_applications")
    pairs = _pairs(session, [key for (key,) in candidates], _drawn(session, seed, [Job.id], "jobs", published))
    employers = _drawn(session, seed, [Job.employer_id], "job_applications", JobApplication.job_id == Job.id)
    kinds = _drawn(session, seed, [Job.location_type, Job.job_type], "jobs", published, absent=None)
    jobs = _drawn(session, seed, [Job.id, Job.employer_id], "job_applications", JobApplication.job_id == Job.id)
    return Draws(
        locations=_texts(_drawn(session, seed, [Job.location], "jobs", published, absent=_NO_TEXT)),
        companies=_keys(_drawn(session, seed, [Job.company_id], "jobs", published)),
        job_types=tuple(
            JobType(label) for (label,) in _drawn(session, seed, [Job.job_type], "jobs", published, absent=None)
        ),
        location_types=tuple(
            JobLocation(label)
            for (label,) in _drawn(session, seed, [Job.location_type], "jobs", published, absent=None)
        ),
        kinds=tuple((JobLocation(where), JobType(what)) for where, what in kinds),
        salaries=_salaries(session, published),
        words=_texts(_drawn(session, seed, [func.split_part(Job.title, " ", 1)], "jobs", published, absent=_NO_TEXT)),
        deep=_deep(session),
        candidates=_keys(candidates),
        employers=_keys(employers),
        recruiters=_keys(_drawn(session, seed, [Job.employer_id], "jobs")),
        jobs=tuple((job, employer) for job, employer in jobs),
        pairs=pairs,
        users=_keys(_drawn(session, seed, [Notification.user_id], "notifications")),
        emails=_texts(_drawn(session, seed, [User.email], "users", absent=_NO_TEXT)),
        session_tokens=_texts(_drawn(session, seed, [Session.session_token], "sessions", absent=_NO_TEXT)),
        applications_of=tuple(_shown(session, JobApplication.candidate_id == key, rows=10) for (key,) in candidates),
        applications_to=tuple(_shown(session, Job.employer_id == key, rows=20) for (key,) in employers),
    )


def _drawn(
    session: Connection,
    seed: int,
    columns: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]],
    table: str,
    *conditions: ColumnElement[bool],
    absent: int | str | None = _NOBODY,
) -> list[tuple[Any, ...]]:
    """Return `SIZE` values of some columns, ranked by their rows, in the published proportions.

    Args:
        session: where the rows are.
        seed: mixed into the order in which values of a group are taken.
        columns: what is drawn; their tables follow from columns and conditions.
        table: what to name when there are no rows.
        conditions: the rows that count.
        absent: stands for a value without match in each column; None where every value that the type allows has one,
            and the rarest is taken instead.

    Raises:
        PgproofError: there is no row.
    """
    groups: dict[str, list[tuple[Any, ...]]] = {"frequent": [], "median": [], "rare": []}
    for group, *value in fetch(session, _grouped(columns, conditions, seed)):
        groups[group].append(tuple(value))
    if not groups["frequent"]:
        raise PgproofError(f"Nothing can be measured: {table} holds no rows; load data first (intowork seed)")
    median = groups["median"] or groups["frequent"]
    rare = groups["rare"] or median
    without = rare if absent is None else [(absent,) * len(columns)]
    return [
        value
        for values, number in (
            (groups["frequent"], FREQUENT), (median, MEDIAN), (rare, RARE), (without, WITHOUT_MATCH),
        )
        for value in islice(cycle(values), number)
    ]  # fmt: skip


def _grouped(
    columns: Sequence[ColumnElement[Any] | InstrumentedAttribute[Any]],
    conditions: Sequence[ColumnElement[bool]],
    seed: int,
) -> Rows:
    """Return the statement that picks the values of each group, one from each of as many strata as it needs.

    Strata, so that the draws of two scales lie at the same places of the ranking and their times can be compared.
    """
    names = [f"value_{i}" for i in range(len(columns))]
    counted = (
        select(*(column.label(name) for column, name in zip(columns, names, strict=True)), func.count().label("rows"))
        .where(*conditions, *(column.is_not(None) for column in columns))
        .group_by(*columns)
        .subquery()
    )
    values = [counted.c[name] for name in names]
    ranked = select(
        *values,
        func.row_number().over(order_by=(counted.c.rows.desc(), *values)).label("rank"),
        func.count().over().label("total"),
    ).subquery()
    rank, total = ranked.c.rank, ranked.c.total
    group = case(
        (rank * 100 <= total + 99, "frequent"),
        (func.abs(2 * rank - total - 1) * 10 <= total, "median"),
        (rank * 10 > total * 9, "rare"),
    )
    number = case((group == "frequent", FREQUENT), (group == "median", MEDIAN), else_=RARE)
    place_in_group = func.row_number().over(partition_by=group, order_by=rank)
    stratum = (place_in_group - 1) * number // func.count().over(partition_by=group)
    placed = select(group.label("picked_as"), stratum.label("stratum"), *(ranked.c[name] for name in names)).subquery()
    drawn_value = [placed.c[name] for name in names]
    shuffled = func.md5(func.concat(str(seed), *(cast(value, String) for value in drawn_value)))
    return (
        select(placed.c.picked_as, *drawn_value)
        .where(placed.c.picked_as.is_not(None))
        .ext(distinct_on(placed.c.picked_as, placed.c.stratum))
        .order_by(placed.c.picked_as, placed.c.stratum, shuffled)
    )


def _salaries(session: Connection, published: ColumnElement[bool]) -> tuple[int, ...]:
    """Return least salaries: half that many jobs reach, a third that few reach, some that hardly one or none does.

    The quantiles of the rare ones lie where a walk through the newest jobs finds too little and the salaries that
    match are too many, the worst that this filter can meet.
    """
    quantiles = [
        *(0.04 * (i + 1) for i in range(FREQUENT)),
        *(0.5 + 0.06 * i for i in range(MEDIAN)),
        *(0.98, 0.999)[:RARE],
    ]
    reached = select(*(func.percentile_disc(share).within_group(Job.salary_min) for share in quantiles)).where(
        published
    )
    (salaries,) = fetch(session, reached)
    if salaries[0] is None:
        raise PgproofError("Nothing can be measured: no published job says its salary; load data first (intowork seed)")
    return (*salaries, *[max(salaries) * 100] * WITHOUT_MATCH)


def _deep(session: Connection) -> Position | None:
    """Return a position `_DEEP` jobs below the newest open one."""
    rows = fetch(
        session,
        select(Job.posted_at, Job.id)
        .where(is_open())
        .order_by(Job.posted_at.desc(), Job.id.desc())
        .offset(literal(_DEEP, Integer))
        .limit(row_limit(1)),
    )
    return Position(*rows[0]) if rows else None


def _pairs(
    session: Connection, candidates: Sequence[int], jobs: Sequence[tuple[Any, ...]]
) -> tuple[tuple[int, int], ...]:
    """Return each candidate with a job applied to, and every other one with a job drawn apart from it."""
    applied = dict(
        fetch(
            session,
            select(JobApplication.candidate_id, func.min(JobApplication.job_id))
            .where(JobApplication.candidate_id.in_(candidates))
            .group_by(JobApplication.candidate_id),
        )
    )
    return tuple(
        (candidate, applied.get(candidate, job) if i % 2 else job)
        for i, (candidate, (job,)) in enumerate(zip(candidates, jobs, strict=True))
    )


def _shown(session: Connection, whose: ColumnElement[bool], *, rows: int) -> tuple[ShownApplication, ...]:
    """Return what the newest applications refer to."""
    return tuple(
        ShownApplication(*row)
        for row in fetch(
            session,
            select(JobApplication.job_id, Job.company_id, JobApplication.candidate_id, Candidate.user_id)
            .join(Job, Job.id == JobApplication.job_id)
            .join(Candidate, Candidate.id == JobApplication.candidate_id)
            .where(whose)
            .order_by(JobApplication.applied_at.desc())
            .limit(row_limit(rows)),
        )
    )


def _keys(drawn: Sequence[tuple[Any, ...]]) -> tuple[int, ...]:
    return tuple(int(value) for (value,) in drawn)


def _texts(drawn: Sequence[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(str(value) for (value,) in drawn)
