"""Every statement about an employer's own record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import false, func, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate

from intowork.kit.sql import Rows
from intowork.models import Employer

# A null, written outside the ORM, is what a new employer gets.
_SHOWN = (
    Employer.id, Employer.company_id, Employer.position, Employer.department, Employer.phone,
    func.coalesce(Employer.can_create_jobs, true()).label("can_create_jobs"),
    func.coalesce(Employer.can_manage_candidates, true()).label("can_manage_candidates"),
    func.coalesce(Employer.is_admin, false()).label("is_admin"),
)  # fmt: skip


def employer(employer_id: int) -> Rows:
    """Return an employer."""
    return select(*_SHOWN).where(Employer.id == employer_id)


def change_employer(employer_id: int, columns: Mapping[str, Any]) -> ReturningUpdate[*tuple[Any, ...]]:
    """Change an employer, and return it."""
    return (
        update(Employer).where(Employer.id == employer_id).values(updated_at=func.now(), **columns).returning(*_SHOWN)
    )
