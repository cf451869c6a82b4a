"""What holds for accounts whatever the database: which passwords are strong enough, how addresses are compared."""

from __future__ import annotations

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 128
_FEWEST_CHARACTERS = 6
_COMMON = ("password", "passwort", "motdepasse", "123456", "azerty", "qwerty", "letmein", "intowork")


def password_fault(password: str, email: str) -> str | None:
    """Return what makes a password too weak; None where nothing does.

    Length and what an attacker tries first count, not kinds of characters (NIST SP 800-63B, section 5.1.1.2).

    Args:
        password: as it was given.
        email: of its account.
    """
    if len(password) < SHORTEST_PASSWORD:
        return f"must have at least {SHORTEST_PASSWORD} characters"
    if len(password) > LONGEST_PASSWORD:
        return f"must have at most {LONGEST_PASSWORD} characters"
    if len(set(password)) < _FEWEST_CHARACTERS:
        return f"must have at least {_FEWEST_CHARACTERS} different characters"
    folded = password.casefold()
    local_part = email.partition("@")[0].casefold()
    if local_part and local_part in folded and len(local_part) > len(password) / 3:
        return "must not be made of the e-mail address"
    common = max((word for word in _COMMON if word in folded), key=len, default="")
    if len(common) > len(password) / 3:
        return "must not be made of a common password"
    return None


def normalized_email(email: str) -> str:
    """Return an address as it is stored and looked up: people do not remember its capitals."""
    return email.strip().lower()
