"""Who is a candidate, who recruits, and for which company."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass

from intowork.seed.clock import DAY, HOUR, NOW
from intowork.seed.scales import Scale
from intowork.seed.sizes import BoundedZipf, adjust_to_total

PEOPLE_SINCE = NOW - 1095 * DAY
"""When the first user signed up."""

_PEOPLE_UNTIL = NOW - HOUR
_EMPLOYERS_PER_COMPANY_CAP = 100
_EMPLOYERS_WITH_COMPANY = 0.97
_USERS_WITH_ACCOUNT = 0.3
_ACCOUNTS_WITHOUT_PASSWORD = 0.3


@dataclass(frozen=True)
class People:
    """Users with their roles; a column is indexed by identifier and its entry 0 is unused.

    Attributes:
        users: How many there are; the administrators come first.
        administrators: How many of them are administrators.
        candidate_user: The user of each candidate.
        employer_user: The user of each employer.
        employer_company: The company of each employer, 0 for none.
        company_employers: The employers of each company.
        companies_by_size: The companies, the one with the most employers first.
        account_users: The users who sign in through a provider, each once.
        without_password: For each user, whether that is the only way they can.
    """

    users: int
    administrators: int
    candidate_user: array[int]
    employer_user: array[int]
    employer_company: array[int]
    company_employers: tuple[array[int], ...]
    companies_by_size: tuple[int, ...]
    account_users: array[int]
    without_password: bytes

    def joined(self, user: int) -> int:
        """When a user signed up: at an even pace over three years."""
        return PEOPLE_SINCE + (user - 1) * (_PEOPLE_UNTIL - PEOPLE_SINCE) // self.users

    def users_at(self, moment: int) -> int:
        """How many users had signed up before a moment, at least one."""
        return max(1, (moment - PEOPLE_SINCE) * self.users // (_PEOPLE_UNTIL - PEOPLE_SINCE))


def draw_people(scale: Scale, rng: random.Random) -> People:
    """Deals the roles out at random and the employers to companies of skewed sizes."""
    roles = bytearray(b"c" * scale.candidates + b"e" * scale.employers)
    rng.shuffle(roles)
    candidate_user, employer_user = array("i", [0]), array("i", [0])
    for user, role in enumerate(roles, scale.administrators + 1):
        (candidate_user if role == ord("c") else employer_user).append(user)

    groups = _employer_groups(scale, rng)
    # A company is entered with its first employer, and identifiers grow with time.
    oldest_first = sorted(range(len(groups)), key=lambda g: min(groups[g]))
    company_of_group = [0] * len(groups)
    employer_company = array("i", bytes(4 * (scale.employers + 1)))
    for company, group in enumerate(oldest_first, 1):
        company_of_group[group] = company
        for employer in groups[group]:
            employer_company[employer] = company

    account_users = array("i")
    without_password = bytearray(scale.users + 1)
    for user in range(1, scale.users + 1):
        if rng.random() < _USERS_WITH_ACCOUNT:
            account_users.append(user)
            without_password[user] = rng.random() < _ACCOUNTS_WITHOUT_PASSWORD

    return People(
        users=scale.users,
        administrators=scale.administrators,
        candidate_user=candidate_user,
        employer_user=employer_user,
        employer_company=employer_company,
        company_employers=(array("i"), *(groups[group] for group in oldest_first)),
        companies_by_size=tuple(company_of_group),
        account_users=account_users,
        without_password=bytes(without_password),
    )


def _employer_groups(scale: Scale, rng: random.Random) -> list[array[int]]:
    """Groups of employers, one for each company, the largest first; some employers are in none."""
    employers = array("i", range(1, scale.employers + 1))
    rng.shuffle(employers)
    grouped = int(scale.employers * _EMPLOYERS_WITH_COMPANY)
    cap = min(_EMPLOYERS_PER_COMPANY_CAP, scale.employers // 2)
    law = BoundedZipf(mean=grouped / scale.companies, cap=cap, least=1)
    sizes = law.sizes(scale.companies)
    adjust_to_total(sizes, grouped, least=[1] * len(sizes), most=[cap] * len(sizes), rng=rng)
    groups, start = [], 0
    for size in sizes:
        groups.append(employers[start : start + size])
        start += size
    return groups
