"""Who may do what: one table of all endpoints, which fails where one is missing."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from sqlalchemy import update

from intowork.app import create_app
from intowork.models import Employer
from intowork.settings import Settings

from .web import PASSWORD, Api, bearer

pytestmark = pytest.mark.asyncio


class Case(NamedTuple):
    """An endpoint, and what comes to whom.

    Attributes:
        path: with {job}, {application}, {session} of the right one.
        anonymous: the status for nobody.
        candidate: for another candidate.
        employer: for the employer of another company.
        owner: for the right one: the candidate or employer whose thing it is.
        right: who that is.
    """

    method: str
    path: str
    anonymous: int
    candidate: int
    employer: int
    owner: int
    right: str
    body: dict[str, Any] | None = None


JOB = {"title": "Chef", "description": "Cook."}
SIGN_UP = {
    "email": "new@example.com", "password": PASSWORD, "first_name": "A", "last_name": "B", "role": "candidate",
}  # fmt: skip
POSITION = {"title": "Chef", "company": "Acme", "start_date": "2020-01"}
DEGREE = {"degree": "MSc", "school": "Lyon", "start_date": "2015-09", "end_date": "2017-06"}
SKILL = {"name": "Cooking", "level": 4, "category": "technical"}
SIGN_IN = {name: SIGN_UP[name] for name in ("email", "password")}
TABLE = [
    Case("POST", "/api/auth/sign-up", 201, 409, 409, 409, "candidate", SIGN_UP),
    Case(
        "POST", "/api/auth/sign-in", 200, 200, 200, 200, "candidate", {"email": "new@example.com", "password": PASSWORD}
    ),
    Case("GET", "/api/auth/me", 401, 200, 200, 200, "candidate"),
    Case("GET", "/api/auth/sessions", 401, 200, 200, 200, "candidate"),
    Case("GET", "/api/jobs", 200, 200, 200, 200, "candidate"),
    Case("GET", "/api/jobs/recent-count", 200, 200, 200, 200, "candidate"),
    Case("GET", "/api/jobs/mine", 401, 403, 200, 200, "employer"),
    Case("GET", "/api/jobs/{job}", 200, 200, 200, 200, "employer"),
    Case("GET", "/api/jobs/{draft}", 404, 404, 404, 200, "employer"),
    Case("POST", "/api/jobs", 401, 403, 201, 201, "employer", JOB),
    Case("PATCH", "/api/jobs/{job}", 401, 403, 404, 200, "employer", {"title": "Cook"}),
    Case("POST", "/api/jobs/{draft}/publish", 401, 403, 404, 200, "employer"),
    Case("POST", "/api/jobs/{job}/applications", 401, 201, 403, 409, "candidate", {}),
    Case("GET", "/api/applications", 401, 200, 403, 200, "candidate"),
    Case("GET", "/api/applications/{application}", 401, 404, 403, 200, "candidate"),
    Case("GET", "/api/received-applications", 401, 403, 200, 200, "employer"),
    Case("GET", "/api/received-applications/{application}", 401, 403, 404, 200, "employer"),
    Case("POST", "/api/received-applications/{application}/view", 401, 403, 404, 200, "employer"),
    Case("PUT", "/api/received-applications/{application}/notes", 401, 403, 404, 200, "employer", {"notes": "x"}),
    Case(
        "PUT", "/api/received-applications/{application}/status", 401, 403, 404, 200, "employer", {"status": "rejected"}
    ),
    Case("GET", "/api/notifications", 401, 200, 200, 200, "employer"),
    Case("GET", "/api/notifications/unread-count", 401, 200, 200, 200, "employer"),
    Case("POST", "/api/notifications/read-all", 401, 204, 204, 204, "employer"),
    Case("POST", "/api/notifications/{notification}/read", 401, 404, 404, 204, "employer"),
    Case("DELETE", "/api/notifications/{notification}", 401, 404, 404, 204, "employer"),
    Case("GET", "/api/dashboard/employer", 401, 403, 200, 200, "employer"),
    Case("GET", "/api/dashboard/candidate", 401, 200, 403, 200, "candidate"),
    Case("GET", "/api/admin/stats", 401, 403, 403, 403, "employer"),
    Case("GET", "/api/admin/users", 401, 403, 403, 403, "employer"),
    Case("PUT", "/api/admin/users/{user}/active", 401, 403, 403, 403, "employer", {"is_active": True}),
    Case("GET", "/api/admin/jobs", 401, 403, 403, 403, "employer"),
    Case("POST", "/api/jobs/{job}/close", 401, 403, 404, 200, "employer"),
    Case("POST", "/api/jobs/{job}/archive", 401, 403, 404, 200, "employer"),
    # Candidates, companies, employers.
    Case("GET", "/api/candidates/me", 401, 200, 403, 200, "candidate"),
    Case("PATCH", "/api/candidates/me", 401, 200, 403, 200, "candidate", {"title": "Cook"}),
    Case("POST", "/api/candidates/me/experiences", 401, 201, 403, 201, "candidate", POSITION),
    Case("PATCH", "/api/candidates/me/experiences/{experience}", 401, 404, 403, 200, "candidate", {"title": "Cook"}),
    Case("DELETE", "/api/candidates/me/experiences/{experience}", 401, 404, 403, 204, "candidate"),
    Case("POST", "/api/candidates/me/educations", 401, 201, 403, 201, "candidate", DEGREE),
    Case("PATCH", "/api/candidates/me/educations/{education}", 401, 404, 403, 200, "candidate", {"degree": "BSc"}),
    Case("DELETE", "/api/candidates/me/educations/{education}", 401, 404, 403, 204, "candidate"),
    Case("POST", "/api/candidates/me/skills", 401, 201, 403, 201, "candidate", SKILL | {"name": "French"}),
    Case("PATCH", "/api/candidates/me/skills/{skill}", 401, 404, 403, 200, "candidate", {"level": 5}),
    Case("DELETE", "/api/candidates/me/skills/{skill}", 401, 404, 403, 204, "candidate"),
    Case("GET", "/api/received-applications/{application}/candidate", 401, 403, 404, 200, "employer"),
    Case("POST", "/api/companies", 401, 403, 409, 409, "employer", {"name": "Acme"}),
    Case("GET", "/api/companies/mine", 401, 403, 200, 200, "employer"),
    Case("PATCH", "/api/companies/mine", 401, 403, 403, 200, "employer", {"name": "Acme"}),
    Case("GET", "/api/companies/mine/stats", 401, 403, 200, 200, "employer"),
    Case("GET", "/api/companies/mine/employers", 401, 403, 200, 200, "employer"),
    Case("PATCH", "/api/companies/mine/employers/{colleague}", 401, 403, 403, 200, "employer", {}),
    Case("GET", "/api/companies/{company}", 200, 200, 200, 200, "employer"),
    Case("GET", "/api/employers/me", 401, 403, 200, 200, "employer"),
    Case("PATCH", "/api/employers/me", 401, 403, 200, 200, "employer", {"position": "Partner"}),
    Case("DELETE", "/api/auth/sessions/{session}", 401, 404, 404, 204, "candidate"),
    Case("DELETE", "/api/auth/sessions", 401, 204, 204, 204, "candidate"),
    Case("POST", "/api/auth/sign-out", 401, 204, 204, 204, "candidate"),
]


async def test_everybody_gets_what_is_his_and_nobody_anything_else(quick: Api) -> None:
    employer, other_employer = await quick.employer(), await quick.employer()
    account, other_candidate = await quick.signed_up("candidate"), await quick.candidate()
    candidate = bearer(account)
    again = {"email": account["user"]["email"], "password": PASSWORD}
    await quick.http.post("/api/auth/sign-in", json=again)
    job = await quick.open_job(employer)
    draft = (await quick.http.post("/api/jobs", json=JOB, headers=employer)).json()["id"]
    sent = await quick.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)
    sessions = (await quick.http.get("/api/auth/sessions", headers=candidate)).json()
    told = (await quick.http.get("/api/notifications", headers=employer)).json()["items"]
    keys = {
        "notification": told[0]["id"],
        "user": account["user"]["id"],
        "job": job,
        "draft": draft,
        "application": sent.json()["id"],
        "session": sessions[0]["id"],
    }
    keys |= await _of_profile(quick, candidate) | await _of_company(quick, employer)
    right = {"candidate": candidate, "employer": employer}
    for case in TABLE:
        for who, headers, expected in (
            ("nobody", {}, case.anonymous),
            ("another candidate", other_candidate, case.candidate),
            ("another employer", other_employer, case.employer),
            ("the right one", right[case.right], case.owner),
        ):
            quick.http.cookies.clear()
            answer = await quick.http.request(case.method, case.path.format(**keys), json=case.body, headers=headers)
            assert answer.status_code == expected, (who, case.method, case.path, answer.text)


async def _of_profile(api: Api, candidate: dict[str, str]) -> dict[str, int]:
    """The keys of an entry of each list of a candidate's profile."""
    entries = {"experience": POSITION, "education": DEGREE, "skill": SKILL}
    added = {
        name: await api.http.post(f"/api/candidates/me/{name}s", json=body, headers=candidate)
        for name, body in entries.items()
    }
    return {name: answer.json()["id"] for name, answer in added.items()}


async def _of_company(api: Api, employer: dict[str, str]) -> dict[str, int]:
    """The keys of an employer's company, whose admin he becomes, and of a colleague there."""
    company = (await api.http.get("/api/companies/mine", headers=employer)).json()["id"]
    colleague = (await api.signed_up("employer"))["user"]["employer_id"]
    with api.rows() as session:
        session.execute(update(Employer).where(Employer.company_id == company).values(is_admin=True))
        session.execute(update(Employer).where(Employer.id == colleague).values(company_id=company))
        session.commit()
    return {"company": company, "colleague": colleague}


async def test_the_table_names_every_endpoint() -> None:
    def shape(path: str) -> str:
        return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))

    paths = create_app(Settings(database_url="postgresql:///nowhere")).openapi()["paths"]
    there = {(method.upper(), shape(path)) for path in paths if path.startswith("/api/") for method in paths[path]}
    assert there == {(case.method, shape(case.path)) for case in TABLE}
