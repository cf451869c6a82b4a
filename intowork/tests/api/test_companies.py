from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from sqlalchemy import func, select, update

from intowork.models import ApplicationStatus, Company, Employer, JobApplication

from .web import Api, bearer

pytestmark = pytest.mark.asyncio

MINE = "/api/companies/mine"

Statements = Callable[..., AbstractContextManager[list[Any]]]


async def founded(api: Api, **columns: Any) -> tuple[dict[str, str], int, int]:
    """Return the headers and the key of an employer who created a company, and the company's key."""
    account = await api.signed_up("employer")
    created = await api.http.post("/api/companies", json={"name": "Acme"} | columns, headers=bearer(account))
    assert created.status_code == 201, created.text
    return bearer(account), int(account["user"]["employer_id"]), int(created.json()["id"])


async def joined(api: Api, company: int) -> tuple[dict[str, str], int]:
    """Return the headers and the key of an employer who was let into a company."""
    account = await api.signed_up("employer")
    key = int(account["user"]["employer_id"])
    with api.rows() as session:
        session.execute(update(Employer).where(Employer.id == key).values(company_id=company))
        session.commit()
    return bearer(account), key


async def test_who_creates_a_company_is_its_admin_and_recruits_at_once(
    api: Api, pgproof_statements: Statements
) -> None:
    account = await api.signed_up("employer")
    employer = bearer(account)
    assert (await api.http.get(MINE, headers=employer)).status_code == 404
    assert (await api.http.get("/api/employers/me", headers=employer)).json()["is_admin"] is False
    body = {"name": " Acme ", "size": "11-50", "website_url": "https://acme.example", "city": "Lyon"}
    with pgproof_statements(max=3):
        created = await api.http.post("/api/companies", json=body, headers=employer)
    assert (created.status_code, created.json()["name"], created.json()["size"]) == (201, "Acme", "11-50")
    with pgproof_statements(max=2):
        assert (await api.http.get(MINE, headers=employer)).json() == created.json()
    record = (await api.http.get("/api/employers/me", headers=employer)).json()
    assert (record["company_id"], record["is_admin"], record["can_create_jobs"]) == (created.json()["id"], True, True)

    await api.open_job(employer)
    # READ ONLY, and the company.
    with pgproof_statements(max=2):
        public = (await api.http.get(created.headers["location"])).json()
    assert public == created.json() | {"open_jobs": {"value": 1, "exact": True}}
    assert (await api.http.get("/api/companies/999999")).status_code == 404
    with pgproof_statements(max=2):
        changed = await api.http.patch(MINE, json={"name": "Acme SAS", "city": None}, headers=employer)
    assert changed.json() == created.json() | {"name": "Acme SAS", "city": None}
    assert (await api.http.patch(MINE, json={}, headers=employer)).json() == changed.json()


