from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from intowork.models import JobApplication, Notification

from .web import Api

pytestmark = pytest.mark.asyncio


async def test_an_application_goes_its_way_and_both_sides_hear_of_it(api: Api) -> None:
    employer, candidate = await api.employer(), await api.candidate()
    job = await api.open_job(employer)
    sent = await api.http.post(f"/api/jobs/{job}/applications", json={"cover_letter": "Hello."}, headers=candidate)
    assert (sent.status_code, sent.json()["status"]) == (201, "applied")
    mine = sent.headers["location"]
    received = mine.replace("applications", "received-applications")
    listed = (await api.http.get("/api/received-applications", params={"job_id": job}, headers=employer)).json()
    assert [(item["first_name"], item["status"]) for item in listed["items"]] == [("Ada", "applied")]

    viewed = (await api.http.post(f"{received}/view", headers=employer)).json()
    assert (viewed["status"], viewed["cover_letter"]) == ("viewed", "Hello.")
    await api.http.put(f"{received}/notes", json={"notes": "Promising."}, headers=employer)
    for status, expected in (("interview", 200), ("applied", 409), ("accepted", 200), ("rejected", 409)):
        answer = await api.http.put(f"{received}/status", json={"status": status}, headers=employer)
        assert answer.status_code == expected, status
    detail = (await api.http.get(mine, headers=candidate)).json()
    assert (detail["status"], "notes" in detail) == ("accepted", False)
    assert (await api.http.get(received, headers=employer)).json()["notes"] == "Promising."
    items = (await api.http.get("/api/applications", params={"status": "accepted"}, headers=candidate)).json()["items"]
    assert [(item["job_title"], item["company_name"]) for item in items] == [("Data Engineer", "Acme")]
    with api.rows() as session:
        told = session.execute(select(Notification.type, Notification.message).order_by(Notification.id)).all()
    assert [(str(type_), message) for type_, message in told] == [
        ("new_application", "Ada Lovelace applied to Data Engineer"),
        ("status_change", "Data Engineer: viewed"),
        ("status_change", "Data Engineer: interview"),
        ("status_change", "Data Engineer: accepted"),
    ]


async def test_of_twenty_requests_at_once_one_applies_and_the_others_are_told_so(api: Api) -> None:
    candidate = await api.candidate()
    job = await api.open_job(await api.employer())
    answers = await asyncio.gather(
        *(api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate) for _ in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert {a.json()["type"] for a in answers if a.status_code == 409} == {"/problems/already-applied"}
    with api.rows() as session:
        assert session.scalar(select(func.count()).select_from(JobApplication)) == 1
        assert session.scalar(select(func.count()).select_from(Notification)) == 1


async def test_no_application_gets_into_a_job_that_is_being_closed(api: Api) -> None:
    employer = await api.employer()
    job = await api.open_job(employer)
    candidates = [await api.candidate() for _ in range(6)]
    apply = [api.http.post(f"/api/jobs/{job}/applications", json={}, headers=headers) for headers in candidates]
    close = api.http.post(f"/api/jobs/{job}/close", headers=employer)
    closed, *applied = await asyncio.gather(close, *apply)
    assert closed.status_code == 200
    # Counted under the lock of the close, so whoever got in was before it.
    assert [a.status_code for a in applied].count(201) == closed.json()["applications"]
    assert {a.status_code for a in applied} <= {201, 409}
    late = await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=await api.candidate())
    assert late.json()["type"] == "/problems/job-not-open"


async def test_what_is_not_ones_own_is_not_there(api: Api) -> None:
    candidate, stranger = await api.candidate(), await api.candidate()
    job = await api.open_job(await api.employer())
    mine = (await api.http.post(f"/api/jobs/{job}/applications", json={}, headers=candidate)).headers["location"]
    received = mine.replace("applications", "received-applications")
    competitor = await api.employer()
    assert (await api.http.get(mine, headers=stranger)).status_code == 404
    assert (await api.http.get(received, headers=competitor)).status_code == 404
    for method, path, body in (
        ("POST", "/view", None), ("PUT", "/status", {"status": "rejected"}), ("PUT", "/notes", {"notes": "Ha."}),
    ):  # fmt: skip
        answer = await api.http.request(method, received + path, json=body, headers=competitor)
        assert answer.status_code == 404, path
    for path in ("/api/received-applications", f"/api/received-applications?job_id={job}"):
        assert (await api.http.get(path, headers=competitor)).json()["items"] == []
    with api.rows() as session:
        application = session.scalars(select(JobApplication)).one()
        assert (str(application.status), application.notes, application.viewed_at) == ("applied", None, None)


async def test_the_wrong_role_is_refused_and_a_draft_does_not_exist(api: Api) -> None:
    employer, candidate = await api.employer(), await api.candidate()
    draft = await api.http.post("/api/jobs", json={"title": "Chef", "description": "Cook."}, headers=employer)
    key = draft.json()["id"]
    assert (await api.http.post(f"/api/jobs/{key}/applications", json={}, headers=candidate)).status_code == 404
    assert (await api.http.post("/api/jobs/999999/applications", json={}, headers=candidate)).status_code == 404
    assert (await api.http.post(f"/api/jobs/{key}/applications", json={}, headers=employer)).status_code == 403
    assert (await api.http.post(f"/api/jobs/{key}/applications", json={})).status_code == 401
    assert (await api.http.post("/api/jobs", json={}, headers=candidate)).status_code in (403, 422)
    assert (await api.http.get("/api/received-applications", headers=candidate)).status_code == 403
