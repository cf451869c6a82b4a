"""The three accounts that can sign in to a data set."""

from __future__ import annotations

import hashlib

from argon2.low_level import Type, hash_secret

from intowork.seed.world import World

DEMO_PASSWORD = "Demo-password-2026"  # noqa: S105 - documented, for data that is made up
ADMINISTRATOR_EMAIL = "admin@demo.intowork.example"
EMPLOYER_EMAIL = "employer@demo.intowork.example"
CANDIDATE_EMAIL = "candidate@demo.intowork.example"

UNUSABLE_PASSWORD_HASH = "!made-up-account-without-password"  # noqa: S105 - no password has this hash
"""No hash of any scheme: nobody signs in, and no time goes into hashing a password per user."""


def demo_users(world: World) -> dict[int, str]:
    """The e-mail address of each user who can sign in."""
    return {
        1: ADMINISTRATOR_EMAIL,
        world.people.employer_user[world.demo_employer]: EMPLOYER_EMAIL,
        world.people.candidate_user[world.demo_candidate]: CANDIDATE_EMAIL,
    }


def demo_password_hash(seed: int) -> str:
    """The Argon2id hash of the demo password; its salt follows from the seed, so that a data set is repeatable.

    The cost is RFC 9106's second recommended option, argon2-cffi's own default.
    """
    salt = hashlib.sha256(f"demo password {seed}".encode()).digest()[:16]
    return hash_secret(
        DEMO_PASSWORD.encode(),
        salt,
        time_cost=3,
        memory_cost=65536,
        parallelism=4,
        hash_len=32,
        type=Type.ID,
    ).decode()
