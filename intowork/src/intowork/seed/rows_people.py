"""Rows of users, candidates and what candidates own."""

from __future__ import annotations

from collections.abc import Iterator

from intowork.seed.clock import NOW
from intowork.seed.demo_accounts import UNUSABLE_PASSWORD_HASH, demo_password_hash, demo_users
from intowork.seed.faults import victims
from intowork.seed.postings import EXPERIENCE_DESCRIPTIONS, SUMMARIES, TITLES
from intowork.seed.table import NULL, Table, columns
from intowork.seed.vocabulary import (
    CITIES,
    COMPANY_HEADS,
    COMPANY_TAILS,
    DEGREES,
    FIRST_NAMES,
    FIRST_WORDS,
    LAST_NAMES,
    LAST_WORDS,
    MAIL_DOMAINS,
    SCHOOLS,
    SKILLS,
    Skill,
)
from intowork.seed.world import World

_LANGUAGES = ("fr", "fr", "fr", "en", "en")


def _name_numbers(user: int) -> tuple[int, int]:
    """Which first and which last name a user has: the same in every table that needs it."""
    mixed = user * 2654435761 & 0xFFFFFFFF
    return (mixed >> 4) % len(FIRST_NAMES), (mixed >> 15) % len(LAST_NAMES)


def _file_word(user: int) -> str:
    first, last = _name_numbers(user)
    return f"{FIRST_WORDS[first]}-{LAST_WORDS[last]}"


def users(world: World) -> Table:
    """Users: nine in ten active, eight in ten with a verified address."""
    people, stamp, share = world.people, world.clock.stamp, world.random("users").random
    rng = world.random("missing values")
    demo = demo_users(world)
    demo_password = demo_password_hash(world.seed)
    # What a demo account can do must not depend on a fault.
    ordinary = [user for user in range(1, world.scale.users + 1) if user not in demo]
    without_created = victims(world.faults.missing_created_at, ordinary, rng)
    without_activity = victims(world.faults.missing_is_active, ordinary, rng)
    roles = ["admin"] * (world.scale.users + 1)
    for user in people.candidate_user[1:]:
        roles[user] = "candidate"
    for user in people.employer_user[1:]:
        roles[user] = "employer"

    def lines() -> Iterator[str]:
        for user in range(1, world.scale.users + 1):
            first, last = _name_numbers(user)
            since = people.joined(user)
            created = stamp(since)
            email = demo.get(user)
            if email:
                password, verified, active = demo_password, created, "t"
            else:
                domain = MAIL_DOMAINS[user % len(MAIL_DOMAINS)]
                email = f"{FIRST_WORDS[first]}.{LAST_WORDS[last]}{user}@{domain}"
                password = NULL if people.without_password[user] else UNUSABLE_PASSWORD_HASH
                verified = created if share() < 0.8 else NULL
                active = NULL if user in without_activity else "t" if share() < 0.93 else "f"
            clerk = f"user_{user * 2654435761 & 0xFFFFFFFF:08x}{user:x}" if share() < 0.1 else NULL
            image = f"/images/users/{user}.jpg" if share() < 0.2 else NULL
            updated = stamp(since + int((NOW - since) * share()))
            yield (
                f"{user}\t{email}\t{verified}\t{password}\t{FIRST_NAMES[first]} {LAST_NAMES[last]}\t{image}\t{clerk}"
                f"\t{roles[user]}\t{FIRST_NAMES[first]}\t{LAST_NAMES[last]}\t{active}"
                f"\t{NULL if user in without_created else created}\t{updated}\n"
            )

    return Table(
        "users",
        columns(
            "id email email_verified password_hash name image clerk_id role first_name last_name is_active"
            " created_at updated_at"
        ),
        world.scale.users,
        lines(),
    )


def cv_counts(world: World) -> bytes:
    """How many CVs each candidate uploaded, indexed by identifier."""
    share = world.random("cvs").random
    return bytes([0, *((0, 1, 1, 1, 2)[int(share() * 5)] for _ in range(world.scale.candidates))])


