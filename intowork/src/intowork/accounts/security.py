"""Passwords and tokens: how they are made, kept and compared."""

from __future__ import annotations

import hashlib
import secrets
from functools import partial

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
# RFC 9106's low-memory profile, argon2-cffi's default: 64 MiB each, so no more at a time than cores of a small server.
_AT_A_TIME = CapacityLimiter(2)
_TOKEN_BYTES = 32


def new_token() -> str:
    """Return a token that nobody guesses, for a cookie, a header or a link."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest(token: str) -> str:
    """Return what is kept of a token: who reads the table can sign in as nobody.

    SHA-256 without salt is enough for 256 random bits, and lets an index find them.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_token(session_token: str) -> str:
    """Return what a page sends beside its session cookie, which another site cannot read or compute."""
    return hashlib.sha256(f"csrf:{session_token}".encode()).hexdigest()


def is_csrf_token(given: str, session_token: str) -> bool:
    """Tell whether a page of ours sent it, in a time that says nothing about how much of it is right."""
    return secrets.compare_digest(given.encode(), csrf_token(session_token).encode())


async def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters."""
    return await to_thread.run_sync(partial(_HASHER.hash, password), limiter=_AT_A_TIME)


async def is_password(hashed: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed; without a hash it takes as long to say no.

    Args:
        hashed: None where the address is unknown, or its account has no password.
        password: as it was given.
    """
    known = hashed if hashed is not None else _nobodys()
    return await to_thread.run_sync(partial(_verify, known, password), limiter=_AT_A_TIME) and hashed is not None


def _verify(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


_known: list[str] = []


def _nobodys() -> str:
    if not _known:
        _known.append(_HASHER.hash(new_token()))
    return _known[0]
