"""A client of the API for tests: on a database of its own, without a network in between."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from intowork.app import create_app
from intowork.database.url import parse_url
from intowork.models import Company, Employer
from intowork.settings import Settings

PASSWORD = "seven green horses sing"


@dataclass
class Api:
    """The application, and who may use it."""

    http: httpx.AsyncClient
    url: str
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def rows(self) -> Session:
        """Return a session beside the application, to arrange and to look."""
        return Session(create_engine(parse_url("the test's URL", self.url), poolclass=NullPool), expire_on_commit=False)

    async def signed_up(self, role: str) -> dict[str, Any]:
        """Return what a new account's sign-up answered."""
        body = {
            "email": f"{role}{next(self._numbers)}@example.com", "password": PASSWORD,
            "first_name": "Ada", "last_name": "Lovelace", "role": role,
        }  # fmt: skip
        answer = await self.http.post("/api/auth/sign-up", json=body)
        assert answer.status_code == 201, answer.text
        self.http.cookies.clear()
        return dict(answer.json())

    async def candidate(self) -> dict[str, str]:
        """Return the headers of a new candidate."""
        return bearer(await self.signed_up("candidate"))

    async def employer(self) -> dict[str, str]:
        """Return the headers of a new employer with a company."""
        account = await self.signed_up("employer")
        with self.rows() as session:
            employer = session.get(Employer, account["user"]["employer_id"])
            assert employer is not None
            employer.company = Company(name="Acme")
            session.commit()
        return bearer(account)

    async def open_job(self, employer: dict[str, str], **columns: Any) -> int:
        """Return the key of a new published job."""
        body = {"title": "Data Engineer", "description": "Work.", **columns}
        created = await self.http.post("/api/jobs", json=body, headers=employer)
        assert created.status_code == 201, created.text
        key = int(created.json()["id"])
        published = await self.http.post(f"/api/jobs/{key}/publish", headers=employer)
        assert published.status_code == 200, published.text
        return key


def bearer(account: dict[str, Any]) -> dict[str, str]:
    """Return the headers with which a program acts for an account."""
    return {"Authorization": f"Bearer {account['token']}"}


@asynccontextmanager
async def running(url: str, **settings: Any) -> AsyncIterator[Api]:
    """Yield the application on a database, through all of its middleware."""
    app = create_app(Settings(database_url=url, **settings))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Api(http, url)