def candidates(world: World) -> Table:
    """Candidates: profiles that are filled in to different degrees."""
    people, stamp, share = world.people, world.clock.stamp, world.random("candidates").random
    cvs = cv_counts(world)

    def lines() -> Iterator[str]:
        for candidate in range(1, world.scale.candidates + 1):
            user = people.candidate_user[candidate]
            since = people.joined(user)
            city = CITIES[int(share() * len(CITIES))]
            titles = TITLES[city.language]
            title = titles[int(share() * len(titles))]
            phone = f"+33 6 {10000000 + user * 7919 % 90000000}" if share() < 0.7 else NULL
            years = int(30 * share() * share())
            least = int(title.salary * (0.9 + 0.3 * share())) * 1000
            expects = share() < 0.5
            word = _file_word(user)
            profile = f"https://linkedin.example/in/{word}-{user}" if share() < 0.5 else NULL
            website = f"https://{word}{user}.example" if share() < 0.1 else NULL
            summary = SUMMARIES[int(share() * len(SUMMARIES))] if share() < 0.6 else NULL
            uploaded = stamp(since + int((NOW - since) * 0.5 * share()))
            cv = (
                f"/files/cvs/{candidate}/1.pdf\t{word}.pdf\t{uploaded}" if cvs[candidate] else f"{NULL}\t{NULL}\t{NULL}"
            )
            yield (
                f"{candidate}\t{user}\t{phone}\t{city.name}\t{profile}\t{website}\t{NULL}\t{title.text}\t{summary}"
                f"\t{years}\t{least if expects else NULL}\t{least + 5000 if expects else NULL}\t{cv}"
                f"\t{stamp(since)}\t{stamp(since + int((NOW - since) * share()))}\n"
            )

    return Table(
        "candidates",
        columns(
            "id user_id phone location linkedin_url website_url profile_picture_url title summary years_experience"
            " salary_expectation_min salary_expectation_max cv_url cv_filename cv_uploaded_at created_at updated_at"
        ),
        world.scale.candidates,
        lines(),
    )


def candidate_cvs(world: World) -> Table:
    """CVs: none, one or two for each candidate, the newest active."""
    people, stamp, share = world.people, world.clock.stamp, world.random("cv files").random
    counts = cv_counts(world)

    def lines() -> Iterator[str]:
        cv = 0
        for candidate, count in enumerate(counts):
            user = people.candidate_user[candidate]
            moment = people.joined(user)
            for number in range(1, count + 1):
                cv += 1
                moment += int((NOW - moment) * 0.5 * share())
                uploaded = stamp(moment)
                yield (
                    f"{cv}\t{candidate}\t{_file_word(user)}.pdf\tcvs/{candidate}/{number}.pdf"
                    f"\t{40_000 + int(share() * 900_000)}\t{'t' if number == count else 'f'}\t{uploaded}\t{uploaded}\n"
                )

    return Table(
        "candidate_cvs",
        columns("id candidate_id filename file_path file_size is_active created_at updated_at"),
        sum(counts),
        lines(),
    )


