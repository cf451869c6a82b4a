"""How many rows of each kind a data set has."""

from __future__ import annotations

from dataclasses import dataclass

from intowork.seed.errors import UnknownScale

LEAST_JOBS = 100


@dataclass(frozen=True)
class Scale:
    """The number of rows of each independent kind; the rest follows from people and jobs.

    Attributes:
        name: What the scale is called on the command line.
        candidates: Users who look for work; each has one candidate profile.
        employers: Users who recruit; each has one employer record.
        administrators: Users with neither.
        companies: Companies that the employers belong to.
        jobs: Jobs in every status.
        applications: Distinct pairs of candidate and job; planted duplicates come on top.
        notifications: Notifications of all users.
        live_sessions: Sessions that have not expired.
        expired_sessions: Sessions that nobody cleaned up.
        verification_tokens: Tokens that verify an e-mail address, most of them expired.
        reset_tokens: Tokens that reset a password, most of them used or expired.
    """

    name: str
    candidates: int
    employers: int
    administrators: int
    companies: int
    jobs: int
    applications: int
    notifications: int
    live_sessions: int
    expired_sessions: int
    verification_tokens: int
    reset_tokens: int

    @property
    def users(self) -> int:
        """Everybody who can sign in."""
        return self.candidates + self.employers + self.administrators

    @classmethod
    def of_jobs(cls, jobs: int, name: str | None = None) -> Scale:
        """A scale of so many jobs with everything else in the proportions of `100k`.

        Raises:
            UnknownScale: With fewer than 100 jobs the caps of the distributions leave no room.
        """
        if jobs < LEAST_JOBS:
            raise UnknownScale(f"{jobs} jobs are too few to be drawn: a scale has at least {LEAST_JOBS}")
        return cls(
            name=name or f"{jobs} jobs",
            candidates=jobs // 2,
            employers=jobs // 2,
            administrators=max(1, jobs // 20_000),
            companies=jobs // 10,
            jobs=jobs,
            applications=jobs * 10,
            notifications=jobs * 20,
            live_sessions=jobs // 20,
            expired_sessions=jobs * 10,
            verification_tokens=jobs // 5,
            reset_tokens=jobs // 20,
        )


SCALES = (
    Scale.of_jobs(20_000, "small"),
    Scale.of_jobs(100_000, "100k"),
    Scale.of_jobs(1_000_000, "1m"),
)


def scale(name: str) -> Scale:
    """The scale of that name.

    Raises:
        UnknownScale: There is none; the message lists those there are.
    """
    for candidate in SCALES:
        if candidate.name == name:
            return candidate
    raise UnknownScale(f"there is no scale {name!r}: choose one of {', '.join(s.name for s in SCALES)}")
