"""Rows of companies, employers and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from intowork.seed.clock import DAY, HOUR, NOW
from intowork.seed.faults import victims
from intowork.seed.jobs import DRAFT, PUBLISHED, STATUS_LABELS
from intowork.seed.postings import BENEFITS, BODIES, OPENINGS, REQUIREMENTS, TITLES
from intowork.seed.sizes import wheel
from intowork.seed.table import NULL, Table, columns
from intowork.seed.vocabulary import (
    CITIES,
    COMPANY_DESCRIPTIONS,
    COMPANY_HEADS,
    COMPANY_SIZES,
    COMPANY_TAILS,
    DEPARTMENTS,
    INDUSTRIES,
    LEGAL_FORMS,
    POSITIONS,
    STREETS,
    City,
    ascii_word,
)
from intowork.seed.world import World

_POUNDS_PER_EURO = 0.87
_JOB_TYPES = wheel(("full_time", "part_time", "contract", "temporary", "internship"), (70, 8, 12, 4, 6), length=100)
_STRIDES = (1, 2, 4, 7)
"""Coprime to the number of sentences, so that a description repeats none."""
_LOCATION_TYPES = wheel(("on_site", "hybrid", "remote"), (45, 35, 20), length=100)


def _seats(world: World) -> list[City]:
    """Where each company sits, indexed by identifier."""
    share = world.random("seats").random
    return [CITIES[int(share() * len(CITIES))] for _ in range(world.scale.companies + 1)]


def companies(world: World) -> Table:
    """Companies: big cities have more of them; the size follows the number of employers."""
    people, stamp, share = world.people, world.clock.stamp, world.random("companies").random
    seats = _seats(world)

    def lines() -> Iterator[str]:
        for company in range(1, world.scale.companies + 1):
            seat, members = seats[company], people.company_employers[company]
            forms = LEGAL_FORMS[seat.country]
            head = COMPANY_HEADS[int(share() * len(COMPANY_HEADS))]
            tail = COMPANY_TAILS[int(share() * len(COMPANY_TAILS))]
            name = f"{head} {tail} {forms[int(share() * len(forms))]}".strip()
            word = ascii_word(f"{head}{tail}{company}")
            descriptions = COMPANY_DESCRIPTIONS[seat.language]
            size = COMPANY_SIZES[min(4, len(members).bit_length() - 1 + int(share() * 2))]
            created = stamp(people.joined(people.employer_user[min(members)]))
            website = f"https://www.{word}.example" if share() < 0.7 else NULL
            page = f"https://linkedin.example/company/{word}" if share() < 0.4 else NULL
            logo = f"/images/companies/{company}.png" if share() < 0.5 else NULL
            yield (
                f"{company}\t{name}\t{descriptions[int(share() * len(descriptions))]}"
                f"\t{INDUSTRIES[int(share() * len(INDUSTRIES))]}\t{size}\t{website}\t{page}"
                f"\t{1 + int(share() * 180)} {STREETS[int(share() * len(STREETS))]}\t{seat.name}\t{seat.country}"
                f"\t{logo}\t{created}\t{created}\n"
            )

    return Table(
        "companies",
        columns(
            "id name description industry size website_url linkedin_url address city country logo_url created_at"
            " updated_at"
        ),
        world.scale.companies,
        lines(),
    )


def employers(world: World) -> Table:
    """Employers: the first one of a company administers it; some belong to none."""
    people, stamp, share = world.people, world.clock.stamp, world.random("employers").random

    def lines() -> Iterator[str]:
        for employer in range(1, world.scale.employers + 1):
            user, company = people.employer_user[employer], people.employer_company[employer]
            created = stamp(people.joined(user))
            leads = company and employer == min(people.company_employers[company])
            may_create = employer == world.demo_employer or share() < 0.9
            yield (
                f"{employer}\t{user}\t{company or NULL}\t{POSITIONS[int(share() * len(POSITIONS))]}"
                f"\t{DEPARTMENTS[int(share() * len(DEPARTMENTS))]}\t+33 1 {10000000 + user * 6007 % 90000000}"
                f"\t{'t' if may_create else 'f'}\t{'t' if share() < 0.95 else 'f'}\t{'t' if leads else 'f'}"
                f"\t{created}\t{created}\n"
            )

    return Table(
        "employers",
        columns(
            "id user_id company_id position department phone can_create_jobs can_manage_candidates is_admin created_at"
            " updated_at"
        ),
        world.scale.employers,
        lines(),
    )


def _spelled(city: str, share: float) -> str:
    """The city as most write it, and sometimes as somebody in a hurry does."""
    if share < 0.97:
        return city
    return city.lower() if share < 0.99 else city.upper()


def _text(opening: Sequence[str], body: Sequence[str], share: Callable[[], float]) -> str:
    """A description of 300 to 900 characters: an opening and two paragraphs."""
    start, step = int(share() * len(body)), _STRIDES[int(share() * len(_STRIDES))]
    count = 4 + int(share() * 5)
    sentences = [body[(start + step * i) % len(body)] for i in range(count)]
    middle = count // 2
    return f"{opening[int(share() * len(opening))]} {' '.join(sentences[:middle])}\\n\\n{' '.join(sentences[middle:])}"


def jobs(world: World) -> Table:
    """Jobs: title, language, place, salary and currency fit each other and the company's seat."""
    scale, people, board, faults = world.scale, world.people, world.jobs, world.faults
    stamp, stamp_or_null, share = world.clock.stamp, world.clock.stamp_or_null, world.random("job rows").random
    seats = _seats(world)
    rng = world.random("job faults")
    everything = range(1, scale.jobs + 1)
    foreign = victims(faults.jobs_of_another_company, everything, rng)
    reversed_salaries = victims(faults.reversed_salaries, everything, rng)
    negative = victims(faults.negative_counters, everything, rng)
    miscounted = victims(faults.wrong_counters, everything, rng)
    dated = [job for job in everything if board.status[job] != DRAFT]
    reversed_dates = victims(faults.reversed_dates, dated, rng)

    def lines() -> Iterator[str]:
        for job in everything:
            employer, status, created = board.employer[job], board.status[job], board.created[job]
            company = people.employer_company[employer]
            seat = seats[company]
            place = seat if share() < 0.7 else CITIES[int(share() * len(CITIES))]
            language = seat.language
            titles, bodies, requirements = TITLES[language], BODIES[language], REQUIREMENTS[language]
            title = titles[int(share() * len(titles))]
            job_type = _JOB_TYPES[int(share() * len(_JOB_TYPES))]
            location_type = _LOCATION_TYPES[int(share() * len(_LOCATION_TYPES))]
            location = NULL if location_type == "remote" and share() < 0.3 else _spelled(place.name, share())
            rate = _POUNDS_PER_EURO if seat.currency == "GBP" else 1.0
            if job_type == "internship":
                rate *= 0.4
            low = int(title.salary * rate * 2 * (0.9 + 0.2 * share())) * 500
            high = int(low * (1.1 + 0.3 * share())) // 500 * 500
            paid = share() < 0.75
            if job in reversed_salaries:
                paid, low, high = True, high, low
            views = int(3000 * share() ** 4) if status != DRAFT else 0
            if job in negative:
                views = -1 - views
            applications = world.applications_of_job[job]
            if job in miscounted:
                applications += 1 + int(share() * 5)
            posted, expires = board.posted[job], board.expires[job]
            if job in reversed_dates:
                expires = posted - DAY
            latest = max(created, posted) if status in (DRAFT, PUBLISHED) else board.closes[job]
            updated = min(NOW - HOUR // 2, latest + int(DAY * share()))
            yield (
                f"{job}\t{employer}\t{company % scale.companies + 1 if job in foreign else company}\t{title.text}"
                f"\t{_text(OPENINGS[language], bodies, share)}"
                f"\t{requirements[int(share() * len(requirements))]}\t{bodies[int(share() * len(bodies))]}"
                f"\t{BENEFITS[language][int(share() * len(BENEFITS[language]))] if share() < 0.8 else NULL}"
                f"\t{job_type}\t{location_type}\t{location}\t{low if paid else NULL}\t{high if paid else NULL}"
                f"\t{seat.currency}\t{STATUS_LABELS[status]}\t{'t' if share() < 0.05 else 'f'}\t{views}\t{applications}"
                f"\t{stamp_or_null(posted)}\t{stamp_or_null(expires)}\t{stamp(created)}\t{stamp(updated)}\n"
            )

    return Table(
        "jobs",
        columns(
            "id employer_id company_id title description requirements responsibilities benefits job_type location_type"
            " location salary_min salary_max currency status is_featured views_count applications_count posted_at"
            " expires_at created_at updated_at"
        ),
        scale.jobs,
        lines(),
    )