def experiences(world: World) -> Table:
    """Experiences: one to four for each candidate, one after the other, seven in ten still in the last."""
    people, clock, share = world.people, world.clock, world.random("experiences").random
    count = world.random("experience counts").random
    counts = bytes([0, *((1, 1, 2, 2, 2, 3, 3, 4)[int(count() * 8)] for _ in range(world.scale.candidates))])

    def lines() -> Iterator[str]:
        experience = 0
        for candidate, number in enumerate(counts):
            if not number:
                continue
            stamp = clock.stamp(people.joined(people.candidate_user[candidate]))
            titles = TITLES[_LANGUAGES[candidate % len(_LANGUAGES)]]
            # In months before now; the jobs of a career follow each other with short gaps.
            start = number * (8 + int(70 * share()))
            step = start // number
            for i in range(number):
                experience += 1
                end = start - int(step * (0.7 + 0.25 * share()))
                is_current = i == number - 1 and share() < 0.7
                company = (
                    f"{COMPANY_HEADS[int(share() * len(COMPANY_HEADS))]}"
                    f" {COMPANY_TAILS[int(share() * len(COMPANY_TAILS))]}"
                )
                description = EXPERIENCE_DESCRIPTIONS[int(share() * len(EXPERIENCE_DESCRIPTIONS))]
                yield (
                    f"{experience}\t{candidate}\t{titles[int(share() * len(titles))].text}\t{company}"
                    f"\t{CITIES[int(share() * len(CITIES))].name}\t{clock.months_ago(start)}"
                    f"\t{NULL if is_current else clock.months_ago(end)}\t{'t' if is_current else 'f'}\t{description}"
                    f"\t{stamp}\t{stamp}\n"
                )
                start -= step

    return Table(
        "experiences",
        columns(
            "id candidate_id title company location start_date end_date is_current description created_at updated_at"
        ),
        sum(counts),
        lines(),
    )


def educations(world: World) -> Table:
    """Educations: one or two for each candidate, before their first experience."""
    people, clock, share = world.people, world.clock, world.random("educations").random
    count = world.random("education counts").random
    counts = bytes([0, *(1 + int(count() * 2) for _ in range(world.scale.candidates))])

    def lines() -> Iterator[str]:
        education = 0
        for candidate, number in enumerate(counts):
            if not number:
                continue
            stamp = clock.stamp(people.joined(people.candidate_user[candidate]))
            year = 1985 + int(share() * 32)
            for _ in range(number):
                education += 1
                years = 1 + int(share() * 4)
                yield (
                    f"{education}\t{candidate}\t{DEGREES[int(share() * len(DEGREES))]}"
                    f"\t{SCHOOLS[int(share() * len(SCHOOLS))]}\t{CITIES[int(share() * len(CITIES))].name}"
                    f"\t{year}-09\t{year + years}-06\t{NULL}\t{stamp}\t{stamp}\n"
                )
                year += years

    return Table(
        "educations",
        columns("id candidate_id degree school location start_date end_date description created_at updated_at"),
        sum(counts),
        lines(),
    )


def skills(world: World) -> Table:
    """Skills: three to eight for each candidate, different in more than case where no faults are planted."""
    people, stamp, share = world.people, world.clock.stamp, world.random("skills").random
    count = world.random("skill counts").random
    counts = bytes([0, *(3 + int(count() * 6) for _ in range(world.scale.candidates))])
    rng = world.random("skill faults")
    everybody = range(1, world.scale.candidates + 1)
    repeating = victims(world.faults.duplicate_skills, everybody, rng)
    misjudging = victims(world.faults.impossible_skill_levels, everybody, rng)

    def lines() -> Iterator[str]:
        skill_id = 0
        for candidate, number in enumerate(counts):
            if not number:
                continue
            created = stamp(people.joined(people.candidate_user[candidate]))
            chosen: dict[str, Skill] = {}
            while len(chosen) < number:
                skill = SKILLS[int(share() * len(SKILLS))]
                chosen.setdefault(skill.name.lower(), skill)
            levels = [1 + int(share() * 5) for _ in range(number)]
            entries = [
                (skill.name, level, skill.category) for skill, level in zip(chosen.values(), levels, strict=True)
            ]
            if candidate in repeating:
                name, level, category = entries[0]
                entries.append((name.swapcase(), level % 5 + 1, category))
            if candidate in misjudging:
                entries[-1] = (entries[-1][0], 9 if candidate % 2 else 0, entries[-1][2])
            for name, level, category in entries:
                skill_id += 1
                yield f"{skill_id}\t{candidate}\t{name}\t{level}\t{category}\t{created}\t{created}\n"

    return Table(
        "skills",
        columns("id candidate_id name level category created_at updated_at"),
        sum(counts) + world.faults.duplicate_skills,
        lines(),
    )
