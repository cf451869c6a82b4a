"""Companies and the employers who act for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column, relationship

from intowork.models.base import Base, CreatedAt, LongText, PrimaryKey, UpdatedAt, Varchar

if TYPE_CHECKING:
    from intowork.models.jobs import Job
    from intowork.models.users import User


class Company(Base):
    """A company that offers jobs."""

    __tablename__ = "companies"

    id: Mapped[PrimaryKey]
    name: Mapped[Varchar]
    description: Mapped[LongText | None]
    industry: Mapped[Varchar | None]
    size: Mapped[Varchar | None]
    website_url: Mapped[Varchar | None]
    linkedin_url: Mapped[Varchar | None]
    address: Mapped[Varchar | None]
    city: Mapped[Varchar | None]
    country: Mapped[Varchar | None]
    logo_url: Mapped[Varchar | None]
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    employers: Mapped[list[Employer]] = relationship(back_populates="company")
    jobs: Mapped[list[Job]] = relationship(back_populates="company")


class Employer(Base):
    """A user who recruits, for one company or for none yet."""

    __tablename__ = "employers"
    __table_args__ = (Index("idx_employers_company_id", "company_id"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), unique=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    position: Mapped[Varchar | None]
    department: Mapped[Varchar | None]
    phone: Mapped[Varchar | None]
    can_create_jobs: Mapped[bool | None] = mapped_column(default=True)
    can_manage_candidates: Mapped[bool | None] = mapped_column(default=True)
    is_admin: Mapped[bool | None] = mapped_column(default=False)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[UpdatedAt]

    user: Mapped[User] = relationship(back_populates="employer")
    company: Mapped[Company | None] = relationship(back_populates="employers")
    jobs: Mapped[list[Job]] = relationship(back_populates="employer")
