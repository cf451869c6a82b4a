from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import update

from intowork.models import Job

from .web import Api

pytestmark = pytest.mark.asyncio

SOON = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()


async def test_a_job_lives_from_draft_to_archive_and_is_listed_while_it_is_open(api: Api) -> None:
    employer = await api.employer()
    created = await api.http.post(
        "/api/jobs",
        json={"title": "  Chef ", "description": "Cook.", "salary_min": 30_000, "location": "Lyon", "expires_at": SOON},
        headers=employer,
    )
    assert (created.status_code, created.json()["status"], created.json()["title"]) == (201, "draft", "Chef")
    job = created.headers["location"]
    assert (await api.http.get(job)).status_code == 404
    assert (await api.http.get(job, headers=employer)).json()["is_open"] is False

    assert (await api.http.post(f"{job}/publish", headers=employer)).json()["status"] == "published"
    listed = (await api.http.get("/api/jobs", params={"location": " lyon "})).json()
    assert [item["title"] for item in listed["items"]] == ["Chef"]
    assert (listed["next"], listed["count"]) == (None, {"value": 1, "exact": True})
    assert listed["items"][0]["company"]["name"] == "Acme"
    assert (await api.http.get(job)).json()["description"] == "Cook."
    assert (await api.http.get("/api/jobs/recent-count")).json() == {"value": 1, "exact": True}
    posted_at = (await api.http.get(job)).json()["posted_at"]

    refused = await api.http.post(f"{job}/archive", headers=employer)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/illegal-transition")
    assert (await api.http.post(f"{job}/close", headers=employer)).status_code == 200
    assert (await api.http.get("/api/jobs")).json()["items"] == []
    assert (await api.http.post(f"{job}/publish", headers=employer)).json()["posted_at"] == posted_at
    await api.http.post(f"{job}/close", headers=employer)
    assert (await api.http.post(f"{job}/archive", headers=employer)).json()["status"] == "archived"
    assert (await api.http.post(f"{job}/publish", headers=employer)).status_code == 409
    assert [item["status"] for item in (await api.http.get("/api/jobs/mine", headers=employer)).json()["items"]] == [
        "archived"
    ]


async def test_an_expired_job_is_nowhere_but_with_its_employer(api: Api) -> None:
    employer, candidate = await api.employer(), await api.candidate()
    job = await api.open_job(employer, expires_at=SOON)
    with api.rows() as session:
        session.execute(update(Job).values(expires_at=dt.datetime.now(dt.UTC)))
        session.commit()
    assert (await api.http.get("/api/jobs")).json()["items"] == []
    assert (await api.http.get("/api/jobs/recent-count")).json()["value"] == 0
    assert (await api.http.get(f"/api/jobs/{job}", headers=candidate)).status_code == 404
    assert (await api.http.get(f"/api/jobs/{job}", headers=employer)).json()["is_open"] is False
    applied = await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)
    assert (applied.status_code, applied.json()["type"]) == (409, "/problems/job-not-open")


async def test_pages_hold_each_job_once_and_the_last_has_no_next(api: Api) -> None:
    employer = await api.employer()
    jobs = [await api.open_job(employer, title=f"Job {number}") for number in range(5)]
    seen: list[int] = []
    counts = []
    cursor = None
    while True:
        params = {"size": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.http.get("/api/jobs", params=params)).json()
        seen += [item["id"] for item in page["items"]]
        counts.append(page["count"])
        if (cursor := page["next"]) is None:
            break
    assert seen == jobs[::-1]
    assert counts == [{"value": 5, "exact": True}, None, None]
    assert (await api.http.get("/api/jobs", params={"size": 5})).json()["next"] is None


async def test_a_change_names_what_it_changes_and_keeps_the_rest(quick: Api) -> None:
    employer = await quick.employer()
    job = await quick.open_job(employer, salary_min=40_000, salary_max=50_000, benefits="Fruit")
    answer = await quick.http.patch(f"/api/jobs/{job}", json={"title": "Cook", "benefits": None}, headers=employer)
    assert answer.json()["title"] == "Cook"
    detail = (await quick.http.get(f"/api/jobs/{job}")).json()
    assert (detail["benefits"], detail["salary_min"], detail["description"]) == (None, 40_000, "Work.")
    above = await quick.http.patch(f"/api/jobs/{job}", json={"salary_min": 50_001, "title": "No"}, headers=employer)
    assert (above.status_code, above.json()["errors"][0]["field"]) == (422, "body.salary_min")
    assert (await quick.http.get(f"/api/jobs/{job}")).json()["title"] == "Cook"


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"title": None}, "body.title"),
    ({"title": " "}, "body.title"),
    ({"title": "x" * 201}, "body.title"),
    ({"title": 7}, "body.title"),
    ({"title": "nul\x00byte"}, "body.title"),
    ({"description": "x" * 20_001}, "body.description"),
    ({"salary_min": -1}, "body.salary_min"),
    ({"salary_min": 2**31}, "body.salary_min"),
    ({"salary_min": "many"}, "body.salary_min"),
    ({"salary_min": 2, "salary_max": 1}, "body"),
    ({"currency": "euro"}, "body.currency"),
    ({"job_type": "slavery"}, "body.job_type"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "body.expires_at"),
    ({"expires_at": "2040-01-01T00:00:00"}, "body.expires_at"),
    ({"status": "published"}, "body.status"),
    ({"company_id": 1}, "body.company_id"),
]


async def test_a_bad_value_is_named_and_nothing_is_stored(quick: Api) -> None:
    employer = await quick.employer()
    for body, field in FAULTS:
        whole = {"title": "Chef", "description": "Cook."} | body
        answer = await quick.http.post("/api/jobs", json=whole, headers=employer)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert field in [error["field"] for error in answer.json()["errors"]], body
    assert (await quick.http.get("/api/jobs/mine", headers=employer)).json()["items"] == []


async def test_another_employers_job_is_not_there(quick: Api) -> None:
    job = await quick.open_job(await quick.employer())
    other = await quick.employer()
    for method, path in (("PATCH", ""), ("POST", "/publish"), ("POST", "/close"), ("POST", "/archive")):
        answer = await quick.http.request(method, f"/api/jobs/{job}{path}", json={}, headers=other)
        assert answer.status_code == 404, path


async def test_an_employer_without_company_or_permission_creates_no_job(quick: Api) -> None:
    account = await quick.signed_up("employer")
    headers = {"Authorization": f"Bearer {account['token']}"}
    answer = await quick.http.post("/api/jobs", json={"title": "Chef", "description": "Cook."}, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/no-company")


async def test_what_could_run_in_a_readers_browser_is_not_stored(quick: Api) -> None:
    employer = await quick.employer()
    description = '<p onclick="x()">You <b>cook</b> & <a href="javascript:x()">serve</a>.</p><script>x()</script>'
    job = await quick.open_job(employer, description=description)
    stored = (await quick.http.get(f"/api/jobs/{job}")).json()["description"]
    assert stored == '<p>You <b>cook</b> &amp; <a rel="noopener noreferrer">serve</a>.</p>'
    nothing = await quick.http.post(
        "/api/jobs", json={"title": "Chef", "description": "<script>x()</script>"}, headers=employer
    )
    assert (nothing.status_code, nothing.json()["errors"][0]["field"]) == (422, "body.description")
