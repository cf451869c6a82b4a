"""Users and what lets them sign in: provider accounts, sessions and tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from intowork.models.base import Base, CreatedAt, LongText, PrimaryKey, Timestamp, UpdatedAt, Varchar, labels
from intowork.models.enums import UserRole

if TYPE_CHECKING:
    from intowork.models.candidates import Candidate
    from intowork.models.companies import Employer


class User(Base):
    """A person who can sign in; candidate and employer hang on it one to one."""

    __tablename__ = "users"
    __table_args__ = (Index("idx_users_created_at", "created_at", "id"),)

    id: Mapped[PrimaryKey]
    email: Mapped[Varchar] = mapped_column(index=True, unique=True)
    email_verified: Mapped[Timestamp | None]
    password_hash: Mapped[Varchar | None]
    name: Mapped[Varchar | None]
    image: Mapped[Varchar | None]
    clerk_id: Mapped[Varchar | None] = mapped_column(index=True, unique=True)
    role: Mapped[UserRole] = mapped_column(labels(UserRole, "userrole"))
    first_name: Mapped[Varchar]
    last_name: Mapped[Varchar]
    is_active: Mapped[bool | None] = mapped_column(default=True)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    candidate: Mapped[Candidate | None] = relationship(back_populates="user", cascade="all, delete-orphan")
    employer: Mapped[Employer | None] = relationship(back_populates="user", cascade="all, delete-orphan")
    accounts: Mapped[list[Account]] = relationship(back_populates="user", cascade="all, delete-orphan")
    sessions: Mapped[list[Session]] = relationship(back_populates="user", cascade="all, delete-orphan")


class Account(Base):
    """A link from a user to an identity at a provider; one identity belongs to one user."""

    __tablename__ = "accounts"
    __table_args__ = (UniqueConstraint("provider", "provider_account_id", name="unique_user_provider_account"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    type: Mapped[Varchar]
    provider: Mapped[Varchar]
    provider_account_id: Mapped[Varchar]
    refresh_token: Mapped[LongText | None]
    access_token: Mapped[LongText | None]
    id_token: Mapped[LongText | None]
    expires_at: Mapped[int | None]
    token_type: Mapped[Varchar | None]
    scope: Mapped[Varchar | None]
    session_state: Mapped[Varchar | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = relationship(back_populates="accounts")


class Session(Base):
    """A signed-in browser or program."""

    __tablename__ = "sessions"
    __table_args__ = (Index("idx_sessions_expires", "expires"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    session_token: Mapped[Varchar] = mapped_column(index=True, unique=True)
    expires: Mapped[Timestamp]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = relationship(back_populates="sessions")


class VerificationToken(Base):
    """A token sent to an e-mail address to show that its owner reads it."""

    __tablename__ = "verification_tokens"
    __table_args__ = (Index("idx_verification_tokens_expires", "expires"),)

    id: Mapped[PrimaryKey]
    identifier: Mapped[Varchar]
    token: Mapped[Varchar] = mapped_column(index=True, unique=True)
    expires: Mapped[Timestamp]
    created_at: Mapped[CreatedAt]


class PasswordResetToken(Base):
    """A single-use token that lets its holder set a new password."""

    __tablename__ = "password_reset_tokens"
    __table_args__ = (Index("idx_password_reset_tokens_expires", "expires_at"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    token: Mapped[Varchar] = mapped_column(index=True, unique=True)
    expires_at: Mapped[Timestamp]
    used_at: Mapped[Timestamp | None]
    created_at: Mapped[CreatedAt]
