"""Rows of what signing in leaves behind: provider accounts, sessions and tokens."""

from __future__ import annotations

from collections.abc import Iterator

from intowork.seed.clock import DAY, HOUR, NOW
from intowork.seed.sizes import wheel
from intowork.seed.table import NULL, Table, columns
from intowork.seed.vocabulary import PROVIDER_SCOPES
from intowork.seed.world import World

_PROVIDERS = wheel(("google", "linkedin", "github"), (55, 30, 15), length=100)
_SESSION_LENGTH = 30 * DAY
_OLDEST_EXPIRY = 720 * DAY
_FRESH_EXPIRY = 31 * DAY
_FRESHLY_EXPIRED_SHARE = 0.03


def accounts(world: World) -> Table:
    """Provider accounts: one for each user who has any; at phase 2 some are linked twice or to two users."""
    people, clock, faults = world.people, world.clock, world.faults
    rng = world.random("accounts")
    share, bits = rng.random, rng.getrandbits
    linked = people.account_users
    troubled = world.random("account faults").sample(range(len(linked)), faults.double_links + faults.shared_links)
    double, shared = frozenset(troubled[: faults.double_links]), frozenset(troubled[faults.double_links :])
    latest_expiry = clock.epoch(NOW + HOUR)

    def account(number: int, user: int, since: int, provider: str, provider_id: str) -> str:
        created = clock.stamp(since)
        refresh = f"1//{bits(160):040x}" if provider == "google" else NULL
        return (
            f"{number}\t{user}\toauth\t{provider}\t{provider_id}\t{refresh}\t{bits(240):060x}\t{NULL}"
            f"\t{latest_expiry - int(share() * 400 * DAY)}\tbearer\t{PROVIDER_SCOPES[provider]}\t{NULL}"
            f"\t{created}\t{created}\n"
        )

    def lines() -> Iterator[str]:
        number = 0
        for i, user in enumerate(linked):
            provider = _PROVIDERS[int(share() * len(_PROVIDERS))]
            provider_id = f"1{user * 2654435761 & 0xFFFFFFFF:010}{user:010}"
            since = people.joined(user)
            number += 1
            yield account(number, user, since, provider, provider_id)
            if i in double or i in shared:
                other = user if i in double else linked[i - 1] if i else linked[1]
                number += 1
                yield account(number, other, since + int((NOW - since) * share()), provider, provider_id)

    return Table(
        "accounts",
        columns(
            "id user_id type provider provider_account_id refresh_token access_token id_token expires_at token_type"
            " scope session_state created_at updated_at"
        ),
        len(linked) + faults.double_links + faults.shared_links,
        lines(),
    )


def sessions(world: World) -> Table:
    """Sessions in the order of their expiry: two years of expired ones that nobody cleaned up, then the live ones."""
    people, stamp, scale = world.people, world.clock.stamp, world.scale
    rng = world.random("sessions")
    share, bits = rng.random, rng.getrandbits
    fresh = int(scale.expired_sessions * _FRESHLY_EXPIRED_SHARE)
    periods = (
        (scale.expired_sessions - fresh, NOW - _OLDEST_EXPIRY, NOW - _FRESH_EXPIRY),
        (fresh, NOW - _FRESH_EXPIRY, NOW - HOUR),
        (scale.live_sessions, NOW + DAY, NOW + _SESSION_LENGTH - HOUR),
    )

    def lines() -> Iterator[str]:
        session = 0
        for count, since, until in periods:
            for i in range(count):
                session += 1
                expires = since + (until - since) * i // count
                created = expires - _SESSION_LENGTH
                # Whoever has been here longer has signed in more often.
                user = 1 + int(people.users_at(created) * share() * share())
                made = stamp(created)
                yield f"{session}\t{user}\t{bits(256):064x}\t{stamp(expires)}\t{made}\t{made}\n"

    return Table(
        "sessions",
        columns("id user_id session_token expires created_at updated_at"),
        scale.live_sessions + scale.expired_sessions,
        lines(),
    )


def verification_tokens(world: World) -> Table:
    """Tokens sent to addresses of the last year; all but the newest have expired."""
    stamp, scale = world.clock.stamp, world.scale
    bits = world.random("verification tokens").getrandbits

    def lines() -> Iterator[str]:
        for token in range(1, scale.verification_tokens + 1):
            created = NOW - HOUR - 365 * DAY * (scale.verification_tokens - token) // scale.verification_tokens
            yield (
                f"{token}\tvisitor{token}@mail.example\t{bits(256):064x}\t{stamp(created + DAY)}\t{stamp(created)}\n"
            )

    return Table(
        "verification_tokens",
        columns("id identifier token expires created_at"),
        scale.verification_tokens,
        lines(),
    )


def password_reset_tokens(world: World) -> Table:
    """Tokens of the last year, 60 % of them used within a day; all but the newest have expired."""
    people, stamp, scale = world.people, world.clock.stamp, world.scale
    rng = world.random("reset tokens")
    share, bits = rng.random, rng.getrandbits

    def lines() -> Iterator[str]:
        for token in range(1, scale.reset_tokens + 1):
            created = NOW - HOUR - 365 * DAY * (scale.reset_tokens - token) // scale.reset_tokens
            used = stamp(created + int(HOUR * share())) if share() < 0.6 else NULL
            user = 1 + int(people.users_at(created) * share())
            yield f"{token}\t{user}\t{bits(256):064x}\t{stamp(created + DAY)}\t{used}\t{stamp(created)}\n"

    return Table(
        "password_reset_tokens",
        columns("id user_id token expires_at used_at created_at"),
        scale.reset_tokens,
        lines(),
    )
