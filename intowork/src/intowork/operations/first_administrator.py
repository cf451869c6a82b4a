"""The first administrator, who makes the others; nobody signs up as one."""

from __future__ import annotations

from argon2 import PasswordHasher
from pydantic import EmailStr, TypeAdapter, ValidationError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from intowork.accounts.rules import normalized_email, password_fault
from intowork.errors import IntoWorkError
from intowork.models import User, UserRole

_LOCK = 4_187_009_215
"""Of pg_advisory_xact_lock: one first administrator, also when two commands run at once."""


def make_first_administrator(engine: Engine, email: str, password: str, first_name: str, last_name: str) -> str:
    """Make the administrator of a platform that has none, and return the address that signs in.

    Args:
        engine: of the database, at head.
        email: nobody's yet.
        password: strong enough for `password_fault`.
        first_name: of the person.
        last_name: of the person.

    Raises:
        IntoWorkError: there is an administrator, the address is taken or none, or the password is too weak.
    """
    try:
        address = normalized_email(TypeAdapter(EmailStr).validate_python(email.strip()))
    except ValidationError:
        raise IntoWorkError(f"{email!r} is not an e-mail address: give --email one") from None
    if fault := password_fault(password, address):
        raise IntoWorkError(f"the password {fault}")
    hashed = PasswordHasher().hash(password)
    with Session(engine) as session:
        session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        if session.scalar(select(User.id).where(User.role == UserRole.ADMIN).limit(1)) is not None:
            raise IntoWorkError("there is an administrator already, who can make others: nothing was changed")
        administrator = User(
            email=address,
            password_hash=hashed,
            first_name=first_name,
            last_name=last_name,
            role=UserRole.ADMIN,
            # Whoever reaches the server's environment needs no e-mail to prove it.
            email_verified=func.now(),
        )
        session.add(administrator)
        try:
            session.commit()
        except IntegrityError:
            raise IntoWorkError(f"{address} has an account already: give --email another") from None
    return address