async def test_an_employer_has_one_company_also_when_requests_race(quick: Api) -> None:
    employer = bearer(await quick.signed_up("employer"))
    answers = await asyncio.gather(
        *(quick.http.post("/api/companies", json={"name": f"Acme {n}"}, headers=employer) for n in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"/problems/already-in-company"}
    with quick.rows() as session:
        assert session.scalar(select(func.count()).select_from(Company)) == 1


async def test_numbers_are_those_of_ones_own_company_alone(api: Api, pgproof_statements: Statements) -> None:
    employer, _, company = await founded(api)
    colleague, _ = await joined(api, company)
    competitor, _, _ = await founded(api)
    nothing = dict.fromkeys(
        ("jobs", "draft_jobs", "open_jobs", "applications", "new_applications", "accepted_applications"), 0
    )
    assert (await api.http.get(f"{MINE}/stats", headers=employer)).json() == nothing | {"employers": 2}
    job, other_job, _ = [await api.open_job(who) for who in (employer, colleague, competitor)]
    await api.http.post("/api/jobs", json={"title": "Chef", "description": "Cook."}, headers=employer)
    closed = await api.open_job(employer)
    await api.http.post(f"/api/jobs/{closed}/close", headers=employer)
    sent = [(await api.candidate(), each) for each in (job, job, other_job)]
    for candidate, each in sent:
        await api.http.post(f"/api/jobs/{each}/applications", json={}, headers=candidate)
    with api.rows() as session:
        accepted = update(JobApplication).where(JobApplication.job_id == other_job)
        session.execute(accepted.values(status=ApplicationStatus.ACCEPTED))
        session.commit()
    with pgproof_statements(max=2):
        numbers = (await api.http.get(f"{MINE}/stats", headers=colleague)).json()
    assert numbers == {
        "employers": 2, "jobs": 4, "draft_jobs": 1, "open_jobs": 2,
        "applications": 3, "new_applications": 2, "accepted_applications": 1,
    }  # fmt: skip


async def test_an_admin_says_what_colleagues_may_do_and_it_holds_at_once(quick: Api) -> None:
    admin, admin_key, company = await founded(quick)
    colleague, key = await joined(quick, company)
    _, stranger_key, _ = await founded(quick)
    permissions = f"{MINE}/employers/{key}"
    listed = (await quick.http.get(f"{MINE}/employers", params={"size": 1}, headers=colleague)).json()
    assert [(each["id"], each["is_admin"]) for each in listed["items"]] == [(key, False)]
    rest = (await quick.http.get(f"{MINE}/employers", params={"cursor": listed["next"]}, headers=colleague)).json()
    assert [(each["id"], each["is_admin"]) for each in rest["items"]] == [(admin_key, True)]
    assert (rest["next"], rest["items"][0]["first_name"]) == (None, "Ada")

    job = {"title": "Chef", "description": "Cook."}
    assert (await quick.http.post("/api/jobs", json=job, headers=colleague)).status_code == 201
    changed = await quick.http.patch(permissions, json={"can_create_jobs": False}, headers=admin)
    assert changed.json() == {"id": key, "can_create_jobs": False, "can_manage_candidates": True}
    assert (await quick.http.post("/api/jobs", json=job, headers=colleague)).status_code == 403
    await quick.http.patch(permissions, json={"can_manage_candidates": False}, headers=admin)
    assert (await quick.http.get("/api/received-applications", headers=colleague)).status_code == 403

    allow = {"can_create_jobs": True}
    for who, path, expected in (
        (colleague, permissions, 409),
        (colleague, f"{MINE}/employers/{admin_key}", 403),
        (admin, f"{MINE}/employers/{admin_key}", 409),
        (admin, f"{MINE}/employers/{stranger_key}", 404),
        (admin, f"{MINE}/employers/999999", 404),
    ):
        assert (await quick.http.patch(path, json=allow, headers=who)).status_code == expected, path
    assert (await quick.http.patch(MINE, json={"name": "Mine"}, headers=colleague)).status_code == 403
    record = (await quick.http.get("/api/employers/me", headers=colleague)).json()
    assert (record["can_create_jobs"], record["can_manage_candidates"]) == (False, False)


async def test_an_employer_changes_his_own_record_and_not_what_others_give(quick: Api) -> None:
    employer, key, company = await founded(quick)
    record = "/api/employers/me"
    changed = await quick.http.patch(record, json={"position": "Partner", "phone": "+33 1"}, headers=employer)
    assert changed.json() == {
        "id": key, "company_id": company, "position": "Partner", "department": None, "phone": "+33 1",
        "can_create_jobs": True, "can_manage_candidates": True, "is_admin": True,
    }  # fmt: skip
    kept = await quick.http.patch(record, json={"phone": None}, headers=employer)
    assert (kept.json()["position"], kept.json()["phone"]) == ("Partner", None)
    assert (await quick.http.get(record, headers=employer)).json() == kept.json()
    assert (await quick.http.patch(record, json={}, headers=employer)).json() == kept.json()


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"name": None}, "name"),
    ({"name": " "}, "name"),
    ({"name": "\ud800"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"description": "nul\x00byte"}, "description"),
    ({"size": "12"}, "size"),
    ({"website_url": "javascript:alert(1)"}, "website_url"),
    ({"logo_url": "//acme.example/logo.png"}, "logo_url"),
    ({"id": 1}, "id"),
]
OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("/api/employers/me", {"company_id": 1}, "company_id"),
    ("/api/employers/me", {"is_admin": True}, "is_admin"),
    ("/api/employers/me", {"can_create_jobs": True}, "can_create_jobs"),
    ("/api/employers/me", {"position": 7}, "position"),
    (f"{MINE}/employers/1", {"can_create_jobs": None}, "can_create_jobs"),
    (f"{MINE}/employers/1", {"is_admin": True}, "is_admin"),
]


async def test_a_bad_value_is_named_and_nothing_is_stored(quick: Api) -> None:
    employer, _, _ = await founded(quick)
    newcomer = bearer(await quick.signed_up("employer"))
    before = [(await quick.http.get(path, headers=employer)).json() for path in (MINE, "/api/employers/me")]
    requests = [
        *(("POST", "/api/companies", newcomer, {"name": "Acme"} | body, field) for body, field in FAULTS),
        *(("PATCH", MINE, employer, body, field) for body, field in FAULTS),
        *(("PATCH", path, employer, body, field) for path, body, field in OTHERS),
    ]
    for method, path, who, body, field in requests:
        # Escaped, as httpx does not: so half a surrogate pair comes as far as the platform.
        headers = who | {"content-type": "application/json"}
        answer = await quick.http.request(method, path, content=json.dumps(body), headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), body
        assert f"body.{field}" in [error["field"] for error in answer.json()["errors"]], (body, answer.text)
    assert [(await quick.http.get(path, headers=employer)).json() for path in (MINE, "/api/employers/me")] == before
    assert (await quick.http.get(MINE, headers=newcomer)).status_code == 404
